//! What was said to callers who were refused: "come again then". So that it is true when they do, their place is kept.
//!
//! A promise counts as demand when the next refusal's moment is worked out. When its time has come, its amounts are kept
//! free for a short while for the same request of that key; then they are anybody's. Many never come again, so how many do
//! is counted, and no more is kept than will be asked for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::ask::Ask;
use super::metric::Amounts;
use super::moment::Moment;

/// How long a place is kept (ours): clients wait whole seconds, rounded up, and need a moment to connect.
const KEPT: Duration = Duration::from_millis(1500);
/// How much too early a caller may come and still get it (ours).
const EARLY: Duration = Duration::from_millis(250);
/// Promises beyond this are not remembered (ours): the moments said are then too early at worst.
const MOST: usize = 4096;
/// How much one promise says about the part of callers that come again (ours).
const NEWS: f64 = 0.1;

/// See the module.
#[derive(Debug)]
pub struct Promises {
    kept: BTreeMap<(Moment, u64), Promise>,
    sum: Amounts,
    number: u64,
    /// The part of callers that come again when they are told to.
    return_rate: f64,
}

#[derive(Debug)]
struct Promise {
    flow: Arc<str>,
    /// [`Ask::content`]: guesses of its tokens may become others until it comes again.
    content: f64,
    amounts: Amounts,
}

impl Promise {
    fn is_for(&self, flow: &str, ask: &Ask) -> bool {
        *self.flow == *flow && self.content == ask.content && self.amounts.images == ask.images
    }
}

impl Default for Promises {
    fn default() -> Self {
        Self { kept: BTreeMap::new(), sum: Amounts::default(), number: 0, return_rate: 1.0 }
    }
}

impl Promises {
    /// `flow` was told to come with `ask` at `start`.
    pub fn add(&mut self, start: Moment, flow: &Arc<str>, ask: &Ask) {
        if self.kept.len() >= MOST {
            return;
        }
        self.number += 1;
        let promise = Promise { flow: flow.clone(), content: ask.content, amounts: ask.amounts() };
        self.sum = plus(self.sum, promise.amounts);
        self.kept.insert((start, self.number), promise);
    }

    /// What will be asked for of everything promised until `moment` and not taken yet.
    pub fn until(&self, moment: Moment) -> Amounts {
        if self.kept.last_key_value().is_none_or(|((last, _), _)| *last <= moment) {
            return self.expected(self.sum);
        }
        let before = self.kept.range(..=(moment, u64::MAX));
        self.expected(before.fold(Amounts::default(), |sum, (_, promise)| plus(sum, promise.amounts)))
    }

    fn expected(&self, amounts: Amounts) -> Amounts {
        let part = |amount: u64| (amount as f64 * self.return_rate).round() as u64;
        Amounts { requests: part(amounts.requests), tokens: part(amounts.tokens), images: part(amounts.images) }
    }

    /// What is kept free at `now`, and until when at least.
    pub fn due(&self, now: Moment) -> (Amounts, Option<Moment>) {
        // Mostly nobody was told to come again.
        if self.kept.is_empty() {
            return (Amounts::default(), None);
        }
        let due = self.kept.range(..=(now, u64::MAX));
        let mut until = None;
        let sum = due.fold(Amounts::default(), |sum, ((start, _), promise)| {
            until.get_or_insert(start.plus(KEPT));
            plus(sum, promise.amounts)
        });
        (self.expected(sum), until)
    }

    /// Whether `flow` comes with `ask` because it was told to; the promise is kept by that.
    pub fn redeem(&mut self, now: Moment, flow: &Arc<str>, ask: &Ask) -> bool {
        let mut due = self.kept.range(..=(now.plus(EARLY), u64::MAX));
        let Some((&place, _)) = due.find(|(_, promise)| promise.is_for(flow, ask)) else { return false };
        self.remove(place);
        self.return_rate += NEWS * (1.0 - self.return_rate);
        true
    }

    /// Forgets those who did not come.
    pub fn expire(&mut self, now: Moment) {
        while let Some((&place, _)) = self.kept.first_key_value().filter(|((start, _), _)| start.plus(KEPT) <= now) {
            self.remove(place);
            self.return_rate -= NEWS * self.return_rate;
        }
    }

    fn remove(&mut self, place: (Moment, u64)) {
        if let Some(Promise { amounts, .. }) = self.kept.remove(&place) {
            self.sum = Amounts {
                requests: self.sum.requests.saturating_sub(amounts.requests),
                tokens: self.sum.tokens.saturating_sub(amounts.tokens),
                images: self.sum.images.saturating_sub(amounts.images),
            };
        }
    }
}

/// The sum of both.
pub fn plus(left: Amounts, right: Amounts) -> Amounts {
    Amounts {
        requests: left.requests.saturating_add(right.requests),
        tokens: left.tokens.saturating_add(right.tokens),
        images: left.images.saturating_add(right.images),
    }
}
