//! What Anthropic's tools ask for besides messages: counted tokens, the list of models, what is left of limits.

use reqwest::Method;
use serde_json::{Value, json};

use super::{MODEL, asked, post, weather};
use crate::data_path::quota::{ANN, keyed};
use crate::data_path::support::{Got, Rig};

async fn counted(rig: &Rig, body: &Value) -> u64 {
    let got = Got::of(rig.post("/v1/messages/count_tokens?beta=true", body.to_string())).await;
    assert_eq!((got.status, got.header("x-flowgate-estimated")), (200, Some("input_tokens")), "{}", got.text());
    got.json()["input_tokens"].as_u64().unwrap()
}

#[tokio::test]
async fn tokens_are_counted_without_the_upstream() {
    let rig = Rig::mocked("[models.alias]\n\"claude-*\" = \"Qwen/Qwen3-8B\"\n").await;
    let plain = asked("claude-x", "How many tokens has this sentence, roughly?", &json!({}));
    let few = counted(&rig, &plain).await;
    assert!((8..40).contains(&few), "{few}");
    let mut more = plain.clone();
    more["system"] = json!("You are terse.");
    more["tools"] = weather();
    let with_tools = counted(&rig, &more).await;
    assert!(with_tools > few + 30, "{with_tools}");
    let picture = json!({"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}});
    more["messages"] = json!([{"role": "user", "content": [picture]}]);
    assert!(counted(&rig, &more).await > 100);
    // Any part of a conversation may be counted.
    let part = json!({"model": MODEL, "messages": [{"role": "assistant", "content": "Blue, mostly."}]});
    assert!(counted(&rig, &part).await > 0);
    assert!(rig.mock().control().requests().is_empty());
    let got = Got::of(rig.post("/v1/messages/count_tokens", "{\"messages\":[]}")).await;
    assert_eq!((got.status, &got.json()["type"]), (400, &json!("error")));
}

/// The count is what limits go by, and it learns.
#[tokio::test]
async fn the_count_is_the_estimate_of_the_stream() {
    let rig = Rig::mocked("").await;
    let body = asked(MODEL, "Count this, and say [[say=yes]].", &json!({"stream": true, "tools": weather()}));
    let count = counted(&rig, &body).await;
    let got = crate::data_path::support::Streamed::of(post(&rig, &body)).await;
    let told = got.events()[0]["message"]["usage"]["input_tokens"].as_u64().unwrap();
    assert!(told.abs_diff(count) <= count / 5 + 5, "{told} and {count}");
}

/// It takes neither quota nor a row, whatever the key may spend.
#[tokio::test]
async fn counting_takes_no_quota() {
    let rig = Rig::mocked(&keyed("rpm = 1\nendpoints = [\"/messages\"]")).await;
    let body = asked(MODEL, "x", &json!({})).to_string();
    for _ in 0..3 {
        let got = Got::of(rig.post("/v1/messages/count_tokens", body.clone()).bearer_auth(ANN)).await;
        assert_eq!(got.status, 200, "{}", got.text());
    }
    assert_eq!(Got::of(rig.post("/v1/messages", body.clone()).bearer_auth(ANN)).await.status, 200);
    let stranger = Got::of(rig.post("/v1/messages/count_tokens", body).bearer_auth("sk-none")).await;
    assert_eq!((stranger.status, &stranger.json()["error"]["type"]), (401, &json!("authentication_error")));
}

#[tokio::test]
async fn limits_are_told_in_anthropics_words() {
    let rig = Rig::mocked(&keyed("rpm = 5\ntpm = 100000")).await;
    let got = Got::of(post(&rig, &asked(MODEL, "x", &json!({}))).bearer_auth(ANN)).await;
    assert_eq!(got.header("anthropic-ratelimit-requests-limit"), Some("5"), "{:?}", got.headers);
    for (theirs, ours) in [
        ("anthropic-ratelimit-requests-remaining", "x-ratelimit-remaining-requests"),
        ("anthropic-ratelimit-tokens-limit", "x-ratelimit-limit-tokens"),
        ("anthropic-ratelimit-tokens-remaining", "x-ratelimit-remaining-tokens"),
        ("anthropic-ratelimit-input-tokens-remaining", "x-ratelimit-remaining-tokens"),
        ("anthropic-ratelimit-output-tokens-limit", "x-ratelimit-limit-tokens"),
    ] {
        assert!(got.header(theirs).is_some() && got.header(theirs) == got.header(ours), "{theirs}");
    }
    let reset = got.header("anthropic-ratelimit-requests-reset").unwrap();
    assert!(reset.len() == 20 && reset.ends_with('Z') && reset.as_bytes()[10] == b'T', "{reset}");
    let chat = rig.post("/v1/chat/completions", asked(MODEL, "x", &json!({})).to_string()).bearer_auth(ANN);
    let chat = Got::of(chat).await;
    assert!(chat.headers.keys().all(|name| !name.as_str().starts_with("anthropic-")), "{:?}", chat.headers);
    assert_eq!(chat.header("request-id"), None);
}

#[tokio::test]
async fn models_are_listed_as_anthropic_does() {
    let rig = Rig::mocked("[models.alias]\n\"claude-x\" = \"Qwen/Qwen3-8B\"\n").await;
    let get = |path: &str| rig.request(Method::GET, path).header("anthropic-version", "2023-06-01");
    let list = Got::of(get("/v1/models?limit=1000")).await.json();
    let ids: Vec<&str> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&MODEL) && ids.contains(&"claude-x") && !ids.contains(&"BAAI/bge-m3"), "{ids:?}");
    assert_eq!((list["first_id"].as_str(), list["last_id"].as_str()), (ids.first().copied(), ids.last().copied()));
    assert!(
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|model| model["type"] == "model" && model["created_at"].is_string())
    );
    let page = Got::of(get("/v1/models?limit=2")).await.json();
    assert_eq!(
        (page["data"].as_array().unwrap().len(), &page["has_more"], &page["last_id"]),
        (2, &json!(true), &json!(ids[1]))
    );
    let one = Got::of(get("/v1/models/Qwen%2FQwen3-8B")).await.json();
    assert_eq!((&one["type"], &one["id"], &one["display_name"]), (&json!("model"), &json!(MODEL), &json!(MODEL)));
    let none = Got::of(get("/v1/models/no%2Fsuch")).await;
    assert_eq!((none.status, &none.json()["error"]["type"]), (404, &json!("not_found_error")));
    let openai = Got::of(rig.request(Method::GET, "/v1/models")).await.json();
    assert_eq!((&openai["object"], openai.get("has_more")), (&json!("list"), None));
}
