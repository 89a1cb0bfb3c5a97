//! Canaries: every secret, every prompt and every answer has a word in it that must be found nowhere else afterwards. Not where
//! people and machines read, and not in any byte of the state folder, whatever happened to the requests and to the process.

use std::path::Path;
use std::time::Duration;

use flowgate::mock::{self, MockServer, MockSettings};
use reqwest::Response;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::gateway::{Gateway, PLAIN, config};
use super::keys::{command, create};
use super::logs::FAULTS;
use super::program::{Home, until};

/// In all that is secret; what follows it tells which.
const CANARY: &str = "canary";
const PROMPT: &str = "canary-of-the-prompt";
const ANSWER: &str = "canary-of-the-answer";
const ACCOUNT_KEY: &str = "sk-canary-of-the-account";
const ANN: &str = "sk-canary-of-ann";
const BOB: &str = "sk-canary-of-bob";
const WRONG: &str = "sk-canary-that-is-wrong";
const TOKEN: &str = "canary-of-the-operator";
const HOOK: &str = "canary-of-the-webhook";

/// The free one, whose paid twin is called when it has no room.
const FREE: &str = "Qwen/Qwen2.5-7B-Instruct";

/// Budgets, teams, spilling, a webhook, the admin API and a log that says all it can say.
fn settings(hook: &str) -> String {
    format!(
        "tokens_per_month = 900000000\n[account.limits.\"{FREE}\"]\nrph = 3\n[server]\nmax_body = \"64KiB\"\n\
         [log]\nlevel = \"trace\"\n[admin]\ntoken = {{ file = \"admin.token\" }}\n[queue]\nmax_wait = \"1s\"\n\
         [budget]\nwebhook = \"{hook}/hooks/{HOOK}\"\nwebhook_secret = {{ file = \"hook.secret\" }}\n\
         [models]\npolicy = \"prefer-free\"\n[models.spill]\nallowed = true\nbudget_per_day = \"1 CNY\"\n\
         [[team]]\nname = \"ml\"\nbudget_per_month = \"5 CNY\"\n\
         [[key]]\nname = \"ann\"\nsecret = {{ file = \"ann.key\" }}\ntokens_per_day = 90000000\n\
         [[key]]\nname = \"bob\"\nsecret = {{ file = \"bob.key\" }}\nteam = \"ml\"\ntokens_per_day = 400\n\
         budget_warn_at = 0.1\non_leave = \"drain\"\n"
    )
}

async fn rig(home: &Home) -> (MockServer, Gateway) {
    let settings_of_emulator = MockSettings {
        api_keys: vec![ACCOUNT_KEY.into()],
        token_interval: Duration::from_millis(1),
        ..MockSettings::default()
    };
    let emulator = mock::start(settings_of_emulator).await.unwrap();
    for (file, secret) in [("admin.token", TOKEN), ("hook.secret", HOOK), ("ann.key", ANN), ("bob.key", BOB)] {
        home.write(file, secret);
    }
    let text = config(home, &emulator, &settings(&emulator.base_url()));
    home.write("flowgate.toml", &text);
    home.write("upstream.key", ACCOUNT_KEY);
    let gateway = Gateway::start(home, &["--config", "flowgate.toml"]).await;
    (emulator, gateway)
}

fn chat(model: &str, is_stream: bool, more: &str) -> Value {
    let content = format!("{PROMPT} [[say={ANSWER}]] {more}");
    json!({"model": model, "stream": is_stream, "max_tokens": 50, "messages": [{"role": "user", "content": content}]})
}

/// A stream of some seconds of which the first piece has come.
async fn long(gateway: &Gateway, key: &str, tokens: u64) -> Response {
    let content = format!("{PROMPT} [[tokens={tokens}]]");
    let body = json!({"model": PLAIN, "stream": true, "max_tokens": tokens, "messages": [{"role": "user", "content": content}]});
    let mut stream = gateway.post("/chat/completions", &body).bearer_auth(key).send().await.unwrap();
    assert!(stream.status() == 200 && stream.chunk().await.unwrap().is_some());
    stream
}

/// What callers read: of their own prompts and answers all, of anybody's secrets nothing.
fn check_answer(text: &str) {
    for secret in [ACCOUNT_KEY, ANN, BOB, WRONG, TOKEN, HOOK] {
        assert!(!text.contains(secret), "{secret} went to a caller: {text}");
    }
}

async fn ask(gateway: &Gateway, key: &str, path: &str, body: &Value) -> u16 {
    let Ok(answer) = gateway.post(path, body).bearer_auth(key).send().await else { return 0 };
    let (status, heads) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
    check_answer(&format!("{heads} {}", answer.text().await.unwrap_or_default()));
    status
}

/// Everything that can happen to a request.
async fn live(gateway: &Gateway, stored: &str) {
    const CHAT: &str = "/chat/completions";
    for key in [ANN, stored] {
        for is_stream in [false, true] {
            assert_eq!(ask(gateway, key, CHAT, &chat(PLAIN, is_stream, "")).await, 200);
        }
    }
    for _ in 0..8 {
        // The free one has room for three; then the paid one is called.
        assert_eq!(ask(gateway, ANN, CHAT, &chat(FREE, false, "")).await, 200);
    }
    drop(long(gateway, BOB, 100).await);
    for _ in 0..40 {
        if ask(gateway, BOB, CHAT, &chat(PLAIN, false, "")).await == 429 {
            break;
        }
    }
    assert_eq!(ask(gateway, BOB, CHAT, &chat(PLAIN, true, "")).await, 429, "his budget is used up");
    assert!([401, 429].contains(&ask(gateway, WRONG, CHAT, &chat(PLAIN, false, "")).await));
    assert_eq!(ask(gateway, ANN, CHAT, &chat(PLAIN, false, &PROMPT.repeat(5_000))).await, 413);
    assert_eq!(ask(gateway, ANN, CHAT, &json!({"model": PLAIN, "messages": PROMPT, "stream": PROMPT})).await, 400);
    ask(gateway, ANN, CHAT, &chat("no-such-model", false, "")).await;
    ask(gateway, ANN, "/embeddings", &json!({"model": "BAAI/bge-m3", "input": [PROMPT, PROMPT]})).await;
    ask(
        gateway,
        ANN,
        "/images/generations",
        &json!({"model": "Kwai-Kolors/Kolors", "prompt": PROMPT, "image_size": PROMPT}),
    )
    .await;
    ask(
        gateway,
        ANN,
        "/audio/speech",
        &json!({"model": "FunAudioLLM/CosyVoice2-0.5B", "input": PROMPT, "voice": "anna"}),
    )
    .await;
    ask(gateway, ANN, "/messages", &chat(PLAIN, true, "")).await;
    let broken =
        gateway.get(CHAT).body(format!("{{\"model\": \"{PLAIN}\", \"messages\": [\"{PROMPT}")).bearer_auth(ANN);
    check_answer(&broken.send().await.unwrap().text().await.unwrap());
    let broken = gateway.post(CHAT, &json!(null)).body(format!("{{\"messages\": \"{PROMPT}")).bearer_auth(ANN);
    assert_eq!(broken.send().await.unwrap().status(), 400);
    let audio = Part::bytes(PROMPT.as_bytes().to_vec()).file_name(format!("{PROMPT}.wav"));
    let form = Form::new().text("model", "FunAudioLLM/SenseVoiceSmall").text("prompt", PROMPT).part("file", audio);
    let _may_be_refused =
        gateway.post("/audio/transcriptions", &json!(null)).multipart(form).bearer_auth(ANN).send().await;
    let headed = gateway.post(CHAT, &chat(PLAIN, false, "")).header("x-api-key", ANN).header("cookie", WRONG);
    headed.header("x-flowgate-policy", PROMPT).send().await.unwrap();
    gateway.get(&format!("/nowhere?key={WRONG}")).bearer_auth(ANN).send().await.unwrap();
    for key in [ANN, BOB] {
        for path in ["/flowgate/usage", "/flowgate/limits", "/models"] {
            check_answer(&gateway.get(path).bearer_auth(key).send().await.unwrap().text().await.unwrap());
        }
    }
    drop(long(gateway, ANN, 1_000).await);
    for fault in FAULTS {
        for is_stream in [false, true] {
            ask(gateway, ANN, CHAT, &chat(&format!("fault/{fault}"), is_stream, "")).await;
        }
    }
}

/// The operator's own doors, with the right token and with wrong ones.
async fn administer(gateway: &Gateway) -> String {
    let mut seen = String::new();
    let mut look = async |path: &str, token: &str| {
        let answer = gateway.admin_with(path, token).await;
        let status = answer.status().as_u16();
        seen.push_str(&format!("{path} {:?} {}\n", answer.headers().clone(), answer.text().await.unwrap()));
        status
    };
    for path in ["/api/keys", "/api/keys/ann", "/api/keys/cy", "/api/teams", "/api/usage?by=key,model"] {
        assert_eq!(look(path, TOKEN).await, 200, "{path}");
    }
    for format in ["json", "jsonl", "csv"] {
        assert_eq!(look(&format!("/api/ledger?format={format}"), TOKEN).await, 200, "{format}");
    }
    for token in [WRONG, ANN] {
        assert_eq!(look("/api/keys", token).await, 401);
    }
    for path in ["/metrics", "/limits", "/readyz", "/healthz", "/api/openapi.json", "/api/nothing"] {
        look(path, TOKEN).await;
    }
    seen
}

/// What every command prints.
async fn commands(home: &Home, gateway: &Gateway) -> String {
    let address = gateway.admin.trim_start_matches("http://").to_owned();
    let beside = ["--listen", "127.0.0.1:0", "--admin-listen", &address];
    let mut seen = String::new();
    for arguments in [
        &["usage"][..],
        &["usage", "--by", "key,team,tag,account,model,endpoint,day,right"],
        &["usage", "--format", "csv"],
        &["usage", "--format", "json"],
        &["usage", "export"],
        &["usage", "export", "--format", "csv"],
        &["ledger", "check"],
        &["keys", "list"],
        &["keys", "list", "--json"],
        &["keys", "show", "ann", "--json"],
        &["keys", "show", "cy", "--json"],
        &["teams", "list"],
        &["check"],
        &["check", "--json"],
        &[&["limits", "--json"], &beside[..]].concat(),
        &[&["doctor"], &beside[..]].concat(),
        &[&["doctor", "--json"], &beside[..]].concat(),
    ] {
        let end = command(home, arguments).await;
        assert!(!end.text().is_empty(), "{arguments:?}");
        seen.push_str(&end.text());
    }
    for word in ["caller_gone", "spill", "interrupted", "drained"] {
        assert!(seen.contains(word), "too little happened for this test: no {word} in {seen}");
    }
    seen
}

/// Every byte of every file of the state folder.
fn state(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(state(&path)),
            // One that comes and goes may be gone.
            false => files.extend(std::fs::read(&path).ok().map(|bytes| (path.display().to_string(), bytes))),
        }
    }
    files
}

/// Fails where a canary is found, or what is secret of `stored`, and says beside what.
fn check(place: &str, bytes: &[u8], stored: &str) {
    let text = String::from_utf8_lossy(bytes);
    for secret in [CANARY, &stored[11..]] {
        if let Some(at) = text.find(secret) {
            let from = text.floor_char_boundary(at.saturating_sub(300));
            let until = text.floor_char_boundary((at + 100).min(text.len()));
            panic!("{secret} stands in {place}: …{}…", &text[from..until]);
        }
    }
}

fn check_state(home: &Home, stored: &str) {
    let files = state(&home.path(".local/share/flowgate"));
    for name in ["flowgate.db", "events"] {
        assert!(files.iter().any(|(file, bytes)| file.contains(name) && !bytes.is_empty()), "no {name}");
    }
    files.iter().for_each(|(file, bytes)| check(file, bytes, stored));
}

async fn idle(gateway: &Gateway) {
    until("nothing under way", async || {
        let page = gateway.metrics().await;
        let mut open = page.lines().filter(|line| line.starts_with("flowgate_requests_in_flight"));
        open.all(|line| line.ends_with(" 0")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_canary_is_found_anywhere() {
    let home = Home::new();
    let (emulator, mut gateway) = rig(&home).await;
    let stored = create(&home, "cy", &["--team", "ml", "--owner", "Cy"]).await;
    gateway.answers(&stored, 200).await;
    live(&gateway, &stored).await;
    idle(&gateway).await;
    let hooked = async || emulator.control().requests().iter().any(|request| request.path.contains(HOOK)).then_some(());
    until("the webhook is called", hooked).await;
    check_state(&home, &stored);

    // Killed with a stream under way, once the account's key is tried again that a fault has shut out.
    gateway.answers(&stored, 200).await;
    let open = long(&gateway, ANN, 5_000).await;
    let first_life = (gateway.program.stdout(), gateway.program.stderr());
    gateway.program.signal("KILL");
    gateway.program.end().await;
    drop(open);
    check_state(&home, &stored);

    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    assert_eq!(ask(&gateway, &stored, "/chat/completions", &chat(PLAIN, true, "")).await, 200);
    home.replace("flowgate.toml.broken", &format!("[[key]]\nsecret = \"{WRONG}\"\napi_key = {WRONG}\n[\n"));
    let broken = super::program::run(&home, &["check", "--config", "flowgate.toml.broken"]).await;
    assert_eq!(broken.code, Some(1));
    idle(&gateway).await;
    for (place, text) in [
        ("the first life's standard output", first_life.0),
        ("the first life's log", first_life.1),
        ("the admin plane", administer(&gateway).await),
        ("a command", commands(&home, &gateway).await),
        ("the faults of a configuration", broken.text()),
        ("the second life's standard output", gateway.program.stdout()),
        ("the second life's log", gateway.program.stderr()),
    ] {
        assert!(!text.is_empty(), "{place} is empty");
        check(place, text.as_bytes(), &stored);
    }
    assert_eq!(gateway.metric("flowgate_panics_total").await, 0.0);
    check_state(&home, &stored);
    gateway.stop().await;
    check_state(&home, &stored);
}
