//! Calls of tools, and of models that may call them, which fail before they ask anybody: arguments that a tool does
//! not take, `react` without tools, and the choice of a tool that is not offered.

use crate::schema;
use crate::script::check::call::{Call, call, receiver};
use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::reach::CallReach;
use crate::script::check::tools::literal;
use crate::script::diagnostic::suggestion::suggest;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::{convert, options};
use crate::session::tool::arguments_schema;
use rhai::{ASTNode, Expr, FnCallExpr, Position};
use serde_json::Value;
use std::collections::HashMap;

/// What `tool_choice` may be beside the name of a tool.
const CHOICES: &[&str] = &["auto", "none", "required"];

/// A tool that a script makes, as far as it is written out.
#[derive(Clone)]
struct WrittenTool {
    name: String,
    schema: Option<Value>,
}

impl WrittenTool {
    /// Reads the call of `tool` that makes it.
    fn of(expr: &Expr) -> Option<WrittenTool> {
        let Expr::FnCall(call, _) = expr else { return None };
        match call.args.first()? {
            Expr::StringConstant(name, _) if call.name == "tool" && !call.is_qualified() => {
                let schema = call.args.get(2).and_then(literal);
                let schema = schema.and_then(|schema| arguments_schema(name, schema).ok());
                Some(WrittenTool { name: name.to_string(), schema })
            }
            _ => None,
        }
    }
}

/// What the variables of a script hold that are set once.
struct HeldTools<'a> {
    kinds: &'a Kinds<'a>,
    tools: HashMap<(String, String), Option<WrittenTool>>,
    /// The variables that hold branches without tools.
    bare: HashMap<(String, String), Option<()>>,
}

impl<'a> HeldTools<'a> {
    fn of(file: &File<'_>, kinds: &'a Kinds<'a>) -> HeldTools<'a> {
        HeldTools {
            kinds,
            tools: kinds.set_once(file, WrittenTool::of),
            bare: kinds.set_once(file, |expr| is_bare(expr).then_some(())),
        }
    }

    /// Returns the tool that an expression is.
    fn tool(&self, expr: &Expr, function: &str) -> Option<WrittenTool> {
        self.held(&self.tools, expr, function, "tool").or_else(|| WrittenTool::of(expr))
    }

    /// Tells whether an expression is a branch that certainly has no tools.
    fn is_bare(&self, expr: &Expr, function: &str) -> bool {
        is_bare(expr) || self.held(&self.bare, expr, function, "branch").is_some()
    }

    fn held<T: Clone>(
        &self,
        held: &HashMap<(String, String), Option<T>>,
        expr: &Expr,
        function: &str,
        kind: &str,
    ) -> Option<T> {
        let Expr::Variable(name, ..) = expr else { return None };
        // A loop or a parameter of the same name would make the kind uncertain.
        let is_kind = self.kinds.kind(expr, function).is_some_and(|known| known.word() == kind);
        let key = (function.to_owned(), name.1.to_string());
        held.get(&key).filter(|_| is_kind)?.clone()
    }
}

/// Tells whether an expression makes a branch without tools.
fn is_bare(expr: &Expr) -> bool {
    let Expr::FnCall(call, _) = expr else { return false };
    let has_none = |argument: &Expr| match argument {
        Expr::StringConstant(..) => true,
        Expr::Map(options, _) => options.0.iter().all(|(key, _)| key.name != "tools"),
        _ => false,
    };
    call.name == "branch" && !call.is_qualified() && call.args.iter().all(has_none)
}

/// Something that fails: what is wrong, what to write, and where.
struct FailingCall {
    code: &'static str,
    message: String,
    help: Option<String>,
    position: Position,
}

impl Checker<'_> {
    /// Finds calls of tools that fail before anybody is asked.
    pub(super) fn tool_calls(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        if ["branch", "tool"].iter().any(|word| file.functions.has(word)) {
            return;
        }

        let held = HeldTools::of(file, kinds);
        let reach = CallReach::of(file);
        let mut faults: Vec<Diagnostic> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(call) = call(path)
                && !kinds.is_of_script(path, &call)
                && let Some(found) = held.failing(path, &call)
            {
                let FailingCall { code, message, help, position } = found;
                let start = if position.is_none() { call.position } else { position };
                let fault = Diagnostic::at(code, message, file.name, file.text, start);
                let fault = Diagnostic { help, ..fault };
                faults.push(if reach.is_certain(path) { fault } else { fault.warning() });
            }
            true
        });

        for fault in faults {
            self.push_new(fault);
        }
    }
}

impl HeldTools<'_> {
    /// Finds what is wrong with a call.
    fn failing(&self, path: &[ASTNode<'_>], call: &Call<'_>) -> Option<FailingCall> {
        let function = self.kinds.function_of(path);
        let before = if call.is_method { Some(receiver(path)?) } else { None };
        let mut args: Vec<&Expr> = before.into_iter().collect();
        args.extend(call.expr.args.iter());

        match (call.expr.name.as_str(), args.as_slice()) {
            ("act", [_, tool, given]) => {
                HeldTools::wrong_arguments(&self.tool(tool, function)?, given)
            }
            ("react", [branch, _, rest @ ..]) => {
                let has_none = match rest {
                    [] => true,
                    // What nobody knows may be the one that is missing, misspelt, and is named already.
                    [Expr::Map(given, _)] => {
                        let known = options::known("react").unwrap_or_default();
                        let is_other = |key: &str| key != "tools" && known.contains(&key);
                        given.0.iter().all(|(key, _)| is_other(&key.name))
                    }
                    _ => false,
                };
                let is_bare = has_none && self.is_bare(branch, function);
                let choice = || self.wrong_choice(call.expr, function);
                if is_bare { Some(without_tools(call.position)) } else { choice() }
            }
            ("add_operation" | "add_aggregation" | "operate", _) => {
                self.wrong_choice(call.expr, function)
            }
            _ => None,
        }
    }

    /// Finds arguments that a tool does not take.
    fn wrong_arguments(tool: &WrittenTool, given: &Expr) -> Option<FailingCall> {
        let Expr::Map(map, place) = given else { return None };
        let schema = tool.schema.as_ref()?;
        let name = &tool.name;
        let wrong = |reason: String| {
            let message = format!("the arguments of `{name}` do not match its schema: {reason}");
            FailingCall { code: codes::TOOL, message, help: None, position: *place }
        };

        let required = schema["required"].as_array().into_iter().flatten();
        let is_there = |key: &str| map.0.iter().any(|(known, _)| known.name == key);
        if let Some(key) = required.filter_map(Value::as_str).find(|key| !is_there(key)) {
            return Some(wrong(format!("\"{key}\" is a required property")));
        }

        let written = given.get_literal_value(None).filter(|value| !value.is_unit())?;
        let unfit = schema::fit(convert::to_value(&written).ok()?, schema).err()?;
        let each: Vec<String> = unfit.problems().iter().map(ToString::to_string).collect();
        Some(wrong(each.join("; ")))
    }

    /// Finds the choice of a tool that is not among those that the same options offer.
    fn wrong_choice(&self, call: &FnCallExpr, function: &str) -> Option<FailingCall> {
        let Expr::Map(options, _) = call.args.last()? else { return None };
        let option =
            |name: &str| options.0.iter().find(|(key, _)| key.name == name).map(|(_, value)| value);
        let Some(Expr::StringConstant(choice, position)) = option("tool_choice") else {
            return None;
        };
        let Some(Expr::Array(items, _)) = option("tools") else { return None };

        let names: Option<Vec<String>> =
            items.iter().map(|item| Some(self.tool(item, function)?.name)).collect();
        let names = names?;
        let choice = choice.as_str();
        if CHOICES.contains(&choice) || names.iter().any(|name| name == choice) {
            return None;
        }

        let message = format!(
            "option `tool_choice` of `{}`: must be \"auto\", \"required\", \"none\" or the name of a tool, not \
             \"{choice}\"",
            call.name
        );
        let help = match suggest(choice, names.iter().map(String::as_str)) {
            Some(near) => near.help,
            None => format!("it offers: {}", names.join(", ")),
        };
        let position = *position;
        Some(FailingCall { code: codes::ARGUMENT, message, help: Some(help), position })
    }
}

fn without_tools(position: Position) -> FailingCall {
    FailingCall {
        code: codes::OPTION,
        message: "`react` needs tools, and this branch has none".to_owned(),
        help: Some("pass `#{ tools: [..] }`, or ask without tools by `operate`".to_owned()),
        position,
    }
}
