//! `knowledge`: what was learned, in a file of the guide's own format.

use super::def;
use super::optimizer::{file, read_failure};
use crate::base::failure::Kind;
use crate::optimizer::guide_file::GuideFile;
use crate::script::error::{Raised, throw_new};
use crate::script::{Inner, convert};
use rhai::{Dynamic, Engine, Map};
use std::cell::RefCell;
use std::rc::Rc;

/// A knowledge file as scripts hold it.
pub(in crate::script) type Handle = Rc<RefCell<GuideFile>>;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    engine.register_type_with_name::<Handle>("knowledge");
    let inner = host.clone();
    def(
        engine,
        "knowledge(path: string) -> knowledge",
        r#"
        Opens a file in the guide's format, or starts one: `{"successful_patterns":
        {"task:pattern": [metrics]}, "failed_patterns": {"task:pattern": ["error"]}}`. Every
        change is written at once, whole and under a lock. It has the optimizer's calls
        `save_pattern_success`, `save_pattern_failure`, `get_best_pattern` (.8 success + .2 /
        time) and `should_avoid_pattern`, and `load` and `save`.
        ```rhai
        let k = knowledge("knowledge.json");
        k.save_pattern_success("code_review", "gather", #{ success_rate: 1.0, execution_time: 2.5 });
        print(k.get_best_pattern("code_review"));
        ```
        "#,
        move |path: &str| {
            let opened = GuideFile::open(&file(&inner, path)?).map_err(raise)?;
            let is_dry = inner.executor().is_dry();
            let opened = if is_dry { opened.frozen() } else { opened };
            Ok::<Handle, Raised>(Rc::new(RefCell::new(opened)))
        },
    );
    def(
        engine,
        "load(knowledge: knowledge)",
        r#"
        Reads a knowledge file again, with what others have written since.
        ```rhai
        let k = knowledge("knowledge.json");
        k.load();
        ```
        "#,
        |k: &mut Handle| k.borrow_mut().load().map_err(raise),
    );
    def(
        engine,
        "save(knowledge: knowledge)",
        r#"
        Writes a knowledge file; every change is written at once anyway.
        ```rhai
        let k = knowledge("knowledge.json");
        k.save();
        ```
        "#,
        |k: &mut Handle| k.borrow_mut().save().map_err(raise),
    );
    changes(engine, host);
    def(
        engine,
        "get_best_pattern(knowledge: knowledge, task_type: string) -> string",
        "",
        |k: &mut Handle, task: &str| {
            let found = k.borrow().best_pattern(task).map_err(raise)?;
            Ok::<_, Raised>(found.map_or(Dynamic::UNIT, Dynamic::from))
        },
    );
    def(
        engine,
        "should_avoid_pattern(knowledge: knowledge, task_type: string, pattern: string) -> bool",
        "",
        |k: &mut Handle, task: &str, pattern: &str| {
            k.borrow().should_avoid(task, pattern).map_err(raise)
        },
    );
}

fn changes(engine: &mut Engine, host: &Rc<Inner>) {
    def(
        engine,
        "save_pattern_success(knowledge: knowledge, task_type: string, pattern: string, metrics: map)",
        "",
        |k: &mut Handle, task: &str, pattern: &str, metrics: Map| {
            let fields = convert::to_fields(&metrics);
            let fields = fields.map_err(|reason| throw_new(Kind::Option, reason))?;
            k.borrow_mut().save_pattern_success(task, pattern, fields).map_err(raise)
        },
    );
    let inner = host.clone();
    def(
        engine,
        "save_pattern_failure(knowledge: knowledge, task_type: string, pattern: string, error: any)",
        "",
        move |k: &mut Handle, task: &str, pattern: &str, error: Dynamic| {
            let failure = read_failure(&inner, error);
            k.borrow_mut().save_pattern_failure(task, pattern, &failure.message).map_err(raise)
        },
    );
}

fn raise(error: impl std::fmt::Display) -> Raised {
    throw_new(Kind::File, error.to_string())
}
