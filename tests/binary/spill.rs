//! What spilling has cost today survives kill -9 and a reload.

use flowgate::mock::{self, MockServer, MockSettings};
use serde_json::json;

use super::gateway::{Gateway, config, emulator};
use super::program::{Home, until};

const FREE: &str = "Qwen/Qwen2.5-7B-Instruct";
const PRO: &str = "Pro/Qwen/Qwen2.5-7B-Instruct";
const SPENT: &str = "flowgate_spill_spent_cny{account=\"main\"}";

/// One free request an hour, and this much money for the rest.
fn settings(budget: &str) -> String {
    format!(
        "[account.limits.\"{FREE}\"]\nrph = 1\n[queue]\nmax_wait = \"0s\"\n[models]\npolicy = \"prefer-free\"\n[models.spill]\nallowed = true\nsticky = \"0s\"\nbudget_per_day = \"{budget}\"\n"
    )
}

/// Asks until it is refused; how many were served by the paid one.
async fn served(gateway: &Gateway, most: usize) -> usize {
    let mut served = 0;
    for number in 0..most {
        let messages = json!([{"role": "user", "content": format!("talk {number} [[tokens=900]]")}]);
        let body = json!({"model": FREE, "messages": messages, "max_tokens": 1000});
        let answer = gateway.post("/chat/completions", &body).send().await.unwrap();
        match answer.status().as_u16() {
            200 => served += usize::from(answer.headers()["x-flowgate-model"] == PRO),
            429 => return served,
            other => panic!("{other}"),
        }
    }
    served
}

fn paid(emulator: &MockServer) -> f64 {
    emulator.control().billed().models.get(PRO).map_or(0.0, |bill| bill.total_tokens() as f64 * 0.35e-6)
}

#[tokio::test]
async fn a_killed_gateway_remembers_what_it_has_spent() {
    let (home, emulator) = (Home::new(), emulator().await);
    let mut gateway = Gateway::before(&home, &emulator, &settings("0.003 CNY")).await;
    // About 0.00032 each.
    assert_eq!(served(&gateway, 5).await, 4);
    let before = gateway.metric(SPENT).await;
    assert!((before - paid(&emulator)).abs() < 1e-6, "{before}");
    gateway.program.signal("KILL");
    gateway.program.end().await;
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    assert_eq!(gateway.metric(SPENT).await, before);
    let rest = served(&gateway, 50).await;
    assert!((3..=6).contains(&rest), "{rest}");
    assert!(paid(&emulator) <= 0.003, "{}", paid(&emulator));
    // A larger budget holds at once, and what was spent still counts.
    home.write("flowgate.toml", &config(&home, &emulator, &settings("0.006 CNY")));
    until("the new budget holds", async || (served(&gateway, 1).await == 1).then_some(())).await;
    served(&gateway, 50).await;
    assert!(paid(&emulator) <= 0.006 && paid(&emulator) > 0.005, "{}", paid(&emulator));
    gateway.stop().await;
}

/// Each account has its own free quota, and its own budget.
#[tokio::test]
async fn accounts_pay_for_themselves() {
    let home = Home::new();
    let api_keys = vec!["sk-one@one".to_owned(), "sk-two@two".to_owned()];
    let emulator = mock::start(MockSettings { api_keys, ..MockSettings::default() }).await.unwrap();
    let mut text = format!("[upstream]\nbase_url = \"{}\"\n", emulator.base_url());
    for name in ["one", "two"] {
        home.write(&format!("{name}.key"), &format!("sk-{name}\n"));
        let account = format!("[[account]]\nname = \"{name}\"\napi_key = {{ file = \"{name}.key\" }}\n");
        text.push_str(&account);
        text.push_str(&format!("[account.limits.\"{FREE}\"]\nrph = 1\n"));
    }
    let (_, rest) = settings("0.003 CNY").split_once("rph = 1\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    home.write("flowgate.toml", &format!("{text}{rest}"));
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    let served = served(&gateway, 100).await;
    let seen = emulator.control().requests();
    let count = |model: &str, key: &str| {
        let is_it = |seen: &&flowgate::mock::Received| {
            seen.json()["model"] == model && seen.header("authorization") == Some(&format!("Bearer {key}"))
        };
        seen.iter().filter(is_it).count()
    };
    for (name, key) in [("one", "sk-one"), ("two", "sk-two")] {
        assert_eq!(count(FREE, key), 1, "{name}");
        assert!((7..=9).contains(&count(PRO, key)), "{name}: {}", count(PRO, key));
        let spent = gateway.metric(&format!("flowgate_spill_spent_cny{{account=\"{name}\"}}")).await;
        assert!(spent <= 0.003 && (spent - count(PRO, key) as f64 * 0.00032).abs() < 0.0002, "{name}: {spent}");
    }
    assert_eq!(count(PRO, "sk-one") + count(PRO, "sk-two"), served);
    gateway.stop().await;
}

/// A request under way when the process dies has cost what it could cost at most.
#[tokio::test]
async fn what_was_under_way_counts_as_spent() {
    let (home, emulator) = (Home::new(), super::gateway::slow_emulator(std::time::Duration::from_millis(50)).await);
    let mut gateway = Gateway::before(&home, &emulator, &settings("1 CNY")).await;
    let free = gateway.chat(FREE, "[[tokens=1]]").send().await.unwrap();
    assert_eq!(free.headers()["x-flowgate-model"], FREE);
    let messages = json!([{"role": "user", "content": "[[tokens=900]]"}]);
    let body = json!({"model": FREE, "messages": messages, "max_tokens": 1000, "stream": true});
    let stream = gateway.post("/chat/completions", &body).send().await.unwrap();
    assert_eq!(stream.headers()["x-flowgate-model"], PRO);
    gateway.program.signal("KILL");
    gateway.program.end().await;
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    let spent = gateway.metric(SPENT).await;
    assert!(spent >= 0.00035, "1,000 tokens at 0.35 a million, and the prompt: {spent}");
    assert_eq!(gateway.metric("flowgate_spill_reserved_cny{account=\"main\"}").await, 0.0);
    drop(stream);
    gateway.stop().await;
}
