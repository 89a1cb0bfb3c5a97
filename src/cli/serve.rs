//! `flowgate serve`: the gateway, for real or in front of the emulator.

use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::ConfigArguments;
use super::console::Console;
use crate::config::{self, DemoUpstream, Environment, Overrides, Settings};
use crate::mock::{self, MockServer, MockSettings};
use crate::server::{Server, Source};
use crate::telemetry::log;

/// Options of `serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Run in front of the built-in emulator: no account, no network
    #[arg(long)]
    demo: bool,
}

pub(super) async fn run(arguments: ServeArguments, console: &Console) -> Result<ExitCode, String> {
    let environment = Environment::of_process()?;
    let mut overrides = arguments.config.overrides();
    let emulator = if arguments.demo { Some(emulator().await?) } else { None };
    overrides.upstream = emulator.as_ref().map(|emulator| DemoUpstream {
        base_url: emulator.base_url(),
        api_key: DEMO_KEY.to_owned(),
    });
    let settings = config::load(&overrides, &environment).map_err(|error| error.to_string())?;
    log::start(&settings.log);
    let server = start(settings.clone(), overrides).await?;
    greet(&settings, &server, arguments.demo, console);
    let result = serve(server).await;
    if let Some(emulator) = emulator {
        emulator.stop().await;
    }
    result
}

/// The key between gateway and emulator; it opens nothing else.
const DEMO_KEY: &str = "sk-demo";

async fn emulator() -> Result<MockServer, String> {
    let settings = MockSettings {
        api_keys: vec![DEMO_KEY.to_owned()],
        first_token: std::time::Duration::from_millis(200),
        token_interval: std::time::Duration::from_millis(20),
        ..MockSettings::default()
    };
    mock::start(settings).await.map_err(|error| format!("cannot start the emulator: {error}"))
}

async fn start(settings: Settings, overrides: Overrides) -> Result<Server, String> {
    let source = Source { overrides, environment: None };
    Server::bind(settings, source).await.map_err(|error| error.to_string())
}

async fn serve(server: Server) -> Result<ExitCode, String> {
    let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let (mut terminate_again, mut interrupt_again) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let reload = server.reload_handle();
    let mut hangup = listen(SignalKind::hangup())?;
    let stop = async {
        loop {
            tokio::select! {
                () = either(&mut terminate, &mut interrupt) => return,
                _ = hangup.recv() => reload(),
            }
        }
    };
    // The first signal ends the serving; the second one ends the waiting for open streams.
    let hurry = async {
        either(&mut terminate_again, &mut interrupt_again).await;
        either(&mut terminate_again, &mut interrupt_again).await;
    };
    server.run(stop, hurry).await;
    Ok(ExitCode::SUCCESS)
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// Says where it is and what to do next.
fn greet(settings: &Settings, server: &Server, is_demo: bool, console: &Console) {
    let scheme = if settings.server.tls.is_some() { "https" } else { "http" };
    let address = |address: Option<std::net::SocketAddr>| address.map_or("?".to_owned(), |address| address.to_string());
    let base = format!("{scheme}://{}", address(server.data_address()));
    let accounts: Vec<&str> = settings.accounts.iter().map(|account| account.name.as_str()).collect();
    let upstream = if is_demo {
        "the built-in emulator (answers are made up, nothing leaves this machine)".to_owned()
    } else {
        format!("{} (account {})", settings.transport.base_url, accounts.join(", "))
    };
    let keys = match settings.keys.len() {
        0 => "none: every program on this machine may call".to_owned(),
        count => format!("{count} virtual keys"),
    };
    console.say(&format!("flowgate {} is ready", env!("CARGO_PKG_VERSION")));
    console.say(&format!("  base URL   {base}/v1   (Anthropic tools: {base})"));
    console.say(&format!("  upstream   {upstream}"));
    console.say(&format!("  keys       {keys}"));
    console.say(&format!("  metrics    http://{}/metrics", address(server.admin_address())));
    console.say("  try it     curl -s BASE_URL/chat/completions -H 'content-type: application/json' \\".replace("BASE_URL", &format!("{base}/v1")).as_str());
    console.say("               -d '{\"model\":\"Qwen/Qwen3-8B\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'");
    console.say("  stop       Ctrl-C (open streams finish; twice: at once)");
}
