//! `knowledge`: what was learned, in a file of the guide's own format.

use super::data::place_of_both;
use super::define::def;
use super::optimizer::read_failure;
use crate::base::failure::Kind;
use crate::journal::event::Event;
use crate::journal::inquiry::{Inquiry, Topic};
use crate::optimizer::evidence::guide_file::{Entry, GuideFile};
use crate::optimizer::evidence::observation::Observation;
use crate::optimizer::evidence::pattern::{Pattern, TaskType};
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw_new};
use crate::script::host::fiber::wait;
use crate::script::host::{convert, tasks};
use rhai::{Dynamic, Engine, Map};
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;

/// A knowledge file as scripts hold it.
pub(in crate::script) type KnowledgeHandle = Rc<RefCell<GuideFile>>;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "knowledge(path: string) -> knowledge",
        r#"
        Opens or creates a file in the guide's format, with read and write permission:
        `{"successful_patterns": {"task:pattern": [metrics]}, "failed_patterns": {"task:pattern":
        ["error"]}}`. Every change is written immediately, as a whole and under a lock. It has the
        optimizer's functions `save_pattern_success`, `save_pattern_failure`, `get_best_pattern`
        (.8 success + .2 / time) and `should_avoid_pattern`, and `load` and `save`.
        ```rhai
        let k = knowledge("knowledge.json");
        k.save_pattern_success("code_review", "gather", #{ success_rate: 1.0, execution_time: 2.5 });
        print(k.get_best_pattern("code_review"));
        ```
        "#,
        move |path: &str| {
            let opened = GuideFile::open(&place_of_both(&inner, path)?).map_err(raise)?;

            let is_dry = inner.executor().is_dry();
            let opened = if is_dry { opened.frozen() } else { opened };
            Ok::<KnowledgeHandle, EvalError>(Rc::new(RefCell::new(opened)))
        },
    );

    def(
        engine,
        "load(knowledge: knowledge)",
        r#"
        Reloads a knowledge file, including changes by others.
        ```rhai
        let k = knowledge("knowledge.json");
        k.load();
        ```
        "#,
        |k: &mut KnowledgeHandle| k.borrow_mut().load().map_err(raise),
    );

    let inner = host.clone();
    def(
        engine,
        "save(knowledge: knowledge)",
        r#"
        Writes a knowledge file. Changes are also written immediately, so this is rarely needed.
        ```rhai
        let k = knowledge("knowledge.json");
        k.save();
        ```
        "#,
        move |k: &mut KnowledgeHandle| {
            inner.settle_known()?;
            k.borrow_mut().save().map_err(raise)
        },
    );

    changes(engine, host);
    answers(engine, host);
}

fn answers(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "get_best_pattern(knowledge: knowledge, task_type: string) -> string",
        "",
        move |k: &mut KnowledgeHandle, task: &str| {
            let found = k.borrow().best_pattern(task).map_err(raise)?;
            tell(&inner, Inquiry::About(Topic::FileBest, task.to_owned()), found.into())
        },
    );

    let inner = host.clone();
    def(
        engine,
        "should_avoid_pattern(knowledge: knowledge, task_type: string, pattern: string) -> bool",
        "",
        move |k: &mut KnowledgeHandle, task: &str, pattern: &str| {
            let found = k.borrow().should_avoid(task, pattern).map_err(raise)?;

            let what = Inquiry::About(Topic::AvoidPattern, format!("{task} {pattern}"));
            tell(&inner, what, found.into())
        },
    );
}

/// Tells what a file says, or what it said in the recorded run: by now it holds
/// what that run saved later.
fn tell(host: &Rc<Inner>, what: Inquiry, found: Value) -> Result<Dynamic, EvalError> {
    let strand = &tasks::current().strand;
    let told = host.executor().answer_of_run(strand, what, found);
    told.map(convert::from_value).map_err(|error| host.raise(error.into()))
}

fn changes(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "save_pattern_success(knowledge: knowledge, task_type: string, pattern: string, metrics: map)",
        "",
        move |k: &mut KnowledgeHandle, task: &str, pattern: &str, metrics: Map| {
            let fields = convert::to_fields(&metrics);
            let fields = fields.map_err(|reason| throw_new(Kind::Option, reason))?;
            // A file that holds what no execution can be is refused as a whole when it is read.
            let of = TaskType::new(task).map_err(raise)?;
            Observation::success(of, Pattern::new(pattern).map_err(raise)?, &fields)
                .map_err(|error| throw_new(Kind::Option, error.to_string()))?;
            save_once(&inner, k, &Entry::success(task, pattern, fields))
        },
    );

    let inner = host.clone();
    def(
        engine,
        "save_pattern_failure(knowledge: knowledge, task_type: string, pattern: string, error: any)",
        "",
        move |k: &mut KnowledgeHandle, task: &str, pattern: &str, error: Dynamic| {
            let failure = read_failure(&inner, error);
            save_once(&inner, k, &Entry::failure(task, pattern, &failure.message))
        },
    );
}

/// Saves an entry once, however often the run is killed and resumed: before the file is changed, it is on
/// the disk how many entries like this one it had.
fn save_once(host: &Rc<Inner>, k: &KnowledgeHandle, entry: &Entry) -> Result<(), EvalError> {
    let executor = host.executor();
    let name = k.borrow().path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    // By what is saved, because the script may have been changed before the run is resumed.
    let what = Inquiry::About(Topic::Knowledge, format!("{name} {}", entry.digest()));
    let strand = &tasks::current().strand;
    let (at, known) = executor.recall(strand, &what);
    // Earlier programs noted the file alone.
    let known =
        known.or_else(|| executor.recall(strand, &Inquiry::About(Topic::Knowledge, name)).1);
    let known = known.and_then(|told| told.as_u64()).map(|n| usize::try_from(n).unwrap_or(0));

    if known.is_none() && executor.is_dry() {
        return k.borrow_mut().save_entry(entry).map_err(raise);
    }

    let equal = match known {
        Some(equal) => equal,
        None => k.borrow_mut().count_anew(entry).map_err(raise)?,
    };

    let told = Event::EffectEnded { what, value: equal.into(), at: Some(at) };
    wait(executor.commit(&told)).map_err(|error| host.raise(error.into()))?;

    let mut file = k.borrow_mut();
    let saved = match known {
        Some(equal) => file.save_entry_again(entry, equal),
        None => file.save_entry(entry),
    };
    saved.map_err(raise)
}

fn raise(error: impl std::fmt::Display) -> EvalError {
    throw_new(Kind::File, error.to_string())
}
