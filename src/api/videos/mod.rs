//! `/videos`: video jobs in OpenAI's shapes. One is handed over as `/video/submit` is, on the one path of every request; from then
//! on it is a job that the gateway asks about by itself, and questions are answered from what it knows.

mod object;
mod request;

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use serde_json::Value;
use tracing::error;

use super::answers::{self, Answered, Content};
use super::error::GatewayError;
use super::exchange::Exchange;
use super::page::Page;
use super::route::Route;
use super::shape::Shape;
use super::target::Target;
use super::{headers, media};
use crate::bridge::BridgeError;
use crate::jobs::{Job, JobStore, Kind, Phase, Yield};
use crate::media::Kind as MediaKind;
use crate::relay::answer::AnswerFault;
use crate::relay::usage::Usage;
use crate::upstream::KeyLease;
use crate::wire::multipart;

/// What SiliconFlow cannot do with a video that is there.
const NO_REMIX: &str = "SiliconFlow does not change videos that are there (no remix, edit or extension). Make a new one: `POST /v1/videos`, with a picture as `input_reference` to begin with.";

/// What is asked of videos.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// To make one.
    Create,
    /// Which there are.
    List,
    /// How one is doing.
    One(String),
    /// The video itself.
    Content(String),
    /// To forget it.
    Delete(String),
}

/// What `method` and `path` (without its query) ask for.
///
/// # Errors
/// [`GatewayError::Absent`] where SiliconFlow has nothing of the kind.
pub(super) fn asked(method: &Method, path: &str) -> Result<Asked, GatewayError> {
    let mut parts = path.trim_start_matches('/').split('/').skip(1);
    match (method, parts.next(), parts.next(), parts.next()) {
        (&Method::POST, None, ..) => Ok(Asked::Create),
        (&Method::GET, None, ..) => Ok(Asked::List),
        (&Method::GET, Some(id), None, _) => Ok(Asked::One(id.to_owned())),
        (&Method::GET, Some(id), Some("content"), None) => Ok(Asked::Content(id.to_owned())),
        (&Method::DELETE, Some(id), None, _) => Ok(Asked::Delete(id.to_owned())),
        _ => Err(GatewayError::Absent(NO_REMIX)),
    }
}

impl Exchange {
    /// From now on it is the submission that it was translated to.
    pub(super) async fn submission(&mut self, body: Bytes) -> Result<Bytes, GatewayError> {
        let kind = self.upstream_headers.get(header::CONTENT_TYPE).and_then(headers::text);
        let submission = match kind.and_then(multipart::boundary) {
            Some(boundary) => request::of_form(body, &boundary).await?,
            None => request::of_json(&body)?,
        };
        self.upstream_headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.target = Target { route: Route::Video, path: "/video/submit".to_owned(), face: self.target.face };
        self.edits = submission.edits;
        self.shape = Some(Shape::Video(submission.size));
        Ok(submission.body)
    }

    /// The answer to a question about videos.
    pub(super) async fn videos(&mut self, asked: Asked, parts: &Parts) -> Result<Answered, GatewayError> {
        let query = parts.uri.query().unwrap_or_default();
        let bytes = match asked {
            Asked::Create => return Err(GatewayError::Panic),
            Asked::List => self.list_of_videos(&Page::newest_first(query)?).await?,
            Asked::One(id) => self.shown(&self.job(Kind::Video, &id).await?).to_string().into(),
            Asked::Content(id) => return self.video(&id, query, parts).await,
            Asked::Delete(id) => {
                let job = self.job(Kind::Video, &id).await?;
                let media = self.snapshot.media.clone();
                let forget = move |jobs: &dyn JobStore| {
                    media.remove(&job.output.kept);
                    jobs.remove(Kind::Video, &job.id).map(drop)
                };
                self.with_jobs(forget).await?;
                object::deleted(&id)
            }
        };
        Ok(Answered::json(HeaderMap::new(), bytes, Usage::nothing(), Vec::new()))
    }

    fn shown(&self, job: &Job) -> Value {
        object::object(job, self.snapshot.media.keeps_seconds())
    }

    async fn list_of_videos(&self, page: &Page) -> Result<Bytes, GatewayError> {
        let (key, after, most) = (self.tenant.name.clone(), page.after.clone(), page.limit);
        let jobs = self.with_jobs(move |jobs| jobs.jobs(Kind::Video, &key, after.as_deref(), most + 1)).await?;
        let shown: Vec<Value> = jobs.iter().take(most).map(|job| self.shown(job)).collect();
        Ok(object::list(&shown, jobs.len() > most))
    }

    /// The video itself, from where it is kept; where nothing is kept, from the upstream, as long as that has it.
    async fn video(&self, id: &str, query: &str, parts: &Parts) -> Result<Answered, GatewayError> {
        let variant = query.split('&').find_map(|pair| pair.strip_prefix("variant="));
        if variant.is_some_and(|variant| variant != "video") {
            let message = "SiliconFlow makes the video alone: `variant` can only be `video`.";
            return Err(BridgeError::unsupported("variant", message).into());
        }
        let job = self.job(Kind::Video, id).await?;
        if job.phase != Phase::Done {
            let status = self.shown(&job)["status"].as_str().unwrap_or_default().to_owned();
            return Err(GatewayError::NotReady(status));
        }
        if job.output.kept.is_empty() {
            let fetched = self.snapshot.media.fetch(&job.output.link, MediaKind::Video).await;
            let (bytes, format) = fetched.map_err(|_told_in_the_log| GatewayError::NoMedia)?;
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
            let piece = media::text(bytes);
            let pieces = crate::media::Pieces::new([piece]);
            return Ok(Answered::made(StatusCode::OK, headers, pieces, Usage::nothing(), Vec::new()));
        }
        self.kept(&job.output.kept, parts).await
    }

    /// What is kept as `name`, for its own key.
    pub(super) async fn kept(&self, name: &str, parts: &Parts) -> Result<Answered, GatewayError> {
        let found = self.snapshot.media.find(name, Some(&self.tenant.name), None).await;
        let (status, headers, pieces) = media::handed_out(&found.ok_or(GatewayError::NoMedia)?, parts);
        Ok(Answered::made(status, headers, pieces, Usage::nothing(), Vec::new()))
    }

    /// The caller's own job; that of another key is not there.
    pub(super) async fn job(&self, kind: Kind, id: &str) -> Result<Job, GatewayError> {
        let wanted = id.to_owned();
        let job = self.with_jobs(move |jobs| jobs.job(kind, &wanted)).await?;
        job.filter(|job| job.who.key == self.tenant.name)
            .ok_or_else(|| GatewayError::NoJob(kind.label(), id.to_owned()))
    }

    /// Asks what keeps jobs, beside the tasks that must not block.
    pub(super) async fn with_jobs<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn JobStore) -> Result<T, crate::ledger::StoreError> + Send + 'static,
    ) -> Result<T, GatewayError> {
        let jobs = self.snapshot.jobs.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&*jobs)).await;
        asked.map_err(|_panicked| GatewayError::Panic)?.map_err(|error| {
            error!(%error, "jobs cannot be read or written");
            GatewayError::Jobs
        })
    }
}

impl Answered {
    /// A video was submitted: a job begins.
    pub(super) async fn video_begun(
        &mut self,
        exchange: &Exchange,
        lease: &KeyLease,
        body: Incoming,
        size: String,
    ) -> Result<(), GatewayError> {
        let read = answers::whole(exchange, lease, body).await?;
        let upstream_id = object::request_id(&read.bytes).ok_or(AnswerFault::NotJson)?;
        let id = exchange.settlement.request_id.trim_start_matches("req_").to_owned();
        let job = Job {
            id: format!("video_{id}"),
            kind: Kind::Video,
            upstream_id,
            who: exchange.tenant.who(),
            account: lease.account().name().clone(),
            model: exchange.settlement.model.clone(),
            created_at: now(),
            finished_at: None,
            size,
            phase: Phase::Queued,
            fault: String::new(),
            output: Yield::default(),
            errors: Yield::default(),
        };
        let shown = exchange.shown(&job);
        exchange.with_jobs(move |jobs| jobs.put(&job)).await?;
        self.content = Content::Whole(shown.to_string().into(), read.usage);
        Ok(())
    }
}

/// Unix seconds.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_is_asked() {
        let id = || "video_1".to_owned();
        for (method, path, expected) in [
            (Method::POST, "/videos", Asked::Create),
            (Method::GET, "/videos", Asked::List),
            (Method::GET, "/videos/video_1", Asked::One(id())),
            (Method::GET, "/videos/video_1/content", Asked::Content(id())),
            (Method::DELETE, "/videos/video_1", Asked::Delete(id())),
        ] {
            assert_eq!(asked(&method, path).unwrap(), expected, "{method} {path}");
        }
        for path in ["/videos/video_1/remix", "/videos/edits", "/videos/characters"] {
            assert!(matches!(asked(&Method::POST, path), Err(GatewayError::Absent(_))), "{path}");
        }
    }
}
