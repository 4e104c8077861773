//! A failure as data: what scripts catch, reports list, and the journal keeps; and the kinds of failure,
//! with everything that hangs on the kind.

use crate::base::count::is_zero;
use crate::base::exit::Exit;
use crate::base::problem::Problem;
use serde_json::Value;
use std::fmt;
use std::num::NonZeroU32;

/// What a failure says about the work that failed. `optimizer/evidence/lesson.rs` has the advice for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lesson {
    /// The provider was asked too much at once.
    Overload,
    /// The provider, or the way to it, failed.
    Provider,
    /// It took too long.
    Time,
    /// The model is not set up.
    Setup,
    /// The account has no quota left.
    Quota,
    /// A tool was used wrongly.
    ToolUse,
    /// A tool failed that would have worked at another time.
    ToolOutage,
    /// The model asked for tools until no step was left.
    Loop,
    /// The answer has the wrong form.
    Form,
    /// The workflow asked for something that cannot work.
    Request,
    /// The answer did not fit.
    Length,
    /// The reply was unusable.
    Reply,
    /// The model would not answer.
    Refusal,
    /// The answer was wrong.
    Quality,
    /// Steps that need one another ran at once.
    Order,
    /// It did more than the task needs.
    Effort,
    /// It was stopped before its end.
    Stopped,
    /// The run was not allowed to continue.
    Limits,
    /// Nothing that is known beforehand.
    Other,
}

/// Makes [`Kind`] and everything that hangs on it of one table, so that no column lacks a row.
macro_rules! kinds {
    ($($(#[$doc:meta])+ $kind:ident $word:literal $exit:ident $lesson:ident $code:literal $again:literal $stops:literal $sure:literal;)+) => {
        /// What kind of failure it is. A decision hangs on this, never on the words of a message.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])+ $kind,)+
            /// A kind of the script's own: the word that it threw.
            Own(Box<str>),
        }

        impl Kind {
            /// Every kind but a script's own.
            pub const ALL: &[Kind] = &[$(Kind::$kind,)+];

            /// Returns the word by which scripts and the journal know it.
            pub fn word(&self) -> &str {
                match self {
                    $(Kind::$kind => $word,)+
                    Kind::Own(word) => word,
                }
            }

            /// Returns how the program ends if this ends a run.
            pub fn exit(&self) -> Exit {
                match self {
                    $(Kind::$kind => Exit::$exit,)+
                    Kind::Own(_) => Exit::Failed,
                }
            }

            /// Returns what it teaches.
            pub fn lesson(&self) -> Lesson {
                match self {
                    $(Kind::$kind => Lesson::$lesson,)+
                    Kind::Own(_) => Lesson::Other,
                }
            }

            /// Returns the code under which `kaizen explain` knows it.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Kind::$kind => $code,)+
                    Kind::Own(_) => Kind::NO_CODE,
                }
            }

            /// Tells whether trying again may help. For calls to models, `CallError::retry` decides instead.
            pub fn is_retryable(&self) -> bool {
                match self {
                    $(Kind::$kind => $again,)+
                    Kind::Own(_) => true,
                }
            }

            /// Tells whether it ends the operation in which a tool was called. Other failures are passed
            /// to the model, which may try something else.
            pub fn stops_tools(&self) -> bool {
                match self {
                    $(Kind::$kind => $stops,)+
                    Kind::Own(_) => false,
                }
            }

            /// Tells whether a failure in a plan would also happen in a run, whatever the plan guessed.
            pub fn is_sure_in_plan(&self) -> bool {
                match self {
                    $(Kind::$kind => $sure,)+
                    Kind::Own(_) => false,
                }
            }
        }

        impl From<&str> for Kind {
            fn from(word: &str) -> Kind {
                match word {
                    $($word => Kind::$kind,)+
                    own => Kind::Own(own.into()),
                }
            }
        }
    };
}

// Kind, word, how it ends the program, what it teaches, its code, whether trying again may help, whether it
// stops a model that calls tools, and whether a run would fail too where a plan does.
kinds! {
    /// The script threw a value.
    Thrown         "thrown"                          Failed      Request  "K0100" true  false false;
    /// An error of the language.
    Script         "script"                          Failed      Request  "K0101" true  false false;
    /// A wrong option or argument.
    Option         "option"                          Failed      Request  "K0102" false false true;
    /// A wrong parameter of the script.
    Param          "param"                           Usage       Request  "K0103" false false true;
    /// A model that cannot be had.
    Model          "model"                           Refused     Setup    "K0104" false false true;
    /// A model that is not set up.
    Setup          "setup"                           Refused     Setup    "K0105" false false true;
    /// A graph that is not sound.
    Graph          "graph"                           Failed      Request  "K0106" false false true;
    /// A file that cannot be used.
    File           "file"                            Failed      Request  "K0107" true  false true;
    /// A text that is not JSON.
    Json           "json"                            Failed      Request  "K0108" true  false false;
    /// A file that cannot be imported.
    Import         "import"                          Failed      Request  "K0109" false false true;
    /// Something that is not permitted.
    Permission     "permission"                      Permission  Limits   "K0110" false true  true;
    /// A wrong use of `state` or `hot`.
    State          "state"                           Failed      Other    "K0111" true  false true;
    /// The script used up its operations.
    Operations     "operations"                      Failed      Other    "K0112" false true  false;
    /// There is no memory for another task.
    OutOfMemory    "memory"                          Failed      Other    "K0113" false false false;
    /// A fault of kaizen.
    Panicked       "panicked"                        Failed      Other    "K0114" false false false;
    /// An operation that was not tried.
    Skipped        "skipped"                         Failed      Stopped  "K0115" false false false;
    /// The run was stopped from outside.
    Interrupted    "interrupted"                     Interrupted Stopped  "K0116" false true  false;
    /// The journal cannot be written.
    Store          "store"                           Store       Limits   "K0117" false true  false;
    /// A failure that was told as a text.
    Failed         "failed"                          Failed      Other    "K0118" true  false false;
    /// A replay asked something new.
    Diverged       "diverged"                        Diverged    Limits   "K0119" false true  false;
    /// The budget does not allow the call.
    Budget         "budget"                          Budget      Limits   "K0120" false true  false;
    /// A program could not be run to its end.
    Command        "command"                         Failed      Other    "K0121" true  false false;
    /// An assertion does not hold.
    Assertion      "assertion"                       Failed      Other    "K0130" true  false false;
    /// A request that no cassette answers.
    Cassette       "cassette"                        Diverged    Limits   "K0131" false true  false;
    /// `assert_snapshot` outside of a test.
    Snapshot       "snapshot"                        Failed      Other    "K0132" false false true;
    /// A tool failed, again and again.
    Tool           "tool"                            Failed      ToolUse  "K0133" true  false false;
    /// An MCP server could not be asked.
    Mcp            "mcp"                             Provider    Provider "K0134" true  false false;
    /// Nobody knows whether an effect took place.
    Unsure         "unsure"                          Failed      Stopped  "K0135" false false false;
    /// The arguments of a tool do not fit its schema.
    Arguments      "arguments"                       Failed      ToolUse  "K0136" false false false;
    /// The answer was wrong.
    WrongAnswer    "wrong_answer"                    Failed      Quality  "K0100" true  false false;
    /// Steps that need one another ran at once.
    DependentTasks "dependent_tasks_run_in_parallel" Failed      Order    "K0100" true  false false;
    /// A step lacked what another one gives.
    MissingInput   "missing_input"                   Failed      Order    "K0100" true  false false;
    /// More was done than the task needs.
    Overkill       "overkill"                        Failed      Effort   "K0100" true  false false;
    /// The provider asks to slow down.
    RateLimited    "rate_limited"                    Provider    Overload "K0201" true  false false;
    /// The provider failed.
    Server         "server"                          Provider    Provider "K0202" true  false false;
    /// The key is not accepted.
    Unauthorized   "unauthorized"                    Provider    Setup    "K0203" true  false false;
    /// The provider does not know the model or address.
    NotFound       "not_found"                       Provider    Setup    "K0204" true  false false;
    /// The provider refuses the request.
    BadRequest     "bad_request"                     Provider    Request  "K0205" true  false false;
    /// The provider cannot be reached.
    Network        "network"                         Provider    Provider "K0206" true  false false;
    /// It took too long.
    Timeout        "timeout"                         Provider    Time     "K0207" true  false false;
    /// The reply broke off.
    CutOff         "cut_off"                         Provider    Reply    "K0208" true  false false;
    /// The reply reached the limit of tokens.
    Length         "length"                          Provider    Length   "K0209" true  false false;
    /// The reply has no text.
    Empty          "empty"                           Provider    Reply    "K0210" true  false false;
    /// The model or a filter refused.
    Refused        "refused"                         Provider    Refusal  "K0211" true  false false;
    /// The reply is not what the protocol says.
    BadReply       "bad_reply"                       Provider    Reply    "K0212" true  false false;
    /// The reply is too large.
    TooLarge       "too_large"                       Provider    Reply    "K0213" true  false false;
    /// It was given up while it was under way.
    Cancelled      "cancelled"                       Failed      Stopped  "K0214" false true  false;
    /// The reply ended for an unknown reason.
    Ended          "ended"                           Provider    Reply    "K0215" true  false false;
    /// The account has no quota left.
    Quota          "quota"                           Provider    Quota    "K0216" true  false false;
    /// The reply does not fit its schema.
    InvalidOutput  "invalid_output"                  Provider    Form     "K0217" true  false false;
    /// All steps were used, and there is no answer.
    Steps          "steps"                           Failed      Loop     "K0218" true  false false;
}

impl Kind {
    /// The code of kinds that have none of their own.
    pub const NO_CODE: &'static str = "K0100";
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl serde::Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> serde::Deserialize<'de> for Kind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
        String::deserialize(deserializer).map(|word| Kind::from(word.as_str()))
    }
}

/// A place in a script.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// The script file as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// Why an operation gave no value.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Failure {
    /// What kind of failure it is.
    pub kind: Kind,
    /// What happened, for people.
    pub message: String,
    /// Whether trying again may help.
    #[serde(default)]
    pub retryable: bool,
    /// The kind of the failure that brought this one about, if it followed from another one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Box<Kind>>,
    /// How many requests were made without success, if it is the failure of a call to a model.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub tries: u32,
    /// How long the provider asks to wait before the next request, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "some_wait")]
    pub retry_after_ms: Option<NonZeroU32>,
    /// The HTTP status, where there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// The operation that failed, by name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub op: Option<String>,
    /// Where in a script it happened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<Place>,
    /// The calls of scripts that it came through, innermost first, in words.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub frames: Vec<String>,
    /// What a script threw, if it threw something of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub thrown: Option<Value>,
    /// What only some failures tell.
    #[serde(flatten, deserialize_with = "some_detail")]
    pub detail: Option<Box<FailureDetail>>,
}

/// What only some failures tell.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FailureDetail {
    /// What had come of a reply that was cut, or that does not fit its schema.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub partial: Option<Box<str>>,
    /// What is wrong with a reply that does not fit its schema, place by place.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub problems: Vec<Problem>,
    /// How often the model was asked to mend its reply, if it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub repairs: Option<u32>,
    /// The word or tool that failed, or whose effect is in doubt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tool: Option<Box<str>>,
    /// What it was called with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub args: Option<Value>,
    /// By what a server knows a call whose effect is in doubt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<Box<str>>,
    /// How many steps the model took.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub steps: Option<u32>,
    /// Whether it is certain that nothing was done.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub undone: bool,
}

impl Failure {
    /// Creates a failure. Whether trying again may help follows from its kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure {
            message: message.into(),
            retryable: kind.is_retryable(),
            kind,
            cause: None,
            tries: 0,
            retry_after_ms: None,
            status: None,
            op: None,
            place: None,
            frames: Vec::new(),
            thrown: None,
            detail: None,
        }
    }

    /// Says which failure brought this one about. What that one followed from counts, if it did.
    #[must_use]
    pub fn caused_by(mut self, other: Option<&Failure>) -> Failure {
        let root = |other: &Failure| match &other.cause {
            Some(cause) => cause.clone(),
            None => Box::new(other.kind.clone()),
        };

        self.cause = other.map(root);
        self
    }

    /// Returns how the program ends if this ends a run: by what brought it about, where it says
    /// nothing more itself.
    pub fn exit(&self) -> Exit {
        match (self.kind.exit(), &self.cause) {
            // A tool that failed says so itself, whatever it failed by.
            (exit, _) if self.kind == Kind::Tool => exit,
            (Exit::Failed, Some(cause)) => cause.exit(),
            (exit, _) => exit,
        }
    }

    /// Returns what only some failures tell, so that more can be told.
    pub fn detail_mut(&mut self) -> &mut FailureDetail {
        self.detail.get_or_insert_default()
    }

    /// Names the operation that failed, unless a deeper one is named already.
    #[must_use]
    pub fn of(mut self, op: &str) -> Failure {
        self.op.get_or_insert_with(|| op.to_owned());
        self
    }

    /// Says how many requests were made without success, in the message too.
    #[must_use]
    pub fn tried(mut self, tries: u32) -> Failure {
        let told = |tries: u32| match tries {
            0 | 1 => String::new(),
            _ => format!(" (tried {tries} times)"),
        };

        let length = self.message.strip_suffix(&told(self.tries)).map(str::len);
        self.message.truncate(length.unwrap_or(self.message.len()));
        self.message.push_str(&told(tries));

        self.tries = tries;
        self
    }

    /// Returns the failure as the map that scripts catch.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("a failure is plain data")
    }
}

/// Reads what only some failures tell; it is often nothing.
fn some_detail<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<Box<FailureDetail>>, D::Error> {
    use serde::Deserialize as _;

    let detail = FailureDetail::deserialize(from)?;
    Ok((detail != FailureDetail::default()).then(|| Box::new(detail)))
}

/// Reads a wait. Version 0.1 also wrote a wait of no time, and of more than a counter holds.
fn some_wait<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<NonZeroU32>, D::Error> {
    use serde::Deserialize as _;

    let millis = Option::<u64>::deserialize(from)?.unwrap_or(0);
    Ok(NonZeroU32::new(u32::try_from(millis).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_tries_is_told_once() {
        let failure = Failure::new(Kind::Server, "down");
        let told = failure.clone().tried(3);
        assert_eq!((told.message.as_str(), told.tries), ("down (tried 3 times)", 3));
        assert_eq!(told.tried(6).message, "down (tried 6 times)");
        assert_eq!(failure.tried(1).message, "down");
    }

    #[test]
    fn every_word_is_its_kind_and_any_other_is_the_scripts_own() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from(kind.word()), *kind);
        }
        let own = Kind::from("out of milk");
        let columns = (own.exit(), own.lesson(), own.code(), own.is_retryable());
        assert_eq!(own, Kind::Own("out of milk".into()));
        assert_eq!(columns, (Exit::Failed, Lesson::Other, Kind::NO_CODE, true));
        assert_eq!((own.stops_tools(), own.is_sure_in_plan()), (false, false));
    }

    #[test]
    fn failures_of_earlier_versions_are_read_and_written_as_they_were() {
        let text = r#"{"kind":"rate_limited","message":"slow down","retryable":true}"#;
        let failure: Failure = serde_json::from_str(text).expect("a failure");
        assert_eq!(failure, Failure::new(Kind::RateLimited, "slow down"));
        assert_eq!(serde_json::to_string(&failure).expect("text"), text);

        // Version 0.1 wrote waits of any length.
        let cut = r#"{"kind":"cut_off","message":"","retryable":true,"partial":"half"}"#;
        let failure: Failure = serde_json::from_str(cut).expect("a failure");
        let partial = failure.detail.as_ref().and_then(|detail| detail.partial.as_deref());
        assert_eq!(partial, Some("half"));
        assert_eq!(serde_json::to_string(&failure).expect("text"), cut);

        for (wait, read) in
            [(0_u64, None), (7, NonZeroU32::new(7)), (1 << 40, Some(NonZeroU32::MAX))]
        {
            let text =
                format!("{{\"kind\":\"server\",\"message\":\"\",\"retry_after_ms\":{wait}}}");
            let failure: Failure = serde_json::from_str(&text).expect("a failure");
            assert_eq!(failure.retry_after_ms, read, "{wait}");
        }
    }

    #[test]
    fn what_brought_a_failure_about_decides_how_the_program_ends() {
        let skipped = |cause: &Failure| Failure::new(Kind::Skipped, "").caused_by(Some(cause));
        let budget = Failure::new(Kind::Budget, "");
        let near = skipped(&budget);
        let far = skipped(&skipped(&budget));
        assert_eq!((near.exit(), far.exit()), (Exit::Budget, Exit::Budget));
        assert_eq!(Failure::new(Kind::Network, "").caused_by(Some(&budget)).exit(), Exit::Provider);
        assert_eq!(Failure::new(Kind::Skipped, "").caused_by(None).exit(), Exit::Failed);
    }
}
