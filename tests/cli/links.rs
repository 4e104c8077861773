//! Links lead nowhere that a grant or a file of kaizen's own does not say.

use crate::support::server::{Server, answer};
use crate::support::{Project, Ran};
use std::os::unix::fs::{PermissionsExt, symlink};

/// A project beside a folder that is none of its business.
struct Place {
    outer: Project,
}

impl Place {
    fn new() -> Place {
        let outer = Project::new();
        outer.file("p/kaizen.toml", "").file("p/s.rhai", "1").file("secret/key", "theirs");
        Place { outer }
    }

    fn own(&self, name: &str) -> std::path::PathBuf {
        self.outer.path().join("p").join(name)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.outer.command(arguments);
        command.current_dir(self.own(""));
        Ran::from(command.output().unwrap())
    }
}

#[test]
fn a_grant_that_leads_out_of_the_project_by_a_link_is_refused() {
    for (link, target, grant) in [
        ("out", "../secret", "--allow-write=out"),
        ("out", "../secret", "--allow-write=./out/sub"),
        ("file", "../secret/key", "--allow-write=file"),
        ("far", "/", "--allow-read=far/etc"),
        ("data", ".git", "--allow-read=data"),
        ("up", "..", "--allow-write=up/secret"),
    ] {
        let place = Place::new();
        std::fs::create_dir(place.own(".git")).unwrap();
        symlink(target, place.own(link)).unwrap();
        let ran = place.run(&["run", "s.rhai", grant]);
        assert_eq!(ran.code, Some(3), "{grant}: {}", ran.stderr);
        assert!(ran.stderr.contains("if you mean that path, name it"), "{grant}: {}", ran.stderr);
    }

    // The same in kaizen.toml, even if it is trusted.
    let place = Place::new();
    symlink("../secret", place.own("out")).unwrap();
    std::fs::write(place.own("kaizen.toml"), "[permissions]\nwrite = [\"out\"]\n").unwrap();
    let mut command = place.outer.command(&["run", "s.rhai"]);
    command.current_dir(place.own("")).env("KAIZEN_TRUST", "1");
    assert_eq!(Ran::from(command.output().unwrap()).code, Some(3));

    // A link that stays inside is what it seems to be, and one that appears later opens nothing.
    let place = Place::new();
    std::fs::create_dir(place.own("real")).unwrap();
    symlink("real", place.own("out")).unwrap();
    std::fs::write(place.own("s.rhai"), "write_text(\"out/x\", \"x\")").unwrap();
    assert_eq!(place.run(&["run", "s.rhai", "--allow-write=out"]).code, Some(0));
    let script =
        "command(\"ln\", [\"-s\", \"../secret\", \"late\"]); write_text(\"late/x\", \"x\")";
    std::fs::write(place.own("s.rhai"), script).unwrap();
    let ran = place.run(&["run", "s.rhai", "--allow-write=late", "--allow-run=ln"]);
    assert_eq!(ran.code, Some(6), "{}", ran.stderr);
    assert!(!place.outer.path().join("secret/x").exists());
}

#[test]
fn no_file_of_kaizens_own_is_behind_a_link() {
    let before = "not kaizen's";
    for (name, is_folder) in [
        (".kaizen", true),
        (".kaizen/kaizen.db", false),
        (".kaizen/kaizen.db-wal", false),
        (".kaizen/kaizen.db-shm", false),
        (".kaizen/kaizen.db-journal", false),
        (".kaizen/kaizen.db-mark", false),
        (".kaizen/running", true),
    ] {
        let place = Place::new();
        let target = place.outer.path().join("secret/target");
        if is_folder {
            std::fs::create_dir(&target).unwrap();
        } else {
            std::fs::write(&target, before).unwrap();
        }
        if name != ".kaizen" {
            std::fs::create_dir(place.own(".kaizen")).unwrap();
        }
        symlink(&target, place.own(name)).unwrap();
        let ran = place.run(&["run", "s.rhai"]);
        assert_ne!(ran.code, Some(0), "{name}");
        assert!(ran.stderr.contains("is a link"), "{name}: {}", ran.stderr);
        if is_folder {
            assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0, "{name}");
        } else {
            assert_eq!(std::fs::read_to_string(&target).unwrap(), before, "{name}");
        }
    }

    // What would be written through a link that leads nowhere yet.
    let place = Place::new();
    std::fs::create_dir(place.own(".kaizen")).unwrap();
    symlink("../../secret/new", place.own(".kaizen/.gitignore")).unwrap();
    symlink("../secret/new", place.own(".k.json.lock")).unwrap();
    let script =
        "knowledge(\"k.json\").save_pattern_success(\"a\", \"b\", #{ execution_time: 1.0 })";
    std::fs::write(place.own("s.rhai"), script).unwrap();
    let ran = place.run(&["run", "s.rhai", "--allow-write=.", "--allow-read=."]);
    assert_ne!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!place.outer.path().join("secret/new").exists());
}

#[test]
fn trust_and_history_are_not_behind_a_link() {
    let place = Place::new();
    let folder = place.outer.path().join("home/.local/state/kaizen");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(place.outer.path().join("secret/trust"), "{}").unwrap();
    symlink("../../../../secret/trust", folder.join("trust.json")).unwrap();
    std::fs::write(place.own("kaizen.toml"), "[permissions]\nwrite = [\"out\"]\n").unwrap();
    let ran = place.run(&["run", "s.rhai"]);
    assert_ne!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("is a link"), "{}", ran.stderr);
}

#[test]
fn the_database_of_another_program_is_left_as_it_is() {
    for sql in [
        "CREATE TABLE moz (x)",
        "CREATE TABLE runs (x); CREATE TABLE events (y); PRAGMA user_version = 3",
        "CREATE TABLE runs (id, name); CREATE TABLE events (id, at); PRAGMA user_version = 5",
        "PRAGMA application_id = 7",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TABLE events (id); PRAGMA user_version = 1",
    ] {
        let place = Place::new();
        std::fs::create_dir(place.own(".kaizen")).unwrap();
        let path = place.own(".kaizen/kaizen.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = std::fs::read(&path).unwrap();
        for arguments in [&["run", "s.rhai"][..], &["runs"][..]] {
            assert_eq!(place.run(arguments).code, Some(8), "{sql}: {arguments:?}");
        }
        assert!(std::fs::read(&path).unwrap() == before, "{sql}");
    }
}

#[test]
fn hidden_files_are_imported_by_grant_only() {
    let place = Place::new();
    for name in [".hidden.rhai", ".git/hook.rhai", "sub/.x/lib.rhai", ".kaizen/lib.rhai"] {
        let path = place.own(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "fn f() { 1 }").unwrap();
        std::fs::write(place.own("s.rhai"), format!("import \"{name}\" as l; l::f()")).unwrap();
        let ran = place.run(&["run", "s.rhai"]);
        assert_ne!(ran.code, Some(0), "{name}: {}", ran.stderr);
        let ran = place.run(&["run", "s.rhai", &format!("--allow-read={name}")]);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.stderr);
    }
    symlink(".hidden.rhai", place.own("seen.rhai")).unwrap();
    std::fs::write(place.own("s.rhai"), "import \"seen\" as l; l::f()").unwrap();
    assert_ne!(place.run(&["run", "s.rhai"]).code, Some(0));
}

#[test]
fn what_kaizen_keeps_is_for_its_owner_only() {
    let place = Place::new();
    std::fs::create_dir(place.own(".kaizen")).unwrap();
    std::fs::set_permissions(place.own(".kaizen"), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(place.own("kaizen.toml"), "[permissions]\nwrite = [\"out\"]\n").unwrap();
    assert_eq!(place.run(&["trust"]).code, Some(0));
    assert_eq!(place.run(&["run", "s.rhai"]).code, Some(0));
    let mode = |path: std::path::PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    let state = place.outer.path().join("home/.local/state/kaizen");
    let modes = [
        mode(place.own(".kaizen")),
        mode(place.own(".kaizen/running")),
        mode(place.own(".kaizen/kaizen.db")),
        mode(state.clone()),
        mode(state.join("trust.json")),
    ];
    assert_eq!(modes, [0o700, 0o700, 0o600, 0o700, 0o600]);

    // A store of before is closed to others as well.
    let store = place.own(".kaizen/kaizen.db");
    std::fs::set_permissions(&store, PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(place.run(&["run", "s.rhai"]).code, Some(0));
    assert_eq!(mode(store), 0o600);
}

#[test]
fn a_test_writes_nothing_outside_of_the_project() {
    let server = Server::start(|_, _, _| answer("fine"));
    for (folder, arguments) in [
        ("snapshots", &["test", "-u"][..]),
        ("snapshots/a_test", &["test", "-u"]),
        ("cassettes", &["test", "--record", "all"]),
        ("cassettes/a_test", &["test", "--record", "new"]),
    ] {
        let place = Place::new();
        let toml = format!("[models.a]\nuse = \"openai/m\"\nbase_url = \"{}\"\n", server.url);
        std::fs::write(place.own("kaizen.toml"), toml).unwrap();
        let model = if folder.starts_with("cassettes") { "a" } else { "demo/echo" };
        let script =
            format!("fn test_a() {{ assert_snapshot(branch(\"{model}\").chat(\"x\")); }}\n");
        std::fs::write(place.own("a_test.rhai"), script).unwrap();
        let link = place.own(folder);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(place.outer.path().join("secret"), &link).unwrap();
        let ran = place.run(arguments);
        assert_eq!(ran.code, Some(1), "{folder}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("is a link out of the project"), "{}", ran.stdout);
        let left: Vec<_> = std::fs::read_dir(place.outer.path().join("secret")).unwrap().collect();
        assert_eq!(left.len(), 1, "{folder} {left:?}");
    }
}

#[test]
fn a_file_that_is_replaced_keeps_its_mode() {
    let long = "n".repeat(250);
    for (name, before) in
        [("k.json", 0o600), ("k.json", 0o640), ("k.json", 0o644), (long.as_str(), 0o600)]
    {
        for script in [
            "write_text(NAME, \"{}\")",
            "knowledge(NAME).save_pattern_success(\"a\", \"b\", #{})",
            "optimizer(#{ memory: true }).export_knowledge(NAME)",
        ] {
            let project = Project::new();
            project.file(name, "{}").file("s.rhai", &script.replace("NAME", &format!("`{name}`")));
            let path = project.path().join(name);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(before)).unwrap();
            let ran = project.kaizen(&["run", "s.rhai", "--allow-write=."]);
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!((ran.code, mode), (Some(0), before), "{script}: {}", ran.stderr);
        }
    }

    let project = Project::new();
    project.file("s.rhai", "1").kaizen(&["run", "s.rhai"]);
    for arguments in
        [&["export"][..], &["export", "--all"], &["export", "--store"], &["report", "@"]]
    {
        let name = "e".repeat(230 + arguments.len());
        let ran = project.kaizen(&[arguments, &["-o", &name]].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let mode = std::fs::metadata(project.path().join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{arguments:?}");
        std::fs::remove_file(project.path().join(&name)).unwrap();
    }
}

#[test]
fn init_writes_nothing_outside_of_the_project() {
    for (link, target) in [
        ("scripts", "../secret"),
        ("scripts/lib", "../../secret"),
        ("tests", "../secret"),
        ("tests", ".."),
        ("scripts", "tests/../../secret"),
    ] {
        let place = Place::new();
        std::fs::create_dir_all(place.own("tests")).unwrap();
        if link == "tests" {
            std::fs::remove_dir(place.own("tests")).unwrap();
        }
        let path = place.own(link);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, &path).unwrap();

        for arguments in [&["init"][..], &["init", "."], &["init", "../p"]] {
            let ran = place.run(arguments);
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{link}: {}", ran.stderr);
            let expected = format!(
                "`{}` is a link out of the project, to `{target}`; remove it, and run `kaizen init` \
                 again",
                path.display()
            );
            let stderr = ran.stderr.replace("/./", "/").replace("/p/../p/", "/p/");
            assert!(stderr.contains(&expected), "{link}: {stderr}");
        }
        let left: Vec<_> = std::fs::read_dir(place.outer.path().join("secret")).unwrap().collect();
        assert_eq!(left.len(), 1, "{link} {left:?}");
    }

    // A link within the project is its own business.
    let place = Place::new();
    std::fs::create_dir(place.own("sources")).unwrap();
    symlink("sources", place.own("scripts")).unwrap();
    assert_eq!(place.run(&["init"]).code, Some(0));
    assert!(place.own("sources/main.rhai").exists());
}
