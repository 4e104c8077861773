//! Calls whose replies somebody sees grow.

use crate::model::call_error::CallError;
use crate::model::provider::departure::Departure;
use crate::model::provider::partial::{Partial, WireEnd};
use crate::model::provider::server::{Protocol, Server};
use crate::model::reply::{CallFault, Reply};
use crate::model::request::Request;
use reqwest::Url;
use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// Servers of OpenAI's protocol whose documentation says that a stream ends with the tokens used, where
/// `stream_options` asks for that.
const COUNTING_HOSTS: &[&str] = &[
    "api.openai.com",
    "openai.azure.com",
    "openrouter.ai",
    "api.groq.com",
    "api.mistral.ai",
    "api.deepseek.com",
    "api.together.xyz",
    "api.fireworks.ai",
    "api.x.ai",
    "generativelanguage.googleapis.com",
];

/// What is known of the streams of a server, for those that only somebody who watches wants. They must
/// not cost anything: a stream that leaves out the tokens used would make the cost of a call unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StreamUse {
    /// Nothing: one call may find out.
    #[default]
    Untried,
    /// A call is finding out; others ask for whole replies meanwhile.
    OnTrial,
    /// They say how many tokens were used.
    Counted,
    /// One was refused, and the same request is made without.
    Doubted,
    /// None is asked for.
    Never,
}

/// A request that was refused as a stream.
#[derive(Debug)]
pub struct RefusedStream {
    /// What the request is known by.
    hash: blake3::Hash,
    /// In which words it was refused.
    error: CallError,
    /// What was known of streams before.
    before: StreamUse,
}

impl StreamUse {
    /// Returns what is known of a server that has not been asked yet.
    pub fn of(protocol: Protocol, base_url: &str) -> StreamUse {
        // These protocols have the tokens in every stream.
        if protocol != Protocol::OpenAi {
            return StreamUse::Counted;
        }

        let url = Url::parse(base_url).ok();
        let Some(host) = url.as_ref().and_then(Url::host_str) else { return StreamUse::Never };
        let is_below = |known: &str| {
            host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };

        if COUNTING_HOSTS.iter().any(|known| is_below(known)) {
            StreamUse::Counted
        } else if is_nearby(host) {
            StreamUse::Untried
        } else {
            StreamUse::Never
        }
    }
}

/// Tells whether a server is on this machine or in its own network, where nobody sends bills.
fn is_nearby(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(four)) => four.is_loopback() || four.is_private() || four.is_link_local(),
        Ok(IpAddr::V6(six)) => {
            six.is_loopback() || six.is_unique_local() || six.is_unicast_link_local()
        }
        Err(_) => {
            let last = bare.rsplit_once('.').map(|(_, last)| last);
            last.is_none_or(|last| ["local", "localhost"].contains(&last))
        }
    }
}

/// A call that asks for a stream on behalf of somebody who watches.
pub(super) struct StreamTrial {
    server: Rc<Cell<StreamUse>>,
    before: StreamUse,
}

impl StreamTrial {
    /// Begins one, unless the server is better asked without a stream.
    pub(super) fn begin(server: &Rc<Cell<StreamUse>>) -> Option<StreamTrial> {
        let before = server.get();
        match before {
            StreamUse::Never | StreamUse::OnTrial | StreamUse::Doubted => return None,
            StreamUse::Untried => server.set(StreamUse::OnTrial),
            StreamUse::Counted => {}
        }
        Some(StreamTrial { server: server.clone(), before })
    }

    /// Returns what was known before.
    pub(super) fn before(&self) -> StreamUse {
        self.before
    }

    /// Learns from how the call ended.
    pub(super) fn learn(self, ended: &Result<Reply, CallFault>) {
        // A refusal was learned from already, and a call that failed says nothing of streams.
        let Ok(reply) = ended else { return };
        if self.server.get() != StreamUse::Never {
            let is_counted = reply.usage.is_some();
            self.server.set(if is_counted { StreamUse::Counted } else { StreamUse::Never });
        }
    }
}

impl Drop for StreamTrial {
    /// A call that was dropped or failed has found out nothing.
    fn drop(&mut self) {
        if self.server.get() == StreamUse::OnTrial {
            self.server.set(self.before);
        }
    }
}

impl Server {
    /// Asks for a stream, so that those who watch see the text grow. What nobody has asked for must not
    /// make a call fail: a stream has no limits of its own then, and a server that refuses it is asked
    /// without, which is a request of its own.
    pub(super) async fn exchange_watched(
        &self,
        request: &Request,
        partial: &mut Partial,
        departure: &Departure,
        limit: Duration,
        before: StreamUse,
    ) -> Result<WireEnd, CallError> {
        let mut streamed = request.clone();
        let settings = &mut streamed.settings;
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        settings.stream = Some(true);
        settings.header_timeout_ms.get_or_insert(limit);
        settings.idle_timeout_ms.get_or_insert(limit);

        let ended = self.exchange(&streamed, partial, departure).await;
        let Err(CallError::BadRequest { status, message }) = &ended else { return ended };
        let other = CallError::OtherForm { status: *status, message: message.clone() };

        if let Err(error) = ended {
            let refused = RefusedStream { hash: self.hash(request), error, before };
            self.refused_stream.replace(Some(refused));
        }
        self.streams.set(StreamUse::Doubted);
        Err(other)
    }

    /// Asks for a whole reply although somebody watches, and learns whether it was a stream that the server has
    /// refused.
    pub(super) async fn exchange_whole(
        &self,
        request: &Request,
        partial: &mut Partial,
        departure: &Departure,
    ) -> Result<WireEnd, CallError> {
        let ended = self.exchange(request, partial, departure).await;
        if self.streams.get() != StreamUse::Doubted {
            return ended;
        }

        match ended {
            Ok(ended) => {
                self.streams.set(StreamUse::Never);
                Ok(ended)
            }
            Err(error @ CallError::BadRequest { .. }) => {
                let hash = self.hash(request);
                let refused = self.refused_stream.borrow_mut().take_if(|first| first.hash == hash);
                // It was not the stream, so the first words are those that count.
                Err(refused.map_or(error, |first| {
                    self.streams.set(first.before);
                    first.error
                }))
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reply::Usage;

    #[test]
    fn streams_that_nobody_asked_for_are_left_to_servers_that_count_tokens() {
        let found = |url: &str| StreamUse::of(Protocol::OpenAi, url);
        for counted in [
            "https://api.openai.com/v1",
            "https://mine.openai.azure.com/openai/v1",
            "https://openrouter.ai/api/v1",
            "https://api.groq.com/openai/v1",
        ] {
            assert_eq!(found(counted), StreamUse::Counted, "{counted}");
        }
        for untried in [
            "http://127.0.0.1:8080/v1",
            "http://[::1]:8080/v1",
            "http://localhost:11434/v1",
            "http://192.168.1.7:8000/v1",
            "http://gpu-box:8000/v1",
            "http://gpu.local/v1",
        ] {
            assert_eq!(found(untried), StreamUse::Untried, "{untried}");
        }
        for never in [
            "https://llm.example.com/v1",
            "https://api.openai.com.example.com/v1",
            "https://notopenrouter.ai/v1",
            "http://8.8.8.8/v1",
            "nonsense",
        ] {
            assert_eq!(found(never), StreamUse::Never, "{never}");
        }
        assert_eq!(StreamUse::of(Protocol::Anthropic, "https://x.example/v1"), StreamUse::Counted);
    }

    #[test]
    fn one_call_at_a_time_finds_out_and_a_call_that_is_dropped_finds_nothing() {
        let server = Rc::new(Cell::new(StreamUse::Untried));
        let trial = StreamTrial::begin(&server).expect("the first may try");
        assert!(StreamTrial::begin(&server).is_none());
        drop(trial);
        assert_eq!(server.get(), StreamUse::Untried);

        let reply = |usage| Ok(Reply { said: "x".into(), finish: None, usage, served_by: None });
        StreamTrial::begin(&server).expect("a trial").learn(&reply(Some(Usage::default())));
        assert_eq!(server.get(), StreamUse::Counted);
        StreamTrial::begin(&server).expect("a trial").learn(&reply(None));
        assert_eq!(server.get(), StreamUse::Never);
        assert!(StreamTrial::begin(&server).is_none());
    }
}
