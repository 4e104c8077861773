//! What kind of value a piece of code ends with, as far as its words tell.

use crate::script::check::call::EACH;
use crate::script::editor::code::ScriptCode;
use crate::script::editor::names::{NameKind, NameTable};
use crate::script::host::shape::{self, PropertyShape, Shape};
use crate::script::lexer::LexemeClass;
use crate::script::reference::completion::Word;

/// How many words a value is followed through.
const DEPTH_MAX: usize = 24;

/// What kind of value something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueGuess {
    /// Nobody knows.
    Unknown,
    /// A value of a type, by its word.
    Type(String),
    /// A map with known properties.
    Map(MapShape),
    /// A list of such maps.
    List(MapShape),
}

/// The properties of a map of kaizen's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapShape(&'static Shape);

impl MapShape {
    /// Says what such a map is.
    pub fn what(self) -> &'static str {
        self.0.what
    }

    /// Returns the names of its properties.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.0.names()
    }
}

impl ValueGuess {
    /// Returns the word for the type; `any` where nobody knows.
    pub fn word(&self) -> &str {
        match self {
            ValueGuess::Unknown => "any",
            ValueGuess::Type(word) => word,
            ValueGuess::Map(_) => "map",
            ValueGuess::List(_) => "array",
        }
    }

    fn of(word: &str) -> ValueGuess {
        match word {
            "any" | "" | "?" => ValueGuess::Unknown,
            word => ValueGuess::Type(word.to_owned()),
        }
    }

    fn held(held: PropertyShape) -> ValueGuess {
        match held {
            PropertyShape::Any => ValueGuess::Unknown,
            PropertyShape::Data(word) => ValueGuess::of(word),
            PropertyShape::One(shape) => ValueGuess::Map(MapShape(shape)),
            PropertyShape::Many(shape) => ValueGuess::List(MapShape(shape)),
        }
    }

    fn item(&self) -> ValueGuess {
        match self {
            ValueGuess::List(shape) => ValueGuess::Map(*shape),
            _ => ValueGuess::Unknown,
        }
    }
}

/// What values are guessed from.
#[derive(Debug)]
pub struct ValueScope<'a> {
    /// The script.
    pub code: &'a ScriptCode<'a>,
    /// Its names.
    pub names: &'a NameTable,
    /// The words of the script API.
    pub words: &'a [Word],
    /// Variables that exist besides, each with the word for its type.
    pub variables: &'a [(String, String)],
}

impl ValueScope<'_> {
    /// Guesses the value that ends at a piece.
    pub fn ending_at(&self, piece: usize) -> ValueGuess {
        self.value(piece, DEPTH_MAX)
    }

    /// Guesses the value of a declaration.
    pub fn of_binding(&self, binding: usize) -> ValueGuess {
        self.binding(binding, DEPTH_MAX)
    }

    fn value(&self, piece: usize, depth: usize) -> ValueGuess {
        let Some(depth) = depth.checked_sub(1) else { return ValueGuess::Unknown };
        let code = self.code;

        match (code.class(piece), code.said(piece)) {
            (LexemeClass::Text, text) if text.starts_with('\'') => ValueGuess::of("char"),
            (LexemeClass::Text, _) => ValueGuess::of("string"),
            (LexemeClass::Number, digits) => {
                ValueGuess::of(if digits.contains('.') { "float" } else { "int" })
            }
            (LexemeClass::Word, "true" | "false") => ValueGuess::of("bool"),
            (LexemeClass::Word, _) => self.named(piece, depth),
            (_, "]") => self.brackets(piece, depth),
            (_, ")") => self.call(piece, depth),
            (_, "}") => match code.partner(piece) {
                Some(open) if code.opens_map(open) => ValueGuess::of("map"),
                _ => ValueGuess::Unknown,
            },
            _ => ValueGuess::Unknown,
        }
    }

    /// A variable, a constant or a property.
    fn named(&self, piece: usize, depth: usize) -> ValueGuess {
        let code = self.code;
        let name = code.said(piece);
        if let Some(before) = code.receiver(piece) {
            return self.property(&self.value(before, depth), name);
        }
        if piece > 0 && code.ends_path(piece - 1) {
            return ValueGuess::Unknown;
        }

        if let Some(binding) = self.names.variable_at(name, code.range(piece).start) {
            return self.binding(binding, depth);
        }
        if let Some((_, kind)) = self.variables.iter().find(|(known, _)| known == name) {
            return ValueGuess::of(kind);
        }

        let constant = self
            .words
            .iter()
            .find(|word| word.is_property && word.of.is_none() && word.name == name);
        let kind = constant.and_then(|word| word.signature.split_once(": "));
        kind.map_or(ValueGuess::Unknown, |(_, kind)| ValueGuess::of(kind))
    }

    fn property(&self, of: &ValueGuess, name: &str) -> ValueGuess {
        if let ValueGuess::Map(MapShape(shape)) = of {
            return shape.property(name).map_or(ValueGuess::Unknown, ValueGuess::held);
        }
        let kind = of.word();
        if let Some(held) = shape::held_by(kind, name) {
            return ValueGuess::held(held);
        }
        self.given(|word| word.is_property && word.name == name && word.fits(kind))
    }

    /// A list, or a part of one.
    fn brackets(&self, piece: usize, depth: usize) -> ValueGuess {
        let code = self.code;
        let Some(open) = code.partner(piece) else { return ValueGuess::Unknown };
        let is_part =
            open > 0 && (code.is_name(open - 1) || matches!(code.said(open - 1), ")" | "]" | "\""));
        if !is_part {
            return ValueGuess::of("array");
        }

        let of = self.value(open - 1, depth);
        match code.string(open + 1) {
            Some((name, _)) if open + 2 == piece => self.property(&of, name),
            _ => of.item(),
        }
    }

    /// What a call gives, or what stands in brackets.
    fn call(&self, piece: usize, depth: usize) -> ValueGuess {
        let code = self.code;
        let Some(open) = code.partner(piece) else { return ValueGuess::Unknown };
        let Some(name_at) = open.checked_sub(1).filter(|at| code.is_name(*at)) else {
            return if piece > open + 1 {
                self.value(piece - 1, depth)
            } else {
                ValueGuess::Unknown
            };
        };

        let name = code.said(name_at);
        let is_own = self.names.function_named(name).is_some();
        if is_own || name_at > 0 && code.ends_path(name_at - 1) {
            return ValueGuess::Unknown;
        }
        if let Some(held) = shape::given_by(name).filter(|_| !self.gives_handle(name, name_at)) {
            return ValueGuess::held(held);
        }

        let Some(before) = code.receiver(name_at) else {
            return self.given(|word| !word.is_property && word.name == name && word.of.is_none());
        };
        let of = self.value(before, depth);
        let found =
            self.given(|word| !word.is_property && word.name == name && word.fits(of.word()));
        // A function of the script API can be called by a dot whatever its first argument is.
        if found == ValueGuess::Unknown {
            self.given(|word| !word.is_property && word.name == name && word.of.is_none())
        } else {
            found
        }
    }

    /// Tells whether a word that may give a map gives a handle here: `run("name")` is a report.
    fn gives_handle(&self, name: &str, at: usize) -> bool {
        name == "run" && !self.code.is_member(at)
    }

    fn given(&self, is_meant: impl Fn(&Word) -> bool) -> ValueGuess {
        let gives = self.words.iter().filter(|word| is_meant(word));
        let mut gives = gives.filter_map(|word| word.signature.rsplit_once(" -> "));
        gives.next().map_or(ValueGuess::Unknown, |(_, kind)| ValueGuess::of(kind))
    }

    fn binding(&self, binding: usize, depth: usize) -> ValueGuess {
        let code = self.code;
        let meant = &self.names.bindings[binding];
        let piece = meant.piece;

        match meant.kind {
            NameKind::Function | NameKind::Import => ValueGuess::Unknown,
            NameKind::Parameter => self.parameter(piece, depth),
            NameKind::Variable | NameKind::Constant => match code.said(piece + 1) {
                "=" => self.initial(piece + 2, meant.whole.end, depth),
                "in" => {
                    let block = code.next_block(piece).filter(|block| *block > piece + 2);
                    let list = block.map(|block| self.value(block - 1, depth));
                    list.map_or(ValueGuess::Unknown, |list| list.item())
                }
                ")" if code.before(piece) == "("
                    && piece > 1
                    && code.said(piece - 2) == "catch" =>
                {
                    ValueGuess::Map(MapShape(&shape::ERROR))
                }
                _ => ValueGuess::Unknown,
            },
        }
    }

    /// Guesses the value of an expression that is one chain of words. It ends before the byte `end`.
    fn initial(&self, first: usize, end: usize, depth: usize) -> ValueGuess {
        let code = self.code;
        let mut at = first;
        let mut last = first;
        let mut texts = false;
        while at < code.len() && code.range(at).start < end && code.said(at) != ";" {
            let said = code.said(at);
            texts |= code.class(at) == LexemeClass::Text;
            if matches!(said, "=" | "<" | ">" | "!") || said == "&" || said == "|" {
                let is_closure = at == first && said == "|";
                return ValueGuess::of(if is_closure { "function" } else { "bool" });
            }
            if said == "+" {
                // What is added to a text becomes a part of it.
                let is_text = texts
                    || code.class(at + 1) == LexemeClass::Text
                    || self.value(last, depth).word() == "string";
                return if is_text { ValueGuess::of("string") } else { ValueGuess::Unknown };
            }
            if matches!(said, "-" | "*" | "/" | "%" | "if" | "switch") && at != first {
                return ValueGuess::Unknown;
            }

            last = code.partner(at).filter(|close| *close > at).unwrap_or(at);
            at = last + 1;
        }

        let is_block = code.opens_block(first) || matches!(code.said(first), "if" | "switch");
        if is_block || last < first { ValueGuess::Unknown } else { self.value(last, depth) }
    }

    /// Guesses the value of a parameter of a closure, by what the closure is given to.
    fn parameter(&self, piece: usize, depth: usize) -> ValueGuess {
        let code = self.code;
        let Some(open) = code.around(piece) else { return ValueGuess::Unknown };
        let Some(bar) = (open..piece).rev().find(|at| code.said(*at) == "|") else {
            return ValueGuess::Unknown;
        };
        let number = (bar..piece).filter(|at| code.said(*at) == ",").count();

        // A closure of a map, such as the patterns of `run`, belongs to the call around the map.
        let call = if code.opens_map(open) { code.around(open) } else { Some(open) };
        let Some(name) = call.and_then(|call| call.checked_sub(1)) else {
            return ValueGuess::Unknown;
        };
        let word = code.said(name);

        let gives_branch =
            matches!(word, "add_operation" | "add_aggregation" | "operation" | "run" | "compare");
        if gives_branch && number == 1 {
            return ValueGuess::of("branch");
        }
        if word == "on"
            && let Some((kind, _)) = code.string(open + 1)
            && let Some(event) = shape::of_event(kind)
        {
            return ValueGuess::Map(MapShape(event));
        }

        match code.receiver(name).filter(|_| EACH.contains(&word) && number == 0) {
            Some(list) => self.value(list, depth).item(),
            None => ValueGuess::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<Word> {
        let word = |name: &str, signature: &str, of: Option<&str>| Word {
            name: name.to_owned(),
            signature: signature.to_owned(),
            of: of.map(str::to_owned),
            is_property: !signature.contains('('),
        };
        vec![
            word("branch", "branch(model: string) -> branch", None),
            word("fork", "fork() -> branch", Some("branch")),
            word("chat", "chat(text: string) -> string", Some("branch")),
            word("model", "model -> model", Some("branch")),
            word("flow", "flow(graph: builder) -> report", Some("session")),
            word("session", "session() -> session", None),
            word("optimizer", "optimizer() -> optimizer", None),
            word("recommend", "recommend(task_type: string) -> map", Some("optimizer")),
            word("split", "split(by: string) -> array", Some("string")),
            word("log", "log: log", None),
        ]
    }

    #[test]
    fn values_are_followed_through_words() {
        let text = "let b = branch(\"m\"); let c = b.fork(); let t = `a ${1}`; let n = [1];\n\
            let r = session().flow(g); let m = r.metrics; let o = optimizer().recommend(\"t\");\n\
            let s = b.chat(\"x\") + \"y\"; let is = b == c; let f = |x| x; let x = 1.5;\n\
            for one in b.messages { one; } try {} catch (e) { e; }\n\
            g.add_operation(|inputs, br| br, #{}); s.on(\"op_ended\", |event| event);\n\
            let k = m.tokens; let q = o.alternatives[0]; let log2 = log;";
        let code = ScriptCode::of(text);
        let names = NameTable::of(&code);
        let words = words();
        let scope = ValueScope { code: &code, names: &names, words: &words, variables: &[] };

        let shown: Vec<String> = (0..names.bindings.len())
            .map(|at| {
                let guess = scope.of_binding(at);
                let more = match &guess {
                    ValueGuess::Map(shape) => format!(" ({})", shape.what()),
                    _ => String::new(),
                };
                format!("{}: {}{more}", names.bindings[at].name, guess.word())
            })
            .collect();
        let expected = [
            "b: branch",
            "c: branch",
            "t: string",
            "n: array",
            "r: report",
            "m: map (`metrics`)",
            "o: map (a recommendation)",
            "s: string",
            "is: bool",
            "f: function",
            "x: any",
            "x: float",
            "one: map (a message)",
            "e: map (the error)",
            "inputs: any",
            "br: branch",
            "event: map (an `op_ended` event)",
            "k: map (`tokens`)",
            "q: map (an alternative)",
            "log2: log",
        ];
        assert_eq!(shown, expected);
    }
}
