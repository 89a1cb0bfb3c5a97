//! Keys and teams in the database: the trait `KeyStore` of `tenant`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::Database;
use crate::tenant::{Held, KeyError, KeyHash, KeyStore, StoredKey, StoredTeam};

/// The tables. Times are milliseconds since 1970 (UTC), hashes SHA-256.
pub(super) const STEP: &str = "
CREATE TABLE keys (
    name TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    previous_hash BLOB,
    previous_until_ms INTEGER,
    fields TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE teams (name TEXT PRIMARY KEY, fields TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE keys_revision (number INTEGER NOT NULL) STRICT;
INSERT INTO keys_revision VALUES (0);
";

const COLUMNS: &str = "name, hash, prefix, created_ms, revoked_ms, previous_hash, previous_until_ms, fields";

impl KeyStore for Database {
    fn revision(&self) -> Result<u64, KeyError> {
        revision(&self.writer()).map_err(self.refused())
    }

    fn held(&self) -> Result<Held, KeyError> {
        let mut connection = self.writer();
        let read = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            Ok(Held { revision: revision(&transaction)?, keys: keys(&transaction)?, teams: teams(&transaction)? })
        };
        read(&mut connection).map_err(self.refused())
    }

    fn create(&self, key: &StoredKey) -> Result<(), KeyError> {
        self.changed(|transaction| {
            if find(transaction, &key.name).map_err(self.refused())?.is_some() {
                return Err(KeyError::Taken(key.name.clone()));
            }
            put(transaction, key).map_err(self.refused())
        })
    }

    fn change(
        &self,
        name: &str,
        change: &mut dyn FnMut(&mut StoredKey) -> Result<(), KeyError>,
    ) -> Result<StoredKey, KeyError> {
        self.changed(|transaction| {
            let found = find(transaction, name).map_err(self.refused())?;
            let mut key = found.ok_or_else(|| KeyError::NoKey(name.to_owned()))?;
            change(&mut key)?;
            put(transaction, &key).map_err(self.refused())?;
            Ok(key)
        })
    }

    fn set_team(&self, team: &StoredTeam) -> Result<(), KeyError> {
        const SQL: &str = "INSERT OR REPLACE INTO teams (name, fields) VALUES (?1, ?2)";
        self.changed(|transaction| {
            transaction.execute(SQL, params![team.name, team.fields]).map_err(self.refused())?;
            Ok(())
        })
    }

    fn remove_team(&self, name: &str) -> Result<(), KeyError> {
        self.changed(|transaction| {
            let removed = transaction.execute("DELETE FROM teams WHERE name = ?1", [name]).map_err(self.refused())?;
            if removed == 0 { Err(KeyError::NoTeam(name.to_owned())) } else { Ok(()) }
        })
    }
}

impl Database {
    /// Runs `change` and counts the revision up, both or neither. The lock comes first, so that what is read stays true
    /// until it is written.
    fn changed<T>(&self, change: impl FnOnce(&Transaction<'_>) -> Result<T, KeyError>) -> Result<T, KeyError> {
        let mut connection = self.writer();
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(self.refused())?;
        let result = change(&transaction)?;
        transaction.execute("UPDATE keys_revision SET number = number + 1", []).map_err(self.refused())?;
        transaction.commit().map_err(self.refused())?;
        Ok(result)
    }

    fn refused(&self) -> impl Fn(rusqlite::Error) -> KeyError + '_ {
        |error| KeyError::Store(self.failed()(error).to_string())
    }
}

fn revision(connection: &Connection) -> rusqlite::Result<u64> {
    let number: i64 = connection.prepare_cached("SELECT number FROM keys_revision")?.query_row([], |row| row.get(0))?;
    Ok(number.unsigned_abs())
}

fn keys(connection: &Connection) -> rusqlite::Result<Vec<StoredKey>> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM keys ORDER BY name"))?;
    statement.query_map([], key)?.collect()
}

fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<StoredKey>> {
    connection.query_row(&format!("SELECT {COLUMNS} FROM keys WHERE name = ?1"), [name], key).optional()
}

fn put(connection: &Connection, key: &StoredKey) -> rusqlite::Result<()> {
    let (previous, until) = key.previous.unzip();
    // Not `OR REPLACE`: a hash that another key has would take that key away.
    let sql = format!(
        "INSERT INTO keys ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (name) DO UPDATE SET
         hash = excluded.hash, prefix = excluded.prefix, revoked_ms = excluded.revoked_ms, fields = excluded.fields,
         previous_hash = excluded.previous_hash, previous_until_ms = excluded.previous_until_ms"
    );
    let (created, revoked, until) = (millis(key.created), key.revoked.map(millis), until.map(millis));
    connection.execute(&sql, params![key.name, key.hash, key.prefix, created, revoked, previous, until, key.fields])?;
    Ok(())
}

fn teams(connection: &Connection) -> rusqlite::Result<Vec<StoredTeam>> {
    let mut statement = connection.prepare("SELECT name, fields FROM teams ORDER BY name")?;
    statement.query_map([], |row| Ok(StoredTeam { name: row.get(0)?, fields: row.get(1)? }))?.collect()
}

fn key(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    let (previous, until): (Option<KeyHash>, Option<i64>) = (row.get(5)?, row.get(6)?);
    Ok(StoredKey {
        name: row.get(0)?,
        hash: row.get(1)?,
        prefix: row.get(2)?,
        created: time(row.get(3)?),
        revoked: row.get::<_, Option<i64>>(4)?.map(time),
        previous: previous.zip(until.map(time)),
        fields: row.get(7)?,
    })
}

fn millis(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

fn time(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::hash;

    fn key(name: &str, secret: &str) -> StoredKey {
        let created = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let (hash, fields) = (hash(secret), "rpm = 5\n".to_owned());
        StoredKey {
            name: name.to_owned(),
            hash,
            prefix: "fg-x".to_owned(),
            created,
            revoked: None,
            previous: None,
            fields,
        }
    }

    fn database() -> (tempfile::TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), false).unwrap();
        (folder, database)
    }

    #[test]
    fn what_is_kept_comes_back_and_each_change_counts() {
        let (folder, database) = database();
        assert_eq!(database.held().unwrap(), Held::default());
        let ann = key("ann", "a");
        database.create(&ann).unwrap();
        let until = ann.created + Duration::from_secs(5);
        let rotated = database.change("ann", &mut |key| {
            key.previous = Some((key.hash, until));
            key.hash = hash("b");
            Ok(())
        });
        let rotated = rotated.unwrap();
        assert_eq!((rotated.previous, rotated.hash), (Some((ann.hash, until)), hash("b")));
        let team = StoredTeam { name: "ml".to_owned(), fields: String::new() };
        database.set_team(&team).unwrap();
        let other = Database::open(folder.path(), false).unwrap();
        assert_eq!(other.held().unwrap(), Held { revision: 3, keys: vec![rotated], teams: vec![team] });
        other.remove_team("ml").unwrap();
        assert_eq!((database.revision(), database.held().unwrap().teams), (Ok(4), vec![]));
    }

    #[test]
    fn what_was_refused_changes_nothing() {
        let (_folder, database) = database();
        let ann = key("ann", "a");
        database.create(&ann).unwrap();
        assert_eq!(database.create(&key("ann", "b")), Err(KeyError::Taken("ann".to_owned())));
        let refused = database.change("ann", &mut |key| {
            key.fields.clear();
            Err(KeyError::Revoked("ann".to_owned()))
        });
        assert_eq!(refused, Err(KeyError::Revoked("ann".to_owned())));
        assert_eq!(database.change("bob", &mut |_| Ok(())), Err(KeyError::NoKey("bob".to_owned())));
        assert_eq!(database.remove_team("ml"), Err(KeyError::NoTeam("ml".to_owned())));
        assert_eq!(database.held().unwrap(), Held { revision: 1, keys: vec![ann], teams: vec![] });
    }

    /// Two secrets that are the same would let one key act as another.
    #[test]
    fn a_secret_is_kept_once() {
        let (_folder, database) = database();
        database.create(&key("ann", "a")).unwrap();
        assert!(database.create(&key("bob", "a")).is_err());
        assert_eq!(database.held().unwrap().keys.len(), 1);
    }
}
