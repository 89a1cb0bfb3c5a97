//! Pictures and videos that the upstream has made: fetched before their links die, kept under names of our own, handed out.
//!
//! Start with [`Keeper`]: `keep` fetches a link and keeps what is behind it, `find` hands it out again. A link comes from outside,
//! so [`hosts`] and [`address`] say where this room may connect to at all, and `format` what may come back.
//! It does I/O. It must not know routes, tenants (but for the name of the key that something was made with) or the state
//! folder's other contents.

pub mod address;
mod connector;
mod error;
mod fetch;
mod format;
pub mod hosts;
mod keeper;
mod link;
mod name;
mod pieces;
mod receiver;
mod settings;
mod shelf;

pub use error::MediaError;
pub use format::{Format, Kind};
pub use keeper::{Found, Home, Keeper, Kept};
pub use pieces::{Piece, Pieces};
pub use settings::MediaSettings;

#[cfg(test)]
mod tests;
