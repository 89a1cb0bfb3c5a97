//! Tokens of the requests under way: what they will be in the end, and how many of them will be charged how soon.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ask::{Ask, Guess};
use super::meter::Taken;
use super::moment::Moment;

/// How many standard deviations above its mean the size of a request is taken to be large (ours): the largest may end
/// while another one travels.
const LARGE: f64 = 3.0;

/// Sums over the requests under way. When one will end is not known: each is taken to end with the same chance in every
/// moment, which is about what lognormal lengths come to, and needs no list. It follows that an answer that is not over yet
/// will be as much longer as it has been running: those that are left are the long ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    requests: u64,
    mean: f64,
    variance: f64,
    squares: f64,
    /// Each request's tokens × seconds.
    slowness: f64,
    /// Tokens a second by which answers become longer than was thought while they are not over, and that × when they began
    /// (seconds after `began`).
    pace: f64,
    pace_began: f64,
    /// Tokens of answers that may become longer.
    open: f64,
    /// What will probably be given back.
    spare: u64,
    began: Moment,
    /// How many requests there are of each size.
    sizes: BTreeMap<u64, u32>,
}

/// The sums without the list, for questions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    mean: f64,
    variance: f64,
    squares: f64,
    slowness: f64,
    open: f64,
}

impl Held {
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    pub(super) fn spare(&self) -> u64 {
        self.spare
    }

    pub(super) fn is_empty(&self) -> bool {
        self.requests == 0
    }

    pub(super) fn add(&mut self, taken: &Taken) {
        if self.requests == 0 {
            self.began = taken.at.at;
        }
        self.requests += 1;
        self.change(taken, 1.0);
        self.spare = self.spare.saturating_add(taken.spare);
        *self.sizes.entry(size(taken)).or_default() += 1;
    }

    pub(super) fn remove(&mut self, taken: &Taken) {
        self.requests = self.requests.saturating_sub(1);
        self.change(taken, -1.0);
        self.spare = self.spare.saturating_sub(taken.spare);
        let size = size(taken);
        if let Some(count) = self.sizes.get_mut(&size) {
            *count -= 1;
            if *count == 0 {
                self.sizes.remove(&size);
            }
        }
        if self.requests == 0 {
            // What rounding has left must not add up over the years.
            *self = Self::default();
        }
    }

    fn change(&mut self, taken: &Taken, sign: f64) {
        let sums = self.sums().with(taken, sign);
        (self.mean, self.variance) = (sums.mean.max(0.0), sums.variance.max(0.0));
        (self.squares, self.slowness) = (sums.squares.max(0.0), sums.slowness.max(0.0));
        self.open = sums.open.max(0.0);
        self.pace += sign * taken.pace;
        self.pace_began += sign * taken.pace * taken.at.at.since(self.began).as_secs_f64();
    }

    fn sums(&self) -> Sums {
        let Self { mean, variance, squares, slowness, open, .. } = *self;
        Sums { mean, variance, squares, slowness, open }
    }

    /// As it looks at `now`, when some have been running for a while.
    fn at(&self, now: Moment) -> Sums {
        let longer = self.pace * now.since(self.began).as_secs_f64() - self.pace_began;
        Sums { mean: self.mean + longer.max(0.0), ..self.sums() }
    }

    /// The same with one more.
    pub(super) fn with(&self, taken: &Taken) -> Sums {
        self.at(taken.at.at).with(taken, 1.0)
    }

    /// When all are over, as it looked when they began.
    pub(super) fn all(&self) -> Guess {
        self.sums().all()
    }

    /// No question about the requests of `sums`, these and perhaps one more, has a greater answer (tokens).
    pub(super) fn most(&self, sums: Sums, caution: f64) -> u64 {
        let deviation = (sums.squares / 4.0 + sums.variance).sqrt();
        let ended = Guess { mean: sums.mean, deviation }.upper(caution);
        ended.saturating_add(self.largest()).saturating_add(1)
    }

    fn largest(&self) -> u64 {
        self.sizes.last_key_value().map_or(0, |(size, _)| *size)
    }

    /// What has to be left so that a request that is on its way for `travel` finds something when it comes in: for what may
    /// end until then, and for the largest of all.
    pub(super) fn sure(&self, now: Moment, travel: Duration, caution: f64) -> u64 {
        let sums = self.at(now);
        let ended = sums.ended(travel);
        let likely = ended.upper(caution).min(sums.all().upper(caution));
        likely.max(ended.whole().saturating_add(self.largest())).saturating_add(1)
    }
}

impl Sums {
    fn with(self, taken: &Taken, sign: f64) -> Self {
        let (guess, seconds) = (taken.held, taken.duration.as_secs_f64());
        let variance = guess.deviation.powi(2);
        Self {
            mean: self.mean + sign * guess.mean,
            variance: self.variance + sign * variance,
            squares: self.squares + sign * (guess.mean.powi(2) + variance),
            slowness: self.slowness + sign * guess.mean * seconds,
            open: self.open + sign * taken.pace * seconds,
        }
    }

    pub(super) fn all(self) -> Guess {
        Guess { mean: self.mean, deviation: self.variance.sqrt() }
    }

    /// How long a token waits for its request's end, on average.
    pub(super) fn usual(self) -> Duration {
        let seconds = if self.mean > 0.0 { self.slowness / self.mean } else { 0.0 };
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// What will have been charged `later` than now.
    pub(super) fn ended(self, later: Duration) -> Guess {
        if self.mean <= 0.0 {
            return Guess::default();
        }
        let usual = self.usual().as_secs_f64();
        if usual <= 0.0 {
            // Answers that take no time are over.
            return self.all();
        }
        let times = later.as_secs_f64() / usual;
        let (part, rest) = (1.0 - (-times).exp(), times * (-times).exp());
        // An answer that ends so soon is shorter than one that goes on.
        let mean = part * self.mean - rest * self.open;
        // Each has ended or not: a sum of squares as far as that is open, and of what the sizes may be.
        let variance = part * (1.0 - part) * self.squares + part * part * self.variance;
        Guess { mean: mean.max(0.0), deviation: variance.sqrt() }
    }
}

/// Tokens a second by which the answer to `ask` becomes longer than was thought while it is not over; none where
/// `max_tokens` leaves no room.
pub(super) fn pace(ask: &Ask) -> f64 {
    let seconds = ask.duration.as_secs_f64();
    let room = 1.0 - ask.output.mean / ask.max_output.max(1) as f64;
    if seconds > 0.0 { ask.output.mean / seconds * room.clamp(0.0, 1.0) } else { 0.0 }
}

/// What a request may come to, if it becomes large (tokens).
fn size(taken: &Taken) -> u64 {
    taken.held.upper(LARGE)
}
