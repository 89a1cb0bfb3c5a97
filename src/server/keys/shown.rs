//! Keys and teams as JSON, for the admin API and the command line. Never a secret, never a hash.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::OfFile;
use super::merge;
use crate::quota::allowance::Allowance;
use crate::quota::money::Money;
use crate::tenant::{OnLeave, StoredKey, Team, Tenant};

/// A key of the file.
pub(super) fn of_file(tenant: &Tenant, now: SystemTime) -> Value {
    let state = if tenant.is_expired(now) { "expired" } else { "active" };
    json!({
        "name": tenant.name,
        "source": "file",
        "state": state,
        "prefix": null,
        "created": null,
        "revoked": null,
        "previous_until": null,
        "fields": fields(tenant),
        "faults": null,
    })
}

/// A key of the store.
pub(super) fn stored(key: &StoredKey, of_file: &OfFile, teams: &[Arc<Team>], now: SystemTime) -> Value {
    let read = merge::tenant(key, teams);
    let is_shadowed = of_file.keys.iter().any(|(_, own)| *own.name == *key.name);
    let state = match &read {
        _ if key.revoked.is_some() => "revoked",
        _ if is_shadowed => "shadowed",
        Err(_) => "broken",
        Ok(tenant) if tenant.is_expired(now) => "expired",
        Ok(_) => "active",
    };
    let previous = key.previous.map(|(_, until)| until).filter(|until| *until > now && key.revoked.is_none());
    json!({
        "name": key.name,
        "source": "store",
        "state": state,
        "prefix": key.prefix,
        "created": moment(key.created),
        "revoked": key.revoked.map(moment),
        "previous_until": previous.map(moment),
        "fields": read.as_ref().ok().map(fields),
        "faults": read.err(),
    })
}

/// A team of the file or of the store.
pub(super) fn team(team: &Team, source: &str) -> Value {
    let mut fields = allowance(&team.allowance);
    set(&mut fields, "models", team.models.clone());
    json!({"name": team.name, "source": source, "fields": fields})
}

/// What is written of a key, as it would be written.
fn fields(tenant: &Tenant) -> Map<String, Value> {
    let mut fields = allowance(&tenant.allowance);
    set(&mut fields, "owner", tenant.owner.as_deref());
    set(&mut fields, "team", tenant.team.as_ref().map(|team| &*team.name));
    let tags: Vec<&str> = tenant.tags.split(',').filter(|tag| !tag.is_empty()).collect();
    set(&mut fields, "tags", Some(tags).filter(|tags| !tags.is_empty()));
    set(&mut fields, "expires", tenant.expires.map(moment));
    set(&mut fields, "models", tenant.models.clone());
    set(&mut fields, "endpoints", tenant.endpoints.clone());
    set(&mut fields, "policy", tenant.policy.policy.map(|policy| policy.label()));
    set(&mut fields, "spill", tenant.policy.spill);
    let word = OnLeave::WORDS.iter().find(|(_, meaning)| *meaning == tenant.on_leave).map(|(word, _)| *word);
    set(&mut fields, "on_leave", word.filter(|_| tenant.on_leave != OnLeave::default()));
    place(&mut fields, tenant);
    fields
}

/// Its limits, and its place in queues.
fn place(fields: &mut Map<String, Value>, tenant: &Tenant) {
    let quota = &tenant.quota;
    for (metric, limit) in quota.limits.iter() {
        set(fields, metric.key(), Some(limit.value));
    }
    set(fields, "concurrency", quota.most_in_flight);
    let weight = quota.flow.weight;
    set(fields, "weight", Some(weight as u64).filter(|_| weight > 1.0));
    set(fields, "priority", Some(quota.flow.priority).filter(|priority| *priority > 0));
    set(fields, "max_wait", quota.max_wait.map(|wait| humantime::format_duration(wait).to_string()));
}

fn allowance(allowance: &Allowance) -> Map<String, Value> {
    let mut fields = Map::new();
    let amount = |money: Option<Money>| money.map(|money| format!("{money} CNY"));
    set(&mut fields, "budget_per_day", amount(allowance.day.money));
    set(&mut fields, "budget_per_month", amount(allowance.month.money));
    set(&mut fields, "tokens_per_day", allowance.day.tokens);
    set(&mut fields, "tokens_per_month", allowance.month.tokens);
    fields
}

fn set(fields: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}

fn moment(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
