//! `serve --demo`: everything works with no account, no file and no network.

use serde_json::{Value, json};

use super::gateway::{Gateway, PLAIN, tokens_of};
use super::program::Home;

async fn json_of(response: reqwest::Response) -> Value {
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn everything_works_without_an_account() {
    let home = Home::new();
    let gateway = Gateway::start(&home, &["--demo"]).await;

    let answer = json_of(gateway.chat(PLAIN, "Hello").send().await.unwrap()).await;
    assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().contains("Hello"), "{answer}");

    let stream = gateway.stream(5, "anything").await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(tokens_of(&stream.text().await.unwrap()), Some(5));

    let asked = json!({"model": "BAAI/bge-m3", "input": ["apple", "pear"]});
    let vectors = json_of(gateway.post("/embeddings", &asked).send().await.unwrap()).await;
    assert_eq!(vectors["data"].as_array().unwrap().len(), 2);

    let asked = json!({"model": "Kwai-Kolors/Kolors", "prompt": "a cat", "image_size": "1024x1024"});
    let picture = json_of(gateway.post("/images/generations", &asked).send().await.unwrap()).await;
    let url = picture["images"][0]["url"].as_str().unwrap();
    let picture = reqwest::get(url).await.unwrap().bytes().await.unwrap();
    assert!(picture.starts_with(b"\x89PNG"), "{url}");

    let models = json_of(gateway.get("/models").send().await.unwrap()).await;
    assert!(models["data"].as_array().unwrap().iter().any(|model| model["id"] == PLAIN), "{models}");

    assert_eq!(gateway.admin("/healthz").await.status(), 200);
    assert_eq!(gateway.admin("/readyz").await.status(), 200);
    assert!(gateway.metrics().await.contains("flowgate_requests_total{"));
}

#[tokio::test]
async fn the_greeting_says_where_it_is_and_what_to_do() {
    let home = Home::new();
    let mut gateway = Gateway::start(&home, &["--demo"]).await;
    gateway.program.line_with("Ctrl-C").await;
    let greeting = gateway.program.stdout();
    let root = gateway.base.trim_end_matches("/v1");
    assert!(greeting.starts_with(&format!("flowgate {} is ready\n", env!("CARGO_PKG_VERSION"))), "{greeting}");
    for words in [
        &format!("base URL   {root}/v1   (Anthropic tools: {root})"),
        "upstream   the built-in emulator",
        "keys       none",
        &format!("metrics    {}/metrics", gateway.admin),
        &format!("try it     curl -s {root}/v1/chat/completions"),
    ] {
        assert!(greeting.contains(words), "{words} is not in {greeting}");
    }
    assert!(!greeting.contains('\x1b'), "colour, though this is no terminal: {greeting}");
}

/// The command that the greeting proposes is taken as it stands.
#[tokio::test]
async fn the_proposed_command_works() {
    if !super::program::has("curl", "the_proposed_command_works") {
        return;
    }
    let home = Home::new();
    let mut gateway = Gateway::start(&home, &["--demo"]).await;
    gateway.program.line_with("Ctrl-C").await;
    let greeting = gateway.program.stdout();
    let command = greeting.split("try it").nth(1).unwrap().split("  stop").next().unwrap();
    let mut shell = super::program::in_home(std::process::Command::new("sh"), &home);
    shell.args(["-c", command]);
    let said = super::program::finished(shell).await;
    assert!(said.json()["choices"].is_array(), "{said:?}");
}

/// Whoever tries the demo has no key yet, and asks for the limits all the same.
#[tokio::test]
async fn its_limits_are_shown_without_a_key() {
    let home = Home::new();
    let gateway = Gateway::start(&home, &["--demo"]).await;
    assert_eq!(gateway.status_for("anything").await, 200);
    let address = gateway.admin.trim_start_matches("http://");
    let said = super::program::run(&home, &["limits", "--json", "--admin-listen", address]).await;
    assert_eq!(said.json()["data"][0]["model"], PLAIN, "{said:?}");
}

#[tokio::test]
async fn ctrl_c_ends_it_well() {
    let home = Home::new();
    let mut gateway = Gateway::start(&home, &["--demo"]).await;
    gateway.program.signal("INT");
    assert_eq!(gateway.program.end().await.0, Some(0));
}

/// The greeting is a promise: whoever reads it may signal at once.
#[tokio::test]
async fn it_can_be_stopped_from_its_first_line_on() {
    let home = Home::new();
    for _ in 0..5 {
        let mut gateway = Gateway::start(&home, &["--demo"]).await;
        gateway.program.signal("TERM");
        assert_eq!(gateway.program.end().await.0, Some(0), "the signal came right after the greeting");
    }
}

/// A configuration with accounts whose keys are not here is no obstacle: the demo needs none.
#[tokio::test]
async fn the_demo_asks_for_no_key_that_the_file_names() {
    let home = Home::new();
    home.write("config/flowgate.toml", "[[account]]\nname = \"main\"\napi_key = { env = \"NOT_SET\" }\n");
    let gateway = Gateway::start(&home, &["--demo"]).await;
    assert_eq!(gateway.status_for("anything").await, 200);
}

#[tokio::test]
async fn two_on_one_machine_do_not_disturb_each_other() {
    let (one_home, other_home) = (Home::new(), Home::new());
    let one = Gateway::start(&one_home, &["--demo"]).await;
    let other = Gateway::start(&other_home, &["--demo"]).await;
    assert_ne!(one.address(), other.address());
    let stream = other.stream(20, "anything").await;
    assert_eq!(one.status_for("anything").await, 200);
    one.stop().await;
    assert_eq!(tokens_of(&stream.text().await.unwrap()), Some(20));
    assert_eq!(other.status_for("anything").await, 200);
    let counted = r#"flowgate_requests_total{code="200",model="Qwen/Qwen3-8B",route="/chat/completions"}"#;
    assert_eq!(other.metric(counted).await, 2.0);
}
