//! Forms with files on their way upstream: the bytes as they are, the model's name put right, the size told early.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::support::{Act, Got, Raw, Rig, Script, json_answer};

pub(super) const MODEL: &str = "FunAudioLLM/SenseVoiceSmall";
const ALIAS: &str = "[models.alias]\n\"whisper-1\" = \"FunAudioLLM/SenseVoiceSmall\"\n";
const KEY: &str =
    "[[key]]\nname = \"bob\"\nsecret = { env = \"KEY_BOB\" }\nmodels = [\"FunAudioLLM/SenseVoiceSmall\"]\n";

pub(super) fn field(name: &str, value: &str) -> String {
    format!("--b0\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(content: &[u8]) -> Vec<u8> {
    let head =
        b"--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\nContent-Type: audio/wav\r\n\r\n";
    [&head[..], content, b"\r\n"].concat()
}

/// File with bytes that look like boundaries and names.
fn audio(length: usize) -> Vec<u8> {
    let unit = b"RIFF\r\n--b\r\nname=\"model\"\r\n\r\nwhisper-1\r\n--b\0\xff\xfe";
    unit.iter().copied().cycle().take(length).collect()
}

pub(super) fn form(model: &str, content: &[u8], model_first: bool) -> Vec<u8> {
    let (model, file) = (field("model", model).into_bytes(), file(content));
    let parts = if model_first { [model, file] } else { [file, model] };
    [parts.concat(), b"--b0--\r\n".to_vec()].concat()
}

pub(super) fn post(rig: &Rig, body: Vec<u8>) -> reqwest::RequestBuilder {
    let request = rig.request(reqwest::Method::POST, "/v1/audio/transcriptions");
    request.header("content-type", "multipart/form-data; boundary=b0").body(body)
}

async fn text_script() -> Script {
    Script::always(vec![json_answer(200, r#"{"text":"hi"}"#)]).await
}

#[tokio::test]
async fn a_form_arrives_as_it_is_but_for_the_model() {
    let script = text_script().await;
    let rig = Rig::before(&script.base_url(), ALIAS).await;
    for model_first in [true, false] {
        for asked in ["whisper-1", MODEL] {
            let got = Got::of(post(&rig, form(asked, &audio(300_000), model_first))).await;
            assert_eq!((got.status, got.text().as_str()), (200, r#"{"text":"hi"}"#));
            assert_eq!(got.header("x-flowgate-model"), Some(MODEL), "{asked}");
            let seen = script.seen().pop().unwrap();
            let expected = form(MODEL, &audio(300_000), model_first);
            assert!(
                seen.is_whole && seen.body == expected,
                "{asked} {model_first}: {} bytes, not {}",
                seen.length,
                expected.len()
            );
        }
    }
    let seen = script.seen().pop().unwrap();
    assert!(seen.header("content-type").unwrap().contains("boundary=b0"));
}

#[tokio::test]
async fn a_form_in_small_pieces_arrives_whole() {
    let script = text_script().await;
    let rig = Rig::before(&script.base_url(), ALIAS).await;
    let body = form("whisper-1", &audio(200), false);
    let mut raw = Raw::saying(
        rig.address,
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\n\
        content-type: multipart/form-data; boundary=b0\r\ntransfer-encoding: chunked\r\n\r\n",
    )
    .await;
    for byte in &body {
        raw.say(super::support::chunk(&[*byte])).await;
        tokio::task::yield_now().await;
    }
    raw.say("0\r\n\r\n").await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
    assert_eq!(script.only().body, form(MODEL, &audio(200), false));
}

/// A key that is limited to one model cannot get another one in through a form.
async fn check_limited(body: Vec<u8>) {
    let script = text_script().await;
    let rig = Rig::before(&script.base_url(), KEY).await;
    let got = Got::of(post(&rig, body.clone()).bearer_auth("sk-bob-canary-2")).await;
    let whole: Vec<_> = script.seen().into_iter().filter(|seen| seen.is_whole).collect();
    assert!(got.status == 404 && whole.is_empty(), "{}: {}", got.status, String::from_utf8_lossy(&body));
    rig.is_idle().await;
}

#[tokio::test]
async fn a_limited_key_stays_limited_in_a_form() {
    for model_first in [true, false] {
        check_limited(form("Other/Model", &audio(100_000), model_first)).await;
    }
    let twice = [field("model", MODEL), field("model", "Other/Model"), "--b0--\r\n".to_owned()].concat();
    check_limited(twice.into_bytes()).await;
}

#[tokio::test]
async fn a_limited_key_stays_limited_in_an_odd_form() {
    let model = field("model", "Other/Model");
    let long = format!("--b0\r\nX-Long: {}\r\n\r\nx\r\n", "x".repeat(17_000));
    let not_text =
        b"--b0\r\nX-Odd: \xff\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nOther/Model\r\n".to_vec();
    for odd in [
        not_text,
        [long, model.clone()].concat().into_bytes(),
        model.replace(": form-data; name=\"model\"", ": form-data;\r\n name=\"model\"").into_bytes(),
        model.replace("name=\"model\"", "name=\"m\\odel\"").into_bytes(),
        model.replace("name=\"model\"", "x=\"a;name=b\"; name=\"model\"").into_bytes(),
        field("model", &format!("{}Other/Model", " ".repeat(2000))).into_bytes(),
    ] {
        check_limited([odd, b"--b0--\r\n".to_vec()].concat()).await;
    }
}

#[tokio::test]
async fn an_upload_that_says_it_is_too_large_is_not_read() {
    let script = text_script().await;
    let rig = Rig::before(&script.base_url(), "").await;
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b0\r\ncontent-length: {}\r\n\r\n",
        51 << 20
    );
    let answer = Raw::saying(rig.address, head).await.answer().await.unwrap();
    assert!(answer.status == 413 && answer.text().contains("request_too_large"), "{}", answer.text());
    assert_eq!(script.connections(), 0);
}

#[tokio::test]
async fn an_upload_that_grows_too_large_is_told_before_its_end() {
    let script = text_script().await;
    let rig = Rig::before(&script.base_url(), "[server]\nmax_upload = \"1MiB\"\n").await;
    let mut raw =
        Raw::saying(rig.address, "POST /v1/files HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
    raw.say(super::support::chunk(&[b'x'; 65_536]).repeat(17)).await;
    let answer = raw.answer().await.expect("an answer before the end");
    assert!(answer.status == 413 && answer.text().contains("request_too_large"), "{} {}", answer.status, answer.text());
    assert!(script.seen().iter().all(|seen| !seen.is_whole));
    rig.is_idle().await;
}

#[tokio::test]
async fn an_early_no_of_the_upstream_reaches_the_uploader() {
    let no = b"HTTP/1.1 413 X\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}".to_vec();
    let script =
        Script::at_head(move |_| vec![Act::Say(no.clone()), Act::Wait(Duration::from_millis(300)), Act::Close]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let mut raw =
        Raw::saying(rig.address, "POST /v1/files HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10000000\r\n\r\n")
            .await;
    raw.say([b'x'; 1000]).await;
    let answer = raw.answer().await.expect("an answer before the end");
    assert!(answer.status == 413 && answer.text().contains("request_too_large"), "{} {}", answer.status, answer.text());
    rig.is_idle().await;
}

#[tokio::test]
async fn a_file_of_many_megabytes_passes_to_the_byte() {
    let script = Script::always(vec![json_answer(200, "{}")]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let body = audio(8 << 20);
    let got = Got::of(rig.post("/v1/files", body.clone())).await;
    assert_eq!(got.status, 200);
    let seen = script.seen().pop().unwrap();
    assert_eq!((seen.length, seen.hash), (8 << 20, Sha256::digest(&body).to_vec()));
}
