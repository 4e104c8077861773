//! `imodel`: a language model by its name.

use super::data::source;
use super::define::def;
use crate::base::failure::{Failure, Kind};
use crate::model::Model;
use crate::model::provider::page::host_of;
use crate::model::registry::{ModelOrigin, PROVIDERS};
use crate::model::spec::{KeyRef, ModelSpec, is_on_this_machine};
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::right::{Right, Target};
use crate::script::host::{convert, known_map};
use rhai::{Dynamic, Engine, Map};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "imodel(name: string) -> model",
        r#"
        Names a language model: an alias of kaizen.toml, or "provider/model" with one of the
        providers openai, anthropic, gemini, ollama and demo. A map sets more: `provider`, `model`,
        `base_url`, `key` (only by reference, "env:NAME" or "file:PATH"), `temperature`,
        `max_tokens`, `timeout_ms`, `max_concurrent`, `requests_per_minute`, `price`, and
        `max_tokens_field: "max_completion_tokens"` for a server that knows only that name of the
        limit. A variable that is named as `key` needs a grant, as for `env`. No call is made yet; a
        missing key becomes an error at the first call.
        ```rhai
        let careful = imodel(#{ provider: "demo", model: "echo", temperature: 0.0 });
        print(careful.name);
        ```
        "#,
        move |name: &str| by_name(&inner, name),
    );

    let inner = host.clone();
    def(engine, "imodel(options: map) -> model", "", move |map: Map| by_map(&inner, &map));

    def(
        engine,
        "get name(model: model) -> string",
        r#"
        The name of a model, "provider/model"; the name of a branch, a node or a graph.
        ```rhai
        print(imodel("demo/echo").name);
        ```
        "#,
        |model: &mut Model| model.label.clone(),
    );

    def(engine, "to_string(model: model) -> string", "", |model: &mut Model| model.label.clone());
}

/// Finds a model by its alias or by provider and name.
fn by_name(host: &Rc<Inner>, name: &str) -> Result<Model, EvalError> {
    host.with.models.resolve(name).map_err(|error| throw_new(Kind::Model, error.to_string()))
}

fn by_map(host: &Rc<Inner>, map: &Map) -> Result<Model, EvalError> {
    let fields = convert::to_fields(map).map_err(|reason| throw_new(Kind::Option, reason))?;

    let mut spec =
        ModelSpec::from_map(&fields).map_err(|error| throw_new(Kind::Option, error.to_string()))?;
    if !host.executor().is_dry() {
        permit(host, &mut spec).map_err(|failure| throw(&failure))?;
    }

    let model = host.with.models.resolve_spec(&spec);
    let model = model.map_err(|error| throw_new(Kind::Model, error.to_string()))?;
    Ok(model.described_by(fields))
}

/// Accepts the server and the key that a script names. Servers of the project's models and of this
/// machine are open to it; others are granted, and so are keys that are not the provider's own. A
/// server that the script names gets a key only if the script names it, or a grant does.
fn permit(host: &Rc<Inner>, spec: &mut ModelSpec) -> Result<(), Failure> {
    let permissions = &host.with.permissions;
    // A key is given for a provider at a server, so one of these alone opens nothing.
    let is_known = |other: &ModelSpec| {
        other.provider == spec.provider && other.base_url == spec.base_url && other.key == spec.key
    };
    if host.with.models.aliases().any(|(_, other)| is_known(other)) {
        return Ok(());
    }

    if let Some(url) = spec.base_url.as_deref().filter(|url| !is_on_this_machine(url))
        && let Some((name, port)) = host_of(url)
    {
        let target = Target::Host(&name, port);
        permissions.demand(Right::Net, &target, &target.to_string())?;
    }

    let own = PROVIDERS.iter().find(|(name, _)| *name == spec.provider).and_then(|(_, own)| *own);

    match &spec.key {
        Some(KeyRef::Env(name)) if spec.base_url.is_none() && own == Some(name) => {}
        Some(KeyRef::Env(name)) => {
            permissions.demand(Right::Env, &Target::Name(name), name)?;
        }
        Some(KeyRef::File(path)) => {
            let found = source(host, path).map_err(|raised| host.failure(&raised))?;
            spec.key = Some(KeyRef::File(found.display().to_string()));
        }
        None if spec.base_url.is_some() => {
            let granted = own.filter(|own| permissions.names(Right::Env, own));
            spec.key = granted.map(|own| KeyRef::Env(own.to_owned())).or(Some(KeyRef::Nothing));
        }
        Some(KeyRef::Nothing) | None => {}
    }

    Ok(())
}

/// Reads a model that an option gives: a handle, a name, or a map.
pub(super) fn read(host: &Rc<Inner>, value: Dynamic) -> Result<Model, EvalError> {
    if let Some(name) = value.read_lock::<rhai::ImmutableString>() {
        return by_name(host, &name);
    }
    if let Some(map) = known_map::as_map(&value) {
        return by_map(host, &map);
    }

    let name = convert::type_name(&value);
    value.try_cast::<Model>().ok_or_else(|| {
        let message =
            format!("a model must be a name, a map, or a result of `imodel`, not a {name}");
        throw(&Failure::new(Kind::Option, message))
    })
}

/// Returns the model that is used when a script names none, and says so once if it is the demo.
pub(super) fn default(host: &Rc<Inner>) -> Result<Model, EvalError> {
    let (model, origin) =
        host.with.models.default_model().map_err(|e| throw_new(Kind::Model, e.to_string()))?;
    if origin == ModelOrigin::Demo {
        host.note(
            "no model is set up, so the built-in demo model is used; set OPENAI_API_KEY and \
             OPENAI_MODEL, or pass `--model provider/name`",
        );
    }

    Ok(model)
}
