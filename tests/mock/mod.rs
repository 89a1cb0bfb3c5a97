//! The emulator through its own door: a real socket, a real client, nothing of its inside.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod chat;
mod control;
mod faults;
mod media;
mod messages;
mod quotas;
mod refusals;
mod scripts;
mod search;
mod stored;
mod streams;
mod tools;
mod windows;
mod wires;

use flowgate::mock::{MockServer, MockSettings, start};
use reqwest::{Client, Response};
use serde_json::{Value, json};

pub(crate) const CHAT: &str = "/chat/completions";
pub(crate) const PLAIN: &str = "Qwen/Qwen3-8B";
pub(crate) const THINKER: &str = "Qwen/Qwen3.5-4B";
pub(crate) const GLM: &str = "THUDM/GLM-4-9B-0414";

/// An emulator of its own and a client for it.
pub(crate) struct Bench {
    pub(crate) server: MockServer,
    client: Client,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(MockSettings::default()).await
    }

    pub(crate) async fn with(settings: MockSettings) -> Self {
        // reqwest wants a provider even for plain HTTP; a second installation fails harmlessly.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        Self { server: start(settings).await.unwrap(), client }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.base_url())
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path)).bearer_auth("sk-mock")
    }

    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> reqwest::Result<Response> {
        self.request(reqwest::Method::POST, path).json(body).send().await
    }

    pub(crate) async fn send(&self, path: &str, body: Value) -> Response {
        self.try_post(path, &body).await.unwrap()
    }

    /// Status and JSON body.
    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let response = self.send(path, body).await;
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.request(reqwest::Method::GET, path).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// The body of an answer that must be good.
    pub(crate) async fn good(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The events of a stream that must be good, without `[DONE]`, which must be the last.
    pub(crate) async fn stream(&self, path: &str, mut body: Value) -> Vec<Value> {
        body["stream"] = json!(true);
        let response = self.send(path, body).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let text = response.text().await.unwrap();
        let mut data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        assert_eq!(data.pop(), Some("[DONE]"), "{text}");
        data.into_iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A chat request with one user message.
pub(crate) fn ask(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}]})
}

/// The same with more fields.
pub(crate) fn ask_with(model: &str, text: &str, more: Value) -> Value {
    let mut body = ask(model, text);
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The text of a stream's deltas.
pub(crate) fn said(events: &[Value], field: &str) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"][field].as_str()).collect()
}

/// Polls until it is true; fails after five seconds.
pub(crate) async fn soon(mut is_true: impl FnMut() -> bool) {
    for _ in 0..500 {
        if is_true() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it never came true");
}
