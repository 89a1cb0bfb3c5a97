//! What is looked at and how: changed by keys and by answers of the gateway. Pure: the time is handed in.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::document::{Live, Snapshot};
use super::table::Table;
use super::theme::Theme;
use super::trail::Trail;
use super::views::View;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// Where the gateway is asked.
    pub(super) base: String,
    pub(super) theme: Theme,
    pub(super) snapshot: Snapshot,
    trail: Trail,
    /// Why the gateway does not answer, and since when (seconds on the clock of whoever calls).
    pub(super) fault: Option<(String, u64)>,
    pub(super) view: View,
    /// The order of each view.
    sorts: [usize; View::ALL.len()],
    pub(super) filter: String,
    pub(super) is_typing: bool,
    /// The first row that is shown.
    pub(super) offset: usize,
    pub(super) is_paused: bool,
    pub(super) is_helping: bool,
}

impl State {
    /// One that begins with what the gateway at `base` has answered.
    pub(super) fn new(base: String, theme: Theme, snapshot: Snapshot) -> Self {
        let mut trail = Trail::default();
        trail.add(&snapshot.live);
        Self {
            base,
            theme,
            snapshot,
            trail,
            fault: None,
            view: View::Quota,
            sorts: [0; View::ALL.len()],
            filter: String::new(),
            is_typing: false,
            offset: 0,
            is_paused: false,
            is_helping: false,
        }
    }

    pub(super) fn live(&self) -> &Live {
        &self.snapshot.live
    }

    /// Takes an answer of the gateway, or why there was none, at `now` (seconds). While it is paused nothing changes.
    pub(super) fn take(&mut self, answer: Result<Snapshot, String>, now: u64) {
        match answer {
            _ if self.is_paused => {}
            Ok(snapshot) => {
                self.trail.add(&snapshot.live);
                (self.snapshot, self.fault) = (snapshot, None);
            }
            Err(why) => {
                let since = self.fault.as_ref().map_or(now, |(_, since)| *since);
                self.fault = Some((why, since));
            }
        }
    }

    /// The table of a view as it is sorted and filtered.
    pub(super) fn table(&self, view: View) -> Table {
        let mut table = view.table(&self.snapshot, self.trail.before());
        table.filter(&self.filter);
        table.sort(self.sorts[view as usize]);
        table
    }

    /// By what the open view is sorted.
    pub(super) fn sort_name(&self, table: &Table) -> &'static str {
        table.sort_name(self.sorts[self.view as usize])
    }

    /// Does what a key says; `page` is how many rows are seen at once. Whether it is over.
    pub(super) fn press(&mut self, key: KeyEvent, page: usize) -> bool {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return key.code == KeyCode::Char('c');
        }
        if self.is_helping {
            // Whoever wants to leave should not have to leave twice.
            self.is_helping = false;
            return key.code == KeyCode::Char('q');
        }
        if self.is_typing {
            self.typed(key.code);
            return false;
        }
        match key.code {
            KeyCode::Char('q') => return true,
            KeyCode::Esc if self.filter.is_empty() => return true,
            KeyCode::Esc => self.look_for(String::new()),
            KeyCode::Char('?') => self.is_helping = true,
            KeyCode::Char('p') => self.is_paused = !self.is_paused,
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Char('s') => {
                self.sorts[self.view as usize] += 1;
                self.offset = 0;
            }
            KeyCode::Tab | KeyCode::Right => self.turn(1),
            KeyCode::BackTab | KeyCode::Left => self.turn(View::ALL.len() - 1),
            KeyCode::Char(digit @ '1'..='4') => self.open(View::ALL[digit as usize - '1' as usize]),
            code => self.scroll(code, page),
        }
        false
    }

    fn typed(&mut self, code: KeyCode) {
        let mut filter = std::mem::take(&mut self.filter);
        match code {
            KeyCode::Char(letter) => filter.push(letter),
            KeyCode::Backspace => drop(filter.pop()),
            KeyCode::Esc => filter.clear(),
            _ => {}
        }
        self.is_typing = !matches!(code, KeyCode::Enter | KeyCode::Esc);
        self.look_for(filter);
    }

    fn look_for(&mut self, filter: String) {
        (self.filter, self.offset) = (filter, 0);
    }

    fn turn(&mut self, by: usize) {
        self.open(View::ALL[(self.view as usize + by) % View::ALL.len()]);
    }

    fn open(&mut self, view: View) {
        (self.view, self.offset) = (view, 0);
    }

    fn scroll(&mut self, code: KeyCode, page: usize) {
        let last = self.table(self.view).rows.len().saturating_sub(page);
        let offset = self.offset.min(last);
        self.offset = match code {
            KeyCode::Down | KeyCode::Char('j') => offset + 1,
            KeyCode::Up | KeyCode::Char('k') => offset.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => offset + page,
            KeyCode::PageUp => offset.saturating_sub(page),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            _ => offset,
        }
        .min(last);
    }
}
