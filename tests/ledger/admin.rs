//! The admin API's routes of the ledger, without a server.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use flowgate::ledger::{Query, Row, Store, StoreError, Sum};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::support::{Ledger, row, rows};

/// Status, headers and body of `GET path`.
async fn get(store: Arc<dyn Store>, path: &str) -> (u16, HeaderMap, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let (parts, body) = axum::Router::new()
        .nest("/api", flowgate::admin::ledger::router(store))
        .oneshot(request)
        .await
        .unwrap()
        .into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn json(store: &Arc<dyn Store>, path: &str) -> Value {
    let (status, _, body) = get(store.clone(), path).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// The folder goes with the store, where nobody needs it.
fn filled() -> (tempfile::TempDir, Arc<dyn Store>) {
    let Ledger { folder, store } = Ledger::with(&rows(1..=10));
    store.file(&[Row { key: "bob & co".into(), ..row(11) }]).unwrap();
    (folder, Arc::new(store))
}

const DAYS: &str = "from=2026-11-22&until=2026-11-22";

#[tokio::test]
async fn sums_are_those_that_were_asked_for() {
    let (_folder, store) = filled();
    let all = json(&store, &format!("/api/usage?{DAYS}&by=key,model")).await;
    assert_eq!((&all["from"], &all["by"][1]), (&"2026-11-22".into(), &"model".into()));
    assert_eq!((&all["data"][0]["key"], &all["data"][0]["requests"]), (&"ann".into(), &10.into()));
    assert_eq!((&all["total"]["requests"], &all["total"]["cost_cny"]), (&11.into(), &"0.000016500011".into()));
    let bob = json(&store, &format!("/api/usage?{DAYS}&key=bob+%26%20co")).await;
    assert_eq!((&bob["total"]["requests"], bob["data"].as_array().unwrap().len()), (&1.into(), 1));
    let none = json(&store, "/api/usage?from=2020-01-01&until=2020-01-02&by=key").await;
    assert_eq!((&none["total"]["requests"], none["data"].as_array().unwrap().len()), (&0.into(), 0));
    json(&store, "/api/usage").await;
}

#[tokio::test]
async fn rows_come_in_pages() {
    let (_folder, store) = filled();
    let first = json(&store, "/api/ledger?limit=4").await;
    assert_eq!((&first["next"], &first["has_more"], &first["data"][3]["seq"]), (&4.into(), &true.into(), &4.into()));
    let last = json(&store, "/api/ledger?after=8&limit=4").await;
    assert_eq!(
        (&last["next"], &last["has_more"], last["data"].as_array().unwrap().len()),
        (&11.into(), &false.into(), 3)
    );
    let (_, headers, lines) = get(store.clone(), "/api/ledger?format=jsonl&limit=2").await;
    assert_eq!(
        (&headers["x-flowgate-next"], &headers["x-flowgate-more"]),
        (&"2".parse().unwrap(), &"true".parse().unwrap())
    );
    assert_eq!((lines.lines().count(), &headers["content-type"]), (2, &"application/x-ndjson".parse().unwrap()));
    let (_, headers, csv) = get(store.clone(), &format!("/api/ledger?format=csv&key=ann&{DAYS}")).await;
    assert_eq!((csv.lines().count(), headers["x-flowgate-more"].to_str().unwrap()), (11, "false"));
    assert!(csv.starts_with("seq,id,at,key,"), "{csv}");
    let end = json(&store, "/api/ledger?after=18446744073709551615").await;
    assert_eq!(end["has_more"], false);
}

#[tokio::test]
async fn what_is_not_understood_is_an_error_object() {
    let (_folder, store) = filled();
    for (path, param) in [
        ("/api/usage?by=colour", "by"),
        ("/api/usage?from=yesterday", "from"),
        ("/api/usage?month=2026-11&today", "today"),
        ("/api/usage?colour=red", "colour"),
        ("/api/usage?%FF=%", "\u{fffd}"),
        ("/api/ledger?after=-1", "after"),
        ("/api/ledger?limit=0", "limit"),
        ("/api/ledger?limit=10001", "limit"),
        ("/api/ledger?format=xml", "format"),
        ("/api/ledger?until=2026-02-30", "until"),
    ] {
        let (status, _, body) = get(store.clone(), path).await;
        assert_eq!(status, 400, "{path}: {body}");
        let error = &serde_json::from_str::<Value>(&body).unwrap()["error"];
        assert_eq!((&error["type"], &error["param"]), (&"invalid_request_error".into(), &param.into()), "{path}");
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
}

/// A store on which everything fails in one way.
#[derive(Debug)]
struct Broken(StoreError);

impl Store for Broken {
    fn file(&self, _: &[Row]) -> Result<(), StoreError> {
        Err(self.0.clone())
    }
    fn last_seq(&self) -> Result<u64, StoreError> {
        Err(self.0.clone())
    }
    fn sums(&self, _: &Query) -> Result<Vec<Sum>, StoreError> {
        Err(self.0.clone())
    }
    fn rows(&self, _: u64, _: usize) -> Result<Vec<Row>, StoreError> {
        panic!("this is a test")
    }
    fn rows_before(&self, _: u64, _: usize) -> Result<Vec<Row>, StoreError> {
        Err(self.0.clone())
    }
    fn forget(&self, _: u64, _: usize) -> Result<u64, StoreError> {
        Err(self.0.clone())
    }
    fn check(&self) -> Result<Vec<String>, StoreError> {
        Err(self.0.clone())
    }
}

#[tokio::test]
async fn a_store_that_fails_is_told() {
    for (error, expected) in [
        (StoreError::Locked("db".into()), 503),
        (StoreError::Damaged("db".into(), "malformed".into()), 500),
        (StoreError::Failed("db".into(), "disk I/O error".into()), 500),
    ] {
        let (status, _, body) = get(Arc::new(Broken(error)), "/api/usage").await;
        assert_eq!((status, body.contains("server_error"), body.contains("db")), (expected, true, true), "{body}");
    }
    let (status, _, body) = get(Arc::new(Broken(StoreError::Full("db".into()))), "/api/ledger").await;
    assert_eq!((status, body.contains("The gateway made a mistake")), (500, true), "{body}");
}
