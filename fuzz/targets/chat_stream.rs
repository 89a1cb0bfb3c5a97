//! The editor of streamed chat answers: however the stream is cut, the same bytes, fault and usage come out, and what
//! was JSON stays JSON.
//! Input: one byte (lowest bit: usage is asked for; the rest: size of the pieces), then the stream.

use super::splits::splits;
use bytes::Bytes;
use flowgate::relay::chat_stream::{ChatStream, StreamFault};
use flowgate::relay::usage::Usage;
use flowgate::wire::json::Object;
use flowgate::wire::sse;

pub fn check(data: &[u8]) {
    let Some((&choice, stream)) = data.split_first() else { return };
    let is_asked = choice & 1 == 1;
    let whole = run(&[stream], is_asked);
    for pieces in splits(stream, choice >> 1) {
        assert_eq!(
            run(&pieces, is_asked),
            whole,
            "cut as {:?}",
            pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>()
        );
    }
    assert!(strange_events(&whole.0) <= strange_events(stream), "an event was broken");
}

type Result = (Bytes, Option<StreamFault>, bool, Usage, Usage);

fn run(pieces: &[&[u8]], is_asked: bool) -> Result {
    let (mut editor, mut out) = (ChatStream::new(is_asked), Vec::new());
    for piece in pieces {
        out.extend_from_slice(&editor.push(Bytes::copy_from_slice(piece)));
        if editor.fault().is_some() {
            break;
        }
    }
    if editor.fault().is_none() {
        out.extend_from_slice(&editor.finish());
    }
    (Bytes::from(out), editor.fault().cloned(), editor.is_done(), editor.usage(true), editor.usage(false))
}

/// How many events have a payload that is neither an object nor `[DONE]`.
fn strange_events(stream: &[u8]) -> usize {
    let stream = Bytes::copy_from_slice(stream);
    let payloads = sse::events(&stream).filter_map(|event| sse::data(event).map(|place| &event[place]));
    let is_object = |data: &[u8]| std::str::from_utf8(data).is_ok_and(|text| Object::parse(text).is_ok());
    payloads.filter(|data| data.trim_ascii() != b"[DONE]" && !is_object(data)).count()
}
