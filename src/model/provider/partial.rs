//! A reply as far as it has come, in whatever protocol, and what becomes of it at its end.

use crate::model::call_error::CallError;
use crate::model::opaque::OpaquePlace;
use crate::model::provider::document;
use crate::model::provider::partial_call::{CallPiece, PartialCalls, PieceForm};
use crate::model::provider::partial_opaque::PartialOpaque;
use crate::model::provider::usage::UsageReport;
use crate::model::reply::{CallFault, FaultUsage, Finish, Reply, ReplyContent, Usage};
use crate::model::transport::TextWatch;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a choice takes besides its text, in bytes: many empty ones take room as well.
const CHOICE_SIZE: usize = 64;

/// How a document came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DocumentForm {
    /// It is the whole body.
    Body,
    /// It is one of several: an event of a stream, say.
    Piece,
}

/// How a reply ended on the wire.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum WireEnd {
    /// The body or the stream came to its end.
    Closed,
    /// The stream has said that nothing follows.
    Marked,
    /// It broke before that.
    Broken(CallError),
}

/// One of several answers to the same question.
#[derive(Debug, Default)]
pub(super) struct PartialChoice {
    /// The text.
    pub(super) text: String,
    /// What the model says instead of an answer.
    pub(super) refusal: String,
    /// The calls of tools.
    pub(super) calls: PartialCalls,
    /// What only the provider understands.
    pub(super) opaque: PartialOpaque,
    /// The blocks of Anthropic that have begun and are no calls of the caller's tools.
    pub(super) other_blocks: BTreeSet<Option<u64>>,
    /// Whether the text came as a whole body, so that it is whole although nobody says why it ended.
    pub(super) is_whole: bool,
    finish: Option<Finish>,
}

impl PartialChoice {
    /// Tells whether anything was said.
    pub(super) fn says_something(&self) -> bool {
        !self.text.is_empty() || !self.refusal.is_empty() || !self.calls.is_empty()
    }

    /// Returns about how many bytes were said.
    fn size(&self) -> usize {
        let texts = self.text.len() + self.refusal.len();
        texts + self.calls.size() + self.opaque.size()
    }

    /// Takes in a piece of a call, with those of its fields that only the provider understands.
    pub(super) fn take_call(
        &mut self,
        piece: &CallPiece<'_>,
        form: PieceForm,
        fields: impl IntoIterator<Item = (&'static str, Value)>,
    ) {
        let number = self.calls.take(piece, form);
        for (field, value) in fields {
            self.opaque.set(OpaquePlace::Call(number), field, &value);
        }
    }

    /// Tells whether nothing more belongs to it.
    pub(super) fn is_ended(&self) -> bool {
        self.is_whole || self.finish.is_some()
    }

    /// Takes in why the text ended. A word that is no end stays, whatever follows.
    pub(super) fn end(&mut self, finish: Finish) {
        let is_better = match &self.finish {
            None | Some(Finish::Stop) => true,
            Some(Finish::Calls) => !finish.is_whole(),
            Some(_) => false,
        };
        if is_better {
            self.finish = Some(finish);
        }
    }
}

/// Returns the number of each answer in one document. One without a number gets the next that no
/// other has there.
pub(super) fn numbers(choices: &[Value]) -> Vec<u64> {
    let said: Vec<Option<u64>> = choices.iter().map(|choice| number(choice.get("index"))).collect();
    let mut free = (0..).filter(|number| !said.contains(&Some(*number)));
    said.iter().map(|number| number.or_else(|| free.next()).unwrap_or(u64::MAX)).collect()
}

/// Reads a number, which some servers write as a text or as a fraction.
pub(super) fn number(index: Option<&Value>) -> Option<u64> {
    match index? {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => {
            let text = number.to_string();
            number.as_u64().or_else(|| text.strip_suffix(".0")?.parse().ok())
        }
        _ => None,
    }
}

/// A reply as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Partial {
    /// The answers, each by its number: pieces of several never mix.
    choices: BTreeMap<u64, PartialChoice>,
    /// What was said of the tokens used, and whether that was for the whole reply.
    usage: Option<(Option<Usage>, bool)>,
    /// Whether the document that is being taken in has said it.
    counts: bool,
    /// How many bytes were said in the documents before.
    said: usize,
    /// The figures of Anthropic, which come in two parts.
    pub(super) figures: serde_json::Map<String, serde_json::Value>,
    /// The model that the provider says has answered.
    pub(super) served_by: Option<String>,
    /// Whether the pieces have a place for the reason of the end.
    pub(super) knows_ends: bool,
    /// Who sees the text as it grows.
    watch: TextWatch,
    /// Whether the stream has said that nothing follows.
    pub(super) is_done: bool,
    /// Whether texts hold halves of characters.
    pub(super) has_halves: bool,
    /// Whether there was another answer than the one that counts, so that what is said of tokens
    /// is only a part.
    is_part: bool,
    /// The name that the provider gives the answer, and how many documents came under it.
    id: Option<(String, usize)>,
    /// What the names are of.
    ids: IdScope,
}

/// What the server names: the answer, or each piece of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum IdScope {
    /// The answer, as far as is known.
    #[default]
    Answer,
    /// The second document has another name than the first and looks like a beginning: either the answer begins again, or
    /// each piece has a name. The third tells.
    Undecided,
    /// Each piece.
    Piece,
}

/// Says that two answers came as one.
fn begun_twice() -> CallError {
    CallError::BadReply { message: "the stream begins again under another `id`".to_owned() }
}

/// What a document is to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sequel {
    /// It continues the same answer, or begins it.
    GoesOn,
    /// It belongs to another whole answer, of which nothing counts.
    Other,
}

impl Partial {
    /// Creates one of which nothing has come.
    pub(super) fn watched(watch: TextWatch) -> Partial {
        Partial { watch, ..Partial::default() }
    }

    /// Shows the text that has come so far, of the answer that counts.
    pub(super) fn show(&self) {
        // Halves of characters are joined only in the end.
        if let Some((_, choice)) = self.choices.first_key_value()
            && !self.has_halves
        {
            self.watch.tell(&choice.text);
        }
    }

    /// Returns the answer of a number.
    pub(super) fn choice(&mut self, number: u64) -> &mut PartialChoice {
        self.choices.entry(number).or_default()
    }

    /// Tells whether there is no answer yet, not even an empty one.
    pub(super) fn is_empty(&self) -> bool {
        self.choices.is_empty()
    }

    /// Takes in why all answers ended of which that was not said.
    pub(super) fn end_all(&mut self, finish: &Finish) {
        for choice in self.choices.values_mut().filter(|choice| choice.finish.is_none()) {
            choice.finish = Some(finish.clone());
        }
    }

    /// Forgets what has come: the stream begins again.
    pub(super) fn begin_again(&mut self) {
        self.is_part = true;
        self.choices.clear();
        self.figures.clear();
    }

    /// Notes that another answer came, which does not count.
    pub(super) fn leave_out(&mut self) {
        self.is_part = true;
    }

    /// Takes in the name of an answer; `begins` tells that the document looks like its beginning.
    /// Two answers never mix: of two whole ones the first counts, and one that broke off is left for
    /// the one that begins after it.
    pub(super) fn follow(&mut self, id: Option<&str>, begins: bool) -> Result<Sequel, CallError> {
        let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(Sequel::GoesOn) };
        let begun = self.choices.values().any(PartialChoice::says_something);

        let count = match &mut self.id {
            Some((known, _)) if known == id && self.ids == IdScope::Undecided => {
                return Err(begun_twice());
            }
            Some((known, count)) if known == id => {
                *count += 1;
                return Ok(Sequel::GoesOn);
            }
            Some((_, count)) if begun => *count,
            _ => {
                self.id = Some((id.to_owned(), 1));
                return Ok(Sequel::GoesOn);
            }
        };

        // Some servers give every piece a name of its own. Of most of them only the first one begins.
        if !begins || self.ids == IdScope::Piece {
            return Ok(Sequel::GoesOn);
        }
        if self.choices.values().all(PartialChoice::is_ended) {
            self.leave_out();
            return Ok(Sequel::Other);
        }
        if count == 1 {
            self.ids = match self.ids {
                IdScope::Answer => IdScope::Undecided,
                IdScope::Undecided | IdScope::Piece => IdScope::Piece,
            };
            self.id = Some((id.to_owned(), 1));
            return Ok(Sequel::GoesOn);
        }

        self.begin_again();
        self.id = Some((id.to_owned(), 1));
        Ok(Sequel::GoesOn)
    }

    /// Takes in what was said of tokens; `is_final` if it is for the whole reply.
    pub(super) fn count(&mut self, tally: UsageReport, is_final: bool) {
        match tally {
            UsageReport::Nothing => {}
            // What was counted before stays.
            UsageReport::Uncounted => {
                self.usage.get_or_insert((None, is_final));
            }
            UsageReport::Doubtful => {
                self.counts = true;
                self.usage = Some((None, is_final));
            }
            UsageReport::Said(usage) => {
                self.counts = true;

                // Tokens only grow: figures that shrink are not those of the whole reply, and nothing at all says
                // nothing. Figures that are the same say nothing new.
                let before = self.usage.and_then(|(before, _)| before);
                let is_less = |before: &Usage| (1..before.tokens()).contains(&usage.tokens());
                self.usage = match before {
                    Some(before) if before == usage => {
                        Some((Some(before), is_final || self.is_counted()))
                    }
                    Some(before) if is_less(&before) => Some((Some(before), false)),
                    _ => Some((Some(usage), is_final)),
                };
            }
        }
    }

    /// Tells whether what was said of tokens is for the whole reply.
    fn is_counted(&self) -> bool {
        matches!(self.usage, Some((_, true)))
    }

    /// Notes that a document has been taken in. What follows figures is not counted in them.
    pub(super) fn end_document(&mut self) {
        let said = self.choices.values().map(PartialChoice::size).sum();
        if said > self.said
            && !self.counts
            && let Some((_, is_final)) = &mut self.usage
        {
            *is_final = false;
        }
        self.said = said;
        self.counts = false;
    }

    /// Returns about how many bytes have come.
    pub(super) fn size(&self) -> usize {
        self.choices.values().map(|choice| choice.size() + CHOICE_SIZE).sum()
    }

    /// Returns the reply, if it is one, and otherwise why it is none. What went wrong after the
    /// reason of the end was said takes nothing away from the text.
    pub(super) fn finish(mut self, end: Result<WireEnd, CallError>) -> Result<Reply, CallFault> {
        // Of two answers that came as one, nobody knows what the figures are of.
        self.is_part |= self.ids == IdScope::Undecided;
        // Of several answers the first counts.
        let choice = self.choices.pop_first().map(|(_, choice)| choice);
        let usage = self.usage(choice.as_ref());
        let fault_usage = self.fault_usage(usage);
        let served_by = self.served_by;
        let fault = |error| CallFault { error, usage: fault_usage, served_by: served_by.clone() };

        if self.ids == IdScope::Undecided {
            return Err(fault(begun_twice()));
        }

        let choice = choice.unwrap_or_default();
        let PartialChoice { text, refusal, calls, opaque, other_blocks: _, is_whole, finish } =
            choice;
        let said = ReplyContent {
            text: if self.has_halves { document::join(&text) } else { text },
            calls: calls.finish(self.has_halves),
            opaque: opaque.finish(self.has_halves),
        };
        let is_nothing = said.text.is_empty() && said.calls.is_empty();

        let is_ended = match end {
            _ if finish.is_some() => true,
            Err(error) => return Err(fault(error)),
            Ok(WireEnd::Broken(error)) if is_nothing => return Err(fault(error)),
            Ok(WireEnd::Broken(_)) => false,
            Ok(WireEnd::Closed) => is_whole,
            // A server that has no word for the end ends the stream by its mark.
            Ok(WireEnd::Marked) => is_whole || !self.knows_ends,
        };

        let finish = finish.or(is_ended.then_some(Finish::Unsaid));
        let finish = if refusal.is_empty() { finish } else { Some(Finish::Refused(refusal)) };

        Ok(Reply { said, finish, usage, served_by })
    }

    /// Returns the tokens used, if that was said for the whole reply and can be right.
    fn usage(&self, choice: Option<&PartialChoice>) -> Option<Usage> {
        let (usage, is_final) = self.usage?;
        let usage = usage.filter(|_| is_final && !self.is_part)?;

        let has_output =
            choice.is_some_and(|choice| !choice.text.is_empty() || !choice.calls.is_empty());
        // Every request has a token, and so has everything that is written.
        (usage.input() > 0 && (usage.output() > 0 || !has_output)).then_some(usage)
    }

    /// Returns what was said of tokens in the place of a reply, of which `counted` can be right.
    fn fault_usage(&self, counted: Option<Usage>) -> FaultUsage {
        match (counted, self.usage) {
            (Some(usage), _) => FaultUsage::Counted(usage),
            (None, None) => FaultUsage::Unsaid,
            // A refusal may well say that it used nothing.
            (None, Some((Some(usage), _))) if usage == Usage::default() => FaultUsage::Unsaid,
            (None, Some(_)) => FaultUsage::Doubtful,
        }
    }
}
