//! Traffic of every kind, again and again: answers, streams, vectors, money, lines, limits, budgets, mistakes of callers and
//! of SiliconFlow.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::binary::gateway::{Gateway, PLAIN, client};
use crate::binary::program::Home;

/// A free one with a paid twin, of which one request an hour is free here.
const TWIN: &str = "Qwen/Qwen2.5-7B-Instruct";
/// One with a small limit, to stand in line for.
const NARROW: &str = "THUDM/GLM-4-9B-0414";
/// A paid one that has a prompt cache.
const PAID: &str = "deepseek-ai/DeepSeek-V3.2";
const VECTORS: &str = "BAAI/bge-m3";

/// Keys with and without budgets and limits, in a team and not; SiliconFlow's list is fetched.
pub(super) const SETTINGS: &str = "rule = \"bucket\"
[account.limits.\"Qwen/Qwen2.5-7B-Instruct\"]
rph = 1
[account.limits.\"THUDM/GLM-4-9B-0414\"]
rpm = 90
[models]
refresh = \"1h\"
[models.spill]
allowed = true
[[team]]
name = \"ml\"
budget_per_month = \"100 CNY\"
[[key]]
name = \"ann\"
secret = { file = \"ann.key\" }
team = \"ml\"
[[key]]
name = \"bob\"
secret = { file = \"bob.key\" }
budget_per_day = \"0.0001 CNY\"
[[key]]
name = \"cy\"
secret = { file = \"cy.key\" }
concurrency = 1
[[key]]
name = \"di\"
secret = { file = \"di.key\" }
";

/// The files that the settings name.
pub(super) fn secrets(home: &Home) {
    ["ann", "bob", "cy", "di"]
        .iter()
        .for_each(|name| drop(home.write(&format!("{name}.key"), &format!("sk-{name}\n"))));
}

/// Begins; it ends when the set is dropped.
pub(super) fn begin(gateway: &Gateway) -> JoinSet<()> {
    let mut running = JoinSet::new();
    let callers = Callers { base: gateway.base.clone(), client: client() };
    let others = callers.clone();
    running.spawn(async move {
        loop {
            others.round().await;
            sleep(Duration::from_millis(300)).await;
        }
    });
    running.spawn(async move {
        loop {
            callers.stand_in_line().await;
        }
    });
    running
}

#[derive(Clone)]
struct Callers {
    base: String,
    client: Client,
}

impl Callers {
    fn post(&self, path: &str, key: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).bearer_auth(key).json(body)
    }

    fn chat(&self, key: &str, model: &str, prompt: &str, is_streaming: bool) -> RequestBuilder {
        let messages = json!([{"role": "user", "content": prompt}]);
        let body = json!({"model": model, "messages": messages, "stream": is_streaming, "max_tokens": 100});
        self.post("/chat/completions", key, &body)
    }

    /// One of everything.
    async fn round(&self) {
        let long = "A prompt that is long enough to be kept in the cache of prompts. ".repeat(8);
        let twin = self.chat("sk-ann", TWIN, "[[tokens=9]]", false);
        let spilled = twin.header("x-flowgate-policy", "prefer-free").header("x-flowgate-max-wait", "0");
        let requests = [
            self.chat("sk-ann", PLAIN, "Hello", false),
            self.chat("sk-ann", PLAIN, "[[tokens=20]]", true),
            self.chat("sk-ann", PAID, &long, false),
            spilled,
            self.chat("sk-bob", PAID, "[[tokens=50]]", false),
            self.chat("sk-di", "fault/reset:3", "[[tokens=20]]", true),
            self.chat("sk-di", "fault/500", "Hello", false),
            self.chat("sk-di", "fault/tpm-429", "Hello", false).header("x-flowgate-max-wait", "1"),
            self.chat("sk-nobody", PLAIN, "Hello", false),
            self.chat("sk-ann", "", "Hello", false),
            self.chat("sk-cy", PLAIN, "Hello", false),
            self.chat("sk-cy", PLAIN, "Hello", false).header("x-stainless-retry-count", "1"),
            self.post("/embeddings", "sk-ann", &json!({"model": VECTORS, "input": "Hello"})),
        ];
        join_all(requests.map(read)).await;
    }

    /// More than the limit lets through at once.
    async fn stand_in_line(&self) {
        join_all((0..3).map(|_| read(self.chat("sk-ann", NARROW, "Hello", false)))).await;
    }
}

/// Reads an answer to its end, whatever it is.
async fn read(request: RequestBuilder) {
    if let Ok(answer) = request.send().await {
        let _whatever_it_is = answer.bytes().await;
    }
}
