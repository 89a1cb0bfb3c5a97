//! What the operator decides about jobs.

use std::time::Duration;

/// How often the upstream is asked about each job that is not over, unless the file says otherwise (ours).
const POLL: Duration = Duration::from_secs(10);

/// `[jobs]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSettings {
    /// How often the upstream is asked about each job that is not over.
    pub poll: Duration,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self { poll: POLL }
    }
}
