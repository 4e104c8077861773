//! What people guess who know LionAGI or another library of Python: each wrong guess leads to the right word
//! before a call is paid for, and what is right passes.

use super::foreign::said_of;
use crate::support::Project;
use expect_test::expect;

#[test]
fn each_wrong_guess_leads_to_the_right_word() {
    let texts = [
        r#"let b = branch(); let r = b.instruct("x");"#,
        r#"let b = branch(); print(b.messages.length);"#,
        r#"let b = branch(); print(len(b.messages)); print(b.to_dict());"#,
        r#"let b = branch(); print(b.logs);"#,
        r#"let b = branch(#{ chat_model: "demo/echo" });"#,
        r#"let s = session(); s.new_branch("a");"#,
        r#"let s = session(); s.add_branch(branch());"#,
        r#"let g = builder("x"); g.add_operation("communicate", instruction: "x");"#,
        r#"let g = builder("x"); g.add_operation("communicate", "do it");"#,
        r#"let g = builder("x"); g.add_node("communicate", #{ instruction: "x" });"#,
        r#"let g = builder("x"); g.build();"#,
        r#"let g = builder("x"); g.visualize();"#,
        r#"let g = builder("x"); g.add_operation("communicate", #{ instruction: "x" }); let r = session().flow(g); print(r["operation_results"]);"#,
        r#"let g = builder("x"); g.add_operation("communicate", #{ instruction: "x" }); let r = session().flow(g); print(r.results["communicate"]); print(r.execution_time);"#,
        r#"let g = builder("x"); g.add_operation("communicate", #{ instruction: "x" }); let r = session().flow(g); print(r.metrics.total_time); "#,
        r#"let g = builder("x"); g.add_operation("communicate", #{ instruction: "x" }); let r = session().flow(g); print(r.get("completed_operations"));"#,
        r#"let o = optimizer(); o.record("qa", "direct", #{ success_rate: 1.0 });"#,
        r#"let o = optimizer(); o.record_execution("qa", "direct", #{ success: true, time: 2.0 });"#,
        r#"let o = optimizer(); print(o.best_pattern("qa"));"#,
        r#"let k = knowledge("k.json"); k.save_success("qa", "direct", #{});"#,
        r#"print("Time: {:.2f}".format(1.234));"#,
        r#"print(f"{1.234:.2f}");"#,
        r#"print(`${1.234:.2f}`);"#,
        r#"let d = #{}; d["a"].append(1);"#,
        r#"let d = #{ a: 1 }; for (k, v) in d { print(k); }"#,
        r#"let x = sorted([3,1], reverse=true);"#,
        r#"let x = min(3, 1, 2);"#,
        r#"let x = "a,b".split(",")[0].strip().title();"#,
        r#"let x = 10 // 3;"#,
        r#"let x = 2 ** 3; print(x); print(pow(2, 3)); "#,
        r#"let x = [1,2,3][-1]; print(x); print([1,2,3].last());"#,
        r#"let p = Path("x").read_text();"#,
        r#"let m = iModel(provider="openai", model="gpt-4o");"#,
        r#"let m = imodel(#{ provider: "openai", model: "gpt-4o", api_key: "sk-1" });"#,
        r#"let r = branch().communicate(#{ instruction: "x" });"#,
        r#"let r = branch().parse("x", "a: int");"#,
        r#"let t = tool(|x| x); let t = Tool("add");"#,
        r#"let r = branch().chat("x").content; print(r);"#,
        r#"let r = branch().chat("x")["text"]; print(r);"#,
        r#"let r = branch().chat("x"); print(r.text); print(r.usage); print(r.choices[0].message.content);"#,
        r#"let x = "abc"; for c in x { print(c); } print(x.length()); print(x.size()); print(x.count("a")); print(x.find("b")); print(x.index("b"));"#,
        r#"let x = [1, 2]; print(x.len()); print(x.size()); print(x.count(1)); print(x.index(1)); print(x.insert(0, 5)); print(x.extend([1])); print(x.contains(1)); x.clear();"#,
        r#"let m = #{ a: 1 }; print(m.has_key("a")); print(m.values()); print(m.items()); print(m.pop("a")); print(m.setdefault("a", 1)); print(m.update(#{}));"#,
        r#"let r = branch().communicate("x"); print(r.output);"#,
        r#"let r = branch().communicate("x", #{ temperature: 0.5 }); print(r.content);"#,
        r#"let r = branch().chat("x", #{ schema: "a: string" }); print(r.a);"#,
        r#"let r = branch().chat("x"); r = json(r); print(r.text);"#,
        r#"for x in #{ a: 1 } { print(x); }"#,
        r#"for i in 5 { print(i); }"#,
        r#"let g = builder("g"); g.add_operation("chat", #{ name: "a", instruction: "x" }); for name in session().flow(g) { print(name); }"#,
        r#"let d = #{ a: [1] }; d["a"].push(2); d["a"].append([3]); d["a"][0] += 1; print(d);"#,
        r#"let d = #{ a: [1] }; let e = d["a"].push(2);"#,
        r#"let x = [3, 1]; print(x[x.push(1)]);"#,
        r#"let f = vote("typo", "x"); let t = tool_vote("typo", "x", #{ tools: [] });"#,
        r#"print(cascade("demo/a", "x", #{ models: ["typo", "demo/b"], accept: |a| true }));"#,
        r#"let b = branch_from(#{}, #{ model: "typo" });"#,
    ];
    expect![[""]].assert_eq(&said_of(&texts));
}

#[test]
fn parts_of_values_are_changed_in_place() {
    let project = Project::new();
    project.file(
        "s.rhai",
        "let d = #{ a: [1] };\nd[\"a\"].push(2);\nd[\"a\"].append([3]);\nd[\"a\"][0] += 1;\nprint(d);\n",
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "#{\"a\": [2, 2, 3]}\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_unknown_option_is_said_in_the_same_words_before_and_while_a_script_runs() {
    let project = Project::new();
    let said = |script: &str| {
        let ran = project.file("s.rhai", script).kaizen(&["run", "s.rhai"]);
        let lines = ran.stderr.lines().filter(|line| line.contains(" has no option "));
        let words =
            lines.filter_map(|line| line.split_once("]: ")).map(|(_, said)| said.to_owned());
        words.collect::<Vec<_>>()
    };

    for (literal, made) in [
        (
            "branch().chat(\"x\", #{ tempreture: 0.5 });",
            "let o = #{}; o[\"tempreture\"] = 0.5; branch().chat(\"x\", o);",
        ),
        (
            "let g = builder(\"g\"); session().flow(g, #{ max_workers: 3 });",
            "let o = #{}; o[\"max_workers\"] = 3; let g = builder(\"g\"); session().flow(g, o);",
        ),
        (
            "vote(\"demo/echo\", \"x\", #{ times: 3 });",
            "let o = #{}; o[\"times\"] = 3; vote(\"demo/echo\", \"x\", o);",
        ),
        (
            "let g = builder(\"g\"); let l = g.add_operation(|| [1], #{ name: \"l\" });\n\
             g.expand(l, |x| #{ instrucion: \"x\" }); session().flow(g, #{ allow_failures: true });",
            "let g = builder(\"g\"); let l = g.add_operation(|| [1], #{ name: \"l\" });\n\
             g.expand(l, |x| { let o = #{}; o[\"instrucion\"] = \"x\"; o });\n\
             throw session().flow(g, #{ allow_failures: true }).errors[\"expand\"];",
        ),
        (
            "optimizer(#{ constraints: #{ max_costs: 1.0 } });",
            "let o = #{}; o[\"max_costs\"] = 1.0; optimizer(#{ constraints: o });",
        ),
    ] {
        let before = said(literal);
        let during = said(made);
        assert_eq!((before.len(), during.len()), (1, 1), "{literal}: {before:?} {during:?}");
        let start = before[0].as_str();
        assert!(during[0].starts_with(start), "{literal}: {before:?} {during:?}");
    }
}
