//! The page of metrics under hostile traffic: no series for each name, no secret, no prompt.

use futures_util::future::join_all;
use reqwest::Method;

use super::support::{Got, Rig, Script, UPSTREAM_KEY, chat, json_answer, ok_chat};

/// Different values of the label `model`.
async fn models(rig: &Rig) -> usize {
    let page = rig.metrics().await;
    let found = page.split("model=\"").skip(1).filter_map(|rest| rest.split('"').next());
    // Those who wait for a limit of their own key have none.
    found.filter(|name| !name.is_empty()).collect::<std::collections::HashSet<_>>().len()
}

async fn ask_for_many(rig: &Rig) {
    for round in 0..20 {
        let bodies: Vec<String> =
            (0..20).map(|number| chat(&format!("name-{round}-{number}"), "canary").to_string()).collect();
        join_all(bodies.into_iter().map(|body| Got::of(rig.post("/v1/chat/completions", body)))).await;
    }
}

#[tokio::test]
async fn names_that_the_upstream_refuses_make_no_series() {
    let refused = r#"{"code":20012,"message":"Model does not exist. Please check it carefully.","data":null}"#;
    let script = Script::always(vec![json_answer(400, refused)]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    ask_for_many(&rig).await;
    let models = models(&rig).await;
    assert!(models <= 1, "{models} models");
}

#[tokio::test]
async fn names_that_the_upstream_takes_make_a_bounded_number_of_series() {
    let script = Script::always(vec![ok_chat()]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    ask_for_many(&rig).await;
    let models = models(&rig).await;
    assert!((2..=257).contains(&models), "{models} models");
}

#[tokio::test]
async fn the_page_tells_no_secret_and_no_path() {
    let rig = Rig::mocked("[[key]]\nname = \"ann\"\nsecret = { env = \"KEY_ANN\" }\n").await;
    for (method, path) in [(Method::GET, "/v1/canary"), (Method::POST, "/canary"), (Method::GET, "/v1/models/canary")] {
        Got::of(rig.request(method, path).bearer_auth("sk-ann-canary-1").header("x-canary", "canary")).await;
        Got::of(rig.request(Method::GET, path).bearer_auth("sk-canary")).await;
    }
    let page = rig.metrics().await;
    assert!(!page.contains("canary") && !page.contains(UPSTREAM_KEY), "{page}");
    assert!(page.contains("key=\"ann\"") || page.contains("route=\"other\""), "{page}");
}
