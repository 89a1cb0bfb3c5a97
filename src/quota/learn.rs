//! What the upstream's refusals teach about its limits: lower at once, higher with care, sure of both in the end.
//!
//! For each metric two counts are kept: the most that went through (`good`) and the least that was refused (`bad`). The
//! belief lies between them and closes in. Of a bucket they are beliefs: what counts in it depends on how fast it is thought
//! to drain, so only whether a belief has lasted tells anything.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::limits::{Limit, Limits, Source};
use super::metric::{Metric, Span, Unit};
use super::moment::{Moment, Now};
use super::rule::Rule;
use super::window::fixed::Period;

/// How long demand has to have been refused nothing before more is tried (ours): longer than a minute's window.
const TRIAL: Duration = Duration::from_secs(61);
/// The same for a bucket (ours): a quarter more than drains fills it in four minutes.
const BUCKET_TRIAL: Duration = Duration::from_secs(241);
/// After that long a refusal is forgotten: tiers move, limits are raised (ours).
const MEMORY: Duration = Duration::from_secs(3600);
/// One step up where no refusal says how far it may go (ours).
const STEP: f64 = 1.25;
/// Closer together than that, `good` and `bad` are the limit (ours).
const CLOSE: f64 = 1.02;
/// The same of a bucket (ours): a little too much fills it again and again.
const CLOSE_BUCKET: f64 = 1.12;
/// A refusal lowers a belief to a half at most, if less than that counts (ours): a bucket of which we think that it is
/// larger also drains faster, so that hardly anything seems to be in it.
const MOST_LOWER: u64 = 2;
/// Below this part of what is documented, others use the account: that is no reason to believe in a lower limit (ours).
const LEAST: f64 = 0.02;
/// The first rest after a refusal; it doubles with each refusal in a row (ours).
const FIRST_REST: Duration = Duration::from_secs(5);
/// The longest: the minute's window is over by then; seen to clear after about 100 s (siliconflow-api.md, section 0).
const LONGEST_REST: Duration = Duration::from_secs(100);

/// A limit of which nothing is known but that there is one.
const UNKNOWN: u64 = 1 << 32;

/// What was learned of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lesson {
    /// What is believed.
    pub value: u64,
    good: u64,
    bad: Option<u64>,
    /// When it was last refused.
    refused_at: Moment,
}

/// What happens to one metric at present.
#[derive(Debug, Clone, Copy, Default)]
struct Trial {
    since: Moment,
    /// The most that counted since then.
    peak: u64,
    /// Whether requests had to wait for it.
    is_pressed: bool,
    /// When it was last refused.
    refused_at: Moment,
    /// Refusals without an answer in between.
    in_a_row: u32,
}

/// The limits of one model for one account as they are believed.
#[derive(Debug, Clone)]
pub struct Beliefs {
    base: Limits,
    lessons: [Option<Lesson>; 7],
    trials: [Trial; 7],
    refusals: [u64; 7],
    /// Before that no trial is over, if that rule counts.
    next_review: Option<(Rule, Moment)>,
}

impl Beliefs {
    /// Nothing but what the catalogue and the configuration say.
    pub fn new(base: Limits) -> Self {
        Self { base, lessons: [None; 7], trials: Default::default(), refusals: [0; 7], next_review: None }
    }

    /// The limits to keep to.
    pub fn limits(&self) -> Limits {
        let mut limits = self.base;
        for metric in Metric::ALL {
            if let Some(lesson) = self.lessons[metric.index()] {
                limits.set(metric, Some(Limit { value: lesson.value, source: Source::Learned }));
            }
        }
        limits
    }

    /// Other documents, the same lessons.
    pub fn set_base(&mut self, base: Limits) {
        self.base = base;
    }

    /// What was learned of `metric`.
    pub fn lesson(&self, metric: Metric) -> Option<Lesson> {
        self.lessons[metric.index()]
    }

    /// Takes up what was learned in an earlier life.
    pub fn remember(&mut self, metric: Metric, lesson: Option<Lesson>) {
        self.lessons[metric.index()] = lesson.filter(|lesson| lesson.value > 0);
    }

    /// How often `metric` was refused.
    pub fn refusals(&self, metric: Metric) -> u64 {
        self.refusals[metric.index()]
    }

    /// The upstream, counting by `rule`, refused because of `metric` what was sent at `sent` while `used` counted by our
    /// reckoning and `asked` would have come on top of it. Until the moment returned, nothing more should be sent.
    pub fn refused(&mut self, rule: Rule, metric: Metric, used: u64, asked: u64, sent: Moment, now: Now) -> Moment {
        let is_news = self.is_news(metric, sent);
        let peak = self.trials[metric.index()].peak;
        let until = self.rest(metric, sent, now);
        self.refusals[metric.index()] += 1;
        if is_news && !(rule == Rule::Bucket && self.step_back(metric, now)) {
            self.lower(metric, used, asked, peak, now);
        }
        until
    }

    /// What has gone through before, where more is only being tried.
    pub fn proven(&self, metric: Metric) -> Option<u64> {
        let trial = &self.trials[metric.index()];
        if trial.in_a_row > 0 {
            // Refused, and nothing has gone through since.
            return Some(0);
        }
        let lesson = self.lessons[metric.index()]?;
        Some(lesson.good.max(trial.peak)).filter(|good| *good < lesson.value)
    }

    /// Whether it was sent after the last refusal was known. Others of the same moment say nothing new.
    pub(super) fn is_news(&self, metric: Metric, sent: Moment) -> bool {
        let trial = &self.trials[metric.index()];
        trial.in_a_row == 0 || sent > trial.refused_at
    }

    /// The upstream refused, and nothing is learned from it but to rest.
    pub fn rest(&mut self, metric: Metric, sent: Moment, now: Now) -> Moment {
        if self.is_news(metric, sent) {
            let in_a_row = self.trials[metric.index()].in_a_row.saturating_add(1);
            self.trials[metric.index()] = Trial { since: now.at, refused_at: now.at, in_a_row, ..Trial::default() };
        }
        let trial = &self.trials[metric.index()];
        match metric.span() {
            Span::Minute => {
                let doubled = FIRST_REST.saturating_mul(2u32.saturating_pow(trial.in_a_row.saturating_sub(1)));
                trial.refused_at.plus(doubled.min(LONGEST_REST))
            }
            // The clock's next hour, or the next day in Shanghai: nothing changes before.
            Span::Hour => now.at.plus(Period::hours(Duration::ZERO).next(now.wall).since(now.wall)),
            Span::Day => now.at.plus(Period::days(Duration::ZERO).next(now.wall).since(now.wall)),
        }
    }

    /// A bucket has refused what was only being tried: the belief that lasted before holds again. Whether there was one.
    fn step_back(&mut self, metric: Metric, now: Now) -> bool {
        let Some(lesson) = &mut self.lessons[metric.index()] else { return false };
        let is_tried = 0 < lesson.good && !is_close(lesson.good, lesson.value, CLOSE);
        if is_tried {
            *lesson = Lesson { value: lesson.good, bad: Some(lesson.value), refused_at: now.at, ..*lesson };
        }
        is_tried
    }

    /// `used` was too much, and `peak` was let through since the last change.
    fn lower(&mut self, metric: Metric, used: u64, asked: u64, peak: u64, now: Now) {
        let believed = self.limits().get(metric).map(|limit| limit.value);
        let least = self.base.get(metric).map_or(1, |limit| (limit.value as f64 * LEAST).ceil() as u64).max(1);
        if used < least && believed.is_some() {
            return;
        }
        let old = self.lessons[metric.index()];
        let good = old.map_or(0, |lesson| lesson.good).max(peak);
        // Tokens that are charged in the end go over the limit before the first is refused for it.
        let is_over = metric.unit() == Unit::Tokens && asked == 0;
        let fits = if is_over { below(good, used) } else { used };
        // Nothing was counted of what was not limited: count from now on.
        let value = believed.map_or(UNKNOWN, |believed| fits.max(believed / MOST_LOWER).min(believed).max(1));
        // What was let through once may be too much by now, and what counted then may have been counted wrong.
        let good = good.min(value * 9 / 10);
        // Where much less counts than is believed, our count is wrong too, and only the belief is refuted.
        let is_counted = used >= value;
        let bad = believed.map(|believed| if is_counted { used.saturating_add(asked).min(believed) } else { believed });
        self.lessons[metric.index()] = Some(Lesson { value, good, bad, refused_at: now.at });
    }

    /// A request that was sent at `sent` was let through: `used` was not too much.
    pub fn passed(&mut self, metric: Metric, used: u64, sent: Moment) {
        let trial = &mut self.trials[metric.index()];
        if trial.in_a_row == 0 || sent > trial.refused_at {
            trial.peak = trial.peak.max(used);
            trial.in_a_row = 0;
        }
    }

    /// The same of every metric.
    pub(super) fn passed_all(&mut self, levels: &[u64; 7], sent: Moment) {
        for metric in Metric::ALL {
            self.passed(metric, levels[metric.index()], sent);
        }
    }

    /// Whether more counts of a limit that is only being tried than was ever let through.
    pub(super) fn is_tried(&self, levels: &[u64; 7]) -> bool {
        let is_tried = |metric| self.proven(metric).is_some_and(|proven| levels[metric.index()] >= proven);
        Metric::ALL.into_iter().any(is_tried)
    }

    /// A request has to wait because of `metric`.
    pub fn pressed(&mut self, metric: Metric) {
        self.trials[metric.index()].is_pressed = true;
    }

    /// Whether a belief changed because time has passed without a refusal.
    pub fn review(&mut self, rule: Rule, now: Now) -> bool {
        if self.next_review.is_some_and(|(of, at)| of == rule && now.at < at) {
            return false;
        }
        let reviewed = Metric::ALL.map(|metric| self.review_metric(rule, metric, now));
        // Trials only ever begin anew: later than that, never earlier.
        let oldest = self.trials.iter().map(|trial| trial.since).min();
        self.next_review = oldest.map(|oldest| (rule, oldest.plus(length(rule))));
        reviewed.contains(&true)
    }

    fn review_metric(&mut self, rule: Rule, metric: Metric, now: Now) -> bool {
        let trial = self.trials[metric.index()];
        if now.at.since(trial.since) < length(rule) {
            return false;
        }
        self.trials[metric.index()] = Trial { since: now.at, peak: 0, is_pressed: false, ..trial };
        // After a refusal something has to go through first.
        let has_lasted = trial.is_pressed && trial.in_a_row == 0;
        let proven = match rule {
            Rule::Bucket if has_lasted => u64::MAX,
            Rule::Bucket => 0,
            Rule::Sliding | Rule::Fixed => trial.peak,
        };
        if let Some(lesson) = &mut self.lessons[metric.index()] {
            lesson.good = lesson.good.max(proven.min(lesson.value));
        }
        has_lasted && self.raise(rule, metric, proven, now)
    }

    /// All that was believed was used and nothing refused: a little more may be believed.
    fn raise(&mut self, rule: Rule, metric: Metric, proven: u64, now: Now) -> bool {
        let Some(base) = self.base.get(metric) else { return false };
        let old = self.lessons[metric.index()];
        let value = old.map_or(base.value, |lesson| lesson.value);
        let good = old.map_or(0, |lesson| lesson.good).max(proven.min(value));
        let bad = old.and_then(|lesson| lesson.bad.filter(|_| now.at.since(lesson.refused_at) < MEMORY));
        let close = if rule == Rule::Bucket { CLOSE_BUCKET } else { CLOSE };
        let higher = higher(base, value, (good, bad), close).filter(|higher| *higher > value);
        let Some(value) = higher else { return false };
        let refused_at = old.map(|lesson| lesson.refused_at).unwrap_or_default();
        self.lessons[metric.index()] = Some(Lesson { value, good, bad, refused_at });
        if value == base.value && bad.is_none() {
            self.lessons[metric.index()] = None;
        }
        true
    }
}

/// How long a trial lasts.
fn length(rule: Rule) -> Duration {
    if rule == Rule::Bucket { BUCKET_TRIAL } else { TRIAL }
}

/// Whether `value` is hardly more than `good`.
fn is_close(good: u64, value: u64, close: f64) -> bool {
    value as f64 <= good as f64 * close
}

/// What to believe when `used` was too much and `good` was not.
fn below(good: u64, used: u64) -> u64 {
    let nearly = (used as f64 / CLOSE) as u64;
    if good == 0 || good > used { nearly } else { ((good as f64 * used as f64).sqrt() as u64).min(nearly) }
}

/// What to believe next, if it is worth trying.
fn higher(base: Limit, value: u64, (good, bad): (u64, Option<u64>), close: f64) -> Option<u64> {
    let step = (value as f64 * STEP).ceil() as u64;
    match bad {
        Some(bad) if is_close(good.max(value), bad, close) => None,
        Some(bad) => Some(((good.max(value) as f64 * bad as f64).sqrt() as u64).min(step)),
        // Numbers that somebody stands for are not passed; the others are only starting points.
        None if matches!(base.source, Source::Configured | Source::Documented) => Some(step.min(base.value)),
        None => Some(step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(value: u64, source: Source) -> Beliefs {
        Beliefs::new(Limits::default().with(Metric::Tpm, value, source))
    }

    /// Uses all that is believed, minute by minute, against a true limit; refusals, and the last belief.
    fn learn(beliefs: &mut Beliefs, truth: u64, minutes: u64) -> (u64, u64) {
        let mut now = Now::both(Moment::of_seconds(1_000_000));
        for _ in 0..minutes {
            let value = beliefs.limits().get(Metric::Tpm).unwrap().value;
            beliefs.pressed(Metric::Tpm);
            if value > truth {
                beliefs.refused(Rule::Sliding, Metric::Tpm, truth, 0, now.at, now);
            } else {
                beliefs.passed(Metric::Tpm, value, now.at);
            }
            now = now.plus(Duration::from_secs(62));
            beliefs.review(Rule::Sliding, now);
        }
        (beliefs.refusals(Metric::Tpm), beliefs.limits().get(Metric::Tpm).unwrap().value)
    }

    #[test]
    fn finds_a_limit_that_is_twice_or_half_of_what_was_thought() {
        for (start, truth) in [(100_000, 50_000), (50_000, 100_000), (50_000, 400_000)] {
            let (refusals, value) = learn(&mut base(start, Source::Interpolated), truth, 50);
            assert!(refusals <= 3 && value <= truth && value * 100 >= truth * 96, "{refusals} refusals, {value}");
        }
    }

    #[test]
    fn numbers_that_somebody_stands_for_are_not_passed() {
        assert_eq!(learn(&mut base(50_000, Source::Configured), 100_000, 50), (0, 50_000));
        let mut beliefs = base(50_000, Source::Documented);
        learn(&mut beliefs, 20_000, 5);
        let learned = beliefs.limits().get(Metric::Tpm).unwrap();
        assert!((19_600..=20_000).contains(&learned.value) && learned.source == Source::Learned, "{learned:?}");
    }

    #[test]
    fn a_refusal_out_of_nothing_is_somebody_elses_use() {
        let mut beliefs = base(50_000, Source::Documented);
        let at = |seconds: u64| Now::both(Moment::of_seconds(1_000_000 + seconds));
        let rest = |second: u64| {
            beliefs.refused(Rule::Sliding, Metric::Tpm, 3, 0, at(second).at, at(second)).since(at(second).at).as_secs()
        };
        assert_eq!([0, 10, 20, 30, 40, 50, 60].map(rest), [5, 10, 20, 40, 80, 100, 100]);
        // Sent before the last refusal was known: nothing new.
        assert_eq!(beliefs.refused(Rule::Sliding, Metric::Tpm, 3, 0, at(59).at, at(61)), at(160).at);
        assert_eq!(beliefs.limits().get(Metric::Tpm).unwrap().value, 50_000);
    }
}
