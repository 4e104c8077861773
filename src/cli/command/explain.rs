//! `kaizen explain CODE`: what a code, or a kind of failure, means and what to do.

use crate::base::failure::Kind;
use crate::base::spelling::nearest;
use crate::cli::app::exit::Exit;
use crate::cli::command::doc;
use crate::cli::render::entry::wrap;
use crate::cli::{Global, print_data, print_line, say};
use crate::script::diagnostic::codes::{CODES, Code, find};
use serde_json::json;

/// The options of `explain`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Error code such as K0003, or kind of failure such as `rate_limited`. Without it, list all.
    code: Option<String>,
}

/// Explains a code, or lists all.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> Exit {
    let Some(word) = &arguments.code else {
        for code in CODES {
            if global.json {
                print_data(to_json(code));
            } else {
                let kind = code.kind().map_or(String::new(), |kind| format!(" ({kind})"));
                print_line(&format!("{}  {}{kind}", code.id, code.title));
            }
        }
        return Exit::Ok;
    };

    let Some(code) = find(word) else {
        let known =
            CODES.iter().flat_map(|code| [Some(code.id), code.kind().map(Kind::word)]).flatten();
        let near = nearest(word, known).map_or_else(
            || "`kaizen explain` lists all".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        say(&format!("error: unknown code or kind `{word}`; {near}"));
        return Exit::Usage;
    };

    if global.json {
        print_data(to_json(code));
        return Exit::Ok;
    }

    let kind = code.kind().map_or(String::new(), |kind| format!(" (kind `{kind}`)"));
    print_line(&format!("{}: {}{kind}\n", code.id, code.title));
    print_line(&wrap(code.text, doc::width()).join("\n"));
    if !code.example.is_empty() {
        print_line("\nFor example:\n");
        for line in code.example.lines() {
            print_line(&format!("    {line}"));
        }
    }

    Exit::Ok
}

fn to_json(code: &Code) -> serde_json::Value {
    json!({
        "code": code.id, "kind": code.kind(), "title": code.title, "text": code.text,
        "example": code.example,
    })
}
