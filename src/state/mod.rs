//! The state folder on disk: what must outlive the process, as bytes.
//!
//! Others hand records in and get them back at the next start; this room knows neither quota nor ledger nor HTTP.
//! Every call blocks on the disk, an append for a few microseconds. Start with `journal`; `format` is what stands in
//! the files, `replay` how they are read and put right. `note` is for what is small and replaced as a whole.

mod error;
mod files;
mod folder;
pub mod format;
mod journal;
mod note;
mod replay;
mod writer;

pub use error::StateError;
pub use folder::Folder;
pub use journal::{Compaction, Journal};
pub use note::Note;
pub use replay::{Replay, Torn};
pub use writer::{Backlog, Durability, Encode};

#[cfg(test)]
mod tests;
