//! Rows on their way out.

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, Params, Row as Found};

use super::forget::Forgotten;
use super::numbers::stored;
use super::packed::Body;
use super::shared::Shared;
use super::words::Group;
use crate::ledger::Row;
use crate::ledger::row::Label;
use crate::store::{is_misread, told};

const SELECT: &str = "SELECT seq, at_ms, group_id, body FROM ledger_row";

/// At most `most` rows with numbers above `after`.
///
/// # Errors
/// What the database says, or which row cannot be read.
pub(super) fn rows(connection: &Connection, after: u64, most: usize) -> rusqlite::Result<Vec<Row>> {
    let above = format!("{SELECT} WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    collect(connection, &above, [stored(after), stored(most as u64)])
}

/// At most `most` rows with numbers below `before`, the largest first.
///
/// # Errors
/// What the database says, or which row cannot be read.
pub(super) fn rows_before(connection: &Connection, before: u64, most: usize) -> rusqlite::Result<Vec<Row>> {
    let below = format!("{SELECT} WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2");
    collect(connection, &below, [stored(before), stored(most as u64)])
}

/// Tells `take` of every row, or what is wrong with it.
///
/// # Errors
/// What the database says, but for rows that cannot be read.
pub(super) fn each(connection: &Connection, mut take: impl FnMut(Result<Row, String>)) -> rusqlite::Result<()> {
    read(connection, SELECT, [], |row| {
        take(match row {
            Ok(row) => Ok(row),
            Err(error) if is_misread(&error) => Err(told(&error)),
            Err(error) => return Err(error),
        });
        Ok(())
    })
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

fn collect(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Vec<Row>> {
    let mut rows = Vec::new();
    read(connection, sql, params, |row| row.map(|row| rows.push(row)))?;
    Ok(rows)
}

/// Hands rows to `take`. What they share is looked up while they are read, so all is of one moment.
fn read(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut take: impl FnMut(rusqlite::Result<Row>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut shared = Shared::new(connection);
    let mut select = connection.prepare_cached(sql)?;
    let mut all = select.query(params)?;
    while let Some(found) = all.next()? {
        let seq = found.get(0)?;
        take(row(found, seq, &mut shared).map_err(|error| of_row(seq, error)))?;
    }
    Ok(())
}

/// The same error, with the row's number where it is the row that is wrong.
fn of_row(seq: u64, error: rusqlite::Error) -> rusqlite::Error {
    if is_misread(&error) { FromSqlError::Other(format!("row {seq}: {}", told(&error)).into()).into() } else { error }
}

fn row(found: &Found<'_>, seq: u64, shared: &mut Shared<'_>) -> rusqlite::Result<Row> {
    let body = Body::unpack(found.get_ref(3)?.as_blob()?).map_err(FromSqlError::other)?;
    let Group { key, team, tags, account, model, endpoint, right } = shared.group(found.get(2)?)?;
    Ok(Row {
        seq,
        id: body.id.into(),
        at_ms: found.get(1)?,
        key,
        team,
        tags,
        account,
        asked: body.asked.map_or_else(|| model.clone(), Into::into),
        model,
        right,
        endpoint,
        status: body.status,
        outcome: label(&Row::OUTCOMES, &shared.word(body.words.outcome)?),
        usage: label(&Row::USAGES, &shared.word(body.words.usage)?),
        input_tokens: body.input_tokens,
        output_tokens: body.output_tokens,
        cached_tokens: body.cached_tokens,
        reasoning_tokens: body.reasoning_tokens,
        images: body.images,
        videos: body.videos,
        spoken_bytes: body.spoken_bytes,
        audio_ms: body.audio_ms,
        cost: body.cost,
        price: shared.price(body.words.price)?,
        queued_ms: body.queued_ms,
        first_ms: body.first_ms,
        total_ms: body.total_ms,
        attempts: body.attempts,
        edits: shared.word(body.words.edits)?,
        trace_id: body.trace_id.into(),
        flags: body.flags,
    })
}

/// `word`, without a copy where it is one of those that there can be.
fn label(all: &[&'static str], word: &str) -> Label {
    all.iter()
        .find(|known| **known == word)
        .map_or_else(|| Label::Owned(word.to_owned()), |known| Label::Borrowed(known))
}
