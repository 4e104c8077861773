//! What people read and decide on is what there is: nothing that a terminal would obey, no question
//! that something else answers.

use crate::support::terminal::OnTerminal;
use crate::support::{Project, Ran};

/// Texts that would do something to a terminal, or to the one who reads it.
const TRICKS: [&str; 7] = [
    "\u{1b}[2K\rinnocent",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]8;;http://evil\u{1b}\\x",
    "a\u{9b}31mb\u{7f}",
    "txt\u{202e}exe",
    "a\u{2066}b\u{200f}",
    "\u{8}\u{8}\u{8}done",
];

fn is_safe(text: &str) -> bool {
    !text.contains(|c: char| {
        c.is_control() && !matches!(c, '\n' | '\t' | '\r')
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
            || c == '\u{200f}'
    })
}

fn quoted(text: &str) -> String {
    let escape = |c: char| format!("\\u{:04x}", u32::from(c));
    text.chars().map(escape).collect()
}

#[test]
fn no_command_to_the_terminal_is_shown_by_any_word() {
    for trick in TRICKS {
        let project = Project::new();
        let name = quoted(trick);
        let script = format!(
            "let g = builder(\"{name}\");\n\
             g.add_operation(|| {{ log.info(\"{name}\"); \"{name}\" }}, #{{ name: \"op {name}\" }});\n\
             session(branch(\"demo/{name}\")).flow(g);\n\
             optimizer().record_execution(\"task {name}\", \"p {name}\", #{{ success_rate: 1.0 }});\n\
             attempt(|| read_text(\"../{name}\"));\n\
             throw #{{ kind: \"k{name}\", message: \"m{name}\" }};"
        );
        project.file("s.rhai", &script);
        let mut shown = String::new();
        for arguments in [
            &["run", "s.rhai", "-p", "x=1"][..],
            &["run", "s.rhai", "--json"][..],
            &["runs"][..],
            &["runs", "--json"][..],
            &["show", "@"][..],
            &["show", "@", "--json"][..],
            &["patterns"][..],
            &["failures"][..],
            &["export", "@"][..],
            &["plan", "s.rhai"][..],
            &["replay", "@"][..],
        ] {
            let ran = project.kaizen(arguments);
            assert!(is_safe(&ran.stderr), "{trick:?} {arguments:?}: {:?}", ran.stderr);
            assert!(is_safe(&ran.stdout), "{trick:?} {arguments:?}: {:?}", ran.stdout);
            shown += &ran.stderr;
        }
        assert!(shown.contains("\\u{"), "{shown}");
    }
}

/// A name with an end of a line in it would let the rest pass for a line of kaizen's own.
#[test]
fn no_name_or_message_begins_a_line() {
    let project = Project::new();
    let name = "a\\nFORGED";
    let script = format!(
        "let g = builder(\"g{name}\");\n\
         let a = g.add_operation(\"chat\", #{{ name: \"o{name}\", instruction: \"x\" }});\n\
         g.add_operation(|| {{ throw \"e{name}\" }}, #{{ name: \"p{name}\", depends_on: a }});\n\
         log.info(\"i{name}\"); log.warn(\"w{name}\");\n\
         let o = optimizer();\n\
         for i in 0..8 {{ o.record_execution(\"t{name}\", if i % 2 == 0 {{ \"m{name}\" }} else {{ \"n{name}\" }}, #{{ success_rate: 0.1 * i }}); }}\n\
         session(branch(\"demo/d{name}\")).flow(g, #{{ allow_failures: true }});\n\
         throw #{{ kind: \"k{name}\", message: \"m{name}\" }};"
    );
    project.file("s.rhai", &script).file("x\nFORGED.rhai", "let x = ;");
    project.file("t\nFORGED_test.rhai", "fn test_a() { assert(false, \"no\") }");
    assert_eq!(project.kaizen(&["run", "s.rhai", "--quiet"]).code, Some(1));

    for arguments in [
        &["show"][..],
        &["show", "@:p"],
        &["runs"],
        &["patterns"],
        &["failures"],
        &["plan", "s.rhai"],
        &["test"],
        &["check"],
        &["run", "no such"],
        &["list"],
        &[],
        &["doctor"],
        &["models"],
    ] {
        let ran = project.kaizen(arguments);
        let all = format!("{}{}", ran.stdout, ran.stderr);
        let forged: Vec<&str> = all.lines().filter(|line| line.starts_with("FORGED")).collect();
        assert_eq!(forged, [""; 0], "{arguments:?}");
    }
}

#[test]
fn a_project_shows_no_command_to_the_terminal_in_what_it_wishes() {
    let project = Project::new();
    project.file("s.rhai", "1");
    project.file(
        "kaizen.toml",
        "[models.\"a\\u001b[2K\\nx\"]\nuse = \"openai/m\"\nbase_url = \"https://a.b/\\u001b[8m\"\n\
         [permissions]\nwrite = [\"out\\u009b\\u202e\"]\n",
    );
    for arguments in [&["run", "s.rhai"][..], &["trust", "--show"][..], &["config", "show"][..]] {
        let ran: Ran = project.kaizen(arguments);
        assert!(is_safe(&ran.stderr) && is_safe(&ran.stdout), "{arguments:?}: {ran:?}");
    }
}

/// Starts the program on a terminal of a width.
fn of_width(project: &Project, width: usize, arguments: &str) -> OnTerminal {
    let mut command = std::process::Command::new("sh");
    let shown = project.command(&[]);
    command.current_dir(project.path()).env("NO_COLOR", "1").env("TERM", "xterm");
    for (name, value) in shown.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let program = shown.get_program().to_str().unwrap().to_owned();
    command.args(["-c", &format!("stty rows 40 cols {width}; exec '{program}' {arguments}")]);
    OnTerminal::start(command)
}

/// Starts a script on a terminal.
fn on_terminal(project: &Project, script: &str, arguments: &[&str]) -> OnTerminal {
    project.file("s.rhai", script);
    OnTerminal::start(project.command(&[&["run", "s.rhai"], arguments].concat()))
}

fn type_line(terminal: &mut OnTerminal, text: &str) {
    text.chars().chain(['\n']).for_each(|key| terminal.press(key));
}

#[test]
fn a_question_shows_what_would_be_done_and_an_answer_holds_for_that_alone() {
    let project = Project::new();
    let script = "let runs = |word| attempt(|| command(\"echo\", [word, \"a b\\u001b[2K\"])).ok;\n\
                  print([runs.call(\"x\"), runs.call(\"x\"), runs.call(\"y\"), runs.call(\"y\")]);";
    let mut terminal = on_terminal(&project, script, &[]);
    let asked = terminal.until("[N]o ");
    assert!(asked.contains(r#"running `echo` with ["x","a b\u001b[2K"]. Allow?"#), "{asked:?}");
    type_line(&mut terminal, "y");
    let asked = terminal.until("[N]o ");
    assert!(asked.contains(r#"with ["y","a b\u001b[2K"]. Allow?"#), "{asked:?}");
    type_line(&mut terminal, "n");
    let rest = terminal.until("false]");
    assert!(rest.contains("[true, true, false, false]") && !rest.contains("Allow?"), "{rest:?}");
}

/// A question has the words that it has on a wide terminal, and what is printed while it is open leaves no half of it.
#[test]
fn a_question_breaks_between_words() {
    let project = Project::new();
    project.file(
        "s.rhai",
        "let t = task(|| env(\"THE_NAME_OF_A_CITY\")); sleep(300); print(\"meanwhile\"); \
         print(attempt(|| t.wait()).ok);",
    );
    let mut told = String::new();
    for width in [40, 60, 200] {
        let mut terminal = of_width(&project, width, "run s.rhai");
        let asked = terminal.until("[N]o ").replace('\r', "");
        let again = terminal.until("[N]o ").replace('\u{1b}', "ESC");
        type_line(&mut terminal, "y");
        terminal.until("true");
        told += &format!("{width}:\n{asked}\n{again:?}\n");
    }
    expect_test::expect![[r#"
        40:
        the script requests permission for
          reading the variable
          `THE_NAME_OF_A_CITY`. Allow?
          [y]es, [a]ll of this kind, anywhere,
          [N]o 
        "\rESC[2KESC[1AESC[2KESC[1AESC[2KESC[1AESC[2KESC[1AESC[2Kmeanwhile\r\nthe script requests permission for\r\n  reading the variable\r\n  `THE_NAME_OF_A_CITY`. Allow?\r\n  [y]es, [a]ll of this kind, anywhere,\r\n  [N]o "
        60:
        the script requests permission for reading the variable
          `THE_NAME_OF_A_CITY`. Allow? [y]es, [a]ll of this kind,
          anywhere, [N]o 
        "\rESC[2KESC[1AESC[2KESC[1AESC[2Kmeanwhile\r\nthe script requests permission for reading the variable\r\n  `THE_NAME_OF_A_CITY`. Allow? [y]es, [a]ll of this kind,\r\n  anywhere, [N]o "
        200:
        the script requests permission for reading the variable `THE_NAME_OF_A_CITY`. Allow? [y]es, [a]ll of this kind, anywhere, [N]o 
        "\rESC[2Kmeanwhile\r\nthe script requests permission for reading the variable `THE_NAME_OF_A_CITY`. Allow? [y]es, [a]ll of this kind, anywhere, [N]o "
    "#]].assert_eq(&told);
}

#[test]
fn what_was_typed_before_is_no_answer() {
    let project = Project::new();
    let mut terminal = on_terminal(
        &project,
        "print(\"soon\"); sleep(700); print(attempt(|| env(\"HOME\")).ok)",
        &[],
    );
    terminal.until("soon");
    type_line(&mut terminal, "y");
    terminal.until("[N]o ");
    type_line(&mut terminal, "n");
    terminal.until("false");
}

#[test]
fn an_open_question_stops_nothing_else_and_ends_with_the_time_of_the_run() {
    let project = Project::new();
    let script = "let t = task(|| env(\"HOME\")); for n in 0..3 { sleep(20); print(`still ${n}`); } t.wait()";
    let mut terminal = on_terminal(&project, script, &["--max-time", "1s"]);
    let shown = terminal.until("still 2");
    assert!(shown.contains("Allow?"), "{shown:?}");
    terminal.until("the time limit of the run");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(4));
}

#[test]
fn a_question_for_a_path_says_where_a_link_leads() {
    let project = Project::new();
    project.file("secret/x", "theirs");
    std::os::unix::fs::symlink("secret", project.path().join("out")).unwrap();
    let mut terminal = on_terminal(&project, "write_text(\"out/x\", \"x\")", &[]);
    let asked = terminal.until("[N]o ");
    let leads_to = project.path().canonicalize().unwrap().join("secret/x");
    let expected = format!("a link to `{}`", leads_to.display());
    assert!(asked.replace("\r\n", "").contains(&expected), "{asked:?}");
    type_line(&mut terminal, "n");
}

#[test]
fn no_command_to_the_terminal_is_drawn_in_the_live_region() {
    for trick in TRICKS {
        let project = Project::new();
        let name = quoted(trick);
        // Each is under way for long enough to be drawn.
        let script = format!(
            "let g = builder(\"g{name}\");\n\
             g.add_operation(\"communicate\", #{{ name: \"one {name}\", instruction: \"x\" }});\n\
             g.add_operation(|| {{ sleep(300); 1 }}, #{{ name: \"two {name}\" }});\n\
             g.add_operation(|| {{ sleep(300); 1 }}, #{{ name: \"{name}\" }});\n\
             session(branch(\"demo/{name}\")).flow(g);\n\
             branch(\"demo/m {name}\").chat(\"{name}\"); print(\"over\");"
        );
        let shown = on_terminal(&project, &script, &[]).until("over");
        assert!(shown.contains("\\u{") || shown.contains("\\r"), "{trick:?}: {shown:?}");

        // What moves the cursor is the region's own; nothing else steers the terminal.
        let ours = without_moves(&shown);
        assert!(is_safe(&ours), "{trick:?}: {ours:?}");
        assert!(!ours.contains("\rinnocent"), "{trick:?}: {ours:?}");
    }
}

/// Takes out the commands with which a live region is drawn.
fn without_moves(shown: &str) -> String {
    let mut parts = shown.split('\u{1b}');
    let mut left = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !"[0123456789;?".contains(c)).unwrap_or(part.len());
        let letter = part[end..].chars().next().unwrap_or(' ');
        let is_move = part.starts_with('[') && "ABCDGHJKhlm".contains(letter);
        // A line is cleared from its beginning: `[2K` behind a `\r` is the region's own.
        if is_move && (!part.starts_with("[2K") || left.ends_with('\r')) {
            left.push_str(&part[end + letter.len_utf8()..]);
        } else {
            left.push('\u{1b}');
            left.push_str(part);
        }
    }
    left
}

#[test]
fn the_line_of_an_error_fits_the_terminal_so_that_its_marks_stand_below_the_right_words() {
    let project = Project::new();
    let many = "let a = 1; ".repeat(12);
    let cases = [
        (
            "let answer = branch().chat(\"Say something about it\", #{ max_tokens: \"5\" });"
                .to_owned(),
            "\"5\"",
        ),
        (format!("{many}print(nope);"), "nope"),
        (format!("print(nope); {many}"), "nope"),
        (format!("{many}print(nope); {many}"), "nope"),
        (format!("let long = \"{}\"; nope", "word ".repeat(40)), "nope"),
    ];
    for (script, wrong) in cases {
        for width in [40, 60, 100] {
            project.file("s.rhai", &script);
            let text = of_width(&project, width, "check s.rhai").rest().replace('\r', "");
            let lines: Vec<&str> = text.lines().collect();
            let marked = lines.iter().position(|line| line.contains("^^^")).expect("marks");
            let column = lines[marked].chars().position(|c| c == '^').unwrap();
            let above: String = lines[marked - 1].chars().skip(column).take(wrong.len()).collect();
            assert_eq!(above, wrong, "{width}: {text}");
            let widest = lines.iter().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width), "{width}: {text}");
        }
    }
}

#[test]
fn a_far_time_that_a_run_sleeps_until_is_shown() {
    let project = Project::new();
    let mut terminal = on_terminal(&project, "sleep(3_600_000);", &[]);
    terminal.until("sleeping until 2");
    terminal.hang_up();
}

/// Runs a script on a terminal, says yes to its first question and no to the second, and returns both questions
/// and what follows.
fn after_a_yes(project: &Project, script: &str, arguments: &[&str]) -> [String; 3] {
    let mut terminal = on_terminal(project, script, arguments);
    let first = terminal.until("[N]o ");
    type_line(&mut terminal, "y");
    let second = terminal.until("[N]o ");
    type_line(&mut terminal, "n");
    let rest = terminal.until("false]");
    [first, second, rest]
}

#[test]
fn a_yes_to_a_program_is_none_to_other_input() {
    let long = "#".repeat(600);
    let inputs = [
        ("`echo a`".to_owned(), "`touch evil`".to_owned()),
        ("``".to_owned(), "`touch evil`".to_owned()),
        ("`echo a`".to_owned(), "`echo a\ntouch evil`".to_owned()),
        // Alike as far as they are shown.
        (format!("`{long}\necho abcde`"), format!("`{long}\ntouch evil`")),
        ("`echo ${env(\"A_KEY\")}`".to_owned(), "`echo ${env(\"B_KEY\")}`".to_owned()),
    ];
    for (harmless, other) in inputs {
        let project = Project::new();
        let script = format!(
            "let runs = |input| attempt(|| command(`sh`, [`-s`], #{{ stdin: input }})).ok;\n\
             print([runs.call({harmless}), runs.call({harmless}), runs.call({other})]);"
        );
        let mut command = project.command(&["run", "s.rhai", "--allow-env=A_KEY,B_KEY"]);
        command.env("A_KEY", "canary-1-abcdef").env("B_KEY", "canary-2-abcdef");
        project.file("s.rhai", &script);
        let mut terminal = OnTerminal::start(command);
        let first = terminal.until("[N]o ");
        type_line(&mut terminal, "y");
        terminal.until("[N]o ");
        type_line(&mut terminal, "n");
        let rest = terminal.until("false]");
        assert!(rest.contains("[true, true, false]"), "{other}: {rest:?}");
        assert!(!project.path().join("evil").exists(), "{other}");
        assert!(!format!("{first}{rest}").contains("canary"), "{first:?}");
    }
}

#[test]
fn a_question_shows_what_a_program_is_given_to_read() {
    let project = Project::new();
    let script = format!(
        "let runs = |program, input| attempt(|| command(program, [], #{{ stdin: input }})).ok;\n\
         print([runs.call(`cat`, \"a\\n\\u001b[2K\"), runs.call(`cat`, `{}`)]);",
        "x".repeat(700)
    );
    let [first, second, _] = after_a_yes(&project, &script, &[]);
    assert!(first.contains(r#"running `cat` and the input "a\n\u001b[2K". Allow?"#), "{first:?}");
    let shown = format!(r#"and the input "{} .." (700 bytes in total). Allow?"#, "x".repeat(500));
    let second: String = second.split("\r\n").collect();
    assert!(second.contains(&shown), "{second:?}");
}

#[test]
fn a_yes_to_a_program_is_none_to_what_takes_its_place() {
    for (first, then) in [
        ("#!/bin/sh\ntrue\n", "#!/bin/sh\ntouch evil\n"),
        // Of the same length.
        ("#!/bin/sh\ntouch good\n", "#!/bin/sh\ntouch evil\n"),
    ] {
        let project = Project::new();
        project.file("x", first);
        let path = project.path().join("x");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let script = format!(
            "let runs = || attempt(|| command(`./x`, [])).ok;\n\
             let before = [runs.call(), runs.call()]; write_text(`x`, `{then}`);\n\
             print(before + [runs.call()]);"
        );
        let [_, _, rest] = after_a_yes(&project, &script, &["--allow-write=x"]);
        assert!(rest.contains("[true, true, false]"), "{rest:?}");
        assert!(!project.path().join("evil").exists());
    }
}

#[test]
fn a_yes_to_a_folder_is_none_to_what_is_in_it() {
    let project = Project::new();
    project.file("made/x/x.txt", "theirs");
    let place = project.path().join("made").canonicalize().unwrap();
    let place = place.display();
    for (first, second) in [
        (r#"write_text("made", "q")"#, r#"write_text("made/y", "q")"#.to_owned()),
        (r#"write_text("made/x/..", "q")"#, r#"write_text("made/x/x.txt", "q")"#.to_owned()),
        (r#"read_text("/")"#, format!(r#"write_text("{place}/x/x.txt", "q")"#)),
        (r#"read_text("/")"#, r#"read_text("/etc/passwd")"#.to_owned()),
        (r#"read_text("..")"#, r#"read_text("../other.txt")"#.to_owned()),
    ] {
        let script = format!("print([attempt(|| {first}).ok] + [attempt(|| {second}).ok]);");
        let [_, asked, rest] = after_a_yes(&project, &script, &[]);
        assert!(asked.contains("Allow?"), "{second}: {asked:?}");
        assert!(rest.contains("[false, false]"), "{second}: {rest:?}");
    }
    assert_eq!(std::fs::read_to_string(project.path().join("made/x/x.txt")).unwrap(), "theirs");
}

#[test]
fn a_pattern_names_no_variable_and_is_not_asked_about() {
    let project = Project::new();
    let script = "let keyed = |key| attempt(|| imodel(#{ provider: `openai`, model: `m`, \
                  base_url: `http://127.0.0.1:9`, key: key })).ok;\n\
                  let asks = |name| attempt(|| env(name)).ok;\n\
                  print([asks.call(`*`), asks.call(`HO*`), keyed.call(`env:HO*`), asks.call(`HOME`)]);";
    let mut terminal = on_terminal(&project, script, &[]);
    let asked = terminal.until("[N]o ");
    assert!(asked.contains("reading the variable `HOME`. Allow?"), "{asked:?}");
    assert_eq!(asked.matches("Allow?").count(), 1, "{asked:?}");
    type_line(&mut terminal, "n");
    terminal.until("[false, false, false, false]");
}

#[test]
fn a_no_to_a_host_holds_with_a_dot_at_its_end() {
    let project = Project::new();
    let script = "let asks = |host| attempt(|| http_get(`http://${host}/`)).ok;\n\
                  print([asks.call(`a.invalid`), asks.call(`a.invalid.`), asks.call(`A.invalid`)]);";
    let mut terminal = on_terminal(&project, script, &[]);
    terminal.until("[N]o ");
    type_line(&mut terminal, "n");
    let rest = terminal.until("false]");
    assert!(rest.contains("[false, false, false]") && !rest.contains("Allow?"), "{rest:?}");
}
