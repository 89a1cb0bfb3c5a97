//! `flowgate keys`: virtual keys, in the database of the state folder, whether a gateway runs on it or not.

mod fields;

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::console::Console;
use super::desk::{DeskArguments, ended, shown_fields};
use crate::server::Desk;
use crate::tenant::{KeyError, Secret};
use fields::{KeyFields, field};

/// Options of `keys`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  flowgate keys create ann                              a key, printed once
  KEY=$(flowgate keys create ci --expires 90d --models 'Qwen/*' --rpm 60)
  flowgate keys create bob --team ml --budget-per-month '50 CNY'
  flowgate keys edit ann --rpm 120 --unset expires
  flowgate keys rotate ann --overlap 24h                a new secret; the old one works a day longer
  flowgate keys revoke ann                              in force within a second")]
pub(super) struct KeysArguments {
    #[command(subcommand)]
    command: KeysCommand,
    #[command(flatten)]
    desk: DeskArguments,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key and print it, this once
    Create {
        /// Its name in logs, metrics and reports
        name: String,
        #[command(flatten)]
        fields: Box<KeyFields>,
    },
    /// List every key, of the file and of the store
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one key
    Show {
        /// Its name
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change what a key may do
    Edit {
        /// Its name
        name: String,
        #[command(flatten)]
        fields: Box<KeyFields>,
        /// Take a field away, such as rpm or budget_per_day
        #[arg(long, value_name = "FIELD", value_parser = field)]
        unset: Vec<String>,
    },
    /// Give a key a new secret and print it, this once
    Rotate {
        /// Its name
        name: String,
        /// How long the old secret still works; 0s is not at all
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = humantime::parse_duration)]
        overlap: Duration,
    },
    /// Take a key back, for good
    Revoke {
        /// Its name
        name: String,
    },
}

pub(super) fn run(arguments: KeysArguments, console: &Console) -> Result<ExitCode, String> {
    if matches!(&arguments.command, KeysCommand::Edit { fields, unset, .. } if unset.is_empty() && fields.is_empty()) {
        return Err("nothing to change; see `flowgate keys edit --help`".to_owned());
    }
    let desk = arguments.desk.open()?;
    ended(work(&desk, arguments.command, console), console)
}

fn work(desk: &Desk, command: KeysCommand, console: &Console) -> Result<(), KeyError> {
    let now = SystemTime::now();
    match command {
        KeysCommand::Create { name, fields } => {
            let (key, secret) = desk.create(&name, fields.members(), now)?;
            hand_over(&key, &secret, "made", console);
        }
        KeysCommand::Rotate { name, overlap } => {
            let (key, secret) = desk.rotate(&name, overlap, now)?;
            hand_over(&key, &secret, "given a new secret", console);
        }
        KeysCommand::Edit { name, fields, unset } => {
            let mut members = fields.members();
            members.extend(unset.into_iter().map(|field| (field, Value::Null)));
            print(&desk.edit(&name, &members, now)?, console);
        }
        KeysCommand::Revoke { name } => {
            desk.revoke(&name, now)?;
            console.note(&format!("key {name} was revoked; a running gateway refuses it within a second"));
        }
        KeysCommand::Show { name, json: true } => console.say(&desk.key(&name, now)?.to_string()),
        KeysCommand::Show { name, json: false } => print(&desk.key(&name, now)?, console),
        KeysCommand::List { json: true } => console.say(&Value::from(desk.keys(now)?).to_string()),
        KeysCommand::List { json: false } => list(&desk.keys(now)?, console),
    }
    Ok(())
}

/// The secret alone on standard output, so that a shell can catch it.
fn hand_over(key: &Value, secret: &Secret, what: &str, console: &Console) {
    console.note(&format!("key {} was {what}; a running gateway takes it within a second", string(key, "name")));
    if let Some(until) = key["previous_until"].as_str() {
        console.note(&format!("the secret before works until {until}"));
    }
    console.note("this is its secret; it is shown this once and kept nowhere:");
    console.say(secret.expose());
}

fn list(keys: &[Value], console: &Console) {
    let width = keys.iter().map(|key| string(key, "name").chars().count()).max().unwrap_or(0).max(4);
    console.say(&format!("{:width$}  source  state     begins with   fields", "name"));
    for key in keys {
        let (source, state) = (string(key, "source"), string(key, "state"));
        let prefix = key["prefix"].as_str().map_or("-".to_owned(), |prefix| format!("{prefix}…"));
        let fields = shown_fields(key).join(", ");
        console.say(format!("{:width$}  {source:6}  {state:8}  {prefix:12}  {fields}", string(key, "name")).trim_end());
    }
    if keys.is_empty() {
        console.note("there are no keys; make one with `flowgate keys create NAME`");
    }
}

fn print(key: &Value, console: &Console) {
    for name in ["name", "source", "state", "prefix", "created", "revoked", "previous_until", "faults"] {
        if let Some(value) = key[name].as_str() {
            console.say(&format!("{name}: {value}"));
        }
    }
    shown_fields(key).iter().for_each(|field| console.say(field));
}

fn string<'a>(key: &'a Value, name: &str) -> &'a str {
    key[name].as_str().unwrap_or("?")
}
