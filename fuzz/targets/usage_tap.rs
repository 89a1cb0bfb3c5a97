//! The tap for streams that pass unedited, and usage in whole answers: the same counts however the stream is cut.
//! Input: one byte (size of the pieces), then the stream or answer.

use super::splits::splits;
use bytes::Bytes;
use flowgate::relay::usage::{self, Tokens};
use flowgate::relay::usage_tap::UsageTap;
use flowgate::wire::json::Object;

pub fn check(data: &[u8]) {
    let Some((&size, stream)) = data.split_first() else { return };
    let whole = run(&[stream]);
    for pieces in splits(stream, size) {
        assert_eq!(run(&pieces), whole);
    }
    if let Ok(text) = std::str::from_utf8(stream) {
        usage::read(text);
        let _ = Object::parse(text).map(|answer| usage::of_answer(&answer));
    }
}

fn run(pieces: &[&[u8]]) -> Option<Tokens> {
    let mut tap = UsageTap::default();
    pieces.iter().for_each(|piece| tap.look(&Bytes::copy_from_slice(piece)));
    tap.tokens()
}
