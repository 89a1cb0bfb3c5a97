//! `flowgate man`: the manual, made of the same definition as `--help`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory};

use super::console::Console;

/// Options of `man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  flowgate man | man -l -                                    read it
  flowgate man --out ~/.local/share/man/man1                 install it: flowgate(1), flowgate-serve(1), ...")]
pub(super) struct ManArguments {
    /// Write a page for flowgate and one for each command into this folder instead
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &ManArguments, console: &Console) -> Result<ExitCode, String> {
    let command = super::Cli::command().disable_help_subcommand(true);
    if let Some(folder) = &arguments.out {
        let failed = |error: std::io::Error| format!("cannot write the manual to {}: {error}", folder.display());
        std::fs::create_dir_all(folder).map_err(failed)?;
        clap_mangen::generate_to(command, folder).map_err(failed)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(|error| error.to_string())?;
    let _reader_left = console.write(&String::from_utf8_lossy(&page));
    Ok(ExitCode::SUCCESS)
}
