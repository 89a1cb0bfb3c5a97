//! A Prometheus process with the rules of `deploy/prometheus`, that scrapes a gateway every second.

use std::process::Command;

use reqwest::Client;
use serde_json::Value;

use crate::binary::gateway::client;
use crate::binary::program::{Home, Program, in_home, repository};

/// See the module. It ends when this is dropped.
pub(super) struct Prometheus {
    _program: Program,
    base: String,
    client: Client,
}

impl Prometheus {
    /// One that scrapes the admin plane at `admin`.
    pub(super) async fn before(home: &Home, admin: &str) -> Self {
        let rules = repository("deploy/prometheus");
        let target = admin.trim_start_matches("http://");
        let text = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: [\"{rules}/rules.yml\", \"{rules}/alerts.yml\"]\n\
             scrape_configs: [{{job_name: flowgate, static_configs: [{{targets: [\"{target}\"]}}]}}]\n",
            rules = rules.display()
        );
        home.write("prometheus.yml", &text);
        let mut command = in_home(Command::new("prometheus"), home);
        command.args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=series",
            "--web.listen-address=127.0.0.1:0",
        ]);
        let program = Program::start(command);
        let line = program.complains("msg=\"Listening on\"").await;
        program.complains("Server is ready").await;
        let address = line.rsplit("address=").next().unwrap().trim();
        Self { base: format!("http://{address}/api/v1"), _program: program, client: client() }
    }

    async fn ask(&self, path: &str, pairs: &[(&str, &str)]) -> Value {
        let url = reqwest::Url::parse_with_params(&format!("{}{path}", self.base), pairs).unwrap();
        let answer: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["status"], "success", "{pairs:?}: {answer}");
        answer["data"].clone()
    }

    /// The samples of an expression now. Fails when it cannot be evaluated.
    pub(super) async fn query(&self, expression: &str) -> Vec<Value> {
        let data = self.ask("/query", &[("query", expression)]).await;
        data["result"].as_array().unwrap_or_else(|| panic!("{expression}: {data}")).clone()
    }

    /// Whether an expression has a number to show now.
    pub(super) async fn has_data(&self, expression: &str) -> bool {
        self.query(expression).await.iter().any(|sample| sample["value"][1].as_str().is_some_and(|text| text != "NaN"))
    }

    /// Every recording rule and every alert.
    pub(super) async fn rules(&self) -> Vec<Value> {
        let data = self.ask("/rules", &[]).await;
        let groups = data["groups"].as_array().unwrap();
        groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    }
}
