//! Keys and teams that were made while running: their fields are text, a table as it could stand under `[[key]]` or
//! `[[team]]`, read by the same code, so that file, command line and admin API tell the same faults in the same words.

use std::path::Path;
use std::sync::Arc;

use super::environment::Environment;
use super::fault::{Fault, Faults};
use super::reader::Section;
use super::settings::{check_name, key_fields, team_fields};
use crate::tenant::{Team, Tenant};

/// The key `name` with the fields of the TOML table `fields`. A team that is not among `teams` is kept as a name.
///
/// # Errors
/// Every fault.
pub fn key(name: &str, fields: &str, teams: &[Arc<Team>]) -> Result<Tenant, Vec<Fault>> {
    read("key", fields, |section| {
        check_name(section, "a key", name);
        key_fields(section, name, teams)
    })
}

/// The team `name` with the fields of the TOML table `fields`.
///
/// # Errors
/// Every fault.
pub fn team(name: &str, fields: &str) -> Result<Team, Vec<Fault>> {
    read("team", fields, |section| {
        check_name(section, "a team", name);
        team_fields(section, name)
    })
}

fn read<T>(what: &str, text: &str, read: impl FnOnce(&Section<'_>) -> T) -> Result<T, Vec<Fault>> {
    let faults = Faults::new(text);
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        errors.iter().for_each(|error| faults.at(error.span().map_or(0, |span| span.start), error.message()));
        return Err(faults.into_vec());
    }
    let environment = Environment::default();
    let section = Section::root(document.get_ref(), &faults, &environment, Path::new("")).named(what);
    let result = read(&section);
    section.report_unknown();
    let found = faults.into_vec();
    if found.is_empty() { Ok(result) } else { Err(found) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::money::Money;

    #[test]
    fn a_key_is_read_as_in_the_file() {
        let text = "team = \"ml\"\ntags = [\"b\", \"a\", \"b\"]\nexpires = 2027-01-31\nendpoints = [\"/embeddings\"]\nrpm = 5\n\
            budget_per_month = \"5.5 CNY\"\ntokens_per_day = 5_000_000_000\non_leave = \"drain\"\n";
        let key = key("ann", text, &[]).unwrap();
        assert_eq!((&*key.name, &*key.tags, &*key.team.unwrap().name), ("ann", "a,b", "ml"));
        assert_eq!(key.expires, humantime::parse_rfc3339("2027-01-31T00:00:00Z").ok());
        assert_eq!(key.allowance.month.money, Some(Money::from_micros_cny(5_500_000)));
        assert_eq!(key.allowance.day.tokens, Some(5_000_000_000));
        assert_eq!(key.on_leave, crate::tenant::OnLeave::Drain);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let text = "tags = [\"a b\"]\nrpm = \"5\"\nendpoints = [\"/chat\"]\nexpires = \"soon\"\nnmae = 1\ntokens_per_day = 0\n";
        let faults: Vec<String> = key("a/b", text, &[]).unwrap_err().into_iter().map(|fault| fault.message).collect();
        for what in ["name", "tags", "rpm", "endpoints", "expires", "nmae", "tokens_per_day"] {
            assert!(faults.iter().any(|fault| fault.starts_with(&format!("key.{what}: "))), "{what}: {faults:?}");
        }
        assert_eq!(faults.len(), 7, "{faults:?}");
        assert!(team("", "budget = 1").unwrap_err().len() == 2 && key("ann", "rpm =", &[]).is_err());
    }
}
