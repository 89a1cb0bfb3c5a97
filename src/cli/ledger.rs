//! `flowgate ledger check`: whether what the ledger keeps is whole and agrees with itself.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::console::{Console, Tone};
use super::{ConfigArguments, usage};
use crate::ledger::Store;

/// Options of `ledger`.
#[derive(Debug, Args)]
pub(super) struct LedgerArguments {
    #[command(subcommand)]
    command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    /// Check that the ledger is whole: reads all of it and counts its sums again (exit code 1: it is not)
    Check(CheckArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "The gateway may run meanwhile. Ten million rows take about a minute.")]
struct CheckArguments {
    #[command(flatten)]
    config: ConfigArguments,
}

/// Blocks: nothing else is going on in the process.
pub(super) fn run(arguments: &LedgerArguments, console: &Console) -> Result<ExitCode, String> {
    let LedgerCommand::Check(check) = &arguments.command;
    let store = usage::open(&check.config.load_keyless()?)?;
    let faults = store.check().map_err(|error| error.to_string())?;
    if faults.is_empty() {
        let last = store.last_seq().map_err(|error| error.to_string())?;
        console.mark(Tone::Good, &format!("ledger: {} is whole; the last row is {last}", store.path().display()));
        return Ok(ExitCode::SUCCESS);
    }
    faults.iter().flat_map(|fault| fault.lines()).for_each(|line| console.mark(Tone::Bad, &format!("ledger: {line}")));
    Ok(ExitCode::FAILURE)
}
