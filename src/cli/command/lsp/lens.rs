//! What stands above a script and its tests: commands for the editor's terminal, and how the last run went.

use crate::base::count::counted;
use crate::base::path_text::text_of;
use crate::cli::command::lsp::facts::{OperationFact, RunFact};
use crate::cli::command::lsp::hover::money;
use crate::cli::command::lsp::workspace::{OpenScript, Workspace};
use crate::cli::command::test;
use crate::cli::render::time;
use crate::script::editor::names::NameKind;
use crate::script::editor::operations::operations;
use crate::script::test::{FILE_END, PREFIX};
use lsp_types::Range;
use serde_json::{Value, json};
use std::path::Path;

/// The command by which a client runs kaizen in its terminal: `{ folder, arguments }`.
const TERMINAL: &str = "kaizen.terminal";

/// Returns what stands above a script and the tests in it.
pub(super) fn lenses(space: &Workspace, script: &OpenScript<'_>) -> Vec<Value> {
    let path = &script.document.path;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with(FILE_END) {
        return of_tests(space, script);
    }

    let top = Range::default();
    let folder = space.root_of(path);
    let script = path.strip_prefix(&folder).unwrap_or(path);
    let project = space.project(path).ok();
    let last = project.and_then(|open| open.facts().last_run(&open.project, path));

    let mut found = vec![
        lens(top, "run", &folder, &json!(["run", script])),
        lens(top, "plan", &folder, &json!(["plan", script])),
    ];
    if let Some(run) = last {
        let title = format!("last run: {}", last_line(&run));
        found.push(lens(top, &title, &folder, &json!(["show", run.id])));
    }
    found
}

/// A command of kaizen, to be run in a folder in the editor's terminal.
fn lens(range: Range, title: &str, folder: &Path, arguments: &Value) -> Value {
    let run = json!({ "folder": folder, "arguments": arguments });
    let command = json!({ "title": title, "command": TERMINAL, "arguments": [run] });
    json!({ "range": range, "command": command })
}

/// Says how a run went.
fn last_line(run: &RunFact) -> String {
    let calls = usize::try_from(run.calls).unwrap_or(usize::MAX);
    let calls = counted(calls, "call", "calls");
    let took = run.took.map(|took| format!(", {}", time::length(took))).unwrap_or_default();
    format!("{}, {calls}, {}{took}", run.status, run.cost)
}

/// Returns what stands above each test.
fn of_tests(space: &Workspace, script: &OpenScript<'_>) -> Vec<Value> {
    let path = &script.document.path;
    let project = space.project(path).ok();
    let tests = script.names.bindings.iter().filter(|one| {
        one.kind == NameKind::Function && one.name.starts_with(PREFIX) && one.detail.is_empty()
    });

    let folder = space.root_of(path);
    let inside = path.strip_prefix(&folder).unwrap_or(path);
    let is_saved = is_saved(script, path);

    let each = tests.map(|one| {
        let id = format!("{}::{}", text_of(inside), one.name);
        let has_passed = project
            .as_ref()
            .is_some_and(|open| is_saved && test::memory::has_passed(&open.project, &id));
        let title = if has_passed { "run test · passed" } else { "run test" };
        lens(script.document.range(&one.at), title, &folder, &json!(["test", id]))
    });
    each.collect()
}

/// Tells whether a text is the one on the disk: only of that one is known how its tests end.
fn is_saved(script: &OpenScript<'_>, path: &Path) -> bool {
    crate::base::file::read(path).is_ok_and(|bytes| bytes == script.document.text.as_bytes())
}

/// Returns the cost of each operation in the last run, behind its name.
pub(super) fn costs(
    space: &Workspace,
    script: &OpenScript<'_>,
    range: Option<Range>,
) -> Vec<Value> {
    let path = &script.document.path;
    let Ok(open) = space.project(path) else { return Vec::new() };
    let Some(run) = open.facts().last_run(&open.project, path) else { return Vec::new() };

    let declared = operations(&script.code).into_iter().filter(|one| one.is_declaration);
    let each = declared.filter_map(|one| {
        let OperationFact { outcome, cost, calls, .. } = run.operations.get(&one.name)?;
        let end = script.document.range(&one.whole).end;
        let is_wanted = range.is_none_or(|range| range.start <= end && end <= range.end);
        let calls = counted(*calls, "call", "calls");
        let label = format!("{outcome}, {calls}, {}", money(*cost));
        is_wanted.then(|| json!({ "position": end, "label": label, "paddingLeft": true }))
    });
    each.collect()
}
