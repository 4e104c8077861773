//! `kaizen show RUN`: what a run did, operation by operation.

use crate::base::id::{FlowId, OpId};
use crate::base::secret;
use crate::cli::exit::Exit;
use crate::cli::project::Project;
use crate::cli::render::{table, time};
use crate::cli::runs::status;
use crate::cli::{Global, damage, print_event, print_line, say};
use crate::flow::outcome::Outcome;
use crate::journal::event::Event;
use crate::journal::history::{self, RunRow};
use crate::metrics::Metrics;
use crate::metrics::charge::{Bill, Charge};
use crate::metrics::fold::Fold;
use crate::model::reply::Usage;
use crate::optimizer::advice::percent;
use crate::store::{self, Connection};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The options of `show`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run: its id or the start of it, `@` for the last one, `@-1` for the one before, `@fail`
    /// for the last that failed; with `:OPERATION` after it, that operation in full.
    #[arg(default_value = "@")]
    pub(super) run: String,
}

/// One operation as it is shown.
#[derive(Default)]
struct Line {
    name: String,
    flow: u32,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    outcome: Option<Outcome>,
    calls: u32,
    reused: u32,
    demo: bool,
    bill: Bill,
    /// Calls that have begun and not ended.
    under_way: u32,
    model: String,
    events: Vec<(i64, Event)>,
}

/// Shows a run.
pub(super) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let Some(store) = project.existing_store()? else {
        say(&format!("no run yet in `{}`; start one: `kaizen run SCRIPT`", project.root.display()));
        return Ok(Exit::Usage);
    };
    let (name, op) = match arguments.run.split_once(':') {
        Some((name, op)) => (name, Some(op)),
        None => (arguments.run.as_str(), None),
    };
    let moment = store::freeze(&store, &project.store_path())?;
    let row = match find(&moment, name)? {
        Ok(row) => row,
        Err(reason) => {
            say(&format!("error: {reason}"));
            return Ok(Exit::Usage);
        }
    };
    let (log, _) = damage::read_row(&moment, &row)?;
    let events = log.events;
    if global.json {
        for (at, event) in &events {
            print_event(event, json!({ "at": at }));
        }
        return Ok(Exit::Ok);
    }
    let mut fold = Fold::default();
    let mut lines: BTreeMap<OpId, Line> = BTreeMap::new();
    for (at, event) in &events {
        fold.add(*at, event);
        collect(&mut lines, *at, event);
    }
    if let Some(op) = op {
        return Ok(show_operation(&lines, op));
    }
    show_run(&row, &events, &fold.metrics(), &lines);
    Ok(Exit::Ok)
}

/// Finds the run that a person means.
pub(super) fn find(store: &Connection, name: &str) -> anyhow::Result<Result<RunRow, String>> {
    let nothing = || format!("there is no run `{name}`; `kaizen runs` lists them");
    if let Some(back) = name.strip_prefix('@') {
        let (count, failed) = match back {
            "" => (Some(0), false),
            "fail" => (Some(0), true),
            back => (back.strip_prefix('-').and_then(|n| n.parse().ok()), false),
        };
        let Some(count) = count else {
            return Ok(Err(format!("`{name}` is no run; write `@`, `@-1` or `@fail`")));
        };
        return Ok(history::recent(store, count, failed)?.ok_or_else(nothing));
    }
    let mut found = history::find(store, name)?;
    Ok(match found.len() {
        0 => Err(nothing()),
        1 => Ok(found.remove(0)),
        _ => Err(format!("several runs start with `{name}`; write more of the id")),
    })
}

fn collect(lines: &mut BTreeMap<OpId, Line>, at: i64, event: &Event) {
    if let Event::FlowStarted { flow, ops, .. } | Event::Expanded { flow, ops, .. } = event {
        for planned in ops {
            let line = lines.entry(planned.op).or_default();
            line.name.clone_from(&planned.name);
            line.flow = flow.0;
        }
    }
    let Some(op) = event.op() else { return };
    let line = lines.entry(op).or_default();
    line.flow = event.flow().unwrap_or(FlowId(0)).0;
    line.events.push((at, event.clone()));
    match event {
        Event::OpStarted { name, .. } => {
            line.started_at = Some(at);
            if let Some(name) = name {
                line.name.clone_from(name);
            }
        }
        Event::AttemptStarted { model, demo, .. } => {
            line.model.clone_from(model);
            line.demo = *demo;
            line.under_way += 1;
        }
        Event::AttemptEnded { reused: Some(_), .. } => {
            line.under_way = line.under_way.saturating_sub(1);
            line.reused += 1;
        }
        Event::AttemptEnded { usage, cost, failure, .. } => {
            line.under_way = line.under_way.saturating_sub(1);
            line.calls += 1;
            line.bill.add(Charge::of(*usage, *cost, failure.as_ref()));
        }
        Event::OpEnded { outcome, .. } => {
            line.ended_at = Some(at);
            line.under_way = 0;
            line.outcome = Some(outcome.clone());
        }
        Event::FlowStarted { .. }
        | Event::Expanded { .. }
        | Event::FlowEnded { .. }
        | Event::RunStarted { .. }
        | Event::Told { .. }
        | Event::TimePassed { .. }
        | Event::CallRefused { .. }
        | Event::Logged { .. }
        | Event::RunEnded { .. } => {}
    }
}

fn show_run(
    row: &RunRow,
    events: &[(i64, Event)],
    metrics: &Metrics,
    lines: &BTreeMap<OpId, Line>,
) {
    let took = row.ended_at.map_or("-".to_owned(), |end| time::length(end - row.started_at));
    print_line(&format!(
        "run {}  {}  {}  {took}  {}",
        row.id,
        status(row),
        time::moment(row.started_at),
        row.script
    ));
    if metrics.demo_calls > 0 {
        print_line(&format!(
            "{} of {} calls were answered by the demo model",
            metrics.demo_calls, metrics.calls
        ));
    }
    let rows: Vec<Vec<String>> = lines.iter().map(|(op, line)| cells(*op, line)).collect();
    if !rows.is_empty() {
        let head =
            ["op", "flow", "name", "outcome", ">took", ">calls", ">tokens", ">cost", "model"];
        print_line(&table::render(&head, &rows));
    }
    for line in lines.values() {
        match &line.outcome {
            Some(Outcome::Failed { failure }) => {
                print_line(&format!(
                    "{} failed ({}): {}",
                    line.name, failure.kind, failure.message
                ));
            }
            Some(Outcome::Skipped { reason }) => {
                print_line(&format!("{} was skipped because {reason}", line.name));
            }
            _ => {}
        }
    }
    show_events(events);
    let rate = metrics.success_rate().map_or("-".to_owned(), |rate| format!("{rate:.2}"));
    let cost = metrics.known_cost().map_or("unknown".to_owned(), |cost| cost.to_string());
    let reused = match metrics.reused {
        0 => String::new(),
        reused => {
            let saved = metrics.known_saved();
            let saved = saved.map_or("an unknown cost".to_owned(), |saved| saved.to_string());
            format!(", {reused} replies reused (saved {saved})")
        }
    };
    let under_way = match metrics.under_way {
        0 => String::new(),
        calls => format!(", {calls} more without an end"),
    };
    print_line(&format!(
        "success rate {rate}, {} calls ({} again){under_way}, {}, cost {cost}{reused}",
        metrics.calls,
        metrics.retries,
        metrics.known_usage().map_or("tokens unknown".to_owned(), |usage| format!(
            "{} tokens in, {} out",
            usage.input(),
            usage.output()
        ))
    ));
}

/// What a run said, what it was advised to do, and how it ended.
fn show_events(events: &[(i64, Event)]) {
    for (_, event) in events {
        match event {
            Event::Logged { level, text } => print_line(&format!("{level}: {text}")),
            Event::Told { what, value, .. } if value["probability"].is_number() => {
                print_line(&format!("{what}: {}", choice(value)));
            }
            Event::RunEnded { value, failure, .. } => {
                if let Some(failure) = failure {
                    print_line(&format!("ended early ({}): {}", failure.kind, failure.message));
                }
                if !value.is_null() {
                    let value = secret::clean(value.clone());
                    print_line(&format!("value: {}", short(&value.to_string())));
                }
            }
            _ => {}
        }
    }
}

/// Says what was chosen, how likely that was, and why, as far as the journal keeps it.
fn choice(value: &Value) -> String {
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    let probability = percent(value["probability"].as_f64());
    let mut said = format!("`{}` (chosen with probability {probability}", text("pattern"));

    if let Some(best) = value["best"].as_f64() {
        said += &format!(", believed to be the best with {}", percent(Some(best)));
    }
    said.push(')');
    match (text("why"), text("reason")) {
        ("", "") => said,
        ("", reason) => format!("{said}: {reason}"),
        (why, _) => format!("{said}: {why}"),
    }
}

fn cells(op: OpId, line: &Line) -> Vec<String> {
    let took = line.started_at.zip(line.ended_at).map(|(start, end)| time::length(end - start));
    let outcome = match &line.outcome {
        Some(outcome) => outcome.word(),
        None if line.started_at.is_some() => "unfinished",
        None => "not started",
    };
    let unknown = || "unknown".to_owned();
    let (tokens, cost) = match (line.calls, line.under_way) {
        (0, 0) => ("-".to_owned(), "-".to_owned()),
        (_, 0) => {
            let count = |usage: Usage| format!("{}/{}", usage.input(), usage.output());
            let cost = line.bill.cost().map(|cost| cost.to_string());
            (line.bill.usage().map_or_else(unknown, count), cost.unwrap_or_else(unknown))
        }
        // What it has begun may be on the bill.
        _ => (unknown(), unknown()),
    };
    let model = if line.demo { format!("{} (demo)", line.model) } else { line.model.clone() };
    vec![
        op.0.to_string(),
        line.flow.to_string(),
        line.name.clone(),
        outcome.to_owned(),
        took.unwrap_or("-".to_owned()),
        match line.reused {
            0 => line.calls.to_string(),
            reused => format!("{} + {reused} reused", line.calls),
        },
        tokens,
        cost,
        model,
    ]
}

/// Shows every event of one operation, by its name or number.
fn show_operation(lines: &BTreeMap<OpId, Line>, wanted: &str) -> Exit {
    let found = lines.iter().find(|(op, line)| line.name == wanted || op.0.to_string() == wanted);
    let Some((_, line)) = found else {
        let names: Vec<&str> = lines.values().map(|line| line.name.as_str()).collect();
        say(&format!("error: the run has no operation `{wanted}`; it has: {}", names.join(", ")));
        return Exit::Usage;
    };
    for (at, event) in &line.events {
        let moment = time::moment(*at);
        match event {
            Event::AttemptStarted { attempt, model, prompt, history, .. } => print_line(&format!(
                "{moment}  call {attempt} to {model}, {history} messages before it\n{}",
                indent(prompt)
            )),
            Event::AttemptEnded { attempt, reused: Some(run), reply, .. } => print_line(&format!(
                "{moment}  call {attempt} was not made; run {run} was answered\n{}",
                indent(reply.as_deref().unwrap_or_default())
            )),
            Event::AttemptEnded { attempt, reply, failure, usage, .. } => {
                let text = reply.clone().or_else(|| failure.as_ref().map(|f| f.message.clone()));
                let usage = usage.map_or("tokens unknown".to_owned(), |usage| {
                    format!("{} tokens in, {} out", usage.input(), usage.output())
                });
                print_line(&format!(
                    "{moment}  call {attempt} ended, {usage}\n{}",
                    indent(&text.unwrap_or_default())
                ));
            }
            Event::OpEnded { outcome, .. } => {
                let value = secret::clean(json!(outcome));
                print_line(&format!(
                    "{moment}  {}\n{}",
                    outcome.word(),
                    indent(&value.to_string())
                ));
            }
            other => print_line(&format!("{moment}  {}", other.kind())),
        }
    }
    Exit::Ok
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
