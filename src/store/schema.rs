//! The tables, and the steps from one format to the next.

use crate::base::failpoint::{self, Failpoint};
use crate::store::{StoreError, patience};
use rusqlite::{Connection, TransactionBehavior};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// Each entry brings a store from the format of its index to the next one.
const STEPS: &[&str] = &[
    "
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, script TEXT NOT NULL, started_at INTEGER NOT NULL,
        ended_at INTEGER, status TEXT, pid INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE events (
        run TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
        op INTEGER, body TEXT NOT NULL, PRIMARY KEY (run, seq)
    ) WITHOUT ROWID;
",
    "
    CREATE TABLE observations (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, task_type TEXT NOT NULL,
        pattern TEXT NOT NULL, source TEXT NOT NULL, run TEXT, success_rate REAL NOT NULL,
        execution_time REAL, score REAL, cost REAL, tokens INTEGER, kind TEXT, message TEXT,
        extra TEXT
    );
    CREATE INDEX observations_of_task ON observations (task_type, pattern, seq);
    CREATE TABLE cells (
        task_type TEXT NOT NULL, pattern TEXT NOT NULL, n INTEGER NOT NULL,
        success_sum REAL NOT NULL,
        time_n INTEGER NOT NULL, time_sum REAL NOT NULL, time_sum2 REAL NOT NULL,
        score_n INTEGER NOT NULL, score_sum REAL NOT NULL, score_sum2 REAL NOT NULL,
        cost_n INTEGER NOT NULL, cost_sum REAL NOT NULL,
        tokens_n INTEGER NOT NULL, tokens_sum REAL NOT NULL,
        recent_ok REAL NOT NULL, recent_failed REAL NOT NULL, failures INTEGER NOT NULL,
        streak INTEGER NOT NULL, strikes INTEGER NOT NULL, avoid_until INTEGER NOT NULL,
        last_at INTEGER NOT NULL, last_kind TEXT, last_message TEXT,
        PRIMARY KEY (task_type, pattern)
    ) WITHOUT ROWID;
",
    "
    ALTER TABLE observations ADD COLUMN execution TEXT;
    CREATE UNIQUE INDEX observations_of_execution ON observations (execution)
        WHERE execution IS NOT NULL;
",
    "
    CREATE TABLE snapshots (
        id INTEGER PRIMARY KEY, fold TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL,
        at INTEGER NOT NULL, body BLOB NOT NULL
    );
    CREATE INDEX observations_failed ON observations (seq) WHERE kind IS NOT NULL;
    CREATE INDEX observations_of_demo ON observations (seq) WHERE source = 'demo';
",
    "
    ALTER TABLE cells DROP COLUMN recent_ok;
    ALTER TABLE cells DROP COLUMN recent_failed;
    ALTER TABLE cells DROP COLUMN streak;
    ALTER TABLE cells DROP COLUMN strikes;
    ALTER TABLE cells DROP COLUMN avoid_until;
",
    "
    CREATE TABLE learned (rules INTEGER NOT NULL);
    INSERT INTO learned SELECT 1 WHERE EXISTS (SELECT 1 FROM observations);
",
    "
    CREATE TABLE annotations (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, run TEXT NOT NULL, op INTEGER,
        kind TEXT NOT NULL, body TEXT NOT NULL
    );
    CREATE INDEX annotations_of_run ON annotations (run);
",
    "
    CREATE TABLE run_sums (run TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
",
    // Long texts of events have rows of their own from here on, which older programs would take for damage.
    "
    ALTER TABLE observations ADD COLUMN amends TEXT;
    CREATE INDEX observations_amended ON observations (amends) WHERE amends IS NOT NULL;
",
];

/// What all the steps make of an empty store, without going through each of them.
const WHOLE: &str = "
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, script TEXT NOT NULL, started_at INTEGER NOT NULL,
        ended_at INTEGER, status TEXT, pid INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE events (
        run TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
        op INTEGER, body TEXT NOT NULL, PRIMARY KEY (run, seq)
    ) WITHOUT ROWID;
    CREATE TABLE observations (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, task_type TEXT NOT NULL,
        pattern TEXT NOT NULL, source TEXT NOT NULL, run TEXT, success_rate REAL NOT NULL,
        execution_time REAL, score REAL, cost REAL, tokens INTEGER, kind TEXT, message TEXT,
        extra TEXT, execution TEXT, amends TEXT
    );
    CREATE INDEX observations_amended ON observations (amends) WHERE amends IS NOT NULL;
    CREATE INDEX observations_of_task ON observations (task_type, pattern, seq);
    CREATE UNIQUE INDEX observations_of_execution ON observations (execution)
        WHERE execution IS NOT NULL;
    CREATE INDEX observations_failed ON observations (seq) WHERE kind IS NOT NULL;
    CREATE INDEX observations_of_demo ON observations (seq) WHERE source = 'demo';
    CREATE TABLE cells (
        task_type TEXT NOT NULL, pattern TEXT NOT NULL, n INTEGER NOT NULL,
        success_sum REAL NOT NULL,
        time_n INTEGER NOT NULL, time_sum REAL NOT NULL, time_sum2 REAL NOT NULL,
        score_n INTEGER NOT NULL, score_sum REAL NOT NULL, score_sum2 REAL NOT NULL,
        cost_n INTEGER NOT NULL, cost_sum REAL NOT NULL,
        tokens_n INTEGER NOT NULL, tokens_sum REAL NOT NULL, failures INTEGER NOT NULL,
        last_at INTEGER NOT NULL, last_kind TEXT, last_message TEXT,
        PRIMARY KEY (task_type, pattern)
    ) WITHOUT ROWID;
    CREATE TABLE snapshots (
        id INTEGER PRIMARY KEY, fold TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL,
        at INTEGER NOT NULL, body BLOB NOT NULL
    );
    CREATE TABLE learned (rules INTEGER NOT NULL);
    CREATE TABLE annotations (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, run TEXT NOT NULL, op INTEGER,
        kind TEXT NOT NULL, body TEXT NOT NULL
    );
    CREATE INDEX annotations_of_run ON annotations (run);
    CREATE TABLE run_sums (run TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
";

/// Tables that every store has, whatever its format; a database without them is no store.
const ALWAYS: [&str; 2] = ["runs", "events"];

/// Sets up the connection, refuses a newer format and what is no store, and applies the missing steps.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let fail = |source| StoreError::sqlite(path.to_owned(), source);
    let Glance { found, tables, is_empty, is_ours } = look(connection).map_err(fail)?;

    let has = |name: &&str| tables.iter().any(|table| table == name);
    let lacking: Vec<&str> = ALWAYS.into_iter().filter(|name| !has(name)).collect();
    let is_new = found == 0 && is_empty;
    if !is_new && (found == 0 || lacking.len() == ALWAYS.len() || !is_ours) {
        return Err(StoreError::Foreign { path: path.to_owned(), tables });
    }

    if let Some(table) = lacking.first().filter(|_| !is_new) {
        let reason = format!("it lacks the table `{table}`");
        return Err(StoreError::Damaged { path: path.to_owned(), reason });
    }

    let known = i64::try_from(STEPS.len()).expect("few steps");
    let found = migrate(connection, path, found).map_err(fail)?;
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }

    if !has_log(connection) {
        add_log(connection, path).map_err(fail)?;
    }
    Ok(())
}

/// Gives a store its log. A copy of a store has none, and works without one, only slower: if somebody
/// uses it, or it may not be written, it stays as it is.
fn add_log(connection: &mut Connection, path: &Path) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    let _ = connection.pragma_update(None, "journal_mode", "WAL");
    patience::wait_for_others(connection, path)
}

/// What a database is, at a first look.
struct Glance {
    /// Its format, if it is a store.
    found: i64,
    tables: Vec<String>,
    /// Whether there is nothing in it, and no other program has claimed it.
    is_empty: bool,
    /// Whether no other program has claimed it, or has tables of the same names.
    is_ours: bool,
}

/// Looks at a database as it is at one moment: another process may be making the store.
fn look(connection: &mut Connection) -> rusqlite::Result<Glance> {
    let moment = connection.transaction()?;
    let found = moment.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let claim: i64 = moment.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let count = |sql: &str| moment.query_row(sql, [], |row| row.get::<_, i64>(0));

    let objects = count("SELECT count(*) FROM sqlite_schema")?;
    let strangers = count(
        "SELECT count(*) FROM sqlite_schema s WHERE s.name IN ('runs', 'events') AND NOT EXISTS
            (SELECT 1 FROM pragma_table_info(s.name)
             WHERE name IN ('script', 'started_at', 'seq', 'body'))",
    )?;

    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables = moment.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let is_empty = objects == 0 && claim == 0;
    let is_ours = claim == 0 && strangers == 0;

    Ok(Glance { found, tables, is_empty, is_ours })
}

/// Applies the missing steps in one transaction and returns the format found afterwards. A store
/// that is up to date is only read.
fn migrate(connection: &mut Connection, path: &Path, found: i64) -> rusqlite::Result<i64> {
    if found == 0 {
        begin(connection, path)?;
    }

    connection.pragma_update(None, "synchronous", "FULL")?;
    if usize::try_from(found).is_ok_and(|found| found >= STEPS.len()) {
        return Ok(found);
    }

    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another program may have made the steps before this one got the lock.
    let found: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let Some(missing) = usize::try_from(found).ok().and_then(|from| STEPS.get(from..)) else {
        return Ok(found);
    };

    if found == 0 {
        tx.execute_batch(WHOLE)?;
    } else {
        for step in missing {
            tx.execute_batch(step)?;
        }
    }

    let now = found + i64::try_from(missing.len()).expect("few steps");
    tx.pragma_update(None, "user_version", now)?;
    failpoint::pass(Failpoint::StoreMade);
    tx.commit()?;
    Ok(now)
}

/// Makes a database that has only its head yet. There is nothing to roll back to, so that takes no file of its
/// own. If another process has made it meanwhile and uses it, it stays as it is.
fn begin(connection: &mut Connection, path: &Path) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    let _ = connection.pragma_update(None, "journal_mode", "MEMORY");
    patience::wait_for_others(connection, path)?;

    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")
}

/// Tells whether changes go to a log first, and to the store later.
pub(super) fn has_log(connection: &Connection) -> bool {
    let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
    mode.is_ok_and(|mode| mode == "wal")
}

/// How the schema of a store differs from that of the newest format.
pub(super) struct SchemaDifference {
    /// What is missing.
    pub(super) lacking: Vec<String>,
    /// What it has besides.
    pub(super) strange: Vec<String>,
}

/// Compares the schema of a store with that of the newest format.
pub(super) fn compare(connection: &Connection) -> rusqlite::Result<SchemaDifference> {
    let whole = Connection::open_in_memory()?;
    for step in STEPS {
        whole.execute_batch(step)?;
    }

    let found = parts(connection)?;
    let whole = parts(&whole)?;
    Ok(SchemaDifference { lacking: named(&whole, &found), strange: named(&found, &whole) })
}

/// Names the parts that are in one schema and not in another.
fn named(one: &BTreeSet<SchemaPart>, other: &BTreeSet<SchemaPart>) -> Vec<String> {
    let only: BTreeSet<&SchemaPart> = one.difference(other).collect();

    let is_told = |part: &&&SchemaPart| match part {
        // A table has its columns with it.
        SchemaPart::Column(table, _) => !only.contains(&SchemaPart::Table(table.clone())),
        SchemaPart::Table(_)
        | SchemaPart::Index(_)
        | SchemaPart::View(_)
        | SchemaPart::Trigger(..) => true,
    };

    only.iter().filter(is_told).map(ToString::to_string).collect()
}

/// A part of the schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum SchemaPart {
    Table(String),
    /// A column of a table.
    Column(String, String),
    Index(String),
    View(String),
    /// A trigger on a table.
    Trigger(String, String),
}

impl fmt::Display for SchemaPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SchemaPart::Table(table) => write!(f, "the table `{table}`"),
            SchemaPart::Column(table, column) => write!(f, "the column `{column}` of `{table}`"),
            SchemaPart::Index(index) => write!(f, "the index `{index}`"),
            SchemaPart::View(view) => write!(f, "the view `{view}`"),
            SchemaPart::Trigger(table, name) => write!(f, "the trigger `{name}` on `{table}`"),
        }
    }
}

fn parts(connection: &Connection) -> rusqlite::Result<BTreeSet<SchemaPart>> {
    let mut statement = connection.prepare(
        "SELECT 'table', name, '' FROM sqlite_schema WHERE type = 'table'
         UNION ALL SELECT type, name, tbl_name FROM sqlite_schema
            WHERE type IN ('index', 'view', 'trigger')
         UNION ALL SELECT 'column', s.name, c.name
            FROM sqlite_schema s, pragma_table_info(s.name) c WHERE s.type = 'table'",
    )?;

    let parts = statement.query_map([], |row| {
        let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(match kind.as_str() {
            "table" => SchemaPart::Table(name),
            "index" => SchemaPart::Index(name),
            "view" => SchemaPart::View(name),
            "trigger" => SchemaPart::Trigger(row.get(2)?, name),
            _ => SchemaPart::Column(name, row.get(2)?),
        })
    })?;

    // SQLite keeps tables of its own there.
    let own = |part: &SchemaPart| match part {
        SchemaPart::Table(name) | SchemaPart::Index(name) | SchemaPart::Column(name, _) => {
            !name.starts_with("sqlite_")
        }
        SchemaPart::View(_) | SchemaPart::Trigger(..) => true,
    };
    let parts: BTreeSet<SchemaPart> = parts.collect::<Result<_, _>>()?;
    Ok(parts.into_iter().filter(own).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the columns of all tables in their order, and the indexes as they were written.
    fn shape(batches: &[&str]) -> Vec<String> {
        let store = Connection::open_in_memory().expect("memory");
        for batch in batches {
            store.execute_batch(batch).expect("sound steps");
        }

        let sql = "SELECT s.name || ' ' || c.cid || ' ' || c.name || ' ' || c.type || ' ' ||
                c.\"notnull\" || ' ' || c.pk FROM sqlite_schema s, pragma_table_info(s.name) c
                WHERE s.type = 'table'
             UNION ALL SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
             UNION ALL SELECT name || ' without rowid' FROM pragma_table_list WHERE wr = 1
             ORDER BY 1";
        let mut statement = store.prepare(sql).expect("a sound question");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("texts")
    }

    #[test]
    fn a_new_store_is_what_all_steps_make() {
        assert_eq!(shape(&[WHOLE]), shape(STEPS));
    }
}
