//! Secrets: values that no log, error or journal may show. Every secret of the program is known
//! here, so that whatever leaves it can be rid of them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;
use std::fmt;
use std::sync::{PoisonError, RwLock};

/// What stands in the place of a secret.
pub const SHOWN: &str = "[secret]";
/// What names of variables with secrets contain, or end with.
const NAMES: &[&str] = &["_KEY", "_TOKEN", "_SECRET", "PASSWORD"];
/// Shortest secret that is looked for: shorter ones stand in any text by chance.
const LENGTH_MIN: usize = 6;

/// Every secret, in each of the forms in which it may leave the program; the longest first, so that
/// no part of one is left when another is taken out.
static FORMS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// A secret such as a key. Its debug form shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret. From now on `scrub` knows it.
    pub fn new(value: impl Into<String>) -> Secret {
        let value = value.into();
        if value.len() >= LENGTH_MIN {
            learn(&value);
        }
        Secret(value)
    }

    /// Returns the secret itself, to be handed to the one who may have it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn learn(value: &str) {
    let mut forms = FORMS.write().unwrap_or_else(PoisonError::into_inner);
    if forms.iter().any(|known| known == value) {
        return;
    }
    let json = serde_json::to_string(value).unwrap_or_default();
    let quoted = json.trim_matches('"').to_owned();
    forms.push(value.to_owned());
    forms.push(quoted);
    forms.push(utf8_percent_encode(value, NON_ALPHANUMERIC).to_string());
    // In Base64 the same bytes look different at each place within a group of three.
    for before in 0..3 {
        let padded = format!("{}{value}", "\0".repeat(before));
        for encoded in [STANDARD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            // The first and the last group also depend on what stands beside the secret.
            let from = [0, 2, 3][before];
            let whole = (before + value.len()) / 3 * 4;
            forms.extend(encoded.get(from..whole).map(str::to_owned));
        }
    }
    forms.retain(|form| form.len() >= LENGTH_MIN);
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.dedup();
}

/// Tells whether a variable of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_uppercase();
    NAMES.iter().any(|part| {
        if *part == "PASSWORD" {
            name.contains(part)
        } else {
            name.ends_with(part) || name.contains(&format!("{part}_"))
        }
    })
}

/// Tells whether a text holds a secret.
pub fn has_secret(text: &str) -> bool {
    let forms = FORMS.read().unwrap_or_else(PoisonError::into_inner);
    forms.iter().any(|form| text.contains(form.as_str()))
}

/// Takes every secret out of a text, in whichever form it stands there.
pub fn scrub(text: &str) -> Cow<'_, str> {
    if !has_secret(text) {
        return Cow::Borrowed(text);
    }
    let forms = FORMS.read().unwrap_or_else(PoisonError::into_inner);
    let mut clean = text.to_owned();
    for form in forms.iter().filter(|form| text.contains(form.as_str())) {
        clean = clean.replace(form.as_str(), SHOWN);
    }
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_in_every_form() {
        let value = "sk-canary/7+äö\"quote";
        let secret = Secret::new(value);
        assert_eq!(format!("{secret:?}"), "***");
        let json = serde_json::to_string(value).expect("text");
        let url = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
        for text in [value.to_owned(), json, url] {
            let clean = scrub(&text);
            assert!(clean.contains(SHOWN) && !clean.contains("canary"), "{text}: {clean}");
        }
        // Base64 of the secret alone and with something before it, as in `user:key`.
        for before in ["", "u", "us", "user:", "Bearer "] {
            let encoded = STANDARD.encode(format!("{before}{value} and more"));
            let clean = scrub(&encoded).into_owned();
            assert!(clean.contains(SHOWN), "{before}: {encoded}");
            let decoded = STANDARD.decode(clean.replace(SHOWN, "AAAA")).unwrap_or_default();
            let left = String::from_utf8_lossy(&decoded).into_owned();
            assert!(!left.contains("canary"), "{before}: {left}");
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        drop(Secret::new("sk-another-canary"));
        drop(Secret::new("abc"));
        assert!(matches!(scrub("abc is too short to be looked for"), Cow::Borrowed(_)));
    }
}
