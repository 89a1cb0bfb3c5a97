//! Responses in the database: the trait `Archive` of `bridge::responses`.
//!
//! Prompts and answers stand here in plain words, for their callers asked for that; everything else in the database is counts.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde_json::value::RawValue;

use super::Database;
use crate::bridge::responses::shelf::{Archive, Kept, ShelfError};

/// The table. Times are seconds since 1970 (UTC), `bytes` is about what a row takes.
pub(super) const STEP: &str = "
CREATE TABLE response (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL,
    created_s INTEGER NOT NULL,
    previous TEXT,
    bytes INTEGER NOT NULL,
    input TEXT NOT NULL,
    response TEXT NOT NULL
) STRICT;
CREATE INDEX response_age ON response (created_s, bytes);
";

/// Rows removed in one transaction (ours): a few tens of milliseconds.
const BATCH: u64 = 500;

impl Archive for Database {
    fn file(&self, kept: &[Arc<Kept>]) -> Result<(), ShelfError> {
        let mut connection = self.writer();
        let file = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for kept in kept {
                put(&transaction, kept)?;
            }
            transaction.commit()
        };
        file(&mut connection).map_err(self.unshelved())
    }

    fn find(&self, key: &str, id: &str, since: u64) -> Result<Option<Kept>, ShelfError> {
        const SQL: &str = "SELECT id, key, created_s, previous, input, response FROM response
            WHERE id = ?1 AND key = ?2 AND created_s >= ?3";
        let found =
            self.read(|connection| connection.prepare_cached(SQL)?.query_row(params![id, key, since], kept).optional());
        found.map_err(|error| ShelfError(error.to_string()))
    }

    fn remove(&self, key: &str, id: &str) -> Result<bool, ShelfError> {
        let removed = self.writer().execute("DELETE FROM response WHERE id = ?1 AND key = ?2", [id, key]);
        removed.map(|count| count > 0).map_err(self.unshelved())
    }

    fn prune(&self, since: u64, most_bytes: u64) -> Result<u64, ShelfError> {
        const OLD: &str = "DELETE FROM response WHERE seq IN
            (SELECT seq FROM response WHERE created_s < ?1 ORDER BY created_s LIMIT ?2)";
        const OLDEST: &str = "DELETE FROM response WHERE seq IN (SELECT seq FROM response ORDER BY seq LIMIT ?1)";
        let mut sum = 0;
        loop {
            let connection = self.writer();
            let mut removed = connection.execute(OLD, params![since, BATCH]).map_err(self.unshelved())?;
            if removed == 0 && bytes(&connection).map_err(self.unshelved())? > most_bytes {
                // A twentieth at a time: what is left fits soon, and little is lost that would have.
                let all: u64 = connection
                    .query_row("SELECT count(*) FROM response", [], |row| row.get(0))
                    .map_err(self.unshelved())?;
                removed = connection.execute(OLDEST, [all.div_ceil(20).min(BATCH)]).map_err(self.unshelved())?;
            }
            if removed == 0 {
                return Ok(sum);
            }
            sum += removed as u64;
        }
    }
}

impl Database {
    fn unshelved(&self) -> impl Fn(rusqlite::Error) -> ShelfError + '_ {
        |error| ShelfError(self.failed()(error).to_string())
    }
}

fn put(connection: &Connection, kept: &Kept) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT OR REPLACE INTO response (id, key, created_s, previous, bytes, input, response)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let input = format!("[{}]", kept.input.join(","));
    let values = params![kept.id, kept.key, kept.created_at, kept.previous, kept.bytes(), input, kept.response];
    connection.prepare_cached(SQL)?.execute(values).map(drop)
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let (key, input): (String, String) = (row.get(1)?, row.get(4)?);
    let input: Vec<&RawValue> = serde_json::from_str(&input).unwrap_or_default();
    Ok(Kept {
        id: row.get(0)?,
        key: key.into(),
        created_at: row.get(2)?,
        previous: row.get(3)?,
        input: input.into_iter().map(|item| item.get().to_owned()).collect(),
        response: row.get(5)?,
    })
}

fn bytes(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT coalesce(sum(bytes), 0) FROM response", [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(id: &str, created_at: u64) -> Kept {
        Kept {
            id: id.to_owned(),
            key: "ann".into(),
            created_at,
            previous: Some("resp_0".to_owned()),
            input: vec![r#"{"id":"msg_1_i0","content":"a, [b]"}"#.to_owned(), "{}".to_owned()],
            response: format!(r#"{{"id":"{id}","output":[]}}"#),
        }
    }

    fn filled(folder: &std::path::Path) -> Database {
        let database = Database::open(folder, false).unwrap();
        let all: Vec<Arc<Kept>> = (0..60).map(|at| Arc::new(kept(&format!("resp_{at}"), at))).collect();
        Archive::file(&database, &all).unwrap();
        database
    }

    #[test]
    fn what_was_kept_comes_back_to_its_own_key_only() {
        let folder = tempfile::tempdir().unwrap();
        drop(filled(folder.path()));
        let database = Database::open(folder.path(), false).unwrap();
        assert_eq!(database.find("ann", "resp_7", 0), Ok(Some(kept("resp_7", 7))));
        assert_eq!(database.find("bob", "resp_7", 0), Ok(None));
        assert_eq!(database.find("ann", "resp_7", 8), Ok(None));
        assert_eq!((database.remove("bob", "resp_7"), database.remove("ann", "resp_7")), (Ok(false), Ok(true)));
        assert_eq!((database.find("ann", "resp_7", 0), database.remove("ann", "resp_7")), (Ok(None), Ok(false)));
    }

    #[test]
    fn the_old_go_and_then_the_oldest() {
        let folder = tempfile::tempdir().unwrap();
        let database = filled(folder.path());
        assert_eq!(database.prune(10, u64::MAX), Ok(10));
        assert_eq!(
            (database.find("ann", "resp_9", 0), database.find("ann", "resp_10", 0).unwrap().is_some()),
            (Ok(None), true)
        );
        let room = kept("resp_10", 10).bytes() * 20;
        let gone = database.prune(10, room).unwrap();
        assert!((30..=33).contains(&gone), "{gone}");
        assert!(database.find("ann", "resp_59", 0).unwrap().is_some());
        assert_eq!(database.prune(0, 0), Ok(50 - gone));
    }
}
