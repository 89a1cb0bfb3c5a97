//! Forms wait for their turn when their model is known, and the upstream never has all of one before.

use super::quota::{ANN, BOB, keyed, limited, retry_after};
use super::support::{Act, Got, Raw, Rig, Script, json_answer, soon};
use super::uploads::{MODEL, field, form, post};

const TEXT: &str = r#"{"text":"hi"}"#;

/// Limits of the account for transcriptions.
fn of_model(limits: &str) -> String {
    limited(limits).replace(super::support::MODEL, MODEL)
}

/// An upstream that does not answer forms with the word `stall` in them.
async fn script() -> Script {
    Script::new(|seen| match String::from_utf8_lossy(&seen.body) {
        body if body.contains("stall") => vec![Act::Stall],
        _ => vec![json_answer(200, TEXT)],
    })
    .await
}

async fn send(rig: &Rig, key: &str, body: &[u8]) -> Raw {
    send_part(rig, key, body, body.len()).await
}

/// The beginning of a form of this length.
async fn send_part(rig: &Rig, key: &str, body: &[u8], length: usize) -> Raw {
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: multipart/form-data; boundary=b0\r\ncontent-length: {length}\r\n\r\n"
    );
    Raw::saying(rig.address, [head.as_bytes(), body].concat()).await
}

fn whole(script: &Script) -> usize {
    script.seen().iter().filter(|seen| seen.is_whole).count()
}

#[tokio::test]
async fn a_form_beyond_the_limit_is_refused_before_the_upstream_has_it() {
    for model_first in [true, false] {
        let script = script().await;
        let rig = Rig::before(&script.base_url(), &of_model("rpm = 2")).await;
        for _ in 0..2 {
            let got = Got::of(post(&rig, form(MODEL, b"audio", model_first))).await;
            assert_eq!((got.status, got.text().as_str()), (200, TEXT));
            assert_eq!(got.header("x-ratelimit-limit-requests"), Some("2"));
            assert!(got.header("x-flowgate-wait-ms").is_some());
        }
        let refused = post(&rig, form(MODEL, &[b'x'; 10_000], model_first)).header("x-flowgate-max-wait", "0");
        let got = Got::of(refused).await;
        assert_eq!(got.error(), "429 requests/rate_limit_exceeded");
        assert!(got.text().contains("RPM limit of the account") && got.text().contains(MODEL), "{}", got.text());
        assert!((15_000..=31_000).contains(&retry_after(&got)));
        assert_eq!(got.header("x-ratelimit-remaining-requests"), Some("0"));
        rig.is_idle().await;
        assert_eq!(whole(&script), 2);
    }
}

#[tokio::test]
async fn a_form_waits_until_its_turn_has_come() {
    for model_first in [true, false] {
        let script = script().await;
        let rig = Rig::before(&script.base_url(), &keyed("concurrency = 1")).await;
        let first = send(&rig, ANN, &form(MODEL, b"stall", model_first)).await;
        soon("the first is upstream", async || whole(&script) == 1).await;
        let content = vec![b'x'; 300_000];
        let (got, ()) = tokio::join!(Got::of(post(&rig, form(MODEL, &content, model_first)).bearer_auth(ANN)), async {
            soon("a part of the second is upstream", async || script.seen().len() == 2).await;
            let other = Got::of(post(&rig, form(MODEL, b"audio", model_first)).bearer_auth(BOB)).await;
            assert_eq!((other.status, whole(&script)), (200, 2), "the second did not wait");
            drop(first);
        });
        assert_eq!((got.status, got.text().as_str()), (200, TEXT));
        assert!(script.seen().iter().any(|seen| seen.is_whole && seen.body == form(MODEL, &content, model_first)));
        rig.is_idle().await;
    }
}

/// It would stand in line for one model and run with the other.
#[tokio::test]
async fn a_form_with_two_models_is_refused() {
    let script = script().await;
    let rig = Rig::before(&script.base_url(), "").await;
    for (second, expected) in [(MODEL, 200), ("Other/Model", 400)] {
        let whole = form(MODEL, &[b'x'; 100_000], true);
        let end = whole.len() - b"--b0--\r\n".len();
        let twice = [&whole[..end], field("model", second).as_bytes(), b"--b0--\r\n"].concat();
        let got = Got::of(post(&rig, twice)).await;
        assert_eq!(got.status, expected, "{}", got.text());
        assert!(expected == 200 || got.text().contains("two different models"), "{}", got.text());
    }
    rig.is_idle().await;
    assert_eq!(whole(&script), 1);
}

/// A form without a model is somebody's request all the same.
#[tokio::test]
async fn a_form_without_a_model_counts_for_its_key() {
    let script = script().await;
    let rig = Rig::before(&script.base_url(), &keyed("rpm = 1\nmax_wait = \"0s\"")).await;
    let body = b"--b0\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--b0--\r\n".to_vec();
    assert_eq!(Got::of(post(&rig, body.clone()).bearer_auth(ANN)).await.status, 200);
    let got = Got::of(post(&rig, body.clone()).bearer_auth(ANN)).await;
    assert!(got.error().starts_with("429") && got.text().contains("of your key"), "{}", got.text());
    assert_eq!((Got::of(post(&rig, body).bearer_auth(BOB)).await.status, whole(&script)), (200, 2));
}

#[tokio::test]
async fn an_uploader_who_leaves_the_line_is_forgotten() {
    let script = script().await;
    let rig = Rig::before(&script.base_url(), &keyed("concurrency = 1")).await;
    let first = send(&rig, ANN, &form(MODEL, b"stall", true)).await;
    soon("the first is upstream", async || whole(&script) == 1).await;
    let second = send(&rig, ANN, &form(MODEL, b"stall", true)).await;
    soon("the second is known", async || script.seen().len() == 2).await;
    drop(second);
    rig.metric_becomes("flowgate_requests_in_flight", &[], 1.0).await;
    drop(first);
    let got = Got::of(post(&rig, form(MODEL, b"audio", true)).bearer_auth(ANN)).await;
    assert_eq!((got.status, whole(&script)), (200, 2), "{}", got.text());
    rig.is_idle().await;
}

/// It cannot be sent again, but the next one need not learn the same.
#[tokio::test]
async fn a_429_reaches_the_uploader_and_teaches() {
    let text =
        "{\"code\":50602,\"message\":\"Request was rejected due to rate limiting. Details: RPM limit reached.\"}";
    let script = Script::new(move |seen| {
        let is_last = String::from_utf8_lossy(&seen.body).contains("too much");
        vec![if is_last { json_answer(429, text) } else { json_answer(200, TEXT) }]
    })
    .await;
    let rig = Rig::before(&script.base_url(), &of_model("rpm = 50")).await;
    for _ in 0..10 {
        assert_eq!(Got::of(post(&rig, form(MODEL, b"audio", true))).await.status, 200);
    }
    let got = Got::of(post(&rig, form(MODEL, b"too much", true))).await;
    assert_eq!(got.error(), "429 requests/rate_limit_exceeded");
    assert!(got.text().contains("SiliconFlow 429"), "{}", got.text());
    assert!(got.header("x-ratelimit-limit-requests").is_some_and(|limit| limit != "50"));
    let got = Got::of(post(&rig, form(MODEL, b"audio", true)).header("x-flowgate-max-wait", "0")).await;
    assert_eq!((got.status, whole(&script)), (429, 11), "{}", got.text());
    rig.is_idle().await;
}

/// The time in line is not the uploader's: half of the form comes before it, half after.
#[tokio::test]
async fn waiting_does_not_make_an_upload_slow() {
    let script = script().await;
    let config = format!("[server]\nbody_timeout = \"2s\"\n{}", keyed("concurrency = 1"));
    let rig = Rig::before(&script.base_url(), &config).await;
    let first = send(&rig, ANN, &form(MODEL, b"stall", true)).await;
    soon("the first is upstream", async || whole(&script) == 1).await;
    let body = form(MODEL, b"audio", true);
    let half = body.len() / 2 + 20;
    let mut second = send_part(&rig, ANN, &body[..half], body.len()).await;
    soon("the second is known", async || script.seen().len() == 2).await;
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    drop(first);
    rig.metric_becomes("flowgate_requests_in_flight", &[], 1.0).await;
    second.say(&body[half..]).await;
    let answer = second.answer().await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, TEXT));
}
