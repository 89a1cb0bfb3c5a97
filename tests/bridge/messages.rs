//! Conversations in Anthropic's protocol, both directions: each file of `messages/cases` is a request, the chat answer to it,
//! whole and streamed; what becomes of them stands in `messages/snapshots`.

use std::fmt::Write;
use std::path::Path;

use bytes::Bytes;
use flowgate::bridge::Translated;
use flowgate::bridge::messages::{Context, Known, translate};
use flowgate::relay::chat_stream::ChatStream;
use flowgate::relay::restream;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a conversation is translated with.
pub(super) fn context(known: &Value) -> Context<'static> {
    let flag = |name: &str| known[name] == true;
    let model = Known {
        switches_thinking: flag("switches_thinking"),
        continues: flag("continues"),
        reads_pdf: flag("reads_pdf"),
        most_output: known["most_output"].as_u64(),
    };
    Context { request_id: "req_0123", input_tokens: 33, is_counted: false, model }
}

struct Case {
    name: String,
    file: Value,
    translated: Translated,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bridge/messages/cases");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let case = |path: std::path::PathBuf| {
        let file: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let translated = translate(file["request"].to_string().as_bytes(), &context(&file["known"])).unwrap();
        Case { name: path.file_stem().unwrap().to_str().unwrap().to_owned(), file, translated }
    };
    paths.into_iter().map(case).collect()
}

impl Case {
    /// The whole chat answer. The name of the first tool stands for `SHORT`.
    fn answer(&self) -> Option<String> {
        let chat: Value = serde_json::from_slice(&self.translated.body).unwrap();
        let short = chat["tools"][0]["function"]["name"].as_str().unwrap_or_default();
        let answer = self.file.get("answer")?;
        Some(answer.to_string().replace("SHORT", short))
    }

    /// The chat stream.
    fn stream(&self) -> Bytes {
        let Some(chunks) = self.file["stream"].as_array() else {
            return restream::events(self.answer().unwrap().as_bytes(), true).unwrap();
        };
        let mut stream: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
        stream.push_str("data: [DONE]\n\n");
        Bytes::from(stream)
    }

    /// What its caller reads when the stream arrives in `pieces`.
    fn events<'a>(&self, pieces: impl Iterator<Item = &'a [u8]>) -> String {
        let mut chat = ChatStream::translated(self.translated.back.stream());
        let mut out: Vec<u8> = pieces.flat_map(|piece| chat.push(Bytes::copy_from_slice(piece)).to_vec()).collect();
        out.extend_from_slice(&chat.finish());
        String::from_utf8(out).unwrap()
    }
}

/// JSON with its members in the order of their names, one to a line.
fn pretty(json: &[u8]) -> String {
    serde_json::to_string_pretty(&serde_json::from_slice::<Value>(json).unwrap()).unwrap()
}

#[test]
fn conversations_become_what_is_written_down() {
    let cases = cases();
    assert!(cases.len() >= 12);
    for case in cases {
        let mut text = String::new();
        writeln!(
            text,
            "edits: {}\n\n# chat request\n{}",
            case.translated.edits.join(", "),
            pretty(&case.translated.body)
        )
        .unwrap();
        if let Some(answer) = case.answer() {
            let whole = case.translated.back.whole(answer.as_bytes()).unwrap();
            writeln!(text, "\n# answer\n{}", pretty(&whole)).unwrap();
        }
        writeln!(text, "\n# stream\n{}", case.events(std::iter::once(&case.stream()[..]))).unwrap();
        insta::with_settings!({snapshot_path => "messages/snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(case.name.clone(), text.trim_end());
        });
    }
}

/// Puts a stream together as Anthropic's SDKs do.
fn collected(events: &str) -> Value {
    let mut message = Value::Null;
    let mut arguments = String::new();
    for data in events.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(data).unwrap();
        let index = event["index"].as_u64().unwrap_or_default() as usize;
        match event["type"].as_str().unwrap() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                assert_eq!(message["content"].as_array().unwrap().len(), index, "blocks come one behind the other");
                message["content"].as_array_mut().unwrap().push(event["content_block"].clone());
                arguments.clear();
            }
            "content_block_delta" => {
                let block = &mut message["content"][index];
                let delta = &event["delta"];
                match delta["type"].as_str().unwrap() {
                    "input_json_delta" => arguments.push_str(delta["partial_json"].as_str().unwrap()),
                    kind => {
                        let key = kind.strip_suffix("_delta").unwrap();
                        let so_far = block[key].as_str().unwrap().to_owned();
                        block[key] = json!(so_far + delta[key].as_str().unwrap());
                    }
                }
            }
            "content_block_stop" if message["content"][index]["type"] == "tool_use" && !arguments.is_empty() => {
                message["content"][index]["input"] = serde_json::from_str(&arguments).unwrap_or(Value::Null);
            }
            "message_delta" => {
                for key in ["stop_reason", "stop_sequence"] {
                    message[key] = event["delta"][key].clone();
                }
                message["usage"] = event["usage"].clone();
            }
            _ => {}
        }
    }
    message
}

/// A stream says the same as the whole answer.
#[test]
fn a_stream_adds_up_to_the_whole_answer() {
    for case in cases() {
        let Some(answer) = case.answer().filter(|_| case.name != "parallel_tools" && case.name != "thinking") else {
            continue;
        };
        let whole: Value = serde_json::from_slice(&case.translated.back.whole(answer.as_bytes()).unwrap()).unwrap();
        let streamed = collected(&case.events(std::iter::once(&case.stream()[..])));
        let blanks = |content: &Value| content.as_array().unwrap().clone();
        assert_eq!(blanks(&streamed["content"]), blanks(&whole["content"]), "{}", case.name);
        assert_eq!(streamed, whole, "{}", case.name);
    }
}

/// What comes back as thinking is told to the model again, with its text in the block or in the signature.
#[test]
fn thinking_survives_the_round_trip() {
    for display in ["summarized", "omitted"] {
        let thinking = json!({"type": "enabled", "budget_tokens": 2048, "display": display});
        let tools = json!([{"name": "look", "input_schema": {"type": "object"}}]);
        let mut request = json!({"model": "m", "max_tokens": 5, "thinking": thinking, "tools": tools,
            "messages": [{"role": "user", "content": "?"}]});
        let translated = translate(request.to_string().as_bytes(), &context(&Value::Null)).unwrap();
        let answer = json!({"model": "m", "choices": [{"message": {"reasoning_content": "I \"see\"\n蓝 🦊",
            "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": "{}"}}]}, "finish_reason": "tool_calls"}]});
        let events = restream::events(answer.to_string().as_bytes(), true).unwrap();
        let mut out = Vec::new();
        translated.back.stream().push(&events, &mut out);
        let message = collected(std::str::from_utf8(&out).unwrap());
        let messages = request["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": message["content"]}));
        messages
            .push(json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "x"}]}));
        let again = translate(request.to_string().as_bytes(), &context(&Value::Null)).unwrap();
        let chat: Value = serde_json::from_slice(&again.body).unwrap();
        assert_eq!(chat["messages"][1]["reasoning_content"], "I \"see\"\n蓝 🦊", "{display}");
        assert_eq!(again.edits, ["messages-as-chat"], "{display}");
    }
}

#[test]
fn a_broken_stream_says_so_in_anthropics_words() {
    use flowgate::relay::translate::Failure;
    let check = |kind, code, expected: &str| {
        let translated =
            translate(br#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#, &context(&Value::Null));
        let mut stream = translated.unwrap().back.stream();
        let mut out = Vec::new();
        stream.failed(&Failure { kind, code, message: "It \"broke\"." }, &mut out);
        stream.push(b"data: [DONE]\n\n", &mut out);
        let expected = format!(
            "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{expected}\",\"message\":\"It \\\"broke\\\".\"}}}}\n\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    };
    check("server_error", Some("upstream_stream_broken"), "api_error");
    check("service_unavailable_error", Some("server_is_overloaded"), "overloaded_error");
    check("insufficient_quota", Some("insufficient_quota"), "rate_limit_error");
    check("tokens", Some("rate_limit_exceeded"), "rate_limit_error");
    check("invalid_request_error", Some("invalid_api_key"), "authentication_error");
    check("invalid_request_error", None, "invalid_request_error");
}

/// An upstream's sign of life becomes Anthropic's.
#[test]
fn comments_become_pings() {
    let translated = translate(br#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#, &context(&Value::Null));
    let mut out = Vec::new();
    translated.unwrap().back.stream().push(b": waiting\r\n\r\n", &mut out);
    assert_eq!(out, b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the stream is cut on its way, its caller reads the same bytes.
    #[test]
    fn every_cut_gives_the_same_events(cuts in proptest::collection::vec(1_usize..40, 1..40)) {
        for case in cases() {
            let stream = case.stream();
            let expected = case.events(std::iter::once(&stream[..]));
            let mut rest = &stream[..];
            let mut sizes = cuts.iter().cycle();
            let pieces = std::iter::from_fn(|| {
                let size = (*sizes.next()?).min(rest.len());
                let (piece, left) = rest.split_at(size);
                rest = left;
                Some(piece).filter(|piece| !piece.is_empty())
            });
            prop_assert_eq!(case.events(pieces), expected, "{}", case.name);
        }
    }

    /// Whatever a caller sends, it is carried or refused, and what is carried is JSON.
    #[test]
    fn no_request_is_too_odd(text in "[\\[\\]{}\":,a-z0-9\\\\ ]{0,60}") {
        for body in [
            text.clone(),
            format!("{{\"model\":\"m\",\"messages\":{text}}}"),
            format!("{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":[{text}]}}],\"tools\":{text}}}"),
        ] {
            if let Ok(translated) = translate(body.as_bytes(), &context(&Value::Null)) {
                prop_assert!(serde_json::from_slice::<Value>(&translated.body).is_ok(), "{body}");
            }
        }
    }
}
