//! Keys that a server tells back reach no sink, in whichever form; and whatever a secret looks like, what
//! is kept and printed stays what it is.

use crate::support::server::{Act, Server, answer, refusal};
use crate::support::{Project, Ran};
use std::collections::BTreeMap;
use std::path::Path;

/// The key of the model.
const KEY: &str = "sk-canary-4711/+x";
/// A variable that the script may read; its quote and its umlaut look different in JSON and in URLs.
const TOKEN: &str = "tok\"canäry\\0815 end";
/// A key from a file.
const FILE_KEY: &str = "file-canary-31415926";

/// Returns every form in which a secret could be found.
fn forms(secret: &str) -> Vec<String> {
    use base64::Engine as _;
    let base64 = &base64::engine::general_purpose::STANDARD;
    let json = serde_json::to_string(secret).unwrap();
    let mut forms = vec![
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC)
            .to_string(),
    ];
    // The groups of three that lie wholly within the secret, at each of the places it can have.
    for before in ["", "x", "xy"] {
        let encoded = base64.encode(format!("{before}{secret}"));
        let whole = (before.len() + secret.len()) / 3 * 4;
        forms.push(encoded[4..whole].to_owned());
    }
    forms
}

/// What a server says that tells everything it was told.
fn told() -> String {
    use base64::Engine as _;
    let base64 = &base64::engine::general_purpose::STANDARD;
    let mut told = String::new();
    for secret in [KEY, TOKEN, FILE_KEY] {
        told += &format!("{} ", forms(secret)[..3].join(" "));
        told += &format!("{} ", base64.encode(format!("Bearer {secret}")));
        told += &format!("{} ", base64.encode(format!("user:{secret}, and more")));
    }
    told
}

/// Reads all files below a folder.
fn files(folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let is_input = path.ends_with("key.txt");
            if !is_input {
                found.insert(path.display().to_string(), std::fs::read(&path).unwrap());
            }
        }
    }
}

const SCRIPT: &str = r#"
    let token = env("CANARY_TOKEN");
    let b = branch();
    print(b.communicate("one " + token));
    print(branch("filed").chat("zero"));
    let told = attempt(|| b.chat("two")).error.message;
    print(told);
    debug(told);
    log.info(told);
    log.error(token);
    write_text("out/out.txt", told + b.messages[1].content + token);
    write_text("out/out.json", to_json(#{ told: told, token: token }));
    optimizer().save_pattern_failure("t", "p", #{ kind: "wrong_answer", message: told });
    optimizer(#{ memory: true }).export_knowledge("out/empty.json");
    knowledge("out/learned.json").save_pattern_failure("t", "p", told + token);
    print(command("echo", [token]).stdout);
    state.told = told;
    let g = builder("g " + token);
    g.add_operation("communicate", #{ name: "op " + token, instruction: token });
    print(session(b).flow(g, #{ allow_failures: true, verbose: true }).metrics);
    print(g.graph().draw("mermaid"));
    if param("throw", false) { throw told + token; }
    b.chat("three " + token)
"#;

fn project(server: &Server) -> Project {
    let project = Project::new();
    project.file(
        "kaizen.toml",
        &format!(
            "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{0}\"\n\
             key = \"env:MY_KEY\"\n[models.filed]\nuse = \"openai/m\"\nbase_url = \"{0}\"\n\
             key = \"file:key.txt\"\n",
            server.url
        ),
    );
    project.file("key.txt", FILE_KEY).file("s.rhai", SCRIPT);
    project
}

#[test]
fn no_secret_reaches_any_sink() {
    let server = Server::start(|number, _, body| {
        if body.contains("two") || number % 5 == 4 {
            refusal(400, &told())
        } else if number % 7 == 6 {
            Act::Answer(200, "x-told: yes\r\n".to_owned(), told().into_bytes())
        } else {
            answer(&told())
        }
    });
    let project = project(&server);
    let grants = ["--allow-write=out", "--allow-env=CANARY_TOKEN", "--allow-run=echo"];
    let mut sinks: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let run_with = ["run", "s.rhai", "--progress", "plain"];
    let commands: &[&[&str]] = &[
        &run_with,
        &["run", "s.rhai", "--json"],
        &["run", "s.rhai", "-p", "throw=true"],
        &["run", "--resume"],
        &["fork", "@", "--at", "communicate"],
        &["plan", "s.rhai"],
        &["plan", "s.rhai", "--json"],
        &["repl", "--eval", "print(env(`CANARY_TOKEN`)); branch().chat(`x`)"],
        &["repl", "--eval", "throw env(`CANARY_TOKEN`)"],
        &["replay", "@"],
        &["show", "--json"],
        &["show", "@-1"],
        &["runs", "--json"],
        &["patterns"],
        &["export", "--all"],
        &["export", "--all", "-o", "all.jsonl"],
        &["export", "--store", "-o", "copy.db"],
        &["config", "show"],
        &["models"],
        &["doctor", "--json"],
        &["trust", "--show"],
        &["check"],
    ];
    for (number, command) in commands.iter().enumerate() {
        let takes_grants = ["run", "plan", "repl", "fork"].contains(&command[0]);
        let grants: &[&str] = if takes_grants { &grants } else { &[] };
        let mut program = project.command(&[command, grants].concat());
        program.env("MY_KEY", KEY).env("CANARY_TOKEN", TOKEN).env("KAIZEN_TRUST", "1");
        let output = program.output().unwrap();
        assert_ne!(output.status.code(), Some(101), "{command:?}");
        assert_ne!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
        sinks.insert(format!("{number} {} stdout", command.join(" ")), output.stdout);
        sinks.insert(format!("{number} {} stderr", command.join(" ")), output.stderr);
    }
    files(project.path(), &mut sinks);
    let first =
        String::from_utf8_lossy(&sinks["0 run s.rhai --progress plain stdout"]).into_owned();
    assert!(first.contains("[secret]"), "{first}");
    for name in ["out/out.txt", "out/out.json", "out/learned.json", "all.jsonl", "copy.db"] {
        assert!(sinks.keys().any(|sink| sink.ends_with(name)), "{name} is there");
    }
    let mut found = Vec::new();
    for secret in [KEY, TOKEN, FILE_KEY] {
        for form in forms(secret) {
            for (sink, bytes) in &sinks {
                if bytes.windows(form.len()).any(|window| window == form.as_bytes()) {
                    found.push(format!("`{form}` in {sink}"));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(sinks.len() >= 50, "{} sinks", sinks.len());
}

/// Secrets that look like something else.
const ODD: &[&str] = &[
    "000000",
    "15000000",
    "31415926",
    "-1.5e+300",
    "true",
    "null",
    "false,\"x\":",
    "completed",
    "complete",
    "op_ended",
    "attempt_ended",
    "run_started",
    "success_rate",
    "tool_errors",
    "invalid_output",
    "started_at",
    "communicate",
    "operation-one",
    "question one",
    "an answer 1",
    "\",\"reply\":\"",
    "\"kind\":\"run_ended\"",
    "}},{\"a\":1",
    "\\\"\\\\n\\u0041",
    "ends with a quote\"",
    "[secret]",
    "--------",
    "        ",
    "ä ö ü ß é è ê",
    "{\"n\":31415926,\"t\":\"text\"}",
];

const ODD_SCRIPT: &str = r#"
    let token = env("ODD_TOKEN");
    let g = builder("graph");
    g.add_operation("communicate", #{ name: "operation-one", instruction: "question one" });
    let report = session(branch()).flow(g);
    let found = #{ n: 31415926, list: [15000000, 1.5, true, ()], text: token, other: "x" + token };
    found[token] = 1;
    found["a" + token] = 2;
    print(to_json(found));
    log.info(token);
    write_text("out/found.json", to_json(found));
    write_text("out/lines.jsonl", to_json(#{ n: 31415926, t: token }) + "\n" + to_json(#{ a: 1 }) + "\n");
    optimizer().record_execution("t", "p", #{ success_rate: 1.0, cost: 0.31415926, note: token });
    found.reply = branch().chat("question two");
    found
"#;

/// Checks that every line is a map of JSON with these keys.
fn json_lines(text: &str, keys: &[&str]) -> Vec<serde_json::Value> {
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        assert!(keys.iter().all(|key| !line[key].is_null()), "{keys:?} in {line}");
    }
    lines
}

/// Collects the numbers of a value, in order.
fn numbers(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Number(number) => found.push(number.to_string()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| numbers(item, found)),
        serde_json::Value::Object(fields) => fields.values().for_each(|item| numbers(item, found)),
        _ => {}
    }
}

#[test]
fn a_secret_may_look_like_anything() {
    let server = Server::start(|number, _, _| answer(&format!("an answer {}", number % 2)));
    for secret in ODD {
        let project = Project::new();
        project.with_server(&server).file("s.rhai", ODD_SCRIPT);
        let toml = std::fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
        let price = "price = { input = 1.0, output = 1.0, per = \"1k\" }\nmax_tokens = 20\n";
        project.file("kaizen.toml", &(toml + price));
        let kaizen = |arguments: &[&str]| {
            let mut command = project.command(arguments);
            let ran = Ran::from(command.env("ODD_TOKEN", secret).output().unwrap());
            assert_eq!(ran.code, Some(0), "`{secret}` {arguments:?}: {}", ran.stderr);
            ran
        };
        let grants = ["--allow-env=ODD_TOKEN", "--allow-write=out"];

        let ran = kaizen(&[&["run", "s.rhai", "--json"], &grants[..]].concat());
        let lines = json_lines(&ran.stdout, &["type"]);
        let done = lines.last().unwrap();
        assert_eq!((&done["type"], &done["status"]), (&"done".into(), &"ok".into()), "{secret}");
        assert_eq!(done["value"]["n"], 31_415_926, "{secret}");
        assert_eq!(
            done["value"].as_object().unwrap().len(),
            7,
            "no key is lost: {}",
            done["value"]
        );
        assert!(done["cost"].as_f64().is_some_and(|cost| cost > 0.0), "{secret}: {done}");
        let run = done["run"].as_str().unwrap();

        for event in project.events("attempt_ended") {
            assert!(event["usage"].is_object() && event["cost"].is_number(), "{secret}: {event}");
        }
        let again = kaizen(&["runs", "--json"]);
        let listed = json_lines(&again.stdout, &["run", "script", "status", "cost"]);
        assert_eq!(listed[0]["run"], run);
        kaizen(&["doctor"]);
        kaizen(&["show"]);
        json_lines(&kaizen(&["show", "--json"]).stdout, &["kind", "at"]);
        json_lines(&kaizen(&["export", "--all"]).stdout, &["run", "at", "event"]);
        json_lines(&kaizen(&["patterns", "--json"]).stdout, &["n"]);
        json_lines(
            &kaizen(&["plan", "s.rhai", "--json", grants[0], grants[1]]).stdout,
            &["type", "operations"],
        );

        let read = |name: &str| std::fs::read_to_string(project.path().join(name)).unwrap();
        let found: serde_json::Value = serde_json::from_str(&read("out/found.json")).unwrap();
        let mut seen = Vec::new();
        numbers(&found, &mut seen);
        seen.sort();
        assert_eq!(seen, ["1", "1.5", "15000000", "2", "31415926"], "{secret}");
        assert_eq!(json_lines(&read("out/lines.jsonl"), &[])[0]["n"], 31_415_926, "{secret}");

        let asked = server.bodies().len();
        let resumed = ["--resume".to_owned() + "=@"];
        let resumed = kaizen(&[&["run", &resumed[0], "--json"], &grants[..]].concat());
        assert_eq!(server.bodies().len(), asked, "`{secret}`: nothing is asked again");
        let last: serde_json::Value =
            serde_json::from_str(resumed.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(last["value"], done["value"], "{secret}");
        kaizen(&["doctor"]);
    }
}

/// Cassettes, snapshots and reports of tests stay what they are as well.
#[test]
fn what_tests_leave_stays_whole() {
    let server =
        Server::start(|_, _, _| answer("31415926 answers of `operation-one`, \"kind\":\"x\""));
    let test = "fn test_asks() {
        let said = branch().chat(\"question one\", #{ temperature: 0.5, seed: 31415926 });
        assert_snapshot(#{ n: 31415926, said: said, list: [0.5, true] });
        print(said);
    }
    fn test_fails() { assert_eq(#{ n: 31415926 }, #{ n: \"question one\" }); }";
    for secret in ODD {
        let project = Project::new();
        project.with_server(&server).file("a_test.rhai", test);
        let toml = std::fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
        project.file("kaizen.toml", &(toml + "key = \"env:ODD_KEY\"\n"));
        let kaizen = |arguments: &[&str]| {
            let mut command = project.command(&[&["test", "--json"], arguments].concat());
            let ran = Ran::from(
                command.env("ODD_KEY", secret).env("KAIZEN_TRUST", "1").output().unwrap(),
            );
            assert_eq!(
                ran.code,
                Some(1),
                "`{secret}` {arguments:?}: {} {}",
                ran.stdout,
                ran.stderr
            );
            let lines = json_lines(&ran.stdout, &["type"]);
            let status = |name: &str| {
                let line = lines.iter().find(|line| line["name"] == name);
                line.map(|line| line["status"].clone()).unwrap_or_default()
            };
            assert_eq!(
                (status("test_asks"), status("test_fails")),
                ("passed".into(), "failed".into())
            );
            assert!(lines.last().unwrap()["failed"].is_number(), "{}", ran.stdout);
        };
        let asked = server.bodies().len();
        kaizen(&["--record", "new", "-u", "--junit", "report.xml"]);
        assert_eq!(server.bodies().len() - asked, 1);
        kaizen(&["--record", "none", "--junit", "report.xml"]);
        assert_eq!(server.bodies().len() - asked, 1, "`{secret}`: what was recorded is played");
        let report = std::fs::read_to_string(project.path().join("report.xml")).unwrap();
        let tags = ["<testsuite", "</testsuite>", "tests=\"2\"", "failures=\"1\"", "<failure "];
        assert!(tags.iter().all(|tag| report.contains(tag)), "{secret}: {report}");
    }
}

/// What is too weak to be taken out is said, so that nobody relies on it.
#[test]
fn a_secret_that_is_too_weak_is_said() {
    let cases = [
        ("hunter2", "it has fewer than 8 characters"),
        ("000000000000", "it has fewer than 4 different characters"),
        ("interrupted", "it is a word of kaizen's own output"),
    ];
    for (secret, says) in cases {
        let project = Project::new();
        project.file("s.rhai", "env(`A_TOKEN`); env(`A_TOKEN`); log.info(`x`)");
        let mut command = project.command(&["run", "s.rhai", "--allow-env=A_TOKEN"]);
        let ran = Ran::from(command.env("A_TOKEN", secret).output().unwrap());
        let note = format!("the value of `A_TOKEN` is not treated as a secret: {says}");
        assert_eq!(ran.stderr.matches(&note).count(), 1, "{}", ran.stderr);
    }
}

/// A script that names a file as a key must not get its own deeds taken out of the journal.
#[test]
fn a_script_hides_nothing_by_naming_a_file_as_key() {
    const DEED: &str = "exfiltrate-all-data-2024";
    let server = Server::start(|_, _, _| answer(&format!("you sent {DEED}")));
    let own = format!("key = \"file:own.txt\"\nuse = \"openai/m\"\nbase_url = \"{}\"", server.url);
    let deeds = [
        // A file of the script's own.
        format!(
            "let m = imodel(#{{ provider: \"openai\", model: \"m\", base_url: \"{}\", key: \"file:deed.txt\" }});",
            server.url
        ),
        // The file of the project's key, written by the script.
        "write_text(\"own.txt\", read_text(\"deed.txt\")); let m = imodel(\"own\");".to_owned(),
    ];
    for deed in deeds {
        let project = Project::new();
        project.with_server(&server);
        let toml = std::fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
        project.file("kaizen.toml", &format!("{toml}[models.own]\n{own}\n"));
        project.file("own.txt", "sk-the-key-of-the-project").file("deed.txt", DEED);
        let script = format!(
            "{deed} let b = branch(m); let said = b.chat(\"one\"); log.info(said);
             let d = \"exfiltrate-all\" + \"-data-2024\"; log.info(d); branch().chat(d);
             command(\"echo\", [d]); print(d); said"
        );
        project.file("s.rhai", &script);
        let grants = ["--allow-run=echo", "--allow-write=own.txt"];
        let mut command = project.command(&[&["run", "s.rhai"], &grants[..]].concat());
        let ran = Ran::from(command.env("KAIZEN_TRUST", "1").output().unwrap());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(ran.stdout, format!("{DEED}\nyou sent [secret]\n"));

        let logged: Vec<_> = project.events("logged").iter().map(|e| e["text"].clone()).collect();
        assert_eq!(logged, ["you sent [secret]", DEED]);
        let asked: Vec<_> =
            project.events("attempt_started").iter().map(|e| e["prompt"].clone()).collect();
        assert_eq!(asked, ["one", DEED]);
        let told = project.events("told").pop().unwrap();
        assert!(told["what"].as_str().unwrap().contains(DEED), "{told}");
    }
}

#[test]
fn a_file_that_holds_no_key_is_none() {
    for text in ["two words", "one\ntwo", "", "kéy-that-is-not-ascii", &"x".repeat(20_000)] {
        let project = Project::new();
        project.file("key.txt", text).file(
            "s.rhai",
            "let m = imodel(#{ provider: `openai`, model: `m`, key: `file:key.txt` });
             branch(m).chat(`one`)",
        );
        let ran = project.kaizen(&["run", "s.rhai"]);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        assert!(ran.stderr.contains("no key for `openai`: cannot read `"), "{}", ran.stderr);
    }
}
