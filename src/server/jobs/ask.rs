//! How a job is doing, asked of the upstream: bounded in time and size.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::jobs::{Job, Kind};
use crate::telemetry::trace::RequestTrace;
use crate::upstream::{Call, KeyLease, RequestBody, Upstream};

/// Time for one answer (ours).
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that is read (bytes; ours: real ones are a few KiB).
const MOST_BYTES: usize = 1024 * 1024;

/// What the upstream says of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// It has not begun.
    Queued,
    /// It is at it.
    Running,
    /// It is over: where the results are, if there are any (output, errors).
    Over(String, String),
    /// It has failed: why.
    Failed(String),
}

/// Why it said nothing of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Silence {
    /// That may pass.
    Passing(String),
    /// It does not know the job.
    Gone,
}

/// Asks about `job`.
///
/// # Errors
/// [`Silence`].
pub(super) async fn ask(upstream: &Upstream, job: &Job) -> Result<Told, Silence> {
    let asked = tokio::time::timeout(PATIENCE, ask_unlimited(upstream, job)).await;
    asked.unwrap_or_else(|_| Err(Silence::Passing(format!("no answer within {} s", PATIENCE.as_secs()))))
}

async fn ask_unlimited(upstream: &Upstream, job: &Job) -> Result<Told, Silence> {
    let passing = |why: &str| Silence::Passing(why.to_owned());
    // Only the account that has it knows it.
    let lease: Option<KeyLease> = upstream.leases(Instant::now()).find(|lease| lease.account().name() == &job.account);
    let lease = lease.ok_or_else(|| passing("the key of its account is not in use"))?;
    let (method, path, body) = match job.kind {
        Kind::Video => {
            (Method::POST, "/video/status".to_owned(), json!({"requestId": job.upstream_id}).to_string().into())
        }
        Kind::Batch => (Method::GET, format!("/batches/{}", job.upstream_id), Bytes::new()),
    };
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let call = Call {
        method,
        path: &path,
        headers: &headers,
        model: "",
        lease: Some(lease),
        reservation: None,
        first_byte_timeout: PATIENCE,
        retries: 0,
        trace: &RequestTrace::default(),
    };
    let answer = upstream.call(&call, RequestBody::Full(body)).await;
    let answer = answer.map_err(|error| Silence::Passing(error.to_string()))?;
    match answer.response.status().as_u16() {
        200..300 => {}
        400 | 404 | 410 => return Err(Silence::Gone),
        status => return Err(Silence::Passing(format!("the upstream answered {status}"))),
    }
    let body = Limited::new(answer.response.into_body(), MOST_BYTES).collect().await;
    let body = body.map_err(|_| passing("the answer broke off"))?.to_bytes();
    let answer: Value = serde_json::from_slice(&body).map_err(|_| passing("the answer is no JSON"))?;
    let told = match job.kind {
        Kind::Video => of_video(&answer),
        Kind::Batch => of_batch(&answer),
    };
    told.ok_or_else(|| passing("the answer names no status that is known"))
}

fn of_video(answer: &Value) -> Option<Told> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some(match answer["status"].as_str()? {
        "InQueue" => Told::Queued,
        "InProgress" => Told::Running,
        "Succeed" => match text(&answer["results"]["videos"][0]["url"]) {
            link if link.is_empty() => Told::Failed("SiliconFlow says that it is done, and has no video.".to_owned()),
            link => Told::Over(link, String::new()),
        },
        "Failed" => match text(&answer["reason"]) {
            reason if reason.is_empty() => Told::Failed("SiliconFlow says no more than that it failed.".to_owned()),
            reason => Told::Failed(reason),
        },
        _ => return None,
    })
}

fn of_batch(answer: &Value) -> Option<Told> {
    let link = |name: &str| match answer[name].as_str() {
        Some(link) if link.contains("://") => link.to_owned(),
        _ => String::new(),
    };
    Some(match answer["status"].as_str()? {
        "in_queue" | "validating" => Told::Queued,
        "in_progress" | "finalizing" | "cancelling" => Told::Running,
        "completed" | "expired" | "cancelled" => Told::Over(link("output_file_id"), link("error_file_id")),
        "failed" => Told::Failed("The batch failed.".to_owned()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let video = |text: &str| of_video(&serde_json::from_str(text).unwrap());
        assert_eq!(video(r#"{"status":"InQueue","position":3}"#), Some(Told::Queued));
        assert_eq!(video(r#"{"status":"InProgress"}"#), Some(Told::Running));
        let done = r#"{"status":"Succeed","results":{"videos":[{"url":"https://x/v.mp4"}]}}"#;
        assert_eq!(video(done), Some(Told::Over("https://x/v.mp4".to_owned(), String::new())));
        assert!(matches!(video(r#"{"status":"Succeed","results":{"videos":[]}}"#), Some(Told::Failed(_))));
        assert_eq!(video(r#"{"status":"Failed","reason":"too wild"}"#), Some(Told::Failed("too wild".to_owned())));
        assert_eq!(video(r#"{"status":"Paused"}"#), None);
        let batch = |text: &str| of_batch(&serde_json::from_str(text).unwrap());
        let over = r#"{"status":"expired","output_file_id":"https://x/o","error_file_id":"file-1"}"#;
        assert_eq!(batch(over), Some(Told::Over("https://x/o".to_owned(), String::new())));
        assert_eq!(batch(r#"{"status":"cancelling"}"#), Some(Told::Running));
        assert!(matches!(batch(r#"{"status":"failed"}"#), Some(Told::Failed(_))));
    }
}
