//! Operations as they were planned.

use crate::base::id::OpId;
use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

/// An operation as it was planned.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PlannedOp {
    /// Its number in the run.
    pub op: OpId,
    /// Its name in the flow.
    pub name: String,
    /// The script's word for what it does.
    #[serde(rename = "does")]
    pub kind: Cow<'static, str>,
    /// The operations it waits for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub after: Vec<OpId>,
}

/// Operations as they were planned together. All who keep them share them: a plan may be large.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedOps(Arc<[PlannedOp]>);

impl From<Vec<PlannedOp>> for PlannedOps {
    fn from(ops: Vec<PlannedOp>) -> PlannedOps {
        PlannedOps(ops.into())
    }
}

impl Deref for PlannedOps {
    type Target = [PlannedOp];

    fn deref(&self) -> &[PlannedOp] {
        &self.0
    }
}

impl serde::Serialize for PlannedOps {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0[..].serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for PlannedOps {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<PlannedOps, D::Error> {
        Vec::deserialize(deserializer).map(PlannedOps::from)
    }
}
