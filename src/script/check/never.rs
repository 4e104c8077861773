//! Comparisons with a value that kaizen's own values never have: `success_rate > 95`, `verdict == "win"`,
//! `exact_match("a") == 1`, `list.contains(|x| ..)`.

use crate::base::failure::Kind;
use crate::base::spelling::nearest;
use crate::script::check::call::call;
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::judges::MAKING;
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::shape;
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::{HashMap, HashSet};

/// Properties that are parts of a whole: numbers from 0 to 1.
const PARTS: &[&str] = &["probability", "quality", "score", "success_rate"];
/// The property that says what a comparison found, and its words.
const VERDICT: &str = "verdict";
const VERDICTS: &[&str] = &["better", "same", "open"];
/// The property of an error that names its kind.
const KIND: &str = "kind";

/// A comparison that never holds, or always.
struct NeverEqual {
    position: Position,
    message: String,
    help: String,
    is_certain: bool,
}

impl Checker<'_> {
    /// Finds such comparisons.
    pub(super) fn never(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let texts = SeenTexts::of(file);
        let mut found: Vec<NeverEqual> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let function = kinds.function_of(path);
            if let Some(
                ASTNode::Expr(Expr::FnCall(call, position))
                | ASTNode::Stmt(Stmt::FnCall(call, position)),
            ) = path.last()
                && let [left, right] = call.args.as_slice()
                && let Some(sign) = ComparingSign::of(call)
            {
                let start = left.start_position();
                let place = if position.is_none() { start } else { *position };
                let compared =
                    ComparedPair { kinds, function, texts: &texts, sign, position: place };
                found.extend(compared.fault(left, right, false));
                found.extend(compared.fault(right, left, true));
            }
            found.extend(contained_closure(path, kinds));
            true
        });

        for NeverEqual { position, message, help, is_certain } in found {
            let fault =
                Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position).silent();
            let fault = if is_certain { fault } else { fault.warning() };
            self.push_new(Diagnostic { help: Some(help), ..fault });
        }
    }
}

/// An operator that compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ComparingSign {
    Equal,
    Unequal,
    Less,
    Greater,
}

impl ComparingSign {
    fn of(call: &FnCallExpr) -> Option<ComparingSign> {
        match call.name.as_str() {
            "==" => Some(ComparingSign::Equal),
            "!=" => Some(ComparingSign::Unequal),
            "<" | "<=" => Some(ComparingSign::Less),
            ">" | ">=" => Some(ComparingSign::Greater),
            _ => None,
        }
    }

    /// Tells what it gives between a value and one that is above it, or another one.
    fn always(self, is_turned: bool) -> bool {
        match self {
            ComparingSign::Equal => false,
            ComparingSign::Unequal => true,
            ComparingSign::Less => !is_turned,
            ComparingSign::Greater => is_turned,
        }
    }

    fn is_order(self) -> bool {
        matches!(self, ComparingSign::Less | ComparingSign::Greater)
    }
}

/// A comparison as it stands in a script.
struct ComparedPair<'a> {
    kinds: &'a Kinds<'a>,
    function: &'a str,
    texts: &'a SeenTexts,
    sign: ComparingSign,
    position: Position,
}

impl ComparedPair<'_> {
    /// Looks at a value and a literal; `is_turned` if the literal stands first.
    fn fault(&self, value: &Expr, literal: &Expr, is_turned: bool) -> Option<NeverEqual> {
        self.judge(value, literal)
            .or_else(|| self.part(value, number(literal)?, is_turned))
            .or_else(|| match literal {
                Expr::StringConstant(text, _) if !self.sign.is_order() => self.word(value, text),
                _ => None,
            })
    }

    /// Looks at a judge that is compared in the place of its score.
    fn judge(&self, value: &Expr, other: &Expr) -> Option<NeverEqual> {
        let Expr::FnCall(call, _) = value else { return None };
        let word = call.name.as_str();
        let is_maker =
            !call.is_qualified() && MAKING.contains(&word) && !self.kinds.forms.is_of_script(word);
        let is_data = matches!(
            other,
            Expr::IntegerConstant(..)
                | Expr::FloatConstant(..)
                | Expr::BoolConstant(..)
                | Expr::StringConstant(..)
        );
        (is_maker && is_data).then(|| NeverEqual {
            position: self.position,
            message: format!("`{word}` makes a judge, which is a function and equals no value"),
            help: format!("write `{word}(..).call(answer)` for the score of an answer"),
            is_certain: true,
        })
    }

    /// Looks at a part of a whole that is compared with a number above 1.
    fn part(&self, value: &Expr, number: f64, is_turned: bool) -> Option<NeverEqual> {
        let (of, name) = self.kinds.property_of(value, self.function)?;
        let is_part = matches!(of, ValueKind::Map(_)) && PARTS.contains(&name);
        if !is_part || number <= 1.0 {
            return None;
        }

        let help = if number <= 10.0 {
            format!("write `{}` for {number} of 10", number / 10.0)
        } else if number <= 100.0 {
            format!("write `{}` for {number} percent", number / 100.0)
        } else {
            "compare it with a number from 0 to 1".to_owned()
        };
        let always = self.sign.always(is_turned);
        Some(NeverEqual {
            position: self.position,
            message: format!("`{name}` is a number from 0 to 1, so this is always {always}"),
            help,
            is_certain: false,
        })
    }

    /// Looks at a property that is compared with a text which it never is.
    fn word(&self, value: &Expr, text: &str) -> Option<NeverEqual> {
        let Some((of, name)) = self.kinds.property_of(value, self.function) else {
            return self.caught(value, text);
        };
        let words: Vec<&str> = match &of {
            ValueKind::Map(of) if std::ptr::eq(*of, &raw const shape::ERROR) && name == KIND => {
                return self.kind(text);
            }
            ValueKind::Map(of)
                if std::ptr::eq(*of, &raw const shape::COMPARISON) && name == VERDICT =>
            {
                VERDICTS.to_vec()
            }
            // What the script sets there is its own.
            ValueKind::Answer(_) if self.kinds.set.contains(name) => return None,
            ValueKind::Answer(fields) => {
                let field = fields.iter().find(|field| field.name == name)?;
                field.words.as_ref()?.iter().map(String::as_str).collect()
            }
            _ => return None,
        };
        if words.contains(&text) {
            return None;
        }

        let is_answer = matches!(of, ValueKind::Answer(_));
        let all = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        let always = self.sign.always(false);
        Some(NeverEqual {
            position: self.position,
            message: format!("`{name}` is never \"{text}\", so this is always {always}"),
            help: match nearest(text, words.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("it is one of {all}"),
            },
            // A model may answer anything where no schema is enforced.
            is_certain: !is_answer,
        })
    }

    /// Looks at the kind of the error that a `catch` names.
    fn caught(&self, value: &Expr, text: &str) -> Option<NeverEqual> {
        let Expr::Dot(pair, ..) = value else { return None };
        match (&pair.lhs, &pair.rhs) {
            (Expr::Variable(name, ..), Expr::Property(property, _)) if property.2 == KIND => {
                self.texts.caught.contains(name.1.as_str()).then(|| self.kind(text)).flatten()
            }
            _ => None,
        }
    }

    /// Looks at a kind of failures that is nearly one of kaizen's. A script may throw kinds of its own.
    fn kind(&self, text: &str) -> Option<NeverEqual> {
        let known = || Kind::ALL.iter().map(Kind::word);
        // A file that is imported may throw it.
        let is_own =
            self.texts.has_imports || self.texts.counted.get(text).is_some_and(|count| *count > 1);
        if is_own || known().any(|word| word == text) {
            return None;
        }

        let near = nearest(text, known())?;
        Some(NeverEqual {
            position: self.position,
            message: format!("kaizen has no kind of failure `{text}`"),
            help: format!("did you mean \"{near}\"?"),
            is_certain: false,
        })
    }
}

/// What a text says of its own texts and errors.
#[derive(Default)]
struct SeenTexts {
    /// How often each literal text stands in it.
    counted: HashMap<String, usize>,
    /// The variables that errors are caught as, and nothing else.
    caught: HashSet<String>,
    /// Whether it imports other files.
    has_imports: bool,
}

impl SeenTexts {
    fn of(file: &File<'_>) -> SeenTexts {
        let mut seen = SeenTexts::default();
        let mut others: HashSet<String> = HashSet::new();
        for function in file.functions.iter() {
            others.extend(function.params().iter().cloned());
        }

        file.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Expr(Expr::StringConstant(text, _))) => {
                    *seen.counted.entry(text.to_string()).or_default() += 1;
                }
                Some(ASTNode::Expr(Expr::Map(map, _))) => {
                    // A literal map is no part of the walk where it is constant.
                    for (_, value) in &map.0 {
                        if let Expr::StringConstant(text, _) = value {
                            *seen.counted.entry(text.to_string()).or_default() += 1;
                        }
                    }
                }
                Some(ASTNode::Expr(Expr::DynamicConstant(value, _))) => {
                    // What a constant holds may be thrown.
                    for (text, count) in texts_in(value) {
                        *seen.counted.entry(text).or_default() += count;
                    }
                }
                Some(ASTNode::Stmt(Stmt::TryCatch(flow, _))) => {
                    if let Expr::Variable(name, ..) = &flow.expr {
                        seen.caught.insert(name.1.to_string());
                    }
                }
                Some(ASTNode::Stmt(Stmt::Import(..))) => seen.has_imports = true,
                Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                    others.insert(variable.0.name.to_string());
                }
                Some(ASTNode::Stmt(Stmt::For(each, _))) => {
                    others.insert(each.0.name.to_string());
                    others.extend(each.1.iter().map(|counter| counter.name.to_string()));
                }
                _ => {}
            }
            true
        });

        seen.caught.retain(|name| !others.contains(name));
        seen
    }
}

/// Returns the texts in a constant map, each counted so that it is taken for one of the script's own.
fn texts_in(value: &rhai::Dynamic) -> Vec<(String, usize)> {
    let Some(map) = value.read_lock::<rhai::Map>() else { return Vec::new() };
    let texts = map.values().filter_map(|value| value.clone().into_string().ok());
    texts.map(|text| (text, 2)).collect()
}

fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::IntegerConstant(number, _) => number.to_string().parse().ok(),
        Expr::FloatConstant(number, _) => Some(**number),
        _ => None,
    }
}

/// Finds a closure that is looked for in a list, where a condition for its items is meant.
fn contained_closure(path: &[ASTNode<'_>], kinds: &Kinds<'_>) -> Option<NeverEqual> {
    let call = call(path).filter(|call| call.expr.name == "contains")?;
    let closure = call.expr.args.last().filter(|argument| closure_in(argument).is_some())?;
    let is_whole = call.expr.args.len() == if call.is_method { 1 } else { 2 };
    if !is_whole || kinds.is_of_script(path, &call) {
        return None;
    }

    let start = closure.start_position();
    Some(NeverEqual {
        position: if start.is_none() { call.position } else { start },
        message: "`contains` looks for this function itself, which is in no list".to_owned(),
        help: "write `list.some(|x| ..)`".to_owned(),
        is_certain: false,
    })
}
