//! What may be asked of the ledger: sums over a range of days, by whatever tells rows apart.

use super::row::{Labels, Row};

/// What sums may be told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The virtual key.
    Key,
    /// Its team.
    Team,
    /// One of its tags; a row with several is in each one's sum.
    Tag,
    /// The account.
    Account,
    /// The model called.
    Model,
    /// The endpoint.
    Endpoint,
    /// The day in Asia/Shanghai.
    Day,
    /// By which right the model was called.
    Right,
}

impl Dimension {
    /// Every dimension with its word.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Key, "key"),
        (Self::Team, "team"),
        (Self::Tag, "tag"),
        (Self::Account, "account"),
        (Self::Model, "model"),
        (Self::Endpoint, "endpoint"),
        (Self::Day, "day"),
        (Self::Right, "right"),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(dimension, _)| *dimension == self).map_or("", |(_, word)| word)
    }

    /// The one that `word` stands for.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, own)| *own == word).map(|(dimension, _)| *dimension)
    }

    /// The values that `labels` have in it: several for tags, one of nothing without any; none for the day, which labels
    /// do not know.
    pub fn values(self, labels: Labels<'_>) -> Vec<&str> {
        match self {
            Self::Key => vec![labels.key],
            Self::Team => vec![labels.team],
            Self::Account => vec![labels.account],
            Self::Model => vec![labels.model],
            Self::Endpoint => vec![labels.endpoint],
            Self::Right => vec![labels.right],
            Self::Day => Vec::new(),
            Self::Tag => tags(labels.tags),
        }
    }
}

/// Each tag once.
fn tags(joined: &str) -> Vec<&str> {
    let mut tags: Vec<&str> = joined.split(',').collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// First day, as `quota::calendar::day_of` counts.
    pub from_day: u64,
    /// Last day, included.
    pub until_day: u64,
    /// What the sums are told apart by, in this order; nothing gives one sum.
    pub by: Vec<Dimension>,
    /// Only rows where a dimension has this value; of several values of one dimension any will do.
    pub only: Vec<(Dimension, String)>,
}

impl Query {
    /// The same rows in one sum.
    #[must_use]
    pub fn total(&self) -> Self {
        Self { by: Vec::new(), ..self.clone() }
    }

    /// Whether rows with these labels are meant, on whichever day.
    pub fn wants(&self, labels: Labels<'_>) -> bool {
        let is_met = |dimension: Dimension| {
            let values = dimension.values(labels);
            self.values(dimension).any(|value| values.contains(&value))
        };
        self.only.iter().all(|(dimension, _)| *dimension == Dimension::Day || is_met(*dimension))
    }

    /// Whether rows of `day` are meant.
    pub fn wants_day(&self, day: u64) -> bool {
        let mut days = self.values(Dimension::Day).peekable();
        let is_listed = days.peek().is_none() || days.any(|text| super::date::parse(text) == Some(day));
        (self.from_day..=self.until_day).contains(&day) && is_listed
    }

    /// Whether `row` is meant.
    pub fn wants_row(&self, row: &Row) -> bool {
        self.wants_day(row.day()) && self.wants(row.labels())
    }

    fn values(&self, dimension: Dimension) -> impl Iterator<Item = &str> {
        self.only.iter().filter(move |(own, _)| *own == dimension).map(|(_, value)| value.as_str())
    }
}
