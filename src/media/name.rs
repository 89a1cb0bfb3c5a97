//! Names. Outside, a thing is called `ID.png`; the file on the disk says everything that has to be known of it in its name, so
//! that renaming it into place makes it whole at once, and no second file can be lost. Pure.

use std::fmt::{self, Write};

use sha2::{Digest, Sha256};

use super::format::Format;

/// The name that nobody guesses: 128 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(pub(super) [u8; 16]);

/// A key's name, shortened so that it fits into the name of a file whatever is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner([u8; 8]);

impl Owner {
    pub(super) fn of(key: &str) -> Self {
        let mut owner = [0; 8];
        owner.copy_from_slice(&Sha256::digest(key.as_bytes())[..8]);
        Self(owner)
    }
}

/// Everything that is known of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) id: Id,
    /// When it was kept (Unix seconds).
    pub(super) at: u64,
    pub(super) owner: Owner,
    /// Its length (bytes).
    pub(super) length: u64,
    /// Its SHA-256.
    pub(super) digest: [u8; 32],
    pub(super) format: Format,
}

impl Label {
    /// The name outside.
    pub(super) fn public(&self) -> String {
        format!("{}.{}", Hex(&self.id.0), self.format.ending())
    }

    /// The name of its file: `ID.AT.OWNER.LENGTH.DIGEST.png`.
    pub(super) fn file(&self) -> String {
        let Self { id, at, owner, length, digest, format } = self;
        format!("{}.{at}.{}.{length}.{}.{}", Hex(&id.0), Hex(&owner.0), Hex(digest), format.ending())
    }

    /// What the name of a file says; `None` where it is none of ours.
    pub(super) fn read(file: &str) -> Option<Self> {
        let parts: Vec<&str> = file.split('.').collect();
        let [id, at, owner, length, digest, ending] = parts[..] else { return None };
        let label = Self {
            id: Id(bytes(id)?),
            at: at.parse().ok()?,
            owner: Owner(bytes(owner)?),
            length: length.parse().ok()?,
            digest: bytes(digest)?,
            format: Format::ALL.into_iter().find(|format| format.ending() == ending)?,
        };
        // One spelling only, or two files could claim one name.
        (label.file() == file).then_some(label)
    }
}

/// The id in a name from outside, and the format that it claims.
pub(super) fn parse(public: &str) -> Option<(Id, Format)> {
    let (id, ending) = public.split_once('.')?;
    let id = Id(bytes(id)?);
    let format = Format::ALL.into_iter().find(|format| format.ending() == ending)?;
    (Hex(&id.0).to_string() == public[..32]).then_some((id, format))
}

/// Bytes as hex digits.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| {
            let digit = |bits: u8| char::from(b"0123456789abcdef"[usize::from(bits & 15)]);
            formatter.write_char(digit(byte >> 4)).and_then(|()| formatter.write_char(digit(*byte)))
        })
    }
}

/// Exactly `N` bytes from hex digits.
pub(super) fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let digits = hex.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_say_what_they_were_made_of(id: [u8; 16], at: u64, key: String, length: u64, digest: [u8; 32], index in 0_usize..5) {
            let label = Label { id: Id(id), at, owner: Owner::of(&key), length, digest, format: Format::ALL[index] };
            prop_assert_eq!(Label::read(&label.file()), Some(label));
            prop_assert_eq!(parse(&label.public()), Some((label.id, label.format)));
            prop_assert!(label.file().len() < 255);
        }

        #[test]
        fn any_name_is_read_or_not(name: String) {
            let _never_panics = (Label::read(&name), parse(&name));
        }
    }

    #[test]
    fn one_spelling_only() {
        for wrong in [
            "",
            ".png",
            "../x.png",
            "00.png",
            "0123456789ABCDEF0123456789ABCDEF.png",
            "0123456789abcdef0123456789abcdef.svg",
            "0123456789abcdef0123456789abcdef.png.png",
            "+123456789abcdef0123456789abcdef.png",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert!(parse("0123456789abcdef0123456789abcdef.png").is_some());
    }
}
