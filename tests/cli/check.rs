//! `kaizen check` and `kaizen explain`: what is found before anything runs, where, and what is said.

use crate::support::{Project, Ran};
use expect_test::expect;
use std::path::Path;

/// Ten slips, each with its code, line, column, and a word of the suggestion.
const PLANTED: &[(&str, &str, u64, u64, &str)] = &[
    ("let b = branch();\nprnt(b.chat(\"x\"));\n", "K0003", 2, 1, "`print"),
    (
        "let g = builder(\"g\");\ng.add_operaton(\"communicate\", #{ instruction: \"x\" });\n",
        "K0003",
        2,
        3,
        "`add_operation`",
    ),
    ("// one\nlet b = branch();\n  sleep(1, 2);\n", "K0004", 3, 3, "`sleep(time_ms: int)`"),
    ("let answer = 1;\nprint(anser);\n", "K0002", 2, 7, "`answer`"),
    ("branch().chat(\"x\", #{ max_tokns: 5 });\n", "K0005", 1, 23, "`max_tokens`"),
    ("let b = branch(\"fsat\");\n", "K0006", 1, 16, "`fast`"),
    ("import \"../outside\" as o;\no::f();\n", "K0007", 1, 8, ""),
    ("fn retry(n, f) { f.call() }\nprint(retry(1, || 2));\n", "K0010", 1, 4, "@override"),
    ("let fs = [];\nfor i in 0..3 {\n    fs.push(|| i);\n}\n", "K0011", 3, 16, "`map`"),
    (
        "let s = \"äöü — 日本\"; let f = || { let t = \"ß\"; gathr([|| 1]) };\nf.call();\n",
        "K0003",
        1,
        47,
        "`gather`",
    ),
];

/// Runs `kaizen check --json`; gives the exit code and the faults.
fn check(project: &Project, arguments: &[&str]) -> (Option<i32>, Vec<serde_json::Value>) {
    let ran = project.kaizen(&[&["check", "--json"], arguments].concat());
    let faults = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (ran.code, faults)
}

fn project() -> Project {
    let project = Project::new();
    project.file("p/kaizen.toml", "[models.fast]\nuse = \"demo/echo\"\n");
    project.file("outside.rhai", "fn f() { 1 }");
    project
}

#[test]
fn parameters_of_imported_files_are_parameters_of_the_script() {
    let project = Project::new();
    project
        .file(
            "lib/words.rhai",
            "import \"deep\" as deep;\nfn lang() { param(\"lang\") + deep::depth() }",
        )
        .file("lib/deep.rhai", "fn depth() { param(\"depth\", 1) }")
        .file("s.rhai", "import \"lib/words\" as words;\nprint(words::lang());")
        .file("p.rhai", "let p = Fn(\"param\");\nprint(p.call(\"x\", 0));");

    let ran = project.kaizen(&["run", "s.rhai", "-p", "lang=de", "-p", "depth=3"]);
    assert_eq!((ran.stdout.as_str(), ran.code), ("de3\n", Some(0)), "{}", ran.stderr);
    let ran = project.kaizen(&["run", "p.rhai", "-p", "x=7"]);
    assert_eq!((ran.stdout.as_str(), ran.code), ("7\n", Some(0)), "{}", ran.stderr);

    let refused = project.kaizen(&["run", "s.rhai", "-p", "lan=de"]);
    assert_eq!(refused.code, Some(2));
    expect![[r#"
        error[K0008]: `s.rhai` has no parameter `lan`
         |
         = help: did you mean `lang`?
        found before running; nothing was spent   (`kaizen explain K0008`)
    "#]]
    .assert_eq(&refused.stderr);
}

#[test]
fn every_planted_fault_is_found_in_its_place_with_a_suggestion() {
    for (script, code, line, column, help) in PLANTED {
        let project = project();
        project.file("p/s.rhai", script);
        let (exit, faults) = check(&project, &["-C", "p"]);
        let found: Vec<(&str, u64, u64)> = faults
            .iter()
            .map(|fault| {
                let number = |key: &str| fault[key].as_u64().unwrap();
                (fault["code"].as_str().unwrap(), number("line"), number("column"))
            })
            .collect();
        assert_eq!(found, [(*code, *line, *column)], "{script}{faults:#?}");
        let said = faults[0]["help"].as_str().unwrap_or_default();
        assert!(said.contains(help), "`{help}` is not in `{said}`");
        let is_error = faults[0]["level"] == "error";
        assert_eq!(exit, Some(if is_error { 3 } else { 0 }), "{script}");
        assert!(!project.path().join("p/.kaizen").exists(), "check leaves nothing behind");
        assert_eq!(check(&project, &["-C", "p", "--deny", "warnings"]).0, Some(3));
    }
}

/// What no run can make work, with its code, line, column, message and help.
#[test]
fn what_cannot_work_between_files_is_found() {
    let lib = "const K = 1;\nfn make(a, b) { a + b }\nexport const JUDGE = |x| x;\n";
    let cases = [
        (
            "let f = lib::make;",
            ("K0002", 9),
            "`lib::make` is a function and cannot be used as a value outside of its file",
            "write a closure: `|a, b| lib::make(a, b)`",
        ),
        ("let f = lib::JUDGF;", ("K0002", 9), "`lib` exports no `JUDGF`", "did you mean `JUDGE`?"),
        (
            "let f = Fn(\"lib::make\");",
            ("K0003", 12),
            "`Fn(\"lib::make\")` cannot refer to a function of another file",
            "write a closure: `|x| lib::make(x)`",
        ),
        ("let f = Fn(\"mkae\");", ("K0003", 12), "unknown function `mkae`", "did you mean `make`?"),
        (
            "let f = || global::v;",
            ("K0002", 12),
            "no constant `v` outside of functions and blocks",
            "`v` is a variable; write `const v = ..`",
        ),
        (
            "fn f() { global::LEST }",
            ("K0002", 10),
            "no constant `LEST` outside of functions and blocks",
            "did you mean `LAST`?",
        ),
        (
            "fn f() { import \"lib\" as l; |x| l::make(x, x) }",
            ("K0007", 36),
            "this closure outlives the import `l`, which ends with its function",
            "write `import .. as l;` outside of the function",
        ),
        (
            "fn f(n) { import \"lib\" as l; if n > 1 { return #{ f: |x| 1 + l::make(x, n) }; } () }",
            ("K0007", 65),
            "this closure outlives the import `l`, which ends with its function",
            "write `import .. as l;` outside of the function",
        ),
        (
            "let n = -9223372036854775809;",
            ("K0001", 9),
            "the whole number 9223372036854775809 is too large",
            "the largest is 9223372036854775807; write `9223372036854775809.0` for a fraction, or \
             \"9223372036854775809\" for a text",
        ),
    ];
    for (script, (code, column), message, help) in cases {
        let project = project();
        let start = "import \"lib\" as lib;\nconst LAST = 1;\nlet v = 2;\nfn make() { 1 }\n";
        project.file("p/lib.rhai", lib).file("p/s.rhai", &format!("{start}{script}"));
        let (exit, faults) = check(&project, &["-C", "p", "s.rhai"]);
        let found: Vec<_> = faults
            .iter()
            .map(|f| (&f["code"], &f["line"], &f["column"], &f["message"], &f["help"]))
            .map(|f| serde_json::json!(f))
            .collect();
        assert_eq!(found, [serde_json::json!((code, 5, column, message, help))], "{script}");
        assert_eq!(exit, Some(3), "{script}");
    }
}

#[test]
fn all_faults_of_all_files_are_told_at_once() {
    let project = project();
    project.file("p/s.rhai", "import \"lib\" as lib;\nprnt(one);\nlib::twise(two);\nsleep();\n");
    project.file("p/lib.rhai", "fn twice(x) { 2 * y }\n");
    let (exit, faults) = check(&project, &["-C", "p", "s.rhai"]);
    assert_eq!(exit, Some(3));
    let found: Vec<String> = faults
        .iter()
        .map(|fault| {
            format!("{}:{} {}", fault["file"].as_str().unwrap(), fault["line"], fault["code"])
        })
        .collect();
    let expected = [
        "s.rhai:2 \"K0003\"",
        "s.rhai:2 \"K0002\"",
        "s.rhai:3 \"K0003\"",
        "s.rhai:3 \"K0002\"",
        "s.rhai:4 \"K0004\"",
        "lib.rhai:1 \"K0002\"",
    ];
    assert_eq!(found, expected);
    let ran = project.kaizen(&["-C", "p", "check"]);
    assert!(ran.stderr.contains("7 errors, 0 warnings in 2 scripts"), "{}", ran.stderr);
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Project::new();
    for folder in ["scripts", "stdlib"] {
        let folder = root.join(folder);
        let ran = project.kaizen(&["check", folder.to_str().unwrap(), "--deny", "warnings"]);
        // The standard library defines what it defines, so its functions hide themselves.
        let own = folder.ends_with("stdlib");
        let told: Vec<&str> = ran
            .stdout
            .lines()
            .filter(|line| line.contains("[K") && !(own && line.contains("K0010")))
            .collect();
        assert_eq!(told, Vec::<&str>::new(), "{}", ran.stdout);
    }
    project.file("lib.rhai", "export const K = 2;\nfn twice(x) { 2 * x }\n");
    // Slips that are none: functions in maps, methods of script values, closures used at once,
    // variables of the same name and different kinds.
    project.file(
        "s.rhai",
        "let tools = #{ half: |x| x / 2 };\nprint(tools.half(4));\n\
         fn twice() { this * 2 }\nprint(3.twice());\n\
         let b = branch();\nfor i in 0..2 { print(gather([|| i])); print([1].map(|x| x + i)); }\n\
         for b in [\"x\"] { print(b.trimmed()); }\n\
         let parsed = json(\"{}\");\nprint(parsed.whatever ?? 1);\n\
         /// @override\nfn retry(n, f) { f.call() }\nprint(retry(1, || 2));\n\
         const K = 1.5e300 + 9223372036854775807;\nlet f = || global::K;\nlet g = Fn(\"print\");\n\
         fn local(l) { import \"lib\" as m; let f = |x| m::K + m::twice(x); l.map(|x| m::twice(x)) }\n\
         fn inner() { |x| { import \"lib\" as m; m::twice(x) } }\n",
    );
    let ran = project.kaizen(&["check", "s.rhai", "--deny", "warnings"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
}

/// Scripts that work, and whose words are not those that they are at first sight.
const VALID: &[&str] = &[
    // A variable that holds one graph after the other.
    "let s = session(branch(\"demo/echo\"));\nlet g = builder(\"a\");\ng.add_operation(|| 1, #{ name: \"x\" });\n\
     print(s.flow(g).result(\"x\"));\ng = builder(\"b\");\ng.add_operation(|| 2, #{ name: \"x\" });\n\
     print(s.flow(g).result(\"x\"));",
    "let plan = #{ steps: [], add_operation: |k, o| o.name, flow: |x| x };\nplan.add_operation(\"a\", #{ name: \"x\" });\n\
     plan.add_operation(\"a\", #{ name: \"x\" });",
    // Tools, and what is only called so.
    "let saw = 2;\nlet jobs = #{ who: \"A\", tools: [saw, saw] };\nprint(jobs.tools.sum());",
    "let add = tool(\"sum\", \"Sums.\", \"a: integer\", |x| x.a);\n\
     branch(#{ model: \"demo/echo\", tools: [add, tool(\"add\", \"Adds.\", \"a: integer\", |x| x.a + 1)] });",
    "tool(\"log\", \"Logs.\", \"message: string, info?: string\", |args, info| `${info.step} ${args.message}`);",
    "let o = optimizer(#{ memory: true, among: ['a', 'b'] });\nprint(o.recommend_pattern(\"t\"));",
    // Halves that are kept to be used as places.
    "let xs = [1, 3, 5];\nlet lo = 0;\nlet hi = xs.len - 1;\nwhile lo < hi {\n let mid = (lo + hi) / 2;\n \
     if xs[mid] < 4 { lo = mid + 1; } else { hi = mid; }\n}\nprint(lo);",
    "let xs = [1, 2, 3];\nlet half = 0;\nhalf = 1 + xs.len / 2;\nprint(xs.extract(0, half));\nprint(xs[1 + xs.len / 3]);",
    // Functions that maps of the script hold, under the names of kaizen's words.
    "let o = #{ chat: |q, opts| opts.tone };\nprint(o.chat(\"x\", #{ tone: \"warm\" }));",
    "let o = #{ compare: |a| a, parse: |t, s| s, vote: |x, o| o.n };\n\
     print(o.compare(1)); print(o.parse(\"x\", #{ a: 1 })); print(o.vote(1, #{ n: 2 }));",
    "let o = #{ append: |x| x, sort: |x| x };\nprint(o.append(5)); print(o.sort(\"x\"));",
    "let o = #{ chat: |q| || q };\nprint(gather([o.chat(\"x\")]));",
    "let o = #{};\no[\"twice\"] = |n| n * 2;\nprint(o.twice(1));",
    "let o = #{};\no.sorted = |f| f.call(1);\nprint(o.sorted(|x| x));",
    "let o = #{ split: |t| t, extract: |a, b| a, map: |f| f.call(1), for_each: |f| f.call(1) };\n\
     print(o.split(\"\")); print(o.extract(1, -1)); print(o.map(|q| { let z = q; z }));\n\
     o.for_each(|x| print(x));",
    // Functions of the script.
    "/// @override\nfn contains(a, b) { a.len == b }\nprint(contains([\"a\"], 3));",
    "/// @override\nfn extract(a, b, c) { c }\nprint(extract(\"x\", 1, -1));",
    "fn become(v) { this = v; }\nlet x = 1;\nx.become(\"a\");\nprint(x == \"a\"); print(x.len);",
    "fn become(v) { this = v; }\nlet x = 1;\nx.become(\"a\");\nprint(switch x { \"a\" => 1, _ => 2 });",
    "let o = optimizer();\nlet judge = |a| { let a = json(a); a.ok };\n\
     print(o.run(\"t\", #{ d: |i, b| \"{\\\"ok\\\": true}\" }, \"x\", #{ judge: judge }));",
    // A list as a case, and words that are looked for in a text.
    "print(switch [1] { [1] => \"one\", _ => \"more\" });",
    "let x = 1;\nprint(\"64\" in type_of(x)); print(type_of(x) in \"i64 f64\");",
    // Items of items, and numbers of turns that are called so.
    "for (row, y) in [[1, 2], [3, 4]] { for (value, x) in row { print(value + x + y); } }",
    // Arguments of tools that are set again or filled.
    "let t = tool(\"t\", \"Adds.\", \"x: [string]\", |args| { let args = #{ name: args.x[0] }; args.name });\n\
     print(branch(#{ tools: [t] }).act(\"t\", #{ x: [\"a\"] }));",
    "let t = tool(\"t\", \"Adds.\", \"x: integer\", |args| { args[\"y\"] = 1; args.y + args.x });\n\
     print(branch(#{ tools: [t] }).act(\"t\", #{ x: 1 }));",
    "let t = tool(\"t\", \"Adds.\", \"x: integer\", |args| { args += #{ y: 2 }; args.y + args.x });\n\
     print(branch(#{ tools: [t] }).act(\"t\", #{ x: 1 }));",
    // Keys that are variables of loops and parameters, and lists of a map that are changed by them.
    "let d = #{ a: [2, 1] };\nfor (w, i) in [\"a\"] { d[w].push(i); d[w].sort(); }\nprint(d);\n\
     state.d = d;\nfor w in [\"a\"] { state.d[w].push(1); }\nprint(state.d);",
    "fn add(d, k, v) { d[k].push(v); d[k].reverse(); d }\nprint(add(#{ a: [] }, \"a\", 1));",
    "let m = #{ k: \"a\" };\nlet k = m.k;\nlet d = #{ a: [\" b \"] };\nd[k].push(1);\nd[k][0].trim();\nprint(d);",
    // Divisions without a rest, of numbers that may change, and where a whole number is wanted.
    "let l = [1, 2, 3, 4];\nlet n = 10;\nconst H = 100;\nprint((3 * 100) / 4); print(l.len / 2);\n\
     print(n / 5); print((n * 4) / 2); print(H / 4); print(\"abcd\".len / 2);",
    "let c = #{ right: 0, all: 0 };\nfor x in [1, 2] { c.all += 1; c.right += 0.5; }\nprint(c.right / c.all);\n\
     let e = #{ a: 1.0, b: 2 };\nprint(e.a / e.b);\nlet half = |x| x / 2;\nprint([1.5].map(half));",
    "let d = #{ a: 1, b: 2 };\nd.set(\"a\", 1.5);\nprint(d.a / d.b);\nlet u = used();\n\
     print(\"abc\".sub_string((u.calls + 3) / 2));",
    // Copies of lists of kaizen's own values that are read.
    "let b = branch(\"demo/echo\");\nb.chat(\"x\");\nlet h = b.messages;\nh.push(1);\nprint(h);\n\
     b.communicate(\"y\");\nprint(b.messages.pop());\nprint(session().default_branch.messages.len);",
    // Closures that use a variable beside the chain that they are given in.
    "let m = #{ a: \"x\" };\nprint(map(m.keys(), |k| m[k]));\nstate.x = [1];\nprint(state.x.map(|x| state.x.len));\n\
     let l = [|x| 1];\nprint(l[0].call(|y| l.len)); print((l + []).map(|f| l.len));",
    "let b = branch(\"demo/echo\");\nfn names(b) { b.messages.map(|m| b.name) }\nprint(names(b));\n\
     print(b.messages.map(|m| b.name));\nlet k = 0;\nlet d = [[1]];\nprint(d[k].map(|x| k));\n\
     print(d.contains(d.map(|x| x)[0]));",
    "fn all_of(s) { s.keys().map(|k| s[k]) }\nstate.a = 1;\nprint(all_of(state));",
    "let xs = [1];\nlet count = |x| xs.len;\nprint(count.call(1));\nfor xs in [[2]] { print(xs.map(count)); }\n\
     fn f(xs) { xs.len }\nprint(f([2]));",
    "let s = session();\ns.on(\"op_ended\", |e| print(s.branches.len));\nlet g = builder(\"g\");\n\
     g.add_operation(|i, c| g.draw(\"mermaid\"), #{ name: \"b\" });\ns.flow(g);",
    // Functions of the script behind a dot.
    "fn shout() { this + \"!\" }\nfn both(x) { x }\nfn both() { this }\nfn trim(a, b) { a }\nlet s = \" a\";\n\
     s.trim();\nprint(s.shout()); print(s.both()); print(both(1)); print(trim(1, 2));",
    "fn f(x) { x }\nlet m = #{ f: |x| x };\nprint(m.f(1));\nlet o = #{};\no[\"g\"] = || 3;\nfn g(a) { a }\n\
     print(o.g()); print(f(1)); print(g(1));",
    "/// @override\nfn len(a) { 7 }\nprint([1].len()); print(len(1));",
    // Words with forms for several types.
    "let l = [1, 2];\nl.remove(0);\nl.insert(0, \"x\");\nprint(l.get(0)); print(l.contains(1)); print(2 in 0..3);\n\
     let m = #{ a: 1 };\nprint(m.get(\"a\"));\nm.remove(\"a\");\nlet s = \"abc\";\ns.remove(\"b\");\n\
     print(\"a\" in s); print(\"a,b\".split(\",\"));",
    "let b = blob(3, 1);\nb.push(2);\nb.remove(0);\nprint(b.get(0)); print(b.contains(2));\nb.append(65);\n\
     state.a = 1;\nstate.remove(\"a\");\nprint(state.keys());",
    "print([1] + [2]); print(#{ a: 1 } + #{ b: 2 }); print(\"a\" + [1]); print([1] + \"a\"); print(\"abc\" - \"b\");\n\
     print(true < false); print(-(2.5)); print(\"a\" + 1 + true);\nlet l = [1];\nl += 2;\nl += [3];\nprint(l);",
    // Words that are passed by their names.
    "fn trim2(x) { x.trim(); x }\nprint([\" a \"].map(\"trim2\")); print([2].map(\"to_string\"));\n\
     print([[1]].map(\"pop\")); print([\"a\"].map(Fn(\"upper\")));",
    // Judges that make their score in several ways, and calls that are made where a function is not wanted.
    "let o = optimizer();\nlet w = #{ a: |x, b| \"y\" };\n\
     let j = |a, x| { if a == \"z\" { throw \"odd\"; } if a == x { return 1; } switch a { \"y\" => exact_match(x).call(a), _ => 0.5 } };\n\
     print(o.run(\"t\", w, \"x\", #{ judge: j }).score);\n\
     print(o.run(\"t\", w, \"x\", #{ judge: |a, x| if a == x { true } else { #{ score: 0.5 } } }).score);\n\
     print(o.run(\"t\", w, \"x\", #{ judge: exact_match(\"y\") }).score);",
    "let b = branch(\"demo/echo\");\nlet g = builder(\"g\");\n\
     g.add_operation(\"communicate\", #{ name: \"a\", instruction: b.chat(\"x\") });\n\
     let ts = [\"x\"].map(|q| task(|| b.chat(q)));\nprint(ts.map(|t| t.wait()));\nprint(gather([|| ts[0].wait()]));\n\
     print(race([|| 1, || 2]) > 0); session().flow(g);",
    "let m = #{ \"case\": 1, \"new\": 2 };\nprint(m[\"case\"]);\nlet t = |x| x;\nprint(t.call(1));\n\
     print(\"a\".call(|| this)); let o = #{ f: |x| x };\nprint(o.f.call(2));",
    // Conditions, checks and expansions of operations.
    "let b = branch(\"demo/echo\");\nlet g = builder(\"g\");\n\
     let a = g.add_operation(\"communicate\", #{ name: \"a\", instruction: \"x\" });\n\
     let n = g.add_operation(|| [\"p\", \"q\"], #{ name: \"n\", depends_on: a, when: |i| i.a.contains(\"x\") });\n\
     let l = g.add_operation(|i, b| i.a.len + b.messages.len, #{ name: \"l\" });\n\
     g.add_edge(a, l, #{ when: |t| t.len > 0 && t != \"yes\" });\n\
     g.expand(n, |t, i| if i > 0 { #{ instruction: t + i } } else { #{ instruction: t } }, #{ name: \"e\" });\n\
     let r = session(b).flow(g);\nfor op in r.completed_operations { print(op.len); print(r.result(op)); }\n\
     print(b.operate(\"x\").len); print(b.operate(\"x\", #{ check: |v| v.len > 1 }).upper());",
    // Times.
    "let t = timestamp();\nprint(t.elapsed < 60.0); print(t == t); print(type_of(t)); print(t.to_string() != \"\");\n\
     print(timestamp() - t < 60.0); print([1].map(|x| t.elapsed > 60.0)); print(t != ());\nt += 5;\nprint(t.elapsed < 9.0);",
    // Patterns in a variable, inputs that are literal maps, and functions that share a name.
    "let B = branch(\"demo/echo\");\n\
     let o = optimizer();\n\
     let item = #{ text: \"a\", label: \"a\" };\n\
     let ways = #{ fast: |x, b| b.chat(x.text), slow: |x, b| x.text };\n\
     print(o.run(\"label\", ways, item, #{ judge: |a, x| if a == x.label { 1.0 } else { 0.0 } }).value != ());\n\
     print(o.run(\"label\", ways, #{ text: \"a\", label: \"b\" }).value != ());\n\
     print(o.compare(\"label\", ways, [item], #{ judge: |a, x| `${x}` != \"\" && a == x.label }) != ());",
    "fn try_all(items) {\n\
     let o = optimizer();\n\
     let ways = #{ fast: |x, b| x.text, slow: |x, b| x.text + \"!\" };\n\
     o.compare(\"label\", ways, items, #{ judge: |a, x| x.len() > 0 && a == x.label })\n\
     }\n\
     print(try_all([#{ text: \"a\", label: \"a\" }]) != ());",
    "let o = optimizer();\n\
     let task = \"t\";\n\
     let ways = #{ fast: |x, b| x, slow: |x, b| x + \"!\" };\n\
     print(run(o, task, ways, \"abc\", #{ judge: |a, x| x.len > 0 }) != ());\n\
     print(o.run(task, ways, #{ one: 1 }, #{ judge: |a, x| x.one == 1 }) != ());",
    "fn tag(x) { \"[\" + x + \"]\" }\n\
     fn tag(x, y) { let z = tag(x); z + y }\n\
     fn is_good(x) { x == \"good\" }\n\
     fn is_good(x, y) { let a = x; a == y }\n\
     fn clean(x) { x.trimmed() }\n\
     fn clean(x, y) { print(y); x.trimmed() }\n\
     print(tag(\"a\")); print(tag(\"a\", \"b\")); print(is_good(\"a\")); print(is_good(\"a\", \"b\")); print(clean(\" a\")); print(clean(\" a\", 1));",
    "fn last(x) { let y = x; y.push(1); y }\n\
     fn last(x, n) { let y = \"a\"; y += n; y }\n\
     fn last(x, n, y) { y.len }\n\
     print(last([1])); print(last(1, \"b\")); print(last(1, 2, \"abc\"));",
    "fn asks(b, q) { || b.chat(q) }\n\
     fn asks(b, q, x) { b.chat(q + x) }\n\
     let b = branch(\"demo/echo\");\n\
     print(gather([asks(b, \"x\")])); print(asks(b, \"x\", \"y\"));",
    // Names of functions, words in place, keys, constants, numbers of turns and letters that are meant.
    "/// @override\n\
     fn chat(b, q) { b.chat(q) + \"!\" }\n\
     fn trim() { this.trimmed() }\n\
     fn split(text) { text.trimmed() }\n\
     fn info() { \"info\" }\n\
     fn score(a) { a.len }\n\
     let B = branch(\"demo/echo\");\n\
     print(chat(B, \"x\")); print(\" a \".trim()); print(split(\" a \")); print(info()); print(score(\"abc\"));\n\
     let m = #{ score: |a| a }; print(m.score(2));",
    "/// @override\n\
     fn len(a) { 7 }\n\
     fn upper(a, b) { a + b }\n\
     print(upper(\"a\", \"b\")); print(\"a\".upper()); print([1].len());",
    "let xs = [2, 1];\n\
     xs.sort();\n\
     print(xs);\n\
     xs.push(3);",
    "let xs = [2, 1];\n\
     let count = || xs.len;\n\
     print(count.call());\n\
     if xs.len > 1 { xs.push(1) }",
    "state.log = [];\n\
     state.log.push(1)",
    "export let log = [];\n\
     log.push(\"a\")",
    "let parts = \"a b\".split(\" \");\n\
     parts.reverse();\n\
     let first = parts.shift();\n\
     print(parts); print(first);\n\
     let out = [1, 2, 3];\n\
     let removed = out.retain(|x| x > 1);\n\
     print(removed); print(out);\n\
     out.retain(|x| x > 2);\n\
     print(out);",
    "fn good(xs) { xs.retain(|x| x > 1); xs }\n\
     print(good([1, 2]));",
    "let row = #{};\n\
     for (name, i) in [\"size\", \"values\"] { row[name] = i; }\n\
     print(row.size); print(row.values); print(row.len()); print(row.keys());\n\
     let spec = #{ size: 3 };\n\
     print(spec.size);\n\
     let box = #{};\n\
     box.length = 2;\n\
     print(box.length);\n\
     let parsed = json(\"{\\\"len\\\": 3, \\\"keys\\\": 1}\");\n\
     print(parsed.len); print(parsed.keys);",
    "const XS = [1, 2];\n\
     const M = #{ a: 1 };\n\
     print(XS.map(|x| x + 1)); print(XS.len); print(XS.sorted()); print(XS.contains(1)); print(M.keys());\n\
     let xs = XS;\n\
     xs.push(3);\n\
     print(xs);\n\
     fn f(xs) { const n = 1; xs.push(n); xs }\n\
     print(f([1]));\n\
     if true { const out = 1; print(out); }\n\
     let out = [];\n\
     out.push(2);\n\
     print(out);\n\
     const B = branch(\"demo/echo\");\n\
     print(B.chat(\"x\"));\n\
     const T = \"a\";\n\
     for t in [\" b \"] { let T = t; T.trim(); print(T); }",
    "for (row, i) in [[1], [2]] { print(row[0] + i); }\n\
     for (i, turn) in [3, 4] { print(i + turn); }\n\
     for (x, row) in [\"a\"] { print(x + row); }\n\
     for (i, line) in [\"1\"] { print(i + (line + 1)); }\n\
     let cells = [\"a\", \"b\"];\n\
     for (i, place) in [1, 0] { print(cells[place]); }\n\
     for (n, row) in [1, 2] { print(n + row); }\n\
     print([3].map(|x, i| x + i)); print([3].map(|n, i| n + i)); print(#{ a: 1 }.filter(|k, v| v > 0));\n\
     print([[3, 1]].map(|i, j| i[0] + j)); print([1, 2].reduce(|i, x| i + x, 0));\n\
     for (i, _n) in [1] { print(i); }\n\
     for (index, position) in [4, 5] { print(index + position); }",
    "for c in \"ab\" { switch c { 'a' => print(\"first\"), _ => print(\"other\") } }\n\
     let t = \"abc\";\n\
     switch t[0] { 'a' => print(\"yes\"), _ => print(\"no\") }\n\
     switch t[0..1] { \"a\" => print(\"yes\"), _ => print(\"no\") }\n\
     let i = 1;\n\
     switch t[i].to_string() { \"b\" => print(\"yes\"), _ => print(\"no\") }\n\
     print(t[0] == \"a\"); print(t[0] + \"b\"); print(t[i].to_upper());\n\
     let counts = #{};\n\
     for c in \"ab\" { counts[c.to_string()] = 1; if c in \"aeiou\" { print(c); } if c == \"a\" { print(\"a\"); } }\n\
     print(counts);\n\
     for c in t { print(c.to_upper()); print(\"\" + c); print(`${c}`); }\n\
     for part in t.split(\"b\") { switch part { \"a\" => print(\"a\"), _ => print(\"c\") } }\n\
     let s = \"x\"; s += 'y'; for c in s { s += c; } print(s); print(t[0].to_int() > 3);",
    "[\"a\", \"b\"].for_each(|| print(this));\n\
     [\"a\"].map(|x| x + \"!\").for_each(|| print(this));\n\
     const PATH = \"b.txt\";\n\
     if PATH == \"\" { PATH.write_text(\"y\"); \"a.txt\".write_text(\"x\"); }\n\
     const D = #{ a: 1 };\n\
     print(D.get(\"a\")); print(PATH.split(\".\")); D.b = 2; print(D);",
    // Divisions without a rest, copies that are read, closures and texts in loops.
    "let xs = [2, 4];\n\
     print(xs[0] / 2);\n\
     for x in xs { print(x / 2); }\n\
     for x in [3, 6] { print(x / 3); }\n\
     let fs = [1, 2.5];\n\
     for f in fs { print(f / 2); }\n\
     let out = [];\n\
     for x in [1, 2] { out.push(x / 2.0); }\n\
     print(out.sum() / out.len);\n\
     let mixed = [];\n\
     mixed.push(if out.len > 1 { 1.5 } else { 1.0 });\n\
     print(mixed.sum() / mixed.len);\n\
     print([1.5].reduce(|n, x| n + x, 0.0) / 2); print([1.5].reduce(|s, x| s + x, 0) / 2);\n\
     let c = #{ a: 0.0, b: 0 };\n\
     for k in [\"a\"] { c[k] += 1.0; }\n\
     print(c.a / 2);\n\
     fn average(xs) { let s = 0.0; for x in xs { s += x; } s / xs.len }\n\
     print(average([1, 2]));\n\
     let marks = [1, 2].map(|x| x * 0.5);\n\
     print(marks[0] / 2);\n\
     let names = [\"a\", \"b\"];\n\
     for name in names { print(name + \"/\"); }\n\
     let rates = #{};\n\
     rates[\"a\"] = 0.5;\n\
     print(rates[\"a\"] / 2);",
    "let a = [1];\n\
     let c = a;\n\
     c.push(2);\n\
     print(a); print(c);\n\
     let m = #{ a: 1 };\n\
     let k = m;\n\
     k.a = 2;\n\
     print(k.a + m.a);\n\
     state.xs = [1];\n\
     let xs = state.xs;\n\
     xs.push(1);\n\
     state.xs = xs;\n\
     let s = state;\n\
     s.note = \"x\";\n\
     print(state.note);\n\
     let b = branch(\"demo/echo\");\n\
     let same = b;\n\
     same.communicate(\"x\");\n\
     print(b.messages.len);\n\
     let copies = [];\n\
     for row in [#{ a: 1 }] { let copy = row; copy.a = 2; copies.push(copy); }\n\
     print(copies);\n\
     fn with_more(m) { let r = m; r.more = true; r }\n\
     print(with_more(m));\n\
     let last = [];\n\
     for i in 0..2 { let one = last; one.push(i); last = one; }\n\
     print(last);",
    "let fs = [];\n\
     let i = 0;\n\
     while i < 2 { let n = i; fs.push(|| n); i += 1; }\n\
     print(fs.map(|f| f.call()));\n\
     let total = 0;\n\
     let j = 0;\n\
     while j < 2 { fs.push(|| total); j += 1; }\n\
     print(fs.len);\n\
     let k = 0;\n\
     while k < 2 { print([1].map(|x| x + k)); k += 1; }",
    "let t = \"on TOPIC\";\n\
     for q in [\"a\", \"b\"] { let one = t; one.replace(\"TOPIC\", q); print(one); }\n\
     for q in [\"a\", \"b\"] { print(t.replaced(\"TOPIC\", q)); }\n\
     let text = \"A and B\";\n\
     for pair in [[\"A\", \"x\"], [\"B\", \"y\"]] { text.replace(pair[0], pair[1]); }\n\
     print(text);\n\
     for q in [\"a\"] { text.replace(\"and\", q); break; }\n\
     for q in [\"a\", \"b\"] { text = \"on TOPIC\"; text.replace(\"TOPIC\", q); print(text); }\n\
     let list = \"ITEMS\";\n\
     for q in [\"a\", \"b\"] { list.replace(\"ITEMS\", q + \" ITEMS\"); }\n\
     print(list);",
    // What a model is asked for is a key, a number or an input here, and no function.
    "let b = branch(); let ways = #{ a: |x| x, b: |x| x };\nprint(attempt(|| retry(3, ways[b.chat(\"Which way?\")])).ok);",
    "let b = branch(\"demo/echo\"); let o = optimizer(#{ memory: true }); let ways = #{ fast: |x, b| b.chat(x.text) };\n\
     print(o.run(\"t\", ways, #{ text: b.chat(\"Write.\") }, #{ judge: |a, x| a == x.text }).score);",
    "let b = branch(); let parts = [\"a\"].map(|q| b.chat(q));\n\
     parts = parts.map(|p| || b.chat(\"Improve: \" + p)); print(gather(parts));",
    // Numbers and keys beside the items of a loop.
    "let grid = [[1, 2, 3], [4, 5, 6]];\nfor (row, y) in grid { print(`${y} ${row.join(\" \")}`); }",
    "for (total, day) in [1, 2].zip([3, 4], |x, y| x + y) { print(`${day} ${total}`); }",
    "let m = #{ a: 1 };\nfor (name, seat) in m.keys() { print(`${seat} ${m[name]}`); }",
    "for (n, day) in [12, 14] { print(`${day}: ${n}`); }\nprint([5, 6].map(|i, k| i * 10 + k));",
    // Keys and words that the script sets itself.
    "let text = `{\"len\": 1}`; let cfg = #{ a: 1 }; cfg.mixin(json(text));\nprint(cfg.len);",
    "let v = branch().operate(\"x\", #{ schema: \"label: good | bad\" });\n\
     v.label = \"unsure\"; if v.label == \"unsure\" { print(1); }",
    "let xs = [1, 2, 3]; let removed = xs.retain(|x| x > 2);\nprint(removed);",
    "let tpl = \"Hello {name}\"; let name = \"Ann\";\n\
     for k in [\"name\"] { tpl.replace(`{${k}}`, name); } print(tpl);",
    // Options whose values come from elsewhere, and keys of maps that are none.
    "fn add(a, b) { a + b }\n\
     let plus = tool(\"plus\", \"Adds.\", \"a: integer, b: integer\", |x| add(x.a, x.b));\n\
     let all = [plus];\n\
     let b = branch(#{ model: \"demo/echo\", tools: all });\n\
     let word = if b.tools.len > 0 { \"plus\" } else { \"auto\" };\n\
     print(b.react(\"x\", #{ tools: all, tool_choice: \"none\" })); print(b.operate(\"x\", #{ tools: [plus], tool_choice: word }));\n\
     print(b.act(\"plus\", #{ a: 1, b: \"2\" })); print(b.act(plus, #{ b: 2, a: 1 })); print(act(b, all[0], #{ a: 1, b: 2 }));",
    "fn settings() { #{ temperature: 0.1 } }\n\
     let mine = #{ tools: 5, branch: \"x\", judge: \"y\", model: 3, among: 1, of: \"z\", context: || 1 };\n\
     print(mine.tools); print(mine.branch + mine.judge); print(mine.context.call());\n\
     print(branch().chat(\"x\", settings())); print(branch(#{ system: () }).chat(\"x\", #{ context: () }));",
    "let o = #{ run: |t, ways, x| ways.a, compare: |t, ways| ways.len(), imodel: |m| m.price };\n\
     print(o.run(\"t\", #{ a: \"direct\" }, 1)); print(o.compare(\"t\", #{ a: 1 })); print(o.imodel(#{ price: 0.5 }));",
    "let o = optimizer(#{ among: [\"a\", \"b\"], objective: \"quality\" });\n\
     let judges = #{ good: |a| a.len > 0 };\n\
     fn plain(x, b) { b.chat(x) }\n\
     let ways = #{ a: plain, b: |x, b| b.chat(x) };\n\
     let B = branch(\"demo/echo\");\n\
     print(o.run(\"t\", #{ a: plain, b: ways.b }, \"x\", #{ judge: judges.good, branch: B, of: #{ length: 3 } }).pattern);\n\
     print(o.run(\"t\", ways, \"x\", #{ judge: exact_match(\"x\"), branch: B.fork() }).pattern);",
    "let g = builder(\"g\");\n\
     let helper = branch(\"demo/echo\");\n\
     let t = tool(\"t\", \"Says it.\", \"x: string\", |args| args.x, #{ approve: |args| false, effects: \"read\" });\n\
     let a = g.add_operation(\"act\", #{ name: \"a\", tool: t, args: #{ x: \"q\" } });\n\
     let c = g.add_operation(\"chat\", #{ instruction: \"x\", branch: helper, context: #{ a: [1] }, depends_on: [a] });\n\
     g.add_operation(\"act\", #{ name: \"d\", tool: t, args: |inputs| #{ x: inputs.a }, depends_on: [\"a\", c] });\n\
     let s = session();\n\
     s.include_branches([helper, branch(\"demo/echo\")]); s.include_branches(helper);\n\
     print(s.flow(g).result(\"d\"));",
    "let name = \"demo\";\n\
     let m = imodel(#{ provider: name, model: \"x\", replies: #{ \"a\": \"b\" }, price: #{ input: 0.1, output: 0.2 }, stop: \"END\" });\n\
     let key = if is_main { \"env:SOME_KEY\" } else { \"file:x\" };\n\
     let n = imodel(#{ \"use\": \"openai/x\", key: \"env:OPENAI_API_KEY\", image_tokens: 5, tools: false, max_concurrent: 2 });\n\
     print(branch(m).chat(\"a\")); print(n.name);\n\
     print(branch(#{ model: #{ provider: \"demo\", model: \"x\", latency_ms: 0, error_rate: 0 } }).chat(\"x\"));\n\
     print(branch(#{ model: m, system: \"Be short.\" }).chat(\"a\"));",
    // Errors that a script wants, and calls that are not reached.
    "let e = assert_throws(|| imodel(#{ provider: \"demo\", model: \"x\", key: \"sk-1\" }));\nprint(e.kind);\n\
     print(assert_throws(|| branch(#{ tools: [1] })).kind);\n\
     print(assert_throws(|| vote(\"demo/a\", \"q\", 3)).message); print(assert_throws(|| exact_match(())).kind);\n\
     print(assert_throws(|| optimizer(#{ among: \"a\" })).kind);",
    "let t = tool(\"t\", \"Adds.\", \"a: integer, b: integer\", |x| x.a + x.b);\nlet b = branch(\"demo/echo\");\n\
     print(attempt(|| b.act(t, #{ a: 1 })).error.problems); print(attempt(|| b.react(\"x\")).ok);\n\
     try { b.act(t, #{ a: \"x\", b: 1 }); } catch (e) { print(e.kind); }\n\
     for t in [tool(\"u\", \"Says.\", #{}, || 1)] { print(b.act(t, #{})); print(b.react(\"x\", #{ tools: [t], tool_choice: \"u\" })); }\n\
     fn asks(b) { b.react(\"x\") }\n\
     print(asks(branch(#{ model: \"demo/echo\", tools: [t] })));",
    "let b = branch(\"demo/echo\");\nlet t = tool(\"t\", \"Says.\", #{}, || 1);\n\
     if b.messages.len == 0 { b = branch(#{ model: \"demo/echo\", tools: [t] }); }\nprint(b.react(\"x\"));\n\
     let o = #{ tools: [t] };\nlet c = branch();\nprint(c.react(\"x\", o));\n\
     let d = #{ react: |x| x, act: |a, b| b };\nprint(d.react(\"y\")); print(d.act(t, #{ z: 1 }));",
    "fn vote_for(m, q, n) { vote(m, q, #{ n: n }) }\nprint(vote_for(\"demo/a\", \"q\", 3));\n\
     let how = #{ n: 2, settings: #{ temperature: 0.5, schema: \"a: string\" } };\nprint(vote(\"demo/a\", \"q\", how));\n\
     let shots = [[\"a\", \"b\"]];\nprint(few_shot(\"demo/a\", \"q\", #{ examples: shots }));\n\
     print(few_shot(\"demo/a\", \"q\", #{ examples: shots.map(|x| [x[0], x[1]]), settings: #{ context: \"c\", max_tokens: 9 } }));\n\
     print(tool_vote(\"demo/a\", \"q\", #{ n: 1, tools: [tool(\"t\", \"Says.\", #{}, || 1)], settings: #{ max_steps: 2 } }));",
    "let items = [1, 2, 3];\nlet few = [4];\n\
     let r = attempt(|| evolve(#{ start: \"x\", ask: |t, i| t, judge: |a, i| 1.0, train: items, valid: few, held_out: [5], max_proposals: 1 }));\n\
     print(r.ok);",
    // Graphs that are put together in several places, and sessions that get their branches.
    "fn add_b(g) { g.add_operation(\"chat\", #{ name: \"b\", instruction: \"x\" }) }\n\
     let g = builder(\"g\");\nadd_b(g);\n\
     g.add_operation(\"chat\", #{ name: \"a\", instruction: \"x\", depends_on: \"b\" });\n\
     g.add_aggregation(|i| i.a, #{ name: \"c\" });\nprint(session().flow(g).result(\"c\").len);\n\
     let h = builder(\"h\");\n\
     for name in [\"a\", \"b\"] { h.add_operation(\"chat\", #{ name: name, instruction: \"x\" }); }\n\
     h.add_operation(\"chat\", #{ name: \"z\", instruction: \"x\", depends_on: [\"a\", \"b\"] });\nprint(session().flow(h).metrics.calls);",
    "let g = builder(\"g\");\n\
     if is_main { g.add_operation(\"chat\", #{ name: \"a\", instruction: \"x\" }); } else { g.add_operation(\"chat\", #{ name: \"a\", instruction: \"y\" }); }\n\
     g.add_aggregation(\"chat\", #{ instruction: \"Sum up.\" });\nprint(session().flow(g).result(\"aggregate\").len);\n\
     let one = builder(\"one\"); let two = builder(\"two\");\n\
     one.add_operation(|| 1, #{ name: \"a\" }); two.add_operation(|| 2, #{ name: \"a\" });\n\
     print(session().flow(one).result(\"a\") + session().flow(two).result(\"a\"));",
    "fn made(n) { let g = builder(\"g\"); g.add_operation(|| n, #{ name: \"a\" }); g }\n\
     let g = made(1);\nprint(session().flow(g).result(\"a\"));\n\
     for n in 0..2 { let g = builder(\"g\"); g.add_operation(|| 1, #{ name: \"a\" }); print(session().flow(g).result(\"a\")); }\n\
     let e = builder(\"e\");\n[1, 2].map(|n| e.add_operation(|| n, #{ name: `n${n}` }));\nprint(session().flow(e).metrics.completed_operations);\n\
     print(assert_throws(|| session().flow(builder(\"x\"))).kind);",
    "let b = branch(\"demo/echo\"); let c = b; let s = session(b);\nlet g = builder(\"g\");\n\
     g.add_operation(\"chat\", #{ name: \"a\", instruction: \"x\", branch: b });\n\
     g.add_operation(\"chat\", #{ name: \"d\", instruction: \"x\", branch: c });\n\
     print(s.flow(g).metrics.calls); print(session(c).flow(g).metrics.calls);\n\
     let other = branch(\"demo/echo\"); let t = session();\nt.include_branch(other);\nlet h = builder(\"h\");\n\
     h.add_operation(\"chat\", #{ instruction: \"x\", branch: other });\nprint(t.flow(h).metrics.calls);\n\
     let u = session(); let v = u;\nv.include_branches([other]);\nprint(u.flow(h).metrics.calls);\n\
     fn joined(s, b) { s.include_branch(b); s }\nlet w = session();\njoined(w, other);\nprint(w.flow(h).metrics.calls);",
    "let g = builder(\"g\");\ng.add_operation(\"chat\", #{ instruction: \"x\" }); g.add_operation(\"chat\", #{ instruction: \"y\", depends_on: \"chat\" });\n\
     g.add_operation(\"chat\", #{ instruction: \"z\", depends_on: \"chat_2\" });\nprint(session().flow(g).metrics.calls);\n\
     let a = [];\nlet h = builder(\"h\");\na.push(h);\na[0].add_operation(|| 1, #{ name: \"a\" });\nprint(session().flow(h).result(\"a\"));",
    // Fields of answers that may be of another kind, or are set again.
    "let b = branch(\"demo/echo\");\nlet v = attempt(|| b.operate(\"x\", #{ schema: \"n: integer, label: good | bad, tags: [string], score: number, note?: string\" }));\n\
     if v.ok { let a = v.value; print(a.n == \"3\"); }\n\
     let v = b.operate(\"x\", #{ schema: \"n: integer, label: good | bad, tags: [string], score: number, note?: string\" });\n\
     print(v.n == 3 || v.n == 3.0); print(v.label in [\"good\", \"bad\"]); print(v.tags.len + v.n); print(v.score / 10);\n\
     switch v.label { \"good\" => print(1), _ => print(2) }\n\
     print(v.note == () || v.note == 5); print(v.note ?? 3); print(v.tags.map(|t| t.upper())); print(v.label.upper());\n\
     print((v.n / 2).to_int()); print(v.n.to_float() / 2); print(`${v.n}` == \"3\"); print(v.n * 10 / 10);",
    "let v = branch(\"demo/echo\").operate(\"x\", #{ schema: \"n: integer, m: integer\" });\n\
     v.n = v.n.to_string(); print(v.n == \"0\"); print(v.n.len);\n\
     let w = v; for key in [\"m\"] { w[key] = \"text\"; }\nprint(w.m == \"text\"); print(w.m.upper());\n\
     let u = branch(\"demo/echo\").operate(\"x\", #{ schema: \"k: integer\" });\nu.mixin(#{ k: \"y\" });\nprint(u.k == \"y\"); print(u.k.len);\n\
     let t = branch(\"demo/echo\").operate(\"x\", #{ schema: \"k: integer\" });\nt += #{ k: [1] };\nprint(t.k.len);",
    "let s = #{ type: \"object\", properties: #{ n: #{ type: [\"integer\", \"null\"] }, m: #{ anyOf: [#{ type: \"integer\" }, #{ type: \"string\" }] } }, required: [\"n\", \"m\"], additionalProperties: false };\n\
     let r = branch(\"demo/echo\").operate(\"x\", #{ schema: s });\nprint(r.n == () || r.n == \"a\"); print(r.m == \"a\" || r.m == 1);",
    // Loops over numbers that divide without a rest or keep their fraction, and rows that are filled later.
    "let rows = [#{ right: 1.0, n: 2 }, #{ right: 0.5, n: 4 }];\nprint(rows.map(|r| r.right).sum() / rows.len);\n\
     let sum = 0.0;\nfor r in rows { sum += r.right; print(r.n / 2); }\nprint(sum / rows.len);\n\
     let more = [#{ k: 1 }];\nmore.push(#{ k: 0.5 });\nprint(more.map(|r| r.k).sum() / more.len);\nlet all = 0;\nfor m in more { all += m.k; }\nprint(all / 3);\n\
     for q in [10, 20] { let half = q / 10; print(half); }\nfor w in [\"a\"] { print(w + \"/\" + 2); }\n\
     print((rows.map(|r| r.n).sum() / rows.len).to_int()); print(rows.map(|r| r.n.to_float()).sum() / rows.len);",
];

#[test]
fn what_works_under_the_names_of_words_is_no_fault() {
    let project = Project::new();
    for (number, script) in VALID.iter().enumerate() {
        let name = format!("{number}.rhai");
        project.file(&name, script);
        let checked = project.kaizen(&["check", &name, "--deny", "warnings"]);
        assert_eq!(checked.code, Some(0), "{script}\n{}", checked.stdout);

        let ran = project.kaizen(&["run", &name]);
        assert_eq!(ran.code, Some(0), "{script}\n{}", ran.stderr);
    }
}

#[test]
fn what_only_seems_wrong_is_told_and_run() {
    let project = Project::new();
    project.file("s.rhai", "let x = json(\"[3]\");\nif x.len > 5 { x.trimm(); }\nx.len");
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "1\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("warning[K0009]: unknown method `trimm`"), "{}", ran.stderr);
}

#[test]
fn what_is_no_script_is_named() {
    let project = Project::new();
    std::fs::write(project.path().join("binary.rhai"), [0xff, 0xfe, 0]).unwrap();
    project.file("huge.rhai", &"// a comment\n".repeat(900_000));
    project.file("deep.rhai", &format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000)));
    project.file("empty.rhai", "");
    let ran = project.kaizen(&["check"]);
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.stderr.contains("`./binary.rhai`")
            || ran.stderr.contains("binary.rhai`: it is not valid UTF-8")
    );
    assert!(ran.stderr.contains("huge.rhai`: it has 11700000 bytes"), "{}", ran.stderr);
    assert!(ran.stdout.contains("deep.rhai"), "{}", ran.stdout);
    assert!(ran.stderr.contains("3 errors, 0 warnings in 4 scripts"), "{}", ran.stderr);
    assert_eq!(project.kaizen(&["check", "nope.rhai"]).code, Some(3));
}

#[test]
fn codes_are_explained() {
    let project = Project::new();
    let ran = project.kaizen(&["explain", "k0003"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.contains("K0003: unknown function"), "{}", ran.stdout);
    assert!(project.kaizen(&["explain", "rate_limited"]).stdout.starts_with("K0201"));
    let ran = project.kaizen(&["explain", "rate_limit"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("did you mean `rate_limited`?"), "{}", ran.stderr);
}

#[test]
fn the_examples_of_codes_show_what_they_explain() {
    for code in
        kaizen::script::diagnostic::codes::CODES.iter().filter(|code| !code.example.is_empty())
    {
        let project = project();
        project.file("p/s.rhai", code.example);
        let (_, faults) = check(&project, &["-C", "p"]);
        let found: Vec<&str> = faults.iter().filter_map(|fault| fault["code"].as_str()).collect();
        assert_eq!(found, [code.id], "{}", code.example);
    }
}

/// The end of docs/errors.md.
const NOT_FOUND: &str = "
## What `check` cannot find

A script that passes `kaizen check` can still fail. These mistakes show only while it runs:

- A property or a method of a value whose kind is not known: a parameter of your own function, what such a function returns, \
an item of a list or map of your own, a variable that holds different kinds of values in one function, and the \
error that `catch` receives. If the value is from kaizen, the run ends with an error (K0101). Your own maps return \
`()`.
- A property that the script sets somewhere (`x.note = 1`) is assumed to exist on every value.
- The `inputs` of an operation whose `depends_on` is not written as literal names and known nodes, or in a script \
that adds edges with `>>`, `then` or `add_edge`.
- The wrong type of an argument that is neither a literal nor a value of a known kind, and values of options that \
do not follow from literals. The same is true of comparisons and conditions.
- A list of functions for `gather` that holds replies instead, if another function or file makes the list.
- A name that is put together at run time: an operation, a model, a file, a function called by `hot` or `Fn`.
- A missing grant (K0110). `kaizen run` says before the first call what a script that asks models names literally and was not granted, as an error if the script certainly comes to it.
- The number of parameters of a function that a variable holds which is set several times, or that a function returns.
- A division of whole numbers in a function that is called behind a dot, passed on as a value, or called from another file.
- `{name}` in a text where `name` is no variable of the function, and a `let` that hides a variable which is set again before it is read.
- A graph that is empty in the first turn of a loop that adds its operations after the `flow`.
- A mistake in a function that is given to `assert_throws`, or that only such functions call: its error is meant.
- Whether a function of the script that takes functions catches their errors, if it gets them in a list, a map or a \
property: mistakes in the closures that a script keeps so are taken to be meant where it asserts errors.
- A text that is added to a number, where the sum is not put back into the variable with the number.
- Everything that depends on replies: a reply that is not a number, an index out of range, a condition that never \
holds.
- An unknown method of a plain value in a script with imports, because a function of an imported file may have \
this name; and one of a map in which the script sets values under computed keys (`map[key] = || ..`).
";

#[test]
fn the_written_list_of_codes_is_up_to_date() {
    let mut text = "# Errors\n\nEvery error has a code; `kaizen explain CODE` shows its entry \
                    in a terminal. If an error has a kind,\n`catch (e)` receives it as \
                    `e.kind`, but for errors of the language itself (K0101): `failure(e).kind` and\n\
                    `attempt(..).error.kind` give the kind of every error. Written by `UPDATE=1 cargo test codes`.\n\n\
                    `kaizen check` finds the mistakes K0001 to K0031 without running a script, as an error if \
                    the script\nwould fail or do something else than it says, and otherwise as a warning. A mistake \
                    within\n`assert_throws(|| ..)` is meant if the run would raise its error, and is not mentioned. \
                    Within\n`attempt(|| ..)` or `try`, it is a warning, unless it names something that does not \
                    exist.\n"
        .to_owned();
    for code in kaizen::script::diagnostic::codes::CODES {
        let kind = code.kind().map_or(String::new(), |kind| format!(" (kind `{kind}`)"));
        text.push_str(&format!("\n## {}: {}{kind}\n\n{}\n", code.id, code.title, code.text));
        if !code.example.is_empty() {
            text.push_str(&format!("\n```rhai\n{}\n```\n", code.example));
        }
    }
    text.push_str(NOT_FOUND);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/errors.md is old: `UPDATE=1 cargo test codes` writes it");
}

#[test]
fn a_default_model_that_does_not_exist_is_an_error_in_its_place() {
    let project = Project::new();
    project.file("s.rhai", "branch().chat(\"x\")");
    project.file("kaizen.toml", "[project]\nname = \"é\"\nmodel = \"opnai/x\" # the model\n");

    let ran = project.kaizen(&["check", "s.rhai"]);
    assert_eq!(ran.code, Some(3));
    expect![[r#"
        error[K0006]: the default model: unknown provider `opnai`
         --> kaizen.toml:3:9
          |
        3 | model = "opnai/x" # the model
          |         ^^^^^^^^^
          |
          = help: did you mean `openai`?
        1 error, 0 warnings in 1 script
    "#]]
    .assert_eq(&format!("{}{}", ran.stdout, ran.stderr));

    let ran = with_model(&project, "fast");
    expect![[r#"
        error[K0006]: $KAIZEN_MODEL: unknown model `fast`
         |
         = help: kaizen.toml defines none. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`
        1 error, 0 warnings in 1 script
        exit Some(3)
    "#]].assert_eq(&ran);

    let ran = with_model(&project, "demo/echo");
    expect![[r#"
        0 errors, 0 warnings in 1 script
        exit Some(0)
    "#]]
    .assert_eq(&ran);
}

#[test]
fn types_that_follow_from_words_of_the_language_are_known() {
    expect![[r#"
        K0002 4:18 unknown variable `LIMIT`
            a function reaches a constant of its script as `global::LIMIT`
        K0002 4:31 unknown variable `bound`
            a function does not see the variables of its script; pass `bound` as an argument
        K0031 6:12 an array is indexed by an int, not by a range
            write `list.extract(0..2)`
        K0031 7:26 an array is indexed by an int, not by a string
        K0031 9:34 `recommend`: argument 2 is an array, expected a map
            it is called as `recommend(optimizer: optimizer, task_type: string, options: map) -> map`
        K0003 12:12 unknown function `ovr`
            did you mean `over`?
        K0003 13:1 unknown function `vot`
            did you mean `vote`?
        K0003 14:1 unknown function `ovr`
            did you mean `over(n)`?
    "#]]
    .assert_eq(&messages(
        "const LIMIT = 3;\nlet rates = #{ a: 0.5 };\nlet all = [1, 2, 3];\n\
         fn over(n) { n > LIMIT && n < bound }\nlet bound = 9;\n\
         print(all[0..2]);\nlet key = \"0\"; print(all[key]);\nprint(all[all.len - 1]);\n\
         print(optimizer().recommend(\"t\", rates.keys()));\n\
         print(\"text\"[0..2]);\nprint(all[0]);\nlet f = Fn(\"ovr\");\nvot(1);\novr(2);\n",
    ));
}

#[test]
fn an_expansion_of_a_text_is_found_before_it_is_paid_for() {
    expect![[r#"
        K0031 6:10 `expand` needs a list, but the answer of `a` is a text
            ask for a list: write `schema: "[string]"` among the options of `a`
    "#]].assert_eq(&messages(
        "let g = builder(\"g\");\n\
         let a = g.add_operation(\"communicate\", #{ name: \"a\", instruction: \"x\" });\n\
         let b = g.add_operation(\"chat\", #{ name: \"b\", instruction: \"x\", schema: \"[string]\" });\n\
         let c = g.add_operation(|| [1], #{ name: \"c\" });\n\
         for node in [a, b, c] { g.expand(node, |x| #{ instruction: \"x\" }); }\n\
         g.expand(a, |x| #{ instruction: \"x\" });\n\
         g.expand(b, |x| #{ instruction: \"x\" });\n\
         g.expand(c, |x| #{ instruction: \"x\" });\n",
    ));
}

/// Checks the script where a variable names the default model.
fn with_model(project: &Project, model: &str) -> String {
    let output = project.command(&["check", "s.rhai"]).env("KAIZEN_MODEL", model).output().unwrap();
    let ran = Ran::from(output);
    format!("{}{}exit {:?}\n", ran.stdout, ran.stderr, ran.code)
}

/// Returns what `check` finds in a script, one line for each with its help below.
fn messages(script: &str) -> String {
    let project = Project::new();
    project.file("s.rhai", script);
    let (_, faults) = check(&project, &["s.rhai"]);
    let each = faults.iter().map(|fault| {
        let text = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
        let place = format!("{}:{}", fault["line"], fault["column"]);
        let help = text("help");
        let help = if help.is_empty() { help } else { format!("    {help}\n") };
        format!("{} {place} {}\n{help}", text("code"), text("message"))
    });
    each.collect()
}

#[test]
fn what_cannot_be_set_is_found() {
    let project = project();
    let text = r#"
let b = branch();
b.system = "short";
b.usage = 1;
let m = #{ b: 1 };
m.system = b.chat("x");
let g = builder("g");
let n = g.add_operation("chat", #{ name: "a", instruction: "x" });
n.name = "other";
"#;
    project.file("p/s.rhai", text);
    let ran = project.kaizen(&["check", "-C", "p", "s.rhai"]);
    assert_eq!(ran.code, Some(3));
    expect![[r#"
        error[K0030]: a branch has no writable property `system`
         --> s.rhai:3:3
          |
        3 | b.system = "short";
          |   ^^^^^^
          |
          = help: write `branch(#{ system: .. })` to create one
        error[K0030]: a branch has no writable property `usage`
         --> s.rhai:4:3
          |
        4 | b.usage = 1;
          |   ^^^^^
        error[K0030]: a node has no writable property `name`
         --> s.rhai:9:3
          |
        9 | n.name = "other";
          |   ^^^^
        3 errors, 0 warnings in 1 script
    "#]]
    .assert_eq(&format!("{}{}", ran.stdout, ran.stderr));
}
