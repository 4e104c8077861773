//! Random graphs on a model with random faults, under paused time. Every run must keep what
//! docs/architecture.md says always holds. A failing seed is printed: `KAIZEN_SEED=7 cargo test
//! faults::simulate` runs it alone.

mod check;
mod graph;
mod world;

use super::{figure, seeds};
use graph::Plan;
use kaizen::base::bounds::Bounds;
use kaizen::base::clock;
use kaizen::base::id::RunId;
use kaizen::base::rng::Rng;
use kaizen::base::strand::Strand;
use kaizen::executor::Executor;
use kaizen::executor::budget::{Budget, Tally};
use kaizen::executor::flow::FlowOptions;
use kaizen::executor::replies::reuse::Reuse;
use kaizen::executor::report::Report;
use kaizen::flow::builder::Builder;
use kaizen::flow::op::{Op, OpKind};
use kaizen::journal::Journal;
use kaizen::journal::event::Event;
use kaizen::journal::known_replies::Replies;
use kaizen::journal::lineage::Lineage;
use kaizen::journal::past::{Failures, Past};
use kaizen::model::Model;
use kaizen::model::call_error::{CallError, Retry};
use kaizen::model::limiter::ServerLimits;
use kaizen::model::provider::simulated::SimulatedModel;
use kaizen::model::reply::{Finish, Reply};
use kaizen::model::request::Settings;
use kaizen::session::Session;
use kaizen::session::branch::Branch;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;
use world::World;

/// What one simulated run has left.
struct Traced {
    plan: Plan,
    world: Rc<World>,
    /// The events with their times, as the journal would give them back.
    events: Vec<(i64, Event)>,
    /// What the flow gave, unless cancelled from outside.
    report: Option<Report>,
    resumed: Option<(Replies, Rc<Past>)>,
    /// What the run says that it has used.
    tally: Tally,
}

/// Everything that the suite has seen.
#[derive(Debug, Default)]
struct Figures {
    runs: u64,
    resumed: u64,
    operations: u64,
    faults: u64,
    budgets: u64,
    refusals: u64,
}

/// Runs a future with time that passes only while everybody waits.
fn paused<T>(future: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    tokio::task::LocalSet::new().block_on(&runtime.unwrap(), future)
}

/// Simulates one run; with `replies`, it resumes an earlier one.
async fn run(
    seed: u64,
    mut rng: Rng,
    faulty: bool,
    replies: Option<(Replies, Rc<Past>)>,
) -> Traced {
    let plan = Plan::draw(&mut rng, faulty);
    let world = World::new(seed, &plan);
    let journal = Journal::off(RunId::fresh());
    let budget = Budget::new(if plan.is_of_flow { Bounds::default() } else { plan.bounds });
    let executor = Executor::new(journal, seed, plan.concurrency).within(budget);
    let executor = Rc::new(match &replies {
        Some((replies, past)) => executor
            .reusing(Rc::new(Reuse::new(replies.clone())))
            .retelling(past.clone(), Lineage::default()),
        None => executor,
    });
    let (events, is_resumed) = (Rc::new(RefCell::new(Vec::new())), replies.is_some());
    let (listened, watching) = (events.clone(), world.clone());
    let account = executor.account().clone();
    executor.listen(Rc::new(move |at, event| {
        // Calls of a resumed run are tasks of their own, and end a turn after they are given up.
        if !is_resumed {
            watching.see(event);
        }
        check::nothing_is_left_out(&account.tally(), &watching);
        let text = serde_json::to_string(event).unwrap();
        listened.borrow_mut().push((at, serde_json::from_str::<Event>(&text).unwrap()));
    }));
    let session = Session::new(Branch::new(world.model(&plan), None).shared());
    let graph = graph::build(&plan, &executor, &mut rng);
    let options = plan.options();
    let root = Strand::root();
    let going = executor.run(&root, &graph, &session, &options);
    let report = match plan.given_up_after {
        Some(limit) => tokio::time::timeout(limit, going).await.ok().map(Result::unwrap),
        None => Some(going.await.unwrap()),
    };
    // What was given up is gone once everybody had a turn.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let events = events.take();
    let tally = executor.account().tally();
    Traced { plan, world, events, report, resumed: replies, tally }
}

/// Simulates a run, and one that continues from wherever a crash might have cut its journal.
fn simulate(seed: u64, figures: &mut Figures) {
    let faulty = !seed.is_multiple_of(5);
    let rng = || Rng::seeded(seed.wrapping_mul(0x9e37_79b9));
    let first = paused(run(seed, rng(), faulty, None));
    check::all(&first);
    figures.add(&first);
    let cut = usize::try_from(rng().below(first.events.len() as u64 + 1)).unwrap();
    let mut replies = Replies::default();
    replies.learn(&RunId::fresh(), first.events[..cut].iter().map(|(_, event)| event));
    let chain = [(&RunId::fresh(), &first.events[..cut])];
    let past = Rc::new(Past::of(chain, Failures::Told));
    let second = paused(run(seed, rng(), faulty, Some((replies, past))));
    check::all(&second);
    figures.add(&second);
    figures.resumed += 1;
    if let (false, Some(one), Some(other)) = (faulty, &first.report, &second.report) {
        let results = |report: &Report| report.to_map()["operation_results"].clone();
        assert_eq!(results(one), results(other), "a resumed run gives the same");
    }
}

impl Figures {
    fn add(&mut self, traced: &Traced) {
        self.runs += 1;
        self.faults += traced.world.faults.get();
        self.budgets += u64::from(traced.plan.bounds != Bounds::default());
        self.refusals += traced.world.refused.get();
        let ended = traced.events.iter().filter(|(_, e)| matches!(e, Event::OpEnded { .. }));
        self.operations += ended.count() as u64;
    }
}

#[test]
fn random_graphs_with_random_faults_keep_every_invariant() {
    let mut figures = Figures::default();
    for seed in seeds(400, 20_000) {
        let caught = catch_unwind(AssertUnwindSafe(|| simulate(seed, &mut figures)));
        let alone = format!("`KAIZEN_SEED={seed} cargo test faults::simulate` runs it alone");
        assert!(caught.is_ok(), "seed {seed}: {alone}");
    }
    let Figures { runs, resumed, operations, faults, budgets, refusals } = figures;
    figure(&format!(
        "simulation: {runs} runs ({resumed} of them resumed at a random event), {operations} \
         operations, {faults} faults of the model; {budgets} runs with a budget, {refusals} calls \
         refused; 0 invariants broken, 0 overshoots, 0 false stops"
    ));
}

/// A day of waiting for a server that is never ready takes no time that anybody notices.
#[test]
fn a_day_of_back_off_passes_in_no_time() {
    const PAUSE: Duration = Duration::from_secs(100);
    let tries = Rc::new(Cell::new(0_u32));
    let counted = tries.clone();
    let busy = SimulatedModel::new(move |_| {
        let text = if counted.get() < 864 { None } else { Some("at last".to_owned()) };
        counted.set(counted.get() + 1);
        Box::pin(async move {
            let text = text.ok_or_else(|| CallError::RateLimited {
                status: 429,
                retry: Retry::After(PAUSE),
                message: "not yet".to_owned(),
            })?;
            Ok(Reply {
                said: text.into(),
                finish: Some(Finish::Stop),
                usage: None,
                served_by: None,
            })
        })
    });
    let settings = Settings { attempts_max: Some(2000), ..Settings::default() };
    let model = Model::simulated("sim/busy", settings, ServerLimits::default(), None, busy);
    let mut builder = Builder::new("day");
    builder.add(Op::new("patient", OpKind::Chat(Box::default())), &[]);
    let graph = builder.build().unwrap();
    let (began, wall) = (std::time::Instant::now(), Cell::new(Duration::ZERO));
    let report = paused(async {
        let executor = Executor::new(Journal::off(RunId::fresh()), 1, None);
        let session = Session::new(Branch::new(model, None).shared());
        let before = clock::monotonic();
        let report =
            executor.run(&Strand::root(), &graph, &session, &FlowOptions::default()).await.unwrap();
        wall.set(clock::monotonic().saturating_sub(before));
        report
    });
    assert_eq!((report.names("completed"), tries.get()), (vec!["patient"], 865));
    assert!(wall.get() >= Duration::from_hours(24), "{:?}", wall.get());
    figure(&format!(
        "back-off: {:.1} h simulated in {:?}",
        wall.get().as_secs_f64() / 3600.0,
        began.elapsed()
    ));
}
