//! Spans of OpenTelemetry's SDK, which end on the way to the [`Exporter`] when they are dropped.

use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceState,
    TracerProvider,
};
use opentelemetry::{Array, Context, KeyValue, StringValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span as SdkSpan};

use super::context::{TraceContext, TraceId};
pub use super::export::Exporter;
use super::export::exporter;
use super::settings::TraceSettings;
use super::value::{Kind, Value};
use crate::telemetry::metrics::Metrics;

/// Begins spans. All clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<Source>>);

#[derive(Debug)]
struct Source {
    tracer: SdkTracer,
    /// Spans are made for as long as it is there.
    _provider: SdkTracerProvider,
    propagates: bool,
}

/// A span under way; none where nothing is traced. It ends when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Span(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    span: SdkSpan,
    source: Arc<Source>,
}

impl Tracer {
    /// What makes spans, and what sends them, which has to run; without settings both do nothing.
    ///
    /// # Errors
    /// Why the collector cannot be called.
    pub fn new(settings: Option<&TraceSettings>, metrics: &Arc<Metrics>) -> Result<(Self, Exporter), String> {
        let Some(settings) = settings else { return Ok((Self::default(), Exporter::default())) };
        let (processor, exporter) = exporter(settings, resource(settings), metrics.clone())?;
        let provider =
            SdkTracerProvider::builder().with_sampler(sampler(settings)).with_span_processor(processor).build();
        let tracer = provider.tracer("flowgate");
        let source = Source { tracer, _provider: provider, propagates: settings.propagates };
        Ok((Self(Some(Arc::new(source))), exporter))
    }

    /// A span that has no parent in this program.
    pub(super) fn begin(
        &self,
        kind: Kind,
        parent: Option<(TraceContext, &str)>,
        name: impl FnOnce() -> String,
    ) -> Span {
        let Some(source) = &self.0 else { return Span::default() };
        let context = parent.map_or_else(Context::new, |(parent, state)| {
            Context::new().with_remote_span_context(remote(parent, state))
        });
        Span(Some(source.clone().start(SpanBuilder::from_name(name()), kind, &context)))
    }
}

impl Source {
    fn start(self: Arc<Self>, builder: SpanBuilder, kind: Kind, parent: &Context) -> Box<Open> {
        let span = builder.with_kind(kind.into()).start_with_context(&self.tracer, parent);
        Box::new(Open { span, source: self })
    }
}

impl Span {
    /// A span that is part of this one, and began at `since`, or now.
    pub(super) fn child(&self, kind: Kind, since: Option<SystemTime>, name: impl FnOnce() -> String) -> Self {
        let Some(open) = &self.0 else { return Self::default() };
        let parent = Context::new().with_remote_span_context(open.span.span_context().clone());
        let mut builder = SpanBuilder::from_name(name());
        builder.start_time = since;
        Self(Some(open.source.clone().start(builder, kind, &parent)))
    }

    /// Whether anybody will see what is told of it.
    pub(super) fn is_recording(&self) -> bool {
        self.0.as_ref().is_some_and(|open| open.span.is_recording())
    }

    /// Sets an attribute, once.
    pub(super) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(open) = &mut self.0 {
            open.span.set_attribute(KeyValue::new(key, value.into()));
        }
    }

    /// It has ended in an error.
    pub(super) fn fail(&mut self) {
        if let Some(open) = &mut self.0 {
            // What went wrong is in `error.type`; texts of errors may quote the upstream.
            open.span.set_status(Status::error(""));
        }
    }

    /// Its place in its trace.
    pub(super) fn context(&self) -> Option<TraceContext> {
        let context = self.0.as_ref()?.span.span_context();
        Some(TraceContext {
            trace: TraceId(context.trace_id().to_bytes()),
            span: u64::from_be_bytes(context.span_id().to_bytes()),
            is_sampled: context.is_sampled(),
        })
    }

    /// Whether others are told of it.
    pub(super) fn propagates(&self) -> bool {
        self.0.as_ref().is_some_and(|open| open.source.propagates)
    }
}

fn remote(parent: TraceContext, state: &str) -> SpanContext {
    let flags = TraceFlags::default().with_sampled(parent.is_sampled);
    let trace = opentelemetry::TraceId::from_bytes(parent.trace.0);
    let span = SpanId::from_bytes(parent.span.to_be_bytes());
    // A state that cannot be read is none; the parent is one all the same (W3C Trace Context, 3.3).
    SpanContext::new(trace, span, flags, true, TraceState::from_str(state).unwrap_or_default())
}

fn sampler(settings: &TraceSettings) -> Sampler {
    let own = Sampler::TraceIdRatioBased(settings.sample);
    if settings.follows_callers { Sampler::ParentBased(Box::new(own)) } else { own }
}

fn resource(settings: &TraceSettings) -> Resource {
    let own = settings.resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Resource::builder_empty()
        .with_attributes(own)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_service_name(settings.service_name.clone())
        .build()
}

impl From<Kind> for SpanKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Server => Self::Server,
            Kind::Internal => Self::Internal,
            Kind::Client => Self::Client,
        }
    }
}

impl From<Value> for opentelemetry::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => text.into(),
            Value::Word(word) => word.into(),
            Value::Number(number) => number.into(),
            Value::Decimal(number) => number.into(),
            Value::Words(words) => Self::Array(Array::String(words.into_iter().map(StringValue::from).collect())),
        }
    }
}
