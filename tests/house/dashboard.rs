//! The dashboard as Grafana's own linter would have it, so that it works wherever it is provisioned or imported: data source, job
//! and instance can be chosen, every panel explains itself, and it names nothing that the gateway does not export.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::source::text;

fn dashboard() -> Value {
    serde_json::from_str(&text("deploy/grafana/dashboards/flowgate.json")).unwrap()
}

fn list(of: &Value) -> &Vec<Value> {
    of.as_array().unwrap()
}

fn word(of: &Value) -> &str {
    of.as_str().unwrap_or_else(|| panic!("no text: {of}"))
}

/// Panels that show something.
fn panels(dashboard: &Value) -> Vec<Value> {
    list(&dashboard["panels"]).iter().filter(|panel| panel["type"] != "row").cloned().collect()
}

/// The queries of a panel.
fn queries(panel: &Value) -> impl Iterator<Item = &str> {
    list(&panel["targets"]).iter().map(|target| word(&target["expr"]))
}

/// Every query there is, those of annotations too.
fn all_queries(dashboard: &Value) -> Vec<String> {
    let panels = panels(dashboard);
    let of_panels = panels.iter().flat_map(queries);
    of_panels
        .chain(list(&dashboard["annotations"]["list"]).iter().map(|own| word(&own["expr"])))
        .map(str::to_owned)
        .collect()
}

/// The names in a query that look like metrics, each with what follows it.
fn names(query: &str) -> Vec<(String, String)> {
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(at) = rest.find(is_of_name) {
        let end = rest[at..].find(|letter| !is_of_name(letter)).map_or(rest.len(), |length| at + length);
        let name = &rest[at..end];
        if ["flowgate_", "process_", "gen_ai_client", "gen_ai_server", "scrape_"]
            .iter()
            .any(|own| name.starts_with(own))
        {
            found.push((name.to_owned(), rest[end..].to_owned()));
        }
        rest = &rest[end..];
    }
    found
}

#[test]
fn it_can_be_provisioned_and_imported() {
    let dashboard = dashboard();
    assert_eq!(dashboard["id"], Value::Null);
    assert_eq!(dashboard["uid"], "flowgate");
    assert!(dashboard["schemaVersion"].as_u64() >= Some(39) && dashboard["version"].is_u64());
    assert_eq!(dashboard["editable"], false);
    assert!(dashboard.get("__inputs").is_none(), "a file with inputs is not provisioned");
    for field in ["title", "refresh", "description"] {
        assert!(!word(&dashboard[field]).is_empty());
    }
    assert!(dashboard["time"]["from"].is_string() && !list(&dashboard["tags"]).is_empty());
}

#[test]
fn its_variables_choose_data_source_job_and_instance() {
    let dashboard = dashboard();
    let variables: BTreeMap<&str, &Value> =
        list(&dashboard["templating"]["list"]).iter().map(|own| (word(&own["name"]), own)).collect();
    assert_eq!(variables["datasource"]["type"], "datasource");
    assert_eq!(variables["datasource"]["query"], "prometheus");
    for (name, variable) in variables.iter().filter(|(name, _)| **name != "datasource") {
        assert_eq!(variable["datasource"], json!({"type": "prometheus", "uid": "${datasource}"}), "{name}");
        assert!(word(&variable["definition"]).starts_with("label_values("), "{name}");
        assert!(variable["multi"] == true && variable["includeAll"] == true, "{name}");
        // A label that is not there is chosen by "All" too; job and instance always are.
        assert!(word(&variable["allValue"]) == if matches!(*name, "job" | "instance") { ".+" } else { ".*" }, "{name}");
    }
    for name in ["job", "instance", "account", "model", "key"] {
        assert!(variables.contains_key(name), "{name}");
    }
}

#[test]
fn every_panel_explains_itself() {
    for panel in panels(&dashboard()) {
        let title = word(&panel["title"]);
        assert!(!title.is_empty() && word(&panel["description"]).len() > 20, "{title}");
        let defaults = &panel["fieldConfig"]["defaults"];
        assert!(!word(&defaults["unit"]).is_empty() && !word(&defaults["noValue"]).is_empty(), "{title}");
        assert!(!list(&defaults["thresholds"]["steps"]).is_empty(), "{title}");
        let source = json!({"type": "prometheus", "uid": "${datasource}"});
        assert_eq!(panel["datasource"], source, "{title}");
        let mut seen = BTreeSet::new();
        for target in list(&panel["targets"]) {
            assert_eq!(target["datasource"], source, "{title}");
            assert!(seen.insert(word(&target["refId"])), "{title}");
            let needs_no_legend = panel["type"] == "table";
            assert!(needs_no_legend || !word(&target["legendFormat"]).is_empty(), "{title}");
        }
    }
}

#[test]
fn every_query_is_of_the_chosen_gateways_and_of_metrics_that_exist() {
    let exported = super::documents::exported();
    for query in all_queries(&dashboard()) {
        for (name, rest) in names(&query) {
            assert!(rest.starts_with("{job=~\"$job\", instance=~\"$instance\""), "{name} of all gateways: {query}");
            let base = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            let is_known = exported.contains(&name) || exported.contains(base) || name.starts_with("scrape_");
            assert!(is_known, "there is no {name}: {query}");
        }
        // A fixed window is too short for one scrape interval and too long for another.
        let ranges = query.match_indices('[').map(|(at, _)| &query[at..=at + query[at..].find(']').unwrap()]);
        for range in ranges {
            let is_sum = query.contains("increase(") && range == "[$__range]";
            assert!(range == "[$__rate_interval]" || is_sum, "{range} in {query}");
        }
    }
}

#[test]
fn every_metric_is_shown() {
    let base = |name: String| {
        ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end).map(str::to_owned)).unwrap_or(name)
    };
    let shown: BTreeSet<String> =
        all_queries(&dashboard()).iter().flat_map(|query| names(query)).map(|(name, _)| base(name)).collect();
    let is_renamed = |name: &str| name.starts_with("gen_ai_server_");
    for name in super::documents::exported().iter().filter(|name| !name.starts_with("process_") && !is_renamed(name)) {
        assert!(shown.contains(name), "no panel shows {name}");
    }
}

/// Grafana would move panels that overlap.
#[test]
fn panels_stand_side_by_side() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in list(&dashboard["panels"]) {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "two panels have one id");
        let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        let (x, y, w, h) = (place("x"), place("y"), place("w"), place("h"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{}", panel["title"]);
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{} lies over another panel", panel["title"]);
        }
    }
    let rows = list(&dashboard["panels"]).iter().filter(|panel| panel["type"] == "row").count();
    assert_eq!(rows, 7, "overview, quota, models, teams and cost, upstream, pictures and jobs, the gateway itself");
}
