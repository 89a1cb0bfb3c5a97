//! Voices in OpenAI's fields, with the emulator behind: what is made of each field, and what is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::support::{Act, Got, Rig, Script, chunk, events, json_answer};

const MODEL: &str = "FunAudioLLM/CosyVoice2-0.5B";

fn ask(more: Value) -> Value {
    let mut body = json!({"model": MODEL, "input": "Hello there"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

async fn speak(rig: &Rig, more: Value) -> Got {
    Got::of(rig.post("/v1/audio/speech", ask(more).to_string())).await
}

fn sound() -> Act {
    let head =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    Act::Say([head, chunk(b"abcd"), chunk(b"efg"), b"0\r\n\r\n".to_vec()].concat())
}

#[tokio::test]
async fn each_format_comes_with_its_type() {
    let rig = Rig::mocked("").await;
    for (format, kind, begins) in [
        ("mp3", "audio/mpeg", &b"\xff\xfb"[..]),
        ("opus", "audio/opus", b"OggS"),
        ("wav", "audio/wav", b"RIFF"),
        ("pcm", "audio/pcm", b""),
    ] {
        let got = speak(&rig, json!({"voice": "alloy", "response_format": format})).await;
        assert_eq!((got.status, got.header("content-type")), (200, Some(kind)), "{format}");
        assert!(got.body.starts_with(begins) && got.body.len() > 40, "{format}");
    }
    assert!(speak(&rig, json!({"voice": "nova"})).await.body.starts_with(b"\xff\xfb"), "mp3 where nothing is said");
    let script = Script::always(vec![sound()]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = speak(&rig, json!({"response_format": "opus"})).await;
    assert_eq!((got.header("content-type"), got.text().as_str()), (Some("audio/opus"), "abcdefg"));
}

#[tokio::test]
async fn each_field_becomes_one_that_is_known() {
    let script = Script::always(vec![sound()]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    for (more, becomes, edits) in [
        (json!({}), json!({"voice": format!("{MODEL}:alex")}), Some("default-voice")),
        (json!({"voice": {"id": "coral"}}), json!({"voice": format!("{MODEL}:diana")}), Some("voice")),
        (json!({"voice": "speech:a:b:c", "speed": 0.25}), json!({"voice": "speech:a:b:c", "speed": 0.25}), None),
        (
            json!({"voice": "speech:a:b:c", "response_format": "pcm", "stream_format": "audio"}),
            json!({"voice": "speech:a:b:c", "response_format": "pcm", "sample_rate": 24000}),
            Some("sample-rate, stream-format"),
        ),
        (
            json!({"voice": "speech:a:b:c", "instructions": "Be calm."}),
            json!({"voice": "speech:a:b:c", "input": "Be calm.<|endofprompt|>Hello there"}),
            Some("instructions"),
        ),
        (
            json!({"model": "fnlp/MOSS-TTSD-v0.5", "instructions": "Be calm.", "gain": 1}),
            json!({"model": "fnlp/MOSS-TTSD-v0.5", "gain": 1}),
            Some("without-instructions"),
        ),
    ] {
        let got = speak(&rig, more.clone()).await;
        assert_eq!((got.status, got.header("x-flowgate-edits")), (200, edits), "{more}");
        let sent: Value = serde_json::from_slice(&script.seen().pop().unwrap().body).unwrap();
        assert_eq!(sent, ask(becomes), "{more}");
    }
}

#[tokio::test]
async fn what_cannot_be_carried_is_told_before_anything_is_sent() {
    let script = Script::always(vec![sound()]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    for (more, expected, names) in [
        (json!({"response_format": "aac"}), "400 invalid_request_error/unsupported_parameter", "`mp3`"),
        (json!({"response_format": "flac"}), "400 invalid_request_error/unsupported_parameter", "`wav`"),
        (json!({"speed": 4.5}), "400 invalid_request_error/null", "0.25 to 4.0"),
        (json!({"speed": "1"}), "400 invalid_request_error/null", "0.25 to 4.0"),
        (json!({"voice": 1}), "400 invalid_request_error/null", "`voice`"),
        (json!({"stream_format": "ws"}), "400 invalid_request_error/null", "`sse`"),
    ] {
        let got = speak(&rig, more.clone()).await;
        assert_eq!(got.error(), expected, "{more}");
        assert!(got.text().contains(names), "{}", got.text());
    }
    assert!(script.seen().is_empty());
}

#[tokio::test]
async fn events_carry_the_same_sound() {
    let rig = Rig::mocked("").await;
    let plain = speak(&rig, json!({"voice": "alloy"})).await;
    let streamed = speak(&rig, json!({"voice": "alloy", "stream_format": "sse"})).await;
    assert_eq!(streamed.header("content-type"), Some("text/event-stream"));
    let events = events(&streamed.text());
    let (done, deltas) = events.split_last().unwrap();
    let sound: Vec<u8> =
        deltas.iter().flat_map(|event| STANDARD.decode(event["audio"].as_str().unwrap()).unwrap()).collect();
    assert!(sound == plain.body && deltas.iter().all(|event| event["type"] == "speech.audio.delta"));
    let usage = json!({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "input_bytes": 11});
    assert_eq!(*done, json!({"type": "speech.audio.done", "usage": usage}));
    let billed = rig.mock().control().billed().total.bytes;
    assert_eq!(billed, 22, "two texts of eleven bytes");
}

#[tokio::test]
async fn events_that_break_off_say_so_and_never_that_they_are_done() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let script = Script::always(vec![Act::Say([head, chunk(b"abcdef")].concat()), Act::Close]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let body = ask(json!({"stream_format": "sse"})).to_string();
    let streamed = super::support::Streamed::of(rig.post("/v1/audio/speech", body)).await;
    assert!(!streamed.is_clean && !streamed.text.contains("speech.audio.done"), "{}", streamed.text);
    assert_eq!(streamed.events().last().unwrap()["error"]["code"], "upstream_stream_broken");
}

#[tokio::test]
async fn text_in_place_of_sound_is_an_error() {
    for (body, expected) in [
        (
            r#"{"code":50505,"message":"Model service overloaded."}"#,
            "503 service_unavailable_error/server_is_overloaded",
        ),
        (r#"{"fine":true}"#, "502 server_error/upstream_bad_answer"),
    ] {
        let script = Script::always(vec![json_answer(200, body)]).await;
        let rig = Rig::before(&script.base_url(), "").await;
        assert_eq!(speak(&rig, json!({})).await.error(), expected, "{body}");
    }
}

#[tokio::test]
async fn presets_are_in_the_list_of_voices() {
    let rig = Rig::mocked("").await;
    let voice = json!({"model": MODEL, "customName": "mine", "text": "hello", "audio": "data:audio/mpeg;base64,AAAA"})
        .to_string();
    let uri = Got::of(rig.post("/v1/uploads/audio/voice", voice)).await.json()["uri"].clone();
    let list = Got::of(rig.request(reqwest::Method::GET, "/v1/audio/voice/list")).await;
    assert_eq!(list.header("x-flowgate-edits"), Some("preset-voices"));
    let list = list.json()["results"].as_array().unwrap().clone();
    assert!(list[0]["uri"] == uri && list[0].get("preset").is_none());
    let anna = list.iter().find(|voice| voice["uri"] == format!("{MODEL}:anna")).expect("a preset");
    assert_eq!((&anna["preset"], &anna["customName"]), (&json!(true), &json!("anna")));
    for voice in [&uri, &anna["uri"]] {
        assert_eq!(speak(&rig, json!({"voice": voice})).await.status, 200, "{voice}");
    }
}
