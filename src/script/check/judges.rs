//! Judges that give no score, whatever they are given, and judges that read properties of texts. The call that
//! they judge is paid when they are called.

use crate::script::check::call::{Call, call};
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes, foreign};
use crate::script::host::known_map::no_property;
use rhai::{ASTNode, Expr, Position, Stmt};
use std::collections::HashMap;

/// A mistake in a judge.
struct JudgeFault {
    code: &'static str,
    message: String,
    help: Option<String>,
    position: Position,
}

/// A judge as it stands in a call.
struct ScriptJudge {
    closure: String,
    /// Whether every answer that it gets is a text.
    judges_texts: bool,
    /// Whether the input is a text.
    has_text_input: bool,
}

impl Checker<'_> {
    /// Finds such judges.
    pub(super) fn judges(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let results = results(file, kinds);
        let held = kinds.set_once(file, closure_in);

        let mut judges: Vec<ScriptJudge> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(call) = call(path).filter(|call| !kinds.is_of_script(path, call)) {
                let function = kinds.function_of(path);
                let of_variable = |name: &str| {
                    let key = (function.to_owned(), name.to_owned());
                    held.get(&key).cloned().flatten()
                };
                judges.extend(judge(&call, (kinds, function), &results, of_variable));
            }
            true
        });

        let mut faults: Vec<JudgeFault> = Vec::new();
        for judge in &judges {
            let Some(declared) = file.functions.named(&judge.closure).next() else { continue };
            let params = declared.params();
            if let Some(result) = results.get(&judge.closure) {
                faults.extend(no_score(result, judge, params));
            }
            faults.extend(properties(file, judge, params, kinds));
        }

        for JudgeFault { code, message, help, position } in faults {
            let fault = Diagnostic::at(code, message, file.name, file.text, position);
            self.push_new(Diagnostic { help, ..fault });
        }
    }
}

/// How a function ends, as far as that says what it gives.
struct FunctionResult {
    kind: Option<ValueKind>,
    number: Option<f64>,
    variable: Option<String>,
    position: Position,
}

impl FunctionResult {
    fn of(last: &Stmt, kinds: &Kinds<'_>, function: &str) -> FunctionResult {
        let position = last.position();
        let Stmt::Expr(value) = last else {
            return FunctionResult { kind: None, number: None, variable: None, position };
        };

        let start = value.start_position();
        FunctionResult {
            kind: kinds.kind(value, function),
            number: match &**value {
                Expr::IntegerConstant(number, _) => number.to_string().parse().ok(),
                Expr::FloatConstant(number, _) => Some(**number),
                _ => None,
            },
            variable: match &**value {
                Expr::Variable(name, ..) => Some(name.1.to_string()),
                _ => None,
            },
            position: if start.is_none() { position } else { start },
        }
    }
}

/// Returns how each function of a file ends, by its name.
fn results(file: &File<'_>, kinds: &Kinds<'_>) -> HashMap<String, FunctionResult> {
    let mut results = HashMap::new();
    let mut scripts = file.ast.statements().len();
    file.ast.walk(&mut |path: &[ASTNode]| {
        let [ASTNode::Stmt(root)] = path else { return true };
        if scripts > 0 {
            scripts -= 1;
        } else if let Some(function) = file.functions.at(root.position()) {
            let result = FunctionResult::of(root, kinds, &function.name);
            results.insert(function.name.clone(), result);
        }
        true
    });
    results
}

/// Returns the judge that a call is given, if it is one that a closure is.
fn judge(
    call: &Call<'_>,
    (kinds, function): (&Kinds<'_>, &str),
    results: &HashMap<String, FunctionResult>,
    of_variable: impl Fn(&str) -> Option<String>,
) -> Option<ScriptJudge> {
    let is_run = matches!(call.expr.name.as_str(), "run" | "compare");
    if !is_run && call.expr.name != "best_of" {
        return None;
    }

    let Some(Expr::Map(options, _)) = call.expr.args.last() else { return None };
    let option = |name: &str| options.0.iter().find(|(key, _)| key.name == name);
    let closure = match &option("judge")?.1 {
        Expr::Variable(name, ..) => of_variable(&name.1)?,
        other => closure_in(other)?,
    };
    if !is_run {
        let judges_texts = option("settings").is_none();
        return Some(ScriptJudge { closure, judges_texts, has_text_input: false });
    }

    // The value before the dot may be the first argument.
    let args = call.expr.args.get(usize::from(!call.is_method)..)?;
    let gives_text = |pattern: &Expr| {
        let result = closure_in(pattern).and_then(|name| results.get(&name));
        result.is_some_and(|result| result.kind == Some(ValueKind::Data("string")))
    };
    let judges_texts = match args.get(1) {
        Some(Expr::Map(ways, _)) => ways.0.iter().all(|(_, way)| gives_text(way)),
        _ => false,
    };
    let input = args.get(2).filter(|_| args.len() > 3 && call.expr.name == "run");
    let input = input.and_then(|input| kinds.kind(input, function));
    Some(ScriptJudge {
        closure,
        judges_texts,
        has_text_input: input == Some(ValueKind::Data("string")),
    })
}

/// Looks at what a judge gives.
fn no_score(result: &FunctionResult, judge: &ScriptJudge, params: &[String]) -> Option<JudgeFault> {
    let is_answer = result.variable.is_some() && result.variable.as_ref() == params.first();
    let said = match (result.number, &result.kind) {
        (Some(number), _) if (0.0..=1.0).contains(&number) => return None,
        (Some(number), _) => format!("`{number}`"),
        (None, _) if is_answer && judge.judges_texts => {
            "the answer itself, which is a text".to_owned()
        }
        (None, Some(ValueKind::Data(word @ ("string" | "array" | "char" | "function")))) => {
            article(word)
        }
        (None, Some(ValueKind::Handle(word))) => article(word),
        (None, Some(ValueKind::List(_))) => article("array"),
        (None, _) => return None,
    };

    let help = match result.number {
        Some(_) => "divide a percentage by 100",
        None => "compare, such as `|answer, expected| same_answer(answer, expected)`",
    };
    Some(JudgeFault {
        code: codes::ARGUMENT,
        message: format!("a judge must return a number from 0 to 1, or true or false, not {said}"),
        help: Some(help.to_owned()),
        position: result.position,
    })
}

/// Finds properties that a judge reads of its answer or of the input, if that is a text.
fn properties(
    file: &File<'_>,
    judge: &ScriptJudge,
    params: &[String],
    kinds: &Kinds<'_>,
) -> Vec<JudgeFault> {
    let of_text = |name: &str| {
        let place = params.iter().position(|param| param == name);
        place == Some(0) && judge.judges_texts || place == Some(1) && judge.has_text_input
    };
    let known = kinds.properties("string");

    let mut found = Vec::new();
    for read in kinds.reads_of_unchanged(file) {
        let property = read.property.as_str();
        let is_known = known.contains(&property) || kinds.set.contains(property);
        if read.function == judge.closure && of_text(&read.variable) && !is_known {
            found.push(JudgeFault {
                code: codes::PROPERTY,
                message: no_property("a string", property),
                help: foreign::instead_of_method("string", property).map(str::to_owned),
                position: read.position,
            });
        }
    }
    found
}
