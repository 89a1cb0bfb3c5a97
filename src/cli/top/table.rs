//! Tables of text: columns that give way when there is little room, rows that can be sorted and filtered.
//!
//! Pure, and the same for a screen and for a pipe. Must not know what the rows are about.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::theme::{Theme, Tone};
use super::words;

/// Columns between two others.
const GAP: usize = 1;
/// A bar takes no more than this (ours): longer ones tell no more.
const LONGEST_BAR: usize = 40;

/// One column after that of names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// What it takes at least.
    pub(super) width: usize,
    /// Who goes first when there is little room: those with a high number.
    pub(super) gives_way: u8,
}

/// What stands in a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// Text, to the right.
    Number(String, Tone),
    /// Text, to the left.
    Word(String),
    /// How full something is: what counts, and what may be added, as parts of the whole.
    Bar(f64, f64),
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) cells: Vec<Cell>,
    /// By what it can be sorted, in the order of the table's `sorts`; the largest is first.
    pub(super) ranks: Vec<f64>,
}

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// What the names are of.
    pub(super) title: &'static str,
    /// What a name needs at least.
    pub(super) name_width: usize,
    pub(super) columns: &'static [Column],
    /// Names of what it can be sorted by; the names of the rows come after them.
    pub(super) sorts: &'static [&'static str],
    pub(super) rows: Vec<Row>,
    /// What stands there when there are no rows.
    pub(super) empty: &'static str,
}

impl Table {
    /// How the `sort`th order is called; there is one more than `sorts`, and then the first again.
    pub(super) fn sort_name(&self, sort: usize) -> &'static str {
        self.sorts.get(sort % (self.sorts.len() + 1)).copied().unwrap_or("name")
    }

    /// Sorts by the `sort`th order. Equals are in order of their names.
    pub(super) fn sort(&mut self, sort: usize) {
        let by = sort % (self.sorts.len() + 1);
        let rank = |row: &Row| row.ranks.get(by).copied().unwrap_or_default();
        self.rows.sort_by(|left, right| rank(right).total_cmp(&rank(left)).then_with(|| left.name.cmp(&right.name)));
    }

    /// Keeps rows whose name has `wanted` in it, in letters of any size.
    pub(super) fn filter(&mut self, wanted: &str) {
        let wanted = wanted.to_lowercase();
        self.rows.retain(|row| row.name.to_lowercase().contains(&wanted));
    }

    /// The head of the table and its rows, `width` columns wide.
    pub(super) fn lines(&self, width: usize, theme: Theme) -> (Line<'static>, Vec<Line<'static>>) {
        let places = self.places(width);
        let taken: usize = places.iter().map(|(_, width)| width + GAP).sum();
        let longest = self.rows.iter().map(|row| words::width(&row.name)).max().unwrap_or(0);
        let names = width.saturating_sub(taken).min(longest.max(self.name_width));
        let titles = places.iter().map(|(place, width)| {
            let is_word = self.rows.first().is_some_and(|row| !matches!(row.cells[*place], Cell::Number(..)));
            Span::raw(padded(self.columns[*place].title, *width, !is_word))
        });
        let head = joined(Span::raw(padded(self.title, names, false)), titles).style(theme.head());
        let row = |row: &Row| {
            let cells = places.iter().map(|(place, width)| row.cells[*place].span(*width, theme));
            joined(Span::raw(padded(&words::tail(&row.name, names), names, false)), cells)
        };
        (head, self.rows.iter().map(row).collect())
    }

    /// The columns there is room for, in their order, with their widths.
    fn places(&self, width: usize) -> Vec<(usize, usize)> {
        let mut places: Vec<(usize, usize)> =
            self.columns.iter().enumerate().map(|(place, column)| (place, column.width)).collect();
        let needs = |places: &[(usize, usize)]| places.iter().map(|(_, width)| width + GAP).sum::<usize>();
        while needs(&places) + self.name_width > width {
            let first = places.iter().enumerate().max_by_key(|(_, (place, _))| self.columns[*place].gives_way);
            let Some((first, _)) = first else { break };
            places.remove(first);
        }
        // Names take what they need, and bars what is left.
        let longest = self.rows.iter().map(|row| words::width(&row.name)).max().unwrap_or(0).max(self.name_width);
        let left = width.saturating_sub(needs(&places) + longest);
        let is_bar = |place: usize| self.rows.first().is_some_and(|row| matches!(row.cells[place], Cell::Bar(..)));
        for (_, width) in places.iter_mut().filter(|(place, _)| is_bar(*place)) {
            *width = (*width + left).min(LONGEST_BAR.max(*width));
        }
        places
    }
}

impl Cell {
    fn span(&self, width: usize, theme: Theme) -> Span<'static> {
        match self {
            Self::Number(text, tone) => Span::styled(padded(text, width, true), theme.tone(*tone)),
            Self::Word(text) => Span::raw(padded(&words::tail(text, width), width, false)),
            Self::Bar(used, reserved) => {
                Span::styled(bar(*used, *reserved, width), theme.tone(Tone::full(used + reserved)))
            }
        }
    }
}

/// What is used as `█`, what may be added as `▒`, what is left as `·`. What is not nothing is seen.
fn bar(used: f64, reserved: f64, width: usize) -> String {
    let cells = |part: f64| ((part.clamp(0.0, 1.0) * width as f64).round() as usize).max(usize::from(part > 0.0));
    let full = cells(used).min(width);
    let held = cells(used + reserved).max(full + usize::from(reserved > 0.0)).min(width) - full;
    ["█".repeat(full), "▒".repeat(held), "·".repeat(width - full - held)].concat()
}

fn padded(text: &str, room: usize, is_right: bool) -> String {
    let blanks = " ".repeat(room.saturating_sub(words::width(text)));
    if is_right { blanks + text } else { text.to_owned() + &blanks }
}

fn joined(name: Span<'static>, cells: impl Iterator<Item = Span<'static>>) -> Line<'static> {
    let gap = || Span::styled(" ".repeat(GAP), Style::default());
    Line::from_iter(std::iter::once(name).chain(cells.flat_map(|cell| [gap(), cell])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_what_is_used_and_what_may_come() {
        let bars = [(0.0, 0.0), (0.001, 0.0), (0.5, 0.2), (0.5, 0.001), (1.0, 0.0), (1.5, 0.5), (0.96, 0.01)];
        let drawn = bars.map(|(used, reserved)| bar(used, reserved, 10));
        insta::assert_snapshot!(drawn.join("\n"), @"
        ··········
        █·········
        █████▒▒···
        █████▒····
        ██████████
        ██████████
        ██████████
        ");
    }
}
