//! How long answers are expected to get.

use proptest::prelude::*;

use super::super::Outputs;

/// Outputs that saw `lengths` from the key `k`, with `asked` and without thinking.
fn seen(lengths: impl IntoIterator<Item = u64>, asked: Option<u64>) -> Outputs {
    let mut outputs = Outputs::default();
    lengths.into_iter().for_each(|length| outputs.learn("k", asked, None, length));
    outputs
}

#[test]
fn begins_with_a_prior_and_follows_what_is_seen() {
    let mut outputs = Outputs::default();
    let plain = outputs.expect("k", None, Some(false), 0);
    let thinking = outputs.expect("k", None, Some(true), 0);
    assert!((300.0..900.0).contains(&plain.mean), "{plain:?}");
    assert!(thinking.mean > 2.0 * plain.mean, "{thinking:?}");

    let mut outputs = seen([50; 200], None);
    let guess = outputs.expect("k", None, None, 0);
    assert!((45.0..110.0).contains(&guess.mean), "{guess:?}");
    (0..200).for_each(|_| outputs.learn("k", None, None, 2_000));
    let guess = outputs.expect("k", None, None, 0);
    assert!((1_500.0..2_200.0).contains(&guess.mean), "the old is forgotten: {guess:?}");
}

#[test]
fn a_new_key_leans_on_the_model() {
    let mut outputs = seen([2_000; 100], Some(4_096));
    let stranger = outputs.expect("new", Some(4_096), None, 0).mean;
    assert!(stranger > 1_500.0, "{stranger}");
    (0..100).for_each(|_| outputs.learn("new", Some(4_096), None, 20));
    assert!(outputs.expect("new", Some(4_096), None, 0).mean < 400.0);
    assert!(outputs.expect("k", Some(4_096), None, 0).mean > 1_500.0);
}

#[test]
fn thinking_and_the_asked_length_are_told_apart() {
    let mut outputs = Outputs::default();
    for _ in 0..100 {
        outputs.learn("k", Some(4_096), Some(true), 3_000);
        outputs.learn("k", Some(4_096), Some(false), 100);
        outputs.learn("k", Some(60), None, 30);
    }
    let mut mean = |asked, is_thinking| outputs.expect("k", Some(asked), is_thinking, 0).mean;
    assert!(mean(4_096, Some(true)) > 2_500.0);
    assert!(mean(4_096, Some(false)) < 200.0);
    assert!(mean(60, None) < 60.0);
}

#[test]
fn a_running_answer_is_expected_to_end_as_others_did() {
    // Half of the answers have 100 tokens, half 1,000: who has passed 200 will get to 1,000.
    let mut outputs = seen((0..400).map(|index| if index % 2 == 0 { 100 } else { 1_000 }), None);
    let remaining = |outputs: &mut Outputs, so_far| outputs.expect("k", None, None, so_far).mean;
    let (start, later) = (remaining(&mut outputs, 0), remaining(&mut outputs, 200));
    assert!((450.0..750.0).contains(&start), "{start}");
    assert!((700.0..1_050.0).contains(&later), "{later}");
    // Longer than all before: it goes on for a while.
    let beyond = remaining(&mut outputs, 250_000);
    assert!((10_000.0..100_000.0).contains(&beyond), "{beyond}");
}

#[test]
fn quantiles_are_those_of_what_was_seen() {
    let mut outputs = seen((0..1_000).map(|index| 100 + index * 37 % 100 * 10), None);
    let lengths = outputs.lengths("k", None, None);
    let (low, middle, high) = (lengths.quantile(0.1), lengths.quantile(0.5), lengths.quantile(0.9));
    assert!(low < middle && middle < high, "{low} {middle} {high}");
    assert!((500.0..700.0).contains(&middle), "{middle}");
    assert!((900.0..1_400.0).contains(&high), "{high}");
    assert!((lengths.total() - 1.0).abs() < 1e-3);
}

proptest! {
    #[test]
    fn never_more_than_asked(
        lengths in prop::collection::vec(0_u64..300_000, 0..60),
        asked in prop::option::of(0_u64..40_000),
        so_far in 0_u64..60_000,
        is_thinking in any::<Option<bool>>(),
    ) {
        let mut outputs = Outputs::default();
        lengths.iter().for_each(|length| outputs.learn("k", asked, is_thinking, *length));
        let guess = outputs.expect("k", asked, is_thinking, so_far);
        prop_assert!(guess.mean.is_finite() && guess.mean >= 0.0 && guess.deviation.is_finite(), "{:?}", guess);
        let room = asked.map_or(f64::INFINITY, |asked| asked.saturating_sub(so_far) as f64);
        prop_assert!(guess.mean <= room && guess.deviation <= room, "{:?} of {}", guess, room);
        prop_assert!(guess.mean + so_far as f64 <= 1e7);
    }

    /// The whole length only grows with what came.
    #[test]
    fn what_came_is_not_expected_again(
        lengths in prop::collection::vec(1_u64..20_000, 1..60),
        so_far in 0_u64..10_000,
    ) {
        let mut outputs = seen(lengths, None);
        let whole = |outputs: &mut Outputs, so_far: u64| so_far as f64 + outputs.expect("k", None, None, so_far).mean;
        let (start, now) = (whole(&mut outputs, 0), whole(&mut outputs, so_far));
        prop_assert!(now >= so_far as f64);
        prop_assert!(now >= start * 0.99, "{} then {}", start, now);
    }
}
