//! Words that begin statements, in other languages and here.

/// Words that begin statements of other languages.
pub(super) const STATEMENTS: &[(&str, &str, &str)] = &[
    ("async", "`async` is from another language", "leave it out: a call waits for its reply"),
    ("await", "`await` is from another language", "leave it out: a call waits for its reply"),
    ("assert", "`assert` is a function", "write `assert(a == b)`"),
    ("case", "`case` is from another language", "write `switch x { 1 => .., _ => .. }`"),
    (
        "class",
        "scripts have no classes",
        "write functions, and keep values together in a map: `#{ a: 1 }`",
    ),
    ("def", "`def` is from another language", "write `fn name(a, b) { .. }`"),
    ("del", "`del` is from another language", "write `map.remove(\"key\")` or `list.remove(0)`"),
    (
        "delete",
        "`delete` is from another language",
        "write `map.remove(\"key\")` or `list.remove(0)`",
    ),
    ("echo", "`echo` is from another language", "write `print(..)`"),
    ("elif", "`elif` is from another language", "write `} else if condition { .. }`"),
    ("elseif", "`elseif` is from another language", "write `} else if condition { .. }`"),
    ("elsif", "`elsif` is from another language", "write `} else if condition { .. }`"),
    ("except", "`except` is from another language", "write `try { .. } catch (e) { .. }`"),
    (
        "enum",
        "scripts have no types of their own",
        "write a map: `#{ a: 1 }`; values need no types",
    ),
    (
        "finally",
        "`finally` is from another language",
        "write what follows after `try { .. } catch (e) { .. }`",
    ),
    (
        "foreach",
        "`foreach` is from another language",
        "write `for x in list { .. }`, or `for i in 0..10 { .. }`",
    ),
    (
        "from",
        "`from .. import` is from another language",
        "leave it out; kaizen's functions need no import; for a file write `import \"lib/file\" as file;`, then `file::f(..)`",
    ),
    ("func", "`func` is from another language", "write `fn name(a, b) { .. }`"),
    ("function", "`function` is from another language", "write `fn name(a, b) { .. }`"),
    (
        "global",
        "`global` is from another language",
        "pass it as a parameter: a function sees its parameters and constants (`const` and `global::NAME`)",
    ),
    ("impl", "scripts have no types of their own", "write functions: `fn name(a, b) { .. }`"),
    (
        "interface",
        "scripts have no types of their own",
        "write a map: `#{ a: 1 }`; values need no types",
    ),
    ("lambda", "`lambda` is from another language", "write `|x| x + 1`"),
    ("match", "`match` is from another language", "write `switch x { 1 => .., _ => .. }`"),
    ("new", "`new` is from another language", "call the function alone: `branch()`"),
    ("print", "`print` is a function", "write `print(..)`"),
    (
        "pub",
        "`pub` is from another language",
        "leave it out: every function of a file can be imported; `private fn` hides one",
    ),
    ("puts", "`puts` is from another language", "write `print(..)`"),
    ("raise", "`raise` is from another language", "write `throw \"message\"`"),
    ("rescue", "`rescue` is from another language", "write `try { .. } catch (e) { .. }`"),
    (
        "struct",
        "scripts have no types of their own",
        "write a map: `#{ a: 1 }`; values need no types",
    ),
    ("typeof", "`typeof` is from another language", "write `type_of(x)`"),
    ("unless", "`unless` is from another language", "write `if !x { .. }`"),
    ("unset", "`unset` is from another language", "write `map.remove(\"key\")`"),
    ("var", "`var` is from another language", "write `let x = ..`"),
    (
        "with",
        "`with` is from another language",
        "leave it out: `read_text(\"path\")` opens a file and closes it",
    ),
    ("yield", "`yield` is from another language", "collect the values in a list, and return it"),
];

/// Words that mean nothing here, and are no beginning of a statement that could be told from a text.
pub(super) const RESERVED: &[(&str, &str)] = &[
    ("is", "write `==`, or `type_of(x) == \"string\"`"),
    ("protected", "leave it out; `private fn` hides a function from other files"),
    ("public", "leave it out; `private fn` hides a function from other files"),
    ("static", "write `const NAME = ..`"),
    ("super", "scripts have no classes; call the function by its name"),
    ("use", "write `import \"lib/file\" as file;` for a file; kaizen's functions need no import"),
];

/// Words that begin a block, in other languages with a colon at the end of the line.
pub(super) const HEADS: &[&str] = &["else", "for", "if", "try", "while"];

/// Words of the language after which a value begins.
pub(super) const KEYWORDS: &[&str] = &[
    "catch", "const", "continue", "do", "else", "export", "fn", "for", "if", "import", "in", "let",
    "loop", "private", "return", "switch", "throw", "try", "until", "while",
];
