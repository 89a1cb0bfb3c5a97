//! Money that may be spent in a day: held at its upper side before a request is sent, put right when it is over, so that
//! all of it together stays within the budget however many requests there are at once. Days turn in Asia/Shanghai.
//!
//! Events are written down before their effect can be seen. Reading one twice does nothing, as a snapshot may have seen
//! it; whatever was held when the last life ended counts as spent. Must not know prices, or who sets the budget.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::calendar;
use super::hub::lock;
use super::moment::Clock;
use super::money::Money;

/// What has to be written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BudgetEvent {
    /// A request holds money.
    Held {
        /// Its number.
        id: u64,
        /// Whose budget.
        account: String,
        /// Of which day, counted as [`calendar::day_of`] does.
        day: u64,
        /// How much.
        amount: Money,
    },
    /// It is over.
    Settled {
        /// Its number.
        id: u64,
        /// Whose budget.
        account: String,
        /// What it cost.
        cost: Money,
    },
}

/// One account's day; the day before is forgotten with all that was held in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Day {
    day: u64,
    spent: Money,
    held: Money,
    open: HashMap<u64, Money>,
}

impl Day {
    /// The day that `day` is, if it is a later one. A clock that goes back turns no day back.
    fn turn(&mut self, day: u64) {
        if day > self.day {
            *self = Self { day, ..Self::default() };
        }
    }

    fn hold(&mut self, id: u64, amount: Money) {
        if self.open.insert(id, amount).is_none() {
            self.held += amount;
        }
    }

    /// What is not of this day is settled already.
    fn settle(&mut self, id: u64, cost: Money) {
        if let Some(amount) = self.open.remove(&id) {
            self.held = self.held - amount;
            self.spent += cost;
        }
    }
}

/// What must survive, as it is at one moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetSnapshot {
    days: BTreeMap<String, Day>,
    last_id: u64,
}

/// Where events go.
type Recorder = Box<dyn Fn(&BudgetEvent) + Send + Sync>;

/// The budgets of all accounts, counted together for each day.
pub struct Budgets {
    clock: Clock,
    days: Mutex<BTreeMap<String, Day>>,
    ids: AtomicU64,
    recorder: Recorder,
}

impl fmt::Debug for Budgets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Budgets").field("days", &self.days).finish_non_exhaustive()
    }
}

/// What one account has spent and holds today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetView {
    /// Its name.
    pub account: String,
    /// Known to be spent.
    pub spent: Money,
    /// Held by requests under way.
    pub held: Money,
}

impl Budgets {
    /// Nothing was spent. `recorder` is told what has to survive a restart.
    pub fn new(clock: Clock, recorder: Recorder) -> Arc<Self> {
        Self::restored(clock, recorder, BudgetSnapshot::default(), Vec::new())
    }

    /// What an earlier life has left: its last snapshot, and what happened afterwards.
    pub fn restored(clock: Clock, recorder: Recorder, snapshot: BudgetSnapshot, events: Vec<BudgetEvent>) -> Arc<Self> {
        let BudgetSnapshot { mut days, mut last_id } = snapshot;
        for event in events {
            match event {
                BudgetEvent::Held { id, account, day, amount } => {
                    last_id = last_id.max(id);
                    let known = days.entry(account).or_default();
                    known.turn(day);
                    if known.day == day {
                        known.hold(id, amount);
                    }
                }
                BudgetEvent::Settled { id, account, cost } => days.entry(account).or_default().settle(id, cost),
            }
        }
        for day in days.values_mut() {
            // Nobody knows what became of these.
            day.spent += std::mem::take(&mut day.held);
            day.open.clear();
        }
        Arc::new(Self { clock, days: Mutex::new(days), ids: AtomicU64::new(last_id + 1), recorder })
    }

    /// Holds `amount` of the budget `limit` that `account` has today; `None` when there is not so much left. Dropped
    /// without a word it is given back if the request was not sent, else it is spent.
    pub fn hold(self: &Arc<Self>, account: &Arc<str>, amount: Money, limit: Money) -> Option<Hold> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let day = self.today();
        self.with(account, day, |known| {
            let is_room = known.spent + known.held + amount <= limit;
            is_room.then(|| known.hold(id, amount))
        })?;
        (self.recorder)(&BudgetEvent::Held { id, account: account.to_string(), day, amount });
        Some(Hold { budgets: self.clone(), account: account.clone(), id, amount, is_sent: AtomicBool::new(false) })
    }

    /// Whether `amount` could be held now.
    pub fn has_room(&self, account: &str, amount: Money, limit: Money) -> bool {
        self.with(account, self.today(), |known| known.spent + known.held + amount <= limit)
    }

    /// Today's sums.
    pub fn view(&self) -> Vec<BudgetView> {
        let today = self.today();
        let mut days = lock(&self.days);
        days.values_mut().for_each(|day| day.turn(today));
        let view =
            |(account, day): (&String, &Day)| BudgetView { account: account.clone(), spent: day.spent, held: day.held };
        days.iter().map(view).collect()
    }

    /// Everything that must survive.
    pub fn snapshot(&self) -> BudgetSnapshot {
        let days = lock(&self.days).clone();
        BudgetSnapshot { days, last_id: self.ids.load(Ordering::Relaxed) }
    }

    fn today(&self) -> u64 {
        calendar::day_of(UNIX_EPOCH + Duration::from_micros(self.clock.now().wall.0))
    }

    fn with<T>(&self, account: &str, day: u64, look: impl FnOnce(&mut Day) -> T) -> T {
        let mut days = lock(&self.days);
        let known = days.entry(account.to_owned()).or_default();
        known.turn(day);
        look(known)
    }

    fn settle(&self, hold: &Hold, cost: Money) {
        self.with(&hold.account, self.today(), |known| known.settle(hold.id, cost));
        (self.recorder)(&BudgetEvent::Settled { id: hold.id, account: hold.account.to_string(), cost });
    }
}

/// Money held for one request.
#[derive(Debug)]
pub struct Hold {
    budgets: Arc<Budgets>,
    account: Arc<str>,
    id: u64,
    amount: Money,
    is_sent: AtomicBool,
}

impl Hold {
    /// Whose money it is.
    pub fn account(&self) -> &Arc<str> {
        &self.account
    }

    /// How much of it.
    pub fn amount(&self) -> Money {
        self.amount
    }

    /// From now on the upstream may have seen the request.
    pub fn sent(&self) {
        self.is_sent.store(true, Ordering::Relaxed);
    }

    /// The upstream refused the request: it has cost nothing until it is sent again.
    pub fn refused(&self) {
        self.is_sent.store(false, Ordering::Relaxed);
    }

    /// The request has cost this much.
    pub fn settle(mut self, cost: Money) {
        // What is left for the drop is what was said here.
        self.amount = cost;
        self.sent();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let cost = if *self.is_sent.get_mut() { self.amount } else { Money::ZERO };
        self.budgets.clone().settle(self, cost);
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
