//! The tables of a store on a server, and whether the server keeps what it confirms.

use super::connect::{ServerSession, quoted};
use super::fault::LineFault;
use crate::store::OpenPurpose;
use crate::store::server::{POSTGRES_MIN, RemoteAddress, RemoteFault};

/// The format of the tables. A change of them gets the next number, and a step from the one before.
pub(super) const FORMAT: i32 = 2;

/// A lock that is held while tables are made: several processes may begin at the same moment.
const LOCK: &str = "select pg_advisory_xact_lock(hashtextextended('kaizen tables ' || $1, 21))";

/// Bodies are texts, because they have to come back byte for byte. Names are compared byte by byte, as in a file.
const TABLES: &str = "
    create table runs (
        id text collate \"C\" primary key, script text not null, started_at bigint not null, ended_at bigint,
        status text, worker text not null, pid bigint not null
    );
    create table events (
        run text collate \"C\" not null, seq bigint not null, at bigint not null, kind text not null, op bigint,
        body text not null, token text not null, primary key (run, seq)
    );
    create table observations (
        seq bigint primary key, at bigint not null, task_type text collate \"C\" not null,
        pattern text collate \"C\" not null, source text not null, run text, success_rate double precision not null,
        execution_time double precision, score double precision, cost double precision, tokens bigint, kind text,
        message text, extra text, execution text collate \"C\", amends text collate \"C\"
    );
    create index observations_amended on observations (amends) where amends is not null;
    create index observations_of_task on observations (task_type, pattern, seq);
    create unique index observations_of_execution on observations (execution) where execution is not null;
    create index observations_failed on observations (seq) where kind is not null;
    create index observations_of_demo on observations (seq) where source = 'demo';
    create table cells (
        task_type text collate \"C\" not null, pattern text collate \"C\" not null, n bigint not null,
        success_sum double precision not null, time_n bigint not null, time_sum double precision not null,
        time_sum2 double precision not null, score_n bigint not null, score_sum double precision not null,
        score_sum2 double precision not null, cost_n bigint not null, cost_sum double precision not null,
        tokens_n bigint not null, tokens_sum double precision not null, failures bigint not null,
        last_at bigint not null, last_kind text, last_message text, primary key (task_type, pattern)
    );
    create table snapshots (
        id bigint generated always as identity, fold text collate \"C\" primary key, seq bigint not null,
        at bigint not null, body bytea not null
    );
    create table learned (rules bigint not null);
    create table annotations (
        id bigint generated always as identity primary key, at bigint not null, run text collate \"C\" not null,
        op bigint, kind text not null, body text not null
    );
    create index annotations_of_run on annotations (run);
    create table run_sums (run text collate \"C\" primary key, body text not null);
    create table changes (id text primary key, at timestamptz not null default now());
    create table format (version integer not null);
    insert into format values (1);
";

/// The step to format 2: what runs need that any of several machines performs. Files have their hash for a name. What
/// a program has printed is kept as it came, for whoever watches.
const STEP_2: &str = "
    create table blobs (hash text collate \"C\" primary key, body bytea not null);
    create table printed (
        work text collate \"C\" not null, stint bigint not null, try bigint not null, n bigint not null,
        stream smallint not null, body bytea not null, primary key (work, stint, try, n)
    );
    update format set version = 2;
";

/// What a server is, and whether there is a store on it.
struct ServerState {
    version: i32,
    fsync: String,
    synchronous_commit: String,
    takes_no_changes: bool,
    has_schema: bool,
    has_format: bool,
}

/// Checks that a server can be used, and that there is a store on it. To write to it, one is made if there is none.
pub(super) async fn prepare(
    session: &ServerSession,
    address: &RemoteAddress,
    purpose: OpenPurpose,
) -> Result<(), LineFault> {
    let state = look(session, address.schema()).await?;
    if state.version < POSTGRES_MIN {
        return Err(RemoteFault::Old { version: state.version }.into());
    }

    match purpose {
        OpenPurpose::Write | OpenPurpose::Check => {
            check_promises(&state, address.accepts_unsafe())?;
        }
        OpenPurpose::Read => {}
    }

    match (purpose, state.has_format) {
        (OpenPurpose::Write, true) => bring_up(session, address.schema()).await?,
        (OpenPurpose::Read | OpenPurpose::Check, true) => {}
        (OpenPurpose::Write, false) => {
            create(session, address.schema(), state.has_schema).await?;
        }
        (OpenPurpose::Check, false) => return Ok(()),
        (OpenPurpose::Read, false) => {
            let schema = address.schema().to_owned();
            return Err(RemoteFault::Lacking { schema }.into());
        }
    }
    check_format(session).await
}

async fn look(session: &ServerSession, schema: &str) -> Result<ServerState, LineFault> {
    let sql =
        "select current_setting('server_version_num')::integer / 10000, current_setting('fsync'),
        current_setting('synchronous_commit'),
        pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean,
        exists (select from pg_namespace where nspname = $1),
        exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = $1 and c.relname = 'format')";
    let Some(row) = session.row(sql, &[&schema]).await? else {
        return Err(RemoteFault::Other { reason: "the server says nothing".to_owned() }.into());
    };

    Ok(ServerState {
        version: row.try_get(0)?,
        fsync: row.try_get(1)?,
        synchronous_commit: row.try_get(2)?,
        takes_no_changes: row.try_get(3)?,
        has_schema: row.try_get(4)?,
        has_format: row.try_get(5)?,
    })
}

/// Checks that a server takes changes, and keeps what it confirms.
fn check_promises(state: &ServerState, accepts_unsafe: bool) -> Result<(), LineFault> {
    if state.takes_no_changes {
        let reason = "the server only answers questions".to_owned();
        return Err(RemoteFault::ReadOnly { reason }.into());
    }

    let settings = [("fsync", &state.fsync), ("synchronous_commit", &state.synchronous_commit)];
    for (setting, value) in settings {
        if value == "off" && !accepts_unsafe {
            return Err(RemoteFault::Unsafe { setting }.into());
        }
    }
    Ok(())
}

/// Makes the tables, unless somebody else does at this moment.
async fn create(session: &ServerSession, schema: &str, has_schema: bool) -> Result<(), LineFault> {
    let make = async {
        session.rows(LOCK, &[&schema]).await?;
        let state = look(session, schema).await?;
        if state.has_format {
            return Ok(());
        }
        if !has_schema && !state.has_schema {
            session.batch(&format!("create schema {}", quoted(schema))).await?;
        }

        let sql =
            "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = $1)";
        let row = session.row(sql, &[&schema]).await?;
        let is_taken = row.map(|row| row.try_get::<_, bool>(0)).transpose()?;
        if is_taken == Some(true) {
            return Err(RemoteFault::Foreign { schema: schema.to_owned() }.into());
        }
        session.batch(TABLES).await?;
        session.batch(STEP_2).await
    };
    session.transact(make).await
}

/// Brings tables of an older format up to date.
async fn bring_up(session: &ServerSession, schema: &str) -> Result<(), LineFault> {
    if format(session).await? != 1 {
        return Ok(());
    }

    let step = async {
        session.rows(LOCK, &[&schema]).await?;
        // Somebody else may have done it meanwhile.
        if format(session).await? == 1 { session.batch(STEP_2).await } else { Ok(()) }
    };
    session.transact(step).await
}

async fn format(session: &ServerSession) -> Result<i32, LineFault> {
    let row = session.row("select version from format", &[]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
}

/// Checks that the tables are of a format that can be read. That of the first one only lacks tables.
async fn check_format(session: &ServerSession) -> Result<(), LineFault> {
    let found = format(session).await?;
    if (1..=FORMAT).contains(&found) {
        return Ok(());
    }
    Err(RemoteFault::Format { found, known: FORMAT }.into())
}

/// Names the tables that a store has.
pub(super) const TABLE_NAMES: [&str; 10] = [
    "runs",
    "events",
    "observations",
    "cells",
    "snapshots",
    "learned",
    "annotations",
    "run_sums",
    "changes",
    "format",
];
