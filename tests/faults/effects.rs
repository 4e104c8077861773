//! `kill -9` of the real program while a program of `command` runs. A counter on the disk says how often
//! each effect took place: never twice, unless somebody said so.

use super::figure;
use crate::support::terminal::OnTerminal;
use crate::support::{Project, Ran};
use std::os::unix::process::ExitStatusExt;

/// Two programs side by side, each of which leaves a mark, and a call between two others.
const SCRIPT: &str = r#"
    let mark = |name| command("sh", ["-c", `printf x >> ${name}; printf ${name}`], OPTIONS);
    let both = gather([
        || mark.call("a").stdout,
        || { branch("demo/echo").chat("hello"); mark.call("b").stdout },
    ]);
    let last = attempt(|| mark.call("c").stdout);
    print(`${both} ${last.value ?? last.error.kind}`);
"#;

fn project(options: &str) -> Project {
    let project = Project::new();
    project.file("s.rhai", &SCRIPT.replace("OPTIONS", options));
    project
}

fn killed(project: &Project, plan: &str) -> bool {
    let mut command = project.command(&["run", "s.rhai", "--allow-run=sh"]);
    let output = command.env("KAIZEN_FAILPOINT", plan).output().unwrap();
    output.status.signal() == Some(9)
}

fn resumed(project: &Project, lost: &[&str]) -> Ran {
    project.kaizen(&[&["run", "--resume", "--allow-run=sh"], lost].concat())
}

/// How often each program took effect.
fn counts(project: &Project) -> [usize; 3] {
    ["a", "b", "c"]
        .map(|name| std::fs::read(project.path().join(name)).map_or(0, |content| content.len()))
}

const POINTS: &[&str] =
    &["effect_begins", "effect_ends", "commit_begins", "commit_fills", "commit_ends", "call_ends"];

#[test]
fn no_effect_takes_place_twice_unless_somebody_says_so() {
    let (mut kills, mut twice, mut unsure) = (0, 0, 0);
    let (mut early, mut whole) = (0, 0);

    for point in POINTS {
        for at in 1..=3 {
            let project = project("#{}");
            if !killed(&project, &format!("{point}:{at}:kill")) {
                continue;
            }
            kills += 1;

            // What nobody decides stays as it is, however often the run is resumed.
            let first = resumed(&project, &[]);
            // It was killed before anything was recorded, and so before anything was done.
            if first.code == Some(2) {
                assert_eq!(counts(&project), [0; 3], "{}", first.stderr);
                early += 1;
                continue;
            }
            if first.stderr.contains("error[K0135]") {
                unsure += 1;
                assert_eq!(first.code, Some(1), "{point}:{at} {}", first.stderr);
                let then = counts(&project);
                let again = resumed(&project, &[]);
                assert_eq!((again.code, counts(&project)), (Some(1), then), "{}", again.stderr);

                judge_told(&project, &resumed(&project, &["--lost=tell"]), then);
            } else {
                assert_eq!((first.code, first.stdout.as_str()), (Some(0), "[\"a\", \"b\"] c\n"));
                assert_eq!(counts(&project), [1, 1, 1]);
                whole += 1;
            }
            twice += counts(&project).iter().filter(|count| **count > 1).count();
        }
    }

    figure(&format!(
        "effects: {kills} kills, {early} before anything was recorded, {unsure} in doubt, {whole} resumed \
         without a doubt, {twice} that took place twice"
    ));
    assert_eq!((twice, early + unsure + whole), (0, kills));
    assert!(kills >= 12 && unsure >= 6, "{kills} {unsure}");
}

/// Judges a run that was told of what is in doubt. The script catches that only of the third program; of
/// one of the first two it ends with the error.
fn judge_told(project: &Project, told: &Ran, before: [usize; 3]) {
    let after = counts(project);
    if told.code == Some(0) {
        assert_eq!(told.stdout, "[\"a\", \"b\"] unsure\n", "{}", told.stderr);
        assert_eq!((&after[..2], after[2]), (&[1, 1][..], before[2]));
        return;
    }

    assert_eq!((told.code, told.stdout.as_str()), (Some(1), ""), "{}", told.stderr);
    let error = told.stderr.lines().find(|line| line.starts_with("error")).unwrap_or_default();
    let is_of = |name: &str| error.contains(&format!("printf x >> {name}; printf {name}"));
    assert!(error.starts_with("error[K0135]") && (is_of("a") || is_of("b")), "{}", told.stderr);
    assert!(before.iter().zip(after).all(|(before, after)| after <= (*before).max(1)), "{after:?}");
}

#[test]
fn an_effect_in_doubt_is_named_and_takes_place_again_when_told_to() {
    for (plan, done) in [("effect_begins:3:kill", 0), ("effect_ends:3:kill", 1)] {
        let project = project("#{}");
        assert!(killed(&project, plan));
        assert_eq!(counts(&project), [1, 1, done]);

        let stopped = resumed(&project, &[]);
        let error = stopped.stderr.lines().find(|line| line.starts_with("error")).unwrap();
        assert_eq!(
            error,
            "error[K0135]: the run stopped during `command(\"sh\", [\"-c\",\"printf x >> c; printf \
             c\"])`, and nobody knows whether it took effect; `kaizen run --resume --lost=repeat` \
             runs it again, `--lost=tell` makes it an error that the script can catch"
        );

        let again = resumed(&project, &["--lost=repeat"]);
        assert_eq!((again.code, again.stdout.as_str()), (Some(0), "[\"a\", \"b\"] c\n"));
        assert_eq!(counts(&project), [1, 1, done + 1]);
    }
}

#[test]
fn a_script_can_be_told_that_an_effect_is_in_doubt_and_stays_told() {
    let project = project("#{}");
    assert!(killed(&project, "effect_ends:3:kill"));

    let told = resumed(&project, &["--lost=tell"]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(0), "[\"a\", \"b\"] unsure\n"));

    for arguments in [&["run", "--resume=@"][..], &["replay", "@"]] {
        let later = project.kaizen(arguments);
        assert_eq!(later.stdout, told.stdout, "{}", later.stderr);
    }
    assert_eq!(counts(&project), [1, 1, 1]);
}

#[test]
fn on_a_terminal_people_are_asked() {
    for (key, code, count, printed) in [("r", 0, 2, "c"), ("t", 0, 1, "unsure"), ("\r", 1, 1, "")] {
        let project = project("#{}");
        assert!(killed(&project, "effect_ends:3:kill"));

        let command = project.command(&["run", "--resume", "--allow-run=sh"]);
        let mut terminal = OnTerminal::start(command);
        terminal.until("[r]un it again, [t]hrow an error, or [S]top? ");
        terminal.send(&format!("{key}\r"));
        if !printed.is_empty() {
            terminal.until(&format!("[\"a\", \"b\"] {printed}"));
        }

        terminal.rest();
        assert_eq!(terminal.child.wait().unwrap().code(), Some(code));
        assert_eq!(counts(&project), [1, 1, count]);
    }
}

#[test]
fn what_is_repeatable_is_run_again_without_a_word() {
    let project = project("#{ repeatable: true }");
    assert!(killed(&project, "effect_ends:3:kill"));

    let again = resumed(&project, &[]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), "[\"a\", \"b\"] c\n"));
    assert_eq!(counts(&project), [1, 1, 2]);
}

#[test]
fn a_fork_does_again_what_had_begun() {
    let project = project("#{}");
    assert_eq!(project.kaizen(&["run", "s.rhai", "--allow-run=sh"]).code, Some(0));

    let forked = project.kaizen(&["fork", "@", "--at", "chat", "--allow-run=sh"]);
    assert_eq!((forked.code, forked.stdout.as_str()), (Some(0), "[\"a\", \"b\"] c\n"));
}

/// A program whose arguments hold a secret is known by arguments without it.
#[test]
fn a_program_with_a_secret_among_its_arguments_is_in_doubt_all_the_same() {
    const TOKEN: &str = "tok-canary-0815-4711";
    // By a variable, and by the key of a model, both told in an argument and in the input.
    let scripts = [
        r#"let token = env("OWN_TOKEN"); print(command("sh", ["-c", `printf x >> a; : ${token}`]).code);"#,
        r#"let token = env("OWN_TOKEN"); print(command("sh", ["-c", "printf x >> a; cat"], #{ stdin: token }).code);"#,
        r#"print(command("sh", ["-c", "printf x >> a; : tok-canary-0815-4711"]).code);"#,
        r#"let t = tool("go", "Goes.", "t: string", |x| command("sh", ["-c", `printf x >> a; : ${x.t}`]).code);
           print(branch("demo/echo").act(t, #{ t: env("OWN_TOKEN") }));"#,
    ];
    let toml = "[models.keyed]\nuse = \"openai/m\"\nbase_url = \"http://127.0.0.1:1\"\nkey = \"env:OWN_TOKEN\"\n";

    for script in scripts {
        let project = Project::new();
        project.file("s.rhai", script).file("kaizen.toml", toml);
        let with = |arguments: &[&str]| {
            let grants = ["--allow-run=sh", "--allow-env=OWN_TOKEN"];
            let mut command = project.command(&[arguments, &grants[..]].concat());
            command.env("OWN_TOKEN", TOKEN).env("KAIZEN_TRUST", "1");
            command
        };
        let count = || std::fs::read(project.path().join("a")).map_or(0, |content| content.len());

        let mut first = with(&["run", "s.rhai"]);
        let first = first.env("KAIZEN_FAILPOINT", "effect_ends:1:kill").output().unwrap();
        assert_eq!((first.status.signal(), count()), (Some(9), 1), "{script}");

        let stopped = Ran::from(with(&["run", "--resume"]).output().unwrap());
        assert_eq!((stopped.code, count()), (Some(1), 1), "{script} {}", stopped.stderr);
        assert!(stopped.stderr.contains("error[K0135]"), "{}", stopped.stderr);
        assert!(!stopped.stderr.contains(TOKEN), "{}", stopped.stderr);

        let again = Ran::from(with(&["run", "--resume", "--lost=repeat"]).output().unwrap());
        assert_eq!((again.code, again.stdout.as_str(), count()), (Some(0), "0\n", 2), "{script}");
    }
}

/// A tool of the script that runs a program, a tool of a server that has a lasting effect, and one that has
/// none, each called by a model and by the script.
const TOOLS: &str = r#"
    let mark = tool("mark", "Marks.", "name: string", |x| command("sh", ["-c", `printf x >> ${x.name}`]).code);
    let b = branch("demo/echo");
    let own = mcp("own");
    let read = mcp("plain");
    b.act(mark, #{ name: "a" });
    b.act(own[0], #{ });
    b.act(read[0], #{ });
    b.react("Call mark with \"b\".", #{ tools: [mark] });
    b.react("Call own__go.", #{ tools: own });
    print("done");
"#;

fn tool_project() -> Project {
    let project = Project::new();
    let server = include_str!("../mcp/hostile.sh");
    project
        .file("s.rhai", TOOLS)
        .file("own/hostile.sh", &server.replace("calls.txt", "own/calls.txt"))
        .file("read/hostile.sh", &server.replace("calls.txt", "read/calls.txt"))
        .file(
            "kaizen.toml",
            "[mcp.own]\ncommand = [\"sh\", \"own/hostile.sh\", \"x\"]\napprove = \"never\"\n\
             [mcp.plain]\ncommand = [\"sh\", \"read/hostile.sh\", \"x\"]\nread = [\"*\"]\n",
        );
    project
}

/// How often each effect took place: two programs, the calls of the server with lasting effects, and those
/// of the other one.
fn tool_counts(project: &Project) -> [usize; 4] {
    let read = |name: &str| std::fs::read_to_string(project.path().join(name)).unwrap_or_default();
    let lines = |name: &str| read(name).lines().count();
    [read("a").len(), read("b").len(), lines("own/calls.txt"), lines("read/calls.txt")]
}

#[test]
fn no_call_of_a_tool_takes_place_twice_unless_somebody_says_so() {
    let points = ["effect_begins", "effect_ends", "tool_begins", "tool_done", "commit_ends"];
    let times: &[u32] =
        if std::env::var_os("KAIZEN_LONG").is_some() { &[1, 2, 3, 4, 5, 6, 7, 8] } else { &[2, 4] };
    let (mut kills, mut unsure, mut twice, mut repeated) = (0, 0, 0, 0);
    let (mut early, mut whole) = (0, 0);

    for point in points {
        for at in times {
            for lost in [None, Some("--lost=tell"), Some("--lost=repeat")] {
                let project = tool_project();
                let with = |arguments: &[&str]| {
                    let mut command = project.command(&[arguments, &["--allow-run=sh"]].concat());
                    command.env("KAIZEN_TRUST", "1");
                    command
                };
                let mut first = with(&["run", "s.rhai"]);
                let plan = format!("{point}:{at}:kill");
                let first = first.env("KAIZEN_FAILPOINT", &plan).output().unwrap();
                if first.status.signal() != Some(9) {
                    continue;
                }
                kills += 1;

                let resume: Vec<&str> = ["run", "--resume"].into_iter().chain(lost).collect();
                let resumed = Ran::from(with(&resume).output().unwrap());
                let counts = tool_counts(&project);
                let most = |counts: [usize; 4]| counts[0] > 1 || counts[1] > 1 || counts[2] > 2;
                match (resumed.code, lost) {
                    (Some(0), lost) => {
                        assert_eq!(resumed.stdout, "done\n", "{plan} {lost:?}");
                        let is_repeat = lost == Some("--lost=repeat");
                        repeated += usize::from(is_repeat && most(counts));
                        whole += usize::from(!is_repeat || !most(counts));
                    }
                    // The script does not catch what it is told.
                    (Some(1), None | Some("--lost=tell"))
                        if resumed.stderr.lines().any(|line| line.starts_with("error[K0135]")) =>
                    {
                        assert_eq!(resumed.stdout, "", "{plan} {lost:?}");
                        unsure += 1;
                    }
                    // Nothing was recorded before the kill, and so nothing was done.
                    (Some(2), _) => {
                        assert_eq!(counts, [0; 4], "{plan}");
                        early += 1;
                    }
                    (code, _) => panic!("{plan} {lost:?} {code:?} {}", resumed.stderr),
                }
                if lost != Some("--lost=repeat") {
                    twice += usize::from(most(counts));
                }
                assert!(counts[3] <= 2 && counts[2] <= 3, "{plan} {counts:?}");
            }
        }
    }

    figure(&format!(
        "tools: {kills} kills, {early} before anything was recorded, {unsure} in doubt, {whole} resumed \
         without a doubt, {twice} that took place twice without `--lost=repeat`, {repeated} with it"
    ));
    assert_eq!((twice, early + unsure + whole + repeated), (0, kills));
    assert!(kills >= 12 && unsure >= 4 && repeated >= 1, "{kills} {unsure} {repeated}");
}
