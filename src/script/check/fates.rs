//! What becomes of an error at a place of a script: it ends the script, the script catches it, or a test asserts that
//! it is thrown. A mistake that would be such an error is told accordingly, whichever check has found it.

use crate::script::check::checker::{Checker, File};
use crate::script::check::functions::ScriptFunctions;
use crate::script::check::seen_calls::{CallArgument, SeenCall, SeenCalls};
use crate::script::diagnostic::{Diagnostic, Severity, codes};
use crate::script::lexer::names_closure;
use rhai::{AST, Position};
use std::collections::HashMap;

/// The word that gives errors as values.
const CATCHES: &str = "attempt";
/// The word that fails where nothing is thrown.
const WANTS: &str = "assert_throws";

/// How often functions that pass on functions are looked at.
const PASSES_MAX: usize = 8;

/// Mistakes in names that exist nowhere: who catches errors hardly means these.
const NAMES: &[&str] = &[codes::FUNCTION, codes::ARGUMENTS, codes::FOREIGN, codes::PROPERTY];

/// What becomes of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ErrorFate {
    /// It ends the function that it is thrown in.
    Thrown,
    /// The script catches it where it is thrown.
    Caught,
    /// The script asserts that it is thrown.
    Wanted,
}

impl ErrorFate {
    /// Returns a mistake as it is told: nothing where its error is asserted.
    fn told(self, fault: Diagnostic) -> Option<Diagnostic> {
        match self {
            ErrorFate::Wanted if fault.is_raised || is_of_result(&fault) => None,
            ErrorFate::Caught if fault.is_raised && !NAMES.contains(&fault.code) => {
                Some(fault.warning())
            }
            ErrorFate::Thrown | ErrorFate::Caught | ErrorFate::Wanted => Some(fault),
        }
    }
}

/// Tells whether a warning is only about a result, which nobody wants of a function that is to fail.
fn is_of_result(fault: &Diagnostic) -> bool {
    let is_warning = fault.level == Severity::Warning;
    is_warning && [codes::IN_PLACE, codes::UNUSED].contains(&fault.code)
}

impl Checker<'_> {
    /// Drops the mistakes whose errors a script asserts, and makes warnings of those that it catches.
    pub(super) fn expected_errors(&mut self, file: &File<'_>) {
        let is_own =
            |fault: &Diagnostic| fault.place.as_ref().is_some_and(|place| place.file == file.name);
        if !self.faults.iter().any(is_own) {
            return;
        }

        let fates = ErrorFates::of(file, &self.imports);
        let told = |fault: Diagnostic| match position_of(&fault).filter(|_| is_own(&fault)) {
            Some(position) => fates.at(position).told(fault),
            None => Some(fault),
        };
        self.faults = std::mem::take(&mut self.faults).into_iter().filter_map(told).collect();
    }
}

/// Returns the place of a fault, as the language counts it.
fn position_of(fault: &Diagnostic) -> Option<Position> {
    let place = fault.place.as_ref()?;
    let line = u16::try_from(place.line).ok()?;
    Some(Position::new(line, u16::try_from(place.column).ok()?))
}

/// What becomes of errors in each part of a file.
struct ErrorFates<'a> {
    functions: &'a ScriptFunctions,
    /// By the name of the function or closure that throws.
    of_function: HashMap<String, ErrorFate>,
    /// The bodies of `try`: where each begins and ends.
    tries: Vec<(Position, Position)>,
}

impl<'a> ErrorFates<'a> {
    fn of(file: &'a File<'_>, imports: &[AST]) -> ErrorFates<'a> {
        let mut passed = PassedFunctions::default();
        for ast in imports {
            passed.learn(&SeenCalls::of(ast), &ScriptFunctions::of(ast));
        }
        // What imported files do with their own functions says nothing of this file.
        passed.fates.clear();

        let seen = SeenCalls::of(file.ast);
        passed.learn(&seen, &file.functions);

        let functions = &file.functions;
        let of_function = passed.fates;
        let mut fates = ErrorFates { functions, of_function, tries: seen.tries };
        fates.spread(&seen.calls);
        fates
    }

    /// Returns what becomes of an error at a place.
    fn at(&self, position: Position) -> ErrorFate {
        let is_tried = self.tries.iter().any(|(start, end)| *start <= position && position <= *end);
        let here = if is_tried { ErrorFate::Caught } else { ErrorFate::Thrown };

        let around = self.functions.around(position);
        let fates = around.filter_map(|function| self.of_function.get(&function.name).copied());
        fates.fold(here, ErrorFate::max)
    }

    /// Finds the functions that are called only where errors are caught or asserted.
    fn spread(&mut self, calls: &[SeenCall]) {
        let mut sites: HashMap<String, Vec<Position>> = HashMap::new();
        for call in calls.iter().filter(|call| self.functions.has(&call.name)) {
            let mut around = self.functions.around(call.position);
            // What a function does when it calls itself depends on who called it first.
            if around.all(|function| function.name != call.name) {
                sites.entry(call.name.clone()).or_default().push(call.position);
            }
        }
        sites.retain(|name, _| !self.of_function.contains_key(name));
        self.of_function.extend(sites.keys().map(|name| (name.clone(), ErrorFate::Wanted)));

        loop {
            let lowered = sites.iter().find_map(|(name, places)| {
                let least = places.iter().map(|place| self.at(*place)).min()?;
                (self.of_function.get(name) > Some(&least)).then(|| (name.clone(), least))
            });
            let Some((name, fate)) = lowered else { break };
            self.of_function.insert(name, fate);
        }
    }
}

/// The functions that are passed to where errors are caught or asserted.
#[derive(Default)]
struct PassedFunctions {
    /// The parameters that hold them, by function and place.
    params: HashMap<(String, usize), ErrorFate>,
    fates: HashMap<String, ErrorFate>,
}

impl PassedFunctions {
    /// Follows the calls of one file.
    fn learn(&mut self, seen: &SeenCalls, functions: &ScriptFunctions) {
        for _ in 0..PASSES_MAX {
            let mut changed = false;
            for call in &seen.calls {
                for (place, argument) in call.arguments.iter().enumerate() {
                    let fate = self.taken(call, place, seen);
                    if fate > ErrorFate::Thrown {
                        changed |= self.give(argument, fate, call.position, (seen, functions));
                    }
                }
            }
            if !changed {
                break;
            }
        }
    }

    /// Returns what becomes of the errors of a function that a call is given at a place.
    fn taken(&self, call: &SeenCall, place: usize, seen: &SeenCalls) -> ErrorFate {
        let of_word = match call.name.as_str() {
            CATCHES if place == 0 => ErrorFate::Caught,
            WANTS if place == 0 => ErrorFate::Wanted,
            _ => ErrorFate::Thrown,
        };
        let held = seen.held.get(call.called_variable.as_ref().unwrap_or(&call.name));
        let names = held.into_iter().flatten().chain([&call.name]);
        let known = names.filter_map(|name| self.params.get(&(name.clone(), place)).copied());
        known.fold(of_word, ErrorFate::max)
    }

    /// Notes what becomes of the errors of an argument, and tells whether that is new.
    fn give(
        &mut self,
        argument: &CallArgument,
        fate: ErrorFate,
        position: Position,
        (seen, functions): (&SeenCalls, &ScriptFunctions),
    ) -> bool {
        let CallArgument::Variable(name) = argument else {
            let CallArgument::Functions(names) = argument else {
                return self.raise_all(&seen.kept(functions), fate);
            };
            return self.raise_all(names, fate);
        };

        let param = functions.around(position).find_map(|function| {
            let place = function.params().iter().position(|param| param == name)?;
            Some((function.name.clone(), place))
        });
        if let Some(key) = param {
            // Who calls a closure, and with what, is not followed.
            let is_closure = names_closure(&key.0);
            let known = self.params.entry(key).or_insert(ErrorFate::Thrown);
            let is_new = *known < fate;
            *known = fate.max(*known);
            return is_new | (is_closure && self.raise_all(&seen.kept(functions), fate));
        }

        match seen.held.get(name) {
            Some(names) => self.raise_all(names, fate),
            None if functions.has(name) => self.raise_all(std::slice::from_ref(name), fate),
            None => self.raise_all(&seen.kept(functions), fate),
        }
    }

    fn raise_all(&mut self, names: &[String], fate: ErrorFate) -> bool {
        let mut is_new = false;
        for name in names {
            let known = self.fates.entry(name.clone()).or_insert(ErrorFate::Thrown);
            is_new |= *known < fate;
            *known = fate.max(*known);
        }
        is_new
    }
}
