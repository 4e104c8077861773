//! Numbers, sizes and times at the ends of their types, and data nested deep: an error or an answer,
//! and never the end of the process.

use crate::support::Project;
use std::process::{Command, Stdio};

/// Runs a script with little memory and returns its value, or the message of its error.
fn value_of(script: &str) -> String {
    let project = Project::new();
    project.file("s.rhai", &format!("{script}\n"));
    // A process that asks for more than this is ended.
    let program = env!("CARGO_BIN_EXE_kaizen");
    let line = format!("ulimit -v 4000000; exec {program} run s.rhai --json --allow-write=l");
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).current_dir(project.path()).env("HOME", project.path());
    let output = shell.stdin(Stdio::null()).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = stdout.lines().last().unwrap_or_default();
    let done: serde_json::Value = serde_json::from_str(last).unwrap_or_default();
    match &done["error"]["message"] {
        serde_json::Value::String(message) => format!("error: {message}"),
        _ if output.status.success() => done["value"].to_string(),
        _ => format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (script, expected) in cases {
        assert_eq!(value_of(script), *expected, "{script}");
    }
}

const LONG_LIST: &str = "error: size of array/BLOB too large";
const LONG_MAP: &str = "error: size of object map too large";
const LONG_TEXT: &str = "error: length of string too large";

/// Runs the cases as one script that begins with `first`, and compares all outcomes.
fn check_together(first: &str, cases: &[(&str, &str)]) {
    let mut script = format!("{first}\nlet all = [];\n");
    for (code, _) in cases {
        let outcome = "if r.ok { r.value } else { `error: ${r.error.message}` }";
        script.push_str(&format!("let r = attempt(|| {{ {code} }});\nall.push({outcome});\n"));
    }
    script.push_str("all\n");
    let outcomes: serde_json::Value = serde_json::from_str(&value_of(&script)).expect(&script);
    let outcomes: Vec<String> = outcomes.as_array().unwrap().iter().map(shown).collect();
    for ((code, expected), outcome) in cases.iter().zip(&outcomes) {
        assert_eq!(outcome, expected, "{code}");
    }
}

fn shown(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn what_would_be_too_large_is_an_error_before_it_is_made() {
    let long = "let s = `a`; s.pad(60000000, `a`); let words = ``; words.pad(60000000, ` a`);";
    check_together(
        long,
        &[
            ("(0..=9223372036854775807).to_array()", LONG_LIST),
            ("((-9223372036854775807 - 1)..9223372036854775807).to_array()", LONG_LIST),
            ("(0..4000001).to_array()", LONG_LIST),
            ("(0..4000000).to_array().len", "4000000"),
            ("(9..3).to_array()", "[]"),
            ("(3..=3).to_array()", "[3]"),
            ("let a = []; a.pad(9223372036854775807, 1)", LONG_LIST),
            ("blob(9223372036854775807, 1)", LONG_LIST),
            ("let t = `a`; t.pad(9223372036854775807, `b`)", LONG_TEXT),
            ("let t = ``; t.pad(60000000, 'ä')", LONG_TEXT),
            ("let t = ``; t.pad(60000000, `äö`)", LONG_TEXT),
            ("let t = s; t.pad(60000001, s); t.len", "60000001"),
            ("let a = []; a.pad(3000000, [1, 2])", LONG_LIST),
            ("let t = s; t.replace(`a`, t)", LONG_TEXT),
            ("let t = s; t.replace('a', `four`)", LONG_TEXT),
            ("let t = s; t.replace(``, `xx`)", LONG_TEXT),
            ("s.split(``).len", LONG_LIST),
            ("words.split().len", LONG_LIST),
            ("words.split(' ').len", LONG_LIST),
            ("words.split_rev(` `, 9223372036854775807).len", LONG_LIST),
        ],
    );
}

/// Texts of JSON that become much larger than they are.
#[test]
fn json_that_would_be_too_large_is_an_error_before_it_is_made() {
    let texts = "let around = |each, length| { let s = `[`; s.pad(length, each); s + `1]` };";
    check_together(
        texts,
        &[
            ("json(around.call(`1,`, 8000001))", LONG_LIST),
            ("json(around.call(`[],`, 12000001))", LONG_LIST),
            ("json(around.call(`{},`, 12000001))", LONG_LIST),
            ("json(around.call(`{\"a\":1},`, 32000001))", LONG_LIST),
            ("json(around.call(`[{\"a\":1}],`, 22000001))", LONG_LIST),
            ("parse_json(around.call(`1,`, 8000001))", LONG_LIST),
            ("let s = `{\"b\":1`; s.pad(24000006, `,\"a\":1`); json(s + `}`)", LONG_MAP),
            ("let s = `[\"`; s.pad(20000002, `[1,:`); json(s + `\"]`)[0].len", "20000000"),
            ("json(around.call(`1,`, 200001)).len", "100001"),
            ("let s = ``; s.pad(8000002, `1\n`); write_text(`l`, s); read_jsonl(`l`)", LONG_LIST),
            ("write_text(`l`, around.call(`1,`, 8000001)); read_jsonl(`l`)", LONG_LIST),
            ("let s = ``; s.pad(4000001, \"\\n\"); write_text(`l`, s); read_lines(`l`)", LONG_LIST),
        ],
    );
}

#[test]
fn words_that_are_bounded_do_what_they_did() {
    check(&[
        ("`a b  c `.split()", r#"["a","b","c"]"#),
        ("``.split()", r#"[""]"#),
        ("`a,b,c`.split(`,`)", r#"["a","b","c"]"#),
        ("`a,b,c`.split(`;`)", r#"["a,b,c"]"#),
        ("``.split(``)", r#"[""]"#),
        ("`ab`.split(``)", r#"["","a","b",""]"#),
        ("`a,b,c`.split(',', 2)", r#"["a","b,c"]"#),
        ("`a,b,c`.split(',', -2)", r#"["a,b,c"]"#),
        ("`a,b,c`.split_rev(`,`)", r#"["c","b","a"]"#),
        ("`a,b,c`.split_rev(',', 2)", r#"["c","a,b"]"#),
        ("`abc`.split(1)", r#"["a","bc"]"#),
        ("let s = `abab`; s.replace(`ab`, 'x'); s", r#""xx""#),
        ("let s = `ab`; s.pad(6, `xyz`); s", r#""abxyzx""#),
        ("let s = `ä`; s.pad(4, `öü`); s", r#""äöüö""#),
        ("let s = `ab`; s.pad(4, 'ü'); s", r#""abüü""#),
        ("let s = `ab`; s.pad(2, ``); s.pad(-1, ``); s", r#""ab""#),
        ("let s = `ab`; s.pad(10, ``)", "error: `pad` needs a non-empty text to pad with"),
        ("let s = `abab`; s.replace('a', ``); s", r#""bb""#),
    ]);
}

#[test]
fn numbers_at_the_ends_of_their_types_are_errors_or_answers() {
    let least = "(-9223372036854775807 - 1)";
    check(&[
        ("1 << 64", "0"),
        ("1 >> -1", "2"),
        ("1 << 9223372036854775807", "0"),
        (&format!("{least}.abs()"), "error: negation overflow: --9223372036854775808"),
        (&format!("-{least}"), "error: integer overflow"),
        (&format!("{least} / -1"), "error: division overflow: -9223372036854775808 / -1"),
        ("2 ** 100", "error: exponential overflow: 2 ** 100"),
        ("9223372036854775807 + 1", "error: addition overflow: 9223372036854775807 + 1"),
        ("parse_int(`zz`, 99)", "error: invalid radix: '99'"),
        ("for n in range(0, 9223372036854775807, 9223372036854775806) { n } 1", "1"),
    ]);
}

#[test]
fn times_at_the_ends_of_their_types_are_errors_or_waits() {
    // `check` finds literals that are no times, so these come from lists.
    let never = "attempt(|| timeout(20, || sleep(9223372036854775807))).error.kind";
    check(&[
        ("sleep(1e300)", "error: `sleep` needs a number of milliseconds, 0 or more, not 1e300"),
        ("sleep(0.0 / 0.0)", "error: `sleep` needs a number of milliseconds, 0 or more, not NaN"),
        ("sleep(1.0 / 0.0)", "error: `sleep` needs a number of milliseconds, 0 or more, not inf"),
        (
            "[-0.5].map(|n| sleep(n))",
            "error: `sleep` needs a number of milliseconds, 0 or more, not -0.5",
        ),
        ("[-1].map(|n| sleep(n))", "error: `sleep` needs a time of at least 0, not -1"),
        ("sleep(-0.0); sleep(0); sleep(1e-300); 1", "1"),
        (never, r#""timeout""#),
        ("timeout(9223372036854775807, || 1)", "1"),
        (
            "[9223372036854775807].map(|n| retry(n, || 1))",
            "error: `retry` needs at least 1 attempt, not 9223372036854775807",
        ),
        ("parallel([1], |n| n, #{ max_concurrent: 9223372036854775807 })", "[1]"),
        ("branch(`demo/echo`).chat(`x`, #{ timeout_ms: 9223372036854775807 }).len", "19"),
    ]);
}

#[test]
fn sleep_takes_milliseconds_in_every_spelling_and_holds_nothing_up() {
    let spellings = [
        "sleep(60000)",
        "sleep(60000.0)",
        "60000.sleep()",
        "(6e4).sleep()",
        "Fn(`sleep`).call(60000.0)",
        "call(Fn(`sleep`), 60000)",
        "[`sleep`].map(|name| Fn(name).call(6e4))",
        "[60000.0].map(|n| sleep(n))",
    ];
    for spelling in spellings {
        let project = Project::new();
        project
            .file("s.rhai", &format!("print(race([|| {{ {spelling} }}, || {{ sleep(5); 1 }}]));"));
        let ran = project.kaizen(&["run", "s.rhai", "--max-time", "20s"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "1\n"), "{spelling}: {}", ran.stderr);
        project.file("s.rhai", spelling);
        let ran = project.kaizen(&["run", "s.rhai", "--max-time", "50ms"]);
        assert_eq!(ran.code, Some(4), "{spelling}: {}", ran.stderr);
    }
}

#[test]
fn data_nested_deep_is_printed_and_compared() {
    let deep = "let m = #{}; for i in 0..2000 { m = #{ a: take(m) }; }
        let l = []; for i in 0..2000 { l = [take(l)]; }";
    check_together(
        deep,
        &[
            ("m.to_string().len", "16003"),
            ("`${l}`.len", "4002"),
            ("(`x` + l).len", "4003"),
            ("print(m); 1", "1"),
            ("debug(l); 1", "1"),
            ("m == m && l == l", "true"),
            ("m != #{}", "true"),
            ("[l].contains(l)", "true"),
            ("l in [m]", "false"),
            ("let both = [l, l]; both.dedup(); both.len", "1"),
            ("to_json(m)", "error: data is nested deeper than 128"),
            ("attempt(|| throw l).ok", "false"),
            ("attempt(|| [1, 2].sort(|a, b| m)).ok", "false"),
            ("attempt(|| branch(m)).ok", "false"),
            ("parallel([m], |x| x).len", "1"),
            ("let f = || m; f.call() == m", "true"),
        ],
    );
}

#[test]
fn data_is_printed_and_compared_as_the_language_does() {
    check(&[
        (
            "`${[1, \"a\\n\", '[', #{ b: 2.5, \"c d\": [()] }, true, [], #{}]}`",
            r##""[1, \"a\\n\", [, #{\"b\": 2.5, \"c d\": [()]}, true, [], #{}]""##,
        ),
        (
            "`${[1..3, blob(2, 1), Fn(`sleep`), branch(`demo/echo`)]}`",
            r#""[1..3, [0101], the function `sleep`, branch]""#,
        ),
        ("[1] == [1.0]", "true"),
        ("[1] == [`a`]", "false"),
        ("[[1], #{ a: [2] }] == [[1], #{ a: [2] }]", "true"),
        ("#{ a: 1 } == #{ b: 1 }", "false"),
        ("[1, 2] != [1, 2, 3]", "true"),
        ("[] == [] && #{} == #{}", "true"),
    ]);
}

#[test]
fn exit_ends_a_script_and_no_task_of_it() {
    check(&[
        ("exit(5); 3", "5"),
        ("fn f() { exit(4) } f(); 3", "4"),
        (
            "task(|| exit(4)).wait()",
            "error: `exit` ends a script, not a task; use `return` to end a function",
        ),
    ]);
}

#[test]
fn options_at_the_ends_of_their_types_are_errors_or_taken() {
    let most = u64::MAX.to_string();
    let project = Project::new();
    project.file("s.rhai", "branch(`demo/echo`).chat(`one`)").file("d.jsonl", "1\n");
    for (option, value, code) in [
        ("--concurrency", "0", 2),
        ("--concurrency", "18446744073709551616", 2),
        ("--concurrency", "-1", 2),
        ("--concurrency", &most, 0),
        ("--concurrency", "1152921504606846976", 0),
        ("--max-calls", &most, 0),
        ("--max-tokens", &most, 0),
        ("--max-cost", "1e308", 3),
        ("--max-cost", "nan", 3),
        ("--max-cost", "9000000000", 0),
        ("--seed", &most, 0),
        ("--max-time", "18446744073709551615s", 0),
        ("--max-time", "18446744073709551615ms", 0),
        ("--max-time", "18446744073709551615d", 3),
        ("--max-time", "307445734561825860m", 0),
    ] {
        let ran = project.kaizen(&["run", "s.rhai", option, value]);
        assert_eq!(ran.code, Some(code), "{option} {value}: {}", ran.stderr);
        assert!(!ran.stderr.contains("this is a bug"), "{}", ran.stderr);
    }
}

#[test]
fn settings_at_the_ends_of_their_types_are_errors_or_taken() {
    let project = Project::new();
    project.file("s.rhai", "branch(`demo/echo`).chat(`one`)");
    for (section, lines, code) in [
        ("run", "concurrency = 9223372036854775807", 0),
        ("run", "concurrency = 2305843009213693952", 0),
        ("limits", "operations = 9223372036854775807", 0),
        ("limits", "operations = 1", 0),
        ("budget", "max_calls = 9223372036854775807", 0),
        ("budget", "max_time = \"18446744073709551615s\"", 0),
        ("budget", "max_time = \"0s\"", 4),
        ("store", "keep = \"18446744073709551615s\"", 0),
        ("store", "max_size = \"18446744073709551615B\"", 0),
        ("store", "max_size = \"18446744073GiB\"", 3),
        ("watch", "quiet_ms = 9223372036854775807", 0),
        ("models.m", "use = \"demo/echo\"\ntimeout_ms = 9223372036854775807", 0),
        ("models.m", "use = \"demo/echo\"\nlatency_ms = -1", 3),
        ("models.m", "use = \"demo/echo\"\nattempts_max = 9223372036854775807", 3),
        ("models.m", "use = \"demo/echo\"\nmax_tokens = 18446744073709551615", 3),
    ] {
        project.file("kaizen.toml", &format!("[{section}]\n{lines}\n"));
        for arguments in [&["run", "s.rhai"][..], &["gc", "--dry-run"], &["config", "show"]] {
            let ran = project.kaizen(arguments);
            assert!(!ran.stderr.contains("this is a bug"), "{}", ran.stderr);
            if arguments[0] == "run" {
                assert_eq!(ran.code, Some(code), "{lines}: {}", ran.stderr);
            }
        }
    }
}

#[test]
fn more_tasks_than_memory_has_room_for_are_an_error() {
    let message = "cannot start another task: 20000 tasks already exist (`TASKS_MAX`); wait for some of them first";
    for script in [
        "let all = []; for n in 0..45000 { all.push(task(|| sleep(60000))); }",
        "(0..45000).to_array().parallel(|n| sleep(60000), #{ max_concurrent: 45000 })",
        "let f = []; f.pad(45000, || sleep(60000)); gather(f)",
        "let f = []; f.pad(45000, || sleep(60000)); race(f)",
        "(0..300).to_array().parallel(|n| (0..300).to_array().parallel(|m| sleep(60000)))",
    ] {
        let project = Project::new();
        let caught = format!("try {{ {script} }} catch (e) {{ print(e.kind); print(e.message); }}");
        project.file("s.rhai", &caught);
        let ran = project.kaizen(&["run", "s.rhai", "--progress", "none"]);
        assert_eq!((ran.code, ran.stdout), (Some(0), format!("memory\n{message}\n")), "{script}");
    }
}

/// One function may take long, and looks at nothing meanwhile.
#[test]
fn a_function_that_does_not_stop_is_ended_with_the_run() {
    let numbers = "let a = []; a.pad(2000000, 7); let b = a; b[1999999] = 8;";
    let texts = "let s = ``; s.pad(9000000, `ab `);";
    let words = [
        "loop { assert_ne(a, b); }",
        "loop { assert_eq(a, a); }",
        "attempt(|| assert_eq(a, b)); loop { attempt(|| assert_eq(a, b)); }",
        "loop { a.sort(); }",
        "loop { a.sorted(); }",
        "loop { a.join(`, `); }",
        "loop { a.distinct(); b.distinct(); }",
        "loop { a.sum(); }",
        "loop { s.split(`b`); }",
        "loop { s.replaced(`a`, `c`); }",
        "loop { s.index_of(`x`); }",
        "loop { (0..4000000).to_array(); }",
        "let n = []; for i in 0..60000 { n.push([i]); } n.distinct()",
    ];
    let project = Project::new();
    for (number, word) in words.iter().enumerate() {
        let name = format!("s{number}.rhai");
        let data = if word.contains(" s.") { texts } else { numbers };
        project.file(&name, &format!("{data} print(`begun`); {word}"));

        let began = std::time::Instant::now();
        let ran = project.kaizen(&["run", &name, "--max-time", "1s"]);
        assert_eq!(ran.code, Some(4), "{word}: {}", ran.stderr);
        // Most of it is for a busy machine: without an end, it would take for ever.
        assert!(began.elapsed().as_secs() < 31, "{word}: {:?}", began.elapsed());
        assert!(ran.stderr.contains("(`max_time`) is reached"), "{word}: {}", ran.stderr);
    }
    let runs = project.kaizen(&["runs"]);
    assert_eq!(runs.code, Some(0), "{}", runs.stderr);
}

#[test]
fn a_run_whose_output_nobody_reads_ends_in_time() {
    for arguments in [&["--max-time", "1s"][..], &["--max-time", "1s", "--json"]] {
        let project = Project::new();
        project.file("s.rhai", "loop { print(`a line that nobody reads`); }");
        let mut command = project.command(&[&["run", "s.rhai"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let ends = || child.try_wait().unwrap().is_some();
        crate::support::process::until(std::time::Duration::from_secs(20), "the run ends", ends);
        assert_eq!(child.wait().unwrap().code(), Some(4), "{arguments:?}");
    }
}

/// A long text is read as long as the script may run, and no longer.
#[test]
fn json_that_takes_long_ends_with_the_script() {
    let texts = [
        r#"let s = "["; s.pad(24000001, `{"a":1},`); s += "1]"; json(s)"#,
        r#"let s = "["; s.pad(24000001, `{"a":1},`); s += "1]"; parse_json(s)"#,
        "let s = \"\"; s.pad(12000000, `{\"a\":1}\n`); write_text(`l`, s); read_jsonl(`l`)",
    ];
    for text in texts {
        let project = Project::new();
        project.file("s.rhai", &format!("{text}; print(`read`)"));
        let arguments = ["run", "s.rhai", "--allow-write=l", "--max-time", "300ms"];
        let ran = project.kaizen(&arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{text}: {}", ran.stderr);
    }
}
