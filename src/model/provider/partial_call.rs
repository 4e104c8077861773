//! Calls of tools as far as they have come, in whatever protocol. Servers name calls by a place, by an
//! id, by both or by neither, and some use one of them twice: no two calls are ever mixed, and nothing
//! that is open is closed.

use crate::base::json::{is_deeper_than, key_twice};
use crate::model::provider::document;
use crate::model::provider::partial::number;
use crate::model::tool::ToolCall;
use serde_json::{Map, Value};

/// What a call counts besides its texts, in bytes: each piece is compared with every call, so that there
/// may only be a few thousand.
const CALL_SIZE: usize = 4096;
/// Deepest nesting of arguments that is read.
pub(super) const DEPTH_MAX: usize = 64;

/// How a piece relates to what has come of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceForm {
    /// It continues where the last piece ended.
    Next,
    /// It may also be all that has come so far, or the last piece again.
    SoFar,
    /// It is a call of its own, and a whole one.
    Whole,
}

/// A piece of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallPiece<'a> {
    /// Its place among the calls, if the server says one.
    pub(super) index: Option<u64>,
    /// Its id, or nothing.
    pub(super) id: &'a str,
    /// The tool, or nothing.
    pub(super) name: &'a str,
    /// A part of the text of the arguments, or all arguments as an object.
    pub(super) args: &'a Value,
}

impl<'a> CallPiece<'a> {
    /// Reads a piece in the form of OpenAI.
    pub(super) fn of(piece: &'a Value) -> CallPiece<'a> {
        let function = piece.get("function").unwrap_or(piece);
        let text = |of: &'a Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or("");

        CallPiece {
            index: number(piece.get("index").or_else(|| function.get("index"))),
            id: text(piece, "id"),
            name: text(function, "name"),
            args: function.get("arguments").unwrap_or(&Value::Null),
        }
    }

    fn has_args(&self) -> bool {
        match self.args {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            _ => true,
        }
    }
}

/// A call as far as it has come.
#[derive(Debug, Default)]
struct PartialCall {
    index: Option<u64>,
    id: String,
    name: String,
    /// The text of the arguments.
    args: String,
    /// Whether they came as an object, of which this is the text.
    is_object: bool,
}

impl PartialCall {
    /// Tells whether the arguments need nothing more.
    fn is_whole(&self) -> bool {
        // Most pieces end within an object: to read all of it each time would take long.
        let text = self.args.trim();
        let is_open = text.starts_with('{') && !text.ends_with('}');
        !is_open && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    }

    /// Tells whether a piece begins another call, although place or id are those of this one.
    fn is_followed_by(&self, piece: &CallPiece<'_>) -> bool {
        let is_other_id = !piece.id.is_empty() && !self.id.is_empty() && piece.id != self.id;
        if is_other_id {
            return true;
        }
        if piece.name.is_empty() || self.name.is_empty() {
            return false;
        }

        if piece.name != self.name {
            // The same id beside another name is a name in pieces, as long as nothing else has come.
            return piece.id.is_empty() || !self.args.is_empty();
        }
        piece.has_args() && !self.is_repeated_by(piece) && self.is_whole()
    }

    /// Tells whether a piece is the last one again, as some servers send it at the end.
    fn is_repeated_by(&self, piece: &CallPiece<'_>) -> bool {
        !piece.id.is_empty() && piece.id == self.id && text_of(piece.args) == self.args
    }

    fn take(&mut self, piece: &CallPiece<'_>, form: PieceForm) {
        self.index = self.index.or(piece.index);
        if self.id.is_empty() {
            piece.id.clone_into(&mut self.id);
        }
        if piece.name != self.name {
            self.name.push_str(piece.name);
        }

        let text = text_of(piece.args);
        let is_begun = !self.args.is_empty();
        let is_repeat = is_begun && self.is_repeated_by(piece) && self.is_whole();
        let is_so_far = form == PieceForm::SoFar && text.starts_with(&self.args);
        if is_repeat || (is_so_far && is_begun) {
            self.args = text;
            return;
        }

        // Some servers begin with an empty object, and then send the text.
        if self.is_object && self.args == "{}" && !text.trim().is_empty() {
            self.args.clear();
        }
        self.is_object = piece.args.is_object() && self.args.is_empty();
        self.args.push_str(&text);
    }

    fn finish(self, has_halves: bool) -> ToolCall {
        let join = |text: String| if has_halves { document::join(&text) } else { text };
        let text = join(self.args);

        let args = match serde_json::from_str::<Value>(&text) {
            Ok(Value::Null) => Ok(Value::Object(Map::new())),
            // Of a document that was mended, a null may stand for something that is no JSON.
            Ok(args) if self.is_object && has_halves && has_null(&args) => Err(text),
            // A journal that holds it could not be read.
            Ok(args) if is_deeper_than(&args, DEPTH_MAX) => Err(text),
            // It could be meant in two ways.
            Ok(_) if key_twice(&text).is_some() => Err(text),
            Ok(args) => Ok(args),
            Err(_) if text.trim().is_empty() => Ok(Value::Object(Map::new())),
            Err(_) => Err(text),
        };

        ToolCall { id: join(self.id), name: join(self.name), args }
    }
}

/// The calls of an answer as far as they have come.
#[derive(Debug, Default)]
pub(super) struct PartialCalls {
    calls: Vec<PartialCall>,
    /// How many bytes have come.
    size: usize,
}

impl PartialCalls {
    /// Takes in a piece, and returns the number of its call, from 0.
    pub(super) fn take(&mut self, piece: &CallPiece<'_>, form: PieceForm) -> usize {
        let found = match form {
            PieceForm::Whole => None,
            PieceForm::Next => self.find(piece),
            PieceForm::SoFar => self.find(piece).or_else(|| self.known(piece)),
        };

        let place = found.unwrap_or(self.calls.len());
        if found.is_none() {
            self.calls.push(PartialCall::default());
            self.size += CALL_SIZE;
        }

        let call = &mut self.calls[place];
        let before = call.args.len();
        call.take(piece, form);
        self.size += piece.id.len() + piece.name.len() + call.args.len().saturating_sub(before);
        place
    }

    /// Finds the call that a piece continues.
    fn find(&self, piece: &CallPiece<'_>) -> Option<usize> {
        let last = |is_so: &dyn Fn(&PartialCall) -> bool| self.calls.iter().rposition(is_so);

        let found = match piece.index {
            Some(index) => last(&|call| call.index == Some(index)),
            None if !piece.id.is_empty() => last(&|call| call.id == piece.id)
                .or_else(|| last(&|_| true).filter(|at| self.calls[*at].id.is_empty())),
            None => last(&|_| true),
        };

        // A piece that nothing is known of continues what was begun last.
        let is_bare = piece.id.is_empty() && piece.name.is_empty();
        let found = found.or_else(|| last(&|_| true).filter(|_| is_bare));
        found.filter(|at| !self.calls[*at].is_followed_by(piece))
    }

    /// Finds the call without an id that a list of all calls so far has at the place of a piece.
    fn known(&self, piece: &CallPiece<'_>) -> Option<usize> {
        let place = usize::try_from(piece.index?).ok()?;
        let call = self.calls.get(place)?;
        let is_of_place = call.index.is_none_or(|index| Some(index) == piece.index);
        let is_bare = call.id.is_empty() && piece.id.is_empty();
        let is_same = piece.name == call.name && text_of(piece.args).starts_with(&call.args);
        (is_of_place && is_bare && is_same).then_some(place)
    }

    /// Tells whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Returns about how many bytes have come.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Returns the calls; `has_halves` tells that texts hold halves of characters.
    pub(super) fn finish(self, has_halves: bool) -> Vec<ToolCall> {
        self.calls.into_iter().map(|call| call.finish(has_halves)).collect()
    }
}

/// Returns the text of arguments.
fn text_of(args: &Value) -> String {
    match args {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value, reason = "cases are written where they are checked")]
mod tests {
    use super::*;
    use serde_json::json;

    /// Returns the calls that pieces in the form of OpenAI make: id, name, arguments.
    fn calls(pieces: &[Value], form: PieceForm) -> Vec<(String, String, Result<Value, String>)> {
        let mut calls = PartialCalls::default();
        for piece in pieces {
            calls.take(&CallPiece::of(piece), form);
        }
        calls.finish(false).into_iter().map(|call| (call.id, call.name, call.args)).collect()
    }

    fn check(pieces: Value, expected: Value) {
        let pieces = pieces.as_array().expect("pieces");
        let found = calls(pieces, PieceForm::Next);
        let found: Vec<Value> = found
            .into_iter()
            .map(|(id, name, args)| match args {
                Ok(args) => json!([id, name, args]),
                Err(text) => json!([id, name, "unread", text]),
            })
            .collect();
        assert_eq!(Value::from(found), expected, "{pieces:?}");
    }

    fn piece(index: Value, id: Value, name: Value, args: Value) -> Value {
        json!({ "index": index, "id": id, "function": { "name": name, "arguments": args } })
    }

    #[test]
    fn pieces_go_to_the_call_of_their_place() {
        check(
            json!([
                piece(json!(0), json!("a"), json!("add"), json!("")),
                piece(json!(1), json!("b"), json!("sub"), json!("{\"x\"")),
                piece(json!(0), Value::Null, Value::Null, json!("{\"x\":")),
                piece(json!(1), Value::Null, json!(""), json!(":2}")),
                piece(json!(0), Value::Null, Value::Null, json!("1}")),
            ]),
            json!([["a", "add", { "x": 1 }], ["b", "sub", { "x": 2 }]]),
        );
        check(
            json!([
                piece(json!(0), json!("a"), json!("add"), json!("{\"x\"")),
                piece(json!("0"), json!("a"), json!("add"), json!(":1}")),
            ]),
            json!([["a", "add", { "x": 1 }]]),
        );
    }

    #[test]
    fn a_place_that_is_used_twice_holds_two_calls() {
        let full = |id: Value, name: &str, x: i32| {
            piece(json!(0), id, json!(name), json!(format!("{{\"x\":{x}}}")))
        };

        check(
            json!([full(json!("a"), "add", 1), full(json!("b"), "add", 2)]),
            json!([["a", "add", { "x": 1 }], ["b", "add", { "x": 2 }]]),
        );
        check(
            json!([full(Value::Null, "add", 1), full(Value::Null, "sub", 2)]),
            json!([["", "add", { "x": 1 }], ["", "sub", { "x": 2 }]]),
        );
        check(
            json!([full(json!(""), "add", 1), full(json!(""), "add", 1)]),
            json!([["", "add", { "x": 1 }], ["", "add", { "x": 1 }]]),
        );
        check(
            json!([full(json!("a"), "add", 1), full(json!("a"), "add", 2)]),
            json!([["a", "add", { "x": 1 }], ["a", "add", { "x": 2 }]]),
        );
        check(
            json!([full(json!("a"), "add", 1), full(json!("a"), "sub", 1)]),
            json!([["a", "add", { "x": 1 }], ["a", "sub", { "x": 1 }]]),
        );
        // The same once more, with its own id, is no second call.
        check(
            json!([full(json!("a"), "add", 1), full(json!("a"), "add", 1)]),
            json!([["a", "add", { "x": 1 }]]),
        );
    }

    #[test]
    fn calls_without_a_place_are_told_apart_by_id_and_name() {
        let bare = |id: Value, name: Value, args: &str| piece(Value::Null, id, name, json!(args));

        check(
            json!([
                bare(json!("a"), json!("add"), "{\"x\""),
                bare(Value::Null, Value::Null, ":1}"),
                bare(json!("b"), json!("add"), "{\"x\":2"),
                bare(json!("b"), Value::Null, "}"),
            ]),
            json!([["a", "add", { "x": 1 }], ["b", "add", { "x": 2 }]]),
        );
        check(
            json!([
                bare(Value::Null, json!("add"), "{\"x\":1}"),
                bare(Value::Null, json!("add"), "{\"x\":1}"),
                bare(Value::Null, json!("now"), ""),
                bare(Value::Null, json!("sub"), "{}"),
            ]),
            json!([["", "add", { "x": 1 }], ["", "add", { "x": 1 }], ["", "now", {}], ["", "sub", {}]]),
        );
    }

    #[test]
    fn arguments_come_as_text_or_object_and_are_never_closed() {
        let one = |args: Value| json!([piece(json!(0), json!("a"), json!("add"), args)]);

        check(one(json!({ "x": [1] })), json!([["a", "add", { "x": [1] }]]));
        check(one(json!("")), json!([["a", "add", {}]]));
        check(one(json!(" null ")), json!([["a", "add", {}]]));
        check(one(Value::Null), json!([["a", "add", {}]]));
        check(one(json!("[1]")), json!([["a", "add", [1]]]));
        let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
        check(one(json!(deep)), json!([["a", "add", "unread", deep]]));
        for cut in ["{\"x\": 1", "{\"x\": tr", "{", "x=1", "{\"x\":1}{\"x\":1}", "{\"x\": NaN}"] {
            check(one(json!(cut)), json!([["a", "add", "unread", cut]]));
        }

        check(
            json!([
                piece(json!(0), json!("a"), json!("add"), json!({})),
                piece(json!(0), Value::Null, Value::Null, json!("{\"x\":1}")),
            ]),
            json!([["a", "add", { "x": 1 }]]),
        );
    }

    #[test]
    fn what_is_sent_so_far_takes_the_place_of_what_was_sent_before() {
        for id in ["a", ""] {
            let pieces = ["{\"x\"", "{\"x\":1}", "{\"x\":1}"]
                .map(|args| piece(json!(0), json!(id), json!("add"), json!(args)));
            let call = (id.to_owned(), "add".to_owned(), Ok(json!({ "x": 1 })));
            assert_eq!(calls(&pieces, PieceForm::SoFar), [call]);
        }
    }
}
