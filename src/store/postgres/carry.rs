//! What each change does to the tables on a server.

use super::connect::ServerSession;
use super::fault::LineFault;
use super::read_learned::sums;
use super::verdict::keep_verdict;
use crate::store::reader::SUMS;
use crate::store::row::{
    AnnotationRow, EventRow, ObservationRow, RunEdge, SNAPSHOTS_MAX, SealRow, SnapshotRow,
    StoreChange, TEXT_KIND,
};
use crate::store::server::RemoteFault;
use crate::store::sums::PatternSums;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::{LazyLock, PoisonError};

/// How long it is known which changes were carried out: far longer than anybody waits for an answer.
const CHANGES_KEPT: &str = "delete from changes where at < now() - interval '1 day'";

/// The lock that puts observations in order. It is given back with the end of the transaction, so the order of their
/// numbers is the order of commits.
const OBSERVATION_LOCK: &str = "select pg_advisory_xact_lock(hashtextextended('kaizen observations ' || current_schema(), 21))";

/// Carries out a change, within a transaction.
pub(super) async fn carry_out(
    session: &ServerSession,
    change: &StoreChange,
) -> Result<(), LineFault> {
    match change {
        StoreChange::Nothing => session.rows("select 1", &[]).await.map(drop),
        StoreChange::Events { run, token, rows } => keep_events(session, run, token, rows).await,
        StoreChange::Observations(rows) => keep_observations(session, rows).await,
        StoreChange::Annotation(row) => keep_annotation(session, row).await,

        StoreChange::Verdict(row) => {
            let effect = keep_verdict(session, row).await?;
            *row.effect.lock().unwrap_or_else(PoisonError::into_inner) = effect;
            Ok(())
        }
        StoreChange::Snapshot(row) => keep_snapshot(session, row).await,
        StoreChange::SnapshotDrop(fold) => {
            session.change("delete from snapshots where fold = $1", &[fold]).await.map(drop)
        }
        StoreChange::Rules { rules, snapshots } => {
            session.change("delete from learned", &[]).await?;
            let rules = i64::from(*rules);
            session.change("insert into learned (rules) values ($1)", &[&rules]).await?;
            let sql = "delete from snapshots where not starts_with(fold, $1)";
            session.change(sql, &[snapshots]).await.map(drop)
        }
        StoreChange::RunDrop(run) => {
            for table in ["events", "annotations", "run_sums"] {
                let sql = format!("delete from {table} where run = $1");
                session.change(&sql, &[&run.0]).await?;
            }
            session.change("delete from runs where id = $1", &[&run.0]).await.map(drop)
        }
    }
}

/// Names this machine, as it has run since it was started, so that the numbers of its processes mean something.
pub(super) fn worker() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/kernel/{name}"));
        let parts = ["hostname", "random/boot_id"].map(|name| read(name).unwrap_or_default());
        format!("{} {}", parts[0].trim(), parts[1].trim())
    });
    &NAME
}

/// Returns a text as the server can keep it: it has no character 0.
pub(super) fn kept(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte == 0) {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// Rows of events as columns, as they are inserted together.
#[derive(Default)]
pub(super) struct EventColumns<'a> {
    run: Vec<&'a str>,
    seq: Vec<i64>,
    at: Vec<i64>,
    kind: Vec<&'a str>,
    op: Vec<Option<i64>>,
    body: Vec<Cow<'a, str>>,
    token: Vec<&'a str>,
}

impl<'a> EventColumns<'a> {
    /// Adds events of a run, each with its long text before it.
    pub(super) fn add(&mut self, run: &'a str, token: &'a str, rows: &'a [EventRow]) {
        for EventRow { seq, at, kind, op, body, text, .. } in rows {
            let op = op.map(i64::from);
            if let Some(text) = text {
                self.push((run, seq - 1, *at, TEXT_KIND), op, text, token);
            }
            self.push((run, *seq, *at, kind), op, body, token);
        }
    }

    /// Adds one row.
    fn push(
        &mut self,
        (run, seq, at, kind): (&'a str, i64, i64, &'a str),
        op: Option<i64>,
        body: &'a str,
        token: &'a str,
    ) {
        self.run.push(run);
        self.seq.push(seq);
        self.at.push(at);
        self.kind.push(kind);
        self.op.push(op);
        self.body.push(kept(body));
        self.token.push(token);
    }

    /// Returns the places of the rows in the journals of their runs.
    pub(super) fn places(&self) -> &[i64] {
        &self.seq
    }

    /// Inserts the rows with one statement, if the rows are there that they stand on, each with its run.
    pub(super) async fn insert(
        &self,
        session: &ServerSession,
        before: &[(&str, i64)],
    ) -> Result<(), LineFault> {
        let sql = "insert into events (run, seq, at, kind, op, body, token)
            select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[],
                $7::text[])
            where not exists (select from unnest($8::text[], $9::bigint[]) as b(run, seq)
                where not exists (select from events e where e.run = b.run and e.seq = b.seq)
                    or not exists (select from runs r where r.id = b.run))";
        let (runs, places): (Vec<&str>, Vec<i64>) = before.iter().copied().unzip();
        let body: Vec<&str> = self.body.iter().map(Cow::as_ref).collect();

        let EventColumns { run, seq, at, kind, op, token, .. } = self;
        let count =
            session.change(sql, &[run, seq, at, kind, op, &body, token, &runs, &places]).await?;
        if usize::try_from(count) == Ok(self.seq.len()) { Ok(()) } else { Err(LineFault::Rewound) }
    }
}

async fn keep_events(
    session: &ServerSession,
    run: &str,
    token: &str,
    rows: &[EventRow],
) -> Result<(), LineFault> {
    for EventRow { at, edge, .. } in rows {
        if let RunEdge::Begins { script, pid, seal } = edge {
            session.change(CHANGES_KEPT, &[]).await?;
            if let Some(seal) = seal {
                keep_seal(session, seal, token).await?;
            }

            let script = kept(script);
            let pid = i64::from(*pid);
            let sql = "insert into runs (id, script, started_at, worker, pid)
                values ($1, $2, $3, $4, $5)";
            session.change(sql, &[&run, &script.as_ref(), at, &worker(), &pid]).await?;
        }
    }

    let mut columns = EventColumns::default();
    columns.add(run, token, rows);
    columns.insert(session, &[]).await?;

    for EventRow { at, edge, .. } in rows {
        if let RunEdge::Ends { status, sums } = edge {
            let sql = "update runs set ended_at = $1, status = $2 where id = $3";
            session.change(sql, &[at, status, &run]).await?;
            if let Some(sums) = sums {
                let sql = "insert into run_sums (run, body) values ($1, $2)
                    on conflict (run) do update set body = excluded.body";
                session.change(sql, &[&run, &kept(sums).as_ref()]).await?;
            }
        }
    }
    Ok(())
}

/// Takes over the journal of a run, if it ends where it was read to.
async fn keep_seal(session: &ServerSession, seal: &SealRow, token: &str) -> Result<(), LineFault> {
    let mut columns = EventColumns::default();
    columns.push((&seal.run, seal.seq, seal.at, seal.kind), None, &seal.body, token);
    columns.insert(session, &[]).await.map_err(|fault| match fault {
        LineFault::Server(RemoteFault::Clash { .. }) => {
            LineFault::Contested { run: seal.run.clone() }
        }
        other => other,
    })
}

/// Keeps observations and the sums that they change. The sums grow by one observation at a time, in the order of their
/// numbers, because floating-point addition depends on its order.
async fn keep_observations(
    session: &ServerSession,
    rows: &[ObservationRow],
) -> Result<(), LineFault> {
    session.rows(OBSERVATION_LOCK, &[]).await?;
    let names: Vec<&str> = rows.iter().filter_map(|row| row.execution.as_deref()).collect();
    let sql = "select execution from observations where execution = any($1)";
    let known = session.rows(sql, &[&names]).await?;
    let mut known: HashSet<String> =
        known.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;

    let is_new = |row: &&ObservationRow| {
        row.execution.as_ref().is_none_or(|name| known.insert(name.clone()))
    };
    let new: Vec<&ObservationRow> = rows.iter().filter(is_new).collect();
    insert_observations(session, &new).await?;

    let mut cells: BTreeMap<(&str, &str), PatternSums> = BTreeMap::new();
    for row in new.iter().filter(|row| row.counts) {
        cells.entry((&row.task, &row.pattern)).or_default();
    }
    for ((task, pattern), cell) in &mut cells {
        *cell = kept_sums(session, task, pattern).await?;
    }
    for row in new.iter().filter(|row| row.counts) {
        if let Some(cell) = cells.get_mut(&(row.task.as_str(), row.pattern.as_str())) {
            cell.take(&row.entry());
        }
    }
    for ((task, pattern), cell) in &cells {
        keep_sums(session, task, pattern, cell).await?;
    }
    Ok(())
}

/// Inserts observations with the next numbers.
async fn insert_observations(
    session: &ServerSession,
    rows: &[&ObservationRow],
) -> Result<(), LineFault> {
    let texts = |text: fn(&ObservationRow) -> &str| -> Vec<Cow<'_, str>> {
        rows.iter().map(|row| kept(text(row))).collect()
    };
    let sometimes = |text: fn(&ObservationRow) -> Option<&String>| -> Vec<Option<Cow<'_, str>>> {
        rows.iter().map(|row| text(row).map(|text| kept(text))).collect()
    };
    let figures = |figure: fn(&ObservationRow) -> Option<f64>| -> Vec<Option<f64>> {
        rows.iter().map(|row| figure(row)).collect()
    };

    let at: Vec<i64> = rows.iter().map(|row| row.at).collect();
    let source: Vec<&str> = rows.iter().map(|row| row.source.word()).collect();
    let success: Vec<f64> = rows.iter().map(|row| row.success_rate).collect();
    let whole = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
    let tokens: Vec<Option<i64>> = rows.iter().map(|row| row.tokens.map(whole)).collect();

    let sql = "insert into observations (seq, at, task_type, pattern, source, run, success_rate,
            execution_time, score, cost, tokens, kind, message, extra, execution)
        select (select coalesce(max(seq), 0) from observations) + n, at, task, pattern, source, run, success, time,
            score, cost, tokens, kind, message, extra, execution
        from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::float8[],
            $8::float8[], $9::float8[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::text[])
            with ordinality as new(at, task, pattern, source, run, success, time, score, cost, tokens, kind,
                message, extra, execution, n)";
    session
        .change(
            sql,
            &[
                &at,
                &texts(|row| &row.task),
                &texts(|row| &row.pattern),
                &source,
                &sometimes(|row| row.run.as_ref()),
                &success,
                &figures(|row| row.execution_time),
                &figures(|row| row.score),
                &figures(|row| row.cost),
                &tokens,
                &sometimes(|row| row.error.as_ref().map(|(kind, _)| kind)),
                &sometimes(|row| row.error.as_ref().map(|(_, message)| message)),
                &texts(|row| &row.extra),
                &sometimes(|row| row.execution.as_ref()),
            ],
        )
        .await
        .map(drop)
}

/// Returns the sums of a pattern for a task type. Whoever changes them holds the lock of the observations.
pub(super) async fn kept_sums(
    session: &ServerSession,
    task: &str,
    pattern: &str,
) -> Result<PatternSums, LineFault> {
    let sql = format!("select {SUMS} from cells where task_type = $1 and pattern = $2");
    let Some(row) = session.row(&sql, &[&kept(task), &kept(pattern)]).await? else {
        return Ok(PatternSums::default());
    };
    let wrong = |error: crate::store::ReadError| {
        LineFault::from(RemoteFault::Other { reason: error.to_string() })
    };
    sums(&row, 0).map_err(wrong)
}

/// Writes sums.
pub(super) async fn keep_sums(
    session: &ServerSession,
    task: &str,
    pattern: &str,
    cell: &PatternSums,
) -> Result<(), LineFault> {
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let error = cell.last_error.as_ref();

    let sql = format!(
        "insert into cells (task_type, pattern, {SUMS})
         values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)
         on conflict (task_type, pattern) do update set ({SUMS}) =
            ($3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)"
    );
    session
        .change(
            &sql,
            &[
                &kept(task),
                &kept(pattern),
                &whole(cell.n),
                &cell.success_sum,
                &whole(cell.time.n),
                &cell.time.sum,
                &cell.time.squares,
                &whole(cell.score.n),
                &cell.score.sum,
                &cell.score.squares,
                &whole(cell.cost.n),
                &cell.cost.sum,
                &whole(cell.tokens.n),
                &cell.tokens.sum,
                &whole(cell.failures),
                &cell.last_at,
                &error.map(|(kind, _)| kept(kind)),
                &error.map(|(_, message)| kept(message)),
            ],
        )
        .await
        .map(drop)
}

/// Holds the lock that puts observations in order until the end of the transaction.
pub(super) async fn lock_observations(session: &ServerSession) -> Result<(), LineFault> {
    session.rows(OBSERVATION_LOCK, &[]).await.map(drop)
}

async fn keep_annotation(session: &ServerSession, row: &AnnotationRow) -> Result<(), LineFault> {
    let sql = "insert into annotations (at, run, op, kind, body) values ($1, $2, $3, $4, $5)";
    let op = row.op.map(i64::from);
    session.change(sql, &[&row.at, &row.run, &op, &row.kind, &kept(&row.body)]).await.map(drop)
}

/// Keeps a snapshot, unless there is one that ends later.
async fn keep_snapshot(session: &ServerSession, row: &SnapshotRow) -> Result<(), LineFault> {
    // The newest one has the highest id.
    let sql = "delete from snapshots where fold = $1 and seq < $2";
    session.change(sql, &[&row.fold, &row.seq]).await?;
    let sql = "insert into snapshots (fold, seq, at, body) values ($1, $2, $3, $4)
        on conflict (fold) do nothing";
    session.change(sql, &[&row.fold, &row.seq, &row.at, &row.body]).await?;

    let sql = "delete from snapshots where id not in
        (select id from snapshots order by id desc limit $1)";
    session.change(sql, &[&i64::from(SNAPSHOTS_MAX)]).await.map(drop)
}
