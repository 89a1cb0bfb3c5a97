//! Videos in OpenAI's shapes, with the emulator behind: jobs, their results, and whose they are.

use std::time::Duration;

use flowgate::mock::MockSettings;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::support::{Got, Rig, Script, json_answer, soon};

const MODEL: &str = "Wan-AI/Wan2.2-T2V-A14B";
const POLL: &str = "[jobs]\npoll = \"20ms\"\n";
const KEYS: &str = "[[key]]\nname = \"ann\"\nsecret = { env = \"KEY_ANN\" }\n[[key]]\nname = \"bob\"\nsecret = { env = \"KEY_BOB\" }\n";
const ANN: &str = "sk-ann-canary-1";
const BOB: &str = "sk-bob-canary-2";

async fn rig(config: &str, video_time: Duration) -> Rig {
    Rig::mocked_with(&format!("{POLL}{config}"), MockSettings { video_time, ..MockSettings::default() }).await
}

async fn make(rig: &Rig, body: Value) -> Got {
    Got::of(rig.post("/v1/videos", body.to_string()).bearer_auth(ANN)).await
}

async fn get(rig: &Rig, path: &str) -> Got {
    Got::of(rig.request(Method::GET, path).bearer_auth(ANN)).await
}

fn id(job: &Value) -> String {
    job["id"].as_str().unwrap().to_owned()
}

/// Waits until the job is over.
async fn over(rig: &Rig, id: &str) -> Value {
    let mut last = Value::Null;
    soon("the video is over", async || {
        last = get(rig, &format!("/v1/videos/{id}")).await.json();
        ["completed", "failed"].contains(&last["status"].as_str().unwrap())
    })
    .await;
    last
}

#[tokio::test]
async fn a_video_is_made_asked_about_and_handed_out() {
    let rig = rig("", Duration::from_millis(600)).await;
    let got = make(&rig, json!({"model": MODEL, "prompt": "a cat", "seconds": "4", "size": "1280x720"})).await;
    assert_eq!((got.status, got.header("x-flowgate-edits")), (200, Some("size, without-seconds")));
    assert_eq!((got.header("x-flowgate-model"), got.header("x-flowgate-cost-cny")), (Some(MODEL), None));
    let job = got.json();
    let expected = json!({
        "id": job["id"], "object": "video", "model": MODEL, "status": "queued", "progress": 0, "created_at": job["created_at"],
        "completed_at": null, "expires_at": null, "size": "1280x720", "seconds": null, "remixed_from_video_id": null, "error": null,
    });
    assert!(job == expected && id(&job).starts_with("video_"), "{job}");
    let early = get(&rig, &format!("/v1/videos/{}/content", id(&job))).await;
    assert_eq!(early.error(), "409 invalid_request_error/video_not_ready");
    let done = over(&rig, &id(&job)).await;
    assert_eq!((&done["status"], &done["progress"]), (&json!("completed"), &json!(100)));
    let kept = done["expires_at"].as_u64().unwrap() - done["completed_at"].as_u64().unwrap();
    assert_eq!(kept, 7 * 86_400);
    for query in ["", "?variant=video"] {
        let video = get(&rig, &format!("/v1/videos/{}/content{query}", id(&job))).await;
        assert_eq!((video.status, video.header("content-type")), (200, Some("video/mp4")));
        assert!(video.body[4..].starts_with(b"ftyp"), "{:?}", video.body);
    }
    let part = rig.request(Method::GET, &format!("/v1/videos/{}/content", id(&job))).header("range", "bytes=4-7");
    let part = Got::of(part).await;
    assert_eq!((part.status, part.text().as_str()), (206, "ftyp"));
    let thumbnail = get(&rig, &format!("/v1/videos/{}/content?variant=thumbnail", id(&job))).await;
    assert_eq!(thumbnail.error(), "400 invalid_request_error/unsupported_parameter");
    rig.metric_becomes("flowgate_jobs", &["kind=\"video\"", "state=\"done\""], 1.0).await;
    rig.is_idle().await;
}

#[tokio::test]
async fn a_video_that_failed_says_why() {
    let rig = rig("", Duration::ZERO).await;
    let body = json!({"model": "fault/video-failed", "prompt": "a cat"});
    let failed = over(&rig, &id(&make(&rig, body).await.json())).await;
    let error = json!({"code": "video_generation_failed", "message": "The job failed on demand."});
    assert_eq!((&failed["status"], &failed["error"]), (&json!("failed"), &error));
    let content = get(&rig, &format!("/v1/videos/{}/content", id(&failed))).await;
    assert!(content.error().starts_with("409 ") && content.text().contains("`failed`"), "{}", content.text());
}

#[tokio::test]
async fn a_form_brings_its_picture_along() {
    let rig = rig("", Duration::ZERO).await;
    let form = Form::new().text("model", "Wan-AI/Wan2.2-I2V-A14B").text("prompt", "it moves").text("size", "1280x720");
    let form = form.part("input_reference", Part::bytes(b"\xff\xd8\xff\xe0 jpeg".to_vec()).file_name("a.jpg"));
    let got = Got::of(rig.request(Method::POST, "/v1/videos").multipart(form)).await;
    assert_eq!((got.status, got.header("x-flowgate-edits")), (200, Some("size, input-reference")), "{}", got.text());
    let sent = rig.mock().control().requests().into_iter().find(|request| request.path.ends_with("/submit")).unwrap();
    let sent = sent.json();
    assert!(sent["image"].as_str().unwrap().starts_with("data:image/jpeg;base64,"), "{sent}");
    assert_eq!((&sent["prompt"], &sent["image_size"]), (&json!("it moves"), &json!("1280x720")));
}

#[tokio::test]
async fn a_video_belongs_to_its_key() {
    let rig = rig(KEYS, Duration::ZERO).await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(id(&make(&rig, json!({"model": MODEL, "prompt": "a cat"})).await.json()));
    }
    for video in &made {
        over(&rig, video).await;
    }
    let path = |rest: &str| format!("/v1/videos/{}{rest}", made[0]);
    let of_bob = async |method: Method, path: &str| Got::of(rig.request(method, path).bearer_auth(BOB)).await;
    for (method, path) in [(Method::GET, path("")), (Method::GET, path("/content")), (Method::DELETE, path(""))] {
        assert_eq!(of_bob(method.clone(), &path).await.error(), "404 invalid_request_error/null", "{method} {path}");
    }
    let none = json!({"object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false});
    assert_eq!(of_bob(Method::GET, "/v1/videos").await.json(), none);
    let page = get(&rig, "/v1/videos?limit=2").await.json();
    assert_eq!((page["data"].as_array().unwrap().len(), &page["has_more"]), (2, &json!(true)));
    let last = page["last_id"].as_str().unwrap();
    let rest = get(&rig, &format!("/v1/videos?after={last}")).await.json();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["has_more"]), (1, &json!(false)));
    assert_eq!(get(&rig, "/v1/videos?limit=0").await.error(), "400 invalid_request_error/null");
    let deleted = Got::of(rig.request(Method::DELETE, &path("")).bearer_auth(ANN)).await;
    assert_eq!(deleted.json(), json!({"id": made[0], "object": "video.deleted", "deleted": true}));
    assert_eq!(get(&rig, &path("")).await.error(), "404 invalid_request_error/null");
    rig.metric_becomes("flowgate_media_files", &[], 2.0).await;
    let nobody = Got::of(rig.request(Method::GET, "/v1/videos")).await;
    assert_eq!(nobody.status, 401);
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_before_it_is_sent() {
    let rig = rig("", Duration::ZERO).await;
    for (body, param) in [
        (json!({"prompt": "a cat"}), "model"),
        (json!({"model": MODEL, "prompt": "a cat", "size": "1024x1792"}), "size"),
        (json!({"model": MODEL, "prompt": "a cat", "input_reference": {"file_id": "file-1"}}), "input_reference"),
        (json!({"model": "Qwen/Qwen3-8B", "prompt": "a cat"}), "model"),
    ] {
        let got = make(&rig, body.clone()).await;
        assert!(got.error().starts_with("400 ") && got.json()["error"]["param"] == param, "{body}: {}", got.text());
    }
    let remix = Got::of(rig.post("/v1/videos/video_1/remix", "{}")).await;
    assert_eq!(remix.error(), "404 invalid_request_error/unknown_url");
    assert!(remix.text().contains("input_reference"), "{}", remix.text());
    assert_eq!(rig.mock().control().requests().len(), 0);
}

/// One that is there upstream is fetched again until it can be; one that the upstream has forgotten is over.
#[tokio::test]
async fn trouble_of_the_upstream_is_waited_for() {
    let asked = std::sync::atomic::AtomicU64::new(0);
    let script = Script::new(move |seen| match seen.path() {
        "/v1/video/submit" => vec![json_answer(200, r#"{"requestId":"r1"}"#)],
        _ => match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => vec![json_answer(503, r#"{"code":50505,"message":"busy"}"#)],
            1 => vec![json_answer(200, "<html>")],
            2 => {
                vec![json_answer(200, r#"{"status":"Succeed","results":{"videos":[{"url":"http://10.0.0.1/v.mp4"}]}}"#)]
            }
            _ => vec![json_answer(404, "\"404 page not found\"")],
        },
    })
    .await;
    let rig = Rig::before(&script.base_url(), POLL).await;
    let job = make(&rig, json!({"model": MODEL, "prompt": "a cat"})).await.json();
    soon("it was asked about", async || script.seen().len() >= 6).await;
    let job = get(&rig, &format!("/v1/videos/{}", id(&job))).await.json();
    assert_eq!(job["status"], "in_progress", "a link to a private address is not followed: {job}");
}
