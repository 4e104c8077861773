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
    expect![[r#"
        == a reply: 0
        g: ok ─▶ publish
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        ok  demo/echo  1  1  ~tokens  ~$0  -
        publish  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  ok
        run: 1 to 2 calls · $0  (rough estimate: no earlier run)
        == data of a reply: 0
        g: ok ─▶ publish
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        ok  demo/echo  1 to 3  1 to 3  ~tokens  ~$0  -
        publish  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  ok
        run: 1 to 4 calls · $0  (rough estimate: no earlier run)
        == a function that asks a model: 0
        g: ok ─▶ publish
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        ok  demo/echo  1  1  ~tokens  ~$0  -
        publish  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  ok
        run: 1 to 2 calls · $0  (rough estimate: no earlier run)
        == a person: 0
        g: ok ─▶ publish
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        publish  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  ok
        run: 0 to 1 calls · $0  (rough estimate: no earlier run)
        == a function that asks a person: 0
        g: ok ─▶ publish
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        publish  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  ok
        run: 0 to 1 calls · $0  (rough estimate: no earlier run)
        == a function that depends on a reply: 0
        g: a ─▶ ok ─▶ publish
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        a  demo/echo  1  1  ~tokens  ~$0  -
        publish  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  ok
        run: 1 to 2 calls · $0  (rough estimate: no earlier run)
        == chance: 0
        g: ok ─▶ publish
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        publish  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  ok
        run: 0 to 1 calls · $0  (rough estimate: no earlier run)
        ranges depend on random numbers; `--seed N` makes them exact
        == nothing unknown: 0
        g: ok ─▶ publish
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        publish  demo/echo  1  1  ~tokens  ~$0  -  ok
        run: 1 call · $0  (rough estimate: no earlier run)
    "#]]
    .assert_eq(&plans(&scripts));
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
    expect![[r#"
        == while: 0
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        chat  demo/echo  1 to 10  1 to 10  ~tokens  ~$0  -
        run: 1 to 10 calls · $0  (rough estimate: no earlier run)
        == its length: 0
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        chat  demo/echo  1 to 5  1 to 5  ~tokens  ~$0  -
        run: 1 to 5 calls · $0  (rough estimate: no earlier run)
        == a number: 0
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        chat  demo/echo  1 to 6  1 to 6  ~tokens  ~$0  -
        run: 1 to 6 calls · $0  (rough estimate: no earlier run)
        == data: 0
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        communicate  demo/echo  1 to 7  1 to 7  ~tokens  ~$0  -
        chat  demo/echo  0 to 6  0 to 6  ~tokens  ~$0  -
        run: 1 to 13 calls · $0  (rough estimate: no earlier run)
        == two equal replies: 0
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        chat  demo/echo  2 to 5  2 to 5  ~tokens  ~$0  -
        run: 2 to 5 calls · $0  (rough estimate: no earlier run)
        == several: 0
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        chat  demo/echo  3 to 10  3 to 10  ~tokens  ~$0  -
        run: 3 to 10 calls · $0  (rough estimate: no earlier run)
        == a person's text: 0
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        chat  demo/echo  0 to 4  0 to 4  ~tokens  ~$0  -
        run: 0 to 4 calls · $0  (rough estimate: no earlier run)
        == a person's number: 0
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        chat  demo/echo  1 to 5  1 to 5  ~tokens  ~$0  -
        run: 1 to 5 calls · $0  (rough estimate: no earlier run)
        == a person's list: 0
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        chat  demo/echo  1 to 6  1 to 6  ~tokens  ~$0  -
        run: 1 to 6 calls · $0  (rough estimate: no earlier run)
        == a person's yes: 0
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        chat  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -
        run: 0 to 1 calls · $0  (rough estimate: no earlier run)
        == a person's default: 0
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        chat  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -
        run: 0 to 1 calls · $0  (rough estimate: no earlier run)
    "#]]
    .assert_eq(&plans(&scripts));
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
            "let g = builder(\"g\"); let kind = \"chat\"; let l = g.add_operation(kind, #{ name: \"l\", instruction: \"list\" }); let e = g.expand(l, |t| #{ instruction: `do ${t}` }, #{ name: \"each\" }); g.add_operation(\"chat\", #{ name: \"sum\", instruction: \"y\", depends_on: e }); session(branch(\"demo/echo\")).flow(g)",
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
    expect![[r#"
        == a function that throws: 0
        g: a ─▶ c ─▶ d
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        a  demo/echo  1  1  ~tokens  ~$0  -
        d  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  c
        run: 1 to 2 calls · $0  (rough estimate: no earlier run)
        the plan assumes that `c` completes; it failed with every guess: bad
        == failures allowed: 0
        g: a ─▶ c ─▶ d
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        a  demo/echo  1  1  ~tokens  ~$0  -
        d  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  c
        run: 1 to 2 calls · $0  (rough estimate: no earlier run)
        the plan assumes that `c` completes; it failed with every guess: bad
        == a list that is none: 0
        g: l ─▶ each ─▶ sum
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        l  demo/echo  1  1  ~tokens  ~$0  -
        each  demo/echo  0 to 10  0 to 10  ~tokens  ~$0  -  l
        sum  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  each
        run: 1 to 12 calls · $0  (rough estimate: no earlier run)
        the plan assumes that `each` completes; it failed with every guess: `expand` needs a list, but `l` returned `(a reply that only a run can produce)`; with `schema: "[string]"` a model answers with a list
        == one after another: 0
        g: a ─▶ c ─▶ d ─▶ e
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        a  demo/echo  1  1  ~tokens  ~$0  -
        e  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  d
        run: 1 to 2 calls · $0  (rough estimate: no earlier run)
        the plan assumes that `c` completes; it failed with every guess: bad
        the plan assumes that `d` completes; it failed with every guess: a string has no property `n`; it has: bytes, chars, is_empty, len
        == a condition behind it: 0
        g: a ─▶ c ─▶ d
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        a  demo/echo  1  1  ~tokens  ~$0  -
        d  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  c
        run: 1 to 2 calls · $0  (rough estimate: no earlier run)
        the plan assumes that `c` completes; it failed with every guess: bad
        == a gate behind it: 0
        g: a ─▶ c ─▶ d
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        a  demo/echo  1  1  ~tokens  ~$0  -
        d  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  c
        run: 1 to 2 calls · $0  (rough estimate: no earlier run)
        the plan assumes that `c` completes; it failed with every guess: bad
        == what fails without a guess: 1
        g: a ─▶ d
        run: 0 calls
        the run fails here:
        error[K0100]: operation `a`: bad
        --> s.rhai:1:52
        |
        1 | let g = builder("g"); let a = g.add_operation(|| { throw "bad" }, #{ name: "a" }); g.add_operation("chat", #{ name: "d", instruction:...
        |  ^^^^^
        |
        = note: in a closure, called at s.rhai:1
    "#]].assert_eq(&plans(&scripts));
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
    expect![[r#"
        == the same: 0
        round (x 50): draft ─▶ judge
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        draft  demo/echo  50  50  ~tokens  ~$0  -
        judge  demo/echo  50  50  ~tokens  ~$0  -  draft
        run: 100 calls · $0  (rough estimate: no earlier run)
        == numbered: 0
        round 0 … round 49 (x 50): draft ─▶ judge
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        draft  demo/echo  50  50  ~tokens  ~$0  -
        judge  demo/echo  50  50  ~tokens  ~$0  -  draft
        run: 100 calls · $0  (rough estimate: no earlier run)
        == two numbered: 0
        round 0: draft ─▶ judge
        round 1: draft ─▶ judge
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        draft  demo/echo  2  2  ~tokens  ~$0  -
        judge  demo/echo  2  2  ~tokens  ~$0  -  draft
        run: 4 calls · $0  (rough estimate: no earlier run)
        == two the same: 0
        round (x 2): draft ─▶ judge
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        draft  demo/echo  2  2  ~tokens  ~$0  -
        judge  demo/echo  2  2  ~tokens  ~$0  -  draft
        run: 4 calls · $0  (rough estimate: no earlier run)
        == until it is good: 0
        round (x 1 to 4): draft ─▶ judge
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        draft  demo/echo  1 to 4  1 to 4  ~tokens  ~$0  -
        judge  demo/echo  1 to 4  1 to 4  ~tokens  ~$0  -  draft
        run: 2 to 8 calls · $0  (rough estimate: no earlier run)
        == one: 0
        round: draft ─▶ judge
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        draft  demo/echo  1  1  ~tokens  ~$0  -
        judge  demo/echo  1  1  ~tokens  ~$0  -  draft
        run: 2 calls · $0  (rough estimate: no earlier run)
        == in turn: 0
        even (x 3): draft ─▶ judge
        odd (x 3): draft ─▶ judge
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        draft  demo/echo  6  6  ~tokens  ~$0  -
        judge  demo/echo  6  6  ~tokens  ~$0  -  draft
        run: 12 calls · $0  (rough estimate: no earlier run)
    "#]]
    .assert_eq(&plans(&scripts));
}
