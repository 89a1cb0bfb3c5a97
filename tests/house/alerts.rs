//! Alerts are of use to whoever is woken: each says what it is and leads to a section that says what to do, and has a test that
//! makes it fire. What they name exists.

use std::collections::BTreeSet;

use super::links::anchors;
use super::source::text;

/// The blocks of a file of rules that begin with `- KIND: NAME`, with their names.
fn rules(file: &str, kind: &str) -> Vec<(String, String)> {
    let text = text(file);
    let begin = format!("      - {kind}: ");
    text.split("\n      - ")
        .skip(1)
        .filter_map(|block| {
            let block = format!("      - {block}");
            let name = block.strip_prefix(&begin)?.lines().next()?.trim().to_owned();
            Some((name, block))
        })
        .collect()
}

fn value<'a>(block: &'a str, key: &str) -> Option<&'a str> {
    block
        .lines()
        .find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "))
        .map(|value| value.trim_matches('"'))
}

#[test]
fn every_alert_says_what_it_is_and_where_to_read_on() {
    let alerts = rules("deploy/prometheus/alerts.yml", "alert");
    assert!(alerts.len() > 20, "has the file changed its shape?");
    for (name, block) in &alerts {
        assert!(name.starts_with("Flowgate"), "{name}");
        assert!(matches!(value(block, "severity"), Some("critical" | "warning")), "{name}");
        for field in ["summary", "description"] {
            assert!(value(block, field).is_some_and(|text| text.len() > 10), "{name} has no {field}");
        }
        let runbook = format!("docs/runbooks.md#{}", name.to_lowercase());
        assert_eq!(value(block, "runbook_url"), Some(runbook.as_str()), "{name}");
    }
}

#[test]
fn every_alert_has_its_runbook_and_every_runbook_its_alert() {
    let document = text("docs/runbooks.md");
    let alerts: BTreeSet<String> =
        rules("deploy/prometheus/alerts.yml", "alert").into_iter().map(|(name, _)| name).collect();
    let sections: BTreeSet<String> =
        document.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect();
    assert_eq!(alerts, sections);
    let anchors = anchors(&document);
    assert!(alerts.iter().all(|name| anchors.contains(&name.to_lowercase())));
    for section in document.split("\n### ").skip(1) {
        for part in ["**Means.**", "**Look at.**", "**Do.**"] {
            assert!(section.contains(part), "{part} {}", section.lines().next().unwrap());
        }
    }
}

#[test]
fn every_alert_and_every_rule_has_a_test() {
    let tests = ["alerts", "days"].map(|file| text(&format!("deploy/prometheus/tests/{file}.yml"))).concat();
    for (name, _) in rules("deploy/prometheus/alerts.yml", "alert") {
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name}");
    }
    let tests = text("deploy/prometheus/tests/rules.yml");
    for (name, _) in rules("deploy/prometheus/rules.yml", "record") {
        assert!(tests.contains(&name), "{name}");
    }
}

#[test]
fn rules_name_metrics_that_exist() {
    let exported = super::documents::exported();
    let recorded: BTreeSet<String> =
        rules("deploy/prometheus/rules.yml", "record").into_iter().map(|(name, _)| name).collect();
    for file in ["deploy/prometheus/rules.yml", "deploy/prometheus/alerts.yml"] {
        let text = text(file);
        let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
        for word in text.split(|letter| !is_of_name(letter)) {
            let base = ["_bucket", "_count", "_sum"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
            let is_rule = word.contains(":flowgate_");
            assert!(!is_rule || recorded.contains(word.trim_end_matches(':')), "{file} names {word}");
            let is_metric = word.starts_with("flowgate_") || word.starts_with("process_");
            assert!(!is_metric || exported.contains(word) || exported.contains(base), "{file} names {word}");
        }
    }
}
