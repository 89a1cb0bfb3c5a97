//! Whatever a user pasted together as a base URL means the endpoint that was meant, or says so.

use reqwest::Method;

use super::support::{Got, MODEL, Rig, Script, chat, json_answer, ok_chat};

#[tokio::test]
async fn every_spelling_of_an_endpoint_reaches_it() {
    let script = Script::always(vec![ok_chat()]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    for path in [
        "/v1/chat/completions",
        "/chat/completions",
        "/v1/v1/chat/completions",
        "//v1//chat/completions",
        "/v1/chat/completions/",
        "/v1//chat/completions?x=1&model=other",
    ] {
        let got = Got::of(rig.post(path, chat(MODEL, "x").to_string())).await;
        assert_eq!(got.status, 200, "{path}");
        let query = path.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
        let seen = script.seen().pop().unwrap();
        assert_eq!(seen.path(), format!("/v1/chat/completions{query}"), "{path}");
        assert_eq!(got.header("x-flowgate-model"), Some(MODEL), "a model in the query is nothing: {path}");
    }
}

#[tokio::test]
async fn one_model_is_found_by_raw_and_escaped_name() {
    let rig = Rig::mocked("[models.alias]\n\"gpt-4o\" = \"Qwen/Qwen3-8B\"\n").await;
    for path in [
        "/v1/models/Qwen/Qwen3-8B",
        "/v1/models/Qwen%2FQwen3-8B",
        "/models/Qwen%2fQwen3-8B/",
        "/v1/v1/models/Qwen/Qwen3-8B?a=b",
    ] {
        let got = Got::of(rig.request(Method::GET, path)).await;
        assert_eq!((got.status, got.json()["id"].as_str()), (200, Some(MODEL)), "{path}");
    }
    let got = Got::of(rig.request(Method::GET, "/v1/models/gpt-4o")).await;
    assert_eq!((got.status, got.json()["id"].as_str()), (200, Some("gpt-4o")));
    let got = Got::of(rig.request(Method::GET, "/v1/models/Qwen/no-such-model")).await;
    assert_eq!(got.error(), "404 invalid_request_error/model_not_found");
}

#[tokio::test]
async fn the_list_has_the_aliases_and_keeps_the_query() {
    let rig = Rig::mocked("[models.alias]\n\"gpt-4o\" = \"Qwen/Qwen3-8B\"\n").await;
    let got = Got::of(rig.request(Method::GET, "/v1/models?sub_type=embedding")).await.json();
    let ids: Vec<&str> = got["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
    assert!(ids.contains(&"BAAI/bge-m3") && !ids.contains(&MODEL), "{ids:?}");
    let all = Got::of(rig.request(Method::GET, "/models")).await.json();
    let ids: Vec<&str> = all["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
    assert!(ids.contains(&"gpt-4o") && ids.contains(&MODEL), "{ids:?}");
}

#[tokio::test]
async fn an_unknown_path_below_v1_passes_as_it_is() {
    let script = Script::always(vec![json_answer(201, b"[1]")]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got =
        Got::of(rig.request(Method::PATCH, "/v1/new%2Fthing/a%20b?q=%E4%BD%A0&q=2").body("raw \u{1} bytes")).await;
    assert_eq!((got.status, got.text().as_str()), (201, "[1]"));
    let seen = script.only();
    assert!(seen.head.starts_with("PATCH /v1/new%2Fthing/a%20b?q=%E4%BD%A0&q=2 HTTP/1.1"), "{}", seen.head);
    assert_eq!(seen.body, b"raw \x01 bytes");
}

#[tokio::test]
async fn unknown_paths_can_be_switched_off() {
    let rig = Rig::mocked("[server]\nunknown_paths = \"refuse\"\n").await;
    let got = Got::of(rig.request(Method::GET, "/v1/new")).await;
    assert_eq!(got.error(), "404 invalid_request_error/unknown_url");
    assert!(rig.mock().control().requests().is_empty());
}

#[tokio::test]
async fn a_path_that_leads_nowhere_says_where_the_api_is() {
    let rig = Rig::mocked("").await;
    for path in ["/", "/v1", "/v1/", "/favicon.ico", "/api/chat/completions", "/V1/chat/completions"] {
        let got = Got::of(rig.request(Method::GET, path)).await;
        assert_eq!(got.error(), "404 invalid_request_error/unknown_url", "{path}");
        assert!(got.text().contains("http://HOST:PORT/v1"), "{path}: {}", got.text());
    }
    assert!(rig.mock().control().requests().is_empty());
}

#[tokio::test]
async fn a_wrong_method_names_the_right_one() {
    let rig = Rig::mocked("").await;
    for (method, path, allowed) in [
        (Method::GET, "/v1/chat/completions", "POST"),
        (Method::DELETE, "/embeddings", "POST"),
        (Method::POST, "/v1/models", "GET"),
        (Method::PUT, "/v1/models/Qwen/Qwen3-8B", "GET"),
        (Method::GET, "/v1/audio/transcriptions", "POST"),
    ] {
        let got = Got::of(rig.request(method, path)).await;
        assert_eq!(got.error(), "405 invalid_request_error/null", "{path}");
        assert_eq!((got.header("allow"), got.header("x-should-retry")), (Some(allowed), Some("false")), "{path}");
    }
    assert!(rig.mock().control().requests().is_empty());
}
