//! Slips whose help says what to write, whatever language or habit they come from.

use super::slips_of_options::told;
use expect_test::expect;

#[test]
fn options_that_others_take_are_named_with_their_place() {
    let texts = [
        r##"branch().chat("x", #{ model: "demo/a" });"##,
        r##"branch().communicate("x", #{ tools: [] });"##,
        r##"let g = builder(); g.add_operation("chat", #{ instruction: "x", model: "demo/a" }); session().flow(g);"##,
        r##"branch(#{ temperature: 0.5 });"##,
        r##"gather([|| 1], #{ max_concurrent: 3 });"##,
    ];
    expect![[r#"
        > branch().chat("x", #{ model: "demo/a" });
        error K0005 1:23 `chat` has no option `model`
            give it to the branch: `branch("provider/name")`
        > branch().communicate("x", #{ tools: [] });
        error K0005 1:30 `communicate` has no option `tools`
            ask with `operate` or `react`, which call tools
        > let g = builder(); g.add_operation("chat", #{ instruction: "x", model: "demo/a" }); session().flow(g);
        error K0005 1:65 `add_operation` has no option `model`
            give the operation a branch with this model, `branch: b`, and add it to the session: `session.include_branch(b)`
        > branch(#{ temperature: 0.5 });
        error K0005 1:11 `branch` has no option `temperature`
            give it to each call, `chat("..", #{ temperature: .. })`, or to the model: `imodel(#{ "use": "provider/name", temperature: .. })`
        > gather([|| 1], #{ max_concurrent: 3 });
        error K0005 1:19 `gather` has no option `max_concurrent`
            write `parallel(items, |item| .., #{ max_concurrent: 4 })`
    "#]].assert_eq(&told(&texts));
}

#[test]
fn help_says_what_to_write() {
    let texts = [
        r##"fn add(list, x) { list.push(x); }
let l = [];
add(l, 1);
print(l);"##,
        r##"let text = "y";
if text == "yes" || "y" { print(1); }"##,
        r##"let x = 1;
switch x { 1 -> print(1), _ -> print(2) }"##,
        r##"let x = 1;
let y = x = 3;"##,
        r##"print(format("{}", 3));"##,
        r##"let x = ();
print(x or "none");"##,
        r##"let x = 1;
if x == 1 or x == 2 { print(1); }"##,
    ];
    expect![[r#"
        > fn add(list, x) { list.push(x); }
        > let l = [];
        > add(l, 1);
        > print(l);
        error K0016 1:24 `push` changes a copy here and returns nothing
            end the function with `list + [item]`, and use what it returns: `x = f(x)`
        > let text = "y";
        > if text == "yes" || "y" { print(1); }
        error K0001 2:21 expecting a boolean expression, not a string
            write `text == "yes" || text == "y"`, or `text in ["yes", "y"]`
        > let x = 1;
        > switch x { 1 -> print(1), _ -> print(2) }
        error K0021 2:14 `->` is from another language
            write `=>`: `switch x { 1 => .., _ => .. }`
        error K0021 2:29 `->` is from another language
            write `=>`: `switch x { 1 => .., _ => .. }`
        > let x = 1;
        > let y = x = 3;
        error K0001 2:11 expecting ';' to terminate this statement
            assign in two steps: `x = 3; let y = x;`
        > print(format("{}", 3));
        error K0031 1:14 `format`: argument 1 is a string, expected a float
            write a text in backticks, `` `${a} and ${b}` ``, and `format(x, 2)` for digits
        > let x = ();
        > print(x or "none");
        error K0021 2:9 `or` is from another language
            write `a ?? b` for a default where `a` is `()`, and `a || b` in a condition
        > let x = 1;
        > if x == 1 or x == 2 { print(1); }
        error K0021 2:11 `or` is from another language
            write `a || b`
    "#]]
    .assert_eq(&told(&texts));
}

#[test]
fn patterns_are_passed_on_with_the_input_first() {
    let texts = [
        r##"let o = optimizer();
o.run("t", #{ direct: direct }, "x");"##,
        r##"let o = optimizer();
o.run("t", #{ vote: vote, best: best_of }, "x");"##,
    ];
    expect![[r#"
        > let o = optimizer();
        > o.run("t", #{ direct: direct }, "x");
        error K0002 2:23 unknown variable `direct`
            `direct` is a function; pass it on as `|input, b| direct(b, input)`
        > let o = optimizer();
        > o.run("t", #{ vote: vote, best: best_of }, "x");
        error K0002 2:21 unknown variable `vote`
            `vote` is a function; pass it on as `|input, b| vote(b, input)`
        error K0002 2:33 unknown variable `best_of`
            `best_of` is a function; pass it on as `|input, b| best_of(b, input, #{ .. })`
    "#]]
    .assert_eq(&told(&texts));
}
