//! Sound as OpenAI's speech events: `speech.audio.delta` with a piece in base64, `speech.audio.done` at the end.
//!
//! Pieces are cut at three bytes, so that whoever joins the texts before decoding them gets the same sound.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// A sound on its way.
#[derive(Debug)]
pub struct SpeechStream {
    /// At most two bytes that wait for a third.
    rest: Vec<u8>,
    spoken_bytes: u64,
}

impl SpeechStream {
    /// The events of a text of so many bytes (UTF-8), which is what SiliconFlow charges.
    pub fn new(spoken_bytes: u64) -> Self {
        Self { rest: Vec::new(), spoken_bytes }
    }

    /// A piece as an event; nothing while there are less than three bytes.
    pub fn push(&mut self, piece: &[u8]) -> Bytes {
        self.rest.extend_from_slice(piece);
        let whole = self.rest.len() / 3 * 3;
        let rest = self.rest.split_off(whole);
        let whole = std::mem::replace(&mut self.rest, rest);
        delta(&whole)
    }

    /// The last events. No tokens were counted: speech is charged by bytes, which are told beside.
    pub fn finish(&mut self) -> Bytes {
        let last = delta(&std::mem::take(&mut self.rest));
        let mut done = String::from_utf8_lossy(&last).into_owned();
        let _never_fails = write!(
            done,
            "data: {{\"type\":\"speech.audio.done\",\"usage\":{{\"input_tokens\":0,\"output_tokens\":0,\"total_tokens\":0,\"input_bytes\":{}}}}}\n\n",
            self.spoken_bytes
        );
        done.into()
    }
}

fn delta(sound: &[u8]) -> Bytes {
    if sound.is_empty() {
        return Bytes::new();
    }
    format!("data: {{\"type\":\"speech.audio.delta\",\"audio\":\"{}\"}}\n\n", STANDARD.encode(sound)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_split_gives_the_same_sound() {
        let sound: Vec<u8> = (0..100_u8).collect();
        for size in [1, 2, 3, 7, 64, 100] {
            let mut stream = SpeechStream::new(5);
            let mut text = Vec::new();
            for piece in sound.chunks(size) {
                text.extend_from_slice(&stream.push(piece));
            }
            text.extend_from_slice(&stream.finish());
            let events: Vec<serde_json::Value> = String::from_utf8(text)
                .unwrap()
                .split_terminator("\n\n")
                .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
                .collect();
            let (done, deltas) = events.split_last().unwrap();
            assert_eq!((&done["type"], &done["usage"]["input_bytes"]), (&"speech.audio.done".into(), &5.into()));
            let joined: String = deltas.iter().map(|delta| delta["audio"].as_str().unwrap()).collect();
            assert_eq!(STANDARD.decode(joined).unwrap(), sound, "pieces of {size}");
        }
    }
}
