//! Traces: which spans a request has, what they say, whose children they are, and that each ends once, whatever happens.

pub(crate) mod collector;

use std::collections::BTreeSet;
use std::time::Duration;

use flowgate::mock::MockSettings;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;
use tokio::net::TcpListener;

use super::quota::{ANN, keyed};
use super::support::{
    Act, Got, MODEL, Raw, Rig, Script, Streamed, UPSTREAM_KEY, chat, json_answer, ok_chat, sse, stream,
};
use collector::{Collector, Span};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

async fn ask(rig: &Rig, text: &str) -> Got {
    Got::of(rig.post("/v1/chat/completions", chat(MODEL, text).to_string())).await
}

/// A gateway in front of `script`, which sends its traces to a collector.
async fn before(script: &Script, more: &str) -> (Collector, Rig) {
    let collector = Collector::start().await;
    let rig = Rig::before(&script.base_url(), &format!("{}{more}", collector.config(""))).await;
    (collector, rig)
}

async fn mocked(more: &str) -> (Collector, Rig) {
    let collector = Collector::start().await;
    let rig = Rig::mocked(&format!("{}{more}", collector.config(""))).await;
    (collector, rig)
}

/// Some attributes of a span, in their order.
fn some<'a, const N: usize>(span: &'a Span, keys: [&str; N]) -> [&'a str; N] {
    keys.map(|key| span.get(key))
}

#[tokio::test]
async fn a_request_is_a_span_with_a_call_inside() {
    let (collector, rig) = mocked("[models.alias]\nfast = \"Qwen/Qwen3-8B\"\n").await;
    let got = Got::of(rig.post("/chat/completions", chat("fast", "[[say=one two]]").to_string())).await;
    let spans = collector.only().await;
    let [server, call] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!((server.name.as_str(), server.kind), ("POST /v1/chat/completions", SpanKind::Server));
    assert_eq!(some(server, ["http.request.method", "http.route"]), ["POST", "/v1/chat/completions"]);
    assert_eq!(some(server, ["http.response.status_code", "flowgate.outcome"]), ["200", "complete"]);
    let names = ["flowgate.key", "flowgate.asked_model", "flowgate.model", "flowgate.right", "flowgate.edits"];
    assert_eq!(some(server, names), ["open", "fast", MODEL, "free", "model"]);
    assert_eq!(server.get("flowgate.request_id"), got.header("x-request-id").unwrap());
    assert_eq!(server.get("flowgate.upstream_trace_id"), got.header("x-siliconcloud-trace-id").unwrap());
    assert!(server.parent.is_empty() && !server.is_error && !call.is_error);

    assert_eq!((call.name.as_str(), call.kind), (&*format!("chat {MODEL}"), SpanKind::Client));
    let genai = ["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"];
    assert_eq!(some(call, genai), ["chat", "siliconflow", MODEL]);
    let usage = got.json()["usage"].clone();
    let tokens = [usage["prompt_tokens"].to_string(), usage["completion_tokens"].to_string()];
    assert_eq!(some(call, ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"]), [&*tokens[0], &*tokens[1]]);
    let mock = rig.mock().base_url();
    let port = mock.trim_end_matches("/v1").rsplit(':').next().unwrap();
    assert_eq!(some(call, ["server.address", "server.port", "http.response.status_code"]), ["127.0.0.1", port, "200"]);

    let taken = &collector.taken()[0];
    assert_eq!(
        (taken.path.as_str(), &taken.headers["content-type"]),
        ("/v1/traces", &"application/x-protobuf".parse().unwrap())
    );
    let resource = collector.resource();
    assert_eq!(
        (resource["service.name"].as_str(), resource["service.version"].as_str()),
        ("flowgate", env!("CARGO_PKG_VERSION"))
    );
    rig.metric_becomes("flowgate_trace_spans_total", &["sent"], 2.0).await;
}

#[tokio::test]
async fn the_callers_span_is_the_parent_and_goes_on_as_it_came() {
    let script = Script::always(vec![ok_chat()]).await;
    let (collector, rig) = before(&script, "").await;
    let request = rig.post("/v1/chat/completions", chat(MODEL, "x").to_string());
    Got::of(request.header("traceparent", traceparent("01")).header("tracestate", "vendor=1")).await;
    let spans = collector.only().await;
    assert_eq!((spans[0].trace.as_str(), spans[0].parent.as_str()), (TRACE, PARENT));
    assert!(spans.iter().all(|span| span.state == "vendor=1"), "{spans:#?}");
    let seen = script.only();
    assert_eq!((seen.header("traceparent"), seen.header("tracestate")), (Some(&*traceparent("01")), Some("vendor=1")));
}

#[tokio::test]
async fn the_upstream_is_told_of_our_span_only_where_the_operator_says_so() {
    let script = Script::always(vec![ok_chat()]).await;
    let collector = Collector::start().await;
    let rig = Rig::before(&script.base_url(), &collector.config("propagate = true")).await;
    let request = rig.post("/v1/chat/completions", chat(MODEL, "x").to_string());
    Got::of(request.header("traceparent", traceparent("01"))).await;
    let spans = collector.only().await;
    assert_eq!(script.only().header("traceparent"), Some(&*format!("00-{TRACE}-{}-01", spans[1].id)));

    let script = Script::always(vec![ok_chat()]).await;
    let (collector, rig) = before(&script, "").await;
    ask(&rig, "x").await;
    collector.only().await;
    assert_eq!(script.only().header("traceparent"), None, "nobody asked for it");
}

#[tokio::test]
async fn a_stream_ends_with_its_last_byte() {
    let (collector, rig) = mocked("").await;
    let got = Streamed::chat(&rig, MODEL, json!({})).await;
    assert!(got.is_done());
    let spans = collector.only().await;
    let [server, call] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(
        some(server, ["flowgate.outcome", "flowgate.usage", "flowgate.edits"]),
        ["complete", "exact", "ask-usage,usage-once"]
    );
    assert!(!server.get("flowgate.first_byte_ms").is_empty());
    assert_eq!(call.get("gen_ai.usage.output_tokens"), server.get("flowgate.output_tokens"));
    assert!(server.get("flowgate.output_tokens").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn time_in_line_is_a_span() {
    let collector = Collector::start().await;
    let settings = MockSettings { first_token: Duration::from_millis(200), ..MockSettings::default() };
    let rig = Rig::mocked_with(&format!("{}{}", collector.config(""), keyed("concurrency = 1")), settings).await;
    let one = || rig.post("/v1/chat/completions", chat(MODEL, "x").to_string()).bearer_auth(ANN);
    tokio::join!(Got::of(one()), Got::of(one()));
    let spans = collector.requests(2).await;
    let waited: Vec<&Span> = spans.iter().filter(|span| span.name == "queue").collect();
    let [waited] = waited[..] else { panic!("only one had to wait: {spans:#?}") };
    assert_eq!(waited.kind, SpanKind::Internal);
    assert_eq!(
        some(waited, ["flowgate.queue.reason", "flowgate.queue.outcome", "gen_ai.request.model"]),
        ["key", "admitted", MODEL]
    );
    let server = spans.iter().find(|span| span.id == waited.parent).unwrap();
    let millis = (waited.nanos.1 - waited.nanos.0) / 1_000_000;
    assert!(millis > 50 && server.get("flowgate.queue_ms").parse::<u64>().unwrap() > 50, "{waited:#?}");
    let call = spans.iter().find(|span| span.kind == SpanKind::Client && span.parent == server.id).unwrap();
    assert!(waited.nanos.1 <= call.nanos.0, "first it waits, then it calls");
}

#[tokio::test]
async fn who_is_not_let_in_has_a_span_too() {
    let (collector, rig) = mocked(&super::quota::limited("rpm = 1")).await;
    ask(&rig, "x").await;
    let refused = rig.post("/v1/chat/completions", chat(MODEL, "x").to_string()).header("x-flowgate-max-wait", "0");
    assert_eq!(Got::of(refused).await.status, 429);
    let spans = collector.requests(2).await;
    let waited = spans.iter().find(|span| span.name == "queue").unwrap();
    assert_eq!(waited.get("flowgate.queue.outcome"), "not_admitted");
    let server = spans.iter().find(|span| span.id == waited.parent).unwrap();
    assert_eq!(
        some(server, ["error.type", "http.response.status_code", "flowgate.outcome"]),
        ["quota", "429", "refused"]
    );
    assert!(!server.is_error, "a server is not to blame for what begins with 4");
}

#[tokio::test]
async fn each_try_is_a_call() {
    let (collector, rig) = mocked("").await;
    let request = rig.post("/v1/chat/completions", chat("fault/flaky-503:1", "x").to_string());
    assert_eq!(Got::of(request).await.status, 200);
    let spans = collector.only().await;
    let [server, first, second] = &spans[..] else { panic!("{spans:#?}") };
    let keys = ["http.response.status_code", "error.type", "flowgate.outcome"];
    assert_eq!((some(first, keys), first.is_error), (["503", "503", ""], true));
    assert_eq!((some(second, keys), second.is_error), (["200", "", "complete"], false));
    assert_eq!((server.get("flowgate.attempts"), server.is_error), ("2", false));
    assert!(first.nanos.1 <= second.nanos.0);
}

#[tokio::test]
async fn what_the_upstream_refuses_is_an_error_of_both() {
    let script = Script::always(vec![json_answer(500, r#"{"code":50000,"message":"canary","data":null}"#)]).await;
    let (collector, rig) = before(&script, "").await;
    assert!(ask(&rig, "x").await.status >= 500);
    let spans = collector.only().await;
    let [server, call] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!((server.get("error.type"), server.is_error, call.is_error), ("server", true, true));
    assert_eq!(some(call, ["error.type", "http.response.status_code"]), ["server", "500"]);
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_a_call_without_a_status() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let collector = Collector::start().await;
    let rig =
        Rig::before(&format!("http://{gone}/v1"), &format!("{}[upstream]\nretries = 0\n", collector.config(""))).await;
    assert_eq!(ask(&rig, "x").await.status, 502);
    let spans = collector.only().await;
    assert_eq!(some(&spans[1], ["error.type", "http.response.status_code"]), ["connect", ""]);
}

#[tokio::test]
async fn a_caller_that_leaves_ends_its_spans() {
    let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
    for (acts, seen, status, outcome) in
        [(vec![sse(event), Act::Stall], "\"delta\"", "200", "caller_gone"), (vec![Act::Stall], "", "", "abandoned")]
    {
        let script = Script::always(acts).await;
        let (collector, rig) = before(&script, "").await;
        let body = stream(MODEL, "x", json!({})).to_string();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut raw = Raw::saying(rig.address, format!("{head}{body}")).await;
        script.is_called().await;
        if !seen.is_empty() {
            raw.has(seen).await;
        }
        drop(raw);
        let spans = collector.only().await;
        let [server, call] = &spans[..] else { panic!("{spans:#?}") };
        assert_eq!((server.get("flowgate.outcome"), server.is_error), ("caller_gone", false));
        assert_eq!((call.get("flowgate.outcome"), call.get("http.response.status_code")), (outcome, status));
        assert!(!call.is_error, "{call:#?}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_an_error() {
    let (collector, rig) = mocked("").await;
    let got = Streamed::chat(&rig, "fault/cut:3", json!({})).await;
    assert!(!got.is_clean);
    let spans = collector.only().await;
    let [server, call] = &spans[..] else { panic!("{spans:#?}") };
    for span in [server, call] {
        let keys = ["error.type", "http.response.status_code", "flowgate.outcome"];
        assert_eq!((some(span, keys), span.is_error), (["stream_broken", "200", "broken"], true));
    }
}

#[tokio::test]
async fn bridges_are_calls_of_chat() {
    let (collector, rig) = mocked("").await;
    let respond = json!({"model": MODEL, "input": "x"}).to_string();
    assert_eq!(Got::of(rig.post("/v1/responses", respond)).await.status, 200);
    let message = json!({"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}).to_string();
    assert_eq!(Got::of(rig.post("/v1/messages", message)).await.status, 200);
    let spans = collector.requests(2).await;
    for name in ["POST /v1/responses", "POST /v1/messages"] {
        let server = spans.iter().find(|span| span.name == name).unwrap();
        let call = spans.iter().find(|span| span.parent == server.id).unwrap();
        assert_eq!(call.name, format!("chat {MODEL}"));
    }
}

#[tokio::test]
async fn each_part_of_a_batch_is_a_call() {
    let (collector, rig) = mocked("").await;
    let body = json!({"model": "BAAI/bge-m3", "input": vec!["a"; 65]}).to_string();
    assert_eq!(Got::of(rig.post("/v1/embeddings", body)).await.status, 200);
    let spans = collector.only().await;
    assert!(spans.len() > 2 && spans[1..].iter().all(|span| span.name == "embeddings BAAI/bge-m3"), "{spans:#?}");
    let tokens = |span: &Span| span.get("gen_ai.usage.input_tokens").parse::<u64>().unwrap();
    let sum: u64 = spans[1..].iter().map(tokens).sum();
    assert_eq!(spans[0].get("flowgate.input_tokens"), sum.to_string());
}

#[tokio::test]
async fn the_share_and_the_caller_decide_what_is_traced() {
    for (settings, flags, is_traced) in [
        ("sample = 0", "00", false),
        ("sample = 0", "01", true),
        ("sample = 1.0", "00", false),
        ("sample = 1.0\nfollow_callers = false", "00", true),
        ("sample = 0\nfollow_callers = false", "01", false),
    ] {
        let collector = Collector::start().await;
        let rig = Rig::mocked(&collector.config(settings)).await;
        let request = rig.post("/v1/chat/completions", chat(MODEL, "x").to_string());
        assert_eq!(Got::of(request.header("traceparent", traceparent(flags))).await.status, 200);
        // Another one, which is traced in any case where callers count, comes behind it.
        let follows = !settings.contains("follow");
        if follows {
            let later = rig.post("/v1/embeddings", json!({"model": "BAAI/bge-m3", "input": "x"}).to_string());
            Got::of(later.header("traceparent", traceparent("01"))).await;
        }
        let spans = if is_traced || follows {
            collector.requests(usize::from(is_traced) + usize::from(follows)).await
        } else {
            Vec::new()
        };
        assert_eq!(spans.iter().any(|span| span.name.ends_with("/chat/completions")), is_traced, "{settings} {flags}");
    }
}

#[tokio::test]
async fn a_collector_that_is_gone_costs_nothing_but_its_spans() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let rig = Rig::mocked(&format!("[traces]\nendpoint = \"http://{address}\"\n")).await;
    assert_eq!(ask(&rig, "x").await.status, 200);
    rig.metric_becomes("flowgate_trace_spans_total", &["failed"], 2.0).await;
    assert_eq!(rig.metric("flowgate_trace_spans_total", &["sent"]).await, 0.0);
}

#[tokio::test]
async fn nothing_that_anybody_said_is_in_a_span() {
    let collector = Collector::start().await;
    let rig = Rig::mocked(&format!("{}{}", collector.config(""), keyed(""))).await;
    let prompt = "canary-prompt [[say=canary-answer]]";
    let bodies = [
        chat(MODEL, prompt),
        stream(MODEL, prompt, json!({})),
        chat("fault/echo-key", prompt),
        chat("fault/error-event", prompt),
    ];
    for body in &bodies {
        let request = rig.post("/v1/chat/completions?q=canary-query", body.to_string()).bearer_auth(ANN);
        Streamed::of(request.header("user-agent", "canary-agent").header("cookie", "canary-cookie")).await;
    }
    Got::of(rig.post("/v1/canary-path", "canary-body").bearer_auth(ANN)).await;
    Got::of(rig.request("CANARYMETHOD".parse().unwrap(), "/v1/canary-path").bearer_auth("sk-wrong-canary")).await;
    collector.requests(bodies.len() + 2).await;
    for taken in collector.taken() {
        let text = String::from_utf8_lossy(&taken.body).into_owned();
        assert!(!text.to_lowercase().contains("canary"), "{text}");
        assert!(!text.contains(ANN) && !text.contains(UPSTREAM_KEY), "{text}");
    }
}

/// The table of docs/traces.md, held against what was sent.
#[tokio::test]
async fn the_attributes_are_those_of_the_document() {
    let collector = Collector::start().await;
    let key = "team = \"lab\"\nconcurrency = 1";
    let config = format!("{}{}[[team]]\nname = \"lab\"\n", collector.config(""), keyed(key));
    let settings = MockSettings { first_token: Duration::from_millis(100), ..MockSettings::default() };
    let rig = Rig::mocked_with(&config, settings).await;
    let one = || rig.post("/v1/chat/completions", stream(MODEL, "x", json!({})).to_string()).bearer_auth(ANN);
    tokio::join!(Streamed::of(one()), Streamed::of(one()));
    let broken = rig.post("/v1/chat/completions", chat("fault/500", "x").to_string()).bearer_auth(ANN);
    Got::of(broken).await;
    let spans = collector.requests(3).await;
    let document = std::fs::read_to_string("docs/traces.md").unwrap();
    for (heading, kind) in [
        ("## The request", SpanKind::Server),
        ("## Its time in line", SpanKind::Internal),
        ("## A call of SiliconFlow", SpanKind::Client),
    ] {
        let (_, section) = document.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
        let rows = section.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
        let documented: BTreeSet<String> = rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect();
        let of_kind = spans.iter().filter(|span| span.kind == kind);
        let sent: BTreeSet<String> = of_kind.flat_map(|span| span.attributes.keys().cloned()).collect();
        assert_eq!(documented, sent, "{heading}");
    }
}
