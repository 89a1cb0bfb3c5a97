//! The ledger through the admin API: sums (`GET /api/usage`) and rows in pages (`GET /api/ledger`).
//!
//! Whoever merges these routes checks the token before. Reading blocks, so it happens beside the runtime's own threads.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Pairs, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::Routes;
use crate::ledger::page::{self, Endings, Page};
use crate::ledger::question::{self, QuestionError};
use crate::ledger::{Query, Row, Store, StoreError, date, export, report};

/// What the next page comes after; the last number that was looked at.
pub const NEXT: &str = "x-flowgate-next";
/// Whether there is more: `true` or `false`.
pub const MORE: &str = "x-flowgate-more";

/// Rows of a page if nothing is said, and at most (ours): the largest is about 10 MB.
const USUAL: usize = 1000;
const MOST: usize = 10_000;

/// Names and values of a URL.
type Asked = Result<Pairs<Vec<(String, String)>>, QueryRejection>;

/// Why there is no answer.
#[derive(Debug)]
enum Refused {
    Question(QuestionError),
    Store(StoreError),
    Broken,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Jsonl,
    Csv,
    Json,
}

/// Which page of which rows.
#[derive(Debug)]
struct Wanted {
    /// None: from the beginning, or from the end if the newest come first.
    after: Option<u64>,
    limit: usize,
    format: Format,
    is_newest_first: bool,
    endings: Endings,
}

/// Method, path and answer of each route, below `/api`.
pub(super) fn routes() -> Routes<Arc<dyn Store>> {
    vec![("get", "/usage", get(usage)), ("get", "/ledger", get(rows))]
}

/// The routes. They ask `store`.
pub fn router(store: Arc<dyn Store>) -> Router {
    let routes = routes().into_iter();
    routes.fold(Router::new(), |router, (_, path, answer)| router.route(path, answer)).with_state(store)
}

async fn usage(State(store): State<Arc<dyn Store>>, asked: Asked) -> Result<Response, Refused> {
    let today = date::today(SystemTime::now());
    let (formats, rest): (Vec<_>, Vec<_>) = pairs(asked)?.into_iter().partition(|(name, _)| name == "format");
    let is_csv = match formats.last().map(|(_, format)| format.as_str()) {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(Refused::Question(wrong("format", "json or csv"))),
    };
    let query = question::parse(rest, today, date::month_around(today)).map_err(Refused::Question)?;
    let report = reading(move || report(&*store, query)).await?;
    Ok(match is_csv {
        true => typed("text/csv; charset=utf-8", export::sums_csv(&report)),
        false => typed("application/json", export::sums_json(&report)),
    })
}

async fn rows(State(store): State<Arc<dyn Store>>, asked: Asked) -> Result<Response, Refused> {
    let (mut wanted, mut rest) = (Wanted::default(), Vec::new());
    for (name, value) in pairs(asked)? {
        if !wanted.take(&name, &value).map_err(Refused::Question)? {
            rest.push((name, value));
        }
    }
    let query = question::parse(rest, date::today(SystemTime::now()), (0, u64::MAX)).map_err(Refused::Question)?;
    reading(move || wanted.read(&*store, &query).map(|page| wanted.write(&page))).await
}

fn pairs(asked: Asked) -> Result<Vec<(String, String)>, Refused> {
    let unreadable = |error: QueryRejection| QuestionError { param: String::new(), message: error.body_text() };
    asked.map(|Pairs(pairs)| pairs).map_err(|error| Refused::Question(unreadable(error)))
}

/// Runs `read`, which blocks.
async fn reading<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Refused> {
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|_panicked| Refused::Broken)?.map_err(Refused::Store)
}

fn wrong(name: &str, right: &str) -> QuestionError {
    QuestionError { param: name.to_owned(), message: format!("{name}: write {right}") }
}

/// `429`, or `4xx` for all from 400 to 499.
fn statuses(text: &str) -> Option<(u16, u16)> {
    if let Some(hundreds) = text.strip_suffix("xx") {
        let hundreds = hundreds.parse::<u16>().ok().filter(|hundreds| (1..=9).contains(hundreds))?;
        return Some((hundreds * 100, hundreds * 100 + 99));
    }
    text.parse().ok().map(|status| (status, status))
}

impl Default for Wanted {
    fn default() -> Self {
        let endings = Endings::default();
        Self { after: None, limit: USUAL, format: Format::Json, is_newest_first: false, endings }
    }
}

impl Wanted {
    fn read(&self, store: &dyn Store, query: &Query) -> Result<Page, StoreError> {
        match self.is_newest_first {
            true => page::newest(store, query, &self.endings, self.after.unwrap_or(u64::MAX), self.limit),
            false => page::oldest(store, query, &self.endings, self.after.unwrap_or(0), self.limit),
        }
    }

    /// Whether `name` was one of its own.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, QuestionError> {
        let wrong = |right: &str| wrong(name, right);
        match name {
            "after" => self.after = Some(value.parse().map_err(|_| wrong("the number of a row"))?),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                self.limit = limit.ok_or_else(|| wrong("a number from 1 to 10000"))?;
            }
            "order" => {
                let order = ["oldest", "newest"].iter().position(|order| *order == value);
                self.is_newest_first = order.ok_or_else(|| wrong("oldest or newest"))? == 1;
            }
            "outcome" => {
                let known = Row::OUTCOMES.contains(&value).then(|| value.to_owned());
                self.endings.outcomes.push(known.ok_or_else(|| wrong(&Row::OUTCOMES.join(", ")))?);
            }
            "status" => {
                let range = statuses(value).ok_or_else(|| wrong("a status such as 429, or 4xx for all like it"))?;
                self.endings.statuses.push(range);
            }
            "format" => {
                let formats = [("jsonl", Format::Jsonl), ("csv", Format::Csv), ("json", Format::Json)];
                let format = formats.iter().find(|(word, _)| *word == value);
                self.format = format.ok_or_else(|| wrong("jsonl, csv or json"))?.1;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn write(&self, page: &Page) -> Response {
        let lines =
            |write: fn(&Row) -> String, end: &str| -> String { page.rows.iter().map(|row| write(row) + end).collect() };
        let mut response = match self.format {
            Format::Jsonl => typed("application/x-ndjson", lines(export::row_json, "\n")),
            Format::Csv => typed("text/csv; charset=utf-8", export::row_csv_names() + &lines(export::row_csv, "")),
            Format::Json => {
                let rows = lines(export::row_json, ",");
                let (rows, next, more) = (rows.trim_end_matches(','), page.next, !page.is_last);
                let list = format!("{{\"object\":\"list\",\"data\":[{rows}],\"next\":{next},\"has_more\":{more}}}");
                typed("application/json", list)
            }
        };
        response.headers_mut().insert(NEXT, HeaderValue::from(page.next));
        response.headers_mut().insert(MORE, HeaderValue::from_static(if page.is_last { "false" } else { "true" }));
        response
    }
}

fn typed(kind: &'static str, body: String) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, message, param) = match self {
            Self::Question(error) => (StatusCode::BAD_REQUEST, error.message, json!(error.param)),
            Self::Store(error @ (StoreError::Locked(_) | StoreError::Full(_))) => {
                (StatusCode::SERVICE_UNAVAILABLE, error.to_string(), Value::Null)
            }
            Self::Store(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string(), Value::Null),
            Self::Broken => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "The gateway made a mistake with this request.".to_owned(),
                Value::Null,
            ),
        };
        let kind = if status.is_client_error() { "invalid_request_error" } else { "server_error" };
        let error = json!({"error": {"message": message, "type": kind, "param": param, "code": null}});
        (status, [(header::CONTENT_TYPE, "application/json")], error.to_string()).into_response()
    }
}
