//! What scripts hold: functions that come from other files, variables that closures capture, numbers
//! and texts from outside.

use crate::support::server::{Server, answer};
use crate::support::{Project, Ran};
use serde_json::{Value, json};

/// Runs a script in a project with these files, and returns its value.
fn value(files: &[(&str, &str)], script: &str) -> Value {
    let project = Project::new();
    for (name, text) in files {
        project.file(name, text);
    }
    let (ran, done) = project.script(script);
    assert_eq!(ran.code, Some(0), "{script}\n{}", ran.stderr);
    done["value"].clone()
}

/// Runs a script that fails, and returns the kind and the message of its failure.
fn failure(script: &str) -> (String, String) {
    let (ran, done) = Project::new().script(script);
    assert_eq!(ran.code, Some(1), "{script}\n{}", ran.stderr);
    let text = |key: &str| done["error"][key].as_str().unwrap_or_default().to_owned();
    (text("kind"), text("message"))
}

const LIB: &str = r#"
    import "deep" as deep;
    const K = 10;
    fn helper(n) { n * 100 }
    fn make() { |x| x + global::K }
    fn make_deep(n) { |x| deep::twice(x) + helper(n) }
    fn make_all() { #{ list: [|x| x + global::K, |x| { let g = |y| y * global::K; g.call(x) }] } }
    fn apply(f, x) { f.call(x) }
    fn apply_all(fs, x) { fs.map(|f| f.call(x)) }
    fn ask(judge, x) { let o = judge; o.of(x) }
    fn around(f) { |x| f.call(x) + global::K }
    fn inside(f) { f.call(|x| x + global::K) }
    fn refuse() { throw #{ f: |x| x + global::K } }
    fn named() { Fn("helper") }
    fn int.plus(n) { this + n + global::K }
    export const JUDGE = |x| x + global::K;
"#;

const DEEP: &str = "const T = 2; fn twice(x) { x * global::T } fn make() { |x| x * global::T }";

/// Defines the same names as `LIB` with other meanings.
const MAIN: &str = r#"
    import "lib" as lib;
    import "other" as deep;
    const K = 1;
    fn helper(n) { n * 7 }
    fn add(x) { x + global::K }
"#;

#[test]
fn functions_of_other_files_keep_their_constants_imports_and_functions() {
    let files =
        [("lib.rhai", LIB), ("deep.rhai", DEEP), ("other.rhai", "fn twice(x) { 1000 * x }")];
    let cases = [
        // What a file makes sees what the file sees,
        ("lib::make().call(1)", json!(11)),
        ("lib::make_deep(3).call(2)", json!(304)),
        ("lib::make_all().list.map(|f| f.call(2))", json!([12, 20])),
        ("lib::JUDGE.call(1)", json!(11)),
        ("lib::deep::make().call(4)", json!(8)),
        ("lib::named().call(3)", json!(300)),
        ("5.plus(1)", json!(16)),
        ("let r = 0; try { lib::refuse(); } catch (e) { r = e.f.call(1); } r", json!(11)),
        // also when it is called from elsewhere, later.
        (
            "let f = lib::make(); gather([|| f.call(1), || task(|| f.call(2)).wait()])",
            json!([11, 12]),
        ),
        ("[1, 2].parallel(lib::make())", json!([11, 12])),
        ("[1, 2].map(lib::make())", json!([11, 12])),
        ("attempt(|| timeout(1000, || retry(1, || lib::make().call(1)))).value", json!(11)),
        // What a file is given sees what the giver sees,
        ("lib::apply(|x| x + global::K, 5)", json!(6)),
        ("lib::apply(|x| helper(x), 5)", json!(35)),
        ("lib::apply(|x| deep::twice(x), 5)", json!(5000)),
        ("lib::apply(Fn(\"add\"), 5)", json!(6)),
        ("lib::apply(add, 5)", json!(6)),
        ("lib::apply(|x| { let g = |y| y + global::K; g.call(x) }, 5)", json!(6)),
        ("let k = 3; lib::apply(|x| x + k + global::K, 5)", json!(9)),
        ("lib::apply_all([|x| x + global::K, Fn(\"helper\")], 5)", json!([6, 35])),
        ("lib::ask(#{ k: 4, of: |x| this.k + x + global::K }, 5)", json!(10)),
        (
            "let f = || global::LATE + 1; const LATE = 40; lib::apply(|x| x + global::LATE + f.call(), 1)",
            json!(82),
        ),
        // and both together work.
        ("lib::around(|x| x * global::K).call(4)", json!(14)),
        ("lib::inside(|f| f.call(1) + global::K)", json!(12)),
        ("lib::around(lib::around(|x| x + global::K)).call(0)", json!(21)),
        ("import \"lib\" as twin; lib::apply(twin::make(), 1)", json!(11)),
        // The standard library is such a file,
        (
            "best_of(\"demo/echo\", \"x\", #{ n: 1, judge: |a| { helper(global::K) * 0.1 } }).len > 0",
            json!(true),
        ),
        ("fn settings(o) { 41 + global::K } lib::apply(|x| settings(x), 1)", json!(42)),
        (
            "let seen = []; cascade(\"demo/echo\", \"x\", #{ models: [\"demo/b\"], \
          accept: |a| { seen.push(global::K); true } }); seen",
            json!([1]),
        ),
        // and so is a judge that kaizen calls.
        (
            "let o = optimizer(#{ memory: true, learn_from_demo: true }); \
          o.run(\"t\", #{ a: lib::make() }, 3, #{ judge: lib::around(|v| v - 23.0 + global::K) }).score",
            json!(1.0),
        ),
    ];
    for (script, expected) in cases {
        assert_eq!(value(&files, &format!("{MAIN}\n{script}")), expected, "{script}");
    }
}

#[test]
fn files_with_the_same_text_are_different_files() {
    let twin =
        |n| format!("const K = {n}; fn make() {{ |x| x + global::K }} fn run(f) {{ f.call(1) }}");
    let (a, b) = (twin(10), twin(20));
    let script = "import \"a\" as a; import \"b\" as b;
        [a::make().call(1), b::make().call(1), a::run(b::make()), b::run(a::make())]";
    let found = value(&[("a.rhai", &a), ("b.rhai", &b)], script);
    assert_eq!(found, json!([11, 21, 21, 11]));
}

#[test]
fn what_a_closure_captured_can_be_set_here_and_there() {
    let start = r#"
        let one = branch(#{ model: "demo/echo", name: "one" });
        let two = branch(#{ model: "demo/echo", name: "two" });
        let b = one;
        let read = || b.name;
        let swap = || { b = two; };
    "#;
    let cases = [
        ("swap.call(); [b.name, read.call()]", json!(["two", "two"])),
        ("attempt(swap); [b.name, read.call()]", json!(["two", "two"])),
        ("gather([swap]); [b.name, gather([read])[0]]", json!(["two", "two"])),
        ("task(swap).wait(); [b.name, task(read).wait()]", json!(["two", "two"])),
        ("timeout(1000, swap); [b.name]", json!(["two"])),
        ("[1].for_each(|| { b = two; }); [b.name]", json!(["two"])),
        ("[1].parallel(|x| { b = two; }); [b.name, read.call()]", json!(["two", "two"])),
        ("b = two; [b.name, read.call(), attempt(read).value]", json!(["two", "two", "two"])),
        ("let t = task(|| { sleep(2); b.name }); b = two; [t.wait()]", json!(["two"])),
        (
            "let g = builder(\"g\"); g.add_operation(|| { b = two; 1 }); session(one).flow(g); [b.name]",
            json!(["two"]),
        ),
        // Several ask at once, and nobody is in the way of anybody.
        (
            "gather([|| b.chat(\"1\"), || b.chat(\"2\"), || { b.chat(\"3\"); b = two; }]); [b.name]",
            json!(["two"]),
        ),
        // Functions, models, sessions and times are held in the same way, also where nothing was.
        (
            "let f = |x| x + 1; let set = || { f = |x| x * 10; }; attempt(set); [f.call(2)]",
            json!([20]),
        ),
        ("let f = || 1; let g = || f.call(); f = || 2; [g.call(), gather([g])[0]]", json!([2, 2])),
        (
            "let f = (); f = |n| if n < 2 { 1 } else { n * f.call(n - 1) }; [f.call(5)]",
            json!([120]),
        ),
        (
            "let m = (); let set = || { m = imodel(\"demo/echo\"); }; attempt(set); [m.name]",
            json!(["demo/echo"]),
        ),
        ("let m = imodel(\"demo/a\"); attempt(|| { m = (); }); [m]", json!([()])),
        (
            "let s = session(one); attempt(|| { s = session(two); }); [s.default_branch.name]",
            json!(["two"]),
        ),
        ("let m = #{ b: one }; attempt(|| { m.b = two; }); [m.b.name]", json!(["two"])),
        ("let l = [one]; attempt(|| { l[0] = two; }); [l[0].name]", json!(["two"])),
        // Each turn of a loop has a branch of its own.
        (
            "let ts = []; for x in [one, two] { ts.push(task(|| { sleep(2); x.name })); } \
          ts.map(|t| t.wait())",
            json!(["one", "two"]),
        ),
    ];
    for (script, expected) in cases {
        assert_eq!(value(&[], &format!("{start}{script}")), expected, "{script}");
    }
}

#[test]
fn a_function_that_is_being_called_cannot_be_set_and_says_so() {
    let script = "let f = (); f = || { f = || 2; 1 }; f.call()";
    let expected =
        "cannot assign to `f` here: it is a constant, or a function that is being called";
    assert_eq!(failure(script), ("script".to_owned(), expected.to_owned()));
}

#[test]
fn every_word_that_takes_a_function_lets_its_error_through() {
    let fail = "|a| { throw \"down\" }";
    let two = "|a, b| { throw \"down\" }";
    let lists = [
        ("sort", two),
        ("sort_by", two),
        ("order", two),
        ("order_by", two),
        ("dedup", two),
        ("reduce", two),
        ("reduce_rev", two),
        ("map", fail),
        ("filter", fail),
        ("find", fail),
        ("find_map", fail),
        ("some", fail),
        ("all", fail),
        ("drain", fail),
        ("retain", fail),
        ("index_of", fail),
        ("parallel", fail),
        ("map", "|| { throw \"down\" }"),
        ("for_each", "|| { throw \"down\" }"),
    ];
    let mut calls: Vec<String> =
        lists.iter().map(|(word, f)| format!("[1, 1, 2].{word}({f})")).collect();
    calls.extend(
        ["map", "filter", "drain", "retain"].map(|word| format!("#{{ a: 1 }}.{word}({two})")),
    );
    calls.push(format!("[1].zip([2], {two})"));
    calls.push(format!("[1].reduce({two}, 0)"));
    // By name, nested, and through other words.
    calls.extend(
        ["sort", "dedup"]
            .map(|word| format!("fn f(a, b) {{ throw \"down\" }} [1, 2].{word}(\"f\")")),
    );
    calls.push(format!("[[2, 1]].map(|l| {{ l.sort({two}); l }})"));
    calls.push("[2, 1].sort(|a, b| [a].filter(|x| throw \"down\").len)".to_owned());
    calls.push("[2, 1].sort(|a, b| gather([|| throw \"down\"])[0])".to_owned());
    calls.push("gather([|| throw \"down\"])".to_owned());
    calls.push("race([|| throw \"down\"])".to_owned());
    calls.push("task(|| throw \"down\").wait()".to_owned());
    calls.push("timeout(1000, || throw \"down\")".to_owned());
    calls.push("retry(1, || throw \"down\")".to_owned());
    calls.push(
        "let g = builder(\"g\"); g.add_operation(|| [2, 1].sort(|a, b| throw \"down\")); \
                session(branch(\"demo/echo\")).flow(g).result(\"call\")"
            .to_owned(),
    );
    calls.push(
        "let s = session(branch(\"demo/echo\")); s.on(\"any\", |e| throw \"down\"); \
                let g = builder(\"g\"); g.add_operation(|| 1); s.flow(g)"
            .to_owned(),
    );
    for call in calls {
        assert_eq!(failure(&call), ("thrown".to_owned(), "down".to_owned()), "{call}");
    }
    let given_up =
        "attempt(|| timeout(20, || [2, 1].sort(|a, b| { sleep(60_000); 0 }))).error.kind";
    assert_eq!(value(&[], given_up), "timeout");
}

#[test]
fn a_word_that_fails_half_way_leaves_what_it_works_on() {
    let script = r#"
        let seen = [];
        let at_three = |x| { if x == 3 { throw "no" } true };
        let list = [1, 2, 3, 4];
        for word in ["drain", "retain", "sort", "dedup"] {
            let failed = attempt(|| switch word {
                "drain" => list.drain(at_three),
                "retain" => list.retain(at_three),
                "sort" => list.sort(|a, b| at_three.call(a)),
                _ => list.dedup(|a, b| at_three.call(b)),
            });
            seen.push([failed.ok, list]);
        }
        let map = #{ a: 1, b: 3 };
        seen.push([attempt(|| map.drain(|k, v| at_three.call(v))).ok, map]);
        seen.push([attempt(|| map.retain(|k, v| at_three.call(v))).ok, map]);
        seen
    "#;
    let (list, map) = (json!([false, [1, 2, 3, 4]]), json!([false, { "a": 1, "b": 3 }]));
    assert_eq!(value(&[], script), json!([list, list, list, list, map, map]));
}

#[test]
fn lists_and_maps_do_what_they_did() {
    let cases = [
        (
            "let l = [3, 1, 2]; l.sort(|a, b| a - b); let m = l; m.sort(|a, b| a > b); [l, m]",
            json!([[1, 2, 3], [3, 2, 1]]),
        ),
        (
            "let l = [0.5, 0.25, 0.75]; l.sort(|a, b| a - b); [l, l.order_desc(), [2, 1.5, 1].order()]",
            json!([[0.25, 0.5, 0.75], [0.75, 0.5, 0.25], [1, 1.5, 2]]),
        ),
        // Items that are equal stay in their order, whatever the function says of them.
        (
            "let l = (0..20).to_array().map(|n| #{ n: n, k: n % 3 }); \
          [l.order(|a, b| a.k < b.k).map(|x| x.n), l.order(|a, b| a.k - b.k).map(|x| x.n)]",
            json!([
                [0, 3, 6, 9, 12, 15, 18, 1, 4, 7, 10, 13, 16, 19, 2, 5, 8, 11, 14, 17],
                [0, 3, 6, 9, 12, 15, 18, 1, 4, 7, 10, 13, 16, 19, 2, 5, 8, 11, 14, 17]
            ]),
        ),
        (
            "[[\"b\", \"a\"].order(), ['b', 'a'].order(), [true, false].order(), [].order(), [()].order()]",
            json!([["a", "b"], ["a", "b"], [false, true], [], [()]]),
        ),
        // An order that is none takes no end, and loses nothing.
        ("(0..50).to_array().order(|a, b| -1).order()", json!((0..50).collect::<Vec<i64>>())),
        (
            "let l = [1, 2, 3, 4]; let t = l.drain(|x| x % 2 == 0); let r = l.retain(|x| x > 1); [t, r, l]",
            json!([[2, 4], [1], [3]]),
        ),
        (
            "let m = #{ a: 1, b: 2 }; [m.filter(|k, v| v > 1), m.map(|k, v| `${k}${v}`), m.drain(|k| k == \"a\"), m]",
            json!([{ "b": 2 }, { "a": "a1", "b": "b2" }, { "a": 1 }, { "b": 2 }]),
        ),
        (
            "let k = 2; let l = [1, 2]; l.for_each(|| this *= k); l.for_each(|i| this += i); \
          [l, l.map(|| this + k), l.map(|x, i| x * i)]",
            json!([[2, 5], [4, 7], [0, 5]]),
        ),
        (
            "let l = [1, 2, 3]; [l.reduce(|s, x| s + x, 10), l.reduce(|s, x, i| (s ?? 0) + x * i), \
          l.reduce_rev(|s, x| (s ?? \"\") + x), l.zip([4, 5], |a, b| a + b)]",
            json!([16, 8, "321", [5, 7]]),
        ),
        (
            "let l = [1, 2, 3, 2]; [l.some(|x| x == 2), l.all(|x| x > 1), l.find(|x| x > 1), l.find(|x| x > 9), \
          l.find_map(|x| if x > 1 { x * 10 }), l.index_of(|x| x == 2, 2), l.index_of(|x| x == 2, -1), l.index_of(3)]",
            json!([true, false, 2, (), 20, 3, 3, 2]),
        ),
        // It stops as soon as the answer is known.
        (
            "let n = []; [[1, 2, 3].all(|x| { n.push(x); x < 1 }), [1, 2, 3].some(|x| { n.push(x); x > 1 }), n]",
            json!([false, true, [1, 1, 2]]),
        ),
        // A text is looked for, and is not the name of a function.
        ("[\"len\", \"x\", \"len\"].index_of(\"len\", 1)", json!(2)),
        ("let l = [1, 1, \"a\", \"a\", [1], [1], 1.0]; l.dedup(); l", json!([1, "a", [1], 1.0])),
        (
            "fn twice(x) { x * 2 } [[1].map(\"twice\"), [1].map(Fn(\"twice\")), [1].map(twice)]",
            json!([[2], [2], [2]]),
        ),
    ];
    for (script, expected) in cases {
        assert_eq!(value(&[], script), expected, "{script}");
    }
}

#[test]
fn an_answer_of_a_function_that_is_none_is_an_error() {
    let cases = [
        (
            "[1].filter(|x| 0.9)",
            "the function of `filter` must return true or false, not a float: `0.9`",
        ),
        (
            "[1].some(|x| ())",
            "the function of `some` must return true or false, not nothing (`()`)",
        ),
        (
            "#{ a: 1 }.retain(|k, v| v)",
            "the function of `retain` must return true or false, not an int: `1`",
        ),
        (
            "[1, 2].sort(|a, b| \"x\")",
            "the function of `sort` must return a number (below 0, 0, above 0) or true or false, not a string: `x`",
        ),
        (
            "[1, 2].order(|a, b| 0.0 / 0.0)",
            "the function of `order` must return a number (below 0, 0, above 0) or true or false, not a float: `NaN`",
        ),
        (
            "[1.0, 0.0 / 0.0].sort()",
            "`sort` cannot order the number NaN; pass a function: `sort(|a, b| ..)`",
        ),
        (
            "[1, \"a\"].order()",
            "`order` cannot order an int beside a string; pass a function: `order(|a, b| ..)`",
        ),
        (
            "[#{}, #{}].sort_desc()",
            "`sort_desc` cannot order a map; pass a function: `sort_desc(|a, b| ..)`",
        ),
    ];
    for (script, expected) in cases {
        assert_eq!(failure(script), ("script".to_owned(), expected.to_owned()), "{script}");
    }
}

#[test]
fn json_goes_in_and_out_as_it_is() {
    let files =
        [("big.jsonl", "\u{feff}{\"id\": 9223372036854775808}\r\n\u{a0}\r\n\u{a0}[1]\u{a0}\r\n")];
    let cases = [
        (
            "to_json(json(\"[9223372036854775808, 18446744073709551615, -9223372036854775808]\"))",
            json!("[9223372036854775808,18446744073709551615,-9223372036854775808]"),
        ),
        (
            "let n = json(\"12345678901234567890\"); [`${n}`, n > 5, n < 5, n == n, n != 1, 1 < n, n > 1.5, \
          n == 12345678901234567890.0]",
            json!(["12345678901234567890", true, false, true, true, true, true, true]),
        ),
        ("json(\"12345678901234567890\")", json!(12_345_678_901_234_567_890_u64)),
        // A map, a list and anything else are written by one function.
        (
            "let m = #{ a: 1.0, b: 'x', c: (), d: #{ e: [true] } }; [to_json(m), m.to_json(), to_json([m]), m.a]",
            json!([
                "{\"a\":1.0,\"b\":\"x\",\"c\":null,\"d\":{\"e\":[true]}}",
                "{\"a\":1.0,\"b\":\"x\",\"c\":null,\"d\":{\"e\":[true]}}",
                "[{\"a\":1.0,\"b\":\"x\",\"c\":null,\"d\":{\"e\":[true]}}]",
                1.0
            ]),
        ),
        (
            "[to_json(\"\\u00e9\\n\"), to_json(()), to_json(false), to_json(2.0), to_json(-3)]",
            json!(["\"é\\n\"", "null", "false", "2.0", "-3"]),
        ),
        ("[parse_json(\"{\\\"a\\\": 1}\").a, json(\"\\u00a0[1]\\ufeff\")]", json!([1, [1]])),
        (
            "read_jsonl(\"big.jsonl\").map(|v| to_json(v))",
            json!(["{\"id\":9223372036854775808}", "[1]"]),
        ),
        ("read_text(\"big.jsonl\").starts_with(\"{\")", json!(true)),
    ];
    for (script, expected) in cases {
        assert_eq!(value(&files, script), expected, "{script}");
    }
}

/// A whole number above 2^63 keeps its digits, or is an error that says so.
#[test]
fn a_large_whole_number_keeps_its_digits_or_is_refused() {
    let u = "json(\"18446744073709551615\")";
    let float = "18446744073709551615.0";
    let cases = [
        (format!("same_answer({float}, {u})"), json!(false)),
        (format!("same_answer({u}, {u})"), json!(true)),
        (format!("same_answer(\"18446744073709551615\", {u})"), json!(true)),
        ("same_answer(9007199254740993, 9007199254740992.0)".to_owned(), json!(false)),
        ("same_answer(3, 3.0)".to_owned(), json!(true)),
        (format!("to_json([{float}, {u}, 9223372036854775807, 1.5].sorted()[2])"), json!("18446744073709551615")),
        (
            "to_json(parse(`{\"a\": 9007199254740993, \"b\": 18446744073709551615, \"c\": 2}`, \"a: number, b: number, c: number\"))".to_owned(),
            json!("{\"a\":9007199254740993,\"b\":18446744073709551615,\"c\":2.0}"),
        ),
    ];
    for (script, expected) in cases {
        assert_eq!(value(&[], &script), expected, "{script}");
    }

    let too_large =
        "18446744073709551615 is too large: the largest whole number is 9223372036854775807";
    for script in [format!("to_int({u})"), format!("{u}.to_int()")] {
        assert_eq!(failure(&script), ("script".to_owned(), too_large.to_owned()), "{script}");
    }
}

/// Whatever takes data names a handle as signatures do.
#[test]
fn a_handle_that_is_no_data_is_named_by_its_word() {
    let words = [
        ("log", "a log"),
        ("branch(`demo/echo`)", "a branch"),
        ("session(branch(`demo/echo`))", "a session"),
        ("builder(`g`)", "a builder"),
        ("task(|| 1)", "a task"),
        ("optimizer(#{ memory: true })", "an optimizer"),
        ("imodel(`demo/echo`)", "a model"),
        ("timestamp()", "a timestamp"),
        ("0..3", "a range"),
        ("Fn(`len`)", "a function"),
    ];
    for (script, named) in words {
        let told = failure(&format!("to_json(#{{ a: {script} }})")).1;
        assert_eq!(told, format!("{named} is not plain data"), "{script}");
        let told = failure(&format!("same_answer(1, [{script}])")).1;
        let expected = format!("`same_answer` compares plain data, and {named} is not plain data");
        assert_eq!(told, expected, "{script}");
    }
}

#[test]
fn what_is_no_data_or_would_lose_digits_is_no_json() {
    let cases = [
        ("to_json(#{ f: |x| x })", "a function is not plain data"),
        ("#{ a: [branch(\"demo/echo\")] }.to_json()", "a branch is not plain data"),
        ("to_json([0.0 / 0.0])", "NaN is not plain data"),
        ("to_json(#{ n: 1.0 / 0.0 })", "inf is not plain data"),
        ("to_json(0..3)", "a range is not plain data"),
        ("to_json(#{ t: timestamp() })", "a timestamp is not plain data"),
        ("to_json(#{ b: blob(2) })", "a blob is not plain data"),
        (
            "json(\"[18446744073709551616]\")",
            "this is not JSON (the whole number 18446744073709551616 is too large; write it as a text, in quotes): [18446744073709551616]",
        ),
        (
            "parse_json(\"{\")",
            "this is not JSON (EOF while parsing an object at line 1 column 1): {",
        ),
    ];
    for (script, expected) in cases {
        assert_eq!(failure(script), ("json".to_owned(), expected.to_owned()), "{script}");
    }
}

#[test]
fn scripts_are_read_whatever_program_has_written_them() {
    let lib = "\u{feff}fn text()\u{a0}{ `a\r\nb\u{a0}c` }\r\n";
    let script = "\u{feff}#!/usr/bin/env kaizen\r\nimport \"lib\" as lib;\r\nlet\u{a0}x = 1;\u{200b}\r\n\
                  [lib::text(), x, \"\u{a0}\"]\r\n";
    assert_eq!(value(&[("lib.rhai", lib)], script), json!(["a\nb\u{a0}c", 1, "\u{a0}"]));
    // Errors are where they stand in the file.
    let project = Project::new();
    let (ran, done) = project
        .script("\u{feff}#!/bin/k\r\n\u{a0}\u{a0}let x = 1;\r\n\u{a0}throw\u{a0}\"no\";\r\n");
    let place = &done["error"]["place"];
    assert_eq!((&place["line"], &place["column"]), (&json!(3), &json!(2)), "{}", ran.stderr);
    project.file("script.rhai", "#!/bin/k\n\nprnt(1);\n");
    let ran = project.kaizen(&["check", "script.rhai", "--json"]);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&found["line"], &found["column"]), (&json!(3), &json!(1)), "{}", ran.stdout);
}

#[test]
fn functions_keep_their_constants_however_they_are_called() {
    let files = [("lib.rhai", LIB), ("deep.rhai", DEEP)];
    let script = r#"
        import "lib" as lib;
        const K = 5;
        const Q = 2 * 3 + K;
        const B = branch(#{ model: "demo/echo", name: "b" });
        fn step(n) { n + global::K + global::Q + lib::make().call(0) }
        fn name() { global::B.name }
        fn make() { |x| x + global::K }
        fn apply(f) { f.call(1) }
        let k = 100;
        [hot("step", [1]), hot("name"), hot("make").call(1), hot("apply", [|x| x + k * global::K])]
    "#;
    assert_eq!(value(&files, script), json!([27, "b", 6, 501]));

    let project = Project::new();
    project.file("lib.rhai", LIB).file("deep.rhai", DEEP).file(
        "k_test.rhai",
        "import \"lib\" as lib;\nconst K = 5;\nfn test_k() { assert_eq(global::K, 5); \
         assert_eq(lib::apply(|x| x + global::K, 1), 6); assert_eq(lib::make().call(1), 11); }\n",
    );
    let ran = project.kaizen(&["test", "k_test.rhai"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

/// Runs a script against a server that gives these replies in turn; gives the failure and the requests.
fn asked(replies: &'static [&'static str], script: &str) -> (Ran, Value, Project, usize) {
    let server = Server::start(move |n, _, _| answer(replies[n.min(replies.len() - 1)]));
    let project = Project::new();
    let (ran, done) = project.with_server(&server).script(script);
    (ran, done, project, server.bodies().len())
}

const CITY: &str =
    "#{ type: \"object\", properties: #{ city: #{ type: \"string\" } }, required: [\"city\"] }";

#[test]
fn a_reply_that_does_not_fit_its_schema_is_an_error_and_not_kept() {
    let ways = [
        "b.communicate(\"Where?\", #{ schema: S })",
        "b.chat(\"Where?\", #{ schema: S })",
        "direct(b, \"Where?\", #{ settings: #{ schema: S } })",
        "let g = builder(\"g\"); \
         g.add_operation(\"communicate\", #{ name: \"a\", instruction: \"Where?\", schema: S, branch: b }); \
         let s = session(b); s.flow(g).result(\"a\")",
        "let g = builder(\"g\"); \
         let l = g.add_operation(|| [1], #{ name: \"l\" }); \
         g.expand(l, |x| #{ operation: \"chat\", instruction: \"Where?\", schema: S, branch: b }, #{ name: \"e\" }); \
         session(b).flow(g).result(\"e[0]\")",
        "let g = builder(\"g\"); \
         g.add_operation(|| 1, #{ name: \"l\" }); \
         g.add_aggregation(\"chat\", #{ name: \"a\", instruction: \"Where?\", schema: S, branch: b }); \
         session(b).flow(g).result(\"a\")",
    ];
    for way in ways {
        let script = format!(
            "let b = branch(); let r = attempt(|| {{ {} }}); [r.error.kind, r.error.message, \
             r.error.retryable, r.error.partial, b.messages.len]",
            way.replace('S', CITY).replace(&format!("let {CITY}"), "let S")
        );
        let (ran, done, project, requests) = asked(&["{\"town\": 1}"], &script);
        let message = "the reply does not match the schema: \"city\" is a required property";
        let expected = json!(["invalid_output", message, true, "{\"town\": 1}", 0]);
        assert_eq!((&done["value"], requests), (&expected, 1), "{way}\n{}", ran.stderr);
        let ended = project.events("attempt_ended");
        assert_eq!(ended[0]["failure"]["kind"], "invalid_output", "{way}");
        assert_eq!(ended[0]["reply"], Value::Null, "{way}");
    }
    let script = format!("branch().chat(\"Where?\", #{{ schema: {CITY} }})");
    let (ran, done, _, _) = asked(&["Paris"], &script);
    assert_eq!((ran.code, &done["error"]["kind"]), (Some(5), &json!("invalid_output")));
    assert_eq!(
        done["error"]["message"],
        "the reply is not JSON (expected value at line 1 column 1): Paris"
    );
    // What fits is a value, and another try may fit.
    let (_, done, _, requests) = asked(&["```json\n{\"city\": \"Rome\"}\n```"], &script);
    assert_eq!((&done["value"], requests), (&json!({ "city": "Rome" }), 1));
    let again = format!("retry(3, || branch().chat(\"Where?\", #{{ schema: {CITY} }}))");
    let (_, done, _, requests) = asked(&["{}", "{\"city\": \"Rome\"}"], &again);
    assert_eq!((&done["value"], requests), (&json!({ "city": "Rome" }), 2));
}

#[test]
fn a_schema_is_checked_before_the_call() {
    let calls = [
        "branch().communicate(\"x\", #{ schema: s })",
        "branch().chat(\"x\", #{ schema: s })",
        "let g = builder(\"g\"); g.add_operation(\"chat\", #{ instruction: \"x\", schema: s })",
        "let g = builder(\"g\"); g.add_operation(|| 1); \
         g.add_aggregation(\"communicate\", #{ instruction: \"x\", schema: s })",
    ];
    for (call, word) in
        calls.iter().zip(["communicate", "chat", "add_operation", "add_aggregation"])
    {
        // A schema that only the run knows,
        let script = format!("let s = #{{ type: \"objekt\" }}; {call}");
        let (_, done, _, requests) = asked(&["{}"], &script);
        let message = format!(
            "option `schema` of `{word}`: is not a valid JSON schema: \"objekt\" is not valid under any of \
             the schemas listed in the 'anyOf' keyword (`/type`)",
        );
        assert_eq!((&done["error"]["message"], requests), (&json!(message), 0), "{script}");
        // and one that stands in the script.
        let script = call.replace("schema: s", "schema: #{ type: \"objekt\" }");
        let (ran, _, _, requests) = asked(&["{}"], &script);
        assert_eq!((ran.code, requests), (Some(3), 0), "{script}");
        assert!(ran.stderr.contains(&format!("error[K0013]: {message}")), "{}", ran.stderr);
    }
    let plan = Project::new();
    plan.file(
        "s.rhai",
        &format!("branch(\"demo/echo\").chat(\"x\", #{{ schema: {CITY} }}).city.len"),
    );
    assert_eq!(plan.kaizen(&["plan", "s.rhai"]).code, Some(0));
    assert_eq!(plan.kaizen(&["run", "s.rhai"]).stdout, "6\n");
}
