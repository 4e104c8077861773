//! Reading the list of runs on a server, and what is kept and noted of each.

use super::carry::worker;
use super::reader::{ServerReader, column};
use crate::base::id::RunId;
use crate::store::{ReadError, RunChoice, StoredAnnotation, StoredRun, StoredValue};
use tokio_postgres::Row;

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl ServerReader {
    pub(in crate::store) fn runs<T>(
        &self,
        choice: RunChoice<'_>,
        mut read: impl FnMut(StoredRun<'_>) -> T,
    ) -> Result<Vec<T>, ReadError> {
        let sql = |rest: &str| {
            // A process of another machine cannot be looked for here.
            let pid = "case worker when $1 then pid else 0 end";
            format!("select id, script, started_at, ended_at, status, {pid} from runs {rest}")
        };

        let found = match choice {
            RunChoice::Newest(number) => {
                self.rows(&sql("order by id desc limit $2"), &[&worker(), &count(number)])
            }
            RunChoice::After(id, limit) => {
                let rest = "where id > $2 order by id limit $3";
                self.rows(&sql(rest), &[&worker(), &id, &count(limit)])
            }
            RunChoice::Beginning(text, limit) => {
                let rest = "where starts_with(id, $2) order by id limit $3";
                self.rows(&sql(rest), &[&worker(), &text, &count(limit)])
            }
            RunChoice::One(id) => self.rows(&sql("where id = $2"), &[&worker(), &id.0]),
            RunChoice::Back(back) => {
                self.rows(&sql("order by id desc limit 1 offset $2"), &[&worker(), &count(back)])
            }
            RunChoice::BackFailed(back) => {
                let rest = "where status not in ('ok', 'replaced', 'waiting')
                    order by id desc limit 1 offset $2";
                self.rows(&sql(rest), &[&worker(), &count(back)])
            }
        };
        found?.iter().map(|row| run(row).map(&mut read)).collect()
    }

    pub(in crate::store) fn count_runs(&self) -> Result<usize, ReadError> {
        let found: i64 = self.value("select count(*) from runs", &[])?;
        Ok(usize::try_from(found).unwrap_or_default())
    }

    pub(in crate::store) fn run_sums(&self, run: &RunId) -> Result<Option<String>, ReadError> {
        let found = self.row("select body from run_sums where run = $1", &[&run.0])?;
        found.map(|row| column(&row, 0)).transpose()
    }

    pub(in crate::store) fn annotations(
        &self,
        run: Option<&RunId>,
    ) -> Result<Vec<StoredAnnotation>, ReadError> {
        let head = "select at, run, op, kind, body from annotations";
        let found = match run {
            Some(run) => self.rows(&format!("{head} where run = $1 order by id"), &[&run.0]),
            None => self.rows(&format!("{head} order by id"), &[]),
        };

        let annotation = |row: &Row| {
            let op: Option<i64> = column(row, 2)?;
            Ok(StoredAnnotation {
                at: column(row, 0)?,
                run: RunId(column(row, 1)?),
                op: op.and_then(|op| u32::try_from(op).ok()),
                kind: column(row, 3)?,
                body: column(row, 4)?,
            })
        };
        found?.iter().map(annotation).collect()
    }
}

fn run(row: &Row) -> Result<StoredRun<'_>, ReadError> {
    let ended_at: Option<i64> = column(row, 3)?;
    let status: Option<&str> = column(row, 4)?;
    Ok(StoredRun {
        id: text(column(row, 0)?),
        script: text(column(row, 1)?),
        started_at: StoredValue::Integer(column(row, 2)?),
        ended_at: ended_at.map_or(StoredValue::Null, StoredValue::Integer),
        status: status.map_or(StoredValue::Null, text),
        pid: StoredValue::Integer(column(row, 5)?),
    })
}

/// Makes a value of a text.
pub(super) fn text(text: &str) -> StoredValue<'_> {
    StoredValue::Text(text.as_bytes())
}
