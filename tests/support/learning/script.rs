//! The same through scripts: `o.run` chooses, executes, judges and records, and `o.compare` compares.

use kaizen::base::id::RunId;
use kaizen::executor::Executor;
use kaizen::journal::Journal;
use kaizen::model::registry::Models;
use kaizen::script::host::permission::Permissions;
use kaizen::script::{Host, OPERATIONS_MAX, Surroundings};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Patterns that are right as often as the parameter `rates` says, judged right or wrong, run by `o.run`.
/// Gives the share of right answers lost, summed up, against the best of them.
const RUN: &str = r#"
    fn way(rate) { |n| random() < rate }

    let o = optimizer(#{ memory: true, learn_from_demo: true });
    let rates = param("rates");
    let best = 0.0;
    let ways = #{};
    let of = #{};
    for (rate, i) in rates {
        ways[`p${i}`] = way(rate);
        of[`p${i}`] = rate;
        if rate > best { best = rate; }
    }
    let lost = 0.0;
    for n in 0..param("choices") {
        lost += best - of[o.run("t", ways, n, #{ judge: |right| right }).pattern];
    }
    lost
"#;

/// Compares two patterns that are right as often as `rates` says, or, where `graded` is above 0, have
/// scores around them that are spread so far, and fail now and then.
const COMPARE: &str = r#"
    fn way(rate) {
        let spread = param("graded");
        let fails = param("fails");
        |n| if spread > 0.0 {
            if random() < fails { 0.0 } else { rate + spread * (random() - 0.5) }
        } else {
            if random() < rate { 1.0 } else { 0.0 }
        }
    }

    let o = optimizer(#{ memory: true, objective: #{ quality: 1 } });
    let rates = param("rates");
    let inputs = (0..param("inputs")).to_array();
    let ways = #{ a: way(rates[0]), b: way(rates[1]) };
    o.compare("t", ways, inputs, #{
        judge: |score| score, warm_up: 0, record: false, min_effect: 0.0001, branch: branch("demo/echo"),
    })
"#;

/// Runs a script within this process, with parameters, and returns its value.
pub(crate) fn run(script: &str, params: &Value, seed: u64) -> Value {
    let executor = Rc::new(Executor::new(Journal::off(RunId::fresh()), seed, None));
    let folder = std::env::temp_dir();
    let host = Host::new(Surroundings {
        executor,
        models: Rc::new(Models::new(BTreeMap::new(), None, 1, |_| None)),
        servers: kaizen::mcp::Servers::none(),
        permissions: Permissions::all(),
        root: folder.clone(),
        script: folder.join("simulated.rhai"),
        params: params.as_object().cloned().unwrap_or_else(Map::new),
        print: Rc::new(|_| {}),
        say: Rc::new(|_| {}),
        interrupted: std::sync::Arc::default(),
        store: None,
        learn_from_demo: false,
        operations_max: OPERATIONS_MAX,
        state: kaizen::script::State::default(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let local = tokio::task::LocalSet::new();

    local.block_on(&runtime.expect("a runtime"), async {
        let program = host.compile(script).unwrap_or_else(|error| panic!("{error:?}"));
        host.run(&program).await.unwrap_or_else(|error| panic!("{error:?}"))
    })
}

/// What is lost, in right answers, when patterns of such rates are chosen by `o.run`.
pub(crate) fn lost(rates: &[f64], choices: u32, seed: u64) -> f64 {
    let params = serde_json::json!({ "rates": rates, "choices": choices });
    run(RUN, &params, seed).as_f64().expect("a number")
}

/// What `o.compare` finds of two patterns.
pub(crate) fn compare(rates: [f64; 2], graded: f64, fails: f64, inputs: u32, seed: u64) -> Value {
    let params = serde_json::json!({
        "rates": rates, "graded": graded, "fails": fails, "inputs": inputs,
    });
    run(COMPARE, &params, seed)
}
