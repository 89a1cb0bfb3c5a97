//! Keys of the file and of the store together.

use std::sync::Arc;

use super::OfFile;
use crate::config;
use crate::tenant::{Held, KeyHash, StoredKey, Team, Tenant};

/// What comes of it.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// Every secret that opens the gateway.
    pub(super) keys: Vec<(KeyHash, Tenant)>,
    /// Every team.
    pub(super) teams: Vec<Arc<Team>>,
    /// What is wrong with keys of the file, which open nothing then.
    pub(super) faults: Vec<String>,
    /// Which keys and teams of the store are left out, and why.
    pub(super) refused: Vec<String>,
}

pub(super) fn merge(of_file: &OfFile, held: &Held) -> Merged {
    let mut merged = Merged { teams: of_file.teams.clone(), ..Merged::default() };
    merged.add_teams(held);
    for (hash, tenant) in &of_file.keys {
        match of_team(tenant.clone(), &merged.teams) {
            Ok(tenant) => merged.keys.push((*hash, tenant)),
            Err(error) => merged.faults.push(error),
        }
    }
    for key in held.keys.iter().filter(|key| key.revoked.is_none()) {
        if let Err(reason) = merged.add(key, of_file) {
            merged.refused.push(format!("the stored key `{}` is refused: {reason}", key.name));
        }
    }
    merged
}

impl Merged {
    fn add_teams(&mut self, held: &Held) {
        for stored in &held.teams {
            if self.teams.iter().any(|team| *team.name == *stored.name) {
                continue;
            }
            match config::keys::team(&stored.name, &stored.fields) {
                Ok(team) => self.teams.push(Arc::new(team)),
                Err(faults) => {
                    self.refused.push(format!("the stored team `{}` cannot be read: {}", stored.name, words(&faults)));
                }
            }
        }
    }

    fn add(&mut self, key: &StoredKey, of_file: &OfFile) -> Result<(), String> {
        if of_file.keys.iter().any(|(_, other)| *other.name == *key.name) {
            return Err("the configuration file has a key of this name, which wins".to_owned());
        }
        let tenant = tenant(key, &self.teams)?;
        let previous = key.previous.map(|(hash, until)| {
            let expires = Some(tenant.expires.map_or(until, |expires| expires.min(until)));
            (hash, Tenant { expires, ..tenant.clone() })
        });
        for (hash, tenant) in [(key.hash, tenant)].into_iter().chain(previous) {
            if self.keys.iter().all(|(other, _)| *other != hash) {
                self.keys.push((hash, tenant));
            }
        }
        Ok(())
    }
}

/// What a stored key means.
///
/// # Errors
/// Why it cannot be used.
pub(super) fn tenant(key: &StoredKey, teams: &[Arc<Team>]) -> Result<Tenant, String> {
    let tenant = config::keys::key(&key.name, &key.fields, teams).map_err(|faults| words(&faults))?;
    of_team(tenant, teams)
}

/// A key without its team would escape the team's budget.
fn of_team(tenant: Tenant, teams: &[Arc<Team>]) -> Result<Tenant, String> {
    let Some(team) = &tenant.team else { return Ok(tenant) };
    match teams.iter().find(|known| known.name == team.name) {
        Some(known) => Ok(Tenant { team: Some(known.clone()), ..tenant }),
        None => {
            let (key, team) = (&tenant.name, &team.name);
            Err(format!(
                "key.team: there is no team `{team}`, to which the key `{key}` belongs. Make it with `flowgate teams set {team}`, or as a [[team]]"
            ))
        }
    }
}

/// All faults in one line.
fn words(faults: &[config::Fault]) -> String {
    faults.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::{StoredTeam, hash};
    use std::time::{Duration, SystemTime};

    fn stored(name: &str, fields: &str) -> StoredKey {
        StoredKey {
            name: name.to_owned(),
            hash: hash(&format!("fg-{name}")),
            prefix: String::new(),
            created: SystemTime::UNIX_EPOCH,
            revoked: None,
            previous: None,
            fields: fields.to_owned(),
        }
    }

    fn names(merged: &Merged) -> Vec<&str> {
        merged.keys.iter().map(|(_, tenant)| &*tenant.name).collect()
    }

    #[test]
    fn the_file_wins_by_name_and_by_secret() {
        let key = |name: &str, secret: &str| (hash(secret), Tenant::named(name.into()));
        let of_file = OfFile { keys: vec![key("ann", "a"), key("bob", "fg-cy")], teams: vec![] };
        let held = Held { keys: vec![stored("ann", ""), stored("cy", ""), stored("dan", "")], ..Held::default() };
        let merged = merge(&of_file, &held);
        assert_eq!(names(&merged), ["ann", "bob", "dan"]);
        assert!(merged.refused.len() == 1 && merged.refused[0].contains("`ann`"), "{:?}", merged.refused);
    }

    #[test]
    fn what_cannot_be_read_or_was_revoked_opens_nothing() {
        let revoked = StoredKey { revoked: Some(SystemTime::UNIX_EPOCH), ..stored("old", "") };
        let keys =
            vec![stored("new", "from_the_future = 1\n"), stored("lost", "team = \"x\"\n"), revoked, stored("ok", "")];
        let merged = merge(&OfFile::default(), &Held { keys, ..Held::default() });
        assert_eq!((names(&merged), merged.refused.len()), (vec!["ok"], 2));
        assert!(merged.refused[0].contains("from_the_future") && merged.refused[1].contains("flowgate teams set x"));
    }

    #[test]
    fn the_secret_before_works_until_its_end() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let rotated = |fields| StoredKey { previous: Some((hash("old"), at(100))), ..stored("ann", fields) };
        for (fields, expires) in [("", 100), ("expires = 1970-01-01T00:00:50Z", 50)] {
            let held = Held { keys: vec![rotated(fields)], ..Held::default() };
            let merged = merge(&OfFile::default(), &held);
            let previous = merged.keys.iter().find(|(own, _)| *own == hash("old")).map(|(_, tenant)| tenant.expires);
            assert_eq!((merged.keys.len(), previous), (2, Some(Some(at(expires)))));
        }
    }

    #[test]
    fn teams_of_both_are_known_to_both() {
        let key = Tenant { team: Some(Arc::new(Team::named("b".into()))), ..Tenant::named("ann".into()) };
        let of_file = OfFile { keys: vec![(hash("a"), key)], teams: vec![Arc::new(Team::named("a".into()))] };
        let team = StoredTeam { name: "b".to_owned(), fields: "budget_per_day = \"1 CNY\"".to_owned() };
        let held = Held { keys: vec![stored("bob", "team = \"a\"")], teams: vec![team], revision: 1 };
        let merged = merge(&of_file, &held);
        assert!(merged.faults.is_empty() && merged.refused.is_empty(), "{merged:?}");
        assert!(merged.keys[0].1.team.as_ref().is_some_and(|team| !team.allowance.is_endless()));
        assert_eq!(merge(&of_file, &Held::default()).faults.len(), 1);
    }
}
