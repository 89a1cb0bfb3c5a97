//! Pictures, speech, transcriptions, voices, video.

use super::Bench;
use flowgate::mock::MockSettings;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::time::Duration;

const DRAW: &str = "/images/generations";
const SPEAK: &str = "/audio/speech";
const COSY: &str = "FunAudioLLM/CosyVoice2-0.5B";

fn kolors(more: Value) -> Value {
    let mut body = json!({"model": "Kwai-Kolors/Kolors", "prompt": "a lighthouse", "image_size": "1024x1024"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

async fn fetch(url: &Value) -> reqwest::Response {
    let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    client.get(url.as_str().unwrap()).send().await.unwrap()
}

#[tokio::test]
async fn pictures_are_real_and_fetched_without_a_key() {
    let bench = Bench::new().await;
    let answer = bench.good(DRAW, kolors(json!({"batch_size": 2, "seed": 42}))).await;
    assert_eq!(answer["images"], answer["data"]);
    assert_eq!(answer["images"].as_array().unwrap().len(), 2);
    assert_eq!((&answer["seed"], &answer["shared_id"]), (&json!(42), &json!("0")));
    let response = fetch(&answer["images"][0]["url"]).await;
    assert_eq!(response.headers()["content-type"], "image/png");
    let bytes = response.bytes().await.unwrap();
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.ends_with(b"IEND\xae\x42\x60\x82"));
    assert_eq!(bench.server.control().billed().total.images, 2);
}

#[tokio::test]
async fn picture_urls_expire_and_cannot_be_changed() {
    let settings = MockSettings { picture_lifetime: Duration::from_secs(1), ..MockSettings::default() };
    let bench = Bench::with(settings).await;
    let url = bench.good(DRAW, kolors(json!({}))).await["images"][0]["url"].clone();
    let changed = json!(url.as_str().unwrap().replace("Expires=1", "Expires=2"));
    assert_eq!(fetch(&changed).await.status(), 403);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(fetch(&url).await.status(), 403);
}

#[tokio::test]
async fn an_hour_passes_when_it_is_told_to() {
    let bench = Bench::new().await;
    let url = bench.good(DRAW, kolors(json!({}))).await["images"][0]["url"].clone();
    bench.server.control().advance(Duration::from_secs(3_590));
    assert_eq!(fetch(&url).await.status(), 200);
    bench.server.control().advance(Duration::from_secs(60));
    assert_eq!(fetch(&url).await.status(), 403);
    let url = bench.good(DRAW, kolors(json!({}))).await["images"][0]["url"].clone();
    assert_eq!(fetch(&url).await.status(), 200);
}

#[tokio::test]
async fn picture_urls_that_go_wrong() {
    let bench = Bench::new().await;
    let table = [
        ("picture-404", 404),
        ("picture-redirect", 302),
        ("picture-html", 200),
        ("picture-html-png", 200),
        ("picture-svg", 200),
        ("picture-torn", 200),
        ("picture-expired", 403),
    ];
    for (fault, status) in table {
        let mut body = kolors(json!({}));
        body["model"] = json!(format!("fault/{fault}@Kwai-Kolors/Kolors"));
        let url = bench.good(DRAW, body).await["images"][0]["url"].clone();
        assert_eq!(fetch(&url).await.status(), status, "{fault}");
    }
    let mut body = kolors(json!({}));
    body["model"] = json!("fault/no-data@Kwai-Kolors/Kolors");
    assert!(bench.good(DRAW, body).await["data"].is_null());
}

#[tokio::test]
async fn pictures_refused() {
    let bench = Bench::new().await;
    let refused = [
        json!({"model": "Kwai-Kolors/Kolors", "prompt": "x"}),
        kolors(json!({"image_size": "1x1"})),
        kolors(json!({"batch_size": 5})),
        kolors(json!({"prompt": ""})),
        json!({"model": "Qwen/Qwen-Image", "prompt": "x", "image_size": "1024x1024"}),
        json!({"model": "Qwen/Qwen-Image-Edit", "prompt": "x"}),
        json!({"model": "Tongyi-MAI/Z-Image", "prompt": "x", "image_size": "512x512", "batch_size": 2}),
    ];
    for body in refused {
        assert_eq!(bench.post(DRAW, body.clone()).await.0, 400, "{body}");
    }
    bench
        .good(DRAW, json!({"model": "Qwen/Qwen-Image-Edit", "prompt": "x", "image": "data:image/png;base64,AA=="}))
        .await;
}

fn speech(voice: &str, more: Value) -> Value {
    let mut body = json!({"model": COSY, "input": "Hello, world", "voice": voice});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn speech_in_every_format() {
    let bench = Bench::new().await;
    let voice = format!("{COSY}:alex");
    let table: [(&str, &str, &[u8]); 4] = [
        ("mp3", "audio/mpeg", &[0xff, 0xfb]),
        ("wav", "audio/wav", b"RIFF"),
        ("opus", "audio/opus", b"OggS"),
        ("pcm", "audio/pcm", &[]),
    ];
    for (format, kind, start) in table {
        let response = bench.send(SPEAK, speech(&voice, json!({"response_format": format}))).await;
        assert_eq!(response.headers()["content-type"], kind);
        assert!(response.headers().get("content-length").is_none());
        assert!(response.bytes().await.unwrap().starts_with(start));
    }
    assert_eq!(bench.server.control().billed().total.bytes, 4 * 12);
}

#[tokio::test]
async fn speech_refused() {
    let bench = Bench::new().await;
    let good = format!("{COSY}:alex");
    let reference = json!({"references": [{"audio": "data:audio/mpeg;base64,AA==", "text": "x"}]});
    let refused = [
        speech("alloy", json!({})),
        speech("alex", json!({})),
        speech("speech:nobody:a:b", json!({})),
        speech("", json!({})),
        speech(&good, reference.clone()),
        speech(&good, json!({"input": ""})),
        speech(&good, json!({"response_format": "aac"})),
        speech(&good, json!({"response_format": "opus", "sample_rate": 44100})),
    ];
    for body in refused {
        assert_eq!(bench.post(SPEAK, body.clone()).await.0, 400, "{body}");
    }
    assert_eq!(bench.send(SPEAK, speech("", reference)).await.status(), 200);
}

#[tokio::test]
async fn a_voice_is_uploaded_used_listed_and_deleted() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("/audio/voice/list").await.1, json!({"results": []}));
    let body = json!({"model": COSY, "customName": "mine", "text": "as read", "audio": "data:audio/mpeg;base64,AA=="});
    let by_json = bench.good("/uploads/audio/voice", body).await["uri"].clone();
    let form = Form::new().text("model", COSY).text("customName", "form").text("text", "as read");
    let form = form.part("file", Part::bytes(vec![1, 2, 3]).file_name("a.mp3"));
    let request = bench.request(Method::POST, "/uploads/audio/voice").multipart(form);
    let by_form: Value = request.send().await.unwrap().json().await.unwrap();
    assert!(by_form["uri"].as_str().unwrap().starts_with("speech:form:"));
    let (_, list) = bench.get("/audio/voice/list").await;
    assert_eq!(list["results"][0]["customName"], "mine");
    let uri = by_json.as_str().unwrap();
    assert_eq!(bench.send(SPEAK, speech(uri, json!({}))).await.status(), 200);
    bench.good("/audio/voice/deletions", json!({"uri": uri})).await;
    assert_eq!(bench.post(SPEAK, speech(uri, json!({}))).await.0, 400);
}

async fn transcribe(bench: &Bench, model: &str, length: usize) -> (u16, Value) {
    let file = Part::bytes(vec![7; length]).file_name("a.wav");
    let form = Form::new().part("file", file).text("model", model.to_owned());
    let response = bench.request(Method::POST, "/audio/transcriptions").multipart(form).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn transcriptions() {
    let bench = Bench::new().await;
    let (status, answer) = transcribe(&bench, "FunAudioLLM/SenseVoiceSmall", 1_000).await;
    assert_eq!((status, answer), (200, json!({"text": "A recording of 1000 bytes."})));
    assert_eq!(transcribe(&bench, "no/such", 10).await.1["code"], 20012);
    assert_eq!(bench.post("/audio/transcriptions", json!({})).await.0, 400);
    assert_eq!(bench.server.control().billed().total.bytes, 1_000);
    assert!(bench.server.control().requests()[0].body.is_none());
}

#[tokio::test]
async fn transcriptions_of_more_than_50_megabytes_are_refused() {
    let bench = Bench::new().await;
    let file = Part::bytes(vec![7; 51 * 1024 * 1024]).file_name("a.wav");
    let form = Form::new().text("model", "FunAudioLLM/SenseVoiceSmall").part("file", file);
    let sent = bench.request(Method::POST, "/audio/transcriptions").multipart(form).send().await;
    // The answer may come before the body is sent whole; then a client may see the closed connection first.
    assert!(sent.is_err() || sent.unwrap().status() == 413);
}

#[tokio::test]
async fn a_video_takes_its_time() {
    let settings = MockSettings { video_time: Duration::from_millis(600), ..MockSettings::default() };
    let bench = Bench::with(settings).await;
    let body = json!({"model": "Wan-AI/Wan2.2-T2V-A14B", "prompt": "waves", "image_size": "1280x720"});
    let id = bench.good("/video/submit", body).await["requestId"].clone();
    let mut seen = Vec::new();
    for _ in 0..10 {
        let status = bench.good("/video/status", json!({"requestId": id})).await;
        let name = status["status"].as_str().unwrap().to_owned();
        if seen.last() != Some(&name) {
            seen.push(name);
        }
        if status["status"] == "Succeed" {
            assert_eq!(fetch(&status["results"]["videos"][0]["url"]).await.status(), 200);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(seen, ["InQueue", "InProgress", "Succeed"]);
    assert_eq!(bench.post("/video/status", json!({"requestId": "nope"})).await.0, 400);
    let body = json!({"model": "Wan-AI/Wan2.2-I2V-A14B", "prompt": "waves", "image_size": "1280x720"});
    assert_eq!(bench.post("/video/submit", body).await.0, 400);
}
