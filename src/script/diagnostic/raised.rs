//! Which mistakes are errors of the run where it comes to them.

use crate::base::failure::Kind;
use crate::script::diagnostic::codes::{
    ARGUMENT, ARGUMENTS, FUNCTION, IMPORT, METHOD, MODEL, OPTION, PROPERTY, QUESTION, SCHEMA,
    SERVER, TOOL,
};

/// Codes of mistakes that a check finds, and that the run raises.
const RAISED: &[&str] = &[
    FUNCTION, ARGUMENTS, OPTION, MODEL, IMPORT, METHOD, SCHEMA, TOOL, SERVER, QUESTION, PROPERTY,
    ARGUMENT,
];

/// Tells whether mistakes of a code are errors of the run, unless the check that finds one says otherwise.
pub(super) fn is_raised(code: &str) -> bool {
    RAISED.contains(&code) || Kind::ALL.iter().any(|kind| kind.code() == code)
}
