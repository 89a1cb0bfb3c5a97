//! Edits on bytes: replace some stretches, leave every other byte as it is.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

/// One edit: the bytes at `range` become `with`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The stretch that goes (byte offsets; empty to insert).
    pub range: Range<usize>,
    /// What comes in its place.
    pub with: Cow<'static, str>,
}

impl Edit {
    /// Replaces `range` by `with`.
    pub fn replace(range: Range<usize>, with: impl Into<Cow<'static, str>>) -> Self {
        Self { range, with: with.into() }
    }

    /// Cuts `range` out.
    pub fn cut(range: Range<usize>) -> Self {
        Self::replace(range, "")
    }

    /// Puts `text` in at `offset`.
    pub fn insert(offset: usize, text: impl Into<Cow<'static, str>>) -> Self {
        Self::replace(offset..offset, text)
    }
}

/// Applies `edits` to `source`. Without edits the same bytes come back, not copied. Edits may come
/// in any order; one that overlaps an earlier one or lies outside is left out.
pub fn apply(source: &Bytes, edits: &mut [Edit]) -> Bytes {
    if edits.is_empty() {
        return source.clone();
    }
    let mut out = Vec::with_capacity(source.len() + edits.iter().map(|edit| edit.with.len()).sum::<usize>());
    apply_into(source, edits, &mut out);
    Bytes::from(out)
}

/// [`apply`], appended to `out`.
pub fn apply_into(source: &[u8], edits: &mut [Edit], out: &mut Vec<u8>) {
    edits.sort_by_key(|edit| edit.range.start);
    let mut done = 0;
    for edit in edits.iter() {
        let (Some(kept), true) = (source.get(done..edit.range.start), edit.range.end <= source.len()) else {
            continue;
        };
        out.extend_from_slice(kept);
        out.extend_from_slice(edit.with.as_bytes());
        done = edit.range.end;
    }
    out.extend_from_slice(&source[done..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_touch_nothing_else() {
        let source = Bytes::from_static(b"0123456789");
        let mut edits = [Edit::cut(8..9), Edit::replace(2..4, "ab"), Edit::insert(0, "<"), Edit::replace(3..5, "no")];
        assert_eq!(apply(&source, &mut edits), "<01ab45679");
        assert_eq!(apply(&source, &mut []).as_ptr(), source.as_ptr());
    }
}
