//! A bucket that holds the limit and drains evenly, the whole limit in one span: governor's GCRA.
//!
//! governor only takes; refunds and debts move its "theoretical arrival time", the moment at which the bucket is empty.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::FakeRelativeClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use super::Window;
use crate::quota::moment::{Moment, Now};

/// When the bucket will be empty (nanoseconds after it was made).
#[derive(Debug, Clone, Default)]
struct EmptyAt(Arc<AtomicU64>);

impl StateStore for EmptyAt {
    type Key = NotKeyed;

    /// Only ever called with the bucket borrowed as mutable, so there is nobody to race with.
    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, empty_at) = decide(Some(Duration::from_nanos(self.0.load(Ordering::Relaxed)).into()))?;
        self.0.store(empty_at.as_u64(), Ordering::Relaxed);
        Ok(outcome)
    }
}

type Limiter = RateLimiter<NotKeyed, EmptyAt, FakeRelativeClock, NoOpMiddleware<Nanos>>;

/// See the module. Constant in size and time.
#[derive(Debug)]
pub struct Bucket {
    span: Duration,
    made: Moment,
    limit: u64,
    period: u64,
    /// How much later the other side may count, and so begin to drain.
    margin: Duration,
    /// What governor takes for the time; moved to ours before it is asked.
    clock: FakeRelativeClock,
    shown: Duration,
    empty_at: EmptyAt,
    limiter: Limiter,
}

impl Bucket {
    /// An empty bucket made at `now` that drains `limit` in `span`.
    pub fn new(span: Duration, now: Now, limit: u64) -> Self {
        let (clock, empty_at) = (FakeRelativeClock::default(), EmptyAt::default());
        let limit = limit.clamp(1, u64::from(u32::MAX));
        let period = nanos(span).div_ceil(limit).max(1);
        let limiter = limiter(limit, period, &empty_at, &clock);
        let (made, margin, shown) = (now.at, Duration::ZERO, Duration::ZERO);
        Self { span, made, limit, period, margin, clock, shown, empty_at, limiter }
    }

    /// The same for another side that may count everything so much later.
    #[must_use]
    pub fn late_by(self, margin: Duration) -> Self {
        Self { margin, ..self }
    }

    /// The bucket for another limit, as full as this one.
    fn resized(&self, now: Now, limit: u64) -> Self {
        let bucket = Self::new(self.span, now, limit).late_by(self.margin);
        let full_for = u128::from(self.empty_at.0.load(Ordering::Relaxed).saturating_sub(self.elapsed(now)));
        // Parts of a unit count too: a limit that changes often must not fill the bucket.
        let empty_at = full_for * u128::from(bucket.period) / u128::from(self.period);
        bucket.empty_at.0.store(u64::try_from(empty_at).unwrap_or(u64::MAX), Ordering::Relaxed);
        bucket
    }

    fn elapsed(&self, now: Now) -> u64 {
        nanos(now.at.since(self.made))
    }

    /// Whole units in it, rounded up.
    pub fn used(&self, now: Now) -> u64 {
        let empty_at = self.empty_at.0.load(Ordering::Relaxed);
        empty_at.saturating_sub(self.elapsed(now)).div_ceil(self.period)
    }

    fn add(&mut self, now: Now, amount: u64) {
        let from = self.empty_at.0.load(Ordering::Relaxed).max(self.elapsed(now).saturating_add(nanos(self.margin)));
        self.empty_at.0.store(from.saturating_add(amount.saturating_mul(self.period)), Ordering::Relaxed);
    }

    fn set_limit(&mut self, now: Now, limit: u64) {
        if limit.clamp(1, u64::from(u32::MAX)) != self.limit {
            *self = self.resized(now, limit);
        }
    }

    fn show(&mut self, now: Now) {
        let elapsed = now.at.since(self.made);
        self.clock.advance(elapsed.saturating_sub(self.shown));
        self.shown = self.shown.max(elapsed);
    }
}

impl Window for Bucket {
    fn peek(&self, now: Now, limit: u64) -> u64 {
        if limit == self.limit { self.used(now) } else { self.resized(now, limit).used(now) }
    }

    fn charge(&mut self, now: Now, amount: u64, limit: u64) {
        self.set_limit(now, limit);
        self.add(now, amount);
    }

    fn refund(&mut self, _taken: Now, now: Now, amount: u64, limit: u64) {
        self.set_limit(now, limit);
        let empty_at = self.empty_at.0.load(Ordering::Relaxed);
        let back = empty_at.saturating_sub(amount.saturating_mul(self.period));
        // Never emptier than empty.
        self.empty_at.0.store(back.max(self.elapsed(now).min(empty_at)), Ordering::Relaxed);
    }

    fn wake_at(&self, now: Now, amount: u64, limit: u64) -> Option<Moment> {
        (amount <= limit).then(|| self.turn(now, amount, limit))
    }

    fn turn(&self, now: Now, amount: u64, limit: u64) -> Moment {
        if limit != self.limit {
            return self.resized(now, limit).turn(now, amount, limit.clamp(1, u64::from(u32::MAX)));
        }
        let full_at = self.empty_at.0.load(Ordering::Relaxed).saturating_add(amount.saturating_mul(self.period));
        let at = full_at.saturating_sub(limit.saturating_mul(self.period));
        now.at.max(self.made.plus(Duration::from_nanos(at.saturating_add(999))))
    }

    fn try_take(&mut self, now: Now, amount: u64, limit: u64) -> bool {
        self.set_limit(now, limit);
        if !self.margin.is_zero() {
            let fits = self.wake_at(now, amount, limit).is_some_and(|wake| wake <= now.at);
            if fits {
                self.add(now, amount);
            }
            return fits;
        }
        self.show(now);
        let amount = u32::try_from(amount).unwrap_or(u32::MAX);
        match NonZeroU32::new(amount) {
            Some(amount) => matches!(self.limiter.check_n(amount), Ok(Ok(()))),
            None => self.used(now) <= limit,
        }
    }
}

fn limiter(limit: u64, period: u64, empty_at: &EmptyAt, clock: &FakeRelativeClock) -> Limiter {
    let burst = NonZeroU32::new(u32::try_from(limit).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
    // `None` only for a period of nothing, and it is at least one nanosecond.
    let quota = Quota::with_period(Duration::from_nanos(period)).unwrap_or(Quota::per_second(NonZeroU32::MIN));
    RateLimiter::new(quota.allow_burst(burst), empty_at.clone(), clock.clone())
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
