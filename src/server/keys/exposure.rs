//! What only shows when settings and store are looked at together.

use std::net::SocketAddr;

use super::merge::merge;
use super::{OfFile, open};
use crate::config::Settings;
use crate::store;
use crate::tenant::{Held, KeyError};

/// What is wrong with `settings` that only shows together with the store: others can reach the gateway and it has no key, a
/// key's team is nowhere. Blocks on the store; one that is not there is not made.
pub fn faults_beside_store(settings: &Settings) -> Vec<String> {
    let held = match held(settings) {
        Ok(held) => held,
        Err(error) => return vec![error.to_string()],
    };
    let mut faults = merge(&OfFile::of(settings), &held).faults;
    let is_open = settings.keys.is_empty() && held.keys.is_empty();
    if is_open && !settings.server.listen.ip().is_loopback() {
        faults.push(exposed(settings.server.listen));
    }
    faults
}

/// Whether whoever reaches the gateway of `settings` may use it without a key. Blocks on the store; one that is not there is
/// not made.
///
/// # Errors
/// That the store cannot be read.
pub fn is_open(settings: &Settings) -> Result<bool, String> {
    Ok(settings.keys.is_empty() && held(settings).map_err(|error| error.to_string())?.keys.is_empty())
}

fn held(settings: &Settings) -> Result<Held, KeyError> {
    let is_there = settings.state.dir.join(store::FILE).is_file();
    if is_there { open(&settings.state.dir).and_then(|store| store.held()) } else { Ok(Held::default()) }
}

/// Why the gateway does not listen at `listen` without any key.
pub(in crate::server) fn exposed(listen: SocketAddr) -> String {
    format!(
        "server.listen: {listen} can be reached from other machines, but there are no keys. Make one with \
         `flowgate keys create NAME`, add a [[key]] for each caller, or listen on 127.0.0.1"
    )
}
