//! `flowgate serve`: the gateway, for real or in front of the emulator.

use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::SignalKind;
use tracing::warn;

use super::ConfigArguments;
use super::console::Console;
use super::demo::Demo;
use super::signals::{self, End};
use crate::config::{self, Environment, Overrides, Settings};
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
    let demo = if arguments.demo { Some(Demo::start(console).await?) } else { None };
    demo.iter().for_each(|demo| demo.replace(&mut overrides));
    let settings = config::load(&overrides, &environment).map_err(|error| error.to_string())?;
    log::start(&settings.log, environment.is_colourless());
    if let (Some(file), lines @ 1..) = (environment.dotenv(), environment.skipped_lines()) {
        warn!("{}: {lines} lines are not NAME=value and were skipped; values with spaces need quotes", file.display());
    }
    let server = start(settings.clone(), overrides).await?;
    greet(&settings, &server, demo.as_ref(), console);
    let result = serve(server).await;
    if let Some(demo) = demo {
        demo.stop().await;
    }
    result
}

async fn start(settings: Settings, overrides: Overrides) -> Result<Server, String> {
    let source = Source { overrides, environment: None };
    Server::bind(settings, source).await.map_err(|error| error.to_string())
}

async fn serve(server: Server) -> Result<ExitCode, String> {
    let (mut first, mut second) = (End::listen()?, End::listen()?);
    let mut hangup = signals::hear(SignalKind::hangup())?;
    let reload = server.reload_handle();
    let stop = async {
        loop {
            tokio::select! {
                () = first.next() => return,
                _ = hangup.recv() => reload(),
            }
        }
    };
    // The first signal ends the serving; the second one ends the waiting for open streams.
    let hurry = async {
        second.next().await;
        second.next().await;
    };
    server.run(stop, hurry).await;
    Ok(ExitCode::SUCCESS)
}

/// Says where it is and what to do next.
fn greet(settings: &Settings, server: &Server, demo: Option<&Demo>, console: &Console) {
    let scheme = if settings.server.tls.is_some() { "https" } else { "http" };
    let address = |address: Option<std::net::SocketAddr>| address.map_or("?".to_owned(), |address| address.to_string());
    let base = format!("{scheme}://{}", address(server.data_address()));
    let accounts: Vec<&str> = settings.accounts.iter().map(|account| account.name.as_str()).collect();
    let upstream = if demo.is_some() {
        "the built-in emulator (answers are made up, nothing leaves this machine)".to_owned()
    } else {
        format!("{} (account {})", settings.transport.base_url, accounts.join(", "))
    };
    let keys = match server.keys() {
        None => "none: every program on this machine may call".to_owned(),
        Some(1) => "1 virtual key".to_owned(),
        Some(count) => format!("{count} virtual keys"),
    };
    let file =
        settings.file.as_ref().map_or("no file; the defaults hold".to_owned(), |file| file.display().to_string());
    console.say(&format!("flowgate {} is ready", env!("CARGO_PKG_VERSION")));
    console.say(&format!("  base URL   {base}/v1   (Anthropic tools: {base})"));
    console.say(&format!("  upstream   {upstream}"));
    console.say(&format!("  tier       {}; flowgate limits shows every limit", server.tiers().join(", ")));
    console.say(&format!("  keys       {keys}"));
    console.say(&format!("  config     {file}"));
    let admin = format!("http://{}", address(server.admin_address()));
    // A browser sends no fragment to anybody; the page takes the token from it and out of the address.
    let token = demo.and_then(|demo| demo.token(settings.admin_token));
    let token = token.map(|token| format!("#token={token}")).unwrap_or_default();
    console.say(&format!("  page       {admin}/{token}"));
    console.say(&format!("  metrics    {admin}/metrics"));
    console.say(&format!("  try it     curl -s {base}/v1/chat/completions -H 'content-type: application/json' \\"));
    if server.keys().is_some() {
        console.say("               -H \"authorization: Bearer $YOUR_VIRTUAL_KEY\" \\");
    }
    console.say(
        "               -d '{\"model\":\"Qwen/Qwen3-8B\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'",
    );
    console.say("  stop       Ctrl-C (open streams finish; twice: at once)");
}
