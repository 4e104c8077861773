//! Variables of the environment that cannot be read.

/// A variable of the environment that is set to what is no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value of the variable `{name}` is not valid UTF-8 text")]
pub struct OddVariable {
    name: String,
}

impl OddVariable {
    pub(super) fn of(name: &str) -> OddVariable {
        OddVariable { name: name.to_owned() }
    }
}
