//! `GET /flowgate/usage`: what a key has used today and this month. Its own only, whatever else is in the request.

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use tracing::error;

use super::answers::Answered;
use super::error::GatewayError;
use super::exchange::Exchange;
use crate::ledger::{Dimension, Query, Store, StoreError, date, export, report};
use crate::relay::usage::Usage;

/// The sums of this key. Where nothing is kept (a demo without a folder) they are empty, and it says so.
pub(super) async fn answer(exchange: &Exchange) -> Result<Answered, GatewayError> {
    let name = exchange.tenant.name.clone();
    let today = date::today(SystemTime::now());
    let json = match exchange.snapshot.ledger.clone() {
        None => nothing(&name, today),
        Some(store) => {
            let read = tokio::task::spawn_blocking(move || own(&store, &name, today));
            read.await.map_err(|_panicked| GatewayError::Panic)?.map_err(unreadable)?
        }
    };
    Ok(Answered::json(HeaderMap::new(), json.into(), Usage::nothing(), Vec::new()))
}

/// Why is for the operator: it names files.
fn unreadable(error: StoreError) -> GatewayError {
    error!(%error, "a key asked what it used, and the ledger cannot be read");
    GatewayError::Unreadable
}

/// Blocks for milliseconds.
fn own(store: &Arc<dyn Store>, name: &str, today: u64) -> Result<String, StoreError> {
    let of = |(from_day, until_day)| {
        let only = vec![(Dimension::Key, name.to_owned())];
        let report = report(&**store, Query { from_day, until_day, by: vec![Dimension::Model], only })?;
        Ok(export::sums_json(&report))
    };
    Ok(object(name, &of((today, today))?, &of(date::month_around(today))?, ""))
}

fn nothing(name: &str, today: u64) -> String {
    let of = |(from_day, until_day)| {
        let query = Query { from_day, until_day, by: vec![Dimension::Model], only: Vec::new() };
        export::sums_json(&export::Report { query, sums: Vec::new(), total: Default::default() })
    };
    let note = ",\"note\":\"Nothing is kept here: this gateway has no state folder (--demo).\"";
    object(name, &of((today, today)), &of(date::month_around(today)), note)
}

fn object(name: &str, today: &str, month: &str, note: &str) -> String {
    let key = serde_json::Value::from(name);
    format!("{{\"object\":\"usage\",\"key\":{key},\"today\":{today},\"month\":{month}{note}}}")
}
