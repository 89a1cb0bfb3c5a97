//! Connections to the upstream that are used again: whatever it leaves on them, nobody gets bytes of another answer.

use super::support::{Act, Got, MODEL, Rig, Script, chat};

/// Two hundred requests, one after the other or many at once: each gets its own answer or an error.
async fn check_own_answers(extra: &'static str, says: &'static str, at_once: usize) {
    let script = Script::new(move |seen| {
        let id = seen.header("x-trace-id").unwrap_or_default();
        let body = format!(r#"{{"id":"{id}","choices":[]}}"#);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{says}\r\n",
            body.len()
        );
        let mut acts = vec![Act::Say(format!("{head}{body}{extra}").into_bytes())];
        acts.extend(says.contains("keep-alive").then_some(Act::Close));
        acts
    });
    let script = script.await;
    let rig = Rig::before(&script.base_url(), "").await;
    let (mut good, mut next) = (0, 0);
    while next < 200 {
        let ask = |number: usize| {
            Got::of(
                rig.post("/v1/chat/completions", chat(MODEL, "x").to_string())
                    .header("x-trace-id", format!("own-{number}")),
            )
        };
        let answers =
            futures_util::future::join_all((next..next + at_once).map(async |number| (number, ask(number).await)))
                .await;
        next += at_once;
        for (number, got) in answers {
            if got.status == 200 {
                assert_eq!(got.json()["id"], format!("own-{number}"), "an answer of somebody else");
                good += 1;
            } else {
                assert_eq!(got.status, 502, "{}", got.text());
            }
        }
    }
    assert!(good >= 100, "{good} of 200");
}

#[tokio::test]
async fn nobody_gets_bytes_of_another_answer() {
    const FOREIGN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 29\r\n\r\n{\"id\":\"foreign\",\"choices\":[]}";
    for at_once in [1, 20] {
        check_own_answers("", "connection: keep-alive\r\n", at_once).await;
        check_own_answers(FOREIGN, "", at_once).await;
        check_own_answers("garbage", "", at_once).await;
    }
}
