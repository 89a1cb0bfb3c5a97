//! Edits on bytes, against a slow model of them.

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use flowgate::wire::splice::{self, Edit};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    edits: Vec<(u8, u8, String)>,
    source: &'a [u8],
}

pub fn check(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let source = Bytes::copy_from_slice(input.source);
    let edit = |(start, length, with): &(u8, u8, String)| {
        let start = usize::from(*start);
        Edit::replace(start..start + usize::from(*length), with.clone())
    };
    let mut edits: Vec<Edit> = input.edits.iter().map(edit).collect();
    let expected = slowly(&source, &edits);
    let out = splice::apply(&source, &mut edits);
    assert_eq!(out, expected);
    assert!(!edits.is_empty() || out.as_ptr() == source.as_ptr(), "nothing to edit, yet the bytes were copied");
}

/// The same from the back, where one edit does not move the others.
fn slowly(source: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| edit.range.start);
    let mut accepted: Vec<&Edit> = Vec::new();
    for edit in sorted {
        let begins_behind = accepted.last().is_none_or(|before| before.range.end <= edit.range.start);
        if begins_behind && edit.range.end <= source.len() {
            accepted.push(edit);
        }
    }
    let mut out = source.to_vec();
    for edit in accepted.into_iter().rev() {
        out.splice(edit.range.clone(), edit.with.bytes());
    }
    out
}
