//! A team as its lead sees it: three members with a key each; one spends all it may, one is taken back in mid-stream, the key of
//! one expires. Everything is done by command and over HTTP, and every one of them reads what to do.

use std::time::Duration;

use flowgate::mock::{Bill, MockServer};
use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::gateway::{Gateway, slow_emulator};
use super::keys::{create, done, rest};
use super::program::{Home, until};

/// A paid one (4 and 6 CNY a million tokens).
const MODEL: &str = "deepseek-ai/DeepSeek-V3.2";

/// An answer of `tokens` tokens at most.
async fn ask(gateway: &Gateway, key: &str, tokens: u64) -> Response {
    let messages = json!([{"role": "user", "content": format!("[[tokens={tokens}]]")}]);
    let body = json!({"model": MODEL, "max_tokens": tokens, "messages": messages});
    gateway.post("/chat/completions", &body).bearer_auth(key).send().await.unwrap()
}

/// The error object of a refusal with `status`.
async fn refusal(answer: Response, status: u16) -> Value {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()["x-should-retry"], "false", "an SDK would try again in vain");
    answer.json::<Value>().await.unwrap()["error"].clone()
}

fn says(error: &Value, code: &str, words: &[&str]) {
    assert_eq!(error["code"], code, "{error}");
    let message = error["message"].as_str().unwrap();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}

/// Ann asks until her budget of the day has no room; how often she was served.
async fn spend_all(gateway: &Gateway, ann: &str) -> u64 {
    for served in 0..20 {
        let answer = ask(gateway, ann, 100).await;
        if answer.status() == 200 {
            continue;
        }
        let error = refusal(answer, 429).await;
        says(
            &error,
            "insufficient_quota",
            &["of your key", "0.004 CNY a day", "The next day begins at", "ask the operator"],
        );
        assert_eq!(error["type"], "insufficient_quota");
        return served;
    }
    panic!("she was never refused");
}

/// Bob's key is taken back while a stream of his runs.
async fn cut(home: &Home, gateway: &Gateway, bob: &str) {
    let messages = json!([{"role": "user", "content": "[[tokens=100000]]"}]);
    let body = json!({"model": MODEL, "stream": true, "max_tokens": 100_000, "messages": messages});
    let mut stream = gateway.post("/chat/completions", &body).bearer_auth(bob).send().await.unwrap();
    assert!(stream.status() == 200 && stream.chunk().await.unwrap().is_some());
    done(home, &["keys", "revoke", "bob"]).await;
    let (text, is_whole) = timeout(Duration::from_secs(10), rest(stream)).await.unwrap();
    assert!(!is_whole && !text.contains("[DONE]"), "{text}");
    let event = text.trim_end().rsplit("data: ").next().unwrap();
    let event: Value = serde_json::from_str(event).unwrap();
    says(&event["error"], "invalid_api_key", &["revoked", "ask the operator", "new one"]);
    let error = refusal(ask(gateway, bob, 1).await, 401).await;
    says(&error, "invalid_api_key", &["was revoked", "Ask the operator"]);
}

/// Cy's key expires. A request under way would be refused, so nothing is until it has.
async fn expire(home: &Home, gateway: &Gateway, cy: &str) {
    assert_eq!(ask(gateway, cy, 7).await.status(), 200);
    done(home, &["keys", "edit", "cy", "--expires", "2020-01-31"]).await;
    until("the key has expired", async || {
        let answer = gateway.get("/flowgate/limits").bearer_auth(cy).send().await.unwrap();
        (answer.status() == 401).then_some(())
    })
    .await;
    let error = refusal(ask(gateway, cy, 7).await, 401).await;
    says(&error, "invalid_api_key", &["has expired", "Ask the operator"]);
}

fn figures(of: &Value) -> (u64, u64) {
    (of["input_tokens"].as_u64().unwrap(), of["output_tokens"].as_u64().unwrap())
}

/// The lead's report by key: each line's figures.
async fn report(home: &Home) -> Value {
    serde_json::from_str(&done(home, &["usage", "--by", "key", "--team", "ml", "--format", "json"]).await).unwrap()
}

fn of_key<'a>(report: &'a Value, key: &str) -> &'a Value {
    let lines = report["data"].as_array().unwrap();
    lines.iter().find(|line| line["key"] == key).unwrap_or_else(|| panic!("no {key} in {report}"))
}

async fn bill(emulator: &MockServer) -> Bill {
    until("streams are over", async || (emulator.control().live() == 0).then_some(())).await;
    emulator.control().billed().models[MODEL]
}

#[tokio::test]
async fn three_members_and_what_becomes_of_them() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(2)).await);
    let gateway = Gateway::before(&home, &emulator, "[keys]\non_revoke = \"cut\"").await;
    done(&home, &["teams", "set", "ml", "--budget-per-month", "5 CNY"]).await;
    let ann = create(&home, "ann", &["--team", "ml", "--budget-per-day", "0.004 CNY"]).await;
    let bob = create(&home, "bob", &["--team", "ml", "--owner", "Bob"]).await;
    let cy = create(&home, "cy", &["--team", "ml", "--expires", "30d"]).await;
    gateway.answers("anything", 401).await;

    let served = spend_all(&gateway, &ann).await;
    assert!(served > 2, "{served}");
    assert_eq!(ask(&gateway, &bob, 5).await.status(), 200, "her budget is hers alone");
    expire(&home, &gateway, &cy).await;
    let (exact, before_bob) = (bill(&emulator).await, of_bob(&gateway, &bob).await);
    cut(&home, &gateway, &bob).await;

    // Each key is told its own figures, and only those.
    let own: Value = gateway.get("/flowgate/usage").bearer_auth(&ann).send().await.unwrap().json().await.unwrap();
    let all = until("all of them in the report", async || {
        let report = report(&home).await;
        (of_key(&report, "bob")["inexact"] == 1).then_some(report)
    })
    .await;
    let line = of_key(&all, "ann");
    assert_eq!((own["key"].as_str(), figures(&own["today"]["total"])), (Some("ann"), figures(line)), "{own}");
    assert_eq!(own["month"]["total"]["requests"], served + 1, "the refused one is there as well");
    assert_eq!(own["today"]["total"]["cost_cny"], line["cost_cny"]);
    assert_eq!(figures(line).1, 100 * served);
    assert_eq!(figures(of_key(&all, "cy")).1, 7);

    // Of all that ended whole the sums are SiliconFlow's own; of the stream that was cut, what was seen of it counts.
    let sum = |place: fn(&Value) -> u64| ["ann", "cy"].map(|key| place(of_key(&all, key))).iter().sum::<u64>();
    assert_eq!(sum(|line| figures(line).0) + before_bob.0, exact.prompt_tokens);
    assert_eq!(sum(|line| figures(line).1) + before_bob.1, exact.completion_tokens);
    let inexact = |key: &str| of_key(&all, key)["inexact"].as_u64().unwrap();
    assert_eq!(["ann", "bob", "cy"].map(inexact), [0, 1, 0], "{all}");
    let table = done(&home, &["usage", "--by", "key", "--team", "ml"]).await;
    for name in ["ann", "bob", "cy", "total"] {
        assert!(table.lines().any(|line| line.starts_with(name)), "{table}");
    }
    gateway.stop().await;
    assert!(done(&home, &["ledger", "check"]).await.lines().count() > 0);
}

/// What bob has used.
async fn of_bob(gateway: &Gateway, bob: &str) -> (u64, u64) {
    let used = async || {
        let own: Value = gateway.get("/flowgate/usage").bearer_auth(bob).send().await.unwrap().json().await.unwrap();
        (own["today"]["total"]["output_tokens"] == 5).then(|| figures(&own["today"]["total"]))
    };
    until("bob's first request", used).await
}
