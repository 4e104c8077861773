//! The lines of the live region.

use crate::base::secret::scrub;
use crate::base::visible::on_one_line;
use indicatif::{ProgressBar, ProgressStyle};

/// Shows a text on the line of an operation. Scripts and servers choose much of it, and nobody else looks
/// at what a bar draws.
pub(super) fn tell(bar: &ProgressBar, text: &str) {
    bar.set_message(on_one_line(&scrub(text)).into_owned());
}

pub(super) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
