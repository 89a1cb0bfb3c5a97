//! Flowgate: an OpenAI-compatible gateway in front of SiliconFlow. ARCHITECTURE.md is the map.

pub mod admin;
pub mod api;
pub mod bridge;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod jobs;
pub mod ledger;
pub mod media;
pub mod mock;
pub mod quota;
pub mod relay;
pub mod server;
pub mod state;
pub mod store;
pub mod telemetry;
pub mod tenant;
pub mod upstream;
pub mod wire;
