//! One call: choose a key, send, wait for the head of the answer, try again where that is safe.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tower::retry::budget::{Budget, TpsBudget};

use super::account::{Account, KeyLease};
use super::body::RequestBody;
use super::breaker::Breaker;
use super::error::UpstreamError;
use super::health::ModelHealth;
use super::transport::{BaseUrl, HttpClient, TransportSettings, client};
use crate::quota::Reservation;
use crate::telemetry::trace::{CallTrace, RequestTrace};

/// Outages in a row before the upstream is left alone for a while (ours).
const OUTAGE_THRESHOLD: u32 = 5;
/// Share of requests that may be second tries (product.md, section 12: retry budget 20 %).
const RETRY_SHARE: f32 = 0.2;
/// Retries a second that are allowed whatever the share says, so that a quiet gateway may retry
/// at all (ours).
const RETRY_FLOOR: u32 = 2;
/// Time over which the retry share is counted (ours).
const RETRY_WINDOW: Duration = Duration::from_secs(10);
/// The pause before the second try; it doubles (ours).
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
/// A refusal's body is read up to here so that its connection can be used again (bytes; ours).
const REFUSAL_BYTES: usize = 16 * 1024;

/// A request to the upstream, ready but for the key.
#[derive(Debug)]
pub struct Call<'a> {
    /// HTTP method.
    pub method: Method,
    /// Path below the base URL with its query, such as `/chat/completions`.
    pub path: &'a str,
    /// Headers that go upstream; the key is added here.
    pub headers: &'a HeaderMap,
    /// The model called; empty where there is none.
    pub model: &'a str,
    /// The key to send it with; without one, the first that does not rest.
    pub lease: Option<KeyLease>,
    /// What it holds of the quota: a second try takes more.
    pub reservation: Option<&'a Reservation>,
    /// Limit for the head of the answer.
    pub first_byte_timeout: Duration,
    /// How often a whole body may be sent again when the first try was refused (never when it may
    /// have been run).
    pub retries: u32,
    /// The trace that it is a part of; of a call that nobody traces, an empty one.
    pub trace: &'a RequestTrace,
}

/// The head of an answer, with the key that got it.
#[derive(Debug)]
pub struct Answer {
    /// Head, and the body as it comes.
    pub response: Response<Incoming>,
    /// The key that was used.
    pub lease: KeyLease,
    /// How many tries it took (1 or more).
    pub attempts: u32,
    /// Its span, which ends when this is dropped.
    pub trace: CallTrace,
}

impl Answer {
    /// Reads a refusal's body for its text, up to a length and within `limit` of time; empty when it
    /// cannot be read.
    pub fn read_refusal(self, limit: Duration) -> impl Future<Output = Bytes> + Send {
        // Few answers are refusals. What it takes to read one is kept apart, or every request would have room for it.
        Box::pin(async move {
            let read = Limited::new(self.response.into_body(), REFUSAL_BYTES).collect();
            match tokio::time::timeout(limit, read).await {
                Ok(Ok(collected)) => collected.to_bytes(),
                _ => Bytes::new(),
            }
        })
    }
}

/// The upstream with its accounts, its pool and what is known of its health.
pub struct Upstream {
    client: HttpClient,
    transport: TransportSettings,
    accounts: Vec<Arc<Account>>,
    breaker: Mutex<Breaker>,
    last_outage: Mutex<String>,
    is_troubled: AtomicBool,
    budget: TpsBudget,
    /// What single models did lately.
    pub models: ModelHealth,
    on_retry: Box<dyn Fn(&'static str) + Send + Sync>,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Upstream").field("base_url", &self.base_url().to_string()).finish_non_exhaustive()
    }
}

impl Upstream {
    /// An upstream that has not been called yet. `on_retry` is told the reason of each retry.
    ///
    /// # Errors
    /// What is wrong with the extra certificates.
    pub fn new(
        transport: TransportSettings,
        accounts: Vec<Arc<Account>>,
        on_retry: impl Fn(&'static str) + Send + Sync + 'static,
    ) -> Result<Self, String> {
        Ok(Self {
            client: client(&transport)?,
            transport,
            accounts,
            breaker: Mutex::new(Breaker::new(OUTAGE_THRESHOLD)),
            last_outage: Mutex::default(),
            is_troubled: AtomicBool::new(false),
            budget: TpsBudget::new(RETRY_WINDOW, RETRY_FLOOR, RETRY_SHARE),
            models: ModelHealth::default(),
            on_retry: Box::new(on_retry),
        })
    }

    /// Where it is.
    pub fn base_url(&self) -> &BaseUrl {
        &self.transport.base_url
    }

    /// How its connections are made.
    pub fn transport(&self) -> &TransportSettings {
        &self.transport
    }

    /// The keys that may be used now, in the accounts' order.
    pub fn leases(&self, now: Instant) -> impl Iterator<Item = KeyLease> {
        KeyLease::awake(&self.accounts, now)
    }

    /// Its accounts, in their order.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter().map(Arc::as_ref)
    }

    /// Whether it is being left alone.
    pub fn is_open(&self) -> bool {
        self.is_troubled.load(Ordering::Relaxed) && self.breaker().is_open()
    }

    /// Sends `body` and waits for the head of the answer. Tries again only when the upstream was not
    /// reached, or answered 503 to a body that is still at hand; within `RETRY_SHARE`.
    /// Dropping the future abandons the call and closes its connection.
    ///
    /// # Errors
    /// [`UpstreamError`] when no head came.
    pub async fn call(&self, call: &Call<'_>, mut body: RequestBody) -> Result<Answer, UpstreamError> {
        self.budget.deposit();
        let mut attempts = 1;
        loop {
            let spare = match &body {
                RequestBody::Full(bytes) => Some(bytes.clone()),
                RequestBody::Streamed(..) => None,
            };
            let result = self.attempt(call, body).await;
            let Some((reason, bytes)) = retry_reason(&result).zip(spare) else {
                return result.map(|answer| Answer { attempts, ..answer });
            };
            if attempts > call.retries || !self.budget.withdraw() {
                return result.map(|answer| Answer { attempts, ..answer });
            }
            (self.on_retry)(reason);
            if let Some(reservation) = call.reservation.filter(|_| result.is_ok()) {
                reservation.again();
            }
            discard(result).await;
            tokio::time::sleep(backoff(attempts)).await;
            attempts += 1;
            body = RequestBody::Full(bytes);
        }
    }

    async fn attempt(&self, call: &Call<'_>, mut body: RequestBody) -> Result<Answer, UpstreamError> {
        let now = Instant::now();
        self.admit(call.model, now)?;
        let lease = call.lease.clone().or_else(|| self.leases(now).next()).ok_or(UpstreamError::KeysResting)?;
        let sent = body.sent();
        let mut trace = call.trace.calls(&call.method, call.model, self.base_url().server());
        let answering = self.client.request(self.request(call, body, &lease, &trace)?);
        let sent = within(call.first_byte_timeout, sent, answering).await;
        let result = match sent {
            Err(()) => Err(UpstreamError::FirstByteTimeout(call.first_byte_timeout)),
            Ok(Err(error)) => Err(UpstreamError::from_client(&error, self.transport.connect_timeout)),
            Ok(Ok(response)) => {
                trace.answered(response.status().as_u16());
                Ok(Answer { response, lease, attempts: 1, trace: std::mem::take(&mut trace) })
            }
        };
        result.as_ref().err().into_iter().for_each(|error| trace.failed(error.label()));
        self.learn(call.model, &result);
        result
    }

    fn request(
        &self,
        call: &Call<'_>,
        body: RequestBody,
        lease: &KeyLease,
        trace: &CallTrace,
    ) -> Result<Request<RequestBody>, UpstreamError> {
        let mut request = Request::new(body);
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = self.base_url().join(call.path)?;
        *request.headers_mut() = call.headers.clone();
        trace.write(request.headers_mut());
        request.headers_mut().insert(header::HOST, self.base_url().host_header());
        request.headers_mut().insert(header::AUTHORIZATION, lease.authorization());
        Ok(request)
    }

    fn admit(&self, model: &str, now: Instant) -> Result<(), UpstreamError> {
        if self.is_troubled.load(Ordering::Relaxed) {
            let admitted = self.breaker().admit(now);
            admitted.map_err(|wait| UpstreamError::BreakerOpen(wait, lock(&self.last_outage).clone()))?;
        }
        self.models.admit(model, now).map_err(|wait| UpstreamError::ModelBusy(model.to_owned(), wait))
    }

    /// Lets the breaker, the model's health and the key know how the call went.
    fn learn(&self, model: &str, result: &Result<Answer, UpstreamError>) {
        let now = Instant::now();
        match result {
            Err(error) if error.is_outage() => self.failed(now, error),
            Err(_) => {}
            Ok(answer) => {
                self.succeeded();
                self.learn_status(model, answer, now);
            }
        }
    }

    fn learn_status(&self, model: &str, answer: &Answer, now: Instant) {
        let account = answer.lease.account();
        match answer.response.status() {
            StatusCode::UNAUTHORIZED => account.rest(now),
            StatusCode::SERVICE_UNAVAILABLE => self.models.busy(model, now),
            StatusCode::TOO_MANY_REQUESTS => self.models.throttled(model, now),
            _ => {
                account.wake();
                self.models.answered(model, now);
            }
        }
    }

    fn failed(&self, now: Instant, error: &UpstreamError) {
        *lock(&self.last_outage) = error.to_string();
        self.breaker().failed(now);
        self.is_troubled.store(true, Ordering::Relaxed);
    }

    fn succeeded(&self) {
        if self.is_troubled.load(Ordering::Relaxed) {
            self.breaker().succeeded();
            self.is_troubled.store(false, Ordering::Relaxed);
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        lock(&self.breaker)
    }
}

/// A panic while the lock was held leaves a value that is still good: each is written in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `answering`, unless it takes longer than `limit` once the request has been `sent`: a slow upload is the
/// caller's time, not the upstream's.
async fn within<A: Future>(
    limit: Duration,
    sent: Option<oneshot::Receiver<()>>,
    answering: A,
) -> Result<A::Output, ()> {
    let Some(sent) = sent else {
        return tokio::time::timeout(limit, answering).await.map_err(drop);
    };
    let limit_passed = async {
        let _gone = sent.await;
        tokio::time::sleep(limit).await;
    };
    tokio::select! {
        answer = answering => Ok(answer),
        () = limit_passed => Err(()),
    }
}

/// Why another try would be safe, if it would.
fn retry_reason(result: &Result<Answer, UpstreamError>) -> Option<&'static str> {
    match result {
        Err(error) if error.is_unsent() => Some("connect"),
        Ok(answer) if answer.response.status() == StatusCode::SERVICE_UNAVAILABLE => Some("busy"),
        _ => None,
    }
}

/// Reads the rest of a refusal, so that its connection goes back to the pool.
async fn discard(result: Result<Answer, UpstreamError>) {
    if let Ok(answer) = result {
        let _text = answer.read_refusal(FIRST_BACKOFF).await;
    }
}

fn backoff(attempts: u32) -> Duration {
    FIRST_BACKOFF * 2u32.saturating_pow(attempts.saturating_sub(1).min(5))
}
