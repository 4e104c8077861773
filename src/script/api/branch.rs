//! `branch`: a conversation with a model.

use super::budget::read_budget;
use super::callback::read_function;
use super::define::def;
use super::question::put;
use super::tool::read_tools;
use super::{image, model, saved};
use crate::base::failure::{Failure, Kind};
use crate::executor::checked_answer::{RuleResult, reading};
use crate::executor::question::BranchQuestion;
use crate::flow::op::{
    CheckedPrompt, Keep, Prompt, REPAIRS_MAX, STEPS_MAX, TOOL_CALLS_MAX, ToolProtocol, ToolUse,
};
use crate::model::Model;
use crate::model::message::Message;
use crate::model::request::Settings;
use crate::model::tool::{ToolCall, ToolChoice};
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw};
use crate::script::host::known_map::KnownMap;
use crate::script::host::options::Options;
use crate::script::host::{convert, shape};
use crate::session::branch::{Branch, SharedBranch};
use crate::session::tool::Tool;
use rhai::{Array, Dynamic, Engine, Map, NativeCallContext};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    creation(engine, host);
    questions(engine, host);
    checks(engine, host);
    properties(engine);
    copies(engine, host);
}

fn creation(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "branch() -> branch",
        r#"
        Starts a conversation with a model, by default the project's. Options: `model` (a name, a
        map, or a result of `imodel`), `system` (the system prompt), `name`, `tools` (a list of tools
        that its `operate` and `react` offer).
        ```rhai
        let b = branch(#{ model: "demo/echo", system: "Answer in one sentence.", name: "terse" });
        print(b.communicate("What is a journal?"));
        ```
        "#,
        move || Ok::<_, EvalError>(Branch::new(model::default(&inner)?, None).shared()),
    );

    let inner = host.clone();
    def(engine, "branch(model: string) -> branch", "", move |name: &str| {
        Ok::<_, EvalError>(Branch::new(model::read(&inner, name.into())?, None).shared())
    });

    def(engine, "branch(model: model) -> branch", "", |model: Model| {
        Branch::new(model, None).shared()
    });

    let inner = host.clone();
    def(engine, "branch(options: map) -> branch", "", move |map: Map| create(&inner, map));

    let inner = host.clone();
    def(
        engine,
        "branch(model: string, options: map) -> branch",
        "",
        move |name: &str, mut map: Map| {
            map.insert("model".into(), name.into());
            create(&inner, map)
        },
    );
}

pub(super) fn create(host: &Rc<Inner>, map: Map) -> Result<SharedBranch, EvalError> {
    let mut options = Options::of("branch", map).map_err(|e| throw(&e))?;
    let model = match options.take("model") {
        Some(value) => model::read(host, value)?,
        None => model::default(host)?,
    };

    let system = options.text("system").map_err(|e| throw(&e))?;
    let mut branch = Branch::new(model, system);
    branch.name = options.text("name").map_err(|e| throw(&e))?;
    branch.tools = read_tools(&mut options).map_err(|e| throw(&e))?.unwrap_or_default();

    Ok(branch.shared())
}

fn questions(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "communicate(branch: branch, text: string) -> string",
        r#"
        Sends the text to the branch's model, waits for the answer, and appends both to the
        conversation. A call that fails appends nothing and throws `#{ kind, message, retryable,
        status, .. }`. Options: `context` (data placed before the question), `schema` (a JSON
        schema; the answer is then a value, and an answer that does not match throws `invalid_output`),
        `temperature`, `top_p`, `max_tokens`, `stop`, `seed`, `stream`, `timeout_ms`,
        `header_timeout_ms`, `idle_timeout_ms`, `attempts_max`, `on_length` ("accept": an answer that
        reached `max_tokens` is returned as it is, and `was_cut` of the branch is true; without it, such
        an answer throws `length`), `images` (a list of pictures: paths, `data:` texts or bytes, at most
        8 of 5 MiB each), `extra` (a map of additional fields for the provider; fields that
        have a setting, and fields that request more than one text reply, are errors).
        ```rhai
        let b = branch("demo/echo");
        let answer = b.communicate("Name one risk.", #{ temperature: 0.2, context: "Electric vans" });
        print(answer);
        ```
        "#,
        move |branch: &mut SharedBranch, text: &str| {
            ask(&inner, branch, text, Map::new(), Keep::Exchange)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "communicate(branch: branch, text: string, options: map) -> any",
        "",
        move |branch: &mut SharedBranch, text: &str, map: Map| {
            ask(&inner, branch, text, map, Keep::Exchange)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "chat(branch: branch, text: string) -> string",
        r#"
        Like `communicate`, but does not change the conversation.
        ```rhai
        let b = branch("demo/echo");
        b.chat("Only a thought.");
        print(b.messages.len);
        ```
        "#,
        move |branch: &mut SharedBranch, text: &str| {
            ask(&inner, branch, text, Map::new(), Keep::Nothing)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "chat(branch: branch, text: string, options: map) -> any",
        "",
        move |branch: &mut SharedBranch, text: &str, map: Map| {
            ask(&inner, branch, text, map, Keep::Nothing)
        },
    );
}

fn ask(
    host: &Rc<Inner>,
    branch: &SharedBranch,
    text: &str,
    map: Map,
    keep: Keep,
) -> Result<Dynamic, EvalError> {
    let name = match keep {
        Keep::All | Keep::Exchange => "communicate",
        Keep::Nothing => "chat",
    };

    let mut prompt = prompt(host, name, text, map).map_err(|e| throw(&e))?;
    prompt.instruction = prompt.full();
    prompt.context = None;

    put(host, branch, name, BranchQuestion::Once(&prompt, keep))
}

fn checks(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "operate(branch: branch, text: string) -> any",
        r#"
        Asks the branch's model until the answer is valid. With a `schema`, the answer is a value that
        matches it: the JSON in the reply is found, mended where it can have only one meaning, and
        validated. If it does not match, or if `check` rejects it, the model is shown its answer and
        what is wrong with it, and is asked again at most `max_repairs` times (2). After that, `#{ kind:
        "invalid_output", problems, partial, repairs }` is thrown. Only the question and the valid
        answer are appended to the branch. Options: `schema`, `check` (`|value|` that returns true, or a
        text that says what is wrong), `max_repairs`, `keep` (what is appended to the branch: "all";
        "answer", without the tool calls; or "nothing"), and those of `communicate`. An answer that
        reached the token limit is not mended; raise `max_tokens`. With `tools`, the model may call them
        before it answers, within `max_steps` (10 requests, of which the last one asks for the answer)
        and `max_tool_calls` (64), `tool_choice` ("auto", "required", "none" or a name; the last three
        apply only to the first request), `protocol` ("auto", "native", or "schema", which works with
        every model), `context_max` (a maximum number of tokens; beyond it, the oldest results are left
        out), `budget` (a map of `max_cost`, `max_tokens` and `max_calls` for this question). With
        `trace: true` the result is `#{ value, steps: [#{ thought, calls: [#{ tool, args, result, error,
        ms }] }], calls, tool_calls, cost, stopped }`.
        ```rhai
        let b = branch("demo/echo");
        let label = "thought: string, label: good | bad, sure: integer 0..9";
        let v = b.operate("I loved it.", #{ schema: label, check: |v| v.sure < 10 });
        print(v.label);
        ```
        "#,
        move |context: NativeCallContext, branch: &mut SharedBranch, text: &str| {
            operate(&inner, &context, branch, ("operate", text), Map::new())
        },
    );

    let inner = host.clone();
    def(
        engine,
        "operate(branch: branch, text: string, options: map) -> any",
        "",
        move |context: NativeCallContext, branch: &mut SharedBranch, text: &str, map: Map| {
            operate(&inner, &context, branch, ("operate", text), map)
        },
    );

    reacting(engine, host);
    parsing(engine, host);
}

fn reacting(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "react(branch: branch, text: string, options: map) -> any",
        r#"
        Like `operate` with tools, but the model writes a thought before each call. `tools` are
        required, in the options or on the branch. As a pattern of an optimizer, it takes a model, or
        a model's name, in place of the branch.
        ```rhai
        let add = tool("add", "Adds two whole numbers.", "a: integer, b: integer", |x| x.a + x.b);
        let r = branch("demo/echo").react("What is 17 + 25? Use add.", #{ tools: [add], trace: true });
        print(r.stopped);
        print(r.value);
        ```
        "#,
        move |context: NativeCallContext, branch: &mut SharedBranch, text: &str, map: Map| {
            operate(&inner, &context, branch, ("react", text), map)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "react(model: string, text: string, options: map) -> any",
        "",
        move |context: NativeCallContext, name: &str, text: &str, map: Map| {
            let branch = Branch::new(model::read(&inner, name.into())?, None).shared();
            operate(&inner, &context, &branch, ("react", text), map)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "react(model: model, text: string, options: map) -> any",
        "",
        move |context: NativeCallContext, model: Model, text: &str, map: Map| {
            let branch = Branch::new(model, None).shared();
            operate(&inner, &context, &branch, ("react", text), map)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "react(branch: branch, text: string) -> any",
        "",
        move |context: NativeCallContext, branch: &mut SharedBranch, text: &str| {
            operate(&inner, &context, branch, ("react", text), Map::new())
        },
    );
}

fn parsing(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "parse(branch: branch, text: string, schema: any) -> any",
        r#"
        Reads a value of a schema from a text like `parse(text, schema)`. If that is not possible, the
        branch's model is asked to write it, at most `max_repairs` times (2). The branch stays as it is.
        Options: `max_repairs` and the settings of `communicate`.
        ```rhai
        let b = branch("demo/echo");
        print(b.parse("{city: 'Oslo'}", "city: string"));
        print(b.parse("It was in Oslo, I think.", "city: string"));
        ```
        "#,
        move |branch: &mut SharedBranch, text: &str, schema: Dynamic| {
            parse(&inner, branch, text, &schema, Map::new())
        },
    );

    let inner = host.clone();
    def(
        engine,
        "parse(branch: branch, text: string, schema: any, options: map) -> any",
        "",
        move |branch: &mut SharedBranch, text: &str, schema: Dynamic, map: Map| {
            parse(&inner, branch, text, &schema, map)
        },
    );
}

fn operate(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    branch: &SharedBranch,
    (of, text): (&'static str, &str),
    map: Map,
) -> Result<Dynamic, EvalError> {
    let read = || {
        let mut options = Options::of(of, map)?;
        let mut checks = read_checks(host, context, &mut options)?;
        checks.tools.thinks = of == "react";
        let mut prompt = prompt_of(host, of, text, options)?;
        prompt.instruction = prompt.full();
        prompt.context = None;
        Ok(CheckedPrompt { prompt, ..checks })
    };

    let checked = read().map_err(|e: Failure| throw(&e))?;
    let answer = put(host, branch, of, BranchQuestion::Checked(&checked))?;
    Ok(if checked.has_trace { KnownMap::traced(answer) } else { answer })
}

fn parse(
    host: &Rc<Inner>,
    branch: &SharedBranch,
    text: &str,
    schema: &Dynamic,
    map: Map,
) -> Result<Dynamic, EvalError> {
    let schema = super::schema::read("parse", schema)?;
    let read = || {
        let mut options = Options::of("parse", map)?;
        let repairs_max = read_repairs(&mut options)?;
        let settings = settings("parse", options)?;
        let prompt = Prompt { settings, schema: Some(schema), ..Prompt::default() };
        let checked = CheckedPrompt { repairs_max, ..CheckedPrompt::new(prompt) };
        reading(text, &checked)
    };

    match read().map_err(|e| throw(&e))? {
        RuleResult::Value(value) => Ok(convert::from_value(value)),
        RuleResult::Ask(checked) => put(host, branch, "parse", BranchQuestion::Checked(&checked)),
    }
}

/// Reads how often a model may mend its answer.
pub(super) fn read_repairs(options: &mut Options) -> Result<u32, Failure> {
    let most = options.count("max_repairs")?;
    Ok(most.map_or(REPAIRS_MAX, |most| u32::try_from(most).unwrap_or(u32::MAX)))
}

/// Reads what makes an answer right, and what becomes of it.
pub(super) fn read_checks(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    options: &mut Options,
) -> Result<CheckedPrompt, Failure> {
    let repairs_max = read_repairs(options)?;
    let check = read_function(host, context, options, "check")?;
    let keep = match options.word("keep")?.as_deref() {
        Some("answer") => Keep::Exchange,
        Some("nothing") => Keep::Nothing,
        _ => Keep::All,
    };

    Ok(CheckedPrompt {
        check,
        repairs_max,
        keep,
        tools: read_tool_use(options)?,
        budget: read_budget(options)?,
        has_trace: options.flag("trace")?,
        ..CheckedPrompt::new(Prompt::default())
    })
}

/// Reads which tools a model may call, and how.
fn read_tool_use(options: &mut Options) -> Result<ToolUse, Failure> {
    let tools = read_tools(options)?;
    let most = |count: Option<u64>, usual: u32| {
        count.map_or(usual, |most| u32::try_from(most).unwrap_or(u32::MAX))
    };
    let steps_max = most(options.count("max_steps")?, STEPS_MAX);
    let calls_max = most(options.count("max_tool_calls")?, TOOL_CALLS_MAX);

    let choice = match options.text("tool_choice")?.as_deref() {
        None | Some("auto") => ToolChoice::Auto,
        Some("required") => ToolChoice::Required,
        Some("none") => ToolChoice::None,
        Some(name) => {
            let is_known = |tools: &Vec<Rc<Tool>>| tools.iter().any(|tool| tool.name == name);
            if tools.as_ref().is_some_and(|tools| !is_known(tools)) {
                let reason = format!(
                    "must be \"auto\", \"required\", \"none\" or the name of a tool, not `{name}`"
                );
                return Err(options.wrong("tool_choice", &reason));
            }
            ToolChoice::Name(name.to_owned())
        }
    };

    let protocol = options.word("protocol")?.and_then(|word| ToolProtocol::of(&word));
    let protocol = protocol.unwrap_or(ToolProtocol::Auto);

    let context_max = options.count("context_max")?;
    Ok(ToolUse { tools, thinks: false, steps_max, calls_max, choice, protocol, context_max })
}

/// Reads a prompt from the options of a call.
fn prompt(host: &Rc<Inner>, of: &'static str, text: &str, map: Map) -> Result<Prompt, Failure> {
    prompt_of(host, of, text, Options::of(of, map)?)
}

fn prompt_of(
    host: &Rc<Inner>,
    of: &'static str,
    text: &str,
    mut options: Options,
) -> Result<Prompt, Failure> {
    let context = options.value("context")?;
    let schema = options.schema()?;
    let images = image::read(host, &mut options)?;
    let settings = settings(of, options)?;
    Ok(Prompt { instruction: text.to_owned(), context, images, schema, settings })
}

/// Reads what is left of some options as settings.
pub(super) fn settings(of: &'static str, options: Options) -> Result<Settings, Failure> {
    let mut rest = options.rest();
    if let Some(stop) = rest.get_mut("stop")
        && stop.is_string()
    {
        *stop = Dynamic::from(vec![stop.clone()]);
    }

    let fields = convert::to_fields(&rest).map_err(|reason| Failure::new(Kind::Option, reason))?;

    // Each field is read alone first, so that the message can name the one that is wrong.
    for (key, value) in &fields {
        let one = serde_json::Map::from_iter([(key.clone(), value.clone())]);
        serde_json::from_value::<Settings>(one.into()).map_err(|_| {
            let wanted = Settings::wanted(key);
            let message = format!("option `{key}` of `{of}` must be {wanted}, not `{value}`");
            Failure::new(Kind::Option, message)
        })?;
    }

    if fields.get("attempts_max").and_then(serde_json::Value::as_u64) == Some(0) {
        let message =
            format!("option `attempts_max` of `{of}` must be at least 1: the first attempt counts");
        return Err(Failure::new(Kind::Option, message));
    }

    let settings: Settings = serde_json::from_value(fields.into())
        .map_err(|error| Failure::new(Kind::Option, format!("options of `{of}`: {error}")))?;
    settings
        .check()
        .map_err(|error| Failure::new(Kind::Option, format!("options of `{of}`: {error}")))?;

    Ok(settings)
}

fn properties(engine: &mut Engine) {
    def(
        engine,
        "get was_cut(branch: branch) -> bool",
        r#"
        Whether the last answer on this branch reached `max_tokens` and is therefore incomplete. It can be
        true only with `on_length: "accept"`; otherwise, such an answer is an error.
        ```rhai
        let b = branch("demo/echo");
        let text = b.chat("Name every bone.", #{ max_tokens: 500, on_length: "accept" });
        if b.was_cut { print("only a part of them"); }
        ```
        "#,
        |branch: &mut SharedBranch| branch.borrow().was_cut,
    );

    def(
        engine,
        "get messages(branch: branch) -> array",
        r#"
        The conversation so far: maps `#{ role, content }`, the system prompt first. If the model
        called tools, its message also has `calls`, a list of `#{ tool, args }`, and the next message,
        with the role "tool", has their results.
        ```rhai
        let b = branch("demo/echo");
        b.communicate("Hello.");
        for message in b.messages { print(`${message.role}: ${message.content}`); }
        ```
        "#,
        |branch: &mut SharedBranch| -> Array {
            let messages = branch.borrow().messages();
            messages
                .into_iter()
                .map(|message| KnownMap::of_shape(&shape::MESSAGE, shown(&message)))
                .collect()
        },
    );

    def(
        engine,
        "get usage(branch: branch) -> map",
        r#"
        The tokens used by calls on this branch: `input` and `output`, and their non-overlapping
        parts. `unknown` is the number of calls without reported usage.
        ```rhai
        let b = branch("demo/echo");
        b.communicate("Hello.");
        print(b.usage.input + b.usage.output);
        ```
        "#,
        |branch: &mut SharedBranch| {
            let usage = branch.borrow().usage;
            let unknown = branch.borrow().usage_unknown;

            let value = serde_json::to_value(usage).expect("usage is plain data");
            let mut map = convert::from_value(value).cast::<Map>();

            map.insert("input".into(), int(usage.input()));
            map.insert("output".into(), int(usage.output()));
            map.insert("unknown".into(), int(unknown));
            KnownMap::of_values(&shape::USAGE, map)
        },
    );

    def(
        engine,
        "get model(branch: branch) -> model",
        r#"
        The model of this branch.
        ```rhai
        print(branch("demo/echo").model.name);
        ```
        "#,
        |branch: &mut SharedBranch| (*branch.borrow().model).clone(),
    );

    def(engine, "get name(branch: branch) -> string", "", |branch: &mut SharedBranch| {
        branch.borrow().name.clone().map_or(Dynamic::UNIT, Dynamic::from)
    });

    def(
        engine,
        "get system(branch: branch) -> string",
        r#"
        The system prompt of a branch, or `()` if there is none.
        ```rhai
        print(branch(#{ model: "demo/echo", system: "Be brief." }).system);
        ```
        "#,
        |branch: &mut SharedBranch| {
            branch.borrow().system.clone().map_or(Dynamic::UNIT, Dynamic::from)
        },
    );
}

/// Makes a message one that scripts read.
fn shown(message: &Message) -> serde_json::Value {
    let content = if message.results.is_empty() { &message.content } else { &*message.shown() };
    let mut value = serde_json::json!({ "role": message.role, "content": content });
    if !message.calls.is_empty() {
        let call = |call: &ToolCall| match &call.args {
            Ok(args) => serde_json::json!({ "tool": call.name, "args": args }),
            Err(text) => serde_json::json!({ "tool": call.name, "args": text }),
        };
        value["calls"] = message.calls.iter().map(call).collect();
    }
    value
}

fn int(number: u64) -> Dynamic {
    Dynamic::from(i64::try_from(number).unwrap_or(i64::MAX))
}

fn copies(engine: &mut Engine, host: &Rc<Inner>) {
    def(
        engine,
        "fork(branch: branch) -> branch",
        r#"
        Copies a branch with its history; the copy and the original continue independently.
        ```rhai
        let b = branch("demo/echo");
        b.communicate("The topic is electric vans.");
        let risks = b.fork();
        risks.communicate("Name the risks.");
        print(b.messages.len);
        ```
        "#,
        |branch: &mut SharedBranch| branch.borrow().fork().shared(),
    );

    def(
        engine,
        "to_map(branch: branch) -> map",
        r#"
        Converts a branch or a report to plain data.

        A branch gives `#{ model, system, name, exchanges }`. Each of the `exchanges` is
        `#{ question, answer }`, with `steps` if tools were called and `images` if there were any.
        `branch_from` restores the branch and finds its model by name.

        A report gives `#{ name, completed_operations, failed_operations, skipped_operations,
        cancelled_operations, cut_operations, operation_results, errors, metrics }`: the name of the
        graph, and what its properties are.

        Any other property of the map is an error, unless the script has added it.
        ```rhai
        let b = branch("demo/echo");
        b.communicate("Hello.");
        let saved = to_json(b.to_map());
        print(branch_from(json(saved)).messages.len);
        ```
        "#,
        |branch: &mut SharedBranch| saved::to_map(&branch.borrow()),
    );

    let inner = host.clone();
    def(
        engine,
        "branch_from(map: map) -> branch",
        r#"
        Restores a branch from a result of `to_map`.
        ```rhai
        let b = branch_from(branch("demo/echo").to_map());
        print(b.model.name);
        ```
        "#,
        move |map: Map| saved::from_map(map, |rest| create(&inner, rest)),
    );
}
