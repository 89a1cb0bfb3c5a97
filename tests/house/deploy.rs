//! What flowgate is shipped with, as far as it can be read: versions, copies, what the image is built of.

use std::path::Path;

use super::source::{files_of_kind, strings, text};

/// What stands behind `before` in `line`s of a file, up to the next blank or quote.
fn behind(file: &str, before: &str) -> Vec<String> {
    let word = |rest: &str| rest.split([' ', '"', '\n', '-']).next().unwrap_or_default().to_owned();
    let found: Vec<String> = text(file).split(before).skip(1).map(word).collect();
    assert!(!found.is_empty(), "{file} has no `{before}`");
    found
}

#[test]
fn every_version_is_the_package_s() {
    let places = [
        ("Dockerfile", "image.version=\""),
        ("deploy/compose/compose.yaml", "image: flowgate:"),
        ("deploy/helm/flowgate/Chart.yaml", "\nversion: "),
        ("deploy/helm/flowgate/Chart.yaml", "appVersion: \""),
        ("deploy/kubernetes/flowgate.yaml", "image: flowgate:"),
        ("deploy/kubernetes/flowgate.yaml", "app.kubernetes.io/version: "),
        ("deploy/kubernetes/kustomization.yaml", "newTag: "),
        ("docs/deploy/docker.md", " flowgate:"),
    ];
    for (file, before) in places {
        // A volume may be called flowgate too: what is behind it is a path.
        for version in behind(file, before).iter().filter(|word| !word.starts_with('/')) {
            assert_eq!(version, env!("CARGO_PKG_VERSION"), "{file}, behind `{before}`");
        }
    }
}

#[test]
fn the_image_is_built_with_the_pinned_compiler() {
    let toolchain: toml::Table = text("rust-toolchain.toml").parse().unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    assert_eq!(behind("Dockerfile", " rust:"), [channel]);
}

/// Files that the program is compiled of are in the image's context, and folders that it is not made of are not.
#[test]
fn the_image_has_all_it_is_built_of() {
    let ignored = text(".dockerignore");
    let allowed: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for file in files_of_kind("src", "rs") {
        let code = text(file.to_str().unwrap());
        for (at, _) in code.match_indices("include_str!(\"").chain(code.match_indices("include_bytes!(\"")) {
            let named = strings(&code[at..]).remove(0);
            let path = file.parent().unwrap().join(named);
            let path = super::links::tidy(&path);
            assert!(allowed.iter().any(|allowed| path.starts_with(allowed)), "{} is not in the image", path.display());
        }
    }
    for needed in ["Cargo.toml", "Cargo.lock", "build.rs"] {
        assert!(allowed.contains(&needed), "{needed} is not in the image");
    }
    for secret in [".env", "deploy/compose/secrets", ".git"] {
        assert!(!allowed.iter().any(|allowed| Path::new(secret).starts_with(allowed)), "{secret} is in the image");
    }
}

/// A chart can only read files of its own folder, so it has copies: `.ci/chart.py write` makes them.
#[test]
fn the_chart_s_copies_are_the_originals() {
    let copies = [
        ("deploy/prometheus/rules.yml", "deploy/helm/flowgate/files/rules.yml"),
        ("deploy/prometheus/alerts.yml", "deploy/helm/flowgate/files/alerts.yml"),
        ("deploy/grafana/dashboards/flowgate.json", "deploy/helm/flowgate/files/flowgate.json"),
    ];
    for (original, copy) in copies {
        assert!(text(original) == text(copy), "{copy} is not {original}: run `.ci/chart.py write`");
    }
}

/// Streams get the time that the gateway gives them, and more, before they are killed.
#[test]
fn nobody_kills_it_while_it_drains() {
    let places = [
        ("deploy/systemd/flowgate.service", "TimeoutStopSec="),
        ("deploy/compose/compose.yaml", "stop_grace_period: "),
        ("deploy/helm/flowgate/values.yaml", "terminationGracePeriodSeconds: "),
        ("docs/deploy/docker.md", "--stop-timeout "),
    ];
    assert!(text("config/flowgate.toml").contains("\n#drain_timeout = \"5m\"\n"), "then the grace has to change too");
    for (file, before) in places {
        assert!(behind(file, before).iter().all(|grace| grace.trim_end_matches('s') == "330"), "{file}");
    }
}
