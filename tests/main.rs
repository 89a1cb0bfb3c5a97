//! Tests through the doors that people use: sockets, the command line, the configuration file.
//! One binary, one module for each behaviour; `support` is what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod binary;
mod data_path;
mod house;
mod mock;
mod policy;
mod quota;
mod state;
mod tokenizers;
