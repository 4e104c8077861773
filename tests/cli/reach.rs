//! Each row of the table "what can still reach out, and how to forbid it" in docs/design/010: what it says
//! is open is open, and what it says forbids it does.

use crate::support::server::{Server, answer};
use crate::support::{Project, Ran};

const KEY: &str = "sk-reach-3141592653";

fn run(project: &Project, script: &str, arguments: &[&str]) -> Ran {
    project.file("s.rhai", script);
    let all = [&["run", "s.rhai", "--no-prompt"], arguments].concat();
    Ran::from(project.command(&all).output().unwrap())
}

fn port(server: &Server) -> &str {
    server.url.rsplit(':').next().unwrap()
}

/// Returns the first cells of the rows of the table.
fn rows() -> Vec<String> {
    let text = include_str!("../../docs/design/010-permissions.md");
    let table = text.split("## What can still reach out").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|line| line.split('|').nth(1).unwrap().trim().to_owned()).collect()
}

#[test]
fn every_row_of_the_table_has_a_test() {
    assert_eq!(
        rows(),
        [
            "requests to the models of the project",
            "requests to a model server on this machine that a script names",
            "a provider's key, sent to that provider",
            "text that a script may read, sent to a host it may reach",
            "the name of a host that was granted, sent to a name server",
            "a granted program",
            "reading the project's own files",
            "files of the system, such as the command lines of processes, where reading is granted without a list",
            "memory, up to the limits of texts, lists and maps",
            "another file of the same content: a hard link",
            "a name that a proxy resolves",
            "a shared store (`--store`, or `store` under `[engine]`)",
            "a proxy that the environment names (`http_proxy`, ..)",
        ]
    );
}

#[test]
fn requests_to_the_models_of_the_project() {
    let server = Server::start(|_, _, _| answer("fine"));
    let project = Project::new();
    project.with_server(&server);
    let call = "branch().chat(\"x\")";
    assert_eq!(run(&project, call, &[]).code, Some(0));
    assert_eq!(server.bodies().len(), 1);
    for denial in ["--deny-net", "--deny-net=127.0.0.1", "--deny-net=localhost"] {
        assert_eq!(run(&project, call, &[denial]).code, Some(6), "{denial}");
        assert_eq!(run(&project, call, &["-A", denial]).code, Some(6), "{denial}");
    }
    assert_eq!(server.bodies().len(), 1);
}

#[test]
fn requests_to_a_model_server_on_this_machine() {
    let paths = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = paths.clone();
    let server = Server::start(move |_, path, _| {
        kept.lock().unwrap().push(path.to_owned());
        answer("fine")
    });
    let call = format!(
        "branch(#{{ model: #{{ provider: \"openai\", model: \"m\", base_url: \"{}/v1\" }} }}).chat(\"x\")",
        server.url
    );
    assert_eq!(run(&Project::new(), &call, &[]).code, Some(0));
    assert_eq!(*paths.lock().unwrap(), ["/v1/chat/completions"]);

    let denial = "--deny-net=localhost";
    assert_eq!(run(&Project::new(), &call, &[denial]).code, Some(6));
    assert_eq!(run(&Project::new(), &call, &["-A", denial]).code, Some(6));
    assert_eq!(paths.lock().unwrap().len(), 1);

    // One elsewhere is not open.
    let elsewhere = call.replace("127.0.0.1", "192.0.2.1");
    assert_eq!(run(&Project::new(), &elsewhere, &[]).code, Some(6));
}

#[test]
fn a_key_of_a_provider_is_sent_to_that_provider() {
    let server = Server::start(|_, _, _| answer("fine"));
    let call = |arguments: &[&str]| {
        let project = Project::new();
        project.file("s.rhai", "branch(\"openai/m\").chat(\"x\")");
        let mut command = project.command(&[&["run", "s.rhai", "--no-prompt"], arguments].concat());
        command.env("OPENAI_API_KEY", KEY).env("OPENAI_BASE_URL", &server.url);
        Ran::from(command.output().unwrap()).code
    };
    assert_eq!(call(&[]), Some(0));
    for denial in ["--deny-env", "--deny-env=OPENAI_API_KEY", "--deny-env=*_KEY"] {
        assert_eq!(call(&[denial]), Some(6), "{denial}");
    }
    assert_eq!(server.bodies().len(), 1);
}

#[test]
fn text_that_may_be_read_goes_to_a_host_that_may_be_reached() {
    let server = Server::start(|_, _, _| answer("fine"));
    let project = Project::new();
    project.file("data.txt", "canary-of-the-project");
    let send = format!(
        "http_get(\"{}/\" + read_text(\"data.txt\"), #{{ headers: #{{ \"x-data\": read_text(\"data.txt\") }} }})",
        server.url
    );
    assert_eq!(run(&project, &send, &["--allow-net=127.0.0.1"]).code, Some(0));
    assert_eq!(server.bodies().len(), 1);
    for denial in ["--deny-net=127.0.0.1", "--deny-read=data.txt"] {
        let ran = run(&project, &send, &["--allow-net=127.0.0.1", denial]);
        assert_eq!(ran.code, Some(6), "{denial}: {}", ran.stderr);
    }
    assert_eq!(server.bodies().len(), 1);
}

#[test]
fn the_name_of_a_granted_host_is_looked_up() {
    let get = "http_get(\"http://text-in-a-name.invalid/\")";
    let looked_up = run(&Project::new(), get, &["--allow-net"]);
    assert_eq!(looked_up.code, Some(5), "{}", looked_up.stderr);
    for arguments in
        [&[][..], &["-A", "--deny-net=*.invalid"], &["-A", "--deny-net"], &["--allow-net=a.com"]]
    {
        assert_eq!(run(&Project::new(), get, arguments).code, Some(6), "{arguments:?}");
    }
}

#[test]
fn a_granted_program_does_whatever_its_user_can() {
    let outer = Project::new();
    outer.file("theirs.txt", "theirs").file("p/s.rhai", "");
    let program = "command(\"sh\", [\"-c\", \"cat ../theirs.txt; echo x > ../new.txt\"]).stdout";
    let script = outer.file("p/s.rhai", program);
    let run = |arguments: &[&str]| {
        let mut command = script.command(&[&["run", "s.rhai", "--no-prompt"], arguments].concat());
        Ran::from(command.current_dir(outer.path().join("p")).output().unwrap())
    };
    for refused in [&[][..], &["-A", "--deny-run=sh"], &["-A", "--deny-run"], &["--allow-read"]] {
        assert_eq!(run(refused).code, Some(6), "{refused:?}");
    }
    assert!(!outer.path().join("new.txt").exists());

    // Denials of files and hosts do not bind it.
    let ran = run(&["--allow-run=sh", "--deny-read", "--deny-write"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "theirs\n"), "{}", ran.stderr);
    assert!(outer.path().join("new.txt").exists());
}

#[test]
fn the_projects_own_files_are_read() {
    let project = Project::new();
    project.file("data/a.txt", "a").file("lib.rhai", "fn f() { 1 }").file(".env", "KEY=x");
    assert_eq!(run(&project, "read_text(\"data/a.txt\")", &[]).code, Some(0));
    assert_eq!(run(&project, "read_text(\".env\")", &[]).code, Some(6));
    for denial in ["--deny-read=data", "--deny-read=data/a.txt", "--deny-read=.", "--deny-read"] {
        let ran = run(&project, "read_text(\"data/a.txt\")", &[denial]);
        assert_eq!(ran.code, Some(6), "{denial}: {}", ran.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn files_of_the_system_show_command_lines() {
    let read = "print(read_text(\"/proc/self/cmdline\"))";
    assert_eq!(run(&Project::new(), read, &[]).code, Some(6));
    let ran = run(&Project::new(), read, &["--allow-read"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("--allow-read"), "{}", ran.stderr);
    for denial in ["--deny-read=/proc", "--deny-read=/"] {
        assert_eq!(run(&Project::new(), read, &["--allow-read", denial]).code, Some(6), "{denial}");
    }
}

#[test]
fn memory_is_bounded_by_the_system() {
    let script =
        "let all = []; for n in 0..60 { let s = `a`; s.pad(60000000, `a`); all.push(s); } all.len";
    let project = Project::new();
    project.file("s.rhai", script);
    let mut shell = std::process::Command::new("sh");
    let line = format!("ulimit -v 2000000; {} run s.rhai", env!("CARGO_BIN_EXE_kaizen"));
    shell.args(["-c", &line]).current_dir(project.path()).env("HOME", project.path());
    // What the system does not give ends the program; each limit of a value is an error before.
    assert!(!shell.output().unwrap().status.success());
    let ran = run(&project, "let s = `a`; s.pad(68000000, `a`)", &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
}

#[test]
fn a_hard_link_is_a_file_of_its_own() {
    let outer = Project::new();
    outer.file("theirs.txt", "theirs").file("p/s.rhai", "print(read_text(\"same.txt\"))");
    let same = outer.path().join("p/same.txt");
    std::fs::hard_link(outer.path().join("theirs.txt"), &same).unwrap();
    let run = || {
        let mut command = outer.command(&["run", "s.rhai", "--deny-read=../theirs.txt"]);
        Ran::from(command.current_dir(outer.path().join("p")).output().unwrap())
    };
    assert_eq!(run().stdout, "theirs\n");

    // File permissions forbid it, to everybody but the administrator.
    if !nix::unistd::geteuid().is_root() {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&same, std::fs::Permissions::from_mode(0o0)).unwrap();
        assert_eq!(run().code, Some(1));
    }
}

#[test]
fn a_proxy_resolves_names() {
    let proxy = Server::start(|_, _, _| answer("by proxy"));
    let denial = format!("--deny-net=127.0.0.1:{}", port(&proxy));
    let run = |name: &str, denials: &[&str]| {
        let project = Project::new();
        project.file("s.rhai", &format!("http_get(\"http://{name}/\")"));
        let all = [&["run", "s.rhai", "--no-prompt", "-A"], denials].concat();
        let mut command = project.command(&all);
        Ran::from(command.env("http_proxy", &proxy.url).output().unwrap()).code
    };
    // A denial of an address does not know where a name leads that only the proxy looks up.
    assert_eq!(run("inside.example", &["--deny-net=10.1.2.3"]), Some(0));
    for denials in [&["--deny-net=inside.example"][..], &["--deny-net=*.example"], &[&denial]] {
        assert_eq!(run("inside.example", denials), Some(6), "{denials:?}");
    }
    assert_eq!(proxy.bodies().len(), 1);
}

#[test]
fn a_proxy_of_the_environment_carries_requests() {
    let proxy = Server::start(|_, _, _| answer("by proxy"));
    let project = Project::new();
    project.file("s.rhai", "http_get(\"http://page.invalid/\")");
    let run = |arguments: &[&str], is_set: bool| {
        let all = [&["run", "s.rhai", "--no-prompt", "-A"], arguments].concat();
        let mut command = project.command(&all);
        if is_set {
            command.env("http_proxy", &proxy.url);
        }
        Ran::from(command.output().unwrap()).code
    };
    assert_eq!(run(&[], true), Some(0));
    let denial = format!("--deny-net=127.0.0.1:{}", port(&proxy));
    assert_eq!(run(&[&denial], true), Some(6));
    assert_eq!(run(&["--deny-net=localhost"], true), Some(6));
    assert_eq!(run(&[], false), Some(5), "without the variable nobody is in between");
    assert_eq!(proxy.bodies().len(), 1);
}
