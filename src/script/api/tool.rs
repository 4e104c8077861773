//! `tool`, `act` and the tools of a branch.

use super::define::def;
use super::question::put;
use crate::base::failure::{Failure, Kind};
use crate::base::spelling::nearest;
use crate::executor::question::BranchQuestion;
use crate::script::host::bound_fn::BoundFn;
use crate::script::host::context::Inner;
use crate::script::host::convert;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::options::Options;
use crate::script::host::tasks::Task;
use crate::session::branch::SharedBranch;
use crate::session::tool;
use crate::session::tool::{
    Approval, Approver, CallContext, Effects, NeedsApproval, RESULT_MAX, Runner, TIMEOUT, Tool,
    ToolOutput, arguments_schema, check_name, check_names,
};
use rhai::{Array, Dynamic, Engine, FnPtr, Map, NativeCallContext};
use serde_json::json;
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    creation(engine, host);
    properties(engine);
    calls(engine, host);
}

fn creation(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "tool(name: string, description: string, schema: any, function: function) -> tool",
        r#"
        Turns a function into a tool that models can call in `operate` and `react`. The description
        tells the model what the tool does. The schema (in any form that `schema` accepts) describes its
        arguments as an object. The function is called as `|args|` or `|args, info|`: `args` is a map
        that matches the schema; `info` is `#{ id, key, step }`, where `key` stays the same when the run
        is resumed and is different in every new run. Options: `effects` ("write", or "read" for a tool
        without lasting effect, which may run concurrently with others), `approve` (true, or `|args|`
        that returns true, if a person must approve the call first; `--approve=NAME` does so
        beforehand), `timeout_ms` (60 s), `max_result` (maximum number of bytes of a result that the
        model sees, 16384).
        ```rhai
        let add = tool("add", "Adds two whole numbers.", "a: integer, b: integer", |x| x.a + x.b);
        print(branch("demo/echo").act(add, #{ a: 1, b: 2 }));
        ```
        "#,
        move |context: NativeCallContext,
              name: &str,
              description: &str,
              schema: Dynamic,
              function: FnPtr| {
            make(&inner, &context, (name, description), &schema, function, Map::new())
                .map_err(|failure| throw(&failure))
        },
    );

    let inner = host.clone();
    def(
        engine,
        "tool(name: string, description: string, schema: any, function: function, options: map) -> tool",
        "",
        move |context: NativeCallContext,
              name: &str,
              description: &str,
              schema: Dynamic,
              function: FnPtr,
              map: Map| {
            make(&inner, &context, (name, description), &schema, function, map)
                .map_err(|failure| throw(&failure))
        },
    );
}

fn make(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    (name, description): (&str, &str),
    schema: &Dynamic,
    function: FnPtr,
    map: Map,
) -> Result<Rc<Tool>, Failure> {
    let refused = |reason: String| Failure::new(Kind::Option, reason);
    check_name(name, description).map_err(|fault| refused(fault.to_string()))?;

    let schema = convert::to_value(schema).and_then(tool::written);
    let schema =
        schema.map_err(|reason| refused(format!("the schema of tool `{name}`: {reason}")))?;
    let schema = arguments_schema(name, schema).map_err(|fault| refused(fault.to_string()))?;

    let mut options = Options::of("tool", map)?;
    let effects = read_effects(&mut options)?;
    let approval = read_approval(host, context, &mut options)?;
    let timeout = options.millis("timeout_ms")?.unwrap_or(TIMEOUT);
    let result_max = options.count("max_result")?;

    Ok(Rc::new(Tool {
        name: name.to_owned(),
        description: description.trim().to_owned(),
        schema: schema.into(),
        effects,
        approval,
        timeout,
        result_max: result_max
            .map_or(RESULT_MAX, |most| usize::try_from(most).unwrap_or(usize::MAX)),
        run: runner(BoundFn::new(host, context, function)),
    }))
}

fn read_effects(options: &mut Options) -> Result<Effects, Failure> {
    let effects = options.word("effects")?.and_then(|word| Effects::of(&word));
    Ok(effects.unwrap_or(Effects::Write))
}

/// Reads whether a person has to agree: always, or where a function says so.
fn read_approval(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    options: &mut Options,
) -> Result<Option<Approval>, Failure> {
    let Some(value) = options.take("approve") else { return Ok(None) };
    let ask = approver(host);

    if let Ok(is_needed) = value.as_bool() {
        return Ok(is_needed.then_some(Approval { when: None, ask }));
    }

    let found = convert::type_name(&value);
    let wrong = || {
        options.wrong("approve", &format!("must be true or a function, `|args| ..`, not {found}"))
    };
    let function = value.try_cast::<FnPtr>().ok_or_else(wrong)?;
    let when = Some(needs_approval(BoundFn::new(host, context, function)));
    Ok(Some(Approval { when, ask }))
}

/// Makes the way to ask a person whether a tool may be called.
pub(super) fn approver(host: &Rc<Inner>) -> Approver {
    let permissions = host.with.permissions.clone();
    Rc::new(move |tool, args| {
        let permissions = permissions.clone();
        Box::pin(async move { permissions.demand_approval(&tool, &args).await })
    })
}

fn needs_approval(function: BoundFn) -> NeedsApproval {
    Rc::new(move |args, scope| {
        let function = function.clone();
        Box::pin(async move {
            let said = function.call(Task::of(scope), vec![convert::from_value(args)]).await;
            let said = function.value(said)?;
            said.as_bool().ok_or_else(|| {
                let shown = if said.is_null() { "()".to_owned() } else { said.to_string() };
                let message =
                    format!("`approve` of a tool must return true or false, not `{shown}`");
                Failure::new(Kind::Script, message)
            })
        })
    })
}

/// Makes a function of the script the work of a tool.
fn runner(function: BoundFn) -> Runner {
    Rc::new(move |args, call| {
        let function = function.clone();
        Box::pin(async move {
            let CallContext { scope, id, key, step, deed: _ } = call;
            let info = convert::from_value(json!({ "id": id, "key": key, "step": step }));
            let arguments = vec![convert::from_value(args), info];
            let result = function.call(Task::of(scope), arguments).await;
            function.value(result).map(ToolOutput::from)
        })
    })
}

fn properties(engine: &mut Engine) {
    def(engine, "get name(tool: tool) -> string", "", |tool: &mut Rc<Tool>| tool.name.clone());

    def(
        engine,
        "get description(tool: tool) -> string",
        r#"
        The description of a tool, which tells the model what it does.
        ```rhai
        let now = tool("clock", "Says how late it is.", #{}, || "noon");
        print(now.description);
        ```
        "#,
        |tool: &mut Rc<Tool>| tool.description.clone(),
    );

    def(
        engine,
        "get schema(tool: tool) -> map",
        r#"
        The JSON schema of the arguments of a tool.
        ```rhai
        let add = tool("add", "Adds two whole numbers.", "a: integer, b: integer", |x| x.a + x.b);
        print(add.schema.required);
        ```
        "#,
        |tool: &mut Rc<Tool>| convert::from_value((*tool.schema).clone()),
    );

    def(
        engine,
        "get effects(tool: tool) -> string",
        r#"
        The effects of a tool: "write" if it may have a lasting effect, "read" if it has none.
        ```rhai
        let clock = tool("clock", "Says how late it is.", #{}, || "noon", #{ effects: "read" });
        print(clock.effects);
        ```
        "#,
        |tool: &mut Rc<Tool>| tool.effects.word(),
    );

    def(
        engine,
        "get tools(branch: branch) -> array",
        r#"
        The tools of a branch, which its `operate` and `react` offer unless their options name others.
        ```rhai
        let add = tool("add", "Adds two whole numbers.", "a: integer, b: integer", |x| x.a + x.b);
        print(branch(#{ model: "demo/echo", tools: [add] }).tools.map(|t| t.name));
        ```
        "#,
        |branch: &mut SharedBranch| -> Array {
            branch.borrow().tools.iter().map(|tool| Dynamic::from(tool.clone())).collect()
        },
    );
}

fn calls(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "act(branch: branch, tool: tool, arguments: map) -> any",
        r#"
        Calls a tool without calling a model, and returns its result. Pass a tool, or the name of one
        of the branch's tools. The arguments are checked against the schema, and the call is approved
        and journaled like one that a model requests. If the tool fails, `#{ kind: "tool", tool, args,
        cause }` is thrown.
        ```rhai
        let add = tool("add", "Adds two whole numbers.", "a: integer, b: integer", |x| x.a + x.b);
        let b = branch(#{ model: "demo/echo", tools: [add] });
        print(b.act("add", #{ a: 17, b: "25" }));
        print(attempt(|| b.act("add", #{ a: 17 })).error.problems);
        ```
        "#,
        move |branch: &mut SharedBranch, tool: Rc<Tool>, arguments: Map| {
            act(&inner, branch, &tool, arguments)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "act(branch: branch, tool: string, arguments: map) -> any",
        "",
        move |branch: &mut SharedBranch, name: &str, arguments: Map| {
            let tool = of_branch(branch, name).map_err(|failure| throw(&failure))?;
            act(&inner, branch, &tool, arguments)
        },
    );
}

fn act(
    host: &Rc<Inner>,
    branch: &SharedBranch,
    tool: &Rc<Tool>,
    arguments: Map,
) -> Result<Dynamic, EvalError> {
    let args = convert::to_value(&Dynamic::from(arguments)).map_err(|reason| {
        throw_new(Kind::Option, format!("the arguments of tool `{}`: {reason}", tool.name))
    })?;
    put(host, branch, "act", BranchQuestion::Act(tool, &args))
}

/// Finds a tool of a branch by its name.
pub(super) fn of_branch(branch: &SharedBranch, name: &str) -> Result<Rc<Tool>, Failure> {
    let branch = branch.borrow();
    if let Some(tool) = branch.tools.iter().find(|tool| tool.name == name) {
        return Ok(tool.clone());
    }

    let names = || branch.tools.iter().map(|tool| tool.name.as_str());
    let help = match nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if branch.tools.is_empty() => {
            "it has none; create it with `branch(#{ tools: [..] })`".to_owned()
        }
        None => format!("it has: {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(Failure::new(Kind::Option, format!("the branch has no tool `{name}`; {help}")))
}

/// Reads a list of tools.
pub(super) fn read_tools(options: &mut Options) -> Result<Option<Vec<Rc<Tool>>>, Failure> {
    let Some(value) = options.take("tools") else { return Ok(None) };
    let found = convert::type_name(&value);
    let wrong = |what: &str| {
        options.wrong("tools", &format!("must be a list of tools, `[tool(..)]`, not {what}"))
    };

    let list = value.try_cast::<Array>().ok_or_else(|| wrong(found))?;
    let mut tools = Vec::with_capacity(list.len());
    for item in list {
        let found = convert::type_name(&item);
        let tool = item.flatten().try_cast::<Rc<Tool>>();
        tools.push(tool.ok_or_else(|| wrong(&format!("a list with {found}")))?);
    }

    let names = tools.iter().map(|tool: &Rc<Tool>| tool.name.as_str());
    check_names(names).map_err(|fault| options.wrong("tools", &fault.to_string()))?;
    Ok(Some(tools))
}
