//! Every key of kaizen.toml: its type, default, example and meaning. One table, from which files are read,
//! the reference and the schema for editors are written, and misspelt keys get their suggestion.

pub(crate) mod config;
mod engine;
mod kind;
pub(crate) mod otel;
mod reference;
mod servers;

use serde_json::{Map, Value};

pub(crate) use kind::SettingKind;
pub(crate) use reference::{SettingDoc, reference, schema};
pub(crate) use servers::SERVER_SETTINGS;

/// What holds where a key is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// This value, as TOML.
    Value(&'static str),
    /// What these words say.
    Words(&'static str),
}

/// One key.
#[derive(Debug)]
pub(crate) struct SettingEntry {
    pub(crate) section: &'static str,
    pub(crate) key: &'static str,
    pub(crate) kind: SettingKind,
    pub(crate) default: Fallback,
    /// A value, as TOML.
    pub(crate) example: &'static str,
    pub(crate) meaning: &'static str,
}

impl SettingEntry {
    /// Returns its full name, such as `limits.operations`.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }
}

/// Finds a key by its full name.
pub(crate) fn find(name: &str) -> Option<&'static SettingEntry> {
    SETTINGS.iter().find(|entry| entry.name() == name)
}

const fn entry(
    (section, key): (&'static str, &'static str),
    kind: SettingKind,
    default: Fallback,
    example: &'static str,
    meaning: &'static str,
) -> SettingEntry {
    SettingEntry { section, key, kind, default, example, meaning }
}

const NONE: Fallback = Fallback::Words("none");
const NO_LIMIT: Fallback = Fallback::Words("no limit");

/// All keys besides those of models.
pub(crate) const SETTINGS: &[SettingEntry] = &[
    entry(("project", "name"), SettingKind::Text, NONE, "\"news\"", "The project's name."),
    entry(
        ("project", "model"),
        SettingKind::Text,
        Fallback::Words("OPENAI_MODEL, or the demo model if no provider is set up"),
        "\"fast\"",
        "The default model: an alias from [models], or `provider/name`. KAIZEN_MODEL and `--model` override it.",
    ),
    entry(
        ("run", "concurrency"),
        SettingKind::Count,
        NO_LIMIT,
        "8",
        "Maximum number of concurrent model calls. KAIZEN_CONCURRENCY and `--concurrency` override it.",
    ),
    entry(
        ("run", "reuse"),
        SettingKind::Flag,
        Fallback::Value("false"),
        "true",
        "Whether `kaizen run` reuses the replies of earlier runs. `--reuse` and `--no-reuse` override it.",
    ),
    entry(
        ("run", "suspend_after"),
        SettingKind::RunTime,
        Fallback::Words("\"5m\" where stdin or stderr is not a terminal"),
        "\"1h\"",
        "A longer wait of `sleep` or `sleep_until` suspends the run. `kaizen resume --due` continues it.",
    ),
    entry(
        ("budget", "max_cost"),
        SettingKind::Dollars,
        NO_LIMIT,
        "0.5",
        "Maximum cost of a run, in dollars. A call that could exceed it is not made.",
    ),
    entry(
        ("budget", "max_tokens"),
        SettingKind::Count,
        NO_LIMIT,
        "100_000",
        "Maximum number of input and output tokens of a run.",
    ),
    entry(
        ("budget", "max_calls"),
        SettingKind::Count,
        NO_LIMIT,
        "50",
        "Maximum number of model calls of a run.",
    ),
    entry(
        ("budget", "max_time"),
        SettingKind::RunTime,
        NO_LIMIT,
        "\"10m\"",
        "Maximum duration of a run.",
    ),
    entry(
        ("limits", "operations"),
        SettingKind::Count,
        Fallback::Value("1_000_000_000"),
        "5_000_000_000",
        "Maximum number of steps that a script computes. It stops endless loops.",
    ),
    entry(
        ("optimizer", "learn_from_demo"),
        SettingKind::Flag,
        Fallback::Value("false"),
        "true",
        "Whether executions with the demo model count when the optimizer learns.",
    ),
    entry(
        ("watch", "quiet_ms"),
        SettingKind::Millis,
        Fallback::Value("50"),
        "200",
        "How long no file may change before `kaizen watch` runs the script again.",
    ),
    entry(
        ("watch", "confirm_over"),
        SettingKind::Dollars,
        Fallback::Value("0.25"),
        "1.0",
        "`kaizen watch` asks before a re-run that may cost more than this, in dollars.",
    ),
    entry(
        ("watch", "paths"),
        SettingKind::Paths,
        NONE,
        "[\"prompts\"]",
        "Files and folders that `kaizen watch` watches even if no script reads them.",
    ),
    entry(
        ("permissions", "read"),
        SettingKind::Rules,
        Fallback::Words("the project's folder, without hidden files"),
        "[\"../data\"]",
        "Further files and folders that scripts may read.",
    ),
    entry(
        ("permissions", "write"),
        SettingKind::Rules,
        NONE,
        "[\"out\"]",
        "Files and folders that scripts may write.",
    ),
    entry(
        ("permissions", "net"),
        SettingKind::Rules,
        NONE,
        "[\"example.com\", \"*.example.org:443\"]",
        "Hosts that scripts may reach.",
    ),
    entry(
        ("permissions", "env"),
        SettingKind::Rules,
        NONE,
        "[\"EDITOR\"]",
        "Environment variables that scripts may read.",
    ),
    entry(
        ("permissions", "run"),
        SettingKind::Rules,
        NONE,
        "[\"git\"]",
        "Programs that scripts may run.",
    ),
    entry(
        ("permissions", "deny_read"),
        SettingKind::Rules,
        NONE,
        "[\"private\"]",
        "Files and folders that scripts may not read, whatever is granted.",
    ),
    entry(
        ("permissions", "deny_write"),
        SettingKind::Rules,
        NONE,
        "[\"out/final\"]",
        "Files and folders that scripts may not write, whatever is granted.",
    ),
    entry(
        ("permissions", "deny_net"),
        SettingKind::Rules,
        NONE,
        "[\"localhost\"]",
        "Hosts that neither scripts nor models may reach, whatever is granted.",
    ),
    entry(
        ("permissions", "deny_env"),
        SettingKind::Rules,
        NONE,
        "[\"AWS_*\"]",
        "Variables that neither scripts nor models may read, whatever is granted.",
    ),
    entry(
        ("permissions", "deny_run"),
        SettingKind::Rules,
        NONE,
        "[\"rm\"]",
        "Programs that scripts may not run, whatever is granted.",
    ),
    entry(
        ("secrets", "names"),
        SettingKind::Variables,
        Fallback::Words("names with a word such as KEY, TOKEN, SECRET or PASSWORD"),
        "[\"LICENCE_*\"]",
        "Further variables whose values are kept out of journal and output.",
    ),
    entry(
        ("secrets", "min_length"),
        SettingKind::SecretLength,
        Fallback::Words("8"),
        "12",
        "Minimum number of characters of a value that is treated as a secret.",
    ),
    entry(
        ("store", "durability"),
        SettingKind::Durability,
        Fallback::Value("\"process\""),
        "\"power\"",
        "What is guaranteed once an operation has ended. With `process`, a killed process loses nothing, and a power \
         failure loses at most the last 50 ms of a run. With `power`, every operation is on disk before anything \
         depends on it, which costs one disk sync per operation. docs/reliability.md has the details.",
    ),
    entry(
        ("store", "keep"),
        SettingKind::Age,
        Fallback::Words("forever"),
        "\"30d\"",
        "How long runs are kept.",
    ),
    entry(
        ("store", "max_size"),
        SettingKind::Size,
        NO_LIMIT,
        "\"500MB\"",
        "Maximum size of the store. The oldest runs are deleted first.",
    ),
    entry(
        ("engine", "store"),
        SettingKind::Reference,
        Fallback::Words("none: the project's own file"),
        "\"env:KAIZEN_STORE\"",
        "The environment variable with the address of a PostgreSQL store that several machines share, such as \
         `postgres://USER@HOST/DATABASE`. While it is unset or empty, the project's own file is used. docs/engine.md has \
         the details.",
    ),
    entry(
        ("engine", "unsafe_durability"),
        SettingKind::Flag,
        Fallback::Value("false"),
        "true",
        "Whether a shared store is used although `fsync` or `synchronous_commit` is off on its server, so that the server \
         may lose what it has confirmed.",
    ),
    entry(
        ("engine", "temporal"),
        SettingKind::Reference,
        Fallback::Words("none: runs are performed here"),
        "\"env:KAIZEN_TEMPORAL\"",
        "The environment variable with the address of the Temporal server that has runs performed by workers, such as \
         `temporal://HOST:7233/NAMESPACE`. While it is set, `kaizen run` submits to it.",
    ),
    entry(
        ("engine", "queue"),
        SettingKind::Text,
        Fallback::Value("\"kaizen\""),
        "\"gpu\"",
        "The queue of runs that are submitted, and that a worker of this project works on.",
    ),
    entry(
        ("engine", "files"),
        SettingKind::Paths,
        NONE,
        "[\"data/*\"]",
        "Files of the project that are sent with a script, besides those that it imports. `*` stands for any characters.",
    ),
    entry(
        ("engine", "lease"),
        SettingKind::RunTime,
        Fallback::Value("\"15s\""),
        "\"1m\"",
        "How long a worker may be silent before another one takes its runs over.",
    ),
    entry(
        ("otel", "endpoint"),
        SettingKind::Address,
        Fallback::Words("none: nothing is sent"),
        "\"http://127.0.0.1:4318\"",
        "The OpenTelemetry collector that runs send their spans to, over OTLP/HTTP in JSON. `/v1/traces` is added \
         to the address. docs/export.md has the details.",
    ),
    entry(
        ("otel", "content"),
        SettingKind::Flag,
        Fallback::Value("false"),
        "true",
        "Whether spans contain prompts, replies, arguments, results and messages of failures.",
    ),
    entry(
        ("otel", "headers"),
        SettingKind::Headers,
        NONE,
        "[\"x-api-key=env:COLLECTOR_KEY\"]",
        "Headers for the collector, each with the environment variable that contains its value. Never the value \
         itself.",
    ),
];

/// One key of `[models.NAME]`: name, type, default, example as TOML, meaning.
pub(crate) const MODEL_SETTINGS: &[(&str, &str, &str, &str, &str)] = &[
    ("use", "text", "required", "\"openai/gpt-4o-mini\"", "The model, as `provider/name`."),
    ("provider", "text", "from `use`", "\"openai\"", "The provider, in place of `use`."),
    (
        "model",
        "text",
        "from `use`",
        "\"gpt-4o-mini\"",
        "The provider's name for the model, in place of `use`.",
    ),
    (
        "base_url",
        "text",
        "the provider's own",
        "\"http://127.0.0.1:8080/v1\"",
        "The address of the server.",
    ),
    (
        "key",
        "text",
        "the provider's variable",
        "\"env:MY_KEY\"",
        "Where to find the key: `env:NAME` or `file:PATH`. Never the key itself.",
    ),
    (
        "max_concurrent",
        "a whole number of at least 1",
        "no limit",
        "4",
        "Maximum number of concurrent calls to the server.",
    ),
    (
        "requests_per_minute",
        "a whole number of at least 1",
        "no limit",
        "60",
        "Maximum number of calls to the server in a minute.",
    ),
    (
        "max_tokens_field",
        "\"max_tokens\" or \"max_completion_tokens\"",
        "detected",
        "\"max_completion_tokens\"",
        "The name that a server of OpenAI's protocol uses for the limit on tokens.",
    ),
    (
        "price",
        "a table",
        "the listed price, if known",
        "{ input = 0.15, output = 0.60, per = \"1M\" }",
        "The price of tokens, in dollars: `input`, `output`, `cached`, `cache_write`, `per` (\"1M\", \"1k\" or \"1\") and `as_of`.",
    ),
    (
        "image_tokens",
        "a whole number of at least 1",
        "unknown",
        "1600",
        "Maximum number of tokens that one image counts as. Required for a budget. Without it, most models do not see the images that tools return.",
    ),
    (
        "tools",
        "true or false",
        "true",
        "false",
        "Whether the server takes tools. With `false`, calls are read from answers that follow a schema.",
    ),
    ("temperature", "a number", "the provider's", "0.2", "Sampling temperature."),
    (
        "top_p",
        "a number",
        "the provider's",
        "0.9",
        "Nucleus sampling: the share of the probability mass to sample from.",
    ),
    (
        "max_tokens",
        "a whole number of at least 1",
        "the provider's",
        "400",
        "Maximum number of tokens of a reply.",
    ),
    ("stop", "a text or a list of texts", "none", "[\"END\"]", "Texts at which the model stops."),
    ("seed", "a whole number", "none", "7", "The provider's seed for sampling."),
    (
        "stream",
        "true or false",
        "true where a terminal shows the reply, else false",
        "true",
        "Whether replies are streamed. If this is not set, a terminal shows replies as they are written, \
         but only where streams report their tokens, so that the cost stays known: at the known providers, \
         and at servers on this machine or in its network until a stream reports none.",
    ),
    (
        "timeout_ms",
        "a time in milliseconds",
        "600000",
        "60_000",
        "Maximum duration of a whole call, from when its request is sent. Its connection may take as long.",
    ),
    (
        "header_timeout_ms",
        "a time in milliseconds",
        "60000",
        "20_000",
        "Maximum wait for the header of a reply, from when the request is sent.",
    ),
    (
        "idle_timeout_ms",
        "a time in milliseconds",
        "60000",
        "20_000",
        "Maximum silence within a streamed reply.",
    ),
    (
        "attempts_max",
        "a whole number of at least 1",
        "3",
        "1",
        "Maximum number of attempts of a call. 1 turns retries off.",
    ),
    (
        "on_length",
        "\"accept\" or \"fail\"",
        "\"fail\"",
        "\"accept\"",
        "Whether a reply that reached `max_tokens` is an error, or a reply that is marked as cut. With a schema, it is \
         always an error.",
    ),
    (
        "extra",
        "a table",
        "none",
        "{ top_k = 40 }",
        "Additional fields for the server, sent unchanged.",
    ),
    (
        "latency_ms",
        "a time in milliseconds",
        "20",
        "500",
        "Demo model only: how long a reply takes.",
    ),
    (
        "error_rate",
        "a number from 0 to 1",
        "0",
        "0.1",
        "Demo model only: the share of calls that fail.",
    ),
    ("cost", "an amount in dollars", "0", "0.001", "Demo model only: what a call costs."),
    (
        "replies",
        "a table of texts",
        "none",
        "{ \"capital of France\" = \"Paris\" }",
        "Demo model only: replies by a text that the prompt contains.",
    ),
];

/// Returns the names of all keys besides those of models.
pub(crate) fn names() -> impl Iterator<Item = String> {
    SETTINGS.iter().map(SettingEntry::name)
}

/// Reads a value that the table holds as TOML.
pub(crate) fn value_of(text: &str) -> Value {
    let table: Result<Map<String, Value>, _> = toml::from_str(&format!("value = {text}"));
    table.ok().and_then(|mut table| table.remove("value")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
