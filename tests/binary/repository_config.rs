//! The files of `config/`: the example changes nothing, says the true defaults and has every setting.

use std::collections::HashMap;
use std::fs::read_to_string;
use std::path::Path;

use flowgate::config::{self, Environment, Overrides, Settings, Stamps};

use super::program::{Home, finished, flowgate, repository};

fn example() -> String {
    read_to_string(repository("config/flowgate.toml")).unwrap()
}

/// What a file means, in full.
fn meaning(text: &str) -> String {
    let variables = [("SILICONFLOW_API_KEY", "sk-mock"), ("HOME", "/nonexistent")];
    let variables: HashMap<_, _> = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let environment = Environment::new(variables, Path::new("no-dotenv")).unwrap();
    match config::parse(text, None, &Overrides::default(), &environment) {
        // When it was read says nothing about what it means.
        Ok(settings) => format!("{:#?}", Settings { stamps: Stamps::new(), ..settings }),
        Err(error) => panic!("{error}"),
    }
}

/// Whether a line shows a setting with its default: `#name = value`.
fn shows_a_default(line: &str) -> bool {
    let name = line.strip_prefix('#').and_then(|line| line.split_once(" = ")).map(|(name, _)| name);
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

fn uncommented(line: &str) -> &str {
    if shows_a_default(line) { &line[1..] } else { line }
}

#[test]
fn the_example_changes_nothing() {
    assert_eq!(meaning(&example()), meaning(""));
}

#[test]
fn the_defaults_it_shows_are_the_true_ones() {
    let all: Vec<&str> = example().leak().lines().map(uncommented).collect();
    assert!(all.iter().filter(|line| !line.starts_with('#') && line.contains(" = ")).count() > 20);
    assert_eq!(meaning(&all.join("\n")), meaning(""));
    // Each by itself, so that two wrong ones cannot hide each other.
    for (number, line) in all.iter().enumerate().filter(|(number, line)| example().lines().nth(*number) != Some(line)) {
        let with_this: Vec<&str> =
            example().leak().lines().enumerate().map(|(at, own)| if at == number { *line } else { own }).collect();
        assert_eq!(meaning(&with_this.join("\n")), meaning(""), "line {}: {line}", number + 1);
    }
}

/// The examples of settings without a default work too, taken together (a key has a secret or a hash).
#[tokio::test]
async fn the_examples_it_shows_work() {
    let home = Home::new();
    let text: String = example()
        .lines()
        .filter(|line| !line.starts_with("#:hash"))
        // A program without traces refuses to be told where they go.
        .filter(|line| flowgate::telemetry::trace::IS_BUILT_IN || !line.starts_with("#:endpoint = "))
        .map(|line| format!("{}\n", line.strip_prefix("#:").unwrap_or(line)))
        .collect();
    home.write("flowgate.toml", &text);
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    home.write("tls/cert.pem", &certificate.cert.pem());
    home.write("tls/key.pem", &certificate.signing_key.serialize_pem());
    home.write("tls/company-ca.pem", &certificate.cert.pem());
    home.write("models.toml", &read_to_string(repository("config/models.toml")).unwrap());
    let mut command = flowgate(&home, &["check", "--json", "--config", "flowgate.toml"]);
    command.env("SILICONFLOW_API_KEY", "sk-mock").env("FLOWGATE_KEY_ANN", "sk-ann");
    command.env("FLOWGATE_HOOK_SECRET", "hook");
    command.env("FLOWGATE_ADMIN_TOKEN", "0123456789abcdef");
    let end = finished(command).await;
    assert_eq!(end.code, Some(0), "{end:?}");
    let settings = &end.json()["settings"];
    assert_eq!(
        (&settings["keys"][0], &settings["accounts"][0], &settings["tls"]),
        (&"ann".into(), &"main".into(), &true.into())
    );
}

#[tokio::test]
async fn the_binary_takes_it() {
    let path = repository("config/flowgate.toml");
    let home = Home::new();
    let mut command = flowgate(&home, &["check", "--config"]);
    command.arg(path).env("SILICONFLOW_API_KEY", "sk-mock");
    let end = finished(command).await;
    assert_eq!(end.code, Some(0), "{end:?}");
}

/// Every file of `config/` is loaded by a test: here, or nowhere.
#[tokio::test]
async fn no_file_is_without_a_test() {
    for file in std::fs::read_dir(repository("config")).unwrap() {
        let path = file.unwrap().path();
        match path.file_name().unwrap().to_str().unwrap() {
            "flowgate.toml" => assert_eq!(meaning(&read_to_string(&path).unwrap()), meaning("")),
            "models.toml" => every_model_it_serves_is_listed(&read_to_string(&path).unwrap()).await,
            other => panic!("no test loads config/{other}"),
        }
    }
}

/// The data file is read, and the emulator, which ships with it, lists models of it only.
async fn every_model_it_serves_is_listed(text: &str) {
    let table: toml::Table = text.parse().unwrap();
    assert!(!table.is_empty());
    let emulator = super::gateway::emulator().await;
    let request = super::gateway::client().get(format!("{}/models", emulator.base_url())).bearer_auth("sk-mock");
    let listed: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    let listed = listed["data"].as_array().unwrap();
    assert!(listed.len() > 20, "{listed:?}");
    for model in listed {
        let id = model["id"].as_str().unwrap();
        assert!(text.contains(&format!("\"{id}\"")), "{id} is not in config/models.toml");
    }
}
