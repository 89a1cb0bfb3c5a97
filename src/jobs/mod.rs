//! Work that outlasts its request: videos and batches. What a job is, and what keeps jobs.
//!
//! Pure but for [`Memory`]. It must not know HTTP, the database, or who asks the upstream how a job is doing.

mod job;
mod memory;
mod settings;
mod store;

pub use job::{Job, Kind, Phase, Yield};
pub use memory::Memory;
pub use settings::JobSettings;
pub use store::JobStore;
