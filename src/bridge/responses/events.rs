//! Events of a streamed response: each has its name twice, as these streams do, and its number.

use std::io::Write;

/// Where events go, and the number of the next.
#[derive(Debug, Default)]
pub(super) struct Events {
    next: u64,
}

impl Events {
    /// Adds the event `kind` with `members` (JSON members without braces) to `out`.
    pub(super) fn add(&mut self, out: &mut Vec<u8>, kind: &str, members: &str) {
        self.write(out, kind, format_args!("{members}"));
    }

    /// The same with members that are written in place: the text deltas, of which there are many.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, kind: &str, members: std::fmt::Arguments<'_>) {
        // Writing into memory does not fail.
        let _always_done =
            write!(out, "event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{},{members}}}\n\n", self.next);
        self.next += 1;
    }
}
