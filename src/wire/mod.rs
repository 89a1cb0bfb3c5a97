//! Formats on the wire, as bytes: JSON objects with the place of every member, splices,
//! server-sent events, multipart forms, and what is kept on disk.
//!
//! A leaf: everything here is a pure function or a small state machine over bytes. It knows no
//! HTTP library, no model, no configuration. Start with [`json`], the rest is built on its spans.

pub mod form;
pub mod json;
pub mod multipart;
pub mod postcard;
pub mod splice;
pub mod sse;
