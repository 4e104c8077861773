//! What a new project starts with.

/// What a new project starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Template {
    /// One question to a model.
    Hello,
    /// The same work done in three ways, to find the fastest.
    Compare,
    /// A graph of operations with a library and a test.
    Graph,
    /// Functions and their tests.
    Test,
    /// An instruction that is improved from its failures.
    Evolve,
    /// A model that calls functions of the script and tools of another program.
    Agent,
}

/// A file of a template.
pub(in crate::cli) struct TemplateFile {
    /// Its path in the project.
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) text: String,
}

impl Template {
    /// Returns its files.
    pub(in crate::cli) fn files(self) -> Vec<TemplateFile> {
        let own: &[(&'static str, &'static str)] = match self {
            Template::Hello => &[("scripts/hello.rhai", HELLO)],
            Template::Compare => &[("scripts/comparison.rhai", COMPARISON)],
            Template::Graph => &[
                ("scripts/main.rhai", SCRIPT),
                ("scripts/lib/research.rhai", LIBRARY),
                ("tests/research_test.rhai", TEST),
            ],
            Template::Test => {
                &[("scripts/lib/research.rhai", LIBRARY), ("tests/research_test.rhai", TEST)]
            }
            Template::Evolve => &[
                ("scripts/evolve.rhai", EVOLVE),
                ("scripts/data/sentiment.jsonl", SENTIMENT),
                ("scripts/data/requests.jsonl", REQUESTS),
            ],
            Template::Agent => &[("scripts/agent.rhai", AGENT)],
        };

        let config = match self {
            Template::Agent => format!("{CONFIG}{SERVER}"),
            Template::Hello
            | Template::Compare
            | Template::Graph
            | Template::Test
            | Template::Evolve => CONFIG.to_owned(),
        };
        let own = own.iter().map(|(name, text)| (*name, (*text).to_owned()));
        let last = (".gitignore", ".kaizen/\n".to_owned());
        let all = std::iter::once(("kaizen.toml", config)).chain(own).chain([last]);
        all.map(|(name, text)| TemplateFile { name, text }).collect()
    }

    /// Returns the commands to try first.
    pub(in crate::cli) fn steps(self) -> &'static [&'static str] {
        match self {
            Template::Hello => &["kaizen run scripts/hello.rhai"],
            Template::Compare => &["kaizen run scripts/comparison.rhai"],
            Template::Graph => &["kaizen run scripts/main.rhai", "kaizen test"],
            Template::Test => &["kaizen test"],
            Template::Evolve => {
                &["kaizen plan scripts/evolve.rhai", "kaizen run scripts/evolve.rhai"]
            }
            Template::Agent => {
                &["kaizen trust", "kaizen run scripts/agent.rhai", "kaizen show @:react"]
            }
        }
    }
}

const HELLO: &str = include_str!("../../../scripts/hello.rhai");
const COMPARISON: &str = include_str!("../../../scripts/comparison.rhai");
const EVOLVE: &str = include_str!("../../../scripts/evolve.rhai");
const AGENT: &str = include_str!("../../../scripts/agent.rhai");
const SENTIMENT: &str = include_str!("../../../scripts/data/sentiment.jsonl");
const REQUESTS: &str = include_str!("../../../scripts/data/requests.jsonl");

const CONFIG: &str = r#"# Settings of this project. `kaizen config show --origin` lists the settings in effect.
[project]
# The default model: an alias from below, or provider/name. Without one, OPENAI_API_KEY and
# OPENAI_MODEL of the environment are used, else the built-in demo model.
# model = "fast"

# [models.fast]
# use = "openai/gpt-4o-mini"
# key = "env:OPENAI_API_KEY"
# temperature = 0.2
"#;

const SERVER: &str = r#"
# An MCP server: a program with tools. This one is kaizen itself, which knows the project.
[mcp.project]
command = ["kaizen", "mcp"]
# Where you trust projects is kept below one of these folders.
env = ["XDG_STATE_HOME", "XDG_CONFIG_HOME"]
read = ["*"]
"#;

const SCRIPT: &str = r#"//! Asks three questions concurrently and summarises the answers. Four calls.
import "lib/research" as research;

let topic = param("topic", "electric vans", "what to research");

let graph = builder("research");
let parts = ["market", "rivals", "risks"].map(|part| graph.add_operation("communicate", #{
    name: part,
    instruction: research::question(part, topic),
}));
graph.add_aggregation("communicate", #{
    name: "summary",
    source_node_ids: parts,
    instruction: "Sum up in three sentences.",
});

let report = session().flow(graph, #{ max_concurrent: 3 });
let summary = report.result("summary");
let metrics = report.metrics;
let calls = if metrics.calls == 1 { "1 call" } else { `${metrics.calls} calls` };
// Where replies are reused, there is nothing to be faster than.
let gain = if metrics.calls > 0 && metrics.speedup > 1.05 {
    `, ${format(metrics.speedup, 1)} times faster than one after another`
} else { "" };
print(calls + gain);
summary
"#;

const LIBRARY: &str = r#"//! Functions shared by the scripts and tests of this project.

fn question(part, topic) {
    `Describe the ${part} of ${topic} in two sentences.`
}
"#;

const TEST: &str = r#"//! `kaizen test` calls every function here whose name begins with `test_`.
import "../scripts/lib/research" as research;

fn test_a_question_names_part_and_topic() {
    let expected = "Describe the market of trams in two sentences.";
    assert_eq(research::question("market", "trams"), expected);
}

fn test_an_answer_is_about_the_question() {
    // The demo model answers offline. For a real model, `--record new` records the replies, and
    // later runs play them back.
    let answer = branch("demo/echo").chat(research::question("risks", "trams"));
    assert(answer.contains("risks of trams"), answer);
}
"#;
