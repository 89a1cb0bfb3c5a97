//! What SiliconFlow counts: seven metrics for each account and model (siliconflow-api.md, section 16).

/// What a metric adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Requests.
    Requests,
    /// Tokens, prompt and answer together.
    Tokens,
    /// Pictures.
    Images,
}

/// The span of time that a metric looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Span {
    /// 60 seconds; how they are counted is the accounting rule's business.
    Minute,
    /// An hour by the clock.
    Hour,
    /// A day in Asia/Shanghai.
    Day,
}

/// One of the seven metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Metric {
    /// Requests a minute.
    Rpm,
    /// Requests an hour.
    Rph,
    /// Requests a day.
    Rpd,
    /// Tokens a minute.
    Tpm,
    /// Tokens a day.
    Tpd,
    /// Pictures a minute.
    Ipm,
    /// Pictures a day.
    Ipd,
}

impl Metric {
    /// All of them, in the order of their indices.
    pub const ALL: [Self; 7] = [Self::Rpm, Self::Rph, Self::Rpd, Self::Tpm, Self::Tpd, Self::Ipm, Self::Ipd];

    /// As SiliconFlow writes it: `RPM`.
    pub fn name(self) -> &'static str {
        ["RPM", "RPH", "RPD", "TPM", "TPD", "IPM", "IPD"][self.index()]
    }

    /// As the configuration and metrics write it: `rpm`.
    pub fn key(self) -> &'static str {
        ["rpm", "rph", "rpd", "tpm", "tpd", "ipm", "ipd"][self.index()]
    }

    /// Reads either spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.key().eq_ignore_ascii_case(text))
    }

    /// Its place in an array of seven.
    pub fn index(self) -> usize {
        self as usize
    }

    /// What it counts.
    pub fn unit(self) -> Unit {
        match self {
            Self::Rpm | Self::Rph | Self::Rpd => Unit::Requests,
            Self::Tpm | Self::Tpd => Unit::Tokens,
            Self::Ipm | Self::Ipd => Unit::Images,
        }
    }

    /// Over which span.
    pub fn span(self) -> Span {
        match self {
            Self::Rpm | Self::Tpm | Self::Ipm => Span::Minute,
            Self::Rph => Span::Hour,
            Self::Rpd | Self::Tpd | Self::Ipd => Span::Day,
        }
    }
}

/// How much of each unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Amounts {
    /// Requests.
    pub requests: u64,
    /// Tokens, prompt and answer together.
    pub tokens: u64,
    /// Pictures.
    pub images: u64,
}

impl Amounts {
    /// Another amount of `unit`.
    pub(super) fn set(&mut self, unit: Unit, amount: u64) {
        match unit {
            Unit::Requests => self.requests = amount,
            Unit::Tokens => self.tokens = amount,
            Unit::Images => self.images = amount,
        }
    }

    /// How much of `unit`.
    pub fn of(self, unit: Unit) -> u64 {
        match unit {
            Unit::Requests => self.requests,
            Unit::Tokens => self.tokens,
            Unit::Images => self.images,
        }
    }
}
