//! What is written where people and machines read: never a prompt, an answer or a key, and one line for each request.

use std::collections::BTreeSet;

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::gateway::{Gateway, PLAIN, config, emulator, slow_emulator};
use super::program::{Home, flowgate, until};

const PROMPT: &str = "canary-prompt";
const ANSWER: &str = "canary-answer";
const ACCOUNT_KEY: &str = "sk-canary-account";
const OWN_KEY: &str = "sk-canary-own";
const WRONG_KEY: &str = "sk-canary-wrong";

/// What an upstream can do to a request, as the emulator names it.
pub(super) const FAULTS: [&str; 23] = [
    "echo-key",
    "param-20015",
    "overflow",
    "tpm-429",
    "overload-503",
    "502-html",
    "200-error",
    "200-html",
    "200-garbage",
    "redirect",
    "close-before-head",
    "reset-before-head",
    "garbage-head",
    "cut",
    "reset",
    "bad-chunk",
    "error-event",
    "bad-json",
    "garbage",
    "end-early",
    "no-done",
    "balance-403",
    "token-401",
];

/// A gateway whose every secret is a canary, logging at `level`.
async fn gateway(home: &Home, level: &str) -> (flowgate::mock::MockServer, Gateway) {
    let settings = flowgate::mock::MockSettings { api_keys: vec![ACCOUNT_KEY.into()], ..Default::default() };
    let emulator = flowgate::mock::start(settings).await.unwrap();
    let more = format!(
        "[log]\nlevel = \"{level}\"\n[[key]]\nname = \"ann\"\nsecret = {{ env = \"KEY_ANN\" }}\n[upstream]\nretries = 1"
    );
    let text = config(home, &emulator, "rule = \"off\"").replace("[upstream]\n", &format!("{more}\n"));
    home.write("flowgate.toml", &text);
    home.write("upstream.key", ACCOUNT_KEY);
    let arguments = [&["serve", "--config", "flowgate.toml"], &super::gateway::ANYWHERE[..]].concat();
    let mut command = flowgate(home, &arguments);
    command.env("KEY_ANN", OWN_KEY);
    (emulator, Gateway::from(command).await)
}

/// Everything that can happen to a request, with canaries in it.
async fn live(gateway: &Gateway) {
    let prompt = format!("{PROMPT} [[say={ANSWER}]]");
    let messages = json!([{"role": "user", "content": prompt}]);
    let models = [PLAIN, "THUDM/GLM-4-9B-0414", "no-such-model"];
    let refused = gateway.chat(PLAIN, PROMPT).bearer_auth(WRONG_KEY).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    gateway.chat(PLAIN, PROMPT).header("x-api-key", WRONG_KEY).header("cookie", WRONG_KEY).send().await.unwrap();
    let broken = gateway.get("/chat/completions").body(format!("{{\"messages\": \"{PROMPT}")).bearer_auth(OWN_KEY);
    broken.send().await.unwrap();
    let asked = json!({"model": "BAAI/bge-m3", "input": [PROMPT, PROMPT]});
    gateway.post("/embeddings", &asked).bearer_auth(OWN_KEY).send().await.unwrap();
    let asked = json!({"model": PLAIN, "max_tokens": 10, "messages": messages});
    gateway.post("/messages", &asked).header("x-api-key", OWN_KEY).send().await.unwrap();
    let audio = Part::bytes(PROMPT.as_bytes().to_vec()).file_name("canary-prompt.wav");
    let form = Form::new().text("model", "FunAudioLLM/SenseVoiceSmall").part("file", audio);
    let upload = gateway.post("/audio/transcriptions", &json!(null)).multipart(form).bearer_auth(OWN_KEY);
    let _may_be_refused = upload.send().await.unwrap();
    gateway.get(&format!("/nowhere?key={WRONG_KEY}")).bearer_auth(OWN_KEY).send().await.unwrap();
    for model in models.into_iter().map(str::to_owned).chain(FAULTS.map(|fault| format!("fault/{fault}"))) {
        for stream in [false, true] {
            let body = json!({"model": model, "stream": stream, "messages": messages});
            let answer = gateway.post("/chat/completions", &body).bearer_auth(OWN_KEY).send().await;
            if let Ok(answer) = answer {
                let _may_break_off = answer.text().await;
            }
        }
    }
}

async fn keeps_quiet(level: &str) {
    let home = Home::new();
    let (_emulator, gateway) = gateway(&home, level).await;
    live(&gateway).await;
    home.write("flowgate.toml", &format!("[[key]]\nsecret = \"{WRONG_KEY}\"\napi_key = {WRONG_KEY}\n[\n"));
    gateway.reloaded("refused").await;
    until("nothing under way", async || {
        let page = gateway.metrics().await;
        page.lines()
            .filter(|line| line.starts_with("flowgate_requests_in_flight"))
            .all(|line| line.ends_with(" 0"))
            .then_some(())
    })
    .await;
    for (place, text) in [
        ("/metrics", gateway.metrics().await),
        ("stdout", gateway.program.stdout()),
        ("stderr", gateway.program.stderr()),
    ] {
        assert!(!text.is_empty());
        for canary in [PROMPT, ANSWER, ACCOUNT_KEY, OWN_KEY, WRONG_KEY] {
            let line = text.lines().find(|line| line.contains(canary));
            assert_eq!(line, None, "{canary} stands in {place}");
        }
    }
    assert_eq!(gateway.metric("flowgate_panics_total").await, 0.0);
    let lines = gateway.program.stderr().lines().filter(|line| line.contains("status=200")).count();
    assert!(lines >= 4, "too little went well for this test: {lines} lines");
}

#[tokio::test]
async fn no_secret_is_in_flowgates_own_lines() {
    keeps_quiet("info,flowgate=trace").await;
}

/// The file says "never a prompt, an answer or a key" of every level that it offers.
#[tokio::test]
async fn no_secret_is_in_any_line_at_debug() {
    keeps_quiet("debug").await;
}

#[tokio::test]
async fn no_secret_is_in_any_line_at_trace() {
    keeps_quiet("trace").await;
}

/// One line for each request, whatever its caller puts in: nobody writes lines of their own into the log.
#[tokio::test]
async fn a_request_is_one_line() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "").await;
    let before = gateway.program.stderr().lines().count();
    let forged = "x\n2026-01-01T00:00:00Z ERROR forged\r\x1b[31m red";
    gateway.chat(forged, "Hello").send().await.unwrap();
    gateway.chat(PLAIN, "Hello").send().await.unwrap();
    until("both lines", async || (gateway.program.stderr().matches("/chat/completions").count() >= 2).then_some(()))
        .await;
    let log = gateway.program.stderr();
    let lines: Vec<&str> = log.lines().skip(before).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(!log.contains('\x1b') && !log.contains('\r'), "{log:?}");
    for word in ["request_id=", "key=open", "status=200", "took_ms=", "input_tokens=", "outcome="] {
        assert!(lines[1].contains(word), "{word} is not in {}", lines[1]);
    }
}

/// The id that a caller reports is the one in the log.
#[tokio::test]
async fn the_request_id_of_the_answer_is_in_the_log() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "[log]\nformat = \"json\"").await;
    for model in [PLAIN, "no-such-model"] {
        let answer = gateway.chat(model, "Hello").send().await.unwrap();
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let line = gateway.program.complains(&id).await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["request_id"], &line["status"]), (&id.into(), &answer.status().as_u16().into()));
    }
}

/// A caller that leaves in mid-stream has a line too.
#[tokio::test]
async fn a_caller_that_leaves_is_in_the_log() {
    let (home, emulator) = (Home::new(), slow_emulator(std::time::Duration::from_millis(20)).await);
    let gateway = Gateway::before(&home, &emulator, "").await;
    let stream = gateway.stream(10_000, "anything").await;
    drop(stream);
    gateway.program.complains("/chat/completions").await;
    until("the call closed", async || (emulator.control().live() == 0).then_some(())).await;
}

/// The lines of the requests so far, as JSON.
fn objects(gateway: &Gateway) -> Vec<Value> {
    let log = gateway.program.stderr();
    let objects = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")));
    objects.filter(|line: &Value| line["request_id"].is_string()).collect()
}

/// Names of models that would be something else in a line of JSON or on a terminal.
const HOSTILE: [&str; 6] =
    ["a\"b", "a\\", "a\n{\"request_id\":\"forged\"}", "\u{1b}[2J", "\u{2028}x", "\",\"status\":200,\"x\":\""];

#[tokio::test]
async fn every_line_is_json_whatever_names_are_sent() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "[log]\nformat = \"json\"").await;
    for name in HOSTILE {
        gateway.chat(name, "Hello").send().await.unwrap();
    }
    until("all lines", async || (objects(&gateway).len() >= HOSTILE.len()).then_some(())).await;
    let lines = objects(&gateway);
    assert_eq!(lines.len(), HOSTILE.len());
    for (line, name) in lines.iter().zip(HOSTILE) {
        assert_ne!(line["request_id"], "forged");
        assert_ne!(line["status"], 200, "{line}");
        let expected = name.replace(['\n', '\u{1b}', '\u{2028}'], "\u{fffd}");
        assert_eq!((&line["asked"], &line["message"]), (&expected.into(), &"/chat/completions".into()), "{line}");
    }
}

/// The table of docs/logs.md, held against lines of requests that went well, waited, and failed.
#[tokio::test]
async fn the_fields_are_those_of_the_document() {
    let (home, emulator) = (Home::new(), emulator().await);
    let more = "[log]\nformat = \"json\"\n[[team]]\nname = \"lab\"\n[[key]]\nname = \"ann\"\nteam = \"lab\"\nsecret = { env = \"KEY_ANN\" }";
    home.write("flowgate.toml", &config(&home, &emulator, more));
    let arguments = [&["serve", "--config", "flowgate.toml"], &super::gateway::ANYWHERE[..]].concat();
    let mut command = flowgate(&home, &arguments);
    command.env("KEY_ANN", OWN_KEY);
    let gateway = Gateway::from(command).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let body = json!({"model": PLAIN, "stream": true, "messages": [{"role": "user", "content": "Hello"}]});
    let request = gateway.post("/chat/completions", &body).bearer_auth(OWN_KEY);
    let answer = request.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01")).send().await.unwrap();
    answer.text().await.unwrap();
    gateway.chat("no-such-model", "Hello").bearer_auth(OWN_KEY).send().await.unwrap();
    until("both lines", async || (objects(&gateway).len() >= 2).then_some(())).await;
    let lines = objects(&gateway);
    let written: BTreeSet<&str> =
        lines.iter().flat_map(|line| line.as_object().unwrap().keys()).map(String::as_str).collect();
    let document = std::fs::read_to_string(super::program::repository("docs/logs.md")).unwrap();
    let rows = document.lines().filter_map(|row| row.strip_prefix("| `")?.split_once('`'));
    assert_eq!(written, rows.map(|(name, _)| name).collect());
    let good = &lines[0];
    let texts = ["key", "team", "asked", "model", "right", "outcome", "usage", "trace_id"];
    let said: Vec<&str> = texts.iter().map(|name| good[name].as_str().unwrap()).collect();
    assert_eq!(said, ["ann", "lab", PLAIN, PLAIN, "free", "complete", "exact", trace]);
    for number in
        ["status", "took_ms", "first_ms", "waited_ms", "attempts", "input_tokens", "output_tokens", "cost_cny"]
    {
        assert!(good[number].is_number(), "{number}: {good}");
    }
    assert!(good.get("error").is_none() && lines[1]["error"] == "model", "{lines:?}");
}
