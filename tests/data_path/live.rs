//! `GET /live` on the admin plane: what it counts is what was sent, and nothing of it is anybody's secret.

use flowgate::mock::Injection;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::quota::{ANN, BOB, ask, keyed, limited};
use super::support::{Got, MODEL, Rig, Streamed, UPSTREAM_KEY, soon};

async fn live(rig: &Rig) -> Value {
    let got = Got::of(rig.client.get(format!("http://{}/live", rig.admin))).await;
    assert_eq!((got.status, got.header("cache-control")), (200, Some("no-store")));
    let text = got.text();
    assert!(!text.contains("canary") && !text.contains(UPSTREAM_KEY), "{text}");
    got.json()
}

/// The entry of a list whose member `name` is `value`.
fn one<'a>(list: &'a Value, name: &str, value: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|entry| entry[name] == value);
    found.unwrap_or_else(|| panic!("no {name} {value} in {list}"))
}

async fn picture(rig: &Rig, key: &str) {
    let body = json!({"model": "Tongyi-MAI/Z-Image-Turbo", "prompt": "x"}).to_string();
    let got = Got::of(rig.post("/v1/images/generations", body).bearer_auth(key)).await;
    assert_eq!(got.status, 200, "{}", got.text());
}

#[tokio::test]
async fn it_counts_what_was_sent() {
    let team = "team = \"lab\"\n[[team]]\nname = \"lab\"\n";
    let rig = Rig::mocked(&format!("{}{team}\n[upstream]\nretries = 0\n", keyed(""))).await;
    let mut tokens = [0, 0];
    for key in [ANN, ANN, ANN, BOB] {
        let got = Got::of(ask(&rig, "hello canary").bearer_auth(key)).await;
        let usage = got.json()["usage"].clone();
        tokens[0] += usage["prompt_tokens"].as_u64().unwrap();
        tokens[1] += usage["completion_tokens"].as_u64().unwrap();
    }
    picture(&rig, BOB).await;
    rig.mock().control().inject(Injection::next("500", 1)).unwrap();
    assert_eq!(Got::of(ask(&rig, "x").bearer_auth(ANN)).await.status, 502);
    assert_eq!(Got::of(ask(&rig, "x").bearer_auth("sk-canary")).await.status, 401);
    let malformed = rig.post("/v1/chat/completions", "{").bearer_auth(ANN);
    assert_eq!(Got::of(malformed).await.status, 400);
    rig.is_idle().await;
    let live = live(&rig).await;
    let totals = json!({
        "requests": 8, "failed": 1, "refused": 2, "input_tokens": tokens[0], "output_tokens": tokens[1],
        "cost_cny": 0.1, "upstream_429": 0, "avoided_429": 0, "in_flight": 0, "waiting": 0,
    });
    assert_eq!(live["totals"], totals);
    let chats = one(&live["models"], "model", MODEL);
    assert_eq!(
        (&chats["requests"], &chats["failed"], &chats["output_tokens"]),
        (&json!(5), &json!(1), &json!(tokens[1]))
    );
    let other = one(&live["models"], "model", "other");
    assert_eq!((&other["requests"], &other["refused"]), (&json!(2), &json!(2)), "no model was called");
    let [ann, bob] = ["ann", "bob"].map(|key| one(&live["keys"], "key", key));
    assert_eq!((&ann["team"], &bob["team"], &bob["cost_cny"]), (&json!(""), &json!("lab"), &json!(0.1)));
    assert!(ann["output_tokens"].as_u64() > bob["output_tokens"].as_u64());
    let errors = [("server", "upstream"), ("bad_key", "refused"), ("bad_body", "refused")];
    for (reason, kind) in errors {
        let error = one(&live["errors"], "reason", reason);
        assert_eq!((&error["kind"], &error["count"]), (&json!(kind), &json!(1)));
    }
    assert_eq!(live["errors"].as_array().unwrap().len(), errors.len(), "{live}");
    assert_eq!((&live["is_ready"], &live["notes"]), (&json!(true), &json!([])));
    assert_eq!(live["accounts"][0]["is_resting"], false);
}

#[tokio::test]
async fn an_answer_that_breaks_off_has_failed() {
    let rig = Rig::mocked("").await;
    assert_eq!(Streamed::chat(&rig, "fault/cut:3", json!({})).await.status, 200);
    rig.metric_becomes("flowgate_broken_answers_total", &["model=\"fault/cut:3\""], 1.0).await;
    let live = live(&rig).await;
    assert_eq!((&live["totals"]["requests"], &live["totals"]["failed"]), (&json!(1), &json!(1)));
    assert_eq!(one(&live["models"], "model", "fault/cut:3")["failed"], 1);
    assert_eq!(one(&live["errors"], "reason", "stream_broken")["kind"], "upstream");
}

#[tokio::test]
async fn who_waits_is_seen() {
    let rig = Rig::mocked(&format!("{}[queue]\nmax_wait = \"5m\"\n", limited("rpm = 1"))).await;
    assert_eq!(Got::of(ask(&rig, "a")).await.status, 200);
    let mut waits = JoinSet::new();
    waits.spawn(Got::of(ask(&rig, "b")));
    soon("one waits", async || live(&rig).await["totals"]["waiting"] == 1).await;
    let now = live(&rig).await;
    assert_eq!((&now["totals"]["in_flight"], &one(&now["models"], "model", MODEL)["waiting"]), (&json!(1), &json!(1)));
    assert_eq!(now["accounts"], json!([{"name": "demo", "tier": "L0", "is_resting": false}]));
    waits.abort_all();
    soon("nobody waits", async || live(&rig).await["totals"]["waiting"] == 0).await;
}

/// A page that was just opened has something to draw from.
#[tokio::test]
async fn the_first_sample_is_taken_at_once() {
    let rig = Rig::mocked("").await;
    soon("there is a sample", async || live(&rig).await["history"]["samples"][0].is_array()).await;
    let live = live(&rig).await;
    let history = &live["history"];
    assert_eq!(history["every_seconds"], 5);
    let samples = history["samples"].as_array().unwrap();
    assert_eq!(samples[0].as_array().unwrap().len(), history["fields"].as_array().unwrap().len());
    let [started, now] = ["started_ms", "now_ms"].map(|name| live[name].as_u64().unwrap());
    let at = samples[0][0].as_u64().unwrap();
    assert!(started <= at && at <= now, "{started} {at} {now}");
}
