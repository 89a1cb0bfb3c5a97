//! What callers read in docs/troubleshooting.md, produced: each text comes from a request through a real socket.

use std::time::Duration;

use flowgate::mock::{MockSettings, start};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::support::{Act, Got, MODEL, Rig, Script, Streamed, chat, chunk, json_answer, sse, stream};
use crate::house::troubleshooting::hold;

const CHAT: &str = "/v1/chat/completions";
/// No second try, no waiting: the first refusal is told.
const AT_ONCE: &str = "[upstream]\nretries = 0\n[queue]\nmax_wait = \"0s\"\n";
/// The key `ann`, open for more fields.
const ANN: &str = "[[key]]\nname = \"ann\"\nsecret = { env = \"KEY_ANN\" }\n";
const KEY: &str = "sk-ann-canary-1";

type Said = Vec<(&'static str, String)>;

/// Status, code and message, as the document has them.
fn told(got: &Got) -> String {
    format!("{}{}", got.status, object_told(&got.json()))
}

fn object_told(object: &Value) -> String {
    let code = object["error"]["code"].as_str().map_or_else(String::new, |code| format!(" {code}"));
    format!("{code}: {}", object["error"]["message"].as_str().unwrap())
}

async fn ask(rig: &Rig, model: &str) -> Got {
    Got::of(rig.post(CHAT, chat(model, "Hello").to_string()).bearer_auth(KEY)).await
}

/// The answer to the last of `count` requests like this one.
async fn last(rig: &Rig, model: &str, count: usize) -> String {
    for _ in 1..count {
        ask(rig, model).await;
    }
    told(&ask(rig, model).await)
}

/// The same behind an emulator, with `config`.
async fn mocked(config: &str, model: &str, count: usize) -> String {
    last(&Rig::mocked(&format!("{AT_ONCE}{config}")).await, model, count).await
}

/// The account's first limit of the model.
fn limited(limit: &str) -> String {
    format!("[[account]]\ntier = \"L0\"\n[account.limits.\"{MODEL}\"]\n{limit}\n")
}

async fn wrong_keys() -> Said {
    let rig = Rig::mocked(ANN).await;
    let send = async |key: Option<&str>| {
        let request = rig.post(CHAT, chat(MODEL, "Hello").to_string());
        told(&Got::of(if let Some(key) = key { request.bearer_auth(key) } else { request }).await)
    };
    let (none, wrong) = (send(None).await, send(Some("sk-siliconflow")).await);
    for _ in 0..10 {
        send(Some("sk-siliconflow")).await;
    }
    vec![("no key", none), ("a wrong key", wrong), ("eleven wrong keys", send(Some("sk-siliconflow")).await)]
}

async fn doors() -> Said {
    let rig = Rig::mocked("").await;
    let with = async |name: &str, value: &str| {
        told(&Got::of(rig.post(CHAT, chat(MODEL, "Hello").to_string()).header(name, value)).await)
    };
    vec![
        ("a host", with("host", "gateway.example").await),
        ("an origin", with("origin", "https://page.example").await),
        ("a path", told(&Got::of(rig.post("/chat/completion", "{}")).await)),
        ("no JSON", told(&Got::of(rig.post(CHAT, "{'model': 1}")).await)),
        ("no model", told(&Got::of(rig.post(CHAT, "{}")).await)),
        (
            "another kind",
            told(&Got::of(rig.post("/v1/embeddings", json!({"model": MODEL, "input": "x"}).to_string())).await),
        ),
    ]
}

async fn limits() -> Said {
    let keyed = |field: &str| format!("{ANN}{field}\n");
    // One more than `count` at once, of which the first is under way and the others are in line.
    let crowd = async |config: &str, count: usize| {
        let slow = Script::always(vec![Act::Stall]).await;
        let rig = Rig::before(&slow.base_url(), config).await;
        let mut others = JoinSet::new();
        for number in 0..count {
            others.spawn(rig.post(CHAT, chat(MODEL, "Hello").to_string()).bearer_auth(KEY).send());
            slow.is_called().await;
            rig.metric_becomes("flowgate_queue_requests", &[], number as f64).await;
        }
        told(&ask(&rig, MODEL).await)
    };
    let waiting = format!("[queue]\nmax_waiting = 1\n{}", keyed("concurrency = 1"));
    vec![
        ("a limit of the account", mocked(&limited("rpm = 1"), MODEL, 2).await),
        ("a limit of the key", mocked(&keyed("rpm = 1"), MODEL, 2).await),
        ("more than a limit", mocked(&limited("tpm = 2"), MODEL, 1).await),
        ("too many under way", crowd(&format!("{AT_ONCE}{}", keyed("concurrency = 1")), 1).await),
        ("too many in line", crowd(&waiting, 2).await),
        ("a budget", mocked(&keyed("budget_per_day = \"0.000001 CNY\""), "deepseek-ai/DeepSeek-V3.2", 1).await),
        ("no price", mocked(&keyed("budget_per_day = \"1 CNY\""), "Some/Model", 1).await),
        ("free only", mocked("[models]\npolicy = \"free-only\"\n", "deepseek-ai/DeepSeek-V3.2", 1).await),
        ("not its model", mocked(&keyed("models = [\"Qwen/Qwen3-14B\"]"), MODEL, 1).await),
        ("not its endpoint", mocked(&keyed("endpoints = [\"/embeddings\"]"), MODEL, 1).await),
        ("an unknown model", mocked("[models]\nunknown = \"refuse\"\n", "Qwen/Qwen3-8b-chat", 1).await),
        ("a large body", mocked("[server]\nmax_body = \"64B\"\n", MODEL, 1).await),
    ]
}

#[tokio::test]
async fn refusals_of_the_gateway() {
    hold("Refused by the gateway", &[wrong_keys().await, doors().await, limits().await].concat());
}

/// The answer with `more` settings, before an upstream that does `acts`.
async fn before(acts: Vec<Act>, more: &str) -> String {
    let script = Script::always(acts).await;
    let config = AT_ONCE.replacen("[upstream]\n", &format!("[upstream]\n{more}\n"), 1);
    last(&Rig::before(&script.base_url(), &config).await, MODEL, 1).await
}

#[tokio::test]
async fn silence_of_the_upstream() {
    // A port that was free a moment ago; connections to the other one are never accepted.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = start(MockSettings::default()).await.unwrap();
    let nobody = Rig::before(&format!("http://{gone}/v1"), AT_ONCE).await;
    let handshake = Rig::before(&plain.base_url().replacen("http:", "https:", 1), AT_ONCE).await;
    let config = AT_ONCE.replacen("[upstream]\n", "[upstream]\nconnect_timeout = \"200ms\"\n", 1);
    let slow = Rig::before(&format!("https://{}/v1", mute.local_addr().unwrap()), &config).await;
    let say = |text: &str| vec![Act::Say(text.as_bytes().to_vec()), Act::Close];
    let said = vec![
        ("nobody", last(&nobody, MODEL, 1).await),
        ("nobody, again and again", last(&nobody, MODEL, 9).await),
        ("no TLS", last(&handshake, MODEL, 1).await),
        ("a handshake without end", last(&slow, MODEL, 1).await),
        ("no answer", before(vec![Act::Stall], "first_byte_timeout = \"200ms\"").await),
        ("a closed connection", before(vec![Act::Close], "").await),
        ("no HTTP", before(say("SSH-2.0-OpenSSH_9.2\r\n"), "").await),
        ("a redirect", before(say("HTTP/1.1 302 X\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n"), "").await),
        ("a page", mocked("", "fault/200-html", 1).await),
        ("nothing", mocked("", "fault/200-empty", 1).await),
        ("a wrong key, again", mocked("", "fault/key-401", 2).await),
        ("a busy model, again and again", mocked("", "fault/overload-503", 12).await),
    ];
    hold("No answer from SiliconFlow", &said);
}

#[tokio::test]
async fn refusals_of_the_upstream() {
    let mut said = Vec::new();
    for fault in [
        "fault/tpm-429",
        "fault/rpm-429",
        "fault/rph-429",
        "fault/rpd-429",
        "fault/overload-503",
        "fault/timeout-504",
        "fault/500",
        "fault/key-401",
        "fault/balance-403",
        "fault/identity-403",
        "fault/forbidden-403",
        "fault/bad-model-20012",
        "fault/disabled-403",
        "fault/overflow",
        "fault/thinking-20015",
        "fault/json-20024",
        "fault/param-20015",
        "fault/404",
    ] {
        said.push((fault, mocked("", fault, 1).await));
    }
    hold("Refused by SiliconFlow", &said);
}

/// The error event at the end of a stream that begins well, before an upstream that then does `acts`.
async fn broken(acts: &[Act], more: &str) -> String {
    let word = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
        "choices": [{"index": 0, "delta": {"content": "one"}, "finish_reason": null}]});
    let begun = vec![sse(format!("data: {word}\n\n").as_bytes())];
    let script = Script::always([begun, acts.to_vec()].concat()).await;
    let config = AT_ONCE.replacen("[upstream]\n", &format!("[upstream]\n{more}\n"), 1);
    let rig = Rig::before(&script.base_url(), &config).await;
    let answer = Streamed::of(rig.post(CHAT, stream(MODEL, "Hello", json!({})).to_string())).await;
    assert!(answer.status == 200 && !answer.is_done(), "{}", answer.text);
    object_told(answer.events().last().unwrap()).trim_start().to_owned()
}

#[tokio::test]
async fn streams_that_break() {
    let say = |data: &str| Act::Say(chunk(format!("data: {data}\n\n").as_bytes()));
    let end = Act::Say(b"0\r\n\r\n".to_vec());
    let busy = json!({"code": 50505, "message": "Model service overloaded. Please try again later.", "data": null});
    let drip: Vec<Act> =
        (0..40).flat_map(|_| [Act::Say(chunk(b": waiting\n\n")), Act::Wait(Duration::from_millis(100))]).collect();
    let said = vec![
        ("silence", broken(&[Act::Stall], "idle_timeout = \"200ms\"").await),
        ("no end", broken(&drip, "total_timeout = \"1s\"").await),
        ("a reset", broken(&[Act::Wait(Duration::from_millis(100)), Act::Reset], "").await),
        ("half an answer", broken(&[end], "").await),
        ("no JSON", broken(&[say("{oops")], "").await),
        ("an error", broken(&[say(&busy.to_string())], "").await),
    ];
    hold("Streams that end with an error", &said);
}

/// The whole answer of the emulator's refusals has what the document says about headers.
#[tokio::test]
async fn a_refusal_says_when_to_come_back() {
    let rig = Rig::mocked(&format!("{AT_ONCE}{}", limited("rpm = 1"))).await;
    ask(&rig, MODEL).await;
    let got = ask(&rig, MODEL).await;
    assert_eq!(got.status, 429);
    for header in ["retry-after", "retry-after-ms", "x-should-retry", "x-request-id"] {
        assert!(got.header(header).is_some(), "{header}");
    }
    let refused = Script::always(vec![json_answer(429, r#"{"message":"Details: TPM limit reached."}"#)]).await;
    let got = ask(&Rig::before(&refused.base_url(), AT_ONCE).await, MODEL).await;
    assert!(got.header("retry-after").is_some());
}
