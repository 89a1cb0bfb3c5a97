//! `flowgate limits`: every limit in force, what is used of it, and where its number comes from.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::ConfigArguments;
use super::asker::Asker;
use super::console::Console;
use super::healthcheck::reachable;
use crate::config::Settings;
use crate::server;

/// Options of `limits`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  flowgate limits                      models used lately, from the gateway that runs here
  flowgate limits Qwen/Qwen3-8B        one model, used or not
  flowgate limits --all --json         every model of the catalogue")]
pub(super) struct LimitsArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Only models whose name has this in it
    model: Option<String>,
    /// Models of the catalogue that were not used lately as well
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: LimitsArguments, console: &Console) -> Result<ExitCode, String> {
    let settings = arguments.config.load_keyless()?;
    let live = live(&settings).await;
    let mut list = live.clone().unwrap_or_else(|| server::limits_of(&settings));
    if live.is_some() && (arguments.all || arguments.model.is_some()) {
        add_unused(&mut list, &server::limits_of(&settings));
    }
    if let Some(wanted) = &arguments.model {
        keep(&mut list, |lane| name(lane).contains(wanted.as_str()));
    } else if live.is_none() && !arguments.all {
        keep(&mut list, |lane| lane["is_written"] == true);
    }
    if arguments.json {
        console.say(&list.to_string());
    } else {
        print(&list, live.is_some(), console);
    }
    Ok(ExitCode::SUCCESS)
}

/// What the gateway that runs with these settings says; `None` when there is none.
pub(super) async fn live(settings: &Settings) -> Option<Value> {
    let asker = Asker::new(&format!("http://{}", reachable(settings.admin_listen))).ok()?;
    asker.get("/limits").await.ok()
}

fn name(lane: &Value) -> &str {
    lane["name"].as_str().unwrap_or_default()
}

fn keep(list: &mut Value, is_kept: impl Fn(&Value) -> bool) {
    if let Some(lanes) = list["data"].as_array_mut() {
        lanes.retain(is_kept);
    }
}

fn add_unused(list: &mut Value, catalogue: &Value) {
    let Some(lanes) = list["data"].as_array_mut() else { return };
    for lane in catalogue["data"].as_array().into_iter().flatten() {
        if !lanes.iter().any(|other| name(other) == name(lane)) {
            lanes.push(lane.clone());
        }
    }
}

fn print(list: &Value, is_live: bool, console: &Console) {
    for (account, standing) in list["accounts"].as_object().into_iter().flatten() {
        let (tier, reason) = (standing["tier"].as_str().unwrap_or("?"), standing["reason"].as_str().unwrap_or(""));
        console.say(&format!("account {account}: tier {tier} ({reason})"));
    }
    let lanes: Vec<&Value> = list["data"].as_array().into_iter().flatten().collect();
    let width = lanes.iter().map(|lane| name(lane).chars().count()).max().unwrap_or(0).max(5);
    console.say(&format!("{:width$}  metric       limit        used    reserved  free in  source", "model"));
    for lane in &lanes {
        for limit in lane["limits"].as_array().into_iter().flatten() {
            console.say(&row(name(lane), width, limit));
        }
    }
    if !is_live {
        console.say(
            "No gateway answers on the admin address: what is shown is what the configuration and the catalogue say.",
        );
    } else if lanes.is_empty() {
        console.say("No model was used lately; `flowgate limits --all` shows every one.");
    }
}

fn row(name: &str, width: usize, limit: &Value) -> String {
    let number = |key: &str| limit[key].as_u64().map_or("-".to_owned(), |number| number.to_string());
    let free = limit["free_in_seconds"].as_f64().map_or("-".to_owned(), |seconds| match seconds {
        0.0 => "now".to_owned(),
        seconds => format!("{seconds:.1} s"),
    });
    format!(
        "{name:width$}  {:6}  {:>10}  {:>10}  {:>10}  {free:>7}  {}",
        limit["metric"].as_str().unwrap_or("?"),
        number("limit"),
        number("used"),
        number("reserved"),
        limit["source"].as_str().unwrap_or("?"),
    )
}
