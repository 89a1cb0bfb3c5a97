//! The meters with time handed in: each rule with each charge, the calendar, what is remembered.

use super::*;

/// 2026-11-21 00:00 in Shanghai: whole days since 1970 there.
const MIDNIGHT: Duration = Duration::from_secs(20_778 * 86_400);

fn at(seconds: u64) -> Duration {
    MIDNIGHT + Duration::from_secs(seconds)
}

/// Meters of one model with settings and limits that stay.
struct Bench {
    meters: Meters,
    settings: LimitSettings,
    limits: Limits,
}

impl Bench {
    fn new(rule: Rule, charge: Charge, limits: Limits) -> Self {
        let settings = LimitSettings { rule, charge, ..LimitSettings::default() };
        Self { meters: Meters::default(), settings, limits }
    }

    fn who() -> (String, String) {
        ("team".into(), "a/model".into())
    }

    fn ask(&mut self, second: u64, ask: Ask) -> Result<Admitted, &'static str> {
        self.meters.admit(&Self::who(), ask, &self.limits, &self.settings, at(second))
    }

    fn tokens(&mut self, second: u64, tokens: u64) -> Result<Admitted, &'static str> {
        self.ask(second, Ask { tokens, images: 0 })
    }

    fn settle(&mut self, second: u64, admitted: Admitted, tokens: u64) {
        self.meters.settle(&Self::who(), admitted, tokens, self.settings.charge, at(second));
    }

    fn metric(&mut self, second: u64, metric: &str) -> MetricUse {
        self.meters.report(at(second))[0].metrics[metric]
    }
}

fn tpm(limit: u64) -> Limits {
    Limits { tpm: Some(limit), ..Limits::default() }
}

#[test]
fn after_lets_in_while_anything_is_left() {
    for (rule, free_again) in [(Rule::Sliding, 80), (Rule::Fixed, 60), (Rule::Bucket, 141)] {
        let mut bench = Bench::new(rule, Charge::After, tpm(100));
        let first = bench.tokens(10, 1_000).unwrap();
        let second = bench.tokens(11, 1_000).unwrap();
        bench.settle(20, first, 99);
        assert_eq!(bench.metric(20, "tpm").used, 99, "{rule:?}");
        bench.settle(20, second, 201);
        assert_eq!(bench.tokens(21, 1).unwrap_err(), "TPM");
        // The bucket holds 300 and loses 100 a minute: below 100, rounded up, in the 121st second.
        assert!(bench.tokens(free_again - 1, 1).is_err(), "{rule:?}");
        assert!(bench.tokens(free_again, 1).is_ok(), "{rule:?}");
        let tpm = bench.metric(free_again, "tpm");
        assert_eq!((tpm.peak, tpm.charged), (300, 300));
    }
}

#[test]
fn before_holds_what_may_come_and_gives_it_back() {
    for rule in [Rule::Sliding, Rule::Fixed, Rule::Bucket] {
        let mut bench = Bench::new(rule, Charge::Before, tpm(100));
        assert_eq!(bench.tokens(0, 101).unwrap_err(), "TPM", "{rule:?}");
        let first = bench.tokens(0, 100).unwrap();
        assert_eq!(bench.tokens(0, 1).unwrap_err(), "TPM");
        bench.settle(0, first, 30);
        assert_eq!(bench.metric(0, "tpm").used, 30);
        assert!(bench.tokens(0, 70).is_ok() && bench.tokens(0, 1).is_err(), "{rule:?}");
        let tpm = bench.metric(0, "tpm");
        assert_eq!((tpm.peak, tpm.charged, tpm.refused), (100, 100, 3));
    }
}

/// What is given back was held at admission, and leaves the window with it.
#[test]
fn a_late_correction_makes_no_room_twice() {
    for rule in [Rule::Sliding, Rule::Fixed] {
        let mut bench = Bench::new(rule, Charge::Before, tpm(100));
        let first = bench.tokens(0, 90).unwrap();
        let second = bench.tokens(30, 10).unwrap();
        bench.settle(59, second, 5);
        let third = bench.tokens(61, 95).unwrap();
        bench.settle(70, first, 10); // its 90 have left already
        assert_eq!(bench.metric(70, "tpm").used, if rule == Rule::Sliding { 100 } else { 95 }, "{rule:?}");
        bench.settle(75, third, 40);
        assert_eq!(bench.metric(130, "tpm").used, 0);
    }
}

#[test]
fn hours_and_days_are_the_wall_s_whatever_the_rule() {
    for rule in [Rule::Sliding, Rule::Fixed, Rule::Bucket] {
        for (limits, name, turns) in [
            (Limits { rph: Some(1), ..Limits::default() }, "RPH", 3_600),
            (Limits { rpd: Some(1), ..Limits::default() }, "RPD", 86_400),
        ] {
            let mut bench = Bench::new(rule, Charge::After, limits);
            assert!(bench.tokens(turns - 1, 1).is_ok());
            assert_eq!(bench.tokens(turns - 1, 1).unwrap_err(), name, "{rule:?}");
            assert!(bench.tokens(turns, 1).is_ok(), "{rule:?} {name}");
            assert!(bench.tokens(2 * turns - 1, 1).is_err());
        }
    }
}

#[test]
fn tokens_and_pictures_have_days_too() {
    let limits = Limits { tpd: Some(10), ipd: Some(2), ..Limits::default() };
    let mut bench = Bench::new(Rule::Sliding, Charge::After, limits);
    let first = bench.ask(100, Ask { tokens: 5, images: 2 }).unwrap();
    bench.settle(100, first, 5);
    assert_eq!(bench.ask(86_399, Ask { tokens: 0, images: 1 }).unwrap_err(), "IPD");
    let second = bench.tokens(86_399, 1).unwrap();
    bench.settle(86_399, second, 5);
    assert_eq!(bench.tokens(86_399, 1).unwrap_err(), "TPD");
    assert!(bench.ask(86_400, Ask { tokens: 1, images: 2 }).is_ok());
}

#[test]
fn a_short_minute_shortens_hours_and_days() {
    let limits = Limits { rpm: Some(3), rph: Some(4), ..Limits::default() };
    let mut bench = Bench::new(Rule::Fixed, Charge::After, limits);
    bench.settings.minute = Duration::from_secs(1);
    let seen: Vec<bool> = [0, 0, 0, 0, 1, 2, 60].into_iter().map(|second| bench.tokens(second, 1).is_ok()).collect();
    assert_eq!(seen, [true, true, true, false, true, false, true]);
}

#[test]
fn refused_requests_count_if_asked_to() {
    for (refused_count, charged) in [(false, 1), (true, 3)] {
        let limits = Limits { rpm: Some(1), ..Limits::default() };
        let mut bench = Bench::new(Rule::Sliding, Charge::After, limits);
        bench.settings.refused_count = refused_count;
        for _ in 0..3 {
            let _ = bench.tokens(0, 1);
        }
        let rpm = bench.metric(0, "rpm");
        assert_eq!((rpm.charged, rpm.peak, rpm.refused), (charged, charged, 2));
    }
}

/// A window that is filled as soon as it can be is used to the full; the average says so where amounts leave at once.
#[test]
fn the_report_tells_how_much_of_the_quota_was_used() {
    for (rule, average) in [(Rule::Sliding, 1.0), (Rule::Fixed, 1.0), (Rule::Bucket, 0.5)] {
        let mut bench = Bench::new(rule, Charge::After, tpm(600));
        for minute in 0..10 {
            let admitted = bench.tokens(minute * 60, 600).unwrap();
            bench.settle(minute * 60, admitted, 600);
        }
        let tpm = bench.metric(600, "tpm");
        assert!((tpm.share - 1.0).abs() < 1e-9, "{rule:?}: {tpm:?}");
        assert!((tpm.average - average).abs() < 1e-6, "{rule:?}: {tpm:?}");
        assert_eq!((tpm.limit, tpm.charged, tpm.refused), (600, 6_000, 0));
        // As long again without a request.
        let tpm = bench.metric(1_200, "tpm");
        assert!((tpm.share - 0.5).abs() < 1e-9 && (tpm.average - average / 2.0).abs() < 1e-6, "{rule:?}: {tpm:?}");
    }
}

#[test]
fn half_a_quota_is_half() {
    let mut bench = Bench::new(Rule::Sliding, Charge::After, tpm(600));
    for second in 0..600 {
        let admitted = bench.tokens(second, 5).unwrap();
        bench.settle(second, admitted, 5);
    }
    let tpm = bench.metric(600, "tpm");
    assert!((tpm.share - 0.5).abs() < 1e-9, "{tpm:?}");
    assert!((tpm.average - 0.475).abs() < 0.001, "the first minute fills slowly: {tpm:?}");
}

#[test]
fn a_limit_set_in_the_middle_counts_from_then_on() {
    let mut bench = Bench::new(Rule::Sliding, Charge::Before, Limits::default());
    let early = bench.tokens(0, 500).unwrap();
    assert_eq!(bench.meters.report(at(0)), []);
    bench.limits = tpm(100);
    assert!(bench.tokens(1, 60).is_ok());
    bench.settle(2, early, 10); // neither its 500 nor what they give back
    assert_eq!(bench.metric(2, "tpm").used, 60);
    bench.limits = tpm(50);
    assert!(bench.tokens(3, 1).is_err());
    bench.limits = Limits::default();
    assert!(bench.tokens(4, 1_000).is_ok());
    assert_eq!(bench.meters.report(at(4)), []);
}

/// 5M tokens a minute in small requests: fifty thousand in one window.
#[test]
fn many_requests_cost_no_more_than_one_each() {
    for rule in [Rule::Sliding, Rule::Fixed, Rule::Bucket] {
        let mut bench = Bench::new(rule, Charge::Before, tpm(5_000_000));
        for request in 0..50_000 {
            let now = MIDNIGHT + Duration::from_micros(request * 1_000);
            let ask = Ask { tokens: 50, images: 0 };
            let admitted = bench.meters.admit(&Bench::who(), ask, &bench.limits, &bench.settings, now).unwrap();
            bench.meters.settle(&Bench::who(), admitted, 40, Charge::Before, now);
        }
        assert_eq!(bench.metric(50, "tpm").charged, 2_000_000);
    }
}
