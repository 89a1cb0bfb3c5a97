//! `[admin]`: where metrics, health and the admin API are, and the operator's token.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::ExposeSecret;

use super::server;
use crate::config::Overrides;
use crate::config::reader::Section;
use crate::tenant::{self, KeyHash, Tenant};

/// Fewest characters of a token (ours): whoever has it makes keys.
const SHORTEST: usize = 16;

/// Where the admin plane listens, and the hash of the token that opens its API.
pub(super) fn read(
    section: &Section<'_>,
    overrides: &Overrides,
    keys: &[(KeyHash, Tenant)],
    watched: &mut Vec<PathBuf>,
) -> (SocketAddr, Option<KeyHash>) {
    let listen = server::listen(section, overrides.admin_listen, 4001);
    if overrides.is_keyless {
        let _not_used_here = section.read("token", |_| Ok(()));
        return (listen, None);
    }
    let token = section.secret("token").map(|(token, file)| {
        watched.extend(file);
        if token.expose_secret().len() < SHORTEST {
            let remedy = "make one with `openssl rand -hex 32`";
            section.fault("token", format_args!("is shorter than {SHORTEST} characters; {remedy}"));
        }
        tenant::hash(token.expose_secret())
    });
    if let Some((_, key)) = keys.iter().find(|(hash, _)| Some(*hash) == token) {
        section.fault("token", format_args!("is the secret of the key `{}`; make one of its own", key.name));
    }
    (listen, token.or(overrides.admin_token))
}
