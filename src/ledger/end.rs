//! What of a row is known at its end alone. How a request began is written down before it is sent; what is written when it
//! is over need not say that again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::row::{Flags, Label, Row};
use crate::quota::money::Money;

/// See the module; its fields are those of [`Row`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The number of the row that it belongs to.
    pub seq: u64,
    status: u16,
    outcome: Label,
    usage: Label,
    input_tokens: u64,
    output_tokens: u64,
    cached_tokens: u64,
    reasoning_tokens: u64,
    images: u64,
    videos: u64,
    spoken_bytes: u64,
    audio_ms: u64,
    cost: Option<Money>,
    queued_ms: u64,
    first_ms: Option<u64>,
    total_ms: u64,
    attempts: u32,
    edits: Arc<str>,
    trace_id: Arc<str>,
    flags: Flags,
}

impl End {
    /// The end of `row`, if all else of it stands in `begun`.
    pub fn of(row: &Row, begun: &Row) -> Option<Self> {
        let end = Self {
            seq: row.seq,
            status: row.status,
            outcome: row.outcome.clone(),
            usage: row.usage.clone(),
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
            edits: row.edits.clone(),
            trace_id: row.trace_id.clone(),
            flags: row.flags,
        };
        row.began_as(begun).then_some(end)
    }

    /// The whole row, of which `begun` is the beginning.
    #[must_use]
    pub fn put_on(self, begun: Row) -> Row {
        Row {
            status: self.status,
            outcome: self.outcome,
            usage: self.usage,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cached_tokens: self.cached_tokens,
            reasoning_tokens: self.reasoning_tokens,
            images: self.images,
            videos: self.videos,
            spoken_bytes: self.spoken_bytes,
            audio_ms: self.audio_ms,
            cost: self.cost,
            queued_ms: self.queued_ms,
            first_ms: self.first_ms,
            total_ms: self.total_ms,
            attempts: self.attempts,
            edits: self.edits,
            trace_id: self.trace_id,
            flags: self.flags,
            ..begun
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Price;

    #[test]
    fn every_field_stands_in_the_beginning_or_in_the_end() {
        let begun = Row::default();
        let fields = serde_json::to_value(&begun).unwrap();
        for (name, value) in fields.as_object().unwrap() {
            let other = match value {
                serde_json::Value::String(_) => serde_json::json!("x"),
                _ if name == "price" => serde_json::to_value(Price::default()).unwrap(),
                _ => serde_json::json!(7),
            };
            let mut changed = fields.clone();
            changed[name] = other;
            let row: Row = serde_json::from_value(changed).unwrap();
            assert_ne!(row, begun, "{name}");
            match End::of(&row, &begun) {
                Some(end) => assert_eq!(end.put_on(begun.clone()), row, "{name}"),
                None => assert!(!row.began_as(&begun), "{name}"),
            }
        }
    }
}
