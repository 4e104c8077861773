//! Servers that take only so many calls at once, under paused time: what finding that out costs, and
//! what it saves.

use super::figure;
use futures::stream::{self, StreamExt};
use kaizen::base::clock;
use kaizen::base::rng::Rng;
use kaizen::executor::retry::pause;
use kaizen::model::Model;
use kaizen::model::call_error::{CallError, Retry};
use kaizen::model::limiter::ServerLimits;
use kaizen::model::message::{Message, Role};
use kaizen::model::provider::simulated::SimulatedModel;
use kaizen::model::reply::{Finish, Reply, Usage};
use kaizen::model::request::{Request, Settings};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// Calls in one simulated flow, and how many of them it makes at once.
const CALLS: usize = 600;
const AT_ONCE: usize = 64;
/// Tries that the simulated calls have: enough, so that what differs is time and refusals.
const TRIES: u32 = 500;

/// A server that takes this many calls at once; the number may change with the time (seconds).
#[derive(Clone)]
struct Load {
    capacity: Rc<dyn Fn(f64) -> usize>,
    retry_after: Option<Duration>,
    /// Most calls in each second of its clock, and how many it took in the one that is running.
    per_second: usize,
    taken: Rc<Cell<(u64, usize)>>,
    in_flight: Rc<Cell<usize>>,
    refused: Rc<Cell<u64>>,
    rng: Rc<RefCell<Rng>>,
}

impl Load {
    fn new(capacity: impl Fn(f64) -> usize + 'static, retry_after: Option<Duration>) -> Load {
        Load {
            capacity: Rc::new(capacity),
            retry_after,
            per_second: usize::MAX,
            taken: Rc::default(),
            in_flight: Rc::default(),
            refused: Rc::default(),
            rng: Rc::new(RefCell::new(Rng::seeded(5))),
        }
    }

    /// Tells whether the rate allows one more call, and counts it.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds")]
    fn takes(&self, now: f64) -> bool {
        let (second, taken) = self.taken.get();
        let taken = if second == now as u64 { taken } else { 0 };
        self.taken.set((now as u64, taken + 1));
        taken < self.per_second
    }

    /// A model on this server, with a limiter of its own.
    fn model(&self, began: Duration, max_concurrent: Option<u32>) -> Model {
        let load = self.clone();
        let speaker = SimulatedModel::new(move |_| {
            let load = load.clone();
            Box::pin(async move {
                let now = clock::monotonic().saturating_sub(began).as_secs_f64();
                if load.in_flight.get() >= (load.capacity)(now) || !load.takes(now) {
                    load.refused.set(load.refused.get() + 1);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    let retry = load.retry_after.map_or(Retry::Backoff, Retry::After);
                    let message = "busy".to_owned();
                    let error = CallError::RateLimited { status: 429, retry, message };
                    return Err(error.into());
                }
                load.in_flight.set(load.in_flight.get() + 1);
                let took = 150.0 + 100.0 * load.rng.borrow_mut().unit();
                tokio::time::sleep(Duration::from_secs_f64(took / 1000.0)).await;
                load.in_flight.set(load.in_flight.get() - 1);
                let (text, usage) = ("ok".to_owned(), Some(Usage::default()));
                Ok(Reply { said: text.into(), finish: Some(Finish::Stop), usage, served_by: None })
            })
        });
        let limits = ServerLimits { max_concurrent, ..ServerLimits::default() };
        Model::simulated("sim/load", Settings::default(), limits, None, speaker)
    }
}

/// Makes one call as the executor does: again after a pause, as long as that may help.
async fn call(model: &Model, rng: &RefCell<Rng>) {
    let messages = vec![Message::new(Role::User, "?")];
    let request = Request::new(messages, Settings::default(), None);
    for attempt in 1.. {
        let Err(error) = model.call(&request).await.result else { return };
        assert_ne!(error.retry(), Retry::Never, "{error}");
        let wait = pause(&error, attempt.min(3), TRIES, None, &mut rng.borrow_mut());
        tokio::time::sleep(wait.expect("another try")).await;
    }
}

/// How the calls find out how many at once the server takes.
#[derive(Clone, Copy)]
enum Way {
    /// All of one limiter, which finds it out.
    Tuned,
    /// Each for itself.
    Blind,
    /// By a number that a person knows.
    Fixed(u32),
}

/// Makes all calls; gives the seconds it took, and the refusals.
fn run(load: &Load, way: Way) -> (f64, u64) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let (began, rng) = (clock::monotonic(), RefCell::new(Rng::seeded(9)));
        let shared = match way {
            Way::Fixed(limit) => load.model(began, Some(limit)),
            Way::Tuned | Way::Blind => load.model(began, None),
        };
        let calls = (0..CALLS).map(|_| async {
            match way {
                Way::Blind => call(&load.model(began, None), &rng).await,
                Way::Tuned | Way::Fixed(_) => call(&shared, &rng).await,
            }
        });
        stream::iter(calls).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
        let took = clock::monotonic().saturating_sub(began);
        (took.as_secs_f64(), load.refused.get())
    })
}

#[test]
fn what_a_server_takes_at_once_is_found_out() {
    let second = Some(Duration::from_secs(1));
    let dip = |now: f64| if (3.0..8.0).contains(&now) { 4 } else { 48 };
    let servers: [(&str, Load, u32); 7] = [
        ("4 at once", Load::new(|_| 4, None), 4),
        ("4 at once, `Retry-After: 1`", Load::new(|_| 4, second), 4),
        ("16 at once", Load::new(|_| 16, None), 16),
        ("16 at once, `Retry-After: 1`", Load::new(|_| 16, second), 16),
        ("20 a second", Load { per_second: 20, ..Load::new(|_| 1000, None) }, 4),
        ("any number", Load::new(|_| 1000, None), 64),
        ("48 at once, 4 from second 1 to 6", Load::new(move |now| dip(now + 2.0), None), 48),
    ];
    for (name, load, known) in servers {
        let fresh = || Load {
            refused: Rc::default(),
            in_flight: Rc::default(),
            taken: Rc::default(),
            ..load.clone()
        };
        let (tuned, tuned_refused) = run(&fresh(), Way::Tuned);
        let (blind, blind_refused) = run(&fresh(), Way::Blind);
        let (fixed, fixed_refused) = run(&fresh(), Way::Fixed(known));
        figure(&format!(
            "| {name} | {fixed:.1} s, {fixed_refused} | {tuned:.1} s, {tuned_refused} | {blind:.1} s, {blind_refused} |"
        ));
        // A number in flight is no good way to keep a rate; `requests_per_minute` is.
        let most = if name == "20 a second" { 3.0 } else { 1.5 };
        assert!(tuned <= most * fixed + 0.5, "{name}: {tuned} s, and {fixed} s with a known limit");
        if blind_refused > 0 {
            assert!(tuned_refused * 2 < blind_refused, "{name}: {tuned_refused}, {blind_refused}");
        }
    }
}
