//! Where a function of a script comes from: the functions, imports and constants of its file. Rhai
//! knows a function by its name alone and looks it up where it is called, so a function that goes to
//! another file has to take its home along.
#![allow(
    deprecated,
    reason = "Rhai marks what a native function sees of a call so only because it may change"
)]

use crate::script::host::error::EvalError;
use crate::script::host::known_map::KnownMap;
use crate::script::lexer::names_closure;
use rhai::{
    AST, Array, Caches, Dynamic, Engine, EvalAltResult, FnPtr, GlobalRuntimeState, ImmutableString,
    Map, Module, NativeCallContext, NativeCallContextStore, Position, RhaiFunc, Scope, Shared,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Deepest nesting of data in which functions are looked for.
const DEPTH_MAX: usize = 128;
/// The name of a closure that has its home with it; Rhai allows no `$` here.
const CLOSURE: &str = "closure";

/// Constants by their names, as functions see them behind `global::`.
pub(in crate::script) type Constants = BTreeMap<ImmutableString, Dynamic>;

/// What the code of one file sees.
#[derive(Debug)]
pub(in crate::script) struct Home {
    global: GlobalRuntimeState,
}

/// A function that has its home with it. It is the first of the values that the function pointer was
/// given in advance, so that it is found again however the pointer is called.
#[derive(Debug)]
struct Resident {
    function: FnPtr,
    home: Rc<Home>,
}

impl Home {
    /// Returns the home of the code that calls a native function.
    pub(in crate::script) fn of(context: &NativeCallContext) -> Rc<Home> {
        Home::new(context.global_runtime_state().clone())
    }

    /// Evaluates a file, and returns what its functions see, and its variables. They see these
    /// constants too.
    pub(in crate::script) fn evaluate(
        engine: &Engine,
        ast: &AST,
        constants: Constants,
    ) -> Result<(Rc<Home>, Scope<'static>), EvalError> {
        let mut scope = Scope::new();
        let constants = Rc::new(RefCell::new(constants));
        // What a file gives as a whole is nobody's.
        let (_, global) = eval(engine, ast, &mut scope, constants)?;
        Ok((Home::new(global), scope))
    }

    /// Returns the files that its code imports, by their names there.
    pub(in crate::script) fn imports(
        &self,
    ) -> impl Iterator<Item = (&ImmutableString, &Shared<Module>)> {
        self.global.scan_imports_raw()
    }

    /// Makes a home of the state in which code runs.
    fn new(mut global: GlobalRuntimeState) -> Rc<Home> {
        // Below the functions of a file lie those of the files that call it.
        let below = global.lib.len().saturating_sub(1);
        global.lib.drain(..below);
        Rc::new(Home { global })
    }

    /// Tells whether code that runs in this state sees the same as at home.
    fn is_here(&self, global: &GlobalRuntimeState) -> bool {
        let is_same_file = match (self.global.lib.last(), global.lib.last()) {
            (Some(own), Some(here)) => Rc::ptr_eq(own, here),
            _ => false,
        };

        // Constants and imports may have been added since.
        let has_constants = match (&self.global.constants, &global.constants) {
            (Some(own), Some(here)) => Rc::ptr_eq(own, here),
            (own, _) => own.is_none(),
        };

        let mut imports = global.scan_imports_raw();
        let has_imports = self.global.scan_imports_raw().all(|(name, module)| {
            imports.next().is_some_and(|(known, here)| known == name && Rc::ptr_eq(here, module))
        });

        is_same_file && has_constants && has_imports
    }

    /// Calls a function of this home on behalf of code that lives elsewhere.
    pub(in crate::script) fn call(
        self: &Rc<Self>,
        context: &NativeCallContext,
        function: &FnPtr,
        this: Option<&mut Dynamic>,
        mut arguments: Vec<Dynamic>,
    ) -> Result<Dynamic, EvalError> {
        let mut caller = None;
        // Functions among the arguments keep the home that they have with the caller.
        for argument in &mut arguments {
            settle(argument, &mut || caller.get_or_insert_with(|| Home::of(context)).clone(), 0);
        }

        let mut global = self.global.clone();
        // Calls that go to and fro must not become endless.
        global.level = context.call_level();
        let store = NativeCallContextStore {
            fn_name: function.fn_name().to_owned(),
            source: global.source.as_ref().map(ToString::to_string),
            pos: context.call_position(),
            global,
        };

        let result = function.call_raw(&store.create_context(context.engine()), this, arguments);
        match result {
            Ok(mut value) => {
                self.settle(&mut value);
                Ok(value)
            }
            Err(mut raised) => {
                self.settle_thrown(&mut raised);
                Err(raised)
            }
        }
    }

    /// Lets every function in a value of this home take its home along.
    pub(in crate::script) fn settle(self: &Rc<Self>, value: &mut Dynamic) {
        settle(value, &mut || self.clone(), 0);
    }

    fn settle_thrown(self: &Rc<Self>, raised: &mut EvalAltResult) {
        match raised {
            EvalAltResult::ErrorRuntime(value, _) => self.settle(value),
            EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => self.settle_thrown(inner),
            _ => {}
        }
    }
}

/// Evaluates code, whose functions see these constants and those that it defines; gives its value and
/// what it has left behind.
pub(in crate::script) fn eval(
    engine: &Engine,
    ast: &AST,
    scope: &mut Scope,
    constants: Rc<RefCell<Constants>>,
) -> Result<(Dynamic, GlobalRuntimeState), EvalError> {
    let mut global = engine.new_global_runtime_state();
    global.source = ast.source().map(Into::into);
    global.lib.push(ast.shared_lib().clone());
    global.constants = Some(constants);

    let caches = &mut Caches::new();
    let value = engine.eval_statements_raw(&mut global, caches, scope, ast.statements())?;
    Ok((value, global))
}

/// Lets every function in a value take the home along that `home` gives.
fn settle(value: &mut Dynamic, home: &mut dyn FnMut() -> Rc<Home>, depth: usize) {
    // A captured variable is reached only through functions that have their home with them.
    if depth > DEPTH_MAX || value.is_shared() {
        return;
    }

    if let Some(mut list) = value.write_lock::<Array>() {
        list.iter_mut().for_each(|item| settle(item, home, depth + 1));
    } else if let Some(mut map) = value.write_lock::<Map>() {
        map.values_mut().for_each(|item| settle(item, home, depth + 1));
    } else if let Some(mut record) = value.write_lock::<KnownMap>() {
        record.values_mut().for_each(|item| settle(item, home, depth + 1));
    } else if let Some(mut function) = value.write_lock::<FnPtr>()
        && resident(&function).is_none()
    {
        *function = with_home(function.clone(), home());
    }
}

/// Makes a function pointer that is called at home, wherever it is called from.
fn with_home(mut function: FnPtr, home: Rc<Home>) -> FnPtr {
    let mut captured: Vec<Dynamic> = function.iter_curry_mut().map(std::mem::take).collect();
    for value in &mut captured {
        home.settle(value);
    }
    function.set_curry([]);

    let name = if function.is_anonymous() { CLOSURE } else { function.fn_name() };
    let mut pointer = FnPtr::from_fn(name, |context, arguments| call(&context, arguments))
        .expect("the name of a function is a name");

    // The place comes first, where `call` looks for it.
    pointer.add_curry(Dynamic::from(Rc::new(Resident { function, home })));
    pointer.extend(captured);
    pointer
}

/// Calls a function at its home: its own place is the first argument, after `this` if there is one.
fn call(context: &NativeCallContext, arguments: &mut [&mut Dynamic]) -> Result<Dynamic, EvalError> {
    let is_place = |value: &Dynamic| value.read_lock::<Rc<Resident>>().is_some();
    let (this, rest) = match arguments {
        [first, ..] if is_place(first) => (None, arguments),
        [this, rest @ ..] => (Some(&mut **this), rest),
        [] => return Err(lost(context)),
    };

    let [place, values @ ..] = rest else { return Err(lost(context)) };
    let Some(place) = place.read_lock::<Rc<Resident>>().map(|place| place.clone()) else {
        return Err(lost(context));
    };

    let values = values.iter_mut().map(|value| value.take()).collect();
    place.call(context, this, values)
}

fn lost(context: &NativeCallContext) -> EvalError {
    let name = context.fn_name().to_owned();
    EvalAltResult::ErrorFunctionNotFound(name, Position::NONE).into()
}

impl Resident {
    /// Calls it; the values that it has captured are the first arguments.
    fn call(
        &self,
        context: &NativeCallContext,
        this: Option<&mut Dynamic>,
        arguments: Vec<Dynamic>,
    ) -> Result<Dynamic, EvalError> {
        if self.home.is_here(context.global_runtime_state()) {
            return self.function.call_raw(context, this, arguments);
        }
        self.home.call(context, &self.function, this, arguments)
    }
}

/// Returns the place of a function that has its home with it.
fn resident(function: &FnPtr) -> Option<Rc<Resident>> {
    let first = function.curry().first()?;
    first.read_lock::<Rc<Resident>>().map(|place| place.clone())
}

/// Tells whether a function has its home with it.
pub(in crate::script) fn is_resident(function: &FnPtr) -> bool {
    resident(function).is_some()
}

/// Calls a function, with `this` as it is and not as a copy.
pub(in crate::script) fn invoke(
    context: &NativeCallContext,
    function: &FnPtr,
    this: Option<&mut Dynamic>,
    arguments: Vec<Dynamic>,
) -> Result<Dynamic, EvalError> {
    let Some(place) = resident(function) else {
        return function.call_raw(context, this, arguments);
    };

    let captured = function.curry().iter().skip(1).cloned();
    place.call(context, this, captured.chain(arguments).collect())
}

/// Tells whether the file of a function defines one of its name that takes this many arguments, besides those
/// that it has captured.
pub(in crate::script) fn is_defined(
    context: &NativeCallContext,
    function: &FnPtr,
    count: usize,
) -> bool {
    let place = resident(function);
    let global =
        place.as_ref().map_or_else(|| context.global_runtime_state(), |place| &place.home.global);
    let captured = function.curry().len() - usize::from(place.is_some());
    let name = name_of(function);
    global.lib.iter().any(|file| file.get_script_fn(&name, captured + count).is_some())
}

/// Returns the name by which errors know a function.
pub(in crate::script) fn name_of(function: &FnPtr) -> String {
    let place = resident(function);
    place.map_or_else(|| function.fn_name().to_owned(), |one| one.function.fn_name().to_owned())
}

/// Most parameters of a function, those included that stand for what it has captured.
const PARAMS_MAX: usize = 32;

/// Finds the file in which the code of a function stands, and where in it. `here` is what the code sees that
/// holds the function.
pub(in crate::script) fn definition(
    function: &FnPtr,
    here: &GlobalRuntimeState,
) -> Option<(ImmutableString, Position)> {
    let place = resident(function);
    let global = place.as_ref().map_or(here, |place| &place.home.global);
    let name = name_of(function);

    let found = |file: &Shared<Module>| {
        (0..=PARAMS_MAX).find_map(|count| Some(file.get_script_fn(&name, count)?.clone()))
    };
    let definition = global.lib.iter().rev().find_map(found)?;
    Some((global.source.clone()?, definition.body.start_position()))
}

/// Tells whether a function has no name of its own.
pub(in crate::script) fn is_closure(function: &FnPtr) -> bool {
    names_closure(&name_of(function))
}

/// Makes a native function of one that a file offers to others, and that is at home where `home` says. As a
/// method it gets `this`.
pub(in crate::script) fn offered(
    name: &str,
    is_method: bool,
    home: impl Fn(&Engine) -> Result<Rc<Home>, EvalError> + 'static,
) -> RhaiFunc {
    let name = name.to_owned();
    let func = move |context: Option<NativeCallContext>, arguments: &mut [&mut Dynamic]| {
        let context = context.expect("it asks for the context");
        let function = FnPtr::new(name.as_str())?;

        let (this, rest) = match arguments {
            [this, rest @ ..] if is_method => (Some(&mut **this), rest),
            rest => (None, rest),
        };

        let values = rest.iter_mut().map(|value| value.take().flatten()).collect();
        home(context.engine())?.call(&context, &function, this, values)
    };

    let func = Shared::new(func);
    let has_context = true;
    let is_pure = true;
    let is_volatile = true;
    if is_method {
        RhaiFunc::Method { func, has_context, is_pure, is_volatile }
    } else {
        RhaiFunc::Pure { func, has_context, is_pure, is_volatile }
    }
}
