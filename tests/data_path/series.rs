//! The number of series under hostile traffic: names of models, paths, programs and keys make none.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;

use super::support::{Got, MODEL, Rig, Script, UPSTREAM_KEY, chat, json_answer};

/// Rounds of each kind; many thousands give the same.
const ROUNDS: usize = 40;
/// Requests at once.
const CROWD: usize = 10;
/// What the environment of the gateway has as `KEY_ANN`.
const KEY: &str = "sk-ann-canary-1";

/// Every series of the page, without its value. Buckets of one histogram are one: empty ones are there too.
async fn series(rig: &Rig) -> BTreeSet<String> {
    let page = rig.metrics().await;
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series.to_owned()).collect()
}

/// One round of requests, each with a name that nobody has sent before: of a model, a path, a method, a program, a key.
async fn round(rig: &Rig, round: usize) {
    let names = (0..CROWD).map(|number| format!("hostile-{round}-{number}"));
    join_all(names.map(async |name| {
        let ask = |model: &str| rig.post("/v1/chat/completions", chat(model, "Hello").to_string());
        let method = Method::from_bytes(name.as_bytes()).unwrap();
        for request in [
            ask(&name).bearer_auth(KEY),
            rig.request(Method::GET, &format!("/v1/{name}")).bearer_auth(KEY),
            rig.request(Method::GET, &format!("/v1/models/{name}")).bearer_auth(KEY),
            rig.request(method, "/v1/models").bearer_auth(KEY),
            ask(MODEL).bearer_auth(KEY).header("user-agent", &name),
            ask(MODEL).bearer_auth(format!("sk-{name}")),
        ] {
            Got::of(request).await;
        }
    }))
    .await;
}

#[tokio::test]
async fn hostile_traffic_makes_no_series() {
    let refused = r#"{"code":20012,"message":"Model does not exist. Please check it carefully.","data":null}"#;
    let script = Script::always(vec![json_answer(400, refused)]).await;
    let rig = Rig::before(&script.base_url(), "[[key]]\nname = \"ann\"\nsecret = { env = \"KEY_ANN\" }\n").await;
    round(&rig, ROUNDS).await;
    let before = series(&rig).await;
    assert!(before.len() > 500, "known series are there from the start: {}", before.len());
    for number in 0..ROUNDS {
        round(&rig, number).await;
    }
    let after = series(&rig).await;
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.is_empty(), "{new:?}");
    assert!(!after.iter().any(|series| series.contains("hostile") || series.contains(UPSTREAM_KEY)));
}
