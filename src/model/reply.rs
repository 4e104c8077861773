//! What a model answers.

use crate::base::secret;
use crate::base::unit::Money;
use crate::model::call_error::CallError;
use crate::model::message::Message;
use crate::model::opaque::{OpaquePart, OpaquePlace};
use crate::model::tool::ToolCall;
use std::collections::HashSet;

/// Why the model stopped.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended by itself or met a stop text.
    Stop,
    /// The model ended by itself, and says that it calls tools.
    Calls,
    /// Nobody said why, but everything that was sent has come.
    Unsaid,
    /// The limit on tokens cut the reply.
    Length,
    /// A content filter or a refusal; the provider's words.
    Refused(String),
    /// Any other word: whether the reply is whole is not known.
    Ended(String),
}

/// What ends a whole reply, in the words of every protocol, in lower case. A word is added here only
/// if a server is known to send it at the end of a whole reply.
const ENDS: &[&str] = &["stop", "eos", "eos_token", "end_turn", "stop_sequence"];
/// What ends a whole reply that calls tools.
const CALLS: &[&str] = &["tool_calls", "tool_use", "function_call"];
/// The words for a reply that the limit on tokens cut.
const LENGTHS: &[&str] =
    &["length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"];
/// The words for a reply whose place a filter or a refusal took.
const REFUSALS: &[&str] = &[
    "content_filter",
    "refusal",
    "safety",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii",
    "language",
    "image_safety",
    "sensitive",
];
/// Most characters of an unknown word that are kept.
const WORD_MAX: usize = 60;
/// Longest id of a call that is kept, in bytes.
const ID_MAX: usize = 256;

impl Finish {
    /// Understands the word by which a server says why a reply ended.
    pub fn of(word: &str) -> Finish {
        let folded = word.to_ascii_lowercase();
        let is_in = |list: &[&str]| list.contains(&folded.as_str());

        if is_in(ENDS) {
            Finish::Stop
        } else if is_in(CALLS) {
            Finish::Calls
        } else if is_in(LENGTHS) {
            Finish::Length
        } else if is_in(REFUSALS) {
            Finish::Refused(word.to_owned())
        } else {
            Finish::Ended(secret::beginning(word, WORD_MAX))
        }
    }

    /// Tells whether it ends a whole reply.
    pub fn is_whole(&self) -> bool {
        match self {
            Finish::Stop | Finish::Calls | Finish::Unsaid => true,
            Finish::Length | Finish::Refused(_) | Finish::Ended(_) => false,
        }
    }
}

/// Tokens of a call in buckets that never overlap: their sum is all that was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens read at the full price.
    pub input_uncached: u64,
    /// Tokens read from the provider's cache.
    pub cache_read: u64,
    /// Tokens written to the provider's cache.
    pub cache_write: u64,
    /// Tokens written that the caller sees.
    pub output_visible: u64,
    /// Tokens written while thinking, which the caller does not see.
    pub reasoning: u64,
}

impl Usage {
    /// Returns all tokens read.
    pub fn input(&self) -> u64 {
        self.input_uncached.saturating_add(self.cache_read).saturating_add(self.cache_write)
    }

    /// Returns all tokens written.
    pub fn output(&self) -> u64 {
        self.output_visible.saturating_add(self.reasoning)
    }

    /// Returns all tokens.
    pub fn tokens(&self) -> u64 {
        self.input().saturating_add(self.output())
    }
}

impl std::ops::AddAssign for Usage {
    /// Saturates: a provider's figures may be anything, and a sum that wraps would be near nothing.
    fn add_assign(&mut self, other: Usage) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);

        add(&mut self.input_uncached, other.input_uncached);
        add(&mut self.cache_read, other.cache_read);
        add(&mut self.cache_write, other.cache_write);
        add(&mut self.output_visible, other.output_visible);
        add(&mut self.reasoning, other.reasoning);
    }
}

/// Estimates tokens as a quarter of the bytes, which is rough.
pub fn rough_tokens(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

/// What a model says in a reply that can be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplyContent {
    /// The text; it may be empty where there are calls.
    pub text: String,
    /// The calls of tools, in the model's order. Each has an id of its own.
    pub calls: Vec<ToolCall>,
    /// What only the provider understands.
    pub opaque: Vec<OpaquePart>,
}

impl ReplyContent {
    /// Leaves out everything but the text. What only the provider understands is of no use without calls.
    pub fn keep_text(&mut self) {
        self.calls.clear();
        self.opaque.clear();
    }

    /// Leaves out what stands in the place of a call and names no tool: some servers put an empty one beside what
    /// was said, or what they have done themselves. Where nothing else was said it stays, since something is
    /// missing. `may_be_text` tells whether the text alone can be what was said.
    pub fn leave_stubs_out(&mut self, may_be_text: bool) {
        let has_call = self.calls.iter().any(ToolCall::has_name);
        let is_text = may_be_text && !has_call && !self.text.trim().is_empty();
        // Beside a call that can be made, one with arguments is more than a stub: its name was lost.
        let is_kept =
            |call: &ToolCall| call.has_name() || !(is_text || (has_call && !call.has_args()));

        let kept: Vec<bool> = self.calls.iter().map(is_kept).collect();
        let mut each = kept.iter();
        self.calls.retain(|_| each.next() != Some(&false));
        self.opaque.retain_mut(|part| match &mut part.place {
            OpaquePlace::Call(number) => {
                let was_kept = kept.get(*number) != Some(&false);
                *number = kept.iter().take(*number).filter(|is_kept| **is_kept).count();
                was_kept
            }
            OpaquePlace::Message | OpaquePlace::Text => true,
        });
    }

    /// Gives a new id to each call whose id is none, or is that of another call of the conversation.
    pub fn keep_ids_apart(&mut self, before: &[Message]) {
        let known = before.iter().flat_map(|message| &message.calls);
        let mut known: HashSet<String> = known.map(|call| call.id.clone()).collect();
        let mut number = 0;

        for call in &mut self.calls {
            if is_id(&call.id) && known.insert(call.id.clone()) {
                continue;
            }

            call.id = loop {
                number += 1;
                let id = format!("k{number}");
                if known.insert(id.clone()) {
                    break id;
                }
            };
        }
    }

    /// Returns it with every text that somebody has written passed through `change`.
    #[must_use]
    pub fn map_texts(self, change: &dyn Fn(String) -> String) -> ReplyContent {
        ReplyContent {
            text: change(self.text),
            calls: self.calls.into_iter().map(|call| call.map_texts(change)).collect(),
            opaque: self.opaque.into_iter().map(|part| part.map_texts(change)).collect(),
        }
    }
}

/// Tells whether a text can be the id of a call.
fn is_id(text: &str) -> bool {
    let is_sound = |c: char| !c.is_whitespace() && !c.is_control();
    !text.is_empty() && text.len() <= ID_MAX && text.chars().all(is_sound)
}

impl From<String> for ReplyContent {
    fn from(text: String) -> ReplyContent {
        ReplyContent { text, ..ReplyContent::default() }
    }
}

impl From<&str> for ReplyContent {
    fn from(text: &str) -> ReplyContent {
        text.to_owned().into()
    }
}

/// What came back over the wire, whole but not yet judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What the model says.
    pub said: ReplyContent,
    /// Why the model stopped; `None` when the reply ended without saying, which is a cut reply.
    pub finish: Option<Finish>,
    /// Tokens used; `None` when the provider did not say.
    pub usage: Option<Usage>,
    /// The model that the provider says has answered.
    pub served_by: Option<String>,
}

/// What a provider says of the tokens that a request without a reply has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultUsage {
    /// Nothing, or that it used none.
    Unsaid,
    /// Something that cannot be counted: figures that cannot be right, or only a sum.
    Doubtful,
    /// These.
    Counted(Usage),
}

/// A request that gave no reply.
#[derive(Debug, Clone, PartialEq)]
pub struct CallFault {
    /// Why.
    pub error: CallError,
    /// Tokens used all the same.
    pub usage: FaultUsage,
    /// The model that the provider says was asked.
    pub served_by: Option<String>,
}

impl From<CallError> for CallFault {
    fn from(error: CallError) -> CallFault {
        CallFault { error, usage: FaultUsage::Unsaid, served_by: None }
    }
}

/// One finished call: what it used, whether or not it gave a usable reply.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    /// Tokens used; `None` when unknown.
    pub usage: Option<Usage>,
    /// What it cost; `None` when the price or the usage is unknown.
    pub cost: Option<Money>,
    /// The model that the provider says has answered.
    pub served_by: Option<String>,
    /// Whether `max_tokens` cut the text, and that was accepted.
    pub is_cut: bool,
    /// What the model says, or why there is nothing to use.
    pub result: Result<ReplyContent, CallError>,
}

impl CallResult {
    /// Creates a call that ended by a fault of this program.
    pub fn broken(message: String) -> CallResult {
        let result = Err(CallError::Setup { message });
        CallResult { usage: None, cost: None, served_by: None, is_cut: false, result }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_words_end_a_whole_reply() {
        for word in ["stop", "STOP", "eos", "end_turn", "stop_sequence"] {
            assert_eq!(Finish::of(word), Finish::Stop, "{word}");
        }
        for word in ["tool_calls", "function_call", "tool_use", "TOOL_CALLS"] {
            assert_eq!(Finish::of(word), Finish::Calls, "{word}");
        }
        for word in ["length", "MAX_TOKENS", "max_output_tokens", "model_length"] {
            assert_eq!(Finish::of(word), Finish::Length, "{word}");
        }

        for word in ["content_filter", "refusal", "SAFETY", "RECITATION", "SPII"] {
            assert_eq!(Finish::of(word), Finish::Refused(word.to_owned()), "{word}");
        }

        for word in [
            "",
            "error",
            "abort",
            "timeout",
            "pause_turn",
            "OTHER",
            "load",
            "unload",
            "cancelled",
            "MALFORMED_FUNCTION_CALL",
            "insufficient_system_resource",
            "stop ",
            "null",
            "incomplete",
        ] {
            assert_eq!(Finish::of(word), Finish::Ended(word.to_owned()), "{word}");
        }
    }
}
