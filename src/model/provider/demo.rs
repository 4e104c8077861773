//! The demo model: answers offline, the same for the same seed, and says that it is a demo.

use crate::model::error::CallError;
use crate::model::reply::{Finish, Reply, Usage};
use crate::model::request::Request;
use std::time::Duration;

/// Longest part of the question that an echo repeats, in characters.
const ECHO_CHARS: usize = 80;

/// The demo model and its temper.
#[derive(Debug, Clone, Default)]
pub struct Demo {
    /// How long a reply takes.
    pub latency: Duration,
}

impl Demo {
    /// Answers one request.
    pub async fn send(&self, request: &Request) -> Result<Reply, CallError> {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        let question = request.messages.last().map_or("", |m| m.content.as_str());
        let shown: String = question.chars().take(ECHO_CHARS).collect();
        let text = format!("[demo] you asked: {shown}");
        let usage = Usage {
            input_uncached: rough_tokens(question),
            output_visible: rough_tokens(&text),
            ..Usage::default()
        };
        let finish = Some(Finish::Stop);
        Ok(Reply { text, finish, usage: Some(usage), served_by: None })
    }
}

/// Estimates tokens as a quarter of the bytes: rough, and enough for a demo.
fn rough_tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}
