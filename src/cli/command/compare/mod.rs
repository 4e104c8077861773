//! `kaizen compare A.rhai B.rhai --tasks FILE`: which of several scripts does the same tasks better.

pub(in crate::cli) mod case_list;
mod contest;
mod notice;
mod summary;
mod tasks;
pub(in crate::cli) mod verdict;

use self::case_list::ShownCases;
use self::contest::{ComparedScript, Contest};
use self::tasks::{FieldMap, Tasks};
use crate::base::failure::{Failure, Kind};
use crate::base::id::RunId;
use crate::base::json::digest;
use crate::base::strand::Strand;
use crate::cli::app::exit::{Exit, unless_spent};
use crate::cli::app::job::{JobEnd, OpenJob, ScriptJob};
use crate::cli::app::number;
use crate::cli::app::terminal::Terminal;
use crate::cli::app::{damage, resumed, signal};
use crate::cli::command::plan::{self, EarlierRuns};
use crate::cli::command::run::{RunOptions, RunSettings, block_on};
use crate::cli::render::progress::{Progress, ProgressMode};
use crate::cli::{Global, print_data, render, say};
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::executor::replies::reuse::Reuse;
use crate::journal::event::{RunKind, RunStatus};
use crate::journal::trace::Trace;
use crate::model::Model;
use crate::optimizer::Optimizer;
use crate::optimizer::choice::policy::Policy;
use crate::optimizer::evidence::knowledge::Knowledge;
use crate::optimizer::evidence::pattern::{Pattern, TaskType};
use crate::optimizer::evidence::right_answer;
use crate::optimizer::trial::cases::{Case, KnownExecutions, cases, filtered};
use crate::optimizer::trial::comparison::{AT_ONCE, ComparisonPlan, StandingSink, compare};
use crate::optimizer::trial::execution::{Judge, PatternArm, Setting, Work, read_score};
use crate::optimizer::trial::sequential_test::StopRule;
use crate::script::diagnostic::Diagnostic;
use crate::script::{Host, Program, ScriptError, State, Surroundings};
use crate::session::branch::Branch;
use crate::session::scope::Scope;
use serde_json::{Map, Value, json};
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How the journal calls such a run, before the names of the scripts.
const NAME: &str = "compare ";

/// The options of `compare`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Two or more scripts to compare. The value of a script is its answer.
    #[arg(required = true, num_args = 2.., value_name = "SCRIPT")]
    scripts: Vec<PathBuf>,
    /// File of tasks: JSON lines, a JSON list, or CSV. Fields that are parameters of a script are passed
    /// to it; the others are kept for the judge. A value that is not a map becomes the parameter `task`.
    #[arg(long, value_name = "FILE")]
    tasks: PathBuf,
    /// Field that holds the input. It is passed to the parameter of the same name, or else to `task`, or else
    /// to the script's only parameter.
    #[arg(long, value_name = "FIELD")]
    input: Option<String>,
    /// Field that holds the right answer. [default: expected]
    #[arg(long, value_name = "FIELD")]
    expected: Option<String>,
    /// Script with the parameters `answer` and `task` that returns a score from 0 to 1. Without it,
    /// an answer is right if it equals the expected one.
    #[arg(long, value_name = "SCRIPT")]
    judge: Option<PathBuf>,
    /// Accuracy of the judge: a share such as .9; two shares, for right and for wrong answers, such
    /// as .95,.8; or a file of labelled answers, one JSON value per line with `answer`, `input` and
    /// `right`.
    #[arg(long, value_name = "SHARE|FILE")]
    judge_accuracy: Option<String>,
    /// Executions of each script on each task; a task counts once, with the mean of its scores.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number::count)]
    repeat: u64,
    /// Confidence of the verdict. It holds however often you look.
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = number::fraction)]
    confidence: f64,
    /// Treat score differences below this as a tie.
    #[arg(long, value_name = "DIFFERENCE", default_value_t = 0.02, value_parser = number::fraction)]
    min_effect: f64,
    /// What counts: balanced, quality, speed, cost, or weights such as quality=.8,cost=.2.
    #[arg(long, value_name = "OBJECTIVE", default_value = "balanced")]
    objective: String,
    /// Make every call again instead of reusing replies of earlier comparisons.
    #[arg(long)]
    fresh: bool,
    /// Show each input with its expected answer, the answers of the scripts and the scores.
    #[arg(long, value_enum, value_name = "WHICH")]
    show: Option<ShownCases>,
    /// Write the inputs to a file: .csv, .jsonl or .md. Writes all of them, unless --show selects some.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Number of warm-up executions per script, which do not count.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number::whole)]
    warm_up: u64,
    /// Resume the latest unfinished comparison of these scripts.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    with: RunSettings,
}

/// Compares the scripts and shows what was found.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut contest = match Contest::read(arguments) {
        Ok(contest) => contest,
        Err(exit) => return Ok(exit),
    };

    let given = RunOptions { script: contest.parts[0].path.clone(), with: arguments.with.clone() };
    let project = given.project()?;
    let name = format!("{NAME}{}", contest.paths().join(" "));

    let last = || resumed::take(RunKind::Comparison, "", Some(Path::new(&name)));
    let taken = match arguments.resume.then(last).transpose()? {
        None => None,
        Some(Ok(taken)) => Some(taken),
        Some(Err(reason)) => {
            say(&format!("error: {reason}"));
            return Ok(Exit::Usage);
        }
    };

    let (resumed, _lease) = taken.unzip();
    let mut earlier = if resumed.is_some() {
        EarlierRuns::default()
    } else {
        plan::past_comparisons(&project, Path::new(&name))?
    };
    // What called no model gives the same again, and is no new evidence.
    contest.known = std::mem::take(&mut earlier.executions);
    if arguments.fresh {
        earlier = EarlierRuns::default();
    }
    // With other numbers of chance, other things would be asked.
    let before = resumed.as_ref().map(|resumed| resumed.seed).or(earlier.last_seed);
    let seed = given.with.seed.or(before).unwrap_or_else(|| given.seed());
    let Some(mut params) = given.params() else { return Ok(Exit::Usage) };
    params.insert("tasks".to_owned(), arguments.tasks.display().to_string().into());

    let mut job = ScriptJob {
        global,
        project: &project,
        script: &given.script,
        params,
        seed,
        models: Rc::new(project.models(seed)?),
        writer: Rc::new(project.start_writer()?),
        reuse: None,
        state: State::default(),
        resumes: None,
        takes_over: None,
        again: None,
        may_ask: true,
        may_suspend: false,
    };

    if !earlier.replies.is_empty() {
        if !global.quiet {
            say(&format!("{} (`--fresh` makes the calls again)", earlier.sentence()));
        }
        job.reuse = Some(Rc::new(Reuse::wide(earlier.replies)));
    }
    if let Some(resumed) = resumed {
        say(&resumed.to_string());
        job.reuse = Some(Rc::new(Reuse::new(resumed.replies)));
        job.resumes = Some(resumed.run);
        job.again = Some(resumed.again);
    }

    block_on(go(&job, arguments, &name, contest))?
}

async fn go(
    job: &ScriptJob<'_>,
    arguments: &Arguments,
    name: &str,
    contest: Contest,
) -> anyhow::Result<Exit> {
    let Contest { parts, judge, tasks, accuracy, objective, known } = contest;
    let _terminal = Terminal::without_echo_of_interrupts();
    let signals = signal::watch()?;

    let mode =
        if job.global.quiet || job.global.json { ProgressMode::None } else { ProgressMode::Auto };
    let progress = Progress::new(mode, job.global.stderr_is_terminal).comparing();
    let open = job.open(progress, signals.flag(), crate::cli::command::run::printer(job.global))?;

    // A fault in any of the scripts is found before the run begins.
    let mut contestants = Vec::new();
    for part in parts {
        let params = common(job);
        let program = match compile(&part, params.clone(), &open)? {
            Ok(program) => program,
            Err(faults) => return Ok(job.refuse(&faults)),
        };

        let known = program.parameters();
        let shown = part.path.display().to_string();
        match tasks.matched(&shown, known, &params) {
            Ok(fields) => contestants.push((part, fields)),
            Err(reason) => {
                say(&format!("error: {reason}"));
                return Ok(Exit::Usage);
            }
        }
    }
    if let Some(judge) = &judge {
        let params = ["answer", "task"].map(|name| (name.to_owned(), Value::Null));
        if let Err(faults) = compile(judge, Map::from_iter(params), &open)? {
            return Ok(job.refuse(&faults));
        }
    }
    notice::tell_unused(job, &tasks, &contestants);
    notice::tell_unjudged(job, &tasks, (judge.is_some(), objective.as_ref()));

    let mut plan = comparison_plan(job, arguments, contestants, judge.as_ref(), &tasks, &open)?;
    plan.accuracy = accuracy;
    plan.objective = objective;
    plan.known = known;
    job.launch_as(&open, RunKind::Comparison, name.to_owned())?;

    let setting = Setting {
        executor: open.executor.clone(),
        branch: Branch::new(Model::demo(), None),
        judge: judge_of(judge, tasks, &open),
        timeout: None,
        strand: Strand::root(),
    };

    let knowledge = knowledge_of(job, &open.executor)?;
    let demo = job.project.config.learn_from_demo();
    let optimizer = Optimizer::new(Rc::new(knowledge), Policy::default(), demo)
        .of_run(open.executor.journal().run().clone());

    let found = tokio::select! {
        found = open.executor.drive(compare(&optimizer, &setting, plan, None)) => Ok(found),
        caught = signals.caught() => Err(caught),
    };
    // Scripts that never wait are stopped by the flag, and so fail.
    let found = signals.seen().map_or(found, Err);

    open.progress.borrow_mut().close();
    finish(job, &open, (name, arguments), found).await
}

/// Opens what the project knows; a resumed comparison knows what it may record again.
fn knowledge_of(job: &ScriptJob<'_>, executor: &Executor) -> anyhow::Result<Knowledge> {
    let knowledge = Knowledge::open(&job.project.store_path(), job.writer.clone())?;
    if !executor.is_resuming() {
        return Ok(knowledge);
    }

    let earlier = knowledge.earlier(executor.journal().run(), executor.workers())?;
    Ok(knowledge.after(Rc::new(RefCell::new(earlier))))
}

/// Returns the parameters that all scripts get, whatever the task.
fn common(job: &ScriptJob<'_>) -> Map<String, Value> {
    let mut params = job.params.clone();
    params.remove("tasks");
    params
}

/// Compiles one of the scripts; gives what is wrong with it otherwise.
fn compile(
    part: &ComparedScript,
    params: Map<String, Value>,
    open: &OpenJob,
) -> anyhow::Result<Result<Program, Vec<Diagnostic>>> {
    let script = part.path.clone();
    let surroundings = Surroundings { script, params, ..open.surroundings.clone() };
    let host = Host::new(surroundings);
    let compiled = host.compile(&part.text);

    let mut files = host.files();
    files.insert(part.path.clone(), Some(blake3::hash(part.text.as_bytes())));
    open.note_code(files);
    match compiled {
        Ok(program) => Ok(Ok(program)),
        Err(ScriptError::Refused(faults)) => Ok(Err(faults)),
        Err(other) => anyhow::bail!("cannot read the script: {other:?}"),
    }
}

fn comparison_plan(
    job: &ScriptJob<'_>,
    arguments: &Arguments,
    contestants: Vec<(ComparedScript, FieldMap)>,
    judge: Option<&ComparedScript>,
    tasks: &Tasks,
    open: &OpenJob,
) -> anyhow::Result<ComparisonPlan> {
    let kind = arguments.tasks.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let texts: Vec<&str> = contestants.iter().map(|(part, _)| part.text.as_str()).collect();
    let inputs = tasks.values();
    let maps: Vec<FieldMap> = contestants.iter().map(|(_, fields)| fields.clone()).collect();
    let given = tasks.given(&maps);

    let fingerprint = json!({
        "kaizen": env!("CARGO_PKG_VERSION"),
        "scripts": digest(&texts),
        "judge": judge.map(|judge| digest(&judge.text)),
        "inputs": digest(&inputs),
        "params": job.params,
        "model": job.project.config.model(),
        "objective": arguments.objective,
        "confidence": arguments.confidence,
        "min_effect": arguments.min_effect,
    });

    let arms = contestants.into_iter().map(|(part, fields)| {
        let pattern = Pattern::new(&part.name())?;
        Ok(PatternArm { pattern, work: work_of(part, fields, job, open) })
    });

    Ok(ComparisonPlan {
        task: TaskType::new(&kind.unwrap_or_default())?,
        arms: arms.collect::<anyhow::Result<_>>()?,
        inputs,
        rule: StopRule { confidence: arguments.confidence, min_effect: arguments.min_effect },
        expected: tasks.expected().map(str::to_owned),
        given,
        repeat: arguments.repeat,
        warm_up: arguments.warm_up,
        max_concurrent: job.project.config.concurrency().unwrap_or(AT_ONCE),
        bounds: None,
        records: true,
        is_all: true,
        objective: None,
        known: KnownExecutions::default(),
        accuracy: None,
        watch: Some(watch(open)),
        fingerprint: fingerprint.as_object().cloned().unwrap_or_default(),
    })
}

/// Shows how the comparison stands.
fn watch(open: &OpenJob) -> StandingSink {
    let progress = open.progress.clone();
    StandingSink(Rc::new(move |standing| progress.borrow_mut().stand(standing)))
}

/// Runs a script on behalf of an operation, in a host of its own.
async fn evaluate(
    part: &ComparedScript,
    surroundings: Surroundings,
    scope: Option<Rc<Scope>>,
) -> Result<Value, Failure> {
    let host = Host::new(Surroundings { script: part.path.clone(), ..surroundings });
    let program = host.compile(&part.text);

    let result = match &program {
        Ok(program) => host.run_within(program, scope).await,
        Err(_) => program.map(|_| Value::Null),
    };

    result.map_err(|error| match error {
        ScriptError::Failed(both) => both.0,
        ScriptError::Store(error) => Failure::new(Kind::Store, error.to_string()),
        ScriptError::Suspended(_) => Failure::new(Kind::Cancelled, "it was suspended"),
        ScriptError::Refused(faults) => {
            let message = faults.first().map_or_else(String::new, |fault| fault.message.clone());
            Failure::new(Kind::Option, message)
        }
    })
}

/// Makes a script what a pattern does.
fn work_of(part: ComparedScript, fields: FieldMap, job: &ScriptJob<'_>, open: &OpenJob) -> Work {
    let part = Rc::new(part);
    let common = common(job);
    let surroundings = open.surroundings.clone();
    let progress = open.progress.clone();
    let is_told = Rc::new(Cell::new(job.global.quiet));
    Rc::new(move |scope, task, _| {
        let params = fields.params(&task, &common);
        let surroundings = Surroundings { params, ..surroundings.clone() };
        let part = part.clone();
        let progress = progress.clone();
        let is_told = is_told.clone();
        Box::pin(async move {
            let answer = evaluate(&part, surroundings, Some(scope)).await?;
            // Said while it goes on, so that nobody pays for all inputs before.
            if answer.is_null() && !is_told.replace(true) {
                progress.borrow().say(&notice::without_answer(&part));
            }
            Ok(answer)
        })
    })
}

/// Makes a script a judge, or compares with what is expected, if anything is.
fn judge_of(judge: Option<ComparedScript>, tasks: Tasks, open: &OpenJob) -> Option<Judge> {
    let Some(part) = judge.map(Rc::new) else {
        return tasks.is_labelled().then(|| -> Judge {
            Rc::new(move |_, _, answer, task| {
                let mut labels = tasks.labels(&task).into_iter();
                let is_right = labels.any(|expected| right_answer::is_right(&answer, &expected));
                Box::pin(async move { Ok(f64::from(u8::from(is_right))) })
            })
        });
    };

    let surroundings = open.surroundings.clone();
    Some(Rc::new(move |scope, strand, answer, task| {
        let params = Map::from_iter([("answer".to_owned(), answer), ("task".to_owned(), task)]);
        let surroundings = Surroundings { params, ..surroundings.clone() };
        let part = part.clone();
        let scope = scope.map(|scope| scope.on(&strand));

        Box::pin(async move {
            let said = evaluate(&part, surroundings, scope).await?;
            read_score(&said)
        })
    }))
}

/// Says how a comparison ends: one of which every execution failed has failed as they did.
fn exit_of(findings: &Value, executor: &Executor) -> Exit {
    match findings["failure"]["kind"].as_str() {
        _ if findings["stopped"] == "budget" => Exit::Budget,
        Some(kind) => unless_spent(Kind::from(kind).exit(), executor),
        None => Exit::Ok,
    }
}

/// Shows what was found and journals the end.
async fn finish(
    job: &ScriptJob<'_>,
    open: &OpenJob,
    (name, arguments): (&str, &Arguments),
    found: Result<Result<Value, Stop>, Exit>,
) -> anyhow::Result<Exit> {
    let mut end = match found {
        Ok(Ok(findings)) => {
            let exit = exit_of(&findings, &open.executor);
            let is_ok = exit == Exit::Ok;
            let status = if is_ok { RunStatus::Ok } else { RunStatus::Failed };
            JobEnd::new(exit, status, findings, None)
        }
        Ok(Err(Stop::Store(error))) => return Err(error.into()),
        Ok(Err(Stop::Failed(failure))) => {
            notice::tell_failure(job, &failure);
            let exit = unless_spent(failure.exit(), &open.executor);
            JobEnd::new(exit, RunStatus::Failed, Value::Null, Some(failure))
        }
        Err(caught) => {
            say(&format!("interrupted; continue with `kaizen {name} .. --resume`"));
            JobEnd::new(caught, RunStatus::Interrupted, Value::Null, None)
        }
    };

    job.close(open, &end).await?;
    let run = open.executor.journal().run().clone();
    let metrics = open.executor.metrics();

    let cases = if end.value.is_object() { kept(job, &run)? } else { Vec::new() };
    if job.global.json {
        if let Some(shown) = arguments.show {
            let chosen = filtered(&cases, shown.filter());
            end.value["cases"] = render::cases::to_json(&chosen);
        }
        case_list::present(job.global, &cases, arguments.show, arguments.out.as_ref())?;
        print_data(end.value);
        return Ok(end.exit);
    }

    if end.value.is_object() {
        summary::show(&end.value);
        if !job.global.quiet {
            notice::tell_demo(open.executor.demo_replies());
        }
        case_list::present(job.global, &cases, arguments.show, arguments.out.as_ref())?;
        if arguments.show.is_none() && !job.global.quiet && cases.iter().any(Case::is_wrong) {
            let tally = render::cases::tally(&cases);
            say(&format!("{tally}; `kaizen show {run} --inputs=wrong` lists them"));
        }
        if arguments.judge.is_none() && !job.global.quiet {
            notice::tell_near_misses(&cases, arguments.expected.as_deref());
        }
    }
    open.progress.borrow().sum_up(&run, end.status, &metrics);
    Ok(end.exit)
}

/// Reads what the run did from its journal.
fn kept(job: &ScriptJob<'_>, run: &RunId) -> anyhow::Result<Vec<Case>> {
    let Some(store) = job.project.existing_store()? else { return Ok(Vec::new()) };
    Ok(cases(&Trace::fold(&damage::events(&store, run)?)))
}
