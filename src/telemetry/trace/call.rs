//! The span of one call of the upstream, by OpenTelemetry's conventions for clients of generative AI.

use http::{HeaderMap, HeaderValue, Method};

use super::context::TRACEPARENT;
use super::request::{RequestTrace, known};
use super::span::Span;
use super::value::Kind;
use crate::telemetry::printable::Printable;

/// Whose models are called (clients.md B2: a name of one's own is allowed).
const PROVIDER: &str = "siliconflow";

/// A call of the upstream. Its span ends when this is dropped: with the answer's last byte, where there is one.
#[derive(Debug, Default)]
pub struct CallTrace {
    span: Span,
    status: Option<u16>,
    /// How it ended, where that was told.
    outcome: Option<&'static str>,
    error: Option<&'static str>,
    tokens: Option<[u64; 2]>,
}

impl CallTrace {
    pub(super) fn begin(request: &RequestTrace, method: &Method, model: &str, (host, port): (&str, u16)) -> Self {
        let operation = request.operation;
        let mut span = request.span.child(Kind::Client, None, || match (operation, model) {
            (Some(operation), "") => operation.to_owned(),
            (Some(operation), model) => format!("{operation} {}", Printable(model)),
            (None, _) => known(method).to_owned(),
        });
        if span.is_recording() {
            if let Some(operation) = operation {
                span.set("gen_ai.operation.name", operation);
            }
            span.set("gen_ai.provider.name", PROVIDER);
            if !model.is_empty() {
                span.set("gen_ai.request.model", Printable(model).to_string());
            }
            span.set("http.request.method", known(method));
            span.set("server.address", host.to_owned());
            span.set("server.port", u64::from(port));
        }
        Self { span, ..Self::default() }
    }

    /// Tells the upstream of it, in place of what the caller said, if the operator wants that.
    pub fn write(&self, headers: &mut HeaderMap) {
        if !self.span.propagates() {
            return;
        }
        let own = self.span.context().and_then(|context| HeaderValue::try_from(context.to_string()).ok());
        own.into_iter().for_each(|own| drop(headers.insert(TRACEPARENT, own)));
    }

    /// The head of an answer is here.
    pub fn answered(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// No answer came; `cause` is one of the closed set of `flowgate_upstream_errors_total`.
    pub fn failed(&mut self, cause: &'static str) {
        self.error = Some(cause);
    }

    /// What it has used: tokens of prompt and answer.
    pub fn used(&mut self, tokens: [u64; 2]) {
        self.tokens = Some(tokens);
    }

    /// How the request ended that it was the last call of.
    pub(super) fn ended(&mut self, outcome: &'static str, error: Option<&'static str>) {
        self.outcome = Some(outcome);
        self.error = self.error.or(error);
    }

    /// What is known in the end. An attribute is set once.
    fn conclude(&mut self) {
        let (span, status) = (&mut self.span, self.status);
        if let Some(status) = status {
            span.set("http.response.status_code", u64::from(status));
        }
        if let Some([input, output]) = self.tokens {
            span.set("gen_ai.usage.input_tokens", input);
            span.set("gen_ai.usage.output_tokens", output);
        }
        // One that was dropped before its answer was abandoned.
        let abandoned = (status.is_none() && self.error.is_none()).then_some("abandoned");
        if let Some(outcome) = self.outcome.or(abandoned) {
            span.set("flowgate.outcome", outcome);
        }
        let refused = status.filter(|status| *status >= 400).map(|status| status.to_string());
        match (self.error, refused) {
            (Some(error), _) => span.set("error.type", error),
            (None, Some(status)) => span.set("error.type", status),
            (None, None) => return,
        }
        span.fail();
    }
}

impl Drop for CallTrace {
    fn drop(&mut self) {
        if self.span.is_recording() {
            self.conclude();
        }
    }
}
