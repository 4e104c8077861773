//! `kaizen compare A.rhai B.rhai --tasks FILE`: which of several scripts does the same tasks better.

use crate::base::failure::{Failure, Kind};
use crate::base::strand::Strand;
use crate::base::unit::Money;
use crate::base::{file, json};
use crate::cli::app::exit::Exit;
use crate::cli::app::job::{JobEnd, OpenJob, ScriptJob};
use crate::cli::app::terminal::Terminal;
use crate::cli::app::{resumed, signal};
use crate::cli::command::run::{RunOptions, With, block_on, read_script};
use crate::cli::render::progress::{Progress, ProgressMode};
use crate::cli::render::table;
use crate::cli::{Global, print_data, print_line, say};
use crate::executor::attempt::Stop;
use crate::executor::replies::reuse::Reuse;
use crate::flow::callback::Scope;
use crate::journal::event::{RunKind, RunStatus};
use crate::model::Model;
use crate::optimizer::Optimizer;
use crate::optimizer::choice::formulas::Policy;
use crate::optimizer::evidence::knowledge::Knowledge;
use crate::optimizer::evidence::label;
use crate::optimizer::evidence::pattern::{Pattern, TaskType};
use crate::optimizer::trial::accuracy::{Accuracy, JudgeAccuracy};
use crate::optimizer::trial::comparison::{ComparisonPlan, compare, digest};
use crate::optimizer::trial::execution::{Judge, PatternArm, Setting, Work, read_score};
use crate::optimizer::trial::sequential_test::StopRule;
use crate::script::{Host, ScriptError, State, Surroundings};
use crate::session::branch::Branch;
use crate::store::writer::Writer;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How the journal calls such a run, before the names of the scripts.
const NAME: &str = "compare ";
/// The field of a task that holds the right answer.
const EXPECTED: &str = "expected";

/// The options of `compare`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Two or more scripts. The value of a script is its answer.
    #[arg(required = true, num_args = 2.., value_name = "SCRIPT")]
    scripts: Vec<PathBuf>,
    /// File of tasks, one JSON value per line. The fields of a map become parameters of the
    /// scripts; any other value becomes the parameter `task`. The field `expected` is the right
    /// answer.
    #[arg(long, value_name = "FILE")]
    tasks: PathBuf,
    /// Script with the parameters `answer` and `task` that returns a score from 0 to 1. Without it,
    /// an answer is right if it equals the expected one.
    #[arg(long, value_name = "SCRIPT")]
    judge: Option<PathBuf>,
    /// Accuracy of the judge: a share such as .9; two shares, for right and for wrong answers, such
    /// as .95,.8; or a file of labelled answers, one JSON value per line with `answer`, `input` and
    /// `right`.
    #[arg(long, value_name = "SHARE|FILE")]
    judge_accuracy: Option<String>,
    /// Number of passes over the tasks.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    repeat: u64,
    /// Confidence of the verdict, valid at every look.
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    confidence: f64,
    /// Treat score differences below this as a tie.
    #[arg(long, value_name = "DIFFERENCE", default_value_t = 0.02)]
    min_effect: f64,
    /// Number of warm-up executions per script, which do not count.
    #[arg(long, value_name = "N", default_value_t = 1)]
    warm_up: u64,
    /// Resume the latest unfinished comparison of these scripts.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    with: With,
}

/// A script that takes part.
struct ComparedScript {
    path: PathBuf,
    text: String,
}

impl ComparedScript {
    fn read(path: &Path) -> Option<ComparedScript> {
        Some(ComparedScript { path: path.to_owned(), text: read_script(path)? })
    }

    /// Its name as a pattern: that of its file.
    fn name(&self) -> String {
        self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// Compares the scripts and shows what was found.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let wrong = |reason: &str| {
        say(&format!("error: {reason}"));
        Ok(Exit::Usage)
    };

    for (name, share) in
        [("--confidence", arguments.confidence), ("--min-effect", arguments.min_effect)]
    {
        if !(share > 0.0 && share < 1.0) {
            return wrong(&format!("{name} must be above 0 and below 1, not {share}"));
        }
    }

    let parts: Option<Vec<ComparedScript>> =
        arguments.scripts.iter().map(|path| ComparedScript::read(path)).collect();
    let Some(parts) = parts else { return Ok(Exit::Refused) };

    let mut names: Vec<String> = parts.iter().map(ComparedScript::name).collect();
    names.sort();
    let twice = names.windows(2).find_map(|pair| (pair[0] == pair[1]).then(|| pair[0].clone()));
    if let Some(name) = twice {
        return wrong(&format!("two scripts are named `{name}`; rename one of the files"));
    }

    let judge = match arguments.judge.as_deref().map(ComparedScript::read) {
        Some(None) => return Ok(Exit::Refused),
        Some(judge) => judge,
        None => None,
    };

    let tasks = match read_tasks(&arguments.tasks, judge.is_some()) {
        Ok(tasks) => tasks,
        Err(reason) => {
            say(&format!("error: {reason}"));
            return Ok(Exit::Refused);
        }
    };
    let accuracy = match arguments.judge_accuracy.as_deref().map(read_accuracy).transpose() {
        Ok(accuracy) => accuracy,
        Err(reason) => return wrong(&reason),
    };

    let given = RunOptions { script: parts[0].path.clone(), with: arguments.with.clone() };
    let project = given.project()?;
    let shown: Vec<String> = parts.iter().map(|part| part.path.display().to_string()).collect();

    let name = format!("{NAME}{}", shown.join(" "));
    let last = || resumed::take(RunKind::Comparison, "", Some(Path::new(&name)));
    let taken = match arguments.resume.then(last) {
        None => None,
        Some(found) => match found? {
            Ok(taken) => Some(taken),
            Err(reason) => return wrong(&reason),
        },
    };

    let (resumed, _lease) = taken.unzip();
    let seed = resumed.as_ref().map_or_else(|| given.seed(), |resumed| resumed.seed);
    let Some(mut params) = given.params() else { return Ok(Exit::Usage) };
    params.insert("tasks".to_owned(), arguments.tasks.display().to_string().into());

    let mut job = ScriptJob {
        global,
        project: &project,
        script: &given.script,
        params,
        seed,
        models: Rc::new(project.models(seed)?),
        writer: Rc::new(Writer::start(project.open_store()?, &project.store_path())),
        reuse: None,
        state: State::default(),
        resumes: None,
        again: None,
        may_ask: true,
    };

    if let Some(resumed) = resumed {
        say(&resumed.to_string());
        job.reuse = Some(Rc::new(Reuse::new(resumed.replies)));
        (job.resumes, job.again) = (Some(resumed.run), Some(resumed.again));
    }

    block_on(go(&job, arguments, &name, parts, judge, tasks, accuracy))?
}

/// Reads how often the judge is right.
fn read_accuracy(given: &str) -> Result<JudgeAccuracy, String> {
    let shares: Result<Vec<f64>, _> = given.split(',').map(|one| one.trim().parse()).collect();
    let value = match shares.as_deref() {
        Ok([both]) => json!(both),
        Ok([of_right, of_wrong]) => json!({ "sensitivity": of_right, "specificity": of_wrong }),
        _ => read_tasks(Path::new(given), true)
            .map_err(|reason| {
                format!("--judge-accuracy takes shares such as .9 or .95,.8, or a file: {reason}")
            })?
            .into(),
    };

    Accuracy::read(&value).map_err(|failure| failure.message)
}

/// Reads the tasks. Without a judge, all or none of them say what is expected.
fn read_tasks(path: &Path, is_judged: bool) -> Result<Vec<Value>, String> {
    let text =
        file::read_text(path).map_err(|error| format!("reading `{}`: {error}", path.display()))?;

    // A list is as good as lines, however it is laid out.
    let list = json::read(&text).ok().and_then(|whole| whole.as_array().cloned());
    let tasks = list
        .map_or_else(|| json::read_lines(&text), Ok)
        .map_err(|error| format!("`{}`, {error}; each line is a JSON value", path.display()))?;

    if tasks.is_empty() {
        return Err(format!(
            "`{}` contains no tasks; it needs one JSON value per line",
            path.display()
        ));
    }
    if let Some(number) = unlabelled(&tasks).filter(|_| !is_judged) {
        return Err(format!(
            "task {number} of `{}` has no `{EXPECTED}`, but other tasks do; add it to every task, \
             or pass `--judge`",
            path.display()
        ));
    }

    Ok(tasks)
}

/// Finds the first task without an expected answer, if others have one; from 1.
fn unlabelled(tasks: &[Value]) -> Option<usize> {
    let has_label = |task: &Value| task.get(EXPECTED).is_some_and(|label| !label.is_null());
    let is_labelled = tasks.iter().any(|task| task.get(EXPECTED).is_some());
    tasks.iter().position(|task| is_labelled && !has_label(task)).map(|index| index + 1)
}

/// Makes the parameters of a script of a task.
fn params_of(task: &Value, common: &Map<String, Value>) -> Map<String, Value> {
    let mut params = common.clone();
    params.remove("tasks");

    match task {
        Value::Object(fields) => {
            params.extend(fields.iter().map(|(key, value)| (key.clone(), value.clone())));
            params.remove(EXPECTED);
        }
        other => {
            params.insert("task".to_owned(), other.clone());
        }
    }

    params
}

async fn go(
    job: &ScriptJob<'_>,
    arguments: &Arguments,
    name: &str,
    parts: Vec<ComparedScript>,
    judge: Option<ComparedScript>,
    tasks: Vec<Value>,
    accuracy: Option<JudgeAccuracy>,
) -> anyhow::Result<Exit> {
    let _terminal = Terminal::without_echo_of_interrupts();
    let signals = signal::watch()?;

    let mode =
        if job.global.quiet || job.global.json { ProgressMode::None } else { ProgressMode::Auto };
    let progress = Progress::new(mode, job.global.stderr_is_terminal);
    let open = job.open(progress, signals.flag(), crate::cli::command::run::printer(job.global))?;

    // A fault in any of the scripts is found before the run begins.
    let first = params_of(&tasks[0], &job.params);
    let answer =
        Map::from_iter([("answer".to_owned(), Value::Null), ("task".to_owned(), tasks[0].clone())]);
    for (part, params) in
        parts.iter().map(|part| (part, &first)).chain(judge.as_ref().map(|j| (j, &answer)))
    {
        let surroundings = Surroundings {
            script: part.path.clone(),
            params: params.clone(),
            ..open.surroundings.clone()
        };
        match Host::new(surroundings).compile(&part.text) {
            Ok(_) => {}
            Err(ScriptError::Refused(faults)) => return Ok(job.refuse(&faults)),
            Err(other) => anyhow::bail!("reading the script: {other:?}"),
        }
    }

    let mut plan = plan(job, arguments, parts, judge.as_ref(), tasks, &open)?;
    plan.accuracy = accuracy;
    job.launch_as(&open, RunKind::Comparison, name.to_owned())?;

    let setting = Setting {
        executor: open.executor.clone(),
        branch: Branch::new(Model::demo(), None),
        judge: judge_of(judge, &plan.inputs, &open),
        timeout: None,
        strand: Strand::root(),
    };

    let knowledge = Knowledge::open(&job.project.store_path(), job.writer.clone())?;
    let demo = job.project.config.learn_from_demo();
    let optimizer = Optimizer::new(Rc::new(knowledge), Policy::default(), demo)
        .of_run(open.executor.journal().run().clone());

    let found = tokio::select! {
        found = open.executor.drive(compare(&optimizer, &setting, plan, None)) => Ok(found),
        caught = signals.caught() => Err(caught),
    };

    open.progress.borrow_mut().close();
    finish(job, &open, name, found).await
}

fn plan(
    job: &ScriptJob<'_>,
    arguments: &Arguments,
    parts: Vec<ComparedScript>,
    judge: Option<&ComparedScript>,
    tasks: Vec<Value>,
    open: &OpenJob,
) -> anyhow::Result<ComparisonPlan> {
    let kind = arguments.tasks.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();

    let fingerprint = json!({
        "kaizen": env!("CARGO_PKG_VERSION"),
        "scripts": digest(&texts),
        "judge": judge.map(|judge| digest(&judge.text)),
        "inputs": digest(&tasks),
        "params": job.params,
        "model": job.project.config.model(),
        "confidence": arguments.confidence,
        "min_effect": arguments.min_effect,
    });

    let arms = parts.into_iter().map(|part| {
        let pattern = Pattern::new(&part.name())?;
        Ok(PatternArm { pattern, work: work_of(part, &job.params, open) })
    });

    Ok(ComparisonPlan {
        task: TaskType::new(&kind.unwrap_or_default())?,
        arms: arms.collect::<anyhow::Result<_>>()?,
        inputs: tasks,
        rule: StopRule { confidence: arguments.confidence, min_effect: arguments.min_effect },
        repeat: arguments.repeat,
        warm_up: arguments.warm_up,
        max_concurrent: 1,
        bounds: None,
        records: true,
        is_all: true,
        objective: None,
        accuracy: None,
        fingerprint: fingerprint.as_object().cloned().unwrap_or_default(),
    })
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
        ScriptError::Refused(faults) => {
            let message = faults.first().map_or_else(String::new, |fault| fault.message.clone());
            Failure::new(Kind::Option, message)
        }
    })
}

/// Makes a script what a pattern does.
fn work_of(part: ComparedScript, common: &Map<String, Value>, open: &OpenJob) -> Work {
    let part = Rc::new(part);
    let surroundings = open.surroundings.clone();
    let common = common.clone();
    Rc::new(move |scope, task, _| {
        let params = params_of(&task, &common);
        let surroundings = Surroundings { params, ..surroundings.clone() };
        let part = part.clone();
        Box::pin(async move { evaluate(&part, surroundings, Some(scope)).await })
    })
}

/// Makes a script a judge, or compares with what is expected, if anything is.
fn judge_of(judge: Option<ComparedScript>, tasks: &[Value], open: &OpenJob) -> Option<Judge> {
    let Some(part) = judge.map(Rc::new) else {
        let is_known = tasks.iter().any(|task| task.get(EXPECTED).is_some());
        return is_known.then(|| -> Judge {
            Rc::new(|_, _, answer, task| {
                let is_right = label::is_right(&answer, &task[EXPECTED]);
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

/// Shows what was found and journals the end.
async fn finish(
    job: &ScriptJob<'_>,
    open: &OpenJob,
    name: &str,
    found: Result<Result<Value, Stop>, Exit>,
) -> anyhow::Result<Exit> {
    let end = match found {
        Ok(Ok(findings)) => {
            let exit = if findings["stopped"] == "budget" { Exit::Budget } else { Exit::Ok };
            let is_ok = exit == Exit::Ok;
            let status = if is_ok { RunStatus::Ok } else { RunStatus::Failed };
            JobEnd::new(exit, status, findings, None)
        }
        Ok(Err(Stop::Store(error))) => return Err(error.into()),
        Ok(Err(Stop::Failed(failure))) => {
            say(&format!("error: {}", failure.message));
            JobEnd::new(failure.exit(), RunStatus::Failed, Value::Null, Some(failure))
        }
        Err(caught) => {
            say(&format!("interrupted; continue with `kaizen {name} .. --resume`"));
            JobEnd::new(caught, RunStatus::Interrupted, Value::Null, None)
        }
    };

    job.close(open, &end).await?;
    let run = open.executor.journal().run().clone();
    let metrics = open.executor.metrics();

    if job.global.json {
        print_data(end.value);
        return Ok(end.exit);
    }

    if end.value.is_object() {
        show(&end.value);
    }
    open.progress.borrow().sum_up(&run, end.status, &metrics);
    Ok(end.exit)
}

/// Shows the findings as people read them.
fn show(findings: &Value) {
    let none = Vec::new();
    let mut patterns: Vec<&Value> =
        findings["patterns"].as_array().unwrap_or(&none).iter().collect();
    let score = |one: &Value| one["score"].as_f64().unwrap_or(0.0);
    patterns.sort_by(|a, b| score(b).total_cmp(&score(a)));

    let number = |value: &Value, show: &dyn Fn(f64) -> String| {
        value.as_f64().map_or_else(|| "-".to_owned(), show)
    };

    let rows: Vec<Vec<String>> = patterns
        .iter()
        .map(|one| {
            let low = &one["interval"][0];
            let high = &one["interval"][1];
            let two = |n: f64| format!("{n:.2}");
            let range = format!("{}-{}", number(low, &two), number(high, &two));
            vec![
                one["pattern"].as_str().unwrap_or_default().to_owned(),
                number(&one["score"], &two),
                if low.is_null() { "-".to_owned() } else { range },
                one["n"].to_string(),
                number(&one["success_rate"], &|n| format!("{:.0} %", 100.0 * n)),
                number(&one["quality"], &|n| format!("{n:.3}")),
                number(&one["execution_time"], &|n| format!("{n:.2} s")),
                number(&one["cost"], &|n| Money::from_dollars(n).unwrap_or_default().to_string()),
                if one["left_out"] == true { "dropped: surely worse" } else { "" }.to_owned(),
            ]
        })
        .collect();

    let head =
        ["script", ">score", ">interval", ">n", ">success", ">quality", ">time", ">cost", "note"];
    print_line(&table::render(&head, &rows));
    print_line(findings["reason"].as_str().unwrap_or_default());
}
