//! `kaizen doc`: the words that scripts can call, in the terminal, for a browser, for editors.

use crate::base::id::RunId;
use crate::base::visible::shown_path;
use crate::base::{file, own};
use crate::cli::app::exit::Exit;
use crate::cli::command::{doc_html, doc_settings};
use crate::cli::render::entry::{self, Page, SearchHits};
use crate::cli::render::{guide, table};
use crate::cli::{Global, print_data, print_laid_out, print_line, say};
use crate::executor::Executor;
use crate::journal::Journal;
use crate::mcp::Servers;
use crate::model::registry::Models;
use crate::script::api::WordEntry;
use crate::script::diagnostic::{ForeignWord, explained};
use crate::script::host::permission::Permissions;
use crate::script::reference::definitions::definitions;
use crate::script::reference::{definitions, language, topics};
use crate::script::{Host, OPERATIONS_MAX, Surroundings};
use anyhow::Context;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Columns where there is no terminal to ask.
const WIDTH: usize = 100;

/// The page that compares the language with Python and LionAGI.
const FROM_PYTHON: &str = include_str!("../../../docs/from-python.md");
/// Most words that are listed below what stands for a word of another language.
const BELOW_MAX: usize = 8;
/// A word with fewer letters is not looked for in texts.
const SHORT_BELOW: usize = 4;

const AFTER_HELP: &str = "\
Editors: `kaizen lsp` checks, completes and documents scripts in every editor that has a client for \
 the Language Server Protocol. Other tools for Rhai can read the file that --definitions writes.";

/// The options of `doc`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct Arguments {
    /// A name such as `fork` or `branch.fork`, a group, or search terms, which must all occur;
    /// `kaizen.toml` and a KEY for settings, `language` for the language's own words, `python` for a
    /// comparison with Python and LionAGI. Without it, list everything.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Write the reference as a web page, `index.html`, to this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "words")]
    html: Option<PathBuf>,
    /// Write definitions for editors, `kaizen.d.rhai`, to this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "words")]
    definitions: Option<PathBuf>,
}

/// Shows or writes the reference. It is the program's own and needs no project.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    if let Some((doc_settings::NAME, keys)) =
        arguments.words.split_first().map(|(first, keys)| (first.as_str(), keys))
    {
        return Ok(doc_settings::show(global, &keys.join(" ")));
    }

    let entries = reference();
    let html = arguments.html.as_ref().map(|folder| OutputFile {
        path: folder.join("index.html"),
        mark: doc_html::MARK,
        text: doc_html::page(&entries),
    });
    let definitions = arguments.definitions.as_ref().map(|folder| OutputFile {
        path: folder.join("kaizen.d.rhai"),
        mark: definitions::MARK,
        text: definitions(&entries),
    });

    let outputs: Vec<OutputFile> = html.into_iter().chain(definitions).collect();
    if outputs.is_empty() {
        return Ok(show(global, &entries, &arguments.words.join(" ")));
    }

    // Nothing is written unless all of it may be.
    for output in &outputs {
        if !output.may_be_written()? {
            say(&format!(
                "error: `{0}` exists and was not written by kaizen; move it away or choose \
                 another folder",
                shown_path(&output.path)
            ));
            return Ok(Exit::Usage);
        }
    }

    for output in &outputs {
        output.write()?;
        if global.json {
            print_data(json!({ "written": output.path.display().to_string() }));
        } else if !global.quiet {
            say(&format!("wrote `{}`", shown_path(&output.path)));
        }
    }

    Ok(Exit::Ok)
}

/// Collects the reference.
pub(in crate::cli) fn reference() -> Vec<WordEntry> {
    host().reference()
}

/// Creates a host that does nothing, of which the reference can be asked.
pub(in crate::cli) fn host() -> Host {
    let executor = Rc::new(Executor::new(Journal::off(RunId::fresh()), 0, None));

    Host::new(Surroundings {
        executor,
        models: Rc::new(Models::new(BTreeMap::new(), None, 0, |_| None)),
        servers: Servers::none(),
        permissions: Permissions::default(),
        root: PathBuf::new(),
        script: PathBuf::new(),
        params: serde_json::Map::new(),
        print: Rc::new(|_| {}),
        say: Rc::new(|_| {}),
        interrupted: std::sync::Arc::default(),
        store: None,
        learn_from_demo: false,
        operations_max: OPERATIONS_MAX,
        state: crate::script::State::default(),
    })
}

/// Shows what was asked for, everything if nothing was.
pub(in crate::cli) fn show(global: &Global, entries: &[WordEntry], asked: &str) -> Exit {
    let page = Page { width: width(), color: global.color_out };

    if asked.trim().is_empty() {
        if global.json {
            entries.iter().for_each(print_json);
            return Exit::Ok;
        }

        print_line(&entry::by_group(entries, page));
        hint(
            global,
            "`kaizen doc NAME` shows one entry; several words search; `kaizen doc language` lists the \
             language's own words, `kaizen doc python` compares it with Python",
        );
        return Exit::Ok;
    }

    let topic = asked.trim().to_lowercase();
    if topics::is_comparison(&topic) {
        if global.json {
            print_data(json!({ "name": "python", "text": FROM_PYTHON }));
        } else {
            print_laid_out(&guide::laid_out(FROM_PYTHON, page));
        }
        return Exit::Ok;
    }

    // A word of kaizen stands for one of the language that has the same name.
    let mut entries = entries.to_vec();
    let of_language = language::words().into_iter();
    let own: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    entries.extend(of_language.filter(|word| !own.contains(&word.name)));

    let asked = asked.trim();
    let is_entry =
        |word: &str| entries.iter().any(|entry| entry.name == word || entry.group == word);
    let foreign = explained(asked).or_else(|| topics::meant(asked));
    if let Some(word) = foreign.filter(|_| !is_entry(asked)) {
        show_foreign(global, &entries, &word, page);
        if word.same.is_none() {
            show_below(global, &entries, asked, page);
        }
        return Exit::Ok;
    }

    let group = if topic == "language" { language::LANGUAGE } else { word_of_sign(asked) };
    match entry::find(&entries, group) {
        SearchHits::One(one) if global.json => print_json(one),
        SearchHits::One(one) => print_laid_out(&entry::whole(one, page)),
        SearchHits::Several(hits) if global.json => hits.into_iter().for_each(print_json),
        SearchHits::Several(hits) => {
            print_line(&entry::list(&hits, page));
            hint(global, &format!("`kaizen doc {}` shows the first in full", hits[0].name));
        }
        SearchHits::Nothing(near) => {
            let help = match near {
                Some(near) => format!("did you mean `{near}`? run `kaizen doc {near}`"),
                None => "`kaizen doc` lists everything".to_owned(),
            };
            say(&format!("error: no entry found for `{asked}`\n   help: {help}"));
            return Exit::Failed;
        }
    }

    Exit::Ok
}

/// Shows what to write instead of a word of another language, and the entry of what stands for it.
fn show_foreign(global: &Global, entries: &[WordEntry], word: &ForeignWord, page: Page) {
    let own = word.same.map(word_of_sign);
    let own = own.and_then(|own| entries.iter().find(|entry| entry.name == own));

    if global.json {
        print_data(json!({ "message": word.message, "help": word.help }));
        return own.into_iter().for_each(print_json);
    }
    let said = format!("{}: {}", word.message, word.help);
    print_line(&entry::wrap(&said, page.width).join("\n"));
    if let Some(own) = own {
        print_laid_out(&format!("\n{}", entry::whole(own, page)));
    }
}

/// Lists the words that have to do with what was asked.
fn show_below(global: &Global, entries: &[WordEntry], asked: &str, page: Page) {
    // Short words, such as `is`, stand in nearly every text.
    if asked.len() < SHORT_BELOW {
        return;
    }

    let mut hits = match entry::find(entries, asked) {
        SearchHits::One(one) => vec![one],
        SearchHits::Several(hits) => hits,
        SearchHits::Nothing(_) => Vec::new(),
    };
    // `date` is no part of `validate` that anybody looks for.
    let words: Vec<String> = asked.split_whitespace().map(str::to_lowercase).collect();
    let begins = |entry: &&WordEntry| {
        let text = format!("{} {}", entry.name, entry.doc).to_lowercase();
        let parts: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
        words.iter().all(|word| parts.iter().any(|part| part.starts_with(word.as_str())))
    };
    hits.retain(begins);
    hits.truncate(BELOW_MAX);

    if global.json {
        hits.into_iter().for_each(print_json);
    } else if !hits.is_empty() {
        print_line(&format!("\n{}", entry::list(&hits, page)));
    }
}

/// The signs of the language, each with the word whose entry explains it.
const SIGNS: &[(&str, &str)] = &[
    ("!", "true"),
    ("\"", "text"),
    ("#{", "map"),
    ("#{}", "map"),
    ("#{ .. }", "map"),
    ("${", "text"),
    ("${..}", "text"),
    ("&&", "true"),
    ("()", "map"),
    ("+=", "let"),
    ("-=", "let"),
    ("*=", "let"),
    ("/=", "let"),
    ("..", "range"),
    ("..=", "range"),
    ("::", "import"),
    ("=", "let"),
    ("=>", "switch"),
    ("?.", "map"),
    ("??", "map"),
    ("?[", "map"),
    ("[", "array"),
    ("[]", "array"),
    ("[..]", "array"),
    ("`", "text"),
    ("backtick", "text"),
    ("backticks", "text"),
    ("|x|", "closure"),
    ("||", "true"),
    ("|| ..", "closure"),
    ("else if", "else"),
];

/// Returns the word whose entry explains a sign; any other text stays as it is.
fn word_of_sign(asked: &str) -> &str {
    SIGNS.iter().find(|(sign, _)| *sign == asked).map_or(asked, |(_, word)| *word)
}

fn print_json(entry: &WordEntry) {
    let line = json!({
        "name": entry.name, "group": entry.group, "signatures": entry.signatures,
        "doc": entry.paragraphs().join("\n\n"), "example": entry.examples().join("\n\n"),
    });
    print_data(line);
}

/// Says on a terminal what can be typed next.
fn hint(global: &Global, text: &str) {
    if global.stderr_is_terminal && !global.quiet {
        say(&format!("\n{text}"));
    }
}

/// Finds how wide stdout is.
pub(in crate::cli) fn width() -> usize {
    table::terminal_width().unwrap_or(WIDTH)
}

/// A file to write.
struct OutputFile {
    path: PathBuf,
    /// What stands in each such file that kaizen wrote.
    mark: &'static str,
    text: String,
}

impl OutputFile {
    /// Tells whether the file is new or kaizen's own.
    fn may_be_written(&self) -> anyhow::Result<bool> {
        match file::read(&self.path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).contains(self.mark)),
            // That its folder is a file is said when it is written.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(true)
            }
            Err(error) => {
                Err(error).with_context(|| format!("cannot read `{}`", shown_path(&self.path)))
            }
        }
    }

    fn write(&self) -> anyhow::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder `{}`", shown_path(folder)))?;
        own::write_named(&self.path, self.text.as_bytes())
            .with_context(|| format!("cannot write `{}`", shown_path(&self.path)))
    }
}
