//! What scripts may touch: only what is granted, whatever way they try.

use crate::support::server::{Server, answer};
use crate::support::{Project, Ran};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};

/// What must never be seen by a script that was not granted it.
const CANARY: &str = "canary-7f3a9c-outside";

/// The key of the provider, which is kept out of every output in any case.
const KEY: &str = "sk-key-of-openai-2718281828";

/// A project beside files that are none of its business.
struct Place {
    outer: Project,
    project: std::path::PathBuf,
}

impl Place {
    fn new() -> Place {
        let outer = Project::new();
        outer.file("outside/secret.txt", CANARY).file("outside/lib.rhai", "fn f() { 1 }");
        outer.file("outside/p/kaizen.toml", "").file("inside/data/ok.txt", "fine");
        outer.file("inside/.env", &format!("KEY={CANARY}"));
        outer.file("inside/.git/config", CANARY);
        outer.file("inside/kaizen.toml", "");
        let project = outer.path().join("inside");
        symlink(outer.path().join("outside"), project.join("link")).unwrap();
        symlink(outer.path().join("outside/secret.txt"), project.join("file_link.txt")).unwrap();
        symlink(project.join(".env"), project.join("env_link.txt")).unwrap();
        symlink("/", project.join("root")).unwrap();
        symlink("loop_b", project.join("loop_a")).unwrap();
        symlink("loop_a", project.join("loop_b")).unwrap();
        nix::unistd::mkfifo(&project.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        Place { outer, project }
    }

    fn run(&self, script: &str, arguments: &[&str]) -> Ran {
        std::fs::write(self.project.join("s.rhai"), script).unwrap();
        let arguments = [&["run", "s.rhai", "--max-time", "20s"], arguments].concat();
        let mut command = self.outer.command(&arguments);
        command.current_dir(&self.project);
        command.env("OUTSIDE", self.outer.path().join("outside"));
        command.env("AWS_SECRET_ACCESS_KEY", CANARY).env("OPENAI_API_KEY", KEY);
        Ran::from(command.output().unwrap())
    }

    /// Returns the text of a path outside.
    fn outside(&self, name: &str) -> String {
        self.outer.path().join("outside").join(name).display().to_string()
    }
}

/// A server that answers each request with what `answer` makes of its head, and keeps what it got.
struct Listener {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    fn start(answer: impl Fn(&str) -> String + Send + 'static) -> Listener {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, seen) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::default()));
        let kept: Arc<Mutex<Vec<String>>> = seen.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let _ = stream.write_all(answer(&head).as_bytes());
                kept.lock().unwrap().push(head);
            }
        });
        Listener { port, seen }
    }

    /// Starts a server that must not be reached.
    fn guarded() -> Listener {
        Listener::start(|_| ok(CANARY))
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// The scripts that try to get out. `{out}` is the folder outside, `{port}` a server on this
/// machine.
const ESCAPES: &[&str] = &[
    // Reading.
    r#"read_text("../outside/secret.txt")"#,
    r#"read_text("data/../../outside/secret.txt")"#,
    r#"read_text("./data/./../../outside/./secret.txt")"#,
    r#"read_text("{out}/secret.txt")"#,
    r#"read_text("//{out}//secret.txt")"#,
    r#"read_text("link/secret.txt")"#,
    r#"read_text("link/../outside/secret.txt")"#,
    r#"read_text("data/../link/secret.txt")"#,
    r#"read_text("file_link.txt")"#,
    r#"read_text("root/etc/passwd")"#,
    r#"read_text("/etc/passwd")"#,
    r#"read_text("/proc/self/environ")"#,
    r#"read_text("root/proc/self/environ")"#,
    r#"read_text("/dev/stdin")"#,
    r#"read_text(".env")"#,
    r#"read_text("./.env")"#,
    r#"read_text("data/../.env")"#,
    r#"read_text("env_link.txt")"#,
    r#"read_text(".git/config")"#,
    r#"read_text(".kaizen/kaizen.db")"#,
    r#"read_text("loop_a")"#,
    r#"read_text("pipe")"#,
    r#"read_text("")"#,
    r#"read_text(".")"#,
    r#"read_text("..")"#,
    r#"read_text("~/secret.txt")"#,
    r#"read_text("file://{out}/secret.txt")"#,
    r#"read_text("data/ok.txt\x00../../outside/secret.txt")"#,
    r#"read_text("/proc/self/mem")"#,
    r#"read_text("/proc/thread-self/environ")"#,
    r#"read_text("/proc/self/root{out}/secret.txt")"#,
    r#"read_text("/proc/self/fd/0")"#,
    r#"read_text("/dev/fd/0")"#,
    r#"read_text("/dev/zero")"#,
    r#"read_text(".ENV/../.env")"#,
    r#"read_text("data/./../.git/../.env")"#,
    r#"read_text("home/../../outside/secret.txt")"#,
    r#"let p = blob(); p += 0x2e; p += 0x65; p += 0x6e; p += 0x76; read_text(p.as_string())"#,
    r#"["../outside/secret.txt"].map(|p| read_text(p))[0]"#,
    r#"race([|| read_text("../outside/secret.txt")])"#,
    r#"retry(2, || read_text("../outside/secret.txt"))"#,
    r#"timeout(1000, || read_text("../outside/secret.txt"))"#,
    r#"read_lines("../outside/secret.txt")"#,
    r#"read_jsonl("../outside/secret.txt")"#,
    r#"read_jsonl("file_link.txt")"#,
    r#"let r = parallel(["../outside/secret.txt"], |p| read_text(p)); r[0]"#,
    r#"let b = builder("g"); b.add_operation(|| read_text("link/secret.txt"), #{ name: "a" }); session().flow(b).result("a")"#,
    r#"task(|| read_text("link/secret.txt")).wait()"#,
    r#"let a = attempt(|| read_text("link/secret.txt")); print(a.value); throw a.error"#,
    r#"optimizer().import_knowledge("../outside/secret.txt")"#,
    r#"knowledge("../outside/secret.txt").get_best_pattern("x")"#,
    r#"knowledge("file_link.txt").get_best_pattern("x")"#,
    r#"import "../outside/lib" as l; l::f()"#,
    r#"import "link/lib" as l; l::f()"#,
    r#"import "{out}/lib" as l; l::f()"#,
    r#"let p = "../outside/lib"; import p as l; l::f()"#,
    r#"let p = "link/lib.rhai"; import p as l; l::f()"#,
    r#"import ".env" as l; 1"#,
    r#"import "env_link.txt" as l; 1"#,
    r#"import ".git/config" as l; 1"#,
    r#"import "pipe" as l; 1"#,
    r#"import "/proc/self/environ" as l; 1"#,
    r#"knowledge(".env")"#,
    r#"knowledge("pipe")"#,
    // Writing.
    r#"write_text("pipe", "x")"#,
    r#"write_text("loop_a", "x")"#,
    r#"write_text("root/tmp/kaizen-escaped", "x")"#,
    r#"write_text("/dev/full", "x")"#,
    r#"write_text("/proc/self/comm", "x")"#,
    r#"write_text("link", "x")"#,
    r#"write_text(".kaizen/running/x", "x")"#,
    r#"write_text("home/.bashrc", "x")"#,
    r#"write_text("data/../kaizen.toml", "x")"#,
    r#"knowledge("kaizen.toml").save()"#,
    r#"write_text("out.txt", "x")"#,
    r#"write_text("../outside/new.txt", "x")"#,
    r#"write_text("../outside/secret.txt", "x")"#,
    r#"write_text("link/new.txt", "x")"#,
    r#"write_text("file_link.txt", "x")"#,
    r#"write_text("{out}/new.txt", "x")"#,
    r#"write_text("../outside/deep/new/file.txt", "x")"#,
    r#"write_text("kaizen.toml", "[permissions]\nwrite = [\"/\"]")"#,
    r#"write_text(".git/hooks/pre-commit", "x")"#,
    r#"write_text("s.rhai", "x")"#,
    r#"write_text(".kaizen/kaizen.db", "x")"#,
    r#"knowledge("../outside/new.json").save()"#,
    r#"knowledge("link/new.json").save_pattern_success("a", "b", #{ execution_time: 1.0 })"#,
    r#"optimizer(#{ memory: true }).export_knowledge("../outside/new.json")"#,
    // The network.
    r#"http_get("http://127.0.0.1:{port}/")"#,
    r#"http_get("http://localhost:{port}/")"#,
    r#"http_get("http://2130706433:{port}/")"#,
    r#"http_get("http://0x7f.1:{port}/")"#,
    r#"http_get("http://user@127.0.0.1:{port}/")"#,
    r#"http_get("http://[::ffff:127.0.0.1]:{port}/")"#,
    r#"http_get("HTTP://127.0.0.1:{port}/")"#,
    r#"http_get("file:///etc/passwd")"#,
    r#"http_get("http://0:{port}/")"#,
    r#"http_get("http://[::]:{port}/")"#,
    r#"http_get("http://127.0.0.1.:{port}/")"#,
    r#"http_get("http://localhost%2e:{port}/")"#,
    r#"http_get("http://127。0。0。1:{port}/")"#,
    r#"http_get("http://①②⑦.0.0.1:{port}/")"#,
    r#"http_get("http:\\\\127.0.0.1:{port}\\")"#,
    r#"http_get("http://x@127.0.0.1:{port}#@example.com/")"#,
    r#"http_get("unix:/run/x")"#,
    r#"http_get("//127.0.0.1:{port}/")"#,
    r#"branch("openai/m@127.0.0.1:{port}").chat("x")"#,
    r#"branch("openai/../../x").chat("x")"#,
    r#"http_get("http://127.0.0.1:{port}/", #{ headers: #{ host: "localhost" } })"#,
    r#"imodel(#{ provider: "openai", model: "m", base_url: "http://example.com/v1" }).name"#,
    r#"imodel(#{ provider: "openai", model: "m", base_url: "http://127.0.0.1.example.com/v1" }).name"#,
    r#"imodel(#{ provider: "openai", model: "m", base_url: "http://127.0.0.1:{port}/x?y=" }).name"#,
    r#"imodel(#{ provider: "openai", model: "m", base_url: "http://127.0.0.1:{port}/x#" }).name"#,
    r#"imodel(#{ provider: "openai", model: "m", base_url: "http://127.0.0.1:{port}@example.com/" }).name"#,
    r#"branch(#{ model: #{ provider: "ollama", model: "m", base_url: "http://example.com" } }).communicate("x")"#,
    r#"imodel(#{ provider: "anthropic", model: "m", base_url: "https://example.com" }).name"#,
    // The environment.
    r#"env("AWS_SECRET_ACCESS_KEY")"#,
    r#"env("OPENAI_API_KEY")"#,
    r#"env("OUTSIDE")"#,
    r#"imodel(#{ provider: "openai", model: "m", key: "env:AWS_SECRET_ACCESS_KEY" }).name"#,
    r#"imodel(#{ provider: "openai", model: "m", base_url: "http://127.0.0.1:{port}/v1", key: "env:OPENAI_API_KEY" }).name"#,
    r#"imodel(#{ provider: "openai", model: "m", key: "file:../outside/secret.txt" }).name"#,
    r#"imodel(#{ provider: "openai", model: "m", key: "file:{out}/secret.txt" }).name"#,
    r#"imodel(#{ provider: "openai", model: "m", key: "file:.env" }).name"#,
    r#"imodel(#{ provider: "gemini", model: "m", key: "env:OPENAI_API_KEY" }).name"#,
    r#"env("AWS_SECRET_ACCESS_KEY ")"#,
    r#"env("aws_secret_access_key")"#,
    r#"env("AWS*")"#,
    r#"env("AWS_SECRET_ACCESS_KEY\x00")"#,
    r#"env("OUTSIDE=")"#,
    r#"imodel(#{ provider: "openai", model: "m", key: "file:/proc/self/environ" }).name"#,
    r#"imodel(#{ provider: "openai", model: "m", key: "file:link/secret.txt" }).name"#,
    r#"imodel(#{ provider: "openai", model: "m", key: "env:AWS_SECRET_ACCESS_KEY " }).name"#,
    // Programs.
    r#"command("root/bin/cat", ["{out}/secret.txt"]).stdout"#,
    r#"command("/proc/self/exe", ["run", "s.rhai", "-A"]).stdout"#,
    r#"command("sh -c cat", [])"#,
    r#"command("cat\x00", ["{out}/secret.txt"])"#,
    r#"command("data/../link/x", [])"#,
    r#"command("cat", ["{out}/secret.txt"]).stdout"#,
    r#"command("/bin/sh", ["-c", "cat {out}/secret.txt"]).stdout"#,
    r#"command("../outside/x", [])"#,
    r#"command("", [])"#,
    // The language itself.
    r#"eval("read_text(`../outside/secret.txt`)")"#,
    r#"let f = Fn("read_text"); f.call("../outside/secret.txt")"#,
    r#"call("read_text", "../outside/secret.txt")"#,
    r#"hot("read_text", ["../outside/secret.txt"])"#,
    r#"fn g(p) { read_text(p) } g("../outside/secret.txt")"#,
    r#"try { read_text("../outside/secret.txt") } catch (e) { throw e; }"#,
];

#[test]
fn no_script_gets_out() {
    let place = Place::new();
    let guarded = Listener::guarded();
    let port = guarded.port;
    let mut escaped = Vec::new();
    for escape in ESCAPES {
        let text = escape.replace("{out}", &place.outside("")).replace("{port}", &port.to_string());
        let ran = place.run(&text, &[]);
        let shows = ran.stdout.contains(CANARY) || ran.stderr.contains(CANARY);
        // An attempt that is not sound proves nothing.
        let is_void = ["K0001", "K0002", "K0003"].iter().any(|code| ran.stderr.contains(code))
            && !["eval(", "call(\"read_text"].iter().any(|word| escape.contains(word));
        if is_void || ran.code == Some(0) || ran.code == Some(101) || ran.code.is_none() || shows {
            escaped.push(format!("{escape}\n{:?} {}{}", ran.code, ran.stdout, ran.stderr));
        }
    }
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
    assert_eq!(guarded.seen(), [""; 0], "no server was reached");
    let outside = std::fs::read_dir(place.outside("")).unwrap().count();
    assert_eq!(outside, 3, "nothing was written outside");
    assert_eq!(std::fs::read_to_string(place.outside("secret.txt")).unwrap(), CANARY);
    assert_eq!(std::fs::read_to_string(place.project.join("kaizen.toml")).unwrap(), "");
    assert!(!place.project.join("out.txt").exists());
}

/// Spellings of places that are nobody's business; `{out}` is the folder outside.
const SPELLINGS: &[&str] = &[
    "../outside/secret.txt",
    "..//outside///secret.txt",
    "data/../../outside/secret.txt",
    "nowhere/../../outside/secret.txt",
    "data/ok.txt/../../../outside/secret.txt",
    "{out}/secret.txt",
    "/{out}/secret.txt",
    "/..{out}/secret.txt",
    "link/secret.txt",
    "link/./secret.txt",
    "link/p/../secret.txt",
    "root{out}/secret.txt",
    "root/../..{out}/secret.txt",
    "root/proc/self/cwd/../outside/secret.txt",
    "/proc/self/cwd/.env",
    "/proc/self/root{out}/secret.txt",
    "file_link.txt",
    "env_link.txt",
    ".env",
    "data/../.env",
    "data/.././.git/config",
];

#[test]
fn no_spelling_of_a_path_gets_out_of_any_word() {
    let place = Place::new();
    let mut script = String::from("let through = [];\n");
    let mut count = 0;
    for spelling in SPELLINGS {
        let path = spelling.replace("{out}", place.outside("").trim_end_matches('/'));
        for attempt in [
            "read_text(P)",
            "read_lines(P)",
            "read_jsonl(P)",
            "write_text(P, `x`)",
            "write_text(P + `.new`, `x`)",
            "knowledge(P)",
            "optimizer(#{ memory: true }).import_knowledge(P)",
            "optimizer(#{ memory: true }).export_knowledge(P)",
            "imodel(#{ provider: `openai`, model: `m`, key: `file:` + P })",
            "{ let p = P; import p as l; 1 }",
            "command(P, [])",
            "env(P)",
        ] {
            let call = attempt.replace('P', &format!("`{path}`"));
            script += &format!("if attempt(|| {call}).ok {{ through.push({count}); }}\n");
            count += 1;
        }
    }
    script += "print(through.to_json())";
    let ran = place.run(&script, &["--allow-write=data"]);
    assert_eq!((ran.code, ran.stdout.trim()), (Some(0), "[]"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(place.outside("secret.txt")).unwrap(), CANARY);
    assert!(count > 200);
}

#[test]
fn a_refusal_names_the_option_and_ends_with_6() {
    let place = Place::new();
    for (script, option) in [
        (r#"write_text("a/out.txt", "x")"#, "`--allow-write=a/out.txt`"),
        (r#"http_get("https://example.com/x")"#, "`--allow-net=example.com`"),
        (r#"env("HOME")"#, "`--allow-env=HOME`"),
        (r#"command("git", ["log"])"#, "`--allow-run=git`"),
    ] {
        let ran = place.run(script, &[]);
        assert_eq!(ran.code, Some(6), "{script}: {}", ran.stderr);
        assert!(ran.stderr.contains(option), "{script}: {}", ran.stderr);
    }
}

#[test]
fn what_is_granted_is_done_and_what_is_denied_is_not() {
    let place = Place::new();
    let ran = place.run(
        r#"write_text("a/b/out.txt", read_text("../outside/secret.txt")); read_text("a/b/out.txt")"#,
        &["--allow-write=a", "--allow-read=.,../outside"],
    );
    assert_eq!((ran.code, ran.stdout.trim()), (Some(0), CANARY), "{}", ran.stderr);
    let ran = place.run(r#"read_text("data/ok.txt")"#, &["--deny-read=data", "-A"]);
    assert_eq!(ran.code, Some(6));
    assert!(ran.stderr.contains("denied by `--deny-read="), "{}", ran.stderr);
    let ran = place.run(r#"read_text(".env").len"#, &["--allow-read=.env"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = place.run(r#"import "../outside/lib" as l; l::f()"#, &["--allow-read=../outside"]);
    assert_eq!(ran.stdout.trim(), "1", "{}", ran.stderr);
}

#[test]
fn a_program_gets_no_keys_and_its_outcome_is_kept() {
    let place = Place::new();
    let script = r#"
        let seen = command("sh", ["-c", "cat; echo ${OPENAI_API_KEY:-none} $OUTSIDE >&2; exit 3"],
            #{ stdin: "in" });
        print(seen);
        print(random());
        throw "later"
    "#;
    let ran = place.run(script, &["--allow-run=sh", "--allow-env=OUTSIDE"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stdout.contains("\"code\": 3") && ran.stdout.contains("\"stdout\": \"in\""));
    assert!(ran.stdout.contains("none /"), "{}", ran.stdout);
    // A resumed run is told the same and runs nothing, so it needs no grant.
    let again = place.run(script, &["--resume"]);
    assert_eq!((again.code, again.stdout), (Some(1), ran.stdout), "{}", again.stderr);
    let slow = r#"command("sleep", ["5"], #{ timeout_ms: 50 })"#;
    let ran = place.run(slow, &["--allow-run"]);
    assert!(ran.stderr.contains("it timed out after 50 ms"), "{}", ran.stderr);
}

/// What a program leaves running ends with it, whatever it does with the output, and costs no result.
#[test]
fn a_program_that_has_ended_gives_its_result_whoever_keeps_its_output_open() {
    let place = Place::new();
    for left in [
        "sleep 40 &",
        "sleep 40 >/dev/null &",
        "sleep 40 2>/dev/null &",
        "setsid sleep 3 &",
        "(sleep 40; echo late) &",
        "sh -c 'sleep 40' & (sleep 40 &);",
        "cat &",
    ] {
        let script = format!(
            "let t = timestamp(); print(command(\"sh\", [\"-c\", \"{left} echo hi; echo no >&2; exit 3\"])); \
             if t.elapsed > 2.0 {{ throw \"too late\" }}"
        );
        let ran = place.run(&script, &["--allow-run"]);
        let expected = "#{\"code\": 3, \"stderr\": \"no\\n\", \"stdout\": \"hi\\n\"}\n";
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), expected), "{left}: {}", ran.stderr);
    }
}

#[test]
fn pages_are_fetched_from_granted_hosts_only_redirects_included() {
    let place = Place::new();
    let other = Listener::guarded();
    let target = format!("http://localhost:{}/", other.port);
    let server = Listener::start(move |head| {
        if head.starts_with("GET /moved ") {
            format!(
                "HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: {target}\r\n\
                 content-length: 0\r\n\r\n"
            )
        } else if head.starts_with("GET /near ") {
            "HTTP/1.1 307 Moved\r\nconnection: close\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n"
                .to_owned()
        } else {
            ok("a page")
        }
    });
    let get = |path: &str| format!("http_get(\"http://127.0.0.1:{}{path}\")", server.port);
    for path in ["/x", "/near"] {
        let ran = place.run(&get(path), &["--allow-net=127.0.0.1"]);
        assert_eq!((ran.code, ran.stdout.trim()), (Some(0), "a page"), "{}", ran.stderr);
    }
    // What was fetched is not fetched again when the run is gone through again.
    let count = server.seen().len();
    let mut replay = place.outer.command(&["replay"]);
    assert_eq!(replay.current_dir(&place.project).output().unwrap().status.code(), Some(0));
    assert_eq!(server.seen().len(), count);
    let ran = place.run(&get("/moved"), &["--allow-net=127.0.0.1"]);
    assert_eq!(ran.code, Some(6), "{}", ran.stderr);
    let option = format!("`--allow-net=localhost:{}`", other.port);
    assert!(ran.stderr.contains(&option), "{}", ran.stderr);
    assert_eq!(other.seen(), [""; 0]);
}

#[test]
fn a_server_that_a_script_names_gets_no_key_by_itself() {
    let place = Place::new();
    let reply = r#"{"choices":[{"message":{"content":"fine"},"finish_reason":"stop"}]}"#;
    let server = Listener::start(move |_| ok(reply));
    let script = format!(
        "branch(#{{ model: #{{ provider: \"openai\", model: \"m\", base_url: \"http://127.0.0.1:{}/v1\" }} }})
             .communicate(\"x\")",
        server.port
    );
    let ran = place.run(&script, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!server.seen().concat().contains(KEY));
    let ran = place.run(&script, &["--allow-env=OPENAI_API_KEY"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(server.seen().concat().contains(KEY), "a key that is granted is sent");
}

#[test]
fn a_projects_wishes_count_only_when_they_are_trusted() {
    let project = Project::new();
    project.file("s.rhai", "write_text(\"out/x.txt\", \"x\"); 1");
    project.file("kaizen.toml", "[permissions]\nwrite = [\"out\"]\n");
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(6), "{}", ran.stderr);
    assert!(ran.stderr.contains("permissions.write = [\"out\"]"), "{}", ran.stderr);
    assert!(ran.stderr.contains("`kaizen trust`"), "{}", ran.stderr);
    assert_eq!(project.kaizen(&["trust", "--show"]).code, Some(0));
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(6), "showing is not trusting");
    assert_eq!(project.kaizen(&["trust"]).code, Some(0));
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    // Other settings need no trust; other wishes do, and how they differ is shown.
    project.file("kaizen.toml", "[run]\nconcurrency = 2\n[permissions]\nwrite = [\"out\"]\n");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    project.file("kaizen.toml", "[permissions]\nwrite = [\"out\", \"/\"]\n");
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(6), "{}", ran.stderr);
    assert!(ran.stderr.contains("+ permissions.write = [\"out\", \"/\"]"), "{}", ran.stderr);
    assert!(ran.stderr.contains("- permissions.write = [\"out\"]"), "{}", ran.stderr);
    assert_eq!(project.kaizen(&["trust"]).code, Some(0));
    assert_eq!(project.kaizen(&["trust", "--revoke"]).code, Some(0));
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(6));
}

#[test]
fn a_server_elsewhere_needs_trust_and_one_on_this_machine_does_not() {
    let project = Project::new();
    let server = Server::start(|_, _, _| answer("fine"));
    project.with_server(&server).file("s.rhai", "branch().communicate(\"x\")");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    let elsewhere = "[models.live]\nuse = \"openai/m\"\nbase_url = \"https://example.com/v1\"\n";
    project.file("kaizen.toml", elsewhere).file("s.rhai", "1");
    for command in ["run", "watch", "plan", "replay"] {
        let target = if command == "replay" { "--all" } else { "s.rhai" };
        let ran = project.kaizen(&[command, target]);
        assert_eq!(ran.code, Some(6), "{command}: {}", ran.stderr);
        assert!(ran.stderr.contains("base_url = \"https://example.com/v1\""), "{}", ran.stderr);
    }
    let mut command = project.command(&["run", "s.rhai"]);
    command.env("KAIZEN_TRUST", "1");
    assert_eq!(command.output().unwrap().status.code(), Some(0));
}

#[test]
fn a_wrong_rule_is_told_before_anything_runs() {
    let project = Project::new();
    project.file("s.rhai", "1");
    let ran = project.kaizen(&["run", "s.rhai", "--allow-net=https://example.com"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(
        ran.stderr,
        "error: --allow-net: `https://example.com`: it is an address, not a host; write `example.com`\n"
    );
    project.file("kaizen.toml", "[permissions]\nreed = []\n");
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert!(ran.stderr.contains("did you mean `permissions.read`?"), "{}", ran.stderr);
}

/// Ways to call something, around the code of an escape.
const WRAPPINGS: &[&str] = &[
    "CODE",
    "[1].map(|x| { CODE })",
    "task(|| { CODE }).wait()",
    "parallel([1, 2], |x| { CODE })[0]",
    "race([|| { CODE }])",
    "gather([|| { CODE }])[0]",
    "retry(2, || { CODE })",
    "timeout(5000, || { CODE })",
    "let f = || { CODE }; f.call()",
    "let b = builder(`g`); b.add_operation(|| { CODE }, #{ name: `a` }); \
     session().flow(b).result(`a`)",
];

/// Grants that have nothing to do with the escapes.
const GRANTS: &[&[&str]] = &[
    &[],
    &["--allow-read=data"],
    &["--allow-write=data"],
    &["--allow-net=granted.invalid"],
    &["--allow-env=OTHER"],
    &["--allow-run=true"],
    &["--allow-read=data", "--allow-write=data", "--allow-net=granted.invalid:1", "--allow-env=A"],
];

/// The long form (`KAIZEN_LONG=1`) tries every way to call with all grants, and in other commands.
#[test]
fn no_script_gets_out_however_it_is_called() {
    let is_long = std::env::var_os("KAIZEN_LONG").is_some();
    // What is checked before a run, and what cannot stand in a block, is tried by itself above.
    let is_nested = |escape: &&&str| {
        !["import \"", "eval(", "call(\"read_text", "fn ", "branch(\"openai/"]
            .iter()
            .any(|word| escape.starts_with(word))
    };
    let escapes: Vec<&&str> = ESCAPES.iter().filter(is_nested).collect();

    let mut count = 0;
    let mut outside = Vec::new();
    for (number, wrapping) in WRAPPINGS.iter().enumerate() {
        for grants in GRANTS.iter().skip(if is_long { 0 } else { number % GRANTS.len() }) {
            let place = Place::new();
            let guarded = Listener::guarded();
            let mut script = String::from("let through = [];\n");
            for (place_of, escape) in escapes.iter().enumerate() {
                let text = escape.replace("{out}", &place.outside(""));
                let text = text.replace("{port}", &guarded.port.to_string());
                let call = wrapping.replace("CODE", &text);
                script +=
                    &format!("if attempt(|| {{ {call} }}).ok {{ through.push({place_of}); }}\n");
                count += 1;
            }
            let test = format!("fn test_a() {{ {script} assert_eq(to_json(through), `[]`); }}");
            std::fs::write(place.project.join("a_test.rhai"), test).unwrap();
            script += "print(to_json(through));";

            let mut all = vec![place.run(&script, grants)];
            // A plan tries each script up to thirty times, so not every way to call is planned.
            if is_long && grants.is_empty() && number % 3 == 0 {
                for arguments in [&["test"][..], &["repl", "--eval", &script], &["plan", "s.rhai"]]
                {
                    let mut command = place.outer.command(arguments);
                    command.current_dir(&place.project).env("AWS_SECRET_ACCESS_KEY", CANARY);
                    let mut ran = Ran::from(command.output().unwrap());
                    // A refused operation ends a test and a plan as well, and then `through` is not told.
                    let is_refused = ran.stdout.contains("error[K0110]: operation `a`")
                        || ran.stderr.contains("error[K0110]: operation `a`");
                    let is_well = match arguments[0] {
                        "test" => ran.code == Some(0) || (ran.code == Some(1) && is_refused),
                        "plan" => ran.code == Some(0) || (ran.code == Some(6) && is_refused),
                        _ => false,
                    };
                    let shows = ran.stdout.contains(CANARY);
                    if is_well && !shows {
                        (ran.code, ran.stdout) = (Some(0), "[]".to_owned());
                    }
                    all.push(ran);
                    count += escapes.len();
                }
            }
            for ran in all {
                let shows = ran.stdout.contains(CANARY) || ran.stderr.contains(CANARY);
                // A graph whose operation was refused ends the run as refused.
                let is_well = matches!(ran.code, Some(0 | 6));
                let is_whole = is_well && ran.stdout.lines().last() == Some("[]");
                if !is_whole || shows {
                    let told = (&wrapping, grants, ran.code, ran.stdout, ran.stderr);
                    outside.push(format!("{told:?}"));
                }
            }
            assert_eq!(guarded.seen(), [""; 0], "no server was reached");
            let outside = std::fs::read_dir(place.outside("")).unwrap().count();
            assert_eq!(outside, 3, "nothing was written outside");
            if !is_long {
                break;
            }
        }
    }
    assert!(outside.is_empty(), "{}", outside.join("\n"));
    figure(&format!("escapes: {count} attempts, 0 got out"));
}

#[allow(clippy::print_stdout, reason = "figures are what the suites are run for")]
fn figure(text: &str) {
    println!("{text}");
}

#[test]
fn a_grant_that_a_script_lacks_is_told_before_its_first_call_is_paid() {
    let asking = "print(branch(\"demo/echo\").chat(\"a\"));\n";
    let certain = [
        "write_text(\"out.txt\", \"b\");",
        "let text = read_text(\"../outside/secret.txt\").trimmed(); print(text);",
        "print(`${env(\"AWS_SECRET_ACCESS_KEY\")}`);",
        "print(http_get(\"http://127.0.0.1:1/x\")); print(command(\"/bin/ls\", []));",
    ];
    let perhaps = [
        "if is_main { write_text(\"out.txt\", \"b\"); }",
        "fn save() { write_text(\"out.txt\", \"b\"); } if 1 > 2 { save(); }",
        "print(attempt(|| env(\"AWS_SECRET_ACCESS_KEY\")).ok);",
        "print(env(\"AWS*\"));",
        "try { read_text(\"../outside/secret.txt\"); } catch (e) { print(e.kind); }",
        "if [1].len > 1 { return; } let list = []; list.map(|x| write_text(\"out.txt\", x));",
    ];
    let granted = [
        "print(read_text(\"data/ok.txt\")); let path = \"out.txt\"; print(attempt(|| write_text(path, \"b\")).ok);",
        "fn env(name) { name } print(env(\"HOME\"));",
    ];

    let place = Place::new();
    let folder = place.outer.path().canonicalize().unwrap().display().to_string();
    let mut said = String::new();
    for script in certain.iter().chain(&perhaps).chain(&granted) {
        let ran = place.run(&format!("{asking}{script}"), &["--progress", "none"]);
        said += &format!("> {script}\nexit {:?}\n", ran.code);
        let lines = ran.stderr.lines().filter(|line| {
            ["error", "warning", "found before"].iter().any(|word| line.starts_with(word))
        });
        lines.for_each(|line| said += &format!("{}\n", line.replace(&folder, "DIR")));
        ran.stdout.lines().for_each(|line| said += &format!("    {line}\n"));
    }
    expect_test::expect![[r#"
        > write_text("out.txt", "b");
        exit Some(6)
        error[K0110]: writing `out.txt` is not granted; run with `--allow-write=out.txt`, or add "out.txt" to `write` under [permissions] in kaizen.toml
        found before running; nothing was spent   (`kaizen explain K0110`)
        > let text = read_text("../outside/secret.txt").trimmed(); print(text);
        exit Some(6)
        error[K0110]: reading `../outside/secret.txt` is not granted; run with `--allow-read=DIR/outside/secret.txt`, or add "DIR/outside/secret.txt" to `read` under [permissions] in kaizen.toml
        found before running; nothing was spent   (`kaizen explain K0110`)
        > print(`${env("AWS_SECRET_ACCESS_KEY")}`);
        exit Some(6)
        error[K0110]: reading the variable `AWS_SECRET_ACCESS_KEY` is not granted; run with `--allow-env=AWS_SECRET_ACCESS_KEY`, or add "AWS_SECRET_ACCESS_KEY" to `env` under [permissions] in kaizen.toml
        found before running; nothing was spent   (`kaizen explain K0110`)
        > print(http_get("http://127.0.0.1:1/x")); print(command("/bin/ls", []));
        exit Some(6)
        error[K0110]: reaching `127.0.0.1:1` is not granted; run with `--allow-net=127.0.0.1:1`, or add "127.0.0.1:1" to `net` under [permissions] in kaizen.toml
        error[K0110]: running `/bin/ls` is not granted; run with `--allow-run=/bin/ls`, or add "/bin/ls" to `run` under [permissions] in kaizen.toml
        found before running; nothing was spent   (`kaizen explain K0110`)
        > if is_main { write_text("out.txt", "b"); }
        exit Some(6)
        error[K0110]: writing `out.txt` is not granted; run with `--allow-write=out.txt`, or add "out.txt" to `write` under [permissions] in kaizen.toml
        found before running; nothing was spent   (`kaizen explain K0110`)
        > fn save() { write_text("out.txt", "b"); } if 1 > 2 { save(); }
        exit Some(0)
        warning[K0110]: writing `out.txt` is not granted; run with `--allow-write=out.txt`, or add "out.txt" to `write` under [permissions] in kaizen.toml
            [demo] you asked: a
        > print(attempt(|| env("AWS_SECRET_ACCESS_KEY")).ok);
        exit Some(0)
        warning[K0110]: reading the variable `AWS_SECRET_ACCESS_KEY` is not granted; run with `--allow-env=AWS_SECRET_ACCESS_KEY`, or add "AWS_SECRET_ACCESS_KEY" to `env` under [permissions] in kaizen.toml
            [demo] you asked: a
            false
        > print(env("AWS*"));
        exit Some(3)
        error[K0102]: `AWS*` is a pattern and names no variable; write the name of one variable
        found before running; nothing was spent   (`kaizen explain K0102`)
        > try { read_text("../outside/secret.txt"); } catch (e) { print(e.kind); }
        exit Some(0)
        warning[K0110]: reading `../outside/secret.txt` is not granted; run with `--allow-read=DIR/outside/secret.txt`, or add "DIR/outside/secret.txt" to `read` under [permissions] in kaizen.toml
            [demo] you asked: a
            permission
        > if [1].len > 1 { return; } let list = []; list.map(|x| write_text("out.txt", x));
        exit Some(0)
        warning[K0110]: writing `out.txt` is not granted; run with `--allow-write=out.txt`, or add "out.txt" to `write` under [permissions] in kaizen.toml
            [demo] you asked: a
            []
        > print(read_text("data/ok.txt")); let path = "out.txt"; print(attempt(|| write_text(path, "b")).ok);
        exit Some(0)
            [demo] you asked: a
            fine
            false
        > fn env(name) { name } print(env("HOME"));
        exit Some(0)
        warning[K0010]: `env` hides the built-in function of the same name
            [demo] you asked: a
            HOME
    "#]].assert_eq(&said);
}

#[test]
fn a_relative_folder_in_path_finds_no_program() {
    for path in [".", "", "bin", "./bin", "../inside/bin", ":", "bin:/no-such-folder"] {
        let place = Place::new();
        std::fs::create_dir(place.project.join("bin")).unwrap();
        for name in ["own-tool", "bin/own-tool"] {
            let tool = place.project.join(name);
            std::fs::write(&tool, "#!/bin/sh\necho planted\n").unwrap();
            std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755))
                .unwrap();
        }
        std::fs::write(place.project.join("s.rhai"), "print(command(`own-tool`, []).stdout)")
            .unwrap();
        let mut command = place.outer.command(&["run", "s.rhai", "--allow-run=own-tool"]);
        command.current_dir(&place.project).env("PATH", path);
        let ran = Ran::from(command.output().unwrap());
        assert!(ran.code != Some(0) && !ran.stdout.contains("planted"), "{path}: {ran:?}");
        assert!(ran.stderr.contains("No such file or directory"), "{path}: {}", ran.stderr);
    }
}
