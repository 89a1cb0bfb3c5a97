//! Nothing that comes from outside upsets the estimator: no text, no usage, no name, no saved state.

use std::time::Duration;

use proptest::prelude::*;

use super::super::{Calibration, Estimator, Features, Guess, Learned};

/// A lesson about `model` from `key`.
fn lesson<'a>(model: &'a str, key: &'a str, features: &'a Features, input: u64, output: u64) -> Learned<'a> {
    Learned {
        model,
        key,
        features: Some(features),
        asked: Some(1_000),
        is_thinking: None,
        input: Some(input),
        output: Some(output),
        first_token: Some(Duration::from_millis(300)),
        total: Some(Duration::from_secs(3)),
    }
}

fn assert_sane(guess: Guess) {
    assert!(guess.mean.is_finite() && guess.mean >= 0.0, "{guess:?}");
    assert!(guess.deviation.is_finite() && guess.deviation >= 0.0, "{guess:?}");
}

fn text(words: usize) -> Features {
    Features::of_chat(&format!(r#"[{{"role":"user","content":"{}"}}]"#, "some plain words ".repeat(words)), None)
}

/// Pieces of requests, whole and broken.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[\\[\\]{}:,\" \\\\a-z0-9]{0,12}",
        Just(r#"{"role":"tool","content":["#.to_owned()),
        Just(r#"{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/4AAQ"#.to_owned()),
        Just(r#""source":{"data":"iVBORw0KGgo"#.to_owned()),
        Just(r"\u4f\ud83d\".to_owned()),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_counted(one in pieces(), other in pieces()) {
        for features in [Features::of_chat(&one, Some(&other)), Features::of_input(&one)] {
            prop_assert!(features.counts().iter().all(|count| count.is_finite() && *count >= 0.0));
            assert_sane(Calibration::default().predict(&features));
        }
    }

    #[test]
    fn any_usage_is_survived(usages in prop::collection::vec((0_usize..50, any::<u64>(), 0_u32..64), 1..60)) {
        let estimator = Estimator::default();
        for (words, usage, shift) in usages {
            let features = text(words);
            let error = estimator.learn(lesson("m", "k", &features, usage >> shift, usage >> shift));
            prop_assert!(error.is_none_or(f64::is_finite));
            assert_sane(estimator.prompt("m", &features));
            assert_sane(estimator.output("m", "k", None, None));
            assert_sane(estimator.remaining("m", "k", Some(usage >> shift), None, usage));
        }
        // Whatever happened, ordinary usage is learned again.
        let features = text(40);
        (0..400).for_each(|_| _ = estimator.learn(lesson("m", "k", &features, 130, 130)));
        let guess = estimator.prompt("m", &features);
        prop_assert!((guess.mean - 130.0).abs() < 13.0, "{guess:?}");
    }

    #[test]
    fn any_saved_state_is_survived(text in "[\\[\\]{}:,\"a-z0-9.e-]{0,80}", number in any::<f64>()) {
        let estimator = Estimator::default();
        let saved = serde_json::from_str(&text).unwrap_or_default();
        prop_assert_eq!(estimator.import(&saved), 0);
        let mut saved = taught().export();
        saved["models"][0]["calibration"]["weights"][3] = number.into();
        saved["models"][1]["speed"]["per_token"] = number.into();
        saved["models"][2]["outputs"][0]["lengths"][4] = number.into();
        estimator.import(&saved);
        for model in ["a", "b", "c"] {
            assert_sane(estimator.prompt(model, &self::text(10)));
            assert_sane(estimator.output(model, "k", Some(400), None));
            prop_assert!(estimator.duration(model, 1_000) < Duration::from_secs(10_000));
        }
    }
}

/// An estimator that knows three models.
fn taught() -> Estimator {
    let estimator = Estimator::default();
    for (index, model) in ["a", "b", "c"].into_iter().enumerate() {
        for words in 1..30 {
            let features = text(words);
            estimator.learn(lesson(model, "k", &features, (words * (3 + index)) as u64, words as u64 * 20));
        }
    }
    estimator
}

#[test]
fn what_is_exported_comes_back_the_same() {
    let (old, new) = (taught(), Estimator::default());
    let saved = serde_json::to_string(&old.export()).unwrap();
    assert_eq!(new.import(&serde_json::from_str(&saved).unwrap()), 3);
    let features = text(17);
    for model in ["a", "b", "c", "never seen"] {
        assert!(is_close(old.prompt(model, &features), new.prompt(model, &features)));
        for (key, asked) in [("k", Some(1_000)), ("k", None), ("new", Some(1_000))] {
            assert!(is_close(old.output(model, key, asked, None), new.output(model, key, asked, None)));
            assert!(is_close(old.remaining(model, key, asked, None, 90), new.remaining(model, key, asked, None, 90)));
        }
        assert!(old.duration(model, 500).abs_diff(new.duration(model, 500)) < Duration::from_micros(1));
    }
}

/// Equal but for the last digit, which a number may lose on paper; lengths are of single precision.
fn is_close(one: Guess, other: Guess) -> bool {
    let is_close = |one: f64, other: f64| (one - other).abs() < 1e-6 * one.max(1.0);
    is_close(one.mean, other.mean) && is_close(one.deviation, other.deviation)
}

#[test]
fn another_version_is_not_read() {
    let mut saved = taught().export();
    saved["version"] = 0.into();
    assert_eq!(Estimator::default().import(&saved), 0);
}

/// Made-up names cannot make it grow, and do not push out what is in use.
#[test]
fn names_are_bounded() {
    let estimator = Estimator::default();
    let features = text(5);
    for number in 0..1_000 {
        estimator.learn(lesson(&format!("made-up-{number}"), "k", &features, 20, 20));
        estimator.learn(lesson("real", &format!("key-{number}"), &features, 20, 20));
        estimator.learn(lesson("real", "real", &features, 20, 777));
    }
    assert_eq!(estimator.learn(lesson(&"x".repeat(10_000), "k", &features, 20, 20)), None);
    assert!(estimator.models() <= 128);
    assert!(estimator.output("real", "real", Some(1_000), None).mean > 500.0);
    let size = estimator.export().to_string().len();
    assert!(size < 8_000_000, "{size} bytes");
}

/// Threads may ask and teach at once.
#[test]
fn threads_share_it() {
    let estimator = Estimator::default();
    let features = text(20);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (estimator, features) = (&estimator, &features);
            scope.spawn(move || {
                for round in 0..50 {
                    let model = ["one", "two"][round % 2];
                    estimator.learn(lesson(model, "k", features, 65 + thread, 100));
                    assert_sane(estimator.prompt(model, features) + estimator.output(model, "k", None, None));
                    estimator.import(&serde_json::Value::Null);
                }
            });
        }
    });
    assert!((estimator.prompt("one", &features).mean - 66.0).abs() < 3.0);
}
