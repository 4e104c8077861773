//! Functions and tools of a program that embeds kaizen, as words of scripts. Each call is an effect: what came
//! of it is journaled, and a resumed run does not make it again.

use super::define::def;
use crate::base::failure::{Failure, Kind};
use crate::base::spelling::nearest;
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::executor::lost::Repeat;
use crate::journal::inquiry::{Inquiry, Topic};
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw_new};
use crate::script::host::fiber::wait;
use crate::script::host::{convert, tasks};
use crate::session::tool::{Effects, RESULT_MAX, Runner, TIMEOUT, Tool, ToolOutput};
use futures::future::LocalBoxFuture;
use rhai::{Dynamic, Engine};
use serde_json::Value;
use std::fmt;
use std::rc::Rc;

/// Most parameters of a function.
pub const PARAMETERS_MAX: usize = 4;

/// Does the work of a function or a tool.
pub type HostCall = Rc<dyn Fn(Vec<Value>) -> LocalBoxFuture<'static, Result<Value, Failure>>>;

/// A function of the embedding program.
#[derive(Clone)]
pub struct HostWord {
    /// Its name in scripts.
    pub name: String,
    /// What it does.
    pub doc: String,
    /// How many parameters it has.
    pub takes: usize,
    /// Does its work.
    pub call: HostCall,
}

/// A tool of the embedding program.
#[derive(Clone)]
pub struct HostTool {
    /// Its name, as models call it.
    pub name: String,
    /// What it does, for models.
    pub description: String,
    /// The schema of its arguments, which are an object.
    pub schema: Value,
    /// Does its work; it gets the one value that is its arguments.
    pub call: HostCall,
}

/// What the embedding program adds to the words of scripts.
#[derive(Clone, Default)]
pub struct HostWords {
    /// Its functions.
    pub functions: Vec<HostWord>,
    /// Its tools.
    pub tools: Vec<HostTool>,
}

impl fmt::Debug for HostWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions: Vec<&str> = self.functions.iter().map(|word| word.name.as_str()).collect();
        let tools: Vec<&str> = self.tools.iter().map(|tool| tool.name.as_str()).collect();
        f.debug_struct("HostWords").field("functions", &functions).field("tools", &tools).finish()
    }
}

/// Defines the words. A name that scripts know already is refused.
pub(in crate::script) fn register(
    engine: &mut Engine,
    host: &Rc<Inner>,
    words: &HostWords,
) -> Result<(), String> {
    for word in &words.functions {
        let is_known = |info: &str| info == word.name;
        let known = engine.collect_fn_metadata(
            None,
            |info| is_known(&info.metadata.name).then_some(()),
            false,
        );
        if !known.is_empty() {
            return Err(word.name.clone());
        }
        define(engine, host, word);
    }

    if !words.tools.is_empty() {
        define_tools(engine, host, words.tools.clone());
    }
    Ok(())
}

/// Defines one function with as many parameters as it takes.
fn define(engine: &mut Engine, host: &Rc<Inner>, word: &HostWord) {
    let params: Vec<String> = ('a'..).take(word.takes).map(|name| format!("{name}: any")).collect();
    let signature = format!("{}({}) -> any", word.name, params.join(", "));
    let doc = &word.doc;

    let shared = (host.clone(), word.clone());
    let call = move |arguments: Vec<Dynamic>| call_word(&shared.0, &shared.1, &arguments);
    match word.takes {
        0 => def(engine, &signature, doc, move || call(vec![])),
        1 => def(engine, &signature, doc, move |a: Dynamic| call(vec![a])),
        2 => def(engine, &signature, doc, move |a: Dynamic, b: Dynamic| call(vec![a, b])),
        3 => def(engine, &signature, doc, move |a: Dynamic, b: Dynamic, c: Dynamic| {
            call(vec![a, b, c])
        }),
        _ => def(engine, &signature, doc, move |a: Dynamic, b: Dynamic, c: Dynamic, d: Dynamic| {
            call(vec![a, b, c, d])
        }),
    }
}

fn call_word(
    host: &Rc<Inner>,
    word: &HostWord,
    arguments: &[Dynamic],
) -> Result<Dynamic, EvalError> {
    let name = &word.name;
    let values = arguments.iter().enumerate().map(|(place, value)| {
        convert::to_value(value).map_err(|reason| {
            let number = place + 1;
            throw_new(Kind::Option, format!("argument {number} of `{name}`: {reason}"))
        })
    });
    let values = values.collect::<Result<Vec<Value>, EvalError>>()?;

    let executor = host.executor();
    let task = tasks::current();
    let told = wait(once(&executor, &task.strand, (name, &word.call), values));
    told.map(convert::from_value).map_err(|stop| host.raise(stop))
}

/// Makes a call, or tells what came of it in the run that this one resumes.
async fn once(
    executor: &Executor,
    strand: &crate::base::strand::Strand,
    (name, call): (&str, &HostCall),
    values: Vec<Value>,
) -> Result<Value, Stop> {
    let asked = serde_json::to_string(&values).expect("values are plain data");
    let what = Inquiry::About(Topic::HostCall, format!("{name} {asked}"));
    let planned = Value::String(format!("(what `{name}` returns)"));

    let work = async || call(values).await;
    // Nobody but the program knows what a call does, so none is made twice.
    Box::pin(executor.effect(strand, (what, Repeat::Forbidden), planned, async || Ok(()), work))
        .await
}

/// Defines the word by which scripts get the tools.
fn define_tools(engine: &mut Engine, host: &Rc<Inner>, tools: Vec<HostTool>) {
    let inner = host.clone();
    def(
        engine,
        "tool(name: string) -> tool",
        "Returns a tool of the program that runs the script.",
        move |name: &str| -> Result<Rc<Tool>, EvalError> {
            if let Some(found) = tools.iter().find(|tool| tool.name == name) {
                return Ok(Rc::new(made(&inner, found.clone())));
            }

            let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
            let help = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has: {}", names.join(", ")),
            };
            let message = format!("the program has no tool `{name}`; {help}");
            Err(throw_new(Kind::Option, message))
        },
    );
}

fn made(host: &Rc<Inner>, tool: HostTool) -> Tool {
    let HostTool { name, description, schema, call } = tool;
    let shared = Rc::new((host.executor(), name.clone(), call));
    let run: Runner = Rc::new(move |args, context| {
        let shared = shared.clone();
        Box::pin(async move {
            let (executor, name, call) = &*shared;
            let told = once(executor, &context.scope.strand, (name, call), vec![args]).await;
            told.map(ToolOutput::from).map_err(|stop| match stop {
                Stop::Failed(failure) => failure,
                Stop::Store(error) => Failure::new(Kind::Store, error.to_string()),
            })
        })
    });

    Tool {
        name,
        description,
        schema: schema.into(),
        effects: Effects::Write,
        approval: None,
        timeout: TIMEOUT,
        result_max: RESULT_MAX,
        run,
    }
}
