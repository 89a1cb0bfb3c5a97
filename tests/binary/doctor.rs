//! `doctor`: what is wrong with key, account and network, and what to do.

use flowgate::ledger::{Money, Row, Store};
use flowgate::mock::{Injection, Limits, MockServer};
use flowgate::store::Database;

use super::gateway::{ANYWHERE, Gateway, PLAIN, config, emulator};
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

/// Whoever asks beside a gateway that runs need not wonder who has its ports.
#[tokio::test]
async fn the_ports_of_a_gateway_that_runs_are_in_order() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "").await;
    let [data, admin] = [&gateway.base, &gateway.admin].map(|url| super::gateway::address(url).to_string());
    let end = run(&home, &["doctor", "--config", "flowgate.toml", "--listen", &data, "--admin-listen", &admin]).await;
    assert_eq!(end.code, Some(0), "{end:?}");
    for line in [format!("ok   port: {data} is that"), format!("ok   admin port: {admin} is that")] {
        assert!(end.stdout.contains(&line), "{line}: {end:?}");
    }
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

/// What an account spent this month, in the ledger of a gateway that is yet to run.
fn spend(home: &Home, cny: u64) {
    let state = home.path(".local/share/flowgate");
    std::fs::create_dir_all(&state).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let cost = Some(Money::from_micros_cny(cny * 1_000_000));
    let at_ms = u64::try_from(now.as_millis()).unwrap();
    let row = Row { seq: 1, at_ms, account: "main".into(), key: "open".into(), cost, ..Row::default() };
    Database::open(&state, false).unwrap().file(&[row]).unwrap();
}

/// What doctor says of the tier beside `gateway`, or without one.
async fn tier(home: &Home, gateway: Option<&Gateway>) -> (String, String) {
    let admin = gateway.map_or("127.0.0.1:0", |gateway| gateway.admin.trim_start_matches("http://"));
    let arguments =
        ["doctor", "--json", "--config", "flowgate.toml", "--listen", "127.0.0.1:0", "--admin-listen", admin];
    let end = run(home, &arguments).await;
    assert_eq!(end.code, Some(0), "{end:?}");
    let findings = end.json();
    let finding = findings.as_array().unwrap().iter().find(|finding| finding["check"] == "tier").unwrap();
    let text = |name: &str| finding[name].as_str().unwrap().to_owned();
    (text("verdict"), text("text"))
}

const PAID: &str = "deepseek-ai/DeepSeek-V3.2";

#[tokio::test]
async fn the_tier_is_told_with_its_reason_and_what_contradicts_it() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("flowgate.toml", &config(&home, &emulator, "tier = \"auto\""));
    spend(&home, 250);
    let (verdict, text) = tier(&home, None).await;
    assert!(verdict == "ok" && text.contains("auto") && text.contains("a gateway that runs"), "{text}");
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    let reason = "main: L2 (spent 250.00 CNY this month)";
    assert_eq!(tier(&home, Some(&gateway)).await, ("ok".to_owned(), reason.to_owned()));
    // In truth it has less than a third of what L2 has.
    emulator.control().set_limits(PAID, Limits { rpm: Some(900), ..Limits::default() });
    let mut statuses = Vec::new();
    while statuses.len() < 1000 && !statuses.contains(&429) {
        let asked = (0..20).map(|_| async {
            let request = gateway.chat(PAID, "1 [[tokens=1]]").header("x-flowgate-max-wait", "0");
            request.send().await.unwrap().status().as_u16()
        });
        statuses.extend(futures_util::future::join_all(asked).await);
    }
    assert!(statuses.contains(&429), "it was never refused");
    let (verdict, text) = tier(&home, Some(&gateway)).await;
    assert!(verdict == "warn" && text.starts_with(reason), "{text}");
    for words in
        ["refused below 3000 RPM of deepseek-ai/DeepSeek-V3.2, which L2 should allow", "set account.tier = \"L1\""]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_tier_that_was_set_is_told_as_such() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("flowgate.toml", &config(&home, &emulator, "tier = \"L3\""));
    let (verdict, text) = tier(&home, None).await;
    assert!(verdict == "ok" && text.starts_with("main: L3, set in the configuration"), "{text}");
    home.write("flowgate.toml", &config(&home, &emulator, "rule = \"off\""));
    assert!(tier(&home, None).await.1.contains("limits are not kept"));
}
