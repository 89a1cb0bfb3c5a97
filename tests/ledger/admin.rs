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

/// Pages from the end follow each other without gap or repeat, and meet the ones from the beginning.
#[tokio::test]
async fn the_newest_rows_come_first_if_asked_for() {
    let (_folder, store) = filled();
    let seqs = |page: &Value| -> Vec<u64> {
        page["data"].as_array().unwrap().iter().map(|row| row["seq"].as_u64().unwrap()).collect()
    };
    let first = json(&store, "/api/ledger?order=newest&limit=4").await;
    assert_eq!((seqs(&first), &first["next"], &first["has_more"]), (vec![11, 10, 9, 8], &8.into(), &true.into()));
    let second = json(&store, "/api/ledger?order=newest&limit=4&after=8").await;
    assert_eq!((seqs(&second), &second["has_more"]), (vec![7, 6, 5, 4], &true.into()));
    let last = json(&store, "/api/ledger?order=newest&limit=4&after=4").await;
    assert_eq!((seqs(&last), &last["has_more"]), (vec![3, 2, 1], &false.into()));
    let ann = json(&store, &format!("/api/ledger?order=newest&key=ann&limit=1&{DAYS}")).await;
    assert_eq!((seqs(&ann), &ann["has_more"]), (vec![10], &true.into()));
    let none = json(&store, "/api/ledger?order=newest&after=1").await;
    assert_eq!((seqs(&none), &none["has_more"]), (vec![], &false.into()));
    let never = json(&store, "/api/ledger?order=newest&from=2020-01-01&until=2020-01-02").await;
    assert_eq!((seqs(&never), &never["has_more"]), (vec![], &false.into()));
}

#[tokio::test]
async fn rows_are_chosen_by_how_they_ended() {
    let Ledger { folder: _folder, store } = Ledger::new();
    let ended = |seq, status, outcome: &str| Row { status, outcome: outcome.to_owned().into(), ..row(seq) };
    let rows = [ended(1, 200, "complete"), ended(2, 429, "refused"), ended(3, 404, "refused"), ended(4, 502, "broken")];
    store.file(&rows).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    for (asked, expected) in [
        ("status=429", &[2][..]),
        ("status=4xx", &[2, 3]),
        ("status=429&status=5xx", &[2, 4]),
        ("outcome=refused", &[2, 3]),
        ("outcome=refused&outcome=broken&status=5xx", &[4]),
        ("outcome=refused&order=newest", &[3, 2]),
        ("outcome=unknown", &[]),
    ] {
        let page = json(&store, &format!("/api/ledger?{asked}")).await;
        let seqs: Vec<u64> = page["data"].as_array().unwrap().iter().map(|row| row["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, expected, "{asked}");
    }
}

#[tokio::test]
async fn sums_come_as_csv_too() {
    let (_folder, store) = filled();
    let (_, headers, csv) = get(store.clone(), &format!("/api/usage?{DAYS}&by=key&format=csv")).await;
    assert_eq!((csv.lines().count(), &headers["content-type"]), (3, &"text/csv; charset=utf-8".parse().unwrap()));
    assert!(csv.starts_with("key,requests,"), "{csv}");
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
        ("/api/ledger?order=random", "order"),
        ("/api/ledger?outcome=fine", "outcome"),
        ("/api/ledger?status=xx", "status"),
        ("/api/usage?format=xml", "format"),
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
    fn file_all(&self, _: &[&Row]) -> Result<(), StoreError> {
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
