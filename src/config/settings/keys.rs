//! `[[key]]`, the virtual keys of callers, and `[keys]`, what holds for all of them. The fields of a key that was made while
//! running are read by the same code; see `config::keys`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use secrecy::ExposeSecret;
use toml::de::DeValue;

use super::{allowance, policy};
use crate::api::Route;
use crate::config::quota;
use crate::config::reader::{Section, wrong};
use crate::tenant::{self, KeyHash, OnLeave, OnRevoke, Team, Tenant};

/// Most characters of a name (ours).
const MOST_NAME: usize = 64;
/// Most tags of a key, and most characters of one (ours): each tag is a group in reports.
const MOST_TAGS: usize = 16;
const MOST_TAG: usize = 32;

/// What an expiry may be.
const MOMENT: &str = "must be a date and time in UTC such as 2027-01-31T00:00:00Z, or a date such as 2027-01-31";

/// `[keys]`
pub(super) fn rules(section: &Section<'_>) -> OnRevoke {
    section.word("on_revoke", &OnRevoke::WORDS, OnRevoke::default())
}

/// Every `[[key]]`. Where `is_keyless`, nobody will call: secrets are not looked for.
pub(super) fn read(
    root: &Section<'_>,
    teams: &[Arc<Team>],
    is_keyless: bool,
    watched: &mut Vec<PathBuf>,
) -> Vec<(KeyHash, Tenant)> {
    let mut keys: Vec<(KeyHash, Tenant)> = Vec::new();
    root.sections("key", |section| {
        let Some((hash, tenant)) = key(section, teams, is_keyless, watched) else { return };
        if keys.iter().any(|(_, other)| other.name == tenant.name) {
            section
                .fault("name", format_args!("there is another key `{}`; give this one a name of its own", tenant.name));
        } else if let Some((_, other)) = keys.iter().find(|(other, _)| *other == hash) {
            section.fault("name", format_args!("this key has the secret of `{}`; give it one of its own", other.name));
        }
        keys.push((hash, tenant));
    });
    keys
}

fn key(
    section: &Section<'_>,
    teams: &[Arc<Team>],
    is_keyless: bool,
    watched: &mut Vec<PathBuf>,
) -> Option<(KeyHash, Tenant)> {
    let name = section.text("name").unwrap_or_default();
    check_name(section, "a key", &name);
    let hash = hash(section, &name, is_keyless, watched);
    let tenant = fields(section, &name, teams);
    Some((hash?, tenant)).filter(|(_, tenant)| !tenant.name.is_empty())
}

fn hash(section: &Section<'_>, name: &str, is_keyless: bool, watched: &mut Vec<PathBuf>) -> Option<KeyHash> {
    let hash = section.read("hash", |value| {
        value.as_str().and_then(tenant::parse_hash).ok_or_else(|| "must be \"sha256:\" and 64 hex digits".to_owned())
    });
    let is_written = |key| section.read(key, |_| Ok(())).is_some();
    if is_written("hash") == is_written("secret") {
        section.fault("secret", "a key needs either `secret` (by reference) or `hash`, one of them");
    }
    if is_keyless {
        return Some(tenant::hash(name));
    }
    let secret = section.secret("secret").map(|(secret, file)| {
        watched.extend(file);
        tenant::hash(secret.expose_secret())
    });
    hash.or(secret)
}

/// Names are paths of the admin API, labels and words of commands.
pub(in crate::config) fn check_name(section: &Section<'_>, what: &str, name: &str) {
    let is_plain = |letter: char| letter.is_alphanumeric() || "._-@+".contains(letter);
    if name.is_empty() {
        section.fault("name", format_args!("{what} needs a name"));
    } else if !name.chars().all(is_plain) || name.chars().count() > MOST_NAME || name.starts_with('-') {
        let shape = "must be letters, digits and . _ - @ +, at most 64, and not begin with `-`";
        section.fault("name", format_args!("{shape}, not `{}`", name.escape_debug()));
    }
}

/// What a key may do. A team that is not among `teams` is kept as a name, to be found in the store.
pub(in crate::config) fn fields(section: &Section<'_>, name: &str, teams: &[Arc<Team>]) -> Tenant {
    let name: Arc<str> = name.into();
    let team = section.text("team").map(|team| {
        let known = teams.iter().find(|known| *known.name == *team).cloned();
        known.unwrap_or_else(|| Arc::new(Team::named(team.into())))
    });
    Tenant {
        owner: section.text("owner").map(Into::into),
        team,
        tags: section.read("tags", tags).unwrap_or_else(|| "".into()),
        models: section.texts("models"),
        endpoints: section.read("endpoints", endpoints),
        expires: section.read("expires", moment),
        quota: quota::caller(section, &name),
        allowance: allowance::read(section),
        policy: policy::of_key(section),
        on_leave: section.word("on_leave", &OnLeave::WORDS, OnLeave::default()),
        ..Tenant::named(name)
    }
}

fn words<'a>(value: &'a DeValue<'_>) -> Result<Vec<&'a str>, String> {
    let words = value.as_array().map(|words| words.iter().map(|word| word.get_ref().as_str()).collect());
    words.flatten().ok_or_else(|| wrong("a list of strings", value))
}

fn tags(value: &DeValue<'_>) -> Result<Arc<str>, String> {
    let mut words = words(value)?;
    let is_plain = |letter: char| letter.is_alphanumeric() || "._-".contains(letter);
    let is_tag = |word: &str| !word.is_empty() && word.chars().count() <= MOST_TAG && word.chars().all(is_plain);
    if let Some(wrong) = words.iter().find(|word| !is_tag(word)) {
        let shape = format!("a tag is at most {MOST_TAG} letters, digits and . _ -");
        return Err(format!("{shape}, not `{}`", wrong.escape_debug()));
    }
    words.sort_unstable();
    words.dedup();
    if words.len() > MOST_TAGS { Err(format!("must be at most {MOST_TAGS} tags")) } else { Ok(words.join(",").into()) }
}

fn endpoints(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let words = words(value)?;
    match words.iter().find(|word| !Route::NAMED.iter().any(|route| route.label() == **word)) {
        Some(unknown) => {
            let known = Route::NAMED.map(|route| format!("\"{}\"", route.label())).join(", ");
            Err(format!("`{}` is no endpoint; there are {known}", unknown.escape_debug()))
        }
        None => Ok(words.into_iter().map(str::to_owned).collect()),
    }
}

fn moment(value: &DeValue<'_>) -> Result<SystemTime, String> {
    let date_time = value.as_datetime().map(ToString::to_string);
    let text = date_time.as_deref().or_else(|| value.as_str()).ok_or(MOMENT)?;
    let midnight = format!("{text}T00:00:00Z");
    let moment = humantime::parse_rfc3339(text).or_else(|_| humantime::parse_rfc3339(&midnight));
    moment.map_err(|_| MOMENT.to_owned())
}
