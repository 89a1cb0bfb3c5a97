//! The limits of one model for one account, each with where its number comes from.

use std::fmt;

use super::metric::Metric;

/// Where the number of a limit comes from, from the firmest to the loosest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The operator wrote it.
    Configured,
    /// The upstream's own refusals taught it.
    Learned,
    /// SiliconFlow's documentation gives it.
    Documented,
    /// Users report that they saw it.
    Seen,
    /// Worked out between the ends of a documented range.
    Interpolated,
}

impl Source {
    /// The word for people, metrics and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Learned => "learned",
            Self::Documented => "documented",
            Self::Seen => "seen",
            Self::Interpolated => "interpolated",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.label())
    }
}

/// One number that must not be passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Most of the metric's unit in its span; at least 1.
    pub value: u64,
    /// Where the number comes from.
    pub source: Source,
}

/// What is limited and how; a metric without a limit is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits([Option<Limit>; 7]);

impl Limits {
    /// The limit of `metric`, if it has one.
    pub fn get(&self, metric: Metric) -> Option<Limit> {
        self.0[metric.index()]
    }

    /// Sets or lifts the limit of `metric`.
    pub fn set(&mut self, metric: Metric, limit: Option<Limit>) {
        self.0[metric.index()] = limit;
    }

    /// The same limits with `limit` for `metric`.
    #[must_use]
    pub fn with(mut self, metric: Metric, value: u64, source: Source) -> Self {
        self.set(metric, Some(Limit { value, source }));
        self
    }

    /// These limits where they say something, else those of `others`.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self(std::array::from_fn(|index| self.0[index].or(others.0[index])))
    }

    /// A part of each limit, at least 1: the rest is left to others.
    #[must_use]
    pub fn share(self, part: f64) -> Self {
        let shared = |limit: Limit| Limit { value: ((limit.value as f64 * part) as u64).max(1), ..limit };
        Self(self.0.map(|limit| limit.map(shared)))
    }

    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Every limit there is.
    pub fn iter(&self) -> impl Iterator<Item = (Metric, Limit)> {
        Metric::ALL.into_iter().zip(self.0).filter_map(|(metric, limit)| Some((metric, limit?)))
    }
}
