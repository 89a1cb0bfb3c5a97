//! `flowgate usage`: what was used and what that cost, from the ledger; and its rows for other programs.

mod arguments;

use std::process::ExitCode;
use std::time::SystemTime;

use super::console::Console;
use crate::config::Settings;
use crate::ledger::question::{self, QuestionError};
use crate::ledger::{Query, StoreError, date, export, page, report};
use crate::store::Database;
pub(super) use arguments::UsageArguments;
use arguments::{ExportArguments, Format, RowFormat, UsageCommand};

/// Rows of one page of an export (ours).
const PAGE: usize = 1000;
/// Exit code of wrong usage, as clap has it.
const MISUSED: u8 = 2;

/// Blocks: nothing else is going on in the process.
pub(super) fn run(arguments: &UsageArguments, console: &Console) -> Result<ExitCode, String> {
    match &arguments.command {
        None => sums(arguments, console),
        Some(UsageCommand::Export(export)) => rows(export, console),
    }
}

fn sums(arguments: &UsageArguments, console: &Console) -> Result<ExitCode, String> {
    let today = date::today(SystemTime::now());
    let pairs = arguments.rows.pairs().into_iter().chain([("by", arguments.by.as_str())]);
    let query = match question::parse(pairs, today, date::month_around(today)) {
        Ok(query) => query,
        Err(error) => return Ok(misused(&error, console)),
    };
    let store = open(&arguments.config.load_keyless()?)?;
    let report = report(&store, query).map_err(said)?;
    let text = match arguments.format {
        Format::Table => export::table(&report),
        Format::Csv => export::sums_csv(&report),
        Format::Json => export::sums_json(&report) + "\n",
    };
    let _is_read = console.write(&text);
    Ok(ExitCode::SUCCESS)
}

fn rows(arguments: &ExportArguments, console: &Console) -> Result<ExitCode, String> {
    let today = date::today(SystemTime::now());
    let query = match question::parse(arguments.rows.pairs(), today, (0, u64::MAX)) {
        Ok(query) => query,
        Err(error) => return Ok(misused(&error, console)),
    };
    let store = open(&arguments.config.load_keyless()?)?;
    let names = if arguments.format == RowFormat::Csv && arguments.after == 0 {
        export::row_csv_names()
    } else {
        String::new()
    };
    if console.write(&names) {
        stream(&store, &query, arguments, console).map_err(said)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Page after page, until there are no more or nobody reads them.
fn stream(store: &Database, query: &Query, arguments: &ExportArguments, console: &Console) -> Result<(), StoreError> {
    let mut after = arguments.after;
    loop {
        let page = page::page(store, query, after, PAGE)?;
        let text: String = page
            .rows
            .iter()
            .map(|row| match arguments.format {
                RowFormat::Jsonl => export::row_json(row) + "\n",
                RowFormat::Csv => export::row_csv(row),
            })
            .collect();
        if !console.write(&text) || page.is_last {
            return Ok(());
        }
        after = page.next;
    }
}

/// The ledger of `settings`, to be read.
pub(super) fn open(settings: &Settings) -> Result<Database, String> {
    if settings.state.dir.as_os_str().is_empty() {
        return Err("it is not known where the ledger is: set state.dir, or HOME".to_owned());
    }
    Database::open_to_read(&settings.state.dir).map_err(said)
}

fn said(error: StoreError) -> String {
    error.to_string()
}

fn misused(error: &QuestionError, console: &Console) -> ExitCode {
    console.error(&format!("--{error} (see --help)"));
    ExitCode::from(MISUSED)
}
