//! `kaizen doc`: looking words up, and the reference for browsers and editors.

use crate::support::{Project, Ran};
use serde_json::Value;

/// Runs `kaizen doc` in an empty folder.
fn doc(arguments: &[&str]) -> Ran {
    Project::new().kaizen(&[&["doc"], arguments].concat())
}

/// Returns the reference as the program gives it to programs.
fn words() -> Vec<Value> {
    let ran = doc(&["--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text<'a>(word: &'a Value, key: &str) -> &'a str {
    word[key].as_str().unwrap()
}

#[test]
fn all_words_are_listed_in_groups() {
    let project = Project::new();
    let ran = project.kaizen(&["doc"]);
    let heads: Vec<&str> =
        ran.stdout.lines().filter(|line| !line.is_empty() && !line.starts_with(' ')).collect();
    assert_eq!(
        heads,
        [
            "models",
            "branches",
            "tools",
            "sessions and graphs",
            "concurrent work",
            "learning",
            "standard library",
            "texts, numbers and lists",
            "data",
            "the world outside",
            "the run itself",
            "tests"
        ]
    );
    for line in ["  fork                  Copies a branch", "  vote                  Asks several"]
    {
        assert!(ran.stdout.contains(line), "{line}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\x1b'), "no colours in a pipe");
    assert_eq!(std::fs::read_dir(project.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_list_fits_a_narrow_terminal() {
    let project = Project::new();
    let output = project.command(&["doc"]).env("COLUMNS", "40").output().unwrap();
    let shown = Ran::from(output).stdout;
    let wide: Vec<&str> = shown.lines().filter(|line| line.chars().count() > 40).collect();
    assert_eq!(wide, Vec::<&str>::new());
}

#[test]
fn a_word_is_shown_with_its_forms_text_and_example() {
    for asked in [&["fork"][..], &["branch.fork"], &["b.fork()"]] {
        let ran = doc(asked);
        assert!(ran.stdout.starts_with("fork  (branches)\n"), "{}", ran.stdout);
        for part in
            ["fork(branch: branch) -> branch", "Copies a branch", "    let risks = b.fork();"]
        {
            assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
        }
    }
    assert!(doc(&["--color", "always", "fork"]).stdout.contains("\x1b[1mfork\x1b[0m"));
}

#[test]
fn several_words_search() {
    let ran = doc(&["pattern", "avoid"]);
    let first = ran.stdout.split_whitespace().next();
    assert_eq!((ran.code, first), (Some(0), Some("should_avoid_pattern")), "{}", ran.stdout);
    let ran = doc(&["learning"]);
    assert!(ran.stdout.contains("  optimizer ") && !ran.stdout.contains("  fork "));
}

#[test]
fn an_unknown_word_suggests_one() {
    let ran = doc(&["frok"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert_eq!(
        ran.stderr,
        "error: no entry found for `frok`\n   help: did you mean `fork`? run `kaizen doc fork`\n"
    );
    let ran = doc(&["qqqqqq"]);
    assert!(ran.stderr.contains("`kaizen doc` lists everything"), "{}", ran.stderr);
}

#[test]
fn programs_get_one_object_for_each_word() {
    let words = words();
    assert!(words.len() > 80, "{}", words.len());
    for word in &words {
        let keys: Vec<&String> = word.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["name", "group", "signatures", "doc", "example"]);
        assert!(!text(word, "doc").is_empty() && !text(word, "example").is_empty(), "{word}");
        assert!(!text(word, "doc").contains("```"), "{word}");
    }
    let fork = doc(&["fork", "--json"]).stdout;
    assert_eq!(fork.lines().count(), 1, "{fork}");
}

/// Writes the reference into `out` of a project, and returns one of its files.
fn written(option: &str, file: &str) -> String {
    let project = Project::new();
    for _ in 0..2 {
        let ran = project.kaizen(&["doc", option, "out"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("wrote `out/{file}`")), "{}", ran.stderr);
    }
    std::fs::read_to_string(project.path().join("out").join(file)).unwrap()
}

#[test]
fn the_page_has_every_word_and_nothing_unescaped() {
    let page = written("--html", "index.html");
    for word in words() {
        let name = text(&word, "name");
        assert!(page.contains(&format!("<article id=\"{name}\">")), "{name}");
        assert!(page.contains(&format!("<li><a href=\"#{name}\">")), "{name}");
    }
    assert!(page.contains("content=\"default-src 'none';"), "it must load nothing");
    // Beside style and script, every `<` begins a tag of the page, and all tags are closed in turn.
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let (body, rest) = rest.split_once("<script>").unwrap();
    let (_, tail) = rest.split_once("</script>").unwrap();
    let mut open: Vec<&str> = Vec::new();
    for piece in [head, body, tail].concat().split('<').skip(1).map(str::to_owned) {
        let tag = piece.split('>').next().unwrap();
        assert!(piece.contains('>'), "not a tag: <{piece}");
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        let known = TAGS.iter().find(|known| **known == name);
        let known = known.unwrap_or_else(|| panic!("not a tag of the page: <{piece}"));
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(*known), "closed out of turn: <{piece}");
        } else if !["!doctype", "meta", "input"].contains(known) {
            open.push(known);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

const TAGS: &[&str] = &[
    "!doctype", "html", "head", "meta", "title", "body", "header", "h1", "h2", "h3", "p", "a",
    "div", "input", "output", "nav", "ul", "li", "main", "section", "article", "pre", "code",
];

#[test]
fn the_definitions_have_every_word_and_no_rust_types() {
    let text_of = written("--definitions", "kaizen.d.rhai");
    let definitions: Vec<&str> = text_of
        .lines()
        .filter(|line| line.starts_with("fn ") || line.starts_with("const "))
        .collect();
    for word in words() {
        let name = text(&word, "name");
        let forms = [format!("fn {name}("), format!("fn get {name}("), format!("const {name}:")];
        let has = |line: &&str| forms.iter().any(|form| line.starts_with(form.as_str()));
        let count = definitions.iter().filter(|line| has(line)).count();
        assert_eq!(count, word["signatures"].as_array().unwrap().len(), "{name}");
    }
    let types = ["Rc<", "ImmutableString", "&str", "&mut", "Dynamic", "i64", "f64", "::", "anon$"];
    for line in &definitions {
        assert!(!types.iter().any(|of| line.contains(of)), "{line}");
        assert!(line.ends_with(';') && !line.contains("-> ;"), "{line}");
        // Rhai itself accepts the names: `fn f(a: T) -> R;` without its types is a function.
        let Some((head, rest)) = line.split_once('(') else { continue };
        let name = head.trim_start_matches("fn ").trim_start_matches("get ");
        let params = rest.split(')').next().unwrap().split(", ");
        let params: Vec<&str> = params.map(|p| p.split(": ").next().unwrap()).collect();
        let function = format!("fn {name}({}) {{}}", params.join(", "));
        assert!(rhai::Engine::new().compile(&function).is_ok(), "{function}");
    }
}

#[test]
fn files_that_others_wrote_are_left_alone() {
    for (option, file) in [("--html", "index.html"), ("--definitions", "kaizen.d.rhai")] {
        let project = Project::new();
        project.file(file, "mine");
        let ran = project.kaizen(&["doc", option, "."]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        let told = format!("`./{file}` exists and was not written by kaizen; move it away");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
        assert_eq!(std::fs::read_to_string(project.path().join(file)).unwrap(), "mine");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let project = Project::new();
    project.file("taken", "");
    let ran = project.kaizen(&["doc", "--html", "taken/out"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("cannot create the folder `taken/out`"), "{}", ran.stderr);
}

#[test]
fn what_people_look_for_is_found_by_other_words_than_those_of_the_language() {
    let mut shown = String::new();
    for asked in [
        "date",
        "file exists",
        "list files",
        "os.path.exists",
        "environment variable",
        "has key",
        "regular expression",
        "csv",
        "user input",
    ] {
        let ran = doc(&asked.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        shown += &format!("$ kaizen doc {asked}\n{}", ran.stdout);
    }
    expect_test::expect![[r#"
        $ kaizen doc date
        `date` is from another language: write `now()` for the milliseconds since 1970; for a text
        `command("date", ["+%F"]).stdout.trimmed()`
        $ kaizen doc file exists
        file exists: write `attempt(|| read_text("path")).ok`
        $ kaizen doc list files
        list files: write `command("ls", ["folder"]).stdout.trimmed().split("\n")`
        $ kaizen doc os.path.exists
        `os.path.exists` is from another language: write `attempt(|| read_text("path")).ok`
        $ kaizen doc environment variable
        environment variable: write `env("NAME")`, and grant it with `--allow-env=NAME`

          command  Runs a program in the script's folder, without a shell, waits for it and returns `#{
                   code, stdout, stderr }`.
          env      Returns an environment variable, or `()` if it is not set; a value that is no text is an
                   error.
        $ kaizen doc has key
        has key: write `"key" in map`

          map  A map has keys and values.
          mcp  Returns the tools of an MCP server that kaizen.toml describes under [mcp.NAME], and starts it
               if need be.
        $ kaizen doc regular expression
        regular expression: write `text.contains(part)`, `text.split(part)` or `text.replaced(part, other)`
        $ kaizen doc csv
        csv: convert it to JSON lines and write `read_jsonl("path")`; `kaizen compare --tasks` reads CSV
        $ kaizen doc user input
        user input: write `ask("..")` to ask a person, or `param("name", default)`
    "#]].assert_eq(&shown);
}

#[test]
fn the_comparison_with_python_is_found_however_it_is_asked_for() {
    let whole = doc(&["python"]).stdout;
    for asked in
        [&["from python"][..], &["coming", "from", "python"], &["from-python"], &["lionagi"]]
    {
        assert_eq!(doc(asked).stdout, whole, "{asked:?}");
    }
    assert!(whole.starts_with("Coming from Python\n\nScripts are written in Rhai"), "{whole}");
    assert!(whole.contains("  items.map(|x| f(x))\n"), "{whole}");
}
