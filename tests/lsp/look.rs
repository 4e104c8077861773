//! What an editor is told of a script: completion, hover, symbols, and what the store knows.

use crate::lsp::client::{Client, marked};
use crate::support::Project;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

const LIB: &str = "import \"deep/more\" as more;\n\n/// Doubles a number.\nfn double(n) {\n    n * 2\n}\n\nexport const SIZE = 3;\n";
const MAIN: &str = "import \"lib\" as lib;\n\nlet b = branch(\"fast\");\nlet g = builder(\"plan\");\n\
    g.add_operation(\"chat\", #{ name: \"draft\", instruction: \"Write.\" });\n\
    g.add_operation(\"chat\", #{ name: \"check\", depends_on: [\"draft\"], instruction: \"Check.\" });\n\
    let report = session(b).flow(g);\nprint(report.result(\"check\"));\nprint(lib::double(lib::SIZE));\n\n\
    fn greet(name) {\n    `Hello, ${name}`\n}\ngreet(\"you\");\n";

/// A project with two scripts and a model.
fn project() -> Project {
    let project = Project::new();
    project
        .file("kaizen.toml", "[project]\nmodel = \"fast\"\n[models.fast]\nuse = \"demo/echo\"\n")
        .file("lib.rhai", LIB)
        .file("deep/more.rhai", "fn more() { 1 }\n")
        .file("main.rhai", MAIN);
    project
}

/// Opens a text with a mark in it, and asks about the mark.
fn ask(method: &str, text: &str) -> Value {
    let project = project();
    let (text, place) = marked(text);
    let mut client = Client::start(&project);
    client.open("main.rhai", &text);
    let answer = client.ask_at(method, "main.rhai", &place);
    assert_eq!(client.stop(), Some(0));
    answer
}

/// Returns what is offered at a mark, each as `label: detail`.
fn offered(text: &str) -> Vec<String> {
    let answer = ask("textDocument/completion", text);
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    let shown = items.iter().map(|item| {
        let text = |key: &str| item[key].as_str().unwrap_or_default();
        format!("{}: {}", text("label"), text("detail"))
    });
    shown.collect()
}

#[test]
fn what_is_offered_belongs_to_its_place() {
    let all = |text: &str, expected: &Expect| expected.assert_eq(&offered(text).join("\n"));

    all("let b = branch(); b.fo^", &expect!["fork: fork() -> branch"]);
    all(
        "let r = session().flow(g); r.metrics.tokens.o^",
        &expect![[r#"
        output: `tokens`
        output_visible: `tokens`"#]],
    );
    all(
        "branch(\"^",
        &expect![[r#"
            anthropic: anthropic/NAME
            anthropic/claude-3-5-haiku: list price known
            anthropic/claude-opus-4: list price known
            anthropic/claude-sonnet-4: list price known
            demo/echo: built in, offline
            fast: demo/echo
            gemini: gemini/NAME
            gemini/gemini-2.5-flash: list price known
            gemini/gemini-2.5-flash-lite: list price known
            ollama: ollama/NAME
            openai: openai/NAME
            openai/gpt-4.1: list price known
            openai/gpt-4.1-mini: list price known
            openai/gpt-4.1-nano: list price known
            openai/gpt-4o: list price known
            openai/gpt-4o-mini: list price known
            openai/gpt-5: list price known
            openai/gpt-5-mini: list price known
            openai/gpt-5-nano: list price known"#]],
    );
    all(
        "g.add_operation(\"chat\", #{ name: \"x\", dep^",
        &expect!["depends_on: option of add_operation"],
    );
    all(
        "session().flow(g, #{ budget: #{ ^ } })",
        &expect![[r#"
        max_calls: option of budget
        max_cost: option of budget
        max_tokens: option of budget"#]],
    );
    all(
        "g.add_operation(\"chat\", #{ name: \"a\" }); g.add_operation(\"chat\", #{ name: \"b\", depends_on: [\"^\"] });",
        &expect![[r#"
            a: operation
            b: operation"#]],
    );
    all("g.add_operation(\"chat\", #{ name: \"a\" }); r.result(\"^", &expect!["a: operation"]);
    all(
        "import \"^",
        &expect![[r#"
        deep: 
        lib: "#]],
    );
    all("import \"deep/^\" as m;", &expect!["more: "]);
    all(
        "import \"lib\" as lib; lib::^",
        &expect![[r#"
        SIZE: 
        double: double(n)"#]],
    );
    all("let topic = param(\"topic\", 1); param(\"^", &expect!["topic: parameter"]);
    all(
        "fn greet(name) { 1 } let greeting = 1; gre^",
        &expect![[r#"
        greet: greet(name)
        greeting: int"#]],
    );
    all(
        "s.on(\"op^",
        &expect![[r#"
        op_ended: 
        op_started: "#]],
    );
    all("try { 1 } catch (e) { e.pl^ }", &expect!["place: the error"]);
    all("// nothing h^", &expect![""]);
}

#[test]
fn what_is_offered_can_be_typed_and_looked_up() {
    let answer = ask("textDocument/completion", "let b = branch(); b.for^");
    expect![[r#"
        {
          "isIncomplete": false,
          "items": [
            {
              "label": "fork",
              "kind": 2,
              "detail": "fork() -> branch",
              "textEdit": {
                "range": {
                  "start": {
                    "line": 0,
                    "character": 20
                  },
                  "end": {
                    "line": 0,
                    "character": 23
                  }
                },
                "newText": "fork()"
              },
              "data": {
                "word": "fork"
              }
            }
          ]
        }"#]]
    .assert_eq(&format!("{answer:#}"));

    let project = project();
    let mut client = Client::start(&project);
    let items = [
        json!({ "label": "fork", "data": { "word": "fork" } }),
        json!({ "label": "temperature", "data": { "option": "temperature", "of": "chat" } }),
        json!({ "label": "fast", "data": { "model": "fast", "path": project.path().join("main.rhai") } }),
    ];
    let mut shown = String::new();
    for item in items {
        let whole = client.ask("completionItem/resolve", &item);
        shown +=
            &format!("{}\n====\n", whole["documentation"]["value"].as_str().unwrap_or("nothing"));
    }
    expect![[r#"
        ```rhai
        fork(branch: branch) -> branch
        ```

        Copies a branch with its history; the copy and the original continue independently.
        ```rhai
        let b = branch("demo/echo");
        b.communicate("The topic is electric vans.");
        let risks = b.fork();
        risks.communicate("Name the risks.");
        print(b.messages.len);
        ```
        ====
        `temperature`: Sampling temperature. (default: the provider's)
        ====
        model `fast`: demo/echo

        price per 1M: as set

        state: demo, offline
        ====
    "#]]
    .assert_eq(&shown);
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn a_call_shows_how_it_is_written() {
    let shown = |text: &str| {
        let answer = ask("textDocument/signatureHelp", text);
        let labels = answer["signatures"].as_array().cloned().unwrap_or_default();
        let labels: Vec<&str> = labels.iter().map(|one| one["label"].as_str().unwrap()).collect();
        format!("{labels:?} {} {}", answer["activeSignature"], answer["activeParameter"])
    };
    expect![[r#"["chat(text: string) -> string", "chat(text: string, options: map) -> any"] 1 1"#]]
        .assert_eq(&shown("let b = branch(); b.chat(\"x\", ^"));
    expect![[r#"["double(n)"] 0 0"#]].assert_eq(&shown("import \"lib\" as lib; lib::double(^"));
    expect![[r#"["f(a, b)"] 0 1"#]].assert_eq(&shown("fn f(a, b) {} f(1, ^"));
    expect![[r#"["sleep(time_ms: float)", "sleep(time_ms: int)"] 0 0"#]]
        .assert_eq(&shown("sleep(^"));
    expect!["[] null null"].assert_eq(&shown("let x = ^"));
}

#[test]
fn hovering_tells_what_a_thing_is() {
    let shown = |text: &str| {
        let answer = ask("textDocument/hover", text);
        answer["contents"]["value"].as_str().unwrap_or("nothing").to_owned()
    };
    expect![[r#"
        ```rhai
        sleep(time_ms: float)
        sleep(time_ms: int)
        ```

        Waits for a time in milliseconds, while other tasks continue.
        ```rhai
        sleep(5);
        ```"#]]
    .assert_eq(&shown("sle^ep(1);"));
    expect![[r#"
        ```rhai
        branch() -> branch
        branch(model: model) -> branch
        branch(model: string) -> branch
        branch(model: string, options: map) -> branch
        branch(options: map) -> branch
        ```
    "#]]
    .assert_eq(&shown("let b = bra^nch(\"fast\");").lines().take(8).collect::<Vec<_>>().join("\n"));
    expect![[r#"
        model `fast`: demo/echo

        price per 1M: as set

        state: demo, offline"#]]
    .assert_eq(&shown("branch(\"fa^st\");"));
    expect![[r#"
        ```rhai
        let b: branch
        ```"#]]
    .assert_eq(&shown("let b = branch(); ^b"));
    expect![[r#"
        ```rhai
        fn double(n)
        ```

        Doubles a number."#]]
    .assert_eq(&shown("import \"lib\" as lib; lib::dou^ble(1)"));
    expect!["`temperature`: Sampling temperature. (default: the provider's)"]
        .assert_eq(&shown("branch().chat(\"x\", #{ temp^erature: 1 });"));
    expect!["`calls` of `metrics`"]
        .assert_eq(&shown("let r = session().flow(g); r.metrics.cal^ls"));
    expect!["operation `draft`: not run yet"]
        .assert_eq(&shown("g.add_operation(\"chat\", #{ name: \"dr^aft\" });"));
    expect!["nothing"].assert_eq(&shown("let x = 1; ^;"));
}

/// Asks about a mark in the main script, and returns the answer.
fn ask_main(client: &mut Client, method: &str, mark: &str) -> Value {
    let (_, place) = marked(&MAIN.replacen(&mark.replace('^', ""), mark, 1));
    client.ask_at(method, "main.rhai", &place)
}

#[test]
fn definitions_and_uses_are_found_across_files() {
    let project = project();
    let mut client = Client::start(&project);
    client.open("main.rhai", MAIN);

    let mut shown = String::new();
    for mark in ["dou^ble", "SI^ZE", "session(^b", "[\"dr^aft", "gre^et(\"", "\"li^b\"", "na^me}"] {
        let found = ask_main(&mut client, "textDocument/definition", mark);
        shown += &format!("{mark}: {found}\n");
    }
    expect![[r#"
        dou^ble: [{"uri":"file://$DIR/lib.rhai","range":{"start":{"line":3,"character":3},"end":{"line":3,"character":9}}}]
        SI^ZE: [{"uri":"file://$DIR/lib.rhai","range":{"start":{"line":7,"character":13},"end":{"line":7,"character":17}}}]
        session(^b: [{"uri":"file://$DIR/main.rhai","range":{"start":{"line":2,"character":4},"end":{"line":2,"character":5}}}]
        ["dr^aft: [{"uri":"file://$DIR/main.rhai","range":{"start":{"line":4,"character":34},"end":{"line":4,"character":39}}}]
        gre^et(": [{"uri":"file://$DIR/main.rhai","range":{"start":{"line":10,"character":3},"end":{"line":10,"character":8}}}]
        "li^b": [{"uri":"file://$DIR/lib.rhai","range":{"start":{"line":0,"character":0},"end":{"line":0,"character":0}}}]
        na^me}: [{"uri":"file://$DIR/main.rhai","range":{"start":{"line":10,"character":9},"end":{"line":10,"character":13}}}]
    "#]].assert_eq(&shown);

    let (_, place) = marked(&MAIN.replacen("double", "dou^ble", 1));
    let document = json!({ "uri": client.uri("main.rhai") });
    let context = json!({ "includeDeclaration": true });
    let params = json!({ "textDocument": document, "position": place, "context": context });
    let found = client.ask("textDocument/references", &params);
    expect![[r#"[{"uri":"file://$DIR/lib.rhai","range":{"start":{"line":3,"character":3},"end":{"line":3,"character":9}}},{"uri":"file://$DIR/main.rhai","range":{"start":{"line":8,"character":11},"end":{"line":8,"character":17}}}]"#]].assert_eq(&found.to_string());
    let found = ask_main(&mut client, "textDocument/documentHighlight", "[\"dr^aft");
    expect![[r#"[{"range":{"start":{"line":4,"character":34},"end":{"line":4,"character":39}}},{"range":{"start":{"line":5,"character":56},"end":{"line":5,"character":61}}}]"#]].assert_eq(&found.to_string());
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn a_thing_gets_another_name_wherever_it_stands() {
    let project = project();
    let mut client = Client::start(&project);
    client.open("main.rhai", MAIN);

    let mut shown = String::new();
    for (mark, name) in [
        ("dou^ble", "twice"),
        ("\"dr^aft\"", "first draft"),
        ("gre^et(", "let"),
        ("gre^et(", "a b"),
        ("pri^nt", "x"),
    ] {
        let (_, place) = marked(&MAIN.replacen(&mark.replace('^', ""), mark, 1));
        let document = json!({ "uri": client.uri("main.rhai") });
        let params = json!({ "textDocument": document, "position": place, "newName": name });
        let answer = client.ask("textDocument/rename", &params);
        shown += &format!("{mark} -> {name}: {answer}\n");
    }
    expect![[r#"
        dou^ble -> twice: {"changes":{"file://$DIR/lib.rhai":[{"range":{"start":{"line":3,"character":3},"end":{"line":3,"character":9}},"newText":"twice"}],"file://$DIR/main.rhai":[{"range":{"start":{"line":8,"character":11},"end":{"line":8,"character":17}},"newText":"twice"}]}}
        "dr^aft" -> first draft: {"changes":{"file://$DIR/main.rhai":[{"range":{"start":{"line":4,"character":34},"end":{"line":4,"character":39}},"newText":"first draft"},{"range":{"start":{"line":5,"character":56},"end":{"line":5,"character":61}},"newText":"first draft"}]}}
        gre^et( -> let: {"error":{"code":-32803,"message":"`let` is a word of the language"}}
        gre^et( -> a b: {"error":{"code":-32803,"message":"`a b` is not a valid name"}}
        pri^nt -> x: {"error":{"code":-32803,"message":"nothing here can be renamed"}}
    "#]].assert_eq(&shown);

    let prepared = ask_main(&mut client, "textDocument/prepareRename", "[\"dr^aft");
    expect![[r#"{"range":{"start":{"line":5,"character":56},"end":{"line":5,"character":61}},"placeholder":"draft"}"#]].assert_eq(&prepared.to_string());
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn scripts_have_symbols_folds_and_colours() {
    let project = project();
    let mut client = Client::start(&project);
    client.open("main.rhai", MAIN);

    let symbols = client.ask_of("textDocument/documentSymbol", "main.rhai");
    let names: Vec<String> = symbols
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {} {}", one["kind"], one["name"], one["selectionRange"]))
        .collect();
    expect![[r#"
        2 "lib" {"start":{"line":0,"character":16},"end":{"line":0,"character":19}}
        13 "b" {"start":{"line":2,"character":4},"end":{"line":2,"character":5}}
        13 "g" {"start":{"line":3,"character":4},"end":{"line":3,"character":5}}
        24 "draft" {"start":{"line":4,"character":34},"end":{"line":4,"character":39}}
        24 "check" {"start":{"line":5,"character":34},"end":{"line":5,"character":39}}
        13 "report" {"start":{"line":6,"character":4},"end":{"line":6,"character":10}}
        12 "greet" {"start":{"line":10,"character":3},"end":{"line":10,"character":8}}"#]]
    .assert_eq(&names.join("\n"));

    let found = client.ask("workspace/symbol", &json!({ "query": "dr" }));
    expect![[r#"[{"name":"draft","kind":24,"location":{"uri":"file://$DIR/main.rhai","range":{"start":{"line":4,"character":34},"end":{"line":4,"character":39}}}}]"#]].assert_eq(&found.to_string());
    let folds = client.ask_of("textDocument/foldingRange", "main.rhai");
    expect![[r#"[{"startLine":10,"endLine":11}]"#]].assert_eq(&folds.to_string());
    let tokens = client.ask_of("textDocument/semanticTokens/full", "main.rhai");
    let data = tokens["data"].as_array().unwrap();
    expect![[r#"240 "0 0 6 0 0 0 7 5 9 0 0 6 2 0 0 0 3 3 6 1 2 0 3 0 0""#]].assert_eq(&format!(
        "{} {:?}",
        data.len(),
        &data[..25].iter().map(Value::to_string).collect::<Vec<_>>().join(" ")
    ));
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn the_last_run_is_shown_where_it_was_planned() {
    let project = project();
    assert_eq!(project.kaizen(&["run", "main.rhai"]).code, Some(0));
    let mut client = Client::with(&project, &json!({ "inlayHints": true }));
    client.open("main.rhai", MAIN);

    let lenses = client.ask_of("textDocument/codeLens", "main.rhai");
    let titles: Vec<&str> = lenses
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["command"]["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles[..2], ["run", "plan"]);
    let last = titles[2];
    assert!(last.starts_with("last run: ok, 2 calls, $0"), "{last}");
    let run = &lenses[0]["command"]["arguments"];
    assert_eq!(run.to_string(), r#"[{"folder":"$DIR","arguments":["run","main.rhai"]}]"#);

    let said = ask_main(&mut client, "textDocument/hover", "\"dr^aft\"");
    let said = said["contents"]["value"].as_str().unwrap().to_owned();
    assert!(
        said.starts_with("operation `draft` in run ") && said.contains(": completed, "),
        "{said}"
    );

    let document = json!({ "uri": client.uri("main.rhai") });
    let range =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let hints =
        client.ask("textDocument/inlayHint", &json!({ "textDocument": document, "range": range }));
    let labels: Vec<&str> =
        hints.as_array().unwrap().iter().map(|one| one["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["completed, 1 call, $0", "completed, 1 call, $0"]);
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn what_was_learned_is_offered_and_told() {
    let project = project();
    let script = "let o = optimizer(#{ learn_from_demo: true });\n\
        o.record_execution(\"essay\", \"direct\", #{ success_rate: 1.0, execution_time: 1.0 });\n\
        o.record_execution(\"essay\", \"vote\", #{ success_rate: 0.5, execution_time: 2.0 });\n";
    project.file("learn.rhai", script);
    let ran = project.kaizen(&["run", "learn.rhai"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let terminal = project.kaizen(&["patterns", "essay"]).stdout;

    let mut client = Client::start(&project);
    let (text, place) = marked("optimizer().recommend(\"es^say\")");
    client.open("main.rhai", &text);
    let said = client.ask_at("textDocument/hover", "main.rhai", &place);
    let line = said["contents"]["value"].as_str().unwrap().lines().last().unwrap().to_owned();
    assert!(terminal.contains(&line), "{line}\n{terminal}");

    let (text, place) = marked("optimizer().should_avoid_pattern(\"essay\", \"^\")");
    client.replace("main.rhai", 2, &text);
    let offers = client.ask_at("textDocument/completion", "main.rhai", &place);
    let labels: Vec<&str> = offers["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["label"].as_str().unwrap())
        .collect();
    assert_eq!(labels, ["direct", "vote"]);
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn tests_can_be_run_where_they_stand() {
    let project = project();
    let text = "fn test_one() {\n    assert(true);\n}\nfn test_two() {\n    assert(false);\n}\nfn other() { }\n";
    project.file("a_test.rhai", text);
    assert_eq!(project.kaizen(&["test"]).code, Some(1));

    let mut client = Client::start(&project);
    client.open("a_test.rhai", text);
    let lenses = client.ask_of("textDocument/codeLens", "a_test.rhai");
    expect![[r#"
        [
          {
            "range": {
              "start": {
                "line": 0,
                "character": 3
              },
              "end": {
                "line": 0,
                "character": 11
              }
            },
            "command": {
              "title": "run test · passed",
              "command": "kaizen.terminal",
              "arguments": [
                {
                  "folder": "$DIR",
                  "arguments": [
                    "test",
                    "a_test.rhai::test_one"
                  ]
                }
              ]
            }
          },
          {
            "range": {
              "start": {
                "line": 3,
                "character": 3
              },
              "end": {
                "line": 3,
                "character": 11
              }
            },
            "command": {
              "title": "run test",
              "command": "kaizen.terminal",
              "arguments": [
                {
                  "folder": "$DIR",
                  "arguments": [
                    "test",
                    "a_test.rhai::test_two"
                  ]
                }
              ]
            }
          }
        ]"#]]
    .assert_eq(&format!("{lenses:#}"));
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn settings_are_checked_completed_and_explained() {
    let project = Project::new();
    let mut client = Client::start(&project);
    let text =
        "[limits]\noperation = 5\n[run]\nconcurrency = 0\n[models.m]\nuse = \"demo/echo\"\n\n";
    client.open("kaizen.toml", text);
    let said = client.diagnostics("kaizen.toml");
    expect![[r#"
        [
          {
            "range": {
              "start": {
                "line": 1,
                "character": 0
              },
              "end": {
                "line": 1,
                "character": 9
              }
            },
            "severity": 1,
            "source": "kaizen",
            "message": "$DIR/kaizen.toml: unknown setting `limits.operation`; did you mean `limits.operations`?"
          },
          {
            "range": {
              "start": {
                "line": 3,
                "character": 0
              },
              "end": {
                "line": 3,
                "character": 11
              }
            },
            "severity": 1,
            "source": "kaizen",
            "message": "$DIR/kaizen.toml: `run.concurrency` must be a whole number of at least 1, not `0`"
          }
        ]"#]].assert_eq(&format!("{said:#}"));

    let mut shown = String::new();
    for (line, character) in [(1, 2), (3, 3), (6, 0)] {
        let place = json!({ "line": line, "character": character });
        let offers = client.ask_at("textDocument/completion", "kaizen.toml", &place);
        let labels: Vec<&str> =
            offers.as_array().unwrap().iter().map(|one| one["label"].as_str().unwrap()).collect();
        let hover = client.ask_at("textDocument/hover", "kaizen.toml", &place);
        let first = hover["contents"]["value"]
            .as_str()
            .unwrap_or("nothing")
            .lines()
            .next()
            .unwrap()
            .to_owned();
        shown += &format!("{labels:?}\n{first}\n");
    }
    expect![[r#"
        ["operations"]
        nothing
        ["concurrency"]
        `run.concurrency`: a whole number of at least 1 (default: no limit)
        ["use", "provider", "model", "base_url", "key", "max_concurrent", "requests_per_minute", "max_tokens_field", "price", "image_tokens", "tools", "temperature", "top_p", "max_tokens", "stop", "seed", "stream", "timeout_ms", "header_timeout_ms", "idle_timeout_ms", "attempts_max", "on_length", "extra", "latency_ms", "error_rate", "cost", "replies"]
        nothing
    "#]].assert_eq(&shown);
    assert_eq!(client.stop(), Some(0));
}
