//! The desk with its time handed in.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::desk::Desk;
use super::merge::merge;
use super::{OfFile, open};
use crate::tenant::{KeyError, Secret, TenantError, Tenants};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

fn members(fields: &Value) -> serde_json::Map<String, Value> {
    fields.as_object().unwrap().clone()
}

fn desk() -> (tempfile::TempDir, Desk) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    (folder, Desk::new(Some(store), std::sync::Arc::default(), std::sync::Arc::default()))
}

/// Whether the secret opens the gateway at a moment.
fn opens(desk: &Desk, secret: &Secret, now: SystemTime) -> bool {
    let tenants = Tenants::closed(merge(&OfFile::default(), &desk.held().unwrap()).keys);
    let found = tenants.authenticate(Some(secret.expose()), now);
    assert!(found.is_ok() || found == Err(TenantError::Unknown));
    found.is_ok()
}

#[test]
fn a_rotation_overlaps_to_the_second() {
    let (_folder, desk) = desk();
    let (_, first) = desk.create("ann", members(&json!({"expires": "1h"})), at(0)).unwrap();
    let (shown, second) = desk.rotate("ann", Duration::from_secs(60), at(10)).unwrap();
    assert_eq!(shown["previous_until"], humantime::format_rfc3339_seconds(at(70)).to_string());
    assert!(opens(&desk, &first, at(69)) && !opens(&desk, &first, at(70)));
    assert!(opens(&desk, &second, at(3599)) && !opens(&desk, &second, at(3600)));
    // One secret beside the new one, never two; and an overlap does not outlive the key.
    let (_, third) = desk.rotate("ann", Duration::from_secs(86_400), at(20)).unwrap();
    assert!(!opens(&desk, &first, at(21)) && opens(&desk, &second, at(21)) && !opens(&desk, &second, at(3600)));
    let (_, fourth) = desk.rotate("ann", Duration::ZERO, at(30)).unwrap();
    assert!(!opens(&desk, &third, at(30)) && opens(&desk, &fourth, at(30)));
    desk.revoke("ann", at(40)).unwrap();
    assert!(!opens(&desk, &fourth, at(40)));
    assert_eq!(desk.rotate("ann", Duration::ZERO, at(50)).unwrap_err(), KeyError::Revoked("ann".to_owned()));
}

#[test]
fn what_is_refused_changes_nothing() {
    let (_folder, desk) = desk();
    desk.create("ann", members(&json!({"rpm": 5})), at(0)).unwrap();
    let before = desk.held().unwrap();
    assert!(desk.edit("ann", &members(&json!({"rpm": 0, "tpm": 5})), at(1)).is_err());
    assert!(desk.edit("ann", &members(&json!({"team": "nobody"})), at(1)).is_err());
    assert!(desk.create("ann", members(&json!({})), at(1)).is_err());
    assert!(desk.set_team("ml", members(&json!({"rpm": 5})), at(1)).is_err());
    assert_eq!(desk.held().unwrap(), before);
}

#[test]
fn without_a_store_there_is_only_the_file() {
    let desk = Desk::new(None, std::sync::Arc::default(), std::sync::Arc::default());
    assert_eq!((desk.keys(at(0)), desk.teams()), (Ok(vec![]), Ok(vec![])));
    assert_eq!(desk.create("ann", members(&json!({})), at(0)).unwrap_err(), KeyError::NotKept);
    assert_eq!(desk.revoke("ann", at(0)), Err(KeyError::NotKept));
}
