//! The names of a script: where each is declared, where it is seen, and where it is used.

use crate::script::editor::code::ScriptCode;
use crate::script::lexer::LexemeClass;
use std::ops::Range;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// A function of the script.
    Function,
    /// A parameter of a function or closure.
    Parameter,
    /// A variable, of a loop and of `catch` too.
    Variable,
    /// A constant.
    Constant,
    /// An imported file.
    Import,
}

/// A declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The name.
    pub name: String,
    /// What it stands for.
    pub kind: NameKind,
    /// Where the name stands, in bytes.
    pub at: Range<usize>,
    /// The piece at which it stands.
    pub piece: usize,
    /// The whole of what is declared, in bytes.
    pub whole: Range<usize>,
    /// Where it can be used, in bytes.
    pub seen: Range<usize>,
    /// Parameters of a function; the path of an import.
    pub detail: String,
}

/// A place where a name stands: where it is declared or used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Where, in bytes.
    pub at: Range<usize>,
    /// The number of the declaration among the bindings.
    pub binding: usize,
}

/// A name of another file: `lib::name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignName {
    /// The number of the import among the bindings.
    pub import: usize,
    /// The name.
    pub name: String,
    /// Where it stands, in bytes.
    pub at: Range<usize>,
}

/// All names of a script.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NameTable {
    /// What is declared.
    pub bindings: Vec<Binding>,
    /// Where it is declared and used, in order.
    pub mentions: Vec<Mention>,
    /// What is used of other files.
    pub foreign: Vec<ForeignName>,
    /// The bodies of functions, with their parameters: they do not see the variables around them.
    functions: Vec<Range<usize>>,
    /// How many bytes the script has.
    length: usize,
}

impl NameTable {
    /// Collects the names of a script.
    pub fn of(code: &ScriptCode<'_>) -> NameTable {
        let mut names = NameTable { length: code.text.len(), ..NameTable::default() };
        for at in 0..code.len() {
            names.declare(code, at);
        }
        names.bindings.sort_by_key(|binding| (binding.at.start, binding.at.end));
        names.bindings.dedup_by_key(|binding| binding.at.clone());

        for at in 0..code.len() {
            names.mention(code, at);
        }
        names.mentions.sort_by_key(|mention| mention.at.start);
        names
    }

    /// Notes what is declared at a piece.
    fn declare(&mut self, code: &ScriptCode<'_>, at: usize) {
        if code.class(at) == LexemeClass::Word && !code.is_member(at) && !code.is_key(at) {
            match code.said(at) {
                "fn" => self.function(code, at),
                "let" | "const" => self.variable(code, at),

                "for" => self.each(code, at),
                "catch" if code.said(at + 1) == "(" => {
                    if let Some(block) = code.next_block(at) {
                        let seen = code.range(block).start..code.end_of(block);
                        self.bind(code, at + 2, NameKind::Variable, seen);
                    }
                }
                "import" => self.import(code, at),
                _ => {}
            }
        } else if code.said(at) == "|"
            && code.class(at) == LexemeClass::Other
            && begins_closure(code, at)
        {
            self.closure(code, at);
        }
    }

    fn bind(&mut self, code: &ScriptCode<'_>, piece: usize, kind: NameKind, seen: Range<usize>) {
        if !code.is_name(piece) {
            return;
        }
        let at = code.range(piece);
        let name = code.said(piece).to_owned();
        let whole = at.clone();
        self.bindings.push(Binding { name, kind, at, piece, whole, seen, detail: String::new() });
    }

    fn function(&mut self, code: &ScriptCode<'_>, at: usize) {
        // A function of a type is written `fn type.name()`.
        let name = if code.said(at + 2) == "." { at + 3 } else { at + 1 };
        let open = name + 1;
        if !code.is_name(name) || code.said(open) != "(" {
            return;
        }

        let close = code.partner(open);
        let block = close.filter(|close| code.opens_block(close + 1)).map(|close| close + 1);
        let end = block.and_then(|block| code.partner(block)).or(close);
        let end = end.map_or(code.text.len(), |end| code.range(end).end);
        let params =
            close.map_or("", |close| &code.text[code.range(open).end..code.range(close).start]);

        let is_private = code.before(at) == "private";
        let start = code.range(if is_private { at - 1 } else { at }).start;
        self.bind(code, name, NameKind::Function, 0..code.text.len());
        if let Some(own) = self.bindings.last_mut() {
            own.whole = start..end;
            own.detail = params.split_whitespace().collect::<Vec<_>>().join(" ");
        }

        let body = code.range(open).start..end;
        self.functions.push(body.clone());
        for param in open + 1..close.unwrap_or(open + 1) {
            self.bind(code, param, NameKind::Parameter, body.clone());
        }
    }

    fn variable(&mut self, code: &ScriptCode<'_>, at: usize) {
        let kind = if code.said(at) == "const" { NameKind::Constant } else { NameKind::Variable };
        // It is seen from the end of its statement, so that `let x = x` means the one before.
        let end = statement_end(code, at + 2);
        self.bind(code, at + 1, kind, end..code.block_end(at));
        if let Some(own) = self.bindings.last_mut().filter(|own| own.piece == at + 1) {
            own.whole = code.range(at).start..end;
        }
    }

    fn each(&mut self, code: &ScriptCode<'_>, at: usize) {
        let Some(block) = code.next_block(at) else { return };
        let seen = code.range(block).start..code.end_of(block);

        let names: &[usize] = match code.said(at + 1) {
            "(" => &[at + 2, at + 4],
            _ => &[at + 1],
        };
        for name in names {
            self.bind(code, *name, NameKind::Variable, seen.clone());
        }
    }

    fn import(&mut self, code: &ScriptCode<'_>, at: usize) {
        if code.said(at + 2) != "as" {
            return;
        }
        let end = code.range(at + 3).end;
        self.bind(code, at + 3, NameKind::Import, end..code.block_end(at));
        if let Some(own) = self.bindings.last_mut().filter(|own| own.piece == at + 3) {
            own.whole = code.range(at).start..end;
            own.detail = code.string(at + 1).map_or_else(String::new, |(path, _)| path.to_owned());
        }
    }

    fn closure(&mut self, code: &ScriptCode<'_>, at: usize) {
        let around = code.around(at);
        let same = |next: &usize| code.around(*next) == around;
        let Some(close) =
            (at + 1..code.len()).take(64).find(|next| code.said(*next) == "|" && same(next))
        else {
            return;
        };

        let end = closure_end(code, close);
        for param in (at + 1..close).filter(|param| matches!(code.before(*param), "|" | ",")) {
            self.bind(code, param, NameKind::Parameter, code.range(at).start..end);
        }
    }

    /// Notes what is used at a piece.
    fn mention(&mut self, code: &ScriptCode<'_>, at: usize) {
        let range = code.range(at);
        let own = self.bindings.binary_search_by_key(&range.start, |binding| binding.at.start);
        if let Ok(binding) = own {
            self.mentions.push(Mention { at: range, binding });
            return;
        }

        if code.class(at) == LexemeClass::Text {
            // `Fn("name")` is a function as a value.
            if code.before(at) == "("
                && at > 1
                && code.said(at - 2) == "Fn"
                && let Some((name, at)) = code.string(at)
                && let Some(binding) = self.function_named(name)
            {
                self.mentions.push(Mention { at, binding });
            }
            return;
        }
        if !code.is_name(at) || code.is_key(at) {
            return;
        }

        let name = code.said(at);
        let is_call = code.said(at + 1) == "(";
        if at > 1 && code.ends_path(at - 1) {
            self.of_path(code, at);
        } else if code.is_member(at) {
            if let Some(binding) = self.function_named(name).filter(|_| is_call) {
                self.mentions.push(Mention { at: range, binding });
            }
        } else {
            let variable = self.variable_at(name, range.start);
            let function = || self.function_named(name).filter(|_| is_call);
            let found = if is_call { function().or(variable) } else { variable };
            self.mentions.extend(found.map(|binding| Mention { at: range, binding }));
        }
    }

    /// Notes a name behind a path.
    fn of_path(&mut self, code: &ScriptCode<'_>, at: usize) {
        let Some(module) = at.checked_sub(3) else { return };
        let range = code.range(at);
        let name = code.said(at).to_owned();
        if code.said(module) == "global" {
            let is_constant = |one: &Binding| one.kind == NameKind::Constant && one.name == name;
            let binding = self.bindings.iter().position(is_constant);
            self.mentions.extend(binding.map(|binding| Mention { at: range, binding }));
        } else if let Some(import) = self.variable_at(code.said(module), code.range(module).start) {
            self.foreign.push(ForeignName { import, name, at: range });
        }
    }

    /// Finds a function by name.
    pub fn function_named(&self, name: &str) -> Option<usize> {
        let is_meant = |one: &Binding| one.kind == NameKind::Function && one.name == name;
        self.bindings.iter().position(is_meant)
    }

    /// Finds the variable, parameter or import of a name that is seen at a byte.
    pub fn variable_at(&self, name: &str, byte: usize) -> Option<usize> {
        let each = self.seen_at(byte).filter(|(_, binding)| binding.name == name);
        each.max_by_key(|(_, binding)| binding.seen.start).map(|(at, _)| at)
    }

    /// Returns the variables, parameters and imports that are seen at a byte.
    pub fn seen_at(&self, byte: usize) -> impl Iterator<Item = (usize, &Binding)> {
        let own = self.functions.iter().filter(|body| body.contains(&byte));
        let barrier = own.map(|body| body.start).max().unwrap_or(0);

        self.bindings.iter().enumerate().filter(move |(_, binding)| {
            let is_open = binding.kind == NameKind::Import || binding.seen.start >= barrier;
            // At the end of the text, what is seen there continues.
            let is_before_end = byte < binding.seen.end || binding.seen.end == self.length;
            let is_there = binding.seen.start <= byte && is_before_end;
            binding.kind != NameKind::Function && is_open && is_there
        })
    }

    /// Returns the declaration that is meant at a byte, if one is.
    pub fn at(&self, byte: usize) -> Option<&Mention> {
        self.mentions.iter().find(|one| one.at.start <= byte && byte <= one.at.end)
    }

    /// Tells whether two declarations are one: functions of one name are forms of one.
    pub fn is_same(&self, one: usize, other: usize) -> bool {
        let [first, second] = [one, other].map(|at| &self.bindings[at]);
        let are_forms = first.kind == NameKind::Function && second.kind == NameKind::Function;
        one == other || are_forms && first.name == second.name
    }

    /// Returns every place of a declaration, those of its other forms too.
    pub fn places(&self, binding: usize) -> Vec<Range<usize>> {
        let same = |mention: &&Mention| self.is_same(mention.binding, binding);
        self.mentions.iter().filter(same).map(|mention| mention.at.clone()).collect()
    }
}

/// Tells whether a `|` begins the parameters of a closure.
fn begins_closure(code: &ScriptCode<'_>, at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else { return true };
    let is_value = match code.class(before) {
        LexemeClass::Number | LexemeClass::Text => true,
        LexemeClass::Word => {
            code.is_name(before) || matches!(code.said(before), "true" | "false" | "this")
        }
        LexemeClass::Comment | LexemeClass::Other => {
            matches!(code.said(before), ")" | "]" | "}" | "|")
        }
    };
    !is_value
}

/// Returns where the body of a closure ends, in bytes. `close` is the `|` before the body.
fn closure_end(code: &ScriptCode<'_>, close: usize) -> usize {
    if code.opens_block(close + 1) {
        return code.end_of(close + 1);
    }

    let around = code.around(close);
    let outer = around.and_then(|open| code.partner(open)).unwrap_or(code.len());
    let ends = |next: &usize| code.around(*next) == around && matches!(code.said(*next), "," | ";");
    let end = (close + 1..outer).find(ends).unwrap_or(outer);
    code.range(end).start
}

/// Returns where a statement ends, in bytes; `at` is a piece of it.
fn statement_end(code: &ScriptCode<'_>, at: usize) -> usize {
    let around = code.around(at.saturating_sub(1));
    let outer = around.and_then(|open| code.partner(open)).unwrap_or(code.len());
    let mut next = at;
    while next < outer {
        if code.said(next) == ";" && code.around(next) == around {
            return code.range(next).end;
        }
        // What stands in brackets belongs to the statement as a whole.
        next = code.partner(next).filter(|end| *end > next).unwrap_or(next) + 1;
    }
    if outer == 0 { 0 } else { code.range(outer.saturating_sub(1)).end }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    /// Shows each place of each name as `name@line:column -> line:column of its declaration`.
    fn shown(text: &str) -> String {
        let code = ScriptCode::of(text);
        let names = NameTable::of(&code);
        let place = |byte: usize| {
            let head = &text[..byte];
            let column = head.len() - head.rfind('\n').map_or(0, |at| at + 1) + 1;
            format!("{}:{column}", head.matches('\n').count() + 1)
        };

        let mut shown = String::new();
        for mention in &names.mentions {
            let binding = &names.bindings[mention.binding];
            let at = place(mention.at.start);
            let declared = place(binding.at.start);
            let _ = if at == declared {
                writeln!(shown, "{at} {} {:?} {}", binding.name, binding.kind, binding.detail)
            } else {
                writeln!(shown, "{at} {} -> {declared}", binding.name)
            };
        }
        for one in &names.foreign {
            let import = &names.bindings[one.import].detail;
            let _ = writeln!(shown, "{} {} of {import}", place(one.at.start), one.name);
        }
        shown
    }

    #[test]
    fn names_are_those_of_their_blocks() {
        let text = "let x = 1;\n{ let x = x + 1; x }\nx\nfor (y, i) in [x] { y + i }\ny";
        expect_test::expect![[r#"
            1:5 x Variable 
            2:7 x Variable 
            2:11 x -> 1:5
            2:18 x -> 2:7
            3:1 x -> 1:5
            4:6 y Variable 
            4:9 i Variable 
            4:16 x -> 1:5
            4:21 y -> 4:6
            4:25 i -> 4:9
        "#]]
        .assert_eq(&shown(text));
    }

    #[test]
    fn functions_see_their_parameters_and_no_variables() {
        let text = "const N = 2;\nlet v = 1;\nfn f(a, b) { let c = a; c + v + global::N }\nf(v, 1); v.f(2); Fn(\"f\")";
        expect_test::expect![[r#"
            1:7 N Constant 
            2:5 v Variable 
            3:4 f Function a, b
            3:6 a Parameter 
            3:9 b Parameter 
            3:18 c Variable 
            3:22 a -> 3:6
            3:25 c -> 3:18
            3:41 N -> 1:7
            4:1 f -> 3:4
            4:3 v -> 2:5
            4:10 v -> 2:5
            4:12 f -> 3:4
            4:22 f -> 3:4
        "#]]
        .assert_eq(&shown(text));
    }

    #[test]
    fn closures_imports_and_errors_have_names() {
        let text = "import \"lib/a\" as a;\nlet f = |p, q| p + q;\nlet g = |p| { p };\np;\n\
            try { a::run(f) } catch (e) { e.kind }\nlist.map(|x| #{ x: x, y: a::N }); x || f";
        expect_test::expect![[r#"
            1:19 a Import lib/a
            2:5 f Variable 
            2:10 p Parameter 
            2:13 q Parameter 
            2:16 p -> 2:10
            2:20 q -> 2:13
            3:5 g Variable 
            3:10 p Parameter 
            3:15 p -> 3:10
            5:7 a -> 1:19
            5:14 f -> 2:5
            5:26 e Variable 
            5:31 e -> 5:26
            6:11 x Parameter 
            6:20 x -> 6:11
            6:26 a -> 1:19
            6:40 f -> 2:5
            5:10 run of lib/a
            6:29 N of lib/a
        "#]]
        .assert_eq(&shown(text));
    }

    #[test]
    fn a_script_that_does_not_parse_has_names() {
        let text = "fn f(a {\nlet x = [1, \nx + a\nfor i in";
        expect_test::expect![[r#"
            1:4 f Function 
            2:5 x Variable 
        "#]]
        .assert_eq(&shown(text));
    }
}
