//! Traces: what is told of a request while it is on its way, as spans. `docs/traces.md` lists them with their attributes.
//!
//! [`RequestTrace`] is the request itself, [`WaitTrace`] its time in line, [`CallTrace`] one call of the upstream. A span ends
//! when its value is dropped, so that none ends twice or never. What they say is written once, here; whether it goes
//! anywhere is a matter of `Span`, which without the feature `otlp` is nothing at all.

mod call;
mod context;
#[cfg(feature = "otlp")]
mod export;
#[cfg(feature = "otlp")]
mod post;
mod request;
mod settings;
#[cfg_attr(not(feature = "otlp"), path = "trace/no_span.rs")]
mod span;
mod value;
mod wait;

pub use call::CallTrace;
pub use context::TraceId;
pub use request::RequestTrace;
pub use settings::TraceSettings;
pub use span::{Exporter, Tracer};
pub use wait::WaitTrace;

/// Whether this program can send traces at all.
pub const IS_BUILT_IN: bool = cfg!(feature = "otlp");
