//! The standard library: script functions that every script has, written in Rhai and part of the
//! program. They are global, so that a script can use their closures and cannot change what they call.
//!
//! Most scripts call none of them. So a file is only looked through for the functions that it offers, and is
//! compiled when one of them is called.

use crate::base::failure::Kind;
use crate::script::host::captures::Follows;
use crate::script::host::constants::constants;
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw_new};
use crate::script::host::home::{self, Constants, Home};
use crate::script::host::known_map::KnownMap;
use crate::script::host::shape::{self, PropertyShape};
use crate::script::host::wanted::WantedValue;
use rhai::{
    AST, ASTNode, Dynamic, Engine, Expr, FnCallExpr, FnNamespace, FuncRegistration, Module,
    NativeCallContext, RhaiFunc, Shared, Stmt,
};
use std::any::TypeId;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};
use std::rc::{Rc, Weak};

/// What the names of all files begin with.
pub(in crate::script) const FOLDER: &str = "stdlib/";

/// The files, by name.
const FILES: &[(&str, &str)] = &[
    ("evolve", include_str!("../../../stdlib/evolve.rhai")),
    ("judges", include_str!("../../../stdlib/judges.rhai")),
    ("patterns", include_str!("../../../stdlib/patterns.rhai")),
];

/// Returns the hash of the whole library. Programs with the same one do the same with a script.
#[cfg(feature = "engine")]
pub fn library_hash() -> String {
    let mut hasher = blake3::Hasher::new();
    for text in FILES.iter().flat_map(|(name, text)| [name, text]) {
        hasher.update(&text.len().to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// A function that a file offers, as its text says.
#[derive(Debug, PartialEq, Eq)]
struct OfferedFunction {
    name: &'static str,
    params: Vec<&'static str>,
    /// The text above it, line by line.
    comments: String,
}

/// One file of the library.
pub(in crate::script) struct StdlibFile {
    name: &'static str,
    text: &'static str,
    ast: OnceCell<AST>,
    home: OnceCell<Rc<Home>>,
    /// The names of the functions that it offers.
    offered: OnceCell<HashSet<&'static str>>,
    /// The options of its functions, by name.
    options: OnceCell<BTreeMap<String, LibraryOptions>>,
}

/// The options of a function of the library, as its own code checks them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::script) struct LibraryOptions {
    /// Their names.
    pub(in crate::script) names: Vec<String>,
    /// What the values of those have to be of which the code demands something.
    pub(in crate::script) wanted: BTreeMap<String, WantedValue>,
    /// Those that it needs, each with what it is.
    pub(in crate::script) needed: Vec<(String, String)>,
}

impl StdlibFile {
    /// Returns all files, none of them compiled.
    pub(in crate::script) fn all() -> Vec<Rc<StdlibFile>> {
        let file = |(name, text): &(&'static str, &'static str)| StdlibFile {
            name,
            text,
            ast: OnceCell::new(),
            home: OnceCell::new(),
            offered: OnceCell::new(),
            options: OnceCell::new(),
        };
        FILES.iter().map(file).map(Rc::new).collect()
    }

    fn source(&self) -> String {
        format!("{FOLDER}{}.rhai", self.name)
    }

    fn ast(&self, engine: &Engine) -> &AST {
        self.ast.get_or_init(|| {
            let mut ast = engine
                .compile_with_scope(&constants(), self.text)
                .expect("the standard library is sound, tests run it");
            ast.set_source(self.source());
            ast
        })
    }

    /// Returns what its functions see.
    fn home(&self, engine: &Engine, host: &Weak<Inner>) -> Result<Rc<Home>, EvalError> {
        if let Some(home) = self.home.get() {
            return Ok(home.clone());
        }

        let Some(host) = host.upgrade() else {
            return Err(throw_new(Kind::Interrupted, "the host of this script is gone"));
        };
        let ast = self.ast(engine);
        host.captures.add(ast, Follows::Nothing);
        let (home, _) = Home::evaluate(engine, ast, Constants::new())?;
        Ok(self.home.get_or_init(|| home).clone())
    }

    /// Returns the options of a function, if it is one of this file and has some.
    pub(in crate::script) fn options(&self, engine: &Engine, name: &str) -> Option<LibraryOptions> {
        let names = || offers(self.text).map(|offered| offered.name).collect();
        if !self.offered.get_or_init(names).contains(name) {
            return None;
        }
        self.options.get_or_init(|| options_of(self.ast(engine))).get(name).cloned()
    }

    /// Returns the parameters of a function that it offers.
    pub(in crate::script) fn params(&self, name: &str, count: usize) -> Option<Vec<&'static str>> {
        let mut found = offers(self.text).filter(|offered| offered.name == name);
        found.find(|offered| offered.params.len() == count).map(|offered| offered.params)
    }

    /// Makes a module of the functions that it offers.
    fn module(self: &Rc<Self>, host: &Rc<Inner>) -> Module {
        let mut module = Module::new();
        for OfferedFunction { name, params, comments } in offers(self.text) {
            let types = vec![TypeId::of::<Dynamic>(); params.len()];
            let file = self.clone();
            let host = Rc::downgrade(host);
            let function = home::offered(name, false, move |engine| file.home(engine, &host));
            let function = shaped(name, function);

            FuncRegistration::new(name)
                .with_namespace(FnNamespace::Global)
                .with_params_info(params)
                .with_comments([comments])
                .set_into_module_raw(&mut module, types, function);
        }

        module.set_id(self.source());
        module.build_index();
        module
    }
}

/// Lets a function give a map of a known shape, if that is what it makes.
fn shaped(name: &str, function: RhaiFunc) -> RhaiFunc {
    let Some(PropertyShape::One(shape)) = shape::given_by(name) else { return function };
    let RhaiFunc::Pure { func, has_context, is_pure, is_volatile } = function else {
        return function;
    };

    let func =
        Shared::new(move |context: Option<NativeCallContext>, arguments: &mut [&mut Dynamic]| {
            func(context, arguments).map(|value| KnownMap::of_map(shape, value))
        });
    RhaiFunc::Pure { func, has_context, is_pure, is_volatile }
}

/// Adds the standard library to an engine.
pub(in crate::script) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    for file in &host.stdlib {
        engine.register_global_module(file.module(host).into());
    }
}

/// Finds the functions that a file offers. Each begins on a line of its own, below its comment, and names its
/// parameters there.
fn offers(text: &'static str) -> impl Iterator<Item = OfferedFunction> {
    let mut comments = String::new();
    text.lines().filter_map(move |line| {
        if line.starts_with("///") {
            if !comments.is_empty() {
                comments.push('\n');
            }
            comments.push_str(line);
            return None;
        }

        let comments = std::mem::take(&mut comments);
        let (name, rest) = line.strip_prefix("fn ")?.split_once('(')?;
        let (params, _) = rest.split_once(')')?;
        let params = params.split(',').map(str::trim).filter(|param| !param.is_empty());
        Some(OfferedFunction { name, params: params.collect(), comments })
    })
}

impl LibraryOptions {
    /// Takes the names and types of a literal map of defaults.
    fn fill_from(&mut self, defaults: &Expr) {
        let Expr::Map(defaults, _) = defaults else { return };
        for (key, value) in &defaults.0 {
            let name = key.name.to_string();
            let wanted = match value {
                Expr::StringConstant(..) => Some(WantedValue::Text),
                Expr::Array(..) => Some(WantedValue::List),
                Expr::Map(..) => Some(WantedValue::Map),
                Expr::DynamicConstant(value, _) if value.is_fnptr() => Some(WantedValue::Function),
                _ => None,
            };
            if let Some(wanted) = wanted {
                self.wanted.entry(name.clone()).or_insert(wanted);
            }
            self.names.push(name);
        }
    }

    /// Takes over what was found of defaults in a variable.
    fn fill_with(&mut self, defaults: LibraryOptions) {
        for (name, wanted) in defaults.wanted {
            self.wanted.entry(name).or_insert(wanted);
        }
        self.names.extend(defaults.names);
    }
}

/// Collects the options that functions fill in by `filled("name", options, defaults)`, where the
/// defaults are a literal map, perhaps in a variable of their own.
fn options_of(ast: &AST) -> BTreeMap<String, LibraryOptions> {
    let mut options: BTreeMap<String, LibraryOptions> = BTreeMap::new();
    let mut defaults = LibraryOptions::default();

    ast.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(var, ..))) if var.0.name == "defaults" => {
                defaults = LibraryOptions::default();
                defaults.fill_from(&var.1);
            }
            Some(ASTNode::Expr(Expr::FnCall(call, _))) if call.name == "filled" => {
                if let [Expr::StringConstant(name, _), _, given] = call.args.as_slice() {
                    let of = options.entry(name.to_string()).or_default();
                    match given {
                        Expr::Map(..) => of.fill_from(given),
                        _ => of.fill_with(std::mem::take(&mut defaults)),
                    }
                }
            }
            Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                note_check(call, &mut options);
            }
            _ => {}
        }
        true
    });

    options
}

/// Notes what a function demands of an option: `at_least("name", "option", value, least)`,
/// `some_of("name", "option", value)` and `needs("name", "option", value, type, what)`.
fn note_check(call: &FnCallExpr, options: &mut BTreeMap<String, LibraryOptions>) {
    let [Expr::StringConstant(of, _), Expr::StringConstant(option, _), _, rest @ ..] =
        call.args.as_slice()
    else {
        return;
    };
    let of = options.entry(of.to_string()).or_default();
    let mut want = |wanted| of.wanted.insert(option.to_string(), wanted);

    let needed = match (call.name.as_str(), rest) {
        ("at_least", [Expr::IntegerConstant(least, _)]) => {
            want(WantedValue::Count(*least));
            None
        }
        ("some_of", []) => {
            want(WantedValue::Items);
            Some(WantedValue::Items.words())
        }
        ("needs", [Expr::StringConstant(of_type, _), Expr::StringConstant(what, _)]) => {
            match of_type.as_str() {
                "string" => want(WantedValue::Text),
                "Fn" => want(WantedValue::Function),
                "array" => want(WantedValue::List),
                _ => None,
            };
            Some(what.to_string())
        }
        _ => None,
    };
    of.needed.extend(needed.map(|what| (option.to_string(), what)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> AST {
        let mut engine = Engine::new();
        engine.set_max_expr_depths(64, 32);
        let ast = engine.set_optimization_level(rhai::OptimizationLevel::None).compile(text);
        ast.expect("it is sound")
    }

    #[test]
    fn what_a_text_offers_is_what_its_code_defines() {
        for (name, text) in FILES {
            let ast = read(text);
            assert!(ast.statements().is_empty(), "{name}: it only defines functions");

            let is_offered = |function: &rhai::ScriptFnMetadata| {
                function.access == rhai::FnAccess::Public
                    && !crate::script::lexer::names_closure(function.name)
            };
            let each = ast.iter_functions().filter(is_offered).map(|function| {
                let params = function.params.iter().map(ToString::to_string).collect::<Vec<_>>();
                let comments = function.comments.join("\n");
                (function.name.to_owned(), params, comments)
            });
            let mut defined: Vec<_> = each.collect();
            defined.sort();

            let own = |name: &&str| (*name).to_owned();
            let each = offers(text).map(|offered| {
                let params = offered.params.iter().map(own).collect::<Vec<_>>();
                (offered.name.to_owned(), params, offered.comments)
            });
            let mut offered: Vec<_> = each.collect();
            offered.sort();
            assert_eq!(offered, defined, "{name}");
        }
    }

    #[test]
    fn the_options_of_every_pattern_are_known() {
        let options = options_of(&read(FILES[2].1));

        assert_eq!(options["vote"].names, ["n", "settings"]);
        assert_eq!(options["vote"].wanted["n"], WantedValue::Count(1));
        assert_eq!(options["fan_out"].wanted["parts"], WantedValue::Items);
        assert_eq!(options["best_of"].wanted["judge"], WantedValue::Function);
        assert_eq!(options["refine"].wanted["critique"], WantedValue::Text);
        assert_eq!(options["cascade"].wanted["accept"], WantedValue::Function);
        assert_eq!(options["vote"].wanted["settings"], WantedValue::Map);
        assert_eq!(options["few_shot"].names, ["examples", "input", "output", "settings"]);
        assert_eq!(options["best_of"].needed[0].0, "judge");
        assert_eq!(options.len(), 11, "{options:?}");
    }
}
