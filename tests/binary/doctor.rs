//! `doctor`: what is wrong with key, account and network, and what to do.

use flowgate::mock::{Injection, MockServer};

use super::gateway::{ANYWHERE, PLAIN, config, emulator};
use super::program::{Finished, Home, finished, flowgate, run};

async fn doctor(emulator: &MockServer, more: &[&str]) -> Finished {
    let home = Home::new();
    home.write("flowgate.toml", &config(&home, emulator, ""));
    run(&home, &[&["doctor", "--config", "flowgate.toml"], &ANYWHERE[..], more].concat()).await
}

/// Both forms of the report, and what they say of `check`.
async fn finds(emulator: &MockServer, what: &str, verdict: &str, words: &[&str]) {
    let json = doctor(emulator, &["--json"]).await;
    let plain = doctor(emulator, &[]).await;
    let code = Some(i32::from(verdict == "fail"));
    assert_eq!((json.code, plain.code), (code, code), "{plain:?}");
    let findings = json.json();
    let finding = findings.as_array().unwrap().iter().find(|finding| finding["check"] == what);
    let finding = finding.unwrap_or_else(|| panic!("no {what} in {json:?}"));
    assert_eq!(finding["verdict"], verdict, "{findings}");
    let text = finding["text"].as_str().unwrap();
    let mark = if verdict == "fail" { "FAIL" } else { verdict };
    for word in words {
        assert!(text.contains(word), "{word} is not in {text}");
        assert!(plain.stdout.lines().any(|line| line.starts_with(mark) && line.contains(word)), "{plain:?}");
    }
    for end in [json, plain] {
        assert!(!end.text().contains("sk-mock"), "the key is shown: {end:?}");
    }
}

fn always(fault: &str, model: &str) -> Injection {
    Injection { fault: fault.to_owned(), model: Some(model.to_owned()), ..Injection::default() }
}

#[tokio::test]
async fn a_good_account() {
    let emulator = emulator().await;
    finds(&emulator, "account", "ok", &["verified"]).await;
    finds(&emulator, "key", "ok", &["takes the key"]).await;
    finds(&emulator, "clock", "ok", &[]).await;
    finds(&emulator, "virtual keys", "ok", &["none"]).await;
    let asked = emulator.control().requests().into_iter().find(|request| request.path.ends_with("/chat/completions"));
    assert_eq!(asked.unwrap().json()["max_tokens"], 1);
}

#[tokio::test]
async fn a_wrong_key() {
    let settings = flowgate::mock::MockSettings { api_keys: vec!["sk-other".into()], ..Default::default() };
    let emulator = flowgate::mock::start(settings).await.unwrap();
    finds(&emulator, "key", "fail", &["refused the gateway's own API key"]).await;
}

#[tokio::test]
async fn no_balance() {
    let emulator = emulator().await;
    for fault in ["balance-402", "balance-403"] {
        emulator.control().reset();
        emulator.control().inject(always(fault, PLAIN)).unwrap();
        finds(&emulator, "account", "fail", &["no balance left", "recharge"]).await;
    }
}

#[tokio::test]
async fn an_unverified_account() {
    let emulator = emulator().await;
    emulator.control().inject(always("identity-403", PLAIN)).unwrap();
    finds(&emulator, "account", "fail", &["identity verification"]).await;
}

#[tokio::test]
async fn an_upstream_that_repeats_the_key() {
    let emulator = emulator().await;
    emulator.control().inject(always("echo-key", PLAIN)).unwrap();
    finds(&emulator, "account", "fail", &[]).await;
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached() {
    let gone = emulator().await;
    let home = Home::new();
    home.write("flowgate.toml", &config(&home, &gone, ""));
    gone.stop().await;
    let end = run(&home, &[&["doctor", "--config", "flowgate.toml"], &ANYWHERE[..]].concat()).await;
    assert_eq!(end.code, Some(1));
    let line = end.stdout.lines().find(|line| line.starts_with("FAIL")).unwrap();
    assert!(line.contains("SiliconFlow") && line.contains("network"), "{end:?}");
}

#[tokio::test]
async fn a_taken_port_is_a_doubt() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("flowgate.toml", &config(&home, &emulator, ""));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let taken = std::net::TcpListener::bind(taken).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let end =
        run(&home, &["doctor", "--config", "flowgate.toml", "--listen", &address, "--admin-listen", "127.0.0.1:0"])
            .await;
    assert_eq!(end.code, Some(0));
    let line = end.stdout.lines().find(|line| line.starts_with("warn port")).unwrap();
    assert!(line.contains(&address) && line.contains("--listen"), "{line}");
}

#[tokio::test]
async fn a_configuration_that_is_wrong_ends_it() {
    let home = Home::new();
    home.write("flowgate.toml", "[server]\nlistn = \"x\"\n");
    let mut command = flowgate(&home, &["doctor", "--json", "--config", "flowgate.toml"]);
    command.env("SILICONFLOW_API_KEY", "sk-mock");
    let end = finished(command).await;
    assert_eq!(end.code, Some(1));
    let finding = &end.json()[0];
    assert_eq!((&finding["check"], &finding["verdict"]), (&"configuration".into(), &"fail".into()));
    assert!(finding["text"].as_str().unwrap().contains("flowgate.toml:2: server.listn"), "{finding}");
}

#[tokio::test]
async fn expired_keys_are_named() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("ann.key", "sk-ann");
    let key = "[[key]]\nname = \"ann\"\nsecret = { file = \"ann.key\" }\nexpires = 2020-01-01T00:00:00Z";
    home.write("flowgate.toml", &config(&home, &emulator, key));
    let end = run(&home, &[&["doctor", "--config", "flowgate.toml"], &ANYWHERE[..]].concat()).await;
    assert_eq!(end.code, Some(0));
    assert!(end.stdout.contains("warn virtual keys: expired: ann"), "{end:?}");
}
