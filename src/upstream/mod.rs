//! SiliconFlow as the gateway calls it: accounts and their keys, the connection pool, the limits of
//! time, retries before the first byte, the breaker, and what a refusal means.
//!
//! Knows no tenant, no route and no metric name. Start with [`Upstream::call`].

mod account;
mod body;
mod breaker;
mod call;
mod error;
mod health;
pub mod hmac;
mod post;
pub mod refusal;
mod transport;

pub use account::{Account, KeyLease};
pub use body::{BodyFailure, RequestBody};
pub use breaker::Breaker;
pub use call::{Answer, Call, Upstream};
pub use error::UpstreamError;
pub use health::ModelHealth;
pub use post::post;
pub use transport::{BaseUrl, TransportSettings, tls};
