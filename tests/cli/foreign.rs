//! What people type who come from Python, JavaScript or Rust: `kaizen check` finds each form, says once what is
//! wrong and what to write, and says nothing else.

use crate::support::Project;
use std::fmt::Write as _;

/// Checks each text as a script of its own, and writes down what was said of it.
pub(super) fn said_of(texts: &[&str]) -> String {
    let project = Project::new();
    let name = |number: usize| format!("s{number:03}.rhai");
    for (number, text) in texts.iter().enumerate() {
        project.file(&name(number), text);
    }

    let ran = project.kaizen(&["check", "--json"]);
    let faults: Vec<serde_json::Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a fault in JSON"))
        .collect();

    let mut said = String::new();
    for (number, text) in texts.iter().enumerate() {
        let _ = writeln!(said, "> {}", text.replace('\n', "\n> "));
        for fault in faults.iter().filter(|fault| fault["file"] == name(number).as_str()) {
            let word = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
            let place = format!("{}:{}", fault["line"], fault["column"]);
            let _ = writeln!(said, "{} {place} {}", word("code"), word("message"));
            if !word("help").is_empty() {
                let _ = writeln!(said, "    {}", word("help"));
            }
        }
    }
    said
}

#[test]
fn each_form_of_another_language_is_found_once_with_what_to_write() {
    let texts = [
        "x = 5",
        "let x = 5\nlet y = 6",
        "let items = [1]; for i, x in enumerate(items) { print(x); }",
        r#"let m = #{ a: 1 }; let v = m.get("a", 0);"#,
        r#"let n = int("4");"#,
        r#"let n = float("4");"#,
        "let n = str(4);",
        "let n = max([1, 2]);",
        "let list = [1, 2]; let n = max(list);",
        "let list = [1, 2]; let n = min(list);",
        "with open(\"a.txt\") as f:\n    x = f.read()",
        "let x = [1, 2]; x.pop(0);",
        r#"logger.info("hello");"#,
        r#"logging.info("hello");"#,
        "let a = 1; if a === 1 { print(a); }",
        "let a = 1; if a !== 1 { print(a); }",
        "let a = 1; let b = a <=> 2;",
        "print(report.execution_history);",
        "print(execution_history);",
        r#"let s = session("a"); print(s.execution_history());"#,
        r#"write_file("a.txt", "x");"#,
        "let t = time.time();",
        "let t = time();",
        r#"console.log("hi");"#,
        r#"let name = "a"; print(f"hi {name}");"#,
        "let a = None;",
        "let a = null;",
        "let a = True;",
        "let a = undefined;",
        "let a = nil;",
        "let a = 1; if a == 1 { print(1); } elif a == 2 { print(2); }",
        "def f(x):\n    return x + 1",
        "function f(x) { return x; }",
        "let f = lambda x: x + 1;",
        "let x = true; if not x { print(1); }",
        "let x = true; if x and x { print(1); }",
        "let x = true; if x or x { print(1); }",
        "let i = 0; i++;",
        "let i = 0; ++i;",
        "let a = true; let b = a ? 1 : 2;",
        "let a = if true { 1 } else { 2 }; let b = a > 1 ? 1 : 2;",
        "let l = [1]; let b = [x * 2 for x in l];",
        "for i in range(10):\n    print(i)",
        "for i in range(10) { print(i); }",
        "try:\n    x()\nexcept Exception as e:\n    print(e)",
        "try { print(1); } except { print(2); }",
        r#"raise ValueError("x")"#,
        r#"raise "x";"#,
        "import os",
        "import os, json",
        "from os import path",
        "async def f():\n    pass",
        "async fn f() { 1 }",
        "fn f() { 1 } let x = await f();",
        "let a = [1, 2, 3]; print(a[1:3]);",
        "let a = [1, 2, 3]; print(a[:2]);",
        "let a = [1, 2, 3]; print(a[1:]);",
        "let a = [1, 2, 3]; print(a[::-1]);",
        "let a = 1; let b = 2; print(a, b);",
        r#"let x = "a"; print("%s" % x);"#,
        r#"let x = "a"; let y = 2; print("%s and %s" % (x, y));"#,
        r#"print("a" * 3);"#,
        r#"let s = "-"; print(s * 3);"#,
        r#"print(3 * "a");"#,
        "print([1, 2].length);",
        "let a = [1, 2]; print(a.length);",
        "let a = [1, 2]; print(a.length());",
        "let a = [1, 2]; print(a.size);",
        r#"let a = "text"; print(a.length);"#,
        "let m = #{}; print(JSON.stringify(m));",
        r#"let m = #{}; let o = JSON.parse("{}");"#,
        r#"let m = #{}; let o = json.loads("{}");"#,
        "let m = #{}; let o = json.dumps(m);",
        "let m = #{}; print(Object.keys(m));",
        "let m = #{}; print(Object.entries(m));",
        "let a = [1]; let b = a.map(x => x * 2);",
        "let a = [1]; let b = a.map((x) => x * 2);",
        "let a = [1]; let b = a.map((x) => { x * 2 });",
        "let a = [1]; a.forEach(|x| print(x));",
        "let a = [1]; a.forEach(x => print(x));",
        "let m = #{ a: 1 }; for (k, v) in m.items() { print(k); }",
        "let m = #{ a: 1 }; for k in m.items() { print(k); }",
        "let m = #{ a: 1 }; for k, v in m.items() { print(k); }",
        "let a = [1]; a.append(2);",
        r#"let s = " a "; print(s.strip());"#,
        r#"print("{} is {}".format(1, 2));"#,
        "let x = 1; if isinstance(x, int) { print(x); }",
        r#"let r = range(0, "a"); print(r);"#,
        r#"let s = "a"; print(s.toUpperCase());"#,
        r#"let l = ["a"]; print(", ".join(l));"#,
        r#"let s = "abc"; print(s.startswith("a"));"#,
        r#"let s = "abc"; print(s.startsWith("a"));"#,
        r#"let s = "abc"; print(s.includes("a"));"#,
        "let l = [3, 1]; let s = l.sorted_by(|a, b| a - b);",
        "let l = [3, 1]; let s = sorted(l, key=lambda x: -x);",
        "let l = [3, 1]; print(any(l));",
        "let l = [3, 1]; let b = l.reduce((a, b) => a + b, 0);",
        "let l = list(range(3));",
        "let l = dict(a=1);",
        "let l = set([1]);",
        "let l = tuple([1]);",
        "pass",
        r#"del x["a"];"#,
        "assert 1 == 1",
        "let x = 1; print(type(x));",
        "let x = 1; print(typeof x);",
        "new Date();",
        "let x = new Map();",
        "const f = (a) => a + 1;",
        "var x = 5;",
        "let x: int = 5;",
        "fn f(a: int) -> int { a }",
        "while True:\n    print(1)",
        "let x = 1; match x { 1 => print(1) }",
        r#"throw new Error("x");"#,
        "let { a, b } = #{ a: 1, b: 2 };",
        "let [a, b] = [1, 2];",
        "let a, b = 1, 2;",
        "let a = [...[1], 2];",
        r#"let m = { "a": 1 };"#,
        "let m = { a: 1 };",
        "let m = {};",
        "let s = 'hello';",
        "let s = `hi ${name}`;",
        r#"let s = """hello""";"#,
        "# a comment\nlet x = 1;",
        "let x = 7 // 2\nlet y = 1;",
        "let x = 1; if x == 1: print(x)",
        "let a = 1; let b = 2 if a else 3;",
        "let a = (); let b = a || 1;",
        r#"let a = #{}; let b = a["x"] or 1;"#,
        r#"print("a" + str(1));"#,
        r#"input("name? ");"#,
        r#"let x = os.environ["A"];"#,
        r#"let x = os.getenv("A");"#,
        "let x = process.env.A;",
        "time.sleep(1);",
        "setTimeout(|| print(1), 10);",
        "let x = random.random();",
        "let x = Math.random();",
        "let x = Math.max(1, 2);",
        "let x = Math.round(1.5);",
        "let x = math.sqrt(2.0);",
        r#"let x = re.match("a", "b");"#,
        r#"let f = open("a.txt");"#,
        r#"let x = requests.get("http://a");"#,
        r#"fetch("http://a");"#,
        r#"let x = parseInt("4");"#,
        r#"let x = Number("4");"#,
        "let x = String(4);",
        "let x = Promise.all([1]);",
        "let x = asyncio.gather(1);",
        "return 1 if true else 2",
        "let x = [1,2]; x.push(3).push(4);",
        "let x = #{a: 1}; for k of x { print(k); }",
        "for (let i = 0; i < 10; i++) { print(i); }",
        "for (const x of [1]) { print(x); }",
        "for x in [1]: print(x)",
        r#"let d = #{a: 1}; print(d.keys()); print(d.values()); print(d.has("a")); print(d.hasOwnProperty("a"));"#,
        "let l = [1]; print(l.indexOf(1));",
        "let l = [1]; print(l.index(1));",
        "let l = [1]; l.extend([2]);",
        "let l = [1]; print(l.count(1));",
        "let l = [1]; print(l.slice(0, 1));",
        "let l = [1]; print(l.concat([2]));",
        "let l = [1]; print(l.filter(x => x > 1));",
        r#"let s = "a"; print(s.replace("a", "b"));"#,
        r#"let s = "a"; print(s.trim());"#,
        r#"let s = "a"; print(s.substring(0, 1));"#,
        r#"let s = "a"; print(s.charAt(0));"#,
        r#"let s = "a"; print(s.padStart(3));"#,
        r#"let s = "a"; print(s.zfill(3));"#,
        r#"let s = "a"; print(s.isdigit());"#,
        "let x = (1).toFixed(2);",
        "let x = 3.14159; print(x.toFixed(2));",
        "let x = map(|a| a, [1]);",
        "let x = filter(|a| a, [1]);",
        "global x",
        "yield 1",
        "@decorator\nfn f() { 1 }",
        "class A { }",
        "class A:\n    pass",
        r#"print("hi""#,
        r#"print "hi""#,
        "let f = x => x + 1;",
        "let f = fn(x) { x + 1 };",
        "let f = function(x) { return x + 1; };",
        "let f = |x| x + 1; print(f(1));",
        "print(1) if true;",
        "let x = 1 <> 2;",
        "let x = 1 not in [1];",
        "let x = 5 is 5;",
        "let x = 5 is not None;",
        r#"let x = "a" == None;"#,
        r#"let x = "5" - 2;"#,
        "ReAct",
        r#"let r = branch().ReAct("x");"#,
        "let b = Branch();",
        "sys.exit(1);",
        "process.exit(1);",
        "main();",
        "if __name__ == \"__main__\":\n    main()",
        "let l = [1]; l.push(2, 3);",
        "let l = [1]; l.sort(|a, b| a - b); l.sort(key=1);",
        "let l = [1]; for x in l.iter() { print(x); }",
        "let l = [1]; l.map(|x| x).collect();",
        "let l = vec![1];",
        r#"println!("x");"#,
        "let mut x = 1;",
        "let x = Some(1);",
        "let x = f()?;",
        "let x = &y;",
        "let x = a::b();",
        "unwrap();",
        r#"let x = "a".unwrap();"#,
        "let x = 2; if (x == 1) print(x);",
        "let x = 1; switch (x) { case 1: print(1); }",
        "let a = 1; let b = 2; a, b = b, a;",
        "let a = #{}; let x = a->b;",
        "let items = [1]; for (i, x) in enumerate(items) { print(x); }",
        "let items = 1; items = x;",
        "total += 1;",
        r#"os.path.join("a", "b");"#,
        "let x = json.dumps(None);",
        "console.log(`a ${1}`, 2);",
        "Object.keys(m).length;",
        "let f = (a, b) => { a + b };",
        "let m = { a: 1, b: [1, 2] };",
        r#"let l = []; l.append({ "a": 1 });"#,
        "while (true) print(1);",
        "let a = [1]; print(a[::2]);",
        r#"let s = "a"; print(s.length());"#,
        r#"print("total: %d" % 5);"#,
        r#"let x = 1; print("x is " + x, x);"#,
        "let a = [3]; print(max(a, key=lambda x: -x));",
        "let x: float = 1.0;",
        "fn f(a: int, b: str) { a }",
        "let x = a ?? b;",
        "const [a, b] = [1, 2];",
        "for (var i = 0; i < 3; i += 1) { print(i); }",
        "for item of [1] { print(item); }",
        "async function f() { await g(); }",
        "let f = async || 1;",
        "print(max());",
        "let t = true; print(t * 2);",
        "print([1] * 3);",
        r#"let s = "abc"; print(s[0:2]);"#,
        "import numpy as np",
        "from lionagi import Branch, Session",
        r#"let b = Branch(system="x");"#,
        "let s = Session(); s.new_branch();",
        "print(f(1));",
        "dbg!(1);",
        r#"panic!("x");"#,
        "let m = Map::new();",
        "let mut n = 1; n += 1;",
        r#"let t = typeof 1 === "number";"#,
    ];
    expect_test::expect![[r#"
        > x = 5
        K0002 1:1 unknown variable `x`
            declare it first: `let x = ..;`
        > let x = 5
        > let y = 6
        K0001 2:1 expecting ';' to terminate this statement
            end the statement before this with `;`
        > let items = [1]; for i, x in enumerate(items) { print(x); }
        K0021 1:18 write the two variables of a `for` in brackets, the item first
            write `for (item, index) in list { .. }`; for a map `for key in map.keys() { let value = map[key]; .. }`
        > let m = #{ a: 1 }; let v = m.get("a", 0);
        K0004 1:30 `get` takes 1 argument, not 2
            write `map["key"] ?? default`
        > let n = int("4");
        K0031 1:13 `int`: argument 1 is a string, expected a float
            write `text.parse_int()` for a text, or `number.to_int()`
        > let n = float("4");
        K0021 1:9 `float` is from another language
            write `text.parse_float()` for a text, or `number.to_float()`
        > let n = str(4);
        K0021 1:9 `str` is from another language
            write `x.to_string()`, or `${x}` in a text in backticks
        > let n = max([1, 2]);
        K0004 1:9 `max` takes 2 arguments, not 1
            write `list.max_by(|x| x)`
        > let list = [1, 2]; let n = max(list);
        K0004 1:28 `max` takes 2 arguments, not 1
            write `list.max_by(|x| x)`
        > let list = [1, 2]; let n = min(list);
        K0004 1:28 `min` takes 2 arguments, not 1
            write `list.min_by(|x| x)`
        > with open("a.txt") as f:
        >     x = f.read()
        K0021 1:1 `with` is from another language
            leave it out: `read_text("path")` opens a file and closes it
        > let x = [1, 2]; x.pop(0);
        K0004 1:19 `pop` takes 0 arguments, not 1
            write `list.remove(0)` for an item at a place, or `list.pop()` for the last one
        > logger.info("hello");
        K0021 1:1 `logger.info` is from another language
            write `log.info("..")`
        > logging.info("hello");
        K0021 1:1 `logging.info` is from another language
            write `log.info("..")`
        > let a = 1; if a === 1 { print(a); }
        K0021 1:17 `===` is from another language
            write `a == b`
        > let a = 1; if a !== 1 { print(a); }
        K0021 1:17 `!==` is from another language
            write `a != b`
        > let a = 1; let b = a <=> 2;
        K0021 1:22 `<=>` is from another language
            write `a < b`, or `list.sorted()` to sort
        > print(report.execution_history);
        K0002 1:7 unknown variable `report`
        > print(execution_history);
        K0021 1:7 `execution_history` is from another language
            write `optimizer().get_insights()`, or `report.completed_operations` for one flow
        > let s = session("a"); print(s.execution_history());
        K0031 1:17 `session`: argument 1 is a string, expected a branch
            it is called as `session(default: branch) -> session`
        K0021 1:31 `execution_history` is from another language
            write `optimizer().get_insights()`, or `report.completed_operations` for one flow
        > write_file("a.txt", "x");
        K0021 1:1 `write_file` is from another language
            write `write_text("path", text)`
        > let t = time.time();
        K0021 1:9 `time.time` is from another language
            write `now()` for the milliseconds since 1970, or `timestamp()`, then `.elapsed`
        > let t = time();
        K0021 1:9 `time` is from another language
            write `now()` for the milliseconds since 1970, or `timestamp()`, then `.elapsed`
        > console.log("hi");
        K0021 1:1 `console.log` is from another language
            write `print(..)`
        > let name = "a"; print(f"hi {name}");
        K0021 1:23 `f` before a text has no meaning in kaizen
            write a text in backticks: `` `Hello ${name}` ``
        > let a = None;
        K0021 1:9 `None` is from another language
            write `()`, which stands for no value
        > let a = null;
        K0021 1:9 `null` is from another language
            write `()`, which stands for no value
        > let a = True;
        K0021 1:9 `True` is from another language
            write `true`
        > let a = undefined;
        K0021 1:9 `undefined` is from another language
            write `()`, which stands for no value
        > let a = nil;
        K0021 1:9 `nil` is from another language
            write `()`, which stands for no value
        > let a = 1; if a == 1 { print(1); } elif a == 2 { print(2); }
        K0021 1:36 `elif` is from another language
            write `} else if condition { .. }`
        > def f(x):
        >     return x + 1
        K0021 1:1 `def` is from another language
            write `fn name(a, b) { .. }`
        > function f(x) { return x; }
        K0021 1:1 `function` is from another language
            write `fn name(a, b) { .. }`
        > let f = lambda x: x + 1;
        K0021 1:9 `lambda` is from another language
            write `|x| x + 1`
        > let x = true; if not x { print(1); }
        K0021 1:18 `not` is from another language
            write `!x`
        > let x = true; if x and x { print(1); }
        K0021 1:20 `and` is from another language
            write `a && b`
        > let x = true; if x or x { print(1); }
        K0021 1:20 `or` is from another language
            write `a || b`
        > let i = 0; i++;
        K0021 1:13 `++` is from another language
            write `i += 1`
        > let i = 0; ++i;
        K0021 1:12 `++` is from another language
            write `i += 1`
        > let a = true; let b = a ? 1 : 2;
        K0021 1:25 `? :` is from another language
            write `if condition { a } else { b }`, which is a value
        > let a = if true { 1 } else { 2 }; let b = a > 1 ? 1 : 2;
        K0021 1:49 `? :` is from another language
            write `if condition { a } else { b }`, which is a value
        > let l = [1]; let b = [x * 2 for x in l];
        K0021 1:22 a list comprehension is from another language
            write `list.map(|x| ..)`, or `list.filter(|x| ..).map(|x| ..)`
        > for i in range(10):
        >     print(i)
        K0021 1:1 `for ..:` is from another language
            write a block in braces: `if x { .. } else { .. }`, `for x in list { .. }`
        > for i in range(10) { print(i); }
        K0004 1:10 `range` takes 2 or 3 arguments, not 1
            write `0..10`, such as in `for i in 0..10 { .. }`
        > try:
        >     x()
        > except Exception as e:
        >     print(e)
        K0021 1:1 `try ..:` is from another language
            write a block in braces: `try { .. } catch (e) { .. }`
        > try { print(1); } except { print(2); }
        K0021 1:19 `except` is from another language
            write `try { .. } catch (e) { .. }`
        > raise ValueError("x")
        K0021 1:1 `raise` is from another language
            write `throw "message"`
        > raise "x";
        K0021 1:1 `raise` is from another language
            write `throw "message"`
        > import os
        K0021 1:1 `import os` names a module from another language
            leave it out; kaizen's functions need no import; for a file write `import "lib/file" as file;`, then `file::f(..)`
        > import os, json
        K0021 1:1 `import os` names a module from another language
            leave it out; kaizen's functions need no import; for a file write `import "lib/file" as file;`, then `file::f(..)`
        > from os import path
        K0021 1:1 `from .. import` is from another language
            leave it out; kaizen's functions need no import; for a file write `import "lib/file" as file;`, then `file::f(..)`
        > async def f():
        >     pass
        K0021 1:1 `async` is from another language
            leave it out: a call waits for its reply
        > async fn f() { 1 }
        K0021 1:1 `async` is from another language
            leave it out: a call waits for its reply
        > fn f() { 1 } let x = await f();
        K0021 1:22 `await` is from another language
            leave it out: a call waits for its reply
        > let a = [1, 2, 3]; print(a[1:3]);
        K0021 1:29 `[a:b]` is a slice from another language
            write `list.extract(1..3)`, or `text.sub_string(1..3)`
        > let a = [1, 2, 3]; print(a[:2]);
        K0021 1:28 `[a:b]` is a slice from another language
            write `list.extract(1..3)`, or `text.sub_string(1..3)`
        > let a = [1, 2, 3]; print(a[1:]);
        K0021 1:29 `[a:b]` is a slice from another language
            write `list.extract(1..3)`, or `text.sub_string(1..3)`
        > let a = [1, 2, 3]; print(a[::-1]);
        K0021 1:28 `[a:b:c]` is a slice from another language
            write `list.reversed()`, or `list.filter(|x, i| i % 2 == 0)` for a step
        > let a = 1; let b = 2; print(a, b);
        K0004 1:23 `print` takes 1 argument, not 2
            write one text in backticks: `` print(`${a} ${b}`) ``
        > let x = "a"; print("%s" % x);
        K0031 1:25 `%` does not work for a string and a string
            write a text in backticks: `` `Hello ${name}` ``
        > let x = "a"; let y = 2; print("%s and %s" % (x, y));
        K0021 1:43 `%` does not format texts
            write a text in backticks: `` `Hello ${name}` ``
        > print("a" * 3);
        K0031 1:11 `*` does not work for a string and an int
            write `let line = ""; line.pad(3, "-");` to repeat a character
        > let s = "-"; print(s * 3);
        K0031 1:22 `*` does not work for a string and an int
            write `let line = ""; line.pad(3, "-");` to repeat a character
        > print(3 * "a");
        K0031 1:9 `*` does not work for an int and a string
            write `let line = ""; line.pad(3, "-");` to repeat a character
        > print([1, 2].length);
        K0030 1:14 an array has no property `length`
            write `x.len`
        > let a = [1, 2]; print(a.length);
        K0030 1:25 an array has no property `length`
            write `x.len`
        > let a = [1, 2]; print(a.length());
        K0021 1:25 `length` is from another language
            write `x.len`
        > let a = [1, 2]; print(a.size);
        K0030 1:25 an array has no property `size`
            write `list.len`
        > let a = "text"; print(a.length);
        K0030 1:25 a string has no property `length`
            write `x.len`
        > let m = #{}; print(JSON.stringify(m));
        K0021 1:20 `JSON.stringify` is from another language
            write `to_json(value)`
        > let m = #{}; let o = JSON.parse("{}");
        K0021 1:22 `JSON.parse` is from another language
            write `json(text)`
        > let m = #{}; let o = json.loads("{}");
        K0021 1:22 `json.loads` is from another language
            write `json(text)`
        > let m = #{}; let o = json.dumps(m);
        K0021 1:22 `json.dumps` is from another language
            write `to_json(value)`
        > let m = #{}; print(Object.keys(m));
        K0021 1:20 `Object.keys` is from another language
            write `map.keys()`
        > let m = #{}; print(Object.entries(m));
        K0021 1:20 `Object.entries` is from another language
            write `for key in map.keys() { let value = map[key]; .. }`
        > let a = [1]; let b = a.map(x => x * 2);
        K0021 1:28 `=>` makes no function
            write `|x| x + 1`
        > let a = [1]; let b = a.map((x) => x * 2);
        K0021 1:28 `=>` makes no function
            write `|x| x + 1`
        > let a = [1]; let b = a.map((x) => { x * 2 });
        K0021 1:28 `=>` makes no function
            write `|x| x + 1`
        > let a = [1]; a.forEach(|x| print(x));
        K0021 1:16 `forEach` is from another language
            write `for item in list { .. }`
        > let a = [1]; a.forEach(x => print(x));
        K0021 1:24 `=>` makes no function
            write `|x| x + 1`
        > let m = #{ a: 1 }; for (k, v) in m.items() { print(k); }
        K0021 1:36 `items` is from another language
            write `for key in map.keys() { let value = map[key]; .. }`
        > let m = #{ a: 1 }; for k in m.items() { print(k); }
        K0021 1:31 `items` is from another language
            write `for key in map.keys() { let value = map[key]; .. }`
        > let m = #{ a: 1 }; for k, v in m.items() { print(k); }
        K0021 1:20 write the two variables of a `for` in brackets, the item first
            write `for (item, index) in list { .. }`; for a map `for key in map.keys() { let value = map[key]; .. }`
        > let a = [1]; a.append(2);
        K0021 1:16 `append` adds a whole list
            write `list.push(item)` to add one item; `append` adds a whole list
        > let s = " a "; print(s.strip());
        K0021 1:24 `strip` is from another language
            write `text.trimmed()`
        > print("{} is {}".format(1, 2));
        K0003 1:18 a string has no method `format`
            write a text in backticks, `` `${a} and ${b}` ``, and `format(x, 2)` for digits
        > let x = 1; if isinstance(x, int) { print(x); }
        K0021 1:15 `isinstance` is from another language
            write `type_of(x) == "string"`
        > let r = range(0, "a"); print(r);
        K0031 1:18 `range`: argument 2 is a string, expected an int
            it is called as `range(from: int, to: int) -> range`
        > let s = "a"; print(s.toUpperCase());
        K0021 1:22 `toUpperCase` is from another language
            write `text.upper()`
        > let l = ["a"]; print(", ".join(l));
        K0003 1:27 a string has no method `join`
            write `list.join(", ")`
        > let s = "abc"; print(s.startswith("a"));
        K0021 1:24 `startswith` is from another language
            write `text.starts_with(part)`
        > let s = "abc"; print(s.startsWith("a"));
        K0021 1:24 `startsWith` is from another language
            write `text.starts_with(part)`
        > let s = "abc"; print(s.includes("a"));
        K0021 1:24 `includes` is from another language
            write `list.contains(item)`, or `item in list`
        > let l = [3, 1]; let s = l.sorted_by(|a, b| a - b);
        K0003 1:27 an array has no method `sorted_by`
            did you mean `sort_by`?
        > let l = [3, 1]; let s = sorted(l, key=lambda x: -x);
        K0021 1:35 `key=` names an argument
            write `list.sorted(|a, b| a - b)`, or `list.max_by(|x| x)`
        > let l = [3, 1]; print(any(l));
        K0021 1:23 `any` is from another language
            write `list.some(|x| ..)`
        > let l = [3, 1]; let b = l.reduce((a, b) => a + b, 0);
        K0021 1:34 `=>` makes no function
            write `|x| x + 1`
        > let l = list(range(3));
        K0021 1:9 `list` is from another language
            write `[a, b]`, or `x.to_array()`
        K0004 1:14 `range` takes 2 or 3 arguments, not 1
            write `0..10`, such as in `for i in 0..10 { .. }`
        > let l = dict(a=1);
        K0021 1:14 `a=` names an argument
            write `#{ key: value }`
        > let l = set([1]);
        K0004 1:9 `set` takes 3 arguments, not 1
            write `list.distinct()`
        > let l = tuple([1]);
        K0021 1:9 `tuple` is from another language
            write `[a, b]`
        > pass
        K0021 1:1 `pass` is from another language
            leave the block empty: `{ }`
        > del x["a"];
        K0021 1:1 `del` is from another language
            write `map.remove("key")` or `list.remove(0)`
        > assert 1 == 1
        K0021 1:1 `assert` is a function
            write `assert(a == b)`
        > let x = 1; print(type(x));
        K0021 1:18 `type` is from another language
            write `type_of(x)`
        > let x = 1; print(typeof x);
        K0021 1:18 `typeof` is from another language
            write `type_of(x)`
        > new Date();
        K0021 1:1 `new` is from another language
            write `now()` for the milliseconds since 1970
        > let x = new Map();
        K0021 1:9 `new` is from another language
            write `#{}`
        > const f = (a) => a + 1;
        K0021 1:11 `=>` makes no function
            write `|x| x + 1`
        > var x = 5;
        K0021 1:1 `var` is from another language
            write `let x = ..`
        > let x: int = 5;
        K0021 1:5 a variable is declared without a type
            leave the type out: `let x = 5;`
        > fn f(a: int) -> int { a }
        K0021 1:6 a parameter is declared without a type
            leave the types out: `fn name(a, b) { .. }`
        > while True:
        >     print(1)
        K0021 1:1 `while ..:` is from another language
            write a block in braces: `if x { .. } else { .. }`, `for x in list { .. }`
        > let x = 1; match x { 1 => print(1) }
        K0021 1:12 `match` is from another language
            write `switch x { 1 => .., _ => .. }`
        > throw new Error("x");
        K0021 1:7 `new` is from another language
            write `throw "message"`
        > let { a, b } = #{ a: 1, b: 2 };
        K0021 1:1 `let` declares one variable
            write `let a = map.a; let b = map.b;`: one statement for each variable
        > let [a, b] = [1, 2];
        K0021 1:1 `let` declares one variable
            write `let a = list[0]; let b = list[1];`: one statement for each variable
        > let a, b = 1, 2;
        K0021 1:1 `let` declares one variable
            write `let a = list[0]; let b = list[1];`: one statement for each variable
        > let a = [...[1], 2];
        K0021 1:10 `...` is from another language
            write `list + other`, or `map + other`
        > let m = { "a": 1 };
        K0021 1:9 a map begins with `#{`
            write `#{ key: value }`
        > let m = { a: 1 };
        K0021 1:9 a map begins with `#{`
            write `#{ key: value }`
        > let m = {};
        K0021 1:9 `{}` is an empty block, whose value is `()`
            write `#{}` for an empty map
        > let s = 'hello';
        K0021 1:9 single quotes hold one character
            write a text in double quotes: `".."`
        > let s = `hi ${name}`;
        K0002 1:15 unknown variable `name`
            `name` is a function; call it: `name(..)`
        > let s = """hello""";
        K0021 1:9 three quotes begin a text that starts with a quote
            write a text of several lines in backticks
        > # a comment
        > let x = 1;
        K0021 1:1 `#` begins no comment
            write `// comment`
        > let x = 7 // 2
        > let y = 1;
        K0021 1:11 `//` begins a comment
            write `a / b`, which drops the fraction where both are whole numbers
        > let x = 1; if x == 1: print(x)
        K0021 1:12 `if ..:` is from another language
            write a block in braces: `if x { .. } else { .. }`, `for x in list { .. }`
        > let a = 1; let b = 2 if a else 3;
        K0021 1:22 a condition after its value is from another language
            write `if condition { a } else { b }`, which is a value
        > let a = (); let b = a || 1;
        K0001 1:26 expecting a boolean expression, not a number
            write `a == ()`, or another condition; `a ?? b` gives `b` where `a` is `()`
        > let a = #{}; let b = a["x"] or 1;
        K0021 1:29 `or` is from another language
            write `a || b`
        > print("a" + str(1));
        K0021 1:13 `str` is from another language
            write `x.to_string()`, or `${x}` in a text in backticks
        > input("name? ");
        K0021 1:1 `input` is from another language
            write `param("name", default)`, and set it with `kaizen run -p name=value`
        > let x = os.environ["A"];
        K0021 1:9 `os.environ` is from another language
            write `env("NAME")`
        > let x = os.getenv("A");
        K0021 1:9 `os.getenv` is from another language
            write `env("NAME")`
        > let x = process.env.A;
        K0021 1:9 `process.env` is from another language
            write `env("NAME")`
        > time.sleep(1);
        K0021 1:1 `time.sleep` is from another language
            write `sleep(1000)`; the time is in milliseconds
        > setTimeout(|| print(1), 10);
        K0021 1:1 `setTimeout` is from another language
            write `sleep(1000)`; the time is in milliseconds
        > let x = random.random();
        K0021 1:9 `random.random` is from another language
            write `random()` for a number from 0 up to 1
        > let x = Math.random();
        K0021 1:9 `Math.random` is from another language
            write `random()` for a number from 0 up to 1
        > let x = Math.max(1, 2);
        K0021 1:9 `Math.max` is from another language
            write `max(a, b)`
        > let x = Math.round(1.5);
        K0021 1:9 `Math.round` is from another language
            write `round(x, 0)`
        > let x = math.sqrt(2.0);
        K0021 1:9 `math.sqrt` is from another language
            write `x.sqrt()`
        > let x = re.match("a", "b");
        K0021 1:9 `re.match` is from another language
            write `text.starts_with(part)`; scripts have no regular expressions
        > let f = open("a.txt");
        K0021 1:9 `open` is from another language
            write `read_text("path")`, or `read_lines("path")`
        > let x = requests.get("http://a");
        K0021 1:9 `requests.get` is from another language
            write `http_get("https://..")`
        > fetch("http://a");
        K0021 1:1 `fetch` is from another language
            write `http_get("https://..")`
        > let x = parseInt("4");
        K0021 1:9 `parseInt` is from another language
            write `text.parse_int()`
        > let x = Number("4");
        K0021 1:9 `Number` is from another language
            write `text.parse_float()`, or `text.parse_int()`
        > let x = String(4);
        K0021 1:9 `String` is from another language
            write `x.to_string()`, or `${x}` in a text in backticks
        > let x = Promise.all([1]);
        K0021 1:9 `Promise` is from another language
            write `gather([|| .., || ..])` to run functions concurrently
        > let x = asyncio.gather(1);
        K0021 1:9 `asyncio` is from another language
            write `gather([|| .., || ..])` to run functions concurrently
        > return 1 if true else 2
        K0021 1:10 a condition after its value is from another language
            write `if condition { a } else { b }`, which is a value
        > let x = [1,2]; x.push(3).push(4);
        K0016 1:18 `push` works in place and returns nothing, but its result is used
            write `list + [item]`, which returns the result; or call `push` as a statement on a variable, then use the variable
        > let x = #{a: 1}; for k of x { print(k); }
        K0021 1:18 this `for` is from another language
            write `for x in list { .. }`, or `for i in 0..10 { .. }`
        > for (let i = 0; i < 10; i++) { print(i); }
        K0021 1:1 this `for` is from another language
            write `for x in list { .. }`, or `for i in 0..10 { .. }`
        > for (const x of [1]) { print(x); }
        K0021 1:1 this `for` is from another language
            write `for x in list { .. }`, or `for i in 0..10 { .. }`
        > for x in [1]: print(x)
        K0021 1:1 `for ..:` is from another language
            write a block in braces: `if x { .. } else { .. }`, `for x in list { .. }`
        > let d = #{a: 1}; print(d.keys()); print(d.values()); print(d.has("a")); print(d.hasOwnProperty("a"));
        K0021 1:62 `has` is from another language
            write `"key" in map`
        K0021 1:81 `hasOwnProperty` is from another language
            write `"key" in map`
        > let l = [1]; print(l.indexOf(1));
        K0021 1:22 `indexOf` is from another language
            write `list.index_of(item)`
        > let l = [1]; print(l.index(1));
        K0003 1:22 an array has no method `index`
            did you mean `index_of`?
        > let l = [1]; l.extend([2]);
        K0021 1:16 `extend` is from another language
            write `list.append(other)`
        > let l = [1]; print(l.count(1));
        K0003 1:22 an array has no method `count`
            write `list.filter(|x| x == item).len`
        > let l = [1]; print(l.slice(0, 1));
        K0021 1:22 `slice` is from another language
            write `list.extract(0..2)`, or `text.sub_string(0..2)`
        > let l = [1]; print(l.concat([2]));
        K0021 1:22 `concat` is from another language
            write `a + b`
        > let l = [1]; print(l.filter(x => x > 1));
        K0021 1:29 `=>` makes no function
            write `|x| x + 1`
        > let s = "a"; print(s.replace("a", "b"));
        K0016 1:22 `replace` works in place and returns nothing, but its result is used
            write `text.replaced(part, other)`, which returns the result; or write `s.replace(..);` as a statement, then use `s`
        > let s = "a"; print(s.trim());
        K0016 1:22 `trim` works in place and returns nothing, but its result is used
            write `text.trimmed()`, which returns the result; or write `s.trim(..);` as a statement, then use `s`
        > let s = "a"; print(s.substring(0, 1));
        K0021 1:22 `substring` is from another language
            write `text.sub_string(start, length)`
        > let s = "a"; print(s.charAt(0));
        K0021 1:22 `charAt` is from another language
            write `text[0]`
        > let s = "a"; print(s.padStart(3));
        K0021 1:22 `padStart` is from another language
            write `` `   ${text}` ``, with as many spaces as you need
        > let s = "a"; print(s.zfill(3));
        K0021 1:22 `zfill` is from another language
            write `` `0${n}` ``, with as many zeros as you need
        > let s = "a"; print(s.isdigit());
        K0021 1:22 `isdigit` is from another language
            write `text.parse_int()` inside of `try { .. } catch { .. }`
        > let x = (1).toFixed(2);
        K0021 1:13 `toFixed` is from another language
            write `format(x, 2)`
        > let x = 3.14159; print(x.toFixed(2));
        K0021 1:26 `toFixed` is from another language
            write `format(x, 2)`
        > let x = map(|a| a, [1]);
        K0031 1:13 `map`: argument 1 is a function, expected a map or an array; argument 2 is an array, expected a function or a string
            write `list.map(|x| ..)`
        > let x = filter(|a| a, [1]);
        K0031 1:16 `filter`: argument 1 is a function, expected a map or an array; argument 2 is an array, expected a function or a string
            write `list.filter(|x| ..)`
        > global x
        K0021 1:1 `global` is from another language
            pass it as a parameter: a function sees its parameters and constants (`const` and `global::NAME`)
        > yield 1
        K0021 1:1 `yield` is from another language
            collect the values in a list, and return it
        > @decorator
        > fn f() { 1 }
        K0021 1:1 scripts have no decorators
            leave the line out, and write a function that calls this one
        > class A { }
        K0021 1:1 scripts have no classes
            write functions, and keep values together in a map: `#{ a: 1 }`
        > class A:
        >     pass
        K0021 1:1 scripts have no classes
            write functions, and keep values together in a map: `#{ a: 1 }`
        > print("hi"
        K0001 1:11 expecting ')' to close the arguments list of this function call 'print'
        > print "hi"
        K0021 1:1 `print` is a function
            write `print(..)`
        > let f = x => x + 1;
        K0021 1:9 `=>` makes no function
            write `|x| x + 1`
        > let f = fn(x) { x + 1 };
        K0021 1:9 a function without a name is written between bars
            write `|x| x + 1`
        > let f = function(x) { return x + 1; };
        K0021 1:9 a function without a name is written between bars
            write `|x| x + 1`
        > let f = |x| x + 1; print(f(1));
        K0003 1:26 unknown function `f`
            `f` is a variable; call the function in it: `f.call(..)`
        > print(1) if true;
        K0021 1:10 a condition after its value is from another language
            write `if condition { a } else { b }`, which is a value
        > let x = 1 <> 2;
        K0021 1:11 `<>` is from another language
            write `a != b`
        > let x = 1 not in [1];
        K0021 1:11 `not in` is from another language
            write `!(item in list)`
        > let x = 5 is 5;
        K0021 1:11 `is` is from another language
            write `a == b`
        > let x = 5 is not None;
        K0021 1:11 `is not` is from another language
            write `x != ()`
        > let x = "a" == None;
        K0021 1:16 `None` is from another language
            write `()`, which stands for no value
        > let x = "5" - 2;
        K0031 1:13 `-` does not work for a string and an int
            write `text.parse_int()` or `text.parse_float()`
        > ReAct
        K0021 1:1 `ReAct` is from another language
            write `branch.react("..", #{ tools: [..] })`
        > let r = branch().ReAct("x");
        K0021 1:18 `ReAct` is from another language
            write `branch.react("..", #{ tools: [..] })`
        > let b = Branch();
        K0021 1:9 `Branch` is from another language
            write `branch()`, or `branch(#{ system: ".." })`
        > sys.exit(1);
        K0021 1:1 `sys.exit` is from another language
            write `exit()`, or `throw "message"` to end with a failure
        > process.exit(1);
        K0021 1:1 `process.exit` is from another language
            write `exit()`, or `throw "message"` to end with a failure
        > main();
        K0021 1:1 `main` is from another language
            write the statements at the top level, or define it: `fn main() { .. }`
        > if __name__ == "__main__":
        >     main()
        K0021 1:1 `if ..:` is from another language
            write `if is_main { .. }`
        > let l = [1]; l.push(2, 3);
        K0004 1:16 `push` takes 1 argument, not 2
            write `list.append([a, b])` to add several items
        > let l = [1]; l.sort(|a, b| a - b); l.sort(key=1);
        K0021 1:43 `key=` names an argument
            write `list.sorted(|a, b| a - b)`, or `list.max_by(|x| x)`
        > let l = [1]; for x in l.iter() { print(x); }
        K0021 1:25 `iter` is from another language
            leave it out: write `for x in list { .. }`
        > let l = [1]; l.map(|x| x).collect();
        K0021 1:27 `collect` is from another language
            leave it out: `map` and `filter` return lists
        > let l = vec![1];
        K0021 1:9 `vec!` is from another language
            write `[a, b]`
        > println!("x");
        K0021 1:1 `println` is from another language
            write `print(..)`
        > let mut x = 1;
        K0021 1:5 `mut` is from another language
            leave it out: every variable can change
        > let x = Some(1);
        K0021 1:9 `Some` is from another language
            write the value alone, and `()` for no value
        > let x = f()?;
        K0021 1:12 `?` is from another language
            leave it out: a failure is thrown automatically, and caught with `try { .. } catch (e) { .. }`
        > let x = &y;
        K0021 1:9 `&` is from another language
            leave it out: values are copied
        > let x = a::b();
        K0001 1:9 undefined module: a
            import it first: `import "lib/a" as a;`
        > unwrap();
        K0021 1:1 `unwrap` is from another language
            leave it out: a failure is thrown automatically
        > let x = "a".unwrap();
        K0021 1:13 `unwrap` is from another language
            leave it out: a failure is thrown automatically
        > let x = 2; if (x == 1) print(x);
        K0021 1:12 `if` needs a block in braces
            write `if condition { .. }`, `while condition { .. }`
        > let x = 1; switch (x) { case 1: print(1); }
        K0021 1:25 `case` is from another language
            write `switch x { 1 => .., _ => .. }`
        > let a = 1; let b = 2; a, b = b, a;
        K0021 1:23 an assignment sets one variable
            write `let old = a; a = b; b = old;`
        > let a = #{}; let x = a->b;
        K0021 1:23 `->` is from another language
            write `a.b`
        > let items = [1]; for (i, x) in enumerate(items) { print(x); }
        K0031 1:23 `i` is the item here, and the second variable is its number
            write `for (x, i) in ..`: the number comes second
        K0021 1:32 `enumerate` is from another language
            write `for (item, index) in list { .. }`
        > let items = 1; items = x;
        K0002 1:24 unknown variable `x`
        > total += 1;
        K0002 1:1 unknown variable `total`
            declare it first: `let total = ..;`
        > os.path.join("a", "b");
        K0021 1:1 `os.path.join` is from another language
            write `` `${folder}/${name}` ``
        > let x = json.dumps(None);
        K0021 1:9 `json.dumps` is from another language
            write `to_json(value)`
        K0021 1:20 `None` is from another language
            write `()`, which stands for no value
        > console.log(`a ${1}`, 2);
        K0021 1:1 `console.log` is from another language
            write `print(..)`
        > Object.keys(m).length;
        K0021 1:1 `Object.keys` is from another language
            write `map.keys()`
        K0002 1:13 unknown variable `m`
        > let f = (a, b) => { a + b };
        K0021 1:9 `=>` makes no function
            write `|x| x + 1`
        > let m = { a: 1, b: [1, 2] };
        K0021 1:9 a map begins with `#{`
            write `#{ key: value }`
        > let l = []; l.append({ "a": 1 });
        K0021 1:22 a map begins with `#{`
            write `#{ key: value }`
        > while (true) print(1);
        K0021 1:1 `while` needs a block in braces
            write `if condition { .. }`, `while condition { .. }`
        > let a = [1]; print(a[::2]);
        K0021 1:22 `[a:b:c]` is a slice from another language
            write `list.reversed()`, or `list.filter(|x, i| i % 2 == 0)` for a step
        > let s = "a"; print(s.length());
        K0021 1:22 `length` is from another language
            write `x.len`
        > print("total: %d" % 5);
        K0031 1:19 `%` does not work for a string and an int
            write a text in backticks: `` `Hello ${name}` ``
        > let x = 1; print("x is " + x, x);
        K0004 1:12 `print` takes 1 argument, not 2
            write one text in backticks: `` print(`${a} ${b}`) ``
        > let a = [3]; print(max(a, key=lambda x: -x));
        K0021 1:27 `key=` names an argument
            write `list.max_by(|x| ..)`
        > let x: float = 1.0;
        K0021 1:5 a variable is declared without a type
            leave the type out: `let x = 5;`
        > fn f(a: int, b: str) { a }
        K0021 1:6 a parameter is declared without a type
            leave the types out: `fn name(a, b) { .. }`
        > let x = a ?? b;
        K0002 1:9 unknown variable `a`
        K0002 1:14 unknown variable `b`
        > const [a, b] = [1, 2];
        K0021 1:1 `const` declares one variable
            write `let a = list[0]; let b = list[1];`: one statement for each variable
        > for (var i = 0; i < 3; i += 1) { print(i); }
        K0021 1:1 this `for` is from another language
            write `for x in list { .. }`, or `for i in 0..10 { .. }`
        > for item of [1] { print(item); }
        K0021 1:1 this `for` is from another language
            write `for x in list { .. }`, or `for i in 0..10 { .. }`
        > async function f() { await g(); }
        K0021 1:1 `async` is from another language
            leave it out: a call waits for its reply
        K0021 1:22 `await` is from another language
            leave it out: a call waits for its reply
        > let f = async || 1;
        K0001 1:9 'async' is a reserved keyword
            `async` is a reserved word; choose another name
        > print(max());
        K0004 1:7 `max` takes 2 arguments, not 0
            call it as `max(char1: char, char2: char) -> char` or `max(string1: string, string2: string) -> string` or `max(x: float, y: float) -> float` or `max(x: float, y: int) -> float`
        > let t = true; print(t * 2);
        K0031 1:23 `*` does not work for a bool and an int
        > print([1] * 3);
        K0031 1:11 `*` does not work for an array and an int
        > let s = "abc"; print(s[0:2]);
        K0021 1:25 `[a:b]` is a slice from another language
            write `list.extract(1..3)`, or `text.sub_string(1..3)`
        > import numpy as np
        K0021 1:1 `import numpy` names a module from another language
            leave it out; kaizen's functions need no import; for a file write `import "lib/file" as file;`, then `file::f(..)`
        > from lionagi import Branch, Session
        K0021 1:1 `from .. import` is from another language
            leave it out; kaizen's functions need no import; for a file write `import "lib/file" as file;`, then `file::f(..)`
        > let b = Branch(system="x");
        K0021 1:16 `system=` names an argument
            write options as a map at the end: `f(a, #{ key: value })`
        > let s = Session(); s.new_branch();
        K0021 1:9 `Session` is from another language
            write `session()`
        K0021 1:22 `new_branch` is from another language
            write `let b = branch();`, then `session.include_branch(b)`
        > print(f(1));
        K0003 1:7 unknown function `f`
        > dbg!(1);
        K0003 1:1 unknown function `dbg`
        > panic!("x");
        K0021 1:1 `panic` is from another language
            write `throw "message"`
        > let m = Map::new();
        K0021 1:9 `Map::new` is from another language
            write `#{ key: value }`
        > let mut n = 1; n += 1;
        K0021 1:5 `mut` is from another language
            leave it out: every variable can change
        > let t = typeof 1 === "number";
        K0021 1:9 `typeof` is from another language
            write `type_of(x)`
        K0021 1:18 `===` is from another language
            write `a == b`
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn what_an_expansion_gives_is_looked_at_before_anything_is_paid() {
    let head = "let g = builder(\"g\");\nlet list = g.add_operation(\"chat\", #{ instruction: \"List.\" });\n";
    let texts = [
        "g.expand(list, |x| #{ instrucion: x });",
        "g.expand(list, |x| #{ instruction: x, name: \"a\" });",
        "g.expand(list, |x| #{ instruction: x, temprature: 1 }, #{ name: \"each\" });",
        "g.expand(list, |x, i| if i == 0 { #{ instruction: x } } else { #{ prompt: x } });",
        "g.expand(list, |x| { let more = #{ anything: 1 }; #{ instruction: x, retries: \"2\" } });",
        "g.expand(list, |x| { return #{ instruction: x, timeout: 5, depend_on: list }; });",
        "expand(g, list, |x| #{ operation: \"chat\", instruction: `${x}`, max_tokens: 9 });",
        "let low = 0.1; g.expand(list, |x| #{ instruction: x, temperature: low, foo: 1 });",
    ];
    let texts: Vec<String> = texts.iter().map(|text| format!("{head}{text}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let said = said_of(&texts).replace("> let g = builder(\"g\");\n", "");
    let said: String = said
        .lines()
        .filter(|line| !line.starts_with("> let list"))
        .flat_map(|line| [line, "\n"])
        .collect();
    expect_test::expect![[r#"
        > g.expand(list, |x| #{ instrucion: x });
        K0005 3:23 an operation of `expand` has no option `instrucion`
            did you mean `instruction`?
        > g.expand(list, |x| #{ instruction: x, name: "a" });
        K0005 3:39 the function of `expand` sets a `name`, but its operations are numbered
            name the expansion: `expand(node, function, #{ name: "each" })`
        > g.expand(list, |x| #{ instruction: x, temprature: 1 }, #{ name: "each" });
        K0005 3:39 an operation of `expand` has no option `temprature`
            did you mean `temperature`?
        > g.expand(list, |x, i| if i == 0 { #{ instruction: x } } else { #{ prompt: x } });
        K0005 3:67 an operation of `expand` has no option `prompt`
            write `instruction`
        > g.expand(list, |x| { let more = #{ anything: 1 }; #{ instruction: x, retries: "2" } });
        K0031 3:79 option `retries` of `add_operation`: must be a whole number of at least 0, not a string
        > g.expand(list, |x| { return #{ instruction: x, timeout: 5, depend_on: list }; });
        K0005 3:48 an operation `communicate` does not accept `timeout`
            kinds that take it: `ask`
        K0005 3:60 an operation of `expand` has no option `depend_on`
            did you mean `depends_on`?
        > expand(g, list, |x| #{ operation: "chat", instruction: `${x}`, max_tokens: 9 });
        K0023 1:5 no flow runs the operations of `g`
            write `let report = session().flow(g);`
        > let low = 0.1; g.expand(list, |x| #{ instruction: x, temperature: low, foo: 1 });
        K0005 3:72 an operation of `expand` has no option `foo`
            valid options: name, branch, instruction, images, context, schema, depends_on, inherit_context, gate, when, on_failure, retries, timeout_ms, check, max_repairs, keep, text, tools, max_steps, max_tool_calls, tool_choice, protocol, context_max, trace, budget, tool, args, question, options, default, timeout, temperature, top_p, max_tokens, stop, seed, stream, header_timeout_ms, idle_timeout_ms, attempts_max, on_length, extra, operation
    "#]].assert_eq(&said);
}

#[test]
fn a_division_is_shown_as_it_is_to_be_written() {
    let texts = [
        "let items = [1, 2]; print(items.len() / 4);",
        "let items = [1, 2]; let n = 3; print(items.len / n);",
        "print((1 + 2) / 2);",
        "print(len([1]) / 2);",
        "print(3 / 2);",
    ];
    expect_test::expect![[r#"
        > let items = [1, 2]; print(items.len() / 4);
        K0017 1:39 this divides whole numbers, so the fraction is dropped
            write `items.len().to_float() / 4` for a fraction, or `(items.len() / 4).to_int()` if a whole number is meant
        > let items = [1, 2]; let n = 3; print(items.len / n);
        K0017 1:48 this divides whole numbers, so the fraction is dropped
            write `items.len.to_float() / n` for a fraction, or `(items.len / n).to_int()` if a whole number is meant
        > print((1 + 2) / 2);
        K0017 1:15 this divides whole numbers, so the fraction is dropped
            write `(..).to_float() / 2` for a fraction, or `((..) / 2).to_int()` if a whole number is meant
        > print(len([1]) / 2);
        K0017 1:16 this divides whole numbers, so the fraction is dropped
            write `len([1]).to_float() / 2` for a fraction, or `(len([1]) / 2).to_int()` if a whole number is meant
        > print(3 / 2);
        K0017 1:9 this divides whole numbers, so the fraction is dropped
            write `3.0 / 2` for a fraction, or `(3 / 2).to_int()` if a whole number is meant
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn declarations_conversions_and_numbers_of_other_languages_are_found() {
    let texts = [
        "let x = .5;",
        "let y = 3 * .5 + [1, .25][1];",
        "let #{a, b} = #{ a: 1, b: 2 };",
        "let {a} = #{ a: 1 };",
        "let [a, b] = [1, 2];",
        "let f = |x = 1| x;",
        "let f = |a, x=1| x;",
        "fn f(a, b=2) { a }",
        "fn f(a: string) { a }",
        "def f(a=1):\n    return a",
        "x: int = 1;",
        "let x = ~5;",
        "foreach (x in [1]) { print(x); }",
        "let x = 1; print(x instanceof y);",
        "let s = \"a\nb\";",
        "struct A { }",
        "enum A { }",
        "interface A { }",
        "impl A { }",
        "use foo::bar;",
        "public fn f() { 1 }",
        "let public = 1;",
        "static x = 1;",
        "let static = 1;",
        "let x = 10 as f64;",
        "import \"x\" as string; let a b",
        "for i = 1, 3 { print(i); }",
    ];
    expect_test::expect![[r#"
        > let x = .5;
        K0021 1:9 a number begins with a digit
            write `0.5`
        > let y = 3 * .5 + [1, .25][1];
        K0021 1:13 a number begins with a digit
            write `0.5`
        K0021 1:22 a number begins with a digit
            write `0.5`
        > let #{a, b} = #{ a: 1, b: 2 };
        K0021 1:1 `let` declares one variable
            write `let a = map.a; let b = map.b;`: one statement for each variable
        > let {a} = #{ a: 1 };
        K0021 1:1 `let` declares one variable
            write `let a = map.a; let b = map.b;`: one statement for each variable
        > let [a, b] = [1, 2];
        K0021 1:1 `let` declares one variable
            write `let a = list[0]; let b = list[1];`: one statement for each variable
        > let f = |x = 1| x;
        K0021 1:10 a parameter has no default
            leave it out, and give every argument in each call
        > let f = |a, x=1| x;
        K0021 1:13 a parameter has no default
            leave it out, and give every argument in each call
        > fn f(a, b=2) { a }
        K0021 1:9 a parameter has no default
            define the function a second time, without the parameter: `fn f(a) { .. } fn f() { f(1) }`
        > fn f(a: string) { a }
        K0021 1:6 a parameter is declared without a type
            leave the types out: `fn name(a, b) { .. }`
        > def f(a=1):
        >     return a
        K0021 1:1 `def` is from another language
            write `fn name(a, b) { .. }`
        K0021 1:7 a parameter has no default
            define the function a second time, without the parameter: `fn f(a) { .. } fn f() { f(1) }`
        > x: int = 1;
        K0021 1:1 a variable is declared by `let`, without a type
            write `let x = 5;`
        > let x = ~5;
        K0001 1:9 '~' is a reserved symbol
            scripts have no operator `~`
        > foreach (x in [1]) { print(x); }
        K0021 1:1 `foreach` is from another language
            write `for x in list { .. }`, or `for i in 0..10 { .. }`
        K0002 1:10 unknown variable `x`
        > let x = 1; print(x instanceof y);
        K0021 1:20 `instanceof` is from another language
            write `type_of(x) == "string"`
        > let s = "a
        > b";
        K0001 1:9 open string is not terminated
            end the text with `"` on its line, or write a text of several lines in backticks
        > struct A { }
        K0021 1:1 scripts have no types of their own
            write a map: `#{ a: 1 }`; values need no types
        > enum A { }
        K0021 1:1 scripts have no types of their own
            write a map: `#{ a: 1 }`; values need no types
        > interface A { }
        K0021 1:1 scripts have no types of their own
            write a map: `#{ a: 1 }`; values need no types
        > impl A { }
        K0021 1:1 scripts have no types of their own
            write functions: `fn name(a, b) { .. }`
        > use foo::bar;
        K0021 1:1 `use` is from another language
            write `import "lib/file" as file;` for a file; kaizen's functions need no import
        > public fn f() { 1 }
        K0021 1:1 `public` is from another language
            leave it out; `private fn` hides a function from other files
        > let public = 1;
        K0001 1:5 'public' is a reserved keyword
            `public` is a reserved word; choose another name
        > static x = 1;
        K0021 1:1 `static` is from another language
            write `const NAME = ..`
        > let static = 1;
        K0001 1:5 'static' is a reserved keyword
            `static` is a reserved word; choose another name
        > let x = 10 as f64;
        K0021 1:12 `as` is from another language
            write `x.to_float()`, `x.to_int()` or `x.to_string()`
        > import "x" as string; let a b
        K0001 1:29 expecting ';' to terminate this statement
            end the statement before this with `;`
        > for i = 1, 3 { print(i); }
        K0021 1:1 this `for` is from another language
            write `for x in list { .. }`, or `for i in 0..10 { .. }`
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn help_for_forms_of_other_languages_leads_to_what_works() {
    let texts = [
        "print(\"a\", end=\"\");",
        "let d = #{a: 1}; print(max(d, key=d.get));",
        "let l = [\"1\"]; print(l.map(parse_int));",
        "import { f } from \"./lib\";",
        "fn f(...args) { 1 }",
        "print(os.path.exists(\"a\"));",
        "exists(\"x\");",
        "let s = \"a\"; print(s.replaceAll(\"a\", \"b\"));",
        "let x = 5; x.foo();",
        "x := 5;",
        "try { print(1); } except (E) { print(2); }",
        "try { print(1); } catch (Exception as e) { print(2); }",
        "try:\n  1\nexcept ValueError as e:\n  2",
        "throw ValueError(\"a\");",
        "import \"lib/a\" as lib; print(lib.helper(1));",
        "let t = (1, 2);",
        "return (1, 2);",
        "let x = try { 1 } catch { 2 };",
        "let x = 5; if 1 < x < 10 { print(x); }",
        "fn f(*args) { 1 }",
        "fn f(**kw) { 1 }",
        "let l = [1]; print(max(*l));",
        "let k = \"a\"; let m = #{[k]: 1};",
        "let m = #{1: \"a\"};",
        "let x = #{y: 1}; delete x.y;",
        "const fs = require(\"fs\");",
        "let d = defaultdict(list);",
        "let s = \"a\"; print(s.upper);",
        "let d = #{a: 1}; for k in d.keys { print(k); }",
        "let m = imodel(\"a/b\", #{ temperature: 0.1 });",
        "let l = [1]; print(l.reduce(|a, b| a + b));",
        "import \"lionagi\" as x;",
        "from collections import defaultdict",
        "let c = Counter([1]);",
        "fn f(x) { x } print(f(1, key=2));",
        "const { f } = require(\"./lib\");",
        "import f from \"./lib\";",
        "import * as lib from \"./lib\";",
        "let f = require(\"lib\");",
        "from .lib import f",
        "let l = [1, 2]; fn f(a, b) { a } f(...l);",
        "let l = [1, 2]; fn f(a, b) { a } f(*l);",
        "let l = [1, 2]; let m = [*l, 3];",
        "let d = #{a: 1}; let m = #{**d, b: 2};",
        "let d = #{a: 1}; let m = #{...d, b: 2};",
        "let a = 1; let m = #{a, b: 2};",
        "let m = #{a = 1};",
        "let m = #{\"a\" => 1};",
        "if (n := 5) > 3 { print(n); }",
        "let x <- 5;",
        "let l = Vec::<int>::new();",
        "let x = 5; if 0 <= x <= 10 { print(x); }",
        "try { 1 } catch Exception as e { 2 }",
        "try { 1 } catch e { 2 }",
        "try { 1 } catch (e: Error) { 2 }",
        "try { 1 } catch (Error e) { 2 }",
        "try { 1 } rescue { 2 }",
        "throw ValueError;",
        "raise KeyError(\"x\");",
        "(a, b) = (1, 2);",
        "for (a, b) in [(1, 2)] { print(a); }",
        "let x = [(1, \"a\"), (2, \"b\")];",
        "let s = \"a\"; print(s.trimmed);",
        "let l = [1]; print(l.sorted);",
        "let l = [1]; print(l.length);",
        "let b = branch(); print(b.fork);",
        "print(now);",
        "let x = now;",
        "let l = [1,2]; print(l.reduce(max));",
        "let l = [\"a\"]; print(l.map(str));",
        "let l = [\"a\"]; print(l.map(len));",
        "let l = [\"a\"]; print(l.map(int));",
        "export default f;",
        "module.exports = 1;",
        "unset(x);",
        "let x = #{}; unset x.y;",
        "let x = print;",
        "let s = \"abc\"; print(s.replace_all(\"a\", \"b\"));",
        "let x = 5; switch x { case 1 => 2, default => 3 }",
        "let x = 5; switch x { 1 => 2, default => 3 }",
        "print(f\"{x}\");",
        "unless x { 1 }",
        "if !x then 1 else 2",
        "let l = [1]; for x in l do print(x) end",
        "echo \"hi\";",
        "let x = ...;",
        "let s = $\"hi {x}\";",
        "print(\"hi\" . \"there\");",
        "let s = \"a\" ++ \"b\";",
        "let x = 5L;",
        "let x = 5.0f;",
        "let x = 10n;",
        "let x = 50%;",
        "let l = [1]; l.map(print);",
        "$x = 5;",
        "let x = 10n + 2.0f;",
        "let d = #{a: 1}; print(hasattr(d, \"a\")); let e = d.copy();",
        "let x = sorted([1], reverse=True);",
        "let x = open(\"a\", encoding=\"utf8\");",
        "let x = \"a,b\".split(\",\", maxsplit=1);",
        "let m = json.dumps(#{a: 1}, indent=2);",
        "let a = #{b: 1}; let c = a?.b?.c; let f = |x| x < 5; if f.call(2) && 1 < 2 { }",
    ];
    expect_test::expect![[r#"
        > print("a", end="");
        K0021 1:12 `end=` names an argument
            write the parts as one text: each `print` ends its line
        > let d = #{a: 1}; print(max(d, key=d.get));
        K0021 1:31 `key=` names an argument
            write `list.max_by(|x| ..)`
        > let l = ["1"]; print(l.map(parse_int));
        K0002 1:28 unknown variable `parse_int`
            `parse_int` is a function; pass it on as `|x| parse_int(x)`
        > import { f } from "./lib";
        K0021 1:1 `import .. from` is from another language
            write `import "lib/file" as file;`, then `file::f(..)`
        > fn f(...args) { 1 }
        K0021 1:6 a function takes a fixed number of arguments
            take a list or a map: `fn f(list) { .. }`, and call `f([a, b])`
        > print(os.path.exists("a"));
        K0021 1:7 `os.path.exists` is from another language
            write `attempt(|| read_text("path")).ok`
        > exists("x");
        K0021 1:1 `exists` is from another language
            write `attempt(|| read_text("path")).ok` for a file, or `"key" in map`
        > let s = "a"; print(s.replaceAll("a", "b"));
        K0021 1:22 `replaceAll` is from another language
            write `text.replaced(part, other)`, which replaces every occurrence
        > let x = 5; x.foo();
        K0003 1:14 an int has no method `foo`
            it has: abs, bits, get_bit, get_bits, is_even, is_odd, is_zero, max, min, round, set_bit, set_bits, sign, to_binary, to_hex, to_octal
        > x := 5;
        K0021 1:3 `:=` is from another language
            write `let x = 5;` once, then `x = 6;`
        > try { print(1); } except (E) { print(2); }
        K0021 1:19 `except` is from another language
            write `try { .. } catch (e) { .. }`
        > try { print(1); } catch (Exception as e) { print(2); }
        K0021 1:19 `catch` takes one name in brackets, and catches every failure
            write `catch (e) { .. }`; `failure(e).kind` says what kind of failure it is
        > try:
        >   1
        > except ValueError as e:
        >   2
        K0021 1:1 `try ..:` is from another language
            write a block in braces: `try { .. } catch (e) { .. }`
        > throw ValueError("a");
        K0021 1:7 `ValueError` is from another language
            write `throw "message"`, or `throw #{ kind: "..", message: ".." }`
        > import "lib/a" as lib; print(lib.helper(1));
        K0007 1:8 `lib/a.rhai` (looked for in `.`): no such file
        K0002 1:30 unknown variable `lib`
            two colons stand between an import and what is in it: `lib::helper`
        > let t = (1, 2);
        K0021 1:9 a tuple is from another language
            write a list: `[a, b]`
        > return (1, 2);
        K0021 1:8 a tuple is from another language
            write a list: `[a, b]`
        > let x = try { 1 } catch { 2 };
        K0021 1:9 `try` is a statement and has no value
            write `let r = attempt(|| ..);`, then `r.ok`, `r.value` and `r.error`
        > let x = 5; if 1 < x < 10 { print(x); }
        K0021 1:21 comparisons in a row compare a bool with the next value
            write `a < x && x < b`
        > fn f(*args) { 1 }
        K0021 1:6 a function takes a fixed number of arguments
            take a list or a map: `fn f(list) { .. }`, and call `f([a, b])`
        > fn f(**kw) { 1 }
        K0021 1:6 a function takes a fixed number of arguments
            take a list or a map: `fn f(list) { .. }`, and call `f([a, b])`
        > let l = [1]; print(max(*l));
        K0021 1:24 `*` does not spread a list over arguments
            write each argument: `f(list[0], list[1])`, or let the function take the list
        > let k = "a"; let m = #{[k]: 1};
        K0021 1:24 a key of a literal map is a name or a text
            write `let map = #{}; map[key] = value;`
        > let m = #{1: "a"};
        K0021 1:11 a key of a literal map is a name or a text
            write the number as a text: `#{ "1": value }`
        > let x = #{y: 1}; delete x.y;
        K0021 1:18 `delete` is from another language
            write `map.remove("key")` or `list.remove(0)`
        > const fs = require("fs");
        K0021 1:12 `require` is from another language
            write `import "lib/file" as file;`, then `file::f(..)`; kaizen's functions need no import
        > let d = defaultdict(list);
        K0021 1:9 `defaultdict` is from another language
            write `#{}`, and `map[key] = (map[key] ?? 0) + 1`
        > let s = "a"; print(s.upper);
        K0030 1:22 a string has no property `upper`
            it is a method: write `.upper()`
        > let d = #{a: 1}; for k in d.keys { print(k); }
        K0021 1:27 `keys` is a function of maps, and is not called here
            write `for key in map.keys() { .. }`
        > let m = imodel("a/b", #{ temperature: 0.1 });
        K0004 1:9 `imodel` takes 1 argument, not 2
            write `imodel(#{ model: "provider/name", temperature: 0.0 })`
        K0006 1:16 unknown provider `a`
            available: openai, anthropic, gemini, ollama, demo. A server that speaks OpenAI's protocol is `openai` with a `base_url`
        > let l = [1]; print(l.reduce(|a, b| a + b));
        K0021 1:22 `reduce` begins with `()` here
            give the value to begin with: `list.reduce(|sum, x| sum + x, 0)`
        > import "lionagi" as x;
        K0007 1:8 `lionagi.rhai` (looked for in `.`): no such file
            leave it out; kaizen's functions need no import; for a file write `import "lib/file" as file;`, then `file::f(..)`
        > from collections import defaultdict
        K0021 1:1 `from .. import` is from another language
            leave it out; kaizen's functions need no import; for a file write `import "lib/file" as file;`, then `file::f(..)`
        > let c = Counter([1]);
        K0021 1:9 `Counter` is from another language
            write `let counts = #{}; for x in list { counts[x] = (counts[x] ?? 0) + 1; }`
        > fn f(x) { x } print(f(1, key=2));
        K0021 1:26 `key=` names an argument
            write the arguments in their order: `f(a, b)`
        > const { f } = require("./lib");
        K0021 1:1 `const` declares one variable
            write `import "lib/file" as file;`, then `file::f(..)`
        > import f from "./lib";
        K0021 1:1 `import .. from` is from another language
            write `import "lib/file" as file;`, then `file::f(..)`
        > import * as lib from "./lib";
        K0021 1:1 `import .. from` is from another language
            write `import "lib/file" as file;`, then `file::f(..)`
        > let f = require("lib");
        K0021 1:9 `require` is from another language
            write `import "lib/file" as file;`, then `file::f(..)`; kaizen's functions need no import
        > from .lib import f
        K0021 1:1 `from .. import` is from another language
            leave it out; kaizen's functions need no import; for a file write `import "lib/file" as file;`, then `file::f(..)`
        > let l = [1, 2]; fn f(a, b) { a } f(...l);
        K0021 1:36 `...` does not spread a list over arguments
            write each argument: `f(list[0], list[1])`, or let the function take the list
        > let l = [1, 2]; fn f(a, b) { a } f(*l);
        K0021 1:36 `*` does not spread a list over arguments
            write each argument: `f(list[0], list[1])`, or let the function take the list
        > let l = [1, 2]; let m = [*l, 3];
        K0021 1:26 `*` is from another language
            write `list + other`, or `map + other`
        > let d = #{a: 1}; let m = #{**d, b: 2};
        K0021 1:28 `**` is from another language
            write `list + other`, or `map + other`
        > let d = #{a: 1}; let m = #{...d, b: 2};
        K0021 1:28 `...` is from another language
            write `list + other`, or `map + other`
        > let a = 1; let m = #{a, b: 2};
        K0021 1:22 a key of a literal map has no value
            write `#{ a: a }`
        > let m = #{a = 1};
        K0021 1:11 a colon stands between a key and its value
            write `#{ key: value }`
        > let m = #{"a" => 1};
        K0021 1:11 a colon stands between a key and its value
            write `#{ key: value }`
        > if (n := 5) > 3 { print(n); }
        K0021 1:7 `:=` is from another language
            write `let x = 5;` once, then `x = 6;`
        > let x <- 5;
        K0021 1:7 `<-` is from another language
            write `let x = 5;`, or `a < -1` with a space
        > let l = Vec::<int>::new();
        K0021 1:12 `::<` is from another language
            leave the type out
        > let x = 5; if 0 <= x <= 10 { print(x); }
        K0021 1:22 comparisons in a row compare a bool with the next value
            write `a < x && x < b`
        > try { 1 } catch Exception as e { 2 }
        K0021 1:11 `catch` takes one name in brackets, and catches every failure
            write `catch (e) { .. }`; `failure(e).kind` says what kind of failure it is
        > try { 1 } catch e { 2 }
        K0021 1:11 `catch` takes one name in brackets, and catches every failure
            write `catch (e) { .. }`; `failure(e).kind` says what kind of failure it is
        > try { 1 } catch (e: Error) { 2 }
        K0021 1:11 `catch` takes one name in brackets, and catches every failure
            write `catch (e) { .. }`; `failure(e).kind` says what kind of failure it is
        > try { 1 } catch (Error e) { 2 }
        K0021 1:11 `catch` takes one name in brackets, and catches every failure
            write `catch (e) { .. }`; `failure(e).kind` says what kind of failure it is
        > try { 1 } rescue { 2 }
        K0021 1:11 `rescue` is from another language
            write `try { .. } catch (e) { .. }`
        > throw ValueError;
        K0021 1:7 `ValueError` is from another language
            write `throw "message"`, or `throw #{ kind: "..", message: ".." }`
        > raise KeyError("x");
        K0021 1:1 `raise` is from another language
            write `throw "message"`
        > (a, b) = (1, 2);
        K0021 1:1 a tuple is from another language
            write a list: `[a, b]`
        K0021 1:10 a tuple is from another language
            write a list: `[a, b]`
        > for (a, b) in [(1, 2)] { print(a); }
        K0021 1:16 a tuple is from another language
            write a list: `[a, b]`
        > let x = [(1, "a"), (2, "b")];
        K0021 1:10 a tuple is from another language
            write a list: `[a, b]`
        K0021 1:20 a tuple is from another language
            write a list: `[a, b]`
        > let s = "a"; print(s.trimmed);
        K0030 1:22 a string has no property `trimmed`
            it is a method: write `.trimmed()`
        > let l = [1]; print(l.sorted);
        K0030 1:22 an array has no property `sorted`
            it is a method: write `.sorted()`
        > let l = [1]; print(l.length);
        K0030 1:22 an array has no property `length`
            write `x.len`
        > let b = branch(); print(b.fork);
        K0030 1:27 a branch has no property `fork`
            it is a method: write `.fork()`
        > print(now);
        K0002 1:7 unknown variable `now`
            `now` is a function; call it: `now()`
        > let x = now;
        K0002 1:9 unknown variable `now`
            `now` is a function; call it: `now()`
        > let l = [1,2]; print(l.reduce(max));
        K0002 1:31 unknown variable `max`
            `max` is a function; pass it on as `|x, y| max(x, y)`
        > let l = ["a"]; print(l.map(str));
        K0021 1:28 `str` is from another language
            write `x.to_string()`, or `${x}` in a text in backticks
        > let l = ["a"]; print(l.map(len));
        K0002 1:28 unknown variable `len`
            `len` is a function; pass it on as `|x| len(x)`
        > let l = ["a"]; print(l.map(int));
        K0002 1:28 unknown variable `int`
            `int` is a function; pass it on as `|x| int(x)`
        > export default f;
        K0021 1:1 `export default` is from another language
            leave it out: every function of a file can be imported
        > module.exports = 1;
        K0021 1:1 `module` is from another language
            leave it out: every function of a file can be imported
        > unset(x);
        K0021 1:1 `unset` is from another language
            write `map.remove("key")`
        K0002 1:7 unknown variable `x`
        > let x = #{}; unset x.y;
        K0021 1:14 `unset` is from another language
            write `map.remove("key")`
        > let x = print;
        K0001 1:9 'print' is a reserved keyword
            `print` is a function; pass it on as `|x| print(x)`
        > let s = "abc"; print(s.replace_all("a", "b"));
        K0021 1:24 `replace_all` is from another language
            write `text.replaced(part, other)`, which replaces every occurrence
        > let x = 5; switch x { case 1 => 2, default => 3 }
        K0021 1:23 `case` is from another language
            write `switch x { 1 => .., _ => .. }`
        K0021 1:36 `default` is from another language
            write `_ => ..` for all other values
        > let x = 5; switch x { 1 => 2, default => 3 }
        K0021 1:31 `default` is from another language
            write `_ => ..` for all other values
        > print(f"{x}");
        K0021 1:7 `f` before a text has no meaning in kaizen
            write a text in backticks: `` `Hello ${name}` ``
        > unless x { 1 }
        K0021 1:1 `unless` is from another language
            write `if !x { .. }`
        > if !x then 1 else 2
        K0002 1:5 unknown variable `x`
        K0021 1:7 `then` begins no block
            write a block in braces: `if x { .. } else { .. }`, `for x in list { .. }`
        > let l = [1]; for x in l do print(x) end
        K0021 1:25 `do` begins no block
            write a block in braces: `if x { .. } else { .. }`, `for x in list { .. }`
        > echo "hi";
        K0021 1:1 `echo` is from another language
            write `print(..)`
        > let x = ...;
        K0021 1:9 `...` is from another language
            write `list + other`, or `map + other`
        > let s = $"hi {x}";
        K0021 1:9 `$` is from another language
            write a text in backticks: `` `Hello ${name}` ``; a variable has no mark
        > print("hi" . "there");
        K0021 1:12 `.` does not join texts
            write `a + b`
        > let s = "a" ++ "b";
        K0021 1:13 `++` is from another language
            write `a + b`
        > let x = 5L;
        K0021 1:9 `5L` is no number here
            leave the letter out: a number has no suffix
        > let x = 5.0f;
        K0021 1:9 `5.0f` is no number here
            leave the letter out: a number has no suffix
        > let x = 10n;
        K0021 1:9 `10n` is no number here
            leave the letter out: a number has no suffix
        > let x = 50%;
        K0021 1:11 `%` stands between two numbers
            write `0.5` for a half
        > let l = [1]; l.map(print);
        K0001 1:20 'print' is a reserved keyword
            `print` is a function; pass it on as `|x| print(x)`
        > $x = 5;
        K0021 1:1 `$` is from another language
            write a text in backticks: `` `Hello ${name}` ``; a variable has no mark
        > let x = 10n + 2.0f;
        K0021 1:9 `10n` is no number here
            leave the letter out: a number has no suffix
        K0021 1:15 `2.0f` is no number here
            leave the letter out: a number has no suffix
        > let d = #{a: 1}; print(hasattr(d, "a")); let e = d.copy();
        K0021 1:24 `hasattr` is from another language
            write `"key" in map`
        K0021 1:52 `copy` is from another language
            leave it out: `let b = a` copies a list or a map, and `branch.fork()` a branch
        > let x = sorted([1], reverse=True);
        K0021 1:21 `reverse=` names an argument
            write `list.sorted().reversed()`
        K0021 1:29 `True` is from another language
            write `true`
        > let x = open("a", encoding="utf8");
        K0021 1:19 `encoding=` names an argument
            write `read_text("path")`, or `write_text("path", text)`
        > let x = "a,b".split(",", maxsplit=1);
        K0021 1:26 `maxsplit=` names an argument
            write `text.split(",", 2)`: the number counts the pieces
        > let m = json.dumps(#{a: 1}, indent=2);
        K0021 1:9 `json.dumps` is from another language
            write `to_json(value)`
        K0021 1:29 `indent=` names an argument
            leave it out: write `to_json(value)`
        > let a = #{b: 1}; let c = a?.b?.c; let f = |x| x < 5; if f.call(2) && 1 < 2 { }
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn words_of_other_languages_name_what_stands_for_them() {
    const WORDS: &str = "hasattr getattr callable next bin hex oct ord divmod namedtuple dataclass deque partial \
        lru_cache Optional Set KeyError RuntimeError TimeoutException is_file listdir mkdir glob getcwd unlink \
        check_output strftime utcnow today shuffle choice randint ceil isnan isNaN alert setInterval \
        structuredClone Date Map print_r printf sprintf var_dump eprintln vec Box Err HashMap readlines \
        writelines list_files read_json write_json weekday uppercase to_lowercase findIndex flatMap flatten \
        merge deepcopy median argmax fold groupby existsSync Counter";
    let texts: Vec<String> = WORDS.split_whitespace().map(|word| format!("{word}(1);")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    expect_test::expect![[r#"
        > hasattr(1);
        K0021 1:1 `hasattr` is from another language
            write `"key" in map`
        > getattr(1);
        K0021 1:1 `getattr` is from another language
            write `map["key"]`
        > callable(1);
        K0021 1:1 `callable` is from another language
            write `type_of(x) == "Fn"`
        > next(1);
        K0021 1:1 `next` is from another language
            write `list.get(0)`
        > bin(1);
        K0021 1:1 `bin` is from another language
            write `x.to_binary()`
        > hex(1);
        K0021 1:1 `hex` is from another language
            write `x.to_hex()`
        > oct(1);
        K0021 1:1 `oct` is from another language
            write `x.to_octal()`
        > ord(1);
        K0021 1:1 `ord` is from another language
            write `text[0].to_int()`
        > divmod(1);
        K0021 1:1 `divmod` is from another language
            write `a / b` and `a % b`
        > namedtuple(1);
        K0021 1:1 `namedtuple` is from another language
            write a map: `#{ a: 1, b: 2 }`
        > dataclass(1);
        K0021 1:1 `dataclass` is from another language
            leave the line out, and keep values together in a map: `#{ a: 1 }`
        > deque(1);
        K0021 1:1 `deque` is from another language
            write `[]`, with `list.push(item)` and `list.shift()`
        > partial(1);
        K0021 1:1 `partial` is from another language
            write `|x| f(1, x)`
        > lru_cache(1);
        K0021 1:1 `lru_cache` is from another language
            leave the line out, and keep what was computed in a map
        > Optional(1);
        K0021 1:1 `Optional` is from another language
            leave it out: values need no types; `()` stands for no value
        > Set(1);
        K0021 1:1 `Set` is from another language
            write `[]`, and `list.distinct()` to remove duplicates
        > KeyError(1);
        K0021 1:1 `KeyError` is from another language
            write `throw "message"`, or `throw #{ kind: "..", message: ".." }`
        > RuntimeError(1);
        K0021 1:1 `RuntimeError` is from another language
            write `throw "message"`, or `throw #{ kind: "..", message: ".." }`
        > TimeoutException(1);
        K0021 1:1 `TimeoutException` is from another language
            write `throw "message"`, or `throw #{ kind: "..", message: ".." }`
        > is_file(1);
        K0021 1:1 `is_file` is from another language
            write `attempt(|| read_text("path")).ok`
        > listdir(1);
        K0021 1:1 `listdir` is from another language
            write `command("ls", ["folder"]).stdout.trimmed().split("\n")`
        > mkdir(1);
        K0021 1:1 `mkdir` is from another language
            leave it out: `write_text` creates missing folders
        > glob(1);
        K0021 1:1 `glob` is from another language
            write `command("find", [".", "-name", "*.txt"]).stdout.trimmed().split("\n")`
        > getcwd(1);
        K0021 1:1 `getcwd` is from another language
            leave it out: paths are relative to the script's folder
        > unlink(1);
        K0021 1:1 `unlink` is from another language
            write `command("rm", ["path"])`
        > check_output(1);
        K0021 1:1 `check_output` is from another language
            write `command("program", ["argument"]).stdout`
        > strftime(1);
        K0021 1:1 `strftime` is from another language
            write `command("date", ["+%F"]).stdout.trimmed()`
        > utcnow(1);
        K0021 1:1 `utcnow` is from another language
            write `now()` for the milliseconds since 1970
        > today(1);
        K0021 1:1 `today` is from another language
            write `command("date", ["+%F"]).stdout.trimmed()`
        > shuffle(1);
        K0021 1:1 `shuffle` is from another language
            write `list[(random() * list.len).to_int()]` for one item by chance
        > choice(1);
        K0021 1:1 `choice` is from another language
            write `list[(random() * list.len).to_int()]`
        > randint(1);
        K0021 1:1 `randint` is from another language
            write `(random() * 10).to_int()`
        > ceil(1);
        K0021 1:1 `ceil` is from another language
            write `x.ceiling()`
        > isnan(1);
        K0021 1:1 `isnan` is from another language
            write `x.is_nan()`
        > isNaN(1);
        K0021 1:1 `isNaN` is from another language
            write `x.is_nan()`
        > alert(1);
        K0021 1:1 `alert` is from another language
            write `print(..)`
        > setInterval(1);
        K0021 1:1 `setInterval` is from another language
            write `loop { sleep(1000); .. }`
        > structuredClone(1);
        K0021 1:1 `structuredClone` is from another language
            leave it out: `let b = a` copies a list or a map, with all that is in it
        > Date(1);
        K0021 1:1 `Date` is from another language
            write `now()` for the milliseconds since 1970; for a text `command("date", ["+%F"]).stdout.trimmed()`
        > Map(1);
        K0021 1:1 `Map` is from another language
            write `#{ key: value }`
        > print_r(1);
        K0021 1:1 `print_r` is from another language
            write `print(x.to_json())`
        > printf(1);
        K0021 1:1 `printf` is from another language
            write `` print(`${name}`) ``
        > sprintf(1);
        K0021 1:1 `sprintf` is from another language
            write a text in backticks: `` `Hello ${name}` ``
        > var_dump(1);
        K0021 1:1 `var_dump` is from another language
            write `print(x.to_json())`
        > eprintln(1);
        K0021 1:1 `eprintln` is from another language
            write `log.warn("..")`
        > vec(1);
        K0021 1:1 `vec` is from another language
            write `[a, b]`
        > Box(1);
        K0021 1:1 `Box` is from another language
            leave it out: values are copied
        > Err(1);
        K0021 1:1 `Err` is from another language
            write `throw "message"`
        > HashMap(1);
        K0021 1:1 `HashMap` is from another language
            write `#{ key: value }`
        > readlines(1);
        K0021 1:1 `readlines` is from another language
            write `read_lines("path")`
        > writelines(1);
        K0021 1:1 `writelines` is from another language
            write `write_text("path", lines.join("\n"))`
        > list_files(1);
        K0021 1:1 `list_files` is from another language
            write `command("ls", ["folder"]).stdout.trimmed().split("\n")`
        > read_json(1);
        K0021 1:1 `read_json` is from another language
            write `json(read_text("path"))`
        > write_json(1);
        K0021 1:1 `write_json` is from another language
            write `write_text("path", to_json(value))`
        > weekday(1);
        K0021 1:1 `weekday` is from another language
            write `command("date", ["+%A"]).stdout.trimmed()`
        > uppercase(1);
        K0021 1:1 `uppercase` is from another language
            write `text.upper()`
        > to_lowercase(1);
        K0021 1:1 `to_lowercase` is from another language
            write `text.lower()`
        > findIndex(1);
        K0021 1:1 `findIndex` is from another language
            write `list.index_of(|x| ..)`, which gives -1 for none
        > flatMap(1);
        K0021 1:1 `flatMap` is from another language
            write `list.map(|x| ..).reduce(|all, x| all + x, [])`
        > flatten(1);
        K0021 1:1 `flatten` is from another language
            write `list.reduce(|all, x| all + x, [])`
        > merge(1);
        K0021 1:1 `merge` is from another language
            write `map + other`
        > deepcopy(1);
        K0021 1:1 `deepcopy` is from another language
            leave it out: `let b = a` copies a list or a map, with all that is in it
        > median(1);
        K0021 1:1 `median` is from another language
            write `list.sorted()[list.len / 2]`
        > argmax(1);
        K0021 1:1 `argmax` is from another language
            write `list.index_of(list.max_by(|x| x))`
        > fold(1);
        K0021 1:1 `fold` is from another language
            write `list.reduce(|sum, x| sum + x, 0)`
        > groupby(1);
        K0021 1:1 `groupby` is from another language
            write `let groups = #{}; for x in list { groups[x.key] = (groups[x.key] ?? []) + [x]; }`
        > existsSync(1);
        K0021 1:1 `existsSync` is from another language
            write `attempt(|| read_text("path")).ok`
        > Counter(1);
        K0021 1:1 `Counter` is from another language
            write `let counts = #{}; for x in list { counts[x] = (counts[x] ?? 0) + 1; }`
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_function_of_an_import_is_reached_by_its_name() {
    let project = Project::new();
    project.file("lib/a.rhai", "fn helper(x) { x }");
    project.file("main.rhai", "import \"lib/a\" as lib;\nprint(lib.helper(1));\nprint(lib);");
    project.file("unnamed.rhai", "import \"lib/a\";\nprint(helper(1));");
    let ran = project.kaizen(&["check", "main.rhai", "unnamed.rhai"]);
    expect_test::expect![[r#"
        error[K0002]: unknown variable `lib`
         --> main.rhai:2:7
          |
        2 | print(lib.helper(1));
          |       ^^^
          |
          = help: two colons stand between an import and what is in it: `lib::helper`
        error[K0003]: `helper` is in an import without a name
         --> unnamed.rhai:2:7
          |
        2 | print(helper(1));
          |       ^^^^^^
          |
          = help: write `import ".." as lib;`, then `lib::helper(..)`
    "#]]
    .assert_eq(&ran.stdout);
}

#[test]
fn a_long_chain_of_conditions_says_what_is_shorter() {
    let arms: Vec<String> = (0..80).map(|n| format!("if x == {n} {{ print({n}); }}")).collect();
    let text = format!("let x = 5;\n{}", arms.join("\nelse "));
    let said = said_of(&[&text]);
    let said: String = said.lines().filter(|line| !line.starts_with('>')).collect();
    expect_test::expect!["K0001 60:25 expressions are nested too deeply here    a long chain of `else if` is shorter as `switch x { 1 => .., _ => .. }`, or as a value in a map or a list: `map[x] ?? other`; keep the parts of a long expression in variables"].assert_eq(&said);
}

#[test]
fn what_is_right_here_is_not_taken_for_another_language() {
    let texts = [
        "let a = 1; let b = 2; if a < b && b > a { print(a); }",
        "let xs = [1, 2]; print(xs.reduce(|a, b| max(a ?? 0, b))); print(xs.reduce(|a, b| a + b, 0));",
        "let d = #{ keys: [1] }; for k in d.keys { print(k); } for k in #{ a: 1 }.keys() { print(k); }",
        "let x = if 1 < 2 { 3 } else { 4 }; switch x { 1 if x < 3 => print(1), 2..5 => print(2), _ => print(3) }",
        "let x = 3; switch x { 1..3 => print(1), _ if x > 3 => print(2), _ => print(3) }",
        "fn f(a, b) { a * b } let y = f(2 * 3, -4); let z = [2 * 3, 4 * 5]; print(y * z[0]);",
        "let default = 1; let then = 2; let delete = 3; print(default + then + delete);",
        "try { throw \"a\"; } catch (error) { print(error); } try { throw 1; } catch { print(1); }",
        "let m = #{ \"a b\": 1, c: [1, (2 + 3)], d: #{ e: (1) } }; print(m.c[1] % 2);",
    ];
    expect_test::expect![[r#"
        > let a = 1; let b = 2; if a < b && b > a { print(a); }
        > let xs = [1, 2]; print(xs.reduce(|a, b| max(a ?? 0, b))); print(xs.reduce(|a, b| a + b, 0));
        > let d = #{ keys: [1] }; for k in d.keys { print(k); } for k in #{ a: 1 }.keys() { print(k); }
        > let x = if 1 < 2 { 3 } else { 4 }; switch x { 1 if x < 3 => print(1), 2..5 => print(2), _ => print(3) }
        > let x = 3; switch x { 1..3 => print(1), _ if x > 3 => print(2), _ => print(3) }
        K0001 1:43 this switch case cannot have a condition
        > fn f(a, b) { a * b } let y = f(2 * 3, -4); let z = [2 * 3, 4 * 5]; print(y * z[0]);
        > let default = 1; let then = 2; let delete = 3; print(default + then + delete);
        > try { throw "a"; } catch (error) { print(error); } try { throw 1; } catch { print(1); }
        > let m = #{ "a b": 1, c: [1, (2 + 3)], d: #{ e: (1) } }; print(m.c[1] % 2);
    "#]].assert_eq(&said_of(&texts));
}
