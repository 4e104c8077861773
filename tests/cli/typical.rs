//! What a person sees of ten typical runs: everything on stdout and stderr, and the exit code.

use crate::support::Project;
use expect_test::expect;

/// Units of times, as people read them.
const UNITS: [&str; 5] = ["us", "ms", "s", "min", "h"];

const GRAPH: &str = r#"//! Asks for two topics, and sums them up.
let g = builder("topics");
let vans = g.add_operation("communicate", #{ name: "vans", instruction: "Describe vans." });
let bikes = g.add_operation("communicate", #{ name: "bikes", instruction: "Describe bikes." });
g.add_operation("communicate", #{ name: "sum", instruction: param("ask", "Sum up."), depends_on: [vans, bikes] });
session().flow(g).result("sum")
"#;

const FAILING: &str = r#"let g = builder("topics");
let vans = g.add_operation("communicate", #{ name: "vans", instruction: "Describe vans." });
let price = g.add_operation(|| throw "no price list", #{ name: "price" });
g.add_operation("communicate", #{ name: "offer", instruction: "Write an offer.", depends_on: [vans, price] });
session().flow(g).result("offer")
"#;

const LEARN: &str = r#"let o = optimizer();
for i in 0..30 {
    o.record_execution("review/rust", "vote", #{ success_rate: 1.0, score: 0.9, execution_time: 2.0 });
    o.record_execution("review/rust", "direct", #{ success_rate: (i % 2).to_float(), execution_time: 1.0 });
}
o.save_pattern_failure("review/rust", "debate", #{ kind: "timeout", message: "60 s" });
"#;

fn project() -> Project {
    let project = Project::new();
    project
        .file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n")
        .file("hello.rhai", "print(branch().chat(`Greet ${param(\"name\", \"Ada\")}.`));\n42")
        .file("graph.rhai", GRAPH)
        .file("failing.rhai", FAILING)
        .file("learn.rhai", LEARN)
        .file("short.rhai", "branch().chat(param(\"task\", \"\")); \"billing\"")
        .file(
            "long.rhai",
            "branch().chat(param(\"task\", \"\")); \
             if param(\"task\", \"\").contains(\"invoice\") { \"billing\" } else { \"technical\" }",
        )
        .file(
            "tasks.jsonl",
            "{\"task\": \"My invoice is wrong\", \"expected\": \"billing\"}\n\
             {\"task\": \"The app is slow\", \"expected\": \"technical\"}\n\
             {\"task\": \"The app does not start\", \"expected\": \"technical\"}\n",
        );
    project
}

/// Runs a command, and returns everything that it wrote, without what differs from run to run.
fn whole(project: &Project, arguments: &[&str]) -> String {
    let ran = project.kaizen(arguments);
    let [stdout, stderr] = [&ran.stdout, &ran.stderr].map(|text| steady(project, text));
    let code = ran.code.unwrap();
    format!("{stdout}--- stderr\n{stderr}--- exit code {code}\n")
}

/// Takes ids, times and the padding of columns out of a text.
fn steady(project: &Project, text: &str) -> String {
    let text = project.without_ids(text);
    text.lines().flat_map(|line| [steady_line(line), "\n".to_owned()]).collect()
}

fn steady_line(line: &str) -> String {
    let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
    cells.map(steady_cell).collect::<Vec<_>>().join("  ")
}

/// Replaces each number with a unit of time, and each moment.
fn steady_cell(cell: &str) -> String {
    let is_of = |word: &str, sign: char| {
        word.contains(sign) && word.chars().all(|c| c.is_ascii_digit() || c == sign)
    };

    let mut words: Vec<String> = Vec::new();
    for word in cell.split(' ') {
        let bare = word.trim_end_matches([',', ';', ')', '.']);
        let last = words.last().map_or("", |last| last.trim_start_matches('('));

        if UNITS.contains(&bare) && last.parse::<f64>().is_ok() {
            words.pop();
            words.push(word.replacen(bare, "TIME", 1));
        } else if is_of(bare, ':') && is_of(last, '-') {
            words.pop();
            words.push("WHEN".to_owned());
        } else if word.strip_prefix("ms=").is_some_and(|ms| ms.parse::<u64>().is_ok()) {
            words.push("ms=TIME".to_owned());
        } else {
            words.push(word.to_owned());
        }
    }
    // Two times that are equal are shown as one.
    words.join(" ").replace("TIME → TIME", "TIME")
}

#[test]
fn a_run() {
    expect![[r#"
        [demo] you asked: Greet Bob.
        42
        --- stderr
        op=chat status=ok ms=TIME cost=0 tokens=3/7
        run=RUN status=ok ms=TIME calls=1 cost=0
        --- exit code 0
    "#]]
    .assert_eq(&whole(&project(), &["run", "hello.rhai", "-p", "name=Bob"]));
}

#[test]
fn a_run_with_a_failure() {
    expect![[r#"
        --- stderr
        op=price status=failed ms=TIME kind=thrown error="no price list"
        op=vans status=ok ms=TIME cost=0 tokens=4/8
        op=offer status=skipped ms=TIME reason="`price` failed"
        error[K0115]: operation `offer` was skipped because `price` failed: no price list
        --> failing.rhai:5:19
        |
        5 | session().flow(g).result("offer")
        |  ^^^^^^
        run=RUN status=failed ms=TIME calls=1 cost=0
        --- exit code 1
    "#]]
    .assert_eq(&whole(&project(), &["run", "failing.rhai", "--seed", "1"]));
}

#[test]
fn a_run_of_a_graph() {
    let run = ["run", "graph.rhai", "--seed", "1", "--concurrency", "1"];
    expect![[r#"
        [demo] you asked: <result name="vans">
        [demo] you asked: Describe vans.
        </result>

        <result name="b ..
        --- stderr
        op=vans status=ok ms=TIME cost=0 tokens=4/8
        op=bikes status=ok ms=TIME cost=0 tokens=4/9
        op=sum status=ok ms=TIME cost=0 tokens=35/26
        run=RUN status=ok ms=TIME calls=3 cost=0
        --- exit code 0
    "#]]
    .assert_eq(&whole(&project(), &run));
}

#[test]
fn a_comparison() {
    let compare = ["compare", "short.rhai", "long.rhai", "--tasks", "tasks.jsonl", "--seed", "1"];
    let more = ["--objective", "quality", "--concurrency", "1"];
    expect![[r#"
        script  score  interval  n  success  quality  time  cost  note
        long  1.00  0.14-1.00  3  100 %  1.000  TIME  $0
        short  0.33  0.02-0.94  3  100 %  0.333  TIME  $0
        not distinguishable yet: `long` is ahead of `short` by 0.667 [-0.724, 0.998] after 3 inputs (tested, 95 % confidence at every look); there are no more inputs; about 9 more inputs would decide it, for 18 calls and $0; `long` is probably better (91 %), unless rare failures have not occurred yet
        objective: quality alone
        --- stderr
        1 of 3  $0  score: short 1.00  long 1.00
        2 of 3  $0  score: short 0.50  long 1.00
        3 of 3  $0  score: short 0.33  long 1.00
        note: the built-in demo model answered. It does not solve tasks, so these scores say nothing about the scripts; set up a model or pass `--model provider/name` to compare them
        wrong: short 2 of 3, long 0 of 3; `kaizen show RUN --inputs=wrong` lists them
        run=RUN status=ok ms=TIME calls=8 cost=0
        --- exit code 0
    "#]].assert_eq(&whole(&project(), &[&compare[..], &more].concat()));
}

#[test]
fn patterns_and_advice() {
    let project = project();
    assert_eq!(project.kaizen(&["run", "learn.rhai", "--quiet"]).code, Some(0));

    expect![[r#"
        review/rust
        pattern  score  90 %  best  n  success  quality  time  tokens  cost  note
        vote  0.76  0.72-0.79  96 %  30  100 %  0.900  TIME  -  -
        direct  0.38  0.19-0.57  < 1 %  30  50 %  -  TIME  -  -
        debate  0.28  0.00-0.66  4 %  1  0 %  -  -  -  -  few observations
        probably the best: `vote`, probability 96 % (a belief from all recorded executions; test it with `kaizen compare`)
        objective: balanced (quality 70 %, time 30 %)
        --- stderr
        --- exit code 0
    "#]].assert_eq(&whole(&project, &["patterns"]));
    expect![[r#"
        vote
        --- stderr
        on `review/rust`, `vote` scores 0.76 [0.72, 0.79] (n=30, success 100 %, quality 0.90, TIME); probability of being the best: 96 %; next: `direct` scores 0.38 [0.19, 0.57] (n=30, success 50 %, TIME), probability < 1 %
        objective: balanced (quality 70 %, time 30 %)
        the reward is halved for speed at TIME
        vote  ├●─┤
        direct  ├────────●────────┤
        debate ├────────────●──────────────────┤
        ┴───────────┴───────────┴───────────┴───────────┴
        0  .25  .5  .75  1
        pattern  score  90 %  best  n  success  note
        vote  0.76  0.72-0.79  96 %  30  100 %
        direct  0.38  0.19-0.57  < 1 %  30  50 %
        debate  0.28  0.00-0.66  4 %  1  0 %
        --- exit code 0
    "#]].assert_eq(&whole(&project, &["advise", "review/rust", "--best", "--explain"]));
}

#[test]
fn a_plan() {
    expect![[r#"
        topics: vans, bikes ─▶ sum
        op  model  run  run --reuse  tokens in/out  cost  time each  after
        vans  demo/echo  1  1  ~4/~1…4096  ~$0  -
        bikes  demo/echo  1  1  ~4/~1…4096  ~$0  -
        sum  demo/echo  1  1  ~19…219/~1…4096  ~$0  -  vans, bikes
        run: 3 calls · $0  (rough estimate: no earlier run)
        run --reuse: 3 calls · $0  (rough estimate: no earlier run)
        --- stderr
        --- exit code 0
    "#]]
    .assert_eq(&whole(&project(), &["plan", "graph.rhai", "--seed", "1"]));
}

/// Writes the colours of a text as words.
fn colours(text: &str) -> String {
    let named = [("\u{1b}[31m", "<red>"), ("\u{1b}[32m", "<green>"), ("\u{1b}[33m", "<yellow>")];
    let text = named.iter().fold(text.to_owned(), |text, (code, name)| text.replace(code, name));
    text.replace("\u{1b}[0m", "</>")
}

#[test]
fn colours_follow_what_a_word_says_and_not_how_it_begins() {
    let project = project();
    // The price list is there at the second time.
    for text in [FAILING, &FAILING.replace("throw \"no price list\"", "7")] {
        project.file("offer.rhai", text);
        project.kaizen(&["run", "offer.rhai", "--quiet", "--seed", "1"]);
    }
    project.file("kaizen.toml", "[models.fast]\nuse = \"openai/gpt-4o-mini\"\n");

    let painted = |arguments: &[&str]| {
        let ran = project.kaizen(&[arguments, &["--color", "always"]].concat());
        colours(&steady(&project, &ran.stdout))
    };
    let all = [&["runs"][..], &["show", "@-1"], &["diff", "@-1", "@"], &["models"]];
    expect![[r#"
        run  started  took  status  calls  cost  script
        RUN  WHEN  TIME  <green>ok</>  2  $0  offer.rhai
        RUN  WHEN  TIME  <red>failed</>  1  $0  offer.rhai
        run RUN  <red>failed</>  WHEN  TIME  offer.rhai
        the demo model answered 1 of 1 call
        op  flow  name  outcome  took  calls  tokens  cost  model
        0  1  vans  <green>completed</>  TIME  1  4/8  $0  demo/echo (demo)
        1  1  price  <red>failed</>  TIME  0  -  -
        2  1  offer  <yellow>skipped</>  -  0  -  -
        price <red>failed</> (thrown): no price list
        offer was <yellow>skipped</>: `price` failed
        <red>ended early</> (skipped): operation `offer` was skipped because `price` failed: no price list
        success rate 0.33, 1 call (0 retries), 4 tokens in, 8 out, cost $0
        run RUN and run RUN of offer.rhai
        before: text of the script: e95f225c → 2c55631c
        operation  change  outcome  took  cost  calls  because of
        price  outcome, result  <green>failed → completed</>  TIME  -  0
        offer  outcome, prompt, model, result, calls  <green>skipped → completed</>  - → TIME  - → $0  0 → 1  price
        price result: "no price list" → "7"
        offer prompt: + "<result name="vans"> [demo] you asked: Describe vans. </result> <result name="price"> 7 </result> Write an offer."
        offer result: + "[demo] you asked: <result name="vans"> [demo] you asked: Describe vans. </result> <result name="p .."
        2 of 3 operations differ, 1 is the same
        name  model  server  price per 1M  state
        (default: no other is set up)  demo/echo  -  as set  <yellow>demo, offline</>
        fast  openai/gpt-4o-mini  https://api.openai.com/v1  $0.15 in, $0.6 out (2025-10-01)  <red>no key for `openai`: set OPENAI_API_KEY, or `key = "env:NAME"` for the model in kaizen.toml</>

        for any other model, write provider/name. Providers:
        provider  key
        openai  OPENAI_API_KEY is not set
        anthropic  ANTHROPIC_API_KEY is not set
        gemini  GEMINI_API_KEY is not set
        ollama  <green>needs no key</>
        demo  <green>needs no key</>
    "#]].assert_eq(&all.map(painted).concat());
}

#[test]
fn runs_as_they_are_listed_shown_and_compared() {
    let project = project();
    for run in [&["run", "graph.rhai"][..], &["run", "graph.rhai", "-p", "ask=Choose one."]] {
        let ran =
            project.kaizen(&[run, &["--quiet", "--seed", "1", "--concurrency", "1"]].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    assert_eq!(project.kaizen(&["run", "failing.rhai", "--quiet", "--seed", "1"]).code, Some(1));

    expect![[r#"
        run  started  took  status  calls  cost  script
        RUN  WHEN  TIME  failed  1  $0  failing.rhai
        RUN  WHEN  TIME  ok  3  $0  graph.rhai
        RUN  WHEN  TIME  ok  3  $0  graph.rhai
        --- stderr
        --- exit code 0
    "#]]
    .assert_eq(&whole(&project, &["runs"]));
    expect![[r#"
        run RUN  ok  WHEN  TIME  graph.rhai
        the demo model answered 3 of 3 calls
        op  flow  name  outcome  took  calls  tokens  cost  model
        0  1  vans  completed  TIME  1  4/8  $0  demo/echo (demo)
        1  1  bikes  completed  TIME  1  4/9  $0  demo/echo (demo)
        2  1  sum  completed  TIME  1  36/26  $0  demo/echo (demo)
        value: "[demo] you asked: <result name=\"vans\">\n[demo] you asked: Describe vans.\n</result>\n\n<result name=\"b .."
        success rate 1.00, 3 calls (0 retries), 44 tokens in, 43 out, cost $0
        --- stderr
        --- exit code 0
    "#]].assert_eq(&whole(&project, &["show", "@-1"]));
    expect![[r#"
        run RUN  failed  WHEN  TIME  failing.rhai
        the demo model answered 1 of 1 call
        op  flow  name  outcome  took  calls  tokens  cost  model
        0  1  vans  completed  TIME  1  4/8  $0  demo/echo (demo)
        1  1  price  failed  TIME  0  -  -
        2  1  offer  skipped  -  0  -  -
        price failed (thrown): no price list
        offer was skipped: `price` failed
        ended early (skipped): operation `offer` was skipped because `price` failed: no price list
        success rate 0.33, 1 call (0 retries), 4 tokens in, 8 out, cost $0
        --- stderr
        --- exit code 0
    "#]]
    .assert_eq(&whole(&project, &["show", "@"]));
    expect![[r#"
        WHEN  started
        WHEN  call 1 to demo/echo, 0 messages before it
        settings: {"attempts_max":3}
        <result name="vans">
        [demo] you asked: Describe vans.
        </result>

        <result name="bikes">
        [demo] you asked: Describe bikes.
        </result>

        Choose one.
        WHEN  call 1 ended, 36 tokens in, 26 out
        [demo] you asked: <result name="vans">
        [demo] you asked: Describe vans.
        </result>

        <result name="b ..
        WHEN  completed
        [demo] you asked: <result name="vans">
        [demo] you asked: Describe vans.
        </result>

        <result name="b ..
        --- stderr
        --- exit code 0
    "#]]
    .assert_eq(&whole(&project, &["show", "@-1:sum"]));
    expect![[r#"
        run RUN and run RUN of graph.rhai
        before: parameter `ask`: - → Choose one.
        operation  change  outcome  took  cost  calls  because of
        sum  prompt  completed  TIME  $0  1
        sum prompt: − Sum up.  + Choose one.
        1 of 3 operations differ, 2 are the same
        --- stderr
        --- exit code 1
    "#]]
    .assert_eq(&whole(&project, &["diff", "@-2", "@-1"]));
}
