//! Jobs in the database: the trait `JobStore` of `jobs`.

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::Database;
use super::ledger::{self, Known};
use crate::jobs::{Job, JobStore, Kind, Phase, Yield};
use crate::ledger::{Row as LedgerRow, StoreError, Who};

/// The table. Times are seconds since 1970 (UTC).
pub(super) const STEP: &str = "
CREATE TABLE jobs (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    upstream_id TEXT NOT NULL,
    key TEXT NOT NULL,
    team TEXT NOT NULL,
    tags TEXT NOT NULL,
    account TEXT NOT NULL,
    model TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    size TEXT NOT NULL,
    phase TEXT NOT NULL,
    fault TEXT NOT NULL,
    output_link TEXT NOT NULL,
    output_kept TEXT NOT NULL,
    output_length INTEGER NOT NULL,
    errors_link TEXT NOT NULL,
    errors_kept TEXT NOT NULL,
    errors_length INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_unfinished ON jobs (created_at) WHERE phase NOT IN ('done', 'failed');
CREATE INDEX jobs_of_key ON jobs (kind, key, created_at DESC, id DESC);
";

const COLUMNS: &str =
    "kind, id, upstream_id, key, team, tags, account, model, created_at, finished_at, size, phase, fault,
    output_link, output_kept, output_length, errors_link, errors_kept, errors_length";

impl JobStore for Database {
    fn put(&self, job: &Job) -> Result<(), StoreError> {
        put(&self.writer(), job).map_err(self.failed())
    }

    fn settle(&self, job: &Job, rows: &[LedgerRow]) -> Result<(), StoreError> {
        let mut connection = self.writer();
        let mut known = self.known();
        let settled = connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
            put(&transaction, job)?;
            ledger::file_within(&transaction, &mut known, &rows.iter().collect::<Vec<_>>())?;
            transaction.commit()
        });
        settled.map_err(|error| {
            // Some of it was not committed.
            *known = Known::default();
            self.failed()(error)
        })
    }

    fn job(&self, kind: Kind, id: &str) -> Result<Option<Job>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE kind = ?1 AND id = ?2");
        self.read(|connection| connection.prepare_cached(&sql)?.query_row([kind.label(), id], job).optional())
    }

    fn jobs(&self, kind: Kind, key: &str, after: Option<&str>, most: usize) -> Result<Vec<Job>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs WHERE kind = ?1 AND key = ?2 AND (?3 IS NULL OR
            (created_at, id) < (SELECT created_at, id FROM jobs WHERE kind = ?1 AND id = ?3 AND key = ?2))
            ORDER BY created_at DESC, id DESC LIMIT ?4"
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map(params![kind.label(), key, after, most], job)?.collect()
        })
    }

    fn unfinished(&self) -> Result<Vec<Job>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE phase NOT IN ('done', 'failed') ORDER BY created_at");
        self.read(|connection| connection.prepare_cached(&sql)?.query_map([], job)?.collect())
    }

    fn remove(&self, kind: Kind, id: &str) -> Result<bool, StoreError> {
        let removed = self.writer().execute("DELETE FROM jobs WHERE kind = ?1 AND id = ?2", [kind.label(), id]);
        removed.map(|count| count > 0).map_err(self.failed())
    }

    fn forget(&self, at: u64) -> Result<(), StoreError> {
        let forgotten = self.writer().execute("DELETE FROM jobs WHERE finished_at < ?1", [at.cast_signed()]);
        forgotten.map(drop).map_err(self.failed())
    }

    fn counts(&self) -> Result<Vec<(Kind, Phase, u64)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT kind, phase, count(*) FROM jobs GROUP BY 1, 2")?;
            let count = |row: &Row<'_>| Ok((kind(row, 0)?, phase(row, 1)?, row.get(2)?));
            statement.query_map([], count)?.collect()
        })
    }
}

fn put(connection: &Connection, job: &Job) -> rusqlite::Result<()> {
    let marks = (1..=19).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ");
    let sql = format!("INSERT OR REPLACE INTO jobs ({COLUMNS}) VALUES ({marks})");
    connection.prepare_cached(&sql)?.execute(params![
        job.kind.label(),
        job.id,
        job.upstream_id,
        job.who.key,
        job.who.team,
        job.who.tags,
        job.account,
        job.model,
        job.created_at,
        job.finished_at,
        job.size,
        job.phase.label(),
        job.fault,
        job.output.link,
        job.output.kept,
        job.output.length,
        job.errors.link,
        job.errors.kept,
        job.errors.length,
    ])?;
    Ok(())
}

fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let text = |place| row.get::<_, String>(place);
    let result = |place| {
        Ok::<_, rusqlite::Error>(Yield { link: text(place)?, kept: text(place + 1)?, length: row.get(place + 2)? })
    };
    Ok(Job {
        kind: kind(row, 0)?,
        id: text(1)?,
        upstream_id: text(2)?,
        who: Who { key: text(3)?.into(), team: text(4)?.into(), tags: text(5)?.into() },
        account: text(6)?.into(),
        model: text(7)?.into(),
        created_at: row.get(8)?,
        finished_at: row.get(9)?,
        size: text(10)?,
        phase: phase(row, 11)?,
        fault: text(12)?,
        output: result(13)?,
        errors: result(16)?,
    })
}

fn kind(row: &Row<'_>, place: usize) -> rusqlite::Result<Kind> {
    let word: String = row.get(place)?;
    Kind::ALL.into_iter().find(|kind| kind.label() == word).ok_or_else(|| unknown(place))
}

fn phase(row: &Row<'_>, place: usize) -> rusqlite::Result<Phase> {
    let word: String = row.get(place)?;
    Phase::ALL.into_iter().find(|phase| phase.label() == word).ok_or_else(|| unknown(place))
}

/// A word that this version never wrote.
fn unknown(place: usize) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(place, rusqlite::types::Type::Text, "an unknown word".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(id: &str, at: u64, key: &str, phase: Phase) -> Job {
        Job {
            id: id.to_owned(),
            kind: Kind::Batch,
            upstream_id: "up".to_owned(),
            who: Who { key: key.into(), team: "t".into(), tags: "a,b".into() },
            account: "main".into(),
            model: "m".into(),
            created_at: at,
            finished_at: phase.is_over().then_some(at + 1),
            size: String::new(),
            phase,
            fault: "why".to_owned(),
            output: Yield { link: "https://x".to_owned(), kept: "k".to_owned(), length: 7 },
            errors: Yield::default(),
        }
    }

    /// Both keepers do the same.
    fn check(store: &dyn JobStore) {
        let jobs = [
            example("a", 1, "ann", Phase::Done),
            example("b", 2, "ann", Phase::Running),
            example("c", 2, "ann", Phase::Queued),
            example("d", 3, "bob", Phase::Saving),
        ];
        jobs.iter().for_each(|job| store.put(job).unwrap());
        assert_eq!(store.job(Kind::Batch, "a").unwrap().as_ref(), Some(&jobs[0]));
        assert_eq!(store.job(Kind::Video, "a").unwrap(), None);
        let listed = |after, most| {
            let jobs = store.jobs(Kind::Batch, "ann", after, most).unwrap();
            jobs.into_iter().map(|job| job.id).collect::<String>()
        };
        assert_eq!((listed(None, 9), listed(None, 2), listed(Some("b"), 9)), ("cba".into(), "cb".into(), "a".into()));
        let unfinished: String = store.unfinished().unwrap().into_iter().map(|job| job.id).collect();
        assert_eq!(unfinished, "bcd");
        let counts = store.counts().unwrap();
        assert!(counts.contains(&(Kind::Batch, Phase::Running, 1)) && counts.len() == 4, "{counts:?}");
        store.put(&Job { phase: Phase::Failed, finished_at: Some(9), ..jobs[1].clone() }).unwrap();
        store.forget(5).unwrap();
        assert_eq!(listed(None, 9), "cb");
        assert!(store.remove(Kind::Batch, "b").unwrap() && !store.remove(Kind::Batch, "b").unwrap());
    }

    #[test]
    fn jobs_are_kept_and_found() {
        check(&crate::jobs::Memory::default());
        let folder = tempfile::tempdir().unwrap();
        check(&Database::open(folder.path(), false).unwrap());
        let again = Database::open(folder.path(), false).unwrap();
        assert_eq!(again.job(Kind::Batch, "d").unwrap().unwrap().phase, Phase::Saving);
    }

    #[test]
    fn rows_and_job_are_kept_together_and_once() {
        use crate::ledger::{Query, Store};
        let folder = tempfile::tempdir().unwrap();
        let store = Database::open(folder.path(), false).unwrap();
        let job = example("a", 1, "ann", Phase::Done);
        let row = |seq| LedgerRow {
            seq,
            id: format!("line-{seq}").into(),
            key: "ann".into(),
            input_tokens: 5,
            outcome: "complete".into(),
            usage: "exact".into(),
            ..LedgerRow::default()
        };
        store.settle(&job, &[row(1), row(2)]).unwrap();
        store.settle(&job, &[row(1), row(2)]).unwrap();
        assert_eq!(store.rows(0, 10).unwrap().len(), 2);
        let sums = store.sums(&Query { until_day: u64::MAX, ..Query::default() }).unwrap();
        assert_eq!(sums.iter().map(|sum| sum.input_tokens).sum::<u64>(), 10);
        assert_eq!(store.check().unwrap(), Vec::<String>::new());
    }
}
