//! The ledger's tables.
//!
//! What rows share is written once: the labels that sums tell them apart by (`ledger_group`), and words (`ledger_word`). A
//! row has no index but its number, so that filing appends; `ledger_day` says where the rows of a day lie. What nobody asks
//! the database for is packed into `body` (`packed`): a column costs as much to file as all of that. Numbers
//! of sums go up to 2⁶³ − 1, and their cost is in two parts that cannot overflow.

/// The step of the schema that makes them.
pub(in crate::store) const STEP: &str = "
CREATE TABLE ledger_word (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE ledger_group (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, team TEXT NOT NULL, tags TEXT NOT NULL, account TEXT NOT NULL,
    model TEXT NOT NULL, endpoint TEXT NOT NULL, by_right TEXT NOT NULL,
    UNIQUE (key, team, tags, account, model, endpoint, by_right)
) STRICT;
CREATE TABLE ledger_row (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, group_id INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE ledger_sum (
    day INTEGER NOT NULL, group_id INTEGER NOT NULL, requests INTEGER NOT NULL, failed INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL, images INTEGER NOT NULL, unpriced INTEGER NOT NULL, inexact INTEGER NOT NULL,
    cost_micros INTEGER NOT NULL, cost_picos INTEGER NOT NULL,
    PRIMARY KEY (day, group_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE ledger_day (
    day INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    filed INTEGER NOT NULL, forgotten INTEGER NOT NULL
) STRICT;
CREATE TABLE ledger_forgotten (
    one INTEGER PRIMARY KEY CHECK (one = 1), last_seq INTEGER NOT NULL, before_ms INTEGER NOT NULL
) STRICT;
";
