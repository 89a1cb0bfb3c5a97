//! Where the account's key comes from, and what is said when it does not come.

use std::process::Command;

use flowgate::mock::{self, MockServer, MockSettings};

use super::gateway::{ANYWHERE, Gateway, emulator};
use super::program::{Finished, Home, finished, flowgate, run};

const KEY: &str = "SILICONFLOW_API_KEY";

fn serve(home: &Home, arguments: &[&str]) -> Command {
    flowgate(home, &[&["serve"], &ANYWHERE[..], arguments].concat())
}

/// A file in the first place that is looked at, without any account.
fn without_account(home: &Home, emulator: &MockServer) {
    home.write("config/flowgate.toml", &format!("[upstream]\nbase_url = \"{}\"\n", emulator.base_url()));
}

/// The key that reached the emulator with the last request.
fn key_sent(emulator: &MockServer) -> String {
    let requests = emulator.control().requests();
    requests.last().unwrap().header("authorization").unwrap().to_owned()
}

fn refused(end: &Finished, words: &[&str]) {
    assert_eq!(end.code, Some(1), "{end:?}");
    assert_eq!(end.stdout, "");
    for word in words {
        assert!(end.stderr.contains(word), "{word} is not in {end:?}");
    }
}

#[tokio::test]
async fn without_a_key_one_sentence_says_what_to_do() {
    let end = run(&Home::new(), &["serve"]).await;
    refused(&end, &[KEY, ".env", "flowgate serve --demo"]);
    assert_eq!(end.stderr.lines().count(), 1, "{}", end.stderr);
}

#[tokio::test]
async fn the_key_comes_from_the_environment_even_with_a_line_end() {
    let (home, emulator) = (Home::new(), emulator().await);
    without_account(&home, &emulator);
    let mut command = serve(&home, &[]);
    command.env(KEY, "  sk-mock\n");
    let gateway = Gateway::from(command).await;
    assert_eq!(gateway.status_for("anything").await, 200);
    assert_eq!(key_sent(&emulator), "Bearer sk-mock");
}

#[tokio::test]
async fn a_dotenv_file_completes_the_environment() {
    let (home, emulator) = (Home::new(), emulator().await);
    without_account(&home, &emulator);
    home.write(".env", "# ours\nexport OTHER=1\nSILICONFLOW_API_KEY=\"sk-mock\"\r\n");
    let gateway = Gateway::from(serve(&home, &[])).await;
    assert_eq!(gateway.status_for("anything").await, 200);
}

#[tokio::test]
async fn a_dotenv_file_never_overrides_the_environment() {
    let home = Home::new();
    let keys = MockSettings { api_keys: vec!["sk-real".into(), "sk-dotenv".into()], ..MockSettings::default() };
    let emulator = mock::start(keys).await.unwrap();
    without_account(&home, &emulator);
    home.write(".env", "SILICONFLOW_API_KEY=sk-dotenv\n");
    let mut command = serve(&home, &[]);
    command.env(KEY, "sk-real");
    let gateway = Gateway::from(command).await;
    assert_eq!(gateway.status_for("anything").await, 200);
    assert_eq!(key_sent(&emulator), "Bearer sk-real");
}

#[tokio::test]
async fn a_broken_dotenv_file_is_named_and_not_quoted() {
    let home = Home::new();
    home.write(".env", "SILICONFLOW_API_KEY='sk-canary\n");
    let end = finished(serve(&home, &[])).await;
    refused(&end, &[".env"]);
    assert!(!end.text().contains("sk-canary"), "{end:?}");
}

#[tokio::test]
async fn secrets_come_from_files_beside_the_configuration() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("etc/secrets/account", "sk-mock\r\n");
    home.write("etc/secrets/ann", "sk-ann\n");
    let text = format!(
        "[upstream]\nbase_url = \"{}\"\n[[account]]\nname = \"main\"\napi_key = {{ file = \"secrets/account\" }}\n\
         [[key]]\nname = \"ann\"\nsecret = {{ file = \"secrets/ann\" }}\n",
        emulator.base_url()
    );
    home.write("etc/flowgate.toml", &text);
    let gateway = Gateway::start(&home, &["--config", "etc/flowgate.toml"]).await;
    assert_eq!(gateway.status_for("sk-ann").await, 200);
    assert_eq!(gateway.status_for("sk-other").await, 401);
    assert_eq!(key_sent(&emulator), "Bearer sk-mock");
}

#[tokio::test]
async fn plain_secrets_are_refused_and_not_repeated() {
    let home = Home::new();
    let text =
        "[[account]]\nname = \"main\"\napi_key = \"sk-canary-1\"\n[[key]]\nname = \"ann\"\nsecret = \"sk-canary-2\"\n";
    home.write("flowgate.toml", text);
    for command in ["serve", "check", "doctor"] {
        let end = run(&home, &[command, "--config", "flowgate.toml"]).await;
        assert_eq!(end.code, Some(1), "{end:?}");
        let said = end.text();
        assert!(said.contains("flowgate.toml:3: account.api_key: a secret is written { env = "), "{said}");
        assert!(said.contains("flowgate.toml:6: key.secret: a secret is written { env = "), "{said}");
        assert!(!said.contains("canary"), "{said}");
    }
}

#[tokio::test]
async fn missing_and_unusable_secrets_are_named() {
    let home = Home::new();
    home.write("empty", " \n");
    home.write("spaced", "sk one two\n");
    let account = |number: usize, key: &str| format!("[[account]]\nname = \"a{number}\"\napi_key = {key}\n");
    let keys = ["{ env = \"UNSET\" }", "{ file = \"absent\" }", "{ file = \"empty\" }", "{ file = \"spaced\" }"];
    let text: String = keys.iter().enumerate().map(|(number, key)| account(number, key)).collect();
    home.write("flowgate.toml", &text);
    let end = run(&home, &["serve", "--config", "flowgate.toml"]).await;
    refused(&end, &["flowgate.toml:3: ", "UNSET", ":6: ", "absent", ":9: ", "empty", ":12: ", "spaces"]);
    assert!(!end.stderr.contains("one two"));
}

/// Without keys, an address that others can reach is refused, wherever it was written.
#[tokio::test]
async fn an_open_gateway_listens_on_loopback_only() {
    let home = Home::new();
    home.write("flowgate.toml", "[server]\nlisten = \"0.0.0.0:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n");
    for arguments in [&["--listen", "0.0.0.0:0"][..], &["--listen", "[::]:0"], &["--config", "flowgate.toml"]] {
        for demo in [&[][..], &["--demo"]] {
            let mut command = flowgate(&home, &[&["serve"], arguments, demo].concat());
            command.env(KEY, "sk-mock");
            refused(&finished(command).await, &["server.listen", "[[key]]", "127.0.0.1"]);
        }
    }
}

#[tokio::test]
async fn with_a_key_it_listens_for_others() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("ann.key", "sk-ann");
    let keys = "[[key]]\nname = \"ann\"\nsecret = { file = \"ann.key\" }\n[server]\nlisten = \"0.0.0.0:0\"";
    home.write("flowgate.toml", &super::gateway::config(&home, &emulator, keys));
    let arguments = ["serve", "--config", "flowgate.toml", "--admin-listen", "127.0.0.1:0"];
    let gateway = Gateway::from(flowgate(&home, &arguments)).await;
    assert!(gateway.base.starts_with("http://0.0.0.0:"), "{}", gateway.base);
    assert_eq!(gateway.status_for("sk-ann").await, 200);
    assert_eq!(gateway.status_for("sk-other").await, 401);
}
