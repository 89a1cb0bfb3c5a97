//! Secrets of keys: made from 256 random bits of the system, shown once, kept as their hash.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

use super::KeyError;

/// SHA-256 of a virtual key.
pub type KeyHash = [u8; 32];

/// What every key begins with that flowgate makes, so that scanners of repositories can find one.
const BEGINNING: &str = "fg-";
/// Characters that are kept and shown of a secret, beyond its beginning (ours): 48 of its 256 bits.
const RECOGNISED: usize = 8;

/// A new key's secret. It is shown once and kept nowhere; its `Debug` does not show it.
pub struct Secret(String);

impl Secret {
    /// 256 bits from the system.
    ///
    /// # Errors
    /// [`KeyError::Random`] when the system gives none.
    pub fn random() -> Result<Self, KeyError> {
        let mut bits = [0; 32];
        SystemRandom::new().fill(&mut bits).map_err(|_| KeyError::Random)?;
        Ok(Self(format!("{BEGINNING}{}", URL_SAFE_NO_PAD.encode(bits))))
    }

    /// The secret itself, to be shown once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its hash.
    pub fn hash(&self) -> KeyHash {
        hash(&self.0)
    }

    /// By which people recognise it: its first characters.
    pub fn prefix(&self) -> &str {
        &self.0[..BEGINNING.len() + RECOGNISED]
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// The hash under which a key is kept. White space around it is not part of it.
pub fn hash(secret: &str) -> KeyHash {
    Sha256::digest(secret.trim().as_bytes()).into()
}

/// Reads `sha256:<64 hex digits>`.
pub fn parse_hash(text: &str) -> Option<KeyHash> {
    let hex = text.strip_prefix("sha256:")?;
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_as_written_by_sha256sum() {
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(parse_hash(text), Some(hash("abc\n")));
        assert_eq!(parse_hash("sha256:00"), None);
        assert_eq!(parse_hash(&text.replace('b', "é")), None);
    }

    #[test]
    fn secrets_are_long_and_differ() {
        let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert_eq!(one.expose().len(), 3 + 43);
        assert!(one.expose().starts_with(one.prefix()) && one.prefix().len() == 11);
        assert!(one.expose() != other.expose() && one.hash() != other.hash());
        assert_eq!(format!("{one:?}"), "Secret");
    }
}
