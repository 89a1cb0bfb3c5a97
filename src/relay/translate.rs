//! The door of a chat stream that goes to its caller in another protocol. Who knows the protocol (`bridge`) implements it; the
//! relay knows only that there is one.

/// Turns a chat stream, which [`ChatStream`](super::chat_stream::ChatStream) has put right, into another protocol's. Usage comes
/// once, in the last chunk, whose `choices` are empty; `[DONE]` comes last, and only behind a whole answer.
pub trait Translator: Send + std::fmt::Debug {
    /// Takes whole events (`data: {chunk}` and a blank line each) and adds to `out` what the caller gets for them. However the
    /// stream was cut on its way, `out` is the same in sum.
    fn push(&mut self, events: &[u8], out: &mut Vec<u8>);

    /// The stream has broken off: adds what its caller is told in this protocol. Nothing is pushed afterwards.
    fn failed(&mut self, failure: &Failure<'_>, out: &mut Vec<u8>);
}

/// Why a stream broke off, in the members of OpenAI's error object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure<'a> {
    /// Its `type`.
    pub kind: &'a str,
    /// Its `code`.
    pub code: Option<&'a str>,
    /// Cause and remedy in a sentence.
    pub message: &'a str,
}
