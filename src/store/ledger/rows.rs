//! Rows on their way out.

use std::sync::Arc;

use rusqlite::{Connection, Row as Found};

use super::forget::Forgotten;
use super::numbers::stored;
use crate::ledger::Money;
use crate::ledger::{Flags, Price, Row};

const SELECT: &str = "SELECT seq, r.id, at_ms, key, team, tags, account, asked, model, by_right, endpoint, status, o.word,
    u.word, input_tokens, output_tokens, cached_tokens, reasoning_tokens, images, videos, spoken_bytes, audio_ms, cost_picos, p.word, queued_ms,
    first_ms, total_ms, attempts, e.word, trace_id, flags FROM ledger_row r
    LEFT JOIN ledger_group g ON g.id = group_id LEFT JOIN ledger_word o ON o.id = outcome
    LEFT JOIN ledger_word u ON u.id = usage LEFT JOIN ledger_word p ON p.id = price LEFT JOIN ledger_word e ON e.id = edits";

/// At most `most` rows with numbers above `after`.
///
/// # Errors
/// What the database says.
pub(super) fn rows(connection: &Connection, after: u64, most: usize) -> rusqlite::Result<Vec<Row>> {
    let mut select = connection.prepare_cached(&format!("{SELECT} WHERE seq > ?1 ORDER BY seq LIMIT ?2"))?;
    select.query_map([stored(after), stored(most as u64)], row)?.collect()
}

/// At most `most` rows with numbers below `before`, the largest first.
///
/// # Errors
/// What the database says.
pub(super) fn rows_before(connection: &Connection, before: u64, most: usize) -> rusqlite::Result<Vec<Row>> {
    let mut select = connection.prepare_cached(&format!("{SELECT} WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2"))?;
    select.query_map([stored(before), stored(most as u64)], row)?.collect()
}

/// The largest number that was filed, still there or not.
///
/// # Errors
/// What the database says.
pub(super) fn last_seq(connection: &Connection) -> rusqlite::Result<u64> {
    let mut find = connection.prepare_cached("SELECT max(seq) FROM ledger_row")?;
    let last: Option<u64> = find.query_row([], |found| found.get(0))?;
    Ok(last.unwrap_or(0).max(Forgotten::read(connection)?.last_seq))
}

fn row(found: &Found<'_>) -> rusqlite::Result<Row> {
    let text = |at| found.get::<_, Arc<str>>(at);
    let label = |at| found.get::<_, String>(at).map(Into::into);
    let asked: Option<Arc<str>> = found.get(7)?;
    let model = text(8)?;
    let cost: Option<i64> = found.get(22)?;
    Ok(Row {
        seq: found.get(0)?,
        id: found.get(1)?,
        at_ms: found.get(2)?,
        key: text(3)?,
        team: text(4)?,
        tags: text(5)?,
        account: text(6)?,
        asked: asked.unwrap_or_else(|| model.clone()),
        model,
        right: label(9)?,
        endpoint: label(10)?,
        status: found.get(11)?,
        outcome: label(12)?,
        usage: label(13)?,
        input_tokens: found.get(14)?,
        output_tokens: found.get(15)?,
        cached_tokens: found.get(16)?,
        reasoning_tokens: found.get(17)?,
        images: found.get(18)?,
        videos: found.get(19)?,
        spoken_bytes: found.get(20)?,
        audio_ms: found.get(21)?,
        cost: cost.map(|picos| Money::from_picos_cny(picos.cast_unsigned())),
        price: Price::of_json(&text(23)?),
        queued_ms: found.get(24)?,
        first_ms: found.get(25)?,
        total_ms: found.get(26)?,
        attempts: found.get(27)?,
        edits: text(28)?,
        trace_id: found.get(29)?,
        flags: Flags(found.get(30)?),
    })
}
