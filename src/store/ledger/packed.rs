//! The body of a row: what its table has no column for, as one value.
//!
//! A version, then the fields by `postcard`: small numbers and texts as they are, so that a usual row is filed and read as
//! a hundred bytes instead of two dozen columns. What rows share is here as the number of its word.

use serde::{Deserialize, Serialize};

use crate::ledger::{Flags, Money, Row};
use crate::wire::postcard::put;

/// Which fields follow. Others mean another version, and the ones before it must still be read: rows stay for years.
const VERSION: u8 = 1;

/// Numbers of the words of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Words {
    pub(super) outcome: i64,
    pub(super) usage: i64,
    /// That of an empty word without a price.
    pub(super) price: i64,
    pub(super) edits: i64,
}

/// A body, unpacked; its fields are those of [`Row`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Body<'a> {
    pub(super) id: &'a str,
    pub(super) trace_id: &'a str,
    /// Where that is not the model.
    pub(super) asked: Option<&'a str>,
    pub(super) words: Words,
    pub(super) status: u16,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cached_tokens: u64,
    pub(super) reasoning_tokens: u64,
    pub(super) images: u64,
    pub(super) videos: u64,
    pub(super) spoken_bytes: u64,
    pub(super) audio_ms: u64,
    pub(super) cost: Option<Money>,
    pub(super) queued_ms: u64,
    pub(super) first_ms: Option<u64>,
    pub(super) total_ms: u64,
    pub(super) attempts: u32,
    pub(super) flags: Flags,
}

/// Why a body is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    /// Something is missing, too much, or no text.
    #[error("its body is damaged")]
    Damaged,
    /// A later version wrote it, if it is not damaged.
    #[error("its body is of version {0}, which this flowgate does not know")]
    Version(u8),
}

impl<'a> Body<'a> {
    /// The body of `row`.
    pub(super) fn of(row: &'a Row, words: Words) -> Self {
        Self {
            id: &row.id,
            trace_id: &row.trace_id,
            asked: (row.asked != row.model).then_some(&row.asked),
            words,
            status: row.status,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
            cached_tokens: row.cached_tokens,
            reasoning_tokens: row.reasoning_tokens,
            images: row.images,
            videos: row.videos,
            spoken_bytes: row.spoken_bytes,
            audio_ms: row.audio_ms,
            cost: row.cost,
            queued_ms: row.queued_ms,
            first_ms: row.first_ms,
            total_ms: row.total_ms,
            attempts: row.attempts,
            flags: row.flags,
        }
    }

    /// Writes it over what is in `bytes`.
    pub(super) fn pack(&self, bytes: &mut Vec<u8>) {
        bytes.clear();
        bytes.push(VERSION);
        // Only a list that does not know its length could not be written, and it has none.
        let _cannot_fail = put(self, bytes);
    }

    /// What `pack` has written.
    ///
    /// # Errors
    /// [`BodyError`] where it has not.
    pub(super) fn unpack(bytes: &'a [u8]) -> Result<Self, BodyError> {
        match bytes {
            [VERSION, fields @ ..] => match postcard::take_from_bytes(fields) {
                Ok((body, [])) => Ok(body),
                _ => Err(BodyError::Damaged),
            },
            [version, ..] => Err(BodyError::Version(*version)),
            [] => Err(BodyError::Damaged),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORDS: Words = Words { outcome: 1, usage: 2, price: i64::MAX, edits: i64::MIN };

    fn row() -> Row {
        Row {
            id: "req_0123456789abcdef".into(),
            trace_id: "ti_名字".into(),
            asked: "fast".into(),
            status: 499,
            input_tokens: u64::MAX,
            output_tokens: 300,
            cost: Some(Money::MAX),
            first_ms: Some(0),
            attempts: u32::MAX,
            flags: Flags(u32::MAX),
            ..Row::default()
        }
    }

    fn packed(row: &Row) -> Vec<u8> {
        let mut bytes = b"what was there before".to_vec();
        Body::of(row, WORDS).pack(&mut bytes);
        bytes
    }

    #[test]
    fn a_body_comes_back_as_it_was() {
        for row in [row(), Row::default()] {
            assert_eq!(Body::unpack(&packed(&row)), Ok(Body::of(&row, WORDS)));
        }
    }

    /// Bodies of earlier versions must stay readable: whoever changes this test loses the rows of others.
    #[test]
    fn the_first_version_is_read_for_good() {
        let words = Words { outcome: 1, usage: 2, price: 3, edits: 4 };
        let row = Row { id: "r".into(), trace_id: "t".into(), status: 200, cost: Some(Money::ZERO), ..row() };
        let row = Row { input_tokens: 7, attempts: 1, flags: Flags::CLAMPED, ..row };
        let bytes =
            b"\x01\x01r\x01t\x01\x04fast\x02\x04\x06\x08\xc8\x01\x07\xac\x02\0\0\0\0\0\0\x01\0\0\x01\0\0\x01\x01";
        assert_eq!(Body::unpack(bytes), Ok(Body::of(&row, words)));
    }

    #[test]
    fn a_body_that_was_cut_or_goes_on_is_damaged() {
        let mut bytes = packed(&row());
        for length in 0..bytes.len() {
            assert_eq!(Body::unpack(&bytes[..length]), Err(BodyError::Damaged), "{length}");
        }
        bytes.push(0);
        assert_eq!(Body::unpack(&bytes), Err(BodyError::Damaged));
    }

    #[test]
    fn other_versions_are_told() {
        let mut bytes = packed(&row());
        for version in [0, 2, 255] {
            bytes[0] = version;
            assert_eq!(Body::unpack(&bytes), Err(BodyError::Version(version)));
        }
    }

    /// It is another body then, or none.
    #[test]
    fn flipped_bits_never_panic() {
        let (row, whole) = (row(), packed(&row()));
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Body::unpack(&bytes), Ok(Body::of(&row, WORDS)), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_body_or_none(fields in prop::collection::vec(any::<u8>(), 0..200)) {
            let bytes = [&[VERSION], &fields[..]].concat();
            if let Ok(body) = Body::unpack(&bytes) {
                let mut again = Vec::new();
                body.pack(&mut again);
                prop_assert_eq!(Body::unpack(&again), Ok(body));
            }
        }
    }
}
