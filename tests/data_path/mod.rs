//! The way of a request and its answer through the gateway, from socket to socket. Each file is one
//! behaviour; a test marked as ignored with the word "bug" shows a mistake that is still there.

mod answers;
mod auth;
mod budgets;
mod bytes;
mod connections;
mod doors;
mod embeddings;
mod fallback;
mod gone;
mod heads;
mod health;
mod keep_alive;
mod labels;
mod limits;
mod logs;
mod memory;
mod models;
mod policy;
mod policy_race;
mod quota;
mod quota_gone;
mod quota_uploads;
mod quota_upstream;
mod refusals;
mod reuse;
mod spill;
mod stream_ends;
mod streams;
mod support;
mod uploads;
mod upstreams;
mod urls;
mod versions;
