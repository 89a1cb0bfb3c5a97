//! What is known of models before a request is sent: aliases and the quirks the gateway repairs.
//!
//! Pure data and look-ups: no HTTP, no clock, no files. Numbers and names carry their source.

pub mod alias;
pub mod quirks;

/// The model a request really calls, after aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedModel {
    /// SiliconFlow's id.
    pub id: String,
    /// Whether the name the caller wrote has to be replaced.
    pub is_renamed: bool,
}
