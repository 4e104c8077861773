//! A store on a server that several machines share. Each project in a folder of its own stands for a machine.

use crate::support::Project;

#[cfg(not(feature = "shared"))]
#[test]
fn a_program_without_shared_stores_says_so_and_shows_no_password() {
    let project = Project::new();
    project.file("s.rhai", "1");
    let address = "postgres://me:hunter2-long@db.example/work?schema=team";
    let ran = project.kaizen(&["run", "s.rhai", "--here", "--store", address]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (
            Some(8),
            "error: store `postgres://me@db.example/work?schema=team` is on a server, and this kaizen was built without \
             shared stores: install it with `cargo install kaizen --features shared`\n"
        )
    );
}

#[test]
fn where_a_run_is_kept_is_never_a_surprise() {
    let project = Project::new();
    project.file("s.rhai", "1").file("kaizen.toml", "[engine]\nstore = \"env:TEAM_STORE\"\n");
    let said = |arguments: &[&str], store: &str| {
        let mut command = project.command(arguments);
        let output = command.env("TEAM_STORE", store).env("KAIZEN_TRUST", "1").output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };

    let (code, told) = said(&["run", "s.rhai", "--here"], "");
    expect_test::expect![[r#"
        error: `--here` needs a shared store: name it with `--store postgres://..`, or set the variable that `store` under [engine] in kaizen.toml refers to
    "#]]
    .assert_eq(&told);
    assert_eq!(code, Some(2));

    let (code, told) = said(&["run", "s.rhai"], "postgres://db.example/work");
    expect_test::expect![[r#"
        error: a shared store is chosen: add `--here` to run the script in this process and keep the run there
    "#]]
    .assert_eq(&told);
    assert_eq!(code, Some(2));

    let (code, told) = said(&["watch", "s.rhai"], "postgres://db.example/work");
    expect_test::expect![[r#"
        error: this command works on the project's own store, and $TEAM_STORE names a shared one; unset TEAM_STORE for it
    "#]]
    .assert_eq(&told);
    assert_eq!(code, Some(2));

    let (code, told) = said(&["runs"], "mysql://db.example/work");
    expect_test::expect![[r#"
        error: $TEAM_STORE: a shared store is a PostgreSQL address: `postgres://USER@HOST/DATABASE`
    "#]]
    .assert_eq(&told);
    assert_eq!(code, Some(2));

    assert_eq!(said(&["run", "s.rhai", "--quiet"], "").0, Some(0), "the project's own store");
}

#[cfg(feature = "shared")]
mod on_server {
    use crate::support::postgres::{TestServer, shared_server};
    use crate::support::process::until;
    use crate::support::server::{Act, Server, answer};
    use crate::support::{Project, Ran, stopped};
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    const LEARN: &str = r#"
        let o = optimizer();
        for i in 0..40 {
            o.record_execution("t", "a", #{ success_rate: if i % 5 == 0 { 0.0 } else { 1.0 }, execution_time: 0.1 * i });
            o.record_execution("t", "b", #{ success_rate: if i % 3 == 0 { 0.0 } else { 1.0 }, execution_time: 2.0 });
        }
        "done"
    "#;

    /// Returns a project that uses the store at an address, as another machine would.
    fn machine(address: &str, script: &str) -> Project {
        let project = Project::sharing(address);
        project.file("s.rhai", script);
        project
    }

    fn ok(ran: &Ran) -> &str {
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        &ran.stdout
    }

    #[test]
    fn what_one_machine_did_another_one_sees() {
        let Some(server) = shared_server("what one machine did") else { return };
        let address = server.address();
        let one = machine(&address, LEARN);
        let other = machine(&address, LEARN);
        for command in ["runs", "diff", "report"] {
            let ran = other.kaizen(&[command]);
            assert!(ran.stderr.contains("--here"), "nothing is there yet: {}", ran.stderr);
        }
        assert_eq!(ok(&one.kaizen(&["run", "s.rhai"])), "done\n");

        let runs = other.runs();
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0]["status"], "ok");
        let run = runs[0]["run"].as_str().unwrap();
        assert!(ok(&other.kaizen(&["show", run])).contains("s.rhai"));
        assert!(ok(&other.kaizen(&["patterns", "t"])).contains('a'));
        assert_eq!(ok(&other.kaizen(&["advise", "t", "--best"])).lines().count(), 1);
        ok(&other.kaizen(&["failures"]));
        ok(&other.kaizen(&["replay"]));
        ok(&other.kaizen(&["plan", "s.rhai"]));
        assert!(ok(&other.kaizen(&["diff", run, "@"])).contains("0 of 0 operations differ"));
        ok(&other.kaizen(&["report", run, "--learning", "t", "-o", "report.html"]));
        assert!(std::fs::read_to_string(other.path().join("report.html")).unwrap().contains(run));
        assert!(ok(&other.kaizen(&["export", run])).contains("run_started"));
        assert_eq!(other.kaizen(&["note", run, "well done"]).code, Some(0));
        assert!(ok(&one.kaizen(&["note", run])).contains("well done"));

        let doctor = other.kaizen(&["doctor"]);
        assert_eq!(doctor.code, Some(0), "{}", doctor.stdout);
        assert!(!other.path().join(".kaizen/kaizen.db").exists());

        let sql = other.kaizen(&["sql", "select 1"]);
        assert!(sql.stderr.contains("`psql`"), "{}", sql.stderr);
        let copy = other.kaizen(&["export", "--store", "-o", "copy.db"]);
        assert!(copy.stderr.contains("`pg_dump`"), "{}", copy.stderr);
        let gc = other.kaizen(&["gc"]);
        assert!(gc.stderr.contains("the project's own store"), "{}", gc.stderr);
    }

    #[test]
    fn a_run_that_is_killed_goes_on_elsewhere_and_pays_for_nothing_twice() {
        let Some(pg) = shared_server("a run that goes on elsewhere") else { return };
        let server = Server::start(|number, _, body| match number {
            3 => Act::Hang,
            _ => answer(&format!("answer to {} bytes", body.len())),
        });
        let address = pg.address();
        let script = "let b = branch();\nfor n in 0..6 { print(b.chat(`step ${n}`)); }";
        let one = machine(&address, script);
        let other = machine(&address, script);
        one.with_server(&server);
        other.with_server(&server);

        stopped(&one, &server, &["run", "s.rhai"], 4, "-9");
        let ran = other.kaizen(&["run", "s.rhai", "--resume"]);
        ok(&ran);
        assert!(
            ran.stderr.contains("3 replies are reusable; 1 call was in flight"),
            "{}",
            ran.stderr
        );
        assert_eq!(server.bodies().len(), 7);
        let again = one.kaizen(&["run", "s.rhai", "--resume"]);
        assert_eq!(again.code, Some(2), "it has ended well: {}", again.stderr);
        assert_eq!(one.kaizen(&["doctor"]).code, Some(0));
    }

    fn begin(project: &Project, arguments: &[&str]) -> Child {
        let mut command = project.command(&[arguments, &["--progress", "none"]].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn signal(child: &Child, name: &str) {
        let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    #[test]
    fn a_process_that_was_taken_for_dead_keeps_nothing_more_of_its_run() {
        let Some(pg) = shared_server("a process that was taken for dead") else { return };
        let server = Server::start(|number, _, body| {
            if number == 2 {
                std::thread::sleep(Duration::from_millis(400));
            }
            answer(&format!("answer to {} bytes", body.len()))
        });
        let address = pg.address();
        let script = "let b = branch();\nfor n in 0..4 { print(b.chat(`step ${n}`)); }";
        let one = machine(&address, script);
        let other = machine(&address, script);
        one.with_server(&server);
        other.with_server(&server);

        let frozen = begin(&one, &["run", "s.rhai"]);
        until(Duration::from_secs(30), "the third call", || server.bodies().len() >= 3);
        std::thread::sleep(Duration::from_millis(100));
        signal(&frozen, "-STOP");
        ok(&other.kaizen(&["run", "s.rhai", "--resume"]));

        signal(&frozen, "-CONT");
        let ran = Ran::from(frozen.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(8), "{}", ran.stderr);
        assert!(ran.stderr.contains("was taken over by another process"), "{}", ran.stderr);
        let doctor = other.kaizen(&["doctor"]);
        assert_eq!(doctor.code, Some(0), "{}", doctor.stdout);
        let runs: Vec<_> = other.runs();
        let ids: Vec<_> = runs.iter().map(|run| run["run"].as_str().unwrap()).collect();
        assert_eq!((runs[0]["status"].as_str(), ids.len()), (Some("ok"), 2));
        assert!(ran.stderr.contains(&format!("`kaizen show {}`", ids[1])), "{}", ran.stderr);
        let shown = one.kaizen(&["show", ids[1]]);
        assert!(ok(&shown).contains(&format!("run {} continues it", ids[0])), "{}", shown.stdout);
    }

    #[test]
    fn a_run_waits_for_a_server_that_is_killed_and_started_again() {
        let Some(mut pg) = TestServer::start("a server that is killed under a run") else { return };
        let server = Server::start(|_, _, body| {
            std::thread::sleep(Duration::from_millis(30));
            answer(&format!("answer to {} bytes", body.len()))
        });
        let script = "let b = branch();\nfor n in 0..40 { b.chat(`step ${n}`); }\nprint(\"end\");";
        let project = machine(&pg.address(), script);
        project.with_server(&server);

        let run = begin(&project, &["run", "s.rhai"]);
        until(Duration::from_secs(30), "some calls", || server.bodies().len() >= 5);
        pg.kill();
        // Long enough for it to be told.
        std::thread::sleep(Duration::from_millis(1500));
        pg.go_on();

        let ran = Ran::from(run.wait_with_output().unwrap());
        assert_eq!(ok(&ran), "end\n");
        assert!(ran.stderr.contains("is away; waiting up to 600 s for it"), "{}", ran.stderr);
        assert!(ran.stderr.contains("is back after"), "{}", ran.stderr);
        assert_eq!(server.bodies().len(), 40);
        let doctor = project.kaizen(&["doctor"]);
        assert_eq!(doctor.code, Some(0), "{}", doctor.stdout);
    }

    #[test]
    fn two_processes_that_learn_at_once_believe_the_same() {
        let Some(pg) = shared_server("two processes that learn") else { return };
        let address = pg.address();
        let one = machine(&address, LEARN);
        let other = machine(&address, LEARN);
        let both = [begin(&one, &["run", "s.rhai"]), begin(&other, &["run", "s.rhai"])];
        for child in both {
            ok(&Ran::from(child.wait_with_output().unwrap()));
        }

        let told = [&one, &other].map(|machine| {
            let knows = machine.kaizen(&["patterns", "t", "--json"]);
            let advice = machine.kaizen(&["advise", "t", "--json"]);
            (ok(&knows).to_owned(), ok(&advice).to_owned())
        });
        assert_eq!(told[0], told[1]);
        // Sums, snapshots and observations agree bit by bit.
        let doctor = one.kaizen(&["doctor"]);
        assert_eq!(doctor.code, Some(0), "{}", doctor.stdout);
        assert!(doctor.stdout.contains("agrees with its observations"), "{}", doctor.stdout);
        let schema = address.split("schema=").nth(1).unwrap();
        assert_eq!(pg.sql(&format!("select count(*) from {schema}.observations")), "160");
    }

    #[test]
    fn a_wrong_password_is_named_and_never_shown() {
        let Some(mut pg) = TestServer::start("a wrong password") else { return };
        pg.sql("create role guarded login password 'the-right-password'");
        std::fs::write(
            pg.file("pg_hba.conf"),
            "local all guarded scram-sha-256\nlocal all all trust\n",
        )
        .unwrap();
        pg.stop();
        pg.go_on();

        let address = pg.address_for("guarded:the-wrong-password", "team");
        let project = machine(&address, "1");
        for arguments in [&["run", "s.rhai"][..], &["runs"], &["doctor"], &["config"]] {
            let ran = project.kaizen(arguments);
            let told = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!told.contains("wrong-password"), "{told}");
            if arguments != ["config"] {
                assert_eq!(ran.code, Some(8), "{told}");
                assert!(told.contains("check the user and the password of the address"), "{told}");
            }
        }

        let project = machine(&pg.address_for("guarded:the-right-password", "team"), "1");
        let denied = project.kaizen(&["run", "s.rhai"]);
        assert_eq!(denied.code, Some(8), "{}", denied.stderr);
        assert!(denied.stderr.contains("docs/engine.md lists the rights"), "{}", denied.stderr);
        pg.sql("create schema team authorization guarded");
        ok(&project.kaizen(&["run", "s.rhai"]));
    }
}
