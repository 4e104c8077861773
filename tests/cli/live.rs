//! What a terminal shows while money is spent: tokens and cost of calls under way, the text as it comes,
//! and colours for how things went.

use crate::support::Project;
use crate::support::server::{Act, Server, answer, refusal};
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

/// A project whose model has no setting for streams.
fn project(server: &Server) -> Project {
    project_with(server, "")
}

fn project_with(server: &Server, settings: &str) -> Project {
    let project = Project::new();
    let toml = format!(
        "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\n{settings}\
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

/// Tells of each request whether it asked for a stream.
fn streams(server: &Server) -> Vec<bool> {
    let body = |body: &String| serde_json::from_str::<serde_json::Value>(body).unwrap();
    server.bodies().iter().map(|text| body(text)["stream"] == true).collect()
}

#[test]
fn a_stream_is_asked_for_where_somebody_sees_it_grow() {
    let server = writing();
    let project = project(&server);
    let terminal = |project: &Project| {
        let mut command = project.command(&["run", "s.rhai"]);
        command.env("TERM", "xterm-256color");
        OnTerminal::start(command).rest()
    };

    let shown = terminal(&project);
    assert!(shown.contains("the lake is"), "{shown}");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    assert_eq!(streams(&server), [true, false]);

    // What is set stays as it is.
    let server = writing();
    terminal(&project_with(&server, "stream = false\n"));
    assert_eq!(streams(&server), [false]);
}

#[test]
fn a_server_that_refuses_streams_is_asked_without_one() {
    let server = Server::start(|_, _, body| {
        let is_stream = body.contains("\"stream\":true");
        if is_stream { refusal(400, "streams are not supported") } else { answer("a lake") }
    });
    let project = project(&server);
    let script = "let b = branch();\nb.chat(\"One?\");\nb.chat(\"Two?\");\n";
    project.file("two.rhai", script);

    let mut command = project.command(&["run", "two.rhai"]);
    command.env("TERM", "xterm-256color").env("NO_COLOR", "1");
    let shown = OnTerminal::start(command).rest();
    assert!(shown.contains("  ok  ") && shown.contains("3 calls"), "{shown}");
    assert_eq!(streams(&server), [true, false, false]);
}

/// A server whose streams say nothing of tokens; its whole replies do.
fn uncounted() -> Server {
    Server::start(|_, _, body| {
        if !body.contains("\"stream\":true") {
            return answer("a lake");
        }
        let piece = r#"{"choices":[{"delta":{"content":"a lake"},"finish_reason":"stop"}]}"#;
        let pieces = vec![(1, format!("data: {piece}\n\n")), (1, "data: [DONE]\n\n".to_owned())];
        Act::Stream { pieces, cut: false }
    })
}

#[test]
fn a_server_whose_streams_count_no_tokens_is_asked_for_one_only() {
    let server = uncounted();
    let project = project(&server);
    let script = "gather((0..6).to_array().map(|n| || branch().chat(`${n}?`)));\n\
                  let b = branch();\nb.chat(\"One?\");\nb.chat(\"Two?\");\n";
    project.file("many.rhai", script);

    let mut command = project.command(&["run", "many.rhai"]);
    command.env("TERM", "xterm-256color").env("NO_COLOR", "1");
    let shown = OnTerminal::start(command).rest();
    assert!(shown.contains("8 calls"), "{shown}");
    // Of the calls that began together, one found out.
    let streamed = streams(&server);
    assert_eq!((streamed.len(), streamed.iter().filter(|is| **is).count()), (8, 1), "{streamed:?}");
    assert!(shown.contains("at least $"), "{shown}");

    // Whoever asks for streams gets them.
    let server = uncounted();
    let project = project_with(&server, "stream = true\n");
    let mut command = project.command(&["run", "s.rhai"]);
    command.env("TERM", "xterm-256color");
    OnTerminal::start(command).rest();
    assert_eq!(streams(&server), [true]);
}
