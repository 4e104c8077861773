//! What follows from the kinds of values: changes of copies, closures in their own chain, words for other values, and
//! divisions.

use super::foreign::said_of;
use expect_test::expect;

#[test]
fn a_change_of_what_a_property_gives_is_found() {
    let texts = [
        "let b = branch(); b.messages.push(#{ role: \"user\", content: \"x\" }); b.messages.clear();",
        "let b = branch(); b.tools.push(1); let s = session(); s.branches.push(b);",
        "let r = session().flow(builder(\"g\")); r.completed_operations.push(\"z\"); r.metrics.calls = 5;",
        "let r = session().flow(builder(\"g\")); r.metrics.tokens.input = 3; r.errors[\"a\"] = 2;",
        "let s = session(); s.default_branch.messages.push(1); s.default_branch.messages[0].content = \"x\";",
        "let b = branch(); let h = b.messages; h.push(1); print(b.messages.len);",
        "let r = session().flow(builder(\"g\")); let m = r.metrics; m.calls = 2;",
        "let b = branch(); for m in b.messages { m.content = \"x\"; }",
    ];
    expect![[r#"
        > let b = branch(); b.messages.push(#{ role: "user", content: "x" }); b.messages.clear();
        K0024 1:21 `messages` of a branch is a copy, so this change is lost
            `communicate` adds messages to a branch, and `branch_from(map)` makes a branch of a changed `to_map()`
        K0024 1:71 `messages` of a branch is a copy, so this change is lost
            `communicate` adds messages to a branch, and `branch_from(map)` makes a branch of a changed `to_map()`
        > let b = branch(); b.tools.push(1); let s = session(); s.branches.push(b);
        K0024 1:21 `tools` of a branch is a copy, so this change is lost
            write `branch(#{ tools: [..] })` to create one with other tools
        K0024 1:57 `branches` of a session is a copy, so this change is lost
            write `session.include_branch(branch)`
        > let r = session().flow(builder("g")); r.completed_operations.push("z"); r.metrics.calls = 5;
        K0024 1:41 `completed_operations` of a report is a copy, so this change is lost
            it can only be read
        K0024 1:75 `metrics` of a report is a copy, so this change is lost
            it can only be read
        > let r = session().flow(builder("g")); r.metrics.tokens.input = 3; r.errors["a"] = 2;
        K0024 1:41 `metrics` of a report is a copy, so this change is lost
            it can only be read
        K0024 1:69 `errors` of a report is a copy, so this change is lost
            it can only be read
        > let s = session(); s.default_branch.messages.push(1); s.default_branch.messages[0].content = "x";
        K0024 1:37 `messages` of a branch is a copy, so this change is lost
            `communicate` adds messages to a branch, and `branch_from(map)` makes a branch of a changed `to_map()`
        K0024 1:72 `messages` of a branch is a copy, so this change is lost
            `communicate` adds messages to a branch, and `branch_from(map)` makes a branch of a changed `to_map()`
        > let b = branch(); let h = b.messages; h.push(1); print(b.messages.len);
        K0024 1:39 `h` is a copy, and nothing reads it after this change
            `let` takes a copy of `messages` of a branch: `communicate` adds messages to a branch, and `branch_from(map)` makes a branch of a changed `to_map()`
        > let r = session().flow(builder("g")); let m = r.metrics; m.calls = 2;
        K0024 1:58 `m` is a copy, and nothing reads it after this change
            `let` takes a copy of `metrics` of a report: it can only be read
        > let b = branch(); for m in b.messages { m.content = "x"; }
        K0024 1:41 `m` is a copy, and nothing reads it after this change
            `for` goes over copies of the items, and `messages` of a branch can only be read: `communicate` adds messages to a branch, and `branch_from(map)` makes a branch of a changed `to_map()`
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_closure_that_uses_the_variable_of_its_chain_is_found() {
    let texts = [
        "let got = #{ a: [1] }; print(got.keys().map(|k| got[k].len)); print(got.keys().max_by(|k| got[k].len));",
        "let xs = [1]; print(xs.map(|x| x.to_float() / xs.len)); print(xs?.filter(|x| xs.index_of(x) == 0));",
        "let m = #{ a: \"x\" }; let f = |k| m[k]; print(m.keys().map(f)); m.retain(|k, v| m.len > 1);",
        "let m = #{ a: \"x\" }; m.set(\"b\", || m); m.set(\"c\", [|| m]);",
        "fn f(s) { s.map(|x| s.len) } print(f([1])); let l = [1]; print(l.len.max(l.map(|x| l)[0]));",
    ];
    expect![[r#"
        > let got = #{ a: [1] }; print(got.keys().map(|k| got[k].len)); print(got.keys().max_by(|k| got[k].len));
        K0031 1:41 the function given to `map` uses `got`, which is in use until `map` returns
            write `map(got.keys(), ..)`: as a function, `map` works on a copy
        K0031 1:80 the function given to `max_by` uses `got`, which is in use until `max_by` returns
            write `max_by(got.keys(), ..)`: as a function, `max_by` works on a copy
        > let xs = [1]; print(xs.map(|x| x.to_float() / xs.len)); print(xs?.filter(|x| xs.index_of(x) == 0));
        K0031 1:24 the function given to `map` uses `xs`, which is in use until `map` returns
            write `map(xs, ..)`: as a function, `map` works on a copy
        K0031 1:67 the function given to `filter` uses `xs`, which is in use until `filter` returns
            write `filter(xs, ..)`: as a function, `filter` works on a copy
        > let m = #{ a: "x" }; let f = |k| m[k]; print(m.keys().map(f)); m.retain(|k, v| m.len > 1);
        K0031 1:55 the function given to `map` uses `m`, which is in use until `map` returns
            write `map(m.keys(), ..)`: as a function, `map` works on a copy
        K0031 1:66 the function given to `retain` uses `m`, which is in use until `retain` returns
            write `let copy = m;` before, and use `copy` in the function
        K0030 1:82 this map has no key `len`, so this is `()`
            write `.len()`, with brackets
        > let m = #{ a: "x" }; m.set("b", || m); m.set("c", [|| m]);
        K0031 1:24 the function given to `set` uses `m`, which is in use until `set` returns
            write `let copy = m;` before, and use `copy` in the function
        K0031 1:42 the function given to `set` uses `m`, which is in use until `set` returns
            write `let copy = m;` before, and use `copy` in the function
        > fn f(s) { s.map(|x| s.len) } print(f([1])); let l = [1]; print(l.len.max(l.map(|x| l)[0]));
        K0031 1:13 the function given to `map` uses `s`, which is in use until `map` returns
            write `map(s, ..)`: as a function, `map` works on a copy
        K0031 1:76 the function given to `map` uses `l`, which is in use until `map` returns
            write `map(l, ..)`: as a function, `map` works on a copy
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_function_of_the_script_behind_a_dot_is_found() {
    let texts = [
        "fn is_yes(a) { a == \"y\" } let answer = \"y\"; if answer.is_yes() { print(1) } print(\"a\".is_yes());",
        "fn score(a, b) { a == b } let a = branch().chat(\"x\"); print(a.score(\"yes\")); print(a.trimmed().score(1));",
    ];
    expect![[r#"
        > fn is_yes(a) { a == "y" } let answer = "y"; if answer.is_yes() { print(1) } print("a".is_yes());
        K0004 1:55 the script's own `is_yes` is not called behind a dot
            write `is_yes(answer)`
        K0004 1:87 the script's own `is_yes` is not called behind a dot
            write `is_yes(value)`
        > fn score(a, b) { a == b } let a = branch().chat("x"); print(a.score("yes")); print(a.trimmed().score(1));
        K0004 1:63 the script's own `score` is not called behind a dot
            write `score(a, ..)`
        K0004 1:96 the script's own `score` is not called behind a dot
            write `score(value, ..)`
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn an_argument_for_values_of_another_type_is_found() {
    let texts = [
        "[\"a\", \"b\"].remove(\"a\"); [1].insert(\"a\", 0); print([1].get(\"a\")); print([\"a\"].keys());",
        "print(#{ a: 1 }.get(0)); print(#{ a: 1 }.contains(1)); print(1 in \"abc\"); print(\"a\".split([\"a\"]));",
        "print([1] + 2); print([1, 2] - [1]); print([1] - 1); print(#{ a: 1 } + 1); print(1 + [2]); print(true + 1);",
        "print([1] < [2]); print(#{} > #{}); print(-\"a\"); print(-[1]); print([0] * 3); print(\"a\" - 1);",
        "print([\" a \"].map(\"trim\")); print([\" a \"].map(Fn(\"trim\"))); print(map([[1]], \"clear\"));",
        "let t = timestamp(); print(t.elapsd); print(t.elapsed_ms); print(t.seconds());",
    ];
    expect![[r#"
        > ["a", "b"].remove("a"); [1].insert("a", 0); print([1].get("a")); print(["a"].keys());
        K0031 1:19 `remove`: argument 1 is a string, expected an int
            write `list.filter(|x| x != item)`: `remove` takes the place of an item
        K0031 1:36 `insert`: argument 1 is a string, expected an int
            it is called as `insert(array: array, index: int, item: any)`
        K0031 1:59 `get`: argument 1 is a string, expected an int
            it is called as `get(array: array, index: int) -> any`
        K0003 1:78 an array has no method `keys`
            write `0..list.len` for the places of a list
        > print(#{ a: 1 }.get(0)); print(#{ a: 1 }.contains(1)); print(1 in "abc"); print("a".split(["a"]));
        K0031 1:21 `get`: argument 1 is an int, expected a string
            it is called as `get(map: map, property: string) -> any`
        K0031 1:51 `contains`: argument 1 is an int, expected a string
            it is called as `contains(_: map, _: string) -> bool`
        K0031 1:62 `contains`: argument 2 is an int, expected a char or a string
            it is called as `contains(string: string, character: char) -> bool` or `contains(string: string, match_string: string) -> bool`
        K0031 1:91 `split`: argument 1 is an array, expected a char or a string or an int
            it is called as `split(string: string, delimiter: char) -> array` or `split(string: string, delimiter: string) -> array` or `split(string: string, index: int) -> array`
        > print([1] + 2); print([1, 2] - [1]); print([1] - 1); print(#{ a: 1 } + 1); print(1 + [2]); print(true + 1);
        K0031 1:11 `+` does not work for an array and an int
            write `list + [item]`
        K0031 1:30 `-` does not work for an array and an array
            write `list.filter(|x| !(x in other))`
        K0031 1:48 `-` does not work for an array and an int
            write `list.filter(|x| x != item)`
        K0031 1:70 `+` does not work for a map and an int
        K0031 1:84 `+` does not work for an int and an array
            write `[item] + list`
        K0031 1:103 `+` does not work for a bool and an int
        > print([1] < [2]); print(#{} > #{}); print(-"a"); print(-[1]); print([0] * 3); print("a" - 1);
        K0031 1:11 `<` does not work for an array and an array
            compare their lengths or their items
        K0031 1:29 `>` does not work for a map and a map
            compare one of their values
        K0031 1:43 `-` does not work for a string
            write `text.parse_int()` or `text.parse_float()`
        K0031 1:56 `-` does not work for an array
        K0031 1:73 `*` does not work for an array and an int
        K0031 1:89 `-` does not work for a string and an int
            write `text.parse_int()` or `text.parse_float()`
        > print([" a "].map("trim")); print([" a "].map(Fn("trim"))); print(map([[1]], "clear"));
        K0016 1:19 `trim` works in place and returns nothing, so `map` gives a list of `()`
            write `map(|x| x.trimmed())`
        K0016 1:47 `trim` works in place and returns nothing, so `map` gives a list of `()`
            write `map(|x| x.trimmed())`
        K0016 1:78 `clear` works in place and returns nothing, so `map` gives a list of `()`
            write `map(|x| { x.clear(); x })`
        > let t = timestamp(); print(t.elapsd); print(t.elapsed_ms); print(t.seconds());
        K0030 1:30 a timestamp has no property `elapsd`
            did you mean `elapsed`?
        K0030 1:47 a timestamp has no property `elapsed_ms`
            did you mean `elapsed`?
        K0003 1:68 a timestamp has no method `seconds`
            it has: elapsed
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn divisions_are_found_by_the_kinds_of_their_values() {
    let texts = [
        "let r = session().flow(builder(\"g\")); let m = r.metrics; print(m.failed_operations / m.completed_operations);",
        "let u = branch().usage; print(u.output / 1000); let v = used(); print(v.calls / 2);",
        "let o = optimizer(); print(o.recommend(\"a\").n / 2); print(o.get_insights().total_executions / 2);",
        "let o = optimizer(); print(o.failures()[0].count / 2); let t = now(); print((now() - t) / 1000);",
        "let c = #{ right: 0, all: 0 }; for x in [1] { c.all += 1; } print(c.right / c.all);",
        "let rate = |a, b| a / b; print(rate.call(2, 3));",
        "let t = [1, 2]; t.push(3); print(t.len / 2); let n = 4; n += 1; print(n / 2);",
        "let i = 4; for (x, i) in [1] { print(i / 2); } for j in 0..3 { print(j / 2); }",
    ];
    expect![[r#"
        > let r = session().flow(builder("g")); let m = r.metrics; print(m.failed_operations / m.completed_operations);
        K0017 1:84 this divides whole numbers, so the fraction is dropped
            write `m.failed_operations.to_float() / ..` for a fraction, or `(m.failed_operations / ..).to_int()` if a whole number is meant
        > let u = branch().usage; print(u.output / 1000); let v = used(); print(v.calls / 2);
        K0017 1:40 this divides whole numbers, so the fraction is dropped
            write `u.output.to_float() / 1000` for a fraction, or `(u.output / 1000).to_int()` if a whole number is meant
        K0017 1:79 this divides whole numbers, so the fraction is dropped
            write `v.calls.to_float() / 2` for a fraction, or `(v.calls / 2).to_int()` if a whole number is meant
        > let o = optimizer(); print(o.recommend("a").n / 2); print(o.get_insights().total_executions / 2);
        K0017 1:47 this divides whole numbers, so the fraction is dropped
            write `o.recommend("a").n.to_float() / 2` for a fraction, or `(o.recommend("a").n / 2).to_int()` if a whole number is meant
        K0017 1:93 this divides whole numbers, so the fraction is dropped
            write `o.get_insights().total_executions.to_float() / 2` for a fraction, or `(o.get_insights().total_executions / 2).to_int()` if a whole number is meant
        > let o = optimizer(); print(o.failures()[0].count / 2); let t = now(); print((now() - t) / 1000);
        K0017 1:50 this divides whole numbers, so the fraction is dropped
            write `o.failures()[0].count.to_float() / 2` for a fraction, or `(o.failures()[0].count / 2).to_int()` if a whole number is meant
        K0017 1:89 this divides whole numbers, so the fraction is dropped
            write `(..).to_float() / 1000` for a fraction, or `((..) / 1000).to_int()` if a whole number is meant
        > let c = #{ right: 0, all: 0 }; for x in [1] { c.all += 1; } print(c.right / c.all);
        K0017 1:75 this divides whole numbers, so the fraction is dropped
            write `c.right.to_float() / ..` for a fraction, or `(c.right / ..).to_int()` if a whole number is meant
        > let rate = |a, b| a / b; print(rate.call(2, 3));
        K0017 1:21 this divides whole numbers, so the fraction is dropped
            write `a.to_float() / b` for a fraction, or `(a / b).to_int()` if a whole number is meant
        > let t = [1, 2]; t.push(3); print(t.len / 2); let n = 4; n += 1; print(n / 2);
        K0017 1:40 this divides whole numbers, so the fraction is dropped
            write `t.len.to_float() / 2` for a fraction, or `(t.len / 2).to_int()` if a whole number is meant
        K0017 1:73 this divides whole numbers, so the fraction is dropped
            write `n.to_float() / 2` for a fraction, or `(n / 2).to_int()` if a whole number is meant
        > let i = 4; for (x, i) in [1] { print(i / 2); } for j in 0..3 { print(j / 2); }
        K0017 1:40 this divides whole numbers, so the fraction is dropped
            write `i.to_float() / 2` for a fraction, or `(i / 2).to_int()` if a whole number is meant
        K0017 1:72 this divides whole numbers, so the fraction is dropped
            write `j.to_float() / 2` for a fraction, or `(j / 2).to_int()` if a whole number is meant
    "#]].assert_eq(&said_of(&texts));
}
