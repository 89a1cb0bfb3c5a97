//! What `connect` prints.

use serde_json::{Value, json};

use super::guide::{Guide, Section};
use super::reach::Reach;
use super::target::Target;
use super::tools::{TOOLS, Tool};
use crate::cli::console::Console;

/// The tools.
pub(super) fn list(is_json: bool, console: &Console) {
    if is_json {
        let tool = |tool: &Tool| json!({"tool": tool.name, "title": tool.title, "about": tool.about});
        console.say(&TOOLS.iter().map(tool).collect::<Value>().to_string());
        return;
    }
    for tool in &TOOLS {
        console.say(&format!("{:<14} {:<14} {}", tool.name, tool.title, tool.about));
    }
    console.say("`flowgate connect TOOL` shows what it needs, `--write` changes its file.");
}

/// What a tool needs, and whether the gateway is there.
pub(super) fn show(tool: &Tool, guide: &Guide, target: &Target, reach: &Reach, is_json: bool, console: &Console) {
    if is_json {
        console.say(&as_json(tool, guide, target, reach).to_string());
        return;
    }
    for section in &guide.sections {
        print(section, console);
    }
    notes(guide, target, console);
    if guide.change.is_some() {
        console.say(&format!("`flowgate connect {} --write` sets this for you.", tool.name));
    }
    console.mark(reach.tone, &reach.text);
}

/// What the change of a file leaves to do.
pub(super) fn by_hand(guide: &Guide, target: &Target, console: &Console) {
    for section in guide.sections.iter().skip(1) {
        print(section, console);
    }
    notes(guide, target, console);
    if target.key.is_some() {
        console.say("`flowgate keys create NAME` makes a key.");
    }
}

fn notes(guide: &Guide, target: &Target, console: &Console) {
    guide.notes.iter().for_each(|note| console.say(note));
    if target.is_usual {
        console.say(&format!(
            "{} is free and small. --model takes a stronger one; `flowgate models` shows them.",
            target.model
        ));
    }
}

fn print(section: &Section, console: &Console) {
    console.say(&format!("# {}", section.place));
    console.say(&section.text);
    console.say("");
}

fn as_json(tool: &Tool, guide: &Guide, target: &Target, reach: &Reach) -> Value {
    let section =
        |section: &Section| json!({"place": section.place, "language": section.language.label(), "text": section.text});
    json!({
        "tool": tool.name,
        "base_url": target.base(),
        "model": target.model,
        "context": target.context,
        "key_env": target.key,
        "settings": guide.sections.iter().map(section).collect::<Value>(),
        "notes": guide.notes,
        "file": guide.change.as_ref().map(|change| &change.path),
        "gateway": reach.state,
    })
}
