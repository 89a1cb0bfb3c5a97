//! What is known of models before a request is sent: which there are, their limits and prices, substitutes of those that
//! are gone, what the upstream's own list says of them, aliases, the quirks the gateway repairs, and who is called for a
//! name.
//!
//! Pure data and look-ups: no HTTP, no clock, no files. Numbers and names carry their source. Start at
//! [`catalogue::Catalogue`]; who is called is decided in [`policy`].

pub mod alias;
pub mod catalogue;
mod class;
mod describe;
mod differences;
mod file;
mod host;
pub mod ladder;
pub mod live;
pub mod model;
mod names;
pub mod nearest;
pub mod openai;
pub mod pictures;
pub mod plan;
pub mod policy;
mod prefixes;
#[cfg(test)]
mod price_tests;
pub mod quirks;
mod substitutes;
mod twins;
pub mod voices;

pub use catalogue::Catalogue;
pub use describe::describe;
pub use differences::Differences;
pub use file::{CatalogueError, CatalogueFault, OVERRIDABLE};
pub use host::has_free_models;
pub use twins::PRO;

/// The model a request really calls, after aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedModel {
    /// SiliconFlow's id.
    pub id: String,
    /// Whether the name the caller wrote has to be replaced.
    pub is_renamed: bool,
}
