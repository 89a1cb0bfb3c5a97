//! Prometheus's own checker: of the page, of the rules, of what is said to make them fire.

use std::process::Command;

use crate::binary::gateway::Gateway;
use crate::binary::program::{Finished, Home, finished, has, in_home, repository};

async fn run(home: &Home, line: &str) -> Finished {
    let mut command = in_home(Command::new("sh"), home);
    command.args(["-ec", line]);
    finished(command).await
}

/// The page of a gateway that has seen everything.
pub(super) async fn takes_the_page(home: &Home, gateway: &Gateway) {
    home.write("metrics.txt", &gateway.metrics().await);
    let checked = run(home, "promtool check metrics <metrics.txt").await;
    assert!(checked.code == Some(0) && checked.text().is_empty(), "{checked:?}");
}

#[tokio::test]
async fn rules_and_alerts_pass_their_tests() {
    if !has("promtool", "rules_and_alerts_pass_their_tests") {
        return;
    }
    let folder = repository("deploy/prometheus");
    let line = format!(
        "cd '{}'; promtool check rules rules.yml alerts.yml; promtool test rules tests/*.yml",
        folder.display()
    );
    let checked = run(&Home::new(), &line).await;
    assert_eq!(checked.code, Some(0), "{}", checked.text());
    assert_eq!(checked.text().matches("SUCCESS").count(), 5, "{}", checked.text());
}
