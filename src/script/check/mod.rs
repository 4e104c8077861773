//! The checks before a script runs: unknown names, calls that no function accepts, unknown options,
//! models and imports, and code that runs but does not do what it seems to do.
//!
//! Each check has a file and reports every fault it finds. Not here: how a fault is worded and explained
//! (`script/diagnostic/`), and faults that only a run can show.
//!
//! Start with this file, which runs all checks; `calls.rs` is the largest of them.

mod answer_words;
mod answers;
mod argument;
mod arities;
mod at_once;
mod bindings;
mod braces;
mod branch_values;
pub(in crate::script) mod call;
mod calls;
mod captured_loops;
mod chains;
pub(in crate::script) mod checker;
mod closure;
mod comparisons;
mod constants;
mod copied;
mod defaults;
mod durations;
mod echo;
mod edge_conditions;
mod endings;
mod exits;
mod expansions;
mod fates;
mod filled;
mod functions;
mod given_values;
mod graphs;
mod handle_texts;
mod hidden;
mod imports;
mod in_place;
mod in_use;
mod index;
mod judges;
mod kind_options;
mod kinds;
mod lengths;
mod library_arguments;
mod loop_items;
mod loops;
mod lost;
mod made_calls;
mod map_words;
mod members;
mod membership;
mod misused_words;
mod model_maps;
mod models;
mod never;
mod numbers;
mod operation_inputs;
mod operation_names;
mod operators;
mod option_items;
mod option_values;
mod pairs;
pub(in crate::script) mod parameter;
mod paths;
mod pieces;
mod property;
mod questions;
mod ranges;
mod reach;
mod remainders;
mod retained;
mod schemas;
mod seen_calls;
mod servers;
mod spent_templates;
mod sums;
mod switches;
mod taken_over;
mod templates;
mod temporaries;
pub(in crate::script) mod test_functions;
mod tool_calls;
mod tools;
mod type_names;
mod unrun;
mod unused;
mod used;
mod value_kind;
mod variables;
mod whole;
mod writes;

pub(super) use calls::calls_of;
pub(super) use lengths::{asks_models, asks_without_limit};

use crate::base::path_text::path_of;
use crate::script::check::checker::{Checker, Earlier, File};
use crate::script::check::in_place::Bodies;
use crate::script::check::kinds::Kinds;
use crate::script::check::lost::KnownValues;
use crate::script::diagnostic::fix::{QuickFix, Suggestion};
use crate::script::diagnostic::forms::Forms;
use crate::script::diagnostic::{self, Diagnostic, Severity, codes, foreign};
use crate::script::host::context::Inner;
use crate::script::lexer::definition;
use rhai::{AST, Engine, ParseErrorType, Scope};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Most undefined variables of one script that are told apart.
const UNDEFINED_MAX: usize = 50;

/// Most bytes that are read of one script for that: for each such variable, it is read again.
const READ_MAX: usize = 1 << 20;

/// Words for plain values, which a script may define for itself.
const PLAIN: &[&str] = &[
    "distinct", "format", "join", "lower", "max_by", "mean", "min_by", "percent", "replaced",
    "reversed", "round", "sorted", "sum", "trimmed", "upper", "zip",
];

/// A script that was read, and what is wrong with it.
pub(super) struct CheckedScript {
    /// Nothing if a fault keeps it from being read.
    pub(super) ast: Option<AST>,
    /// The files that it imports, and those that these import.
    pub(super) imports: Vec<AST>,
    pub(super) faults: Vec<Diagnostic>,
}

/// Reads a script and finds its faults.
pub(super) fn read(
    engine: &Engine,
    host: &Inner,
    name: &str,
    text: &str,
    scope: Scope<'_>,
) -> CheckedScript {
    let open: Vec<PathBuf> = path_of(name).canonicalize().into_iter().collect();
    let seen = open.iter().cloned().collect();
    let imports = Vec::new();
    let mut check = Checker { engine, host, seen, open, imports, faults: Vec::new() };
    let ast = check.file(name, text, scope);

    let mut faults = echo::without_echoes(check.faults, name, text);
    // The faults of the file itself come before those of what it imports.
    faults.sort_by(|a, b| {
        let place = |fault: &Diagnostic| {
            fault.place.as_ref().map(|p| (p.file != name, p.file.clone(), p.line, p.column))
        };
        place(a).cmp(&place(b))
    });
    faults.dedup();

    CheckedScript { ast, imports: check.imports, faults }
}

/// Finds the faults of an AST that has been read already.
pub(super) fn compiled(
    engine: &Engine,
    host: &Inner,
    (name, folder): (&str, &Path),
    text: &str,
    ast: &AST,
    earlier: Earlier<'_>,
) -> Vec<Diagnostic> {
    let seen = BTreeSet::new();
    let open = Vec::new();
    let imports = Vec::new();
    let mut check = Checker { engine, host, seen, open, imports, faults: Vec::new() };
    check.all(&File::new(name, folder, text, ast), Some(earlier));
    check.faults
}

impl Checker<'_> {
    /// Reads one file and finds its faults.
    fn file(&mut self, name: &str, text: &str, mut scope: Scope<'_>) -> Option<AST> {
        let mut undefined = 0;
        let undefined_max = (READ_MAX / text.len().max(1)).clamp(5, UNDEFINED_MAX);

        let mut ast = loop {
            let error = match self.engine.compile_with_scope(&scope, text) {
                Ok(ast) => break ast,
                Err(error) => error,
            };
            self.faults.push(diagnostic::of_parse(self.engine, name, text, &error));

            let ParseErrorType::VariableUndefined(variable) = error.err_type() else {
                self.foreign(name, text);
                return None;
            };
            // Known from here on, so that the rest can be read.
            scope.push_dynamic(variable.clone(), rhai::Dynamic::UNIT);
            undefined += 1;
            if undefined >= undefined_max {
                return None;
            }
        };

        ast.set_source(name);
        let path = path_of(name);
        let folder = path.parent().unwrap_or(Path::new("."));
        self.all(&File::new(name, folder, text, &ast), None);
        Some(ast)
    }

    /// Finds the faults of one file.
    fn all(&mut self, file: &File<'_>, earlier: Option<Earlier<'_>>) {
        let modules = self.imports(file);

        let mut forms = Forms::of_text(self.engine, true, file.text);
        for ast in earlier.map(|earlier| earlier.functions).into_iter().chain([file.ast]) {
            forms.add(ast);
        }

        let variables = earlier.map_or(&[][..], |earlier| earlier.variables);
        let kinds = Kinds::of(file, &forms, variables);
        let bodies = Bodies::of(file);

        self.calls(file, &forms, &modules, &kinds);
        self.unnamed_imports(file, &modules);
        self.properties(file, &kinds);
        self.writes(file, &kinds);
        self.copied(file, &kinds, &bodies);
        self.paths(file, &forms, &modules, earlier);
        self.numbers(file);
        self.durations(file, &kinds);
        self.tools(file, &kinds);
        self.tool_calls(file, &kinds);
        self.servers(file);
        self.in_place(file, &kinds, &bodies, earlier.is_none());
        self.retained(file, &kinds, &bodies);
        self.spent_templates(file, &kinds, &bodies);
        self.constants(file, &kinds);
        self.map_words(file, &kinds);
        self.wrapped_lengths(file, &kinds);
        self.divisions(file, &kinds);
        self.operators(file, &kinds);
        self.sums(file, &kinds);
        self.operation_names(file, &kinds, earlier);
        self.graphs(file, &kinds);
        self.comparisons(file, &kinds);
        self.never(file, &kinds);
        self.type_names(file);
        self.membership(file, &kinds);
        self.switches(file, &kinds);
        self.branch_values(file, &forms, &bodies);
        self.unused(file, &forms, &bodies);
        self.endings(file, &kinds, &bodies);
        self.lost(file, &KnownValues { forms: &forms, kinds: &kinds, bodies: &bodies }, earlier);
        self.indices(file, &kinds);
        self.loops(file, &kinds);
        self.items(file, &kinds);
        self.pairs(file, &kinds);
        self.numbered_items(file, &kinds);
        self.ranges(file, &kinds);
        self.arities(file, &kinds);
        self.misused_words(file, &kinds);
        self.library_arguments(file, &kinds);
        self.judges(file, &kinds);
        self.edge_conditions(file, &kinds);
        self.answer_checks(file, &kinds);
        self.in_use(file, &kinds);
        self.at_once(file, &kinds);
        self.handle_texts(file, &kinds);
        self.exits(file, &forms);
        self.expansions(file, &kinds);
        self.braces(file, &kinds);
        self.taken_over(file, &kinds);
        self.of_text_alone(file);
        self.expected_errors(file);
        // Who has to mend something has not come to the end, perhaps; and an input of a dialogue never has.
        if earlier.is_none() && self.faults.iter().all(|fault| fault.level != Severity::Error) {
            self.unrun(file, &kinds);
            self.expected_errors(file);
        }
    }

    /// Finds what follows from the text of a file, whatever its values are.
    fn of_text_alone(&mut self, file: &File<'_>) {
        self.hidden(file);
        self.templates(file);
        self.plain_texts(file);
        self.parsed_forms(file);
        self.shadows(file);
        self.closures(file);
    }

    /// Finds forms that parse and are not what they are in other languages: texts in three quotes, empty
    /// braces, comparisons in a row, comments that look like divisions.
    fn parsed_forms(&mut self, file: &File<'_>) {
        let misread = foreign::misread(file.text);
        for form in misread.certain {
            self.push_instead(diagnostic::of_foreign(file.name, file.text, &form));
        }
        for form in misread.likely {
            self.push(diagnostic::of_foreign(file.name, file.text, &form).warning());
        }

        for division in foreign::divisions(file.text) {
            let fault = diagnostic::of_foreign(file.name, file.text, &division.form);
            self.push(if division.is_certain { fault } else { fault.warning() });
        }
    }

    /// Finds the forms of other languages in a text that does not parse.
    fn foreign(&mut self, name: &str, text: &str) {
        for form in foreign::forms(text) {
            let fault = diagnostic::of_foreign(name, text, &form);
            self.push_new(fault);
        }
    }

    /// Finds functions that hide one of kaizen's.
    fn shadows(&mut self, file: &File<'_>) {
        if file.ast.iter_functions().next().is_none() {
            return;
        }

        let own = Forms::of_text(self.engine, false, file.text);
        for function in file.ast.iter_functions() {
            // Many scripts have helpers of these names, and nothing of kaizen's hangs on them.
            let is_meant = PLAIN.contains(&function.name)
                || function.comments.iter().any(|comment| comment.contains("@override"));

            let arity = function.params.len();
            if is_meant || !own.all(function.name).iter().any(|form| form.arity == arity) {
                continue;
            }

            let message =
                format!("`{}` hides the built-in function of the same name", function.name);
            let Some((line, column)) = definition(file.text, function.name) else { continue };
            let position = rhai::Position::new(line, column);
            let fault = Diagnostic::at(codes::SHADOW, message, file.name, file.text, position);
            let help = "choose another name, or write `/// @override` above it".to_owned();
            let fixes = vec![QuickFix::LineAbove("/// @override".to_owned())];
            self.push(fault.warning().suggesting(Some(Suggestion { help, fixes })));
        }
    }
}

/// Returns the lists of words that checks look for, each with its name.
#[cfg(test)]
pub(super) fn lists_of_words() -> Vec<(&'static str, Vec<&'static str>)> {
    let returning = in_place::RETURNING.iter().map(|(word, _)| *word).collect();
    vec![
        ("PLAIN", PLAIN.to_vec()),
        ("FREE", calls::FREE.to_vec()),
        ("DOING", imports::DOING.to_vec()),
        ("KEEPERS", captured_loops::KEEPERS.to_vec()),
        ("WHOLE", whole::WHOLE.to_vec()),
        ("MEANT", whole::MEANT.to_vec()),
        ("READING", whole::READING.to_vec()),
        ("SURE", map_words::SURE.to_vec()),
        ("PLACES", whole::PLACES.to_vec()),
        ("WITH_SCHEMA", schemas::WITH_SCHEMA.to_vec()),
        ("ASKS", lengths::ASKS.to_vec()),
        ("TEXTS", answers::TEXTS.to_vec()),
        ("CHECKED", answers::CHECKED.to_vec()),
        ("PATTERNS", answers::PATTERNS.to_vec()),
        ("DESCRIBES", lengths::DESCRIBES.to_vec()),
        ("ADDING", unrun::ADDING.to_vec()),
        ("TIMED", durations::TIMED.to_vec()),
        ("USING", endings::USING.to_vec()),
        ("AT_ONCE", at_once::AT_ONCE.to_vec()),
        ("WAITING", at_once::WAITING.to_vec()),
        ("RANGED", ranges::RANGED.to_vec()),
        ("RETURNING", returning),
        ("CHANGING", in_place::CHANGING.to_vec()),
        ("TAKING", in_place::TAKING.to_vec()),
        ("MAKING", judges::MAKING.to_vec()),
    ]
}
