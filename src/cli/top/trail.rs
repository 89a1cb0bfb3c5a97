//! What was seen in the last minute, so that models, keys and errors have a pace too: the gateway keeps only the whole's.

use std::collections::VecDeque;

use super::document::{History, Live};

/// How far back it goes (milliseconds; ours).
const SPAN_MS: u64 = 60_000;
/// How many are kept at most (ours), however often it is looked.
const MOST: usize = 64;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail(VecDeque<Live>);

impl Trail {
    /// Adds what was seen now. Of another process, or of a clock that was set back, nothing before counts.
    pub(super) fn add(&mut self, live: &Live) {
        let follows = |last: &Live| last.started_ms == live.started_ms && last.now_ms < live.now_ms;
        if self.0.back().is_some_and(|last| !follows(last)) {
            self.0.clear();
        }
        self.0.push_back(Live { history: History::default(), ..live.clone() });
        let is_old = |first: &Live| first.now_ms + SPAN_MS < live.now_ms;
        while self.0.len() > MOST || self.0.front().is_some_and(is_old) {
            self.0.pop_front();
        }
    }

    /// The oldest that is not the newest, to compare that with.
    pub(super) fn before(&self) -> Option<&Live> {
        self.0.front().filter(|_| self.0.len() > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_of_one_process_is_kept() {
        let (mut trail, mut live) = (Trail::default(), Live::default());
        for now_ms in (0..=90_000).step_by(2000) {
            live.now_ms = now_ms;
            trail.add(&live);
        }
        assert_eq!(trail.before().map(|live| live.now_ms), Some(30_000));
        live.started_ms = 1;
        trail.add(&live);
        assert_eq!(trail.before(), None);
        for now_ms in 90_001..91_000 {
            live.now_ms = now_ms;
            trail.add(&live);
        }
        assert_eq!(trail.0.len(), MOST);
    }
}
