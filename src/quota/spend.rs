//! What an account spent this month and last, and the tier that follows: SiliconFlow takes the larger of the two, at
//! once (siliconflow-api.md, section 16; `[tiers]` of config/models.toml). The month turns in Asia/Shanghai (ours: no
//! source names the zone).
//!
//! Must not know where the amounts come from or where they are kept: they are handed in, and [`MonthSpend`] can be
//! written and read by anybody.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::calendar::{Month, month_of};
use super::money::Money;
use super::tier::{Thresholds, Tier};

/// Whoever knows what was spent: the counter below, or a ledger.
pub trait Spend {
    /// Spent since the first of the month that `now` lies in.
    fn this_month(&self, now: SystemTime) -> Money;

    /// Spent in the month before.
    fn last_month(&self, now: SystemTime) -> Money;

    /// The tier that this spend gives.
    fn tier(&self, now: SystemTime, thresholds: &Thresholds) -> Standing {
        let (this, last) = (self.this_month(now), self.last_month(now));
        Standing { tier: thresholds.of_spend(this.max(last)), reason: reason(this, last) }
    }
}

/// A tier and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The tier.
    pub tier: Tier,
    /// For people: `spent 57.20 CNY this month`.
    pub reason: String,
}

fn reason(this: Money, last: Money) -> String {
    match (this.max(last), this >= last) {
        (Money::ZERO, _) => "nothing spent this month or last".to_owned(),
        (_, true) => format!("spent {this:.2} CNY this month"),
        (_, false) => format!("spent {last:.2} CNY last month"),
    }
}

/// Two months' spend, counted as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthSpend {
    month: Month,
    this_picos_cny: Money,
    last_picos_cny: Money,
}

impl MonthSpend {
    /// Nothing spent in the month that `now` lies in, nor in the one before.
    pub fn new(now: SystemTime) -> Self {
        Self { month: month_of(now), this_picos_cny: Money::ZERO, last_picos_cny: Money::ZERO }
    }

    /// Adds what was spent at `at`. A clock that went back turns no month back: an amount from the month before is added
    /// to it, an older one to the oldest that is kept.
    pub fn add(&mut self, at: SystemTime, amount: Money) {
        *self = self.turned(at);
        if month_of(at) < self.month {
            self.last_picos_cny += amount;
        } else {
            self.this_picos_cny += amount;
        }
    }

    /// The counter as it is at `now`; a month that is gone by becomes the last one, or is forgotten.
    fn turned(&self, now: SystemTime) -> Self {
        let month = month_of(now);
        if month <= self.month {
            return *self;
        }
        let is_next = month.previous() == self.month;
        let last_picos_cny = if is_next { self.this_picos_cny } else { Money::ZERO };
        Self { month, this_picos_cny: Money::ZERO, last_picos_cny }
    }
}

impl Spend for MonthSpend {
    fn this_month(&self, now: SystemTime) -> Money {
        self.turned(now).this_picos_cny
    }

    fn last_month(&self, now: SystemTime) -> Money {
        self.turned(now).last_picos_cny
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// 2026-11-30 15:59:59 UTC is the last second of November in Shanghai.
    const NOVEMBER: u64 = 1_796_054_399;
    const DECEMBER: u64 = NOVEMBER + 1;
    const JANUARY: u64 = DECEMBER + 31 * 86_400;
    const FEBRUARY: u64 = JANUARY + 31 * 86_400;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn cents(amount: u64) -> Money {
        Money::from_micros_cny(amount * 10_000)
    }

    fn thresholds() -> Thresholds {
        Thresholds::new([50, 200, 2_000, 5_000, 10_000].map(|amount| cents(amount * 100))).unwrap()
    }

    fn check(spend: &MonthSpend, seconds: u64, tier: Tier, reason: &str) {
        let standing = spend.tier(at(seconds), &thresholds());
        assert_eq!((standing.tier, standing.reason.as_str()), (tier, reason));
    }

    #[test]
    fn moves_up_at_once_and_down_after_a_month() {
        let mut spend = MonthSpend::new(at(NOVEMBER));
        check(&spend, NOVEMBER, Tier::L0, "nothing spent this month or last");
        spend.add(at(NOVEMBER), cents(4_999));
        check(&spend, NOVEMBER, Tier::L0, "spent 49.99 CNY this month");
        spend.add(at(NOVEMBER), cents(721));
        check(&spend, NOVEMBER, Tier::L1, "spent 57.20 CNY this month");
        check(&spend, DECEMBER, Tier::L1, "spent 57.20 CNY last month");
        spend.add(at(DECEMBER), cents(100));
        check(&spend, DECEMBER, Tier::L1, "spent 57.20 CNY last month");
        check(&spend, JANUARY, Tier::L0, "spent 1.00 CNY last month");
        check(&spend, FEBRUARY, Tier::L0, "nothing spent this month or last");
    }

    #[test]
    fn a_month_without_a_request_is_a_month() {
        let mut spend = MonthSpend::new(at(NOVEMBER));
        spend.add(at(NOVEMBER), cents(100));
        spend.add(at(JANUARY), cents(200));
        assert_eq!((spend.last_month(at(JANUARY)), spend.this_month(at(JANUARY))), (Money::ZERO, cents(200)));
    }

    #[test]
    fn a_clock_that_goes_back_loses_nothing() {
        let mut spend = MonthSpend::new(at(DECEMBER));
        spend.add(at(DECEMBER), cents(300));
        spend.add(at(NOVEMBER), cents(100));
        assert_eq!((spend.last_month(at(DECEMBER)), spend.this_month(at(NOVEMBER))), (cents(100), cents(300)));
    }

    #[test]
    fn amounts_smaller_than_a_micro_cny_add_up() {
        let mut spend = MonthSpend::new(at(NOVEMBER));
        for _ in 0..1_000 {
            spend.add(at(NOVEMBER), Money::from_picos_cny(70_000));
        }
        assert_eq!(spend.this_month(at(NOVEMBER)).micros_cny(), 70);
    }

    #[test]
    fn survives_being_written_down() {
        let mut spend = MonthSpend::new(at(NOVEMBER));
        spend.add(at(NOVEMBER), cents(5_720));
        let text = serde_json::to_string(&spend).unwrap();
        assert_eq!(text, r#"{"month":{"year":2026,"month":11},"this_picos_cny":57200000000000,"last_picos_cny":0}"#);
        assert_eq!(serde_json::from_str::<MonthSpend>(&text).unwrap(), spend);
    }
}
