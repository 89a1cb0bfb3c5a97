//! How wrong the estimate is: before any answer, after fifty, and with the wrong family to begin with.

use flowgate::quota::estimate::Calibration;

use super::{CLASSES, Sample, TOKENIZERS, samples};

/// Answers that are learned from.
const ANSWERS: usize = 50;

/// The product's bar: the median relative error of every kind of request after [`ANSWERS`].
const BAR: f64 = 0.05;

/// Relative errors by kind of sample: median and 90th percentile.
fn errors(calibration: &Calibration, held: &[&Sample], tokenizer: usize, class: &str) -> (f64, f64) {
    let of_class = held.iter().filter(|sample| sample.class == class);
    let error =
        |sample: &&Sample| (calibration.predict(&sample.features).mean / sample.tokens[tokenizer] as f64 - 1.0).abs();
    let mut errors: Vec<f64> = of_class.map(error).collect();
    errors.sort_by(f64::total_cmp);
    (errors[errors.len() / 2], errors[errors.len() * 9 / 10])
}

/// A shuffle that is the same everywhere (SplitMix64).
fn shuffled<T>(mut items: Vec<T>, mut seed: u64) -> Vec<T> {
    for end in (1..items.len()).rev() {
        seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut random = (seed ^ seed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        random = (random ^ random >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        items.swap(end, ((random ^ random >> 31) % (end as u64 + 1)) as usize);
    }
    items
}

/// What is left for measuring after fifty samples, drawn from all kinds, were learned. Half of the samples, those that
/// the first weights come from, are never measured on.
fn learn<'s>(calibration: &mut Calibration, all: &'s [Sample], tokenizer: usize, seed: u64) -> Vec<&'s Sample> {
    let order = shuffled((0..all.len()).filter(|index| all[*index].class != "other").collect(), seed);
    for index in &order[..ANSWERS] {
        calibration.learn(&all[*index].features, all[*index].tokens[tokenizer]);
    }
    order[ANSWERS..].iter().filter(|index| *index % 2 == 1).map(|index| &all[*index]).collect()
}

/// Learns and measures with several seeds; the worst median and 90th percentile of each kind.
fn worst(model: &str, all: &[Sample], tokenizer: usize) -> [(f64, f64); CLASSES.len()] {
    let mut worst = [(0.0_f64, 0.0_f64); CLASSES.len()];
    for seed in 1..=8 {
        let mut calibration = Calibration::of_model(model);
        let held = learn(&mut calibration, all, tokenizer, seed);
        for (class, worst) in CLASSES.iter().zip(&mut worst) {
            let (median, tail) = errors(&calibration, &held, tokenizer, class);
            *worst = (worst.0.max(median), worst.1.max(tail));
        }
    }
    worst
}

fn cold(model: &str, all: &[Sample], tokenizer: usize, class: &str) -> (f64, f64) {
    let held: Vec<&Sample> = all.iter().skip(1).step_by(2).collect();
    errors(&Calibration::of_model(model), &held, tokenizer, class)
}

#[test]
fn fifty_answers_are_enough_for_every_kind_of_request() {
    let all = samples();
    for (tokenizer, (name, model)) in TOKENIZERS.iter().enumerate() {
        for (class, (median, tail)) in CLASSES.iter().zip(worst(model, &all, tokenizer)) {
            let (cold, cold_tail) = cold(model, &all, tokenizer, class);
            println!("{name:8} {class:8} cold {cold:.3} p90 {cold_tail:.3}, after {ANSWERS} {median:.3} p90 {tail:.3}");
            assert!(median < BAR, "{name}, {class}: median {median:.3} after {ANSWERS} answers");
            assert!(tail < 0.13, "{name}, {class}: p90 {tail:.3} after {ANSWERS} answers");
            assert!(cold < BAR, "{name}, {class}: median {cold:.3} before any answer");
        }
        let (median, tail) = cold(model, &all, tokenizer, "other");
        println!("{name:8} other    cold {median:.3} p90 {tail:.3}");
        assert!(median < 0.2, "{name}: {median:.3} on other languages and machine text");
    }
}

/// A model whose name says nothing begins in the middle; one whose name lies begins with the wrong vocabulary.
#[test]
fn a_strange_tokenizer_is_learned() {
    let all = samples();
    for (tokenizer, (name, _)) in TOKENIZERS.iter().enumerate() {
        let liar = TOKENIZERS[1 - tokenizer].1;
        for (model, bar, cold_bar) in [("acme/unheard-of", BAR, 0.12), (liar, 0.08, 0.2)] {
            for (class, (median, tail)) in CLASSES.iter().zip(worst(model, &all, tokenizer)) {
                let (cold, cold_tail) = cold(model, &all, tokenizer, class);
                println!(
                    "{name:8} from {model:26} {class:8} cold {cold:.3} p90 {cold_tail:.3}, after {ANSWERS} {median:.3} p90 {tail:.3}"
                );
                assert!(median < bar, "{name} from {model}, {class}: median {median:.3}");
                assert!(cold < cold_bar, "{name} from {model}, {class}: median {cold:.3} before any answer");
            }
        }
    }
}

/// Fifty answers of one kind only: that kind is known, and the others are not lost.
#[test]
fn one_kind_of_request_teaches_itself() {
    let all = samples();
    for (tokenizer, (name, _)) in TOKENIZERS.iter().enumerate() {
        for taught in CLASSES {
            let mut calibration = Calibration::of_model("acme/unheard-of");
            let of_class: Vec<&Sample> = all.iter().filter(|sample| sample.class == taught).collect();
            let of_class = shuffled(of_class, 7);
            of_class[..ANSWERS].iter().for_each(|sample| calibration.learn(&sample.features, sample.tokens[tokenizer]));
            let (median, tail) = errors(&calibration, &of_class[ANSWERS..], tokenizer, taught);
            println!("{name:8} taught {taught:8} {median:.3} p90 {tail:.3}");
            assert!(median < BAR, "{name}, {taught}: {median:.3}");
            for class in CLASSES {
                let (median, _) = errors(&calibration, &all.iter().collect::<Vec<_>>(), tokenizer, class);
                assert!(median < 0.25, "{name}: {class} is {median:.3} after answers to {taught} only");
            }
        }
    }
}

/// The deviation tells the truth: about two thirds of the errors are within one, nearly all within three.
#[test]
fn the_deviation_is_honest() {
    let all = samples();
    for (tokenizer, (name, model)) in TOKENIZERS.iter().enumerate() {
        let mut calibration = Calibration::of_model(model);
        let held = learn(&mut calibration, &all, tokenizer, 3);
        let within = |deviations: f64| {
            let is_within = |sample: &&&Sample| {
                let guess = calibration.predict(&sample.features);
                (guess.mean - sample.tokens[tokenizer] as f64).abs() <= deviations * guess.deviation
            };
            held.iter().filter(is_within).count() as f64 / held.len() as f64
        };
        println!("{name:8} within 1, 2, 3 deviations: {:.2} {:.2} {:.2}", within(1.0), within(2.0), within(3.0));
        assert!(within(1.0) > 0.6 && within(3.0) > 0.97, "{name}: {} {}", within(1.0), within(3.0));
    }
}
