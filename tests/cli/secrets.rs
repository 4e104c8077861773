//! Keys that a server tells back reach no sink, in whichever form.

use crate::support::Project;
use crate::support::server::{Act, Server, answer, refusal};
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
