//! `kaizen show RUN`: what a run did, operation by operation.

use crate::base::count::{counted, listed};
use crate::base::id::{OpId, RunId};
use crate::base::secret;
use crate::base::visible::{hanging, on_one_line};
use crate::cli::app::condition::condition;
use crate::cli::app::damage;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::command::compare::case_list::{self, ShownCases};
use crate::cli::command::large_run::{self, LISTED_MAX};
use crate::cli::command::op_list::OpList;
use crate::cli::render::paint::{self, Mood};
use crate::cli::render::table::PrintedRow;
use crate::cli::render::value::rounded;
use crate::cli::render::{outcome, table, time, waits};
use crate::cli::{Global, print_data, print_event, print_line, say};
use crate::flow::outcome::Outcome;
use crate::journal::event::{Event, RunStatus};
use crate::journal::history::{self, HistoryError, RunRow};
use crate::journal::inquiry::{Inquiry, Topic};
use crate::journal::key::Key;
use crate::journal::part::RequestPart;
use crate::journal::tool_trace::ToolTrace;
use crate::journal::trace::{AttemptEnd, AttemptTrace, Moment, Remark, Trace};
use crate::metrics::Metrics;
use crate::metrics::fold::FlowFold;
use crate::optimizer::choice::recommendation::percent;
use crate::optimizer::trial::cases::{Case, cases, filtered};
use crate::store::{self, Reader};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

/// The options of `show`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Run: its id or a prefix of it, `@` for the latest, `@-1` for the one before, `@fail` for the
    /// latest failed run. Append `:OPERATION` to see that operation in full.
    #[arg(default_value = "@")]
    pub(in crate::cli) run: String,
    /// Show each input of a comparison with its expected answer, the answers of the scripts and the
    /// scores: all inputs, or those that are wrong or differ.
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    inputs: Option<ShownCases>,
    /// List every operation. Runs of more than 1,000 operations are otherwise summarized.
    #[arg(long)]
    all: bool,
    /// Write the inputs to a file: .csv, .jsonl or .md. Requires --inputs.
    #[arg(long, value_name = "FILE", requires = "inputs")]
    out: Option<PathBuf>,
}

impl Arguments {
    /// Asks for a run, or an operation of one, by its name alone.
    pub(in crate::cli) fn of(run: &str) -> Arguments {
        Arguments { run: run.to_owned(), inputs: None, all: false, out: None }
    }
}

/// Shows a run.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let Some(store) = project.store_of_runs()? else { return Ok(Exit::Usage) };

    let (name, op) = match arguments.run.split_once(':') {
        Some((name, op)) => (name, Some(op)),
        None => (arguments.run.as_str(), None),
    };

    // The run may write meanwhile; what is shown is all of one moment.
    let moment = store::freeze(&store, &project.store_path())?;
    let row = match find(&moment, name)? {
        Ok(row) => row,
        Err(reason) => {
            say(&format!("error: {reason}"));
            return Ok(Exit::Usage);
        }
    };

    if let Some(Err(reason)) = arguments.out.as_deref().map(case_list::format_of) {
        say(&format!("error: {reason}"));
        return Ok(Exit::Usage);
    }

    if global.json && arguments.inputs.is_none() {
        damage::pass_row(&moment, &row, &mut |at, event| print_event(&event, json!({ "at": at })))?;
        return Ok(Exit::Ok);
    }

    if op.is_none()
        && arguments.inputs.is_none()
        && !arguments.all
        && let Some(sums) = large_run::sums_of(&moment, &row)?
        && sums.operations() > LISTED_MAX
    {
        large_run::show(&moment, &row, name, &sums)?;
        return Ok(Exit::Ok);
    }

    if let Some(shown) = arguments.inputs {
        let mut trace = Trace::default();
        damage::pass_row(&moment, &row, &mut |at, event| trace.see(at, &event))?;
        return show_cases(global, &cases(&trace), shown, arguments.out.as_ref());
    }

    if let Some(op) = op {
        return show_operations(&moment, &row, name, op);
    }
    let mut list = OpList::default();
    let mut fold = FlowFold::default();
    let mut continued_by = None;
    damage::pass_short(&moment, &row, &mut |_, at, event| {
        list.see(at, &event);
        fold.add(at, &event);
        if let Event::Sealed { by, .. } = event {
            continued_by = Some(by);
        }
    })?;
    list.finish();
    show_run(&row, &fold.metrics(), &list, continued_by.as_ref());
    Ok(Exit::Ok)
}

/// Shows the inputs of a comparison.
fn show_cases(
    global: &Global,
    cases: &[Case],
    shown: ShownCases,
    out: Option<&PathBuf>,
) -> anyhow::Result<Exit> {
    if cases.is_empty() {
        say(
            "error: the run is not a comparison, or was recorded by a version that did not store inputs",
        );
        return Ok(Exit::Usage);
    }

    if global.json {
        for case in filtered(cases, shown.filter()) {
            print_data(case.to_value());
        }
    }
    case_list::present(global, cases, Some(shown), out)?;
    Ok(Exit::Ok)
}

/// Finds the run that a person means.
pub(in crate::cli) fn find(store: &Reader, name: &str) -> anyhow::Result<Result<RunRow, String>> {
    let nothing = || format!("no run `{name}`; `kaizen runs` lists all runs");

    if let Some(back) = name.strip_prefix('@') {
        let (count, failed) = match back {
            "" => (Some(0), false),
            "fail" => (Some(0), true),
            back => (back.strip_prefix('-').and_then(|n| n.parse().ok()), false),
        };

        let Some(count) = count else {
            return Ok(Err(format!("invalid run `{name}`; use `@`, `@-1`, `@fail` or an id")));
        };

        return Ok(history::recent(store, count, failed)?.ok_or_else(nothing));
    }

    let mut found = history::find(store, name)?;
    Ok(match found.len() {
        0 => Err(nothing()),
        1 => Ok(found.remove(0)),
        _ => Err(format!("several run ids start with `{name}`; type more of the id")),
    })
}

/// Says which operations of a run failed or were skipped, and why.
fn show_losses(list: &OpList) {
    for (op, outcome) in &list.losses {
        let name = list.trace.roster.name(*op).unwrap_or_default();
        let name = on_one_line(name);

        match outcome {
            Outcome::Failed { failure } => {
                let message = hanging(&failure.message);
                let kind = failure.kind.to_string();
                let kind = on_one_line(&kind);

                let failed = paint::out("failed", Mood::Bad);
                print_line(&format!("{name} {failed} ({kind}): {message}"));
            }
            Outcome::Skipped { reason } => {
                let skipped = paint::out("skipped", Mood::Doubtful);

                let reason = reason.to_string();
                print_line(&format!("{name} was {skipped}: {}", on_one_line(&reason)));
            }
            Outcome::Completed { .. } | Outcome::Cancelled => {}
        }
    }
}

/// Says which run it is, and who answered.
pub(super) fn show_head(row: &RunRow, metrics: &Metrics) {
    let took = row.ended_at.map_or("-".to_owned(), |end| time::length(end - row.started_at));
    let condition = condition(row);

    print_line(&format!(
        "run {}  {}  {}  {took}  {}",
        row.id,
        paint::out(condition.word(), Mood::of_run(condition)),
        time::moment(row.started_at),
        on_one_line(&row.script)
    ));

    if metrics.demo_calls > 0 {
        print_line(&format!(
            "the demo model answered {} of {}",
            metrics.demo_calls,
            counted(metrics.calls, "call", "calls")
        ));
    }
}

fn show_run(row: &RunRow, metrics: &Metrics, list: &OpList, continued_by: Option<&RunId>) {
    show_head(row, metrics);
    if let Some(run) = continued_by {
        print_line(&format!("run {run} continues it"));
    }

    if !list.lines.is_empty() {
        let head =
            ["op", "flow", "name", "outcome", ">took", ">calls", ">tokens", ">cost", "model"];
        let rows = || list.lines.keys().map(|op| list.row(*op));
        table::pass(&head, rows, &mut print_line);
    }

    show_losses(list);
    show_remarks(&row.id, &list.trace);
    show_figures(metrics);
}

/// Says what the calls of a run were and cost.
pub(super) fn show_figures(metrics: &Metrics) {
    let rate = metrics.success_rate().map_or("-".to_owned(), |rate| format!("{rate:.2}"));
    let cost = metrics.cost_text();
    let reused = match metrics.reused {
        0 => String::new(),
        reused => {
            let saved = metrics.known_saved();
            let saved = saved.map_or("an unknown cost".to_owned(), |saved| saved.to_string());
            format!(", {} reused (saved {saved})", counted(reused, "reply", "replies"))
        }
    };
    let under_way = match metrics.under_way {
        0 => String::new(),
        calls => format!(", {calls} more unfinished"),
    };

    let tools = match metrics.tool_calls {
        0 => String::new(),
        calls => format!(
            ", {} ({}, {:.1} s)",
            counted(calls, "tool call", "tool calls"),
            counted(metrics.tool_errors, "error", "errors"),
            metrics.tool_time
        ),
    };

    print_line(&format!(
        "success rate {rate}, {} ({}){under_way}{tools}, {}, cost {cost}{reused}",
        counted(metrics.calls, "call", "calls"),
        counted(metrics.retries, "retry", "retries"),
        metrics.known_usage().map_or("tokens unknown".to_owned(), |usage| outcome::tokens(&usage))
    ));
}

/// What a run said, what it was advised to do, and how it ended.
pub(super) fn show_remarks(run: &RunId, trace: &Trace) {
    for remark in &trace.remarks {
        match remark {
            Remark::Logged { level, text } => print_line(&format!("{level}: {}", hanging(text))),
            Remark::Told { what, value } if is_choice(what, value) => {
                print_line(&format!("{what}: {}", choice(value)));
            }
            Remark::Told { .. } => {}
        }
    }

    let Some(end) = &trace.end else { return };
    if let Some(waits) = trace.waits.as_ref().filter(|_| end.status == RunStatus::Waiting) {
        for line in waits::lines(run, waits) {
            print_line(&line);
        }
    }
    if let Some(failure) = &end.failure {
        let kind = failure.kind.to_string();
        let kind = on_one_line(&kind);
        let ended = paint::out("ended early", Mood::Bad);
        print_line(&format!("{ended} ({kind}): {}", hanging(&failure.message)));
    }

    if !end.value.is_null() {
        let value = secret::clean(end.value.clone());
        print_line(&format!("value: {}", short(&rounded(value).to_string())));
    }
}

/// Tells whether a pattern was chosen, and the journal says how likely that was.
fn is_choice(what: &Inquiry, value: &Value) -> bool {
    what.topic().is_some_and(Topic::is_choice) && value["probability"].is_number()
}

/// Says what was chosen, how likely that was, and why, as far as the journal keeps it.
fn choice(value: &Value) -> String {
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    let probability = percent(value["probability"].as_f64());
    let mut said = format!("`{}` (probability of the choice: {probability}", text("pattern"));

    if let Some(best) = value["best"].as_f64() {
        said += &format!(", probability of being the best: {}", percent(Some(best)));
    }

    said.push(')');

    match (text("why"), text("reason")) {
        ("", "") => said,
        ("", reason) => format!("{said}: {reason}"),
        (why, _) => format!("{said}: {why}"),
    }
}

/// Shows everything that happened in one operation, by its name or number.
fn show_operations(store: &Reader, row: &RunRow, run: &str, wanted: &str) -> anyhow::Result<Exit> {
    let list: RefCell<OpList> = RefCell::default();
    let mut found: BTreeMap<OpId, Vec<i64>> = BTreeMap::new();
    let mut parts: HashMap<Key, i64> = HashMap::new();

    let is_wanted = |op: OpId| list.borrow().is_named(op, wanted);
    damage::pass_ops(store, row, &is_wanted, &mut |seq, at, event| {
        if let Event::RequestPart { key, .. } = &event {
            parts.insert(*key, seq);
            return;
        }

        list.borrow_mut().see(at, &event);
        if let Some(op) = event.op().filter(|op| is_wanted(*op)) {
            found.entry(op).or_default().push(seq);
        }
    })?;
    let mut list = list.into_inner();
    list.finish();

    let ops: Vec<OpId> =
        list.lines.keys().copied().filter(|op| list.is_named(*op, wanted)).collect();
    match ops[..] {
        [] => {
            let known = match names_of(&list).as_str() {
                "" => "it has none".to_owned(),
                names => format!("it has: {names}"),
            };
            say(&format!("error: the run has no operation `{wanted}`; {known}"));
            return Ok(Exit::Usage);
        }
        [op] => {
            // Only now are texts read, which may be of any size.
            let seqs = found.remove(&op).unwrap_or_default();
            let trace = read_operation(store, &row.id, &seqs, &parts)?;
            show_operation(&trace, op);
        }
        _ => list_operations(&list, run, wanted, &ops),
    }
    Ok(Exit::Ok)
}

/// Reads the events of one operation, and the parts of its requests.
fn read_operation(
    store: &Reader,
    run: &RunId,
    seqs: &[i64],
    parts: &HashMap<Key, i64>,
) -> Result<Trace, HistoryError> {
    let mut trace = Trace::default();
    for seq in seqs {
        if let Some((at, event)) = history::event_at(store, run, *seq)? {
            trace.see(at, &event);
        }
    }

    let mut wanted = trace.part_keys();
    let mut known: HashSet<Key> = HashSet::new();
    while let Some(key) = wanted.pop() {
        let Some(seq) = parts.get(&key).filter(|_| known.insert(key)) else { continue };
        if let Some((at, event)) = history::event_at(store, run, *seq)? {
            if let Event::RequestPart { part: RequestPart::Message { after, .. }, .. } = &event {
                wanted.extend(*after);
            }
            trace.see(at, &event);
        }
    }
    Ok(trace)
}

fn show_operation(trace: &Trace, op: OpId) {
    let Some(operation) = trace.operations.get(&op) else { return };

    let mut lines: Vec<(Moment, String)> = Vec::new();
    lines.extend(operation.started.map(|when| (when, "started".to_owned())));
    lines.extend(operation.expanded.map(|when| (when, "expanded".to_owned())));

    for attempt in &operation.attempts {
        lines.extend(attempt.started.map(|when| (when, begun(trace, attempt))));
        lines.extend(attempt.end.as_ref().map(|end| (end.when, ended(attempt.number, end))));
    }
    for call in &operation.tool_calls {
        lines.push((call.started, tool_call(call)));
    }
    for refusal in &operation.refused {
        let text = format!("call_refused\n{}", indent(&refusal.failure.message));
        lines.push((refusal.when, text));
    }

    if let Some((when, outcome)) = &operation.ended {
        let said = outcome::lines(outcome);
        let below = indent(&said[1..].join("\n"));
        lines.push((*when, format!("{}\n{below}", said[0]).trim_end().to_owned()));
    }

    lines.sort_by_key(|(when, _)| *when);
    for (when, line) in lines {
        print_line(&format!("{}  {line}", time::moment(when.at)));
    }
}

/// Lists the names of all operations, each once, with how many bear it.
fn names_of(list: &OpList) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for name in list.lines.keys().map(|op| list.trace.name(*op)) {
        let place = *places.entry(name.clone()).or_insert(counts.len());
        match counts.get_mut(place) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }

    let shown = |(name, count): (String, usize)| match count {
        1 => on_one_line(&name).into_owned(),
        count => format!("{} ({count})", on_one_line(&name)),
    };
    listed(&counts.into_iter().map(shown).collect::<Vec<_>>())
}

/// Lists operations of one name, and says how to pick one of them.
fn list_operations(list: &OpList, run: &str, name: &str, ops: &[OpId]) {
    print_line(&format!(
        "`{name}` is the name of {} operations; pick one by its number, such as `kaizen show {run}:{}`",
        ops.len(),
        ops[0].0
    ));

    let all = cases(&list.trace);
    let row = |op: &OpId| {
        let case = all.iter().find(|case| case.op == Some(op.0));
        let score = case.and_then(|case| case.score);
        let PrintedRow { cells, mood } = list.row(*op);
        let mut cells = [0, 3, 4, 5, 7].map(|at| cells[at].clone()).to_vec();
        cells.push(case.map_or("-".to_owned(), |case| case.number.to_string()));
        cells.push(score.map_or("-".to_owned(), |score| format!("{score:.2}")));
        PrintedRow { cells, mood }
    };
    let head = [">op", "outcome", ">took", ">calls", ">cost", ">input", ">score"];
    table::pass(&head, || ops.iter().map(row), &mut print_line);
}

/// Says what a call has asked, with its whole request where the journal keeps it.
fn begun(trace: &Trace, attempt: &AttemptTrace) -> String {
    let AttemptTrace { number, model, history, prompt, .. } = attempt;
    let before = counted(*history, "message", "messages");
    let mut said = format!("call {number} to {model}, {before} before it\n");

    if let Some(request) = trace.request(attempt) {
        let settings = json!(request.settings);
        if settings != json!({}) {
            said += &format!("    settings: {settings}\n");
        }

        if let Some(schema) = &request.schema {
            said += &format!("    schema: {schema}\n");
        }

        for message in request.messages.iter().take(*history) {
            said +=
                &format!("    {}:\n{}\n", message.role.word(), indent(&indent(&message.shown())));
        }
    }

    said.push_str(&indent(prompt));
    said
}

/// Says how a call ended.
fn ended(number: u32, end: &AttemptEnd) -> String {
    if let Some(run) = &end.reused {
        let reply = indent(end.reply.as_deref().unwrap_or_default());
        return format!("call {number} was not made; its reply comes from run {run}\n{reply}");
    }

    if end.is_unmade() {
        return format!("call {number} was cancelled before it was made");
    }

    let cut = if end.cut { ", cut at `max_tokens`" } else { "" };
    let text = end.reply.clone().or_else(|| end.failure.as_ref().map(|f| f.message.clone()));
    let usage = end.usage.map_or("tokens unknown".to_owned(), |usage| outcome::tokens(&usage));

    format!("call {number} ended{cut}, {usage}\n{}", indent(&text.unwrap_or_default()))
}

/// Says what a call of a tool did, on one line: `files__read {..}  ok  12 ms  1.2 KiB`.
fn tool_call(call: &ToolTrace) -> String {
    let args = short(&secret::clean(call.args.clone()).to_string());
    let end = match &call.end {
        None => "unfinished".to_owned(),
        Some(_) if call.approved == Some(false) => "denied".to_owned(),
        Some(end) => {
            let took = time::length(end.when.at - call.started.at);
            match &end.result {
                Ok(_) if end.cut => format!("ok  {took}  {}, of which a part", size(end.bytes)),
                Ok(_) => format!("ok  {took}  {}", size(end.bytes)),
                Err(failure) => format!("{}  {took}  {}", failure.kind, short(&failure.message)),
            }
        }
    };
    on_one_line(&format!("  {} {args}  {end}", call.tool)).into_owned()
}

/// Writes a number of bytes.
#[allow(clippy::cast_precision_loss, reason = "a size is shown with one digit after the point")]
fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn short(text: &str) -> String {
    const SHOWN: usize = 300;

    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }

    format!("{}…", secret::beginning(text, SHOWN))
}
