//! What has to be written down so that a restart changes nothing.
//!
//! Records are applied in any order of their writing that keeps a request's own order, and applying one twice does nothing:
//! a snapshot may have been made between an event and its record.

use serde::{Deserialize, Serialize};

use super::ask::Spent;
use super::learn::Lesson;
use super::meter::Taken;
use super::metric::Metric;
use super::moment::Now;
use super::rule::Accounting;

/// One event in the life of a lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The names of the lanes: what happens to a request happens in its key's and in its model's, mostly alike.
    pub lanes: Vec<String>,
    /// What happened.
    pub event: Event,
}

/// The same, borrowed: what is written on the way of every request.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RecordRef<'a> {
    /// The names of the lanes.
    pub lanes: &'a [&'a str],
    /// What happened.
    pub event: &'a Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A request was let in.
    Took {
        /// Its number, the same in both lanes.
        id: u64,
        /// What it took.
        taken: Taken,
    },
    /// Only in snapshots: a request is under way; what it was charged stands in the windows already.
    Open {
        /// Its number.
        id: u64,
        /// What it took.
        taken: Taken,
    },
    /// A request was settled.
    Settled {
        /// Its number.
        id: u64,
        /// When.
        at: Now,
        /// What it cost.
        spent: Spent,
    },
    /// A belief changed, or was given up.
    Learned {
        /// About what.
        metric: Metric,
        /// What is believed now.
        lesson: Option<Lesson>,
    },
    /// Another accounting rule is believed in.
    Counts {
        /// Which.
        accounting: Accounting,
    },
    /// Only in snapshots: what counts in one window.
    Window {
        /// Which.
        metric: Metric,
        /// What was charged, oldest first.
        charges: Vec<(Now, u64)>,
    },
}

impl Event {
    /// Whether it must be on disk before its effect can be seen. An end that is lost with the process leaves a request
    /// that nobody knows the cost of, as if the process had died a moment earlier.
    pub fn is_urgent(&self) -> bool {
        matches!(self, Self::Took { .. })
    }
}
