//! What is counted.

use proptest::prelude::*;

use super::super::{Calibration, Feature, Features};

/// The counts of one user message with `text`, without those of the message itself.
fn of_text(text: &str) -> Vec<(Feature, f64)> {
    of_json(&serde_json::to_string(text).unwrap())
}

fn of_json(string: &str) -> Vec<(Feature, f64)> {
    let features = Features::of_chat(&format!(r#"[{{"role":"user","content":{string}}}]"#), None);
    assert_eq!((features.get(Feature::Request), features.get(Feature::Message)), (1.0, 1.0));
    ALL_OF_TEXT.into_iter().map(|feature| (feature, features.get(feature))).filter(|(_, count)| *count > 0.0).collect()
}

const ALL_OF_TEXT: [Feature; 21] = [
    Feature::Han,
    Feature::HanRun,
    Feature::HanJoined,
    Feature::FullWidth,
    Feature::Kana,
    Feature::Hangul,
    Feature::Alphabet,
    Feature::Accented,
    Feature::Thin,
    Feature::Wide,
    Feature::Word,
    Feature::Tangled,
    Feature::Camel,
    Feature::Capital,
    Feature::Digit,
    Feature::Number,
    Feature::SpacedNumber,
    Feature::Punctuation,
    Feature::MorePunctuation,
    Feature::Newline,
    Feature::Indent,
];

#[test]
fn counts_by_script_and_place() {
    use Feature::{
        Accented, Alphabet, Camel, Capital, Digit, FullWidth, Han, HanJoined, HanRun, Hangul, Indent, Kana,
        MorePunctuation, Newline, Number, Punctuation, SpacedNumber, Tangled, Thin, Wide, Word,
    };
    let check = |text: &str, expected: &[(Feature, f64)]| assert_eq!(of_text(text), expected, "{text:?}");
    check("", &[]);
    check("Hello, world", &[(Word, 2.0), (Punctuation, 1.0)]);
    check("你好，世界。", &[(Han, 2.0), (HanRun, 2.0), (HanJoined, 2.0), (FullWidth, 2.0)]);
    check("用 Rust 写", &[(Han, 2.0), (HanRun, 2.0), (Word, 1.0)]);
    check("用Rust写", &[(Han, 2.0), (HanRun, 2.0), (Word, 1.0)]);
    check("getUserID", &[(Word, 1.0), (Camel, 2.0), (Capital, 1.0)]);
    check("a 1234 b5c", &[(Word, 3.0), (Tangled, 2.0), (Digit, 5.0), (Number, 2.0), (SpacedNumber, 1.0)]);
    check("x += (1);", &[(Word, 1.0), (Digit, 1.0), (Number, 1.0), (Punctuation, 3.0), (MorePunctuation, 2.0)]);
    check("a\n\n    b\n\tc  d", &[(Word, 4.0), (Newline, 2.0), (Indent, 3.0)]);
    check(
        "ひらカナ 한국 Жук é ไทย 😀",
        &[(Kana, 4.0), (Hangul, 2.0), (Alphabet, 3.0), (Accented, 1.0), (Thin, 3.0), (Wide, 1.0)],
    );
}

#[test]
fn escapes_count_as_what_they_mean() {
    let same = |escaped: &str, plain: &str| assert_eq!(of_json(&format!("\"{escaped}\"")), of_text(plain), "{escaped}");
    same(r"\u4f60\u597D\uFF0c", "你好，");
    same(r"\ud83d\ude00 \u00e9", "😀 é");
    same(r"say \u0022hi\u0022 \\ \/", "say \"hi\" \\ /");
    same(r"a\u000a\u0009b", "a\n\tb");
    same(r"\u0041bc\u0044", "AbcD");
    same(r"\b\f", "\u{8}\u{c}");
}

#[test]
fn knows_the_members_of_messages() {
    use Feature::{Answer, Call, HasTools, Item, Message, SchemaBracket, SchemaString, Tool, Word};
    let messages = r#"[
        {"role":"system","content":"one"},
        {"role":"user","content":[{"type":"text","text":"two words"}],"name":"ann"},
        {"role":"assistant","content":null,"reasoning_content":"hm",
         "tool_calls":[{"id":"call_abc","type":"function","function":{"name":"find","arguments":"{\"city\":\"Oslo\"}"}}]},
        {"role":"tool","tool_call_id":"call_abc","content":"rain"}]"#;
    let chat = Features::of_chat(messages, None);
    let count = |feature| chat.get(feature);
    assert_eq!((count(Message), count(Call), count(Answer), count(Word)), (4.0, 1.0, 1.0, 9.0));

    let tools = r#"[{"type":"function","function":{"name":"find","parameters":{"type":"object","properties":{}}}}]"#;
    let tools = Features::of_chat("[]", Some(tools));
    let count = |feature| tools.get(feature);
    assert_eq!((count(HasTools), count(Tool), count(SchemaBracket)), (1.0, 1.0, 5.0));
    assert_eq!((count(SchemaString), count(Word), count(Item)), (9.0, 9.0, 0.0));
    assert_eq!(Features::of_chat("[]", Some("[]")).get(HasTools), 0.0);
    assert_eq!(Features::of_chat("[]", Some("null")).get(HasTools), 0.0);
}

#[test]
fn blanks_between_the_members_do_not_count() {
    let spaced = "[ {\n  \"role\" : \"user\" ,\n  \"content\" : \"a b\"\n} ]";
    assert_eq!(Features::of_chat(spaced, None), Features::of_chat(r#"[{"role":"user","content":"a b"}]"#, None));
}

#[test]
fn knows_the_blocks_of_anthropic() {
    let messages = r#"[{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"find","input":{"city":"Oslo"}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"rain"}]}]"#;
    let chat = Features::of_chat(messages, None);
    let count = |feature| chat.get(feature);
    assert_eq!((count(Feature::Message), count(Feature::Call), count(Feature::Answer)), (2.0, 1.0, 1.0));
    assert_eq!(count(Feature::Word), 4.0, "find, city, Oslo, rain");
}

#[test]
fn inputs_are_texts_or_token_ids() {
    let of = |json: &str| {
        let features = Features::of_input(json);
        (features.get(Feature::Item), features.get(Feature::Word), features.get(Feature::TokenId))
    };
    assert_eq!(of(r#""two words""#), (1.0, 2.0, 0.0));
    assert_eq!(of(r#"["one", "two words"]"#), (2.0, 3.0, 0.0));
    assert_eq!(of("[101, 2054, 2003, 102]"), (0.0, 0.0, 4.0));
    assert_eq!(of("[[1, 2, 3], [4]]"), (2.0, 0.0, 4.0));
    assert_eq!(of(r#"[{"text":"a document"}]"#), (1.0, 2.0, 0.0));
}

#[test]
fn what_is_added_counts_as_it_does_alone() {
    let (messages, tools) = (r#"[{"role":"user","content":"搜索 2 of Them\n"}]"#, r#"[{"type":"function"}]"#);
    let (chat, input) = (Features::of_chat(messages, Some(tools)), Features::of_input(r#"["17 天气", "Two"]"#));
    let mut both = chat;
    both.add_input(r#"["17 天气", "Two"]"#);
    let sums = chat.counts().iter().zip(input.counts()).map(|(chat, input)| chat + input);
    assert!(both.counts().iter().copied().eq(sums), "{both:?}");
    let guess = Calibration::default().predict(&both);
    let mut anew = Features::of_input(r#"["17 天气", "Two"]"#);
    anew.add_chat(messages, Some(tools));
    assert_eq!(Calibration::default().predict(&anew), guess);
}

#[test]
fn sound_and_film_are_priors_by_length() {
    let of = |part: &str| Features::of_chat(&format!(r#"[{{"role":"user","content":[{part}]}}]"#), None);
    let sound = "A".repeat(64_000);
    let audio = of(&format!(r#"{{"type":"input_audio","input_audio":{{"data":"{sound}","format":"mp3"}}}}"#));
    assert_eq!((audio.get(Feature::MediaToken), audio.get(Feature::Word)), (75.0, 0.0));
    let link = of(r#"{"type":"audio_url","audio_url":{"url":"https://example.com/a.mp3"}}"#);
    assert_eq!(link.get(Feature::MediaToken), 750.0);
    let film = of(r#"{"type":"video_url","video_url":{"url":"https://example.com/a.mp4","max_frames":16,"fps":1}}"#);
    assert_eq!((film.get(Feature::MediaToken), film.get(Feature::Image)), (7_680.0, 0.0));
}

/// Texts with all that is counted in them.
fn text() -> impl Strategy<Value = String> {
    "([a-zA-Z]{1,18}|[ \\t\\n]{1,4}|[0-9]{1,5}|[一-龥]{1,6}|[，。“”]|[\"\\\\/.,;(){}=+-]{1,3}|[éßЖ가ひ😀ไ]){0,40}"
}

proptest! {
    /// Two messages are as much as each by itself.
    #[test]
    fn features_add_up(one in text(), other in text()) {
        let message = |text: &str| format!(r#"{{"role":"user","content":{}}}"#, serde_json::to_string(text).unwrap());
        let chats = |chats: [String; 2]| {
            let mut features = Features::default();
            chats.iter().for_each(|messages| features.add_chat(&format!("[{messages}]"), None));
            features
        };
        let (one, other) = (message(&one), message(&other));
        prop_assert_eq!(chats([format!("{one},{other}"), String::new()]), chats([one, other]));
    }

    /// However a text is written in JSON, it is the same text.
    #[test]
    fn escaped_text_is_the_same_text(text in text()) {
        let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        prop_assert_eq!(of_json(&format!("\"{escaped}\"")), of_text(&text));
        let halves: String = text.chars().enumerate().map(|(index, letter)| match index % 2 {
            0 => letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect(),
            _ => serde_json::to_string(&letter).unwrap().trim_matches('"').to_owned(),
        }).collect();
        // A lone quote loses its escape to the trimming.
        prop_assume!(!text.contains('"'));
        prop_assert_eq!(of_json(&format!("\"{halves}\"")), of_text(&text));
    }
}
