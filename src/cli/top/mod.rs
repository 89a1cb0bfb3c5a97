//! `flowgate top`: what a gateway does, in a terminal. `document` is what it says of itself, `state` how that is looked at, `views`
//! and `table` what becomes of it, `draw` the page; all of those are pure but for the
//! asking itself. `screen` is the terminal.

mod charts;
mod document;
mod draw;
mod head;
mod pace;
mod screen;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod theme;
mod trail;
mod views;
mod words;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::ConfigArguments;
use super::asker::Asker;
use super::console::Console;
use super::healthcheck::reachable;
use document::Snapshot;
use state::State;
use theme::Theme;

/// Width of the page where there is no terminal (columns; ours): every column has room.
const WIDTH: usize = 120;
/// Asking more often shows nothing more (ours).
const MOST_OFTEN: Duration = Duration::from_millis(200);

/// Options of `top`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  flowgate top                                   the gateway of this configuration; ? shows the keys
  flowgate top --admin http://127.0.0.1:4101     another one
  flowgate top --once                            one page of text, also where there is no terminal")]
pub(super) struct TopArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Where the gateway's admin plane is, in place of this configuration's admin.listen
    #[arg(long, value_name = "URL", conflicts_with_all = ["config", "admin_listen"])]
    admin: Option<String>,
    /// How often it is asked
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = often)]
    every: Duration,
    /// Print one page as plain text and leave
    #[arg(long)]
    once: bool,
}

pub(super) async fn run(arguments: TopArguments, console: &Console) -> Result<ExitCode, String> {
    let asker = asker(&arguments)?;
    let snapshot = Snapshot::of(&asker).await.map_err(|why| {
        format!("{why}. Start a gateway with `flowgate serve`, or say where one is: flowgate top --admin URL")
    })?;
    let theme = Theme { is_coloured: console.is_coloured() };
    let state = State::new(asker.base.clone(), theme, snapshot);
    if arguments.once || !std::io::stdout().is_terminal() {
        console.write(&draw::text(&state, WIDTH, 0));
    } else {
        screen::run(asker, state, arguments.every).await?;
    }
    Ok(ExitCode::SUCCESS)
}

fn asker(arguments: &TopArguments) -> Result<Asker, String> {
    if let Some(base) = &arguments.admin {
        return Asker::new(base);
    }
    let settings = arguments.config.load_keyless()?;
    Asker::new(&format!("http://{}", reachable(settings.admin_listen)))
}

fn often(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if every < MOST_OFTEN { Err("at least 200ms".to_owned()) } else { Ok(every) }
}
