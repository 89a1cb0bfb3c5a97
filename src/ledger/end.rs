//! What of a row is known at its end alone. How a request began is written down before it is sent; what is written when it
//! is over need not say that again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::row::{Flags, Id, Label, Row};
use crate::quota::money::Money;

/// See the module; its fields are those of [`Row`].
#[expect(missing_docs, reason = "as in `Row`")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    pub seq: u64,
    pub status: u16,
    pub outcome: Label,
    pub usage: Label,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cached_tokens: u64,
    pub reasoning_tokens: u64,
    pub images: u64,
    pub videos: u64,
    pub spoken_bytes: u64,
    pub audio_ms: u64,
    pub cost: Option<Money>,
    pub queued_ms: u64,
    pub first_ms: Option<u64>,
    pub total_ms: u64,
    pub attempts: u32,
    pub edits: Arc<str>,
    pub trace_id: Id,
    pub flags: Flags,
}

impl End {
    /// Puts it on `row`, whose beginning is known.
    pub fn put_on(&self, row: &mut Row) {
        let Self { seq, ref outcome, ref usage, ref edits, ref trace_id, .. } = *self;
        (row.seq, row.status, row.attempts, row.flags) = (seq, self.status, self.attempts, self.flags);
        row.outcome.clone_from(outcome);
        row.usage.clone_from(usage);
        (row.input_tokens, row.output_tokens) = (self.input_tokens, self.output_tokens);
        (row.cached_tokens, row.reasoning_tokens) = (self.cached_tokens, self.reasoning_tokens);
        (row.images, row.videos) = (self.images, self.videos);
        (row.spoken_bytes, row.audio_ms) = (self.spoken_bytes, self.audio_ms);
        row.cost = self.cost;
        (row.queued_ms, row.first_ms, row.total_ms) = (self.queued_ms, self.first_ms, self.total_ms);
        row.edits.clone_from(edits);
        row.trace_id.clone_from(trace_id);
    }
}

#[cfg(test)]
impl End {
    /// That of `row`.
    pub(super) fn of(row: &Row) -> Self {
        Self {
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Price;

    /// What is known of a row before its end, and never changes after it was written down.
    const BEGINNING: [&str; 11] =
        ["id", "at_ms", "key", "team", "tags", "account", "asked", "model", "right", "endpoint", "price"];

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
            let mut ended = begun.clone();
            End::of(&row).put_on(&mut ended);
            assert_ne!(row, begun, "{name}");
            assert_eq!(ended == row, !BEGINNING.contains(&name.as_str()), "{name}");
        }
    }
}
