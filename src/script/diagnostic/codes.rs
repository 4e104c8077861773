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
/// A tool that cannot be offered.
pub const TOOL: &str = "K0014";
/// An MCP server that the project does not describe.
pub const SERVER: &str = "K0015";
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
/// A word or a form of another language.
pub const FOREIGN: &str = "K0021";
/// A question that no answer fits.
pub const QUESTION: &str = "K0022";
/// A result that nothing is done with.
pub const UNUSED: &str = "K0023";
/// A change of a copy that nothing reads.
pub const LOST: &str = "K0024";
/// A `let` in a block that hides the variable that is meant.
pub const HIDDEN: &str = "K0025";
/// A property that the value does not have.
pub const PROPERTY: &str = "K0030";
/// An argument that the function does not take.
pub const ARGUMENT: &str = "K0031";
/// A failure whose kind has no code of its own.
pub const OTHER: &str = Kind::NO_CODE;

/// All codes.
pub const CODES: &[Code] = &[
    found(
        SYNTAX,
        "the script does not parse",
        "Something is missing or in the wrong place. The position is where parsing stopped; the missing part often \
         belongs at the end of the previous statement. Rhai ends statements with `;`, writes maps as `#{ key: value \
         }`, and reserves words such as `new`, `use`, `case`, `sync` and `thread`.",
        "let x = 1\nlet y = 2;",
    ),
    found(
        VARIABLE,
        "unknown variable",
        "A variable exists from its `let` to the end of its block. A function does not see the variables of the \
         script: pass them as arguments, or write `const NAME = ..` outside of functions and blocks and `global::NAME` \
         in the function. `log`, `run_id` and `state` exist everywhere. From another file, you can use what it exports \
         (`export const NAME = ..`). Its functions are not values: write `|x| lib::f(x)`.",
        "let answer = 42;\nprint(anser);",
    ),
    found(
        FUNCTION,
        "unknown function",
        "No function of this name is defined by kaizen, the standard library, the script or its imports (for a method: \
         for this type of value). Search with `kaizen doc WORD`. Call a closure in a variable with `f.call(x)`.",
        "let b = branch();\nb.comunicate(\"Hello\");",
    ),
    found(
        ARGUMENTS,
        "wrong number of arguments",
        "The function exists, but not with this number of arguments. Of a function of kaizen, `x.f(a)` is `f(x, a)`. \
         For one of the script's own, write `f(x, a)`: behind a dot, `x` is its `this`. A closure that takes another \
         number of arguments than the function that calls it passes has the same code: `attempt(|x| ..)`.",
        "sleep(1, 2);",
    ),
    found(
        OPTION,
        "unknown or missing option",
        "The map of options at the end of a call has a key that the function does not know, or that this kind of \
         operation does not take, or lacks one that it needs. Unknown keys are errors, so that a typo never silently \
         selects a default.",
        "branch().communicate(\"Hello\", #{ tempreture: 0.5 });",
    ),
    found(
        MODEL,
        "unknown model",
        "Name a model by an alias from `[models]` in kaizen.toml, or as `provider/name` with one of the providers \
         openai, anthropic, gemini, ollama and demo. `kaizen models` lists the aliases.",
        "branch(\"fsat\").communicate(\"Hello\");",
    ),
    found(
        IMPORT,
        "a file that cannot be imported",
        "Import paths are relative to the importing file, with or without `.rhai`, and must lie in the project's \
         folder. Circular imports are errors. An import in a function ends with the function, so a closure that it \
         returns cannot use the import.",
        "import \"../../elsewhere/lib\" as lib;",
    ),
    found(
        PARAMETER,
        "unknown parameter",
        "`kaizen run SCRIPT -p name=value` sets a parameter that the script reads with `param(\"name\", default)`.",
        "",
    ),
    found(
        METHOD,
        "possibly unknown method",
        "No function of this name is known. The type of the value before the dot is not known either; it may be a map \
         with a function of this name. This is only a warning.",
        "let x = json(\"{}\");\nx.trimm();",
    ),
    found(
        SHADOW,
        "a function hides a built-in one",
        "The script defines a function with the name and number of arguments of one from kaizen or the standard \
         library, and replaces it in the whole script. If you intend this, write `/// @override` above it. This is \
         only a warning. `fn chat(q)` takes over `x.chat(q)` as well.",
        "fn sleep(ms) { ms }\nprint(sleep(1));",
    ),
    found(
        LOOP_VARIABLE,
        "a stored closure uses a loop variable",
        "All closures created in a `for` loop share its variable, so closures that are stored and called later see its \
         last value. Use `map` on a list, which gives each closure its own variable: `items.map(|item| ..)`. This is \
         only a warning.",
        "let fs = [];\nfor i in 0..3 { fs.push(|| i); }",
    ),
    found(
        TEST,
        "a test that cannot be called",
        "In a file `*_test.rhai`, `kaizen test` calls every function whose name begins with `test_`. It gives them no \
         arguments, and a `private` function cannot be called from outside.",
        "",
    ),
    found(
        SCHEMA,
        "invalid schema",
        "A schema is a text in the short form, such as `\"city: string, sure: integer 0..9\"`, JSON, or a map such as \
         `#{ type: \"object\", properties: #{ city: #{ type: \"string\" } }, required: [\"city\"] }`. It may refer \
         only to its own parts, and has at most 64 KiB, 32 levels and 500 properties.",
        "branch().chat(\"Where?\", #{ schema: #{ type: \"objekt\" } });",
    ),
    found(
        TOOL,
        "invalid tool",
        "A tool needs a name of 1 to 64 letters, digits, `_` and `-`; a description, from which the model decides when \
         to use it; a schema that describes its arguments as an object; and a function. The function takes the \
         arguments as a map and, optionally, a second parameter `info` with the `id`, `key` and `step` of the call. \
         The names in a list of tools must differ. The arguments that `act` gives a tool must match its schema.",
        "let add = tool(\"add\", \"Adds.\", \"a: integer, b: integer\", || 1);",
    ),
    found(
        SERVER,
        "an MCP server that kaizen.toml does not describe",
        "`mcp(\"files\")` needs a table `[mcp.files]` in kaizen.toml, with the `command` or the `url` of the server. \
         `kaizen tools` lists the project's servers.",
        "let tools = mcp(\"files\");",
    ),
    found(
        IN_PLACE,
        "a function that works in place returns nothing",
        "Functions such as `trim`, `replace`, `sort`, `reverse`, `push` and `make_lower` change the variable that they \
         are called on, and return `()`. In a condition, an assignment or an argument, this `()` is used instead of \
         the changed value. Use the function that returns a new value (`trimmed`, `replaced`, `sorted`, `reversed`, \
         `lower`), or make the call a separate statement. The arguments of a function are copies, so changes to them \
         are lost unless the function returns them. `retain` returns the items that it removes. A text in which each \
         turn of a loop replaces the same part has nothing left to replace after the first turn.",
        "let answer = \" yes \";\nprint(answer.trim() == \"yes\");",
    ),
    found(
        DIVISION,
        "a division of whole numbers drops the fraction",
        "`2 / 3` is 0: a whole number divided by a whole number is a whole number. Make one of them a fraction: `2.0 / \
         3`, or `right.to_float() / total`; or use `percent(right, total)`. If you want the whole number, write `(a / \
         b).to_int()`.",
        "let right = 2;\nprint(right / [1, 2, 3].len());",
    ),
    found(
        ESCAPE,
        "escapes have no effect in backticks, nor `${..}` in double quotes",
        "In a text in backticks, `\\n` is a backslash and an n. Line breaks are kept as they are \
         written, and only `${..}` has a special meaning. Write a real line break, or use double \
         quotes. There, escapes work, and `${name}` stays as it is written; so does `{name}` in every text.",
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
        "an import that runs code",
        "An import runs the code outside of the functions of a file. Calls to models in this code are made and paid \
         for, and once more in each test that imports the file. Put code that should run only when the file itself is \
         run into `if is_main { .. }`, or into a function.",
        "",
    ),
    found(
        FOREIGN,
        "syntax of another language",
        "The script uses a function or syntax of Python, JavaScript or LionAGI that is written differently in kaizen. \
         The help says what to write. `kaizen doc python` compares the languages.",
        "let label = str(4);",
    ),
    found(
        QUESTION,
        "a question that no answer can satisfy",
        "The options of `ask` contradict one another, or accept no answer: `options` must be a list of different \
         texts, numbers or booleans, `default` must be one of them or match `schema`, and `timeout` must be a number \
         of milliseconds or a text such as \"3d\".",
        "ask(\"Release?\", #{ options: [\"yes\", \"no\"], default: \"maybe\" });",
    ),
    found(
        UNUSED,
        "a result that is not used",
        "The function or the operator only returns a result and changes nothing, and the script drops it. Assign it to a \
         variable, or use the function that works in place, such as `trim`. A builder that no flow runs, a function \
         that ends with `let`, and an `if` with a value in the middle of a function have the same code.",
        "let text = \" yes \";\ntext.trimmed();\nprint(text);",
    ),
    found(
        LOST,
        "a change of a copy that is lost",
        "The arguments of a function, the items of a `for` and what `let` takes out of a list are copies. The script \
         changes such a copy, and nothing reads it afterwards, so the change has no effect. Return the changed value \
         from the function, or change the list itself: `list[i].done = true`. What a property of kaizen's own values \
         gives is a copy too: `branch.messages.push(..)` adds nothing to the branch.",
        "fn finish(task) {\n    task.done = true;\n}\nlet task = #{ done: false };\nfinish(task);\n\
         print(task.done);",
    ),
    found(
        HIDDEN,
        "a `let` that hides a variable",
        "This variable ends with its block, and the one outside, which is read afterwards, keeps its value.",
        "let n = 0;\nfor x in [1, 2] {\n    let n = n + x;\n}\nprint(n);",
    ),
    found(
        PROPERTY,
        "unknown property",
        "A value from kaizen does not have a property of this name. Such values are the results of `attempt`, \
         `recommend`, `used` and the like, the metrics and results of a report, the `inputs` of an operation, a branch \
         or a node. If the kind of the value is known, this is found before the script runs; otherwise, it is an error \
         of the run (K0101). Your own maps return `()` for a missing key; a word of maps without brackets, such as \
         `map.len`, is such a key. The length of a map that wraps a value, such as the result of `attempt`, is hardly \
         the one that is meant.",
        "print(attempt(|| 1).err);",
    ),
    found(
        ARGUMENT,
        "invalid argument",
        "The function takes this number of arguments, but one of them has the wrong type or is not one of the allowed \
         words; or the value of an option has the wrong type or is out of range. Or a closure uses the variable on \
         which the function is called: `m.keys().map(|k| m[k])` fails, and `map(m.keys(), |k| m[k])` works. Or a word \
         changes a constant: write `let`. The same code stands for a value that fits nowhere where it is used: a \
         comparison of a text with a number, which is always false; a case of `switch`, an item of `in` or a word of \
         `type_of` that the value never is; a condition, a `when`, a `check` or a judge without a fitting verdict; a \
         map or list through whose parts functions ask that run at the same time; an operator between values that it \
         does not take; an index of the wrong type; a range that ends below 0; a `for` over a map, or with its two \
         variables in the wrong order; a text that is added to a number; a reply in the place of the function that \
         asks for it; an operation that no graph has, or that depends on a later one; and `exit(1)`.",
        "retry(|| 1, 3);",
    ),
    run(OTHER, "an error thrown by the script", "The script threw a value: `throw x`."),
    run(
        "K0101",
        "a language error",
        "Division by zero, an index out of bounds, an unknown property, a value of the wrong type, or nesting that is \
         too deep. `attempt(..).error.kind` and `assert_throws(..).kind` are `script`. An error of the language itself \
         reaches `catch (e)` as a map with `error`, `message`, `line` and `position`, and without `kind`: \
         `failure(e).kind` is `script`.",
    ),
    run(
        "K0102",
        "invalid option or argument",
        "An option is unknown, or its value has the wrong type or is out of range.",
    ),
    run("K0103", "invalid parameter", "A parameter is missing or has an invalid value."),
    run("K0104", "invalid model", "The name or description does not identify a model."),
    run(
        "K0105",
        "a model that is not set up",
        "A key is missing, or an address is wrong. Check with `kaizen models` and `kaizen doctor`.",
    ),
    run(
        "K0106",
        "invalid graph",
        "A circular dependency, an unknown operation, a duplicate name, no operation at all, or a branch that is not \
         in the session (add it with `s.include_branch(b)`). Where a script writes its graph out in order, this is \
         found before it runs.",
    ),
    run("K0107", "a file that cannot be used", "It is missing, too long, or not readable."),
    run("K0108", "a text that is not JSON", "The message says where parsing stopped."),
    run("K0109", "a file that cannot be imported", "See K0007."),
    run(
        "K0110",
        "permission denied",
        "A script may read the project's folder, except hidden files. Other files, writing, hosts, variables and \
         programs need a grant: `--allow-read=PATH`, `--allow-write=PATH`, `--allow-net=HOST`, `--allow-env=NAME`, \
         `--allow-run=PROGRAM`, or an entry under `[permissions]` in kaizen.toml. A denial overrides every grant. A \
         variable that a script names as the key of a model (`key: \"env:NAME\"`) needs the same grant as `env(..)`.",
    ),
    run("K0111", "invalid use of `state` or `hot`", "`state` holds data, not functions."),
    run(
        "K0112",
        "the script reached its limit of operations",
        "The script computes for too long, or in an endless loop. `operations` under `[limits]` in kaizen.toml sets \
         the limit.",
    ),
    run("K0113", "cannot start another task", "Run fewer tasks at once."),
    run("K0114", "a bug in kaizen", "Please report it, if possible with the script."),
    run(
        "K0115",
        "an operation that produced no value",
        "It was skipped by a failed dependency, a condition or a gate: write `report.operation_results.x ?? value`.",
    ),
    run("K0116", "the run was stopped", "Ctrl-C or a termination signal stopped it."),
    run("K0117", "the journal cannot be written", "The run cannot continue without it."),
    run(
        "K0118",
        "a failure recorded as text",
        "`save_pattern_failure` received a text instead of an error with a kind.",
    ),
    run(
        "K0119",
        "a replay made a new request",
        "The script, or a file that it reads, has changed since the run and makes a request that the run has no reply \
         for. `kaizen run --resume=RUN` calls the model for it.",
    ),
    run(
        "K0120",
        "the budget does not allow the call",
        "The worst case of the next call does not fit into the rest of `max_cost`, `max_tokens` or `max_calls`, and no \
         call is in flight that could free some budget. Nothing was overspent. Raise the limit and continue with \
         `--resume`, or set a smaller `max_tokens` for the call.",
    ),
    run(
        "K0121",
        "a program did not run to completion",
        "It was not found, timed out, or wrote too much output. If it could not be started at all, the error has \
         `undone: true`. An exit code other than 0 is not an error: `command` returns it as `code`.",
    ),
    run(
        "K0130",
        "an assertion failed",
        "`assert` or a related function found a value other than the expected one. The message shows both.",
    ),
    run(
        "K0131",
        "a request that is not in the cassette",
        "Tests get their replies from a cassette, and this request is not in it: the test, a prompt, a setting or a \
         model has changed since it was recorded. The message names the nearest recorded request and the differences. \
         `kaizen test --record new` records the missing replies; `--record all` records everything again.",
    ),
    run(
        "K0132",
        "`assert_snapshot` outside of a test",
        "Snapshots belong to tests: functions named `test_..` in a file `*_test.rhai`, which `kaizen test` runs.",
    ),
    run(
        "K0133",
        "a tool failed",
        "`act` called a tool that failed, or a tool failed three times in a row while a model used it. `e.tool` and \
         `e.args` say what was called, `e.cause` is the kind of the failure, and `kaizen show RUN` lists every call. \
         Errors before the third are shown to the model, which may call the tool in another way.",
    ),
    run(
        "K0134",
        "an MCP server could not be asked",
        "The server is not described in kaizen.toml, did not start, ended, or did not answer as the protocol says. \
         `kaizen tools SERVER` shows what is wrong with it.",
    ),
    run(
        "K0135",
        "nobody knows whether an effect took place",
        "The run being resumed was stopped while a program of `command` or a call of an MCP tool was under way, or the \
         server failed during the call. All of the work may be done, part of it, or none. Check what was done, then \
         choose: `kaizen run --resume --lost=repeat` does it again; with `--lost=tell`, an error of this kind is \
         thrown that the script can catch. If nobody catches it, a later resume decides again. A program that may \
         safely run twice is run again without asking if its options say `repeatable: true`.",
    ),
    run(
        "K0136",
        "invalid arguments of a tool",
        "The arguments do not match the schema of the tool, even after kaizen has mended what can have only one \
         meaning. Nothing was called. `e.problems` lists what is wrong, each with its `path`.",
    ),
    run(
        "K0201",
        "rate limit exceeded",
        "All retries failed. To stay below the provider's limits, set `requests_per_minute` and `max_concurrent` of \
         the model, or `max_concurrent` of the flow.",
    ),
    run("K0202", "the provider failed", "It returned a status of 500 or more, after all retries."),
    run("K0203", "the key is not accepted", "Status 401 or 403: check the key."),
    run("K0204", "the provider does not know the model or address", "Status 404."),
    run("K0205", "the provider refuses the request", "Its message says why."),
    run("K0206", "the provider cannot be reached", "No connection could be made, or it was cut."),
    run(
        "K0207",
        "it took too long",
        "`timeout_ms`, `header_timeout_ms` and `idle_timeout_ms` set the limits of a call.",
    ),
    run("K0208", "the reply was cut off", "The connection ended before the reply did."),
    run(
        "K0209",
        "the reply reached the limit of tokens",
        "Raise `max_tokens`, or ask for less. `e.partial` holds the text so far. With `on_length: \"accept\"` the text \
         is the answer, and `was_cut` of the branch is true.",
    ),
    run("K0210", "the reply has no text", "The model returned no text."),
    run("K0211", "the model or a filter refused", "The message has the reason."),
    run("K0212", "the reply cannot be parsed", "It does not follow the protocol."),
    run(
        "K0213",
        "the reply is too large",
        "It exceeds the maximum size and was not read completely.",
    ),
    run("K0214", "cancelled", "The run was stopped, or the result was no longer needed."),
    run(
        "K0215",
        "the reply ended for an unknown reason",
        "The server ended the reply with a reason that does not mean a complete reply, such as `error` or `abort`. \
         kaizen retried the call; `e.partial` holds the last text.",
    ),
    run(
        "K0216",
        "the account has no quota left",
        "The provider refuses every request until the account is topped up or the quota is renewed, so kaizen does not \
         retry.",
    ),
    run(
        "K0217",
        "the reply does not match its schema",
        "It is complete, but not JSON, or it does not match the `schema` of the call, even after kaizen has mended \
         what can have only one meaning. It is not appended to the branch; `e.partial` holds the text, and \
         `e.problems` lists what is wrong, each with its `path`. A retry may succeed: use `operate`, which asks the \
         model to repair its answer, set `retries: 2` for an operation, or use `retry(3, || ..)`.",
    ),
    run(
        "K0218",
        "no answer after the last step",
        "The model asked for tools until `max_steps` or `max_tool_calls` was reached, or it repeated the same calls, \
         and then gave no answer when asked for one. `e.partial` holds its last text. Raise the limit that the message \
         names, offer fewer tools, or describe them more clearly.",
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
