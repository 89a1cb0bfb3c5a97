//! A gateway process that serves, and the emulator behind it.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use flowgate::mock::{self, MockServer, MockSettings};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use super::program::{Home, Program, flowgate, until};

pub(super) const PLAIN: &str = "Qwen/Qwen3-8B";
/// Both addresses chosen by the system.
pub(super) const ANYWHERE: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

/// A client without redirects, proxies and patience beyond a minute.
pub(super) fn client() -> Client {
    // reqwest wants a provider even for plain HTTP; a second installation fails harmlessly.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.timeout(Duration::from_secs(60)).build().unwrap()
}

/// An emulator that answers at once.
pub(super) async fn emulator() -> MockServer {
    mock::start(MockSettings::default()).await.unwrap()
}

/// An emulator that takes its time between two tokens.
pub(super) async fn slow_emulator(token_interval: Duration) -> MockServer {
    mock::start(MockSettings { token_interval, ..MockSettings::default() }).await.unwrap()
}

/// A configuration in front of `emulator`, its key in plain view of the test only; `more` is appended. Only what a test
/// sends goes upstream.
pub(super) fn config(home: &Home, emulator: &MockServer, more: &str) -> String {
    home.write("upstream.key", "sk-mock\n");
    let config = format!(
        "[upstream]\nbase_url = \"{}\"\n[[account]]\nname = \"main\"\napi_key = {{ file = \"{}\" }}\n{more}\n",
        emulator.base_url(),
        home.path("upstream.key").display()
    );
    crate::quiet(&config)
}

/// A gateway process.
pub(super) struct Gateway {
    pub(super) program: Program,
    /// Such as `http://127.0.0.1:4000/v1`.
    pub(super) base: String,
    /// Such as `http://127.0.0.1:4001`.
    pub(super) admin: String,
    client: Client,
}

impl Gateway {
    /// `flowgate serve` with `arguments`, on addresses chosen by the system.
    pub(super) async fn start(home: &Home, arguments: &[&str]) -> Self {
        Self::from(flowgate(home, &[&["serve"], &ANYWHERE[..], arguments].concat())).await
    }

    /// A gateway in front of `emulator` with `more` in its configuration, which is `flowgate.toml` in `home`.
    pub(super) async fn before(home: &Home, emulator: &MockServer, more: &str) -> Self {
        home.write("flowgate.toml", &config(home, emulator, more));
        Self::start(home, &["--config", "flowgate.toml"]).await
    }

    /// Waits for the greeting of a process that is a gateway.
    pub(super) async fn from(command: Command) -> Self {
        let mut program = Program::start(command);
        let base = program.line_with("base URL").await;
        let admin = program.line_with("metrics ").await;
        let word = |line: &str, place| line.split_whitespace().nth(place).unwrap().to_owned();
        let admin = word(&admin, 1).trim_end_matches("/metrics").to_owned();
        Self { base: word(&base, 2), admin, program, client: client() }
    }

    /// The data plane's address, reached through loopback.
    pub(super) fn address(&self) -> SocketAddr {
        address(&self.base)
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base))
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).json(body)
    }

    /// A chat that is not streamed.
    pub(super) fn chat(&self, model: &str, prompt: &str) -> RequestBuilder {
        self.post("/chat/completions", &json!({"model": model, "messages": [{"role": "user", "content": prompt}]}))
    }

    /// The status of a chat with `key`; 401 for a wrong one however many there were before.
    pub(super) async fn status_for(&self, key: &str) -> u16 {
        let response = self.chat(PLAIN, "Hello").bearer_auth(key).send().await.unwrap();
        let status = response.status().as_u16();
        let is_throttled = status == 429 && response.text().await.unwrap().contains("too_many_attempts");
        if is_throttled { 401 } else { status }
    }

    /// A stream of `tokens` tokens whose head has arrived.
    pub(super) async fn stream(&self, tokens: usize, key: &str) -> Response {
        let prompt = format!("[[tokens={tokens}]]");
        let body = json!({"model": PLAIN, "stream": true, "messages": [{"role": "user", "content": prompt}]});
        let response = self.post("/chat/completions", &body).bearer_auth(key).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response
    }

    pub(super) async fn admin(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.admin)).send().await.unwrap()
    }

    /// The admin plane with a token.
    pub(super) async fn admin_with(&self, path: &str, token: &str) -> Response {
        self.client.get(format!("{}{path}", self.admin)).bearer_auth(token).send().await.unwrap()
    }

    pub(super) async fn metrics(&self) -> String {
        self.admin("/metrics").await.text().await.unwrap()
    }

    /// The value of a series written with its labels.
    pub(super) async fn metric(&self, series: &str) -> f64 {
        let page = self.metrics().await;
        let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {series} in {page}")).parse().unwrap()
    }

    /// How many reloads ended so: `ok` or `refused`.
    pub(super) async fn reloads(&self, result: &str) -> f64 {
        self.metric(&format!("flowgate_config_reloads_total{{result=\"{result}\"}}")).await
    }

    /// Waits for the first reload that ended so.
    pub(super) async fn reloaded(&self, result: &str) {
        until(result, async || (self.reloads(result).await > 0.0).then_some(())).await;
    }

    /// Waits until a chat with `key` is answered so.
    pub(super) async fn answers(&self, key: &str, status: u16) {
        let what = format!("{status} for {key}");
        until(&what, async || (self.status_for(key).await == status).then_some(())).await;
    }

    /// Asks it to stop; it must end well.
    pub(super) async fn stop(mut self) {
        self.program.signal("TERM");
        assert_eq!(self.program.end().await.0, Some(0));
    }
}

/// The address in a URL; one that stands for all of them is reached through loopback.
pub(super) fn address(url: &str) -> SocketAddr {
    let authority = url.split("://").nth(1).unwrap().split('/').next().unwrap();
    let mut address: SocketAddr = authority.parse().unwrap();
    if address.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    address
}

/// How many tokens a streamed answer has, if it is whole.
pub(super) fn tokens_of(stream: &str) -> Option<usize> {
    let whole = stream.strip_suffix("data: [DONE]\n\n")?;
    let events = whole.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.map(|event| serde_json::from_str::<Value>(event).unwrap());
    let said = |event: &Value| event["choices"][0]["delta"]["content"].as_str().is_some_and(|text| !text.is_empty());
    Some(events.filter(said).count())
}
