//! Colours: the 16 of every terminal, or none. What a colour says stands there as a number or a word too.

use ratatui::style::{Color, Modifier, Style};

/// How something is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Faint,
    Good,
    Doubtful,
    Bad,
}

impl Tone {
    /// Of a limit that is used to this part (ours): three quarters are a word, nine tenths a warning.
    pub(super) fn full(part: f64) -> Self {
        match part {
            part if part >= 0.9 => Self::Bad,
            part if part >= 0.75 => Self::Doubtful,
            _ => Self::Good,
        }
    }
}

/// With colours or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Theme {
    pub(super) is_coloured: bool,
}

impl Theme {
    pub(super) fn tone(self, tone: Tone) -> Style {
        let colour = match tone {
            Tone::Plain => return Style::new(),
            Tone::Faint => return Style::new().add_modifier(Modifier::DIM),
            Tone::Good => Color::Green,
            Tone::Doubtful => Color::Yellow,
            Tone::Bad => Color::Red,
        };
        self.coloured(Style::new(), colour)
    }

    /// The head of a table.
    pub(super) fn head(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// What names this program, and the view that is open.
    pub(super) fn title(self) -> Style {
        self.coloured(Style::new().add_modifier(Modifier::BOLD), Color::Cyan)
    }

    /// What must not be overlooked.
    pub(super) fn alarm(self) -> Style {
        self.coloured(Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED), Color::Red)
    }

    fn coloured(self, style: Style, colour: Color) -> Style {
        if self.is_coloured { style.fg(colour) } else { style }
    }
}
