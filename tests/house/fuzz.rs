//! The fuzz crate has a lock of its own: it must know what the program depends on, or it does not build with `--locked`.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::source::text;

fn parsed(name: &str) -> Table {
    text(name).parse().unwrap()
}

#[test]
fn its_lock_follows_the_program() {
    let program = parsed("Cargo.toml");
    let is_optional = |needs: &Value| needs.get("optional").and_then(Value::as_bool) == Some(true);
    let needed = program["dependencies"].as_table().unwrap().iter().filter(|(_, needs)| !is_optional(needs));
    let lock = parsed("fuzz/Cargo.lock");
    let packages = lock["package"].as_array().unwrap();
    let own = packages.iter().find(|package| package["name"].as_str() == Some("flowgate")).unwrap();
    // A name that several versions share has its version behind it.
    let name = |entry: &Value| entry.as_str().unwrap().split(' ').next().unwrap().to_owned();
    let known: BTreeSet<String> = own["dependencies"].as_array().unwrap().iter().map(name).collect();
    let missing: Vec<&String> = needed.map(|(name, _)| name).filter(|name| !known.contains(*name)).collect();
    assert!(missing.is_empty(), "run `cargo metadata` in fuzz/: its lock lacks {missing:?}");
}
