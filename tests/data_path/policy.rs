//! Free or Pro, as callers meet it: who is called under each policy, what they are told, what is refused and why.

use serde_json::{Value, json};

use super::quota::{ANN, BOB};
use super::support::{Got, Rig, Script, chat, json_answer};

pub(super) const FREE: &str = "Qwen/Qwen2.5-7B-Instruct";
pub(super) const PRO: &str = "Pro/Qwen/Qwen2.5-7B-Instruct";
/// Paid, without a free twin.
const PAID: &str = "deepseek-ai/DeepSeek-V3.2";

async fn ask(rig: &Rig, model: &str) -> Got {
    Got::of(rig.post("/v1/chat/completions", chat(model, "Hello").to_string())).await
}

async fn ask_with(rig: &Rig, model: &str, policy: &str) -> Got {
    let request = rig.post("/v1/chat/completions", chat(model, "Hello").to_string());
    Got::of(request.header("x-flowgate-policy", policy)).await
}

/// The model that was called, after making sure that the upstream saw the same.
pub(super) fn called(rig: &Rig, got: &Got) -> String {
    assert_eq!(got.status, 200, "{}", got.text());
    let told = got.header("x-flowgate-model").unwrap();
    let seen = rig.mock().control().requests().pop().unwrap();
    assert_eq!(seen.json()["model"], told);
    told.to_owned()
}

#[tokio::test]
async fn a_request_may_choose_its_twin() {
    let rig = Rig::mocked("").await;
    for (model, header, expected) in [
        (FREE, None, FREE),
        (PRO, None, PRO),
        ("Qwen/Qwen2.5-7B-Instruct:pro", None, PRO),
        ("Pro/Qwen/Qwen2.5-7B-Instruct:free", None, FREE),
        ("Pro/Qwen/Qwen2.5-7B-Instruct:auto", None, FREE),
        (PRO, Some("free-only"), FREE),
        (PRO, Some("prefer-free"), FREE),
        (FREE, Some("prefer-pro"), PRO),
        (PAID, Some("prefer-free"), PAID),
    ] {
        let got = match header {
            Some(policy) => ask_with(&rig, model, policy).await,
            None => ask(&rig, model).await,
        };
        assert_eq!(called(&rig, &got), expected, "{model} {header:?}");
        let is_told = got.header("x-flowgate-edits").is_some_and(|edits| edits.split(", ").any(|edit| edit == "model"));
        assert_eq!(is_told, model != expected, "{model}: {:?}", got.header("x-flowgate-edits"));
    }
    for choice in [("free", 5.0), ("policy", 2.0), ("name", 2.0), ("spill", 0.0)] {
        let metric = rig.metric("flowgate_model_choices_total", &[&format!("\"{}\"", choice.0)]).await;
        assert_eq!(metric, choice.1, "{choice:?}");
    }
    for wrong in ["", "free", "PREFER-FREE", "ladder"] {
        let got = ask_with(&rig, FREE, wrong).await;
        assert_eq!(got.error(), "400 invalid_request_error/null", "{wrong}");
        assert_eq!(got.json()["error"]["param"], "x-flowgate-policy");
        assert!(got.text().contains("`prefer-free`"), "{}", got.text());
    }
}

#[tokio::test]
async fn nothing_paid_is_called_where_the_operator_forbids_it() {
    let rig =
        Rig::mocked("[models]\npolicy = \"free-only\"\n[models.alias]\nbig = \"deepseek-ai/DeepSeek-V3.2\"\n").await;
    for model in [PAID, "big", "deepseek-ai/DeepSeek-V3.2:pro", "nobody/knows", "big:auto"] {
        for policy in ["exact", "prefer-pro", "free-only"] {
            let got = ask_with(&rig, model, policy).await;
            assert_eq!(got.error(), "403 invalid_request_error/paid_model_not_allowed", "{model} {policy}");
            assert_eq!(
                (got.json()["error"]["param"].as_str(), got.header("x-should-retry")),
                (Some("model"), Some("false"))
            );
            for part in ["not known to be free", "operator", "is free"] {
                assert!(got.text().contains(part), "no {part:?} in {}", got.text());
            }
        }
    }
    assert!(rig.mock().control().requests().is_empty());
    for model in [PRO, "Qwen/Qwen2.5-7B-Instruct:pro"] {
        assert_eq!(called(&rig, &ask_with(&rig, model, "exact").await), FREE);
    }
    // Where the model cannot be seen, anything could run.
    for path in ["/v1/batches", "/v1/systemone"] {
        let got = Got::of(rig.post(path, "{}")).await;
        assert_eq!(got.error(), "403 invalid_request_error/endpoint_not_allowed", "{path}");
    }
    let got = Got::of(rig.request(reqwest::Method::GET, "/v1/batches")).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(rig.metric("flowgate_refused_total", &["\"paid\""]).await, 15.0);
}

#[tokio::test]
async fn a_keys_own_policy_replaces_the_gateways() {
    let key = |name: &str, more: &str| {
        format!("[[key]]\nname = \"{name}\"\nsecret = {{ env = \"KEY_{}\" }}\n{more}\n", name.to_uppercase())
    };
    let config = format!("{}{}", key("ann", "policy = \"free-only\""), key("bob", "models = [\"Qwen/*\"]"));
    let rig = Rig::mocked(&config).await;
    let of = async |key: &str, model: &str| {
        Got::of(rig.post("/v1/chat/completions", chat(model, "Hello").to_string()).bearer_auth(key)).await
    };
    assert_eq!(of(ANN, PAID).await.error(), "403 invalid_request_error/paid_model_not_allowed");
    assert_eq!(called(&rig, &of(ANN, PRO).await), FREE);
    // What is not on the list is not there, and is not paid for by way of a suffix.
    assert_eq!(of(BOB, PRO).await.error(), "404 invalid_request_error/model_not_found");
    assert_eq!(called(&rig, &of(BOB, "Qwen/Qwen2.5-7B-Instruct:pro").await), FREE);
}

#[tokio::test]
async fn an_alias_may_have_a_list_and_a_policy() {
    let config = format!(
        "[models.alias]\nfast = {{ models = [\"{FREE}\", \"{PAID}\"] }}\nsafe = {{ model = \"{PRO}\", policy = \"free-only\" }}\nbest = {{ model = \"{FREE}\", policy = \"prefer-pro\" }}\n"
    );
    let rig = Rig::mocked(&config).await;
    for (alias, expected) in [("fast", FREE), ("safe", FREE), ("best", PRO), ("best:free", FREE)] {
        assert_eq!(called(&rig, &ask(&rig, alias).await), expected, "{alias}");
    }
    let got = ask_with(&rig, "safe", "exact").await;
    assert_eq!(called(&rig, &got), FREE, "the alias is the operator's word");
}

#[tokio::test]
async fn every_whole_answer_says_what_it_cost() {
    let rig = Rig::mocked("").await;
    assert_eq!(ask(&rig, FREE).await.header("x-flowgate-cost-cny"), Some("0.00"));
    let got = ask(&rig, PRO).await;
    let tokens = got.json()["usage"]["total_tokens"].as_u64().unwrap();
    // 0.35 for a million, each way: 35 hundred-millionths for one.
    let expected = format!("0.{:08}", tokens * 35).trim_end_matches('0').to_owned();
    assert_eq!(got.header("x-flowgate-cost-cny"), Some(expected.as_str()));
    let got =
        Got::of(rig.post("/v1/embeddings", json!({"model": "Pro/BAAI/bge-m3", "input": vec!["x"; 100]}).to_string()))
            .await;
    assert!(got.header("x-flowgate-cost-cny").unwrap().starts_with("0.0000"), "{:?}", got.headers);
    let mut body = chat(PRO, "Hello");
    body["stream"] = json!(true);
    let got = Got::of(rig.post("/v1/chat/completions", body.to_string())).await;
    assert_eq!((got.status, got.header("x-flowgate-cost-cny")), (200, None), "nobody knows when the head goes out");
    assert_eq!(got.header("x-flowgate-model"), Some(PRO));
}

#[tokio::test]
async fn a_model_of_another_kind_is_sent_to_its_endpoint() {
    let rig = Rig::mocked("[models.alias]\nvectors = \"BAAI/bge-m3\"\n").await;
    for (path, model, right) in [
        ("/v1/chat/completions", "BAAI/bge-m3", "/v1/embeddings"),
        ("/v1/chat/completions", "vectors", "/v1/embeddings"),
        ("/v1/chat/completions", "BAAI/bge-reranker-v2-m3", "/v1/rerank"),
        ("/v1/chat/completions", "Kwai-Kolors/Kolors", "/v1/images/generations"),
        ("/v1/embeddings", FREE, "/v1/chat/completions"),
        ("/v1/rerank", FREE, "/v1/chat/completions"),
        ("/v1/audio/speech", "FunAudioLLM/SenseVoiceSmall", "/v1/audio/transcriptions"),
        ("/v1/images/generations", "FunAudioLLM/CosyVoice2-0.5B", "/v1/audio/speech"),
    ] {
        let got = Got::of(rig.post(path, chat(model, "x").to_string())).await;
        assert_eq!(got.error(), "400 invalid_request_error/wrong_endpoint", "{path} {model}");
        assert!(got.text().contains(&format!("`POST {right}`")) && got.text().contains(path), "{}", got.text());
    }
    assert!(rig.mock().control().requests().is_empty());
    // Of a model that the catalogue does not have, nobody knows.
    let got = Got::of(rig.post("/v1/embeddings", json!({"model": "fault/busy-503", "input": "x"}).to_string())).await;
    assert_eq!(got.status, 503);
    assert_eq!(got.header("x-flowgate-model"), Some("fault/busy-503"), "errors of a model name it");
}

#[tokio::test]
async fn a_thinking_switch_that_a_model_does_not_have_is_left_out_or_refused() {
    let model = FREE; // "rejects enable_thinking"
    let with = |value: Value| {
        let mut body = chat(model, "Hello");
        body["enable_thinking"] = value;
        body["thinking_budget"] = json!(512);
        body.to_string()
    };
    let rig = Rig::mocked("").await;
    let got = Got::of(rig.post("/v1/chat/completions", with(json!(false)))).await;
    let is_told = got.header("x-flowgate-edits").is_some_and(|edits| edits.starts_with("thinking"));
    assert!(got.status == 200 && is_told, "{:?} {}", got.headers, got.text());
    let seen = rig.mock().control().requests().pop().unwrap().json();
    assert!(seen.get("enable_thinking").is_none() && seen.get("thinking_budget").is_none(), "{seen}");
    // One that has the switch keeps it.
    let got = Got::of(rig.post("/v1/chat/completions", with(json!(false)).replace(model, "Qwen/Qwen3-8B"))).await;
    assert_eq!((got.status, got.header("x-flowgate-edits")), (200, None));

    let rig = Rig::mocked("[models]\nthinking = \"refuse\"\n").await;
    let got = Got::of(rig.post("/v1/chat/completions", with(json!(true)))).await;
    assert_eq!(got.error(), "400 invalid_request_error/unsupported_parameter");
    assert_eq!(got.json()["error"]["param"], "enable_thinking");
    assert!(rig.mock().control().requests().is_empty());

    let rig = Rig::mocked("[models]\nthinking = \"pass\"\n").await;
    let got = Got::of(rig.post("/v1/chat/completions", with(json!(true)))).await;
    assert_eq!(got.error(), "400 invalid_request_error/unsupported_parameter");
    assert!(got.text().contains("SiliconFlow 400"), "{}", got.text());
}

/// In a form, too.
#[tokio::test]
async fn a_form_is_under_the_same_policy() {
    use super::uploads::{MODEL, field, form, post};
    let script = Script::always(vec![json_answer(200, r#"{"text":"hi"}"#)]).await;
    let rig = Rig::before(&script.base_url(), "[models]\npolicy = \"free-only\"\n").await;
    for model_first in [true, false] {
        let got = Got::of(post(&rig, form("Some/PaidOne", &[b'x'; 100_000], model_first))).await;
        assert_eq!(got.error(), "403 invalid_request_error/paid_model_not_allowed", "{}", got.text());
        assert!(got.text().contains("`TeleAI/TeleSpeechASR`") || got.text().contains("is free"), "{}", got.text());
        let got = Got::of(post(&rig, form("BAAI/bge-m3", b"x", model_first))).await;
        assert_eq!(got.error(), "400 invalid_request_error/wrong_endpoint");
    }
    // A form in which none can be seen could run any.
    let got = Got::of(post(&rig, [field("x", "y").into_bytes(), b"--b0--\r\n".to_vec()].concat())).await;
    assert_eq!(got.status, 404, "{}", got.text());
    assert!(script.seen().iter().all(|seen| !seen.is_whole));
    let got = Got::of(post(&rig, form(&format!("{MODEL}:pro"), b"audio", true))).await;
    assert_eq!((got.status, got.header("x-flowgate-model")), (200, Some(MODEL)), "{}", got.text());
    let seen = script.seen().pop().unwrap();
    assert_eq!(seen.body, form(MODEL, b"audio", true));
    // Where nothing could replace the name, it goes as it stands; but not past a key's list.
    let rig = Rig::before(&script.base_url(), "").await;
    let suffixed = form(&format!("{MODEL}:pro"), b"audio", true);
    assert_eq!(Got::of(post(&rig, suffixed.clone())).await.status, 200);
    assert_eq!(script.seen().pop().unwrap().body, suffixed);
    let key = format!("[[key]]\nname = \"ann\"\nsecret = {{ env = \"KEY_ANN\" }}\nmodels = [\"{MODEL}\"]\n");
    let rig = Rig::before(&script.base_url(), &key).await;
    assert_eq!(Got::of(post(&rig, suffixed).bearer_auth(ANN)).await.status, 404);
}
