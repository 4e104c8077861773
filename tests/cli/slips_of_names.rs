//! Mistakes that follow from a name or a word that means something else here: functions that take over built-in ones,
//! words in place, constants, numbers of turns and letters. Each is found by `kaizen check`.

use super::foreign::said_of;
use expect_test::expect;

#[test]
fn patterns_are_found_by_their_place() {
    let texts = [
        r##"let o = optimizer();
print(o.run("t", #{ a: |x, b| b.chatt, d: |x, b| b.chat(x) }, "x", #{ judge: |a, x| 1 }));"##,
        r##"let o = optimizer();
let t = "t";
print(o.compare(t, #{ a: |x, b| b.chat(x) }, ["x"], #{ judge: |a, x| 1 }));"##,
        r##"fn tag(x) { x.trim() }
fn tag(x, y) { x + y }
print(tag("a")); print(tag("a", "b"));"##,
    ];
    expect![[r#"
        > let o = optimizer();
        > print(o.run("t", #{ a: |x, b| b.chatt, d: |x, b| b.chat(x) }, "x", #{ judge: |a, x| 1 }));
        K0030 2:33 a branch has no property `chatt`
            it has: messages, model, name, system, tools, usage, was_cut
        > let o = optimizer();
        > let t = "t";
        > print(o.compare(t, #{ a: |x, b| b.chat(x) }, ["x"], #{ judge: |a, x| 1 }));
        K0031 3:20 `compare` needs at least two patterns
        > fn tag(x) { x.trim() }
        > fn tag(x, y) { x + y }
        > print(tag("a")); print(tag("a", "b"));
        K0016 1:15 `trim` changes a copy here and returns nothing
            end the function with `text.trimmed()`, and use what it returns: `x = f(x)`
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn a_call_that_a_function_of_the_script_takes_over_is_found() {
    let texts = [
        r##"fn chat(q) { branch("demo/echo").chat(q) }
print(chat("x"));"##,
        r##"let B = branch("demo/echo");
fn chat(q) { "own" }
print(B.chat("x"));"##,
        r##"fn result(name) { name }
let g = builder("g");
g.add_operation(|i, b| 1, #{ name: "a" });
let report = session().flow(g);
print(report.result("a"));"##,
        r##"fn map(f) { f }
fn push(x) { x }
fn len() { 1 }
fn join(xs) { xs.join(", ") }
let xs = [1];
print(xs.map(|x| x)); xs.push(1); print(xs.len()); print(join(xs));
fn helper(xs) { xs.push(2); xs }
print(helper(xs));"##,
        r##"fn flow(g) { session().flow(g) }
print(1);"##,
    ];
    expect![[r#"
        > fn chat(q) { branch("demo/echo").chat(q) }
        > print(chat("x"));
        K0010 1:34 this calls the script's own `chat`, not the built-in one
            choose another name for the script's `chat`, which does not use `this`
        > let B = branch("demo/echo");
        > fn chat(q) { "own" }
        > print(B.chat("x"));
        K0010 3:9 this calls the script's own `chat`, not the built-in one
            choose another name for the script's `chat`, which does not use `this`
        > fn result(name) { name }
        > let g = builder("g");
        > g.add_operation(|i, b| 1, #{ name: "a" });
        > let report = session().flow(g);
        > print(report.result("a"));
        K0010 5:14 this calls the script's own `result`, not the built-in one
            choose another name for the script's `result`, which does not use `this`
        > fn map(f) { f }
        > fn push(x) { x }
        > fn len() { 1 }
        > fn join(xs) { xs.join(", ") }
        > let xs = [1];
        > print(xs.map(|x| x)); xs.push(1); print(xs.len()); print(join(xs));
        > fn helper(xs) { xs.push(2); xs }
        > print(helper(xs));
        K0010 4:18 this calls the script's own `join`, not the built-in one
            choose another name for the script's `join`, which does not use `this`
        K0010 6:10 this calls the script's own `map`, not the built-in one
            choose another name for the script's `map`, which does not use `this`
        K0010 6:26 this calls the script's own `push`, not the built-in one
            choose another name for the script's `push`, which does not use `this`
        K0010 6:44 this calls the script's own `len`, not the built-in one
            choose another name for the script's `len`, which does not use `this`
        > fn flow(g) { session().flow(g) }
        > print(1);
        K0010 1:24 this calls the script's own `flow`, not the built-in one
            choose another name for the script's `flow`, which does not use `this`
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn a_word_in_place_as_the_value_of_a_script_is_found() {
    let texts = [
        r##"let B = branch("demo/echo");
B.chat("x").trim()"##,
        r##"let answer = branch("demo/echo").chat("x");
if answer != "" { answer.trim() } else { answer }"##,
        r##"let xs = [2, 1];
switch xs.len { 2 => xs.sort(), _ => xs }"##,
        r##"if is_main { let xs = [2, 1]; xs.reverse() }"##,
    ];
    expect![[r#"
        > let B = branch("demo/echo");
        > B.chat("x").trim()
        K0016 2:13 `trim` returns nothing, and nothing keeps the value that it changes
            write `text.trimmed()`, which returns the result; or call `trim` as a statement on a variable, then use the variable
        > let answer = branch("demo/echo").chat("x");
        > if answer != "" { answer.trim() } else { answer }
        K0016 2:26 `trim` works in place, so this script returns nothing
            write `text.trimmed()`, which returns the result; or write `answer.trim(..);` as a statement, then use `answer`
        > let xs = [2, 1];
        > switch xs.len { 2 => xs.sort(), _ => xs }
        K0016 2:25 `sort` works in place, so this script returns nothing
            write `list.sorted()`, which returns the result; or write `xs.sort(..);` as a statement, then use `xs`
        > if is_main { let xs = [2, 1]; xs.reverse() }
        K0016 1:34 `reverse` works in place, so this script returns nothing
            write `value.reversed()`, which returns the result; or write `xs.reverse(..);` as a statement, then use `xs`
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn a_change_of_a_value_that_nothing_keeps_is_found() {
    let texts = [r##"let B = branch("demo/echo");
B.chat("x").trim();
[2, 1].sort();
fn f(b) { b.chat("x").trim() }
print(f(B));
print(["a"].map(|x| x.upper().trim()));"##];
    expect![[r#"
        > let B = branch("demo/echo");
        > B.chat("x").trim();
        > [2, 1].sort();
        > fn f(b) { b.chat("x").trim() }
        > print(f(B));
        > print(["a"].map(|x| x.upper().trim()));
        K0016 2:13 `trim` returns nothing, and nothing keeps the value that it changes
            write `text.trimmed()`, which returns the result; or call `trim` as a statement on a variable, then use the variable
        K0016 4:23 `trim` returns nothing, and nothing keeps the value that it changes
            write `text.trimmed()`, which returns the result; or call `trim` as a statement on a variable, then use the variable
        K0016 6:31 `trim` returns nothing, and nothing keeps the value that it changes
            write `text.trimmed()`, which returns the result; or call `trim` as a statement on a variable, then use the variable
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn what_retain_returns_is_told() {
    let texts = [
        r##"let xs = [1, 2, 3];
let kept = xs.retain(|x| x > 1);
print(kept);"##,
        r##"let xs = [1, 2, 3];
xs = xs.retain(|x| x > 1);
fn good(xs) { xs.retain(|x| x > 1) }
print(good(xs));"##,
    ];
    expect![[r#"
        > let xs = [1, 2, 3];
        > let kept = xs.retain(|x| x > 1);
        > print(kept);
        K0016 2:15 `retain` returns the items that it removes
            write `list.filter(|x| ..)`, which returns the items that it keeps
        > let xs = [1, 2, 3];
        > xs = xs.retain(|x| x > 1);
        > fn good(xs) { xs.retain(|x| x > 1) }
        > print(good(xs));
        K0016 2:9 `retain` returns the items that it removes
            write `list.filter(|x| ..)`, which returns the items that it keeps
        K0016 3:18 `retain` returns the items that it removes
            write `list.filter(|x| ..)`, which returns the items that it keeps
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn words_of_maps_without_brackets_are_found() {
    let texts = [
        r##"let d = #{ a: 1 };
print(d.len); print(d.values); print(d.size); print(d.keys);
let seen = #{};
for x in ["a"] { seen[x] = true; }
if seen.len > 0 { print("some"); }
print(["a"].filter(|x| seen.is_empty)); print(d.keys.len);"##,
        r##"let g = builder("g");
g.add_operation(|i, b| 1, #{ name: "a" });
g.add_operation(|inputs, b| inputs.len, #{ name: "b", depends_on: ["a"] });
let report = session().flow(g);
print(report.errors.len == 0); print(report.operation_results.keys); print(used().len);"##,
        r##"let b = branch("demo/echo");
let v = b.operate("x", #{ schema: "label: string" });
print(v.keys);"##,
    ];
    expect![[r#"
        > let d = #{ a: 1 };
        > print(d.len); print(d.values); print(d.size); print(d.keys);
        > let seen = #{};
        > for x in ["a"] { seen[x] = true; }
        > if seen.len > 0 { print("some"); }
        > print(["a"].filter(|x| seen.is_empty)); print(d.keys.len);
        K0030 2:9 this map has no key `len`, so this is `()`
            write `.len()`, with brackets
        K0030 2:23 this map has no key `values`, so this is `()`
            write `.values()`, with brackets
        K0030 2:40 this map has no key `size`, so this is `()`
            write `.len()`, with brackets
        K0030 2:55 this map has no key `keys`, so this is `()`
            write `.keys()`, with brackets
        K0030 5:9 this map has no key `len`, so this is `()`
            write `.len()`, with brackets
        K0030 6:29 this map has no key `is_empty`, so this is `()`
            write `.is_empty()`, with brackets
        K0030 6:49 this map has no key `keys`, so this is `()`
            write `.keys()`, with brackets
        > let g = builder("g");
        > g.add_operation(|i, b| 1, #{ name: "a" });
        > g.add_operation(|inputs, b| inputs.len, #{ name: "b", depends_on: ["a"] });
        > let report = session().flow(g);
        > print(report.errors.len == 0); print(report.operation_results.keys); print(used().len);
        K0030 3:36 `inputs` has no `len`
            it is a method: write `.len()`
        K0030 5:21 `errors` has no property `len`
            it is a method: write `.len()`
        K0030 5:63 `operation_results` has no property `keys`
            it is a method: write `.keys()`
        K0030 5:83 the result of `used` has no property `len`
            it is a method: write `.len()`
        > let b = branch("demo/echo");
        > let v = b.operate("x", #{ schema: "label: string" });
        > print(v.keys);
        K0030 3:9 the schema of this answer has no field `keys`
            it is a method: write `.keys()`
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn changes_of_constants_are_found() {
    let texts = [r##"const out = [];
for q in ["a"] { out.push(branch("demo/echo").chat(q)); }
const answer = branch("demo/echo").chat("x");
answer.trim();
const m = #{ a: [1] };
m.a.push(1);
out[0] = 1;
push(out, 1);
[1].for_each(|i| out.push(i));
print(out.pop());"##];
    expect![[r#"
        > const out = [];
        > for q in ["a"] { out.push(branch("demo/echo").chat(q)); }
        > const answer = branch("demo/echo").chat("x");
        > answer.trim();
        > const m = #{ a: [1] };
        > m.a.push(1);
        > out[0] = 1;
        > push(out, 1);
        > [1].for_each(|i| out.push(i));
        > print(out.pop());
        K0031 2:22 `out` is a constant, so `push` cannot change it
            write `let out = ..`, not `const out = ..`
        K0031 4:8 `answer` is a constant, so `trim` cannot change it
            write `let answer = ..`, not `const answer = ..`
        K0031 6:5 `m` is a constant, so `push` cannot change it
            write `let m = ..`, not `const m = ..`
        K0031 7:1 `out` is a constant, so `=` cannot change it
            write `let out = ..`, not `const out = ..`
        K0031 8:1 `out` is a constant, so `push` cannot change it
            write `let out = ..`, not `const out = ..`
        K0031 9:5 `for_each` passes the number of the item to its function
            write `for item in list { .. }`; in `for_each`, the item is `this`
        K0031 9:22 `out` is a constant, so `push` cannot change it
            write `let out = ..`, not `const out = ..`
        K0031 10:11 `out` is a constant, so `pop` cannot change it
            write `let out = ..`, not `const out = ..`
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn a_number_before_its_item_is_found() {
    let texts = [r##"let rows = ["a"]; let lines = ["a"];
for (i, row) in rows { print(`${i}: ${row}`); }
for (i, line) in lines { print(line); }
for (i, step) in ["a", "b"] { print(step); }
for (idx, number) in rows { print(number); }
let numbers = [1];
for (i, number) in numbers { print(number); }
print(["a"].map(|i, q| q)); print(["a"].parallel(|i, q| q)); print(["a"].filter(|index, q| q != "a"));"##];
    expect![[r#"
        > let rows = ["a"]; let lines = ["a"];
        > for (i, row) in rows { print(`${i}: ${row}`); }
        > for (i, line) in lines { print(line); }
        > for (i, step) in ["a", "b"] { print(step); }
        > for (idx, number) in rows { print(number); }
        > let numbers = [1];
        > for (i, number) in numbers { print(number); }
        > print(["a"].map(|i, q| q)); print(["a"].parallel(|i, q| q)); print(["a"].filter(|index, q| q != "a"));
        K0031 2:6 `i` is the item here, and the second variable is its number
            write `for (row, i) in ..`: the number comes second
        K0031 3:6 `i` is the item here, and the second variable is its number
            write `for (line, i) in ..`: the number comes second
        K0031 4:6 `i` is the item here, and the second variable is its number
            write `for (step, i) in ..`: the number comes second
        K0031 7:6 `i` is the item here, and the second variable is its number
            write `for (number, i) in ..`: the number comes second
        K0031 8:17 `i` is the item here, and the second parameter is its number
            write `|q, i| ..`: the number comes second
        K0031 8:50 `i` is the item here, and the second parameter is its number
            write `|q, i| ..`: the number comes second
        K0031 8:81 `index` is the item here, and the second parameter is its number
            write `|q, index| ..`: the number comes second
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn cases_that_no_letter_is_are_found() {
    let texts = [r##"for c in "ab" { switch c { "a" => print("first"), _ => print("other") } }
let t = "abc";
switch t[0] { "a" => print("yes"), _ => print("no") }
switch t { 'a' => print("yes"), _ => print("no") }
let i = 0;
switch t[i] { "a" | "b" => print("yes"), _ => print("no") }
let counts = #{};
for c in t { counts[c] = 1; }
print(t[0].upper());"##];
    expect![[r#"
        > for c in "ab" { switch c { "a" => print("first"), _ => print("other") } }
        > let t = "abc";
        > switch t[0] { "a" => print("yes"), _ => print("no") }
        > switch t { 'a' => print("yes"), _ => print("no") }
        > let i = 0;
        > switch t[i] { "a" | "b" => print("yes"), _ => print("no") }
        > let counts = #{};
        > for c in t { counts[c] = 1; }
        > print(t[0].upper());
        K0031 1:28 this case is a string, but the value is a char
            write the case in single quotes, `'a'`, or `switch letter.to_string() { .. }`
        K0031 3:15 this case is a string, but the value is a char
            write the case in single quotes, `'a'`, or `switch letter.to_string() { .. }`
        K0031 4:12 this case is a char, but the value is a string
            write the case in double quotes
        K0031 6:15 this case is a string, but the value is a char
            write the case in single quotes, `'a'`, or `switch letter.to_string() { .. }`
        K0031 6:21 this case is a string, but the value is a char
            write the case in single quotes, `'a'`, or `switch letter.to_string() { .. }`
        K0031 8:21 a map is indexed by a string, not by a char
            write `map[letter.to_string()]`
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn more_divisions_of_whole_numbers_are_found() {
    let texts = [r##"let scores = [];
for c in [true, false] { scores.push(if c { 1 } else { 0 }); }
print(scores.sum() / scores.len);
let counts = #{ x: 0, y: 0 };
for l in ["x"] { counts[l] += 1; }
print(counts.x / 3); print(counts["x"] / 3);
let seen = #{};
for l in ["x"] { seen[l] = (seen[l] ?? 0) + 1; }
print(seen["x"] / 3);
print([1, 2].reduce(|n, x| if x > 1 { n + 1 } else { n }, 0) / 3);
print(["a"].reduce(|n, x| n + x.len, 0) / 3);"##];
    expect![[r#"
        > let scores = [];
        > for c in [true, false] { scores.push(if c { 1 } else { 0 }); }
        > print(scores.sum() / scores.len);
        > let counts = #{ x: 0, y: 0 };
        > for l in ["x"] { counts[l] += 1; }
        > print(counts.x / 3); print(counts["x"] / 3);
        > let seen = #{};
        > for l in ["x"] { seen[l] = (seen[l] ?? 0) + 1; }
        > print(seen["x"] / 3);
        > print([1, 2].reduce(|n, x| if x > 1 { n + 1 } else { n }, 0) / 3);
        > print(["a"].reduce(|n, x| n + x.len, 0) / 3);
        K0017 3:20 this divides whole numbers, so the fraction is dropped
            write `scores.sum().to_float() / ..` for a fraction, or `(scores.sum() / ..).to_int()` if a whole number is meant
        K0017 6:16 this divides whole numbers, so the fraction is dropped
            write `counts.x.to_float() / 3` for a fraction, or `(counts.x / 3).to_int()` if a whole number is meant
        K0017 6:40 this divides whole numbers, so the fraction is dropped
            write `(..).to_float() / 3` for a fraction, or `((..) / 3).to_int()` if a whole number is meant
        K0017 9:17 this divides whole numbers, so the fraction is dropped
            write `(..).to_float() / 3` for a fraction, or `((..) / 3).to_int()` if a whole number is meant
        K0017 10:62 this divides whole numbers, so the fraction is dropped
            write `[1, 2].reduce(|n, x| if x > 1 { n + 1 } else { n }, 0).to_float() / 3` for a fraction, or `([1, 2].reduce(|n, x| if x > 1 { n + 1 } else { n }, 0) / 3).to_int()` if a whole number is meant
        K0017 11:41 this divides whole numbers, so the fraction is dropped
            write `["a"].reduce(|n, x| n + x.len, 0).to_float() / 3` for a fraction, or `(["a"].reduce(|n, x| n + x.len, 0) / 3).to_int()` if a whole number is meant
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn changes_of_copies_of_whole_variables_are_found() {
    let texts = [r##"let a = [1];
let c = a;
c.push(2);
print(a);
let m = #{ a: 1 };
let k = m;
k.a = 2;
print(m);
state.xs = [1];
let xs = state.xs;
xs.push(1);
print(state.xs);"##];
    expect![[r#"
        > let a = [1];
        > let c = a;
        > c.push(2);
        > print(a);
        > let m = #{ a: 1 };
        > let k = m;
        > k.a = 2;
        > print(m);
        > state.xs = [1];
        > let xs = state.xs;
        > xs.push(1);
        > print(state.xs);
        K0024 3:1 `c` is a copy, and nothing reads it after this change
            `let` takes a copy: change `a` itself
        K0024 7:1 `k` is a copy, and nothing reads it after this change
            `let` takes a copy: change `m` itself
        K0024 11:1 `xs` is a copy, and nothing reads it after this change
            `let` takes a copy: change `state.xs` itself
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn closures_that_share_the_counter_of_a_while_are_found() {
    let texts = [r##"let fs = [];
let i = 0;
while i < 2 { fs.push(|| i); i += 1; }
print(fs.map(|f| f.call()));"##];
    expect![[r#"
        > let fs = [];
        > let i = 0;
        > while i < 2 { fs.push(|| i); i += 1; }
        > print(fs.map(|f| f.call()));
        K0011 3:26 the closures stored here share the loop variable `i`
            copy it before: `let own = i;`, and use `own` in the closure
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn a_placeholder_that_a_loop_replaces_once_is_found() {
    let texts = [r##"let t = "Write about TOPIC";
for q in ["a", "b"] { t.replace("TOPIC", q); print(branch("demo/echo").chat(t)); }
for row in [#{ topic: "a" }] { t.replace("TOPIC", row.topic); print(t); }"##];
    expect![[r#"
        > let t = "Write about TOPIC";
        > for q in ["a", "b"] { t.replace("TOPIC", q); print(branch("demo/echo").chat(t)); }
        > for row in [#{ topic: "a" }] { t.replace("TOPIC", row.topic); print(t); }
        K0016 2:25 after the first turn of the loop, `t` has no `TOPIC`
            write `let text = t.replaced("TOPIC", ..);` in the loop
        K0016 3:34 after the first turn of the loop, `t` has no `TOPIC`
            write `let text = t.replaced("TOPIC", ..);` in the loop
    "#]]
    .assert_eq(&said_of(&texts));
}
