//! A key goes to the provider and the server that it was given for, and to nobody else.

use crate::support::server::{Act, Server, refusal};
use crate::support::{Project, Ran};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// The keys of the providers, and what else is in the environment.
const SECRETS: [(&str, &str); 6] = [
    ("OPENAI_API_KEY", "sk-openai-2718281828"),
    ("ANTHROPIC_API_KEY", "sk-anthropic-2718281828"),
    ("GEMINI_API_KEY", "sk-gemini-2718281828"),
    ("OLLAMA_API_KEY", "sk-ollama-2718281828"),
    ("AWS_SECRET_ACCESS_KEY", "aws-2718281828"),
    ("DATABASE_URL", "postgres://u:2718281828@db"),
];
const CANARY: &str = "2718281828";

/// A server that keeps everything that it was sent.
fn listener() -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, seen) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::default()));
    let kept: Arc<Mutex<String>> = seen.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            kept.lock().unwrap().push_str(&String::from_utf8_lossy(&head));
            let body = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}"#;
            let length = body.len();
            let answer =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.write_all((answer + body).as_bytes());
        }
    });
    (port, seen)
}

fn run(project: &Project, script: &str, arguments: &[&str]) -> Ran {
    project.file("s.rhai", script);
    let mut command = project.command(&[&["run", "s.rhai", "--no-prompt"], arguments].concat());
    Ran::from(command.envs(SECRETS).output().unwrap())
}

#[test]
fn no_key_goes_to_a_server_that_it_was_not_given_for() {
    let (port, seen) = listener();
    let url = format!("http://127.0.0.1:{port}/v1");
    let mut leaked = Vec::new();
    for (alias, script) in [
        // What a script names at a server of the project's.
        ("use = \"ollama/m\"", "#{ provider: \"openai\", model: \"m\", base_url: URL }"),
        ("use = \"openai/m\"", "#{ provider: \"anthropic\", model: \"m\", base_url: URL }"),
        ("use = \"openai/m\"", "#{ provider: \"openai\", model: \"other\", base_url: URL }"),
        ("use = \"openai/m\"", "#{ model: \"gemini/m\", base_url: URL }"),
        (
            "use = \"openai/m\"",
            "#{ provider: \"openai\", model: \"m\", base_url: param(\"u\", URL) }",
        ),
        // What the project itself names, without a word about keys.
        ("use = \"openai/m\"", "\"a\""),
        ("use = \"anthropic/m\"", "\"a\""),
        ("use = \"gemini/m\"", "\"a\""),
        ("use = \"ollama/m\"", "\"a\""),
    ] {
        let project = Project::new();
        let toml = format!("[models.a]\n{alias}\nbase_url = \"{url}\"\n");
        project.file("kaizen.toml", &toml);
        let script = script.replace("URL", &format!("\"{url}\""));
        for grants in [&[][..], &["-A"][..]] {
            let ran = run(
                &project,
                &format!("attempt(|| branch(#{{ model: {script} }}).chat(\"x\"))"),
                grants,
            );
            let sent = std::mem::take(&mut *seen.lock().unwrap());
            if ran.code != Some(0) || !sent.contains("POST") || sent.contains(CANARY) {
                leaked.push(format!("{alias} {script} {grants:?}: {sent} {}", ran.stderr));
            }
        }
    }
    assert!(leaked.is_empty(), "{}", leaked.join("\n"));
}

#[test]
fn a_redirect_takes_no_key_along() {
    let (port, seen) = listener();
    let server = Server::start(move |_, _, _| {
        let to = format!("location: http://127.0.0.1:{port}/v1/chat/completions\r\n");
        Act::Answer(307, to, Vec::new())
    });
    let project = Project::new();
    project.file("s.rhai", "branch(\"openai/m\").chat(\"x\", #{ attempts_max: 1 })");
    let mut command = project.command(&["run", "s.rhai"]);
    command.envs(SECRETS).env("OPENAI_BASE_URL", &server.url);
    let ran = Ran::from(command.output().unwrap());
    assert_ne!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!((server.bodies().len(), seen.lock().unwrap().as_str()), (1, ""));
}

#[test]
fn a_key_that_a_project_wishes_is_asked_about() {
    let (port, seen) = listener();
    let url = format!("base_url = \"http://127.0.0.1:{port}/v1\"");
    for lines in [
        format!("use = \"openai/m\"\n{url}\nkey = \"env:AWS_SECRET_ACCESS_KEY\""),
        format!("use = \"openai/m\"\n{url}\nkey = \"env:OPENAI_API_KEY\""),
        format!("provider = \"openai\"\nmodel = \"m\"\n{url}\nkey = \"env:DATABASE_URL\""),
        format!("use = \"ollama/m\"\n{url}\nkey = \"env:OPENAI_API_KEY\""),
        format!("use = \"anthropic/m\"\n{url}\nkey = \"file:key.txt\""),
        "use = \"ollama/m\"\nkey = \"env:OPENAI_API_KEY\"".to_owned(),
        "use = \"gemini/m\"\nkey = \"env:AWS_SECRET_ACCESS_KEY\"".to_owned(),
    ] {
        let project = Project::new();
        project.file("key.txt", "sk-file-2718281828");
        project.file("kaizen.toml", &format!("[models.a]\n{lines}\n"));
        let ran = run(&project, "branch(\"a\").chat(\"x\")", &[]);
        assert_eq!(ran.code, Some(6), "{lines}: {}", ran.stderr);
        let key = lines.lines().last().unwrap();
        assert!(ran.stderr.contains(&format!("models.a.{key}")), "{lines}: {}", ran.stderr);
    }
    assert_eq!(seen.lock().unwrap().as_str(), "");

    // A provider's own key at the provider is no wish, and a trusted one is sent.
    let project = Project::new();
    project.file("kaizen.toml", "[models.a]\nuse = \"openai/m\"\nkey = \"env:OPENAI_API_KEY\"\n");
    assert_eq!(run(&project, "1", &[]).code, Some(0));
    let toml = format!("[models.a]\nuse = \"openai/m\"\n{url}\nkey = \"env:OPENAI_API_KEY\"\n");
    project.file("kaizen.toml", &toml);
    assert_eq!(project.kaizen(&["trust"]).code, Some(0));
    assert_eq!(run(&project, "branch(\"a\").chat(\"x\")", &[]).code, Some(0));
    assert!(seen.lock().unwrap().contains("sk-openai-2718281828"));
}

#[test]
fn a_refused_call_without_a_key_says_how_to_name_one() {
    let server = Server::start(|_, _, _| refusal(401, "who are you?"));
    let project = Project::new();
    project.with_server(&server);
    let ran = run(&project, "branch().chat(\"x\")", &[]);
    let errors: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error")).collect();
    assert_eq!(
        errors,
        [
            "error[K0203]: the provider rejected the key (status 401): who are you?; no key was sent: set one for the model, such as `key = \"env:NAME\"`"
        ]
    );
}

#[test]
fn a_project_that_may_be_somebody_elses_is_asked_about() {
    let outer = Project::new();
    outer.file("kaizen.toml", "").file("home/p/s.rhai", "1").file("repo/s.rhai", "1");
    outer.file("repo/.git/HEAD", "").file("sub/.git", "gitdir: x").file("sub/a/s.rhai", "1");
    outer.file("plain/a/s.rhai", "1");
    for (folder, expected) in [
        ("home/p", Some("is above the home folder")),
        ("repo", Some("is above the repository")),
        ("sub/a", Some("is above the repository")),
        ("plain/a", None),
    ] {
        let mut command = outer.command(&["run", "s.rhai"]);
        command.current_dir(outer.path().join(folder));
        let ran = Ran::from(command.output().unwrap());
        let code = if expected.is_some() { 6 } else { 0 };
        assert_eq!(ran.code, Some(code), "{folder}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected.unwrap_or("")), "{folder}: {}", ran.stderr);
    }

    // However the home folder is written.
    let home = outer.path().join("home");
    std::os::unix::fs::symlink(&home, outer.path().join("link")).unwrap();
    std::os::unix::fs::symlink("link", outer.path().join("link2")).unwrap();
    for written in ["link", "link2", "home/../home", "home/p/..", "home/.", "./home//", "link/p/.."]
    {
        let mut command = outer.command(&["run", "s.rhai"]);
        command.env("HOME", format!("{}/{written}", outer.path().display()));
        let ran = Ran::from(command.current_dir(home.join("p")).output().unwrap());
        assert_eq!(ran.code, Some(6), "{written}: {}", ran.stderr);
        assert!(ran.stderr.contains("is above the home folder"), "{written}: {}", ran.stderr);
    }

    // Only an administrator can give a file to somebody else.
    let other = Some(nix::unistd::Uid::from_raw(65534));
    if nix::unistd::chown(&outer.path().join("kaizen.toml"), other, None).is_ok() {
        let mut command = outer.command(&["run", "s.rhai"]);
        command.current_dir(outer.path().join("plain/a"));
        let ran = Ran::from(command.output().unwrap());
        assert_eq!(ran.code, Some(6), "{}", ran.stderr);
        assert!(ran.stderr.contains("belongs to user 65534"), "{}", ran.stderr);
    }
}

#[test]
fn relative_folders_of_the_user_are_ignored() {
    let project = Project::new();
    project.file("kaizen/config.toml", "[project]\nmodel = \"demo/planted\"\n");
    project.file("x/kaizen/config.toml", "[project]\nmodel = \"demo/planted\"\n");
    project.file("kaizen/trust.json", "{ damaged").file("s.rhai", "1");
    project.file("kaizen.toml", "[permissions]\nwrite = [\"out\"]\n");
    for folder in [".", "x", "./x", "../x", "x/.."] {
        let mut command = project.command(&["config", "show"]);
        command.env("XDG_CONFIG_HOME", folder).env("XDG_STATE_HOME", folder);
        let ran = Ran::from(command.output().unwrap());
        assert!(!ran.stdout.contains("planted"), "{folder}: {}", ran.stdout);
        let mut command = project.command(&["trust", "--show"]);
        command.env("XDG_CONFIG_HOME", folder).env("XDG_STATE_HOME", folder);
        assert_eq!(Ran::from(command.output().unwrap()).code, Some(0), "{folder}");
    }
}

#[test]
fn a_denied_file_is_no_key() {
    let (port, seen) = listener();
    let mut reached = Vec::new();
    for (key, denial) in [
        ("key.txt", "--deny-read=key.txt"),
        ("./keys/../key.txt", "--deny-read=key.txt"),
        ("key.txt", "--deny-read=."),
        ("key.txt", "--deny-read"),
        ("link.txt", "--deny-read=key.txt"),
        ("link.txt", "--deny-read=link.txt"),
        ("key.txt", "--deny-read=link.txt"),
    ] {
        let project = Project::new();
        project.file("key.txt", "sk-file-2718281828").file("keys/x", "");
        std::os::unix::fs::symlink("key.txt", project.path().join("link.txt")).unwrap();
        let url = format!("base_url = \"http://127.0.0.1:{port}/v1\"");
        let model = format!("[models.a]\nuse = \"openai/m\"\n{url}\nkey = \"file:{key}\"\n");
        project.file("kaizen.toml", &model);
        project.file("s.rhai", "branch(\"a\").chat(\"x\")");
        let mut command = project.command(&["run", "s.rhai", "-A", denial]);
        let ran = Ran::from(command.env("KAIZEN_TRUST", "1").output().unwrap());
        if ran.code != Some(6) {
            reached.push(format!("{key} {denial}: {:?} {}", ran.code, ran.stderr));
        }
    }
    assert_eq!(reached, [""; 0]);
    assert_eq!(seen.lock().unwrap().as_str(), "");
}

#[test]
fn folders_whose_names_are_no_text_share_no_trust() {
    use std::os::unix::ffi::OsStrExt;
    let outer = Project::new();
    let mut ended = Vec::new();
    let names: [&[u8]; 5] = [b"p\xff", b"p\xfe", b"p\\xff", "p\u{fffd}".as_bytes(), b"p"];
    for (place, name) in names.into_iter().enumerate() {
        let folder = outer.path().join(std::ffi::OsStr::from_bytes(name));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("kaizen.toml"), "[permissions]\nread = [\"/etc\"]\n").unwrap();
        std::fs::write(folder.join("s.rhai"), "1").unwrap();
        let kaizen = |arguments: &[&str]| {
            Ran::from(outer.command(arguments).current_dir(&folder).output().unwrap()).code
        };
        let before = kaizen(&["run", "s.rhai", "--no-prompt"]);
        let trusted = kaizen(&["trust"]);
        ended.push((place, before, trusted, kaizen(&["run", "s.rhai", "--no-prompt"])));
    }
    let expected: Vec<_> = (0..5).map(|place| (place, Some(6), Some(0), Some(0))).collect();
    assert_eq!(ended, expected);
}
