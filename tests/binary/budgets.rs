//! Budgets over a reload: another limit holds at once, and nothing that was spent is forgotten.

use std::time::Duration;

use serde_json::json;

use super::gateway::{Gateway, config, emulator, slow_emulator};
use super::program::{Home, until};

/// A picture costs 0.10 CNY.
async fn drawn(gateway: &Gateway, most: usize) -> usize {
    let body = json!({"model": "Tongyi-MAI/Z-Image-Turbo", "prompt": "a cat", "image_size": "512x512"});
    for number in 0..most {
        match gateway.post("/images/generations", &body).send().await.unwrap().status().as_u16() {
            200 => {}
            429 => return number,
            other => panic!("{other}"),
        }
    }
    most
}

#[tokio::test]
async fn a_reload_changes_the_limit_and_forgets_nothing() {
    let (home, emulator) = (Home::new(), emulator().await);
    let settings = |budget: &str| format!("rule = \"off\"\nbudget_per_month = \"{budget}\"\n");
    let gateway = Gateway::before(&home, &emulator, &settings("0.3 CNY")).await;
    assert_eq!(drawn(&gateway, 9).await, 3);
    home.write("flowgate.toml", &config(&home, &emulator, &settings("0.5 CNY")));
    until("the new limit holds", async || (drawn(&gateway, 1).await == 1).then_some(())).await;
    assert_eq!(drawn(&gateway, 9).await, 1);
    let spent = "flowgate_budget_spent{name=\"main\",period=\"month\",scope=\"account\",unit=\"cny\"}";
    assert_eq!(gateway.metric(spent).await, 0.5);
    // Less than was spent.
    home.write("flowgate.toml", &config(&home, &emulator, &settings("0.1 CNY")));
    until("the smaller limit holds", async || {
        (gateway.metric(&spent.replace("spent", "limit")).await == 0.1).then_some(())
    })
    .await;
    assert_eq!(drawn(&gateway, 1).await, 0);
    gateway.stop().await;
}

/// A stream that took more than it held at first is charged all of that when the process dies.
#[tokio::test]
async fn what_a_stream_took_later_counts_as_well() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_micros(10)).await);
    home.write("ann.key", "sk-ann\n");
    let key = "[[key]]\nname = \"ann\"\nsecret = { file = \"ann.key\" }\ntokens_per_day = 1000000\n";
    let mut gateway = Gateway::before(&home, &emulator, key).await;
    let mut stream = gateway.stream(100_000, "sk-ann").await;
    // About 5,000 tokens are held at first; one event has one token.
    let mut events = 0;
    while events < 8_000 {
        let piece = stream.chunk().await.unwrap().unwrap();
        events += piece.windows(6).filter(|window| window == b"data: ").count();
    }
    gateway.program.signal("KILL");
    gateway.program.end().await;
    let rows = super::store_faults::rows_after_a_start(&home).await;
    let held = rows[0]["output_tokens"].as_u64().unwrap();
    assert!(rows.len() == 1 && rows[0]["outcome"] == "unknown" && held >= 8_000, "{rows:#?}");
}
