//! `flowgate ledger`: whether what the ledger keeps is whole and agrees with itself; a copy of it.

use std::path::PathBuf;
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
    /// Copy the database to a new file: ledger, keys, teams and what else is kept in it
    Backup(BackupArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "The gateway may run meanwhile. Ten million rows take about a minute.")]
struct CheckArguments {
    #[command(flatten)]
    config: ConfigArguments,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The gateway may run meanwhile. To restore: stop it, put the file in the place of flowgate.db in the
state folder, remove flowgate.db-wal and flowgate.db-shm there, start it."
)]
struct BackupArguments {
    /// The file, which must not be there yet
    file: PathBuf,
    #[command(flatten)]
    config: ConfigArguments,
}

/// Blocks: nothing else is going on in the process.
pub(super) fn run(arguments: &LedgerArguments, console: &Console) -> Result<ExitCode, String> {
    match &arguments.command {
        LedgerCommand::Check(arguments) => check(arguments, console),
        LedgerCommand::Backup(arguments) => backup(arguments, console),
    }
}

fn backup(arguments: &BackupArguments, console: &Console) -> Result<ExitCode, String> {
    let store = usage::open(&arguments.config.load_keyless()?)?;
    store.copy_to(&arguments.file).map_err(|error| error.to_string())?;
    console.mark(Tone::Good, &format!("ledger: {} is in {}", store.path().display(), arguments.file.display()));
    Ok(ExitCode::SUCCESS)
}

fn check(check: &CheckArguments, console: &Console) -> Result<ExitCode, String> {
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
