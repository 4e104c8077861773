//! Recommending: which pattern to use, and why.

use super::define::def;
use super::optimizer_handle::{OptimizerHandle, raise, read_among};
use super::run::as_float;
use crate::base::failure::{Failure, Kind};
use crate::base::json::digest;
use crate::base::strand::Spot;
use crate::journal::event::Event;
use crate::journal::inquiry::{Inquiry, Topic};
use crate::optimizer::choice::note::Note;
use crate::optimizer::choice::policy::{Policy, RankedPattern, Recommendation};
use crate::optimizer::choice::recommendation::Manner;
use crate::optimizer::evidence::feature::Features;
use crate::optimizer::learner::{Constraints, Objective};
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw};
use crate::script::host::known_map::{self, KnownMap};
use crate::script::host::options::Options;
use crate::script::host::{convert, shape, tasks};
use crate::store::StoreError;
use rhai::{Dynamic, Engine, Map};
use serde_json::{Value, json};
use std::rc::Rc;

/// Characters of a name for what would be long.
const SHORT: usize = 8;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "recommend_pattern(optimizer: optimizer, task_type: string) -> string",
        r#"
        Returns the pattern to use for a task type, or "direct" if nothing is known. It is the
        `pattern` of `recommend`, which also gives the reason.
        ```rhai
        print(optimizer(#{ memory: true }).recommend_pattern("analysis"));
        ```
        "#,
        move |o: &mut OptimizerHandle, task: &str| {
            let found = recommend(&inner, o, task, &o.among, &Features::default())?;
            Ok::<_, EvalError>(found["pattern"].as_str().unwrap_or_default().to_owned())
        },
    );

    let inner = host.clone();
    def(
        engine,
        "recommend(optimizer: optimizer, task_type: string) -> map",
        r#"
        Returns the pattern to use, and why: `#{ pattern, score, interval, n, reason, guess, best,
        probability, explored, changed, task_type, alternatives }`. `interval` contains the true
        score with a probability of 90 %. `guess` is true if there is too little evidence. `best` is
        the probability that the pattern is the best of those to choose from. `probability` is the
        probability that it was chosen, which is different: a pattern that is rarely the best is
        tried even less often. `explored` is true if another pattern seems better and this one was
        chosen to learn more. `alternatives` are the other patterns with the same figures, best
        first. A pattern that was never tried counts as neither the best nor the worst: its `best` is `()`, and it comes
        after the others. `#{ among: ["direct", "vote"] }` restricts the choice to these patterns. `changed` is the last
        detected change, `#{ from, to, at }` with the mean scores and the time in milliseconds since 1970, or `()`.

        `of` describes the input with at most four features: `#{ of: #{ length: text.len, lang: "de"
        } }`. A number is divided into fifths of its first 100 values, once there are ten; a word is
        used as it is. The choice is then made for the task type `qa/lang:de/length:2`
        (`task_type`), which shares the evidence of the group `qa`. Pass the same `of` to
        `record_execution`; `run` takes it too. The choice is journaled, so that a resumed or
        replayed run repeats it.
        ```rhai
        let o = optimizer(#{ memory: true });
        for i in 0..3 { o.record_execution("qa", "direct", #{ success_rate: 1.0, score: 0.4 }); }
        for i in 0..3 { o.record_execution("qa", "vote", #{ success_rate: 1.0, score: 0.9 }); }
        print(o.recommend("qa").reason);
        ```
        "#,
        move |o: &mut OptimizerHandle, task: &str| {
            recommend(&inner, o, task, &o.among, &Features::default()).map(record)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "recommend(optimizer: optimizer, task_type: string, options: map) -> map",
        "",
        move |o: &mut OptimizerHandle, task: &str, map: Map| {
            let mut options = Options::of("recommend", map).map_err(|e| throw(&e))?;
            let among = read_among(&mut options).map_err(|e| throw(&e))?;
            let among = if among.is_empty() { o.among.clone() } else { among };

            let of = read_of(&mut options).map_err(|e| throw(&e))?;
            recommend(&inner, o, task, &among, &of).map(record)
        },
    );
}

/// Recommends a pattern, or tells what the recorded run was told.
fn recommend(
    host: &Rc<Inner>,
    o: &OptimizerHandle,
    task: &str,
    among: &[String],
    of: &Features,
) -> Result<Value, EvalError> {
    let mut about = format!("{task}{}", among_short(among));
    if !of.is_empty() {
        about += &format!(" of {}", &digest(&of.to_map())[..SHORT]);
    }
    choose_once(host, o, Inquiry::About(Topic::Recommend, about), (task, among, of), None)
        .map(|choice| choice.value)
}

/// Makes a recommendation a map for scripts.
fn record(found: Value) -> Dynamic {
    KnownMap::of_shape(&shape::RECOMMENDATION, found)
}

/// A choice as scripts are told it.
pub(super) struct ScriptChoice {
    pub(super) value: Value,
    /// The name under which the execution is recorded once, if it was to have one.
    pub(super) execution: Option<String>,
    /// Whether the recorded run has made it.
    pub(super) is_known: bool,
}

/// Names patterns to choose from, in few characters.
pub(super) fn among_short(among: &[String]) -> String {
    if among.is_empty() { String::new() } else { format!(" among #{}", &digest(&among)[..SHORT]) }
}

/// Makes a choice, of which the journal keeps a note, with the name of its execution; or makes the one
/// again that was made at this place in the recorded run.
pub(super) fn choose_once(
    host: &Rc<Inner>,
    o: &OptimizerHandle,
    what: Inquiry,
    (task, among, of): (&str, &[String], &Features),
    execution: Option<&str>,
) -> Result<ScriptChoice, EvalError> {
    let executor = host.executor();
    let strand = &tasks::current().strand;
    // Questions differ, so which question of its kind this is says nothing of how often was chosen.
    o.optimizer.reseed(&strand.count(&"choice"));
    let (at, known) = executor.recall(strand, &what);
    let is_known = known.is_some();

    let (kept, advice) = match known {
        None => {
            let advice = o.optimizer.choose(task, of, among).map_err(|error| raise(host, error))?;
            let mut kept = advice.note.to_value();
            if let Some(name) = execution {
                kept["execution"] = name.into();
            }
            (kept, Some(advice))
        }
        Some(kept) => {
            let again = |note| o.optimizer.choose_again(task, of, among, note);
            // Earlier versions kept the whole, which is no note.
            let advice = Note::read(&kept).map(again).transpose();
            (kept, advice.map_err(|error| raise(host, error))?)
        }
    };

    let told = Event::EffectEnded { what, value: kept.clone(), at: Some(at) };
    executor.note(&told).map_err(|error| host.raise(error.into()))?;
    tell_of_store(host, o);

    let execution = kept["execution"].as_str().map(str::to_owned);
    let Some(advice) = advice else { return Ok(ScriptChoice { value: kept, execution, is_known }) };
    let mut value = recommendation(&advice.found);
    value["best"] = value["best"].as_f64().or(advice.note.best).into();
    value["task_type"] = advice.task_type.as_str().into();
    Ok(ScriptChoice { value, execution, is_known })
}

/// Says once that something was found out without what cannot be read, and what there is to say about
/// the store.
fn tell_of_store(host: &Rc<Inner>, o: &OptimizerHandle) {
    if let Some(notice) = o.optimizer.take_notice() {
        host.note(notice);
    }

    if o.optimizer.has_damage() {
        host.note(
            "some learned data cannot be read; the rest was used. `kaizen doctor` lists the damage",
        );
    }
}

/// Reads what is known of an input beforehand.
pub(super) fn read_of(options: &mut Options) -> Result<Features, Failure> {
    let given = options.value("of")?;
    let features = given.as_ref().map(Features::read).transpose();
    let features = features.map_err(|error| Failure::new(Kind::Option, error.to_string()))?;
    Ok(features.unwrap_or_default())
}

/// Finds something out that a later run could not find out again, and journals it.
pub(super) fn journaled(
    host: &Rc<Inner>,
    o: &OptimizerHandle,
    what: Inquiry,
    find: impl FnOnce(&Spot) -> Result<Value, EvalError>,
) -> Result<Value, EvalError> {
    let broken = |error: StoreError| host.raise(error.into());
    let strand = &tasks::current().strand;
    let (found, _) = host.executor().find_once(strand, what, find, broken)?;
    tell_of_store(host, o);
    Ok(found)
}

fn recommendation(found: &Recommendation) -> Value {
    let mut value = found.ranked.as_ref().map_or_else(|| json!({ "n": 0 }), figures);
    value["pattern"] = found.pattern.as_str().into();
    value["reason"] = found.reason.as_str().into();
    value["guess"] = found.guess.into();
    value["probability"] = found.probability.into();
    value["explored"] = found.explored.into();
    value["alternatives"] = found.alternatives.iter().map(figures).collect();

    value
}

/// How an optimizer chooses, as its options say.
pub(super) struct RecommendOptions {
    pub(super) policy: Policy,
    pub(super) objective: Option<Objective>,
    pub(super) manner: Manner,
    pub(super) seed: Option<u64>,
}

/// Reads how an optimizer is to choose.
pub(super) fn read_manner(options: &mut Options) -> Result<RecommendOptions, Failure> {
    let policy = options.word("policy")?;
    let scoring = options.word("scoring")?;
    if policy.is_some() && scoring.is_some() {
        return Err(options.wrong("scoring", "is the older name of `policy`; give one of them"));
    }

    let policy = policy.or(scoring).and_then(|word| Policy::parse(&word)).unwrap_or_default();

    let objective = read_objective(options)?;
    let within = match inner(options, "constraints")? {
        None => Constraints::default(),
        Some(mut map) => Constraints {
            p95_time: amount(&mut map, "p95_time")?,
            max_cost: amount(&mut map, "max_cost")?,
            min_success: amount(&mut map, "min_success")?,
        },
    };

    let explores = options.take("explore").map(|value| {
        let wrong = |name| options.wrong("explore", &format!("must be true or false, not {name}"));
        value.as_bool().map_err(wrong)
    });

    let never_explores = !explores.transpose()?.unwrap_or(true);
    let seed = options.count("seed")?;

    Ok(RecommendOptions { policy, objective, manner: Manner { within, never_explores }, seed })
}

/// Reads what an execution is worth, if that is said.
pub(super) fn read_objective(options: &mut Options) -> Result<Option<Objective>, Failure> {
    let Some(value) = options.take("objective") else { return Ok(None) };
    if let Ok(word) = value.clone().into_string() {
        let wrong = |reason: String| options.wrong("objective", &format!("is wrong: {reason}"));
        return Objective::parse(&word).map_err(wrong);
    }

    let name = convert::type_name(&value);
    let wrong = || options.wrong("objective", &format!("must be a map or a word, not {name}"));
    let map = &mut Options::of("objective", value.try_cast::<Map>().ok_or_else(wrong)?)?;
    let objective = Objective {
        quality: amount(map, "quality")?.unwrap_or(0.0),
        time: amount(map, "time")?.unwrap_or(0.0),
        cost: amount(map, "cost")?.unwrap_or(0.0),
        time_half: amount(map, "time_half")?,
        cost_half: amount(map, "cost_half")?,
    };

    if [objective.time_half, objective.cost_half].into_iter().flatten().any(|half| half <= 0.0) {
        return Err(map.wrong("time_half", "and `cost_half` must be above 0"));
    }

    let none = || map.wrong("quality", "`time` or `cost` must have a weight above 0");
    objective.normalized().ok_or_else(none).map(Some)
}

/// Takes an option that is a map of options itself.
fn inner(options: &mut Options, key: &'static str) -> Result<Option<Options>, Failure> {
    let Some(value) = options.take(key) else { return Ok(None) };
    let name = convert::type_name(&value);
    let wrong = || options.wrong(key, &format!("must be a map, not {name}"));
    Options::of(key, known_map::as_map(&value).ok_or_else(wrong)?).map(Some)
}

/// Takes a number from 0 up.
fn amount(options: &mut Options, key: &'static str) -> Result<Option<f64>, Failure> {
    let Some(value) = options.take(key) else { return Ok(None) };
    let number = value.as_float().or_else(|_| value.as_int().map(as_float)).ok();
    let found = number.filter(|number| number.is_finite() && *number >= 0.0);
    found.map(Some).ok_or_else(|| options.wrong(key, "must be a number from 0 up"))
}

/// Returns what is known of a pattern as data.
pub(super) fn figures(ranked: &RankedPattern) -> Value {
    let cell = &ranked.cell;
    json!({
        "pattern": ranked.pattern.as_str(),
        "score": ranked.score,
        "interval": [ranked.interval.low, ranked.interval.high],
        "n": cell.n,
        "success_rate": cell.success_rate(),
        "quality": cell.score.mean(),
        "execution_time": cell.time.mean(),
        "cost": cell.cost.mean(),
        "tokens": cell.tokens.mean(),
        "best": ranked.best,
        "changed": ranked.shift.map(|shift| json!({ "from": shift.from, "to": shift.to, "at": shift.at })),
        "avoided": ranked.avoided,
    })
}
