//! Nothing that a script, a model or a file is named or says can look like a line of kaizen's own.

use crate::support::server::{Act, Server};
use crate::support::{Project, Ran};

/// What would begin a line of its own, or be taken for another field.
const FORGERIES: [&str; 6] = [
    "x\nrun=1 status=ok",
    "x\r\nrun=1 status=ok",
    "x status=ok ms=1",
    "x\" status=ok ms=\"1",
    "x\n\nerror: store lost",
    "\nop=y status=ok",
];

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Returns the lines that begin as kaizen's own do.
fn own(ran: &Ran) -> Vec<&str> {
    let all = ran.stdout.lines().chain(ran.stderr.lines());
    let starts = ["run=", "run ", "error: ", "op=y"];
    all.filter(|line| starts.iter().any(|start| line.starts_with(start))).collect()
}

#[test]
fn names_and_messages_forge_no_line() {
    for forgery in FORGERIES {
        let project = Project::new();
        let name = quoted(forgery);
        let script = format!(
            "let name = {name};\n\
             let g = builder(name);\n\
             g.add_operation(|| name, #{{ name: name }});\n\
             g.add_operation(|| {{ throw name }}, #{{ name: \"f\" + name }});\n\
             g.add_operation(|| 1, #{{ name: \"s\" + name, depends_on: [\"f\" + name] }});\n\
             session().flow(g, #{{ allow_failures: true, verbose: true }});\n\
             log.info(name);\n"
        );
        project.file("s.rhai", &script);

        let ran = project.kaizen(&["run", "s.rhai"]);
        assert_eq!(ran.code, Some(0), "{forgery:?}: {}", ran.stderr);
        let found = own(&ran);
        assert!(
            matches!(found[..], [only] if only.starts_with("run=") && only.contains(" calls=0 ")),
            "{forgery:?}: {found:?} in {}",
            ran.stderr
        );

        // Each operation has one line, and one word for how it ended.
        let ops: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("op=")).collect();
        assert_eq!(ops.len(), 3, "{forgery:?}: {ops:?}");
        for (line, status) in ops.iter().zip(["ok", "failed", "skipped"]) {
            let field = format!(" status={status} ms=");
            let after_name = match line.strip_prefix("op=\"") {
                Some(rest) => {
                    let parts: Vec<&str> = rest.split('"').collect();
                    let inner = parts.iter().take_while(|part| part.ends_with('\\')).count();
                    parts[inner + 1..].join("\"")
                }
                None => line[line.find(' ').unwrap()..].to_owned(),
            };
            assert!(after_name.starts_with(&field), "{forgery:?}: {line}");
        }

        for arguments in [&["show", "@"][..], &["show", "@:0"], &["show", "@:1"], &["show", "@:2"]]
        {
            let found = project.kaizen(arguments);
            let heads = own(&found);
            let expected = usize::from(arguments[1] == "@");
            assert_eq!(heads.len(), expected, "{forgery:?} {arguments:?}: {}", found.stdout);
        }
    }
}

#[test]
fn the_name_of_a_script_forges_no_line() {
    for name in
        ["a\nrun 1  ok.rhai", "b\rrun 1  ok.rhai", "c\u{1b}[31m.rhai", "d\n\n.rhai", "e\t.rhai"]
    {
        let project = Project::new();
        project.file("kaizen.toml", "").file(name, "1");
        let ran = project.kaizen(&["run", name]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);

        for arguments in [&["show", "@"][..], &["runs"], &["diff", "@", "@"], &["replay", "@"]] {
            let ran = project.kaizen(arguments);
            let text = format!("{}{}", ran.stdout, ran.stderr);
            let forged = text.lines().filter(|line| line.starts_with("run 1 ")).count();
            assert_eq!(forged, 0, "{name:?} {arguments:?}: {text}");
            assert!(!text.contains('\u{1b}'), "{name:?} {arguments:?}: {text}");
        }
    }
}

/// A name that holds a line which looks like one of kaizen's own.
const LINES: [&str; 2] = ["x\nok: trusted", "x\r\nok: trusted\r\nok: trusted"];

fn check(what: &str, ran: &Ran) {
    let text = format!("{}{}", ran.stdout, ran.stderr);
    assert!(text.contains("ok: trusted"), "{what} shows no name: {text}");
    assert!(!text.lines().any(|line| line.starts_with("ok:")), "{what}: {text}");
}

#[test]
fn the_name_of_a_folder_forges_no_line() {
    for line in LINES {
        let project = Project::new();
        let folder = project.path().join(format!("d{line}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("kaizen.toml"), "[permissions]\nnet = [\"a.example\"]\n")
            .unwrap();
        std::fs::write(folder.join("s.rhai"), "1").unwrap();
        for arguments in [&["run", "s.rhai"][..], &["doctor"], &["runs"], &["patterns"], &["mcp"]] {
            let mut command = project.command(arguments);
            command.current_dir(&folder).stdin(std::process::Stdio::null());
            if arguments[0] != "run" {
                command.env("KAIZEN_TRUST", "1");
            }
            check(&format!("{arguments:?}"), &Ran::from(command.output().unwrap()));
        }
    }
}

#[test]
fn nothing_in_the_settings_forges_a_line() {
    for line in LINES {
        let name = quoted(line);
        for toml in [
            format!("[project]\nmodel = \"a\"\n[models.a]\nuse = {name}\n"),
            format!("[project]\nmodel = {name}\n"),
            format!("[mcp.{name}]\ncommand = [\"x\"]\n"),
            format!("[mcp.a]\ncommand = [\"x\"]\nexcept = {name}\n"),
            format!("[secrets]\nnames = {name}\n"),
            format!("[secrets]\nnames = [{name}]\n"),
            format!("[permissions]\nnet = [{name}]\n"),
            format!("[permissions]\nread = [{name}, 1]\n"),
            format!("[project]\n{name} = 1\n"),
            format!("[{name}]\n"),
            format!("[models.a]\nuse = \"openai/m\"\nbase_url = {name}\n"),
        ] {
            let project = Project::new();
            project.file("s.rhai", "1").file("kaizen.toml", &toml);
            for arguments in [
                &["run", "s.rhai"][..],
                &["config"],
                &["models"],
                &["doctor"],
                &["tools"],
                &["trust"],
            ] {
                let mut command = project.command(arguments);
                command.stdin(std::process::Stdio::null()).env("KAIZEN_TRUST", "1");
                let ran = Ran::from(command.output().unwrap());
                let text = format!("{}{}", ran.stdout, ran.stderr);
                let is_forged = text.lines().any(|line| line.starts_with("ok:"));
                assert!(!is_forged, "{toml} {arguments:?}: {text}");
            }
        }
    }
}

#[test]
fn what_scripts_and_servers_call_themselves_forges_no_line() {
    for line in LINES {
        let name = quoted(line);
        let project = Project::new();
        let script = format!("attempt(|| branch(`openai/` + {name}).chat(`x`)); print(1)");
        project.file("s.rhai", &script);
        let mut command = project.command(&["run", "s.rhai"]);
        command
            .env("OPENAI_API_KEY", "sk-a-key-of-mine")
            .env("OPENAI_BASE_URL", "http://127.0.0.1:9");
        check("the name of a model", &Ran::from(command.output().unwrap()));

        let body = serde_json::json!({
            "model": line, "usage": { "prompt_tokens": 1, "completion_tokens": 1 },
            "choices": [{ "message": { "content": "x" }, "finish_reason": "stop" }],
        });
        let server = Server::start(move |_, _, _| {
            Act::Answer(200, "content-type: application/json\r\n".into(), body.to_string().into())
        });
        let toml = format!(
            "[project]\nmodel = \"a\"\n[models.a]\nuse = \"openai/m\"\nbase_url = \"{}\"\n",
            server.url
        );
        project.file("kaizen.toml", &toml);
        for arguments in [&["doctor"][..], &["models", "--check"]] {
            let mut command = project.command(arguments);
            command.env("KAIZEN_TRUST", "1").env("OPENAI_API_KEY", "sk-a-key-of-mine");
            check(&format!("{arguments:?}"), &Ran::from(command.output().unwrap()));
        }
    }
}

#[test]
fn the_name_of_a_script_forges_no_line_when_it_is_to_be_continued_or_tested() {
    for line in LINES {
        let project = Project::new();
        let script = format!("{line}.rhai");
        project.file(&script, "loop { sleep(1); }");
        check("max time", &project.kaizen(&["run", &script, "--max-time", "50ms"]));

        let test = format!("{line}_test.rhai");
        project.file(&test, "fn test_a() { assert_snapshot(1); }");
        check("test", &project.kaizen(&["test"]));
    }
}
