//! `POST /images/edits`: forms as OpenAI's SDKs send them, and JSON, become SiliconFlow's own request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::images::{KOLORS, fetched, is_png, sent};
use super::support::{Got, Rig, Streamed, events};

const PATH: &str = "/v1/images/edits";
const EDIT: &str = "Qwen/Qwen-Image-Edit";
const EDIT_3: &str = "Qwen/Qwen-Image-Edit-2509";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";

fn picture() -> Part {
    Part::bytes(PNG).file_name("a.png").mime_str("image/png").unwrap()
}

fn form(model: &str) -> Form {
    Form::new().text("model", model.to_owned()).text("prompt", "make it blue")
}

async fn edit(rig: &Rig, form: Form) -> Got {
    Got::of(rig.request(reqwest::Method::POST, PATH).multipart(form)).await
}

#[tokio::test]
async fn a_form_becomes_siliconflows_json() {
    let rig = Rig::mocked("").await;
    let form = form(EDIT).part("image", picture()).text("size", "1024x1024").text("n", "1").text("user", "me");
    let got = edit(&rig, form).await;
    let answer = got.json();
    assert!(is_png(&fetched(&rig, &answer["data"][0]["url"]).await.body), "{answer}");
    assert_eq!(got.header("x-flowgate-edits"), Some("without-size, without-user, form-as-json"));
    let url = format!("data:image/png;base64,{}", STANDARD.encode(PNG));
    assert_eq!(sent(&rig), [json!({"model": EDIT, "prompt": "make it blue", "n": 1, "image": url})]);
    let request = &rig.mock().control().requests()[0];
    assert_eq!(request.path, "/v1/images/generations");
    assert!(
        request.headers.contains(&("content-type".to_owned(), "application/json".to_owned())),
        "{:?}",
        request.headers
    );
    rig.metric_becomes("flowgate_requests_total", &["route=\"/images/edits\"", "code=\"200\""], 1.0).await;
    rig.is_idle().await;
}

#[tokio::test]
async fn several_pictures_and_a_stream() {
    let rig = Rig::mocked("").await;
    let many = (0..3).fold(form(EDIT_3), |form, _| form.part("image[]", picture()));
    let got = edit(&rig, many.text("response_format", "b64_json")).await;
    assert!(is_png(&STANDARD.decode(got.json()["data"][0]["b64_json"].as_str().unwrap()).unwrap()));
    let body = &sent(&rig)[0];
    assert!(["image", "image2", "image3"].iter().all(|key| body[key] == body["image"]), "{body}");
    let form = form(EDIT).part("image", picture()).text("stream", "true");
    let streamed = Streamed::of(rig.request(reqwest::Method::POST, PATH).multipart(form)).await;
    assert!(streamed.text.starts_with("event: image_edit.completed\ndata: "), "{}", streamed.text);
    assert_eq!(events(&streamed.text)[0]["type"], "image_edit.completed");
}

#[tokio::test]
async fn json_is_taken_too() {
    let rig = Rig::mocked("").await;
    let url = format!("data:image/png;base64,{}", STANDARD.encode(PNG));
    for (images, edits) in [
        (json!({"image": url}), None),
        (json!({"image": [url]}), Some("image-list")),
        (json!({"images": [{"image_url": url}]}), Some("image-list")),
    ] {
        let mut body = json!({"model": EDIT, "prompt": "x"});
        body.as_object_mut().unwrap().extend(images.as_object().unwrap().clone());
        let got = Got::of(rig.post(PATH, body.to_string())).await;
        assert_eq!((got.status, got.header("x-flowgate-edits")), (200, edits), "{}", got.text());
        assert_eq!(sent(&rig).pop(), Some(json!({"model": EDIT, "prompt": "x", "image": url})));
    }
}

#[tokio::test]
async fn what_cannot_be_edited_is_refused_with_a_reason() {
    let rig = Rig::mocked("[server]\nmax_body = \"1MiB\"\n").await;
    let check = async |form: Form, expected: &str, param: Value, says: &str| {
        let got = edit(&rig, form).await;
        assert_eq!(got.error(), expected, "{says}");
        let error = &got.json()["error"];
        assert_eq!(error["param"], param, "{error}");
        assert!(error["message"].as_str().unwrap().contains(says), "{error}");
    };
    let invalid = "400 invalid_request_error/null";
    let mask = form(EDIT).part("image", picture()).part("mask", picture());
    check(mask, "400 invalid_request_error/unsupported_parameter", json!("mask"), "say in the prompt").await;
    check(form(EDIT), invalid, json!("image"), "no picture to edit").await;
    let two = form(EDIT).part("image[]", picture()).part("image[]", picture());
    check(two, invalid, json!("image"), "at most 1 picture to edit, not 2").await;
    let text = form(EDIT).part("image", Part::bytes(&b"<svg/>"[..]).file_name("a.svg"));
    check(text, invalid, json!("image"), "no PNG, JPEG, WebP or GIF").await;
    let large = form(EDIT).part("image", Part::bytes([PNG, &vec![0; 2 << 20]].concat()).file_name("a.png"));
    check(large, "413 invalid_request_error/request_too_large", Value::Null, "1048576").await;
    check(
        form("no/such-kind").part("image", picture()),
        "404 invalid_request_error/model_not_found",
        json!("model"),
        "no/such-kind",
    )
    .await;
    check(
        form("Qwen/Qwen3-8B").part("image", picture()),
        "400 invalid_request_error/wrong_endpoint",
        json!("model"),
        "chat",
    )
    .await;
    let nameless = Form::new().text("prompt", "x").part("image", picture());
    check(nameless, invalid, json!("model"), "model").await;
    let broken = rig.post(PATH, "--b\r\nnothing").header("content-type", "multipart/form-data; boundary=b");
    assert_eq!(Got::of(broken).await.status, 400);
    assert_eq!(rig.mock().control().billed().total.images, 0);
    rig.is_idle().await;
}

/// The pictures of a form are held twice for a moment, as they came and as base64: both count as memory.
#[tokio::test]
async fn forms_keep_to_the_memory_of_all_bodies() {
    let rig = Rig::mocked("[server]\nbody_memory = \"2MiB\"\n").await;
    let of = |bytes: usize| form(EDIT).part("image", Part::bytes([PNG, &vec![0; bytes]].concat()).file_name("a.png"));
    let full = edit(&rig, of(3 << 19)).await;
    assert_eq!(full.error(), "503 service_unavailable_error/server_is_overloaded");
    assert_eq!(edit(&rig, of(1 << 19)).await.status, 200);
    rig.is_idle().await;
}

/// A key that may only draw may not edit, and the other way round; a model's list holds here too.
#[tokio::test]
async fn keys_are_limited_here_too() {
    let keys = "[[key]]\nname = \"ann\"\nsecret = { env = \"KEY_ANN\" }\nendpoints = [\"/images/edits\"]\nmodels = [\"Qwen/Qwen-Image-Edit\"]\n";
    let rig = Rig::mocked(keys).await;
    let ask = async |model: &str| {
        let request = rig.request(reqwest::Method::POST, PATH).bearer_auth("sk-ann-canary-1");
        Got::of(request.multipart(form(model).part("image", picture()))).await.status
    };
    assert_eq!((ask(EDIT).await, ask(KOLORS).await), (200, 404));
    let draws = rig.post("/v1/images/generations", json!({"model": EDIT, "prompt": "x"}).to_string());
    assert_eq!(
        Got::of(draws.bearer_auth("sk-ann-canary-1")).await.error(),
        "403 invalid_request_error/endpoint_not_allowed"
    );
}
