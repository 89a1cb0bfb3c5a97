//! Changes of a key's or a team's fields, as JSON of the admin API or from flags, over the text that is kept.

use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::tenant::KeyError;

/// Every field of a key that can be changed.
pub const KEY_FIELDS: [&str; 24] = [
    "owner",
    "team",
    "tags",
    "expires",
    "models",
    "endpoints",
    "policy",
    "spill",
    "rpm",
    "rph",
    "rpd",
    "tpm",
    "tpd",
    "ipm",
    "ipd",
    "concurrency",
    "weight",
    "priority",
    "max_wait",
    "budget_per_day",
    "budget_per_month",
    "tokens_per_day",
    "tokens_per_month",
    "on_leave",
];
/// Every field of a team that can be changed.
pub const TEAM_FIELDS: [&str; 5] =
    ["models", "budget_per_day", "budget_per_month", "tokens_per_day", "tokens_per_month"];

/// `kept` with `changes`: a member that is null takes its field away. The result is not judged yet.
///
/// # Errors
/// [`KeyError::Fields`] when what is kept cannot be read, or a member can be no field at all.
pub(super) fn changed(kept: &str, changes: Map<String, Value>, now: SystemTime) -> Result<String, KeyError> {
    let wrong = |message: String| KeyError::Fields(vec![message]);
    let mut table: toml::Table =
        kept.parse().map_err(|error| wrong(format!("what is kept cannot be read: {error}")))?;
    for (name, value) in changes {
        if value.is_null() {
            table.remove(&name);
            continue;
        }
        let value = if name == "expires" { moment(value, now) } else { value };
        let value = toml::Value::try_from(value).map_err(|error| wrong(format!("{name}: {error}")))?;
        table.insert(name, value);
    }
    toml::to_string(&table).map_err(|error| wrong(error.to_string()))
}

/// An expiry that is a span of time, such as `30d`, as the moment when that is over.
fn moment(value: Value, now: SystemTime) -> Value {
    let span = value.as_str().and_then(|text| humantime::parse_duration(text).ok());
    match span.and_then(|span| now.checked_add(span)) {
        Some(moment) => humantime::format_rfc3339_seconds(moment).to_string().into(),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use serde_json::json;
    use std::time::Duration;

    fn apply(kept: &str, changes: Value) -> Result<String, KeyError> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        changed(kept, changes.as_object().unwrap().clone(), now)
    }

    #[test]
    fn members_become_fields_and_null_takes_them_away() {
        let kept = apply("", json!({"rpm": 5, "tags": ["a", "b"], "expires": "30d", "spill": true})).unwrap();
        let key = config::keys::key("ann", &kept, &[]).unwrap();
        assert_eq!((&*key.tags, key.policy.spill), ("a,b", Some(true)));
        assert_eq!(key.expires, humantime::parse_rfc3339("2023-12-14T22:13:20Z").ok());
        let kept = apply(&kept, json!({"rpm": null, "expires": "2027-01-31", "nothing": null})).unwrap();
        assert!(!kept.contains("rpm") && kept.contains("2027-01-31"), "{kept}");
    }

    #[test]
    fn strings_stay_strings_whatever_is_in_them() {
        let owner = "\"quoted\"\nrpm = 5 # é\u{7}";
        let kept = apply("", json!({"owner": owner})).unwrap();
        let key = config::keys::key("ann", &kept, &[]).unwrap();
        assert_eq!((key.owner.as_deref(), key.quota.is_limited()), (Some(owner), false));
    }

    #[test]
    fn what_no_field_can_be_is_refused() {
        assert!(apply("", json!({"rpm": 18_446_744_073_709_551_615u64})).is_err());
        assert!(apply("rpm =", json!({})).is_err());
        let kept = apply("", json!({"owner": {"a": [1.5]}})).unwrap();
        assert!(config::keys::key("ann", &kept, &[]).is_err());
    }

    /// Those that can be taken away are those that can be read.
    #[test]
    fn every_field_is_known_to_the_reader() {
        let faults = |text: String| match config::keys::key("ann", &text, &[]) {
            Ok(_) => String::new(),
            Err(faults) => faults.into_iter().map(|fault| fault.message).collect(),
        };
        for field in KEY_FIELDS {
            assert!(!faults(format!("{field} = \"?\"")).contains("unknown name"), "{field}");
        }
        for field in TEAM_FIELDS {
            let read = config::keys::team("ml", &format!("{field} = 1.5")).unwrap_err();
            assert!(!read[0].message.contains("unknown name"), "{field}: {read:?}");
        }
    }
}
