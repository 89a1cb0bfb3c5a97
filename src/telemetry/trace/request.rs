//! The span of a request, by OpenTelemetry's conventions for HTTP servers.

use http::{HeaderMap, Method};

use super::call::CallTrace;
use super::context::{TRACESTATE, TraceContext, TraceId};
use super::span::{Span, Tracer};
use super::value::Kind;
use super::wait::WaitTrace;
use crate::telemetry::metrics::operation;
use crate::telemetry::printable::Printable;
use crate::telemetry::summary::Summary;

/// A request on its way. Its span ends when this is dropped.
#[derive(Debug, Default)]
pub struct RequestTrace {
    pub(super) span: Span,
    /// What it runs, by OpenTelemetry's names.
    pub(super) operation: Option<&'static str>,
    /// The trace that its caller named.
    named: Option<TraceId>,
    /// The call whose answer goes to the caller.
    call: Option<CallTrace>,
}

impl RequestTrace {
    /// A request begins; `route` is its template without `/v1`, one of `metrics::ROUTES`. A parent that its headers name is its
    /// parent.
    pub fn begin(tracer: &Tracer, method: &Method, route: &'static str, headers: &HeaderMap) -> Self {
        let parent = TraceContext::of(headers);
        let state = || headers.get(TRACESTATE).and_then(|state| state.to_str().ok()).unwrap_or_default();
        let mut span = tracer.begin(Kind::Server, parent.map(|parent| (parent, state())), || name(method, route));
        if span.is_recording() {
            span.set("http.request.method", known(method));
            if let Some(template) = template(route) {
                span.set("http.route", template);
            }
        }
        Self { span, operation: operation(route), named: parent.map(|parent| parent.trace), call: None }
    }

    /// The trace that it belongs to, if there is one that anybody can look at: ours, or the caller's.
    pub fn id(&self) -> Option<TraceId> {
        let own = self.span.context().filter(|context| context.is_sampled);
        own.map(|context| context.trace).or(self.named)
    }

    /// It asks to be let in for `model`.
    pub fn waits<'a>(&'a self, model: &'a str) -> WaitTrace<'a> {
        WaitTrace::new(self, model)
    }

    /// It calls `model` at `server` (host and port).
    pub fn calls(&self, method: &Method, model: &str, server: (&str, u16)) -> CallTrace {
        CallTrace::begin(self, method, model, server)
    }

    /// The answer of `call` is the one that goes to its caller: that span ends with the request.
    pub fn keep(&mut self, call: CallTrace) {
        self.call = Some(call);
    }

    /// The call whose answer was to go to its caller has failed for `cause`, and another one is made.
    pub fn turn(&mut self, cause: &'static str) {
        if let Some(mut call) = self.call.take() {
            call.failed(cause);
        }
    }

    /// The request is over.
    pub fn end(&mut self, summary: &Summary<'_>) {
        if let Some(mut call) = self.call.take() {
            // What was only estimated is no usage (clients.md B2: never invent a count).
            if summary.tokens[..2] != [0, 0] && matches!(summary.certainty, "exact" | "at_least") {
                call.used([summary.tokens[0], summary.tokens[1]]);
            }
            call.ended(summary.outcome, summary.error);
        }
        let mut span = std::mem::take(&mut self.span);
        if span.is_recording() {
            conclude(&mut span, summary);
        }
    }
}

/// Method and template, as HTTP servers name their spans.
fn name(method: &Method, route: &str) -> String {
    let method = match known(method) {
        OTHER_METHOD => "HTTP",
        method => method,
    };
    template(route).map_or_else(|| method.to_owned(), |template| format!("{method} {template}"))
}

/// As callers see it.
fn template(route: &str) -> Option<String> {
    (route != "other").then(|| format!("/v1{route}"))
}

fn conclude(span: &mut Span, summary: &Summary<'_>) {
    for (key, text) in [
        ("flowgate.request_id", summary.request_id),
        ("flowgate.key", summary.key),
        ("flowgate.team", summary.team),
        ("flowgate.asked_model", summary.asked),
        ("flowgate.model", summary.model),
        ("flowgate.right", summary.right),
        ("flowgate.upstream_trace_id", summary.upstream_id.unwrap_or_default()),
    ] {
        if !text.is_empty() {
            span.set(key, Printable(text).to_string());
        }
    }
    span.set("http.response.status_code", u64::from(summary.status));
    span.set("flowgate.outcome", summary.outcome);
    span.set("flowgate.attempts", u64::from(summary.attempts));
    span.set("flowgate.queue_ms", summary.waited_ms);
    if let Some(first_ms) = summary.first_ms {
        span.set("flowgate.first_byte_ms", first_ms);
    }
    if !summary.edits.is_empty() {
        span.set("flowgate.edits", summary.edits);
    }
    let [input, output, ..] = summary.tokens;
    span.set("flowgate.usage", summary.certainty);
    span.set("flowgate.input_tokens", input);
    span.set("flowgate.output_tokens", output);
    if let Some(cost) = summary.cost_cny {
        span.set("flowgate.cost_cny", cost);
    }
    if let Some(error) = summary.error {
        span.set("error.type", error);
    }
    // A server is to blame for what begins with 5, and for answers that break off.
    if summary.status >= 500 || summary.outcome == "broken" {
        span.fail();
    }
}

/// OpenTelemetry's word for methods that nobody knows.
const OTHER_METHOD: &str = "_OTHER";

/// The method, from a closed set: a caller may write anything there.
pub(super) fn known(method: &Method) -> &'static str {
    const METHODS: [&str; 9] = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
    METHODS.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER_METHOD)
}
