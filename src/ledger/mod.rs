//! The ledger: one row for every request of a known caller, what it used and what that cost.
//!
//! Knows rows, prices, what may be asked of rows, how those under way are written down, and what keeps them for good (the
//! trait [`Store`]); neither HTTP, nor a database, nor who sets prices. Start with [`Row`] and [`Book`].

pub mod book;
mod charge;
pub mod date;
mod end;
pub mod export;
pub mod page;
pub mod price;
mod price_text;
pub mod query;
pub mod question;
pub mod report;
pub mod row;
mod sheets;
pub mod store;
pub mod sum;
mod written;

pub use crate::quota::money::Money;
pub use book::{Book, Log, OnFault};
pub use charge::Charge;
pub use end::End;
pub use price::{Consumed, Price};
pub use query::{Dimension, Query};
pub use report::report;
pub use row::{Flags, Id, Labels, Row, Who};
pub use store::{Store, StoreError};
pub use sum::Sum;
pub use written::Written;
