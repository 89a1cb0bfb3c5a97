//! `[models]`, as far as it says who is called: policy, spill, aliases with more than a model, fallback.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeValue;

use crate::catalog::alias::Aliases;
use crate::catalog::ladder::{Ladders, Written};
use crate::catalog::policy::{KeyPolicy, Policy, Rules, SpillRules, ThinkingRule};
use crate::config::reader::{Section, wrong};

/// What an alias may be.
const ALIAS: &str = "the id of a model in quotes, or { model = \"ID\" } or { models = [\"ID\", \"ID\"] }, with or without policy = \"…\"";
/// What the list of a ladder is, for who writes it down: the order in which it stands there.
const AS_IT_STANDS: &str = "ladder";

/// `[models.alias]`, each entry with its place in the file.
pub(super) fn aliases(section: &Section<'_>) -> Vec<(Written, usize)> {
    let entries = section.entries("alias", alias);
    entries.into_iter().map(|(alias, written, place)| (Written { alias, ..written }, place)).collect()
}

/// The model that an alias stands for, of several the first.
pub(super) fn first(alias: &Written) -> &str {
    alias.models.first().map_or("", String::as_str)
}

/// The rest of `[models]`.
pub(super) fn rules(section: &Section<'_>, written: &[(Written, usize)], aliases: &Aliases) -> Rules {
    let (all, places): (Vec<Written>, Vec<usize>) = written.iter().cloned().unzip();
    let (ladders, errors) = Ladders::new(&all, aliases);
    for (alias, error) in errors {
        let place = all.iter().position(|written| written.alias == alias).map_or(0, |index| places[index]);
        section.faults().at(place, error);
    }
    const THINKING: [(&str, ThinkingRule); 3] =
        [("drop", ThinkingRule::Drop), ("refuse", ThinkingRule::Refuse), ("pass", ThinkingRule::Pass)];
    Rules {
        policy: section.word("policy", &Policy::WORDS, Policy::Exact),
        spill: section.section("spill", spill),
        ladders,
        fallback: fallback(section, aliases),
        thinking: section.word("thinking", &THINKING, ThinkingRule::Drop),
    }
}

/// What `[[key]]` says of policies.
pub(super) fn of_key(section: &Section<'_>) -> KeyPolicy {
    let words = Policy::WORDS.map(|(word, policy)| (word, Some(policy)));
    KeyPolicy {
        policy: section.word("policy", &words, None),
        spill: section
            .read("spill", |value| value.as_bool().ok_or_else(|| wrong("true or false, without quotes", value))),
    }
}

fn spill(section: &Section<'_>) -> SpillRules {
    let usual = SpillRules::default();
    let span = |key, usual: Duration| section.optional_duration(key).unwrap_or(usual);
    SpillRules {
        is_allowed: section.flag("allowed", usual.is_allowed),
        after: span("after", usual.after),
        budget_per_day: section.money("budget_per_day", usual.budget_per_day),
        sticky: span("sticky", usual.sticky),
    }
}

fn alias(value: &DeValue<'_>) -> Result<Written, String> {
    let of = |models, policy| Written { alias: String::new(), models, policy };
    if let Some(model) = value.as_str() {
        return Ok(of(vec![model.to_owned()], None));
    }
    let table = value.as_table().ok_or_else(|| wrong(ALIAS, value))?;
    let get = |key: &str| table.get(key).map(|value| value.get_ref());
    if let Some(unknown) = table.keys().find(|key| !["model", "models", "policy"].contains(&key.get_ref().as_ref())) {
        return Err(format!("`{}` is not known here; it must be {ALIAS}", unknown.get_ref()));
    }
    let is_list = get("models").is_some();
    let models = match (get("model"), get("models")) {
        (Some(model), None) => {
            vec![model.as_str().ok_or_else(|| wrong("the id of a model in quotes", model))?.to_owned()]
        }
        (None, Some(list)) => ids(list)?,
        _ => return Err(format!("must have either `model` or `models`: {ALIAS}")),
    };
    Ok(of(models, get("policy").map_or(Ok(None), |value| policy(value, is_list))?))
}

fn policy(value: &DeValue<'_>, is_list: bool) -> Result<Option<Policy>, String> {
    let word = value.as_str().ok_or_else(|| wrong("a policy in quotes", value))?;
    if word == AS_IT_STANDS && is_list {
        return Ok(Some(Policy::Exact));
    }
    let known = Policy::WORDS.map(|(word, _)| format!("\"{word}\"")).join(", ");
    Policy::parse(word).map(Some).ok_or_else(|| {
        format!("policy: must be one of {known}, or \"{AS_IT_STANDS}\" where there are `models`, not \"{word}\"")
    })
}

fn ids(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let list = || wrong("a list of ids of models in quotes", value);
    let id =
        |value: &toml::Spanned<DeValue<'_>>| Some(value.get_ref().as_str().filter(|id| !id.is_empty())?.to_owned());
    let ids: Option<Vec<String>> = value.as_array().ok_or_else(list)?.iter().map(id).collect();
    ids.filter(|ids| !ids.is_empty()).ok_or_else(list)
}

/// `[models.fallback]`. Two models may stand in for each other: a list is followed for what was asked for, never for what
/// stands in it.
fn fallback(section: &Section<'_>, aliases: &Aliases) -> BTreeMap<String, Vec<String>> {
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, written, place) in section.entries("fallback", ids) {
        let id = aliases.resolve(&name).id;
        let ids: Vec<String> = written.iter().map(|name| aliases.resolve(name).id).collect();
        let twice = (0..ids.len()).find(|index| ids[*index] == id || ids[..*index].contains(&ids[*index]));
        if let Some(index) = twice {
            let message = format!("models.fallback.\"{name}\": {} stands there twice, or leads back", written[index]);
            section.faults().at(place, format_args!("{message}; name each model once, and not the one that failed"));
        } else if lists.insert(id, ids).is_some() {
            section
                .faults()
                .at(place, format_args!("models.fallback.\"{name}\": its model has a list already, by another name"));
        }
    }
    lists
}
