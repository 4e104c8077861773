//! What is said while somebody types, and the changes that mend it.

use crate::lsp::client::{Client, marked};
use crate::support::Project;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

/// Opens a script, and returns each diagnostic with the texts that its changes make of the script.
fn mended(text: &str) -> Vec<String> {
    let project = Project::new();
    project.file("kaizen.toml", "[models.fast]\nuse = \"demo/echo\"\n");
    project.file("lib.rhai", "export const SIZE = 1;\nfn helper(a) { a }\n");
    project.file("main.rhai", text);
    let mut client = Client::start(&project);
    client.open("main.rhai", text);

    let mut shown = Vec::new();
    for one in client.diagnostics("main.rhai").as_array().expect("a list") {
        shown.push(format!(
            "{}: {}",
            one["code"].as_str().unwrap_or("-"),
            one["message"].as_str().unwrap()
        ));
        let document = json!({ "uri": client.uri("main.rhai") });
        let context = json!({ "diagnostics": [one] });
        let params = json!({ "textDocument": document, "range": one["range"], "context": context });
        for action in client.ask("textDocument/codeAction", &params).as_array().expect("a list") {
            let title = action["title"].as_str().unwrap();
            if let Some(edits) = action["edit"]["changes"]["file://$DIR/main.rhai"].as_array() {
                shown.push(format!("  {title}: {}", changed(text, edits)));
            }
        }
    }
    assert_eq!(client.stop(), Some(0));
    shown
}

/// Makes the only change of an action.
fn changed(text: &str, edits: &[Value]) -> String {
    let [edit] = edits else { panic!("one change") };
    let byte = |place: &Value| {
        let line = usize::try_from(place["line"].as_u64().unwrap()).unwrap();
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let mut units = place["character"].as_u64().unwrap();
        let rest = text[start..].char_indices();
        let mut rest = rest.skip_while(|(_, c)| {
            let is_before = units > 0;
            units = units.saturating_sub(c.len_utf16() as u64);
            is_before
        });
        rest.next().map_or(text.len(), |(at, _)| start + at)
    };
    let start = byte(&edit["range"]["start"]);
    let end = byte(&edit["range"]["end"]);
    format!(
        "{:?}",
        format!("{}{}{}", &text[..start], edit["newText"].as_str().unwrap(), &text[end..])
    )
}

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&mended(text).join("\n"));
}

#[test]
fn what_is_meant_can_be_put_in_its_place() {
    check(
        "let b = branch(\"fsat\");\nb.comunicate(\"😀\", #{ tempreture: 0.5 });\n",
        &expect![[r#"
        K0006: unknown model `fsat`
        help: did you mean `fast`?
          change to `"fast"`: "let b = branch(\"fast\");\nb.comunicate(\"😀\", #{ tempreture: 0.5 });\n"
        K0003: a branch has no method `comunicate`
        help: did you mean `communicate`?
          change to `communicate`: "let b = branch(\"fsat\");\nb.communicate(\"😀\", #{ tempreture: 0.5 });\n""#]],
    );
    check(
        "let anser = 42;\nprint(answr);\n",
        &expect![[r#"
        K0002: unknown variable `answr`
        help: did you mean `anser`?
          change to `anser`: "let anser = 42;\nprint(anser);\n""#]],
    );
    check(
        "import \"lib\" as lib;\nprint(lib::SIZ);\nlib::helpr(1);\n",
        &expect![[r#"
        K0002: `lib` exports no `SIZ`
        help: did you mean `SIZE`?
          change to `SIZE`: "import \"lib\" as lib;\nprint(lib::SIZE);\nlib::helpr(1);\n"
        K0003: `lib` has no function `helpr`
        help: did you mean `helper`?
          change to `helper`: "import \"lib\" as lib;\nprint(lib::SIZ);\nlib::helper(1);\n""#]],
    );
    check(
        "let b = branch(\"demo/echo\");\nprint(b.chat(\"x\").len);\nprint(b.usage.imput);\n",
        &expect![[r#"
            K0030: `usage` has no property `imput`
            help: did you mean `input`?
              change to `input`: "let b = branch(\"demo/echo\");\nprint(b.chat(\"x\").len);\nprint(b.usage.input);\n""#]],
    );
    check(
        "let s = session();\ns.on(\"op_endd\", |e| print(e.outcom));\n",
        &expect![[r#"
        K0031: unknown event `op_endd`
        help: did you mean `op_ended`?
          change to `"op_ended"`: "let s = session();\ns.on(\"op_ended\", |e| print(e.outcom));\n""#]],
    );
}

#[test]
fn what_is_missing_can_be_inserted() {
    check(
        "let x = 1 // one\nlet y = 2;\nprint(x + y);\n",
        &expect![[r#"
        K0001: expecting ';' to terminate this statement
        help: end the statement before this with `;`
          insert `;`: "let x = 1; // one\nlet y = 2;\nprint(x + y);\n""#]],
    );
    check(
        "  fn sleep(ms) { ms }\nprint(sleep(1));\n",
        &expect![[r#"
        K0010: `sleep` hides the built-in function of the same name
        help: choose another name, or write `/// @override` above it
          insert `/// @override` above: "  /// @override\n  fn sleep(ms) { ms }\nprint(sleep(1));\n""#]],
    );
    check(
        "let fs = [];\nfor i in 0..3 { fs.push(|| i); }\nprint(fs.len);\n",
        &expect![[r#"
        K0011: the closures stored here share the loop variable `i`
        help: use `map`, which gives each closure its own variable: `list.map(|i| ..)`
          insert `let i = i;`: "let fs = [];\nfor i in 0..3 { let i = i; fs.push(|| i); }\nprint(fs.len);\n""#]],
    );
    check(
        "let fs = [];\nfor i in 0..3 { let i = i; fs.push(|| i); }\nprint(fs.len);\n",
        &expect![""],
    );
    check(
        "let g = builder(\"g\");\ng.add_operation(\"chat\", #{ name: \"a\" });\ng.add_operation(\"parse\", #{});\n",
        &expect![[r#"
            K0005: an operation `chat` needs an `instruction`
            help: add it: `#{ instruction: "", .. }`
              insert `instruction: "",`: "let g = builder(\"g\");\ng.add_operation(\"chat\", #{ instruction: \"\", name: \"a\" });\ng.add_operation(\"parse\", #{});\n"
            K0005: an operation `parse` needs a `schema`
            help: add it: `#{ schema: #{}, .. }`
              insert `schema: #{}`: "let g = builder(\"g\");\ng.add_operation(\"chat\", #{ name: \"a\" });\ng.add_operation(\"parse\", #{ schema: #{} });\n""#]],
    );
}

#[test]
fn words_of_other_languages_are_replaced() {
    check(
        "let x = None;\nprint(x);\n",
        &expect![[r#"
        K0021: `None` is from another language
        help: write `()`, which stands for no value
          change to `()`: "let x = ();\nprint(x);\n""#]],
    );
    check(
        "let t = \"abc\";\nprint(t.startswith(\"a\"));\nprint(t.includes(\"b\"));\n",
        &expect![[r#"
            K0021: `startswith` is from another language
            help: write `text.starts_with(part)`
              change to `starts_with`: "let t = \"abc\";\nprint(t.starts_with(\"a\"));\nprint(t.includes(\"b\"));\n"
            K0021: `includes` is from another language
            help: write `list.contains(item)`, or `item in list`
              change to `contains`: "let t = \"abc\";\nprint(t.startswith(\"a\"));\nprint(t.contains(\"b\"));\n""#]],
    );
}

#[test]
fn unsaved_texts_count_also_where_they_are_imported() {
    let project = Project::new();
    project
        .file("lib.rhai", "fn one() { 1 }\n")
        .file("main.rhai", "import \"lib\" as lib;\nprint(lib::one());\n");
    let mut client = Client::start(&project);
    client.open("main.rhai", "import \"lib\" as lib;\nprint(lib::one());\n");
    assert_eq!(client.diagnostics("main.rhai"), json!([]));
    client.open("lib.rhai", "fn one() { 1 }\n");

    client.replace("lib.rhai", 2, "fn two() { 2 }\n");
    let said = client.diagnostics("main.rhai");
    expect![[r#"
        [
          {
            "range": {
              "start": {
                "line": 1,
                "character": 11
              },
              "end": {
                "line": 1,
                "character": 14
              }
            },
            "severity": 1,
            "code": "K0003",
            "source": "kaizen",
            "message": "`lib` has no function `one`"
          }
        ]"#]]
    .assert_eq(&format!("{said:#}"));

    client.replace("lib.rhai", 3, "fn one() { 1 }\n");
    assert_eq!(client.diagnostics("main.rhai"), json!([]));

    // What is wrong with a file that is not open is said of that file.
    client.tell(
        "textDocument/didClose",
        &json!({ "textDocument": { "uri": client.uri("lib.rhai") } }),
    );
    project.file("lib.rhai", "fn one() { nobody }\n");
    client.tell(
        "textDocument/didSave",
        &json!({ "textDocument": { "uri": client.uri("lib.rhai") } }),
    );
    let said = client.faults("lib.rhai");
    expect![[r#"
        [
          {
            "range": {
              "start": {
                "line": 0,
                "character": 11
              },
              "end": {
                "line": 0,
                "character": 17
              }
            },
            "severity": 1,
            "code": "K0002",
            "source": "kaizen",
            "message": "unknown variable `nobody`"
          }
        ]"#]]
    .assert_eq(&format!("{said:#}"));
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn changes_of_parts_are_followed() {
    let project = Project::new();
    let mut client = Client::start(&project);
    client.open("main.rhai", "let a = \"ä😀\"; prnt(a);\r\n");
    let said = client.diagnostics("main.rhai");
    expect![[r#"
        [
          {
            "range": {
              "start": {
                "line": 0,
                "character": 15
              },
              "end": {
                "line": 0,
                "character": 19
              }
            },
            "severity": 1,
            "code": "K0003",
            "source": "kaizen",
            "message": "unknown function `prnt`\nhelp: did you mean `print`?"
          }
        ]"#]]
    .assert_eq(&format!("{said:#}"));

    let (_, place) = marked("let a = \"ä😀\"; pr^nt(a);\r\n");
    let change = json!({ "range": { "start": place, "end": place }, "text": "i" });
    let document = json!({ "uri": client.uri("main.rhai"), "version": 2 });
    let params = json!({ "textDocument": document, "contentChanges": [change] });
    client.tell("textDocument/didChange", &params);
    assert_eq!(client.diagnostics("main.rhai"), json!([]));
    assert_eq!(client.stop(), Some(0));
}

#[test]
fn the_editor_says_what_the_terminal_says() {
    let texts = [
        "let b = branch(\"fsat\");\nb.comunicate(1, 2, 3);",
        "fn f( { }",
        "for i in 0..3 { let fs = []; fs.push(|| i); }\nlet x = 2 / 3;",
        "import \"nowhere\" as n;\nprint(`a\\n`);",
        "None; foo(); x.y.z",
    ];
    for text in texts {
        let project = Project::new();
        project.file("main.rhai", text);
        let ran = project.kaizen(&["check", "--json", "main.rhai"]);
        let terminal: Vec<Value> = ran
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|one| {
                let help = one["help"].as_str().map(|help| format!("\nhelp: {help}"));
                let message =
                    format!("{}{}", one["message"].as_str().unwrap(), help.unwrap_or_default());
                json!([one["code"], message, one["line"].as_u64().unwrap_or(1) - 1])
            })
            .collect();

        let mut client = Client::start(&project);
        client.open("main.rhai", text);
        let said = client.diagnostics("main.rhai");
        let editor: Vec<Value> = said
            .as_array()
            .unwrap()
            .iter()
            .map(|one| json!([one["code"], one["message"], one["range"]["start"]["line"]]))
            .collect();
        assert_eq!(editor, terminal, "{text}");
        assert_eq!(client.stop(), Some(0));
    }
}
