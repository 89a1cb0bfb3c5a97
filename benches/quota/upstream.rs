//! The upstream of the simulation: the emulator's own windows, asked as the emulator asks them. It shares no code with the
//! gateway's quota.

use std::time::Duration;

use flowgate::mock::{Charge, Rule, Window};

/// What one model of one account is limited by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limited {
    /// Requests a minute.
    Rpm(u64),
    /// Tokens a minute.
    Tpm(u64),
}

impl Limited {
    /// The number.
    pub(crate) fn value(self) -> u64 {
        match self {
            Self::Rpm(limit) | Self::Tpm(limit) => limit,
        }
    }
}

/// One limited metric of the upstream.
#[derive(Debug)]
pub(crate) struct Upstream {
    window: Window,
    charge: Charge,
    pub(crate) limited: Limited,
    /// Requests refused so far.
    pub(crate) refused: u64,
    /// The most that ever counted.
    pub(crate) peak: u64,
    charged: i128,
}

/// What was used up to some moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    at: Duration,
    area: f64,
    charged: i128,
}

impl Upstream {
    pub(crate) fn new(rule: Rule, charge: Charge, limited: Limited) -> Self {
        let window = Window::new(rule, Duration::from_secs(60));
        Self { window, charge, limited, refused: 0, peak: 0, charged: 0 }
    }

    /// A request comes in with at most so many tokens; whether it is let in.
    pub(crate) fn admit(&mut self, now: Duration, tokens: u64) -> bool {
        let used = self.window.used(now, self.limited.value());
        let is_let_in = match (self.limited, self.charge) {
            (Limited::Rpm(limit), _) => used < limit,
            (Limited::Tpm(limit), Charge::Before) => used + tokens <= limit,
            (Limited::Tpm(limit), Charge::After) => used < limit,
        };
        match (is_let_in, self.limited, self.charge) {
            (false, ..) => self.refused += 1,
            (true, Limited::Rpm(_), _) => self.add(now, now, 1),
            (true, Limited::Tpm(_), Charge::Before) => self.add(now, now, i128::from(tokens)),
            (true, Limited::Tpm(_), Charge::After) => {}
        }
        is_let_in
    }

    /// A request that came at `came` with at most `allowed` tokens is over; it has used `tokens`.
    pub(crate) fn settle(&mut self, now: Duration, came: Duration, allowed: u64, tokens: u64) {
        match (self.limited, self.charge) {
            (Limited::Rpm(_), _) => {}
            (Limited::Tpm(_), Charge::After) => self.add(now, now, i128::from(tokens)),
            (Limited::Tpm(_), Charge::Before) => self.add(now, came, i128::from(tokens) - i128::from(allowed)),
        }
    }

    fn add(&mut self, now: Duration, at: Duration, amount: i128) {
        self.window.charge(at, amount);
        self.charged += amount;
        self.peak = self.peak.max(self.window.used(now, self.limited.value()));
    }

    /// Whether more than the limit counts.
    pub(crate) fn is_over(&mut self, now: Duration) -> bool {
        self.window.used(now, self.limited.value()) > self.limited.value()
    }

    /// What was used until now.
    pub(crate) fn used(&mut self, now: Duration) -> Used {
        self.window.used(now, self.limited.value());
        Used { at: now, area: self.window.area(), charged: self.charged }
    }

    /// The part of the quota used between two moments: level over time, and what was charged.
    pub(crate) fn parts(&self, from: Used, until: Used) -> (f64, f64) {
        let seconds = (until.at - from.at).as_secs_f64();
        let limit = self.limited.value() as f64;
        let charged = (until.charged - from.charged) as f64;
        ((until.area - from.area) / limit / seconds, charged / limit / (seconds / 60.0))
    }
}
