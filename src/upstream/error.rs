//! Why no answer came from the upstream.

use std::error::Error as _;
use std::time::Duration;

use super::body::BodyFailure;
use super::transport::ConnectTimedOut;

/// A call that ended without the head of an answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Nothing was sent: name not resolved, refused, unreachable.
    #[error("SiliconFlow cannot be reached ({0}). Check the network and `upstream.base_url`.")]
    Connect(String),
    /// Nothing was sent: this machine has no descriptor left for a connection.
    #[error(
        "The gateway has run out of file descriptors. Try again in a moment; the operator should raise the limit of open files or lower server.max_connections."
    )]
    NoDescriptors,
    /// Nothing was sent: the connection took too long, TLS handshake included.
    #[error("SiliconFlow did not accept a connection within {0:?} (upstream.connect_timeout).")]
    ConnectTimeout(Duration),
    /// Nothing was sent: the certificate or the handshake was wrong.
    #[error("The TLS handshake with the upstream failed ({0}). A proxy in between may need `upstream.ca_file`.")]
    Tls(String),
    /// The request was sent, no head of an answer came.
    #[error(
        "SiliconFlow sent no answer within {0:?} (upstream.first_byte_timeout). Long answers need `\"stream\": true`."
    )]
    FirstByteTimeout(Duration),
    /// The request was sent, the connection ended before a head came. Never sent again.
    #[error(
        "SiliconFlow closed the connection before it answered; the request may have been run and was not repeated."
    )]
    Closed,
    /// What came is not HTTP.
    #[error("The upstream's answer is not valid HTTP ({0}).")]
    Protocol(String),
    /// The upstream kept failing and is not called for a while.
    #[error("SiliconFlow kept failing and is left alone for {seconds} s; the gateway tries again by itself. The last failure: {1}", seconds = .0.as_secs() + 1)]
    BreakerOpen(Duration, String),
    /// The model kept answering 503 and is not called for a while.
    #[error("The model `{0}` kept answering that it is overloaded and is left alone for {seconds} s. Retry later or use another model.", seconds = .1.as_secs() + 1)]
    ModelBusy(String, Duration),
    /// The upstream refused every key a moment ago.
    #[error(
        "SiliconFlow refused the gateway's own API key a moment ago. The operator has to check the key of the account (`flowgate doctor`)."
    )]
    KeysResting,
    /// The caller's upload failed on the way.
    #[error(transparent)]
    Body(#[from] BodyFailure),
    /// The URL of the call could not be built.
    #[error("The path of this request cannot be forwarded ({0}).")]
    Url(String),
}

impl UpstreamError {
    /// The closed-set label of the metric `flowgate_upstream_errors_total`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::NoDescriptors => "local",
            Self::ConnectTimeout(_) => "connect_timeout",
            Self::Tls(_) => "tls",
            Self::FirstByteTimeout(_) => "first_byte_timeout",
            Self::Closed => "closed",
            Self::Protocol(_) => "protocol",
            Self::BreakerOpen(..) => "breaker",
            Self::ModelBusy(..) => "busy",
            Self::KeysResting => "key_invalid",
            Self::Body(_) | Self::Url(_) => "request",
        }
    }

    /// Whether nothing was sent, so that another try repeats nothing.
    pub fn is_unsent(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::ConnectTimeout(_))
    }

    /// Whether the upstream may have seen the request.
    pub fn may_be_sent(&self) -> bool {
        matches!(self, Self::FirstByteTimeout(_) | Self::Closed | Self::Protocol(_) | Self::Body(_))
    }

    /// Whether this says that the upstream as a whole is not well.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::ConnectTimeout(_) | Self::Tls(_) | Self::FirstByteTimeout(_))
    }

    /// Reads the HTTP client's error.
    pub(super) fn from_client(error: &hyper_util::client::legacy::Error, connect_timeout: Duration) -> Self {
        let mut source = error.source();
        let mut deepest = error.to_string();
        while let Some(cause) = source {
            if let Some(failure) = cause.downcast_ref::<BodyFailure>() {
                return Self::Body(failure.clone());
            }
            if cause.is::<ConnectTimedOut>() {
                return Self::ConnectTimeout(connect_timeout);
            }
            if cause.downcast_ref::<rustls::Error>().is_some() {
                return Self::Tls(cause.to_string());
            }
            if let Some(hyper) = cause.downcast_ref::<hyper::Error>()
                && hyper.is_parse()
            {
                return Self::Protocol(hyper.to_string());
            }
            if cause.downcast_ref::<std::io::Error>().is_some_and(is_shortage) {
                return Self::NoDescriptors;
            }
            deepest = cause.to_string();
            source = next_cause(cause);
        }
        if error.is_connect() { Self::Connect(deepest) } else { Self::Closed }
    }
}

/// EMFILE and ENFILE, the same numbers on Linux, macOS and the BSDs.
fn is_shortage(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

/// The cause behind `cause`. An I/O error hides the error it wraps from `source`.
fn next_cause<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a (dyn std::error::Error + 'static)> {
    match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => cause.source(),
    }
}
