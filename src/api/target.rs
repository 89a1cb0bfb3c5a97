//! Paths: which endpoint a URL means, however it was pasted together.
//!
//! `/v1/chat/completions`, `/chat/completions`, `/v1/v1/chat/completions`, `//v1//chat/completions/`
//! are one endpoint (clients.md A5). Pure.

use http::{HeaderMap, Method};

use super::face::Face;
use super::headers::ANTHROPIC_VERSION;
use super::route::Route;

/// Where pictures and videos are handed out.
pub(super) const MEDIA: &str = "/flowgate/media/";

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The endpoint.
    pub route: Route,
    /// The path below the base URL, with its query, such as `/chat/completions?beta=true`.
    pub path: String,
    /// The shape of its errors.
    pub face: Face,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Neither a known path nor one below `/v1`.
    #[error(
        "There is nothing at `{0}`. Use http://HOST:PORT/v1 as the base URL of OpenAI tools, and http://HOST:PORT for Anthropic tools. Metrics and health are on the admin address (port 4001 by default)."
    )]
    Unknown(String),
    /// Pictures without words, which no model makes.
    #[error(
        "SiliconFlow makes no variations of a picture. Send it to `POST /v1/images/edits` with a prompt that says what should be different."
    )]
    Variations,
    /// The same of one that SiliconFlow has no counterpart of.
    #[error(
        "SiliconFlow hears speech but does not translate it. Send the file to `/v1/audio/transcriptions`, and the text to a chat model with the wish for a translation."
    )]
    Translations,
    /// The endpoint has no such method.
    #[error("`{path}` takes {allowed}, not {method}.")]
    Method {
        /// The endpoint's path.
        path: String,
        /// The method that was used.
        method: Method,
        /// The one that it takes.
        allowed: &'static str,
    },
    /// `..` in a path that would be forwarded.
    #[error("A path may not contain `..`.")]
    Climbs,
}

impl Target {
    /// What `path` (not decoded) with `query` means.
    ///
    /// # Errors
    /// [`RouteError`] when it leads nowhere.
    pub fn parse(method: &Method, path: &str, query: Option<&str>) -> Result<Self, RouteError> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let versions = segments.iter().take_while(|segment| **segment == "v1").count();
        let below = segments[versions..].join("/");
        let route = Route::of(&below);
        if below == "images/variations" {
            return Err(RouteError::Variations);
        }
        if below == "audio/translations" {
            return Err(RouteError::Translations);
        }
        if route == Route::Other && (versions == 0 || below.is_empty()) {
            return Err(RouteError::Unknown(path.to_owned()));
        }
        if segments.iter().any(|segment| climbs(segment)) {
            return Err(RouteError::Climbs);
        }
        check_method(route, method, &below)?;
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Self { route, face: Face::of(&below), path: format!("/{below}{query}") })
    }

    /// The same for a caller with `headers`: the list of models has no path of Anthropic's own.
    #[must_use]
    pub(super) fn for_reader(self, headers: &HeaderMap) -> Self {
        let is_shared = matches!(self.route, Route::Models | Route::Model);
        let face = if is_shared && headers.contains_key(ANTHROPIC_VERSION) { Face::Anthropic } else { self.face };
        Self { face, ..self }
    }

    /// The name in `/flowgate/media/{name}`, and the query.
    pub fn media(&self) -> (&str, Option<&str>) {
        let (path, query) = self.path.split_once('?').map_or((&*self.path, None), |(path, query)| (path, Some(query)));
        (path.strip_prefix(MEDIA).unwrap_or_default(), query)
    }

    /// The id in `/models/{id}`, with an escaped slash decoded.
    pub fn model_id(&self) -> Option<String> {
        let id = self.path.split('?').next()?.strip_prefix("/models/")?;
        Some(decode(id))
    }
}

fn check_method(route: Route, method: &Method, below: &str) -> Result<(), RouteError> {
    match route.method() {
        Some(_) if route == Route::Media && *method == Method::HEAD => Ok(()),
        Some((allowed, name)) if allowed != *method => {
            Err(RouteError::Method { path: format!("/v1/{below}"), method: method.clone(), allowed: name })
        }
        _ => Ok(()),
    }
}

/// Whether a segment is `..` or would become one, spelt in any way: an escaped slash is a slash to some
/// servers.
fn climbs(segment: &str) -> bool {
    let is_escaped = memchr::memchr(b'%', segment.as_bytes()).is_some();
    if is_escaped { decode(segment).split(['/', '\\']).any(|part| part == "..") } else { segment == ".." }
}

/// Percent-decodes; a malformed escape stays as it is.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(path: &str) -> Result<(Route, String), RouteError> {
        Target::parse(&Method::POST, path, None).map(|target| (target.route, target.path))
    }

    #[test]
    fn every_spelling_means_the_same() {
        for path in ["/v1/chat/completions", "/chat/completions", "/v1/v1/chat/completions", "//v1//chat/completions/"]
        {
            assert_eq!(post(path), Ok((Route::Chat, "/chat/completions".to_owned())), "{path}");
        }
    }

    #[test]
    fn models_with_raw_and_escaped_slash() {
        for path in ["/v1/models/Qwen/Qwen3-8B", "/models/Qwen%2FQwen3-8B", "/v1/models/Qwen%2fQwen3-8B?x=1"] {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let target = Target::parse(&Method::GET, path, Some(query)).unwrap();
            assert_eq!((target.route, target.model_id().as_deref()), (Route::Model, Some("Qwen/Qwen3-8B")));
        }
    }

    #[test]
    fn unknown_paths_pass_below_v1_only() {
        assert_eq!(post("/v1/systemone"), Ok((Route::Other, "/systemone".to_owned())));
        assert!(matches!(post("/favicon.ico"), Err(RouteError::Unknown(_))));
        assert!(matches!(post("/v1"), Err(RouteError::Unknown(_))));
        for path in ["/v1/files/%2e%2E/x", "/v1/files/..", "/v1/files/..%2f..%2fadmin", "/v1/files/a%5c..%5cb"] {
            assert_eq!(post(path), Err(RouteError::Climbs), "{path}");
        }
        assert!(matches!(post("/v1/models"), Err(RouteError::Method { .. })));
    }
}
