//! Ended spans on their way to the collector: a queue with a bound, and one task that sends what is in it. Requests never wait
//! for it: what does not fit is dropped and counted.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use prost::Message;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::post::Collector;
use super::settings::TraceSettings;
use crate::telemetry::metrics::Metrics;

/// Spans that may wait to be sent (OpenTelemetry's `OTEL_BSP_MAX_QUEUE_SIZE` is 2,048; a request has about two).
const MOST_WAITING: usize = 4096;
/// Spans in one message (OpenTelemetry's `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`).
const MOST_AT_ONCE: usize = 512;
/// How long a span waits for others (ours; OpenTelemetry's five seconds are long for somebody who looks on).
const GATHERING: Duration = Duration::from_secs(1);
/// How long the last spans may take once the program ends (ours).
const LAST: Duration = Duration::from_secs(3);

/// Takes spans as they end.
#[derive(Debug)]
pub(super) struct Queue {
    spans: mpsc::Sender<SpanData>,
    metrics: Arc<Metrics>,
}

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.spans.try_send(span).is_err() {
            self.metrics.traces.dropped(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Sends spans to the collector, for as long as it runs; without one it has nothing to do.
#[derive(Debug, Default)]
pub struct Exporter(Option<Sender>);

#[derive(Debug)]
struct Sender {
    spans: mpsc::Receiver<SpanData>,
    resource: ResourceAttributesWithSchema,
    collector: Collector,
    metrics: Arc<Metrics>,
    /// Whether the last message did not arrive.
    is_down: bool,
}

/// Both ends of the queue.
///
/// # Errors
/// Why the collector cannot be called.
pub(super) fn exporter(
    settings: &TraceSettings,
    resource: Resource,
    metrics: Arc<Metrics>,
) -> Result<(Queue, Exporter), String> {
    let (spans, ended) = mpsc::channel(MOST_WAITING);
    let sender = Sender {
        spans: ended,
        resource: (&resource).into(),
        collector: Collector::new(settings)?,
        metrics: metrics.clone(),
        is_down: false,
    };
    Ok((Queue { spans, metrics }, Exporter(Some(sender))))
}

impl Exporter {
    /// Sends until `is_over`, then what is left, for up to three seconds. Requests are to be over by then.
    pub async fn run(self, is_over: CancellationToken) {
        let Some(mut sender) = self.0 else { return };
        let too_late = async {
            is_over.cancelled().await;
            tokio::time::sleep(LAST).await;
        };
        tokio::select! {
            () = sender.work(&is_over) => {}
            () = too_late => warn!("the collector did not take the last traces in time; they are lost"),
        }
    }
}

impl Sender {
    async fn work(&mut self, is_over: &CancellationToken) {
        let mut batch = Vec::new();
        while !is_over.is_cancelled() {
            let _enough_or_over = is_over.run_until_cancelled(gather(&mut self.spans, &mut batch)).await;
            self.send(&mut batch).await;
        }
        while let Ok(span) = self.spans.try_recv() {
            batch.push(span);
            if batch.len() == MOST_AT_ONCE {
                self.send(&mut batch).await;
            }
        }
        self.send(&mut batch).await;
    }

    async fn send(&mut self, batch: &mut Vec<SpanData>) {
        let count = batch.len() as u64;
        if count == 0 {
            return;
        }
        let resource_spans = group_spans_by_resource_and_scope(std::mem::take(batch), &self.resource);
        let message = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let sent = self.collector.post(message.into()).await;
        let lost = sent.as_ref().map_or(count, |answer| rejected(answer).min(count));
        self.metrics.traces.sent(count - lost);
        self.metrics.traces.failed(lost);
        self.tell(sent.err());
    }

    /// One line when the collector goes, and one when it is back.
    fn tell(&mut self, error: Option<String>) {
        let was_down = std::mem::replace(&mut self.is_down, error.is_some());
        match error {
            Some(error) if !was_down => warn!(
                "traces cannot be sent and are lost until {} takes them again ({error}); requests go on as ever",
                self.collector
            ),
            None if was_down => info!("traces are sent again"),
            _ => {}
        }
    }
}

/// Waits for spans, and then a little for more.
async fn gather(spans: &mut mpsc::Receiver<SpanData>, batch: &mut Vec<SpanData>) {
    if spans.recv_many(batch, MOST_AT_ONCE).await == 0 {
        return std::future::pending().await;
    }
    let more = async {
        while batch.len() < MOST_AT_ONCE {
            let room = MOST_AT_ONCE - batch.len();
            if spans.recv_many(batch, room).await == 0 {
                return std::future::pending().await;
            }
        }
    };
    let _in_time = tokio::time::timeout(GATHERING, more).await;
}

/// How many spans the collector has taken but thrown away.
fn rejected(answer: &[u8]) -> u64 {
    let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
    answer.partial_success.map_or(0, |partial| u64::try_from(partial.rejected_spans).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;
    use crate::telemetry::trace::{RequestTrace, Tracer};

    fn dropped(metrics: &Metrics) -> String {
        let page = String::from_utf8(metrics.render()).unwrap();
        let line = page.lines().find(|line| line.contains("trace_spans_total{result=\"dropped\"}"));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    }

    #[test]
    fn spans_that_find_no_room_are_dropped_and_counted() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let settings = TraceSettings {
            endpoint: http::Uri::from_static("http://127.0.0.1:9/v1/traces"),
            headers: Vec::new(),
            service_name: "test".to_owned(),
            resource: Vec::new(),
            sample: 1.0,
            follows_callers: true,
            propagates: false,
        };
        let (tracer, exporter) = Tracer::new(Some(&settings), &metrics).unwrap();
        let one = || drop(RequestTrace::begin(&tracer, &Method::GET, "/models", &HeaderMap::new()));
        (0..MOST_WAITING).for_each(|_| one());
        assert_eq!(dropped(&metrics), "0");
        (0..7).for_each(|_| one());
        assert_eq!(dropped(&metrics), "7");
        drop(exporter);
        one();
        assert_eq!(dropped(&metrics), "8", "nobody will ever send it");
    }

    #[test]
    fn what_the_collector_throws_away_is_not_sent() {
        use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;
        let partial = ExportTracePartialSuccess { rejected_spans: 3, error_message: "canary".to_owned() };
        let answer = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        assert_eq!((rejected(&answer), rejected(b""), rejected(b"no protobuf")), (3, 0, 0));
    }
}
