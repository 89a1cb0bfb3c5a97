//! `flowgate check`: every fault of the configuration at once, or what it means.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::ConfigArguments;
use super::console::{Console, Tone};
use crate::config::{self, ConfigError, Environment, Fault, Settings};
use crate::server;

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &CheckArguments, console: &Console) -> Result<ExitCode, String> {
    let environment = Environment::of_process()?;
    let loaded = config::load(&arguments.config.overrides(), &environment).and_then(with_store);
    let is_good = loaded.is_ok();
    match (arguments.json, loaded) {
        (true, Ok(settings)) => console.say(&json!({"ok": true, "settings": summary(&settings)}).to_string()),
        (true, Err(error)) => console.say(&json!({"ok": false, "faults": faults(&error)}).to_string()),
        (false, Ok(settings)) => print(&settings, console),
        (false, Err(error)) => error.to_string().lines().for_each(|line| console.mark(Tone::Bad, line)),
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Settings with which `serve` would start on its state folder.
fn with_store(settings: Settings) -> Result<Settings, ConfigError> {
    let faults = server::faults_beside_store(&settings);
    if faults.is_empty() {
        return Ok(settings);
    }
    let faults = faults.into_iter().map(|message| Fault { line: None, message }).collect();
    Err(ConfigError::Refused(settings.file, faults))
}

fn print(settings: &Settings, console: &Console) {
    let file =
        settings.file.as_ref().map_or("no file; the defaults hold".to_owned(), |file| file.display().to_string());
    console.mark(Tone::Good, &format!("configuration: {file}"));
    if let Value::Object(summary) = summary(settings) {
        for (name, value) in summary {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            console.say(&format!("     {name}: {value}"));
        }
    }
}

/// The settings that matter most; secrets never.
fn summary(settings: &Settings) -> Value {
    json!({
        "listen": settings.server.listen.to_string(),
        "admin_listen": settings.admin_listen.to_string(),
        "tls": settings.server.tls.is_some(),
        "state_dir": settings.state.dir.display().to_string(),
        "upstream": settings.transport.base_url.to_string(),
        "accounts": settings.accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(),
        "keys": settings.keys.iter().map(|(_, tenant)| tenant.name.as_ref()).collect::<Vec<_>>(),
        "teams": settings.teams.iter().map(|team| team.name.as_ref()).collect::<Vec<_>>(),
        "admin_api": settings.admin_token.is_some(),
        "aliases": settings.aliases.exact().count() + settings.aliases.patterns().count(),
        "catalogue": settings.models.file.as_ref().map_or("built-in".to_owned(), |file| file.display().to_string()),
        "models": settings.models.catalogue.models().len(),
        "policy": settings.policy.policy.label(),
    })
}

fn faults(error: &ConfigError) -> Value {
    match error {
        ConfigError::Refused(file, faults) => {
            faults.iter().map(|fault| json!({"file": file, "line": fault.line, "message": fault.message})).collect()
        }
        other => json!([{"file": null, "line": null, "message": other.to_string()}]),
    }
}
