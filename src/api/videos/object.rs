//! Video jobs as OpenAI shows them. Pure.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::jobs::{Job, Phase};

/// The video as an object. How long it is SiliconFlow does not say, and how far it is only roughly: no number is made up, but for
/// 0 and 100 percent.
pub(super) fn object(job: &Job, kept_seconds: u64) -> Value {
    let error = (job.phase == Phase::Failed).then(|| json!({"code": "video_generation_failed", "message": job.fault}));
    let is_done = job.phase == Phase::Done;
    json!({
        "id": job.id,
        "object": "video",
        "model": job.model,
        "status": status(job.phase),
        "progress": if is_done { 100 } else { 0 },
        "created_at": job.created_at,
        "completed_at": job.finished_at.filter(|_| is_done),
        "expires_at": job.finished_at.filter(|_| is_done).map(|at| at.saturating_add(kept_seconds)),
        "size": job.size,
        "seconds": null,
        "remixed_from_video_id": null,
        "error": error,
    })
}

fn status(phase: Phase) -> &'static str {
    match phase {
        Phase::Queued => "queued",
        Phase::Running | Phase::Saving => "in_progress",
        Phase::Done => "completed",
        Phase::Failed => "failed",
    }
}

/// A page of them.
pub(super) fn list(videos: &[Value], has_more: bool) -> Bytes {
    let id = |video: Option<&Value>| video.map_or(Value::Null, |video| video["id"].clone());
    let (first, last) = (id(videos.first()), id(videos.last()));
    json!({"object": "list", "data": videos, "first_id": first, "last_id": last, "has_more": has_more})
        .to_string()
        .into()
}

/// That one was deleted.
pub(super) fn deleted(id: &str) -> Bytes {
    json!({"id": id, "object": "video.deleted", "deleted": true}).to_string().into()
}

/// The upstream's id in its answer to a submission.
pub(super) fn request_id(answer: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    answer["requestId"].as_str().filter(|id| !id.is_empty()).map(str::to_owned)
}
