//! What a script asked of the world: the name under which the journal keeps the answer, so that a run that
//! goes through another one again finds it.

use crate::base::secret::scrub_in;
use crate::base::word::words;
use std::fmt;

words! {
    /// The words that a script asks the world with.
    Topic {
        /// What time it is.
        Now = "now",
        /// How much time has passed.
        Elapsed = "elapsed",
        /// What the run has used up.
        Used = "used",
        /// What a page says.
        HttpGet = "http_get",
        /// What a program wrote.
        Command = "command",
        /// Which tools an MCP server has.
        McpTools = "mcp",
        /// What a tool of an MCP server answered.
        McpCall = "mcp_call",
        /// What a function or a tool of the embedding program gave.
        HostCall = "host_call",
        /// Whether a tool may be called.
        Approve = "approve",
        /// What a person answered.
        Ask = "ask",
        /// Which pattern to use.
        Recommend = "recommend",
        /// Which pattern to use, and how its execution went.
        Run = "run",
        /// How an execution of a comparison went.
        Execute = "execute",
        /// Which pattern is the best.
        BestPattern = "get_best_pattern",
        /// Which pattern is the best, by a knowledge file.
        FileBest = "best_pattern",
        /// Whether a pattern is better avoided.
        AvoidPattern = "should_avoid_pattern",
        /// What the history says.
        Insights = "get_insights",
        /// Which failures are known.
        Failures = "failures",
        /// How many entries like a new one a knowledge file had.
        Knowledge = "knowledge",
        /// How many entries were taken in.
        Import = "import_knowledge",
        /// How many entries were written.
        Export = "export_knowledge",
    }
}

impl Topic {
    /// Tells whether the answer is a choice of a pattern.
    pub fn is_choice(self) -> bool {
        match self {
            Topic::Recommend | Topic::Run => true,
            Topic::Now
            | Topic::Elapsed
            | Topic::Used
            | Topic::HttpGet
            | Topic::Command
            | Topic::McpTools
            | Topic::McpCall
            | Topic::HostCall
            | Topic::Approve
            | Topic::Ask
            | Topic::Execute
            | Topic::BestPattern
            | Topic::FileBest
            | Topic::AvoidPattern
            | Topic::Insights
            | Topic::Failures
            | Topic::Knowledge
            | Topic::Import
            | Topic::Export => false,
        }
    }
}

/// One thing that a script asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Inquiry {
    /// A word that needs nothing with it.
    Bare(Topic),
    /// A word, and what it was asked about.
    About(Topic, String),
    /// A word of another version of kaizen.
    Unknown(String),
}

impl Inquiry {
    /// Returns what the answer of people to a question is known by.
    pub fn ask(question: &str) -> Inquiry {
        Inquiry::About(Topic::Ask, question.to_owned())
    }

    /// Returns the word that was asked with, if this version knows it.
    pub fn topic(&self) -> Option<Topic> {
        match self {
            Inquiry::Bare(topic) | Inquiry::About(topic, _) => Some(*topic),
            Inquiry::Unknown(_) => None,
        }
    }

    /// Reads an inquiry as the journal has it.
    fn read(text: &str) -> Inquiry {
        let read = match text.split_once(' ') {
            Some((word, about)) => {
                Topic::of(word).map(|topic| Inquiry::About(topic, about.to_owned()))
            }
            None => Topic::of(text).map(Inquiry::Bare),
        };

        read.unwrap_or_else(|| Inquiry::Unknown(text.to_owned()))
    }

    /// Returns it without secrets, as the journal knows it.
    #[must_use]
    pub fn without_secrets(mut self) -> Inquiry {
        match &mut self {
            Inquiry::Bare(_) => {}
            Inquiry::About(_, text) | Inquiry::Unknown(text) => scrub_in(text),
        }

        self
    }
}

impl fmt::Display for Inquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Inquiry::Bare(topic) => write!(f, "{topic}"),
            Inquiry::About(topic, about) => write!(f, "{topic} {about}"),
            Inquiry::Unknown(text) => f.write_str(text),
        }
    }
}

impl serde::Serialize for Inquiry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Inquiry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Inquiry, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Ok(Inquiry::read(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_in_the_journal_stay_what_they_were() {
        let all = [
            ("now", Inquiry::Bare(Topic::Now)),
            ("http_get http://h/a b", Inquiry::About(Topic::HttpGet, "http://h/a b".to_owned())),
            ("recommend t", Inquiry::About(Topic::Recommend, "t".to_owned())),
            ("get_insights ", Inquiry::About(Topic::Insights, String::new())),
            ("weather today", Inquiry::Unknown("weather today".to_owned())),
            ("nowhere", Inquiry::Unknown("nowhere".to_owned())),
        ];
        for (text, inquiry) in all {
            assert_eq!(
                (Inquiry::read(text), inquiry.to_string()),
                (inquiry.clone(), text.to_owned())
            );
        }

        for &topic in Topic::ALL {
            assert_eq!(Inquiry::read(topic.word()), Inquiry::Bare(topic));
        }
    }
}
