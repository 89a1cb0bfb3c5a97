//! The head of a JSON request: the few members the gateway must know, borrowed from the bytes.

use std::borrow::Cow;

use crate::wire::json::{self, Object};

/// Why a body was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Not a JSON object. The parser's words name a place, never the content.
    #[error("We could not parse the JSON body of your request ({0}). The body must be one JSON object.")]
    NotJson(String),
    /// A member stands twice: two readers might disagree about it.
    #[error("The member `{0}` stands twice in your request. Send it once.")]
    Duplicate(String),
    /// No model.
    #[error("You must provide a model parameter.")]
    NoModel,
    /// A member of the wrong type.
    #[error("`{0}` must be {1}.")]
    WrongType(&'static str, &'static str),
}

impl HeadError {
    /// The member that is wrong.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::NotJson(_) => None,
            Self::Duplicate(name) => Some(name),
            Self::NoModel => Some("model"),
            Self::WrongType(name, _) => Some(name),
        }
    }
}

/// The members of a request that decide its way.
#[derive(Debug)]
pub struct RequestHead<'a> {
    /// The whole body, which the places count in.
    pub text: &'a str,
    /// All top-level members with their places.
    pub object: Object<'a>,
    /// The model as the caller wrote it; empty when there is none.
    pub model: Cow<'a, str>,
    /// Whether the answer is to be streamed.
    pub is_streaming: bool,
}

impl<'a> RequestHead<'a> {
    /// Reads the head of `body`.
    ///
    /// # Errors
    /// [`HeadError`] when the body cannot be forwarded in good faith.
    pub fn parse(body: &'a [u8]) -> Result<Self, HeadError> {
        let text = std::str::from_utf8(body).map_err(|error| HeadError::NotJson(error.to_string()))?;
        let object = Object::parse(text).map_err(|error| HeadError::NotJson(place(&error)))?;
        if let Some(name) = object.duplicate() {
            return Err(HeadError::Duplicate(name.chars().take(64).collect()));
        }
        let model = model(&object)?;
        let is_streaming = is_true(&object, "stream")?;
        Ok(Self { text, object, model, is_streaming })
    }

    /// The model, where there must be one.
    ///
    /// # Errors
    /// [`HeadError::NoModel`].
    pub fn require_model(&self) -> Result<&str, HeadError> {
        if self.model.is_empty() { Err(HeadError::NoModel) } else { Ok(&self.model) }
    }

    /// Whether the caller asked for usage in the stream.
    pub fn is_usage_asked(&self) -> bool {
        let options = self.object.get("stream_options").and_then(|options| Object::parse(options.value).ok());
        options.and_then(|options| options.get("include_usage").map(|asked| asked.value == "true")).unwrap_or(false)
    }

    /// Whether the caller offered tools.
    pub fn has_tools(&self) -> bool {
        let tools = self.object.get("tools").and_then(|tools| json::elements(tools.value));
        tools.is_some_and(|tools| !tools.is_empty())
    }
}

fn model<'a>(object: &Object<'a>) -> Result<Cow<'a, str>, HeadError> {
    if !object.has("model") {
        return Ok(Cow::Borrowed(""));
    }
    object.string("model").ok_or(HeadError::WrongType("model", "a string"))
}

fn is_true(object: &Object<'_>, key: &'static str) -> Result<bool, HeadError> {
    match object.get(key).map(|member| member.value) {
        None | Some("null" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(HeadError::WrongType(key, "true or false")),
    }
}

/// Where the parser stopped and why, without quoting the body.
fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Data => "it is not an object",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "a syntax error",
    };
    format!("{what} at line {}, column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_needs() {
        let head = RequestHead::parse(br#"{"messages":[],"model":"Qwen\/Qwen3-8B","stream":true,"tools":[{}],"stream_options":{"include_usage":true}}"#).unwrap();
        assert_eq!(
            (&*head.model, head.is_streaming, head.has_tools(), head.is_usage_asked()),
            ("Qwen/Qwen3-8B", true, true, true)
        );
        let nulls =
            RequestHead::parse(br#"{"model":"m","stream":null,"tools":null,"stream_options":null,"n":null}"#).unwrap();
        assert!(!nulls.is_streaming && !nulls.has_tools() && !nulls.is_usage_asked());
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        let error = |body: &[u8]| RequestHead::parse(body).unwrap_err();
        assert_eq!(error(br#"{"model":"a","model":"b"}"#), HeadError::Duplicate("model".to_owned()));
        for body in [&br#"{"x":1}"#[..], br#"{"model":""}"#, br#"{"model":null}"#] {
            assert_eq!(RequestHead::parse(body).unwrap().require_model(), Err(HeadError::NoModel));
        }
        assert_eq!(error(br#"{"model":7}"#), HeadError::WrongType("model", "a string"));
        assert_eq!(error(br#"{"model":"a","stream":"yes"}"#).param(), Some("stream"));
        for body in [&b"[]"[..], b"", b"{\"model\":", b"{\"model\":\"a\"} x", b"\xff", b"secret prompt"] {
            let HeadError::NotJson(text) = error(body) else { panic!() };
            assert!(!text.contains("secret"));
        }
    }
}
