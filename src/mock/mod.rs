//! SiliconFlow in a box: an HTTP server that answers as `https://api.siliconflow.cn/v1` does, with its quirks, its
//! error bodies, its quotas and, on demand, its failures. `--demo`, `flowgate mock` and the tests run on it.
//!
//! It must not know the gateway: nothing here is shared with another room, and it counts tokens and quota in its own
//! naive way, so that a bug is never on both sides. Numbers are SiliconFlow's where a source gives them (the project's
//! API reference, section in the comment) and marked "ours" where we chose them.
//!
//! Start reading at [`start`], then `door` (what happens to every request) and `routes` (which endpoint is where).

mod billing;
mod call;
mod catalogue;
mod chat;
mod clock;
mod control;
mod door;
mod embeddings;
mod emulator;
mod fault;
mod listing;
mod media;
mod play;
mod quirks;
mod quota;
mod record;
mod refusal;
mod rerank;
mod routes;
mod seed;
mod server;
mod settings;
mod store;
mod tokens;
mod wire;

pub use billing::{Bill, Billed};
pub use chat::script::{ScriptUse, ScriptedCall, Turn, When};
pub use control::MockControl;
pub use fault::injection::Injection;
pub use fault::names::{NAMES as FAULT_NAMES, NamedFault};
pub use quota::QuotaUse;
pub use quota::limits::Limits;
pub use quota::meter::MetricUse;
pub use quota::window::{Charge, Rule, Window};
pub use record::Received;
pub use server::{MockServer, start};
pub use settings::{LimitSettings, MockSettings, Tier};
