//! `extra`: further fields of a request, sent as they are. A field that the program writes itself, or
//! that makes a call cost more than its tokens, is refused: the worst case of a call has to hold.

use serde_json::{Map, Value};

/// Why a field may not stand in `extra`, which decides what to do instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// A setting of this name writes it.
    Setting(&'static str),
    /// Several settings write into it, so it is merged field by field if it is spelt alike.
    Settings,
    /// The branch writes it.
    Branch,
    /// The name of the model writes it.
    Model,
    /// The description of the model writes it.
    Server,
    /// It asks for several replies, of which one would be read.
    Replies,
    /// Options of a call write it.
    Tools,
    /// It lets the provider do other work, of which nobody knows the cost before.
    Work,
    /// It changes the price of the call.
    Price,
    /// It only holds other fields.
    Wrapper,
}

/// The fields, in lower case without all that is no letter: servers take `max_tokens` and `maxTokens` alike.
const OWNED: &[(Owner, &[&str])] = &[
    (
        Owner::Setting("max_tokens"),
        &[
            "maxtokens",
            "maxcompletiontokens",
            "maxoutputtokens",
            "maxnewtokens",
            "maxgeneratedtokens",
            "maxtokenstosample",
            "maxlength",
            "maxgenlen",
            "maxgenerationtokens",
            "maxtokenstogenerate",
            "maxdecodetokens",
            "maxresponsetokens",
            "maxoutputlen",
            "maxoutputlength",
            "maxouttokens",
            "maxseqlen",
            "maxgentoks",
            "maxtokencount",
            "maxsequencelength",
            "numpredict",
            "npredict",
            "ntokens",
            "tokenstogenerate",
        ],
    ),
    (Owner::Setting("stop"), &["stop", "stopsequences", "stopstrings", "stopwords"]),
    (Owner::Setting("stream"), &["stream", "streamoptions", "streaming"]),
    (Owner::Setting("temperature"), &["temperature"]),
    (Owner::Setting("top_p"), &["topp"]),
    (Owner::Setting("seed"), &["seed", "randomseed"]),
    (
        Owner::Settings,
        &[
            "generationconfig",
            "options",
            "inferenceconfig",
            "parameters",
            "params",
            "samplingparams",
            "samplingparameters",
            "generationparams",
            "generationkwargs",
        ],
    ),
    (
        Owner::Branch,
        &[
            "messages",
            "prompt",
            "input",
            "inputs",
            "contents",
            "system",
            "systeminstruction",
            "systemprompt",
            "instructions",
            "context",
            "cachedcontent",
            "previousresponseid",
            "conversation",
            "template",
            "chattemplate",
            "suffix",
            "images",
            "history",
            "chathistory",
            "query",
        ],
    ),
    (
        Owner::Model,
        &[
            "model",
            "models",
            "modelid",
            "modelname",
            "fallbacks",
            "fallbackmodels",
            "fallbackmodel",
            "engine",
            "deployment",
            "deploymentid",
            "preset",
        ],
    ),
    (
        Owner::Server,
        &["apibase", "apikey", "apitype", "apiversion", "baseurl", "customllmprovider"],
    ),
    (
        Owner::Replies,
        &[
            "n",
            "bestof",
            "candidatecount",
            "numreturnsequences",
            "numgenerations",
            "numcompletions",
            "numresults",
            "numsamples",
            "numchoices",
            "numoutputs",
            "numresponses",
            "numresponsesperprompt",
            "bestofn",
            "nbest",
            "samples",
            "samplecount",
            "usebeamsearch",
            "numbeams",
        ],
    ),
    (Owner::Tools, &["tools", "toolchoice", "toolconfig", "functions", "functioncall"]),
    (
        Owner::Work,
        &[
            "websearch",
            "websearchoptions",
            "enablesearch",
            "enablewebsearch",
            "search",
            "searchoptions",
            "usesearch",
            "connectors",
            "documents",
            "searchparameters",
            "plugins",
            "mcpservers",
            "container",
            "datasources",
            "modalities",
            "responsemodalities",
            "audio",
            "prediction",
            "googlesearch",
            "codeexecution",
            "builtintools",
            "contextmanagement",
        ],
    ),
    (
        Owner::Price,
        &["servicetier", "processingtier", "speed", "inferencegeo", "provider", "route"],
    ),
    (
        Owner::Wrapper,
        &["extrabody", "extra", "modelkwargs", "kwargs", "additionalmodelrequestfields"],
    ),
];

/// The fields by which a schema is asked for: beside `schema` they would be sent twice.
const SCHEMA: &[&str] = &[
    "responseformat",
    "responsemimetype",
    "responseschema",
    "responsejsonschema",
    "format",
    "outputformat",
    "guidedjson",
];

/// A field that `extra` cannot contain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`extra` cannot contain `{field}`: {help}")]
pub struct Conflict {
    /// The field, as it is written.
    pub field: String,
    /// Why, and what to write instead.
    pub help: String,
}

/// The tables that settings write into, as they are spelt on the wire.
const MERGED: &[&str] = &["generationConfig", "options", "output_config"];

/// Finds the first field that may not stand there; `with_schema` tells that the request has a schema.
pub fn check(extra: &Map<String, Value>, with_schema: bool) -> Result<(), Conflict> {
    check_in("", extra, with_schema)
}

fn check_in(path: &str, extra: &Map<String, Value>, with_schema: bool) -> Result<(), Conflict> {
    for (field, value) in extra {
        let bare: String = field.chars().filter(|c| c.is_alphanumeric()).collect();
        let bare = bare.to_lowercase();

        if let Value::Object(inner) = value
            && MERGED.contains(&field.as_str())
        {
            check_in(&format!("{path}{field}."), inner, with_schema)?;
            continue;
        }

        let owner = OWNED.iter().find(|(_, fields)| fields.contains(&bare.as_str()));
        let help = match owner {
            Some((owner, _)) => owner.advice(),
            None if with_schema && SCHEMA.contains(&bare.as_str()) => {
                "the `schema` of the call sets it; remove one of the two".to_owned()
            }
            None => continue,
        };
        return Err(Conflict { field: format!("{path}{field}"), help });
    }

    Ok(())
}

/// Puts the fields into a request. Of a table that both have, the fields are put together: they have
/// been checked to be others.
pub fn merge(wire: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (field, value) in extra {
        match (wire.get_mut(field), value) {
            (Some(Value::Object(own)), Value::Object(more)) => own.extend(more.clone()),
            _ => {
                wire.insert(field.clone(), value.clone());
            }
        }
    }
}

impl Owner {
    fn advice(self) -> String {
        match self {
            Owner::Setting(name) => format!("use the setting `{name}`"),
            Owner::Settings => "use the settings `temperature`, `top_p`, `max_tokens`, `stop` and \
                                `seed`"
                .to_owned(),
            Owner::Branch => {
                "the branch sets it; use the branch's `system` prompt, or the instruction and \
                 `context` of the call"
                    .to_owned()
            }
            Owner::Model => "use `model` of the branch, or `imodel`".to_owned(),
            Owner::Server => {
                "use `base_url` and `key` of the model, under [models.NAME] in kaizen.toml"
                    .to_owned()
            }
            Owner::Replies => "a call returns one reply; make one call per reply".to_owned(),
            Owner::Tools => {
                "use the options `tools` and `tool_choice` of `operate` or `react`; tools that \
                 a provider runs itself are not supported, because budgets cannot cover them"
                    .to_owned()
            }
            Owner::Work => "calls support only text in and text out, because budgets cannot cover \
                 anything else; do it in the script"
                .to_owned(),
            Owner::Price => "it changes the price of the call, so a budget could not limit it; \
                             leave it out"
                .to_owned(),
            Owner::Wrapper => "put its fields directly into `extra`".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(field: &str) -> String {
        let extra = Map::from_iter([(field.to_owned(), json!(1))]);
        check(&extra, false).map_or_else(|conflict| conflict.to_string(), |()| "sent".to_owned())
    }

    #[test]
    fn what_the_program_sends_or_bounds_names_its_setting() {
        let expected = [
            ("max_tokens", "use the setting `max_tokens`"),
            ("max_completion_tokens", "use the setting `max_tokens`"),
            ("maxOutputTokens", "use the setting `max_tokens`"),
            ("num_predict", "use the setting `max_tokens`"),
            ("MAX-TOKENS", "use the setting `max_tokens`"),
            ("stop_sequences", "use the setting `stop`"),
            ("stream_options", "use the setting `stream`"),
            ("top_p", "use the setting `top_p`"),
            (
                "generation_config",
                "use the settings `temperature`, `top_p`, `max_tokens`, `stop` and `seed`",
            ),
            (
                "contents",
                "the branch sets it; use the branch's `system` prompt, or the instruction and \
                 `context` of the call",
            ),
            ("models", "use `model` of the branch, or `imodel`"),
            ("n", "a call returns one reply; make one call per reply"),
            (
                "tool_choice",
                "use the options `tools` and `tool_choice` of `operate` or `react`; tools that a \
                 provider runs itself are not supported, because budgets cannot cover them",
            ),
            ("num_samples", "a call returns one reply; make one call per reply"),
            ("Max_Gen_Len", "use the setting `max_tokens`"),
            ("max\u{200b}_tokens", "use the setting `max_tokens`"),
            ("fallback_models", "use `model` of the branch, or `imodel`"),
            (
                "sampling_params",
                "use the settings `temperature`, `top_p`, `max_tokens`, `stop` and `seed`",
            ),
            (
                "enable_search",
                "calls support only text in and text out, because budgets cannot cover anything \
                 else; do it in the script",
            ),
            (
                "service_tier",
                "it changes the price of the call, so a budget could not limit it; leave it out",
            ),
            ("extra_body", "put its fields directly into `extra`"),
            (
                "api_base",
                "use `base_url` and `key` of the model, under [models.NAME] in kaizen.toml",
            ),
            ("preset", "use `model` of the branch, or `imodel`"),
            ("num_responses_per_prompt", "a call returns one reply; make one call per reply"),
            (
                "provider",
                "it changes the price of the call, so a budget could not limit it; leave it out",
            ),
        ];

        for (field, help) in expected {
            assert_eq!(refusal(field), format!("`extra` cannot contain `{field}`: {help}"));
        }
    }

    #[test]
    fn what_only_the_provider_knows_is_sent() {
        let fields = [
            "top_k",
            "reasoning_effort",
            "parallel_tool_calls",
            "thinking",
            "logit_bias",
            "frequency_penalty",
            "metadata",
            "safetySettings",
            "keep_alive",
            "response_format",
        ];

        for field in fields {
            assert_eq!(refusal(field), "sent");
        }
    }

    #[test]
    fn a_table_that_settings_write_into_holds_other_fields() {
        let refusal = |extra: Value| {
            let found = check(extra.as_object().expect("a map"), true);
            found.map_or_else(|conflict| conflict.to_string(), |()| "sent".to_owned())
        };

        let other = json!({ "generationConfig": { "topK": 3, "thinkingConfig": { "x": 1 } } });
        assert_eq!(refusal(other), "sent");
        assert_eq!(refusal(json!({ "options": { "num_ctx": 8192 } })), "sent");

        assert_eq!(
            refusal(json!({ "generationConfig": { "topK": 3, "maxOutputTokens": 9 } })),
            "`extra` cannot contain `generationConfig.maxOutputTokens`: use the setting `max_tokens`"
        );
        assert_eq!(
            refusal(json!({ "generationConfig": { "candidateCount": 2 } })),
            "`extra` cannot contain `generationConfig.candidateCount`: a call returns one reply; \
             make one call per reply"
        );
        assert_eq!(
            refusal(json!({ "options": { "num_predict": -1 } })),
            "`extra` cannot contain `options.num_predict`: use the setting `max_tokens`"
        );
        assert!(
            refusal(json!({ "generationConfig": { "responseSchema": {} } })).contains("schema")
        );

        // What is no table would take the place of the program's own.
        assert!(refusal(json!({ "generationConfig": 1 })).starts_with("`extra` cannot contain"));
    }

    #[test]
    fn fields_are_put_beside_those_of_the_program() {
        let mut wire = json!({ "generationConfig": { "maxOutputTokens": 5 }, "contents": [] });
        let extra = json!({ "generationConfig": { "topK": 3 }, "labels": { "a": "b" } });
        merge(wire.as_object_mut().expect("a map"), extra.as_object().expect("a map"));
        let expected = json!({ "generationConfig": { "maxOutputTokens": 5, "topK": 3 },
            "contents": [], "labels": { "a": "b" } });
        assert_eq!(wire, expected);
    }

    #[test]
    fn a_form_of_the_reply_is_not_sent_twice() {
        let extra = json!({ "response_format": { "type": "json_object" } });
        let extra = extra.as_object().expect("a map");
        assert_eq!(check(extra, false), Ok(()));
        assert_eq!(
            check(extra, true).expect_err("twice").to_string(),
            "`extra` cannot contain `response_format`: the `schema` of the call sets it; remove one \
             of the two"
        );
    }

    #[test]
    fn every_field_is_spelt_as_it_is_looked_up() {
        for field in OWNED.iter().flat_map(|(_, fields)| *fields).chain(SCHEMA) {
            assert!(
                field.bytes().all(|b| b.is_ascii_lowercase()),
                "`{field}` would never be found"
            );
        }
    }
}
