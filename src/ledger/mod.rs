//! The ledger: one row for every request of a known caller, what it used and what that cost.
//!
//! Knows rows, what may be asked of them, and what keeps them (the trait [`Store`]); neither HTTP, nor a database, nor who
//! sets prices. Start with [`Row`].

pub mod query;
pub mod row;
pub mod store;

pub use query::{Dimension, Query, Sum};
pub use row::{Flags, Row};
pub use store::{Store, StoreError};
