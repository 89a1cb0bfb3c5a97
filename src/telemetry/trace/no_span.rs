//! Spans of a program without the feature `otlp`: nothing, which takes no room and no time.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::context::TraceContext;
use super::settings::TraceSettings;
use super::value::{Kind, Value};
use crate::telemetry::metrics::Metrics;

/// Makes no spans.
#[derive(Debug, Clone, Default)]
pub struct Tracer;

/// Sends no spans.
#[derive(Debug, Default)]
pub struct Exporter;

/// No span.
#[derive(Debug, Default)]
pub(super) struct Span;

impl Tracer {
    /// Both ends of nothing: `config` has refused any settings.
    ///
    /// # Errors
    /// None.
    pub fn new(_settings: Option<&TraceSettings>, _metrics: &Arc<Metrics>) -> Result<(Self, Exporter), String> {
        Ok((Self, Exporter))
    }

    pub(super) fn begin(
        &self,
        _kind: Kind,
        _parent: Option<(TraceContext, &str)>,
        _name: impl FnOnce() -> String,
    ) -> Span {
        Span
    }
}

impl Exporter {
    /// Ready at once.
    #[expect(clippy::unused_async, reason = "the same as of the one that has something to do")]
    pub async fn run(self, _is_over: CancellationToken) {}
}

impl Span {
    pub(super) fn child(
        &self,
        _kind: Kind,
        _since: Option<std::time::SystemTime>,
        _name: impl FnOnce() -> String,
    ) -> Self {
        Self
    }

    pub(super) fn is_recording(&self) -> bool {
        false
    }

    pub(super) fn set(&mut self, _key: &'static str, _value: impl Into<Value>) {}

    pub(super) fn fail(&mut self) {}

    pub(super) fn context(&self) -> Option<TraceContext> {
        None
    }

    pub(super) fn propagates(&self) -> bool {
        false
    }
}
