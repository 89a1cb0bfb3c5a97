//! Video jobs (API reference section 11): submitted, then asked for until they are done.

use crate::mock::call::{Call, Caller};
use crate::mock::catalogue::{Kind, Model};
use crate::mock::emulator::locked;
use crate::mock::play;
use crate::mock::quota::Ask;
use crate::mock::refusal::Refusal;
use crate::mock::store::{VideoJob, temporary};
use axum::Extension;
use axum::body::Body;
use axum::response::Response;
use serde_json::{Value, json};
use std::time::Duration;

const SIZES: [&str; 3] = ["1280x720", "720x1280", "960x960"];
/// How long a link to a video lives (section 11: the submit page says ten minutes).
const LINK_LIVES: Duration = Duration::from_secs(600);
/// How long a job that is done is remembered (section 11: the status page says that a result is valid for an hour).
const REMEMBERED: Duration = Duration::from_secs(3600);
/// Seconds of every video (ours).
const SECONDS: u64 = 5;

/// `POST /v1/video/submit`.
pub(in crate::mock) async fn submit(Extension(call): Caller) -> Result<Response, Refusal> {
    let model = call.model(|kind| kind == Kind::Video)?;
    check(model, &call.json)?;
    let mut ticket = call.admit(Ask::default())?;
    ticket.bill.seconds = SECONDS;
    let id = call.emulator.fresh_id(24);
    let job = VideoJob {
        submitted: call.emulator.clock.now(),
        seed: call.json["seed"].as_u64().unwrap_or(7),
        fails: call.fault_is("video-failed"),
    };
    locked(&call.emulator.store).add_video(&call.account, &id, job);
    Ok(play::document(&call, &json!({"requestId": id}), ticket))
}

fn check(model: &Model, json: &Value) -> Result<(), Refusal> {
    let from_picture = model.id.contains("-I2V-");
    let fine = json["prompt"].as_str().is_some_and(|prompt| !prompt.is_empty())
        && json["image_size"].as_str().is_some_and(|size| SIZES.contains(&size))
        && (!from_picture || json["image"].is_string());
    if fine { Ok(()) } else { Err(Refusal::bad_parameter()) }
}

/// `POST /v1/video/status`.
pub(in crate::mock) async fn status(Extension(call): Caller) -> Result<Response, Refusal> {
    let id = call.json["requestId"].as_str().unwrap_or_default();
    let job = locked(&call.emulator.store).video(&call.account, id).ok_or_else(Refusal::bad_parameter)?;
    let age = call.emulator.clock.now().saturating_sub(job.submitted);
    if age > call.emulator.settings.video_time + REMEMBERED {
        return Err(Refusal::bad_parameter());
    }
    let document = progress(&call, id, &job);
    Ok(play::with_kind("application/json; charset=utf-8", Body::from(document.to_string())))
}

/// In the queue for the first third of its time, then in progress, then done.
fn progress(call: &Call, id: &str, job: &VideoJob) -> Value {
    let whole = call.emulator.settings.video_time;
    let passed = call.emulator.clock.now().saturating_sub(job.submitted);
    let nothing = json!({"videos": [], "timings": {"inference": 0}, "seed": job.seed});
    if passed < whole / 3 {
        return json!({"status": "InQueue", "reason": "", "results": nothing});
    }
    if passed < whole {
        return json!({"status": "InProgress", "reason": "", "results": nothing});
    }
    if job.fails {
        return json!({"status": "Failed", "reason": "The job failed on demand.", "results": nothing});
    }
    let url = temporary::link(call, &format!("{id}.mp4"), call.emulator.settings.picture_lifetime.min(LINK_LIVES));
    let results = json!({"videos": [{"url": url}], "timings": {"inference": whole.as_secs_f64()}, "seed": job.seed});
    json!({"status": "Succeed", "reason": "", "results": results})
}
