//! Other protocols on top of chat: any request is carried or refused with a reason, what is carried is a JSON object, and
//! a streamed answer gives the same bytes however it was cut.
//! Input: one byte (lowest bit: Messages or Responses; the rest: size of the pieces), a request, a line of `=`, a stream.

use super::splits::splits;
use bytes::Bytes;
use flowgate::bridge::{Back, BridgeError, Translated, messages, responses};
use flowgate::relay::chat_stream::ChatStream;
use flowgate::wire::json::Object;

/// A request whose answer is a stream, for inputs whose own request is refused.
const USUAL: [&[u8]; 2] = [
    br#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}"#,
    br#"{"model":"m","stream":true,"store":false,"input":"x"}"#,
];

pub fn check(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    let is_responses = choice & 1 == 1;
    let at = rest.windows(3).position(|window| window == b"\n=\n").unwrap_or(rest.len());
    let (request, stream) = (&rest[..at], rest.get(at + 3..).unwrap_or_default());
    let translated = match translate(request, is_responses) {
        Ok(translated) => translated,
        Err(error) => {
            assert!(!error.message.is_empty());
            translate(USUAL[usize::from(is_responses)], is_responses).expect("it is a usual one")
        }
    };
    let body = std::str::from_utf8(&translated.body).expect("a chat request is text");
    assert!(Object::parse(body).is_ok_and(|chat| chat.has("messages")), "{body}");
    let _ = translated.back.whole(stream);
    let whole = run(&*translated.back, &[stream]);
    for pieces in splits(stream, choice >> 1) {
        assert_eq!(run(&*translated.back, &pieces), whole);
    }
}

fn translate(request: &[u8], is_responses: bool) -> Result<Translated, BridgeError> {
    if is_responses {
        let context = responses::Context {
            id: "resp_1".to_owned(),
            key: "ann".into(),
            now: || 1_790_000_000,
            history: Vec::new(),
            referenced: Default::default(),
            shelf: None,
        };
        return responses::translate(request, context);
    }
    let model = messages::Known::default();
    let context = messages::Context { request_id: "req_1", input_tokens: 3, is_counted: false, model };
    messages::translate(request, &context)
}

fn run(back: &dyn Back, pieces: &[&[u8]]) -> Vec<u8> {
    let (mut editor, mut out) = (ChatStream::translated(back.stream()), Vec::new());
    for piece in pieces {
        out.extend_from_slice(&editor.push(Bytes::copy_from_slice(piece)));
        if editor.fault().is_some() {
            return out;
        }
    }
    out.extend_from_slice(&editor.finish());
    out
}
