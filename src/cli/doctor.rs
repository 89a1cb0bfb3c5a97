//! `flowgate doctor`: why does it not work? Key, account, tier, clock, network, ports, each with a remedy.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::json;
use tokio::time::Instant;

use super::ConfigArguments;
use super::console::{Console, Tone};
use super::limits;
use crate::api::error::GatewayError;
use crate::config::Settings;
use crate::server::{self, Desk};
use crate::store;
use crate::telemetry::trace::RequestTrace;
use crate::upstream::refusal::Refusal;
use crate::upstream::{Account, Answer, Call, RequestBody, Upstream};

/// A free chat model, asked for one token (siliconflow-models.toml: free on the China site).
const FREE_MODEL: &str = "Qwen/Qwen3-8B";
/// A clock that differs more than this gets a warning (ours): TLS and day limits suffer.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// The model that is asked for one token
    #[arg(long, value_name = "ID", default_value = FREE_MODEL)]
    model: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One thing looked at.
struct Finding {
    what: &'static str,
    tone: Tone,
    text: String,
}

impl Finding {
    fn new(what: &'static str, tone: Tone, text: impl Into<String>) -> Self {
        Self { what, tone, text: text.into() }
    }
}

pub(super) async fn run(arguments: DoctorArguments, console: &Console) -> Result<ExitCode, String> {
    let findings = match arguments.config.load() {
        Err(faults) => vec![Finding::new("configuration", Tone::Bad, faults)],
        Ok(settings) => examine(&settings, &arguments.model).await?,
    };
    if arguments.json {
        let all = findings
            .iter()
            .map(|finding| json!({"check": finding.what, "verdict": verdict(finding.tone), "text": finding.text}));
        console.say(&serde_json::Value::from_iter(all).to_string());
    } else {
        findings.iter().for_each(|finding| console.mark(finding.tone, &format!("{}: {}", finding.what, finding.text)));
    }
    let is_well = findings.iter().all(|finding| finding.tone != Tone::Bad);
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verdict(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "ok",
        Tone::Doubtful => "warn",
        Tone::Bad => "fail",
    }
}

async fn examine(settings: &Settings, model: &str) -> Result<Vec<Finding>, String> {
    let file =
        settings.file.as_ref().map_or("no file; the defaults hold".to_owned(), |file| file.display().to_string());
    let live = limits::live(settings).await;
    let mut findings = vec![
        Finding::new("configuration", Tone::Good, file),
        port("port", settings.server.listen, live.is_some()),
        port("admin port", settings.admin_listen, live.is_some()),
        keys(settings),
    ];
    for account in &settings.accounts {
        let account =
            Account::new(account.name.clone(), account.api_key.clone()).ok_or("the key cannot be sent in a header")?;
        let upstream = Upstream::new(settings.transport.clone(), vec![Arc::new(account)], |_| {})?;
        findings.extend(examine_account(&upstream, settings, model).await);
    }
    findings.extend(tiers(settings, live.as_ref()));
    findings.push(Finding::new(
        "balance",
        Tone::Doubtful,
        "SiliconFlow has had no balance API since 2026-08-14; look at https://cloud.siliconflow.cn/bills",
    ));
    Ok(findings)
}

/// Whether the gateway can listen there; one that runs with these settings does so already.
fn port(what: &'static str, address: SocketAddr, is_running: bool) -> Finding {
    match TcpListener::bind(address) {
        Ok(_free) => Finding::new(what, Tone::Good, format!("{address} is free")),
        Err(_) if is_running => Finding::new(what, Tone::Good, format!("{address} is that of the gateway that runs")),
        Err(error) => Finding::new(
            what,
            Tone::Doubtful,
            format!("{address}: {error}; fine if that is flowgate itself, else choose another with --listen"),
        ),
    }
}

fn keys(settings: &Settings) -> Finding {
    let expired =
        settings.keys.iter().filter(|(_, tenant)| tenant.expires.is_some_and(|expires| expires <= SystemTime::now()));
    let names: Vec<&str> = expired.map(|(_, tenant)| tenant.name.as_ref()).collect();
    match (settings.keys.len() + stored_keys(settings), names.is_empty()) {
        (0, _) => Finding::new("virtual keys", Tone::Good, "none; every program on this machine may call"),
        (count, true) => Finding::new("virtual keys", Tone::Good, format!("{count}, none expired")),
        (_, false) => Finding::new("virtual keys", Tone::Doubtful, format!("expired: {}", names.join(", "))),
    }
}

/// How many keys the store has, revoked ones too: they close the gateway as well.
fn stored_keys(settings: &Settings) -> usize {
    if !settings.state.dir.join(store::FILE).is_file() {
        return 0;
    }
    let keys = Desk::open(settings).and_then(|desk| desk.keys(SystemTime::now()));
    keys.map_or(0, |keys| keys.iter().filter(|key| key["source"] == "store").count())
}

/// Each account's tier, and what a gateway that runs with these settings has seen that contradicts it.
fn tiers(settings: &Settings, live: Option<&serde_json::Value>) -> Vec<Finding> {
    let finding = |view: server::TierView| {
        let tone = if view.is_doubtful { Tone::Doubtful } else { Tone::Good };
        Finding::new("tier", tone, view.text)
    };
    server::tiers_of(settings, live).into_iter().map(finding).collect()
}

async fn examine_account(upstream: &Upstream, settings: &Settings, model: &str) -> Vec<Finding> {
    let begun = Instant::now();
    let listed = call(upstream, settings, Method::GET, "/models", "", Bytes::new()).await;
    let mut findings = match &listed {
        Err(error) => return vec![Finding::new("SiliconFlow", Tone::Bad, error.to_string())],
        Ok(answer) => {
            let took = begun.elapsed().as_millis();
            let reached = format!("{} answers in {took} ms", upstream.base_url());
            vec![Finding::new("SiliconFlow", Tone::Good, reached), clock(answer.response.headers())]
        }
    };
    if let Ok(answer) = listed {
        let key = judge("key", "", answer, "SiliconFlow takes the key").await;
        let is_refused = key.tone == Tone::Bad;
        findings.push(key);
        if is_refused {
            return findings;
        }
    }
    let body = json!({"model": model, "max_tokens": 1, "enable_thinking": false, "messages": [{"role": "user", "content": "1"}]});
    match call(upstream, settings, Method::POST, "/chat/completions", model, body.to_string().into()).await {
        Ok(answer) => {
            findings.push(judge("account", model, answer, "verified and usable: a free model answered").await)
        }
        Err(error) => findings.push(Finding::new("account", Tone::Bad, error.to_string())),
    }
    findings
}

async fn call(
    upstream: &Upstream,
    settings: &Settings,
    method: Method,
    path: &str,
    model: &str,
    body: Bytes,
) -> Result<Answer, GatewayError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let first_byte_timeout = settings.api.first_byte_timeout;
    let call = Call {
        method,
        path,
        headers: &headers,
        model,
        lease: None,
        reservation: None,
        first_byte_timeout,
        retries: 1,
        trace: &RequestTrace::default(),
    };
    Ok(upstream.call(&call, RequestBody::Full(body)).await?)
}

async fn judge(what: &'static str, model: &str, answer: Answer, good: &str) -> Finding {
    let status = answer.response.status();
    if status.is_success() {
        return Finding::new(what, Tone::Good, good);
    }
    let lease = answer.lease.clone();
    let body = answer.read_refusal(Duration::from_secs(5)).await;
    let refusal = Refusal::read(status.as_u16(), &lease.account().mask(&body));
    Finding::new(what, Tone::Bad, GatewayError::Refused(refusal, model.to_owned()).to_string())
}

fn clock(headers: &HeaderMap) -> Finding {
    let theirs = headers.get(header::DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let Some(theirs) = theirs else {
        return Finding::new("clock", Tone::Doubtful, "SiliconFlow sent no date to compare with");
    };
    let now = SystemTime::now();
    let apart = now.duration_since(theirs).or_else(|_| theirs.duration_since(now)).unwrap_or_default();
    if apart <= CLOCK_TOLERANCE {
        return Finding::new("clock", Tone::Good, "agrees with SiliconFlow's");
    }
    Finding::new(
        "clock",
        Tone::Bad,
        format!("differs from SiliconFlow's by {} s; set it, or day limits and TLS go wrong", apart.as_secs()),
    )
}
