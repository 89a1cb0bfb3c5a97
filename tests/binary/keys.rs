//! Virtual keys by command, beside a gateway that runs: each change is in force within a second.

use std::time::Duration;

use flowgate::mock::MockServer;
use reqwest::Response;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::gateway::{Gateway, PLAIN, config, emulator, slow_emulator};
use super::program::{Finished, Home, run, until};

/// `flowgate keys …` or `flowgate teams …` on the gateway's configuration.
pub(super) async fn command(home: &Home, arguments: &[&str]) -> Finished {
    run(home, &[arguments, &["--config", "flowgate.toml"]].concat()).await
}

/// The same; it must go well. What it printed.
pub(super) async fn done(home: &Home, arguments: &[&str]) -> String {
    let end = command(home, arguments).await;
    assert_eq!(end.code, Some(0), "{arguments:?}: {end:?}");
    end.stdout
}

/// A new key: its secret.
pub(super) async fn create(home: &Home, name: &str, more: &[&str]) -> String {
    let secret = done(home, &[&["keys", "create", name], more].concat()).await;
    assert!(secret.starts_with("fg-") && secret.lines().count() == 1, "{secret}");
    secret.trim_end().to_owned()
}

/// A gateway whose limits are not the upstream's.
async fn gateway(home: &Home, emulator: &MockServer, more: &str) -> Gateway {
    Gateway::before(home, emulator, &format!("rule = \"off\"\n{more}")).await
}

/// `keys show`, as JSON.
async fn shown(home: &Home, name: &str) -> Value {
    serde_json::from_str(&done(home, &["keys", "show", name, "--json"]).await).unwrap()
}

#[tokio::test]
async fn the_first_key_closes_the_gateway_and_the_last_one_does_not_open_it() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = gateway(&home, &emulator, "").await;
    assert_eq!(gateway.status_for("anything").await, 200);
    let ann = create(&home, "ann", &[]).await;
    let begun = Instant::now();
    gateway.answers("anything", 401).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(gateway.status_for(&ann).await, 200);
    done(&home, &["keys", "revoke", "ann"]).await;
    let begun = Instant::now();
    gateway.answers(&ann, 401).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(gateway.status_for("anything").await, 401);
    gateway.stop().await;
    let again = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    assert_eq!((again.status_for("anything").await, again.status_for(&ann).await), (401, 401));
    again.stop().await;
}

#[tokio::test]
async fn a_rotated_key_works_twice_until_the_overlap_is_over() {
    let (home, emulator) = (Home::new(), emulator().await);
    let old = create_before(&home, &emulator, "ann").await;
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    let new = done(&home, &["keys", "rotate", "ann", "--overlap", "3s"]).await.trim_end().to_owned();
    let rotated = Instant::now();
    gateway.answers(&new, 200).await;
    assert_eq!(gateway.status_for(&old).await, 200);
    assert!(rotated.elapsed() < Duration::from_secs(3), "the machine is too slow for this test");
    assert!(shown(&home, "ann").await["previous_until"].is_string());
    gateway.answers(&old, 401).await;
    let took = rotated.elapsed();
    assert!(took > Duration::from_millis(1500) && took < Duration::from_secs(5), "{took:?}");
    let last = done(&home, &["keys", "rotate", "ann", "--overlap", "0s"]).await.trim_end().to_owned();
    gateway.answers(&last, 200).await;
    assert_eq!(gateway.status_for(&new).await, 401);
    gateway.stop().await;
}

/// A key made before the gateway runs.
async fn create_before(home: &Home, emulator: &MockServer, name: &str) -> String {
    home.write("flowgate.toml", &config(home, emulator, "rule = \"off\""));
    create(home, name, &[]).await
}

#[tokio::test]
async fn edited_limits_are_in_force_within_a_second() {
    let (home, emulator) = (Home::new(), emulator().await);
    let ann = create_before(&home, &emulator, "ann").await;
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    for _ in 0..3 {
        assert_eq!(gateway.status_for(&ann).await, 200);
    }
    done(&home, &["keys", "edit", "ann", "--rpm", "1", "--max-wait", "0s", "--endpoints", "/chat/completions"]).await;
    gateway.answers(&ann, 429).await;
    let refused = gateway.post("/embeddings", &serde_json::json!({"model": "BAAI/bge-m3", "input": "x"}));
    let refused = refused.bearer_auth(&ann).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "endpoint_not_allowed");
    assert_eq!(gateway.get("/models").bearer_auth(&ann).send().await.unwrap().status(), 200);
    done(&home, &["keys", "edit", "ann", "--unset", "rpm", "--models", "BAAI/*"]).await;
    gateway.answers(&ann, 404).await;
    assert_eq!(shown(&home, "ann").await["fields"]["models"], serde_json::json!(["BAAI/*"]));
    gateway.stop().await;
}

/// What is left of a stream: its text, and whether it ended properly.
pub(super) async fn rest(mut stream: Response) -> (String, bool) {
    let mut text = String::new();
    loop {
        match stream.chunk().await {
            Ok(Some(chunk)) => text.push_str(&String::from_utf8_lossy(&chunk)),
            Ok(None) => return (text, true),
            Err(_broken) => return (text, false),
        }
    }
}

#[tokio::test]
async fn revoked_in_mid_stream_it_finishes_unless_it_is_to_be_cut() {
    for (setting, is_cut) in [("", false), ("[keys]\non_revoke = \"cut\"", true)] {
        let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(50)).await);
        let gateway = gateway(&home, &emulator, setting).await;
        let (ann, bob) = (create(&home, "ann", &[]).await, create(&home, "bob", &[]).await);
        gateway.answers("anything", 401).await;
        gateway.answers(&ann, 200).await;
        gateway.answers(&bob, 200).await;
        let (cut, other) = (gateway.stream(60, &ann).await, gateway.stream(60, &bob).await);
        let mut waiting = JoinSet::new();
        waiting.spawn(gateway.chat(PLAIN, "[[tokens=60]]").bearer_auth(&ann).send());
        let series = "flowgate_requests_in_flight{route=\"/chat/completions\"}";
        until("all three", async || (gateway.metric(series).await >= 3.0).then_some(())).await;
        done(&home, &["keys", "revoke", "ann"]).await;
        let begun = Instant::now();
        let (text, is_whole) = timeout(Duration::from_secs(20), rest(cut)).await.unwrap();
        assert_eq!((is_whole, text.contains("[DONE]")), (!is_cut, !is_cut), "{text}");
        if is_cut {
            assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
            let event = text.trim_end().rsplit("data: ").next().unwrap();
            let event: Value = serde_json::from_str(event).unwrap();
            assert_eq!(event["error"]["code"], "invalid_api_key");
            assert!(event["error"]["message"].as_str().unwrap().contains("revoked"), "{event}");
            let page = gateway.metrics().await;
            assert!(!page.contains("cause=\"revoked\""), "that is no error of the upstream's");
        }
        let waited = waiting.join_next().await.unwrap().unwrap().unwrap();
        assert_eq!(waited.status(), if is_cut { 401 } else { 200 }, "{}", waited.text().await.unwrap());
        assert_eq!(gateway.status_for(&ann).await, 401);
        assert!(rest(other).await.1, "another key's stream goes on");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn an_expired_key_is_refused_and_its_streams_are_cut() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(50)).await);
    let gateway = gateway(&home, &emulator, "[keys]\non_revoke = \"cut\"").await;
    let ann = create(&home, "ann", &["--expires", "6s"]).await;
    gateway.answers("anything", 401).await;
    gateway.answers(&ann, 200).await;
    let stream = gateway.stream(100_000, &ann).await;
    let (text, is_whole) = timeout(Duration::from_secs(10), rest(stream)).await.unwrap();
    assert!(!is_whole && text.contains("revoked or has expired"), "{text}");
    assert_eq!(gateway.status_for(&ann).await, 401);
    assert_eq!(shown(&home, "ann").await["state"], "expired");
    done(&home, &["keys", "edit", "ann", "--expires", "1d"]).await;
    gateway.answers(&ann, 200).await;
    let (text, is_whole) = rest(gateway.stream(3, &ann).await).await;
    assert!(is_whole, "a key that is good again is not cut: {text}");
    gateway.stop().await;
}

/// A key may be taken back by the file as well.
#[tokio::test]
async fn a_key_that_leaves_the_file_is_cut_too() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(50)).await);
    for name in ["ann", "bob"] {
        home.write(&format!("{name}.key"), &format!("sk-{name}"));
    }
    let key = |name: &str| format!("[[key]]\nname = \"{name}\"\nsecret = {{ file = \"{name}.key\" }}\n");
    let cut = "[keys]\non_revoke = \"cut\"\n";
    let gateway = gateway(&home, &emulator, &format!("{cut}{}{}", key("ann"), key("bob"))).await;
    let (ann, bob) = (gateway.stream(100_000, "sk-ann").await, gateway.stream(40, "sk-bob").await);
    home.replace("flowgate.toml", &config(&home, &emulator, &format!("rule = \"off\"\n{cut}{}", key("bob"))));
    let (text, is_whole) = timeout(Duration::from_secs(10), rest(ann)).await.unwrap();
    assert!(!is_whole && text.contains("revoked"), "{text}");
    assert!(rest(bob).await.1, "a reload leaves the streams of other keys alone");
    gateway.stop().await;
}

/// The hash is kept, the secret nowhere.
#[tokio::test]
async fn no_secret_is_left_anywhere() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("admin.token", "operator-canary-0123456789");
    let admin = "[admin]\ntoken = { file = \"admin.token\" }\n[log]\nlevel = \"debug\"";
    let gateway = gateway(&home, &emulator, admin).await;
    let first = create(&home, "ann", &[]).await;
    gateway.answers("anything", 401).await;
    gateway.answers(&first, 200).await;
    let second = done(&home, &["keys", "rotate", "ann"]).await.trim_end().to_owned();
    gateway.answers(&second, 200).await;
    let mut seen = gateway.metrics().await;
    for arguments in [&["keys", "list"][..], &["keys", "list", "--json"], &["keys", "show", "ann"], &["check"]] {
        seen.push_str(&command(&home, arguments).await.text());
    }
    let document = gateway.admin_with("/api/openapi.json", "operator-canary-0123456789").await;
    seen.push_str(&document.text().await.unwrap());
    seen.push_str(&gateway.program.stdout());
    seen.push_str(&gateway.program.stderr());
    assert!(seen.contains(&second[..11]), "its beginning is shown");
    let mut bytes = Vec::new();
    let folder = home.path(".local/share/flowgate");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    for file in files.filter(|path| path.is_file()) {
        bytes.extend(std::fs::read(file).unwrap());
    }
    let has = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    for secret in [&first, &second] {
        assert!(!seen.contains(&secret[..16]), "{seen}");
        assert!(!has(&bytes, &secret.as_bytes()[11..]) && !has(&bytes, &secret.as_bytes()[..16]));
        assert!(has(&bytes, &flowgate::tenant::hash(secret)), "its hash is there");
    }
    assert!(!seen.contains("operator-canary"));
    gateway.stop().await;
}

#[tokio::test]
async fn the_file_wins_and_is_not_changed_by_commands() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("ann.key", "sk-ann-of-the-file");
    let stored = create_before(&home, &emulator, "ann").await;
    let key = "[[key]]\nname = \"ann\"\nsecret = { file = \"ann.key\" }\nrpm = 600";
    let gateway = gateway(&home, &emulator, key).await;
    gateway.program.complains("a key of this name").await;
    assert_eq!((gateway.status_for("sk-ann-of-the-file").await, gateway.status_for(&stored).await), (200, 401));
    for arguments in
        [&["keys", "create", "ann"][..], &["keys", "edit", "ann", "--rpm", "1"], &["keys", "revoke", "ann"]]
    {
        let end = command(&home, arguments).await;
        assert!(end.code == Some(1) && end.stderr.contains("configuration file") && end.stdout.is_empty(), "{end:?}");
    }
    let listed: Value = serde_json::from_str(&done(&home, &["keys", "list", "--json"]).await).unwrap();
    let states: Vec<_> = listed.as_array().unwrap().iter().map(|key| (&key["source"], &key["state"])).collect();
    assert_eq!(states, [(&"file".into(), &"active".into()), (&"store".into(), &"shadowed".into())]);
    assert_eq!(listed[0]["fields"]["rpm"], 600);
    gateway.stop().await;
}

#[tokio::test]
async fn every_fault_is_told_at_once_in_the_words_of_the_file() {
    let (home, emulator) = (Home::new(), emulator().await);
    create_before(&home, &emulator, "ann").await;
    let wrong = ["keys", "create", "b b", "--rpm", "many", "--policy", "free", "--budget-per-day", "5", "--team", "x"];
    let end = command(&home, &wrong).await;
    assert!(end.code == Some(1) && end.stdout.is_empty(), "{end:?}");
    for fault in
        ["key.name", "key.rpm: must be a whole number", "key.policy: must be one of", "write it like \"5 CNY\""]
    {
        assert!(end.stderr.contains(fault), "{fault}: {end:?}");
    }
    let end = command(&home, &["keys", "create", "bob", "--team", "x"]).await;
    assert!(end.code == Some(1) && end.stderr.contains("flowgate teams set x"), "{end:?}");
    assert_eq!(command(&home, &["keys", "edit", "ann", "--unset", "rmp"]).await.code, Some(2));
    for arguments in [&["keys", "show", "cy"][..], &["keys", "revoke", "cy"], &["keys", "create", "ann"]] {
        assert_eq!(command(&home, arguments).await.code, Some(1), "{arguments:?}");
    }
    done(&home, &["keys", "revoke", "ann"]).await;
    for arguments in
        [&["keys", "rotate", "ann"][..], &["keys", "edit", "ann", "--rpm", "1"], &["keys", "create", "ann"]]
    {
        let end = command(&home, arguments).await;
        assert!(end.code == Some(1) && end.stderr.contains("ann"), "{end:?}");
    }
}

#[tokio::test]
async fn a_team_narrows_its_keys_and_stays_while_it_has_some() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = gateway(&home, &emulator, "[[team]]\nname = \"ops\"\nbudget_per_month = \"5 CNY\"").await;
    done(&home, &["teams", "set", "ml", "--models", "BAAI/*", "--budget-per-day", "2.50 CNY"]).await;
    let ann = create(&home, "ann", &["--team", "ml"]).await;
    let bob = create(&home, "bob", &["--team", "ops", "--tag", "b,a", "--owner", "Bob"]).await;
    gateway.answers("anything", 401).await;
    gateway.answers(&bob, 200).await;
    assert_eq!(gateway.status_for(&ann).await, 404);
    done(&home, &["teams", "set", "ml", "--unset", "models"]).await;
    gateway.answers(&ann, 200).await;
    let teams: Value = serde_json::from_str(&done(&home, &["teams", "list", "--json"]).await).unwrap();
    assert_eq!((&teams[0]["source"], &teams[1]["fields"]["budget_per_day"]), (&"file".into(), &"2.50 CNY".into()));
    let end = command(&home, &["teams", "remove", "ml"]).await;
    assert!(end.code == Some(1) && end.stderr.contains("ann"), "{end:?}");
    assert_eq!(command(&home, &["teams", "set", "ops", "--unset", "models"]).await.code, Some(1));
    done(&home, &["keys", "edit", "ann", "--unset", "team"]).await;
    done(&home, &["teams", "remove", "ml"]).await;
    assert_eq!(done(&home, &["teams", "list"]).await.lines().count(), 2);
    gateway.answers(&ann, 200).await;
    assert_eq!(shown(&home, "bob").await["fields"]["tags"], serde_json::json!(["a", "b"]));
    gateway.stop().await;
}

/// A key of the file may belong to a team of the store; one that is nowhere would be a budget that nobody keeps.
#[tokio::test]
async fn a_key_of_the_file_needs_a_team_that_is_there() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("ann.key", "sk-ann");
    let key = "rule = \"off\"\n[[key]]\nname = \"ann\"\nsecret = { file = \"ann.key\" }\nteam = \"ml\"";
    home.write("flowgate.toml", &config(&home, &emulator, key));
    for arguments in [&["check"][..], &["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]] {
        let end = command(&home, arguments).await;
        assert!(end.code == Some(1) && end.text().contains("flowgate teams set ml"), "{end:?}");
    }
    done(&home, &["teams", "set", "ml"]).await;
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    assert_eq!(gateway.status_for("sk-ann").await, 200);
    assert_eq!(command(&home, &["teams", "remove", "ml"]).await.code, Some(1));
    home.write("flowgate.toml", &config(&home, &emulator, &key.replace("ml", "nobody")));
    gateway.reloaded("refused").await;
    assert_eq!(gateway.status_for("sk-ann").await, 200);
    gateway.stop().await;
}

#[tokio::test]
async fn commands_at_once_do_not_lose_each_others_changes() {
    let (home, emulator) = (Home::new(), emulator().await);
    create_before(&home, &emulator, "ann").await;
    let names: Vec<String> = (0..6).map(|number| format!("key-{number}")).collect();
    let made = futures_util::future::join_all(names.iter().map(|name| create(&home, name, &[]))).await;
    assert_eq!(made.iter().collect::<std::collections::BTreeSet<_>>().len(), 6);
    let rival = ["keys", "create", "rival"];
    let rivals = futures_util::future::join_all((0..4).map(|_| command(&home, &rival))).await;
    assert_eq!(rivals.iter().filter(|end| end.code == Some(0)).count(), 1, "{rivals:?}");
    let edits = [["--rpm", "5"], ["--tpm", "500"], ["--weight", "3"]];
    futures_util::future::join_all(edits.iter().map(|edit| async {
        done(&home, &[&["keys", "edit", "ann"], &edit[..]].concat()).await;
    }))
    .await;
    assert_eq!(shown(&home, "ann").await["fields"], serde_json::json!({"rpm": 5, "tpm": 500, "weight": 3}));
    let listed: Value = serde_json::from_str(&done(&home, &["keys", "list", "--json"]).await).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 8);
}

/// A newer version may know fields that this one does not: what they forbid is not known, so the key opens nothing.
#[tokio::test]
async fn a_key_that_cannot_be_read_is_refused_and_said() {
    let (home, emulator) = (Home::new(), emulator().await);
    let (ann, bob) = (create_before(&home, &emulator, "ann").await, create(&home, "bob", &[]).await);
    let database = rusqlite::Connection::open(home.path(".local/share/flowgate/flowgate.db")).unwrap();
    database.execute("UPDATE keys SET fields = 'countries = [\"CN\"]' WHERE name = 'ann'", []).unwrap();
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    gateway.program.complains("countries").await;
    assert_eq!((gateway.status_for(&ann).await, gateway.status_for(&bob).await), (401, 200));
    assert_eq!(gateway.metric("flowgate_keys_refused").await, 1.0);
    assert_eq!(gateway.metric("flowgate_keys{source=\"store\"}").await, 1.0);
    let key = shown(&home, "ann").await;
    assert!(key["state"] == "broken" && key["faults"].as_str().unwrap().contains("countries"), "{key}");
    done(&home, &["keys", "revoke", "ann"]).await;
    gateway.stop().await;
}

/// Reached from elsewhere it needs a key, wherever that is kept; a reload does not do without.
#[tokio::test]
async fn a_stored_key_is_enough_to_listen_for_others() {
    let (home, emulator) = (Home::new(), emulator().await);
    let exposed = "rule = \"off\"\n[server]\nlisten = \"0.0.0.0:0\"\n[admin]\nlisten = \"127.0.0.1:0\"";
    home.write("flowgate.toml", &config(&home, &emulator, exposed));
    for arguments in [&["serve"][..], &["check"]] {
        let end = command(&home, arguments).await;
        assert!(end.code == Some(1) && end.text().contains("flowgate keys create"), "{end:?}");
    }
    let ann = create(&home, "ann", &[]).await;
    assert_eq!(command(&home, &["check"]).await.code, Some(0));
    let serve = super::program::flowgate(&home, &["serve", "--config", "flowgate.toml"]);
    let gateway = Gateway::from(serve).await;
    let url = format!("http://{}/v1/models", gateway.address());
    let status = async |key: &str| super::gateway::client().get(&url).bearer_auth(key).send().await.unwrap().status();
    assert_eq!((status(&ann).await, status("anything").await), (200.try_into().unwrap(), 401.try_into().unwrap()));
    done(&home, &["keys", "revoke", "ann"]).await;
    home.write("flowgate.toml", &config(&home, &emulator, &format!("{exposed}\n# changed")));
    gateway.reloaded("ok").await;
    sleep(Duration::from_millis(600)).await;
    assert_eq!(status("anything").await, 401);
    assert_eq!(gateway.chat(PLAIN, "x").send().await.map_or(0, |answer| answer.status().as_u16()) / 100, 4);
    gateway.stop().await;
}
