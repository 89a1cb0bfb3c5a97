//! `flowgate connect`: what a tool needs to use this gateway, and, if wanted, the change of its file. `tools` lists them, each
//! family has a file that says what to set, `change` is the only part that writes. It must not know how files are laid out
//! beyond what a guide says, and it never asks for, prints or writes a key: tools read it from an environment variable.

mod agents;
mod change;
mod chats;
mod coding;
mod guide;
mod libraries;
mod page;
mod reach;
mod target;
mod tools;

use std::process::ExitCode;

use clap::Args;

use super::ConfigArguments;
use super::console::Console;
use crate::config::Environment;
use change::{Consent, undo, write};
use guide::{Folders, Guide};
use target::{Target, TargetArguments};
use tools::TOOLS;

/// Options of `connect`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  flowgate connect                                  the tools that are known
  flowgate connect codex                            what Codex needs
  flowgate connect codex --write                    set it: shows the change, asks, keeps a backup
  flowgate connect claude-code --model zai-org/GLM-5.2 --write --yes
  flowgate connect aider --url http://gateway.example:4000
  flowgate connect codex --undo                     the file as it was before

A key is never written: the tool reads it from the environment variable that --key-env names, such as
  export FLOWGATE_KEY=fg-…
A gateway without keys needs none. Exit codes: 0 done or nothing to do, 1 not done, 2 wrong usage.")]
pub(super) struct ConnectArguments {
    #[command(flatten)]
    config: ConfigArguments,
    #[command(flatten)]
    target: TargetArguments,
    /// The tool; without one, all are listed
    #[arg(value_parser = tools::NAMES)]
    tool: Option<String>,
    /// Change the tool's own file, after showing how; the old one is kept beside it
    #[arg(long, requires = "tool")]
    write: bool,
    /// Put the file back that the last --write changed
    #[arg(long, requires = "tool", conflicts_with = "write")]
    undo: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: ConnectArguments, console: &Console) -> Result<ExitCode, String> {
    let Some(tool) = arguments.tool.as_ref().and_then(|name| TOOLS.iter().find(|tool| tool.name == *name)) else {
        page::list(arguments.json, console);
        return Ok(ExitCode::SUCCESS);
    };
    let environment = Environment::of_process()?;
    let folders = Folders::of(&environment)?;
    let settings = arguments.config.load_keyless()?;
    let target = Target::choose(&arguments.target, &settings)?;
    let guide = (tool.guide)(&target, &folders)?;
    let consent = Consent { is_given: arguments.yes, is_silent: arguments.json };
    if arguments.undo {
        return undo(tool, &guide, consent, console);
    }
    if arguments.write {
        return set(tool, &guide, &target, consent, console);
    }
    let reach = reach::look(&target, &environment).await;
    page::show(tool, &guide, &target, &reach, arguments.json, console);
    Ok(ExitCode::SUCCESS)
}

/// Changes the tool's file, and says what is left to do by hand.
fn set(
    tool: &tools::Tool,
    guide: &Guide,
    target: &Target,
    consent: Consent,
    console: &Console,
) -> Result<ExitCode, String> {
    let code = write(tool, guide, consent, console)?;
    if !consent.is_silent && code == ExitCode::SUCCESS {
        page::by_hand(guide, target, console);
    }
    Ok(code)
}
