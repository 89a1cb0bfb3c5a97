//! Rows on their way: written down before a request is sent, again before its caller can see the end of the answer, and
//! handed to the store in batches. So a process that is killed at any moment leaves a row of every request that may have
//! run, and the right one of every answer that was seen.
//!
//! Must not know what a log is made of, or who files. Rows that are written at the same moment share one write; nothing waits
//! for the store.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use super::charge::Charge;
use super::end::End;
use super::row::Row;
use super::sheets::Sheets;

/// Where rows are written down.
pub trait Log: Send + Sync {
    /// Puts `row` behind what is written next.
    ///
    /// # Errors
    /// What is wrong with the disk, for people: too much waits already. Then the row does not.
    fn defer(&self, row: &Row) -> Result<(), String>;

    /// The same with the end of a row that was put there before, written or not.
    ///
    /// # Errors
    /// As [`Log::defer`].
    fn defer_end(&self, end: &End) -> Result<(), String>;

    /// Writes what was put off. Once this returns it outlasts the process.
    ///
    /// # Errors
    /// What is wrong with the disk. All of it still waits.
    fn flush(&self) -> Result<(), String>;

    /// Writes something of no meaning, to find out whether it can be done.
    ///
    /// # Errors
    /// What is wrong with the disk.
    fn probe(&self) -> Result<(), String>;
}

/// What happens to requests that cannot be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFault {
    /// They are refused before they are sent.
    Refuse,
    /// They are served, and their rows are kept in memory until they can be written, up to [`MOST_PENDING`].
    GoOn,
}

/// Rows that may wait for the store (ours: about 50 MB). Beyond that requests are refused whatever [`OnFault`] says: to
/// go on would lose rows without a word.
pub const MOST_PENDING: usize = 100_000;

/// A request that cannot be written down, and is not to be sent for that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The gateway cannot write this request into its ledger ({0}), so it was not sent.")]
pub struct Unwritable(pub String);

/// Told of every row that is closed, once, with what it cost, if anything.
pub type Closed = Box<dyn Fn(Option<Charge>) + Send + Sync>;

/// See the module.
pub struct Book {
    log: Option<Box<dyn Log>>,
    closed: Closed,
    last: AtomicU64,
    refuses: AtomicBool,
    /// Whether the last write failed.
    has_failed: AtomicBool,
    rows: Mutex<Rows>,
}

/// What only memory and the log know.
#[derive(Debug, Default)]
struct Rows {
    /// Under way, as they would stand if nothing more was heard of them.
    open: HashMap<u64, Opened, RandomState>,
    /// Over, not yet in the store.
    pending: Sheets,
    /// Before those: on their way into the store.
    filing: Arc<Sheets>,
    /// Numbers of those among them that the log has only as they were opened.
    unwritten: HashSet<u64, RandomState>,
    /// What is wrong with the log, since the last write that failed.
    fault: Option<String>,
    /// Writes that failed.
    failures: u64,
}

/// A row that is under way.
#[derive(Debug)]
struct Opened {
    row: Arc<Row>,
    /// Whether the log has it, or will with the next write.
    is_logged: bool,
}

impl Rows {
    /// Takes out the row under way with number `seq`, if the log has it and it `stands`.
    fn take_open(&mut self, seq: u64, stands: impl FnOnce(&Row) -> bool) -> Option<Arc<Row>> {
        let Entry::Occupied(opened) = self.open.entry(seq) else { return None };
        let is_so = opened.get().is_logged && stands(&opened.get().row);
        is_so.then(|| opened.remove().row)
    }

    /// Those that are over, the oldest first.
    fn over(&self) -> impl Iterator<Item = &Row> {
        self.filing.iter().chain(self.pending.iter())
    }

    /// Those that the log has only as they were opened, and that the store does not have yet.
    fn take_unwritten(&mut self) -> Vec<Row> {
        let unwritten = std::mem::take(&mut self.unwritten);
        self.over().filter(|row| unwritten.contains(&row.seq)).cloned().collect()
    }

    /// How many rows wait for the store.
    fn waiting(&self) -> usize {
        self.filing.len() + self.pending.len()
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Book").field("last", &self.last).finish_non_exhaustive()
    }
}

/// How a book is doing, for metrics and health.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Requests under way.
    pub open: usize,
    /// Rows that wait for the store.
    pub pending: usize,
    /// When the oldest of those began (milliseconds since 1970).
    pub oldest_ms: Option<u64>,
    /// What is wrong with the log.
    pub fault: Option<String>,
    /// Writes to the log that have failed.
    pub failures: u64,
    /// Why requests are refused now, if they are.
    pub refusal: Option<String>,
}

impl Book {
    /// A book whose first row has the number after `last`. `closed` is told of every row. Without a log nothing is kept.
    pub fn new(log: Option<Box<dyn Log>>, last: u64, on_fault: OnFault, closed: Closed) -> Self {
        let refuses = AtomicBool::new(on_fault == OnFault::Refuse);
        Self {
            log,
            closed,
            last: AtomicU64::new(last),
            refuses,
            has_failed: AtomicBool::new(false),
            rows: Mutex::default(),
        }
    }

    /// Another policy from now on.
    pub fn configure(&self, on_fault: OnFault) {
        self.refuses.store(on_fault == OnFault::Refuse, Ordering::Relaxed);
    }

    /// A request is about to be sent, after the next [`flush`](Self::flush): `row` is what is known of it, as it shall stand if
    /// nothing more is heard. Returns its number, which is given if it has none yet.
    ///
    /// # Errors
    /// [`Unwritable`] where it must not be sent.
    pub fn open(&self, mut row: Row) -> Result<u64, Unwritable> {
        let Some(log) = &self.log else { return Ok(0) };
        if row.seq == 0 {
            row.seq = self.next();
        }
        let (seq, row) = (row.seq, Arc::new(row));
        let is_full = {
            let mut rows = self.rows();
            // What a snapshot sees must never be older than what the log has.
            rows.open.insert(seq, Opened { row: row.clone(), is_logged: true });
            rows.waiting() >= MOST_PENDING
        };
        let written = if is_full { Err(TOO_MANY.to_owned()) } else { log.defer(&row) };
        let must_not = is_full || self.refuses.load(Ordering::Relaxed);
        match self.note(written) {
            Some(fault) if must_not => {
                self.rows().open.remove(&seq);
                Err(Unwritable(fault))
            }
            Some(_) => {
                self.rows().open.insert(seq, Opened { row, is_logged: false });
                Ok(seq)
            }
            None => Ok(seq),
        }
    }

    /// Writes what was put off. Blocks for microseconds.
    ///
    /// # Errors
    /// [`Unwritable`] where nothing must be sent for that.
    pub fn flush(&self) -> Result<(), Unwritable> {
        let Some(log) = &self.log else { return Ok(()) };
        let fault = self.wrote(log.flush()).filter(|_| self.refuses.load(Ordering::Relaxed));
        fault.map_or(Ok(()), |fault| Err(Unwritable(fault)))
    }

    /// A request is over, and all that `end` does not say of it `stands` in the book; nothing of it changes any more. To be
    /// called, and [flushed](Self::flush), before its caller can see its end. False where the book does not have its beginning
    /// so: the whole row is to be [closed](Self::close) then.
    #[must_use = "a row that was not ended is to be closed"]
    pub fn end(&self, end: &End, stands: impl FnOnce(&Row) -> bool) -> bool {
        let Some(log) = &self.log else { return false };
        let charge = {
            let mut rows = self.rows();
            let Some(begun) = rows.take_open(end.seq, stands) else { return false };
            let row = rows.pending.push(begun);
            end.put_on(row);
            Charge::of(row)
        };
        (self.closed)(charge);
        if self.note(log.defer_end(end)).is_some() {
            self.rows().unwritten.insert(end.seq);
        }
        true
    }

    /// The same for a request of which the book has no beginning, or another one. Without a number it gets one now.
    pub fn close(&self, mut row: Row) {
        self.tell(&row);
        let Some(log) = &self.log else { return };
        if row.seq == 0 {
            row.seq = self.next();
        }
        {
            let mut rows = self.rows();
            rows.pending.push(row.clone().into());
            rows.open.remove(&row.seq);
        }
        if self.note(log.defer(&row)).is_some() {
            self.rows().unwritten.insert(row.seq);
        }
    }

    /// The oldest rows that wait for the store, at most `most`: the same again until they are [`filed`](Self::filed).
    pub fn batch(&self, most: usize) -> Arc<Sheets> {
        let mut rows = self.rows();
        if rows.filing.is_empty() {
            rows.filing = Arc::new(rows.pending.take(most));
        }
        rows.filing.clone()
    }

    /// The last batch is in the store.
    pub fn filed(&self) {
        let mut rows = self.rows();
        rows.filing = Arc::default();
        if rows.pending.is_empty() {
            rows.unwritten.clear();
        }
    }

    /// All rows that are not in the store: those that are over, and those under way as they would stand.
    pub fn unfiled(&self) -> Vec<Row> {
        let rows = self.rows();
        let open = rows.open.values().map(|opened| &*opened.row);
        rows.over().chain(open).cloned().collect()
    }

    /// How it is doing.
    pub fn standing(&self) -> Standing {
        let rows = self.rows();
        let is_full = rows.waiting() >= MOST_PENDING;
        let refuses = self.refuses.load(Ordering::Relaxed);
        Standing {
            open: rows.open.len(),
            pending: rows.waiting(),
            oldest_ms: rows.over().next().map(|row| row.at_ms),
            fault: rows.fault.clone(),
            failures: rows.failures,
            refusal: if is_full { Some(TOO_MANY.to_owned()) } else { rows.fault.clone().filter(|_| refuses) },
        }
    }

    /// Tries the log again after a fault: it heals without a request, and gets what it has missed.
    pub fn mend(&self) {
        let Some(log) = self.log.as_ref().filter(|_| self.rows().fault.is_some()) else { return };
        let missed = self.rows().take_unwritten();
        for (index, row) in missed.iter().enumerate() {
            if self.note(log.defer(row)).is_some() {
                self.rows().unwritten.extend(missed[index..].iter().map(|row| row.seq));
                return;
            }
        }
        let _told_by_the_standing = self.wrote(log.flush().and_then(|()| log.probe()));
    }

    /// A number for a row that goes into the store by itself.
    pub fn number(&self) -> u64 {
        self.next()
    }

    /// Tells those who count of a row that went into the store by itself.
    pub fn tell(&self, row: &Row) {
        (self.closed)(Charge::of(row));
    }

    fn next(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Remembers how a write went, which also says whether it is well again; the fault, if there is one.
    fn wrote(&self, written: Result<(), String>) -> Option<String> {
        // Most of the time there is nothing to forget.
        if written.is_ok() && self.has_failed.swap(false, Ordering::Relaxed) {
            self.rows().fault = None;
        }
        self.note(written)
    }

    /// Remembers a fault, if there is one.
    fn note(&self, done: Result<(), String>) -> Option<String> {
        let fault = done.err()?;
        self.has_failed.store(true, Ordering::Relaxed);
        let mut rows = self.rows();
        rows.failures += 1;
        rows.fault = Some(fault.clone());
        Some(fault)
    }

    /// Rows are put and taken whole, so a panic of a holder spoils nothing.
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why requests are refused when nothing is wrong with the log.
const TOO_MANY: &str = "too many rows wait for the database; see the log for what is wrong with it";

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
