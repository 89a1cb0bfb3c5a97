//! Whether a gateway answers at the address: asked once for its list of models, with the key if the variable has one.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::target::Target;
use crate::cli::console::Tone;
use crate::config::Environment;

/// How long it may take to answer (ours): it may ask SiliconFlow for its list.
const PATIENCE: Duration = Duration::from_secs(8);
/// Most bytes of a list of models that are read (ours).
const MOST_BYTES: usize = 4 * 1_048_576;

/// What was found at the address.
#[derive(Debug)]
pub(super) struct Reach {
    /// One word for programs: `ready`, `no-model`, `no-key`, `wrong-key`, `silent`, `unknown`.
    pub(super) state: &'static str,
    pub(super) tone: Tone,
    pub(super) text: String,
}

impl Reach {
    fn new(state: &'static str, tone: Tone, text: impl Into<String>) -> Self {
        Self { state, tone, text: text.into() }
    }
}

/// Looks once.
pub(super) async fn look(target: &Target, environment: &Environment) -> Reach {
    if target.root.starts_with("https:") {
        return Reach::new("unknown", Tone::Doubtful, format!("{} was not tried: it speaks TLS", target.root));
    }
    let key = target.key.as_deref().and_then(|variable| environment.get(variable)).filter(|key| !key.is_empty());
    match tokio::time::timeout(PATIENCE, models(target, key)).await.ok().flatten() {
        Some((status, list)) => judge(target, key.is_some(), status, &list),
        None => Reach::new(
            "silent",
            Tone::Doubtful,
            format!("nothing answers at {}: start it with `flowgate serve`", target.root),
        ),
    }
}

async fn models(target: &Target, key: Option<&str>) -> Option<(StatusCode, Value)> {
    let mut request = Request::get(format!("{}/models", target.base()));
    if let Some(key) = key {
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    }
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request.body(Empty::new()).ok()?).await.ok()?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await.ok()?.to_bytes();
    Some((status, serde_json::from_slice(&body).unwrap_or_default()))
}

fn judge(target: &Target, has_key: bool, status: StatusCode, list: &Value) -> Reach {
    let (root, model, variable) = (&target.root, &target.model, &target.variable);
    let is_listed = || list["data"].as_array().is_some_and(|all| all.iter().any(|one| one["id"] == **model));
    match status {
        StatusCode::OK if is_listed() => Reach::new("ready", Tone::Good, format!("{root} answers and has {model}")),
        StatusCode::OK => Reach::new("no-model", Tone::Doubtful, format!("{root} answers, but does not list {model}")),
        StatusCode::UNAUTHORIZED if has_key => {
            Reach::new("wrong-key", Tone::Bad, format!("{root} answers, and refuses the key in {variable}"))
        }
        StatusCode::UNAUTHORIZED => Reach::new(
            "no-key",
            Tone::Doubtful,
            format!(
                "{root} answers and wants a key: make one with `flowgate keys create NAME`, put it into {variable}"
            ),
        ),
        status => Reach::new("unknown", Tone::Doubtful, format!("{root} answers with {status}: is it a gateway?")),
    }
}
