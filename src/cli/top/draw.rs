//! What is seen: a head with sums and charts, the table of the open view, the keys there are. Pure: the same state and size give
//! the same page, on a screen ([`screen`]) or as text ([`text`]).

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect, Size};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::charts::charts;
use super::head::head;
use super::state::State;
use super::theme::Tone;
use super::views::View;

/// Terminals that are at least so high have room for charts, and for high ones (rows; ours).
const ROOM_FOR_CHARTS: u16 = 12;
const ROOM_FOR_HIGH_CHARTS: u16 = 36;
/// Tabs, head of the table, keys.
const OTHERS: usize = 3;

/// Draws the whole screen; `now` is on the clock of whoever feeds the state (seconds).
pub(super) fn screen(frame: &mut Frame<'_>, state: &State, now: u64) {
    let area = frame.area();
    let top = top(state, area.as_size(), now);
    let height = u16::try_from(top.len()).unwrap_or(u16::MAX);
    let [above, tabs, table, keys] = area.layout(&Layout::vertical([
        Constraint::Length(height),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ]));
    frame.render_widget(Text::from(top), above);
    frame.render_widget(self::tabs(state, tabs.width.into()), tabs);
    frame.render_widget(Text::from(rows(state, table)), table);
    frame.render_widget(self::keys(state, keys.width.into()), keys);
    if state.is_helping {
        help(frame, state);
    }
}

/// How many rows of a table such a screen shows.
pub(super) fn page(state: &State, size: Size, now: u64) -> usize {
    usize::from(size.height).saturating_sub(top(state, size, now).len() + OTHERS)
}

/// All views one below the other, as plain text for programs and pipes.
pub(super) fn text(state: &State, width: usize, now: u64) -> String {
    let mut lines = head(state, width, now);
    lines.extend(charts(state.live(), state.theme, width, 1));
    for view in View::ALL {
        let table = state.table(view);
        lines.extend([Line::default(), Line::from(view.title().to_uppercase())]);
        if table.rows.is_empty() {
            lines.push(Line::from(table.empty));
        } else {
            let (head, rows) = table.lines(width, state.theme);
            lines.extend(std::iter::once(head).chain(rows));
        }
    }
    lines.iter().map(|line| line.to_string().trim_end().to_owned() + "\n").collect()
}

/// What stands above the tabs.
fn top(state: &State, size: Size, now: u64) -> Vec<Line<'static>> {
    let width = size.width.into();
    let mut lines = head(state, width, now);
    if size.height >= ROOM_FOR_CHARTS {
        let height = if size.height >= ROOM_FOR_HIGH_CHARTS { 3 } else { 1 };
        lines.extend(charts(state.live(), state.theme, width, height));
    }
    lines
}

fn tabs(state: &State, width: usize) -> Line<'static> {
    let mut spans = Vec::new();
    for view in View::ALL {
        let style = if view == state.view { state.theme.title() } else { state.theme.tone(Tone::Faint) };
        let title = if view == state.view { format!("[{}]", view.title()) } else { format!(" {} ", view.title()) };
        spans.push(Span::styled(title, style));
    }
    let sorted = format!("  by {}", state.sort_name(&state.table(state.view)));
    let filter = match (state.is_typing, state.filter.as_str()) {
        (true, filter) => format!("  /{filter}_"),
        (false, "") => String::new(),
        (false, filter) => format!("  /{filter}"),
    };
    for more in [filter, sorted] {
        let taken: usize = spans.iter().map(Span::width).sum();
        if taken + super::words::width(&more) <= width {
            spans.push(Span::raw(more));
        }
    }
    Line::from(spans)
}

/// The part of the table that is seen.
fn rows(state: &State, area: Rect) -> Vec<Line<'static>> {
    let table = state.table(state.view);
    let (head, rows) = table.lines(area.width.into(), state.theme);
    if rows.is_empty() {
        let empty = if state.filter.is_empty() { table.empty } else { "No row has that in its name; Esc shows all." };
        return vec![head, Line::styled(empty, state.theme.tone(Tone::Faint))];
    }
    let page = usize::from(area.height).saturating_sub(1);
    let first = state.offset.min(rows.len().saturating_sub(page));
    std::iter::once(head).chain(rows.into_iter().skip(first).take(page)).collect()
}

/// The most useful keys, as many as there is room for, and which rows are seen if not all are.
fn keys(state: &State, width: usize) -> Line<'static> {
    if state.is_typing {
        return Line::from("type a part of a name; Enter keeps it, Esc shows all");
    }
    let pause = if state.is_paused { "p go on" } else { "p pause" };
    let keys = ["q quit", "Tab view", "s sort", "/ filter", pause, "? help", "↑↓ scroll"];
    let mut line = String::new();
    for key in keys {
        let longer = if line.is_empty() { key.to_owned() } else { format!("{line}  {key}") };
        if super::words::width(&longer) <= width {
            line = longer;
        }
    }
    Line::styled(line, state.theme.tone(Tone::Faint))
}

const HELP: &str = "\
q  Esc  Ctrl-C   leave
Tab  ← →  1-4    another view
↑ ↓  j k         one row
PgUp PgDn Home End
s                another order
/                only names with this in them
p                hold still, and go on

Bars: █ used, ▒ reserved, · free
resv: what requests under way may add
free in: when one more fits
source of a limit: config, learned (by
 refusals), docs, seen (users report it),
 between (worked out from other tiers)
Charts: the newest on the right, 5 s each";

fn help(frame: &mut Frame<'_>, state: &State) {
    let area = frame.area();
    let (width, height) = (46.min(area.width), (HELP.lines().count() as u16 + 2).min(area.height));
    let area = Rect::new((area.width - width) / 2, (area.height - height) / 2, width, height);
    let block = Block::bordered().title(" keys ").title_style(state.theme.title());
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(HELP).block(block), area);
}
