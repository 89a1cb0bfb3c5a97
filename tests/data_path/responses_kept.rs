//! Responses that were kept: shown, listed, pointed to and forgotten, by the key that asked for them and by nobody else.

use reqwest::Method;
use serde_json::{Value, json};

use super::quota::{ANN, BOB, keyed};
use super::responses::{respond, said};
use super::support::{Got, MODEL, Rig, soon};

async fn ask(rig: &Rig, method: Method, path: &str, key: &str) -> Got {
    Got::of(rig.request(method, path).bearer_auth(key)).await
}

async fn respond_as(rig: &Rig, key: &str, body: Value) -> Value {
    let got = Got::of(rig.post("/v1/responses", body.to_string()).bearer_auth(key)).await;
    assert_eq!(got.status, 200, "{}", got.text());
    got.json()
}

#[tokio::test]
async fn a_response_belongs_to_the_key_that_asked() {
    let rig = Rig::mocked(&keyed("")).await;
    let response =
        respond_as(&rig, ANN, json!({"model": MODEL, "input": "[[say=mine]]", "metadata": {"a": "b"}})).await;
    let id = response["id"].as_str().unwrap();
    let path = format!("/v1/responses/{id}");
    assert_eq!(ask(&rig, Method::GET, &path, ANN).await.json(), response);
    const NOT_FOUND: &str = "404 invalid_request_error/response_not_found";
    for (method, below) in
        [(Method::GET, ""), (Method::DELETE, ""), (Method::GET, "/input_items"), (Method::POST, "/cancel")]
    {
        assert_eq!(ask(&rig, method, &format!("{path}{below}"), BOB).await.error(), NOT_FOUND);
    }
    let next = json!({"model": MODEL, "input": "x", "previous_response_id": id});
    let got = Got::of(rig.post("/v1/responses", next.to_string()).bearer_auth(BOB)).await;
    assert_eq!(got.error(), "400 invalid_request_error/previous_response_not_found");
    let item = response["output"][0]["id"].as_str().unwrap();
    let next = json!({"model": MODEL, "input": [{"type": "item_reference", "id": item}]});
    let got = Got::of(rig.post("/v1/responses", next.to_string()).bearer_auth(BOB)).await;
    assert_eq!(got.error(), "400 invalid_request_error/item_not_found");

    let cancelled = ask(&rig, Method::POST, &format!("{path}/cancel"), ANN).await;
    assert_eq!(cancelled.error(), "400 invalid_request_error/null");
    assert_eq!(
        ask(&rig, Method::GET, &format!("{path}?stream=true"), ANN).await.error(),
        "400 invalid_request_error/unsupported_parameter"
    );
    assert_eq!(ask(&rig, Method::PUT, &path, ANN).await.status, 405);
    assert_eq!(
        ask(&rig, Method::POST, "/v1/responses/compact", ANN).await.error(),
        "404 invalid_request_error/unknown_url"
    );
    let deleted = ask(&rig, Method::DELETE, &path, ANN).await.json();
    assert_eq!(deleted, json!({"id": id, "object": "response", "deleted": true}));
    assert_eq!(ask(&rig, Method::GET, &path, ANN).await.error(), NOT_FOUND);
    assert_eq!(ask(&rig, Method::DELETE, &path, ANN).await.error(), NOT_FOUND);
    assert_eq!(rig.mock().control().requests().len(), 1);
    rig.is_idle().await;
}

#[tokio::test]
async fn a_conversation_is_remembered_and_its_items_are_listed() {
    let rig = Rig::mocked("").await;
    let mut previous = Value::Null;
    for turn in 0..3 {
        let body = json!({"model": MODEL, "instructions": format!("Turn {turn}."), "input": format!("[[say=answer {turn}]]"), "previous_response_id": previous});
        // At once: whoever has read the end finds what was kept.
        previous = respond(&rig, body).await.json()["id"].clone();
    }
    let sent = rig.mock().control().requests()[2].json();
    let told: Vec<&str> = sent["messages"].as_array().unwrap().iter().map(|m| m["content"].as_str().unwrap()).collect();
    assert_eq!(told, ["Turn 2.", "[[say=answer 0]]", "answer 0", "[[say=answer 1]]", "answer 1", "[[say=answer 2]]"]);
    let path = format!("/v1/responses/{}/input_items", previous.as_str().unwrap());
    let list = ask(&rig, Method::GET, &format!("{path}?order=asc"), "").await.json();
    let texts: Vec<&str> =
        list["data"].as_array().unwrap().iter().map(|item| item["content"][0]["text"].as_str().unwrap()).collect();
    assert_eq!(texts, told[1..]);
    let page =
        ask(&rig, Method::GET, &format!("{path}?limit=2&after={}", list["last_id"].as_str().unwrap()), "").await.json();
    assert_eq!((&page["data"][0], page["has_more"].as_bool()), (&list["data"][3], Some(true)));
}

/// As the AI SDK does: what was answered is sent back as a pointer.
#[tokio::test]
async fn items_are_pointed_to() {
    let rig = Rig::mocked("").await;
    let first = respond(&rig, json!({"model": MODEL, "input": "[[say=once]]"})).await.json();
    let item = json!({"type": "item_reference", "id": first["output"][0]["id"]});
    let next = json!({"model": MODEL, "input": [item, {"role": "user", "content": "[[say=twice]]"}]});
    let second = respond(&rig, next).await.json();
    assert_eq!(
        rig.mock().control().requests()[1].json()["messages"][0],
        json!({"role": "assistant", "content": "once"})
    );
    let third = json!({"model": MODEL, "input": "[[say=thrice]]", "previous_response_id": second["id"]});
    assert_eq!(said(&respond(&rig, third).await.json()), "thrice");
    let sent = rig.mock().control().requests()[2].json();
    assert_eq!(sent["messages"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn what_shall_not_be_kept_is_not() {
    let rig = Rig::mocked("").await;
    let response = respond(&rig, json!({"model": MODEL, "input": "hello", "store": false})).await.json();
    assert_eq!(response["store"], false);
    let path = format!("/v1/responses/{}", response["id"].as_str().unwrap());
    assert_eq!(ask(&rig, Method::GET, &path, "").await.status, 404);

    let rig = Rig::mocked("[responses]\nstore = false\n").await;
    let got = respond(&rig, json!({"model": MODEL, "input": "hello", "store": true})).await;
    assert_eq!((got.header("x-flowgate-edits"), &got.json()["store"]), (Some("without-store"), &json!(false)));
    let next = json!({"model": MODEL, "input": "x", "previous_response_id": got.json()["id"]});
    let got = Got::of(rig.post("/v1/responses", next.to_string())).await;
    assert_eq!(got.error(), "400 invalid_request_error/unsupported_parameter");
    assert!(got.text().contains("responses.store"), "{}", got.text());
}

#[tokio::test]
async fn the_old_are_forgotten() {
    let rig = Rig::mocked("[responses]\nkeep = \"1s\"\n").await;
    let response = respond(&rig, json!({"model": MODEL, "input": "hello"})).await.json();
    let path = format!("/v1/responses/{}", response["id"].as_str().unwrap());
    assert_eq!(ask(&rig, Method::GET, &path, "").await.status, 200);
    soon("it is too old", async || ask(&rig, Method::GET, &path, "").await.status == 404).await;
}
