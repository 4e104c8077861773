//! Conversations: branches, the scope of a call, and the tools that models may call. Knows nothing of graphs,
//! disks or scripts.

pub mod branch;
pub mod scope;
pub mod tool;
pub mod tool_clock;

use crate::session::branch::{SharedBranch, same};

/// The branches that a flow may work on.
#[derive(Debug, Clone)]
pub struct Session {
    default: SharedBranch,
    branches: Vec<SharedBranch>,
}

impl Session {
    /// Creates a session whose default branch is `default`.
    pub fn new(default: SharedBranch) -> Session {
        Session { branches: vec![default.clone()], default }
    }

    /// Adds a branch; adding it twice changes nothing. It does not become the default.
    pub fn include(&mut self, branch: SharedBranch) {
        if !self.knows(&branch) {
            self.branches.push(branch);
        }
    }

    /// Tells whether the branch belongs to the session.
    pub fn knows(&self, branch: &SharedBranch) -> bool {
        self.branches.iter().any(|known| same(known, branch))
    }

    /// Returns the branch on which operations without one of their own are based.
    pub fn default_branch(&self) -> &SharedBranch {
        &self.default
    }

    /// Returns all branches, the default first.
    pub fn branches(&self) -> &[SharedBranch] {
        &self.branches
    }
}
