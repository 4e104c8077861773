//! What other languages have, and what to write instead.

/// Words that have their like here, so that one can stand for the other.
pub(super) const SAME: &[(&str, &str)] = &[
    ("!==", "!="),
    ("===", "=="),
    ("False", "false"),
    ("None", "()"),
    ("Null", "()"),
    ("True", "true"),
    ("and", "&&"),
    ("elif", "else if"),
    ("elsif", "else if"),
    ("endsWith", "ends_with"),
    ("endswith", "ends_with"),
    ("includes", "contains"),
    ("indexOf", "index_of"),
    ("nil", "()"),
    ("null", "()"),
    ("or", "||"),
    ("println", "print"),
    ("raise", "throw"),
    ("startsWith", "starts_with"),
    ("startswith", "starts_with"),
    ("undefined", "()"),
];

/// Words that other languages, or LionAGI, have where kaizen has others, and what to write.
pub(super) const WORDS: &[(&str, &str)] = &[
    ("Branch", "write `branch()`, or `branch(#{ system: \"..\" })`"),
    ("Builder", "write `builder(\"name\")`"),
    ("Error", "write `throw \"message\"`, or `throw #{ kind: \"..\", message: \"..\" }`"),
    ("Exception", "write `throw \"message\"`, or `throw #{ kind: \"..\", message: \"..\" }`"),
    ("ExecutionOptimizer", "write `optimizer()`"),
    ("False", "write `false`"),
    ("JSON", "write `json(text)` to read JSON and `to_json(value)` to write it"),
    (
        "Math",
        "write `x.floor()`, `max(a, b)` or `round(x, 2)`: numbers have these words themselves",
    ),
    ("None", "write `()`, which stands for no value"),
    ("Null", "write `()`, which stands for no value"),
    ("OperationGraphBuilder", "write `builder(\"name\")`"),
    (
        "PatternKnowledge",
        "write `knowledge(\"patterns.json\")`, or `optimizer()` for the project's store",
    ),
    ("Promise", "write `gather([|| .., || ..])` to run functions at once"),
    ("Session", "write `session()`"),
    ("True", "write `true`"),
    ("addAll", "write `list.append(other)`"),
    (
        "add_conditional_branch",
        "write `g.add_edge(check, yes, #{ when: |result| .. })` for each arm",
    ),
    ("and", "write `a && b`"),
    ("append", "write `list.push(item)` to add one item; `append` adds a whole list"),
    ("asyncio", "write `gather([|| .., || ..])` to run functions at once"),
    ("await", "leave it out: a call waits for its reply"),
    ("capitalize", "write `text.sub_string(0, 1).upper() + text.sub_string(1)`"),
    ("charAt", "write `text[0]`"),
    ("clone", "write `branch.fork()` to copy a branch; other values are copied by `let b = a`"),
    ("concat", "write `a + b`"),
    ("console", "write `print(..)`, or `log.info(..)`"),
    ("datetime", "write `now()` for the milliseconds since 1970"),
    ("def", "write `fn name(a, b) { .. }`"),
    ("del", "write `map.remove(\"key\")` or `list.remove(0)`"),
    ("dict", "write `#{ key: value }`"),
    ("elif", "write `} else if condition { .. }`"),
    ("elsif", "write `} else if condition { .. }`"),
    ("endsWith", "write `text.ends_with(part)`"),
    ("endswith", "write `text.ends_with(part)`"),
    ("enumerate", "write `for (item, index) in list { .. }`"),
    ("expand_from_result", "write `g.expand(node, |item, index| #{ instruction: .. })`"),
    ("extend", "write `list.append(other)`"),
    ("float", "write `text.parse_float()` for a text, or `number.to_float()`"),
    ("forEach", "write `for item in list { .. }`"),
    ("has_key", "write `\"key\" in map`"),
    ("iModel", "write `imodel(\"provider/name\")`, or `imodel(#{ .. })`"),
    ("includes", "write `list.contains(item)`, or `item in list`"),
    ("indexOf", "write `list.index_of(item)`"),
    ("input", "write `param(\"name\", default)`, and set it with `kaizen run -p name=value`"),
    ("isdigit", "write `text.parse_int()` inside of `try { .. } catch { .. }`"),
    ("isinstance", "write `type_of(x) == \"string\"`"),
    ("items", "write `for key in map.keys() { let value = map[key]; .. }`"),
    ("lambda", "write `|x| x + 1`"),
    ("length", "write `x.len`"),
    ("list", "write `[a, b]`, or `x.to_array()`"),
    ("lstrip", "write `text.trimmed()`"),
    ("math", "write `x.floor()`, `x.sqrt()` or `round(x, 2)`: numbers have these words themselves"),
    ("new_branch", "write `let b = branch();`, then `session.include_branch(b)`"),
    ("nil", "write `()`, which stands for no value"),
    ("not", "write `!x`"),
    ("null", "write `()`, which stands for no value"),
    ("open", "write `read_text(\"path\")`, or `read_lines(\"path\")`"),
    ("or", "write `a || b`"),
    ("os", "write `env(\"NAME\")` for a variable, or `command(\"program\", [])` for a program"),
    ("pass", "leave the block empty: `{ }`"),
    ("println", "write `print(..)`"),
    ("raise", "write `throw \"message\"`"),
    ("random", "write `random()` for a number from 0 up to 1"),
    ("re", "write `text.contains(part)`, `text.split(part)` or `text.replaced(part, other)`"),
    ("repr", "write `x.to_debug()`"),
    ("requests", "write `http_get(\"https://..\")`"),
    ("rstrip", "write `text.trimmed()`"),
    ("self", "write `this`"),
    ("slice", "write `list.extract(0..2)`"),
    ("splitlines", "write `text.split(\"\\n\")`"),
    ("startsWith", "write `text.starts_with(part)`"),
    ("startswith", "write `text.starts_with(part)`"),
    ("str", "write `x.to_string()`, or `${x}` in a text in backticks"),
    ("strip", "write `text.trimmed()`"),
    ("substr", "write `text.sub_string(start, length)`"),
    ("substring", "write `text.sub_string(start, length)`"),
    ("sys", "write `param(\"name\", default)`, and set it with `kaizen run -p name=value`"),
    (
        "time",
        "write `timestamp()`, then `.elapsed` for the seconds since; `sleep(seconds)` to wait",
    ),
    ("toLowerCase", "write `text.lower()`"),
    ("toString", "write `x.to_string()`"),
    ("toUpperCase", "write `text.upper()`"),
    ("tuple", "write `[a, b]`"),
    ("typeof", "write `type_of(x)`"),
    ("undefined", "write `()`, which stands for no value"),
    ("update", "write `map.mixin(other)`, or `map + other`"),
];

/// Options of other libraries, and kaizen's.
pub(super) const OPTIONS: &[(&str, &str)] = &[
    ("concurrency", "max_concurrent"),
    ("condition", "when"),
    ("dependencies", "depends_on"),
    ("id", "name"),
    ("max_attempts", "attempts_max"),
    ("max_completion_tokens", "max_tokens"),
    ("max_output_tokens", "max_tokens"),
    ("max_parallel", "max_concurrent"),
    ("max_retries", "retries"),
    ("max_workers", "max_concurrent"),
    ("node_id", "name"),
    ("output_schema", "schema"),
    ("parallel", "max_concurrent"),
    ("prompt", "instruction"),
    ("response_format", "schema"),
    ("response_model", "schema"),
    ("sources", "source_node_ids"),
    ("stop_sequences", "stop"),
    ("system_message", "system"),
    ("system_prompt", "system"),
    ("timeout", "timeout_ms"),
];

/// Letters that other languages put before a text.
pub(super) const PREFIXES: &[(&str, &str)] = &[
    ("f", "write a text in backticks: `` `Hello ${name}` ``"),
    ("fr", "write a text in backticks: `` `Hello ${name}` ``"),
    ("rf", "write a text in backticks: `` `Hello ${name}` ``"),
    ("r", "write `#\"..\"#`, in which a backslash is a backslash"),
    ("b", "write `\"..\".to_blob()`"),
    ("u", "leave the letter out"),
];

/// Words that begin statements of other languages.
pub(super) const STATEMENTS: &[(&str, &str, &str)] = &[
    ("async", "`async` is from another language", "leave it out: a call waits for its reply"),
    ("await", "`await` is from another language", "leave it out: a call waits for its reply"),
    (
        "class",
        "scripts have no classes",
        "write functions, and keep values together in a map: `#{ a: 1 }`",
    ),
    ("def", "`def` is from another language", "write `fn name(a, b) { .. }`"),
    ("del", "`del` is from another language", "write `map.remove(\"key\")` or `list.remove(0)`"),
    ("elif", "`elif` is from another language", "write `} else if condition { .. }`"),
    ("elsif", "`elsif` is from another language", "write `} else if condition { .. }`"),
    ("except", "`except` is from another language", "write `try { .. } catch (e) { .. }`"),
    (
        "finally",
        "`finally` is from another language",
        "write what follows after `try { .. } catch (e) { .. }`",
    ),
    (
        "from",
        "`from .. import` is from another language",
        "leave it out, since kaizen's words need no import",
    ),
    ("func", "`func` is from another language", "write `fn name(a, b) { .. }`"),
    ("function", "`function` is from another language", "write `fn name(a, b) { .. }`"),
    ("lambda", "`lambda` is from another language", "write `|x| x + 1`"),
    ("new", "`new` is from another language", "call the function alone: `branch()`"),
    ("print", "`print` is a function", "write `print(..)`"),
    ("raise", "`raise` is from another language", "write `throw \"message\"`"),
    ("var", "`var` is from another language", "write `let x = ..`"),
    ("with", "`with` is from another language", "leave it out: what is opened is closed by itself"),
    ("yield", "`yield` is from another language", "collect the values in a list, and return it"),
];

/// Values of other languages.
pub(super) const VALUES: &[&str] = &["False", "None", "Null", "True", "nil", "null", "undefined"];

/// Words that begin a block, in other languages with a colon at the end of the line.
pub(super) const HEADS: &[&str] = &["else", "for", "if", "try", "while"];

/// Words of the language after which a value begins.
pub(super) const KEYWORDS: &[&str] = &[
    "catch", "const", "continue", "do", "else", "export", "fn", "for", "if", "import", "in", "let",
    "loop", "private", "return", "switch", "throw", "try", "until", "while",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_in_order() {
        assert!(WORDS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
