//! The command line: one file for each command. Decides nothing itself; prints for people, and as
//! JSON where output may be piped.

mod asker;
mod check;
mod completions;
mod connect;
mod console;
mod demo;
mod desk;
mod doctor;
mod healthcheck;
mod keys;
mod ledger;
mod limits;
mod man;
mod mock;
mod models;
mod serve;
mod signals;
mod teams;
mod top;
mod usage;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Environment, Overrides, Settings};
use console::Console;

/// Version and commit.
const VERSION: &str = match option_env!("FLOWGATE_REVISION") {
    Some(revision) => revision,
    None => env!("CARGO_PKG_VERSION"),
};

/// An OpenAI-compatible gateway in front of SiliconFlow.
#[derive(Debug, Parser)]
#[command(name = "flowgate", version = VERSION, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Examples:
  flowgate serve --demo                    try it without an account
  SILICONFLOW_API_KEY=sk-… flowgate serve  for real; then use http://127.0.0.1:4000/v1
  flowgate models --free                   models that cost nothing
  flowgate keys create ann                 a key for one caller
  flowgate check --config team.toml        find every fault of a configuration
  flowgate connect codex                   what Codex needs; --write sets it
  flowgate doctor                          find out why it does not work")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Serve(serve::ServeArguments),
    /// Run the emulator of SiliconFlow alone
    Mock(mock::MockArguments),
    /// Check the configuration and say what it means
    Check(check::CheckArguments),
    /// Check key, account, clock, network and ports
    Doctor(doctor::DoctorArguments),
    /// Show every limit, what is used of it, and where its number comes from
    Limits(limits::LimitsArguments),
    /// Watch a running gateway: limits, queue, throughput, models, keys, errors
    Top(top::TopArguments),
    /// Show models with their kind, price, context and limits
    Models(models::ModelsArguments),
    /// Make, list, change and revoke virtual keys
    Keys(keys::KeysArguments),
    /// Make, list and change teams
    Teams(teams::TeamsArguments),
    /// Show what was used and what that cost, by key, model, day and more
    Usage(Box<usage::UsageArguments>),
    /// Look after the ledger
    Ledger(ledger::LedgerArguments),
    /// Ask a running gateway whether it is well
    Healthcheck(healthcheck::HealthcheckArguments),
    /// Print what a tool needs to use the gateway, or set it there
    Connect(connect::ConnectArguments),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArguments),
    /// Print the manual page
    Man(man::ManArguments),
}

/// Options of every command that reads the configuration.
#[derive(Debug, Clone, Args)]
struct ConfigArguments {
    /// Configuration file [default: $FLOWGATE_CONFIG, ./config/flowgate.toml, ~/.config/flowgate/flowgate.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the API listens, in place of server.listen
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Where metrics and health listen, in place of admin.listen
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    admin_listen: Option<SocketAddr>,
}

impl ConfigArguments {
    fn overrides(&self) -> Overrides {
        Overrides {
            file: self.config.clone(),
            listen: self.listen,
            admin_listen: self.admin_listen,
            ..Overrides::default()
        }
    }

    /// The configuration in force for a command that calls nobody: accounts need no keys.
    fn load_keyless(&self) -> Result<Settings, String> {
        let environment = Environment::of_process()?;
        let overrides = Overrides { is_keyless: true, ..self.overrides() };
        crate::config::load(&overrides, &environment).map_err(|error| error.to_string())
    }

    /// The configuration in force.
    fn load(&self) -> Result<Settings, String> {
        let environment = Environment::of_process()?;
        crate::config::load(&self.overrides(), &environment).map_err(|error| error.to_string())
    }
}

/// Runs the command that the process was started with. Exit codes: 0 good, 1 failed, 2 wrong usage.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console::new(Environment::of_process().is_ok_and(|environment| environment.is_colourless()));
    let result = match cli.command {
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments, &console),
        Command::Keys(arguments) => keys::run(arguments, &console),
        Command::Teams(arguments) => teams::run(arguments, &console),
        Command::Check(arguments) => check::run(&arguments, &console),
        Command::Usage(arguments) => usage::run(&arguments, &console),
        Command::Ledger(arguments) => ledger::run(&arguments, &console),
        Command::Serve(arguments) => on_runtime(serve::run(arguments, &console)),
        Command::Mock(arguments) => on_runtime(mock::run(arguments, &console)),
        Command::Limits(arguments) => on_runtime(limits::run(arguments, &console)),
        Command::Top(arguments) => on_runtime(top::run(arguments, &console)),
        Command::Models(arguments) => on_runtime(models::run(arguments, &console)),
        Command::Connect(arguments) => on_runtime(connect::run(arguments, &console)),
        Command::Doctor(arguments) => on_runtime(doctor::run(arguments, &console)),
        Command::Healthcheck(arguments) => on_runtime(healthcheck::run(arguments, &console)),
    };
    match result {
        Ok(code) => code,
        Err(message) => {
            let is_long = message.contains('\n');
            console.error(&if is_long { format!("the configuration was refused:\n{message}") } else { message });
            ExitCode::FAILURE
        }
    }
}

/// Reads `127.0.0.1:4000`, and what people mean by `4000`, `:4000` and `localhost:4000`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let host_and_port = text.strip_prefix("localhost").unwrap_or(text);
    let port = host_and_port.strip_prefix(':').unwrap_or(host_and_port).parse::<u16>();
    let local = port.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    local
        .or_else(|_| text.parse())
        .map_err(|_| "write it like 127.0.0.1:4000, or 4000 for this machine only".to_owned())
}

fn on_runtime(command: impl Future<Output = Result<ExitCode, String>>) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot start: {error}"))?.block_on(command)
}
