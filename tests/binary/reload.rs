//! A new configuration in force without a dropped stream, and a broken one that changes nothing.

use std::time::Duration;

use super::gateway::{Gateway, PLAIN, config, emulator, slow_emulator, tokens_of};
use super::program::{Home, flowgate, until};

fn key(name: &str) -> String {
    format!("[[key]]\nname = \"{name}\"\nsecret = {{ file = \"{name}.key\" }}\n")
}

/// Keys `sk-ann` and `sk-bob`, ready to be named.
fn write_keys(home: &Home) {
    for name in ["ann", "bob"] {
        home.write(&format!("{name}.key"), &format!("sk-{name}\n"));
    }
}

/// After so long without one there is no reload: files settle for 200 ms before they are read.
const QUIET: Duration = Duration::from_millis(900);

#[tokio::test]
async fn keys_come_and_go_when_the_file_changes() {
    let (home, emulator) = (Home::new(), emulator().await);
    write_keys(&home);
    let gateway = Gateway::before(&home, &emulator, &key("ann")).await;
    assert_eq!((gateway.status_for("sk-ann").await, gateway.status_for("sk-bob").await), (200, 401));
    home.write("flowgate.toml", &config(&home, &emulator, &key("bob")));
    gateway.answers("sk-bob", 200).await;
    assert_eq!(gateway.status_for("sk-ann").await, 401);
    assert_eq!(gateway.metric("flowgate_config_last_reload_successful").await, 1.0);
}

/// `.env` is not watched: only the signal can have brought the new value.
#[tokio::test]
async fn a_hangup_reads_the_file_and_dotenv_again() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write(".env", "KEY_ANN=sk-first\n");
    let ann = "[[key]]\nname = \"ann\"\nsecret = { env = \"KEY_ANN\" }";
    home.write("etc/flowgate.toml", &config(&home, &emulator, ann));
    let gateway = Gateway::start(&home, &["--config", "etc/flowgate.toml"]).await;
    assert_eq!(gateway.status_for("sk-first").await, 200);
    home.write(".env", "KEY_ANN=sk-second\n");
    gateway.program.signal("HUP");
    gateway.answers("sk-second", 200).await;
    assert_eq!(gateway.status_for("sk-first").await, 401);
    assert_eq!(gateway.reloads("ok").await, 1.0);
}

#[tokio::test]
async fn an_alias_changes() {
    let (home, emulator) = (Home::new(), emulator().await);
    let alias = |target: &str| format!("[models.alias]\n\"fast\" = \"{target}\"");
    let gateway = Gateway::before(&home, &emulator, &alias(PLAIN)).await;
    let called = async || {
        let answer = gateway.chat("fast", "Hello").send().await.unwrap();
        answer.headers()["x-flowgate-model"].to_str().unwrap().to_owned()
    };
    assert_eq!(called().await, PLAIN);
    home.replace("flowgate.toml", &config(&home, &emulator, &alias("Qwen/Qwen3.5-4B")));
    until("the new model", async || (called().await == "Qwen/Qwen3.5-4B").then_some(())).await;
}

#[tokio::test]
async fn open_streams_are_not_disturbed() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(50)).await);
    write_keys(&home);
    let gateway = Gateway::before(&home, &emulator, &key("ann")).await;
    let stream = gateway.stream(80, "sk-ann").await;
    // Another upstream setting as well, so that nothing of the old configuration is left for new requests.
    let other = config(&home, &emulator, &key("bob")).replace("[upstream]", "[upstream]\nconnect_timeout = \"4s\"");
    home.write("flowgate.toml", &other);
    gateway.answers("sk-bob", 200).await;
    gateway.program.signal("HUP");
    until("two reloads", async || (gateway.reloads("ok").await >= 2.0).then_some(())).await;
    assert_eq!(gateway.status_for("sk-ann").await, 401);
    assert_eq!(emulator.control().live(), 1, "the stream was over too soon for this test");
    assert_eq!(tokens_of(&stream.text().await.unwrap()), Some(80));
}

#[tokio::test]
async fn a_broken_file_leaves_the_old_one_in_force() {
    let (home, emulator) = (Home::new(), emulator().await);
    write_keys(&home);
    let gateway = Gateway::before(&home, &emulator, &key("ann")).await;
    let loaded = gateway.metric("flowgate_config_last_reload_success_timestamp_seconds").await;
    let broken = config(&home, &emulator, &format!("{}[server]\nlistn = 1\nmax_body = \"1MB\"", key("bob")));
    let line = broken.lines().position(|line| line == "listn = 1").unwrap() + 1;
    home.write("flowgate.toml", &broken);
    gateway.reloaded("refused").await;
    gateway.program.complains(&format!("flowgate.toml:{line}: server.listn: unknown name")).await;
    gateway.program.complains(&format!("flowgate.toml:{}: server.max_body", line + 1)).await;
    gateway.program.complains("ERROR").await;
    assert_eq!(gateway.reloads("refused").await, 1.0);
    assert_eq!(gateway.metric("flowgate_config_last_reload_successful").await, 0.0);
    assert_eq!(gateway.metric("flowgate_config_last_reload_success_timestamp_seconds").await, loaded);
    assert_eq!((gateway.status_for("sk-ann").await, gateway.status_for("sk-bob").await), (200, 401));

    home.write("flowgate.toml", &config(&home, &emulator, &key("bob")));
    gateway.answers("sk-bob", 200).await;
    assert_eq!(gateway.metric("flowgate_config_last_reload_successful").await, 1.0);
    assert!(gateway.metric("flowgate_config_last_reload_success_timestamp_seconds").await > loaded);
}

/// As JSON, each log line is one object, the one about a broken file too.
#[tokio::test]
async fn a_broken_file_is_one_line_for_machines() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "[log]\nformat = \"json\"").await;
    home.write("flowgate.toml", "[server]\nlistn = 1\n");
    gateway.reloaded("refused").await;
    let line = gateway.program.complains("server.listn").await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "ERROR");
}

#[tokio::test]
async fn a_changed_secret_is_noticed() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("secrets/ann", "sk-first");
    let ann = "[[key]]\nname = \"ann\"\nsecret = { file = \"secrets/ann\" }";
    let gateway = Gateway::before(&home, &emulator, ann).await;
    assert_eq!(gateway.status_for("sk-first").await, 200);
    home.replace("secrets/ann", "sk-second");
    gateway.answers("sk-second", 200).await;
    assert_eq!(gateway.status_for("sk-first").await, 401);
}

/// The account's key: what is sent upstream changes.
#[tokio::test]
async fn a_changed_account_key_is_used() {
    let settings =
        flowgate::mock::MockSettings { api_keys: vec!["sk-mock".into(), "sk-next".into()], ..Default::default() };
    let (home, emulator) = (Home::new(), flowgate::mock::start(settings).await.unwrap());
    let gateway = Gateway::before(&home, &emulator, "").await;
    assert_eq!(gateway.status_for("anything").await, 200);
    home.write("upstream.key", "sk-next\n");
    until("the new key upstream", async || {
        assert_eq!(gateway.status_for("anything").await, 200);
        let requests = emulator.control().requests();
        (requests.last()?.header("authorization")? == "Bearer sk-next").then_some(())
    })
    .await;
}

/// A secret that only the new configuration names is watched from then on.
#[tokio::test]
async fn a_secret_that_a_reload_brought_is_watched_too() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("later/bob", "sk-first");
    let gateway = Gateway::before(&home, &emulator, "").await;
    let bob = "[[key]]\nname = \"bob\"\nsecret = { file = \"later/bob\" }";
    home.write("flowgate.toml", &config(&home, &emulator, bob));
    gateway.answers("sk-first", 200).await;
    gateway.answers("sk-other", 401).await;
    home.write("later/bob", "sk-second");
    gateway.answers("sk-second", 200).await;
}

/// Opened by a slip: the address stays until a restart, so its callers must stay known, whatever the file says now.
#[tokio::test]
async fn an_address_for_others_never_loses_its_keys() {
    let (home, emulator) = (Home::new(), emulator().await);
    write_keys(&home);
    let file = |listen: &str, keys: &str| config(&home, &emulator, &format!("[server]\nlisten = \"{listen}\"\n{keys}"));
    home.write("flowgate.toml", &file("0.0.0.0:0", &key("ann")));
    let arguments = ["serve", "--config", "flowgate.toml", "--admin-listen", "127.0.0.1:0"];
    let gateway = Gateway::from(flowgate(&home, &arguments)).await;
    for (listen, refused) in [("0.0.0.0:0", 1.0), ("127.0.0.1:0", 2.0)] {
        home.write("flowgate.toml", &file(listen, ""));
        until("a reload", async || {
            (gateway.reloads("refused").await + gateway.reloads("ok").await >= refused).then_some(())
        })
        .await;
        assert_eq!(gateway.status_for("sk-bob").await, 401, "open to everybody after listen = {listen} without keys");
        assert_eq!(gateway.reloads("refused").await, refused);
        assert_eq!(gateway.status_for("sk-ann").await, 200);
    }
}

/// A file that is gone is no wish for the defaults.
#[tokio::test]
async fn a_file_that_has_vanished_is_refused() {
    for place in ["flowgate.toml", "config/flowgate.toml"] {
        let (home, emulator) = (Home::new(), emulator().await);
        write_keys(&home);
        home.write(
            place,
            &config(&home, &emulator, &key("ann")).replace("ann.key", home.path("ann.key").to_str().unwrap()),
        );
        let named: &[&str] = if place.contains('/') { &[] } else { &["--config", place] };
        let mut command = flowgate(&home, &[&["serve"], &super::gateway::ANYWHERE[..], named].concat());
        command.env("SILICONFLOW_API_KEY", "sk-mock");
        let gateway = Gateway::from(command).await;
        assert_eq!(gateway.status_for("sk-ann").await, 200);
        home.remove(place);
        until("a reload", async || {
            (gateway.reloads("refused").await + gateway.reloads("ok").await > 0.0).then_some(())
        })
        .await;
        assert_eq!(gateway.status_for("sk-bob").await, 401, "open to everybody after {place} vanished");
        assert_eq!(gateway.status_for("sk-ann").await, 200, "{place}");
        assert_eq!(gateway.metric("flowgate_config_last_reload_successful").await, 0.0);
    }
}

/// What needs a restart says so and changes nothing.
#[tokio::test]
async fn what_needs_a_restart_says_so() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "").await;
    home.write("flowgate.toml", &config(&home, &emulator, "[server]\nmax_connections = 5"));
    gateway.program.complains("need a restart").await;
    assert_eq!(gateway.status_for("anything").await, 200);
}

/// A gateway whose address comes from the command line is not told to restart for the address.
#[tokio::test]
async fn reloads_keep_what_the_command_line_said() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "[server]\nlisten = \"127.0.0.1:1\"").await;
    gateway.program.signal("HUP");
    gateway.reloaded("ok").await;
    assert!(!gateway.program.stderr().contains("restart"));
}

/// The demo can be reloaded as well, and stays the demo.
#[tokio::test]
async fn the_demo_stays_the_demo() {
    let home = Home::new();
    let gateway = Gateway::start(&home, &["--demo"]).await;
    gateway.program.signal("HUP");
    gateway.reloaded("ok").await;
    assert_eq!(gateway.status_for("anything").await, 200);
}

#[tokio::test]
async fn nothing_changes_without_a_change() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "").await;
    home.write("flowgate.toml", &config(&home, &emulator, "[models.alias]\n\"fast\" = \"Qwen/Qwen3-8B\""));
    gateway.reloaded("ok").await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(gateway.reloads("ok").await, 1.0, "one change, several reloads");
    assert_eq!(gateway.reloads("refused").await, 0.0);
}

#[tokio::test]
async fn other_files_beside_it_are_nobodys_business() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "").await;
    assert_eq!(gateway.status_for("anything").await, 200);
    home.write("notes.txt", "unrelated");
    home.replace("other.toml", "unrelated");
    tokio::time::sleep(QUIET).await;
    assert_eq!((gateway.reloads("ok").await, gateway.reloads("refused").await), (0.0, 0.0));
}

/// The log written beside the configuration must not make it load again, which would write a line, and so on.
#[tokio::test]
async fn a_log_beside_it_makes_no_loop() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("flowgate.toml", &config(&home, &emulator, ""));
    let mut command = super::program::in_home(std::process::Command::new("sh"), &home);
    command.args([
        "-c",
        "exec \"$0\" \"$@\" 2>gateway.log",
        env!("CARGO_BIN_EXE_flowgate"),
        "serve",
        "--config",
        "flowgate.toml",
    ]);
    command.args(super::gateway::ANYWHERE);
    let gateway = Gateway::from(command).await;
    gateway.program.signal("HUP");
    gateway.reloaded("ok").await;
    tokio::time::sleep(2 * QUIET).await;
    assert_eq!(gateway.reloads("ok").await, 1.0);
}
