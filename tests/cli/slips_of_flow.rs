//! Mistakes in loops, blocks, texts and functions that would pass in silence or cost a call first: each is found
//! by `kaizen check`, and what is right beside it passes.

use super::foreign::said_of;
use expect_test::expect;

#[test]
fn a_loop_whose_second_variable_is_taken_for_a_part_of_the_item_is_found() {
    let texts = [
        "for (x, y) in zip([1], [2]) { print(x + y); }",
        "let a = [1]; for (x, y) in a.zip([2]) { print(x); print(y); }",
        "for (task, label) in [[\"t1\", \"pos\"], [\"t2\", \"neg\"]] { print(`${task} => ${label}`); }",
        "let tests = [[\"t1\", \"pos\"]]; for (task, label) in tests { print(`${task} => ${label}`); }",
        "let word = \"x\"; for (a, b) in [[word, \"pos\"], [word, \"neg\"]] { print(a); print(b); }",
        "let d = #{ a: 1 }; for (k, v) in d.keys() { print(k); print(v); }",
        "let d = #{ a: 1 }; for (k, v) in values(d) { print(k); print(v); }",
        "for (i, x) in [\"a\"] { print(i); print(x); }",
        "let names = [\"a\"]; for (idx, name) in names { print(`${idx}. ${name}`); }",
    ];
    expect![[r#"
        > for (x, y) in zip([1], [2]) { print(x + y); }
        K0031 1:9 `y` is the number of the turn, from 0
            write `for pair in .. { let x = pair[0]; let y = pair[1]; .. }`
        > let a = [1]; for (x, y) in a.zip([2]) { print(x); print(y); }
        K0031 1:22 `y` is the number of the turn, from 0
            write `for pair in .. { let x = pair[0]; let y = pair[1]; .. }`
        > for (task, label) in [["t1", "pos"], ["t2", "neg"]] { print(`${task} => ${label}`); }
        K0031 1:12 `label` is the number of the turn, from 0
            write `for pair in .. { let task = pair[0]; let label = pair[1]; .. }`
        > let tests = [["t1", "pos"]]; for (task, label) in tests { print(`${task} => ${label}`); }
        K0031 1:41 `label` is the number of the turn, from 0
            write `for pair in .. { let task = pair[0]; let label = pair[1]; .. }`
        > let word = "x"; for (a, b) in [[word, "pos"], [word, "neg"]] { print(a); print(b); }
        K0031 1:25 `b` is the number of the turn, from 0
            write `for pair in .. { let a = pair[0]; let b = pair[1]; .. }`
        > let d = #{ a: 1 }; for (k, v) in d.keys() { print(k); print(v); }
        K0031 1:28 `v` is the number of the turn, from 0
            write `for k in map.keys() { let v = map[k]; .. }`
        > let d = #{ a: 1 }; for (k, v) in values(d) { print(k); print(v); }
        K0031 1:28 `v` is the number of the turn, from 0
            write `for k in map.keys() { let v = map[k]; .. }`
        > for (i, x) in ["a"] { print(i); print(x); }
        K0031 1:6 `i` is the item here, and the second variable is its number
            write `for (x, i) in ..`: the number comes second
        > let names = ["a"]; for (idx, name) in names { print(`${idx}. ${name}`); }
        K0031 1:25 `idx` is the item here, and the second variable is its number
            write `for (name, idx) in ..`: the number comes second
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn a_loop_with_a_number_passes() {
    let texts = [
        "for (x, i) in [\"a\"] { print(i); print(x); }",
        "for (pair, i) in zip([1], [2]) { print(pair[0] + i); }",
        "for (pair, turn) in zip([1], [2]) { print(pair[1] + turn); }",
        "for (row, which) in [[1, 2], [3, 4]] { print(row[0] + which); }",
        "for (key, n) in #{ a: 1 }.keys() { print(`${n}: ${key}`); }",
        "for (value, _i) in #{ a: 1 }.values() { print(value); }",
        "for (n, i) in [10, 20] { print(n * i); }",
        "for (i, n) in [10, 20] { print(n * i); }",
        "let rows = [[1, 2]]; rows = [3]; for (a, b) in rows { print(a + b); }",
        "for pair in zip([1], [2]) { let x = pair[0]; let y = pair[1]; print(x + y); }",
        "for (name, place) in [\"a\", \"b\"] { print(`${name} ${place}`); }",
        "for (text, label) in [\"a\", \"b\"] { print(`${text} ${label}`); }",
        "let d = #{ a: 1 }; for k in d.keys() { print(d[k]); }",
    ];
    expect![[r#"
        > for (x, i) in ["a"] { print(i); print(x); }
        > for (pair, i) in zip([1], [2]) { print(pair[0] + i); }
        > for (pair, turn) in zip([1], [2]) { print(pair[1] + turn); }
        > for (row, which) in [[1, 2], [3, 4]] { print(row[0] + which); }
        > for (key, n) in #{ a: 1 }.keys() { print(`${n}: ${key}`); }
        > for (value, _i) in #{ a: 1 }.values() { print(value); }
        > for (n, i) in [10, 20] { print(n * i); }
        > for (i, n) in [10, 20] { print(n * i); }
        > let rows = [[1, 2]]; rows = [3]; for (a, b) in rows { print(a + b); }
        > for pair in zip([1], [2]) { let x = pair[0]; let y = pair[1]; print(x + y); }
        > for (name, place) in ["a", "b"] { print(`${name} ${place}`); }
        > for (text, label) in ["a", "b"] { print(`${text} ${label}`); }
        > let d = #{ a: 1 }; for k in d.keys() { print(d[k]); }
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn a_let_that_hides_the_variable_that_is_meant_is_found() {
    let texts = [
        "let total = 0; for x in [1, 2, 3] { let total = total + x; } print(total);",
        "let label = \"short\"; if [1].len > 0 { let label = \"long\"; } print(label);",
        "let label = \"\"; if [1].len > 0 { let label = \"a\"; } else { let label = \"b\"; } print(label);",
        "let b = branch(); let r = (); try { let r = b.chat(\"x\"); } catch (e) { print(e); } print(r);",
        "let i = 0; while i < 3 { let i = i + 1; }",
        "let last = (); for x in [1, 2] { if last != () { print(last); } let last = x; }",
        "let found = (); for x in [1, 2] { if x > 1 { let found = x; break; } } print(found);",
        "fn f(x) { if x < 0 { let x = 0; } x } print(f(1));",
        "fn f(list) { let best = 0; for x in list { if x > best { let best = x; } } return best; } f([1]);",
        "let label = \"\"; switch [1].len { 1 => { let label = \"one\"; }, _ => () } print(label);",
        "let total = 0; [1, 2].for_each(|| { let total = total + this; }); print(total);",
        "let m = #{}; if [1].len > 0 { let m = #{ a: 1 }; } m.b = 2; print(m);",
        "for line in [\"\"] { if line == \"\" { let line = \"-\"; } print(line); }",
        "let n = 1; { let n = n + 1; print(n); } print(n);",
    ];
    expect![[r#"
        > let total = 0; for x in [1, 2, 3] { let total = total + x; } print(total);
        K0025 1:41 this `let` makes another `total`, which ends with its block
            write `total = ..` without `let` to change the outer one, or choose another name
        > let label = "short"; if [1].len > 0 { let label = "long"; } print(label);
        K0025 1:43 this `let` makes another `label`, which ends with its block
            write `label = ..` without `let` to change the outer one, or choose another name
        > let label = ""; if [1].len > 0 { let label = "a"; } else { let label = "b"; } print(label);
        K0025 1:38 this `let` makes another `label`, which ends with its block
            write `label = ..` without `let` to change the outer one, or choose another name
        K0025 1:64 this `let` makes another `label`, which ends with its block
            write `label = ..` without `let` to change the outer one, or choose another name
        > let b = branch(); let r = (); try { let r = b.chat("x"); } catch (e) { print(e); } print(r);
        K0025 1:41 this `let` makes another `r`, which ends with its block
            write `r = ..` without `let` to change the outer one, or choose another name
        > let i = 0; while i < 3 { let i = i + 1; }
        K0025 1:30 this `let` makes another `i`, which ends with its block
            write `i = ..` without `let` to change the outer one, or choose another name
        > let last = (); for x in [1, 2] { if last != () { print(last); } let last = x; }
        K0025 1:69 this `let` makes another `last`, which ends with its block
            write `last = ..` without `let` to change the outer one, or choose another name
        > let found = (); for x in [1, 2] { if x > 1 { let found = x; break; } } print(found);
        K0025 1:50 this `let` makes another `found`, which ends with its block
            write `found = ..` without `let` to change the outer one, or choose another name
        > fn f(x) { if x < 0 { let x = 0; } x } print(f(1));
        K0025 1:26 this `let` makes another `x`, which ends with its block
            write `x = ..` without `let` to change the outer one, or choose another name
        > fn f(list) { let best = 0; for x in list { if x > best { let best = x; } } return best; } f([1]);
        K0025 1:62 this `let` makes another `best`, which ends with its block
            write `best = ..` without `let` to change the outer one, or choose another name
        > let label = ""; switch [1].len { 1 => { let label = "one"; }, _ => () } print(label);
        K0025 1:45 this `let` makes another `label`, which ends with its block
            write `label = ..` without `let` to change the outer one, or choose another name
        > let total = 0; [1, 2].for_each(|| { let total = total + this; }); print(total);
        K0025 1:41 this `let` makes another `total`, which ends with its block
            write `total = ..` without `let` to change the outer one, or choose another name
        > let m = #{}; if [1].len > 0 { let m = #{ a: 1 }; } m.b = 2; print(m);
        K0025 1:35 this `let` makes another `m`, which ends with its block
            write `m = ..` without `let` to change the outer one, or choose another name
        > for line in [""] { if line == "" { let line = "-"; } print(line); }
        K0025 1:40 this `let` makes another `line`, which ends with its block
            write `line = ..` without `let` to change the outer one, or choose another name
        > let n = 1; { let n = n + 1; print(n); } print(n);
        K0025 1:18 this `let` makes another `n`, which ends with its block
            write `n = ..` without `let` to change the outer one, or choose another name
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_let_with_a_name_of_its_own_passes() {
    let texts = [
        "let total = 0; for x in [1, 2, 3] { total = total + x; } print(total);",
        "let n = 1; { let n = 2; print(n); } n += 1; print(n);",
        "let x = \" a \"; let x = x.trimmed(); print(x);",
        "for line in [\" a\"] { let line = line.trimmed(); print(line); }",
        "let line = \"\"; for line in [\" a\"] { let line = line.trimmed(); print(line); } print(line);",
        "fn f(text) { let text = text.trimmed(); text } print(f(\"a\"));",
        "let name = \"a\"; for x in [1] { let name = name + x; print(name); }",
        "let r = (); if [1].len > 0 { let r = 2; return r; } print(r);",
        "let r = 1; if [1].len > 0 { let r = 2; print(r); } r = 3; print(r);",
        "if [1].len > 0 { let a = 1; print(a); } else { let a = 2; print(a); }",
        "for x in [1] { let a = x; print(a); } for x in [2] { let a = x; print(a); }",
        "let text = \"x\"; let f = |text| { let text = text + \"!\"; text }; print(f.call(text)); print(text);",
        "const LIMIT = 3; if [1].len > 0 { const LIMIT = 4; print(LIMIT); } print(LIMIT);",
        "let a = 1; let f = || { let a = a + 1; a }; print(f.call());",
        "for x in [1, 2] { let n = 0; if x > 1 { let n = 5; print(n); continue; } n = 4; print(n); }",
    ];
    expect![[r#"
        > let total = 0; for x in [1, 2, 3] { total = total + x; } print(total);
        > let n = 1; { let n = 2; print(n); } n += 1; print(n);
        > let x = " a "; let x = x.trimmed(); print(x);
        > for line in [" a"] { let line = line.trimmed(); print(line); }
        > let line = ""; for line in [" a"] { let line = line.trimmed(); print(line); } print(line);
        > fn f(text) { let text = text.trimmed(); text } print(f("a"));
        > let name = "a"; for x in [1] { let name = name + x; print(name); }
        > let r = (); if [1].len > 0 { let r = 2; return r; } print(r);
        > let r = 1; if [1].len > 0 { let r = 2; print(r); } r = 3; print(r);
        > if [1].len > 0 { let a = 1; print(a); } else { let a = 2; print(a); }
        > for x in [1] { let a = x; print(a); } for x in [2] { let a = x; print(a); }
        > let text = "x"; let f = |text| { let text = text + "!"; text }; print(f.call(text)); print(text);
        > const LIMIT = 3; if [1].len > 0 { const LIMIT = 4; print(LIMIT); } print(LIMIT);
        > let a = 1; let f = || { let a = a + 1; a }; print(f.call());
        > for x in [1, 2] { let n = 0; if x > 1 { let n = 5; print(n); continue; } n = 4; print(n); }
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_variable_in_braces_in_a_text_is_found() {
    let texts = [
        "let p = \"vans\"; branch().communicate(\"Describe {p}\");",
        "let p = \"vans\"; branch().communicate(`Describe {p}`);",
        "let p = \"vans\"; branch().communicate(\"Describe {{p}} and {{ p }}\");",
        "let p = \"vans\"; let q = 1; print(`Describe ${q} and {p}`);",
        "fn ask(topic) { branch().chat(\"About {topic}\", #{ temperature: 0 }) } print(ask(\"a\"));",
        "let topic = \"a\"; let b = builder(); b.add_operation(\"communicate\", #{ instruction: \"About {topic}\" }); session().flow(b);",
        "let u = #{ name: \"a\" }; print(\"Hello {u.name}\");",
        "let total = 2.5; print(\"{total:.2f}\");",
        "[\"a\"].map(|city| branch().chat(\"Where is {city}?\"));",
    ];
    expect![[r#"
        > let p = "vans"; branch().communicate("Describe {p}");
        K0018 1:38 `{p}` in a text is not replaced
            write `${p}`, in a text in backticks: `` `.. ${p}` ``
        > let p = "vans"; branch().communicate(`Describe {p}`);
        K0018 1:38 `{p}` in a text is not replaced
            write `${p}`, in a text in backticks: `` `.. ${p}` ``
        > let p = "vans"; branch().communicate("Describe {{p}} and {{ p }}");
        K0018 1:38 `{p}` in a text is not replaced
            write `${p}`, in a text in backticks: `` `.. ${p}` ``
        > let p = "vans"; let q = 1; print(`Describe ${q} and {p}`);
        K0018 1:48 `{p}` in a text is not replaced
            write `${p}`, in a text in backticks: `` `.. ${p}` ``
        > fn ask(topic) { branch().chat("About {topic}", #{ temperature: 0 }) } print(ask("a"));
        K0010 1:4 `ask` hides the built-in function of the same name
            choose another name, or write `/// @override` above it
        K0018 1:31 `{topic}` in a text is not replaced
            write `${topic}`, in a text in backticks: `` `.. ${topic}` ``
        > let topic = "a"; let b = builder(); b.add_operation("communicate", #{ instruction: "About {topic}" }); session().flow(b);
        K0018 1:84 `{topic}` in a text is not replaced
            write `${topic}`, in a text in backticks: `` `.. ${topic}` ``
        > let u = #{ name: "a" }; print("Hello {u.name}");
        K0018 1:31 `{u}` in a text is not replaced
            write `${u}`, in a text in backticks: `` `.. ${u}` ``
        > let total = 2.5; print("{total:.2f}");
        K0018 1:24 `{total}` in a text is not replaced
            write `${total}`, in a text in backticks: `` `.. ${total}` ``
        > ["a"].map(|city| branch().chat("Where is {city}?"));
        K0018 1:32 `{city}` in a text is not replaced
            write `${city}`, in a text in backticks: `` `.. ${city}` ``
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn braces_that_are_meant_pass() {
    let texts = [
        "let p = \"vans\"; print(`Describe ${p}`);",
        "let name = \"a\"; print(\"Answer as {\\\"name\\\": 1}\");",
        "let name = \"a\"; print(\"Hello {name}\".replaced(\"{name}\", name));",
        "let name = \"a\"; let t = \"Hello {{name}}\"; t.replace(\"{{name}}\", name); print(t);",
        "let a = 1; let b = 2; print(\"Show \\\\frac{a}{b}\"); print(a + b);",
        "let name = \"a\"; print(\"Hello {other}\"); print(name);",
        "let x = 1; print(\"{x, y}\"); print(x); print(\"{x: integer}\"); print(\"{x:1}\");",
        "let x = 1; print(\"if { x\"); print(x);",
        "fn f(name) { name } print(\"Hello {name}\"); print(f(1));",
        "let city = \"a\"; branch().communicate(`Answer as JSON: {\"city\": ..} for ${city}`);",
    ];
    expect![[r#"
        > let p = "vans"; print(`Describe ${p}`);
        > let name = "a"; print("Answer as {\"name\": 1}");
        > let name = "a"; print("Hello {name}".replaced("{name}", name));
        > let name = "a"; let t = "Hello {{name}}"; t.replace("{{name}}", name); print(t);
        > let a = 1; let b = 2; print("Show \\frac{a}{b}"); print(a + b);
        > let name = "a"; print("Hello {other}"); print(name);
        > let x = 1; print("{x, y}"); print(x); print("{x: integer}"); print("{x:1}");
        > let x = 1; print("if { x"); print(x);
        > fn f(name) { name } print("Hello {name}"); print(f(1));
        > let city = "a"; branch().communicate(`Answer as JSON: {"city": ..} for ${city}`);
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn a_function_with_the_wrong_number_of_parameters_is_found() {
    let texts = [
        "let xs = [#{ a: 1 }]; print(xs.sorted(|x| x.a)); print(xs.max_by(|a, b| a.a - b.a));",
        "let xs = [1]; xs.sort(|x| x); print(sorted(xs, |x| x));",
        "let b = branch(); print(attempt(|x| b.chat(\"x\")));",
        "print(retry(2, |i, j| 1)); timeout(10, |ms| ms); print(task(|x| x).wait());",
        "print(gather([|x| x, || 2])); print(race([|a| a]));",
        "print([1].map(|a, b, c| a)); print([1].filter(|| true)); print([1].reduce(|| 1, 0));",
        "print(#{ a: 1 }.map(|| 1)); print([1].parallel(|a, b, c| a));",
        "let o = optimizer(#{ memory: false }); let p = #{ a: |x| 1, b: |x, who, y| 2 }; o.compare(\"t\", #{ a: |x| 1, b: |x, who, y| 2 }, [1], #{ judge: |a, b, c| 1 }); print(p);",
        "let b = branch(); print(b.operate(\"x\", #{ check: |a, b| true }));",
        "let g = builder(\"f\"); let a = g.add_operation(|a, b, c| 1, #{ name: \"a\", when: |a, b| true }); g.expand(a, |x, i, y| #{}); session().flow(g);",
        "let f = |a, b| a; print(attempt(f)); fn two(a, b) { a } print(retry(1, two)); print(attempt(Fn(\"two\")));",
        "print(best_of(\"demo/echo\", \"x\", #{ judge: || 1 }));",
    ];
    expect![[r#"
        > let xs = [#{ a: 1 }]; print(xs.sorted(|x| x.a)); print(xs.max_by(|a, b| a.a - b.a));
        K0004 1:39 `sorted` calls its function with 2 arguments, but this one takes 1
            write `|a, b| a.score - b.score`: below 0 if `a` comes first
        K0004 1:66 `max_by` calls its function with an item and its index, not with two items
            write `|item| item.score`: it returns a number for one item
        > let xs = [1]; xs.sort(|x| x); print(sorted(xs, |x| x));
        K0004 1:23 `sort` calls its function with 2 arguments, but this one takes 1
            write `|a, b| a.score - b.score`: below 0 if `a` comes first
        K0004 1:48 `sorted` calls its function with 2 arguments, but this one takes 1
            write `|a, b| a.score - b.score`: below 0 if `a` comes first
        > let b = branch(); print(attempt(|x| b.chat("x")));
        K0004 1:33 `attempt` calls its function without arguments, but this one takes 1
            write `|| ..`
        > print(retry(2, |i, j| 1)); timeout(10, |ms| ms); print(task(|x| x).wait());
        K0004 1:16 `retry` calls its function with at most 1 argument, but this one takes 2
            write `|| ..`
        K0004 1:40 `timeout` calls its function without arguments, but this one takes 1
            write `|| ..`
        K0004 1:61 `task` calls its function without arguments, but this one takes 1
            write `|| ..`
        > print(gather([|x| x, || 2])); print(race([|a| a]));
        K0004 1:15 `gather` calls its function without arguments, but this one takes 1
            write `|| ..`
        K0004 1:43 `race` calls its function without arguments, but this one takes 1
            write `|| ..`
        > print([1].map(|a, b, c| a)); print([1].filter(|| true)); print([1].reduce(|| 1, 0));
        K0004 1:15 `map` calls its function with at most 2 arguments, but this one takes 3
            write `|item| ..`
        K0004 1:75 `reduce` calls its function with 2 arguments, but this one takes 0
            write `|sum, item| ..`
        > print(#{ a: 1 }.map(|| 1)); print([1].parallel(|a, b, c| a));
        K0004 1:21 `map` calls its function with 2 arguments, but this one takes 0
            write `|key, value| ..`
        K0004 1:48 `parallel` calls its function with at most 2 arguments, but this one takes 3
            write `|item| ..`
        > let o = optimizer(#{ memory: false }); let p = #{ a: |x| 1, b: |x, who, y| 2 }; o.compare("t", #{ a: |x| 1, b: |x, who, y| 2 }, [1], #{ judge: |a, b, c| 1 }); print(p);
        K0004 1:109 `compare` calls its function with at most 2 arguments, but this one takes 3
            write `|input, branch| ..`
        K0004 1:137 option `judge` of `compare` calls its function with at most 2 arguments, but this one takes 3
            write `|answer, input| ..`
        > let b = branch(); print(b.operate("x", #{ check: |a, b| true }));
        K0004 1:43 option `check` of `operate` calls its function with at most 1 argument, but this one takes 2
            write `|answer| ..`
        > let g = builder("f"); let a = g.add_operation(|a, b, c| 1, #{ name: "a", when: |a, b| true }); g.expand(a, |x, i, y| #{}); session().flow(g);
        K0004 1:47 `add_operation` calls its function with at most 2 arguments, but this one takes 3
            write `|inputs, branch| ..`
        K0004 1:74 option `when` of `add_operation` calls its function with at most 1 argument, but this one takes 2
            write `|inputs| ..`
        K0004 1:108 `expand` calls its function with at most 2 arguments, but this one takes 3
            write `|item, index| #{ .. }`
        K0005 1:118 an operation `communicate` needs an `instruction`
            add it: `#{ instruction: "", .. }`
        > let f = |a, b| a; print(attempt(f)); fn two(a, b) { a } print(retry(1, two)); print(attempt(Fn("two")));
        K0004 1:33 `attempt` calls its function without arguments, but this one takes 2
            write `|| ..`
        K0004 1:72 `retry` calls its function with at most 1 argument, but this one takes 2
            write `|| ..`
        K0004 1:93 `attempt` calls its function without arguments, but this one takes 2
            write `|| ..`
        > print(best_of("demo/echo", "x", #{ judge: || 1 }));
        K0004 1:36 option `judge` of `best_of` calls its function with 1 argument, but this one takes 0
            write `|answer| ..`
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_function_with_a_right_number_of_parameters_passes() {
    let texts = [
        "print([2, 1].sorted(|a, b| a - b)); print([1].max_by(|x| x)); print([1].max_by(|x, i| x + i));",
        "let b = branch(); print(attempt(|| b.chat(\"x\"))); print(retry(2, |n| n)); print(retry(2, || 1));",
        "print([1].map(|x, i| x + i)); print([1].map(|x| x)); let n = 2; print([1].map(|x| x + n));",
        "print(#{ a: 1 }.map(|k, v| v)); print([1, 2].reduce(|sum, x| sum + x, 0)); print([1, 2].reduce(|sum, x, i| sum + x + i, 0));",
        "let a = 1; let b = 2; print(gather([|| a, || b])); print([1].parallel(|x, i| x + i));",
        "let o = optimizer(#{ memory: false }); let c = 1; o.compare(\"t\", #{ a: |x, who| c, b: || 2 }, [1], #{ judge: |answer, input| 1 });",
        "let g = builder(\"f\"); let a = g.add_operation(|inputs, who| 1, #{ name: \"a\", when: |inputs| true }); g.expand(a, |x, i| #{ instruction: `${x} ${i}` }); session().flow(g);",
        "let m = #{ map: |a, b, c| a }; print(m.map(1, 2, 3));",
        "fn sorted(f) { f.call(1) } print(sorted(|x| x));",
        "let f = |a| a; f = || 1; print(attempt(f));",
        "print([1].zip([2], |a, b| a + b)); let l = [1, 1]; l.dedup(|a, b| a == b); l.retain(|x| x > 0); print(l);",
        "let s = session(); s.on(\"any\", |event| print(event)); s.on(\"any\", || print(1));",
    ];
    expect![[r#"
        > print([2, 1].sorted(|a, b| a - b)); print([1].max_by(|x| x)); print([1].max_by(|x, i| x + i));
        > let b = branch(); print(attempt(|| b.chat("x"))); print(retry(2, |n| n)); print(retry(2, || 1));
        > print([1].map(|x, i| x + i)); print([1].map(|x| x)); let n = 2; print([1].map(|x| x + n));
        > print(#{ a: 1 }.map(|k, v| v)); print([1, 2].reduce(|sum, x| sum + x, 0)); print([1, 2].reduce(|sum, x, i| sum + x + i, 0));
        > let a = 1; let b = 2; print(gather([|| a, || b])); print([1].parallel(|x, i| x + i));
        > let o = optimizer(#{ memory: false }); let c = 1; o.compare("t", #{ a: |x, who| c, b: || 2 }, [1], #{ judge: |answer, input| 1 });
        > let g = builder("f"); let a = g.add_operation(|inputs, who| 1, #{ name: "a", when: |inputs| true }); g.expand(a, |x, i| #{ instruction: `${x} ${i}` }); session().flow(g);
        > let m = #{ map: |a, b, c| a }; print(m.map(1, 2, 3));
        > fn sorted(f) { f.call(1) } print(sorted(|x| x));
        > let f = |a| a; f = || 1; print(attempt(f));
        > print([1].zip([2], |a, b| a + b)); let l = [1, 1]; l.dedup(|a, b| a == b); l.retain(|x| x > 0); print(l);
        > let s = session(); s.on("any", |event| print(event)); s.on("any", || print(1));
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_value_that_says_nothing_in_a_text_is_found() {
    let texts = [
        "let g = builder(\"f\"); let a = g.add_operation(\"communicate\", #{ name: \"a\", instruction: \"x\" }); g.add_operation(\"communicate\", #{ name: \"b\", instruction: `Review ${a}` }); session().flow(g);",
        "let g = builder(\"f\"); let a = g.add_operation(|| 1); print(\"Node \" + a); session().flow(g);",
        "let f = |x| x; print(`Say ${f}`); print(\"a \" + f);",
        "let t = task(|| 1); print(`${t}`); let b = branch(); print(`Ask ${b}`);",
        "let g = builder(\"f\"); g.add_operation(|| 1, #{ name: \"a\" }); let report = session().flow(g); print(`Done: ${report}`);",
        "let o = optimizer(#{ memory: false }); print(`${o} and ${session()}`);",
        "let c = tool(\"c\", \"Says.\", #{}, || 1); print(`Use ${c}`);",
    ];
    expect![[r#"
        > let g = builder("f"); let a = g.add_operation("communicate", #{ name: "a", instruction: "x" }); g.add_operation("communicate", #{ name: "b", instruction: `Review ${a}` }); session().flow(g);
        K0031 1:165 a node in a text is only the word "node"
            it has no result yet: write `depends_on: [a]`, which passes the result on, or `${report.result("a")}` after the flow
        > let g = builder("f"); let a = g.add_operation(|| 1); print("Node " + a); session().flow(g);
        K0031 1:70 a node in a text is only the word "node"
            it has no result yet: write `depends_on: [a]`, which passes the result on, or `${report.result(a)}` after the flow
        > let f = |x| x; print(`Say ${f}`); print("a " + f);
        K0031 1:29 a function in a text is only the word "a closure"
            call it: `${f.call(..)}`
        K0031 1:48 a function in a text is only the word "a closure"
            call it: `${f.call(..)}`
        > let t = task(|| 1); print(`${t}`); let b = branch(); print(`Ask ${b}`);
        K0031 1:30 a task in a text is only the word "task"
            write `${t.wait()}`
        K0031 1:67 a branch in a text is only the word "branch"
            write `${b.name}`
        > let g = builder("f"); g.add_operation(|| 1, #{ name: "a" }); let report = session().flow(g); print(`Done: ${report}`);
        K0031 1:109 a report in a text is only the word "report"
            write `${report.result("..")}`
        > let o = optimizer(#{ memory: false }); print(`${o} and ${session()}`);
        K0031 1:49 an optimizer in a text is only the word "optimizer"
            write one of its properties
        K0031 1:58 a session in a text is only the word "session"
            write one of its properties
        > let c = tool("c", "Says.", #{}, || 1); print(`Use ${c}`);
        K0031 1:53 a tool in a text is only the word "tool"
            write `${c.name}`
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_value_with_a_text_passes() {
    let texts = [
        "let g = builder(\"f\"); let a = g.add_operation(|| 1, #{ name: \"a\" }); let report = session().flow(g); print(`${report.result(\"a\")} ${a.name}`);",
        "let f = |x| x; print(`Say ${f.call(1)}`);",
        "let t = task(|| 1); print(`${t.wait()}`); let b = branch(); print(`Ask ${b.name} ${b.model}`);",
        "let m = imodel(\"demo/echo\"); print(`${m}`);",
        "fn f(a) { `Review ${a}` } print(f(1));",
        "let g = builder(\"f\"); g.add_operation(|inputs| `${inputs}`, #{ name: \"a\" }); session().flow(g);",
        "let list = [1]; let map = #{ a: 1 }; print(`${list} ${map} ${()}`); print(\"a\" + list);",
        "let x = branch(); x = \"a\"; print(`${x}`);",
    ];
    expect![[r#"
        > let g = builder("f"); let a = g.add_operation(|| 1, #{ name: "a" }); let report = session().flow(g); print(`${report.result("a")} ${a.name}`);
        > let f = |x| x; print(`Say ${f.call(1)}`);
        > let t = task(|| 1); print(`${t.wait()}`); let b = branch(); print(`Ask ${b.name} ${b.model}`);
        > let m = imodel("demo/echo"); print(`${m}`);
        > fn f(a) { `Review ${a}` } print(f(1));
        > let g = builder("f"); g.add_operation(|inputs| `${inputs}`, #{ name: "a" }); session().flow(g);
        > let list = [1]; let map = #{ a: 1 }; print(`${list} ${map} ${()}`); print("a" + list);
        > let x = branch(); x = "a"; print(`${x}`);
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_value_of_an_option_or_a_metric_out_of_range_is_found() {
    let texts = [
        "let o = optimizer(); o.record_execution(\"t\", \"p\", #{ success_rate: 95 });",
        "let o = optimizer(); o.record_execution(\"t\", \"p\", #{ success_rate: \"1.0\" });",
        "let o = optimizer(); o.record_execution(\"t\", \"p\", #{ score: 0.5 });",
        "let o = optimizer(); o.record_execution(\"t\", \"p\", #{});",
        "let o = optimizer(); o.record_execution(\"t\", \"p\", #{ success_rate: 1.0, execution_time: -1 });",
        "let o = optimizer(); o.record_execution(\"t\", \"p\", #{ success_rate: 1.0, exec_time: 3.0 });",
        "let o = optimizer(); o.record_execution(\"t\", \"p\", #{ success_rate: 1.0, avg_time: 3.0 });",
        "let o = optimizer(); o.save_pattern_success(\"t\", \"p\", #{ success_rate: 0.2 });",
        "let o = optimizer(#{ objective: \"speeed\" });",
        "let o = optimizer(#{ memory: false }); o.compare(\"t\", #{ a: || 1 }, [1], #{ objective: \"quality=x\" });",
    ];
    expect![[r#"
        > let o = optimizer(); o.record_execution("t", "p", #{ success_rate: 95 });
        K0031 1:54 metric `success_rate` must be a number from 0 to 1, not `95`
        > let o = optimizer(); o.record_execution("t", "p", #{ success_rate: "1.0" });
        K0031 1:54 metric `success_rate` must be a number from 0 to 1, not `"1.0"`
        > let o = optimizer(); o.record_execution("t", "p", #{ score: 0.5 });
        K0031 1:51 metrics need a `success_rate` from 0 to 1; this map has `score`. The metrics of a report include it unless no operation was to run
        > let o = optimizer(); o.record_execution("t", "p", #{});
        K0031 1:51 metrics need a `success_rate` from 0 to 1; this map has nothing. The metrics of a report include it unless no operation was to run
        > let o = optimizer(); o.record_execution("t", "p", #{ success_rate: 1.0, execution_time: -1 });
        K0031 1:73 metric `execution_time` must be seconds from 0 up, not `-1`
        > let o = optimizer(); o.record_execution("t", "p", #{ success_rate: 1.0, exec_time: 3.0 });
        K0031 1:73 unknown metric `exec_time`
            did you mean `execution_time`?
        > let o = optimizer(); o.record_execution("t", "p", #{ success_rate: 1.0, avg_time: 3.0 });
        K0031 1:73 unknown metric `avg_time`
            did you mean `execution_time`?
        > let o = optimizer(); o.save_pattern_success("t", "p", #{ success_rate: 0.2 });
        K0031 1:58 a `success_rate` of 0.2 is too low for a success (minimum .5); use `save_pattern_failure`
        > let o = optimizer(#{ objective: "speeed" });
        K0031 1:33 option `objective` of `optimizer`: is wrong: invalid objective `speeed`: expected balanced, quality, speed, cost, or weights such as quality=.8,cost=.2
        > let o = optimizer(#{ memory: false }); o.compare("t", #{ a: || 1 }, [1], #{ objective: "quality=x" });
        K0031 1:55 `compare` needs at least two patterns
        K0031 1:88 option `objective` of `compare`: is wrong: `quality=x` needs a number from 0 up
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_value_of_an_option_or_a_metric_in_range_passes() {
    let texts = [
        "let o = optimizer(); o.record_execution(\"t\", \"p\", #{ success_rate: 0.95, execution_time: 2, note: \"x\" });",
        "let o = optimizer(); o.record_execution(\"t\", \"p\", #{ success_rate: 1, tokens: #{ input: 1, output: 2 } });",
        "let o = optimizer(); let rate = 0.5; o.record_execution(\"t\", \"p\", #{ success_rate: rate, score: () });",
        "let o = optimizer(); let rate = 0.5; o.record_execution(\"t\", \"p\", #{ success_rate: rate / 2, cost: rate });",
        "let o = optimizer(); o.save_pattern_success(\"t\", \"p\", #{ execution_time: 2.0 });",
        "let o = optimizer(#{ objective: \"speed\" }); print(o.recommend(\"t\", #{ among: [\"a\"] }));",
        "let o = optimizer(#{ objective: \"quality=.8,cost=.2\" }); print(o.recommend(\"t\"));",
        "let o = optimizer(#{ memory: false }); o.compare(\"t\", #{ a: || 1, b: || 2 }, [1], #{ objective: \"quality\" });",
        "let o = optimizer(#{ memory: false }); let p = #{ a: || 1 }; o.compare(\"t\", p, [1]);",
        "let r = run(\"@\"); let o = optimizer(); o.record_execution(\"t\", \"p\", r.metrics);",
        "let r = run(\"@\"); let o = optimizer(); o.record_execution(\"t\", \"p\", r.metrics, #{ of: 1 });",
        "let p = #{ a: |x| x, b: |x| x }; let o = optimizer(#{ memory: false }); o.compare(\"t\", p, [1], #{ judge: |a, t| 1 });",
    ];
    expect![[r#"
        > let o = optimizer(); o.record_execution("t", "p", #{ success_rate: 0.95, execution_time: 2, note: "x" });
        > let o = optimizer(); o.record_execution("t", "p", #{ success_rate: 1, tokens: #{ input: 1, output: 2 } });
        > let o = optimizer(); let rate = 0.5; o.record_execution("t", "p", #{ success_rate: rate, score: () });
        > let o = optimizer(); let rate = 0.5; o.record_execution("t", "p", #{ success_rate: rate / 2, cost: rate });
        > let o = optimizer(); o.save_pattern_success("t", "p", #{ execution_time: 2.0 });
        > let o = optimizer(#{ objective: "speed" }); print(o.recommend("t", #{ among: ["a"] }));
        > let o = optimizer(#{ objective: "quality=.8,cost=.2" }); print(o.recommend("t"));
        > let o = optimizer(#{ memory: false }); o.compare("t", #{ a: || 1, b: || 2 }, [1], #{ objective: "quality" });
        > let o = optimizer(#{ memory: false }); let p = #{ a: || 1 }; o.compare("t", p, [1]);
        > let r = run("@"); let o = optimizer(); o.record_execution("t", "p", r.metrics);
        > let r = run("@"); let o = optimizer(); o.record_execution("t", "p", r.metrics, #{ of: 1 });
        > let p = #{ a: |x| x, b: |x| x }; let o = optimizer(#{ memory: false }); o.compare("t", p, [1], #{ judge: |a, t| 1 });
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_division_of_whole_numbers_that_a_function_is_given_is_found() {
    let texts = [
        "fn rate(right, total) { right / total } print(rate(2, 3));",
        "fn avg(xs) { xs.sum() / xs.len } print(avg([1, 2]));",
        "let xs = [1, 2]; fn avg(xs) { xs.sum() / xs.len } print(avg(xs));",
        "private fn rate(right, total) { right / total } let n = 2; print(rate(n, [1, 2, 3].len));",
        "fn part(a, b) { a / b } fn twice(a, b) { part(a * 2, b) } print(twice(1, 3));",
    ];
    expect![[r#"
        > fn rate(right, total) { right / total } print(rate(2, 3));
        K0017 1:31 this divides whole numbers, so the fraction is dropped
            write `right.to_float() / total` for a fraction, or `(right / total).to_int()` if a whole number is meant
        > fn avg(xs) { xs.sum() / xs.len } print(avg([1, 2]));
        K0017 1:23 this divides whole numbers, so the fraction is dropped
            write `xs.sum().to_float() / ..` for a fraction, or `(xs.sum() / ..).to_int()` if a whole number is meant
        > let xs = [1, 2]; fn avg(xs) { xs.sum() / xs.len } print(avg(xs));
        K0017 1:40 this divides whole numbers, so the fraction is dropped
            write `xs.sum().to_float() / ..` for a fraction, or `(xs.sum() / ..).to_int()` if a whole number is meant
        > private fn rate(right, total) { right / total } let n = 2; print(rate(n, [1, 2, 3].len));
        K0017 1:39 this divides whole numbers, so the fraction is dropped
            write `right.to_float() / total` for a fraction, or `(right / total).to_int()` if a whole number is meant
        > fn part(a, b) { a / b } fn twice(a, b) { part(a * 2, b) } print(twice(1, 3));
        K0017 1:19 this divides whole numbers, so the fraction is dropped
            write `a.to_float() / b` for a fraction, or `(a / b).to_int()` if a whole number is meant
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_division_whose_parameters_may_be_fractions_passes() {
    let texts = [
        "fn rate(right, total) { right / total } print(rate(2.0, 3));",
        "fn rate(right, total) { right / total } print(rate(2, 3)); print(rate(1.5, 2));",
        "fn rate(right, total) { right / total }",
        "fn rate(right, total) { right.to_float() / total } print(rate(2, 3));",
        "fn avg(xs) { xs.sum() / xs.len } print(avg([1.0, 2.5]));",
        "fn avg(xs) { xs.sum() / xs.len } let xs = [1]; xs.push(2.5); print(avg(xs));",
        "fn part(a, b) { a / b } print(part(1, 2)); print([1.5].map(|x| part(x, 2)));",
        "fn half(n) { n / 2 } print([4.0].map(half)); print(half(3));",
        "fn half(n) { n / 2 } print(half(3)); print(3.5.half());",
        "fn rate(a, b) { (a / b).to_int() } print(rate(7, 2));",
    ];
    expect![[r#"
        > fn rate(right, total) { right / total } print(rate(2.0, 3));
        > fn rate(right, total) { right / total } print(rate(2, 3)); print(rate(1.5, 2));
        > fn rate(right, total) { right / total }
        > fn rate(right, total) { right.to_float() / total } print(rate(2, 3));
        > fn avg(xs) { xs.sum() / xs.len } print(avg([1.0, 2.5]));
        > fn avg(xs) { xs.sum() / xs.len } let xs = [1]; xs.push(2.5); print(avg(xs));
        > fn part(a, b) { a / b } print(part(1, 2)); print([1.5].map(|x| part(x, 2)));
        > fn half(n) { n / 2 } print([4.0].map(half)); print(half(3));
        > fn half(n) { n / 2 } print(half(3)); print(3.5.half());
        K0004 1:48 the script's own `half` is not called behind a dot
            write `half(value)`
        > fn rate(a, b) { (a / b).to_int() } print(rate(7, 2));
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn values_of_other_types_and_results_that_are_none_are_found() {
    let texts = [
        "let n = param(\"n\", \"3\"); if n == 3 { print(n); } switch n { 3 => print(1), _ => () }",
        "if param(\"flag\", false) == \"true\" { print(1); } if param(\"n\", 3) == \"3\" { print(2); }",
        "print(3 in [\"3\"]); print(\"3\" in [1, 2]); print([\"a\"].contains(1));",
        "fn f(x) { let y = x + 1; } let z = f(1); print(z);",
        "print([1].map(|x| { let y = x + 1; })); print([1].filter(|x| { let ok = x > 1; }));",
        "print(\"abc\".split(\"\"));",
        "let g = builder(\"f\"); g.add_operation(\"communicate\", #{ instruction: \"x\" });",
        "let g = builder(\"f\"); let a = g.add_operation(|| 1); g.add_aggregation(|x| x, #{ source_node_ids: [a] });",
    ];
    expect![[r#"
        > let n = param("n", "3"); if n == 3 { print(n); } switch n { 3 => print(1), _ => () }
        K0031 1:31 `==` between a string and an int is always false
            write `text.parse_int()` or `text.parse_float()` to compare numbers
        K0031 1:61 this case is an int, but the value is a string
            write the case as a text, `"1"`, or `switch text.parse_int() { .. }`
        > if param("flag", false) == "true" { print(1); } if param("n", 3) == "3" { print(2); }
        K0031 1:25 `==` between a bool and a string is always false
            a bool is `true` or `false`: write it alone, or with `!` before it
        K0031 1:66 `==` between an int and a string is always false
            write the number without quotes
        > print(3 in ["3"]); print("3" in [1, 2]); print(["a"].contains(1));
        K0031 1:7 an int is never in a list of values such as a string
            write `text.parse_int()` for the items, or `x.to_string()`
        K0031 1:26 a string is never in a list of values such as an int
            write `text.parse_int()`, or texts as items
        K0031 1:63 an int is never in a list of values such as a string
            write `text.parse_int()` for the items, or `x.to_string()`
        > fn f(x) { let y = x + 1; } let z = f(1); print(z);
        K0023 1:11 `f` ends with a `let`, so it gives nothing (`()`)
            end it with `y`, without `;`
        > print([1].map(|x| { let y = x + 1; })); print([1].filter(|x| { let ok = x > 1; }));
        K0023 1:21 the function of `map` ends with a `let`, so it gives nothing (`()`)
            end it with `y`, without `;`
        K0023 1:64 the function of `filter` ends with a `let`, so it gives nothing (`()`)
            end it with `ok`, without `;`
        > print("abc".split(""));
        K0031 1:19 `split("")` gives an empty text before and after the characters
            write `text.to_chars()`
        > let g = builder("f"); g.add_operation("communicate", #{ instruction: "x" });
        K0023 1:5 no flow runs the operations of `g`
            write `let report = session().flow(g);`
        > let g = builder("f"); let a = g.add_operation(|| 1); g.add_aggregation(|x| x, #{ source_node_ids: [a] });
        K0023 1:5 no flow runs the operations of `g`
            write `let report = session().flow(g);`
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn values_of_the_same_type_and_results_that_are_given_pass() {
    let texts = [
        "let n = param(\"n\", \"3\"); if n == \"3\" { print(n); } switch n { \"3\" => print(1), _ => () }",
        "if param(\"flag\", false) { print(1); } if param(\"n\", 3) == 3.0 { print(2); } if param(\"x\") == 3 { print(3); }",
        "print(3 in [\"3\", 4]); print(3 in []); print(\"a\" in \"abc\"); print(\"a\" in #{ a: 1 }); print(2.0 in [1, 2]);",
        "let n = param(\"n\", 3); print(n in [1, 2]); let x = \"3\"; x = 3; print(x in [\"3\"]);",
        "fn f(x) { let y = x + 1; y } let z = f(1); print(z);",
        "fn f(x) { if x > 1 { return 2; } let y = x + 1; } let z = f(1); print(z);",
        "fn f(x) { let y = x + 1; } f(1);",
        "[1].for_each(|| { let y = this + 1; }); print([1].map(|x| { let y = x + 1; y }));",
        "print(\"a,b\".split(\",\")); print(\"abc\".to_chars());",
        "let g = builder(\"f\"); g.add_operation(|| 1, #{ name: \"a\" }); session().flow(g);",
        "fn made() { let g = builder(\"f\"); g.add_operation(|| 1); g } session().flow(made());",
        "let g = builder(\"f\"); g.add_operation(|| 1); let all = #{ g: g }; session().flow(all.g);",
        "let g = builder(\"f\"); g.add_operation(|| 1); let run_it = || session().flow(g); run_it.call();",
        "let g = builder(\"f\"); print(g);",
    ];
    expect![[r#"
        > let n = param("n", "3"); if n == "3" { print(n); } switch n { "3" => print(1), _ => () }
        > if param("flag", false) { print(1); } if param("n", 3) == 3.0 { print(2); } if param("x") == 3 { print(3); }
        > print(3 in ["3", 4]); print(3 in []); print("a" in "abc"); print("a" in #{ a: 1 }); print(2.0 in [1, 2]);
        > let n = param("n", 3); print(n in [1, 2]); let x = "3"; x = 3; print(x in ["3"]);
        > fn f(x) { let y = x + 1; y } let z = f(1); print(z);
        > fn f(x) { if x > 1 { return 2; } let y = x + 1; } let z = f(1); print(z);
        > fn f(x) { let y = x + 1; } f(1);
        > [1].for_each(|| { let y = this + 1; }); print([1].map(|x| { let y = x + 1; y }));
        > print("a,b".split(",")); print("abc".to_chars());
        > let g = builder("f"); g.add_operation(|| 1, #{ name: "a" }); session().flow(g);
        > fn made() { let g = builder("f"); g.add_operation(|| 1); g } session().flow(made());
        > let g = builder("f"); g.add_operation(|| 1); let all = #{ g: g }; session().flow(all.g);
        > let g = builder("f"); g.add_operation(|| 1); let run_it = || session().flow(g); run_it.call();
        > let g = builder("f"); print(g);
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_tool_that_takes_its_arguments_one_by_one_is_found() {
    let texts = [
        "print(tool(\"add\", \"Adds.\", \"a: integer, b: integer\", |a, b| a + b).name);",
        "print(tool(\"add\", \"Adds.\", \"a: integer, b: integer\", |args| args.a + args.c).name);",
        "print(tool(\"find\", \"Finds.\", \"query: string\", |args, info| args.qery.len).name);",
    ];
    expect![[r#"
        > print(tool("add", "Adds.", "a: integer, b: integer", |a, b| a + b).name);
        K0014 1:54 the function of tool `add` gets all arguments as one map; write it as `|args|`, and `args.b`
        > print(tool("add", "Adds.", "a: integer, b: integer", |args| args.a + args.c).name);
        K0014 1:75 the arguments of tool `add` have no `c`
        > print(tool("find", "Finds.", "query: string", |args, info| args.qery.len).name);
        K0014 1:65 the arguments of tool `find` have no `qery`
            did you mean `query`?
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_tool_that_takes_its_arguments_as_a_map_passes() {
    let texts = [
        "print(tool(\"add\", \"Adds.\", \"a: integer, b: integer\", |args| args.a + args.b).name);",
        "print(tool(\"add\", \"Adds.\", \"a: integer, b?: integer\", |args, info| args.a + (args.b ?? 0)).name);",
        "print(tool(\"now\", \"Tells.\", #{}, || 1).name);",
        "let schema = \"a: integer\"; print(tool(\"add\", \"Adds.\", schema, |args| args.b).name);",
        "print(tool(\"add\", \"Adds.\", \"a: integer\", |args| { args.c = 1; args.a }).name);",
    ];
    expect![[r#"
        > print(tool("add", "Adds.", "a: integer, b: integer", |args| args.a + args.b).name);
        > print(tool("add", "Adds.", "a: integer, b?: integer", |args, info| args.a + (args.b ?? 0)).name);
        > print(tool("now", "Tells.", #{}, || 1).name);
        > let schema = "a: integer"; print(tool("add", "Adds.", schema, |args| args.b).name);
        > print(tool("add", "Adds.", "a: integer", |args| { args.c = 1; args.a }).name);
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_range_that_holds_nothing_is_found() {
    let texts = [
        "let xs = [1, 2, 3]; print(xs.extract(1..-1)); print(xs.extract(-2..3)); print(xs.extract(1, -1));",
        "let t = \"abcdef\"; print(t.sub_string(1..=-1)); t.crop(-3..-1); print(t);",
        "let xs = [1]; xs.splice(1..-1, [2]); print(xs); for i in 10..0 { print(i); } for i in 3..=-1 { print(i); }",
    ];
    expect![[r#"
        > let xs = [1, 2, 3]; print(xs.extract(1..-1)); print(xs.extract(-2..3)); print(xs.extract(1, -1));
        K0031 1:38 `extract` does not count 1..-1 from the end
            write `xs.extract(1..xs.len - 1)`
        K0031 1:64 `extract` does not count -2..3 from the end
            write `xs.extract((xs.len - 2)..3)`
        K0031 1:93 `extract` takes a start and a length, and -1 is no length
            write `xs.extract(start..xs.len - 1)`
        > let t = "abcdef"; print(t.sub_string(1..=-1)); t.crop(-3..-1); print(t);
        K0031 1:38 `sub_string` does not count 1..=-1 from the end
            write `t.sub_string(1..=t.len - 1)`
        K0031 1:55 `crop` does not count -3..-1 from the end
            write `t.crop((t.len - 3)..t.len - 1)`
        > let xs = [1]; xs.splice(1..-1, [2]); print(xs); for i in 10..0 { print(i); } for i in 3..=-1 { print(i); }
        K0031 1:25 `splice` does not count 1..-1 from the end
            write `xs.splice(1..xs.len - 1)`
        K0031 1:58 the range 10..0 is empty, as it only goes up
            write `range(10, 0, -1)` to count down
        K0031 1:87 the range 3..=-1 is empty, as it only goes up
            write `range(3, -2, -1)` to count down
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_range_that_holds_something_passes() {
    let texts = [
        "let t = \"abcdef\"; print(t[1..-1]); print(t[-3..-1]); print(t.sub_string(-3, 2)); print(t.sub_string(-2));",
        "let xs = [1, 2, 3]; print(xs.extract(1..xs.len - 1)); print(xs.extract(-2)); print(xs.extract(-2, 1)); print(xs[-1]);",
        "for i in 0..3 { print(i); } for i in -3..0 { print(i); } for i in range(10, 0, -1) { print(i); } for i in 3..3 { print(i); }",
        "let n = -1; let xs = [1]; print(xs.extract(0..n));",
    ];
    expect![[r#"
        > let t = "abcdef"; print(t[1..-1]); print(t[-3..-1]); print(t.sub_string(-3, 2)); print(t.sub_string(-2));
        > let xs = [1, 2, 3]; print(xs.extract(1..xs.len - 1)); print(xs.extract(-2)); print(xs.extract(-2, 1)); print(xs[-1]);
        > for i in 0..3 { print(i); } for i in -3..0 { print(i); } for i in range(10, 0, -1) { print(i); } for i in 3..3 { print(i); }
        > let n = -1; let xs = [1]; print(xs.extract(0..n));
    "#]].assert_eq(&said_of(&texts));
}
