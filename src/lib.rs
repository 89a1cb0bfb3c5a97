//! Flowgate: an OpenAI-compatible gateway in front of SiliconFlow. ARCHITECTURE.md is the map.

pub mod api;
pub mod catalog;
pub mod relay;
pub mod telemetry;
pub mod tenant;
pub mod upstream;
pub mod wire;
