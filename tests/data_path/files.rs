//! Files in OpenAI's shapes, with the emulator behind.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::support::{Got, Rig, Script, json_answer};

fn form(purpose: &'static str, content: &'static str) -> Form {
    Form::new().text("purpose", purpose).part("file", Part::text(content).file_name("a.jsonl"))
}

async fn upload(rig: &Rig, form: Form) -> Got {
    Got::of(rig.request(Method::POST, "/v1/files").multipart(form)).await
}

async fn get(rig: &Rig, path: &str) -> Got {
    Got::of(rig.request(Method::GET, path)).await
}

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_file_is_taken_shown_and_listed() {
    let rig = Rig::mocked("").await;
    let got = upload(&rig, form("batch", "{}\n")).await;
    assert_eq!((got.status, got.header("x-flowgate-edits")), (200, Some("unwrapped")));
    let file = got.json();
    assert!(file["created_at"].is_u64() && file.get("createdAt").is_none() && file.get("code").is_none(), "{file}");
    assert_eq!((&file["object"], &file["bytes"], &file["status"]), (&json!("file"), &json!(3), &json!("processed")));
    let other = upload(&rig, form("batch", "{}\n{}\n")).await.json();
    assert_eq!(get(&rig, &format!("/v1/files/{}", id(&file))).await.json(), file);
    let list = get(&rig, "/v1/files?limit=10").await.json();
    let expected = json!({
        "object": "list", "data": [file, other], "first_id": id(&file), "last_id": id(&other), "has_more": false,
    });
    assert_eq!(list, expected);
}

#[tokio::test]
async fn a_field_that_means_nothing_is_named() {
    let script = Script::always(vec![json_answer(
        200,
        r#"{"code":20000,"message":"Ok","status":true,"data":{"id":"file-1","object":"file","bytes":3,"createdAt":1}}"#,
    )])
    .await;
    let rig = Rig::before(&script.base_url(), "").await;
    let form = form("batch", "{}\n").text("expires_after[anchor]", "created_at").text("expires_after[seconds]", "3600");
    let got = upload(&rig, form).await;
    assert_eq!(got.header("x-flowgate-edits"), Some("unwrapped, without-expires-after"));
    assert!(script.only().header("content-length").is_some(), "its length is told");
}

#[tokio::test]
async fn what_there_is_not_is_told_with_what_there_is() {
    let rig = Rig::mocked("").await;
    let file = upload(&rig, form("batch", "{}\n")).await.json();
    let got = upload(&rig, form("fine-tune", "{}\n")).await;
    assert_eq!(got.error(), "400 invalid_request_error/unsupported_parameter");
    assert!(got.json()["error"]["param"] == "purpose" && got.text().contains("`batch`"), "{}", got.text());
    assert_eq!(get(&rig, "/v1/files").await.json()["data"].as_array().unwrap().len(), 1, "it was not taken");
    assert_eq!(get(&rig, "/v1/files/file-none").await.error(), "404 invalid_request_error/null");
    let got = get(&rig, &format!("/v1/files/{}/content", id(&file))).await;
    assert_eq!(got.error(), "404 invalid_request_error/unknown_url");
    assert!(got.text().contains("output_file_id"), "{}", got.text());
    let got = Got::of(rig.request(Method::DELETE, &format!("/v1/files/{}", id(&file)))).await;
    assert_eq!(got.error(), "404 invalid_request_error/unknown_url");
    assert!(got.text().contains("no way to delete"), "{}", got.text());
}

#[tokio::test]
async fn a_list_that_is_none_is_an_error() {
    let script = Script::always(vec![json_answer(200, r#"{"fine":true}"#)]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    assert_eq!(get(&rig, "/v1/files/file-1").await.error(), "502 server_error/upstream_bad_answer");
    assert_eq!(get(&rig, "/v1/files").await.json(), json!({"fine": true}), "what is not understood passes");
}
