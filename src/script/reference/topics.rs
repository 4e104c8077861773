//! What people look for in the words of other languages or in plain ones: `file exists`, `list files`, `date`.

use crate::script::diagnostic::{ForeignWord, explained};

/// Words that lead to the page that compares the language with others.
const COMPARED: &[&str] = &["python", "lionagi"];
/// Words that may stand beside them.
const BESIDE: &[&str] = &[
    "and",
    "coming",
    "compared",
    "comparison",
    "developers",
    "for",
    "from",
    "guide",
    "i'm",
    "in",
    "kaizen",
    "know",
    "migrate",
    "migrating",
    "of",
    "port",
    "porting",
    "the",
    "to",
    "vs",
    "with",
];

const DATE: &str = "write `now()` for the milliseconds since 1970, `command(\"date\", [\"+%F\"]).stdout.trimmed()` for \
                    a text, and `sleep_until(\"2026-12-01T09:00:00Z\")` to wait for one";
const FILES: &str = "write `command(\"ls\", [\"folder\"]).stdout.trimmed().split(\"\\n\")`";
const EXISTS: &str =
    "write `attempt(|| read_text(\"path\")).ok` for a file, or `\"key\" in map` for a key";

/// What people look for, by words that all stand in it, and what to write. Those that say more come first.
const TOPICS: &[(&[&str], &str)] = &[
    (&["file", "exist"], EXISTS),
    (&["file", "list"], FILES),
    (
        &["file", "json"],
        "write `json(read_text(\"path\"))`, or `read_jsonl(\"path\")` for one value per line",
    ),
    (&["file", "delete"], "write `command(\"rm\", [\"path\"])`"),
    (&["file", "remove"], "write `command(\"rm\", [\"path\"])`"),
    (&["file", "write"], "write `write_text(\"path\", text)`, which creates missing folders"),
    (&["file", "save"], "write `write_text(\"path\", text)`, which creates missing folders"),
    (&["folder", "create"], "leave it out: `write_text` creates missing folders"),
    (&["for", "loop"], "write `for x in list { .. }`, or `for i in 0..10 { .. }`"),
    (&["while", "loop"], "write `while condition { .. }`"),
    (&["infinite", "loop"], "write `loop { .. }`, and `break` to leave it"),
    (&["else", "if"], "write `if a { .. } else if b { .. } else { .. }`"),
    (&["statement", "if"], "write `if condition { .. } else { .. }`"),
    (&["case", "switch"], "write `switch x { 1 => .., _ => .. }`"),
    (&["catch", "try"], "write `try { .. } catch (e) { .. }`, or `attempt(|| ..)`"),
    (&["except", "try"], "write `try { .. } catch (e) { .. }`, or `attempt(|| ..)`"),
    (&["comprehension", "list"], "write `list.map(|x| ..)`, or `list.filter(|x| ..).map(|x| ..)`"),
    (&["interpolation", "string"], "write a text in backticks: `` `Hello ${name}` ``"),
    (&["define", "function"], "write `fn name(a, b) { .. }`"),
    (&["define", "variable"], "write `let x = 1;`"),
    (&["declare", "variable"], "write `let x = 1;`"),
    (&["anonymous", "function"], "write `|x| x + 1`"),
    (&["exist"], EXISTS),
    (&["folder"], FILES),
    (&["directory"], FILES),
    (
        &["csv"],
        "convert it to JSON lines and write `read_jsonl(\"path\")`; `kaizen compare --tasks` reads CSV",
    ),
    (
        &["file"],
        "write `read_text`, `read_lines` or `read_jsonl` to read one, and `write_text` to write one",
    ),
    (&["date"], DATE),
    (&["day"], DATE),
    (&["time", "measure"], "write `let began = timestamp();`, then `began.elapsed` in seconds"),
    (&["time"], DATE),
    (&["clock"], DATE),
    (&["environment"], "write `env(\"NAME\")`, and grant it with `--allow-env=NAME`"),
    (&["argument"], "write `param(\"name\", default)`, and set it with `kaizen run -p name=value`"),
    (&["user", "input"], "write `ask(\"..\")` to ask a person, or `param(\"name\", default)`"),
    (
        &["expression", "regular"],
        "write `text.contains(part)`, `text.split(part)` or `text.replaced(part, other)`",
    ),
    (
        &["http"],
        "write `http_get(\"https://..\")`, or `command(\"curl\", [..])` for other requests",
    ),
    (&["url"], "write `http_get(\"https://..\")`, and grant the host with `--allow-net=HOST`"),
    (
        &["exception"],
        "write `try { .. } catch (e) { .. }`, `attempt(|| ..)`, or `throw \"message\"`",
    ),
    (
        &["error", "handling"],
        "write `try { .. } catch (e) { .. }`, `attempt(|| ..)`, or `throw \"message\"`",
    ),
    (&["dictionary"], "write `#{ key: value }`, `map.key` or `map[\"key\"]`"),
    (&["length"], "write `x.len`"),
    (
        &["async"],
        "leave it out: a call waits for its reply; `gather([|| .., || ..])` runs functions concurrently",
    ),
    (&["thread"], "write `gather([|| .., || ..])`, or `parallel(list, |item| ..)`"),
    (&["comment"], "write `// comment`"),
    (&["none"], "write `()`, which stands for no value"),
    (&["subprocess"], "write `command(\"program\", [\"argument\"])`"),
    (&["shell"], "write `command(\"program\", [\"argument\"])`"),
];

/// Tells whether somebody asks how the language compares with Python or LionAGI.
pub fn is_comparison(asked: &str) -> bool {
    let asked = asked.to_lowercase().replace(['-', '?'], " ");
    let words: Vec<&str> = asked.split_whitespace().collect();
    let is_known = |word: &&str| COMPARED.contains(word) || BESIDE.contains(word);
    words.iter().any(|word| COMPARED.contains(word)) && words.iter().all(is_known)
}

/// Says what to write for what somebody looks for in other words than those of the language.
pub fn meant(asked: &str) -> Option<ForeignWord> {
    let lower = asked.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();

    let joints = ["_", "", "."].map(|joint| words.join(joint));
    let foreign = joints.iter().filter(|_| words.len() > 1).find_map(|word| explained(word));
    let help = foreign.map(|word| word.help).or_else(|| topic(&words))?;
    Some(ForeignWord { message: asked.to_owned(), help, same: None })
}

fn topic(words: &[&str]) -> Option<&'static str> {
    let root = |word: &str| word.trim_end_matches("ies").trim_end_matches(['s', 'y']).to_owned();
    let asked: Vec<String> = words.iter().map(|word| root(word)).collect();
    let is_meant = |keys: &[&str]| keys.iter().all(|key| asked.contains(&root(key)));
    TOPICS.iter().find(|(keys, _)| is_meant(keys)).map(|(_, help)| *help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_look_for_is_found_in_other_words() {
        let help = |asked: &str| meant(asked).map_or("-", |word| word.help);
        for (asked, begin) in [
            ("file exists", "write `attempt("),
            ("list files", "write `command(\"ls\""),
            ("files in a directory", "write `command(\"ls\""),
            ("current date", "write `now()`"),
            ("os.path.exists", "-"),
            ("os path exists", "write `attempt("),
            ("has key", "write `\"key\" in map`"),
            ("environment variables", "write `env("),
            ("for loop", "write `for x in list"),
            ("while loops", "write `while condition"),
            ("if else", "write `if a"),
            ("try catch", "write `try {"),
            ("fork a branch", "-"),
        ] {
            assert!(help(asked).starts_with(begin), "{asked}: {}", help(asked));
        }
    }

    #[test]
    fn a_comparison_is_asked_for_in_many_ways() {
        let asked =
            ["python", "from python", "Coming from LionAGI", "from-python", "python vs kaizen"];
        assert!(asked.iter().all(|asked| is_comparison(asked)));
        assert!(!["coming from", "python library", ""].iter().any(|asked| is_comparison(asked)));
    }
}
