//! Kept responses over restarts, and how the ledger counts them.

use serde_json::{Value, json};

use super::gateway::{Gateway, PLAIN, emulator};
use super::program::{Home, run};

async fn respond(gateway: &Gateway, body: Value) -> Value {
    let answer = gateway.post("/responses", &body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_conversation_goes_on_after_a_restart() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "").await;
    let first = respond(&gateway, json!({"model": PLAIN, "input": "[[say=before]]"})).await;
    gateway.stop().await;
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    let next = json!({"model": PLAIN, "input": "[[say=after]]", "previous_response_id": first["id"]});
    assert_eq!(respond(&gateway, next).await["output"][0]["content"][0]["text"], "after");
    let sent = emulator.control().requests()[1].json();
    assert_eq!(sent["messages"][1], json!({"role": "assistant", "content": "before"}));
    gateway.stop().await;
    let usage =
        run(&home, &["usage", "--config", "flowgate.toml", "--by", "endpoint", "--format", "json"]).await.json();
    let billed = emulator.control().billed().total;
    let row = &usage["data"][0];
    assert_eq!((&row["endpoint"], &row["requests"]), (&json!("/responses"), &json!(2)), "{usage}");
    assert_eq!(
        (&row["input_tokens"], &row["output_tokens"]),
        (&json!(billed.prompt_tokens), &json!(billed.completion_tokens))
    );
    assert_eq!(row["inexact"], 0, "{usage}");
}
