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
use rhai::{ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::HashMap;

/// Words that make a judge, which is a function of the answer.
pub(super) const MAKING: &[&str] =
    &["exact_match", "judged_by", "mentions", "numeric_close", "one_of"];

/// A mistake in a judge.
struct JudgeFault {
    code: &'static str,
    message: String,
    help: Option<String>,
    position: Position,
    /// Whether it shows whatever the judge is given.
    is_certain: bool,
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
            let given = results.get(&judge.closure).into_iter().flatten();
            faults.extend(given.filter_map(|result| no_score(result, judge, params)));
            faults.extend(properties(file, judge, params, kinds));
        }

        for JudgeFault { code, message, help, position, is_certain } in faults {
            let fault = Diagnostic::at(code, message, file.name, file.text, position);
            let fault = Diagnostic { help, ..fault };
            self.push_new(if is_certain { fault } else { fault.warning() });
        }
    }
}

/// A value that a function may give, as far as it is known.
pub(super) struct FunctionResult {
    pub(super) kind: Option<ValueKind>,
    number: Option<f64>,
    variable: Option<String>,
    /// The word that made it, if it is a judge that was not called.
    made_by: Option<String>,
    pub(super) position: Position,
    /// Whether it is nothing: `()`, or that of a condition which does not hold and has no `else`.
    pub(super) is_nothing: bool,
}

/// Reads the values that functions give.
struct ResultReader<'a> {
    kinds: &'a Kinds<'a>,
    function: &'a str,
    results: Vec<FunctionResult>,
}

impl ResultReader<'_> {
    /// Notes what a statement gives, if it is the last one.
    fn end(&mut self, last: &Stmt) {
        match last {
            Stmt::Return(_, flags, _) if flags.contains(ASTFlags::BREAK) => {}
            Stmt::Expr(value) | Stmt::Return(Some(value), ..) => self.value(value),
            Stmt::FnCall(call, position) => {
                let made_by = self.made_by(call);
                self.add(FunctionResult { made_by, ..unknown(*position) });
            }

            Stmt::Block(block) => self.block(block.statements()),
            Stmt::If(flow, position) => {
                self.block(flow.body.statements());
                if flow.branch.statements().is_empty() {
                    self.add(FunctionResult { is_nothing: true, ..unknown(*position) });
                } else {
                    self.block(flow.branch.statements());
                }
            }
            Stmt::TryCatch(flow, _) => {
                self.block(flow.body.statements());
                self.block(flow.branch.statements());
            }
            Stmt::Switch(cases, _) => {
                cases.1.expressions.iter().for_each(|case| self.value(&case.rhs));
            }
            other => self.add(unknown(other.position())),
        }
    }

    fn block(&mut self, statements: &[Stmt]) {
        match statements.last() {
            // What has returned or thrown gives nothing to the block.
            Some(Stmt::Return(..)) => {}
            Some(last) => self.end(last),
            None => self.add(unknown(Position::NONE)),
        }
    }

    fn value(&mut self, value: &Expr) {
        if let Expr::Stmt(block) = value
            && closure_in(value).is_none()
        {
            return self.block(block.statements());
        }

        let start = value.start_position();
        let position = if start.is_none() { value.position() } else { start };
        let made_by = match value {
            Expr::FnCall(call, _) => self.made_by(call),
            _ => None,
        };
        self.add(FunctionResult {
            kind: self.kinds.kind(value, self.function),
            number: match value {
                Expr::IntegerConstant(number, _) => number.to_string().parse().ok(),
                Expr::FloatConstant(number, _) => Some(**number),
                _ => None,
            },
            variable: match value {
                Expr::Variable(name, ..) => Some(name.1.to_string()),
                _ => None,
            },
            made_by,
            position,
            is_nothing: matches!(value, Expr::Unit(_)),
        });
    }

    fn made_by(&self, call: &FnCallExpr) -> Option<String> {
        let name = call.name.as_str();
        let is_maker =
            !call.is_qualified() && MAKING.contains(&name) && !self.kinds.forms.is_of_script(name);
        is_maker.then(|| name.to_owned())
    }

    fn add(&mut self, result: FunctionResult) {
        self.results.push(result);
    }
}

fn unknown(position: Position) -> FunctionResult {
    FunctionResult {
        kind: None,
        number: None,
        variable: None,
        made_by: None,
        position,
        is_nothing: false,
    }
}

/// Returns what each function of a file may give, by its name.
pub(super) fn results(file: &File<'_>, kinds: &Kinds<'_>) -> HashMap<String, Vec<FunctionResult>> {
    let mut ends: HashMap<String, Vec<FunctionResult>> = HashMap::new();
    let mut returned: HashMap<String, Vec<FunctionResult>> = HashMap::new();
    let mut scripts = file.ast.statements().len();

    file.ast.walk(&mut |path: &[ASTNode]| {
        let Some(ASTNode::Stmt(root)) = path.first() else { return true };
        let is_root = path.len() == 1;
        if is_root && scripts > 0 {
            scripts -= 1;
            return true;
        }

        let Some(function) = file.functions.at(root.position()) else { return true };
        let read = |statement: &Stmt| {
            let mut reader = ResultReader { kinds, function: &function.name, results: Vec::new() };
            reader.end(statement);
            reader.results
        };
        if is_root {
            ends.insert(function.name.clone(), read(root));
        }
        if let Some(ASTNode::Stmt(statement @ Stmt::Return(Some(_), flags, _))) = path.last()
            && !is_root
            && !flags.contains(ASTFlags::BREAK)
        {
            returned.entry(function.name.clone()).or_default().extend(read(statement));
        }
        true
    });

    for (function, results) in returned {
        ends.entry(function).or_default().extend(results);
    }
    ends
}

/// Returns the judge that a call is given, if it is one that a closure is.
fn judge(
    call: &Call<'_>,
    (kinds, function): (&Kinds<'_>, &str),
    results: &HashMap<String, Vec<FunctionResult>>,
    of_variable: impl Fn(&str) -> Option<String>,
) -> Option<ScriptJudge> {
    let is_run = matches!(call.expr.name.as_str(), "run" | "compare");
    if !is_run && !matches!(call.expr.name.as_str(), "best_of" | "evolve") {
        return None;
    }

    let Some(Expr::Map(options, _)) = call.expr.args.last() else { return None };
    let option = |name: &str| options.0.iter().find(|(key, _)| key.name == name);
    let closure = match &option("judge")?.1 {
        Expr::Variable(name, ..) => of_variable(&name.1)?,
        other => closure_in(other)?,
    };
    if !is_run {
        let judges_texts = call.expr.name == "best_of" && option("settings").is_none();
        return Some(ScriptJudge { closure, judges_texts, has_text_input: false });
    }

    // The value before the dot may be the first argument.
    let args = call.expr.args.get(usize::from(!call.is_method)..)?;
    let gives_text = |pattern: &Expr| {
        let given = closure_in(pattern).and_then(|name| results.get(&name));
        let is_text = |one: &FunctionResult| one.kind == Some(ValueKind::Data("string"));
        given.is_some_and(|given| !given.is_empty() && given.iter().all(is_text))
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
    if let Some(word) = &result.made_by {
        let answer = params.first().map_or("answer", String::as_str);
        return Some(JudgeFault {
            code: codes::ARGUMENT,
            message: format!("`{word}` makes a judge, which this function returns uncalled"),
            help: Some(format!("write `{word}(..).call({answer})`, or `judge: {word}(..)`")),
            position: result.position,
            is_certain: true,
        });
    }

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
        (None, _) if result.is_nothing => "nothing".to_owned(),
        (None, Some(ValueKind::Handle(word))) => article(word),
        (None, Some(ValueKind::List(_))) => article("array"),
        (None, _) => return None,
    };

    let help = match result.number {
        Some(_) => "divide a percentage by 100",
        None if result.is_nothing => "write an `else` with a number, such as 0",
        None => "compare, such as `|answer, expected| same_answer(answer, expected)`",
    };
    Some(JudgeFault {
        code: codes::ARGUMENT,
        message: format!("a judge must return a number from 0 to 1, or true or false, not {said}"),
        help: Some(help.to_owned()),
        position: result.position,
        is_certain: !result.is_nothing,
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
                is_certain: true,
            });
        }
    }
    found
}
