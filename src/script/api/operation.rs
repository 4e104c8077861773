//! Reading what an operation of a graph is: its kind and its options.

use super::branch;
use super::callback::{condition, read_function, work};
use super::image;
use crate::base::failure::{Failure, Kind};
use crate::base::spelling::nearest;
use crate::flow::builder::Builder;
use crate::flow::op::{
    CallArguments, CheckedPrompt, DirectCall, OnFailure, Op, OpKind, Prompt, ToolRef,
};
use crate::flow::question::TimedQuestion;
use crate::script::host::bound_fn::BoundFn;
use crate::script::host::context::Inner;
use crate::script::host::convert;
use crate::script::host::kinds::OPERATION_KINDS;
use crate::script::host::options::{KindOptions, OF_ASK, Options};
use crate::script::host::question::read_question;
use crate::session::branch::SharedBranch;
use crate::session::tool::Tool;
use rhai::{Dynamic, FnPtr, NativeCallContext};
use std::cell::RefCell;
use std::rc::Rc;

/// A named script operation.
#[derive(Clone)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) function: BoundFn,
}

/// Reads an operation from its kind and its options.
pub(super) fn read_op(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    builder: &RefCell<Builder>,
    kind: Dynamic,
    mut options: Options,
) -> Result<Op, Failure> {
    let (stem, kind) = read_kind(host, context, kind)?;

    let name = match options.text("name")? {
        Some(name) if name.is_empty() => return Err(options.wrong("name", "must not be empty")),
        Some(name) => name,
        None => builder.borrow_mut().free_name(&stem),
    };

    let mut op = Op::new(name, kind);
    op.branch = match options.take("branch") {
        None => None,
        Some(value) => {
            let found = convert::type_name(&value);
            let wrong = || options.wrong("branch", &format!("must be a branch, not a {found}"));
            Some(value.try_cast::<SharedBranch>().ok_or_else(wrong)?)
        }
    };

    op.inherit_context = options.flag("inherit_context")?;
    op.gate = options.flag("gate")?;
    op.when = read_function(host, context, &mut options, "when")?;
    op.on_failure = read_on_failure(&mut options)?;
    op.timeout = options.millis("timeout_ms")?;
    op.retries = u32::try_from(options.count("retries")?.unwrap_or(0)).unwrap_or(u32::MAX);

    fill(host, context, &mut op, &stem, options)?;
    Ok(op)
}

/// Reads what is left of the options: what the operation asks, and how.
fn fill(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    op: &mut Op,
    stem: &str,
    mut options: Options,
) -> Result<(), Failure> {
    if let OpKind::Ask(asked) = &mut op.kind {
        **asked = fill_question(&op.name, stem, options)?;
        return Ok(());
    }
    if !matches!(op.kind, OpKind::Call(_) | OpKind::Expand { .. }) {
        refuse(&mut options, stem, OF_ASK)?;
    }

    let instruction = options.text("instruction")?;
    let facts = options.value("context")?;
    let schema = options.schema()?;
    let images = image::of_operation(host, &op.kind, stem, &mut options)?;
    let missing =
        |what: &str| Failure::new(Kind::Option, format!("operation `{}` needs {what}", op.name));

    match &mut op.kind {
        OpKind::Communicate(prompt) | OpKind::Chat(prompt) => {
            refuse_foreign(&options, stem)?;
            let instruction = instruction.filter(|text| !text.is_empty());
            prompt.instruction = instruction.ok_or_else(|| missing("an `instruction`"))?;
            prompt.context = facts;
            prompt.schema = schema;
            prompt.images = images;
            prompt.settings = branch::settings("add_operation", options)?;
        }
        OpKind::Operate(checked) | OpKind::React(checked) => {
            refuse_foreign(&options, stem)?;
            **checked = branch::read_checks(host, context, &mut options)?;
            checked.tools.thinks = stem == "react";
            let instruction = instruction.filter(|text| !text.is_empty());
            let prompt = &mut checked.prompt;
            prompt.instruction = instruction.ok_or_else(|| missing("an `instruction`"))?;
            prompt.context = facts;
            prompt.schema = schema;
            prompt.images = images;
            prompt.settings = branch::settings("add_operation", options)?;
        }
        OpKind::Parse(checked) => {
            refuse_foreign(&options, stem)?;
            if facts.is_some() || instruction.is_some() {
                return Err(not_of_parse(&op.name));
            }
            checked.repairs_max = branch::read_repairs(&mut options)?;
            checked.prompt.instruction = options.text("text")?.unwrap_or_default();
            checked.prompt.schema = Some(schema.ok_or_else(|| missing("a `schema`"))?);
            checked.prompt.settings = branch::settings("add_operation", options)?;
        }
        OpKind::Act(call) => {
            if facts.is_some() || instruction.is_some() || schema.is_some() {
                return Err(not_of_act(&op.name));
            }
            **call = read_act(host, context, &mut options)?.ok_or_else(|| missing("a `tool`"))?;
            refuse_rest(options, stem)?;
        }
        OpKind::Ask(_) | OpKind::Call(_) | OpKind::Expand { .. } => {
            let unread = [
                ("instruction", instruction.is_some()),
                ("context", facts.is_some()),
                ("schema", schema.is_some()),
            ];
            refuse_of_function(&op.name, options, &unread)?;
        }
    }

    Ok(())
}

fn not_of_parse(op: &str) -> Failure {
    let message = format!(
        "operation `{op}` parses, which does not accept `instruction` and `context`; it reads `text`, or the \
         result of its first source"
    );
    Failure::new(Kind::Option, message)
}

fn not_of_act(op: &str) -> Failure {
    let message = format!(
        "operation `{op}` calls a tool, which does not accept `instruction`, `context` and `schema`; it takes \
         `tool` and `args`"
    );
    Failure::new(Kind::Option, message)
}

/// Reads which tool an operation calls, and with which arguments; `None` if it names no tool.
fn read_act(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    options: &mut Options,
) -> Result<Option<DirectCall>, Failure> {
    let Some(tool) = options.take("tool") else { return Ok(None) };
    let found = convert::type_name(&tool);

    let tool = if tool.is_string() {
        ToolRef::Name(tool.to_string())
    } else {
        let wrong =
            || options.wrong("tool", &format!("must be a tool or the name of one, not {found}"));
        ToolRef::Tool(tool.flatten().try_cast::<Rc<Tool>>().ok_or_else(wrong)?)
    };

    let args = match options.take("args") {
        None => CallArguments::Value(serde_json::json!({})),
        Some(value) if value.is_fnptr() => {
            let function = BoundFn::new(host, context, value.cast::<FnPtr>());
            CallArguments::Made(condition(function))
        }
        Some(value) => {
            let args =
                convert::to_value(&value).map_err(|reason| options.wrong("args", &reason))?;
            if !args.is_object() {
                let reason =
                    format!("must be a map or a function, `|inputs| #{{ .. }}`, not `{args}`");
                return Err(options.wrong("args", &reason));
            }
            CallArguments::Value(args)
        }
    };
    Ok(Some(DirectCall { tool, args }))
}

/// Refuses whatever is left of an operation that calls a function. Nothing would read such an option, so a
/// mistake in it would go unseen.
fn refuse_of_function(op: &str, options: Options, read: &[(&str, bool)]) -> Result<(), Failure> {
    let taken = read.iter().find(|(_, is_there)| *is_there).map(|(key, _)| (*key).to_owned());
    let left = || options.rest().keys().next().map(ToString::to_string);
    let Some(key) = taken.or_else(left) else { return Ok(()) };

    let message = format!("operation `{op}` calls a function, which does not accept `{key}`");
    Err(Failure::new(Kind::Option, message))
}

/// Refuses whatever option is left.
fn refuse_rest(options: Options, kind: &str) -> Result<(), Failure> {
    match options.rest().keys().next() {
        Some(key) => {
            let message = format!("an operation of kind `{kind}` does not accept `{key}`");
            Err(Failure::new(Kind::Option, message))
        }
        None => Ok(()),
    }
}

/// Reads what an operation asks people.
fn fill_question(name: &str, stem: &str, mut options: Options) -> Result<TimedQuestion, Failure> {
    // Operations of models call their text so.
    let text = match (options.text("question")?, options.text("instruction")?) {
        (Some(_), Some(_)) => {
            return Err(options.wrong("instruction", "cannot be combined with `question`"));
        }
        (question, instruction) => question.or(instruction),
    };
    let missing = || Failure::new(Kind::Option, format!("operation `{name}` needs a `question`"));
    let asked = read_question(&text.ok_or_else(missing)?, &mut options)?;

    let rest: Vec<String> = options.keys().map(ToString::to_string).collect();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    refuse(&mut options, stem, &rest)?;
    Ok(asked)
}

/// Refuses options that operations of this kind do not take.
fn refuse_foreign(options: &Options, kind: &str) -> Result<(), Failure> {
    let Some(known) = KindOptions::of_kind(kind) else { return Ok(()) };
    match options.keys().find(|key| !known.takes(key)) {
        Some(key) => {
            Err(options.wrong(key, &format!("an operation of kind `{kind}` does not accept it")))
        }
        None => Ok(()),
    }
}

/// Refuses options that an operation of a kind would not read, so that a mistake in them is seen.
fn refuse(options: &mut Options, kind: &str, keys: &[&str]) -> Result<(), Failure> {
    match keys.iter().find(|key| options.take(key).is_some()) {
        Some(key) => {
            Err(options.wrong(key, &format!("an operation of kind `{kind}` does not accept it")))
        }
        None => Ok(()),
    }
}

/// Reads what an operation does, and the stem of its name.
fn read_kind(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    kind: Dynamic,
) -> Result<(String, OpKind), Failure> {
    let found = convert::type_name(&kind);
    if let Some(word) = kind.read_lock::<rhai::ImmutableString>() {
        let prompt = Prompt::default();
        return match word.as_str() {
            "communicate" => Ok((word.to_string(), OpKind::Communicate(Box::new(prompt)))),
            "chat" => Ok((word.to_string(), OpKind::Chat(Box::new(prompt)))),
            "operate" => {
                Ok((word.to_string(), OpKind::Operate(Box::new(CheckedPrompt::new(prompt)))))
            }
            "react" => Ok((word.to_string(), OpKind::React(Box::new(CheckedPrompt::new(prompt))))),
            "act" => {
                let tool = ToolRef::Name(String::new());
                let args = CallArguments::Value(serde_json::Value::Null);
                Ok((word.to_string(), OpKind::Act(Box::new(DirectCall { tool, args }))))
            }
            "parse" => Ok((word.to_string(), OpKind::Parse(Box::new(CheckedPrompt::new(prompt))))),
            "ask" => Ok((word.to_string(), OpKind::Ask(Box::default()))),
            other => {
                let near = nearest(other, OPERATION_KINDS.iter().copied());
                let known = || {
                    let known: Vec<String> =
                        OPERATION_KINDS.iter().map(|kind| format!("`{kind}`")).collect();
                    format!("there are {}", known.join(", "))
                };
                let help = near.map_or_else(known, |near| format!("did you mean `{near}`?"));
                Err(Failure::new(Kind::Option, format!("unknown operation `{other}`; {help}")))
            }
        };
    }

    if kind.is_fnptr() {
        let function = BoundFn::new(host, context, kind.cast::<FnPtr>());
        return Ok(("call".to_owned(), OpKind::Call(work(function))));
    }

    let wrong = || {
        Failure::new(
            Kind::Option,
            format!("an operation must be a kind or a function, not a {found}"),
        )
    };
    let operation = kind.try_cast::<Operation>().ok_or_else(wrong)?;
    Ok((operation.name, OpKind::Call(work(operation.function))))
}

/// Reads what a failure means.
pub(super) fn read_on_failure(options: &mut Options) -> Result<Option<OnFailure>, Failure> {
    Ok(match options.word("on_failure")?.as_deref() {
        Some("skip") => Some(OnFailure::Skip),
        Some("stop") => Some(OnFailure::Stop),
        Some("continue") => Some(OnFailure::Continue),
        _ => None,
    })
}
