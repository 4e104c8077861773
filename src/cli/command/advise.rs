//! `kaizen advise TASK`: which pattern would be chosen now for a task type, and why.

use crate::base::rng::Rng;
use crate::base::unit::Money;
use crate::base::visible::{hanging, on_one_line};
use crate::cli::app::damage;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::command::compare::verdict::{self, LastTest};
use crate::cli::command::patterns::{self, judged};
use crate::cli::render::paint::{self, Mood};
use crate::cli::render::{standing, table, time};
use crate::cli::{Global, print_data, print_line, say};
use crate::optimizer::Optimizer;
use crate::optimizer::choice::policy;
use crate::optimizer::choice::policy::{Policy, RankedPattern, Recommendation};
use crate::optimizer::choice::recommendation::{Manner, percent, tested_sentence};
use crate::optimizer::evidence::knowledge::Knowledge;
use crate::optimizer::evidence::pattern::TaskType;
use crate::optimizer::learner::{Objective, Scale};
use serde_json::{Value, json};
use std::rc::Rc;

/// How alike two names are, from 0 to 1, when one may be a misspelling of the other.
const ALIKE: f64 = 0.85;

/// The options of `advise`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Task type.
    task: String,
    /// Patterns to choose from. Defaults to those recorded for this task type or its group.
    #[arg(long, value_name = "PATTERN,..", value_delimiter = ',')]
    among: Vec<String>,
    /// Explain the choice and show the alternatives.
    #[arg(long)]
    explain: bool,
    /// What counts: balanced, quality, speed, cost, or weights such as quality=.8,cost=.2.
    #[arg(long, value_name = "OBJECTIVE", default_value = "balanced")]
    objective: String,
    /// Choose the best known pattern, without exploration.
    #[arg(long)]
    best: bool,
}

/// Chooses, and tells why.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let knowledge = match project.existing_store()? {
        Some(store) => Knowledge::read(store),
        None => Knowledge::in_memory()?,
    };

    let objective = match Objective::parse(&arguments.objective) {
        Ok(objective) => objective,
        Err(reason) => {
            say(&format!("error: --objective: {reason}"));
            return Ok(Exit::Usage);
        }
    };
    let manner = Manner { never_explores: arguments.best, ..Manner::default() };
    let seed = Rng::from_entropy().next_u64();
    let demo = project.config.learn_from_demo() || knowledge.counts_demo()?;
    let knowledge = Rc::new(knowledge);
    let optimizer = Optimizer::new(knowledge.clone(), Policy::default(), demo)
        .choosing(objective, manner, seed);

    let mut found = optimizer.recommend(&arguments.task, &arguments.among)?;
    let task = TaskType::new(&arguments.task)?;
    let scale = optimizer.scale(&task)?;
    let objective = optimizer.objective(&task)?;
    let tested = match project.existing_store()? {
        Some(store) => verdict::last(&store, &arguments.task)?,
        None => None,
    };
    let is_tested = tested
        .as_ref()
        .is_some_and(|tested| settle(&mut found, &task, tested, &objective.describe()));
    damage::tell_knowledge(&knowledge);
    if let Some(notice) = optimizer.take_notice() {
        say(notice);
    }

    if global.json {
        print_data(data(&arguments.task, &found, &objective, &scale));
        return Ok(Exit::Ok);
    }

    if let Some(note) = unknown(&arguments.task, &knowledge)?
        && !global.quiet
    {
        say(&note);
    }

    if !demo && !global.quiet && knowledge.cells(&task)?.is_empty() {
        patterns::tell_uncounted(knowledge.demo_count()?);
    }

    print_line(&paint::out(&on_one_line(found.pattern.as_str()), mood(&found)));
    if !arguments.explain {
        if !global.quiet {
            let objective = objective.describe();
            say(&format!(
                "{}; objective: {objective} (`--explain` shows the details)",
                hanging(&found.reason)
            ));
        }
        return Ok(Exit::Ok);
    }

    say(&hanging(&found.reason));
    if let Some(tested) = tested {
        say(&paint::err(&tested.sentence(), tested.mood()));
    }
    if let Some(judged) = judged(&optimizer.verdicts(&task)?) {
        say(&on_one_line(&judged));
    }
    tell_objective(&objective, &scale);
    tell_ranking(found, is_tested);
    Ok(Exit::Ok)
}

/// Tells how the chosen pattern does, as far as that is known.
fn mood(found: &Recommendation) -> Mood {
    let Some(ranked) = &found.ranked else { return Mood::Doubtful };
    patterns::mood_of(ranked).unwrap_or(Mood::Good)
}

/// Says what counts, and at which times and costs the reward is halved.
fn tell_objective(objective: &Objective, scale: &Scale) {
    say(&format!("objective: {}", objective.describe()));

    let halves = [
        (objective.time > 0.0).then(|| format!("for speed at {}", time::short(scale.time_half))),
        (objective.cost > 0.0).then(|| format!("for thrift at {}", dollars(scale.cost_half))),
    ];
    let halves: Vec<String> = halves.into_iter().flatten().collect();
    if !halves.is_empty() {
        say(&format!("the reward is halved {}", halves.join(", ")));
    }
}

/// Shows all patterns, the best first: as a picture and as a table.
fn tell_ranking(found: Recommendation, is_tested: bool) {
    let mut all: Vec<RankedPattern> = found.ranked.into_iter().chain(found.alternatives).collect();
    policy::order(&mut all);
    if all.is_empty() {
        return;
    }

    // What was never tried has no place in the picture: it may be anywhere.
    let known: Vec<RankedPattern> = all.iter().filter(|one| !one.is_unknown()).cloned().collect();
    if !known.is_empty() {
        say(&standing::plot(&known));
    }

    let head = [
        "  pattern",
        ">score",
        if is_tested { ">interval" } else { ">90 %" },
        ">best",
        ">n",
        ">success",
        "note",
    ];
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    say(&table::render(&head, &rows));
}

/// Tells a choice in the figures of the last comparison, if that has seen the same executions.
fn settle(found: &mut Recommendation, task: &TaskType, tested: &LastTest, objective: &str) -> bool {
    let Some(chosen) = found.ranked.take() else { return false };
    let name = chosen.pattern.clone();
    let mut all = vec![chosen];
    all.append(&mut found.alternatives);

    let is_settled = tested.settle(&mut all, objective);
    let place = all.iter().position(|one| one.pattern == name).unwrap_or(0);
    let chosen = all.remove(place);
    if is_settled {
        let run = tested.run().to_string();
        found.reason = tested_sentence(task, &chosen, &all, (found.probability, &run));
    }
    found.ranked = Some(chosen);
    found.alternatives = all;
    is_settled
}

fn row(one: &RankedPattern) -> Vec<String> {
    let pattern = format!("  {}", one.pattern);
    if one.is_unknown() {
        let dashes = ["-", "-", "-", "0", "-"].map(str::to_owned);
        return [vec![pattern], dashes.to_vec(), vec!["never tried".to_owned()]].concat();
    }

    vec![
        pattern,
        format!("{:.2}", one.score),
        format!("{:.2}-{:.2}", one.interval.low, one.interval.high),
        percent(one.best),
        one.cell.n.to_string(),
        one.cell.success_rate().map_or("-".into(), |rate| format!("{:.0} %", 100.0 * rate)),
        if one.avoided { "better avoided".to_owned() } else { String::new() },
    ]
}

/// Says that nothing was recorded for a task type while other ones are known, with the one of the nearest
/// name: it may be misspelt.
fn unknown(task: &str, knowledge: &Knowledge) -> anyhow::Result<Option<String>> {
    let known: Vec<String> = knowledge.all()?.keys().map(ToString::to_string).collect();
    if known.is_empty() || known.iter().any(|name| name == task) {
        return Ok(None);
    }

    let alike = |name: &&String| strsim::jaro_winkler(name, task);
    let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    let nearest = nearest.filter(|name| alike(name) > ALIKE);

    let hint = nearest.map_or_else(
        || format!("known task types: {}", known.join(", ")),
        |name| format!("did you mean `{name}`?"),
    );
    Ok(Some(format!("nothing was recorded for `{task}`; {hint}")))
}

fn dollars(amount: f64) -> Money {
    Money::from_dollars(amount).unwrap_or_default()
}

/// Returns a choice as data.
fn data(task: &str, found: &Recommendation, objective: &Objective, scale: &Scale) -> Value {
    let others: Vec<_> = found
        .alternatives
        .iter()
        .map(|one| {
            json!({
                "pattern": one.pattern.as_str(), "score": one.score,
                "interval": [one.interval.low, one.interval.high], "n": one.cell.n,
                "best": one.best, "avoided": one.avoided,
            })
        })
        .collect();

    json!({
        "task_type": task, "pattern": found.pattern.as_str(),
        "probability": found.probability, "explored": found.explored, "guess": found.guess,
        "score": found.ranked.as_ref().map(|one| one.score),
        "interval": found.ranked.as_ref().map(|one| [one.interval.low, one.interval.high]),
        "n": found.ranked.as_ref().map_or(0, |one| one.cell.n),
        "best": found.ranked.as_ref().and_then(|one| one.best),
        "avoided": found.ranked.as_ref().is_some_and(|one| one.avoided),
        "objective": objective.describe(),
        "scale": { "time_half": scale.time_half, "cost_half": scale.cost_half },
        "reason": found.reason, "alternatives": others,
    })
}
