//! Questions to the store in SQL: read-only, over views that stay when the tables change.

use crate::base::word::words;
use crate::store::{ReadError, Reader, TEXT_KIND};
use rusqlite::types::ValueRef;
use serde_json::Value;

words! {
    /// The views that a question can ask.
    View {
        /// A row for each run.
        Runs = "v_runs",
        /// A row for each operation that has ended.
        Ops = "v_ops",
        /// A row for each call that has ended.
        Calls = "v_calls",
        /// A row for each pattern of each task type.
        Patterns = "v_patterns",
        /// A row for each execution of a comparison.
        Inputs = "v_inputs",
    }
}

/// The columns of each view, with what they mean.
const COLUMNS: &[(View, &[(&str, &str)])] = &[
    (
        View::Runs,
        &[
            ("run", "the id"),
            ("script", "the script's path as given"),
            ("status", "ok, failed, interrupted, replaced or waiting; null without an end"),
            ("started_at", "when it began, in UTC"),
            ("seconds", "how long it took"),
            ("params", "the parameters, as JSON"),
            ("seed", "the seed"),
            ("program", "the version of kaizen"),
            ("calls", "calls to models that have ended and were made"),
            ("cost", "dollars of the calls whose cost is known"),
            ("unknown_costs", "calls whose cost is unknown"),
            ("value", "the script's value, as JSON"),
            ("failure", "why it ended early"),
        ],
    ),
    (
        View::Ops,
        &[
            ("run", "the run"),
            ("op", "its number in the run"),
            ("flow", "its flow"),
            ("name", "its name; null for calls outside of a graph"),
            ("outcome", "completed, failed, skipped or cancelled"),
            ("started_at", "when it began, in UTC; null if it was never tried"),
            ("seconds", "how long it took"),
            ("value", "its value, as JSON"),
            ("kind", "the kind of its failure"),
            ("message", "what happened"),
        ],
    ),
    (
        View::Calls,
        &[
            ("run", "the run"),
            ("op", "the operation"),
            ("attempt", "which call of the operation, from 1"),
            ("model", "the model's label"),
            ("demo", "1 if the demo model answered"),
            ("reused", "1 if the reply was known and no call was made"),
            ("started_at", "when it began, in UTC"),
            ("seconds", "how long it took"),
            ("prompt", "the newest message"),
            ("reply", "the reply"),
            ("tokens_in", "tokens read; null if unknown"),
            ("tokens_out", "tokens written; null if unknown"),
            ("cost", "dollars; null if unknown"),
            ("kind", "the kind of its failure"),
            ("message", "what happened"),
        ],
    ),
    (
        View::Patterns,
        &[
            ("task_type", "the task type"),
            ("pattern", "the pattern"),
            ("n", "executions that count"),
            ("success_rate", "the share of the work that produced a result"),
            ("seconds", "the mean time"),
            ("score", "the mean score"),
            ("cost", "the mean cost in dollars"),
            ("tokens", "the mean number of tokens"),
            ("failures", "executions that failed"),
            ("last_at", "when the last execution was recorded, in UTC"),
        ],
    ),
    (
        View::Inputs,
        &[
            ("run", "the run of the comparison"),
            ("task_type", "the task type"),
            ("pattern", "the pattern"),
            ("number", "the number of the input, from 1"),
            ("repeat", "which execution on the input, from 1"),
            ("input", "the input, as JSON"),
            ("score", "the score"),
            ("seconds", "the time"),
            ("cost", "dollars"),
            ("error", "why there is no answer"),
        ],
    ),
];

impl View {
    /// Returns the columns, with what they mean.
    pub fn columns(self) -> &'static [(&'static str, &'static str)] {
        COLUMNS.iter().find(|(view, _)| *view == self).map_or(&[], |(_, columns)| columns)
    }
}

/// Makes the views, for this connection alone. An event that is no JSON takes nothing else with it. A call that
/// was given up before it was made (`journal::event::is_unmade`) is none.
const VIEWS: &str = "
    CREATE TEMP VIEW sound_events AS SELECT * FROM events WHERE json_valid(body);
    CREATE TEMP VIEW call_ends AS SELECT * FROM sound_events WHERE kind = 'attempt_ended'
        AND NOT (json_extract(body, '$.failure.kind') IS 'cancelled'
            AND json_extract(body, '$.usage') IS NOT NULL AND json_extract(body, '$.cost') IS 0);
    CREATE TEMP VIEW v_calls AS SELECT e.run AS run, e.op AS op,
        json_extract(e.body, '$.attempt') AS attempt, json_extract(s.body, '$.model') AS model,
        coalesce(json_extract(e.body, '$.demo'), 0) AS demo,
        json_extract(e.body, '$.reused') IS NOT NULL AS reused,
        strftime('%Y-%m-%dT%H:%M:%fZ', s.at / 1e6, 'unixepoch') AS started_at,
        (e.at - s.at) / 1e6 AS seconds, coalesce((SELECT t.body FROM events t
            WHERE t.run = s.run AND t.seq = s.seq - 1 AND t.kind = 'text'), json_extract(s.body, '$.prompt')) AS prompt,
        coalesce((SELECT t.body FROM events t
            WHERE t.run = e.run AND t.seq = e.seq - 1 AND t.kind = 'text'), json_extract(e.body, '$.reply')) AS reply,
        json_extract(e.body, '$.usage.input_uncached') + json_extract(e.body, '$.usage.cache_read')
            + json_extract(e.body, '$.usage.cache_write') AS tokens_in,
        json_extract(e.body, '$.usage.output_visible') + json_extract(e.body, '$.usage.reasoning')
            AS tokens_out,
        json_extract(e.body, '$.cost') / 1e9 AS cost,
        json_extract(e.body, '$.failure.kind') AS kind,
        json_extract(e.body, '$.failure.message') AS message
        FROM call_ends e LEFT JOIN sound_events s ON s.run = e.run AND s.seq = (
            SELECT max(b.seq) FROM sound_events b WHERE b.run = e.run AND b.seq < e.seq AND b.op = e.op
                AND b.kind = 'attempt_started'
                AND json_extract(b.body, '$.attempt') = json_extract(e.body, '$.attempt'));
    CREATE TEMP VIEW v_ops AS WITH planned AS MATERIALIZED (
        SELECT f.run AS run, json_extract(o.value, '$.op') AS op,
            json_extract(o.value, '$.name') AS name
        FROM sound_events f, json_each(f.body, '$.ops') o WHERE f.kind IN ('flow_started', 'expanded'))
        SELECT e.run AS run, e.op AS op, json_extract(e.body, '$.flow') AS flow,
        coalesce(p.name, json_extract(s.body, '$.name')) AS name,
        json_extract(e.body, '$.outcome') AS outcome,
        strftime('%Y-%m-%dT%H:%M:%fZ', s.at / 1e6, 'unixepoch') AS started_at,
        (e.at - s.at) / 1e6 AS seconds, coalesce((SELECT t.body FROM events t
            WHERE t.run = e.run AND t.seq = e.seq - 1 AND t.kind = 'text'), json_extract(e.body, '$.value')) AS value,
        json_extract(e.body, '$.failure.kind') AS kind,
        json_extract(e.body, '$.failure.message') AS message
        FROM sound_events e LEFT JOIN planned p ON p.run = e.run AND p.op = e.op
        LEFT JOIN sound_events s ON s.run = e.run AND s.seq = (
            SELECT max(b.seq) FROM sound_events b WHERE b.run = e.run AND b.seq < e.seq AND b.op = e.op
                AND b.kind = 'op_started')
        WHERE e.kind = 'op_ended'
        UNION ALL SELECT e.run, json_extract(r.value, '$[0]'), json_extract(e.body, '$.flow'),
        p.name, 'completed',
        strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(r.value, '$[1]') / 1e6, 'unixepoch'),
        json_extract(r.value, '$[2]') / 1e6, json_extract(r.value, '$[3]'), NULL, NULL
        FROM sound_events e, json_each(e.body, '$.ops') r
        LEFT JOIN planned p ON p.run = e.run AND p.op = json_extract(r.value, '$[0]')
        WHERE e.kind = 'ops_ran';
    CREATE TEMP VIEW v_runs AS SELECT r.id AS run, r.script AS script, r.status AS status,
        strftime('%Y-%m-%dT%H:%M:%fZ', r.started_at / 1e6, 'unixepoch') AS started_at,
        (r.ended_at - r.started_at) / 1e6 AS seconds, json_extract(b.body, '$.params') AS params,
        json_extract(b.body, '$.seed') AS seed, json_extract(b.body, '$.program') AS program,
        (SELECT count(*) FROM call_ends c WHERE c.run = r.id
            AND json_extract(c.body, '$.reused') IS NULL) AS calls,
        (SELECT coalesce(sum(json_extract(c.body, '$.cost')), 0) / 1e9 FROM call_ends c
            WHERE c.run = r.id AND json_extract(c.body, '$.reused') IS NULL) AS cost,
        (SELECT count(*) FROM call_ends c WHERE c.run = r.id
            AND json_extract(c.body, '$.reused') IS NULL
            AND json_extract(c.body, '$.cost') IS NULL) AS unknown_costs,
        json_extract(l.body, '$.value') AS value,
        json_extract(l.body, '$.failure.message') AS failure
        FROM runs r LEFT JOIN sound_events b ON b.run = r.id AND b.seq = 0
        LEFT JOIN sound_events l ON l.run = r.id AND l.kind = 'run_ended'
            AND l.seq = (SELECT max(seq) FROM sound_events m WHERE m.run = r.id);
    CREATE TEMP VIEW v_patterns AS SELECT task_type, pattern, n,
        success_sum / n AS success_rate, time_sum / time_n AS seconds,
        score_sum / score_n AS score, cost_sum / cost_n AS cost, tokens_sum / tokens_n AS tokens,
        failures, strftime('%Y-%m-%dT%H:%M:%fZ', last_at / 1e3, 'unixepoch') AS last_at
        FROM cells WHERE n > 0;
    CREATE TEMP VIEW v_inputs AS SELECT run,
        json_extract(body, '$.value.case.task') AS task_type,
        json_extract(body, '$.value.case.pattern') AS pattern,
        json_extract(body, '$.value.case.number') AS number,
        json_extract(body, '$.value.case.repeat') + 1 AS repeat,
        json_extract(body, '$.value.case.input') AS input,
        json_extract(body, '$.value.score') AS score, json_extract(body, '$.value.time') AS seconds,
        json_extract(body, '$.value.cost') AS cost, json_extract(body, '$.value.error[1]') AS error
        FROM sound_events WHERE kind = 'told' AND json_extract(body, '$.value.case.number') IS NOT NULL;
    PRAGMA query_only = ON;
";

/// What a question cannot be, or what SQLite says of it.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// It would change something, or it is not a query.
    #[error("only read-only queries are allowed: begin with `select` or `with`")]
    NotAQuery,
    /// The store is on a server, which has no such views.
    #[error(
        "`kaizen sql` is for a store in a file, and this one is on a server: query it with `psql` (docs/engine.md describes \
         its tables)"
    )]
    OnServer,
    /// SQLite refused it.
    #[error("{0}")]
    Sqlite(#[from] ReadError),
}

/// Answers a question: hands over the names of the columns once, and then each row. Returns how many events cannot be
/// read, so that the views do not have them.
pub fn ask(
    reader: &Reader,
    question: &str,
    head: &mut dyn FnMut(&[String]),
    row: &mut dyn FnMut(&[Value]),
) -> Result<u64, QueryError> {
    let Some(store) = reader.file() else { return Err(QueryError::OnServer) };

    store.connection.execute_batch(VIEWS).map_err(ReadError::from)?;
    let mut statement = store.connection.prepare(question).map_err(ReadError::from)?;
    // Whatever changes nothing by itself but would write elsewhere gives no columns.
    if !statement.readonly() || statement.column_count() == 0 || !is_question(question) {
        return Err(QueryError::NotAQuery);
    }

    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    head(&names);
    let mut rows = statement.query([]).map_err(ReadError::from)?;
    while let Some(found) = rows.next().map_err(ReadError::from)? {
        let cells = (0..names.len()).map(|at| found.get_ref(at).map(cell));
        row(&cells.collect::<Result<Vec<_>, _>>().map_err(ReadError::from)?);
    }

    let sql =
        format!("SELECT count(*) FROM events WHERE kind <> '{TEXT_KIND}' AND NOT json_valid(body)");
    let unsound = store.connection.query_row(&sql, [], |row| row.get::<_, i64>(0));
    Ok(unsound.map_err(ReadError::from)?.unsigned_abs())
}

/// Tells whether a statement begins as a question does.
fn is_question(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest).trim_start();
        } else {
            break;
        }
    }

    let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
    ["select", "with", "values"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn cell(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned().into()
        }
    }
}
