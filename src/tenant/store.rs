//! What keeps keys and teams that were made while running: SQLite today, PostgreSQL for several replicas.

use std::time::SystemTime;

use super::secret::KeyHash;

/// A key as it is kept. What it may do is text, a table of TOML as it could stand under `[[key]]`: a store keeps what it
/// does not understand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its name.
    pub name: String,
    /// Hash of its secret.
    pub hash: KeyHash,
    /// The beginning of its secret, by which people recognise it.
    pub prefix: String,
    /// When it was made.
    pub created: SystemTime,
    /// Since when it opens nothing.
    pub revoked: Option<SystemTime>,
    /// The secret before this one, and until when it still works.
    pub previous: Option<(KeyHash, SystemTime)>,
    /// Its fields.
    pub fields: String,
}

/// A team as it is kept, with the text of its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTeam {
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: String,
}

/// Everything that is kept, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// Counts every change, and never goes back. 0 as long as nothing was ever kept.
    pub revision: u64,
    /// Every key, revoked ones too, by name.
    pub keys: Vec<StoredKey>,
    /// Every team, by name.
    pub teams: Vec<StoredTeam>,
}

/// Why keys or teams were not changed, or could not be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no such key.
    #[error("there is no key `{0}`")]
    NoKey(String),
    /// There is no such team.
    #[error("there is no team `{0}`")]
    NoTeam(String),
    /// The name is taken, perhaps by a key that was revoked: what it used stays under its name.
    #[error("there is or was a key `{0}`: its name stays with what it used; give this one a name of its own")]
    Taken(String),
    /// The file has it.
    #[error("`{0}` stands in the configuration file, which wins: change it there")]
    OfFile(String),
    /// It was revoked, which is for good.
    #[error("the key `{0}` was revoked, and stays so; make a new one")]
    Revoked(String),
    /// Somebody still needs the team.
    #[error("the team `{0}` still has keys: {1}; edit or revoke them first")]
    InUse(String, String),
    /// What was written is wrong: every fault.
    #[error("{}", .0.join("\n"))]
    Fields(Vec<String>),
    /// A demo without a folder keeps nothing.
    #[error(
        "this demo keeps no keys: it could not make a folder for temporary files; set TMPDIR, or run flowgate serve without --demo"
    )]
    NotKept,
    /// The system gave no randomness.
    #[error("the system gives no random bits for a secret")]
    Random,
    /// The store failed.
    #[error("{0}")]
    Store(String),
}

/// Keeps keys and teams. Every change is whole or not at all, and counts the revision up with it. Every method blocks.
pub trait KeyStore: Send + Sync {
    /// The number of changes so far. Cheap: it is asked several times a second.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    fn revision(&self) -> Result<u64, KeyError>;

    /// Everything.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    fn held(&self) -> Result<Held, KeyError>;

    /// Keeps a new key.
    ///
    /// # Errors
    /// [`KeyError::Taken`], [`KeyError::Store`].
    fn create(&self, key: &StoredKey) -> Result<(), KeyError>;

    /// Changes the key `name` to what `change` makes of it. Nobody else changes it meanwhile; an error of `change` leaves
    /// it as it was.
    ///
    /// # Errors
    /// [`KeyError::NoKey`], [`KeyError::Store`], and those of `change`.
    fn change(
        &self,
        name: &str,
        change: &mut dyn FnMut(&mut StoredKey) -> Result<(), KeyError>,
    ) -> Result<StoredKey, KeyError>;

    /// Keeps a team, in place of one of the same name.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    fn set_team(&self, team: &StoredTeam) -> Result<(), KeyError>;

    /// Forgets a team.
    ///
    /// # Errors
    /// [`KeyError::NoTeam`], [`KeyError::Store`].
    fn remove_team(&self, name: &str) -> Result<(), KeyError>;
}
