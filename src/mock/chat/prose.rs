//! The emulator's small talk: short sentences that reflect the prompt, so that a person sees which answer belongs to
//! which question. Directives in the last user message steer it (ours): `[[say=TEXT]]` answers TEXT,
//! `[[tokens=N]]` answers exactly N tokens, `[[think=N]]` reasons for exactly N tokens.

use super::prompt::text_of;
use super::request::ChatRequest;
use crate::mock::seed::Numbers;
use crate::mock::tokens;

const ENDINGS: [&str; 5] = [
    "That is all there is to say.",
    "I hope this helps.",
    "Ask me again and I will say the same.",
    "The emulator has no opinion of its own.",
    "Real models would be wordier.",
];
const ENDINGS_CHINESE: [&str; 3] = ["就是这样。", "希望对您有帮助。", "再问一次,答案也一样。"];

/// The answer in words.
pub(super) fn reply(request: &ChatRequest<'_>, asked: &str, seed: u64) -> String {
    if let Some(text) = directive(asked, "say") {
        return text.to_owned();
    }
    if let Some(count) = directive(asked, "tokens").and_then(|text| text.parse().ok()) {
        return exactly(count, seed);
    }
    if let Some(text) = filled_middle(request) {
        return text;
    }
    let results: Vec<String> =
        request.messages.iter().rev().take_while(|message| message["role"] == "tool").map(text_of).collect();
    if !results.is_empty() {
        let results: Vec<&str> = results.iter().rev().map(|text| short(text, 300)).collect();
        return format!("According to the tool: {}", results.join("; "));
    }
    reflected(asked, seed)
}

fn reflected(asked: &str, seed: u64) -> String {
    let mut numbers = Numbers::from(seed);
    let quote = short(asked, 160);
    if asked.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter)) {
        let ending = ENDINGS_CHINESE.get(numbers.below(ENDINGS_CHINESE.len())).copied().unwrap_or_default();
        return format!("您说的是:“{quote}”。{ending}");
    }
    let ending = ENDINGS.get(numbers.below(ENDINGS.len())).copied().unwrap_or_default();
    format!("You said: \"{quote}\". {ending}")
}

/// What a thinking model thinks.
pub(super) fn reasoning(asked: &str) -> String {
    if let Some(count) = directive(asked, "think").and_then(|text| text.parse().ok()) {
        return exactly(count, 1);
    }
    format!("The user writes \"{}\". A short answer will do.", short(asked, 60))
}

/// FIM (`prefix` and `suffix`) and prefix continuation.
fn filled_middle(request: &ChatRequest<'_>) -> Option<String> {
    let prefix = request.json["prefix"].as_str()?;
    let last = prefix.trim_end().lines().next_back().unwrap_or_default();
    Some(match request.json["suffix"].as_str() {
        Some(_) => format!(" /* between: {} */ ", short(last.trim(), 40)),
        None => format!(" and so on from \"{}\".", short(last.trim(), 40)),
    })
}

/// Text of exactly `count` tokens.
fn exactly(count: u64, seed: u64) -> String {
    const WORDS: [&str; 8] = ["one ", "two ", "red ", "sun ", "ice ", "fox ", "map ", "key "];
    let mut numbers = Numbers::from(seed);
    (0..count).map(|_| WORDS.get(numbers.below(WORDS.len())).copied().unwrap_or("any ")).collect()
}

fn directive<'a>(asked: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = asked.split_once(&format!("[[{name}="))?;
    after.split_once("]]").map(|(value, _)| value)
}

/// At most `most` characters of the text.
pub(super) fn short(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| text.get(..end).unwrap_or(text)).trim()
}

/// The pieces a stream sends the text in: one token each.
pub(super) fn spoken(text: &str) -> impl Iterator<Item = &str> {
    tokens::pieces(text)
}
