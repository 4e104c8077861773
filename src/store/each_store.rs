//! Stores of every kind, for tests of what must hold on all of them.

use std::path::{Path, PathBuf};

#[cfg(feature = "shared")]
#[path = "../../tests/support/postgres.rs"]
#[allow(dead_code, reason = "the integration tests use all of it")]
pub(crate) mod postgres_server;

/// A store of a test's own.
pub(crate) struct TestStore {
    name: PathBuf,
    /// The folder of a store that is a file.
    _folder: tempfile::TempDir,
}

impl TestStore {
    /// Returns its path, or its name on a server.
    pub(crate) fn path(&self) -> &Path {
        &self.name
    }
}

/// Returns a store of each kind, none of which is there yet. Without a server it says so and leaves that out.
pub(crate) fn each_store(test: &str) -> Vec<TestStore> {
    let folder = tempfile::tempdir().expect("a folder");
    let name = folder.path().join("kaizen.db");
    let mut stores = vec![TestStore { name, _folder: folder }];
    stores.extend(on_server(test));
    stores
}

#[cfg(feature = "shared")]
pub(crate) fn on_server(test: &str) -> Option<TestStore> {
    let address = postgres_server::shared_server(test)?.address();
    let name = crate::store::name_server(&address, "test", false).expect("an address");
    Some(TestStore { name, _folder: tempfile::tempdir().expect("a folder") })
}

#[cfg(not(feature = "shared"))]
fn on_server(test: &str) -> Option<TestStore> {
    // Such a program has no other store.
    let _ = test;
    None
}
