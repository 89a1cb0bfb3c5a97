//! Transcripts in OpenAI's forms and formats, with the emulator behind.

use serde_json::{Value, json};

use super::support::{Got, Rig, Script, events, json_answer};
use super::uploads::{MODEL, field, form, post};

/// A form with these fields around a small file.
fn with(before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<u8> {
    let fields = |all: &[(&str, &str)]| all.iter().map(|(name, value)| field(name, value)).collect::<String>();
    let whole = form(MODEL, b"RIFF sound", true);
    let end = whole.len() - b"--b0--\r\n".len();
    [fields(before).as_bytes(), &whole[..end], fields(after).as_bytes(), b"--b0--\r\n"].concat()
}

async fn hear(rig: &Rig, fields: &[(&str, &str)]) -> Got {
    let before = Got::of(post(rig, with(fields, &[]))).await;
    let after = Got::of(post(rig, with(&[], fields))).await;
    assert_eq!((before.status, before.text()), (after.status, after.text()), "{fields:?}");
    after
}

#[tokio::test]
async fn each_format_is_made_of_the_text() {
    let rig = Rig::mocked("").await;
    let plain = hear(&rig, &[]).await;
    let text = plain.json()["text"].as_str().unwrap().to_owned();
    assert_eq!(
        (plain.header("content-type"), plain.header("x-flowgate-edits")),
        (Some("application/json; charset=utf-8"), None)
    );
    assert_eq!(hear(&rig, &[("response_format", "json")]).await.json(), json!({"text": text}));
    let got = hear(&rig, &[("response_format", "text")]).await;
    assert_eq!((got.text(), got.header("content-type")), (text.clone(), Some("text/plain; charset=utf-8")));
    assert_eq!(got.header("x-flowgate-edits"), Some("response-format"));
    let got = hear(&rig, &[("response_format", "verbose_json"), ("timestamp_granularities[]", "segment")]).await;
    let verbose = json!({"task": "transcribe", "language": null, "duration": null, "text": text, "segments": []});
    assert_eq!((got.json(), got.header("content-type")), (verbose.clone(), Some("application/json")));
    assert_eq!(got.header("x-flowgate-edits"), Some("without-timestamps, response-format"));
    let got = hear(&rig, &[("response_format", "verbose_json"), ("language", "fr")]).await.json();
    assert_eq!(got["language"], "fr");
}

#[tokio::test]
async fn a_stream_is_made_of_the_whole_text() {
    let rig = Rig::mocked("").await;
    let text = hear(&rig, &[]).await.json()["text"].clone();
    let got = hear(&rig, &[("stream", "true")]).await;
    assert_eq!(got.header("content-type"), Some("text/event-stream"));
    assert_eq!(
        events(&got.text()),
        [
            json!({"type": "transcript.text.delta", "delta": text}),
            json!({"type": "transcript.text.done", "text": text})
        ]
    );
    assert_eq!(hear(&rig, &[("stream", "false")]).await.json()["text"], text);
}

#[tokio::test]
async fn fields_go_through_or_are_left_out_by_name() {
    let script = Script::always(vec![json_answer(200, r#"{"text":"hi"}"#)]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let through = [("language", "de"), ("prompt", "names: Ann"), ("temperature", "0.2"), ("unknown", "x")];
    let out = [
        ("include[]", "logprobs"),
        ("chunking_strategy", "auto"),
        ("known_speaker_names[]", "ann"),
        ("known_speaker_references[]", "data:audio/wav;base64,AAAA"),
    ];
    let all: Vec<(&str, &str)> = through.into_iter().chain(out).collect();
    let got = Got::of(post(&rig, with(&all, &[]))).await;
    let edits = "without-include, without-chunking-strategy, without-speakers";
    assert_eq!((got.status, got.header("x-flowgate-edits")), (200, Some(edits)));
    let seen = script.only();
    assert!(seen.is_whole && seen.body == with(&through, &[]), "{}", String::from_utf8_lossy(&seen.body));
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_and_never_runs() {
    let rig = Rig::mocked("").await;
    for (fields, expected) in [
        ([("response_format", "srt")], "400 invalid_request_error/unsupported_parameter"),
        ([("response_format", "vtt")], "400 invalid_request_error/unsupported_parameter"),
        ([("response_format", "diarized_json")], "400 invalid_request_error/unsupported_parameter"),
        ([("response_format", "xml")], "400 invalid_request_error/null"),
        ([("stream", "maybe")], "400 invalid_request_error/null"),
    ] {
        let got = hear(&rig, &fields).await;
        assert_eq!(got.error(), expected, "{fields:?}");
        assert_eq!(got.json()["error"]["param"], fields[0].0);
    }
    assert_eq!(rig.mock().control().billed().total.bytes, 0);
    let got = Got::of(rig.post("/v1/audio/translations", "{}")).await;
    assert_eq!(got.error(), "404 invalid_request_error/unknown_url");
    assert!(got.text().contains("/v1/audio/transcriptions"), "{}", got.text());
}

#[tokio::test]
async fn plain_text_of_the_upstream_is_put_into_the_format() {
    let plain = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello".to_vec();
    let script = Script::always(vec![super::support::Act::Say(plain)]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    assert_eq!(hear(&rig, &[("response_format", "text")]).await.text(), "hello");
    assert_eq!(hear(&rig, &[]).await.json(), json!({"text": "hello"}));
    let verbose: Value = hear(&rig, &[("response_format", "verbose_json")]).await.json();
    assert_eq!(verbose["text"], "hello");
}
