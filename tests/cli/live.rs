//! What a terminal shows while money is spent: tokens and cost of calls under way, the text as it comes,
//! and colours for how things went.

use crate::support::Project;
use crate::support::server::{Act, Server};
use crate::support::terminal::OnTerminal;

/// A server that writes slowly, word by word.
fn writing() -> Server {
    Server::start(|_, _, _| {
        let piece = |text: &str| {
            let data = serde_json::json!({ "choices": [{ "delta": { "content": text } }] });
            (300, format!("data: {data}\n\n"))
        };
        let mut pieces: Vec<(u64, String)> =
            ["the lake ", "is deep ", "and cold ", "in May"].map(piece).into();
        let end = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5}}"#;
        pieces.push((300, format!("data: {end}\n\ndata: [DONE]\n\n")));
        Act::Stream { pieces, cut: false }
    })
}

fn project(server: &Server) -> Project {
    let project = Project::new();
    let toml = format!(
        "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\nstream = true\n\
         max_tokens = 50\nprice = {{ input = 100, output = 1000, per = \"1M\" }}\n",
        server.url
    );
    let script = "let g = builder(\"g\");\n\
                  g.add_operation(\"chat\", #{ name: \"lake\", instruction: \"Describe a lake.\" });\n\
                  session(branch()).flow(g);\n";
    project.file("kaizen.toml", &toml).file("s.rhai", script);
    assert_eq!(project.kaizen(&["trust"]).code, Some(0));
    project
}

fn shown(project: &Project, colors: bool) -> String {
    let mut command = project.command(&["run", "s.rhai"]);
    command.env("TERM", "xterm-256color");
    if !colors {
        command.env("NO_COLOR", "1");
    }
    let mut terminal = OnTerminal::start(command);
    let mut shown = terminal.until("about");
    shown += &terminal.until("the lake is");
    shown += terminal.rest().as_str();
    shown
}

#[test]
fn calls_under_way_show_their_tokens_their_cost_and_their_text() {
    let server = writing();
    let project = project(&server);
    let shown = shown(&project, true);
    assert!(shown.contains("lake  calling openai/m  about "), "{shown}");
    assert!(shown.contains(" in flight"), "{shown}");
    assert!(shown.contains("\u{1b}[32m✓\u{1b}[0m lake"), "{shown:?}");
    assert!(shown.contains("\u{1b}[32mok\u{1b}[0m"), "{shown:?}");
}

#[test]
fn no_color_means_none() {
    let server = writing();
    let project = project(&server);
    let shown = shown(&project, false);
    assert!(shown.contains("✓ lake"), "{shown}");
    for code in ["[32m", "[31m", "[2m", "[33m"] {
        assert!(!shown.contains(code), "{code}: {shown:?}");
    }
}
