//! What `kaizen plan` says of gates, loops and graphs whose course only a run can tell.

use crate::support::Project;
use expect_test::expect;
use std::fmt::Write as _;

/// Plans scripts that never ran: their whole plans, without what differs from machine to machine.
fn plans(scripts: &[(&str, &str)]) -> String {
    let project = Project::new();
    let mut told = String::new();
    for (what, script) in scripts {
        project.file("s.rhai", script);
        let ran = project.kaizen(&["plan", "s.rhai"]);
        let _ = writeln!(told, "== {what}: {}", ran.code.unwrap_or(-1));
        for line in ran.stdout.lines().chain(ran.stderr.lines()) {
            if line.starts_with("ranges depend on replies") || line.starts_with("run --reuse") {
                continue;
            }
            let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
            let cells = cells.map(|cell| if cell.contains("/~") { "~tokens" } else { cell });
            let _ = writeln!(told, "{}", cells.collect::<Vec<_>>().join("  "));
        }
    }
    told
}

#[test]
fn what_a_gate_lets_through_is_a_range_wherever_its_result_comes_from() {
    let graph = |gate: &str| {
        format!(
            "let g = builder(\"g\"); let ok = {gate}; \
             g.add_operation(\"chat\", #{{ name: \"publish\", instruction: \"x\", depends_on: ok }}); \
             session(branch(\"demo/echo\")).flow(g)"
        )
    };
    let scripts = [
        (
            "a reply",
            "g.add_operation(\"chat\", #{ name: \"ok\", instruction: \"ok?\", gate: true })",
        ),
        (
            "data of a reply",
            "g.add_operation(\"operate\", #{ name: \"ok\", instruction: \"ok?\", gate: true, \
             schema: \"verdict: accept | reject\" })",
        ),
        (
            "a function that asks a model",
            "g.add_operation(|| #{ verdict: branch(\"demo/echo\").chat(\"ok?\") }, \
             #{ name: \"ok\", gate: true })",
        ),
        (
            "a person",
            "g.add_operation(\"ask\", #{ name: \"ok\", question: \"ok?\", schema: \"verdict: string\", \
             gate: true })",
        ),
        (
            "a function that asks a person",
            "g.add_operation(|| #{ verdict: ask(\"ok?\", #{ default: \"accept\" }) }, \
             #{ name: \"ok\", gate: true })",
        ),
        (
            "a function that depends on a reply",
            "{ let a = g.add_operation(\"chat\", #{ name: \"a\", instruction: \"a\" }); \
             g.add_operation(|i| #{ verdict: if i.a.len == 12345 { \"reject\" } else { \"accept\" } }, \
             #{ name: \"ok\", depends_on: a, gate: true }) }",
        ),
        (
            "chance",
            "g.add_operation(|| #{ verdict: if random() < 0.5 { \"reject\" } else { \"accept\" } }, \
             #{ name: \"ok\", gate: true })",
        ),
        (
            "nothing unknown",
            "g.add_operation(|| #{ verdict: \"accept\" }, #{ name: \"ok\", gate: true })",
        ),
    ];
    let scripts = scripts.map(|(what, gate)| (what, graph(gate)));
    let scripts: Vec<(&str, &str)> = scripts.iter().map(|(what, text)| (*what, &**text)).collect();
    expect![[r#""#]].assert_eq(&plans(&scripts));
}

#[test]
fn a_loop_that_a_reply_or_a_person_ends_is_a_range() {
    let scripts = [
        (
            "while",
            "let b = branch(\"demo/echo\"); let n = 0; while n < 5 && b.chat(\"ok?\") != \"yes\" { n += 1; b.chat(\"again\"); }",
        ),
        (
            "its length",
            "let b = branch(\"demo/echo\"); let n = 0; while n < 5 && b.chat(\"draft\").len < 500 { n += 1; }",
        ),
        (
            "a number",
            "let b = branch(\"demo/echo\"); let n = 0; let s = 0; while s < 8 && n < 6 { s = b.chat(\"score\").parse_int(); n += 1; }",
        ),
        (
            "data",
            "let b = branch(\"demo/echo\"); let n = 0; loop { n += 1; let v = b.communicate(\"rate\", #{ schema: \"score: integer 0..10, word: string\" }); if v.word == \"good\" || n >= 7 { break; } b.chat(\"improve\"); }",
        ),
        (
            "two equal replies",
            "let b = branch(\"demo/echo\"); let last = \"\"; for n in 0..5 { let now = b.chat(\"x\"); if now == last { break; } last = now; }",
        ),
        (
            "several",
            "let b = branch(\"demo/echo\"); let n = 0; let good = 0; while good < 3 && n < 10 { n += 1; if b.chat(\"q\").contains(\"good\") { good += 1; } }",
        ),
        (
            "a person's text",
            "for n in 0..4 { if ask(\"more?\") == \"stop\" { break; } branch(\"demo/echo\").chat(\"a\"); }",
        ),
        (
            "a person's number",
            "for n in 0..ask(\"how many?\", #{ schema: \"integer 1..5\" }) { branch(\"demo/echo\").chat(\"a\"); }",
        ),
        (
            "a person's list",
            "for x in ask(\"which?\", #{ schema: \"[string] 1..6\" }) { branch(\"demo/echo\").chat(x); }",
        ),
        (
            "a person's yes",
            "if ask(\"go?\", #{ schema: \"ok: boolean\" }).ok { branch(\"demo/echo\").chat(\"a\"); }",
        ),
        (
            "a person's default",
            "if ask(\"go?\", #{ default: \"no\" }) == \"yes\" { branch(\"demo/echo\").chat(\"a\"); }",
        ),
    ];
    expect![[r#""#]].assert_eq(&plans(&scripts));
}

#[test]
fn a_graph_bounds_its_calls_also_where_every_guess_makes_it_fail() {
    let scripts = [
        (
            "a function that throws",
            "let g = builder(\"g\"); let a = g.add_operation(\"chat\", #{ name: \"a\", instruction: \"x\" }); let c = g.add_operation(|i| { if i.a.len != 12345 { throw \"bad\" } 1 }, #{ name: \"c\", depends_on: a }); g.add_operation(\"chat\", #{ name: \"d\", instruction: \"y\", depends_on: c }); session(branch(\"demo/echo\")).flow(g)",
        ),
        (
            "failures allowed",
            "let g = builder(\"g\"); let a = g.add_operation(\"chat\", #{ name: \"a\", instruction: \"x\" }); let c = g.add_operation(|i| { if i.a.len != 12345 { throw \"bad\" } 1 }, #{ name: \"c\", depends_on: a }); g.add_operation(\"chat\", #{ name: \"d\", instruction: \"y\", depends_on: c }); session(branch(\"demo/echo\")).flow(g, #{ allow_failures: true })",
        ),
        (
            "a list that is none",
            "let g = builder(\"g\"); let l = g.add_operation(\"chat\", #{ name: \"l\", instruction: \"list\" }); let e = g.expand(l, |t| #{ instruction: `do ${t}` }, #{ name: \"each\" }); g.add_operation(\"chat\", #{ name: \"sum\", instruction: \"y\", depends_on: e }); session(branch(\"demo/echo\")).flow(g)",
        ),
        (
            "one after another",
            "let g = builder(\"g\"); let a = g.add_operation(\"chat\", #{ name: \"a\", instruction: \"x\" }); let c = g.add_operation(|i| { if i.a.len != 12345 { throw \"bad\" } #{ n: 1 } }, #{ name: \"c\", depends_on: a }); let d = g.add_operation(|i| i.c.n + 1, #{ name: \"d\", depends_on: c }); g.add_operation(\"chat\", #{ name: \"e\", instruction: \"y\", depends_on: d }); session(branch(\"demo/echo\")).flow(g)",
        ),
        (
            "a condition behind it",
            "let g = builder(\"g\"); let a = g.add_operation(\"chat\", #{ name: \"a\", instruction: \"x\" }); let c = g.add_operation(|i| { if i.a.len != 12345 { throw \"bad\" } 1 }, #{ name: \"c\", depends_on: a }); g.add_operation(\"chat\", #{ name: \"d\", instruction: \"y\", depends_on: c, when: |i| i.c == 1 }); session(branch(\"demo/echo\")).flow(g)",
        ),
        (
            "a gate behind it",
            "let g = builder(\"g\"); let a = g.add_operation(\"chat\", #{ name: \"a\", instruction: \"x\" }); let c = g.add_operation(|i| { if i.a.len != 12345 { throw \"bad\" } 1 }, #{ name: \"c\", depends_on: a, gate: true }); g.add_operation(\"chat\", #{ name: \"d\", instruction: \"y\", depends_on: c }); session(branch(\"demo/echo\")).flow(g)",
        ),
        (
            "what fails without a guess",
            "let g = builder(\"g\"); let a = g.add_operation(|| { throw \"bad\" }, #{ name: \"a\" }); g.add_operation(\"chat\", #{ name: \"d\", instruction: \"y\", depends_on: a }); session(branch(\"demo/echo\")).flow(g)",
        ),
    ];
    expect![[r#""#]].assert_eq(&plans(&scripts));
}

#[test]
fn equal_graphs_are_one_line() {
    let round = |name: &str, count: &str, body: &str| {
        format!(
            "let b = branch(\"demo/echo\"); for n in 0..{count} {{ let g = builder({name}); \
             let d = g.add_operation(\"chat\", #{{ name: `draft`, instruction: \"d\" }}); \
             g.add_operation(\"chat\", #{{ name: `judge`, instruction: \"j\", depends_on: d }}); \
             let r = session(b).flow(g); {body} }}"
        )
    };
    let scripts = [
        ("the same", round("\"round\"", "50", "")),
        ("numbered", round("`round ${n}`", "50", "")),
        ("two numbered", round("`round ${n}`", "2", "")),
        ("two the same", round("\"round\"", "2", "")),
        (
            "until it is good",
            round("\"round\"", "4", "if r.result(\"judge\") == \"good\" { break; }"),
        ),
        ("one", round("\"round\"", "1", "")),
        ("in turn", round("if n % 2 == 0 { \"even\" } else { \"odd\" }", "6", "")),
    ];
    let scripts: Vec<(&str, &str)> = scripts.iter().map(|(what, text)| (*what, &**text)).collect();
    expect![[r#""#]].assert_eq(&plans(&scripts));
}
