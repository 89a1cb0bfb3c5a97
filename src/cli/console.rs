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

    /// Whether results may have colours.
    pub(super) fn is_coloured(&self) -> bool {
        self.is_coloured
    }

    /// A line of the result. A closed pipe is no fault of ours.
    pub(super) fn say(&self, line: &str) {
        let _closed = writeln!(std::io::stdout(), "{line}");
    }

    /// Text of any length; whether anybody still reads it.
    pub(super) fn write(&self, text: &str) -> bool {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
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

    /// A line beside the result, which may be piped.
    pub(super) fn note(&self, line: &str) {
        let _closed = writeln!(std::io::stderr(), "{line}");
    }

    /// Why the command failed.
    pub(super) fn error(&self, message: &str) {
        let _closed = writeln!(std::io::stderr(), "flowgate: {message}");
    }
}
