//! A request's row in the ledger: written when it is about to be sent, and again when it is over.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::settle::{Outcome, Settlement};
use super::usage::{Certainty, Usage};
use crate::ledger::book::Unwritable;
use crate::ledger::{Book, Consumed, End, Flags, Price, Row, Who};
use crate::quota::budget::Amount;
use crate::quota::money::Money;

/// The right by which models are called that cost nothing, as `catalog::plan::Right` labels it.
const FREE: &str = "free";

/// What a row has to tell beside what the settlement knows anyway.
#[derive(Debug)]
pub struct Entry {
    book: Arc<Book>,
    who: Who,
    at_ms: u64,
    /// Its number; 0 until it has one.
    seq: AtomicU64,
    /// Whether it stands in the book as it is now.
    is_open: AtomicBool,
    account: OnceLock<Arc<str>>,
    /// The model as the caller wrote it.
    pub asked: Arc<str>,
    /// By which right its model is called.
    pub right: &'static str,
    /// What its model costs; `None` where no source says so.
    pub price: Option<Arc<Price>>,
    /// What it is thought to use.
    pub expected: Usage,
    /// Edits of request and answer.
    pub edits: Vec<&'static str>,
    /// What is strange about it.
    pub flags: Flags,
}

impl Entry {
    /// A request of `who` begins now, and will stand in `book`.
    pub fn new(book: Arc<Book>, who: Who) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            book,
            who,
            at_ms: since.as_millis().try_into().unwrap_or(u64::MAX),
            seq: AtomicU64::new(0),
            is_open: AtomicBool::new(false),
            account: OnceLock::new(),
            asked: Arc::default(),
            right: "",
            price: None,
            expected: Usage::default(),
            edits: Vec::new(),
            flags: Flags::default(),
        }
    }

    /// Another model is called: what stands in the book is no longer true.
    pub(super) fn turn(&mut self) {
        *self.is_open.get_mut() = false;
        self.account = OnceLock::new();
    }

    /// What `usage` has cost at the price in force when the request began; `None` where nobody knows that. What was not used
    /// costs nothing.
    pub fn cost(&self, usage: &Usage) -> Option<Money> {
        let at = UNIX_EPOCH + Duration::from_millis(self.at_ms);
        let consumed = usage.consumed();
        if self.right == FREE || consumed == Consumed::default() {
            return Some(Money::ZERO);
        }
        self.price.as_ref().map(|price| price.cost(&consumed, at))
    }

    /// What `usage` counts for budgets.
    fn counts(&self, usage: &Usage) -> Amount {
        let tokens = usage.tokens.input.saturating_add(usage.tokens.output);
        Amount { money: self.cost(usage).unwrap_or_default(), tokens }
    }
}

impl Settlement {
    /// The request for `model` is about to be sent with `account`: it is put down as it shall stand if nothing more is heard of
    /// it, and is to be [`written`](Self::written). Once is enough for one model, however often it is sent.
    ///
    /// # Errors
    /// [`Unwritable`] where it must not be sent for that.
    pub fn write_down(&self, account: &Arc<str>, model: &str) -> Result<(), Unwritable> {
        let Some(entry) = &self.entry else { return Ok(()) };
        let _first_is_kept = entry.account.set(account.clone());
        if entry.is_open.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let mut row = self.row(entry, &self.row_end(entry, &entry.expected));
        if *row.model != *model {
            row.model = model.into();
        }
        (row.outcome, row.usage) = ("unknown".into(), Certainty::Unknown.label().into());
        row.flags.set(Flags::INTERRUPTED);
        if let Some(paid) = &self.paid {
            let most = paid.hold.amount();
            row.cost = Some(most.money);
            row.output_tokens = most.tokens.saturating_sub(row.input_tokens).max(row.output_tokens);
        }
        let written = entry.book.open(row);
        match &written {
            Ok(seq) => entry.seq.store(*seq, Ordering::Relaxed),
            Err(_) => entry.is_open.store(false, Ordering::Relaxed),
        }
        written.map(drop)
    }

    /// The request is over: what it used, as far as anybody knows, and the same for its budgets.
    pub(super) fn conclude(&mut self) {
        let Some(entry) = &mut self.entry else { return };
        self.usage = match entry.is_open.load(Ordering::Relaxed) {
            true if self.outcome == Outcome::Complete => self.usage.or_asked(&entry.expected),
            true => self.usage.or_expected(&entry.expected),
            // It was never sent.
            false if self.usage.certainty == Certainty::Unknown => Usage::nothing(),
            false => self.usage,
        };
        if self.usage.tokens.is_clamped {
            entry.flags.set(Flags::CLAMPED);
        }
        let Some(paid) = self.paid.take() else { return };
        let counts = entry.counts(&self.usage);
        if counts.money > paid.hold.amount().money {
            entry.flags.set(Flags::OVERRUN);
        }
        paid.hold.settle(counts);
    }

    /// More is held of the budgets than stands in the book: that is what counts if nothing more is heard. Blocks for
    /// microseconds, once for each piece of a long answer.
    pub(super) fn write_again(&self) {
        let Some(entry) = &self.entry else { return };
        let Some(account) = entry.account.get().filter(|_| entry.is_open.swap(false, Ordering::Relaxed)) else {
            return;
        };
        let _told_by_the_standing = self.write_down(account, &self.model).and_then(|()| entry.book.flush());
        // It runs, whether that could be written or not.
        entry.is_open.store(true, Ordering::Relaxed);
    }

    /// What was put down is on disk from now on, with all that others have put down meanwhile. Blocks for microseconds.
    ///
    /// # Errors
    /// [`Unwritable`] where the request must not be sent for that.
    pub fn written(&self) -> Result<(), Unwritable> {
        let Some(entry) = &self.entry else { return Ok(()) };
        entry.book.flush().inspect_err(|_| entry.is_open.store(false, Ordering::Relaxed))
    }

    /// The caller gets the whole of its answer once this is [`written`](Ending::written).
    #[must_use = "an answer must not be seen before its row is written"]
    pub fn end(mut self) -> Ending {
        let book = self.entry.as_ref().map(|entry| entry.book.clone());
        (self.outcome, self.is_together) = (Outcome::Complete, true);
        Ending(book)
    }

    /// What metrics are told of its row: its team, what it cost, and whether the upstream may have seen it.
    pub(super) fn billed(&self) -> (Arc<str>, Option<Money>, bool) {
        let Some(entry) = &self.entry else { return (Arc::default(), Some(Money::ZERO), false) };
        (entry.who.team.clone(), entry.cost(&self.usage), entry.is_open.load(Ordering::Relaxed))
    }

    /// Its row is final, and what it was made of is handed back. Its caller has not seen the end yet.
    pub(super) fn enter(&mut self) -> Option<Entry> {
        let entry = self.entry.take()?;
        let end = self.row_end(&entry, &self.usage);
        if !entry.book.end(&end, |begun| self.began_as(&entry, begun)) {
            entry.book.close(self.row(&entry, &end));
        }
        if !self.is_together {
            let _told_by_the_standing = entry.book.flush();
        }
        Some(entry)
    }

    /// Whether its row began as it is now: what changes while it is under way is what is called, and by which right.
    fn began_as(&self, entry: &Entry, begun: &Row) -> bool {
        let is = |text: &Arc<str>, other: &Arc<str>| Arc::ptr_eq(text, other) || text == other;
        is(&self.model, &begun.model)
            && is(&entry.asked, &begun.asked)
            && entry.account.get().is_some_and(|account| is(account, &begun.account))
            && entry.right == begun.right
            && self.route == begun.endpoint
            && entry.price == begun.price
    }

    /// The whole row with this end.
    fn row(&self, entry: &Entry, end: &End) -> Row {
        let mut row = Row {
            id: self.request_id.clone(),
            at_ms: entry.at_ms,
            key: entry.who.key.clone(),
            team: entry.who.team.clone(),
            tags: entry.who.tags.clone(),
            account: entry.account.get().cloned().unwrap_or_default(),
            asked: entry.asked.clone(),
            model: self.model.clone(),
            right: entry.right.into(),
            endpoint: self.route.into(),
            price: entry.price.clone(),
            ..Row::default()
        };
        end.put_on(&mut row);
        row
    }

    /// What is to be said of a request that has used so much.
    fn row_end(&self, entry: &Entry, usage: &Usage) -> End {
        let tokens = usage.tokens;
        End {
            seq: entry.seq.load(Ordering::Relaxed),
            status: self.status,
            outcome: self.outcome.label().into(),
            usage: usage.certainty.label().into(),
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            cached_tokens: tokens.cached,
            reasoning_tokens: tokens.reasoning,
            images: usage.images,
            videos: usage.videos,
            spoken_bytes: usage.spoken_bytes,
            audio_ms: 0,
            cost: entry.cost(usage),
            queued_ms: self.waited_millis(),
            first_ms: self.first_byte_after().map(millis),
            total_ms: millis(self.took()),
            attempts: self.attempts,
            edits: if entry.edits.is_empty() { Arc::default() } else { entry.edits.join(",").into() },
            trace_id: self.trace_id.clone().unwrap_or_default(),
            flags: entry.flags,
        }
    }
}

/// A request that is over, and whose row waits to be written.
#[derive(Debug, Default)]
pub struct Ending(Option<Arc<Book>>);

impl Ending {
    /// Writes its row. All requests that end at this moment share one write.
    pub async fn written(self) {
        let Some(book) = self.0 else { return };
        tokio::task::yield_now().await;
        let _told_by_the_standing = book.flush();
    }
}

/// Milliseconds, whole ones.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
