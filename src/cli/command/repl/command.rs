//! The commands of a session, each after a `:`.

use crate::base::clock;
use crate::base::count::counted;
use crate::base::own;
use crate::base::spelling::nearest;
use crate::base::visible::painted;
use crate::cli::app::exit::Exit;
use crate::cli::app::{damage, settings};
use crate::cli::command::repl::highlight::BOLD;
use crate::cli::command::repl::session::{InputEnd, ReplSession, SavedInput};
use crate::cli::command::{doc, runs, show};
use crate::cli::render::plot::plot;
use crate::cli::render::value::{self, Room};
use crate::cli::render::{entry, outcome, table, time};
use crate::cli::{print_data, print_line, say};
use crate::journal::history;
use crate::model::message::Role;
use crate::script::dialogue::display::DisplayValue;
use crate::script::reference::lexer;
use crate::script::reference::lexer::{Completeness, LexemeClass, rename, scan};
use std::path::{Path, PathBuf};

/// Most runs that `:runs` lists.
const RUNS: usize = 10;

const AFTER_HELP: &[&str] = &[
    "Everything else is code. `_` is the last value, `_1` the previous one, `_err` the last error.",
    "Tab completes. Ctrl-C cancels a line or a call. An unfinished line continues in the next.",
];

/// A command, for lists.
#[derive(Debug)]
pub(super) struct ReplCommand {
    pub(super) name: &'static str,
    /// What stands after its name.
    pub(super) takes: &'static str,
    says: &'static str,
}

const fn command(name: &'static str, takes: &'static str, says: &'static str) -> ReplCommand {
    ReplCommand { name, takes, says }
}

/// All commands.
pub(super) const COMMANDS: &[ReplCommand] = &[
    command("help", "", "lists the commands"),
    command("doc", "WORD", "looks up a function, or searches the reference"),
    command("vars", "", "lists the variables"),
    command("show", "NAME", "shows a variable in full, a run, or RUN:OPERATION"),
    command("messages", "BRANCH [N] [--raw]", "shows a conversation, or its last N messages"),
    command("graph", "NAME", "draws the graph in a variable"),
    command("plan", "CODE", "shows the calls and cost of code without making calls or changes"),
    command("time", "CODE", "measures how long code takes"),
    command("cost", "", "shows the cost of this session"),
    command("runs", "", "lists the latest runs"),
    command("answer", "[RUN VALUE]", "answers a suspended run, or lists those that wait"),
    command("plot", "RUN", "draws the operations of a run over time"),
    command("load", "FILE", "loads the functions of a script"),
    command("run", "", "runs the script of this session and keeps its variables"),
    command("reload", "", "reloads the functions of all files"),
    command("save", "FILE", "saves the successful inputs as a script"),
    command("model", "NAME", "sets the default model"),
    command("set", "KEY VALUE", "changes a kaizen.toml setting for this session"),
    command("quit", "", "ends the session, as Ctrl-D does"),
];

/// Tells whether an input is whole; a command continues only if the code in it does.
pub(super) fn completeness(text: &str) -> Completeness {
    let Some(line) = text.trim_start().strip_prefix(':') else {
        return lexer::completeness(text);
    };

    match line.split_once(' ') {
        Some(("plan" | "time", code)) => lexer::completeness(code),
        _ => Completeness::Complete,
    }
}

impl ReplSession<'_> {
    /// Does what a command says.
    pub(super) async fn command(&mut self, line: &str) -> anyhow::Result<InputEnd> {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let takes = COMMANDS.iter().find(|command| command.name == name).map_or("", |c| c.takes);
        if rest.is_empty()
            && !takes.is_empty()
            && !["answer", "doc", "set", "model", "plot"].contains(&name)
        {
            say(&format!("error: `:{name}` needs an argument: `:{name} {takes}`"));
            return Ok(InputEnd::Wrong);
        }

        Ok(match name {
            "help" | "h" | "?" => self.help(),
            "doc" => self.tell(rest),
            "vars" => self.list_variables(),
            "show" => return self.show_one(rest),
            "messages" => self.messages(rest),
            "graph" => self.graph(rest),
            "plan" => return self.plan(rest).await,
            "time" => return self.time(rest).await,
            "cost" => self.cost(),
            "runs" => {
                runs::run(self.global, &runs::Arguments { limit: RUNS, due: false })?;
                InputEnd::Well
            }
            "answer" => return self.answer(rest),
            "plot" => return self.plot(rest),
            "load" => self.load(rest),
            "run" => return self.run_script().await,
            "reload" => self.reload_all(),
            "save" => self.save(rest),
            "model" => self.model(rest),
            "set" => self.set(rest),
            "quit" | "q" | "exit" => InputEnd::End(Exit::Ok),
            unknown => {
                let names = COMMANDS.iter().map(|command| command.name);
                let help = match nearest(unknown, names) {
                    Some(near) => format!("did you mean `:{near}`?"),
                    None => "`:help` lists them".to_owned(),
                };

                say(&format!("error: unknown command `:{unknown}`\n   help: {help}"));
                InputEnd::Wrong
            }
        })
    }

    fn help(&self) -> InputEnd {
        let width = |command: &ReplCommand| command.name.len() + command.takes.len() + 2;
        let column = COMMANDS.iter().map(width).max().unwrap_or(0);
        let is_narrow = doc::width() < column + 40;

        for command in COMMANDS {
            let name = format!(":{} {}", command.name, command.takes).trim_end().to_owned();
            let pad = " ".repeat(column.saturating_sub(name.len()));
            let name = if self.global.color_out { painted(&name, BOLD) } else { name };
            if is_narrow {
                print_line(&format!("{name}\n    {}", command.says));
            } else {
                print_line(&format!("{name}{pad}  {}", command.says));
            }
        }

        print_line("");
        for text in AFTER_HELP {
            print_line(&entry::wrap(text, doc::width()).join("\n"));
        }

        InputEnd::Well
    }

    fn tell(&self, words: &str) -> InputEnd {
        match doc::show(self.global, &self.reference, words) {
            Exit::Ok => InputEnd::Well,
            _ => InputEnd::Wrong,
        }
    }

    fn list_variables(&self) -> InputEnd {
        let rows: Vec<Vec<String>> = self
            .dialogue
            .variables()
            .into_iter()
            .map(|variable| {
                let value = self.dialogue.value(&variable.name);
                let value = value.map_or(String::new(), |value| value::short(&value));
                vec![variable.name, variable.kind, value]
            })
            .collect();

        if rows.is_empty() {
            say("no variables yet; try `let x = 1`");
        } else {
            print_line(&table::render(&["name", "type", "value"], &rows));
        }
        InputEnd::Well
    }

    fn show_one(&self, name: &str) -> anyhow::Result<InputEnd> {
        if let Some(shown) = self.dialogue.value(name) {
            let room = Room { height: None, ..self.room() };
            if let Some(text) = value::whole(&shown, room) {
                print_line(&text);
            }
            return Ok(InputEnd::Well);
        }

        let exit = show::run(self.global, &show::Arguments::of(&self.beside_sessions(name)?))?;
        Ok(if exit == Exit::Ok { InputEnd::Well } else { InputEnd::Wrong })
    }

    /// Puts the id of the run in the place of a name such as `@`, which means what it means to `run(name)`. Without
    /// another run than sessions, it stays.
    fn beside_sessions(&self, name: &str) -> anyhow::Result<String> {
        let (run, rest) = name.split_at(name.find(':').unwrap_or(name.len()));
        let Some(store) = self.project.existing_store()?.filter(|_| run.starts_with('@')) else {
            return Ok(name.to_owned());
        };

        let found = history::find_beside_sessions(&store, run)?;
        Ok(found.map_or_else(|| name.to_owned(), |row| format!("{}{rest}", row.id)))
    }

    /// Says that there is no variable of a name, and what may be meant.
    fn no_variable(&self, name: &str) -> InputEnd {
        let variables = self.dialogue.variables();
        let near = nearest(name, variables.iter().map(|variable| variable.name.as_str()));
        let help = near.map_or(String::new(), |near| format!("\n   help: did you mean `{near}`?"));
        say(&format!("error: unknown variable `{name}`{help}"));
        InputEnd::Wrong
    }

    fn messages(&self, rest: &str) -> InputEnd {
        let mut words: Vec<&str> = rest.split_whitespace().collect();
        let is_raw = words.contains(&"--raw");
        words.retain(|word| *word != "--raw");

        let name = words.first().copied().unwrap_or("");

        let messages = match self.dialogue.value(name) {
            Some(DisplayValue::Branch { messages, .. }) => messages,
            Some(_) => {
                let kind = self.dialogue.kind(name).unwrap_or_default();
                say(&format!("error: `{name}` is not a branch; its type is {kind}"));
                return InputEnd::Wrong;
            }
            None => return self.no_variable(name),
        };

        let count = words.get(1).map_or(Some(messages.len()), |n| n.parse().ok());
        let Some(count) = count else {
            say(&format!("error: invalid number of messages `{}`", words[1]));
            return InputEnd::Wrong;
        };

        let first = messages.len().saturating_sub(count);
        if messages.is_empty() {
            say("no messages yet");
        }

        for (place, message) in messages.iter().enumerate().skip(first) {
            if is_raw {
                print_data(serde_json::to_value(message).unwrap_or_default());
                continue;
            }

            let role = match message.role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
                Role::Tool => "tool",
            };

            let head = format!("{} {role}", place + 1);
            print_line(&if self.global.color_out { painted(&head, BOLD) } else { head });

            for line in message.shown().lines() {
                print_line(&format!("    {line}"));
            }
        }

        InputEnd::Well
    }

    fn graph(&self, name: &str) -> InputEnd {
        match self.dialogue.drawing(name) {
            Some(Ok(drawing)) => {
                print_line(drawing.trim_end());
                InputEnd::Well
            }
            Some(Err(reason)) => {
                say(&format!("error: {reason}"));
                InputEnd::Wrong
            }
            None => self.no_variable(name),
        }
    }

    async fn time(&mut self, code: &str) -> anyhow::Result<InputEnd> {
        let began = clock::monotonic();
        let (took, _) = self.evaluate(code).await?;
        let micros = clock::monotonic().saturating_sub(began).as_micros();
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);

        let text = if micros < 10_000 { format!("{micros} µs") } else { time::length(micros) };
        print_line(&text);

        Ok(took)
    }

    fn cost(&self) -> InputEnd {
        let metrics = self.executor.metrics();
        let cost = metrics.cost_text();

        let under_way = match metrics.under_way {
            0 => String::new(),
            calls => format!(", {calls} more in flight"),
        };

        let tokens = metrics
            .known_usage()
            .map_or("tokens unknown".to_owned(), |usage| outcome::tokens(&usage));

        print_line(&format!(
            "{} ({}, {} by the demo model){under_way} · {tokens} · {cost}",
            counted(metrics.calls, "call", "calls"),
            counted(metrics.retries, "retry", "retries"),
            metrics.demo_calls,
        ));
        InputEnd::Well
    }

    fn plot(&self, name: &str) -> anyhow::Result<InputEnd> {
        // What is under way here is what is drawn if nothing is named.
        let name = if name.is_empty() { "@".to_owned() } else { self.beside_sessions(name)? };
        let Some(store) = self.project.existing_store()? else {
            say("no runs yet");
            return Ok(InputEnd::Wrong);
        };

        let row = match show::find(&store, &name)? {
            Ok(row) => row,
            Err(reason) => {
                say(&format!("error: {reason}"));
                return Ok(InputEnd::Wrong);
            }
        };

        print_line(&plot(&damage::events(&store, &row.id)?, doc::width()));
        Ok(InputEnd::Well)
    }

    fn load(&mut self, name: &str) -> InputEnd {
        if !self.load_file(&PathBuf::from(name)) {
            return InputEnd::Wrong;
        }
        self.whisper(&format!("loaded `{name}`; it will be reloaded when you save it"));
        InputEnd::Well
    }

    fn reload_all(&mut self) -> InputEnd {
        if self.files.is_empty() {
            say("no files are loaded; load one with `:load FILE`");
            return InputEnd::Well;
        }

        let sound = (0..self.files.len()).filter(|index| self.reload(*index)).count();
        self.whisper(&format!(
            "{sound} of {} reloaded",
            counted(self.files.len(), "file", "files")
        ));
        if sound == self.files.len() { InputEnd::Well } else { InputEnd::Wrong }
    }

    fn save(&self, name: &str) -> InputEnd {
        let path = Path::new(name);
        let text = script_of(&self.worked);

        match own::add_shared(path, text.as_bytes()) {
            Ok(()) => {
                self.whisper(&format!("wrote `{name}`; run it with `kaizen run {name}`"));
                InputEnd::Well
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                say(&format!("error: `{name}` already exists; choose another name"));
                InputEnd::Wrong
            }
            Err(error) => {
                say(&format!("error: cannot write `{name}`: {error}"));
                InputEnd::Wrong
            }
        }
    }

    fn model(&self, name: &str) -> InputEnd {
        if name.is_empty() {
            match self.models.default_model() {
                Ok((model, _)) => print_line(&model.label),
                Err(error) => say(&format!("error: {error}")),
            }
            return InputEnd::Well;
        }

        if let Err(error) = self.models.set_default(name) {
            say(&format!("error: {error}"));
            return InputEnd::Wrong;
        }

        self.whisper(&format!("new branches now use `{name}`"));
        InputEnd::Well
    }

    fn set(&mut self, rest: &str) -> InputEnd {
        let Some((key, text)) = rest.split_once(char::is_whitespace) else {
            for (key, value, origin) in self.project.config.all() {
                if rest.is_empty() || rest == key {
                    print_line(&format!("{key} = {value}  ({origin})"));
                }
            }
            return InputEnd::Well;
        };

        let text = text.trim().trim_start_matches('=').trim();
        let value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
        // The section may be left out where only one has the key.
        let ending = format!(".{key}");
        let known: Vec<String> =
            settings::names().filter(|known| known.ends_with(&ending)).collect();
        let key = if let [only] = known.as_slice() { only.as_str() } else { key };

        if let Err(error) = self.project.set(key, value, ":set") {
            say(&format!("error: {error}"));
            return InputEnd::Wrong;
        }

        match key {
            "project.model" => return self.model(text.trim_matches('"')),
            "limits.operations" => {
                self.dialogue.set_operations_max(self.project.config.operations_max());
            }
            "budget.max_cost" | "budget.max_tokens" | "budget.max_calls" => {
                if let Some(budget) = self.executor.budget() {
                    budget.set(self.project.config.bounds());
                }
            }
            "optimizer.learn_from_demo" => {
                self.dialogue.set_learn_from_demo(self.project.config.learn_from_demo());
            }
            _ => {
                say(&format!(
                    "`{key}` cannot change during a session; set it in `kaizen.toml` or with an \
                     option of `kaizen repl`"
                ));
                return InputEnd::Wrong;
            }
        }

        InputEnd::Well
    }
}

/// Writes inputs that worked as a script. What `_` stood for gets a name.
fn script_of(worked: &[SavedInput]) -> String {
    let mut names: Vec<Option<String>> = worked.iter().map(|one| one.defined.clone()).collect();
    let mut texts = Vec::new();
    for (index, one) in worked.iter().enumerate() {
        let given: Vec<usize> = (0..index).rev().filter(|at| worked[*at].gave).collect();
        // `_` means nothing in a file, so the value that it stands for gets a name.
        texts.push(rename(&one.text, |n| match given.get(n) {
            Some(at) => names[*at].get_or_insert_with(|| format!("value_{}", at + 1)).clone(),
            None => "()".to_owned(),
        }));
    }

    let mut script = "// Successful inputs of a `kaizen repl` session.\n".to_owned();
    for (index, text) in texts.iter().enumerate() {
        let text = text.trim();
        let bare = text.trim_end_matches(';');

        let line = match &names[index] {
            Some(name) if worked[index].defined.is_none() => format!("let {name} = {bare}"),
            _ => bare.to_owned(),
        };

        let pieces = scan(&line).0;
        let is_note = pieces.last().is_some_and(|piece| piece.class == LexemeClass::Comment);
        let is_function = line.starts_with("fn ") && line.ends_with('}');

        // On the line of a comment, the semicolon would be part of it.
        let end = if is_function {
            ""
        } else if is_note {
            "\n;"
        } else {
            ";"
        };

        script.push_str(&format!("{line}{end}\n"));
    }

    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_worked_becomes_a_script() {
        let worked = |text: &str, gave: bool, defined: Option<&str>| SavedInput {
            text: text.into(),
            gave,
            defined: defined.map(Into::into),
        };

        let script = script_of(&[
            worked("fn f(n) { n + 1 }", false, None),
            worked("f(1)", true, None),
            worked("let x = _ + 1;", true, Some("x")),
            worked("_ + _1 // sum", true, None),
        ]);

        assert_eq!(
            script,
            "// Successful inputs of a `kaizen repl` session.\nfn f(n) { n + 1 }\n\
             let value_2 = f(1);\nlet x = value_2 + 1;\nx + value_2 // sum\n;\n"
        );
        assert!(lexer::completeness(&script) == Completeness::Complete);
    }

    #[test]
    fn only_code_in_a_command_goes_on() {
        assert_eq!(completeness(":doc ("), Completeness::Complete);
        assert_eq!(completeness(":time f("), Completeness::Incomplete);
        assert_eq!(completeness(":help"), Completeness::Complete);
        assert_eq!(completeness("f("), Completeness::Incomplete);
    }
}
