//! Denials hold for whatever asks: scripts, the project's models, their keys, and programs.

use crate::support::server::{Server, answer};
use crate::support::{Project, Ran};

const KEY: &str = "sk-denied-3141592653";

fn run(project: &Project, script: &str, arguments: &[&str]) -> Ran {
    project.file("s.rhai", script);
    let mut command = project.command(&[&["run", "s.rhai", "--no-prompt"], arguments].concat());
    command.env("OPENAI_API_KEY", KEY).env("OTHER", "an-other-value");
    Ran::from(command.output().unwrap())
}

fn errors(ran: &Ran) -> Vec<&str> {
    ran.stderr.lines().filter(|line| line.starts_with("error")).collect()
}

#[test]
fn a_denied_host_is_reached_by_no_model_however_it_is_written() {
    let server = Server::start(|_, _, _| answer("fine"));
    let port = server.url.rsplit(':').next().unwrap().to_owned();
    let mut reached = Vec::new();
    for denial in ["", "*", "127.0.0.1", "127.1", "0x7f000001", "localhost.", "::1", "0.0.0.0", "@"]
    {
        let denial = denial.replace('@', &format!("[::ffff:7f00:1]:{port}"));
        let option =
            if denial.is_empty() { "--deny-net".into() } else { format!("--deny-net={denial}") };
        for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "LOCALHOST."] {
            let project = Project::new();
            let url = format!("http://{host}:{port}/v1");
            let toml = format!("[models.a]\nuse = \"openai/m\"\nbase_url = \"{url}\"\n");
            project.file("kaizen.toml", &toml);
            let named = format!("#{{ provider: \"ollama\", model: \"m\", base_url: \"{url}\" }}");
            for model in ["\"a\"", &named] {
                let script = format!("branch(#{{ model: {model} }}).chat(\"x\")");
                let ran = run(&project, &script, &[&option, "--allow-net"]);
                // `localhost` may be one of version 6 alone, where the port may be another's.
                if ran.code != Some(6) {
                    reached.push(format!("{option} {url} {:?}: {}", ran.code, ran.stderr));
                }
            }
        }
    }
    assert_eq!(reached, [""; 0]);
    assert_eq!(server.bodies().len(), 0);
}

#[test]
fn a_refusal_says_what_is_denied_and_by_what() {
    let server = Server::start(|_, _, _| answer("fine"));
    let project = Project::new();
    project.with_server(&server);
    let ran = run(&project, "branch().chat(\"x\")", &["--deny-net=127.0.0.1"]);
    assert_eq!(
        errors(&ran),
        ["error[K0110]: reaching `127.0.0.1` is denied by `--deny-net=127.0.0.1` or kaizen.toml"],
        "{}",
        ran.stderr
    );
    let ran = run(&project, "branch(\"openai/m\").chat(\"x\")", &["--deny-env=*_KEY"]);
    assert_eq!(
        errors(&ran),
        ["error[K0110]: reading the variable `OPENAI_API_KEY` is denied by \
          `--deny-env=*_KEY` or kaizen.toml"],
        "{}",
        ran.stderr
    );
    assert_eq!(server.bodies().len(), 0);
}

#[test]
fn a_denied_variable_is_no_key_and_reaches_no_program() {
    let server = Server::start(|_, _, _| answer("fine"));
    for denial in ["", "OPENAI_API_KEY", "OPENAI*", "*KEY", "*API*"] {
        let option =
            if denial.is_empty() { "--deny-env".into() } else { format!("--deny-env={denial}") };
        let project = Project::new();
        project.file("s.rhai", "branch(\"openai/m\").chat(\"x\")");
        let mut command = project.command(&["run", "s.rhai", "--no-prompt", "-A", &option]);
        command.env("OPENAI_API_KEY", KEY).env("OPENAI_BASE_URL", &server.url);
        assert_eq!(Ran::from(command.output().unwrap()).code, Some(6), "{option}");
    }
    assert_eq!(server.bodies().len(), 0);

    let script = "print(command(\"/usr/bin/env\", []).stdout)";
    let grants = ["--allow-run", "--allow-env=OTHER,OPENAI_API_KEY"];
    let project = Project::new();
    let ran = run(&project, script, &[&grants[..], &["--deny-env=O*,HOME"]].concat());
    assert!(!ran.stdout.contains("OTHER") && !ran.stdout.contains("HOME="), "{}", ran.stdout);
    assert!(ran.stdout.contains("PATH="), "{}", ran.stdout);
}

#[test]
fn a_denied_program_does_not_run_by_another_path() {
    for (denied, program) in [
        ("env", "/usr/bin/env"),
        ("env", "../../../../../../../../usr/bin/env"),
        ("env", "./link"),
        ("/usr/bin/env", "env"),
        ("e*v", "env"),
        ("*", "env"),
    ] {
        let project = Project::new();
        std::os::unix::fs::symlink("/usr/bin/env", project.path().join("link")).unwrap();
        let script = format!("command(\"{program}\", [])");
        let ran = run(&project, &script, &["-A", &format!("--deny-run={denied}")]);
        // A system may have one file for many programs.
        let is_shared = std::fs::canonicalize("/usr/bin/env").unwrap().file_name()
            != Some(std::ffi::OsStr::new("env"));
        let is_link = program == "./link";
        assert!(ran.code == Some(6) || is_link && is_shared, "{denied} {program}: {}", ran.stderr);
    }
}

#[test]
fn a_denial_that_can_match_nothing_is_an_error() {
    let project = Project::new();
    project.file("there[1].txt", "x");
    let mut told = Vec::new();
    for option in [
        "--deny-net=http://a.com",
        "--deny-net=a.com:99999",
        "--deny-net=127.*",
        "--deny-net=10.0.0.0/8",
        "--deny-net=user@a.com",
        "--deny-read=*.txt",
        "--deny-read=~/.ssh",
        "--deny-read=$HOME/x",
        "--deny-write=file:///etc",
        "--deny-write=a?.txt",
        "--deny-env=$HOME",
        "--deny-env=A=b",
        "--deny-env=A B",
        "--deny-run=rm?",
    ] {
        let ran = run(&project, "1", &[option]);
        told.push(format!("{:?} {}", ran.code, ran.stderr.trim()));
    }
    expect_test::expect![[r#"
        Some(3) error: --deny-net: `http://a.com`: it is an address, not a host; write `a.com`
        Some(3) error: --deny-net: `a.com:99999`: `99999` is not a port; ports are numbers from 1 up to 65535
        Some(3) error: --deny-net: `127.*`: use `*` alone for every host, or at the start, as in `*.example.com`
        Some(3) error: --deny-net: `10.0.0.0/8`: it must be a host such as `example.com` or `example.com:8080`
        Some(3) error: --deny-net: `user@a.com`: it must be a host such as `example.com` or `example.com:8080`
        Some(3) error: --deny-read: `*.txt`: `*` is not expanded here; write the path of a file or a folder
        Some(3) error: --deny-read: `~/.ssh`: `~` is not expanded here; write the path of a file or a folder
        Some(3) error: --deny-read: `$HOME/x`: `$` is not expanded here; write the path of a file or a folder
        Some(3) error: --deny-write: `file:///etc`: it must be a path, not an address
        Some(3) error: --deny-write: `a?.txt`: `?` is not expanded here; write the path of a file or a folder
        Some(3) error: --deny-env: `$HOME`: invalid character `$` in the name of a variable; write `HOME`, or `HOME*` for all names that start with it
        Some(3) error: --deny-env: `A=b`: invalid character `=` in the name of a variable; write `NAME`, or `NAME*` for all names that start with it
        Some(3) error: --deny-env: `A B`: invalid character ` ` in the name of a variable; write `NAME`, or `NAME*` for all names that start with it
        Some(3) error: --deny-run: `rm?`: invalid character `?` in the name of a program; write `NAME`, its path, or `NAME*` for all names that start with it"#]].assert_eq(&told.join("\n"));
    let ran = run(&project, "read_text(\"there[1].txt\")", &["--deny-read=there[1].txt"]);
    assert_eq!(ran.code, Some(6), "a file may have any name: {}", ran.stderr);
}

/// Every kind of right, granted and denied, by an option and in `kaizen.toml`.
#[test]
fn an_item_that_can_match_nothing_is_named_wherever_it_stands() {
    let mut accepted = Vec::new();
    for (right, items) in [
        ("net", ["..", "http://x/", "a b", "*.", "10.0.0.1-9", "8080", ".a.com"]),
        ("env", ["A B", "$A", "env:A", "1A", "A/B", "-A", "A:B"]),
        ("run", ["rm -rf", "sub/", "$SHELL", "~/x", "-rf", "a|b", "http://x/"]),
        ("read", ["*.md", "~/x", "http://x/", "-rf", "!a", "s.rhai/x", "a|b"]),
        ("write", ["out/*", "$TMP/x", "file:x", "'a'", "/a:/b", "s.rhai/x", "a;b"]),
    ] {
        for item in items {
            for word in ["allow", "deny"] {
                let project = Project::new();
                project.file("sub/x", "");
                let ran = run(&project, "1", &[&format!("--{word}-{right}={item}")]);
                let told = format!("error: --{word}-{right}: `{item}`: ");
                if ran.code != Some(3) || !ran.stderr.starts_with(&told) {
                    accepted.push(format!("{word} {right} {item}: {}", ran.stderr));
                }

                let key = if word == "deny" { format!("deny_{right}") } else { right.to_owned() };
                let toml = format!("[permissions]\n{key} = [\"good\", '''{item}''']\n");
                project.file("kaizen.toml", &toml);
                let mut command = project.command(&["run", "s.rhai"]);
                let ran = Ran::from(command.env("KAIZEN_TRUST", "1").output().unwrap());
                if ran.code != Some(3)
                    || !ran.stderr.contains(&format!("permissions.{key}: `{item}`: "))
                {
                    accepted.push(format!("{toml}: {:?} {}", ran.code, ran.stderr));
                }
            }
        }
    }
    assert_eq!(accepted, [""; 0]);

    // A list of denials without any, and names of secrets that no variable can have.
    for (toml, told) in [
        (
            "[permissions]\ndeny_run = []\n",
            "permissions.deny_run: `[]`: the list denies nothing; name what to deny, or delete the line",
        ),
        (
            "[secrets]\nnames = [\"*_PAT\", \"A B\"]\n",
            "secrets.names: `A B`: invalid character ` ` in the name of a variable; write `NAME`, or `NAME*` for all names that start with it",
        ),
    ] {
        let project = Project::new();
        project.file("kaizen.toml", toml).file("s.rhai", "1");
        let mut command = project.command(&["run", "s.rhai"]);
        let ran = Ran::from(command.env("KAIZEN_TRUST", "1").output().unwrap());
        assert_eq!(
            (ran.code, ran.stderr.ends_with(&format!("{told}\n"))),
            (Some(3), true),
            "{}",
            ran.stderr
        );
    }
}

/// A relative path of kaizen.toml begins at the project, wherever kaizen was started.
#[test]
fn a_denied_program_is_meant_where_the_denial_stands() {
    use std::os::unix::fs::PermissionsExt;
    for denied in ["bin/tool", "./bin/tool", "bin/*", "sub/../bin/t*", "lib/*"] {
        let project = Project::new();
        project.file("bin/tool", "#!/bin/sh\n").file("sub/s.rhai", "command(\"../bin/tool\", [])");
        let bin = project.path().join("bin");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(bin.join("tool"), mode).unwrap();
        std::os::unix::fs::symlink("bin", project.path().join("lib")).unwrap();
        project.file("kaizen.toml", &format!("[permissions]\ndeny_run = [\"{denied}\"]\n"));
        let mut command = project.command(&["run", "s.rhai", "-A"]);
        command.current_dir(project.path().join("sub")).env("KAIZEN_TRUST", "1");
        let ran = Ran::from(command.output().unwrap());
        assert_eq!(ran.code, Some(6), "{denied}: {}", ran.stderr);
    }
}

#[test]
fn a_page_is_not_fetched_from_a_denied_host_that_another_one_leads_to() {
    let guarded = Server::start(|_, _, _| answer("secret"));
    let port = guarded.url.rsplit(':').next().unwrap().to_owned();
    for target in ["127.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]", "localhost.", "0177.1"] {
        let script = format!("http_get(\"http://{target}:{port}/\")");
        let denial = format!("--deny-net=127.0.0.1:{port}");
        let ran = run(&Project::new(), &script, &["--allow-net", &denial]);
        assert_eq!(ran.code, Some(6), "{target}: {}", ran.stderr);
    }
    assert_eq!(guarded.bodies().len(), 0);
}

#[test]
fn a_denied_program_runs_by_no_link_to_it_wherever_it_is_found() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let mut ended = Vec::new();
    for (denied, program) in [
        // From the folder in which it runs, which is not the one where kaizen was started.
        ("tool", "./link"),
        ("tool", "./far"),
        ("between", "./far"),
        ("BIN/tool", "./link"),
        // From `PATH`, where a name leads to another one.
        ("tool", "alias"),
        ("t*l", "alias"),
        ("BIN/tool", "alias"),
        ("BIN/alias", "tool"),
        ("alias", "tool"),
        ("hard", "tool"),
        ("tool", "BIN/hard"),
        // Another program runs.
        ("other", "alias"),
        ("too", "./far"),
    ] {
        let project = Project::new();
        project.file("bin/tool", "#!/bin/sh\necho ran\n").file("bin/other", "#!/bin/sh\n");
        let bin = project.path().join("bin");
        for name in ["tool", "other"] {
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(bin.join(name), mode).unwrap();
        }
        symlink("tool", bin.join("alias")).unwrap();
        std::fs::hard_link(bin.join("tool"), bin.join("hard")).unwrap();
        let whole = |name: &str| name.replace("BIN", &bin.display().to_string());
        let script = format!("print(command(\"{}\", []).stdout)", whole(program));
        project.file("sub/s.rhai", &script);
        symlink("../bin/tool", project.path().join("sub/link")).unwrap();
        symlink("link", project.path().join("sub/between")).unwrap();
        symlink("between", project.path().join("sub/far")).unwrap();

        let denial = format!("--deny-run={}", whole(denied));
        let mut command =
            project.command(&["run", "sub/s.rhai", "--no-prompt", "--allow-run", &denial]);
        command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        let ran = Ran::from(command.output().unwrap());
        ended.push(format!("{denied} {program}: {:?} {}", ran.code, ran.stdout.trim()));
    }
    expect_test::expect![[r#"
        tool ./link: Some(6) 
        tool ./far: Some(6) 
        between ./far: Some(6) 
        BIN/tool ./link: Some(6) 
        tool alias: Some(6) 
        t*l alias: Some(6) 
        BIN/tool alias: Some(6) 
        BIN/alias tool: Some(6) 
        alias tool: Some(6) 
        hard tool: Some(6) 
        tool BIN/hard: Some(6) 
        other alias: Some(0) ran
        too ./far: Some(0) ran"#]]
    .assert_eq(&ended.join("\n"));
}

#[test]
fn the_inside_of_a_process_is_no_way_around_a_denial() {
    let mut read = Vec::new();
    for path in [
        "/proc/self/environ",
        "/proc/thread-self/environ",
        "/proc/self/task/../environ",
        "/proc/self/root/proc/self/environ",
        "/proc/1/environ",
        "/proc/self/mem",
        "link",
    ] {
        for grants in [
            &["--allow-read"][..],
            &["--allow-read", "--allow-env=OTHER"],
            &["-A", "--deny-env=OPENAI_API_KEY"],
            &["-A", "--deny-env"],
        ] {
            let project = Project::new();
            let link = project.path().join("link");
            std::os::unix::fs::symlink("/proc/self/environ", link).unwrap();
            for word in ["read_text", "read_lines", "read_jsonl"] {
                let ran = run(&project, &format!("print({word}(\"{path}\"))"), grants);
                if ran.code != Some(6) || ran.stdout.contains(KEY) {
                    read.push(format!("{word} {path} {grants:?}: {:?} {}", ran.code, ran.stderr));
                }
            }
        }
    }
    assert_eq!(read, [""; 0]);

    let script = "read_text(\"/proc/self/environ\").contains(\"OTHER\")";
    let ran = run(&Project::new(), script, &["--allow-read", "--allow-env"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = run(&Project::new(), script, &["-A", "--deny-env=X"]);
    assert_eq!(
        errors(&ran),
        [
            "error[K0110]: reading `/proc/self/environ` is denied by `--deny-env=X`, or by kaizen.toml: it shows every variable"
        ]
    );
}

#[test]
fn a_denied_file_is_read_by_no_other_word() {
    let mut read = Vec::new();
    for (path, grants) in [
        ("k.json", &["-A", "--deny-read=k.json"][..]),
        ("k.json", &["-A", "--deny-read"]),
        ("k.json", &["--allow-write", "--deny-read=k.json"]),
        ("k.json", &["--allow-write", "--deny-read=."]),
        ("link.json", &["-A", "--deny-read=k.json"]),
        (".hidden.json", &["--allow-write"]),
        ("/tmp/../etc/hostname", &["--allow-write"]),
    ] {
        let project = Project::new();
        let text = r#"{"successful_patterns": {"a:seen": [{}]}, "failed_patterns": {}}"#;
        project.file("k.json", text).file(".hidden.json", text);
        std::os::unix::fs::symlink("k.json", project.path().join("link.json")).unwrap();
        let script = format!("print(knowledge(\"{path}\").get_best_pattern(\"a\"))");
        let ran = run(&project, &script, grants);
        if ran.code != Some(6) || ran.stdout.contains("seen") {
            read.push(format!("{path} {grants:?}: {:?} {}{}", ran.code, ran.stdout, ran.stderr));
        }
    }
    assert_eq!(read, [""; 0]);
}

#[test]
fn a_file_of_a_process_under_another_name_shows_nothing() {
    // Each is mounted where the name says nothing, by a user who may mount for itself alone.
    let mut read = Vec::new();
    for (source, place) in [
        ("/proc/self/environ", "plain.txt"),
        ("/proc/self/environ", "sub/environ.txt"),
        ("/proc/$$/environ", "plain.txt"),
        ("/proc/thread-self/environ", "plain.txt"),
        ("/proc/self/task/$$/environ", "plain.txt"),
        ("/proc/self/mem", "plain.txt"),
    ] {
        for word in ["read_text", "read_lines", "read_jsonl"] {
            let project = Project::new();
            project.file(place, "").file("s.rhai", &format!("print({word}(`{place}`))"));
            let line = "mount --bind $SOURCE $PLACE || exit 77; exec $KAIZEN run s.rhai -A";
            let line = line.replace("$SOURCE", source).replace("$PLACE", place);
            let mut command = std::process::Command::new("unshare");
            command.args(["-rm", "sh", "-c", &line]).current_dir(project.path());
            command.env("KAIZEN", env!("CARGO_BIN_EXE_kaizen")).env("OPENAI_API_KEY", KEY);
            command.env("HOME", project.path().join("home"));

            // Where nobody may mount, nobody gets at such a file in this way either.
            let Ok(output) = command.output() else { return };
            let ran = Ran::from(output);
            if ran.code == Some(77) || ran.stderr.contains("unshare:") {
                return;
            }
            if ran.code != Some(6) || ran.stdout.contains(KEY) {
                read.push(format!("{source} {word}: {:?} {}", ran.code, ran.stderr));
            }
        }
    }
    assert_eq!(read, [""; 0]);
}

#[test]
fn what_is_empty_in_a_list_grants_and_denies_nothing() {
    let project = Project::new();
    let mut told = Vec::new();
    for option in [
        "--allow-net=",
        "--allow-net=,",
        "--allow-net=a.com,",
        "--allow-env=,A",
        "--allow-env=A,,B",
        "--allow-run=",
        "--allow-read=data,",
        "--allow-write= ",
        "--deny-net=",
        "--deny-env=A,",
    ] {
        let ran = run(&project, "env(\"OTHER\"); http_get(\"http://127.0.0.1:1/\")", &[option]);
        told.push(format!("{:?} {}", ran.code, ran.stderr.trim()));
    }
    expect_test::expect![[r#"
        Some(3) error: --allow-net: ``: it is empty
        Some(3) error: --allow-net: ``: it is empty
        Some(3) error: --allow-net: ``: it is empty
        Some(3) error: --allow-env: ``: it is empty
        Some(3) error: --allow-env: ``: it is empty
        Some(3) error: --allow-run: ``: it is empty
        Some(3) error: --allow-read: ``: it is empty
        Some(3) error: --allow-write: ` `: it is empty
        Some(3) error: --deny-net: ``: it is empty
        Some(3) error: --deny-env: ``: it is empty"#]]
    .assert_eq(&told.join("\n"));

    // Without a list, an option still means everything of its kind.
    let grants = ["--allow-env", "--allow-read", "--allow-run"];
    let ran = run(&project, "env(\"OTHER\"); command(\"true\", []); 1", &grants);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for denial in ["--deny-env", "--deny-run"] {
        let ran = run(&project, "env(\"OTHER\"); command(\"true\", [])", &["-A", denial]);
        assert_eq!(ran.code, Some(6), "{}", ran.stderr);
    }
}
