//! Any text is counted: finite counts, none below 0, each piece of text once, and an estimate that makes sense.
//! Input: one byte that says where to cut, then `messages` and `tools`.

use flowgate::quota::estimate::{Calibration, Estimator, Features};

pub fn check(data: &[u8]) {
    let Some((&cut, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let at = text.floor_char_boundary(text.len() * usize::from(cut) / 256);
    let (messages, tools) = text.split_at(at);

    let chat = Features::of_chat(messages, Some(tools));
    let input = Features::of_input(text);
    let mut both = chat;
    both.add_input(text);
    for features in [chat, input, both] {
        // No character counts for more than a handful of things; a film of unknown length is 7,680 tokens.
        let most = 8_000.0 * (4 + text.len()) as f64;
        assert!(features.counts().iter().all(|count| (0.0..most).contains(count)), "{features:?}");
        let mut calibration = Calibration::default();
        calibration.learn(&features, u64::from(cut));
        let guess = calibration.predict(&features);
        assert!(guess.mean.is_finite() && guess.mean >= 0.0 && guess.deviation.is_finite() && guess.deviation >= 0.0);
    }
    // What the head takes for a string counts the same however it is escaped.
    if let Ok(string) = serde_json::from_str::<String>(text) {
        let plain = Features::of_input(&serde_json::to_string(&string).expect("strings can be written"));
        assert_eq!(plain, Features::of_input(text.trim_ascii()));
    }
    if let Ok(saved) = serde_json::from_str(text) {
        Estimator::default().import(&saved);
    }
}
