//! Everything the emulator remembers, in one place. Each part has its own lock, held for a moment and never across
//! an await. It must not know HTTP; handlers ask it.

use super::billing::{Bill, Billed};
use super::catalogue::{Catalogue, Model};
use super::chat::script::Script;
use super::clock::{Clock, unix_seconds};
use super::fault::injection::Injections;
use super::quota::limits::Limits;
use super::quota::{Admitted, Ask, Meters, QuotaUse};
use super::record::Records;
use super::refusal::Refusal;
use super::seed;
use super::settings::{LimitSettings, MockSettings};
use super::store::Store;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) type Shared = Arc<Emulator>;

/// Prompts remembered for cache hits before all are forgotten (ours).
const PROMPTS_REMEMBERED: usize = 10_000;
/// Cache hits come in blocks of so many tokens (ours).
const CACHE_BLOCK_TOKENS: u64 = 64;

/// The state of a running emulator.
#[derive(Debug)]
pub(super) struct Emulator {
    pub(super) settings: MockSettings,
    pub(super) catalogue: Catalogue,
    pub(super) clock: Clock,
    pub(super) records: Mutex<Records>,
    pub(super) injections: Mutex<Injections>,
    pub(super) script: Mutex<Script>,
    pub(super) store: Mutex<Store>,
    pub(super) live: AtomicUsize,
    limits: Mutex<LimitSettings>,
    books: Mutex<Arc<Books>>,
    prompts: Mutex<HashSet<u64>>,
    serial: AtomicU64,
    /// How far the clock of links is ahead of the real one (seconds).
    ahead: AtomicU64,
}

/// What is billed and counted against limits until the next reset. A request stays in the books it was entered in:
/// one that outlives a reset is not billed to those who come after it.
#[derive(Debug, Default)]
struct Books {
    billed: Mutex<Billed>,
    meters: Mutex<Meters>,
}

/// Locks, whatever happened to another holder: the data are plain counters and lists.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn script(settings: &MockSettings) -> std::io::Result<Script> {
    Script::new(settings.script.clone()).map_err(std::io::Error::other)
}

impl Emulator {
    pub(super) fn shared(settings: MockSettings) -> std::io::Result<Shared> {
        Ok(Arc::new(Self {
            catalogue: Catalogue::built_in()?,
            clock: Clock::start(),
            records: Mutex::default(),
            injections: Mutex::default(),
            script: Mutex::new(script(&settings)?),
            store: Mutex::default(),
            live: AtomicUsize::new(0),
            limits: Mutex::new(settings.limits.clone()),
            books: Mutex::default(),
            prompts: Mutex::default(),
            serial: AtomicU64::new(0),
            ahead: AtomicU64::new(0),
            settings,
        }))
    }

    /// A fresh id of `digits` hex digits: the same order of requests gives the same ids.
    pub(super) fn fresh_id(&self, digits: usize) -> String {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        seed::hex(seed::mix(self.settings.seed, &serial.to_string()), digits)
    }

    /// Forgets what was billed, recorded, counted, injected and cached; the script is that of the settings again, from
    /// its beginning. Limits set by hand stay.
    pub(super) fn reset(&self) {
        *locked(&self.books) = Arc::default();
        locked(&self.records).clear();
        locked(&self.prompts).clear();
        *locked(&self.injections) = Injections::default();
        *locked(&self.script) = script(&self.settings).unwrap_or_default();
    }

    /// Sets a model's limits, from now on.
    pub(super) fn set_limits(&self, model: &str, limits: Limits) {
        locked(&self.limits).per_model.insert(model.to_owned(), limits);
    }

    /// Tokens of this prompt that hit the cache: none the first time, whole blocks afterwards.
    pub(super) fn cached_tokens(&self, prompt: u64, prompt_tokens: u64) -> u64 {
        let mut prompts = locked(&self.prompts);
        if prompts.len() >= PROMPTS_REMEMBERED {
            prompts.clear();
        }
        if prompts.insert(prompt) { 0 } else { prompt_tokens / CACHE_BLOCK_TOKENS * CACHE_BLOCK_TOKENS }
    }

    /// Passes a request through the quotas.
    pub(super) fn admit(self: &Arc<Self>, account: &str, model: &str, ask: Ask) -> Result<Ticket, Refusal> {
        let limits = locked(&self.limits).clone();
        let own = self.catalogue.defaults.limits_of(self.catalogue.find(model), model, &limits);
        let who = (account.to_owned(), model.to_owned());
        let books = self.books();
        let decided = locked(&books.meters).admit(&who, ask, &own, &limits, self.clock.now());
        match decided {
            Ok(admitted) => {
                let bill = Bill { requests: 1, ..Bill::default() };
                Ok(Ticket { emulator: self.clone(), books, who, admitted, bill })
            }
            Err(metric) => {
                locked(&books.billed).add(model, Bill { refused: 1, ..Bill::default() });
                Err(Refusal::rate_limited(metric))
            }
        }
    }

    fn settle(&self, ticket: &Ticket) {
        let charge = locked(&self.limits).charge;
        let tokens = ticket.bill.total_tokens();
        locked(&ticket.books.meters).settle(&ticket.who, ticket.admitted, tokens, charge, self.clock.now());
        locked(&ticket.books.billed).add(&ticket.who.1, ticket.bill);
    }

    /// Seconds since 1970 by the clock that links expire by.
    pub(super) fn link_seconds(&self) -> u64 {
        unix_seconds() + self.ahead.load(Ordering::Relaxed)
    }

    /// Moves that clock on.
    pub(super) fn advance(&self, seconds: u64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    fn books(&self) -> Arc<Books> {
        locked(&self.books).clone()
    }

    /// Everything billed since the last reset.
    pub(super) fn billed(&self) -> Billed {
        locked(&self.books().billed).clone()
    }

    /// What became of every quota.
    pub(super) fn quota(&self) -> Vec<QuotaUse> {
        locked(&self.books().meters).report(self.clock.now())
    }

    pub(super) fn model(&self, id: &str) -> Option<&Model> {
        self.catalogue.find(id)
    }
}

/// An admitted request. What stands in `bill` when it is dropped is billed and charged: once, however it ended.
#[derive(Debug)]
pub(super) struct Ticket {
    emulator: Shared,
    books: Arc<Books>,
    who: (String, String),
    admitted: Admitted,
    pub(super) bill: Bill,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.emulator.settle(self);
    }
}

/// Counts one open stream while it lives.
#[derive(Debug)]
pub(super) struct Live(Shared);

impl Live {
    pub(super) fn open(emulator: &Shared) -> Self {
        emulator.live.fetch_add(1, Ordering::Relaxed);
        Self(emulator.clone())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}
