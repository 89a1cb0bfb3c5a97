//! `/files`: what is asked of them, how it is asked upstream, and what the answer is made of ([`object`]). SiliconFlow takes
//! files for batches, and lists them (siliconflow-api.md, section 13): no more.

mod object;

use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use hyper::body::Incoming;

use super::answers::{self, Answered, Content};
use super::batches;
use super::error::GatewayError;
use super::exchange::Exchange;
use super::shape::Shape;
use crate::bridge::BridgeError;
use crate::jobs::Kind;
use crate::relay::answer::AnswerFault;
use crate::relay::usage::Usage;
use crate::upstream::KeyLease;
use crate::upstream::refusal::Cause;
use crate::wire::multipart::Way;

/// The fields of an upload that are looked at.
pub(super) const FIELDS: &[(&str, Way)] =
    &[("purpose", Way::Through), ("expires_after[anchor]", Way::Through), ("expires_after[seconds]", Way::Through)];

/// What the upstream cannot do, and what to do in its place.
const NO_CONTENT: &str = "SiliconFlow does not give back files that were uploaded. What can be read here are the results of batches: `output_file_id` of `GET /v1/batches/{id}`.";
const NO_DELETION: &str = "SiliconFlow has no way to delete a file. It need not be deleted: nothing is charged for it.";

/// What was heard of in a form.
pub(super) type Notes = Arc<Mutex<Vec<&'static str>>>;

/// What is asked of files.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    /// To take one; fields of its form that mean nothing upstream, by the names of their edits.
    Upload(Notes),
    /// Which there are.
    List,
    /// What is known of one.
    One(String),
    /// What is in it.
    Content(String),
    /// To delete it.
    Delete,
}

/// What `method` and `path` (without its query) ask for; `None` of anything that only the upstream may know.
fn asked(method: &Method, path: &str) -> Option<Asked> {
    let mut parts = path.trim_start_matches('/').split('/').skip(1);
    match (method, parts.next(), parts.next(), parts.next()) {
        (&Method::POST, None, ..) => Some(Asked::Upload(Arc::default())),
        (&Method::GET, None, ..) => Some(Asked::List),
        (&Method::GET, Some(id), None, _) => Some(Asked::One(id.to_owned())),
        (&Method::GET, Some(id), Some("content"), None) => Some(Asked::Content(id.to_owned())),
        (&Method::DELETE, Some(_), None, _) => Some(Asked::Delete),
        _ => None,
    }
}

/// Notes the field `name` of an upload.
///
/// # Errors
/// [`BridgeError`] for a purpose that SiliconFlow has no files for.
pub(super) fn note(name: &str, value: &str, notes: &Notes) -> Result<(), BridgeError> {
    const WITHOUT: &str = "without-expires-after";
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    match name {
        "purpose" if value != "batch" => Err(BridgeError::unsupported(
            "purpose",
            "SiliconFlow takes files for batches only: `purpose` must be `batch`.",
        )),
        "expires_after[anchor]" | "expires_after[seconds]" if !notes.contains(&WITHOUT) => {
            notes.push(WITHOUT);
            Ok(())
        }
        _ => Ok(()),
    }
}

impl Exchange {
    /// Steps 2 to 11 for files.
    pub(super) async fn files(
        &mut self,
        parts: &Parts,
        body: &mut Option<Incoming>,
        boundary: Option<&str>,
    ) -> Result<Answered, GatewayError> {
        let path = self.target.path.split('?').next().unwrap_or_default();
        let Some(asked) = asked(&self.method, path) else { return self.upload(body, boundary).await };
        if let Asked::One(id) | Asked::Content(id) = &asked
            && let Some((made, batch)) = batches::Made::of(id)
        {
            return self.file_of_batch(&asked, made, batch, parts).await;
        }
        if matches!(asked, Asked::One(_)) {
            "/files".clone_into(&mut self.target.path);
        }
        if matches!(asked, Asked::Upload(_) | Asked::List | Asked::One(_)) {
            self.shape = Some(Shape::Files(asked.clone()));
        }
        self.upload(body, boundary).await.map_err(|error| absent(error, &asked))
    }

    /// What a batch has made: it is kept here.
    async fn file_of_batch(
        &self,
        asked: &Asked,
        made: batches::Made,
        batch: &str,
        parts: &Parts,
    ) -> Result<Answered, GatewayError> {
        let job = self.job(Kind::Batch, batch).await?;
        let file = batches::file(&job, made).ok_or_else(|| GatewayError::NoJob("file of batch", batch.to_owned()))?;
        if matches!(asked, Asked::One(_)) {
            return Ok(Answered::json(HeaderMap::new(), file, Usage::nothing(), Vec::new()));
        }
        let result = if made == batches::Made::Output { &job.output } else { &job.errors };
        self.kept(&result.kept, parts).await
    }
}

/// What the upstream does not have is told with what there is.
fn absent(error: GatewayError, asked: &Asked) -> GatewayError {
    match (&error, asked) {
        (GatewayError::Refused(refusal, _), Asked::Content(_)) if is_absent(refusal) => {
            GatewayError::Absent(NO_CONTENT)
        }
        (GatewayError::Refused(refusal, _), Asked::Delete) if is_absent(refusal) => GatewayError::Absent(NO_DELETION),
        _ => error,
    }
}

fn is_absent(refusal: &crate::upstream::refusal::Refusal) -> bool {
    refusal.cause == Cause::NotFound || refusal.status == StatusCode::METHOD_NOT_ALLOWED.as_u16()
}

impl Answered {
    /// The answer to `asked` in OpenAI's shape.
    pub(super) async fn files(
        &mut self,
        exchange: &Exchange,
        lease: &KeyLease,
        body: Incoming,
        asked: Asked,
    ) -> Result<(), GatewayError> {
        let read = answers::whole(exchange, lease, body).await?;
        let made = match &asked {
            Asked::List => object::list(&read.bytes),
            Asked::One(id) => {
                let found = object::find(&read.bytes, id).ok_or(AnswerFault::NotJson)?;
                Some(found.ok_or_else(|| GatewayError::NoFile(id.clone()))?)
            }
            _ => object::one(&read.bytes),
        };
        self.edits.extend(made.is_some().then_some("unwrapped"));
        if let Asked::Upload(notes) = asked {
            self.edits.extend(notes.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
        }
        self.content = Content::Whole(made.unwrap_or(read.bytes), read.usage);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_is_asked() {
        let asked = |method, path| asked(&method, path).map(|asked| format!("{asked:?}"));
        assert_eq!(asked(Method::GET, "/files").as_deref(), Some("List"));
        assert_eq!(asked(Method::GET, "/files/file-1").as_deref(), Some("One(\"file-1\")"));
        assert_eq!(asked(Method::GET, "/files/file-1/content").as_deref(), Some("Content(\"file-1\")"));
        assert_eq!(asked(Method::DELETE, "/files/file-1").as_deref(), Some("Delete"));
        assert!(asked(Method::POST, "/files").is_some_and(|asked| asked.starts_with("Upload")));
        assert!(asked(Method::POST, "/files/file-1").is_none() && asked(Method::GET, "/files/a/content/b").is_none());
    }
}
