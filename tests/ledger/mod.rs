//! The ledger in its database: rows go in once, sums are those of the rows, whatever happens to the process, the file and
//! the callers' names. `support` makes rows and counts them again, naively.

mod admin;
mod bodies;
mod check;
mod damage;
mod export;
mod faults;
mod forget;
mod idempotence;
mod limits;
mod locks;
mod random;
mod schema;
mod support;
