//! The queries of the dashboard, with its variables filled in as Grafana does.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::binary::program::repository;

/// Variables, and what they stand for when everything is chosen.
const VARIABLES: [(&str, &str); 7] = [
    ("$__rate_interval", "15s"),
    ("$__range", "1m"),
    ("$job", ".+"),
    ("$instance", ".+"),
    ("$account", ".*"),
    ("$model", ".*"),
    ("$key", ".*"),
];

/// The queries of each panel, and of what is drawn over all of them, by title.
pub(super) fn panels() -> BTreeMap<String, Vec<String>> {
    let file = repository("deploy/grafana/dashboards/flowgate.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut found = BTreeMap::new();
    for panel in dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().unwrap();
        let queries = targets.iter().map(|target| filled(target["expr"].as_str().unwrap())).collect();
        assert!(found.insert(panel["title"].as_str().unwrap().to_owned(), queries).is_none(), "two of {panel}");
    }
    found
}

fn filled(expression: &str) -> String {
    let filled = VARIABLES.iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!filled.contains('$'), "a variable that nobody knows: {filled}");
    filled
}
