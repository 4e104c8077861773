//! What a script asked of the world: the name under which the journal keeps the answer, so that a run that
//! goes through another one again finds it.

use crate::base::secret::scrub_in;
use crate::base::word::words;
use std::fmt;

words! {
    /// The words that a script asks the world with.
    Ask {
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
        /// Which pattern to use.
        Recommend = "recommend",
        /// Which pattern to use, and how its execution went.
        Run = "run",
        /// How an execution of a comparison went.
        Execute = "execute",
        /// Which pattern is the best.
        BestPattern = "get_best_pattern",
        /// Whether a pattern is better avoided.
        AvoidPattern = "should_avoid_pattern",
        /// What the history says.
        Insights = "get_insights",
        /// Which failures are known.
        Failures = "failures",
    }
}

impl Ask {
    /// Tells whether the answer is a choice of a pattern.
    pub fn is_choice(self) -> bool {
        match self {
            Ask::Recommend | Ask::Run => true,
            Ask::Now
            | Ask::Elapsed
            | Ask::Used
            | Ask::HttpGet
            | Ask::Command
            | Ask::Execute
            | Ask::BestPattern
            | Ask::AvoidPattern
            | Ask::Insights
            | Ask::Failures => false,
        }
    }
}

/// One thing that a script asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Inquiry {
    /// A word that needs nothing with it.
    Bare(Ask),
    /// A word, and what it was asked about.
    About(Ask, String),
    /// A word of another version of kaizen.
    Unknown(String),
}

impl Inquiry {
    /// Returns the word that was asked with, if this version knows it.
    pub fn ask(&self) -> Option<Ask> {
        match self {
            Inquiry::Bare(ask) | Inquiry::About(ask, _) => Some(*ask),
            Inquiry::Unknown(_) => None,
        }
    }

    /// Reads an inquiry as the journal has it.
    fn read(text: &str) -> Inquiry {
        let read = match text.split_once(' ') {
            Some((word, about)) => Ask::of(word).map(|ask| Inquiry::About(ask, about.to_owned())),
            None => Ask::of(text).map(Inquiry::Bare),
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
            Inquiry::Bare(ask) => write!(f, "{ask}"),
            Inquiry::About(ask, about) => write!(f, "{ask} {about}"),
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
            ("now", Inquiry::Bare(Ask::Now)),
            ("http_get http://h/a b", Inquiry::About(Ask::HttpGet, "http://h/a b".to_owned())),
            ("recommend t", Inquiry::About(Ask::Recommend, "t".to_owned())),
            ("get_insights ", Inquiry::About(Ask::Insights, String::new())),
            ("weather today", Inquiry::Unknown("weather today".to_owned())),
            ("nowhere", Inquiry::Unknown("nowhere".to_owned())),
        ];
        for (text, inquiry) in all {
            assert_eq!(
                (Inquiry::read(text), inquiry.to_string()),
                (inquiry.clone(), text.to_owned())
            );
        }
        for &ask in Ask::ALL {
            assert_eq!(Inquiry::read(ask.word()), Inquiry::Bare(ask));
        }
    }
}
