//! `/models`: the upstream's list with what the catalogue knows, from wherever it can be had; and names that nobody knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Act, Got, MODEL, Rig, Script, UPSTREAM_KEY, chat, json_answer, ok_chat, soon, within};

async fn list(rig: &Rig) -> Got {
    Got::of(rig.request(Method::GET, "/v1/models")).await
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect()
}

fn entry<'a>(list: &'a Value, id: &str) -> &'a Value {
    let found = list["data"].as_array().unwrap().iter().find(|model| model["id"] == id);
    found.unwrap_or_else(|| panic!("{id} is not in {list}"))
}

/// What OpenAI's SDKs need, in every entry.
fn suits_sdks(list: &Value) {
    assert_eq!(list["object"], "list");
    for model in list["data"].as_array().unwrap() {
        let is_good = model["object"] == "model" && model["created"].is_u64() && model["owned_by"].is_string();
        assert!(is_good && model["id"].is_string() && model["flowgate"].is_object(), "{model}");
    }
}

#[tokio::test]
async fn entries_keep_their_bytes_and_say_what_is_known() {
    let odd = r#"{"id":"Qwen/Qwen3-8B" , "object":"model","created":1.50,"owned_by":"","type":"text", "x":[1, 2.0]"#;
    let script =
        Script::always(vec![json_answer(200, format!("{{\"data\":[{odd}}},{{\"id\":\"acme/new\"}}]}}"))]).await;
    let rig = Rig::before(&script.base_url(), "[[account]]\ntier = \"L1\"\n").await;
    let got = list(&rig).await;
    assert!(got.status == 200 && got.text().contains(&format!("{odd},\"flowgate\":{{")), "{}", got.text());
    assert_eq!(got.header("x-flowgate-list"), Some("live"));
    let listed = got.json();
    let known = &entry(&listed, MODEL)["flowgate"];
    let expected = json!({
        "kind": "chat", "status": "listed", "free": true, "twin": null, "substitute": null,
        "price": {"currency": "CNY", "input_per_million": "0.00", "cached_input_per_million": "0.00", "output_per_million": "0.00"},
        "context": null, "context_shown": "131K", "max_output": null, "max_input": null,
        "capabilities": known["capabilities"], "thinking": "toggle+budget", "deprecated": null, "note": null,
        "limits": {"rpm": 1000, "tpm": 50000}, "limit_sources": {"rpm": "seen", "tpm": "seen"},
    });
    assert_eq!(known, &expected);
    let new = entry(&listed, "acme/new");
    assert_eq!((&new["owned_by"], &new["flowgate"]["status"]), (&json!("acme"), &json!("new")));
    assert_eq!((&new["flowgate"]["kind"], &new["flowgate"]["free"]), (&Value::Null, &json!(false)));
    assert_eq!(new["flowgate"]["limits"]["rpm"], 2_000, "the limits of its class at L1");
}

#[tokio::test]
async fn twins_prices_and_aliases_are_shown() {
    let aliases = "[models.alias]\n\"fast\" = \"quick\"\n\"quick\" = \"Qwen/Qwen3-8B\"\n\"mine-*\" = \"BAAI/bge-m3\"\n";
    let rig = Rig::mocked(aliases).await;
    let listed = list(&rig).await.json();
    suits_sdks(&listed);
    assert_eq!(entry(&listed, "BAAI/bge-m3")["flowgate"]["twin"], "Pro/BAAI/bge-m3");
    let paid = &entry(&listed, "Pro/BAAI/bge-m3")["flowgate"];
    assert_eq!((&paid["free"], &paid["twin"]), (&json!(false), &json!("BAAI/bge-m3")));
    assert_eq!(paid["price"], json!({"currency": "CNY", "input_per_million": "0.07"}));
    let alias = entry(&listed, "fast");
    assert_eq!((&alias["owned_by"], &alias["flowgate"]["alias_of"]), (&json!("flowgate"), &json!(MODEL)));
    assert_eq!(alias["flowgate"]["free"], true);
    assert_eq!(listed["flowgate"]["patterns"], json!([{"pattern": "mine-*", "alias_of": "BAAI/bge-m3"}]));
    let one = Got::of(rig.request(Method::GET, "/v1/models/fast")).await.json();
    assert_eq!(&one, alias);
    let one = Got::of(rig.request(Method::GET, "/v1/models/Pro/BAAI/bge-m3")).await.json();
    assert_eq!(one["flowgate"]["twin"], "BAAI/bge-m3");
}

/// A name stands in the list once, with what it means here.
#[tokio::test]
async fn a_model_whose_name_was_given_away_is_not_listed_beside_it() {
    let rig = Rig::mocked("[models.alias]\n\"Qwen/Qwen3-14B\" = \"Qwen/Qwen3-8B\"\n").await;
    let listed = list(&rig).await.json();
    assert_eq!(ids(&listed).iter().filter(|id| **id == "Qwen/Qwen3-14B").count(), 1);
    assert_eq!(entry(&listed, "Qwen/Qwen3-14B")["flowgate"]["alias_of"], MODEL);
}

/// Aliases of the kind that was asked for, and no others.
#[tokio::test]
async fn a_part_of_the_list_has_its_part_of_the_aliases() {
    let rig = Rig::mocked("[models.alias]\n\"talk\" = \"Qwen/Qwen3-8B\"\n\"embed\" = \"BAAI/bge-m3\"\n").await;
    let got = Got::of(rig.request(Method::GET, "/v1/models?type=text&sub_type=embedding")).await.json();
    assert!(ids(&got).contains(&"embed") && !ids(&got).contains(&"talk"), "{got}");
}

/// Whatever the upstream does, there is a list: without one that was fetched, the catalogue.
async fn falls_back(acts: Vec<Act>) {
    let script = Script::always(acts).await;
    let rig = Rig::before(&script.base_url(), "[models.alias]\n\"fast\" = \"Qwen/Qwen3-8B\"\n").await;
    let got = within(20, "the list", list(&rig)).await;
    assert_eq!((got.status, got.header("x-flowgate-list")), (200, Some("catalogue")), "{}", got.text());
    let listed = got.json();
    suits_sdks(&listed);
    assert_eq!((&entry(&listed, MODEL)["owned_by"], ids(&listed).contains(&"Qwen/QwQ-32B")), (&json!("Qwen"), false));
    assert_eq!(entry(&listed, "fast")["flowgate"]["alias_of"], MODEL);
    let one = Got::of(rig.request(Method::GET, "/v1/models/Qwen/Qwen3-8B")).await;
    assert_eq!((one.status, one.json()["id"].as_str()), (200, Some(MODEL)));
    let speech = Got::of(rig.request(Method::GET, "/v1/models?type=audio")).await.json();
    assert!(ids(&speech).contains(&"FunAudioLLM/CosyVoice2-0.5B") && !ids(&speech).contains(&MODEL), "{speech}");
}

#[tokio::test]
async fn a_refusal_is_no_end_of_the_list() {
    for status in [401, 403, 404, 500, 503] {
        falls_back(vec![json_answer(status, "\"no\"")]).await;
    }
}

#[tokio::test]
async fn what_is_no_list_is_not_passed_on() {
    falls_back(vec![ok_chat()]).await;
    for body in ["", "null", "<html></html>", "{\"data\":7}"] {
        falls_back(vec![json_answer(200, body)]).await;
    }
    falls_back(vec![Act::Reset]).await;
    falls_back(vec![Act::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"data\":[".to_vec()), Act::Close]).await;
}

#[tokio::test]
async fn an_empty_list_is_not_believed() {
    let script = Script::always(vec![json_answer(200, "{\"object\":\"list\",\"data\":[]}")]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    assert_eq!(list(&rig).await.header("x-flowgate-list"), Some("catalogue"));
    // Of what was asked for there may be none.
    let video = Got::of(rig.request(Method::GET, "/v1/models?type=video")).await;
    assert_eq!((video.header("x-flowgate-list"), ids(&video.json()).len()), (Some("live"), 0));
}

#[tokio::test]
async fn a_slow_list_is_not_waited_for() {
    let script = Script::always(vec![Act::Stall]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = within(15, "the list", list(&rig)).await;
    assert_eq!(got.header("x-flowgate-list"), Some("catalogue"));
}

const REFRESHING: &str = "[models]\nrefresh = \"1h\"\n";

/// The upstream lists models once; then it does `acts`.
async fn once_then(acts: Vec<Act>) -> (Script, Rig) {
    let asked = Arc::new(AtomicUsize::new(0));
    let script = Script::new(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => vec![json_answer(
            200,
            r#"{"data":[{"id":"acme/new","object":"model","created":0,"owned_by":"a"},{"id":"Qwen/Qwen3-8B"}]}"#,
        )],
        _ => acts.clone(),
    });
    let script = script.await;
    let rig = Rig::before(&script.base_url(), REFRESHING).await;
    rig.metric_becomes("flowgate_models_listed", &[], 2.0).await;
    (script, rig)
}

#[tokio::test]
async fn the_list_that_was_fetched_last_is_kept() {
    for acts in [vec![json_answer(500, "")], vec![json_answer(200, "{\"data\":[]}")], vec![Act::Reset]] {
        let (_script, rig) = once_then(acts).await;
        let got = list(&rig).await;
        assert_eq!((got.status, got.header("x-flowgate-list")), (200, Some("kept")));
        assert_eq!(ids(&got.json()), ["acme/new", MODEL]);
        suits_sdks(&got.json());
        assert!(rig.metric("flowgate_models_list_timestamp_seconds", &[]).await > 1.7e9);
        assert_eq!(rig.metric("flowgate_models_refreshes_total", &["ok"]).await, 1.0);
    }
}

/// The list is shown to every caller.
#[tokio::test]
async fn a_list_that_quotes_the_key_is_masked() {
    let entry = format!(r#"{{"data":[{{"id":"a/b","owned_by":"{UPSTREAM_KEY}"}}]}}"#);
    for config in ["", REFRESHING] {
        let (entry, asked) = (entry.clone(), AtomicUsize::new(0));
        let script = Script::new(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => vec![json_answer(200, &entry)],
            _ => vec![json_answer(500, "")],
        });
        let script = script.await;
        let rig = Rig::before(&script.base_url(), config).await;
        if config == REFRESHING {
            rig.metric_becomes("flowgate_models_listed", &[], 1.0).await;
        }
        let got = list(&rig).await;
        assert_eq!(entry_count(&got.json()), 1, "{}", got.text());
        assert!(!got.text().contains(UPSTREAM_KEY) && got.text().contains("***"), "{}", got.text());
    }
}

fn entry_count(list: &Value) -> usize {
    list["data"].as_array().unwrap().len()
}

/// At the start, and while nothing of it comes, all else works.
#[tokio::test]
async fn no_list_stops_a_start_or_a_request() {
    let flood = vec![
        Act::Say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n100000\r\n".to_vec()),
        Act::Flood(vec![b'['; 65536]),
    ];
    for acts in [vec![Act::Stall], vec![Act::Reset], vec![json_answer(200, "{\"data\":[]}")], flood] {
        let script =
            Script::new(move |seen| if seen.path() == "/v1/models" { acts.clone() } else { vec![ok_chat()] }).await;
        let rig = Rig::before(&script.base_url(), REFRESHING).await;
        soon("the list is asked for", async || !script.seen().is_empty()).await;
        let got = Got::of(rig.post("/v1/chat/completions", chat(MODEL, "x").to_string())).await;
        assert_eq!(got.status, 200);
        assert_eq!(rig.metric("flowgate_models_listed", &[]).await, 0.0);
    }
}

/// A list without end is left after some MiB.
#[tokio::test]
async fn a_huge_list_is_not_read_to_its_end() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".to_vec();
    let script = Script::always(vec![Act::Say(head), Act::Flood(vec![b' '; 65536])]).await;
    let rig = Rig::before(&script.base_url(), REFRESHING).await;
    rig.metric_becomes("flowgate_models_refreshes_total", &["failed"], 1.0).await;
    script.closed(1).await;
    assert!(script.written() < 64 << 20, "{}", script.written());
}

#[tokio::test]
async fn unknown_names_pass_or_are_refused_with_what_was_meant() {
    let ask =
        async |rig: &Rig, model: &str| Got::of(rig.post("/v1/chat/completions", chat(model, "x").to_string())).await;
    let script = Script::always(vec![ok_chat()]).await;
    let passes = Rig::before(&script.base_url(), "").await;
    assert_eq!(ask(&passes, "acme/of-tomorrow").await.status, 200);
    let refuses = "[models]\nunknown = \"refuse\"\n[models.alias]\n\"fast\" = \"Qwen/Qwen3-8B\"\n";
    let refuses = Rig::before(&script.base_url(), refuses).await;
    for known in [MODEL, "fast", "Qwen/QwQ-32B", "zai-org/GLM-5"] {
        assert_eq!(ask(&refuses, known).await.status, 200, "{known}");
    }
    let asked = script.seen().len();
    for (name, meant) in [("qwen/qwen3-8b", "`Qwen/Qwen3-8B`"), ("Qwen3-8B", "`Qwen/Qwen3-8B`"), ("fsat", "`fast`")] {
        let got = ask(&refuses, name).await;
        assert_eq!(got.error(), "404 invalid_request_error/model_not_found", "{name}");
        assert!(got.text().contains(meant) && got.json()["error"]["param"] == "model", "{name}: {}", got.text());
    }
    assert!(!ask(&refuses, "acme/of-tomorrow").await.text().contains("Did you mean"));
    assert_eq!(script.seen().len(), asked, "a refused name went upstream");
}

#[tokio::test]
async fn a_form_with_an_unknown_name_is_refused_as_well() {
    let rig = Rig::mocked("[models]\nunknown = \"refuse\"\n").await;
    let send = async |model: &str| {
        let form = reqwest::multipart::Form::new().text("model", model.to_owned()).text("file", "sound");
        Got::of(rig.request(Method::POST, "/v1/audio/transcriptions").multipart(form)).await
    };
    assert_eq!(send("acme/whisper-9").await.error(), "404 invalid_request_error/model_not_found");
    assert_ne!(send("FunAudioLLM/SenseVoiceSmall").await.status, 404);
}

/// What the upstream lists is known, catalogue or not; and only names that the key may use are proposed.
#[tokio::test]
async fn the_list_makes_names_known() {
    let answer = r#"{"data":[{"id":"acme/of-tomorrow"}]}"#;
    let script =
        Script::new(move |seen| vec![if seen.path() == "/v1/models" { json_answer(200, answer) } else { ok_chat() }])
            .await;
    let config = "[models]\nunknown = \"refuse\"\nrefresh = \"1h\"\n[[key]]\nname = \"bob\"\nsecret = { env = \"KEY_BOB\" }\nmodels = [\"acme/*\"]\n";
    let rig = Rig::before(&script.base_url(), config).await;
    rig.metric_becomes("flowgate_models_listed", &[], 1.0).await;
    let ask = async |model: &str| {
        let request = rig.post("/v1/chat/completions", chat(model, "x").to_string());
        Got::of(request.bearer_auth("sk-bob-canary-2")).await
    };
    assert_eq!(ask("acme/of-tomorrow").await.status, 200);
    let got = ask("acme/of-tomorow").await;
    assert!(got.text().contains("`acme/of-tomorrow`"), "{}", got.text());
    let got = ask("acme/Qwen3-8B").await;
    assert!(got.status == 404 && !got.text().contains("Qwen/"), "{}", got.text());
}

#[tokio::test]
async fn a_key_sees_its_part_whatever_the_list_comes_from() {
    let script = Script::always(vec![json_answer(500, "")]).await;
    let key = "[models]\nopenai_aliases = true\n[[key]]\nname = \"bob\"\nsecret = { env = \"KEY_BOB\" }\nmodels = [\"BAAI/*\", \"whisper-1\"]\n";
    let rig = Rig::before(&script.base_url(), key).await;
    let got = Got::of(rig.request(Method::GET, "/v1/models").bearer_auth("sk-bob-canary-2")).await.json();
    let seen = ids(&got);
    assert!(seen.contains(&"BAAI/bge-m3") && seen.contains(&"text-embedding-3-small") && seen.contains(&"whisper-1"));
    let may = |id: &&str| id.starts_with("BAAI/") || id.starts_with("text-embedding-") || *id == "whisper-1";
    assert!(seen.iter().all(may), "{seen:?}");
}

/// OpenAI's names, unchanged, at every endpoint that takes a model.
#[tokio::test]
async fn ready_made_aliases_lead_to_their_kinds() {
    let rig = Rig::mocked("[models]\nopenai_aliases = true\n[models.alias]\n\"gpt-5*\" = \"Qwen/Qwen3-14B\"\n").await;
    for (path, body, model) in [
        ("/v1/chat/completions", chat("gpt-4o", "x"), "Qwen/Qwen3.5-4B"),
        ("/v1/chat/completions", chat("gpt-5-mini", "x"), "Qwen/Qwen3-14B"),
        ("/v1/embeddings", json!({"model": "text-embedding-3-small", "input": "x"}), "BAAI/bge-m3"),
        ("/v1/images/generations", json!({"model": "dall-e-3", "prompt": "x"}), "Kwai-Kolors/Kolors"),
        (
            "/v1/audio/speech",
            json!({"model": "tts-1", "input": "x", "voice": "FunAudioLLM/CosyVoice2-0.5B:alex"}),
            "FunAudioLLM/CosyVoice2-0.5B",
        ),
    ] {
        let got = Got::of(rig.post(path, body.to_string())).await;
        assert_eq!((got.status, got.header("x-flowgate-model")), (200, Some(model)), "{path}: {}", got.text());
    }
    let sound = reqwest::multipart::Part::bytes(vec![0; 3200]).file_name("a.wav");
    let form = reqwest::multipart::Form::new().text("model", "whisper-1").part("file", sound);
    let got = Got::of(rig.request(Method::POST, "/v1/audio/transcriptions").multipart(form)).await;
    assert_eq!((got.status, got.header("x-flowgate-model")), (200, Some("FunAudioLLM/SenseVoiceSmall")));
}

#[tokio::test]
async fn the_list_is_asked_for_again_when_it_is_due() {
    let script = Script::always(vec![json_answer(200, r#"{"data":[{"id":"a/b"}]}"#)]).await;
    let rig = Rig::before(&script.base_url(), "[models]\nrefresh = \"50ms\"\n").await;
    soon("the list is fetched again and again", async || script.seen().len() > 3).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(rig.metric("flowgate_models_refreshes_total", &["ok"]).await >= 3.0);
}
