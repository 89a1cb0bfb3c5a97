//! Declared lists: on to the next model when one fails before its first byte, and never after.

use serde_json::json;

use flowgate::mock::Injection;

use super::policy::{FREE, PRO, called};
use super::support::{Got, Rig, Streamed, chat};

const SPARE: &str = "THUDM/GLM-4-9B-0414";

fn declared(more: &str) -> String {
    format!("{more}\n[models.fallback]\n\"{FREE}\" = [\"{SPARE}\"]\n\"{PRO}\" = [\"deepseek-ai/DeepSeek-V3.2\"]\n")
}

/// From now on `model` fails so.
fn breaks(rig: &Rig, model: &str, fault: &str) {
    let injection = Injection { fault: fault.to_owned(), model: Some(model.to_owned()), ..Injection::default() };
    rig.mock().control().inject(injection).unwrap();
}

async fn ask(rig: &Rig, model: &str) -> Got {
    Got::of(rig.post("/v1/chat/completions", chat(model, "Hello").to_string())).await
}

/// What is left of quotas and of money when all is over.
async fn leaves_nothing(rig: &Rig) {
    rig.is_idle().await;
    rig.metric_becomes("flowgate_quota_reserved", &[], 0.0).await;
    rig.metric_becomes("flowgate_spill_reserved_cny", &[], 0.0).await;
}

#[tokio::test]
async fn a_failed_model_is_followed_by_the_next_of_its_list() {
    for (fault, cause) in [
        ("overload-503", "busy"),
        ("busy-503", "busy"),
        ("bad-model-20012", "withdrawn"),
        ("disabled-403", "withdrawn"),
        ("overflow", "context"),
        ("overflow-2025", "context"),
        ("200-error", "busy"),
    ] {
        let rig = Rig::mocked(&declared("[[account]]\nname = \"main\"\n[upstream]\nretries = 0")).await;
        breaks(&rig, FREE, fault);
        let got = ask(&rig, FREE).await;
        assert_eq!(called(&rig, &got), SPARE, "{fault}");
        assert_eq!(got.header("x-flowgate-edits"), Some("model, fallback"), "{fault}");
        assert_eq!(got.header("x-flowgate-cost-cny"), Some("0.00"));
        assert_eq!(rig.metric("flowgate_fallbacks_total", &[&format!("\"{cause}\"")]).await, 1.0, "{fault}");
        assert_eq!(rig.metric("flowgate_requests_total", &[]).await, 1.0);
        leaves_nothing(&rig).await;
        // It has no list itself, so it is the last one.
        breaks(&rig, SPARE, "busy-503");
        let got = ask(&rig, FREE).await;
        assert_eq!(got.status, 503, "{}", got.text());
        assert!(got.text().contains(SPARE), "{}", got.text());
        leaves_nothing(&rig).await;
    }
}

#[tokio::test]
async fn what_another_model_would_not_mend_is_not_tried_again() {
    for fault in ["param-20015", "balance-403", "token-401", "500", "reset-before-head", "json-20024"] {
        let rig = Rig::mocked(&declared("")).await;
        breaks(&rig, FREE, fault);
        let got = ask(&rig, FREE).await;
        assert!(got.status >= 400, "{fault}");
        let seen = rig.mock().control().requests();
        assert!(seen.iter().all(|seen| seen.json()["model"] == FREE), "{fault}: {seen:?}");
        assert_eq!(rig.metric("flowgate_fallbacks_total", &[]).await, 0.0);
    }
}

#[tokio::test]
async fn a_stream_falls_back_before_its_first_byte_and_not_after() {
    let rig = Rig::mocked(&declared("[upstream]\nretries = 0")).await;
    // Overloaded, told inside a stream that began with 200.
    breaks(&rig, FREE, "error-event:0");
    let streamed = Streamed::chat(&rig, FREE, json!({})).await;
    assert!(streamed.is_done() && streamed.said().contains("one two"), "{}", streamed.text);
    assert_eq!(streamed.headers["x-flowgate-model"], SPARE);
    assert!(streamed.headers["x-flowgate-edits"].to_str().unwrap().contains("fallback"));

    let rig = Rig::mocked(&declared("")).await;
    breaks(&rig, FREE, "error-event:2");
    let streamed = Streamed::chat(&rig, FREE, json!({})).await;
    assert_eq!((streamed.status, streamed.is_done()), (200, false));
    assert_eq!(streamed.headers["x-flowgate-model"], FREE);
    assert_eq!(rig.mock().control().requests().len(), 1);
}

#[tokio::test]
async fn a_paid_fallback_needs_a_right() {
    let list = format!("[models.fallback]\n\"{FREE}\" = [\"{PRO}\"]\n");
    let rig = Rig::mocked(&format!("[upstream]\nretries = 0\n{list}")).await;
    breaks(&rig, FREE, "overload-503");
    assert_eq!(ask(&rig, FREE).await.status, 503, "nobody allowed it");
    assert_eq!(rig.mock().control().requests().len(), 1);

    let rig = Rig::mocked(&format!("[upstream]\nretries = 0\n[models.spill]\nallowed = true\n{list}")).await;
    breaks(&rig, FREE, "overload-503");
    assert_eq!(called(&rig, &ask(&rig, FREE).await), PRO);
    leaves_nothing(&rig).await;
    assert!(rig.metric("flowgate_spill_spent_cny", &[]).await > 0.0);
    assert_eq!(rig.metric("flowgate_model_choices_total", &["spill"]).await, 1.0);

    let none = "[models.spill]\nallowed = true\nbudget_per_day = \"0 CNY\"\n";
    let rig = Rig::mocked(&format!("[upstream]\nretries = 0\n{none}{list}")).await;
    breaks(&rig, FREE, "overload-503");
    assert_eq!(ask(&rig, FREE).await.status, 503, "nothing is left in the budget");

    // Whoever asked for a paid one gets a paid one.
    let rig = Rig::mocked(&declared("[upstream]\nretries = 0")).await;
    breaks(&rig, PRO, "overload-503");
    assert_eq!(called(&rig, &ask(&rig, PRO).await), "deepseek-ai/DeepSeek-V3.2");
}

#[tokio::test]
async fn a_list_of_an_alias_is_followed_as_well() {
    let alias = format!(
        "[upstream]\nretries = 0\n[models.alias]\nfast = {{ models = [\"{FREE}\", \"{SPARE}\", \"Qwen/Qwen3-8B\"] }}\n"
    );
    let rig = Rig::mocked(&alias).await;
    assert_eq!(called(&rig, &ask(&rig, "fast").await), FREE);
    breaks(&rig, FREE, "overload-503");
    assert_eq!(called(&rig, &ask(&rig, "fast").await), SPARE);
    breaks(&rig, SPARE, "bad-model-20012");
    assert_eq!(called(&rig, &ask(&rig, "fast").await), "Qwen/Qwen3-8B");
    assert_eq!(rig.metric("flowgate_fallbacks_total", &[]).await, 3.0);
    assert_eq!(ask(&rig, FREE).await.status, 503, "its own name is no alias");
}
