//! A collector of traces on a socket of its own: takes what comes, and reads it as OTLP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::super::support::soon;

/// A span as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) state: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) is_error: bool,
    pub(crate) nanos: (u64, u64),
}

impl Span {
    /// The attribute `key`; empty without one.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

/// A message as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Default)]
struct Log {
    taken: Mutex<Vec<Taken>>,
    is_down: AtomicBool,
}

/// See the module.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
    _tasks: JoinSet<()>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, log) = (listener.local_addr().unwrap(), Arc::<Log>::default());
        let app = axum::Router::new().fallback(post(take)).with_state(log.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, log, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Configuration that sends traces here.
    pub(crate) fn config(&self, more: &str) -> String {
        format!("[traces]\nendpoint = \"{}\"\n{more}\n", self.url())
    }

    /// From now on it takes nothing, or does again.
    pub(crate) fn is_down(&self, is_down: bool) {
        self.log.is_down.store(is_down, Ordering::SeqCst);
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.log.taken.lock().unwrap().clone()
    }

    /// Every span, and the attributes of the program that they came from.
    fn read(&self) -> (Vec<Span>, Vec<KeyValue>) {
        let (mut spans, mut resource) = (Vec::new(), Vec::new());
        for taken in self.taken() {
            let message = ExportTraceServiceRequest::decode(taken.body).unwrap();
            for group in message.resource_spans {
                resource = group.resource.unwrap().attributes;
                spans.extend(group.scope_spans.into_iter().flat_map(|scope| scope.spans).map(span));
            }
        }
        (spans, resource)
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.read().0
    }

    pub(crate) fn resource(&self) -> BTreeMap<String, String> {
        attributes(&self.read().1)
    }

    /// Waits for the spans of `count` requests, that is, until so many spans of servers are here. Those that are parts of them
    /// have ended before.
    pub(crate) async fn requests(&self, count: usize) -> Vec<Span> {
        let servers = || self.spans().iter().filter(|span| span.kind == SpanKind::Server).count();
        soon("the spans arrive", async || servers() >= count).await;
        let spans = self.spans();
        assert_eq!(servers(), count, "each request ends once: {spans:#?}");
        let mut ids: Vec<&String> = spans.iter().map(|span| &span.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), spans.len(), "each span ends once: {spans:#?}");
        spans
    }

    /// The spans of the only request, that of the server first, the others by their beginnings.
    pub(crate) async fn only(&self) -> Vec<Span> {
        let mut spans = self.requests(1).await;
        spans.sort_by_key(|span| (span.kind != SpanKind::Server, span.nanos.0));
        let server = spans[0].clone();
        for part in &spans[1..] {
            assert_eq!((&part.trace, &part.parent), (&server.trace, &server.id), "{part:#?}");
            assert!(part.nanos.0 <= part.nanos.1 && part.nanos.1 <= server.nanos.1, "{part:#?}");
        }
        spans
    }
}

async fn take(State(log): State<Arc<Log>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    if log.is_down.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    log.taken.lock().unwrap().push(Taken { path: uri.path().to_owned(), headers, body });
    StatusCode::OK
}

fn span(span: opentelemetry_proto::tonic::trace::v1::Span) -> Span {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let keys = span.attributes.len();
    let attributes = attributes(&span.attributes);
    assert_eq!(attributes.len(), keys, "an attribute is set once");
    Span {
        kind: span.kind(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        is_error: span.status.as_ref().is_some_and(|status| status.code() == SpanStatus::Error),
        nanos: (span.start_time_unix_nano, span.end_time_unix_nano),
        name: span.name,
        state: span.trace_state,
        attributes,
    }
}

fn attributes(all: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| {
        value.as_ref().and_then(|value| value.value.as_ref()).map_or_else(String::new, shown)
    };
    all.iter().map(|pair| (pair.key.clone(), text(&pair.value))).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::ArrayValue(list) => {
            let words = list.values.iter().filter_map(|word| word.value.as_ref()).map(shown);
            words.collect::<Vec<_>>().join(",")
        }
        other => panic!("an attribute that is none of ours: {other:?}"),
    }
}
