//! What was said to callers who were refused: "come again then". So that it is true when they do, their place is kept.
//!
//! A promise counts as demand when the next refusal's moment is worked out. When its time has come, its amounts are kept
//! free for a short while for whoever of that key comes first; then they are anybody's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::metric::Amounts;
use super::moment::Moment;

/// How long a place is kept (ours): clients wait whole seconds, rounded up, and need a moment to connect.
const KEPT: Duration = Duration::from_millis(1500);
/// How much too early a caller may come and still get it (ours).
const EARLY: Duration = Duration::from_millis(250);
/// Promises beyond this are not remembered (ours): the moments said are then too early at worst.
const MOST: usize = 4096;

/// See the module.
#[derive(Debug, Default)]
pub struct Promises {
    kept: BTreeMap<(Moment, u64), (Arc<str>, Amounts)>,
    sum: Amounts,
    number: u64,
}

impl Promises {
    /// `flow` was told to come at `start`.
    pub fn add(&mut self, start: Moment, flow: &Arc<str>, amounts: Amounts) {
        if self.kept.len() >= MOST {
            return;
        }
        self.number += 1;
        self.sum = plus(self.sum, amounts);
        self.kept.insert((start, self.number), (flow.clone(), amounts));
    }

    /// Everything promised and not taken yet.
    pub fn ahead(&self) -> Amounts {
        self.sum
    }

    /// What is kept free at `now`, and until when at least.
    pub fn due(&self, now: Moment) -> (Amounts, Option<Moment>) {
        let due = self.kept.range(..=(now, u64::MAX));
        let mut until = None;
        let sum = due.fold(Amounts::default(), |sum, ((start, _), (_, amounts))| {
            until.get_or_insert(start.plus(KEPT));
            plus(sum, *amounts)
        });
        (sum, until)
    }

    /// Whether `flow` comes because it was told to; the promise is kept by that.
    pub fn redeem(&mut self, now: Moment, flow: &Arc<str>) -> bool {
        let found = self.kept.range(..=(now.plus(EARLY), u64::MAX)).find(|(_, (name, _))| name == flow);
        let Some((&place, _)) = found else { return false };
        self.remove(place);
        true
    }

    /// Forgets those who did not come.
    pub fn expire(&mut self, now: Moment) {
        while let Some((&place, _)) = self.kept.first_key_value().filter(|((start, _), _)| start.plus(KEPT) <= now) {
            self.remove(place);
        }
    }

    fn remove(&mut self, place: (Moment, u64)) {
        if let Some((_, amounts)) = self.kept.remove(&place) {
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
