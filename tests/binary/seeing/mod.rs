//! What operators see, held against a real Prometheus that scrapes a gateway under load: every panel of the dashboard, every
//! recording rule and every alert. `prometheus` starts it, `traffic` is the load, `expressions` what it is asked.

mod expressions;
mod prometheus;
mod promtool;
mod traffic;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::gateway::{Gateway, emulator};
use super::program::{Home, has, until};
use prometheus::Prometheus;

/// Until then every panel must have shown something; a window of `rate()` is a few scrapes long, one a second.
const PATIENCE: Duration = Duration::from_secs(90);

/// Panels that may be empty, each with its reason.
const MAY_BE_EMPTY: [(&str, &str); 0] = [];

/// Asks for everything again and again, until each expression has had data once; those that never had.
async fn empty(prometheus: &Prometheus, mut asked: BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    let deadline = Instant::now() + PATIENCE;
    while !asked.is_empty() && Instant::now() < deadline {
        let mut left = BTreeMap::new();
        for (name, expressions) in asked {
            let mut without = Vec::new();
            for expression in expressions {
                if !prometheus.has_data(&expression).await {
                    without.push(expression);
                }
            }
            if !without.is_empty() {
                left.insert(name, without);
            }
        }
        asked = left;
        sleep(Duration::from_millis(500)).await;
    }
    asked
}

/// Every query of the dashboard returns data, every rule can be evaluated, and what alerts say can be written.
#[tokio::test]
async fn a_real_prometheus_sees_everything() {
    if !has("prometheus", "a_real_prometheus_sees_everything") {
        return;
    }
    let (home, emulator) = (Home::new(), emulator().await);
    traffic::secrets(&home);
    let gateway = Gateway::before(&home, &emulator, traffic::SETTINGS).await;
    let prometheus = Prometheus::before(&home, &gateway.admin).await;
    // Counters that grow before the first look at them do not grow for Prometheus.
    until("the first scrape", async || prometheus.has_data("up == 1").await.then_some(())).await;
    let _load = traffic::begin(&gateway);
    let panels = expressions::panels();
    assert!(panels.len() > 50, "has the dashboard changed its shape? {:?}", panels.keys());
    let never = empty(&prometheus, panels).await;
    let unexplained: Vec<_> =
        never.iter().filter(|(panel, _)| MAY_BE_EMPTY.iter().all(|(known, _)| known != panel)).collect();
    assert!(unexplained.is_empty(), "panels without data: {unexplained:#?}");
    let stale: Vec<_> = MAY_BE_EMPTY.iter().filter(|(known, _)| !never.contains_key(*known)).collect();
    assert!(stale.is_empty(), "they do have data: {stale:?}");
    rules_work(&prometheus).await;
    promtool::takes_the_page(&home, &gateway).await;
}

/// Each rule was evaluated without a fault, each recorded series is there, and what active alerts say was written.
async fn rules_work(prometheus: &Prometheus) {
    let rules = until("every rule was evaluated", async || {
        let rules = prometheus.rules().await;
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    })
    .await;
    assert!(rules.len() > 40, "{rules:?}");
    let (mut recorded, mut active) = (BTreeMap::new(), 0);
    for rule in &rules {
        assert_eq!(rule["health"], "ok", "{rule:#}");
        let name = rule["name"].as_str().unwrap().to_owned();
        prometheus.query(rule["query"].as_str().unwrap()).await;
        if rule["type"] == "recording" {
            recorded.insert(name.clone(), vec![name]);
            continue;
        }
        for alert in rule["alerts"].as_array().unwrap() {
            let text = alert["annotations"].to_string();
            assert!(!text.contains("error expanding") && !text.contains("no value"), "{text}");
            active += 1;
        }
    }
    let never = empty(prometheus, recorded).await;
    assert!(never.is_empty(), "recording rules without data: {never:?}");
    assert!(active > 0, "with so many failures some alert should be on its way");
}
