//! What the gateway tells about itself: log lines, metrics and traces.
//!
//! A leaf: it knows names and numbers, never a prompt, an answer or a key. Every metric name of
//! the gateway stands in [`metrics`].

pub mod history;
pub mod log;
pub mod metrics;
pub mod printable;
pub mod summary;
pub mod trace;
