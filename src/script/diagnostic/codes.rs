//! The codes of errors: one for each kind, never used for another, each with an explanation.

use crate::base::failure::Kind;

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code, such as `K0003`.
    pub id: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Why it is wrong, and what to do.
    pub text: &'static str,
    /// A script in which it occurs; empty where none is short.
    pub example: &'static str,
}

/// The script cannot be read.
pub const SYNTAX: &str = "K0001";
/// No variable of the name.
pub const VARIABLE: &str = "K0002";
/// No function or method of the name.
pub const FUNCTION: &str = "K0003";
/// A wrong number of arguments.
pub const ARGUMENTS: &str = "K0004";
/// No option of the name.
pub const OPTION: &str = "K0005";
/// No model of the name.
pub const MODEL: &str = "K0006";
/// A file that cannot be imported.
pub const IMPORT: &str = "K0007";
/// No parameter of the name.
pub const PARAMETER: &str = "K0008";
/// Perhaps no method of the name.
pub const METHOD: &str = "K0009";
/// A function that hides one of kaizen's.
pub const SHADOW: &str = "K0010";
/// A kept closure that uses the variable of a loop.
pub const LOOP_VARIABLE: &str = "K0011";
/// A function that is named like a test and is none.
pub const TEST: &str = "K0012";
/// A schema that is none.
pub const SCHEMA: &str = "K0013";
/// A word that works in place and whose result is used.
pub const IN_PLACE: &str = "K0016";
/// A division of whole numbers that drops the fraction.
pub const DIVISION: &str = "K0017";
/// An escape in a text in backticks, where escapes mean nothing.
pub const ESCAPE: &str = "K0018";
/// A text that is split into one piece.
pub const PIECES: &str = "K0019";
/// An import that runs something.
pub const RUNS: &str = "K0020";
/// A failure whose kind has no code of its own.
pub const OTHER: &str = Kind::NO_CODE;

/// All codes.
pub const CODES: &[Code] = &[
    found(
        SYNTAX,
        "the script cannot be read",
        "Something is missing or in the wrong place. The position is where reading stopped; what is \
         missing often belongs at the end of the statement before. Rhai ends statements with `;`, \
         writes maps as `#{ key: value }`, and reserves words such as `new`, `use`, `case`, \
         `default`, `sync` and `thread`.",
        "let x = 1\nlet y = 2;",
    ),
    found(
        VARIABLE,
        "there is no such variable",
        "A variable exists from its `let` to the end of its block. A function does not see the \
         variables of the script: pass them as arguments, or write `const NAME = ..` outside of \
         functions and blocks and `global::NAME` in the function. `log`, `run_id` and `state` exist \
         everywhere. Of another file there is what it exports (`export const NAME = ..`); a function \
         of it is no value: write `|x| lib::f(x)`.",
        "let answer = 42;\nprint(anser);",
    ),
    found(
        FUNCTION,
        "there is no such function",
        "Neither kaizen, nor the standard library, nor the script or what it imports defines a \
         function of this name (for this kind of value, when it is called as a method). `kaizen doc \
         WORD` searches what there is. A closure in a variable is called by `f.call(x)`.",
        "let b = branch();\nb.comunicate(\"Hello\");",
    ),
    found(
        ARGUMENTS,
        "a wrong number of arguments",
        "The function exists, but no form of it takes so many arguments. `x.f(a)` is `f(x, a)`.",
        "sleep(1, 2);",
    ),
    found(
        OPTION,
        "there is no such option",
        "The map of options at the end of a call has a key that the function does not know. Unknown \
         keys are errors, so that a slip is not taken for a default.",
        "branch().communicate(\"Hello\", #{ tempreture: 0.5 });",
    ),
    found(
        MODEL,
        "there is no such model",
        "A model is an alias from `[models]` in kaizen.toml, or `provider/name` with one of the \
         providers openai, anthropic, gemini, ollama and demo. `kaizen models` lists the aliases.",
        "branch(\"fsat\").communicate(\"Hello\");",
    ),
    found(
        IMPORT,
        "a file that cannot be imported",
        "Imports are named relative to the file that imports, with or without `.rhai`, and must lie \
         in the project's folder. Imports in a circle are errors. An import in a function ends with \
         it, so a closure that the function gives back cannot use it.",
        "import \"../../elsewhere/lib\" as lib;",
    ),
    found(
        PARAMETER,
        "the script has no such parameter",
        "`kaizen run SCRIPT -p name=value` sets what the script reads by `param(\"name\", default)`.",
        "",
    ),
    found(
        METHOD,
        "perhaps there is no such method",
        "No function of this name is known, but what stands before the dot is not known either: it \
         may be a map that holds a function of this name. A warning only.",
        "let x = json(\"{}\");\nx.trimm();",
    ),
    found(
        SHADOW,
        "a function hides one of kaizen's",
        "A script function of the same name and number of arguments is called instead of the one \
         that kaizen or the standard library defines, in the whole script. If that is the purpose, \
         write `/// @override` above it. A warning only.",
        "fn sleep(ms) { ms }\nprint(sleep(1));",
    ),
    found(
        LOOP_VARIABLE,
        "a kept closure uses the variable of a loop",
        "All closures that are made in a `for` loop share its variable, so those that are kept and \
         called later see its last value. Make a list and use `map`, whose closures have a variable \
         each: `items.map(|item| ..)`. A warning only.",
        "let fs = [];\nfor i in 0..3 { fs.push(|| i); }",
    ),
    found(
        TEST,
        "a test that cannot be called",
        "In a file `*_test.rhai`, `kaizen test` calls every function whose name begins with `test_`. It \
         gives them no arguments, and a `private` function cannot be called from outside.",
        "",
    ),
    found(
        SCHEMA,
        "a schema that is none",
        "`schema` takes a JSON schema: a map such as `#{ type: \"object\", properties: #{ city: #{ \
         type: \"string\" } }, required: [\"city\"] }`. What it refers to must be part of it.",
        "branch().chat(\"Where?\", #{ schema: #{ type: \"objekt\" } });",
    ),
    found(
        IN_PLACE,
        "a word that works in place returns nothing",
        "Words such as `trim`, `replace`, `sort`, `reverse`, `push` and `make_lower` change the variable \
         that they are called on, and return `()`. In a condition, an assignment or an argument that `()` \
         is used in the place of the changed value. Use the word that returns a new value (`trimmed`, \
         `replaced`, `sorted`, `reversed`, `lower`), or call the word as a statement of its own. What a \
         function is given is a copy, so a change of it is lost unless the function returns it.",
        "let answer = \" yes \";\nprint(answer.trim() == \"yes\");",
    ),
    found(
        DIVISION,
        "a division of whole numbers drops the fraction",
        "`2 / 3` is 0: a whole number divided by a whole number is a whole number. Make one of them a \
         fraction: `2.0 / 3`, or `right.to_float() / total`; or use `percent(right, total)`. Where the \
         whole number is meant, write `(a / b).to_int()`.",
        "let right = 2;\nprint(right / [1, 2, 3].len());",
    ),
    found(
        ESCAPE,
        "backticks know no escapes",
        "In a text in backticks `\\n` is a backslash and an n: such texts go over several lines as they \
         are written, and only `${..}` means something in them. Write a real line break, or use double \
         quotes.",
        "print(`first\\nsecond`);",
    ),
    found(
        PIECES,
        "a text that is split into one piece",
        "The last argument of `split` is the number of pieces, not of cuts: 1 piece is the whole text.",
        "print(\"name: value\".split(\": \", 1));",
    ),
    found(
        RUNS,
        "an import that runs something",
        "An import runs what stands outside of the functions of a file: calls to models are made and paid \
         for, once more in each test that imports it. Put what should run only when the file is run itself \
         into `if is_main { .. }`, or into a function.",
        "",
    ),
    run(OTHER, "an error that the script threw", "The script threw a value: `throw x`."),
    run(
        "K0101",
        "an error of the language",
        "Division by zero, an index out of bounds, a value of the wrong type, too deep a nesting.",
    ),
    run(
        "K0102",
        "a wrong option or argument",
        "An option is unknown, or its value is of the wrong kind or out of its range.",
    ),
    run("K0103", "a wrong parameter", "A parameter is missing or has a wrong value."),
    run("K0104", "a model that cannot be had", "The name or description names no model."),
    run(
        "K0105",
        "a model that is not set up",
        "A key is missing, or an address is wrong. `kaizen models` and `kaizen doctor` tell more.",
    ),
    run(
        "K0106",
        "a graph that is not sound",
        "A circle, an unknown operation, a name used twice, or a branch that the session does not \
         know: `s.include_branch(b)`.",
    ),
    run("K0107", "a file that cannot be used", "It is missing, too long, or not readable."),
    run("K0108", "a text that is not JSON", "The message says where reading stopped."),
    run("K0109", "a file that cannot be imported", "See K0007."),
    run(
        "K0110",
        "something that is not permitted",
        "A script reads what lies in the project's folder and is not hidden. Other files, writing, \
         hosts, variables and programs are granted: by `--allow-read=PATH`, `--allow-write=PATH`, \
         `--allow-net=HOST`, `--allow-env=NAME`, `--allow-run=PROGRAM`, or under `[permissions]` in \
         kaizen.toml. What is denied is refused whatever is granted.",
    ),
    run("K0111", "a wrong use of `state` or `hot`", "`state` holds data, no functions."),
    run(
        "K0112",
        "the script used up its operations",
        "It computes for very long, or for ever. `operations` under `[limits]` in kaizen.toml sets \
         the limit.",
    ),
    run("K0113", "no memory for another task", "Fewer tasks at once need less."),
    run("K0114", "a fault of kaizen", "Please report it, with the script if you can."),
    run(
        "K0115",
        "an operation that gave no value",
        "It was not tried, because one that it depends on failed, or a condition or gate said so.",
    ),
    run("K0116", "the run was stopped", "By Ctrl-C or a request to terminate."),
    run("K0117", "the journal cannot be written", "So the run cannot go on."),
    run(
        "K0118",
        "a failure that was told as a text",
        "`save_pattern_failure` was given words instead of an error with a kind.",
    ),
    run(
        "K0119",
        "a replay asked something new",
        "The script, or what it reads, has changed since the run: it asks something that the run was \
         not answered. `kaizen run --resume=RUN` asks it.",
    ),
    run(
        "K0120",
        "the budget does not allow the call",
        "The worst case of the next call does not fit into what is left of `max_cost`, `max_tokens` or \
         `max_calls`, and no call is under way that could leave something. Nothing was overspent. \
         Raise the bound and go on with `--resume`, or set a smaller `max_tokens` for the call.",
    ),
    run(
        "K0121",
        "a program could not be run to its end",
        "It was not found, did not end in time, or wrote more than is kept. A program that ends with a \
         code other than 0 is no error: `command` gives its `code`.",
    ),
    run(
        "K0130",
        "an assertion does not hold",
        "`assert` and its kin found another value than the one that was expected. In a test that is \
         what they are for: the message shows both.",
    ),
    run(
        "K0131",
        "a request that no cassette answers",
        "A test is answered from its cassette, and this request is not in it: the test, a prompt, a \
         setting or a model has changed since it was recorded. The message names the nearest request \
         and what differs. `kaizen test --record new` asks what is missing and adds it; `--record \
         all` makes the cassette anew.",
    ),
    run(
        "K0132",
        "`assert_snapshot` outside of a test",
        "Snapshots belong to tests: functions named `test_..` in a file `*_test.rhai`, which `kaizen \
         test` runs.",
    ),
    run(
        "K0201",
        "the provider asks to slow down",
        "After all tries. `requests_per_minute` and `max_concurrent` of the model, or \
         `max_concurrent` of the flow, keep below its limits.",
    ),
    run("K0202", "the provider failed", "A status of 500 or more, after all tries."),
    run("K0203", "the key is not accepted", "Status 401 or 403: check the key."),
    run("K0204", "the provider does not know the model or address", "Status 404."),
    run("K0205", "the provider refuses the request", "Its message says why."),
    run("K0206", "the provider cannot be reached", "No connection, or it was cut."),
    run(
        "K0207",
        "it took too long",
        "`timeout_ms`, `header_timeout_ms` and `idle_timeout_ms` set the limits of a call.",
    ),
    run("K0208", "the reply broke off", "The connection ended before the reply did."),
    run(
        "K0209",
        "the reply reached the limit of tokens",
        "Raise `max_tokens`, or ask for less. What came is in `e.partial`.",
    ),
    run("K0210", "the reply has no text", "The model answered with nothing."),
    run("K0211", "the model or a filter refused", "The message has the reason."),
    run("K0212", "the reply is not understood", "It is not what the protocol says."),
    run("K0213", "the reply is too large", "It was not read to its end."),
    run("K0214", "it was given up", "The run was stopped, or what waited for it ended first."),
    run(
        "K0215",
        "the reply ended for an unknown reason",
        "The server ended the reply with a word that does not stand for a whole reply, such as \
         `error` or `abort`. It was asked again; what came last is in `e.partial`.",
    ),
    run(
        "K0216",
        "the account has no quota left",
        "The provider refuses every further request until the account is topped up or the quota \
         begins anew, so the request is not repeated.",
    ),
    run(
        "K0217",
        "the reply does not fit its schema",
        "It is whole, but not JSON, or not what the `schema` of the call asks for. It is not appended \
         to the branch; what came is in `e.partial`. Another try may fit: `retries: 2` of an \
         operation, or `retry(3, || ..)`.",
    ),
];

const fn found(
    id: &'static str,
    title: &'static str,
    text: &'static str,
    example: &'static str,
) -> Code {
    Code { id, title, text, example }
}

const fn run(id: &'static str, title: &'static str, text: &'static str) -> Code {
    Code { id, title, text, example: "" }
}

impl Code {
    /// Returns the kind of failure that a script sees, for errors of the run itself.
    pub fn kind(&self) -> Option<&'static Kind> {
        Kind::ALL.iter().find(|kind| kind.code() == self.id)
    }
}

/// Finds a code by itself, in any case, or by the kind of failure.
pub fn find(word: &str) -> Option<&'static Code> {
    let of_kind = Kind::ALL.iter().find(|kind| kind.word() == word).map(Kind::code);
    let id = of_kind.unwrap_or(word);
    CODES.iter().find(|code| code.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        let ids: Vec<&str> = CODES.iter().map(|code| code.id).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }

    #[test]
    fn every_kind_of_failure_is_explained_and_every_code_of_a_run_has_its_kind() {
        for kind in Kind::ALL {
            let code = find(kind.word()).map(|code| code.id);
            assert_eq!(code, Some(kind.code()), "`{kind}`");
        }

        for code in CODES.iter().filter(|code| code.id >= OTHER) {
            assert!(code.kind().is_some(), "{}", code.id);
        }

        assert_eq!(find("k0003").map(|code| code.id), Some("K0003"));
        assert_eq!(find("words of my own"), None);
    }
}
