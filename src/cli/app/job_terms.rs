//! What a run is given and made of, as its journal notes it.

use super::job::{OpenJob, ScriptJob};
use crate::base::credential::public;
use crate::journal::event::{RunSources, Terms};
use crate::script::file_hashes;
use serde_json::Value;

impl ScriptJob<'_> {
    /// Returns what a run is made of that is about to begin. Its script is compiled, so what that imports is
    /// known.
    fn sources(&self, open: &OpenJob) -> RunSources {
        let mut files = open.host.files();
        files.extend(open.code.take());

        let models = self.project.config.models().map(|(alias, spec, _)| {
            // An address may bear a password, and a field for the server a key.
            let spec = spec.iter().map(|(key, value)| (key.clone(), public(key, value)));
            (alias.to_owned(), Value::Object(spec.collect()))
        });
        RunSources { files: file_hashes(&open.surroundings.root, files), models: models.collect() }
    }

    /// Returns what a run is given that is about to begin.
    pub(super) fn terms(&self, open: &OpenJob) -> Terms {
        let own = &self.project.terms;
        let again = self.again.as_ref();
        Terms {
            concurrency: Some(self.project.config.concurrency().unwrap_or(0)),
            sources: Some(self.sources(open)),
            ..again.map_or_else(|| own.clone(), |again| again.terms(own))
        }
    }
}
