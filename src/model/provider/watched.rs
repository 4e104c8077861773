//! Calls whose replies somebody sees grow.

use crate::model::error::CallError;
use crate::model::provider::partial::{Partial, WireEnd};
use crate::model::provider::server::Server;
use crate::model::request::Request;
use std::time::Duration;

impl Server {
    /// Asks for a stream, so that those who watch see the text grow. What nobody has asked for must not
    /// make a call fail: a stream has no limits of its own then, and a server that refuses it is asked
    /// without.
    pub(super) async fn exchange_watched(
        &self,
        request: &Request,
        partial: &mut Partial,
        limit: Duration,
    ) -> Result<WireEnd, CallError> {
        let mut streamed = request.clone();
        let settings = &mut streamed.settings;
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        settings.stream = Some(true);
        settings.header_timeout_ms.get_or_insert(limit);
        settings.idle_timeout_ms.get_or_insert(limit);

        let first = self.exchange(&streamed, partial).await;
        if !matches!(first, Err(CallError::BadRequest { .. })) {
            return first;
        }

        partial.ask_again();
        let whole = self.exchange(request, partial).await;
        if matches!(whole, Err(CallError::BadRequest { .. })) {
            // It was not the stream, so the first words are those that count.
            return first;
        }
        self.is_whole.set(true);
        whole
    }
}
