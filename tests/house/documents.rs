//! What the documents say, held against the code: metrics, error codes, commands, versions, both READMEs.

use std::collections::{BTreeMap, BTreeSet};

use flowgate::telemetry::metrics::budget::BudgetGauges;
use flowgate::telemetry::metrics::quota::LimitGauges;
use flowgate::telemetry::metrics::{Metrics, Observation, REFUSAL_REASONS, ROUTES, UPSTREAM_CAUSES};

use super::source::{files_of_kind, strings, text, without_tests};

/// The cells of the table rows of a document.
fn rows(document: &str) -> Vec<Vec<String>> {
    let rows = document.lines().filter(|line| line.starts_with("| "));
    rows.map(|row| row[1..].trim_end_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every family of a page with its type.
fn families(page: &str) -> BTreeMap<String, String> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| line.split_once(' ')).map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// The page of a gateway where everything has happened once.
fn page() -> String {
    let metrics = Metrics::new().unwrap();
    let seen = Observation {
        route: "/chat/completions",
        key: "ann",
        team: "ml",
        model: "Qwen/Qwen3-8B",
        status: 200,
        duration: std::time::Duration::from_secs(2),
        waited: std::time::Duration::ZERO,
        first_token: Some(std::time::Duration::from_secs(1)),
        tokens: [4, 3, 2, 1],
        certainty: "exact",
        cost_cny: Some(0.5),
        is_sent: true,
    };
    metrics.observe(&seen);
    metrics.observe(&Observation { status: 502, ..seen });
    metrics.upstream.keys([("main", false)].into_iter());
    metrics.quota.tier("main", 0);
    metrics.policy.spill("main", 0, 0);
    let (limit, spent, held) = (1.0, 0.0, 0.0);
    metrics.budgets.show(&BudgetGauges { scope: "key", name: "ann", period: "day", unit: "cny", limit, spent, held });
    metrics.budgets.refused("key", "day", "cny");
    metrics.quota.waiting("main", "m", "rpm", 0);
    let gauges =
        LimitGauges { account: "main", model: "m", metric: "rpm", source: "seen", limit: 1, used: 0, reserved: 0 };
    metrics.quota.limit(&gauges);
    String::from_utf8(metrics.render()).unwrap()
}

/// The names of all of them.
pub(super) fn exported() -> BTreeSet<String> {
    families(&page()).into_keys().collect()
}

#[test]
fn every_metric_is_documented_with_its_type() {
    let documented: BTreeMap<String, String> = rows(&text("docs/metrics.md"))
        .into_iter()
        .filter(|row| is_of_a_metric(row))
        .map(|row| (quoted(&row[0]).remove(0), row[1].clone()))
        .collect();
    let exported: BTreeMap<String, String> =
        families(&page()).into_iter().filter(|(name, _)| !name.starts_with("process_")).collect();
    assert_eq!(documented, exported);
}

/// Whether a row of docs/metrics.md tells about a metric.
fn is_of_a_metric(row: &[String]) -> bool {
    ["`flowgate_", "`gen_ai_client_", "`gen_ai_server_"].iter().any(|prefix| row[0].starts_with(prefix))
        && row.len() == 4
}

#[test]
fn every_label_is_documented() {
    let page = page();
    for row in rows(&text("docs/metrics.md")).into_iter().filter(|row| is_of_a_metric(row)) {
        let name = quoted(&row[0]).remove(0);
        let documented: BTreeSet<String> = quoted(&row[2]).into_iter().collect();
        let sample = page
            .lines()
            .find(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name}_count{{")));
        let labels = sample.and_then(|line| line.split_once('{')?.1.split_once('}')).map_or("", |(labels, _)| labels);
        let exported: BTreeSet<String> =
            labels.split("\",").filter_map(|label| label.split_once('=')).map(|(label, _)| label.to_owned()).collect();
        let exported: BTreeSet<String> = exported.into_iter().filter(|label| label != "gen_ai_provider_name").collect();
        assert_eq!(documented, exported, "{name}");
    }
}

#[test]
fn every_metric_of_the_process_is_documented() {
    let document = text("docs/metrics.md");
    for name in families(&page()).keys().filter(|name| name.starts_with("process_")) {
        assert!(document.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn buckets_are_the_documented_ones() {
    let page = page();
    for row in
        rows(&text("docs/metrics.md")).into_iter().filter(|row| row.get(1).is_some_and(|kind| kind == "histogram"))
    {
        let name = quoted(&row[0]).remove(0);
        let (_, documented) = row[3].split_once("Buckets: ").unwrap();
        let documented: Vec<&str> = documented.trim_end_matches('.').split(", ").collect();
        let bounds = page.lines().filter(|line| line.starts_with(&format!("{name}_bucket{{")));
        let bounds: Vec<&str> = bounds
            .filter_map(|line| line.split("le=\"").nth(1)?.split('"').next())
            .take_while(|bound| *bound != "+Inf")
            .collect();
        assert_eq!(documented, bounds, "{name}");
    }
}

/// A section of docs/metrics.md.
fn section(heading: &str) -> String {
    let document = text("docs/metrics.md");
    let (_, section) = document.split_once(&format!("## {heading}\n")).unwrap();
    section.split("\n## ").next().unwrap().to_owned()
}

/// The first cells of the table of a section.
fn first_cells(heading: &str) -> BTreeSet<String> {
    rows(&section(heading)).iter().skip(1).flat_map(|row| quoted(&row[0])).collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn every_cause_of_an_upstream_error_is_documented() {
    assert_eq!(first_cells("Causes of upstream errors"), set(UPSTREAM_CAUSES));
}

#[test]
fn every_reason_of_a_refusal_is_documented() {
    assert_eq!(first_cells("Reasons of refusals"), set(REFUSAL_REASONS));
}

#[test]
fn every_route_is_documented_and_known_by_its_label() {
    let routes: BTreeSet<String> = ROUTES.iter().map(|(route, _)| (*route).to_owned()).collect();
    assert_eq!(quoted(&section("Routes")).into_iter().collect::<BTreeSet<_>>(), routes);
    let code = text("src/api/route.rs");
    let (_, function) = code.split_once("pub fn label(self)").unwrap();
    assert_eq!(strings(function.split("\n    }\n").next().unwrap()).into_iter().collect::<BTreeSet<_>>(), routes);
}

/// What is counted when a request fails: the last word of each view of an error.
#[test]
fn every_label_of_an_error_is_in_a_closed_set() {
    let code = text("src/api/error/view.rs");
    let mut labels = set(&["quota", "key_limit"]);
    for call in ["caller(", "server(", "overloaded("] {
        for (at, _) in code.match_indices(call).filter(|(at, _)| !code[..*at].ends_with("fn ")) {
            let (mut depth, from) = (0, at + call.len() - 1);
            let end = code[from..].find(|letter| {
                depth += i32::from(letter == '(') - i32::from(letter == ')');
                depth == 0
            });
            let arguments = &code[from..from + end.unwrap()];
            let is_named = arguments.trim_end().ends_with('"') || call == "overloaded(";
            labels.extend(strings(arguments).pop().filter(|_| is_named));
        }
    }
    assert!(labels.len() > 30, "has view.rs changed its shape? {labels:?}");
    let known = &set(UPSTREAM_CAUSES) | &set(REFUSAL_REASONS);
    assert!(labels.is_subset(&known), "{:?}", labels.difference(&known));
    // `budget` is what every used-up budget says.
    let never = &set(REFUSAL_REASONS) - &labels;
    assert!(never.is_subset(&set(&["budget"])), "{never:?}");
}

/// Metrics that a query names exist; a histogram has its buckets, count and sum.
#[test]
fn queries_name_metrics_that_exist() {
    let exported = families(&page());
    for file in files_of_kind("", "md") {
        let name = file.to_str().unwrap();
        if name == "CHANGELOG.md" || name.starts_with("docs/bench/") {
            continue;
        }
        for word in text(name).split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_') {
            if word.starts_with("flowgate_") && word.len() > "flowgate_".len() {
                let base = ["_bucket", "_count", "_sum"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
                assert!(exported.contains_key(word) || exported.contains_key(base), "{name} names {word}");
            }
        }
    }
}

/// The code of the error objects: literals behind `Some(` and in `server(status, "code", …)`, without names of fields.
fn codes() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for file in files_of_kind("src/api", "rs").into_iter().filter(|file| file.to_str().unwrap().contains("error")) {
        let text = text(file.to_str().unwrap());
        let text = without_tests(&text);
        for (at, _) in text.match_indices("Some(\"").filter(|(at, _)| !text[..*at].ends_with(".about(")) {
            codes.insert(strings(&text[at + 5..]).remove(0));
        }
        for (at, _) in text.match_indices("server(") {
            let arguments = &text[at..at + text[at..].find('\n').unwrap_or(0)];
            if arguments.starts_with("server(5") {
                codes.insert(strings(arguments).remove(0));
            }
        }
    }
    codes
}

#[test]
fn every_error_code_is_documented() {
    let documented: BTreeSet<String> = rows(&text("docs/errors.md"))
        .into_iter()
        .filter(|row| row.len() > 3 && row[0].starts_with(|letter: char| letter.is_ascii_digit()))
        .flat_map(|row| quoted(&row[2]))
        .filter(|code| code != "null")
        .collect();
    let codes = codes();
    assert!(codes.len() > 20, "has api/error.rs changed its shape? {codes:?}");
    assert_eq!(documented, codes);
}

#[test]
fn every_anthropic_type_is_documented() {
    let document = text("docs/errors.md");
    let code = text("src/api/error.rs");
    let (_, function) = code.split_once("fn anthropic_kind").unwrap();
    for kind in strings(function.split("\n}").next().unwrap()) {
        assert!(document.contains(&format!("`{kind}`")), "{kind}");
    }
}

/// Every edit that can be listed in `x-flowgate-edits` is explained.
#[test]
fn every_edit_is_documented() {
    for readme in ["README.md", "README.zh-CN.md"] {
        let documented = text(readme);
        let explained: Vec<String> =
            rows(&documented).into_iter().filter(|row| row.len() == 3).flat_map(|row| quoted(&row[0])).collect();
        for edit in [
            "model",
            "fallback",
            "thinking",
            "developer-role",
            "max-completion-tokens",
            "ask-usage",
            "batch-split",
            "usage-once",
            "finish-reason",
            "messages-as-chat",
        ] {
            assert!(explained.iter().any(|known| known == edit), "{readme} does not explain {edit}");
        }
    }
}

/// The fenced blocks with their languages.
fn blocks(document: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(format!("{line}\n{}", block.join("\n")));
        }
    }
    blocks
}

#[test]
fn both_readmes_have_the_same_code() {
    assert_eq!(blocks(&text("README.md")), blocks(&text("README.zh-CN.md")));
}

#[test]
fn both_readmes_have_the_same_sections_and_tables() {
    let shape = |readme: &str| -> Vec<String> {
        let document = text(readme);
        let kind = |line: &str| match line {
            line if line.starts_with('#') => Some(line.split(' ').next().unwrap_or_default().to_owned()),
            line if line.starts_with("| ") => Some(format!("row of {}", line.matches(" | ").count() + 1)),
            _ => None,
        };
        let mut is_code = false;
        let outside = document.lines().filter(|line| {
            is_code ^= line.starts_with("```");
            !is_code
        });
        outside.filter_map(kind).collect()
    };
    assert_eq!(shape("README.md"), shape("README.zh-CN.md"));
}

/// The version of the package has its section, the first one under a version.
#[test]
fn the_version_is_the_newest_of_the_changelog() {
    let changelog = text("CHANGELOG.md");
    let headings = changelog.lines().filter_map(|line| line.strip_prefix("## [")?.split(']').next());
    let mut versions = headings.filter(|heading| *heading != "Unreleased");
    let newest = versions.next();
    assert_eq!(newest, Some(env!("CARGO_PKG_VERSION")));
    assert!(changelog.contains("## [Unreleased]"));
}

/// The toolchain is at least the one that the package asks for.
#[test]
fn the_toolchain_suits_the_package() {
    let toolchain: toml::Table = text("rust-toolchain.toml").parse().unwrap();
    let package: toml::Table = text("Cargo.toml").parse().unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    let wanted = package["package"]["rust-version"].as_str().unwrap();
    assert!(channel.starts_with(wanted), "rust-version is {wanted}, the toolchain {channel}");
}

/// Each metric has its name in one place of the code.
#[test]
fn metric_names_stand_in_one_file() {
    for file in files_of_kind("src", "rs") {
        let name = file.to_str().unwrap();
        let text = text(name);
        let has_one = strings(without_tests(&text)).iter().any(|text| {
            let is_bare =
                text.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_' || letter.is_ascii_digit());
            is_bare && (text.starts_with("flowgate_") || text.starts_with("gen_ai_"))
        });
        assert!(!has_one || name.starts_with("src/telemetry/"), "{name} names a metric");
    }
}
