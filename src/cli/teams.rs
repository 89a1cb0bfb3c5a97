//! `flowgate teams`: what keys of a team may spend together.

use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::console::Console;
use super::desk::{AllowanceFields, DeskArguments, ended, shown_fields};
use crate::server::{Desk, TEAM_FIELDS};
use crate::tenant::KeyError;

/// Options of `teams`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  flowgate teams set ml --budget-per-month '500 CNY'
  flowgate teams set ml --models 'Qwen/*,BAAI/bge-m3' --unset budget_per_month
  flowgate teams list")]
pub(super) struct TeamsArguments {
    #[command(subcommand)]
    command: TeamsCommand,
    #[command(flatten)]
    desk: DeskArguments,
}

#[derive(Debug, Subcommand)]
enum TeamsCommand {
    /// List every team, of the file and of the store
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a team, or change what its keys may do together
    Set {
        /// Its name
        name: String,
        #[command(flatten)]
        allowance: AllowanceFields,
        /// Models that its keys may use, with commas between them, `*` at the end for any ending
        #[arg(long, value_delimiter = ',')]
        models: Vec<String>,
        /// Take a field away
        #[arg(long, value_name = "FIELD", value_parser = field)]
        unset: Vec<String>,
    },
    /// Forget a team, which no key may belong to
    Remove {
        /// Its name
        name: String,
    },
}

pub(super) fn run(arguments: TeamsArguments, console: &Console) -> Result<ExitCode, String> {
    let desk = arguments.desk.open()?;
    ended(work(&desk, arguments.command, console), console)
}

fn work(desk: &Desk, command: TeamsCommand, console: &Console) -> Result<(), KeyError> {
    match command {
        TeamsCommand::List { json: true } => console.say(&Value::from(desk.teams()?).to_string()),
        TeamsCommand::List { json: false } => list(&desk.teams()?, console),
        TeamsCommand::Set { name, allowance, models, unset } => {
            let team = desk.set_team(&name, members(allowance, models, unset), SystemTime::now())?;
            list(&[team], console);
        }
        TeamsCommand::Remove { name } => {
            desk.remove_team(&name)?;
            console.note(&format!("team {name} was removed"));
        }
    }
    Ok(())
}

fn members(allowance: AllowanceFields, models: Vec<String>, unset: Vec<String>) -> Map<String, Value> {
    let models = if models.is_empty() { None } else { Some(Value::from(models)) };
    let written = allowance.members().into_iter().chain([("models", models)]);
    let written = written.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    written.chain(unset.into_iter().map(|field| (field, Value::Null))).collect()
}

fn list(teams: &[Value], console: &Console) {
    let name = |team: &Value| team["name"].as_str().unwrap_or("?").to_owned();
    let width = teams.iter().map(|team| name(team).chars().count()).max().unwrap_or(0).max(4);
    console.say(&format!("{:width$}  source  fields", "name"));
    for team in teams {
        let (source, fields) = (team["source"].as_str().unwrap_or("?"), shown_fields(team).join(", "));
        console.say(format!("{:width$}  {source:6}  {fields}", name(team)).trim_end());
    }
}

/// The name of a field, as the file or the flag spells it.
fn field(text: &str) -> Result<String, String> {
    let name = text.replace('-', "_");
    let known = TEAM_FIELDS.contains(&name.as_str());
    if known { Ok(name) } else { Err(format!("there is no such field; there are {}", TEAM_FIELDS.join(", "))) }
}
