//! Pictures in OpenAI's words and in SiliconFlow's: what goes upstream, what comes back, and that both can be fetched.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::support::{Got, Rig, Script, Streamed, events, json_answer, soon};

pub(super) const PATH: &str = "/v1/images/generations";
pub(super) const KOLORS: &str = "Kwai-Kolors/Kolors";
const QWEN: &str = "Qwen/Qwen-Image";

pub(super) async fn draw(rig: &Rig, body: Value) -> Got {
    Got::of(rig.post(PATH, body.to_string())).await
}

/// A picture for `more`, which must come.
async fn drawn(rig: &Rig, more: Value) -> Got {
    let mut body = json!({"model": KOLORS, "prompt": "a lighthouse"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let got = draw(rig, body).await;
    assert_eq!(got.status, 200, "{}", got.text());
    got
}

/// What is behind a link.
pub(super) async fn fetched(rig: &Rig, url: &Value) -> Got {
    Got::of(rig.client.get(url.as_str().unwrap())).await
}

/// Bodies of the requests that the emulator got.
pub(super) fn sent(rig: &Rig) -> Vec<Value> {
    let requests = rig.mock().control().requests();
    requests.iter().map(|request| serde_json::from_str(request.body.as_ref().unwrap()).unwrap()).collect()
}

pub(super) fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.ends_with(b"IEND\xae\x42\x60\x82")
}

#[tokio::test]
async fn a_picture_has_a_link_of_ours() {
    let rig = Rig::mocked("").await;
    let got = drawn(&rig, json!({"size": "960x1280", "seed": 7, "n": 1})).await;
    let answer = got.json();
    let url = answer["data"][0]["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("http://{}/flowgate/media/", rig.address)), "{url}");
    assert_eq!(answer["images"], json!([{"url": url}]));
    assert!(answer["created"].as_u64().is_some_and(|created| created > 1_700_000_000));
    assert_eq!(
        (&answer["seed"], &answer["timings"]["inference"], &answer["shared_id"]),
        (&json!(7), &json!(0.5), &json!("0"))
    );
    assert_eq!(answer.as_object().unwrap().len(), 6, "{answer}");
    assert_eq!(
        (got.header("content-type"), got.header("x-flowgate-edits")),
        (Some("application/json"), Some("image-size"))
    );
    assert_eq!(
        sent(&rig),
        [json!({"model": KOLORS, "prompt": "a lighthouse", "image_size": "960x1280", "seed": 7, "n": 1})]
    );
    let picture = fetched(&rig, &answer["data"][0]["url"]).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/png")));
    assert!(is_png(&picture.body));
    rig.metric_becomes("flowgate_media_fetches_total", &["kept"], 1.0).await;
    rig.metric_becomes("flowgate_media_bytes", &[], picture.body.len() as f64).await;
    rig.is_idle().await;
}

#[tokio::test]
async fn siliconflows_own_request_passes_to_the_byte() {
    let upstream = Script::always(vec![json_answer(200, r#"{"images":[{"url":"https://pictures.example.com/a.png","nsfw":false}],"timings":{"inference":1.5},"seed":3,"new":[1]}"#)]).await;
    let rig = Rig::before(&upstream.base_url(), "").await;
    let body = r#"{ "model" : "Kwai-Kolors/Kolors", "prompt":"x","image_size":"1024x1024","batch_size":2,"guidance_scale":7.50,"future":{"a":1} }"#;
    let got = Got::of(rig.post(PATH, body)).await;
    assert_eq!(upstream.only().body, body.as_bytes());
    // An answer as in 2024, without `data` and `created`; its host is one that nobody knows yet.
    let answer = got.json();
    assert_eq!(answer["data"], json!([{"url": "https://pictures.example.com/a.png", "nsfw": false}]));
    assert_eq!((&answer["images"], &answer["new"], &answer["seed"]), (&answer["data"], &json!([1]), &json!(3)));
    assert!(answer["created"].is_u64());
    assert_eq!(got.header("x-flowgate-edits"), Some("upstream-url"));
    rig.metric_becomes("flowgate_media_refused_total", &["host"], 1.0).await;
}

#[tokio::test]
async fn pictures_in_the_answer_are_those_that_were_made() {
    let rig = Rig::mocked("").await;
    let got = drawn(&rig, json!({"response_format": "b64_json", "n": 3, "seed": 1})).await;
    assert_eq!(got.header("x-flowgate-edits"), Some("response-format, image-size, batch-size"));
    let answer = got.json();
    let (data, images) = (answer["data"].as_array().unwrap(), answer["images"].as_array().unwrap());
    assert_eq!((data.len(), images.len()), (3, 3));
    for (own, native) in data.iter().zip(images) {
        assert_eq!(own.as_object().unwrap().len(), 1, "{own}");
        let bytes = STANDARD.decode(own["b64_json"].as_str().unwrap()).unwrap();
        assert!(is_png(&bytes));
        assert_eq!(fetched(&rig, &native["url"]).await.body, bytes);
    }
    assert_ne!(data[0], data[1]);
    let expected =
        json!({"model": KOLORS, "prompt": "a lighthouse", "seed": 1, "image_size": "1024x1024", "batch_size": 3});
    assert_eq!(sent(&rig), [expected]);
    assert_eq!(rig.mock().control().billed().total.images, 3);
}

#[tokio::test]
async fn what_a_model_does_not_make_at_once_is_made_in_several_calls() {
    let rig = Rig::mocked("").await;
    let got = drawn(&rig, json!({"model": QWEN, "n": 3, "seed": 41})).await;
    assert_eq!(got.header("x-flowgate-edits"), Some("image-size, batch-split"));
    let seeds: Vec<u64> = sent(&rig).iter().map(|body| body["seed"].as_u64().unwrap()).collect();
    let mut sorted = seeds.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [41, 42, 43]);
    assert!(sent(&rig).iter().all(|body| body.get("n").is_none() && body.get("batch_size").is_none()));
    // In order: each is the picture of its own seed.
    let answer = got.json();
    for (index, entry) in answer["data"].as_array().unwrap().iter().enumerate() {
        let alone = drawn(&rig, json!({"model": QWEN, "seed": 41 + index})).await.json();
        assert_eq!(fetched(&rig, &entry["url"]).await.body, fetched(&rig, &alone["data"][0]["url"]).await.body);
    }
    assert_eq!(rig.mock().control().billed().total.images, 6);
    let kolors = drawn(&rig, json!({"n": 6})).await.json();
    assert_eq!(kolors["data"].as_array().unwrap().len(), 6);
    let batches: Vec<Value> = sent(&rig)[6..].iter().map(|body| body["batch_size"].clone()).collect();
    assert!(batches == [json!(4), json!(2)] || batches == [json!(2), json!(4)], "{batches:?}");
}

#[tokio::test]
async fn a_part_that_fails_fails_the_request() {
    let rig = Rig::mocked("").await;
    rig.mock().control().inject(flowgate::mock::Injection::next("param-20015", 1)).unwrap();
    let got = draw(&rig, json!({"model": QWEN, "prompt": "x", "n": 3})).await;
    assert_eq!(got.error(), "400 invalid_request_error/null");
    rig.is_idle().await;
    rig.metric_becomes("flowgate_quota_reserved", &[], 0.0).await;
}

#[tokio::test]
async fn gpt_image_models_answer_as_openais_do() {
    let rig = Rig::mocked("[models]\nopenai_aliases = true\n").await;
    let asked = json!({"model": "gpt-image-1", "prompt": "x", "quality": "high", "background": "auto", "moderation": "low",
        "output_format": "webp", "output_compression": 80, "user": "someone@example.com", "size": "auto", "n": null});
    let got = draw(&rig, asked).await;
    let answer = got.json();
    assert!(is_png(&STANDARD.decode(answer["data"][0]["b64_json"].as_str().unwrap()).unwrap()), "{answer}");
    assert_eq!(
        (&answer["output_format"], &answer["size"]),
        (&json!("png"), &json!("1024x1024")),
        "what it is, not what was asked for"
    );
    assert_eq!(answer["usage"]["total_tokens"], 0, "SiliconFlow counts pictures");
    assert_eq!(
        got.header("x-flowgate-edits"),
        Some(
            "model, without-background, image-size, without-output-format, without-quality, without-moderation, without-output-compression, without-user"
        )
    );
    let body = &sent(&rig)[0];
    assert_eq!(*body, json!({"model": KOLORS, "prompt": "x", "n": null, "image_size": "1024x1024"}));
}

#[tokio::test]
async fn a_stream_is_one_event_for_each_picture() {
    let rig = Rig::mocked("").await;
    let body = json!({"model": KOLORS, "prompt": "x", "stream": true, "partial_images": 2, "n": 2});
    let streamed = Streamed::of(rig.post(PATH, body.to_string()).header("x-flowgate-keep-alive", "1s")).await;
    assert_eq!((streamed.status, &streamed.headers["content-type"]), (200, &"text/event-stream".parse().unwrap()));
    assert_eq!(streamed.headers["x-flowgate-edits"], "picture-stream, without-partial-images, image-size, batch-size");
    assert!(streamed.is_clean && streamed.text.ends_with("}\n\n"));
    assert_eq!(streamed.text.matches("event: image_generation.completed\n").count(), 2);
    for event in events(&streamed.text) {
        assert_eq!(event["type"], "image_generation.completed");
        assert!(is_png(&STANDARD.decode(event["b64_json"].as_str().unwrap()).unwrap()));
        assert_eq!((&event["size"], &event["output_format"]), (&json!("1024x1024"), &json!("png")));
        assert!(event["created_at"].is_u64() && event["usage"]["output_tokens"] == 0 && event["quality"] == "auto");
    }
    assert!(sent(&rig)[0].get("stream").is_none());
}

/// Who waits for a stream of pictures gets signs of life, and an error as an event.
#[tokio::test]
async fn a_stream_that_takes_its_time_has_comments_first() {
    let settings =
        flowgate::mock::MockSettings { first_token: std::time::Duration::from_millis(1500), ..Default::default() };
    let rig = Rig::mocked_with("", settings).await;
    for (model, last) in [
        (KOLORS, "event: image_generation.completed\n"),
        ("fault/picture-html@Kwai-Kolors/Kolors", "data: {\"error\":"),
    ] {
        let body = json!({"model": model, "prompt": "x", "stream": true});
        let streamed = Streamed::of(rig.post(PATH, body.to_string()).header("x-flowgate-keep-alive", "1s")).await;
        assert!(streamed.text.starts_with(": waiting\n\n") && streamed.text.contains(last), "{}", streamed.text);
    }
}

#[tokio::test]
async fn what_cannot_be_drawn_is_refused_before_it_is_paid() {
    let rig = Rig::mocked("[models]\nopenai_aliases = true\n").await;
    for (more, param, says) in [
        (json!({"size": "1792x1024"}), "size", "It takes 1024x1024, 960x1280, 768x1024, 720x1440, 720x1280."),
        (json!({"size": 7}), "size", "must be a string"),
        (json!({"n": 11}), "n", "from 1 to 10"),
        (json!({"n": 0}), "n", "from 1 to 10"),
        (json!({"response_format": "webp"}), "response_format", "`url` or `b64_json`"),
        (json!({"background": "transparent"}), "background", "transparent"),
        (json!({"output_format": "svg"}), "output_format", "`png`"),
        (json!({"mask": "data:x"}), "mask", "takes a mask"),
    ] {
        let mut body = json!({"model": "dall-e-3", "prompt": "x"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let got = draw(&rig, body).await;
        assert!(got.error().starts_with("400 invalid_request_error/"), "{more}");
        let error = &got.json()["error"];
        assert_eq!(error["param"], param);
        assert!(error["message"].as_str().unwrap().contains(says), "{error}");
        assert_eq!(got.header("x-should-retry"), Some("false"));
    }
    assert!(rig.mock().control().requests().is_empty());
    let variations = Got::of(rig.post("/v1/images/variations", "{}")).await;
    assert_eq!(variations.error(), "404 invalid_request_error/unknown_url");
    assert!(variations.text().contains("/v1/images/edits"));
}

/// How many requests wait for their turn.
async fn in_line(rig: &Rig) -> u64 {
    let limits = Got::of(rig.request(reqwest::Method::GET, "/v1/flowgate/limits")).await.json();
    limits["data"].as_array().unwrap().iter().map(|lane| lane["waiting"].as_u64().unwrap()).sum()
}

/// More than the limits ever let in while it may wait is refused before the first picture is made; less waits for its minute.
#[tokio::test]
async fn pictures_are_made_within_the_limits() {
    let limits = "[[account]]\nname = \"main\"\napi_key = { env = \"UPSTREAM\" }\n[account.limits.\"Kwai-Kolors/Kolors\"]\nipm = 2\n";
    let rig = Rig::mocked(limits).await;
    let ask = |n: u64, wait: &str| {
        rig.post(PATH, json!({"model": KOLORS, "prompt": "x", "n": n}).to_string()).header("x-flowgate-max-wait", wait)
    };
    for (n, wait) in [(3, "0"), (5, "60"), (10, "60")] {
        let got = Got::of(ask(n, wait)).await;
        assert_eq!(got.error(), "400 invalid_request_error/request_too_large", "{n}");
        assert!(got.text().contains("ask for at most 2 pictures"), "{}", got.text());
    }
    assert_eq!(rig.mock().control().billed().total.images, 0);
    let mut waiting = tokio::task::JoinSet::new();
    waiting.spawn(ask(4, "60").send());
    soon("the first two are made", async || rig.mock().control().billed().total.images == 2).await;
    soon("the others stand in line", async || in_line(&rig).await == 1).await;
    waiting.abort_all();
    rig.is_idle().await;
    soon("they have left it", async || in_line(&rig).await == 0).await;
    rig.metric_becomes("flowgate_quota_reserved", &[], 0.0).await;
    assert_eq!(rig.mock().control().billed().total.images, 2);
}

#[tokio::test]
async fn whoever_keeps_nothing_passes_links_on() {
    let rig = Rig::mocked("[media]\nkeep = \"0s\"\n").await;
    let got = drawn(&rig, json!({})).await;
    let url = got.json()["data"][0]["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&rig.mock().base_url().replace("/v1", "/temporary/")), "{url}");
    assert_eq!(got.header("x-flowgate-edits"), Some("image-size, upstream-url"));
    let base64 = drawn(&rig, json!({"response_format": "b64_json"})).await.json();
    assert!(is_png(&STANDARD.decode(base64["data"][0]["b64_json"].as_str().unwrap()).unwrap()));
    rig.metric_becomes("flowgate_media_files", &[], 0.0).await;
}

/// Which file it is called by is the caller's own business: the link is made of the host that it has reached.
#[tokio::test]
async fn links_begin_where_the_caller_has_reached_us() {
    let rig = Rig::mocked("").await;
    let body = json!({"model": KOLORS, "prompt": "x"}).to_string();
    let url = |got: Got| got.json()["data"][0]["url"].as_str().unwrap().to_owned();
    let named = url(Got::of(rig.post(PATH, body.clone()).header("host", "localhost:1234")).await);
    assert!(named.starts_with("http://localhost:1234/flowgate/media/"), "{named}");
    let rig = Rig::mocked("[media]\npublic_url = \"https://gate.example/ai/\"\n").await;
    let public = url(Got::of(rig.post(PATH, body)).await);
    assert!(public.starts_with("https://gate.example/ai/flowgate/media/"), "{public}");
}
