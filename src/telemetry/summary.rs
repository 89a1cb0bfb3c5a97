//! What is told of a request that is over: in its line of the log (`docs/logs.md`), and in its span (`docs/traces.md`).

use tracing::info;

use super::printable::Printable;
use super::trace::TraceId;

/// A request that is over. Names are as the caller wrote them.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    /// Our id of it.
    pub request_id: &'a str,
    /// Its endpoint, one of `metrics::ROUTES`.
    pub route: &'static str,
    /// Name of its key; empty where that is not known.
    pub key: &'a str,
    /// The key's team; empty without one.
    pub team: &'a str,
    /// The model as its caller wrote it.
    pub asked: &'a str,
    /// The model called.
    pub model: &'a str,
    /// By which right that was called.
    pub right: &'static str,
    /// What was changed in request and answer.
    pub edits: &'a [&'static str],
    /// Status that its caller got.
    pub status: u16,
    /// How it ended.
    pub outcome: &'static str,
    /// What went wrong, of the closed sets of reasons and causes in `metrics`.
    pub error: Option<&'static str>,
    /// From its head to the last byte of its answer (milliseconds).
    pub took_ms: u64,
    /// From its head to the first byte of a streamed answer (milliseconds).
    pub first_ms: Option<u64>,
    /// How long it stood in line (milliseconds).
    pub waited_ms: u64,
    /// Calls of the upstream.
    pub attempts: u32,
    /// Tokens: input, output, of them cached and reasoning.
    pub tokens: [u64; 4],
    /// How well those are known.
    pub certainty: &'static str,
    /// What it cost (CNY); `None` where nobody knows.
    pub cost_cny: Option<f64>,
    /// The upstream's id of it.
    pub upstream_id: Option<&'a str>,
    /// The trace that it belongs to.
    pub trace_id: Option<TraceId>,
}

impl Summary<'_> {
    /// Writes its line. Numbers are at most 64 bits wide: JSON lines would show wider ones as text.
    pub fn log(&self) {
        let shown = |name| (!str::is_empty(name)).then(|| tracing::field::display(Printable(name)));
        info!(
            request_id = %self.request_id,
            key = %self.key,
            team = shown(self.team),
            asked = shown(self.asked),
            model = %Printable(self.model),
            right = shown(self.right),
            status = self.status,
            outcome = self.outcome,
            error = self.error,
            took_ms = self.took_ms,
            first_ms = self.first_ms,
            waited_ms = self.waited_ms,
            attempts = self.attempts,
            input_tokens = self.tokens[0],
            output_tokens = self.tokens[1],
            usage = self.certainty,
            cost_cny = self.cost_cny,
            upstream_trace_id = self.upstream_id.map(|id| tracing::field::display(Printable(id))),
            trace_id = self.trace_id.map(tracing::field::display),
            "{}", self.route
        );
    }
}
