//! Graphs that cannot run, fields of answers, and sums and divisions of what loops go over.

use super::slips_of_options::told;
use expect_test::expect;

#[test]
fn graphs_that_cannot_run_are_found() {
    let texts = [
        r##"let g = builder("g"); let b = branch();
g.add_operation("chat", #{ name: "a", instruction: "x", branch: b });
print(session().flow(g).result("a"));"##,
        r##"let g = builder("g"); let b = branch(); let s = session();
g.add_operation("chat", #{ name: "a", instruction: "x", branch: b.fork() });
let r = s.flow(g);"##,
        r##"let g = builder("g");
g.add_operation("chat", #{ name: "a", instruction: "x" });
g.add_operation("chat", #{ name: "a", instruction: "y" });
session().flow(g);"##,
        r##"let g = builder("g");
g.add_operation("chat", #{ name: "a", instruction: "x", depends_on: "b" });
g.add_operation("chat", #{ name: "b", instruction: "y" });
session().flow(g);"##,
        r##"let g = builder("g");
g.add_aggregation("chat", #{ instruction: "x" });
session().flow(g);"##,
        r##"session().flow(builder("g"));
let g = builder("h");
session().flow(g);"##,
        r##"fn work() {
    let g = builder("g");
    g.add_operation("chat", #{ name: "a", instruction: "x" });
    g.add_operation("chat", #{ name: "a", instruction: "y" });
    session().flow(g)
}
print(work());"##,
    ];
    expect![[r#"
        > let g = builder("g"); let b = branch();
        > g.add_operation("chat", #{ name: "a", instruction: "x", branch: b });
        > print(session().flow(g).result("a"));
        error K0106 2:65 operation `a` uses a branch that is not in the session
            keep the session in a variable, and write `session.include_branch(b);` before `flow`
        > let g = builder("g"); let b = branch(); let s = session();
        > g.add_operation("chat", #{ name: "a", instruction: "x", branch: b.fork() });
        > let r = s.flow(g);
        error K0106 2:65 operation `a` uses a branch that is not in the session
            keep session and branch in variables, and write `session.include_branch(branch);` before `flow`
        > let g = builder("g");
        > g.add_operation("chat", #{ name: "a", instruction: "x" });
        > g.add_operation("chat", #{ name: "a", instruction: "y" });
        > session().flow(g);
        error K0106 3:34 another operation of this graph is named `a`
            give each a unique `name`
        > let g = builder("g");
        > g.add_operation("chat", #{ name: "a", instruction: "x", depends_on: "b" });
        > g.add_operation("chat", #{ name: "b", instruction: "y" });
        > session().flow(g);
        error K0031 2:69 no operation `b` so far
            add `b` before what depends on it
        > let g = builder("g");
        > g.add_aggregation("chat", #{ instruction: "x" });
        > session().flow(g);
        error K0031 2:3 there is nothing to aggregate
            add operations first
        > session().flow(builder("g"));
        > let g = builder("h");
        > session().flow(g);
        error K0106 3:11 the graph has no operation
            add one with `add_operation`
        > fn work() {
        >     let g = builder("g");
        >     g.add_operation("chat", #{ name: "a", instruction: "x" });
        >     g.add_operation("chat", #{ name: "a", instruction: "y" });
        >     session().flow(g)
        > }
        > print(work());
        warning K0106 4:38 another operation of this graph is named `a`
            give each a unique `name`
    "#]].assert_eq(&told(&texts));
}

#[test]
fn accuracy_formulas_that_drop_the_fraction_are_found() {
    let texts = [
        r##"let v = branch().operate("x", #{ schema: "score: integer 0..10" });
print(v.score / 10);"##,
        r##"let g = builder("g");
g.add_operation("operate", #{ name: "a", instruction: "x", schema: "score: integer" });
g.add_operation(|inputs| inputs.a.score / 10, #{ name: "b", depends_on: "a" });
let report = session().flow(g);
print(report.result("a").score / 10);"##,
        r##"let rows = [#{ right: 1 }, #{ right: 0 }];
print(rows.map(|r| r.right).sum() / rows.len);"##,
        r##"let rows = [#{ right: 1 }, #{ right: 0 }];
let n = 0;
for r in rows { n += r.right; }
print(n / rows.len);"##,
        r##"let total = 0;
for s in [7, 8, 4] { total += s; }
print(total / 2);"##,
    ];
    expect![[r#"
        > let v = branch().operate("x", #{ schema: "score: integer 0..10" });
        > print(v.score / 10);
        warning K0017 2:15 this divides whole numbers, so the fraction is dropped
            write `v.score.to_float() / 10` for a fraction, or `(v.score / 10).to_int()` if a whole number is meant
        > let g = builder("g");
        > g.add_operation("operate", #{ name: "a", instruction: "x", schema: "score: integer" });
        > g.add_operation(|inputs| inputs.a.score / 10, #{ name: "b", depends_on: "a" });
        > let report = session().flow(g);
        > print(report.result("a").score / 10);
        warning K0017 3:41 this divides whole numbers, so the fraction is dropped
            write `inputs.a.score.to_float() / 10` for a fraction, or `(inputs.a.score / 10).to_int()` if a whole number is meant
        warning K0017 5:32 this divides whole numbers, so the fraction is dropped
            write `report.result("a").score.to_float() / 10` for a fraction, or `(report.result("a").score / 10).to_int()` if a whole number is meant
        > let rows = [#{ right: 1 }, #{ right: 0 }];
        > print(rows.map(|r| r.right).sum() / rows.len);
        warning K0017 2:35 this divides whole numbers, so the fraction is dropped
            write `rows.map(|r| r.right).sum().to_float() / ..` for a fraction, or `(rows.map(|r| r.right).sum() / ..).to_int()` if a whole number is meant
        > let rows = [#{ right: 1 }, #{ right: 0 }];
        > let n = 0;
        > for r in rows { n += r.right; }
        > print(n / rows.len);
        warning K0017 4:9 this divides whole numbers, so the fraction is dropped
            write `n.to_float() / ..` for a fraction, or `(n / ..).to_int()` if a whole number is meant
        > let total = 0;
        > for s in [7, 8, 4] { total += s; }
        > print(total / 2);
        warning K0017 3:13 this divides whole numbers, so the fraction is dropped
            write `total.to_float() / 2` for a fraction, or `(total / 2).to_int()` if a whole number is meant
    "#]].assert_eq(&told(&texts));
}

#[test]
fn fields_of_answers_have_the_types_of_their_schema() {
    let texts = [
        r##"let v = branch().operate("x", #{ schema: "n: integer, label: good | bad, tags: [string]" });
print(v.n == "3");
print(v.label in ["Good", "Bad"]);
print(switch v.label { "Good" => 1, _ => 2 });
print(v.n.parse_int());
print(v.tags.label);"##,
    ];
    expect![[r#"
        > let v = branch().operate("x", #{ schema: "n: integer, label: good | bad, tags: [string]" });
        > print(v.n == "3");
        > print(v.label in ["Good", "Bad"]);
        > print(switch v.label { "Good" => 1, _ => 2 });
        > print(v.n.parse_int());
        > print(v.tags.label);
        error K0031 2:11 `==` between an int and a string is always false
            write the number without quotes
        warning K0031 3:7 `label` is never one of these
            it is one of "good", "bad"
        warning K0031 4:24 `label` is never "Good"
            it is one of "good", "bad"
        error K0003 5:11 an int has no method `parse_int`
            it has: abs, bits, get_bit, get_bits, is_even, is_odd, is_zero, max, min, round, set_bit, set_bits, sign, to_binary, to_hex, to_octal
        error K0030 6:14 an array has no property `label`
            it has: is_empty, len
    "#]].assert_eq(&told(&texts));
}

#[test]
fn texts_that_are_added_to_numbers_are_found() {
    let texts = [
        r##"let total = 0;
for q in ["a"] { total += branch().chat(q); }
print(total);"##,
        r##"let total = 0;
total = total + branch().chat("x");
print(total);"##,
    ];
    expect![[r#"
        > let total = 0;
        > for q in ["a"] { total += branch().chat(q); }
        > print(total);
        warning K0031 2:24 a number and a text make a text here, and no sum
            write `text.parse_float()`, or ask for a number: `#{ schema: "number" }`
        > let total = 0;
        > total = total + branch().chat("x");
        > print(total);
        warning K0031 2:15 a number and a text make a text here, and no sum
            write `text.parse_float()`, or ask for a number: `#{ schema: "number" }`
    "#]]
    .assert_eq(&told(&texts));
}
