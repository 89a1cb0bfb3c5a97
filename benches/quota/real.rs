//! The same in real time: callers, a gateway and the emulator in this process, sockets between them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use flowgate::config::{self, DemoUpstream, Environment, Overrides};
use flowgate::mock::{LimitSettings, Limits, MockServer, MockSettings, QuotaUse, start};
use flowgate::server::{Server, Source};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::crowd::crowd;
use crate::report::Row;
use crate::simulate::Outcome;
use crate::traffic::{Chance, Job, Traffic};

const KEY: &str = "sk-upstream";
const LENGTH: Duration = Duration::from_secs(180);
const WARM_UP: Duration = Duration::from_secs(70);
/// By tokens, by requests, by requests with a crowd before it.
const MODELS: [&str; 3] = ["Qwen/Qwen3-8B", "THUDM/GLM-4-9B-0414", "THUDM/GLM-Z1-9B-0414"];
const TPM: u64 = 50_000;
const RPM: u64 = 20;
/// Tokens of a request as the emulator answers it, roughly: its answers are short.
const MEAN: f64 = 1_050.0;
const CONFIG: &str = "[queue]\nmax_wait = \"30s\"\n[[account]]\n\
    [account.limits.\"Qwen/Qwen3-8B\"]\ntpm = 50000\n\
    [account.limits.\"THUDM/GLM-4-9B-0414\"]\nrpm = 20\n\
    [account.limits.\"THUDM/GLM-Z1-9B-0414\"]\nrpm = 20\n";

/// Three minutes of both limits.
pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(run())
}

async fn run() -> anyhow::Result<Vec<Row>> {
    let limits = [
        (MODELS[0].to_owned(), Limits { tpm: Some(TPM), ..Limits::default() }),
        (MODELS[1].to_owned(), Limits { rpm: Some(RPM), ..Limits::default() }),
        (MODELS[2].to_owned(), Limits { rpm: Some(RPM), ..Limits::default() }),
    ];
    let mock = start(MockSettings {
        api_keys: vec![KEY.to_owned()],
        first_token: Duration::from_millis(300),
        token_interval: Duration::from_millis(20),
        limits: LimitSettings { per_model: HashMap::from(limits), ..LimitSettings::default() },
        ..MockSettings::default()
    })
    .await?;
    let mut tasks = JoinSet::new();
    let (address, admin) = gateway(&mock.base_url(), &mut tasks).await?;
    let rates = [2.0 * TPM as f64 / 60.0 / MEAN, 2.0 * RPM as f64 / 60.0];
    let (tokens, requests, many, seen) = tokio::join!(
        offer(address, MODELS[0], rates[0]),
        offer(address, MODELS[1], rates[1]),
        crowd(address, MODELS[2], LENGTH),
        watch(&mock)
    );
    let leaks =
        leaks(&Client::builder().no_proxy().build()?.get(format!("http://{admin}/limits")).send().await?.json().await?);
    let outcomes = [
        ("TPM 50k", MODELS[0], "tpm", tokens?),
        ("RPM 20", MODELS[1], "rpm", requests?),
        ("RPM 20, 200 callers", MODELS[2], "rpm", many?),
    ];
    outcomes
        .into_iter()
        .map(|(limit, model, metric, outcome)| row(limit, model, metric, Outcome { leaks, ..outcome }, &seen))
        .collect()
}

/// What the emulator counted until the first window was full, and until the end.
async fn watch(mock: &MockServer) -> [Vec<QuotaUse>; 2] {
    sleep(WARM_UP).await;
    let early = mock.quota();
    sleep(LENGTH - WARM_UP).await;
    [early, mock.quota()]
}

/// All that is still under way, anywhere in the gateway's view of its limits.
fn leaks(view: &Value) -> u64 {
    match view {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match value.as_u64() {
                Some(number) if matches!(name.as_str(), "in_flight" | "waiting" | "reserved") => number,
                _ => leaks(value),
            })
            .sum(),
        Value::Array(items) => items.iter().map(leaks).sum(),
        _ => 0,
    }
}

/// A gateway in front of `base_url`, until the tasks are dropped.
async fn gateway(base_url: &str, tasks: &mut JoinSet<()>) -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let _again_fails_harmlessly = rustls::crypto::ring::default_provider().install_default();
    let any_port = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let upstream = Some(DemoUpstream { base_url: base_url.to_owned(), api_key: KEY.to_owned() });
    let overrides = Overrides { listen: any_port, admin_listen: any_port, upstream, ..Overrides::default() };
    let environment = || Environment::new(HashMap::new(), Path::new("/nonexistent/.env"));
    let environment = || environment().ok().context("no environment");
    let settings =
        config::parse(CONFIG, None, &overrides, &environment()?).map_err(|faults| anyhow::anyhow!("{faults}"))?;
    let server = Server::bind(settings, Source { overrides, environment: Some(environment()?) }).await?;
    let addresses = (server.data_address().context("no address")?, server.admin_address().context("no admin address")?);
    tasks.spawn(async move {
        server.run(std::future::pending(), std::future::pending()).await;
    });
    Ok(addresses)
}

/// Callers for one model; what became of them.
async fn offer(address: SocketAddr, model: &'static str, rate: f64) -> anyhow::Result<Outcome> {
    let client = Client::builder().no_proxy().build()?;
    let (traffic, outcome) = (Traffic::new(), Arc::new(Mutex::new(Outcome::default())));
    let (mut chance, mut calls) = (Chance(23), JoinSet::new());
    let (began, mut next) = (Instant::now(), Instant::now());
    while next < began + LENGTH {
        sleep_until(next).await;
        next += chance.pause(rate);
        let (client, job, outcome) = (client.clone(), traffic.job(&mut chance), outcome.clone());
        calls.spawn(async move { call(&client, address, model, &job).await.note(&mut outcome.lock().unwrap()) });
    }
    while calls.join_next().await.is_some() {}
    sleep(Duration::from_secs(1)).await;
    let outcome = outcome.lock().unwrap().clone();
    Ok(outcome)
}

/// What a caller met.
pub(crate) enum Answer {
    /// A whole answer, after so long in line.
    Served(Duration),
    /// Told to come again after that.
    Later(Duration),
    /// Anything else.
    Failed,
}

impl Answer {
    pub(crate) fn note(&self, outcome: &mut Outcome) {
        match self {
            Self::Served(waited) => {
                outcome.served += 1;
                outcome.waits.push(*waited);
            }
            Self::Later(_) => outcome.door += 1,
            Self::Failed => outcome.failed += 1,
        }
    }
}

/// One request.
pub(crate) async fn call(client: &Client, address: SocketAddr, model: &str, job: &Job) -> Answer {
    let body = serde_json::json!({
        "model": model, "max_tokens": job.max_tokens, "messages": [{ "role": "user", "content": prompt(job.prompt) }],
    });
    let url = format!("http://{address}/v1/chat/completions");
    let answer = client.post(url).header("content-type", "application/json").body(body.to_string()).send().await;
    let Ok(answer) = answer else { return Answer::Failed };
    let status = answer.status();
    let [waited, later] = ["x-flowgate-wait-ms", "retry-after-ms"].map(|name| header(&answer, name));
    match (status, answer.bytes().await.is_ok(), later) {
        (StatusCode::OK, true, _) => Answer::Served(Duration::from_millis(waited.unwrap_or(0))),
        (StatusCode::TOO_MANY_REQUESTS, true, Some(later)) => Answer::Later(Duration::from_millis(later)),
        _ => Answer::Failed,
    }
}

fn header(answer: &reqwest::Response, name: &str) -> Option<u64> {
    answer.headers().get(name)?.to_str().ok()?.parse().ok()
}

/// About so many tokens, half of them Chinese.
fn prompt(tokens: u64) -> String {
    let pair = "the weather today 今天天气很好";
    let count = usize::try_from(tokens / 8).unwrap_or(0).max(1);
    vec![pair; count].join(" ")
}

fn row(
    limit: &'static str,
    model: &str,
    metric: &str,
    mut outcome: Outcome,
    seen: &[Vec<QuotaUse>; 2],
) -> anyhow::Result<Row> {
    let used = |quota: &[QuotaUse]| {
        let used = quota.iter().find(|used| used.model == model).and_then(|used| used.metrics.get(metric));
        used.copied().context("nothing was counted")
    };
    let (early, late) = (used(&seen[0])?, used(&seen[1])?);
    // Both are averages since the first request: what belongs to the time in between.
    let between = |early: f64, late: f64| {
        let (warm_up, length) = (WARM_UP.as_secs_f64(), LENGTH.as_secs_f64());
        (late * length - early * warm_up) / (length - warm_up)
    };
    (outcome.level, outcome.share) = (between(early.average, late.average), between(early.share, late.share));
    (outcome.refused_upstream, outcome.peak) = (late.refused, late.peak as f64 / late.limit as f64);
    Ok(Row { rule: "sliding", charge: "after", limit, outcome })
}
