//! What the value of an option has to be, as far as that can be told before a script runs: one table, by which
//! a wrong value is found before and while it runs.

use crate::flow::op::ToolProtocol;
use crate::model::request::Settings;
use crate::script::diagnostic::type_word;
use crate::session::tool::Effects;

/// What the value of an option has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::script) enum WantedValue {
    /// A text.
    Text,
    /// A text or a list of texts.
    Texts,
    /// One of these words.
    Word(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A whole number from here up.
    Count(i64),
    /// A number between these, both included.
    Within(i32, i32),
    /// A number above 0 and below 1.
    Share,
    /// A number from 0 up.
    Amount,
    /// A function.
    Function,
    /// A function that judges an answer.
    Judge,
    /// A map.
    Map,
    /// A list.
    List,
    /// A list that is not empty.
    Items,
    /// A node, the name of an operation, or a list of them.
    Nodes,
    /// A branch.
    Branch,
    /// A model, the name of one, or its description.
    Model,
    /// A list of tools.
    Tools,
    /// A tool or the name of one.
    Tool,
    /// A list of names.
    Names,
    /// What is kept and sent as data: no function and none of kaizen's own values.
    PlainData,
    /// A map, or a function that makes one.
    MadeMap,
    /// True or false, or a function that says so.
    FlagOrFunction,
    /// A map, or the name of a known one.
    NamedMap,
}

use WantedValue::{
    Amount, Branch, Count, Flag, FlagOrFunction, Function, Items, Judge, List, MadeMap, Map, Model,
    NamedMap, Names, Nodes, PlainData, Share, Text, Texts, Tool, Tools, Within, Word,
};

/// The functions whose `timeout_ms` is a setting of a call, which may be 0.
const ASKS: &[&str] = &["communicate", "chat", "operate", "react", "parse", "imodel"];

/// Returns what the value of an option of a function has to be; `None` if that is not certain.
pub(in crate::script) fn wanted(of: &str, option: &str) -> Option<WantedValue> {
    if of == "imodel"
        && let Some(wanted) = wanted_of_model(option)
    {
        return Some(wanted);
    }

    Some(match option {
        "instruction" | "name" | "question" | "stdin" | "system" | "text" | "tool_choice" => Text,
        "stop" => Texts,

        "keep" => Word(&["all", "answer", "nothing"]),
        "on_failure" => Word(&["skip", "stop", "continue"]),
        "on_length" => Word(&["accept", "fail"]),
        "protocol" => Word(ToolProtocol::WORDS),
        "effects" => Word(Effects::WORDS),
        "policy" | "scoring" => Word(&["learn", "greedy", "fixed", "guide", "guide_knowledge"]),

        "allow_failures" | "explore" | "gate" | "inherit_context" | "learn_from_demo" | "fresh"
        | "memory" | "record" | "repeatable" | "settle" | "stream" | "trace" | "verbose" => Flag,

        "timeout_ms" => Count(i64::from(!ASKS.contains(&of))),
        "attempts_max" | "context_max" | "max_calls" | "max_concurrent" | "max_result"
        | "max_steps" | "max_tokens" | "max_tool_calls" | "repeat" => Count(1),
        "header_timeout_ms" | "idle_timeout_ms" | "max_repairs" | "retries" | "seed"
        | "warm_up" => Count(0),

        "temperature" | "top_p" => {
            let bounds = Settings::bounds(option)?;
            bounds.most.map_or(Amount, |most| Within(bounds.least, most))
        }
        "confidence" | "min_effect" => Share,
        "cost" | "cost_half" | "max_cost" | "min_success" | "p95_time" | "quality" | "time"
        | "time_half" => Amount,

        "when" => Function,
        "check" | "judge" => Judge,
        "budget" | "constraints" | "extra" | "headers" | "of" => Map,
        "exchanges" | "images" => List,
        "depends_on" | "source_node_ids" => Nodes,

        "branch" => Branch,
        "model" => Model,
        "tools" => Tools,
        "tool" => Tool,
        "among" | "except" | "only" => Names,
        "context" => PlainData,
        "args" => MadeMap,
        "approve" => FlagOrFunction,
        "objective" => NamedMap,
        _ => return None,
    })
}

/// Returns what an option has to be that describes a model, where it is another one than elsewhere.
fn wanted_of_model(option: &str) -> Option<WantedValue> {
    Some(match option {
        "base_url" | "key" | "max_tokens_field" | "model" | "provider" | "use" => Text,
        "image_tokens" | "requests_per_minute" => Count(1),
        "latency_ms" => Count(0),
        "error_rate" => Within(0, 1),
        "cost" => Amount,
        "price" | "replies" => Map,
        "tools" => Flag,
        _ => return None,
    })
}

/// Returns what an argument of a function has to be, beside its type; `place` counts from 0, without the
/// value before a dot.
pub(in crate::script) fn wanted_argument(of: &str, place: usize) -> Option<WantedValue> {
    match (of, place) {
        ("retry" | "timeout", 0) => Some(Count(1)),
        ("sleep", 0) => Some(Amount),
        _ => None,
    }
}

impl WantedValue {
    /// Tells whether a whole number lies within its bounds, if it has any.
    #[allow(clippy::cast_precision_loss, reason = "the bounds are small")]
    pub(in crate::script) fn holds_whole(self, number: i64) -> bool {
        self.holds(number as f64)
    }

    /// Tells whether a number lies within its bounds, if it has any.
    #[allow(clippy::cast_precision_loss, reason = "the bounds are small")]
    pub(in crate::script) fn holds(self, number: f64) -> bool {
        match self {
            Count(least) => number >= least as f64,
            Within(least, most) => (f64::from(least)..=f64::from(most)).contains(&number),
            Share => number > 0.0 && number < 1.0,
            Amount => number >= 0.0,
            Text | Texts | Word(_) | Flag | Function | Judge | Map | List | Items | Nodes
            | Branch | Model | Tools | Tool | Names | PlainData | MadeMap | FlagOrFunction
            | NamedMap => true,
        }
    }

    /// Tells whether a value of a type, by its word, may be one.
    pub(in crate::script) fn takes(self, kind: &str) -> bool {
        match self {
            Text | Word(_) => kind == "string",
            Texts => kind == "string" || kind == "array",
            Flag => kind == "bool",
            Count(_) => kind == "int",
            Within(..) | Share | Amount => kind == "int" || kind == "float",
            Function | Judge => kind == "function",

            List | Items | Tools | Names => kind == "array",
            Map => kind == "map",
            Nodes => ["string", "array", "node"].contains(&kind),
            Branch => kind == "branch",
            Model => ["string", "map", "model"].contains(&kind),
            Tool => kind == "string" || kind == "tool",
            PlainData => {
                !type_word::HANDLES.contains(&kind)
                    && !["function", "range", "timestamp"].contains(&kind)
            }
            MadeMap => kind == "map" || kind == "function",
            FlagOrFunction => kind == "bool" || kind == "function",
            NamedMap => kind == "map" || kind == "string",
        }
    }

    /// Tells whether a list that is wanted may hold a value of a type, by its word.
    pub(in crate::script) fn takes_item(self, kind: &str) -> bool {
        match self {
            Tools => kind == "tool",
            Names | Texts => kind == "string" || kind == "char",
            Nodes => kind == "string" || kind == "node",
            Text | Word(_) | Flag | Count(_) | Within(..) | Share | Amount | Function | Judge
            | Map | List | Items | Branch | Model | Tool | PlainData | MadeMap | FlagOrFunction
            | NamedMap => true,
        }
    }

    /// Says what the value has to be.
    pub(in crate::script) fn words(self) -> String {
        match self {
            Text => "a string".to_owned(),
            Texts => "a string or a list of strings".to_owned(),
            Word(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();

                match quoted.split_last() {
                    Some((last, before)) => format!("{} or {last}", before.join(", ")),
                    None => "a word".to_owned(),
                }
            }
            Flag => "true or false".to_owned(),
            Count(least) => format!("a whole number of at least {least}"),
            Within(least, most) => format!("a number from {least} to {most}"),
            Share => "a number above 0 and below 1".to_owned(),
            Amount => "a number of at least 0".to_owned(),
            Function => "a function, `|x| ..`".to_owned(),
            Judge => "a function, `|answer| ..`".to_owned(),
            List => "a list".to_owned(),
            Items => "a list with at least one item".to_owned(),
            Map => "a map".to_owned(),
            Nodes => "a node, the name of an operation, or a list of them".to_owned(),
            Branch => "a branch".to_owned(),
            Model => "a model, the name of one, or a map".to_owned(),
            Tools => "a list of tools, `[tool(..)]`".to_owned(),
            Tool => "a tool or the name of one".to_owned(),
            Names => "a list of names".to_owned(),
            PlainData => "plain data".to_owned(),
            MadeMap => "a map or a function, `|inputs| #{ .. }`".to_owned(),
            FlagOrFunction => "true or a function, `|args| ..`".to_owned(),
            NamedMap => "a map or a word".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::host::options;

    /// Functions that take a map of options.
    const FUNCTIONS: &[&str] = &[
        "add_operation",
        "add_aggregation",
        "branch",
        "communicate",
        "compare",
        "constraints",
        "expand",
        "flow",
        "imodel",
        "objective",
        "operate",
        "optimizer",
        "parallel",
    ];

    #[test]
    fn every_option_with_a_type_is_an_option() {
        let known: Vec<&str> =
            FUNCTIONS.iter().filter_map(|of| options::known(of)).flatten().collect();
        for option in ["retries", "max_tokens", "on_length", "keep", "gate", "time_half", "settle"]
        {
            assert!(known.contains(&option), "{option}");
            assert!(wanted("flow", option).is_some(), "{option}");
        }
    }

    #[test]
    fn a_type_says_what_it_takes() {
        assert!(Share.takes("float") && Amount.takes("int") && !Amount.takes("string"));
        assert!(Within(0, 1).holds(1.0) && !Within(0, 1).holds(1.5) && !Share.holds(1.0));
        assert!(Count(1).holds(1.0) && !Count(1).holds(0.0) && !Amount.holds(-0.1));
        assert_eq!(wanted("flow", "timeout_ms"), Some(Count(1)));
        assert_eq!(wanted("chat", "timeout_ms"), Some(Count(0)));
        assert_eq!(Word(&["accept", "fail"]).words(), "\"accept\" or \"fail\"");
    }
}
