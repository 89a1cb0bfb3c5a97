//! Tests through the doors that people use: sockets, the command line, the configuration file.
//! One binary, one module for each behaviour; `support` is what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod binary;
mod bridge;
mod catalog;
mod data_path;
mod house;
mod ledger;
mod mock;
mod policy;
mod quota;
mod state;
mod tokenizers;

/// `config`, in which the upstream's list of models is not fetched unless it says so: most tests count what goes upstream,
/// where nothing shall come but what they send.
fn quiet(config: &str) -> String {
    const QUIET: &str = "[models]\nrefresh = \"0s\"\n";
    match config.contains("[models]\n") {
        _ if config.contains("refresh = ") => config.to_owned(),
        true => config.replacen("[models]\n", QUIET, 1),
        false => format!("{QUIET}{config}"),
    }
}
