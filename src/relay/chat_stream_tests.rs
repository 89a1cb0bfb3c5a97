//! The stream editor against every quirk that was seen, and in any split.

use super::*;
use proptest::prelude::*;

const HEAD: &str = r#""id":"0a1b","object":"chat.completion.chunk","created":1790000000,"model":"Qwen/Qwen3-8B""#;

fn chunk(choice: &str, usage: &str) -> String {
    let usage = if usage.is_empty() { String::new() } else { format!(",\"usage\":{usage}") };
    format!("data: {{{HEAD},\"choices\":[{choice}],\"system_fingerprint\":\"\"{usage}}}\n\n")
}

fn content(text: &str) -> String {
    format!(r#"{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}"#)
}

fn finish(reason: &str) -> String {
    format!(r#"{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}"#)
}

fn tool(id: &str, name: &str, arguments: &str) -> String {
    format!(
        r#"{{"index":0,"delta":{{"tool_calls":[{{"index":0,"id":{id},"type":"function","function":{{"name":"{name}","arguments":"{arguments}"}}}}]}},"finish_reason":null}}"#
    )
}

/// Runs a stream cut at `cuts`; the bytes out, how it ended, what it used.
fn run(stream: &str, asked: bool, cuts: &[usize]) -> (String, Result<(), StreamFault>, Usage) {
    let (mut editor, mut out, mut start) = (ChatStream::new(asked), Vec::new(), 0);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(stream.len());
    for cut in cuts {
        out.extend_from_slice(&editor.push(Bytes::copy_from_slice(&stream.as_bytes()[start..cut])));
        start = cut;
        if editor.fault().is_some() {
            break;
        }
    }
    if editor.fault().is_none() {
        out.extend_from_slice(&editor.finish());
    }
    let result = editor.fault().cloned().map_or(Ok(()), Err);
    let usage = editor.usage(result.is_ok());
    (String::from_utf8(out).unwrap(), result, usage)
}

#[test]
fn a_stream_without_faults_passes_byte_for_byte() {
    let stream = [
        ": hello\n\n",
        &chunk(&content("a"), ""),
        &chunk(&content("\\\"usage\\\""), "null"),
        &chunk(&finish("stop"), ""),
        "data: [DONE]\n\n",
    ]
    .concat();
    assert_eq!(run(&stream, false, &[]).0, stream);
}

#[test]
fn usage_in_every_chunk_is_sent_once_and_only_if_asked() {
    let usage = |n| format!(r#"{{"prompt_tokens":5,"completion_tokens":{n},"total_tokens":{}}}"#, 5 + n);
    let stream = [
        chunk(&content("a"), &usage(1)),
        chunk(&content("b"), &usage(2)),
        chunk(&finish("stop"), &usage(3)),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let bare = [chunk(&content("a"), ""), chunk(&content("b"), ""), chunk(&finish("stop"), "")].concat();
    let (out, result, used) = run(&stream, false, &[]);
    assert_eq!((out, result), (format!("{bare}data: [DONE]\n\n"), Ok(())));
    assert_eq!(used, Usage::exact(Tokens { input: 5, output: 3, ..Tokens::default() }));
    let (out, ..) = run(&stream, true, &[]);
    let last = format!("data: {{{HEAD},\"system_fingerprint\":\"\",\"choices\":[],\"usage\":{}}}\n\n", usage(3));
    assert_eq!(out, format!("{bare}{last}data: [DONE]\n\n"));
}

#[test]
fn a_trailing_usage_chunk_reaches_only_who_asked() {
    let trailing =
        format!("data: {{{HEAD},\"choices\":[],\"usage\":{{\"prompt_tokens\":5,\"completion_tokens\":1}}}}\n\n");
    let stream = [&chunk(&content("a"), ""), &chunk(&finish("stop"), ""), &trailing, "data: [DONE]\n\n"].concat();
    assert_eq!(run(&stream, true, &[]).0, stream);
    assert_eq!(run(&stream, false, &[]).0, stream.replace(&trailing, ""));
    let twice = stream.replace("data: [DONE]", &format!("{trailing}data: [DONE]"));
    let (out, _, used) = run(&twice, true, &[]);
    assert_eq!(out, stream, "the last one wins");
    assert_eq!(used.tokens.output, 1, "and nothing is added up");
}

#[test]
fn eos_becomes_stop_and_tools_win() {
    let (out, ..) = run(&[chunk(&finish("eos"), ""), "data: [DONE]\n\n".to_owned()].concat(), false, &[]);
    assert!(out.contains(r#""finish_reason":"stop""#), "{out}");
    let (out, ..) = run(&[chunk(&tool("\"call_1\"", "f", ""), ""), chunk(&finish("stop"), "")].concat(), false, &[]);
    assert!(out.contains(r#""finish_reason":"tool_calls""#), "{out}");
}

#[test]
fn tool_call_deltas_lose_their_empty_names_and_null_ids() {
    let stream =
        [chunk(&tool("\"call_1\"", "f", ""), ""), chunk(&tool("null", "", "{}"), ""), chunk(&finish("tool_calls"), "")]
            .concat();
    let (out, ..) = run(&stream, false, &[]);
    assert!(
        out.contains(r#"{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}"#),
        "{out}"
    );
    assert!(out.contains(r#"{"index":0,"type":"function","function":{"arguments":"{}"}}"#), "{out}");
    let (out, ..) = run(&[chunk(&tool("null", "f", ""), ""), chunk(&finish("stop"), "")].concat(), false, &[]);
    assert!(out.contains(r#""id":"call_flowgate_1""#), "a call needs an id: {out}");
}

#[test]
fn done_is_added_only_to_a_whole_answer() {
    let (out, result, _) = run(&[chunk(&content("a"), ""), chunk(&finish("stop"), "")].concat(), false, &[]);
    assert!(result.is_ok() && out.ends_with("data: [DONE]\n\n"));
    let (out, result, used) = run(&[chunk(&content("a"), ""), chunk(&content("b"), "")].concat(), false, &[]);
    assert_eq!(result, Err(StreamFault::Unfinished));
    assert!(!out.contains("[DONE]"));
    assert_eq!(used, Usage::at_least(Tokens { output: 1, ..Tokens::default() }));
}

#[test]
fn errors_inside_the_stream_are_recognised() {
    let error = r#"{"code":50505,"message":"Model service overloaded.","data":null}"#;
    let (_, result, _) = run(&format!("{}data: {error}\n\n", chunk(&content("a"), "")), false, &[]);
    assert_eq!(result, Err(StreamFault::Error(error.to_owned())));
    let odd = format!(
        "data: 7

data: {{\"x\":1}}

{}",
        chunk(&finish("stop"), "")
    );
    assert_eq!(
        run(
            &format!(
                "{odd}data: [DONE]

"
            ),
            false,
            &[]
        )
        .0,
        format!(
            "{odd}data: [DONE]

"
        ),
        "JSON of another kind passes"
    );
    assert_eq!(
        run(
            "data: {{{nope

",
            false,
            &[]
        )
        .1,
        Err(StreamFault::NotJson)
    );
    let cut_off = chunk(&content("a"), "").replace(
        "}

", "

",
    );
    assert_eq!(run(&cut_off, false, &[]).1, Err(StreamFault::NotJson));
}

#[test]
fn lines_that_no_client_expects_are_left_out() {
    let (first, last) = (chunk(&content("a"), ""), chunk(&finish("stop"), ""));
    let noisy = format!("garbage\n\nevent: message\nid: 7\n{first}retry: 10\n\n: note\n\n{last}data: [DONE]\n\n");
    assert_eq!(run(&noisy, false, &[]).0, format!("{first}: note\n\n{last}data: [DONE]\n\n"));
}

#[test]
fn an_endless_event_is_cut_off() {
    let mut editor = ChatStream::new(false);
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    for _ in 0..17 {
        editor.push(piece.clone());
    }
    assert_eq!(editor.fault(), Some(&StreamFault::TooLong));
}

fn any_event() -> impl Strategy<Value = String> {
    let usage = prop_oneof![
        Just(String::new()),
        Just("null".to_owned()),
        (0u32..900).prop_map(|n| format!(r#"{{"prompt_tokens":7,"completion_tokens":{n}}}"#))
    ];
    let choice = prop_oneof![
        "[a-z 字\u{e9}]{0,12}".prop_map(|text| content(&text)),
        Just(content("\\\"tool_calls\\\":\\n\\n[DONE]")),
        Just(tool("\"call_1\"", "f", "")),
        Just(tool("null", "", "{\\\"a\\\":1}")),
        Just(finish("eos")),
        Just(finish("stop")),
    ];
    prop_oneof![
        8 => (choice, usage.clone()).prop_map(|(choice, usage)| chunk(&choice, &usage)),
        1 => usage.prop_map(|usage| chunk("", &usage)),
        1 => prop_oneof![Just(": note\n\n"), Just("event: x\ndata: y\n\n"), Just("\n\n"), Just("data: [DONE]\n\n"), Just("id: 3\ndata: {bad\n\n"), Just("data: {\"code\":1,\"message\":\"x\"}\n\n")].prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn any_split_gives_the_same_bytes_and_usage(
        events in prop::collection::vec(any_event(), 0..12),
        endings in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
        asked: bool,
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let stream = events.concat().replace('\n', endings);
        prop_assert_eq!(run(&stream, asked, &cuts), run(&stream, asked, &[]));
        let all: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(run(&stream, asked, &all), run(&stream, asked, &[]));
    }
}

/// Says what it was given, in capitals.
#[derive(Debug)]
struct Loud;

impl Translator for Loud {
    fn push(&mut self, events: &[u8], out: &mut Vec<u8>) {
        out.extend(events.to_ascii_uppercase());
    }

    fn failed(&mut self, failure: &Failure<'_>, out: &mut Vec<u8>) {
        out.extend(failure.message.as_bytes());
    }
}

#[test]
fn another_protocol_gets_what_was_put_right() {
    let stream = b"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"eos\"}],\"usage\":{\"prompt_tokens\":1}}\n\n";
    for size in 1..=stream.len() {
        let mut chat = ChatStream::translated(Box::new(Loud));
        let mut out: Vec<u8> =
            stream.chunks(size).flat_map(|piece| chat.push(Bytes::copy_from_slice(piece)).to_vec()).collect();
        out.extend(chat.finish());
        let out = String::from_utf8(out).unwrap();
        assert!(
            out.contains("STOP") && out.contains("\"CHOICES\":[],\"USAGE\"") && out.ends_with("DATA: [DONE]\n\n"),
            "{out}"
        );
    }
    let failure = Failure { kind: "server_error", code: None, message: "it broke" };
    assert_eq!(ChatStream::translated(Box::new(Loud)).failed(&failure).as_deref(), Some(&b"it broke"[..]));
    assert_eq!(ChatStream::new(true).failed(&failure), None);
}
