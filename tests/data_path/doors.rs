//! The door: hosts that the gateway answers to, pages that may call it.

use super::heads::{ask, check};
use super::support::Rig;

#[tokio::test]
async fn hosts_are_looked_at() {
    check("GET /v1/models HTTP/1.1\r\n\r\n", 400, "no Host", true).await;
    check("GET /v1/models HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n", 400, "more than one Host", true)
        .await;
    check("GET /v1/models HTTP/1.1\r\nhost: a b\r\n\r\n", 400, "", true).await;
    check("GET /v1/models HTTP/1.1\r\nhost: evil.example\r\n\r\n", 403, "host_not_allowed", false).await;
    check("GET http://evil.example/v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n", 403, "host_not_allowed", false)
        .await;
    let rig = Rig::mocked("[server]\nhosts = [\"Gate.lan\"]\n").await;
    for host in ["gate.lan", "GATE.LAN:4000", "localhost", "[::1]:1", "host.docker.internal"] {
        assert_eq!(
            ask(&rig, &format!("GET /v1/models HTTP/1.1\r\nhost: {host}\r\n\r\n")).await.unwrap().status,
            200,
            "{host}"
        );
    }
}

#[tokio::test]
async fn foreign_pages_stay_outside() {
    for origin in ["https://evil.example", "null", "http://localhost.evil.example"] {
        let head = format!("GET /v1/models HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\n\r\n");
        check(&head, 403, "origin_not_allowed", false).await;
        let preflight = format!(
            "OPTIONS /v1/models HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\naccess-control-request-method: GET\r\n\r\n"
        );
        check(&preflight, 403, "origin_not_allowed", false).await;
    }
}

#[tokio::test]
async fn allowed_pages_can_read_errors_too() {
    let rig = Rig::mocked(
        "[server]\norigins = [\"https://chat.example\"]\n[[key]]\nname = \"ann\"\nsecret = { env = \"KEY_ANN\" }\n",
    )
    .await;
    for origin in ["https://chat.example", "http://localhost:3000", "app://obsidian.md"] {
        for (path, status) in [("/v1/models", 401), ("/nowhere", 404), ("/v1/chat/completions", 405)] {
            let answer = ask(&rig, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\n\r\n"))
                .await
                .unwrap();
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, Some(origin)), "{path}");
            assert!(answer.header("access-control-expose-headers").unwrap().contains("x-request-id"));
            assert_eq!(answer.header("vary"), Some("origin"));
        }
        let head = format!(
            "OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\naccess-control-request-method: POST\r\n\
            access-control-request-headers: authorization,x-stainless-os\r\naccess-control-request-private-network: true\r\n\r\n"
        );
        let answer = ask(&rig, &head).await.unwrap();
        assert!(answer.status == 204 && answer.body.is_empty(), "a preflight needs no key: {}", answer.head);
        assert_eq!(answer.header("access-control-allow-headers"), Some("authorization,x-stainless-os"));
        assert!(answer.header("access-control-allow-methods").unwrap().contains("POST"));
        assert_eq!(answer.header("access-control-allow-private-network"), Some("true"));
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    }
}
