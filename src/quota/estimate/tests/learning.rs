//! How prompts and speeds are learned.

use std::time::Duration;

use super::super::{Calibration, Estimator, Features, Learned, Speed};

fn chat(text: &str) -> Features {
    Features::of_chat(&format!("[{{\"role\":\"user\",\"content\":{}}}]", serde_json::to_string(text).unwrap()), None)
}

/// Texts of several kinds and lengths.
fn texts() -> Vec<Features> {
    let kinds = [
        "A few plain English words. ",
        "一些中文的文字，写在这里。",
        "let x = foo_bar(12, \"y\");\n    ",
        "1234 5678 ",
    ];
    (0..80).map(|index| chat(&kinds[index % 4].repeat(1 + index * 7 % 31))).collect()
}

/// A tokenizer that makes `factor` times the tokens of the prior's.
fn tokens(features: &Features, factor: f64) -> u64 {
    (Calibration::default().predict(features).mean * factor).round() as u64
}

fn worst_error(calibration: &Calibration, factor: f64) -> f64 {
    let error = |features: &Features| {
        let actual = tokens(features, factor) as f64;
        (calibration.predict(features).mean - actual).abs() / (actual + 10.0)
    };
    texts().iter().map(error).fold(0.0, f64::max)
}

#[test]
fn a_tokenizer_of_another_size_is_learned_and_learned_anew() {
    let mut calibration = Calibration::default();
    for (factor, rounds) in [(1.3, 1), (0.8, 20)] {
        for _ in 0..rounds {
            texts().iter().for_each(|features| calibration.learn(features, tokens(features, factor)));
        }
        let worst = worst_error(&calibration, factor);
        assert!(worst < 0.05, "{factor}: {worst}");
    }
}

#[test]
fn one_wrong_usage_does_not_undo_much() {
    let mut calibration = Calibration::default();
    texts().iter().for_each(|features| calibration.learn(features, tokens(features, 1.0)));
    for wrong in [1, 10, 1_000_000, u64::MAX] {
        calibration.learn(&chat(&"some words ".repeat(100)), wrong);
    }
    let worst = worst_error(&calibration, 1.0);
    assert!(worst < 0.1, "{worst}");
}

#[test]
fn the_deviation_follows_the_errors() {
    let spread = |noise: f64| {
        let mut calibration = Calibration::default();
        for (index, features) in texts().iter().cycle().take(400).enumerate() {
            let factor = if index.count_ones() % 2 == 0 { 1.0 + noise } else { 1.0 - noise };
            calibration.learn(features, tokens(features, factor));
        }
        let guess = calibration.predict(&chat(&"some words ".repeat(300)));
        guess.deviation / guess.mean
    };
    let (quiet, loud) = (spread(0.01), spread(0.2));
    assert!(quiet < 0.05, "{quiet}");
    assert!((0.12..0.35).contains(&loud), "{loud}");
}

#[test]
fn a_new_model_is_doubted() {
    let features = chat(&"some words ".repeat(300));
    let guess = Calibration::of_model("acme/unheard-of").predict(&features);
    assert!(guess.deviation > 0.1 * guess.mean, "{guess:?}");
    assert!(guess.upper(2.0) > guess.mean as u64);
}

#[test]
fn learning_tells_the_error_it_found() {
    let estimator = Estimator::default();
    let features = chat(&"some words ".repeat(50));
    let learned = |input: Option<u64>| Learned {
        model: "m",
        key: "k",
        features: Some(&features),
        asked: None,
        is_thinking: None,
        input,
        output: None,
        first_token: None,
        total: None,
    };
    assert_eq!(estimator.learn(learned(None)), None);
    let before = estimator.prompt("m", &features).mean;
    let error = estimator.learn(learned(Some(200))).unwrap();
    assert!((error - (before / 200.0 - 1.0)).abs() < 1e-9, "{error}");
}

#[test]
fn speed_is_learned() {
    let mut speed = Speed::default();
    assert_eq!(speed.duration(51), Duration::from_secs(2));
    let learn = |speed: &mut Speed, first: Option<u64>, total: u64, output: u64| {
        speed.learn(first.map(Duration::from_millis), Duration::from_millis(total), output);
    };
    (0..60).for_each(|_| learn(&mut speed, Some(400), 2_400, 201));
    let seconds = speed.duration(101).as_secs_f64();
    assert!((1.35..1.45).contains(&seconds), "{seconds}");
    // A short answer in one piece, clocks that lie, hours.
    learn(&mut speed, None, 2, 1);
    assert!(speed.duration(101).as_secs_f64() > 1.3);
    learn(&mut speed, Some(5_000), 10, 500);
    speed.learn(Some(Duration::MAX), Duration::MAX, u64::MAX);
    assert!(speed.duration(u64::MAX) < Duration::MAX);
    (0..60).for_each(|_| learn(&mut speed, None, 4_400, 201));
    assert!(speed.duration(101) < Duration::from_secs(60));
}
