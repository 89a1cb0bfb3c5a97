//! What a request looks at: settings and everything else that a reload replaces as a whole.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::admission::QuotaAccess;
use super::body::BodyLimits;
use super::messages::MessagesUpstream;
use crate::bridge::responses::shelf::Shelf;
use crate::catalog::Catalogue;
use crate::catalog::alias::Aliases;
use crate::catalog::live::Live;
use crate::catalog::policy::Rules;
use crate::jobs::JobStore;
use crate::ledger::{Book, Store};
use crate::media::Keeper;
use crate::relay::leaving::Drainer;
use crate::tenant::Tenants;
use crate::upstream::Upstream;

/// What the operator decides about requests and their answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// Limits on a body that is read whole.
    pub body: BodyLimits,
    /// Most bytes of a streamed upload.
    pub most_upload_bytes: u64,
    /// Limit for the head of an answer.
    pub first_byte_timeout: Duration,
    /// Longest silence within an answer.
    pub idle_timeout: Duration,
    /// Limit for a whole answer.
    pub total_timeout: Duration,
    /// How often a refused request may be tried again before its first byte.
    pub retries: u32,
    /// Request headers that go upstream besides the usual ones.
    pub forward_headers: Vec<HeaderName>,
    /// Whether paths that the gateway does not know are passed on.
    pub passes_unknown_paths: bool,
    /// Whether names of models that nobody knows are refused.
    pub refuses_unknown_models: bool,
    /// Where requests in Anthropic's protocol go.
    pub messages: MessagesUpstream,
}

/// Everything a request looks at, replaced as a whole on reload.
#[derive(Debug)]
pub struct Snapshot {
    /// Virtual keys.
    pub tenants: Tenants,
    /// What is known of models.
    pub catalogue: Arc<Catalogue>,
    /// The upstream's own list of models, as last fetched.
    pub live: Arc<Live>,
    /// Our names for models.
    pub aliases: Arc<Aliases>,
    /// Who is called for a name.
    pub policy: Arc<Rules>,
    /// SiliconFlow.
    pub upstream: Arc<Upstream>,
    /// What may be asked of it.
    pub quota: Arc<QuotaAccess>,
    /// Reads answers on whose callers have left.
    pub drainer: Drainer,
    /// Where requests are written down.
    pub book: Arc<Book>,
    /// What was used; `None` where nothing is kept.
    pub ledger: Option<Arc<dyn Store>>,
    /// Keeps pictures and videos.
    pub media: Arc<Keeper>,
    /// Where links to them begin.
    pub origin: Origin,
    /// Keeps what is made in the background.
    pub jobs: Arc<dyn JobStore>,
    /// Where responses are kept; `None` where none are.
    pub shelf: Option<Arc<dyn Shelf>>,
    /// Limits and switches.
    pub settings: ApiSettings,
}

/// Where links to this gateway begin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// What the operator says, without a slash at the end.
    pub public_url: Option<String>,
    /// Whether callers speak TLS with the gateway itself.
    pub is_tls: bool,
}
