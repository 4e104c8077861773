//! Clients that send garbage or die, files that vanish, texts that are long or odd.

use crate::lsp::client::{Client, marked};
use crate::support::Project;
use expect_test::expect;
use serde_json::{Value, json};

#[test]
fn the_conversation_has_its_order() {
    let project = Project::new();
    let mut client = Client::silent(&project);
    let refused = client.ask("textDocument/hover", &json!({}));
    assert_eq!(refused["error"]["code"], -32002, "{refused}");

    let answer = client.ask("initialize", &json!({ "capabilities": {} }));
    expect![[r#"
        {
          "capabilities": {
            "positionEncoding": "utf-16",
            "textDocumentSync": {
              "openClose": true,
              "change": 2,
              "save": {
                "includeText": false
              }
            },
            "completionProvider": {
              "triggerCharacters": [
                ".",
                "\"",
                ":",
                "/",
                "{",
                ","
              ],
              "resolveProvider": true
            },
            "signatureHelpProvider": {
              "triggerCharacters": [
                "(",
                ","
              ],
              "retriggerCharacters": [
                ")"
              ]
            },
            "hoverProvider": true,
            "definitionProvider": true,
            "referencesProvider": true,
            "documentHighlightProvider": true,
            "renameProvider": {
              "prepareProvider": true
            },
            "documentSymbolProvider": true,
            "workspaceSymbolProvider": true,
            "foldingRangeProvider": true,
            "semanticTokensProvider": {
              "legend": {
                "tokenTypes": [
                  "keyword",
                  "function",
                  "method",
                  "variable",
                  "parameter",
                  "property",
                  "namespace",
                  "enumMember",
                  "number",
                  "string",
                  "comment"
                ],
                "tokenModifiers": [
                  "declaration",
                  "readonly",
                  "defaultLibrary"
                ]
              },
              "full": true,
              "range": true
            },
            "codeActionProvider": {
              "codeActionKinds": [
                "quickfix"
              ]
            },
            "codeLensProvider": {},
            "inlayHintProvider": true,
            "executeCommandProvider": {
              "commands": [
                "kaizen.explain"
              ]
            },
            "workspace": {
              "workspaceFolders": {
                "supported": true,
                "changeNotifications": true
              }
            }
          },
          "serverInfo": {
            "name": "kaizen",
            "version": "0.1.0"
          }
        }"#]]
    .assert_eq(&format!("{answer:#}"));
    let again = client.ask("initialize", &json!({ "capabilities": {} }));
    assert_eq!(again["error"]["message"], "the server is already initialized");
    let unknown = client.ask("textDocument/formatting", &json!({}));
    assert_eq!(unknown["error"]["code"], -32601, "{unknown}");
    let wrong = client.ask("textDocument/hover", &json!({ "position": 1 }));
    assert_eq!(wrong["error"]["code"], -32602, "{wrong}");

    assert_eq!(client.ask("shutdown", &Value::Null), Value::Null);
    let late = client.ask("textDocument/hover", &json!({}));
    assert_eq!(late["error"]["code"], -32600, "{late}");
    client.tell("exit", &Value::Null);
    assert_eq!(client.child.wait().unwrap().code(), Some(0));
}

#[test]
fn garbage_is_answered_and_work_goes_on() {
    let project = Project::new();
    let mut client = Client::start(&project);
    client.write(b"this is no header\n");
    client.write(b"Content-Length: 5\r\n\r\n{\"a\":");
    client.write(b"Content-Length: 8\r\n\r\n[1,2,3] ");
    client.write("Content-Length: 3\r\n\r\n\u{20ac}".as_bytes());
    let errors: Vec<Value> = (0..4).map(|_| client.next()["error"]["code"].clone()).collect();
    assert_eq!(errors, [-32700, -32700, -32600, -32700]);

    client.tell("textDocument/didOpen", &json!({ "wrong": true }));
    client.tell(
        "textDocument/didChange",
        &json!({ "textDocument": { "uri": "file:///x", "version": 1 }, "contentChanges": [] }),
    );
    client.tell("no/such/thing", &json!([]));
    client.open("main.rhai", "nobody;\n");
    let said = client.diagnostics("main.rhai");
    assert_eq!(said[0]["code"], "K0002", "{said}");
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn a_client_that_dies_takes_the_server_with_it() {
    let project = Project::new();
    let mut client = Client::start(&project);
    client.open("main.rhai", "print(1);\n");
    drop(client.stdin.take());
    assert_eq!(client.child.wait().unwrap().code(), Some(1));

    // In the middle of a message, too.
    let mut client = Client::start(&project);
    client.write(b"Content-Length: 100\r\n\r\n{");
    drop(client.stdin.take());
    assert_eq!(client.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_request_that_is_taken_back_is_not_answered_for_nothing() {
    let project = Project::new();
    let mut client = Client::start(&project);
    let mut burst = Vec::new();
    let mut add = |message: Value| {
        let text = message.to_string();
        burst.extend(format!("Content-Length: {}\r\n\r\n{text}", text.len()).into_bytes());
    };
    add(
        json!({ "jsonrpc": "2.0", "id": "first", "method": "workspace/symbol", "params": { "query": "" } }),
    );
    add(
        json!({ "jsonrpc": "2.0", "id": "second", "method": "workspace/symbol", "params": { "query": "" } }),
    );
    add(json!({ "jsonrpc": "2.0", "method": "$/cancelRequest", "params": { "id": "second" } }));
    client.write(&burst);

    let mut codes = Vec::new();
    while codes.len() < 2 {
        let message = client.next();
        if message["id"].is_string() {
            codes.push((message["id"].clone(), message["error"]["code"].clone()));
        }
    }
    assert_eq!(codes[0], (json!("first"), Value::Null));
    assert!([json!(-32800), Value::Null].contains(&codes[1].1), "{codes:?}");
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn files_that_vanish_and_texts_without_a_file_are_served() {
    let project = Project::new();
    project.file("lib.rhai", "fn one() { 1 }\n");
    let text = "import \"lib\" as lib;\nprint(lib::one());\n";
    project.file("main.rhai", text);
    let mut client = Client::start(&project);
    client.open("main.rhai", text);
    assert_eq!(client.ask_of("textDocument/codeLens", "main.rhai").as_array().unwrap().len(), 2);

    std::fs::remove_file(project.path().join("lib.rhai")).unwrap();
    std::fs::remove_file(project.path().join("main.rhai")).unwrap();
    let changed = json!({ "changes": [{ "uri": client.uri("lib.rhai"), "type": 3 }] });
    client.tell("workspace/didChangeWatchedFiles", &changed);
    let said = client.faults("main.rhai");
    expect![[r#"
        [
          {
            "range": {
              "start": {
                "line": 0,
                "character": 7
              },
              "end": {
                "line": 0,
                "character": 12
              }
            },
            "severity": 1,
            "code": "K0007",
            "source": "kaizen",
            "message": "`lib.rhai` (looked for in `.`): no such file"
          }
        ]"#]]
    .assert_eq(&format!("{said:#}"));

    let item = json!({ "uri": "untitled:Untitled-1", "languageId": "rhai", "version": 1, "text": "nobody" });
    client.tell("textDocument/didOpen", &json!({ "textDocument": item }));
    let place = json!({ "line": 0, "character": 6 });
    let params = json!({ "textDocument": { "uri": "untitled:Untitled-1" }, "position": place });
    assert!(client.ask("textDocument/completion", &params)["items"].is_array());
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn a_text_that_is_too_long_is_named_and_the_rest_is_served() {
    let project = Project::new();
    let mut client = Client::start(&project);
    client.open("long.rhai", &"let x = 1; // 0123456789\n".repeat(420_000));
    let said = client.diagnostics("long.rhai");
    assert_eq!(said[0]["message"], "it has 10500000 bytes; the maximum for a script is 4194304");
    let place = json!({ "line": 1, "character": 3 });
    assert_eq!(client.ask_at("textDocument/hover", "long.rhai", &place), Value::Null);

    client.replace("long.rhai", 2, "nobody;");
    assert_eq!(client.diagnostics("long.rhai")[0]["code"], "K0002");
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn every_end_of_a_line_and_every_character_counts_as_the_protocol_says() {
    let project = Project::new();
    let mut client = Client::start(&project);
    for (number, text) in [
        "let a = `😀\r\n${1}`; /* 😀 */\r\nno^body;\r\n",
        "\u{feff}/* 😀 */ no^body;",
        "let e = \"é𝒳\"; no^body",
    ]
    .iter()
    .enumerate()
    {
        let name = format!("{number}.rhai");
        let (text, place) = marked(text);
        client.open(&name, &text);
        client.diagnostics(&name);
        let hover = client.ask_at("textDocument/hover", &name, &place);
        let said = hover["contents"]["value"].as_str().unwrap_or_default().to_owned();
        assert!(said.starts_with("**K0002"), "{text:?}: {hover}");
    }
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn several_projects_are_served_side_by_side() {
    let project = Project::new();
    project
        .file("a/kaizen.toml", "[models.one]\nuse = \"demo/echo\"\n")
        .file("a/main.rhai", "branch(\"one\");\n");
    project
        .file("b/kaizen.toml", "[models.two]\nuse = \"demo/echo\"\n")
        .file("b/main.rhai", "branch(\"one\");\n");
    project.file("c/kaizen.toml", "broken\n").file("c/main.rhai", "print(1);\n");
    let mut client = Client::start(&project);
    for name in ["a/main.rhai", "b/main.rhai", "c/main.rhai"] {
        let text = std::fs::read_to_string(project.path().join(name)).unwrap();
        client.open(name, &text);
    }
    assert_eq!(client.diagnostics("a/main.rhai"), json!([]));
    assert_eq!(client.diagnostics("b/main.rhai")[0]["code"], "K0006");
    let said = client.diagnostics("c/main.rhai");
    assert!(
        said[0]["message"].as_str().unwrap().starts_with("cannot parse `$DIR/c/kaizen.toml`"),
        "{said}"
    );
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn nothing_is_run_and_nothing_is_written() {
    let project = Project::new();
    let text = "write_text(\"made.txt\", \"x\");\nimport \"lib\" as lib;\n";
    project.file("main.rhai", text).file("lib.rhai", "write_text(\"made.txt\", \"x\");\n");
    let mut client = Client::start(&project);
    client.open("main.rhai", text);
    client.diagnostics("main.rhai");
    client.ask_of("textDocument/codeLens", "main.rhai");
    assert_eq!(client.stop(), Some(0));

    let mut names: Vec<_> =
        std::fs::read_dir(project.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["lib.rhai", "main.rhai"]);
}
