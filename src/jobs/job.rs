//! One job, as it is kept. Never holds a prompt or an answer.

use std::sync::Arc;

use crate::ledger::Who;

/// What is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A video.
    Video,
    /// Answers to the lines of a file.
    Batch,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Video, Self::Batch];

    /// The closed-set word for metrics and the store.
    pub fn label(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Batch => "batch",
        }
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The upstream has it and has not begun.
    Queued,
    /// The upstream works on it.
    Running,
    /// The upstream is done, and what came of it is on its way here.
    Saving,
    /// Over, and what came of it is here.
    Done,
    /// Over without a result.
    Failed,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Saving, Self::Done, Self::Failed];

    /// The closed-set word for metrics and the store.
    pub fn label(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Saving => "saving",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more will come of it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// Something that came of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Yield {
    /// Where the upstream has it; empty where it has none.
    pub link: String,
    /// Under which name it is kept here; empty while it is not.
    pub kept: String,
    /// How long it is (bytes).
    pub length: u64,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id, as its caller knows it.
    pub id: String,
    /// What is made.
    pub kind: Kind,
    /// Its id upstream.
    pub upstream_id: String,
    /// Whose it is.
    pub who: Who,
    /// The account that it was handed to.
    pub account: Arc<str>,
    /// The model that makes it; empty where each line names its own.
    pub model: Arc<str>,
    /// When it was handed over (Unix seconds).
    pub created_at: u64,
    /// When it was over (Unix seconds).
    pub finished_at: Option<u64>,
    /// How large the video is, such as `1280x720`; empty for others.
    pub size: String,
    /// How far it is.
    pub phase: Phase,
    /// Why it failed, in the upstream's words.
    pub fault: String,
    /// What came of it.
    pub output: Yield,
    /// What a batch says of the lines that failed.
    pub errors: Yield,
}
