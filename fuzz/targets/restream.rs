//! Whole answers as streams: every event is a chunk, `[DONE]` is last, and the gateway's own editor finds no error in it.
//! Input: one byte (lowest bit: usage is asked for), then the answer.

use flowgate::relay::chat_stream::{ChatStream, StreamFault};
use flowgate::relay::{answer, restream};
use flowgate::wire::sse;
use serde_json::Value;

pub fn check(data: &[u8]) {
    let Some((&choice, body)) = data.split_first() else { return };
    let _ = answer::read(bytes::Bytes::copy_from_slice(body), choice & 2 == 2);
    let is_asked = choice & 1 == 1;
    let Some(events) = restream::events(body, is_asked) else { return };
    assert!(events.ends_with(b"data: [DONE]\n\n"));
    for event in sse::events(&events) {
        let payload = &event[sse::data(event).expect("an event has one payload")];
        if payload != b"[DONE]" {
            let chunk: Value = serde_json::from_slice(payload).expect("a chunk is JSON");
            assert_eq!(chunk["object"], "chat.completion.chunk");
            assert!(chunk["choices"].is_array());
        }
    }
    let mut editor = ChatStream::new(is_asked);
    editor.push(events);
    assert!(editor.is_done());
    assert!(!matches!(editor.fault(), Some(StreamFault::Error(_))));
}
