//! `flowgate mock`: the emulator alone, for testing programs against SiliconFlow without an account.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::console::Console;
use crate::mock::{self, Charge, LimitSettings, MockSettings, Rule, Tier};

/// Options of `mock`.
#[derive(Debug, Args)]
#[command(after_help = "Example: flowgate mock --limits --tier L0
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
    /// The account's tier, L0 to L5
    #[arg(long, value_name = "TIER", default_value = "L0")]
    tier: Tier,
    /// How the limits are counted: sliding, fixed or bucket
    #[arg(long, value_name = "RULE", default_value = "sliding")]
    rule: Rule,
    /// When tokens are charged: after (real usage) or before (prompt and max_tokens)
    #[arg(long, value_name = "WHEN", default_value = "after")]
    charge: Charge,
    /// How long picture URLs work
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    picture_lifetime: Duration,
}

pub(super) async fn run(arguments: MockArguments, console: &Console) -> Result<ExitCode, String> {
    let listen = arguments.listen;
    let keys = arguments.keys.join(", ");
    let emulator =
        mock::start(arguments.into_settings()).await.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    console.say(&format!("SiliconFlow emulator at {} (key {keys}); Ctrl-C stops it", emulator.base_url()));
    super::signals::end().await?;
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
                ..LimitSettings::default()
            },
            picture_lifetime: self.picture_lifetime,
            ..MockSettings::default()
        }
    }
}
