//! The OpenAI face of the gateway: from a request's head to the body of its answer.
//!
//! One path for every request, in the steps of ARCHITECTURE.md: authenticate, read body, read head,
//! resolve model, rewrite, call, relay, settle. Start with [`Gateway::serve`]. This room knows
//! tenants, models, the upstream and the relay; it knows no socket, no file and no environment.

mod admission;
mod admittance;
pub mod answers;
mod batches;
mod bill;
pub mod body;
mod bridges;
mod budget;
mod choice;
mod conversation;
mod cost;
mod count_tokens;
mod dispatch;
mod embeddings;
pub mod error;
mod estimate;
mod exchange;
pub mod face;
mod files;
pub mod head;
mod headers;
mod images;
mod kinds;
mod known;
mod limits;
mod media;
pub mod messages;
mod models;
mod page;
mod patience;
mod range;
mod ratelimit;
mod request_id;
mod responses;
pub mod rewrite;
pub mod route;
mod serve;
mod shape;
mod snapshot;
mod speech;
pub mod target;
mod transcripts;
mod turn;
mod upload;
mod usage;
mod videos;
mod voices;
mod walk;
mod weigh;

pub use admission::{LimitsOf, QuotaAccess};
pub use route::Route;
pub use serve::Gateway;
pub use snapshot::{ApiSettings, Origin, Snapshot};
