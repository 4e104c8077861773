//! What is odd about paths, arguments and the network around a run, and is named or holds all the same.

use crate::support::server::{Server, answer};
use crate::support::terminal::OnTerminal;
use crate::support::{Project, Ran};
use std::ffi::OsStr;
use std::net::{IpAddr, UdpSocket};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn errors(ran: &Ran) -> Vec<&str> {
    ran.stderr.lines().filter(|line| line.starts_with("error")).collect()
}

#[test]
fn a_script_whose_name_is_no_text_is_resumed_replayed_and_listed() {
    let names: [&[u8]; 6] = [
        b"caf\xe9.rhai",
        b"\xff.rhai",
        b"a b\xfe\n.rhai",
        b"bytes:x.rhai",
        b"\\xff.rhai",
        b"ok.rhai",
    ];
    for name in names {
        let project = Project::new();
        project.file("kaizen.toml", "");
        let script = project.path().join(OsStr::from_bytes(name));
        let text = "print(branch(`demo/echo`).chat(`one`).len); throw `later`";
        std::fs::write(&script, text).unwrap();
        // Another script, which must not be taken for it.
        project.file("caf\u{fffd}.rhai", "2").file("\u{fffd}.rhai", "3");
        let kaizen = |arguments: &[&OsStr]| {
            let mut command = project.command(&[]);
            Ran::from(command.args(arguments).output().unwrap())
        };
        let path = OsStr::from_bytes(name);
        let ran = kaizen(&["run".as_ref(), path]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), "21\n"), "{name:?}: {}", ran.stderr);
        for arguments in [
            &["run".as_ref(), "--resume".as_ref()][..],
            &["run".as_ref(), path, "--resume".as_ref()][..],
        ] {
            let again = kaizen(arguments);
            assert_eq!((again.code, again.stdout.as_str()), (Some(1), "21\n"), "{}", again.stderr);
            assert!(again.stderr.contains("1 reply is reusable"), "{}", again.stderr);
        }
        let again = kaizen(&["replay".as_ref(), "--all".as_ref()]);
        assert_eq!(again.code, Some(0), "{name:?}: {}", again.stderr);
        // From another folder of the project, too.
        std::fs::create_dir(project.path().join("sub")).unwrap();
        let mut command = project.command(&["run", "--resume"]);
        let again = Ran::from(command.current_dir(project.path().join("sub")).output().unwrap());
        assert_eq!((again.code, again.stdout.as_str()), (Some(1), "21\n"), "{}", again.stderr);
        let listed = project.kaizen(&["--json"]);
        let failed = listed.stdout.lines().filter(|line| line.contains("\"last\":\"failed\""));
        assert_eq!(failed.count(), 1, "{name:?}: {}", listed.stdout);
    }
}

/// Arguments that would do something to a terminal, or to the one who reads it.
const TRICKS: [&str; 7] = [
    "\u{1b}[2K\rinnocent",
    "\u{1b}]0;title\u{7}",
    "a\u{9b}31mb\u{7f}",
    "txt\u{202e}exe",
    "pay\u{ad}\u{34f}pal",
    "\u{3164}\u{ffa0}\u{115f}",
    "a\u{200d}\u{e0041}\u{fe0f}",
];

#[test]
fn an_argument_that_is_refused_is_shown_as_it_is() {
    for trick in TRICKS {
        let project = Project::new();
        project.file("s.rhai", "1");
        for arguments in [
            &[trick][..],
            &["run", "s.rhai", &format!("--{trick}")][..],
            &["run", "s.rhai", "--progress", trick][..],
            &["run", "s.rhai", "--concurrency", trick][..],
            &["run", "s.rhai", "--color", trick][..],
            &["completions", trick][..],
            &["run", "s.rhai", "more", trick][..],
            &["run", trick][..],
            &["-C", trick, "runs"][..],
            &["explain", trick][..],
            &["show", trick][..],
            &["run", "s.rhai", "-p", trick][..],
            &["run", "s.rhai", "--max-time", trick][..],
        ] {
            let ran = project.kaizen(arguments);
            let all = format!("{}{}", ran.stdout, ran.stderr);
            let raw: Vec<char> = trick.chars().filter(|c| !c.is_ascii_graphic()).collect();
            assert!(ran.code != Some(0) && !all.contains(&raw[..]), "{arguments:?}: {all:?}");

            let mut terminal = OnTerminal::start(project.command(arguments));
            terminal.child.wait().unwrap();
            let shown = terminal.rest();
            let moves = ["\u{1b}[2K", "\u{1b}]0", "\r\u{1b}", "\u{9b}", "\u{7}", "\u{7f}"];
            let invisible: Vec<char> = raw.into_iter().filter(|c| !c.is_ascii()).collect();
            let is_shown =
                shown.contains(&invisible[..]) || moves.iter().any(|text| shown.contains(text));
            assert!(!is_shown, "{arguments:?}: {shown:?}");
        }
    }
}

/// Returns an address of a network of this machine, if it is in one.
fn own_address() -> Option<IpAddr> {
    // Nothing is sent: only the route is looked up.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback())
}

#[test]
fn a_denial_of_this_machine_holds_for_its_own_addresses() {
    let Some(own) = own_address() else { return };
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut ended = Vec::new();
    for denial in ["localhost", "127.0.0.1", "::1", "0.0.0.0", "x.localhost"] {
        for script in [
            format!("http_get(\"http://{own}:{port}/\")"),
            format!("http_get(\"http://[::ffff:{own}]:{port}/\")"),
            format!(
                "branch(#{{ model: #{{ provider: \"openai\", model: \"m\", \
                 base_url: \"http://{own}:{port}/v1\" }} }}).chat(\"x\")"
            ),
        ] {
            let project = Project::new();
            project.file("s.rhai", &script);
            let option = format!("--deny-net={denial}");
            let ran = project.kaizen(&["run", "s.rhai", "-A", &option, "--no-prompt"]);
            if ran.code != Some(6) {
                ended.push(format!("{denial} {script}: {}", ran.stderr));
            }
        }
    }
    assert_eq!(ended, [""; 0]);
    assert!(listener.accept().is_err(), "nobody came");
}

#[test]
fn a_denied_proxy_carries_no_request() {
    let proxy = Server::start(|_, _, _| answer("by proxy"));
    let port = proxy.url.rsplit(':').next().unwrap().to_owned();
    let call = "branch(#{ model: #{ provider: \"openai\", model: \"m\", \
                base_url: \"http://model.example/v1\" } }).chat(\"x\")";
    let cases = [
        ("http_proxy", format!("http://127.0.0.1:{port}"), "--deny-net=127.0.0.1"),
        ("http_proxy", format!("http://127.0.0.1:{port}"), "--deny-net=localhost"),
        ("http_proxy", format!("127.0.0.1:{port}"), "--deny-net=::1"),
        ("HTTP_PROXY", format!("http://user:word@localhost:{port}"), "--deny-net=localhost"),
        ("ALL_PROXY", format!("http://localhost:{port}"), "--deny-net=127.1"),
        ("all_proxy", format!("http://2130706433:{port}"), "--deny-net=127.0.0.1"),
        ("http_proxy", "http://proxy.example:3128".to_owned(), "--deny-net=*.example:3128"),
        ("http_proxy", "http://proxy.example".to_owned(), "--deny-net=proxy.example:80"),
        ("https_proxy", "https://proxy.example".to_owned(), "--deny-net=proxy.example:443"),
    ];
    for (variable, address, denial) in cases {
        let project = Project::new();
        let is_secure = variable == "https_proxy";
        for script in [call, "http_get(\"http://page.example/\")"] {
            let script = if is_secure { script.replace("http:", "https:") } else { script.into() };
            project.file("s.rhai", &script);
            let mut command = project.command(&["run", "s.rhai", "-A", denial, "--no-prompt"]);
            let ran = Ran::from(command.env(variable, &address).output().unwrap());
            assert_eq!(ran.code, Some(6), "{variable}={address} {denial} {script}: {}", ran.stderr);
        }
    }
    assert_eq!(proxy.bodies().len(), 0);

    // One that is not denied is used, and one for other hosts does not matter.
    let project = Project::new();
    project.file("s.rhai", call);
    let mut command = project.command(&["run", "s.rhai", "-A", "--deny-net=127.0.0.1:1"]);
    let ran = Ran::from(command.env("http_proxy", &proxy.url).output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "by proxy\n"), "{}", ran.stderr);
    let local = Server::start(|_, _, _| answer("no proxy"));
    project.file("s.rhai", &call.replace("http://model.example", &local.url));
    let mut command = project.command(&["run", "s.rhai", "-A", "--deny-net=proxy.example"]);
    let ran = Ran::from(command.env("http_proxy", "http://proxy.example").output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "no proxy\n"), "{}", ran.stderr);
}

#[test]
fn what_is_odd_among_the_files_of_kaizen_is_named() {
    for place in [".kaizen", ".kaizen/running", ".kaizen/kaizen.db"] {
        let project = Project::new();
        project.file("kaizen.toml", "").file("s.rhai", "1");
        let path = project.path().join(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let ran = project.kaizen(&["run", "s.rhai"]);
        assert!(![Some(0), None].contains(&ran.code), "{place}: {}", ran.stderr);
        assert!(
            errors(&ran).concat().contains(Path::new(place).to_str().unwrap()),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_store_that_cannot_be_looked_at_does_not_seem_to_be_missing() {
    for arguments in [
        &["runs"][..],
        &["show", "@"],
        &["export", "@"],
        &["patterns"],
        &["failures"],
        &["sql", "select 1"],
        &["resume", "@"],
    ] {
        let project = Project::new();
        // A file in the place of the folder hides what is below it, also from somebody who may read everything.
        project.file("kaizen.toml", "").file(".kaizen", "");
        let ran = project.kaizen(arguments);
        assert_eq!(ran.code, Some(8), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("kaizen.db` cannot be read"), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn a_configuration_that_is_there_and_cannot_be_read_is_named() {
    for (what, target) in [
        ("a link to nowhere", "../gone.toml"),
        ("a link to nowhere, far away", "/no-such-place/kaizen.toml"),
        ("a link to itself", "kaizen.toml"),
        ("a device", "/dev/zero"),
        ("a folder", "."),
    ] {
        for folder in [".", "sub/deeper"] {
            for arguments in [
                &["run", "s.rhai"][..],
                &["plan", "s.rhai"],
                &["config", "show"],
                &["runs"],
                &["repl", "--eval", "1"],
                &["trust"],
            ] {
                let project = Project::new();
                project.file("sub/deeper/s.rhai", "1").file("s.rhai", "1");
                let place = project.path().join("kaizen.toml");
                std::os::unix::fs::symlink(target, place).unwrap();

                let mut command = project.command(arguments);
                command.current_dir(project.path().join(folder));
                let ran = Ran::from(command.output().unwrap());
                assert_eq!(ran.code, Some(3), "{what} {arguments:?}: {}", ran.stderr);
                assert!(errors(&ran).concat().contains("kaizen.toml"), "{}", ran.stderr);
            }
        }
    }

    // The user's own configuration is missed as well.
    let project = Project::new();
    project.file("s.rhai", "1").file("home/.config/kaizen/x", "");
    let place = project.path().join("home/.config/kaizen/config.toml");
    std::os::unix::fs::symlink("gone.toml", place).unwrap();
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
}

#[test]
fn a_home_whose_name_is_no_text_is_one() {
    let names: [&[u8]; 5] = [b"h\xff", b"caf\xe9", b"\xfe\xff", b"a b\xc3", b"plain"];
    for name in names {
        for variable in ["HOME", "XDG"] {
            let project = Project::new();
            project.file("s.rhai", "1").file("kaizen.toml", "[permissions]\nwrite = [\"out\"]\n");
            let home = project.path().join(OsStr::from_bytes(name));
            let (state, config) = match variable {
                "HOME" => (home.join(".local/state"), home.join(".config")),
                _ => (home.clone(), home.clone()),
            };
            std::fs::create_dir_all(config.join("kaizen")).unwrap();
            let own = "[project]\nmodel = \"demo/of-the-user\"\n";
            std::fs::write(config.join("kaizen/config.toml"), own).unwrap();

            let kaizen = |arguments: &[&str]| {
                let mut command = project.command(arguments);
                match variable {
                    "HOME" => command.env("HOME", &home),
                    _ => command.env("XDG_STATE_HOME", &home).env("XDG_CONFIG_HOME", &home),
                };
                Ran::from(command.output().unwrap())
            };
            assert_eq!(kaizen(&["run", "s.rhai"]).code, Some(6), "{name:?}");
            let trusted = kaizen(&["trust"]);
            assert_eq!(trusted.code, Some(0), "{name:?}: {}", trusted.stderr);
            assert!(state.join("kaizen/trust.json").exists(), "{name:?}");
            assert_eq!(kaizen(&["run", "s.rhai"]).code, Some(0), "{name:?}");
            assert!(kaizen(&["config", "show"]).stdout.contains("demo/of-the-user"), "{name:?}");
        }
    }
}

#[test]
fn what_was_learned_is_read_wherever_the_store_lies() {
    let names: [&[u8]; 6] = [b"caf\xe9", b"\xff", b"a b?c#d", b"100%25", b"q'uote", b"plain"];
    for name in names {
        let outer = Project::new();
        let folder = outer.path().join(OsStr::from_bytes(name));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("kaizen.toml"), "").unwrap();
        let script = "optimizer().record_execution(`t`, `p`, #{ success_rate: 1.0 }); print(1)";
        std::fs::write(folder.join("s.rhai"), script).unwrap();
        let kaizen = |arguments: &[&str]| {
            Ran::from(outer.command(arguments).current_dir(&folder).output().unwrap())
        };
        assert_eq!(kaizen(&["run", "s.rhai"]).code, Some(0), "{name:?}");
        for arguments in [&["replay", "@"][..], &["plan", "s.rhai"]] {
            let ran = kaizen(arguments);
            assert_eq!(ran.code, Some(0), "{name:?} {arguments:?}: {}", ran.stderr);
            assert!(!ran.stderr.contains("error"), "{name:?} {arguments:?}: {}", ran.stderr);
        }
        let files = std::fs::read_dir(folder.join(".kaizen")).unwrap().count();
        assert!(files <= 5, "{name:?}: nothing else was made");
        assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 1, "{name:?}");

        // Where nothing may be written; the administrator may write everywhere.
        if nix::unistd::geteuid().is_root() {
            continue;
        }
        let store = folder.join(".kaizen");
        for path in [store.join("kaizen.db"), store, folder.clone()] {
            let mode = std::fs::Permissions::from_mode(0o500);
            std::fs::set_permissions(path, mode).unwrap();
        }
        for arguments in [&["replay", "@"][..], &["plan", "s.rhai"]] {
            let ran = kaizen(arguments);
            assert_eq!(ran.code, Some(0), "{name:?} {arguments:?}: {}", ran.stderr);
            assert!(!ran.stderr.contains("error"), "{name:?} {arguments:?}: {}", ran.stderr);
        }
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn a_grant_may_name_a_path_that_is_no_text() {
    let project = Project::new();
    for name in [&b"caf\xe9"[..], b"\xff", b"a\xc3b", b"bytes:x", b"x,\xfe"] {
        let path = project.path().join(OsStr::from_bytes(name));
        let (parent, outside) = (project.path().join("p"), path.join("o.txt"));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::create_dir_all(&parent).unwrap();
        std::fs::write(&outside, "theirs").unwrap();
        std::fs::write(parent.join("kaizen.toml"), "").unwrap();
        let link = parent.join("link");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(&path, &link).unwrap();
        std::fs::write(parent.join("s.rhai"), "print(read_text(`link/o.txt`))").unwrap();

        let run = |option: &str, place: &Path| {
            let mut argument = std::ffi::OsString::from(option);
            argument.push(place);
            let mut command = project.command(&["run", "s.rhai"]);
            Ran::from(command.arg(argument).current_dir(&parent).output().unwrap())
        };
        // A comma parts the items of a list, unless a file has just this name.
        let ran = run("--allow-read=", &path);
        assert_eq!(ran.code, Some(0), "{name:?}: {}", ran.stderr);
        let ran = run("--allow-read=", &Path::new("..").join(OsStr::from_bytes(name)));
        assert_eq!(ran.code, Some(0), "{name:?}: {}", ran.stderr);
        assert_eq!(run("--allow-write=", &path).code, Some(6), "{name:?}");

        // What an error advises can be passed.
        let refused = run("--no-prompt", Path::new("")).stderr;
        let advised = refused.split('`').find(|text| text.starts_with("--allow-read=")).unwrap();
        let ran = run(advised, Path::new(""));
        assert_eq!(ran.code, Some(0), "{name:?}: {advised}: {}", ran.stderr);

        let mut both = project.command(&["run", "s.rhai", "--allow-read"]);
        let mut denial = std::ffi::OsString::from("--deny-read=");
        denial.push(&path);
        let ran = Ran::from(both.arg(denial).current_dir(&parent).output().unwrap());
        assert_eq!(ran.code, Some(6), "{name:?}: {}", ran.stderr);
    }
}

#[test]
fn an_argument_that_is_no_text_is_named_where_text_is_needed() {
    let project = Project::new();
    project.file("s.rhai", "1");
    let mut told = String::new();
    for option in
        ["--allow-net=", "--allow-env=", "--deny-run=", "--approve=", "--max-time=", "-pa="]
    {
        let mut argument = std::ffi::OsString::from(option);
        argument.push(OsStr::from_bytes(b"x\xff"));
        let ran = Ran::from(project.command(&["run", "s.rhai"]).arg(argument).output().unwrap());
        told += &format!("{:?} {}", ran.code, ran.stderr);
    }
    expect_test::expect![[r#"
        Some(3) error: --allow-net: `bytes:x\xff`: it is not valid UTF-8 text
        Some(3) error: --allow-env: `bytes:x\xff`: it is not valid UTF-8 text
        Some(3) error: --deny-run: `bytes:x\xff`: it is not valid UTF-8 text
        Some(2) error: what must be text is not valid UTF-8: `--approve=x\xff`
        Some(2) error: what must be text is not valid UTF-8: `--max-time=x\xff`
        Some(2) error: what must be text is not valid UTF-8: `-pa=x\xff`
    "#]]
    .assert_eq(&told);
}

#[test]
fn a_variable_that_is_no_text_is_told_from_one_that_is_not_set() {
    let project = Project::new();
    let odd = OsStr::from_bytes(b"sk-\xff\xfe-4711");
    let script = "print(attempt(|| env(`NU_TOKEN`)).error.message); print(env(`NONE`));\n\
                  print(attempt(|| branch(`openai/m`).chat(`x`)).error.message);\n\
                  print(attempt(|| branch(#{ model: #{ provider: `openai`, model: `m`,\n\
                  key: `env:NU_TOKEN` } }).chat(`x`)).error.message);";
    project.file("s.rhai", script);
    let mut command = project.command(&["run", "s.rhai", "--allow-env=NU_TOKEN,NONE"]);
    command.env("NU_TOKEN", odd).env("OPENAI_API_KEY", odd);
    let ran = Ran::from(command.output().unwrap());
    let mut told = ran.stdout;
    let mut command = project.command(&["models"]);
    let models = Ran::from(command.env("OPENAI_API_KEY", odd).output().unwrap()).stdout;
    told.extend(models.lines().filter(|line| line.contains("OPENAI_API_KEY")));
    expect_test::expect![[r#"
        the value of the variable `NU_TOKEN` is not valid UTF-8 text

        the value of the variable `OPENAI_API_KEY` is not valid UTF-8 text
        the value of the variable `NU_TOKEN` is not valid UTF-8 text
        openai     OPENAI_API_KEY is not valid UTF-8 text"#]]
    .assert_eq(&told);
}

#[test]
fn imports_are_found_in_a_folder_whose_name_is_no_text() {
    for name in [&b"d\xff"[..], b"caf\xe9", b"a\xc3b", b"bytes:x", b"d\\xff", b"plain"] {
        let project = Project::new();
        project.file("kaizen.toml", "");
        // Another folder, which must not be taken for it.
        project.file("d\u{fffd}/lib/b.rhai", "fn two() { 3 }");
        let folder = project.path().join(OsStr::from_bytes(name));
        std::fs::create_dir_all(folder.join("lib")).unwrap();
        let write = |file: &str, text: &str| std::fs::write(folder.join(file), text).unwrap();
        write("lib/c.rhai", "fn two() { 2 }");
        write("lib/b.rhai", "import \"c\" as c;\nfn two() { c::two() }");
        write("a.rhai", "import \"lib/b\" as b;\nprint(b::two());");
        write("a_test.rhai", "import \"lib/b\" as b;\nfn test_two() { assert_eq(b::two(), 2); }");

        let script = folder.strip_prefix(project.path()).unwrap().join("a.rhai");
        let kaizen = |arguments: &[&OsStr]| {
            let mut command = project.command(&[]);
            Ran::from(command.args(arguments).output().unwrap())
        };
        let path = script.as_os_str();
        let ran = kaizen(&["run".as_ref(), path]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "2\n"), "{name:?}: {}", ran.stderr);
        for arguments in [
            &["plan".as_ref(), path][..],
            &["check".as_ref(), path],
            &["check".as_ref()],
            &["replay".as_ref(), "--all".as_ref()],
            &["test".as_ref()],
            &["test".as_ref(), OsStr::from_bytes(name)],
            &["test".as_ref(), "--json".as_ref()],
            &["test".as_ref(), "--changed".as_ref()],
        ] {
            let ran = kaizen(arguments);
            assert_eq!(ran.code, Some(0), "{name:?} {arguments:?}: {}{}", ran.stdout, ran.stderr);
            assert!(!ran.stderr.contains("error:"), "{name:?} {arguments:?}: {}", ran.stderr);
        }
        let ran = kaizen(&["test".as_ref(), "d\u{fffd}x".as_ref()]);
        assert_eq!(ran.code, Some(2), "{name:?}: {}", ran.stderr);

        // The error of an imported file shows its text.
        write("lib/c.rhai", "fn two() { throw \"two\" }");
        let ran = kaizen(&["run".as_ref(), path]);
        assert!(ran.stderr.contains("fn two() { throw \"two\" }"), "{name:?}: {}", ran.stderr);
    }
}
