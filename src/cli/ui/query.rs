//! What an address asks for after its `?`. What cannot be read is an error, never left out in silence.

use crate::base::id::{FlowId, OpId};
use crate::cli::ui::page_error::PageError;
use crate::view::table::{OnlyRows, RowQuery};
use std::collections::HashMap;
use std::str::FromStr;

/// The parts of an address after `?`, by name.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct AddressQuery(HashMap<String, String>);

impl AddressQuery {
    /// Takes the parts of an address; a name that nothing here knows is an error.
    pub(in crate::cli) fn of(
        parts: HashMap<String, String>,
        known: &[&str],
    ) -> Result<AddressQuery, PageError> {
        let unknown = parts.keys().find(|name| !known.contains(&name.as_str()));
        match unknown {
            None => Ok(AddressQuery(parts)),
            Some(name) => {
                let shown: String = name.chars().take(40).collect();
                Err(PageError::new(400, format!("unknown parameter `{shown}` in the address"))
                    .help(format!("known are: {}", known.join(", "))))
            }
        }
    }

    /// Returns a text that is not empty.
    pub(in crate::cli) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Reads a number.
    pub(in crate::cli) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, PageError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let shown: String = text.chars().take(40).collect();
        let wrong = || PageError::new(400, format!("`{name}={shown}` is not a number"));
        text.parse().map(Some).map_err(|_| wrong())
    }

    /// Reads which rows are wanted.
    pub(in crate::cli) fn rows(&self) -> Result<RowQuery, PageError> {
        let only = self.text("only").map(|word| {
            let wrong = PageError::new(400, "`only` is `failed`, `critical` or `running`");
            OnlyRows::of(word).ok_or(wrong)
        });
        let zoom = self.text("zoom").map(|text| {
            let wrong =
                || PageError::new(400, "`zoom` is two times in microseconds, such as `0-5000000`");
            let (from, to) = text.split_once('-').ok_or_else(wrong)?;
            let number = |text: &str| text.parse::<i64>().map_err(|_| wrong());
            Ok::<_, PageError>((number(from)?, number(to)?))
        });

        Ok(RowQuery {
            flow: self.number("flow")?.map(FlowId),
            fold: self.text("fold").map(str::to_owned),
            only: only.transpose()?,
            text: self.text("q").map(str::to_owned),
            zoom: zoom.transpose()?,
            after: self.number("after")?.map(OpId),
        })
    }
}
