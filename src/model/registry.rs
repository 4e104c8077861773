//! Finds models by name: aliases of the project, or `provider/name`.

use crate::base::secret::{self, Secret};
use crate::base::spelling::nearest;
use crate::model::call_error::CallError;
use crate::model::denial::Denials;
use crate::model::limiter::{Limiter, ServerLimits};
pub use crate::model::model_error::ModelError;
use crate::model::price::Price;
use crate::model::provider::demo::Demo;
use crate::model::provider::exchange::Exchanger;
use crate::model::provider::http::Clients;
use crate::model::provider::limit_name::LimitFinder;
use crate::model::provider::page::{self, PageReply};
use crate::model::provider::server::{Protocol, Server};
use crate::model::provider::watched::StreamUse;
use crate::model::spec::{KeyRef, LimitField, ModelSpec, checked, split};
use crate::model::transport::Transport;
use crate::model::variable::OddVariable;
use crate::model::{Model, key_file};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The providers, and the variable that each one's key is in.
pub const PROVIDERS: &[(&str, Option<&str>)] = &[
    ("openai", Some("OPENAI_API_KEY")),
    ("anthropic", Some("ANTHROPIC_API_KEY")),
    ("gemini", Some("GEMINI_API_KEY")),
    ("ollama", None),
    ("demo", None),
];

/// Returns the variable that the key of a provider is in, if it may have one.
pub fn key_variable(provider: &str) -> Option<&'static str> {
    let found = PROVIDERS.iter().find(|(name, _)| *name == provider)?;
    // It needs none, but a server of Ollama's behind a gate may ask for one.
    if provider == "ollama" { Some("OLLAMA_API_KEY") } else { found.1 }
}

/// Where the default model comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelOrigin {
    /// The configuration or the command line names it.
    Configured,
    /// `OPENAI_MODEL` and its siblings name it.
    Environment,
    /// Nothing is set up, so the demo model answers.
    Demo,
}

/// The variables that say that a provider is meant; OpenAI's can name a model, too.
const SIGNS: &[(&str, &[&str])] = &[
    ("anthropic", &["ANTHROPIC_API_KEY"]),
    ("gemini", &["GEMINI_API_KEY"]),
    ("ollama", &["OLLAMA_HOST", "OLLAMA_API_KEY"]),
];

/// Says that something is set up, but no model.
fn no_default(found: &'static str, wanted: &'static str, provider: &str) -> ModelError {
    let set = match (provider, wanted) {
        ("openai", wanted) => format!("set {wanted}"),
        (provider, _) => format!("set KAIZEN_MODEL={provider}/NAME"),
    };
    let help = format!(
        "{set}, or `model = \"{provider}/NAME\"` under [project] in kaizen.toml, or run with `--model \
         {provider}/NAME`; `--model demo/echo` asks the built-in demo"
    );
    ModelError::NoDefault { found, wanted, help }
}

/// Looks up a variable of the environment.
type Lookup = Rc<dyn Fn(&str) -> Option<String>>;
/// What makes two models share a limiter.
type LimiterKey = (String, String, Option<KeyRef>);
/// The limiter of each server, with the limits it has.
type Limiters = HashMap<LimiterKey, (ServerLimits, Rc<Limiter>)>;
/// What each server calls the limit on tokens, by its address and the name of the model.
type LimitNames = HashMap<(String, String), Rc<LimitFinder>>;
/// What is known of the streams of each server, by its address.
type StreamUses = HashMap<String, Rc<Cell<StreamUse>>>;

/// The models of a project.
pub struct Models {
    aliases: BTreeMap<String, ModelSpec>,
    default: RefCell<Option<String>>,
    lookup: Lookup,
    is_odd: Rc<dyn Fn(&str) -> bool>,
    clients: Rc<Clients>,
    denials: RefCell<Arc<Denials>>,
    limiters: Rc<RefCell<Limiters>>,
    limit_names: Rc<RefCell<LimitNames>>,
    streams: Rc<RefCell<StreamUses>>,
    demos: RefCell<HashMap<String, Demo>>,
    /// Models that exist already, by name.
    given: BTreeMap<String, Model>,
    seed: u64,
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models").field("aliases", &self.aliases.keys()).finish_non_exhaustive()
    }
}

impl Models {
    /// Collects the models of a project. `default` names the model for scripts that name none;
    /// `seed` makes demo models repeat.
    pub fn new(
        aliases: BTreeMap<String, ModelSpec>,
        default: Option<String>,
        seed: u64,
        lookup: impl Fn(&str) -> Option<String> + 'static,
    ) -> Models {
        learn_keys(&aliases, &lookup);

        Models {
            aliases,
            default: RefCell::new(default),
            lookup: Rc::new(lookup),
            is_odd: Rc::new(|_| false),
            clients: Rc::default(),
            denials: RefCell::default(),
            limiters: Rc::default(),
            limit_names: Rc::default(),
            streams: Rc::default(),
            demos: RefCell::default(),
            given: BTreeMap::new(),
            seed,
        }
    }

    /// Lets variables be told that are set to what is no text, which otherwise seem not to be set.
    #[must_use]
    pub fn telling_odd(self, is_odd: impl Fn(&str) -> bool + 'static) -> Models {
        Models { is_odd: Rc::new(is_odd), ..self }
    }

    /// Returns the same models for another run: with a seed of its own, and the connections and
    /// limiters of this one.
    #[must_use]
    pub fn reseeded(&self, seed: u64) -> Models {
        Models {
            aliases: self.aliases.clone(),
            default: self.default.clone(),
            lookup: self.lookup.clone(),
            is_odd: self.is_odd.clone(),
            clients: self.clients.clone(),
            denials: self.denials.clone(),
            limiters: self.limiters.clone(),
            limit_names: self.limit_names.clone(),
            streams: self.streams.clone(),
            demos: RefCell::default(),
            given: self.given.clone(),
            seed,
        }
    }

    /// Sets what no call may touch: the hosts that it does not reach, and the variables whose values
    /// it does not get as keys.
    pub fn deny(&self, denials: Denials) {
        let denials = Arc::new(denials);
        self.clients.deny(denials.clone());
        self.denials.replace(denials);
    }

    /// Adds a model that exists already, such as a simulated one.
    #[must_use]
    pub fn giving(mut self, name: &str, model: Model) -> Models {
        self.given.insert(name.to_owned(), model);
        self
    }

    /// Returns the aliases.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, &ModelSpec)> {
        self.aliases.iter().map(|(name, spec)| (name.as_str(), spec))
    }

    /// Makes a model the one for scripts that name none.
    pub fn set_default(&self, name: &str) -> Result<(), ModelError> {
        self.resolve(name)?;
        self.default.replace(Some(name.to_owned()));
        Ok(())
    }

    /// Finds a model by its alias, or by provider and name.
    pub fn resolve(&self, name: &str) -> Result<Model, ModelError> {
        let given = self.given.get(name).cloned().map(Ok);
        let known = given.or_else(|| self.aliases.get(name).map(|spec| self.resolve_spec(spec)));
        if let Some(model) = known {
            return Ok(model?.described_by(name));
        }

        match split(name) {
            Ok((provider, model)) => self.resolve_spec(&ModelSpec::new(&provider, &model)),
            Err(_) => Err(ModelError::Unknown { name: name.to_owned(), help: self.near(name) }),
        }
    }

    /// Tells what keeps a name from being a model's, without setting anything up.
    pub fn check_name(&self, name: &str) -> Result<(), ModelError> {
        if self.aliases.contains_key(name) || self.given.contains_key(name) {
            return Ok(());
        }

        let unknown = |_| ModelError::Unknown { name: name.to_owned(), help: self.near(name) };
        let (provider, model) = split(name).map_err(unknown)?;
        if PROVIDERS.iter().any(|(known, _)| *known == provider) {
            return Ok(());
        }

        Err(unknown_provider(&provider, &model))
    }

    /// Returns the name that may be meant by one that is no model's.
    pub fn near_name(&self, name: &str) -> Option<String> {
        let Ok((provider, model)) = split(name) else {
            return nearest(name, self.aliases.keys().map(String::as_str)).map(str::to_owned);
        };
        let near = nearest(&provider, PROVIDERS.iter().map(|(name, _)| *name))?;
        Some(format!("{near}/{model}"))
    }

    /// Makes a model of its description. A missing key is an error of the first call, so that a
    /// script can be read and checked without one.
    pub fn resolve_spec(&self, spec: &ModelSpec) -> Result<Model, ModelError> {
        let transport = match spec.provider.as_str() {
            "demo" => Transport::Demo(self.demo(spec)),
            "openai" => Transport::Server(self.openai(spec)?),
            "anthropic" => Transport::Server(self.anthropic(spec)?),
            "gemini" => Transport::Server(self.gemini(spec)?),
            "ollama" => Transport::Server(self.ollama(spec)?),
            other => return Err(unknown_provider(other, &spec.model)),
        };

        let is_own_server = self.given_url(spec).is_none();
        let known = || Price::known(&spec.provider, &spec.model).filter(|_| is_own_server);

        Ok(Model {
            label: format!("{}/{}", spec.provider, spec.model),
            described: None,
            settings: spec.settings.clone(),
            limiter: self.limiter(spec),
            price: spec.price.clone().or_else(known),
            image_tokens: spec.image_tokens,
            takes_tools: spec.takes_tools,
            transport,
        })
    }

    /// Returns the model for scripts that name none, and why it is this one.
    pub fn default_model(&self) -> Result<(Model, ModelOrigin), ModelError> {
        if let Some(name) = &*self.default.borrow() {
            return Ok((self.resolve(name)?, ModelOrigin::Configured));
        }

        let reached =
            ["OPENAI_API_KEY", "OPENAI_BASE_URL"].into_iter().find(|v| self.get(v).is_some());
        match (reached, self.get("OPENAI_MODEL")) {
            (Some(_), Some(name)) => {
                let model = self.resolve_spec(&ModelSpec::new("openai", &name))?;
                return Ok((model, ModelOrigin::Environment));
            }
            (Some(found), None) => return Err(no_default(found, "OPENAI_MODEL", "openai")),
            (None, Some(_)) => return Err(no_default("OPENAI_MODEL", "OPENAI_API_KEY", "openai")),
            (None, None) => {}
        }

        // Whoever sets up a provider means its models, and not the demo.
        for (provider, variables) in SIGNS {
            if let Some(found) = variables.iter().find(|variable| self.get(variable).is_some()) {
                return Err(no_default(found, "the name of a model", provider));
            }
        }

        Ok((self.resolve_spec(&ModelSpec::new("demo", "echo"))?, ModelOrigin::Demo))
    }

    /// Returns a variable of the environment; an empty one counts as unset.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.get(name)
    }

    /// Does the same, unless the variable is set to what is no text.
    pub fn text_variable(&self, name: &str) -> Result<Option<String>, OddVariable> {
        match self.get(name) {
            None if (self.is_odd)(name) => Err(OddVariable::of(name)),
            found => Ok(found),
        }
    }

    /// Fetches a page of the web once; a redirect is told, not followed.
    pub async fn page(
        &self,
        url: &str,
        headers: &[(String, String)],
        limit: Duration,
    ) -> Result<PageReply, CallError> {
        page::get(&self.clients, url, headers, limit).await
    }

    /// Makes requests to a server that is no model, unless its host is denied.
    pub async fn exchanger(&self, url: &str) -> Result<Exchanger, CallError> {
        Exchanger::new(&self.clients, url).await
    }

    /// Makes the key of a server that is no model known as a secret, before anybody can read it.
    pub fn learn_key(&self, key: &KeyRef) {
        if let Some(key) = key_file::value_of(key, &*self.lookup) {
            drop(Secret::new(key.trim()));
        }
    }

    /// Finds the key of a server that is no model; `whose` names it in errors.
    pub fn key_of(&self, key: &KeyRef, whose: &str) -> Result<Option<Secret>, CallError> {
        self.named_key(key, whose, Secret::new)
    }

    /// Finds the key that a description names; `of_file` makes a secret of what a file holds.
    fn named_key(
        &self,
        key: &KeyRef,
        whose: &str,
        of_file: fn(String) -> Secret,
    ) -> Result<Option<Secret>, CallError> {
        let setup =
            |why: String| CallError::Setup { message: format!("no key for {whose}: {why}") };

        match key {
            KeyRef::Nothing => Ok(None),
            KeyRef::Env(name) => match self.key_in(name)? {
                Some(key) => Ok(Some(Secret::new(key.trim()))),
                None => Err(setup(format!("{name}, the variable in its `key`, is not set"))),
            },
            KeyRef::File(path) => match self.key_in_file(path)? {
                Ok(key) => Ok(Some(of_file(key))),
                Err(error) => Err(setup(format!("cannot read `{path}`: {error}"))),
            },
        }
    }

    fn get(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable).filter(|value| !value.is_empty())
    }

    fn demo(&self, spec: &ModelSpec) -> Demo {
        let seed = spec.settings.seed.unwrap_or(self.seed);
        let key = format!("{}{seed}{:?}", spec.model, spec.demo);

        let mut demos = self.demos.borrow_mut();
        demos.entry(key).or_insert_with(|| Demo::new(spec.demo.clone(), seed)).clone()
    }

    fn openai(&self, spec: &ModelSpec) -> Result<Server, ModelError> {
        let own = "https://api.openai.com/v1";
        let given = self.given_url(spec);
        let base_url = checked(given.as_deref().unwrap_or(own))?;
        let base_url = base_url.trim_end_matches("/chat/completions").to_owned();

        let key = self.key(spec, "OPENAI_API_KEY", given.is_none());
        let identity = base_url.clone();
        let server = self.server(spec, Protocol::OpenAi, base_url, identity, key)?;

        // OpenAI itself has another name for it than nearly everybody who speaks its protocol.
        if server.base_url.starts_with(own) {
            server.limit.assume(LimitField::MaxCompletionTokens);
        }

        Ok(server)
    }

    fn anthropic(&self, spec: &ModelSpec) -> Result<Server, ModelError> {
        let given = self.given_url(spec);
        let base_url = checked(given.as_deref().unwrap_or("https://api.anthropic.com/v1"))?;

        let key = self.key(spec, "ANTHROPIC_API_KEY", given.is_none());
        let identity = format!("{base_url}/");
        self.server(spec, Protocol::Anthropic, base_url, identity, key)
    }

    fn gemini(&self, spec: &ModelSpec) -> Result<Server, ModelError> {
        let own = "https://generativelanguage.googleapis.com/v1beta";
        let given = self.given_url(spec);
        let base_url = checked(given.as_deref().unwrap_or(own))?;

        let key = self.key(spec, "GEMINI_API_KEY", given.is_none());
        let identity = format!("{base_url}/");
        self.server(spec, Protocol::Gemini, base_url, identity, key)
    }

    /// Ollama is spoken to as OpenAI is: schemas, further fields and keys reach it only so.
    fn ollama(&self, spec: &ModelSpec) -> Result<Server, ModelError> {
        let given = self.given_url(spec);
        let host = checked(given.as_deref().unwrap_or("http://localhost:11434"))?;
        let key = self.key(spec, "OLLAMA_API_KEY", false);

        let base_url = if host.ends_with("/v1") { host.clone() } else { format!("{host}/v1") };
        self.server(spec, Protocol::OpenAi, base_url, format!("{host}/"), key)
    }

    /// Returns the address that is not the provider's own, if there is one.
    fn given_url(&self, spec: &ModelSpec) -> Option<String> {
        spec.base_url.clone().or_else(|| self.base_variable(spec))
    }

    fn server(
        &self,
        spec: &ModelSpec,
        protocol: Protocol,
        base_url: String,
        identity: String,
        key: Result<Option<Secret>, CallError>,
    ) -> Result<Server, ModelError> {
        let place = (base_url.clone(), spec.model.clone());
        let limit = match spec.limit_field {
            Some(field) => Rc::new(LimitFinder::known(field)),
            None => self.limit_names.borrow_mut().entry(place).or_default().clone(),
        };

        let first = || Rc::new(Cell::new(StreamUse::of(protocol, &base_url)));
        let streams =
            self.streams.borrow_mut().entry(base_url.clone()).or_insert_with(first).clone();

        let wrong = ModelError::BadUrl { url: base_url.clone() };
        let clients = self.clients.clone();
        let model = spec.model.clone();
        let server = Server {
            clients,
            protocol,
            base_url,
            identity,
            key,
            model,
            limit,
            streams,
            refused_stream: Rc::default(),
            site: Rc::default(),
        };

        if server.has_address() { Ok(server) } else { Err(wrong) }
    }

    /// Returns the address that the environment gives for a provider.
    fn base_variable(&self, spec: &ModelSpec) -> Option<String> {
        match spec.provider.as_str() {
            "openai" => self.get("OPENAI_BASE_URL"),
            "ollama" => self
                .get("OLLAMA_HOST")
                .map(|host| if host.contains("://") { host } else { format!("http://{host}") }),
            _ => None,
        }
    }

    /// Finds the key; a server that is not the provider's own may do without one.
    fn key(
        &self,
        spec: &ModelSpec,
        variable: &str,
        is_needed: bool,
    ) -> Result<Option<Secret>, CallError> {
        let provider = &spec.provider;

        match &spec.key {
            // The project's own files were learned before any script could name or write one. What a
            // description names as the server may be anybody's, so without a key it gets none that was
            // meant for the provider.
            Some(named) => self.named_key(named, &format!("`{provider}`"), Secret::apart),
            None if spec.base_url.is_some() => Ok(None),
            None => match self.key_in(variable)? {
                Some(key) => Ok(Some(Secret::new(key.trim()))),
                None if is_needed => Err(CallError::Setup {
                    message: format!(
                        "no key for `{provider}`: set {variable}, or `key = \"env:NAME\"` for the \
                         model in kaizen.toml"
                    ),
                }),
                None => Ok(None),
            },
        }
    }

    /// Returns the value of a variable that holds a key, unless it is denied.
    fn key_in(&self, variable: &str) -> Result<Option<String>, CallError> {
        let Some(key) = self.text_variable(variable).transpose() else { return Ok(None) };
        self.denials.borrow().check_variable(variable)?;
        key.map(Some).map_err(|error| CallError::Setup { message: error.to_string() })
    }

    /// Reads a file that holds a key, unless it is denied.
    fn key_in_file(&self, path: &str) -> Result<std::io::Result<String>, CallError> {
        self.denials.borrow().check_file(path)?;
        Ok(key_file::read(path))
    }

    /// Returns the limiter of the model's server, which all models of that server and key share.
    /// Where their descriptions differ, the strictest counts.
    fn limiter(&self, spec: &ModelSpec) -> Rc<Limiter> {
        let place = place(spec);
        let mut limits = spec.limits;
        // Aliases of one place share its limits, so the strictest hold.
        for (_, other) in self.aliases().filter(|(_, other)| self::place(other) == place) {
            limits = limits.strictest(other.limits);
        }

        let mut limiters = self.limiters.borrow_mut();
        if let Some((known, limiter)) = limiters.get(&place) {
            if known.strictest(limits) == *known {
                return limiter.clone();
            }
            limits = known.strictest(limits);
        }

        let limiter = Limiter::new(limits);
        limiters.insert(place, (limits, limiter.clone()));
        limiter
    }

    fn near(&self, name: &str) -> String {
        let aliases: Vec<&str> = self.aliases.keys().map(String::as_str).collect();
        if let Some(near) = nearest(name, aliases.iter().copied()) {
            return format!("did you mean `{near}`?");
        }

        let named = if aliases.is_empty() {
            "kaizen.toml defines none".to_owned()
        } else {
            format!("kaizen.toml defines: {}", aliases.join(", "))
        };

        format!("{named}. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`")
    }
}

/// Makes every key known as a secret, also those that nobody has used yet.
fn learn_keys(aliases: &BTreeMap<String, ModelSpec>, lookup: &dyn Fn(&str) -> Option<String>) {
    let own = PROVIDERS.iter().filter_map(|(_, variable)| lookup((*variable)?));
    let named = aliases.values().filter_map(|spec| key_file::value_of(spec.key.as_ref()?, lookup));

    for key in own.chain(named) {
        drop(Secret::new(key.trim()));
    }
}

/// Returns what makes two models share a limiter.
fn place(spec: &ModelSpec) -> LimiterKey {
    let base_url = spec.base_url.as_deref().unwrap_or("").trim_end_matches('/').to_owned();

    let provider = match spec.provider.as_str() {
        "demo" => format!("demo/{}", spec.model),
        other => other.to_owned(),
    };

    (provider, base_url, spec.key.clone())
}

fn unknown_provider(provider: &str, model: &str) -> ModelError {
    // Of a part of a secret, nobody would know it.
    let whole = format!("{provider}/{model}");
    let clean = secret::scrub(&whole);
    let provider = if clean == whole { provider } else { &clean };
    let names = PROVIDERS.iter().map(|(name, _)| *name);

    let help = match nearest(provider, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "available: {}. A server that speaks OpenAI's protocol is `openai` with a `base_url`",
            names.collect::<Vec<_>>().join(", ")
        ),
    };

    ModelError::UnknownProvider { provider: provider.to_owned(), help }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(variables: &'static [(&'static str, &'static str)]) -> Models {
        let aliases = BTreeMap::from([("fast".to_owned(), ModelSpec::new("demo", "echo"))]);
        Models::new(aliases, None, 1, move |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn refusal(name: &str) -> String {
        models(&[]).resolve(name).expect_err("no such model").to_string()
    }

    #[test]
    fn a_wrong_name_gets_a_suggestion() {
        assert_eq!(refusal("fsat"), "unknown model `fsat`; did you mean `fast`?");
        assert_eq!(refusal("opneai/x"), "unknown provider `opneai`; did you mean `openai`?");
        assert!(refusal("gpt").contains("write `provider/name`"));
    }

    #[test]
    fn a_missing_key_is_told_at_the_first_call_and_names_the_variable() {
        let model = models(&[]).resolve("openai/gpt-4o-mini").expect("a model");
        assert!(model.fault().expect("no key").to_string().contains("OPENAI_API_KEY"));
        let model = models(&[("OPENAI_API_KEY", "k")]).resolve("openai/gpt-4o-mini");
        assert_eq!(model.expect("a model").fault(), None);
    }

    #[test]
    fn a_server_of_ones_own_needs_no_key_and_has_no_known_price() {
        let variables = &[("OPENAI_BASE_URL", "http://127.0.0.1:1/v1/")];
        let model = models(variables).resolve("openai/gpt-4o-mini").expect("a model");
        assert_eq!(model.fault(), None);
        assert_eq!(model.server(), Some("http://127.0.0.1:1/v1"));
        assert!(model.price().is_none());
    }

    #[test]
    fn the_default_is_the_demo_until_a_model_is_named() {
        let origin = |variables| models(variables).default_model().expect("a model").1;
        assert_eq!(origin(&[]), ModelOrigin::Demo);
        assert_eq!(
            origin(&[("OPENAI_API_KEY", "k"), ("OPENAI_MODEL", "m")]),
            ModelOrigin::Environment
        );
    }

    #[test]
    fn a_provider_without_a_model_is_said_and_not_answered_by_the_demo() {
        let said = |variable: &'static str| {
            let lookup = move |name: &str| (name == variable).then(|| "k".to_owned());
            let models = Models::new(BTreeMap::new(), None, 0, lookup);
            let error = models.default_model().expect_err("no model");
            let text = error.to_string();
            text.split_once(';').map_or(text.clone(), |(said, _)| said.to_owned())
        };

        let no_default = |found, wanted| {
            format!("{found} is set, but {wanted} is not, so there is no default model")
        };
        for variable in ["OPENAI_API_KEY", "OPENAI_BASE_URL"] {
            assert_eq!(said(variable), no_default(variable, "OPENAI_MODEL"));
        }
        assert_eq!(said("OPENAI_MODEL"), no_default("OPENAI_MODEL", "OPENAI_API_KEY"));
        for variable in ["ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OLLAMA_HOST", "OLLAMA_API_KEY"] {
            assert_eq!(said(variable), no_default(variable, "the name of a model"));
        }
    }

    #[test]
    fn models_of_one_server_share_its_strictest_limit() {
        let models = models(&[]);
        let mut spec = ModelSpec::new("openai", "m");
        spec.base_url = Some("http://127.0.0.1:1/v1".to_owned());
        let free = models.limiter(&spec);

        spec.limits.max_concurrent = Some(2);
        let two = models.limiter(&spec);
        assert!(!Rc::ptr_eq(&free, &two), "a limit that is said later is not ignored");

        spec.limits.max_concurrent = None;
        spec.base_url = Some("http://127.0.0.1:1/v1/".to_owned());
        assert!(Rc::ptr_eq(&two, &models.limiter(&spec)));
    }

    #[test]
    fn an_address_without_a_scheme_is_refused() {
        let mut spec = ModelSpec::new("openai", "m");
        spec.base_url = Some("localhost:8080".to_owned());
        let error = models(&[]).resolve_spec(&spec).expect_err("no address").to_string();
        assert!(error.starts_with("invalid server address `localhost:8080`"), "{error}");
    }

    #[test]
    fn a_key_is_never_shown() {
        let model = models(&[("OPENAI_API_KEY", "sk-secret")]).resolve("openai/m");
        assert!(!format!("{model:?}").contains("sk-secret"));
    }
}
