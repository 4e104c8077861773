//! `kaizen diff A B`: in what two runs differ.

use crate::base::count::counted;
use crate::base::visible::on_one_line;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::render::paint::Mood;
use crate::cli::render::table::{self, PrintedRow};
use crate::cli::render::{change, time};
use crate::cli::ui::compare::{text_of, with_both};
use crate::cli::ui::library::Library;
use crate::cli::ui::page_error::PageError;
use crate::cli::{Global, print_data, print_line, say};
use crate::journal::history::RunRow;
use crate::view::difference::{self, Change, FactDifference, OpDifference, OpSide};
use serde_json::json;

/// Characters of a changed text that are shown, unless all of it is wanted.
const TEXT_SHOWN: usize = 240;

/// The run before the latest.
const ONE_BEFORE: &str = "@-1";

/// The options of `diff`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// First run: its id or a prefix of it, `@` for the latest, `@-1` for the one before, `@fail` for
    /// the latest failed run. Defaults to the run of the same script before the second one.
    a: Option<String>,
    /// Second run.
    #[arg(default_value = "@")]
    b: String,
    /// Also show operations that do not differ, and changed texts in full.
    #[arg(long)]
    all: bool,
}

/// Compares two runs. The exit code is 0 if they are the same, 1 if they differ.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    if project.store_of_runs()?.is_none() {
        return Ok(Exit::Usage);
    }

    let mut library = Library::new(project.store_path());
    let found = library.refresh().and_then(|()| {
        let b = library.find(&arguments.b)?;
        let a = match &arguments.a {
            Some(a) => library.find(a)?,
            None => before(&library, &b)?,
        };
        let (facts, ops) = with_both(&mut library, &a, &b, |a, b| {
            (difference::before(a, b), difference::operations(a, b))
        })?;
        Ok((a, b, facts, ops))
    });
    let (a, b, facts, ops) = match found {
        Ok(found) => found,
        Err(refusal) => {
            say(&format!("error: {}", refusal.sentence()));
            return Ok(Exit::Usage);
        }
    };

    let changed = ops.iter().filter(|one| one.change != Change::Same).count();
    let exit = if facts.is_empty() && changed == 0 { Exit::Ok } else { Exit::Failed };
    if global.json {
        print_data(json!({
            "a": a.id, "b": b.id, "same": exit == Exit::Ok, "differs": facts, "ops": ops,
        }));
        return Ok(exit);
    }

    print_line(&on_one_line(&names(&a, &b)));
    show_facts(&facts);
    show_operations(&ops, arguments.all);
    for one in ops.iter().filter(|one| one.change != Change::Same) {
        show_texts(&mut library, [&a.id.0, &b.id.0], one, arguments.all);
    }

    let same = counted(ops.len() - changed, "is the same", "are the same");
    print_line(&format!("{changed} of {} operations differ, {same}", ops.len()));
    Ok(exit)
}

/// Finds the run to which another one is compared if nobody names it: that of the same script before it, or else
/// the one before it.
fn before(library: &Library, row: &RunRow) -> Result<RunRow, PageError> {
    match library.around(row).0 {
        Some(same) => library.find(&same.0),
        None => library.find(ONE_BEFORE),
    }
}

/// Names the two runs, and their script, or both if there are two.
fn names(a: &RunRow, b: &RunRow) -> String {
    if a.script == b.script {
        format!("run {} and run {} of {}", a.id, b.id, a.script)
    } else {
        format!("run {} of {} and run {} of {}: two scripts", a.id, a.script, b.id, b.script)
    }
}

/// Says what was different before the runs began.
fn show_facts(facts: &[FactDifference]) {
    if facts.is_empty() {
        print_line(
            "before: no difference in script, files, parameters, models, limits, seed or version",
        );
        return;
    }

    for fact in facts {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let line = format!("before: {}: {} → {}", fact.what, text(&fact.a), text(&fact.b));
        print_line(&on_one_line(&line));
    }
    // The seed is another one unless somebody gives it.
    let causes = facts.iter().filter(|fact| fact.what != "seed").count();
    if causes > 1 {
        let others = if causes < facts.len() { " besides the seed" } else { "" };
        print_line(&format!(
            "{causes} facts{others} differ, so the differences below cannot be attributed to one of them"
        ));
    }
}

/// Lists the operations side by side.
fn show_operations(ops: &[OpDifference], all: bool) {
    let shown = ops.iter().filter(|one| all || one.change != Change::Same);
    let rows: Vec<PrintedRow> = shown.map(row).collect();
    if rows.is_empty() {
        return;
    }

    let head = ["operation", "change", "outcome", ">took", ">cost", ">calls", "because of"];
    print_line(&table::render(&head, &rows));
}

fn row(one: &OpDifference) -> PrintedRow {
    let pair = |of: &dyn Fn(&OpSide) -> String| {
        let text = |side: &Option<OpSide>| side.as_ref().map_or("-".to_owned(), of);
        match (text(&one.a), text(&one.b)) {
            (a, b) if a == b => a,
            (a, b) => format!("{a} → {b}"),
        }
    };
    let cost = |side: &OpSide| {
        let money = side.cost.and_then(crate::base::unit::Money::from_dollars);
        money.map_or("-".to_owned(), |money| money.to_string())
    };

    let cells = vec![
        on_one_line(&one.name).into_owned(),
        match one.change {
            Change::Same => "same".to_owned(),
            Change::OnlyA => "only in the first".to_owned(),
            Change::OnlyB => "only in the second".to_owned(),
            Change::Words | Change::Prompt | Change::Outcome => one.changed.join(", "),
        },
        pair(&|side| side.outcome.word().to_owned()),
        pair(&|side| side.took.map_or("-".to_owned(), time::length)),
        pair(&cost),
        pair(&|side| side.calls.to_string()),
        on_one_line(&one.follows.join(", ")).into_owned(),
    ];

    // What became of it in the newer run counts.
    let newest = one.b.as_ref().or(one.a.as_ref());
    PrintedRow { cells, mood: newest.and_then(|side| Mood::of_operation(side.outcome)) }
}

/// Says in which words the question and the answer of an operation differ.
fn show_texts(library: &mut Library, runs: [&str; 2], one: &OpDifference, all: bool) {
    let (Some(a), Some(b)) = (&one.a, &one.b) else { return };
    let texts = [(runs[0], a.op), (runs[1], b.op)]
        .map(|(run, op)| text_of(library, run, &op.0.to_string()).unwrap_or_default());
    let [before, after] = texts;

    let width = if all { 0 } else { TEXT_SHOWN };
    for (word, a, b) in [("prompt", before.0, after.0), ("result", before.1, after.1)] {
        if a == b {
            continue;
        }
        for change in change::compare("", &json!(a), &json!(b), width) {
            print_line(&format!("{} {word}: {}", on_one_line(&one.name), change.text));
        }
    }
}
