//! What the command `models` shows: the catalogue in force with the account's limits, and the upstream's list beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::fetch::fetch;
use super::kept::{NOTE, read};
use crate::catalog::Differences;
use crate::catalog::describe;
use crate::catalog::live::LiveList;
use crate::catalog::model::Kind;
use crate::catalog::nearest;
use crate::config::Settings;
use crate::quota::Quota;
use crate::quota::limits::Limits;
use crate::quota::moment::Clock;
use crate::server::budget::Spending;
use crate::server::build;
use crate::server::quota::Accounts;
use crate::state::Note;
use crate::upstream::Upstream;

/// How catalogue and list differ: `new` and `gone` names, `renamed` from and to, and how many are the `same`.
pub type ModelDifferences = Differences;

/// How many names are proposed in place of one that nobody knows.
const PROPOSALS: usize = 3;

/// Every model of the catalogue and of the list that was fetched last, in the form of `GET /models`' nested object with
/// the `id` beside it; with `name`, only that one.
///
/// # Errors
/// That nobody knows `name`, with the names that are near.
pub fn models_of(settings: &Settings, name: Option<&str>) -> Result<Vec<Value>, String> {
    let live = kept(settings);
    let clock = Clock::system();
    let quota = Quota::new(clock.clone(), settings.queue.bounds, Box::new(|_| {}));
    let accounts = Accounts::new(quota, settings, &BTreeMap::new(), Spending::forgetful(clock));
    let catalogue = &settings.models.catalogue;
    let ids = catalogue.models().iter().map(|model| model.id.as_str());
    let new = live.iter().flat_map(LiveList::ids).filter(|id| catalogue.get(id).is_none());
    let ids: Vec<&str> = ids.chain(new).collect();
    let asked = name.map(|name| settings.aliases.target(name).unwrap_or(name));
    let model = |id: &str| {
        let limits = limits(settings, &accounts, id);
        let mut shown = describe(catalogue, live.as_ref(), id, &limits);
        shown["id"] = json!(id);
        shown
    };
    let Some(asked) = asked else { return Ok(ids.into_iter().map(model).collect()) };
    if ids.contains(&asked) {
        return Ok(vec![model(asked)]);
    }
    let near = nearest::names(asked, ids, PROPOSALS);
    let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
    Err(format!("`{asked}` is in neither the catalogue nor the list of SiliconFlow{hint}"))
}

/// The limits of the first account, as `GET /models` shows them.
fn limits(settings: &Settings, accounts: &Accounts, id: &str) -> Limits {
    let kind = settings.models.catalogue.get(id).map_or(Kind::Chat, |model| model.kind);
    let first = settings.accounts.first();
    first.map_or_else(Limits::default, |account| accounts.limits(&account.name, id, kind))
}

/// The list that the gateway of these settings fetched last.
fn kept(settings: &Settings) -> Option<LiveList> {
    if settings.state.dir.as_os_str().is_empty() {
        return None;
    }
    let kept = Note::peek(&settings.state.dir, NOTE).ok().flatten()?;
    read(&kept, &settings.transport.base_url.to_string())
}

/// The catalogue against the upstream's list: fetched now, or the one that was kept.
///
/// # Errors
/// Why there is no list.
pub async fn models_diff(settings: &Settings, is_offline: bool) -> Result<ModelDifferences, String> {
    let list = if is_offline { kept(settings) } else { Some(fetched(settings).await?) };
    let list = list.ok_or_else(|| {
        let folder = settings.state.dir.display();
        format!("no list was kept in {folder}: run `flowgate serve` once, or compare without --offline")
    })?;
    Ok(Differences::between(&settings.models.catalogue, &list))
}

async fn fetched(settings: &Settings) -> Result<LiveList, String> {
    let accounts = settings.accounts.iter().map(build::account).collect::<Result<Vec<_>, _>>()?;
    let upstream = Arc::new(Upstream::new(settings.transport.clone(), accounts, |_| {})?);
    fetch(&upstream).await.map_err(|error| format!("there is no list from {}: {error}", upstream.base_url()))
}
