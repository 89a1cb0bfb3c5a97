//! An upstream that is not well is left alone: retries within a budget, breakers that open and close, a refused key
//! that rests.

use std::time::Duration;

use flowgate::mock::{Injection, MockSettings, start};
use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::support::calls::good_chat;
use super::support::{Act, Got, MODEL, Rig, Script, UPSTREAM_KEY, chat, json_answer, ok_chat, soon};

async fn ask(rig: &Rig, model: &str) -> Got {
    Got::of(rig.post("/v1/chat/completions", chat(model, "x").to_string())).await
}

#[tokio::test]
async fn a_busy_model_is_asked_again() {
    let rig = Rig::mocked("").await;
    rig.mock().control().inject(Injection::next("overload-503", 2)).unwrap();
    assert_eq!(good_chat(&rig).await.status, 200);
    assert_eq!(rig.mock().control().requests().len(), 3);
    assert_eq!(rig.metric("flowgate_upstream_retries_total", &["busy"]).await, 2.0);
}

#[tokio::test]
async fn other_refusals_are_not_asked_again() {
    for fault in ["tpm-429", "500", "timeout-504", "param-20015", "token-401", "balance-402"] {
        let rig = Rig::mocked("[queue]\nmax_wait = \"0s\"\n").await;
        ask(&rig, &format!("fault/{fault}")).await;
        assert_eq!(rig.mock().control().requests().len(), 1, "{fault}");
    }
}

/// The floor of the retry budget: two a second over its window of ten seconds.
const FLOOR: usize = 20;

#[tokio::test]
async fn retries_have_a_budget() {
    let script = Script::always(vec![json_answer(503, "{}")]).await;
    let rig = Rig::before(&script.base_url(), "[upstream]\nretries = 10\n").await;
    // Many models, so that no breaker helps.
    let asked = 60;
    let models: Vec<String> = (0..asked).map(|number| format!("model-{number}")).collect();
    let answers = join_all(models.iter().map(|model| ask(&rig, model))).await;
    assert!(answers.iter().all(|got| got.error() == "503 service_unavailable_error/server_is_overloaded"));
    let calls = script.seen().len();
    assert!(calls > asked && calls <= asked * 12 / 10 + FLOOR, "{calls} calls for {asked} requests");
}

#[tokio::test]
async fn a_storm_of_503_closes_the_way_to_its_model_only() {
    let script = Script::new(|seen| {
        let is_sick = String::from_utf8_lossy(&seen.body).contains("sick");
        vec![if is_sick { json_answer(503, "{}") } else { ok_chat() }]
    });
    let script = script.await;
    let rig = Rig::before(&script.base_url(), "[upstream]\nretries = 0\n").await;
    for _ in 0..30 {
        let got = ask(&rig, "sick").await;
        assert_eq!(got.error(), "503 service_unavailable_error/server_is_overloaded");
        assert!(got.header("retry-after").is_some());
    }
    assert_eq!(script.seen().len(), 10, "after ten in a row the model is left alone");
    assert_eq!(ask(&rig, "well").await.status, 200);
    assert_eq!(rig.metric("flowgate_upstream_breaker_open", &[]).await, 0.0);
}

#[tokio::test]
async fn a_model_that_is_well_again_is_used_again() {
    let rig = Rig::mocked("[upstream]\nretries = 0\n").await;
    rig.mock().control().inject(Injection::next("overload-503", 10)).unwrap();
    for _ in 0..10 {
        assert_eq!(ask(&rig, MODEL).await.status, 503);
    }
    let closed = Instant::now();
    soon("the model is used again", async || ask(&rig, MODEL).await.status == 200).await;
    assert!(closed.elapsed() >= Duration::from_millis(900), "{:?}", closed.elapsed());
    assert_eq!(rig.mock().control().requests().len(), 11, "one try was enough");
    assert_eq!(ask(&rig, MODEL).await.status, 200);
}

#[tokio::test]
async fn an_outage_opens_the_breaker_and_one_try_closes_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let rig = Rig::before(&format!("http://{address}/v1"), "[upstream]\nretries = 0\n").await;
    for _ in 0..5 {
        assert_eq!(ask(&rig, MODEL).await.error(), "502 server_error/upstream_unreachable");
    }
    let got = ask(&rig, MODEL).await;
    assert_eq!((got.status, got.header("retry-after")), (503, Some("1")), "{}", got.text());
    assert_eq!(rig.metric("flowgate_upstream_breaker_open", &[]).await, 1.0);
    let _mock =
        start(MockSettings { listen: address, api_keys: vec![UPSTREAM_KEY.to_owned()], ..MockSettings::default() })
            .await
            .unwrap();
    soon("it is called again", async || ask(&rig, MODEL).await.status == 200).await;
    assert_eq!(rig.metric("flowgate_upstream_breaker_open", &[]).await, 0.0);
}

#[tokio::test]
async fn a_burst_of_failures_counts_as_one_outage() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let rig = Rig::before(&format!("http://{address}/v1"), "[upstream]\nretries = 0\n").await;
    join_all((0..40).map(|_| ask(&rig, MODEL))).await;
    let wait: u64 = ask(&rig, MODEL).await.header("retry-after").unwrap().parse().unwrap();
    assert!(wait <= 2, "one moment of trouble closes the way for {wait} s");
}

#[tokio::test]
async fn a_burst_of_503_counts_as_one_spell_of_overload() {
    let script = Script::always(vec![Act::Wait(Duration::from_millis(100)), json_answer(503, "{}")]).await;
    let rig = Rig::before(&script.base_url(), "[upstream]\nretries = 0\n").await;
    join_all((0..40).map(|_| ask(&rig, MODEL))).await;
    let wait: u64 = ask(&rig, MODEL).await.header("retry-after").unwrap().parse().unwrap();
    assert!(wait <= 2, "one moment of overload closes the way for {wait} s");
}

#[tokio::test]
async fn slow_callers_are_no_outage() {
    let script = Script::always(vec![ok_chat()]).await;
    let rig = Rig::before(&script.base_url(), "[upstream]\nfirst_byte_timeout = \"300ms\"\n").await;
    let pieces = futures_util::stream::unfold(0, async |number| {
        tokio::time::sleep(Duration::from_millis(100)).await;
        (number < 8).then(|| (Ok::<_, std::io::Error>(vec![b'x'; 1024]), number + 1))
    });
    let request = rig.post("/v1/files", reqwest::Body::wrap_stream(Box::pin(pieces)));
    let got = Got::of(request).await;
    assert_eq!(got.status, 200, "an upload takes its time, the answer comes at once: {}", got.text());
    assert_eq!(rig.metric("flowgate_upstream_errors_total", &[]).await, 0.0);
}

#[tokio::test]
async fn a_refused_key_rests() {
    let script = Script::always(vec![json_answer(401, "\"Invalid token\"")]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    for _ in 0..20 {
        let got = ask(&rig, MODEL).await;
        assert_eq!(got.error(), "502 server_error/upstream_key_invalid");
        assert_eq!(got.header("x-should-retry"), Some("false"));
    }
    assert_eq!(script.seen().len(), 1, "a storm of callers is no storm of log-ins");
    soon("the key is tried again", async || {
        ask(&rig, MODEL).await;
        script.seen().len() == 2
    })
    .await;
}

#[tokio::test]
async fn a_body_that_was_sent_is_not_sent_again() {
    for acts in [vec![Act::Close], vec![Act::Reset], vec![Act::Say(b"HTTP/1.1 2".to_vec()), Act::Reset]] {
        let script = Script::always(acts).await;
        let rig = Rig::before(&script.base_url(), "[upstream]\nretries = 10\n").await;
        assert_eq!(ask(&rig, MODEL).await.error(), "502 server_error/upstream_closed");
        assert_eq!(script.seen().len(), 1);
    }
}
