//! `kaizen patterns [TASK]`: what was learned, the best pattern of each task type first.

use crate::base::count::counted;
use crate::base::own;
use crate::base::unit::Money;
use crate::base::visible::{on_one_line, shown_path};
use crate::cli::app::damage;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::command::compare::verdict;
use crate::cli::render::paint::{self, Mood};
use crate::cli::render::standing;
use crate::cli::render::table::{self, PrintedRow};
use crate::cli::{Global, print_data, print_line, say};
use crate::optimizer::Optimizer;
use crate::optimizer::choice::policy::{Policy, RankedPattern, SAMPLES_MIN};
use crate::optimizer::choice::recommendation::{Manner, percent};
use crate::optimizer::evidence::knowledge::Knowledge;
use crate::optimizer::evidence::knowledge::amendment::VerdictCount;
use crate::optimizer::evidence::pattern::TaskType;
use crate::optimizer::learner::Objective;
use crate::store::Reader;
use anyhow::Context;
use serde_json::json;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The probability from which a pattern is surely the best.
const SURE: f64 = 0.95;

/// The options of `patterns`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Show only this task type.
    task: Option<String>,
    /// Write an SVG with the interval of each pattern and the learning curve. Needs a task type.
    #[arg(long, value_name = "FILE", requires = "task")]
    svg: Option<PathBuf>,
    /// What counts: balanced, quality, speed, cost, or weights such as quality=.8,cost=.2.
    #[arg(long, value_name = "OBJECTIVE", default_value = "balanced")]
    objective: String,
    /// Draw the intervals even if stdout is not a terminal.
    #[arg(long)]
    plot: bool,
}

/// Shows what was learned.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let Some(store) = project.existing_store()? else {
        say(&format!("nothing learned yet in `{}`", shown_path(&project.root)));
        return Ok(Exit::Ok);
    };

    let objective = match Objective::parse(&arguments.objective) {
        Ok(objective) => objective,
        Err(reason) => {
            say(&format!("error: --objective: {reason}"));
            return Ok(Exit::Usage);
        }
    };

    let knowledge = Rc::new(Knowledge::read(store));
    let demo = project.config.learn_from_demo() || knowledge.counts_demo()?;
    let optimizer = Optimizer::new(knowledge.clone(), Policy::default(), demo);
    let optimizer = match objective {
        None => optimizer,
        given => optimizer.choosing(given, Manner::default(), 0),
    };
    let mut all = knowledge.all()?;
    let from_demo = knowledge.demo_count()?;

    if let Some(task) = &arguments.task {
        // The names are taken before `retain` drops them.
        let known: Vec<String> = all.keys().map(ToString::to_string).collect();
        let task = TaskType::new(task)?;
        all.retain(|known, _| *known == task);
        if all.is_empty() {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            say(&format!("nothing is known about `{task}`; known task types: {known}"));
            tell_uncounted(if demo { 0 } else { from_demo });
            return Ok(Exit::Usage);
        }
    }

    if all.is_empty() {
        say("nothing learned yet: record executions with `optimizer().record_execution(..)`");
    }

    let store = project.existing_store()?;
    for (number, task) in all.into_keys().enumerate() {
        if number > 0 && !global.json {
            print_line("");
        }
        show_task(global, arguments, (&optimizer, store.as_ref()), &task)?;
    }

    damage::tell_knowledge(&knowledge);
    if !demo && !global.json {
        tell_uncounted(from_demo);
    }
    Ok(Exit::Ok)
}

/// Says that what the demo model did is left out, if it did anything.
pub(in crate::cli) fn tell_uncounted(from_demo: u64) {
    if from_demo > 0 {
        let observations = counted(from_demo, "observation", "observations");
        say(&format!(
            "not counted: {observations} from the demo model (set `learn_from_demo = true` under \
             `[optimizer]` to count them)"
        ));
    }
}

/// Shows what was learned of one task type.
fn show_task(
    global: &Global,
    arguments: &Arguments,
    (optimizer, store): (&Optimizer, Option<&Reader>),
    task: &TaskType,
) -> anyhow::Result<()> {
    let mut ranked = optimizer.standings(task)?;
    let objective = optimizer.objective(task)?.describe();
    let tested = match store {
        Some(store) => verdict::last(store, task.as_str())?,
        None => None,
    };
    let is_tested = tested.as_ref().is_some_and(|tested| tested.settle(&mut ranked, &objective));

    if let Some(notice) = optimizer.take_notice() {
        say(notice);
    }
    if let Some(file) = &arguments.svg {
        draw(global, file, &standing::svg(task.as_str(), &ranked, &optimizer.curve(task)?))?;
    }

    if global.json {
        let verdicts = optimizer.verdicts(task)?;
        for one in &ranked {
            print_data(line(task, one, &verdicts));
        }
        return Ok(());
    }

    print_line(&on_one_line(task.as_str()));
    print_table(&ranked, is_tested);
    if arguments.plot || std::io::stdout().is_terminal() {
        print_line(&standing::plot(&ranked));
        if let Some(curve) = standing::curve(&optimizer.curve(task)?) {
            print_line(&format!("  {curve}"));
        }
    }

    let believed = on_one_line(&belief(&ranked, is_tested)).into_owned();
    print_line(&format!("  {}", paint::out(&believed, belief_mood(&ranked))));
    print_line(&format!("  objective: {objective}"));
    if let Some(judged) = judged(&optimizer.verdicts(task)?) {
        print_line(&format!("  {}", on_one_line(&judged)));
    }
    if let Some(tested) = tested {
        let mood = tested.mood();
        print_line(&format!("  {}", paint::out(&on_one_line(&tested.sentence()), mood)));
    }
    Ok(())
}

/// Prints the patterns; the intervals of a comparison hold at every look, others with 90 %.
fn print_table(ranked: &[RankedPattern], is_tested: bool) {
    let rows: Vec<PrintedRow> = ranked.iter().map(row).collect();

    let head = [
        "  pattern",
        ">score",
        if is_tested { ">interval" } else { ">90 %" },
        ">best",
        ">n",
        ">success",
        ">quality",
        ">time",
        ">tokens",
        ">cost",
        "note",
    ];

    print_line(&table::render(&head, &rows));
}

/// Says what people found of the answers, if they judged any.
pub(in crate::cli) fn judged(verdicts: &[VerdictCount]) -> Option<String> {
    let of_pattern =
        |one: &VerdictCount| format!("`{}` {} good, {} bad", one.pattern, one.good, one.bad);
    let all: Vec<String> = verdicts.iter().map(of_pattern).collect();
    (!all.is_empty()).then(|| format!("judged by people: {}", all.join("; ")))
}

fn draw(global: &Global, file: &Path, picture: &str) -> anyhow::Result<()> {
    own::write_named(file, picture.as_bytes())
        .with_context(|| format!("cannot write `{}`", shown_path(file)))?;

    if !global.quiet {
        say(&format!("wrote `{}`", shown_path(file)));
    }
    Ok(())
}

/// Says which pattern is believed to be the best, and how surely.
pub(in crate::cli) fn belief(ranked: &[RankedPattern], is_tested: bool) -> String {
    // The first by its score, which `advise --best` names as well.
    let Some(leader) = ranked.first() else { return "nothing is known yet".to_owned() };

    let few = if leader.cell.n < SAMPLES_MIN { ", from few observations" } else { "" };
    if ranked.len() == 1 {
        return format!("`{}` is the only known pattern{few}", leader.pattern);
    }

    // A pattern of which less is known may score less and yet have the better chance.
    let chance = |one: &RankedPattern| one.best.unwrap_or(0.0);
    let rival = ranked.iter().max_by(|a, b| chance(a).total_cmp(&chance(b)));
    let rival = rival.filter(|rival| percent(rival.best) != percent(leader.best));
    let rival =
        rival.filter(|rival| chance(rival) > chance(leader)).map_or_else(String::new, |rival| {
            format!(
                "; there is less evidence for `{}`, which has {}",
                rival.pattern,
                percent(rival.best)
            )
        });

    let source = if is_tested {
        "as compared"
    } else {
        "a belief from all recorded executions; test it with `kaizen compare`"
    };
    format!(
        "probably the best: `{}`, probability {}{few}{rival} ({source})",
        leader.pattern,
        percent(leader.best)
    )
}

/// Tells how sure it is which pattern is the best.
fn belief_mood(ranked: &[RankedPattern]) -> Option<Mood> {
    let leader = ranked.first()?;
    let is_sure = leader.cell.n >= SAMPLES_MIN && leader.best.is_none_or(|best| best >= SURE);
    Some(if is_sure { Mood::Good } else { Mood::Doubtful })
}

fn row(ranked: &RankedPattern) -> PrintedRow {
    let cell = &ranked.cell;
    let dash = || "-".to_owned();
    let notes = [
        ranked.avoided.then(|| "avoid: mostly fails".to_owned()),
        ranked.shift.map(|shift| shift.sentence()),
        (cell.n < SAMPLES_MIN).then(|| "few observations".to_owned()),
    ];
    let notes: Vec<String> = notes.into_iter().flatten().collect();

    let cells = vec![
        format!("  {}", ranked.pattern),
        format!("{:.2}", ranked.score),
        format!("{:.2}-{:.2}", ranked.interval.low, ranked.interval.high),
        percent(ranked.best),
        cell.n.to_string(),
        cell.success_rate().map_or_else(dash, |rate| format!("{:.0} %", 100.0 * rate)),
        cell.score.mean().map_or_else(dash, |score| format!("{score:.3}")),
        // What fails at once is not fast.
        cell.time
            .mean()
            .filter(|_| cell.success_rate().is_none_or(|rate| rate > 0.0))
            .map_or_else(dash, |time| format!("{time:.2} s")),
        cell.tokens.mean().map_or_else(dash, |tokens| format!("{tokens:.0}")),
        cell.cost
            .mean()
            .map_or_else(dash, |cost| Money::from_dollars(cost).unwrap_or_default().to_string()),
        notes.join("; "),
    ];
    PrintedRow { cells, mood: mood_of(ranked) }
}

/// Tells how a pattern does, as far as its note says it.
pub(in crate::cli) fn mood_of(ranked: &RankedPattern) -> Option<Mood> {
    let is_doubtful = ranked.shift.is_some() || ranked.cell.n < SAMPLES_MIN;
    if ranked.avoided { Some(Mood::Bad) } else { is_doubtful.then_some(Mood::Doubtful) }
}

fn line(task: &TaskType, ranked: &RankedPattern, verdicts: &[VerdictCount]) -> serde_json::Value {
    let cell = &ranked.cell;
    let judged = verdicts.iter().find(|one| one.pattern == ranked.pattern.as_str());

    json!({
        "task_type": task.as_str(),
        "pattern": ranked.pattern.as_str(),
        "score": ranked.score,
        "interval": [ranked.interval.low, ranked.interval.high],
        "best": ranked.best,
        "changed": ranked.shift.map(|shift| json!({ "from": shift.from, "to": shift.to, "at": shift.at })),
        "n": cell.n,
        "success_rate": cell.success_rate(),
        "quality": cell.score.mean(),
        "execution_time": cell.time.mean(),
        "tokens": cell.tokens.mean(),
        "cost": cell.cost.mean(),
        "failures": cell.failures,
        "avoided": ranked.avoided,
        "judged_good": judged.map_or(0, |one| one.good),
        "judged_bad": judged.map_or(0, |one| one.bad),
    })
}
