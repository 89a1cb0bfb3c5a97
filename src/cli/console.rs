//! Printing: results to standard output, trouble to standard error, colour on a terminal only.

use std::io::{IsTerminal, Write};

/// Where commands print.
#[derive(Debug)]
pub(super) struct Console {
    is_coloured: bool,
}

/// How a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Doubtful,
    Bad,
}

impl Console {
    pub(super) fn new(is_colourless: bool) -> Self {
        Self { is_coloured: !is_colourless && std::io::stdout().is_terminal() }
    }

    /// A line of the result. A closed pipe is no fault of ours.
    pub(super) fn say(&self, line: &str) {
        let _closed = writeln!(std::io::stdout(), "{line}");
    }

    /// A line that begins with a mark in the tone's colour.
    pub(super) fn mark(&self, tone: Tone, line: &str) {
        let (mark, colour) = match tone {
            Tone::Good => ("ok  ", 32),
            Tone::Doubtful => ("warn", 33),
            Tone::Bad => ("FAIL", 31),
        };
        if self.is_coloured {
            self.say(&format!("\x1b[{colour}m{mark}\x1b[0m {line}"));
        } else {
            self.say(&format!("{mark} {line}"));
        }
    }

    /// Why the command failed.
    pub(super) fn error(&self, message: &str) {
        let _closed = writeln!(std::io::stderr(), "flowgate: {message}");
    }
}
