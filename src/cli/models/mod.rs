//! `flowgate models`: which models there are, what they are for and what they cost; one in full; and what the catalogue and
//! SiliconFlow's own list have otherwise.

mod table;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::console::Console;
use super::{ConfigArguments, limits};
use crate::config::Settings;
use crate::server::{self, ModelDifferences};
use table::{rows, table, text};

/// The kinds of the catalogue; a test compares.
const KINDS: [&str; 10] =
    ["chat", "vision", "ocr", "embedding", "rerank", "image", "image-edit", "asr", "tts", "video"];
/// How `diff` ends, as the program diff does.
const DIFFERENT: u8 = 1;
const TROUBLE: u8 = 2;

/// Options of `models`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  flowgate models --free                what costs nothing on the China site
  flowgate models --kind embedding bge  embedding models with `bge` in their names
  flowgate models show Qwen/Qwen3-8B    everything that is known of one
  flowgate models diff                  what SiliconFlow lists otherwise

Prices are in CNY: of a million tokens in/out, a picture, a video, 1,000 bytes
of text, a second of audio; * marks models that cost otherwise for long inputs
or at some hours. Limits are requests and tokens, or pictures, a minute at the
account's tier; ~ marks those that no source states.")]
pub(super) struct ModelsArguments {
    #[command(subcommand)]
    command: Option<ModelsCommand>,
    #[command(flatten)]
    config: ConfigArguments,
    /// Only models whose name has this in it
    text: Option<String>,
    /// Only models of this kind
    #[arg(long, value_parser = KINDS)]
    kind: Option<String>,
    /// Only models that are free
    #[arg(long)]
    free: bool,
    /// Only models that are not known to be free
    #[arg(long, conflicts_with = "free")]
    paid: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Show everything that is known of one model
    Show(ShowArguments),
    /// Compare the catalogue with SiliconFlow's own list (exit code 0: the same, 1: not)
    Diff(DiffArguments),
}

#[derive(Debug, Args)]
struct ShowArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// The model, or an alias of it
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct DiffArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Take the list that `serve` fetched last; ask nobody
    #[arg(long)]
    offline: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: ModelsArguments, console: &Console) -> Result<ExitCode, String> {
    match arguments.command {
        None => list(&arguments, console).await,
        Some(ModelsCommand::Show(show)) => one(&show, console).await,
        Some(ModelsCommand::Diff(diff)) => Ok(differences(&diff, console).await.unwrap_or_else(|message| {
            console.error(&message);
            ExitCode::from(TROUBLE)
        })),
    }
}

async fn list(arguments: &ModelsArguments, console: &Console) -> Result<ExitCode, String> {
    let settings = at_its_tier(arguments.config.load_keyless()?).await;
    let mut models = server::models_of(&settings, None)?;
    models.retain(|model| is_wanted(arguments, model));
    if arguments.json {
        console.say(&json!({"object": "list", "data": models}).to_string());
    } else {
        table(&models, console);
    }
    Ok(ExitCode::SUCCESS)
}

async fn one(arguments: &ShowArguments, console: &Console) -> Result<ExitCode, String> {
    let settings = at_its_tier(arguments.config.load_keyless()?).await;
    for model in server::models_of(&settings, Some(&arguments.id))? {
        if arguments.json {
            console.say(&model.to_string());
        } else {
            console.say(text(&model, "id"));
            rows(&model, "  ", console);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn differences(arguments: &DiffArguments, console: &Console) -> Result<ExitCode, String> {
    let settings = if arguments.offline { arguments.config.load_keyless() } else { arguments.config.load() }?;
    let found = server::models_diff(&settings, arguments.offline).await?;
    if arguments.json {
        console.say(&as_json(&found).to_string());
    } else {
        found.new.iter().for_each(|id| console.say(&format!("+ {id}")));
        found.gone.iter().for_each(|id| console.say(&format!("- {id}")));
        found.renamed.iter().for_each(|(old, new)| console.say(&format!("~ {old} -> {new}")));
        let ModelDifferences { new, gone, renamed, same } = &found;
        let counts = format!("{} new, {} gone, {} renamed, {same} the same", new.len(), gone.len(), renamed.len());
        console.say(&counts);
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

fn as_json(found: &ModelDifferences) -> Value {
    let renamed: Vec<Value> = found.renamed.iter().map(|(old, new)| json!({"from": old, "to": new})).collect();
    json!({"new": found.new, "gone": found.gone, "renamed": renamed, "same": found.same})
}

/// The settings with the tiers that the gateway that runs here has worked out, should one run.
async fn at_its_tier(mut settings: Settings) -> Settings {
    let live = limits::live(&settings).await.unwrap_or_default();
    for account in &mut settings.accounts {
        let tier = live["accounts"][&account.name]["tier"].as_str().and_then(|tier| tier.parse().ok());
        account.quota.tier = account.quota.tier.or(tier);
    }
    settings
}

fn is_wanted(arguments: &ModelsArguments, model: &Value) -> bool {
    let is_free = model["free"] == true;
    let wanted = arguments.text.as_ref().map(|text| text.to_lowercase());
    (!arguments.free || is_free)
        && (!arguments.paid || !is_free)
        && arguments.kind.as_ref().is_none_or(|kind| text(model, "kind") == kind)
        && wanted.is_none_or(|wanted| text(model, "id").to_lowercase().contains(&wanted))
}
