//! Bytes pass as they are, in both directions; where an edit is due, that edit and no other.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::support::{Act, Got, Rig, Script, chat, json_answer, ok_chat};

/// White space that JSON allows between tokens.
fn gap() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(String::new()), 1 => "[ \\t\\r\\n]{1,3}"]
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}".prop_map(|text| json!(text).to_string()),
        Just(r#""\u00e9\ud83d\ude00\/\"\\ \b\f\n\r\t""#.to_owned()),
        Just(r#""\"developer\" \"usage\" [DONE] data: x""#.to_owned()),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[1-9][0-9]{0,40}",
        "-?0\\.[0-9]{1,30}",
        "[1-9]\\.[0-9]{1,5}[eE][+-]?[0-9]{1,3}",
        Just("-0".to_owned())
    ]
}

/// JSON text of any shape, with odd white space.
fn value() -> impl Strategy<Value = String> {
    let leaf =
        prop_oneof![string(), number(), Just("null".to_owned()), Just("true".to_owned()), Just("false".to_owned())];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let list = prop::collection::vec((gap(), inner.clone(), gap()), 0..4);
        let list = list.prop_map(|items| {
            format!("[{}]", items.iter().map(|(a, b, c)| format!("{a}{b}{c}")).collect::<Vec<_>>().join(","))
        });
        let object = prop::collection::vec((string(), gap(), inner), 0..4);
        let object = object.prop_map(|members| {
            format!("{{{}}}", members.iter().map(|(k, g, v)| format!("{k}{g}:{v}")).collect::<Vec<_>>().join(","))
        });
        prop_oneof![list, object]
    })
}

/// Members that no gateway knows.
fn members() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec((gap(), value(), gap()), 0..5).prop_map(|members| {
        members
            .into_iter()
            .enumerate()
            .map(|(index, (a, value, b))| format!("{a}\"x{index}\"{b}:{a}{value}{b}"))
            .collect()
    })
}

/// An object of `own` members among unknown ones.
fn object(own: &[String], others: &[String]) -> String {
    let middle = others.len() / 2;
    let all: Vec<&str> = others[..middle].iter().chain(own).chain(&others[middle..]).map(String::as_str).collect();
    format!("{{{}}}", all.join(","))
}

fn check<S: Strategy>(strategy: S, property: impl FnMut(&tokio::runtime::Runtime, S::Value))
where
    S::Value: Clone,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let property = std::cell::RefCell::new(property);
    let run = |case| {
        property.borrow_mut()(&runtime, case);
        Ok(())
    };
    runner.run(&strategy, run).unwrap();
}

const ALIAS: &str = "[models.alias]\nmine = \"Qwen/Qwen3-8B\"\n";

/// The upstream and a gateway before it that runs in `runtime`.
fn stage(runtime: &tokio::runtime::Runtime) -> (Script, Rig) {
    runtime.block_on(async {
        let script = Script::always(vec![ok_chat()]).await;
        let rig = Rig::before(&script.base_url(), ALIAS).await;
        (script, rig)
    })
}

#[test]
fn a_request_without_edits_arrives_to_the_byte() {
    let mut stages = None;
    let paths = prop::sample::select(vec![
        ("/v1/chat/completions", "Qwen/Qwen3-8B"),
        ("/v1/embeddings", "BAAI/bge-m3"),
        ("/v1/rerank", "BAAI/bge-reranker-v2-m3"),
        ("/v1/some/new/endpoint", "Qwen/Qwen3-8B"),
    ]);
    let spelling = prop::sample::select(vec!["/", "\\/", ""]);
    check((paths, spelling, members(), gap(), value()), |runtime, ((path, model), slash, others, around, input)| {
        let model = format!("\"{}\"", model.replace('/', slash));
        let (script, rig) = stages.get_or_insert_with(|| stage(runtime));
        let body = format!(
            "{around}{}{around}",
            object(&[format!("\"model\":{model}"), format!("\"query\" : {input}")], &others)
        );
        let got = runtime.block_on(Got::of(rig.post(path, body.clone())));
        assert_eq!(got.status, 200, "{body}: {}", got.text());
        let seen = script.seen().pop().unwrap();
        assert_eq!(String::from_utf8(seen.body).unwrap(), body);
        assert_eq!(got.header("x-flowgate-edits"), None, "{body}");
    });
}

#[test]
fn an_edited_request_differs_in_the_edits_alone() {
    let mut stages = None;
    check(
        (members(), gap(), any::<bool>(), any::<bool>(), any::<bool>()),
        |runtime, (others, space, renames, streams, develops)| {
            let (script, rig) = stages.get_or_insert_with(|| stage(runtime));
            let parts = |model: &str, role: &str, streaming: &str| {
                let messages = format!(
                    "\"messages\":{space}[{{\"role\"{space}:\"{role}\",\"content\":\"a \\\"developer\\\"\"}},{{\"role\":\"user\",\"content\":1.50}}]"
                );
                let own = [format!("\"model\":{space}\"{model}\"{space}"), messages, format!("\"stream\":{streaming}")];
                object(&own, &others)
            };
            let (model, role) =
                (if renames { "mine" } else { "Qwen/Qwen3-8B" }, if develops { "developer" } else { "system" });
            let got =
                runtime.block_on(Got::of(rig.post("/v1/chat/completions", parts(model, role, &streams.to_string()))));
            assert_eq!(got.status, 200);
            let mut expected = parts("Qwen/Qwen3-8B", "system", &streams.to_string());
            if streams {
                // Behind the last member's value, in front of the white space that follows it.
                let end = expected[..expected.len() - 1].trim_end().len();
                expected.insert_str(end, ",\"stream_options\":{\"include_usage\":true}");
            }
            assert_eq!(String::from_utf8(script.seen().pop().unwrap().body).unwrap(), expected);
            let named =
                [("model", renames), ("developer-role", develops), ("ask-usage", streams), ("restreamed", streams)];
            let named: Vec<&str> = named.into_iter().filter(|(_, is_made)| *is_made).map(|(name, _)| name).collect();
            assert_eq!(got.header("x-flowgate-edits").unwrap_or_default(), named.join(", "));
        },
    );
}

/// Names with the models that are called for them, by an alias or by what the end of the name says.
const NAMES: [(&str, &str); 5] = [
    ("mine", "Qwen/Qwen3-8B"),
    ("mine:free", "Qwen/Qwen3-8B"),
    ("Pro/Qwen/Qwen2.5-7B-Instruct:free", "Qwen/Qwen2.5-7B-Instruct"),
    ("Qwen/Qwen2.5-7B-Instruct:pro", "Pro/Qwen/Qwen2.5-7B-Instruct"),
    ("Qwen\\/Qwen2.5-7B-Instruct:auto", "Qwen/Qwen2.5-7B-Instruct"),
];

#[test]
fn whatever_the_name_nothing_but_the_name_is_replaced() {
    let mut stages = None;
    let names = prop::sample::select(NAMES.to_vec());
    check((names, members(), gap(), value()), |runtime, ((name, id), others, around, other)| {
        let (script, rig) = stages.get_or_insert_with(|| stage(runtime));
        // A member that looks like it, deeper down, is none.
        let body = |model: &str| {
            let own = [
                format!("\"model\"{around}:\"{model}\""),
                format!("\"x\":{{\"model\":\"{name}\",\"y\":{other}}}"),
                format!("\"messages\":[{{\"role\":\"user\",\"content\":\"\\\"model\\\":\\\"{name}\\\"\"}}]"),
            ];
            format!("{around}{}{around}", object(&own, &others))
        };
        let got = runtime.block_on(Got::of(rig.post("/v1/chat/completions", body(name))));
        assert_eq!((got.status, got.header("x-flowgate-edits")), (200, Some("model")), "{}", got.text());
        assert_eq!(String::from_utf8(script.seen().pop().unwrap().body).unwrap(), body(id));
    });
}

#[test]
fn in_a_form_nothing_but_the_name_is_replaced() {
    use super::uploads::{MODEL, field, form, post};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (script, rig) = runtime.block_on(async {
        let script = Script::always(vec![json_answer(200, r#"{"text":"hi"}"#)]).await;
        let alias = format!("[models.alias]\n\"whisper-1\" = \"{MODEL}\"\n");
        let rig = Rig::before(&script.base_url(), &alias).await;
        (script, rig)
    });
    let names =
        prop::sample::select(vec!["whisper-1".to_owned(), format!("{MODEL}:free"), "whisper-1:auto".to_owned()]);
    let odd = prop::sample::select(vec!["\r\n--b", "name=\"model\"", "whisper-1", "\r\n\r\n", "-b0--"]);
    let content = prop::collection::vec(prop_oneof![odd.prop_map(str::to_owned), "\\PC{0,40}"], 0..20);
    check((names, content, any::<bool>()), |_, (name, content, model_first)| {
        let content = content.concat();
        let body = |model: &str| {
            let whole = form(model, content.as_bytes(), model_first);
            [field("language", &name).into_bytes(), whole].concat()
        };
        let got = runtime.block_on(Got::of(post(&rig, body(&name))));
        assert_eq!((got.status, got.header("x-flowgate-edits")), (200, Some("model")), "{}", got.text());
        assert_eq!(script.seen().pop().unwrap().body, body(MODEL));
    });
}

/// What stands in the path is looked up, and never goes upstream.
#[tokio::test]
async fn the_model_in_a_path_changes_nothing_upstream() {
    let rig = Rig::mocked(ALIAS).await;
    for name in ["mine", "Qwen/Qwen3-8B", "Qwen%2FQwen3-8B"] {
        let got = Got::of(rig.request(reqwest::Method::GET, &format!("/v1/models/{name}"))).await;
        assert_eq!((got.status, got.json()["id"].as_str()), (200, Some(name.replace("%2F", "/").as_str())));
    }
    assert!(rig.mock().control().requests().iter().all(|seen| seen.path == "/v1/models"));
}

#[test]
fn an_answer_comes_back_to_the_byte() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let shared = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let answer = shared.clone();
    let (_script, rig) = runtime.block_on(async {
        let script = Script::new(move |_| vec![json_answer(200, answer.lock().unwrap().as_bytes())]).await;
        let rig = Rig::before(&script.base_url(), "").await;
        (script, rig)
    });
    let paths = prop::sample::select(vec!["/v1/chat/completions", "/v1/embeddings", "/v1/rerank", "/v1/new"]);
    check((paths, members(), gap(), any::<bool>()), |_, (path, others, around, is_chat)| {
        let choices = format!(
            "\"choices\":{around}[{{\"index\":0,\"message\":{{\"content\":\"tool_calls eos\"}},\"finish_reason\":\"stop\"}}]"
        );
        let own = if is_chat { choices } else { format!("\"data\":[1e5{around}]") };
        let body = format!("{around}{}{around}", object(&[own], &others));
        shared.lock().unwrap().clone_from(&body);
        let got = runtime.block_on(Got::of(rig.post(path, chat("m", "x").to_string())));
        assert_eq!((got.status, got.text()), (200, body.clone()));
        assert_eq!(got.header("content-length"), Some(body.len().to_string().as_str()));
    });
}

#[tokio::test]
async fn what_is_in_stream_options_stays_there() {
    let script = Script::always(vec![Act::Close]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let body = r#"{"model":"m","stream":true,"stream_options":{"include_usage":false,"x_new":7}}"#;
    Got::of(rig.post("/v1/chat/completions", body)).await;
    let sent: serde_json::Value = serde_json::from_slice(&script.only().body).unwrap();
    assert_eq!(sent["stream_options"], json!({"include_usage": true, "x_new": 7}));
}
