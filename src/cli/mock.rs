//! `flowgate mock`: the emulator alone, for testing programs against SiliconFlow without an account.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::console::Console;
use super::signals::End;
use crate::config::read_text;
use crate::mock::{self, Charge, LimitSettings, Limits, MockSettings, Rule, Tier, Turn};

/// Options of `mock`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  flowgate mock --limits --tier L0
  flowgate mock --limit Qwen/Qwen3-8B:rpm=20,tpm=50000 --rule fixed
  flowgate mock --script turns.json     answers that you have written down
  curl -s http://127.0.0.1:4010/v1/models -H 'authorization: Bearer sk-mock'
Faults on demand: use a model name such as fault/tpm-429; docs/emulator.md lists them all.")]
pub(super) struct MockArguments {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4010", value_parser = super::address)]
    listen: SocketAddr,
    /// A key to accept; may be given several times
    #[arg(long = "key", value_name = "KEY", default_values = ["sk-mock"])]
    keys: Vec<String>,
    /// Wait before the first token
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = humantime::parse_duration)]
    first_token: Duration,
    /// Wait between two tokens
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = humantime::parse_duration)]
    token_interval: Duration,
    /// Changes the wording of the answers
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Keep SiliconFlow's rate limits
    #[arg(long)]
    limits: bool,
    /// Limits of one model, such as Qwen/Qwen3-8B:rpm=20,tpm=50000; may be given several times
    ///
    /// They hold in place of the model's own, with or without --limits. Metrics are rpm, rph, rpd, tpm, tpd, ipm and
    /// ipd; those left out are unlimited. The last colon ends the model's name.
    #[arg(long = "limit", value_name = "MODEL:LIMITS", value_parser = model_limits)]
    model_limits: Vec<(String, Limits)>,
    /// The account's tier, L0 to L5
    #[arg(long, value_name = "TIER", default_value = "L0")]
    tier: Tier,
    /// How the limits of a minute are counted: sliding, fixed or bucket
    #[arg(long, value_name = "RULE", default_value = "sliding")]
    rule: Rule,
    /// When tokens are charged: after (real usage) or before (prompt and max_tokens)
    #[arg(long, value_name = "WHEN", default_value = "after")]
    charge: Charge,
    /// How long a minute of the limits lasts; an hour has 60 of them, a day 1,440
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = minute)]
    minute: Duration,
    /// Count requests that a limit refused as requests
    #[arg(long)]
    count_refused: bool,
    /// How long picture URLs work
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    picture_lifetime: Duration,
    /// Answer chat requests by the turns in this file, a JSON list; docs/emulator.md describes it
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
}

pub(super) async fn run(arguments: MockArguments, console: &Console) -> Result<ExitCode, String> {
    let listen = arguments.listen;
    let keys = arguments.keys.join(", ");
    let script = arguments.script.as_deref().map(turns).transpose()?.unwrap_or_default();
    let settings = MockSettings { script, ..arguments.into_settings() };
    let emulator = mock::start(settings).await.map_err(|error| format!("cannot start on {listen}: {error}"))?;
    // Heard before anybody is told that it runs.
    let mut end = End::listen()?;
    console.say(&format!("SiliconFlow emulator at {} (key {keys}); Ctrl-C stops it", emulator.base_url()));
    end.next().await;
    emulator.stop().await;
    Ok(ExitCode::SUCCESS)
}

impl MockArguments {
    fn into_settings(self) -> MockSettings {
        MockSettings {
            listen: self.listen,
            api_keys: self.keys,
            seed: self.seed,
            first_token: self.first_token,
            token_interval: self.token_interval,
            limits: LimitSettings {
                enforce: self.limits,
                tier: self.tier,
                rule: self.rule,
                charge: self.charge,
                refused_count: self.count_refused,
                minute: self.minute,
                per_model: by_model(self.model_limits),
            },
            picture_lifetime: self.picture_lifetime,
            ..MockSettings::default()
        }
    }
}

/// The script in a file.
fn turns(file: &Path) -> Result<Vec<Turn>, String> {
    let text = read_text(file)?.ok_or_else(|| format!("there is no script at {}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{} is no script: {error}", file.display()))
}

/// `MODEL:rpm=20,tpm=50000`; a model's name may hold colons.
fn model_limits(text: &str) -> Result<(String, Limits), String> {
    match text.rsplit_once(':') {
        Some((model, limits)) if !model.is_empty() => Ok((model.to_owned(), limits.parse()?)),
        _ => Err("write it like Qwen/Qwen3-8B:rpm=20,tpm=50000".to_owned()),
    }
}

/// What was said of a model in several places, together; the last word counts.
fn by_model(all: Vec<(String, Limits)>) -> HashMap<String, Limits> {
    let mut by_model: HashMap<String, Limits> = HashMap::new();
    for (model, limits) in all {
        let own = by_model.entry(model).or_default();
        *own = limits.or(*own);
    }
    by_model
}

fn minute(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("a minute of no length would count nothing".to_owned()),
        Ok(minute) => Ok(minute),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_s_name_may_hold_slashes_and_colons() {
        let limits = Limits { rpm: Some(20), tpm: Some(50_000), ..Limits::default() };
        for model in ["Qwen/Qwen3-8B", "fault/stall:5@Qwen/Qwen3.5-4B"] {
            assert_eq!(model_limits(&format!("{model}:rpm=20,tpm=50000")), Ok((model.to_owned(), limits)));
        }
        for wrong in ["Qwen/Qwen3-8B", ":rpm=1", "a:rpm", "a:rps=1", "a:rpm=-1", "a:rpm=1,rpm=2", "a:"] {
            assert!(model_limits(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_said_of_a_model_in_several_places_adds_up() {
        let said = ["a:rpm=1,tpm=2", "a:rpm=3", "b:ipd=4"].map(|text| model_limits(text).unwrap());
        let by_model = by_model(said.to_vec());
        assert_eq!(by_model["a"], Limits { rpm: Some(3), tpm: Some(2), ..Limits::default() });
        assert_eq!(by_model["b"], Limits { ipd: Some(4), ..Limits::default() });
    }
}
