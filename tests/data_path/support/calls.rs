//! Requests and answers in short.

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use super::{MODEL, Rig, within};

/// A chat request with one user message.
pub(crate) fn chat(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}]})
}

/// The same with `stream` and whatever is in `more`.
pub(crate) fn stream(model: &str, text: &str, more: Value) -> Value {
    let mut body = chat(model, text);
    body["stream"] = json!(true);
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// One chunk of a chunked body.
pub(crate) fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// An answer with its body.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        Self::read(within(30, "a request", request.send()).await.unwrap()).await
    }

    pub(crate) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = within(30, "a body", response.bytes()).await.unwrap().to_vec();
        Self { status, headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// `status type/code`, after looking at the shape that every error must have.
    pub(crate) fn error(&self) -> String {
        let object = self.json();
        let error = object["error"].as_object().unwrap_or_else(|| panic!("no error object: {object}"));
        let mut members: Vec<&str> = error.keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(
            (object.as_object().unwrap().len(), members),
            (1, vec!["code", "message", "param", "type"]),
            "{object}"
        );
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{object}");
        assert!(error["code"].is_string() || error["code"].is_null(), "{object}");
        assert!(error["param"].is_string() || error["param"].is_null(), "{object}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(self.header("x-request-id").is_some_and(|id| !id.is_empty()));
        format!("{} {}/{}", self.status, error["type"].as_str().unwrap(), error["code"].as_str().unwrap_or("null"))
    }
}

/// A streamed answer, read to its end.
#[derive(Debug)]
pub(crate) struct Streamed {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    /// Whether it ended as HTTP says.
    pub(crate) is_clean: bool,
}

impl Streamed {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let mut response = within(30, "a request", request.send()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut bytes = Vec::new();
        let is_clean = loop {
            match within(30, "a stream", response.chunk()).await {
                Ok(Some(piece)) => bytes.extend_from_slice(&piece),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        Self { status, headers, text: String::from_utf8_lossy(&bytes).into_owned(), is_clean }
    }

    /// A streamed chat with `model`.
    pub(crate) async fn chat(rig: &Rig, model: &str, more: Value) -> Self {
        Self::of(
            rig.post("/v1/chat/completions", stream(model, "Say [[say=one two three four five]]", more).to_string()),
        )
        .await
    }

    /// The events that are JSON.
    pub(crate) fn events(&self) -> Vec<Value> {
        events(&self.text)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.text.contains("[DONE]")
    }

    /// What the model said.
    pub(crate) fn said(&self) -> String {
        self.events()
            .iter()
            .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
            .map(str::to_owned)
            .collect()
    }
}

/// The JSON in the `data:` lines of `text`, whatever ends its lines.
pub(crate) fn events(text: &str) -> Vec<Value> {
    let lines = text.split(['\r', '\n']).filter_map(|line| line.strip_prefix("data:"));
    lines.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
}

/// A good chat request that is not streamed.
pub(crate) async fn good_chat(rig: &Rig) -> Got {
    Got::of(rig.post("/v1/chat/completions", chat(MODEL, "hello").to_string())).await
}
