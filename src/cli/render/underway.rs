//! Calls while they are under way: what they have used so far, and the end of the text that they write.

use crate::base::clock;
use crate::base::secret::scrub;
use crate::base::unit::Money;
use crate::base::visible::on_one_line;
use crate::cli::app::terminal;
use crate::cli::render::bar::{style, tell};
use crate::cli::render::paint;
use crate::cli::render::progress::Progress;
use crate::executor::glimpse::CallGlimpse;
use indicatif::ProgressBar;
use std::time::Duration;

/// Shortest time between two looks at a call.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Width of a terminal that does not say how wide it is.
const WIDTH: usize = 80;

/// What is known of the call that an operation makes at the moment.
#[derive(Default)]
pub(super) struct CallUnderWay {
    /// Tokens so far, estimated.
    pub(super) tokens: u64,
    /// What they cost, if that is known.
    pub(super) cost: Option<Money>,
    looked_at: Option<Duration>,
    /// The line with the end of its text.
    text: Option<ProgressBar>,
}

impl CallUnderWay {
    /// Says what the call has used so far.
    pub(super) fn used(&self) -> String {
        let cost = self.cost.filter(|cost| *cost != Money::ZERO);
        let cost = cost.map_or(String::new(), |cost| format!(", about {cost}"));
        format!("about {} tokens{cost}", self.tokens)
    }

    /// Takes its line away.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.text.take() {
            bar.finish_and_clear();
        }
    }
}

impl Progress {
    /// Tells whether the texts of replies are shown as they grow.
    pub(in crate::cli) fn shows_texts(&self) -> bool {
        self.is_live && self.comparison.is_none()
    }

    /// Takes in how far a call has come.
    pub(in crate::cli) fn glimpse(&mut self, call: &CallGlimpse<'_>) {
        if self.silent {
            return;
        }

        if call.is_unbounded && self.unbounded.insert(call.model.to_owned()) {
            self.say(&unbounded(call.model));
        }
        if self.is_live {
            self.draw(call);
        }
    }

    fn draw(&mut self, call: &CallGlimpse<'_>) {
        let Some(open) = self.open.get_mut(&call.op) else { return };
        let now = clock::monotonic();
        let under_way = open.under_way.get_or_insert_default();

        // A terminal cannot show more, and a text may come in thousands of pieces.
        let is_due = |at: Duration| now.saturating_sub(at) >= LOOK_AGAIN;
        if !under_way.looked_at.is_none_or(is_due) {
            return;
        }
        under_way.looked_at = Some(now);
        under_way.tokens = call.usage.tokens();
        under_way.cost = call.cost;

        if let (Some(bar), Some(live)) = (&open.bar, &self.live) {
            tell(bar, &format!("{}  {}", open.doing, under_way.used()));

            if !call.text.is_empty() {
                let template = if paint::is_err_colored() { "    {msg:.dim}" } else { "    {msg}" };
                let line = under_way.text.get_or_insert_with(|| {
                    let line = live.insert_after(bar, ProgressBar::new_spinner());
                    line.set_style(style(template));
                    line
                });
                line.set_message(end_of(
                    call.text,
                    terminal::columns(terminal_size::terminal_size_of(std::io::stderr()))
                        .unwrap_or(WIDTH)
                        .saturating_sub(6),
                ));
                line.tick();
            }
        }
        self.count();
    }
}

/// Says that replies of a model may be of any length.
pub(in crate::cli) fn unbounded(model: &str) -> String {
    let model = on_one_line(model);
    format!(
        "note: `{model}` has no `max_tokens`, so a reply may take minutes; set it under [models.NAME] in \
         kaizen.toml, or in the options of the call"
    )
}

/// Returns the end of a text on one line. Its last word may be the beginning of a longer one, which nobody
/// could tell from a secret, so it is left out.
fn end_of(text: &str, width: usize) -> String {
    let whole = text.rsplit_once(char::is_whitespace).map_or("", |(before, _)| before);
    let safe = scrub(whole);

    let mut shown: Vec<&str> = Vec::new();
    let mut length = 0;
    for word in safe.split_whitespace().rev() {
        length += word.chars().count() + 1;
        if length > width {
            break;
        }
        shown.push(word);
    }

    shown.reverse();
    on_one_line(&shown.join(" ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_text_is_its_last_whole_words() {
        assert_eq!(end_of("one two three fo", 20), "one two three");
        assert_eq!(end_of("one two three fo", 9), "two three".split_once(' ').unwrap().1);
        assert_eq!(end_of("sk-beginning", 20), "");
        assert_eq!(end_of("a\nb\u{1b}[31m c ", 20), "a b\\u{1b}[31m c");
    }

    #[test]
    fn what_a_call_has_used_is_said_to_be_about_that() {
        let used = |tokens, cost| CallUnderWay { tokens, cost, ..CallUnderWay::default() }.used();
        assert_eq!(used(412, None), "about 412 tokens");
        assert_eq!(used(412, Money::from_dollars(0.0012)), "about 412 tokens, about $0.0012");
    }
}
