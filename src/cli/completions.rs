//! `flowgate completions`: a script that teaches a shell the commands.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Options of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example: flowgate completions bash > ~/.local/share/bash-completion/completions/flowgate")]
pub(super) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

#[expect(clippy::unnecessary_wraps, reason = "all commands have one shape")]
pub(super) fn run(arguments: &CompletionsArguments) -> Result<ExitCode, String> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Cli::command(), "flowgate", &mut script);
    let _reader_left = std::io::stdout().write_all(&script);
    Ok(ExitCode::SUCCESS)
}
