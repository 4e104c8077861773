//! Secrets: values that no log, error or journal may show. Every secret of the program is known
//! here, so that whatever leaves it can be rid of them.

use crate::base::failure::Kind;
use crate::base::json::{map_fields, map_texts};
use crate::base::spelled;
use crate::base::wildcard::Wildcard;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

/// What stands in the place of a secret.
pub const SHOWN: &str = "[secret]";
/// Words of which one makes a name that of a secret: of a variable, a parameter, or a part of an address. Of
/// tokens, a number is more often meant than secrets.
const WORDS: &[&str] = &[
    "apikey",
    "apikeys",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "credentials",
    "jwt",
    "key",
    "keyring",
    "keys",
    "pass",
    "passphrase",
    "passphrases",
    "passwd",
    "password",
    "passwords",
    "pwd",
    "secret",
    "secrets",
    "sig",
    "signature",
    "token",
];
/// How words end that are written as one, such as `ACCESSTOKEN`.
const ENDINGS: &[&str] = &[
    "accesskey",
    "apikey",
    "encryptionkey",
    "password",
    "privatekey",
    "secret",
    "secretkey",
    "signingkey",
    "token",
];
/// Words beside which `TOKENS` in the name of a variable means a number.
const COUNT_WORDS: &[&str] = &["count", "input", "limit", "max", "min", "num", "output", "total"];
/// Variables of shells and their agents, whose names only look like those of secrets.
const NO_SECRETS: &[&str] = &["PWD", "OLDPWD", "SSH_AUTH_SOCK"];
/// Fewest characters of a secret that is taken out, unless another number is set: shorter ones stand in
/// any text by chance.
pub const LENGTH_MIN: usize = 8;
/// Fewest different characters of such a secret: lines and columns of zeros stand everywhere.
const DISTINCT_MIN: usize = 4;
/// Words of journals and JSON lines, as far as they are long enough for secrets; the kinds of failure are such
/// words too. They appear in every output, and programs that read JSON rely on them, so none of them can be
/// taken out. `tests/tidy.rs` finds a word that is missing here.
const OWN_WORDS: &str = "
    accepted alternatives answered approval approved asked_at assumed_to_complete attempt_ended
    attempt_started attempts attributes avg_performance avoided_until best_pattern
    blames_pattern budget_used_up bytes_after bytes_before cache_read cache_write call_refused
    calls_left calls_max calls_of_unknown_price cancelled_operations candidates cassettes
    communicate comparison comparisons completed completed_operations concurrency condition confidence
    conventions cost_half cost_unknown critical_path critical_path_seconds critical_path_time
    cut_operations demo_calls depends_on description difference earlier_runs ended_at
    ended_early endpoint error_rate exchange exchanges execution execution_time executions
    exit_code expanded expected explored export_knowledge failed_operations failed_patterns
    failures fastest_pattern fingerprint finish_reason first_at flow_ended flow_started
    get_best_pattern get_insights host_call http_get identity import_knowledge improved
    input_uncached interval is_error judged_bad judged_good knowledge known_cost last_run
    learning left_out limit_ms log_level max_calls max_concurrent max_cost max_in_flight max_tokens
    mcp_call messages messages_left min_effect most_used_pattern objective op_ended op_started
    operation operation_results output_schema output_visible parallel_efficiency parameters
    pattern_usage patterns price_as_of probability problems prompt properties proposals protocol
    provider question questions reasoning recommend recorded replaced request_part required
    resource response result_max retry_after_ms retry_in_ms retryable reused_max run_ended
    run_kind run_started run_status sensitivity served_by settings should_avoid_pattern
    signatures skipped_operations sleep_began snapshots snapshots_written specificity started_at
    success_rate successful_patterns suspended task_type throughput time_half time_passed
    to_decide tokens_in tokens_out tool_calls tool_ended tool_errors tool_started tool_time
    total_executions unchanged under_way unknown_costs v_inputs v_patterns within
";

/// A secret in one of the forms in which it may leave the program.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SecretForm {
    text: String,
    /// The same as it stands within a string of JSON.
    json: String,
}

/// Every secret, in each of its forms; the longest first, so that no part of one is left when another
/// is taken out.
static FORMS: RwLock<Vec<SecretForm>> = RwLock::new(Vec::new());
/// Every secret as it is.
static VALUES: RwLock<Vec<String>> = RwLock::new(Vec::new());
/// Fewest characters, as they are set.
static LENGTH: AtomicUsize = AtomicUsize::new(LENGTH_MIN);
/// Further names of variables with secrets.
static MORE_NAMES: RwLock<Vec<Wildcard>> = RwLock::new(Vec::new());
/// Whether there is any: nothing has to be looked for before.
static IS_ANY: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// What is taken out besides while some work goes on, by its forms.
    static KEPT: RefCell<Vec<(String, Vec<SecretForm>)>> = const { RefCell::new(Vec::new()) };
}

/// Why a text is not taken out although it is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// It is too short.
    #[error("it has fewer than {} characters", length_min())]
    Short,
    /// It has too few different characters.
    #[error("it has fewer than {DISTINCT_MIN} different characters")]
    Uniform,
    /// It is a word that stands in every journal.
    #[error("it is a word of kaizen's own output")]
    OwnWord,
}

/// A secret such as a key. Its debug form shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    value: String,
    is_learned: bool,
}

impl Secret {
    /// Wraps a secret of the user's. From now on it is taken out of whatever leaves the program,
    /// unless it is too weak for that.
    pub fn new(value: impl Into<String>) -> Secret {
        let value = value.into();
        let is_learned = weakness(&value).is_none();
        if is_learned {
            learn(&value);
        }

        Secret { value, is_learned }
    }

    /// Wraps a secret that somebody names who may want to hide something by it. It is taken out of
    /// what the one says to whom it is shown, and of nothing else.
    pub fn apart(value: impl Into<String>) -> Secret {
        Secret { value: value.into(), is_learned: false }
    }

    /// Returns the secret itself, to be handed to the one who may have it.
    pub fn reveal(&self) -> &str {
        &self.value
    }

    /// Takes this secret out of a text, unless it is taken out of everything already, or too weak.
    pub fn take_out(&self, text: String) -> String {
        if self.is_learned || weakness(&self.value).is_some() {
            return text;
        }

        let known = std::slice::from_ref(&self.value);
        without(&text, &forms(&self.value), known).unwrap_or(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Tells why a secret is too weak to be taken out, if it is.
pub fn weakness(value: &str) -> Option<Weakness> {
    if value.chars().count() < length_min() {
        return Some(Weakness::Short);
    }

    if value.chars().collect::<BTreeSet<char>>().len() < DISTINCT_MIN {
        return Some(Weakness::Uniform);
    }

    let mut words = OWN_WORDS.split_whitespace().chain(Kind::ALL.iter().map(Kind::word));
    words.any(|word| word.contains(value)).then_some(Weakness::OwnWord)
}

/// Sets what else is taken for a secret: variables with these names, and values from this many characters
/// on.
pub fn configure(names: Vec<Wildcard>, length_min: Option<usize>) {
    *MORE_NAMES.write().unwrap_or_else(PoisonError::into_inner) = names;
    LENGTH.store(length_min.unwrap_or(LENGTH_MIN), Ordering::Release);
}

fn length_min() -> usize {
    LENGTH.load(Ordering::Acquire)
}

fn learn(value: &str) {
    let mut known = FORMS.write().unwrap_or_else(PoisonError::into_inner);
    if known.iter().any(|form| form.text == value) {
        return;
    }

    for form in forms(value) {
        if !known.contains(&form) {
            known.push(form);
        }
    }

    // The longest form goes first, so that no shorter one within it leaves a rest.
    known.sort_by_key(|form| std::cmp::Reverse(form.text.len()));

    let mut values = VALUES.write().unwrap_or_else(PoisonError::into_inner);
    values.push(value.to_owned());
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));

    // Whoever sees the flag sees the values as well.
    IS_ANY.store(true, Ordering::Release);
}

/// Returns the forms in which a secret may leave the program.
fn forms(value: &str) -> Vec<SecretForm> {
    let mut texts = vec![value.to_owned(), in_json(value)];
    texts.push(utf8_percent_encode(value, NON_ALPHANUMERIC).to_string());
    let hex = value.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    texts.extend([hex.to_uppercase(), hex]);

    // In Base64 the same bytes look different at each place within a group of three.
    for before in 0..3 {
        let padded = format!("{}{value}", "\0".repeat(before));
        for encoded in [STANDARD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            // The first and the last group also depend on what stands beside the secret.
            let from = [0, 2, 3][before];
            let whole = (before + value.len()) / 3 * 4;
            texts.extend(encoded.get(from..whole).map(str::to_owned));
        }
    }

    texts.retain(|text| text.chars().count() >= length_min());
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    texts.dedup();
    texts.into_iter().map(|text| SecretForm { json: in_json(&text), text }).collect()
}

/// Writes a text as it stands within a string of JSON.
fn in_json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// Tells whether a variable of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    if NO_SECRETS.contains(&name.to_uppercase().as_str()) {
        return is_named(name);
    }

    let words = name_words(name);
    let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    let has_tokens = has(&["tokens"]) && !has(COUNT_WORDS);
    has_tokens || is_secret_parameter(name)
}

/// Tells whether a parameter of this name, or a part of an address, holds a secret.
pub fn is_secret_parameter(name: &str) -> bool {
    let is_password = name.to_uppercase().contains("PASSWORD");
    let is_secret = |word: &String| {
        WORDS.contains(&word.as_str()) || ENDINGS.iter().any(|ending| word.ends_with(ending))
    };
    is_password || name_words(name).iter().any(is_secret) || is_named(name)
}

/// Tells whether the settings name this variable.
fn is_named(name: &str) -> bool {
    let more = MORE_NAMES.read().unwrap_or_else(PoisonError::into_inner);
    more.iter().any(|pattern| pattern.covers(name))
}

/// Splits a name into its words, in lower case and without the numbers behind them.
fn name_words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        let begins = !c.is_alphanumeric() || c.is_uppercase() && was_lower;
        was_lower = c.is_lowercase();
        if begins {
            words.push(String::new());
        }

        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }

    for word in &mut words {
        word.truncate(word.trim_end_matches(|c: char| c.is_ascii_digit()).len());
    }

    words
}

/// Tells whether a secret, or a part of an address that is one, was taken out of a text.
pub fn was_taken_out(text: &str) -> bool {
    let is_address = text.contains("://");
    text == SHOWN || text.contains("://***@") || is_address && text.contains(SHOWN)
}

/// Returns the beginning of a text, this many characters. Secrets are taken out first: of a part of one,
/// nobody would know it.
#[must_use]
pub fn beginning(text: &str, characters: usize) -> String {
    scrub(text).chars().take(characters).collect()
}

/// Returns a text of at most this many characters, and two dots where it continues.
#[must_use]
pub fn shortened(text: &str, characters: usize) -> String {
    let whole = scrub(text);
    if whole.chars().count() <= characters {
        return whole.to_string();
    }
    let kept: String = whole.chars().take(characters).collect();
    format!("{} ..", kept.trim_end())
}

/// Tells whether a text holds a secret.
pub fn has_secret(text: &str) -> bool {
    holds(text, |form| &form.text)
}

/// Tells whether a string within a text of JSON may hold a secret; what is no string may look like one.
pub fn may_hold(json: &str) -> bool {
    holds(json, |form| &form.json)
}

fn holds(text: &str, of: impl Fn(&SecretForm) -> &str) -> bool {
    if !IS_ANY.load(Ordering::Acquire) {
        return false;
    }

    let forms = FORMS.read().unwrap_or_else(PoisonError::into_inner);
    let values = VALUES.read().unwrap_or_else(PoisonError::into_inner);

    forms.iter().any(|form| text.contains(of(form)))
        || searches(text, &forms, &values).any(|(wanted, find)| find(text, wanted, 0).is_some())
}

/// Takes every secret out of a text, in whichever form it stands there. The text must be no JSON:
/// numbers and keys would be hit as well; see `clean`.
pub fn scrub(text: &str) -> Cow<'_, str> {
    match without_kept(text) {
        Some(clean) => Cow::Owned(without_known(&clean).into_owned()),
        None => without_known(text),
    }
}

fn without_known(text: &str) -> Cow<'_, str> {
    if !IS_ANY.load(Ordering::Acquire) {
        return Cow::Borrowed(text);
    }

    let forms = FORMS.read().unwrap_or_else(PoisonError::into_inner);
    let values = VALUES.read().unwrap_or_else(PoisonError::into_inner);
    without(text, &forms, &values).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Does some work, during which these secrets are taken out of whatever that work says: what is cut later holds
/// no part of one. Nothing else is rid of them.
pub async fn keeping<T>(secrets: &[Secret], work: impl Future<Output = T>) -> T {
    let of = |secret: &Secret| (secret.value.clone(), forms(&secret.value));
    let due = secrets.iter().filter(|secret| weakness(&secret.value).is_none());
    let mut own: Vec<_> = due.map(of).collect();
    let mut work = pin!(work);

    poll_fn(move |context| {
        // Whatever is polled in between knows nothing of them.
        KEPT.with_borrow_mut(|kept| std::mem::swap(kept, &mut own));
        let polled = work.as_mut().poll(context);
        KEPT.with_borrow_mut(|kept| std::mem::swap(kept, &mut own));
        polled
    })
    .await
}

fn without_kept(text: &str) -> Option<String> {
    KEPT.with_borrow(|kept| {
        kept.iter().fold(None, |clean: Option<String>, (value, forms)| {
            let known = std::slice::from_ref(value);
            without(clean.as_deref().unwrap_or(text), forms, known).or(clean)
        })
    })
}

/// Takes secrets out of a text in place.
pub fn scrub_in(text: &mut String) {
    if let Cow::Owned(cleaned) = scrub(text) {
        *text = cleaned;
    }
}

/// Takes every secret out of the texts and keys of a value. Numbers and the value's structure stay as
/// they are, and no entry gets lost: keys that have become equal are numbered.
#[must_use]
pub fn clean(value: Value) -> Value {
    if IS_ANY.load(Ordering::Acquire) { cleaned(value) } else { value }
}

/// Returns a text without secrets.
#[must_use]
pub fn scrubbed(mut text: String) -> String {
    scrub_in(&mut text);
    text
}

fn cleaned(value: Value) -> Value {
    map_texts(value, &scrubbed)
}

/// Does the same with the entries of a map.
#[must_use]
pub fn clean_fields(fields: Map<String, Value>) -> Map<String, Value> {
    map_fields(fields, &scrubbed)
}

/// Takes every secret out of a document. One of JSON, or of lines of JSON, stays what it is: secrets
/// are taken out of its texts and keys, never out of what only looks like one.
pub fn scrub_document(text: &str) -> Cow<'_, str> {
    if !has_secret(text) {
        return Cow::Borrowed(text);
    }

    // JSON is cleaned value by value, so that it stays JSON.
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return json_document(text, &value);
    }

    let is_json = |line: &str| serde_json::from_str::<Map<String, Value>>(line);
    let lines = text.split_inclusive('\n').map(|line| match is_json(line) {
        Ok(fields) => {
            let end = if line.ends_with('\n') { "\n" } else { "" };
            let cleaned = json_document(line.trim_end(), &Value::Object(fields));
            Cow::Owned(format!("{cleaned}{end}"))
        }
        Err(_) => scrub(line),
    });
    Cow::Owned(lines.collect())
}

/// Takes every secret out of the texts of a document of JSON; one that has none stays as it is.
fn json_document<'a>(text: &'a str, value: &Value) -> Cow<'a, str> {
    let cleaned = clean(value.clone());
    if cleaned == *value {
        return Cow::Borrowed(text);
    }

    let is_spread = text.trim().contains('\n');
    Cow::Owned(if is_spread {
        serde_json::to_string_pretty(&cleaned).unwrap_or_default()
    } else {
        cleaned.to_string()
    })
}

/// Takes secrets out of a text; nothing if there are none in it.
fn without(text: &str, forms: &[SecretForm], values: &[String]) -> Option<String> {
    let mut clean: Option<String> = None;
    for (wanted, find) in searches(text, forms, values) {
        take_out(&mut clean, text, wanted, find);
    }

    clean
}

/// Finds a text within another from a byte on.
type Finder = fn(&str, &str, usize) -> Option<(usize, usize)>;

/// Returns what has to be looked for in a text, and how. Whether a text holds a secret and what is taken
/// out of it follow from this list alone.
fn searches<'a>(
    text: &str,
    forms: &'a [SecretForm],
    values: &'a [String],
) -> impl Iterator<Item = (&'a str, Finder)> {
    let is_escaped = text.contains(['\\', '%', '&']);
    let is_broken = text.contains(['\n', '\r', '\\', '%', '&']);
    let of_forms = |find: Finder, is_due: bool| {
        forms.iter().filter(move |_| is_due).map(move |form| (form.text.as_str(), find))
    };

    let of_values = values.iter().flat_map(|value| {
        [(value.as_str(), spelled::find as Finder), (value.as_str(), spelled::find_hex as Finder)]
    });

    of_forms(exactly, true)
        .chain(of_values)
        // Base64 and the like may be escaped or broken in turn.
        .chain(of_forms(spelled::find, is_escaped))
        .chain(of_forms(spelled::find_broken, is_broken))
}

fn exactly(text: &str, wanted: &str, from: usize) -> Option<(usize, usize)> {
    let start = from + text.get(from..)?.find(wanted)?;
    Some((start, start + wanted.len()))
}

/// Takes out what is found of a secret in a text, or in what was made of that before.
fn take_out(clean: &mut Option<String>, text: &str, wanted: &str, find: Finder) {
    let mut from = 0;

    while let Some((start, end)) = find(clean.as_deref().unwrap_or(text), wanted, from) {
        let now = clean.as_deref().unwrap_or(text);
        *clean = Some(format!("{}{SHOWN}{}", &now[..start], &now[end..]));
        from = start + SHOWN.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_that_lacks_its_secret_is_known_by_what_stands_in_the_place() {
        let lacking = [
            SHOWN.to_owned(),
            "see http://***@host/a".to_owned(),
            format!("http://host/a?token={SHOWN}&b=1"),
            format!("http://host/{SHOWN}/a"),
        ];
        let whole = ["", "a [secret] b", "***@host", "http://host/a?b=1"];
        assert_eq!(lacking.map(|text| was_taken_out(&text)), [true; 4]);
        assert_eq!(whole.map(was_taken_out), [false; 4]);
    }

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

        // Broken into lines, as mail and certificates are.
        for encoded in [value.to_owned(), STANDARD.encode(format!("user:{value}:{value}"))] {
            for width in [3, 5, 8] {
                let lines: Vec<String> = encoded
                    .chars()
                    .collect::<Vec<_>>()
                    .chunks(width)
                    .map(|line| line.iter().collect())
                    .collect();
                for text in [lines.join("\n"), lines.join("\r\n  "), lines.join("\\n")] {
                    assert!(scrub(&text).contains(SHOWN) && has_secret(&text), "{text}");
                }
            }
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

    /// Base64 is full of signs that JSON and addresses escape, at its ends as well.
    #[test]
    fn base64_is_found_however_its_signs_are_escaped() {
        let escapes: [&[(&str, &str)]; 6] = [
            &[],
            &[("/", "\\/")],
            &[("/", "\\\\/")],
            &[("/", "\\u002f"), ("+", "\\u002B")],
            &[("/", "%2F"), ("+", "%2b"), ("=", "%3D")],
            &[("/", "&#47;"), ("+", "&plus;")],
        ];
        // These end in a slash, begin with one, or hold nothing else, at one place or another.
        let values = [
            "????????abc?",
            "sk-??>>??key",
            "~~~~????....",
            "o??o??o??ok",
            "key=12345??",
            "12??34>>56",
        ];

        for value in values {
            let forms = forms(value);
            for (before, after) in
                [("", ""), ("a", "b"), ("ab", ""), ("", "bc"), ("?", "??"), ("user:", "\n")]
            {
                let encoded = STANDARD.encode(format!("{before}{value}{after}"));
                for pairs in escapes {
                    let text = pairs
                        .iter()
                        .fold(encoded.clone(), |text, (c, escape)| text.replace(c, escape));
                    let clean = without(&text, &forms, &[value.to_owned()]).unwrap_or_default();
                    let rest = clean.replace(SHOWN, "");
                    // The groups at both ends depend on what stands beside the secret as well.
                    let most = 12 * (before.len().div_ceil(3) + after.len().div_ceil(3) + 1);
                    assert!(
                        clean.contains(SHOWN) && rest.len() <= most,
                        "{value}: {text}: {clean}"
                    );
                }
            }
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        drop(Secret::new("sk-another-canary"));
        drop(Secret::new("abcdefg"));
        assert!(matches!(scrub("abcdefg is too short to be looked for"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_too_weak_is_told_apart() {
        for (value, expected) in [
            ("hunter2", Some(Weakness::Short)),
            ("äöüß", Some(Weakness::Short)),
            ("10101010101", Some(Weakness::Uniform)),
            ("completed", Some(Weakness::OwnWord)),
            ("complete", Some(Weakness::OwnWord)),
            ("tool_errors", Some(Weakness::OwnWord)),
            ("dependent_tasks_run_in_parallel", Some(Weakness::OwnWord)),
            ("uncompleted", None),
            ("31415926", None),
            ("swordfish", None),
        ] {
            assert_eq!(weakness(value), expected, "{value}");
        }
    }

    #[test]
    fn a_value_keeps_its_numbers_and_loses_no_entry() {
        drop(Secret::new("27182818"));
        let value = json!({
            "27182818": [27_182_818, 2.5, "27182818"],
            "[secret]": "x27182818y",
            "a27182818": { "b": { "27182818": null, "c": true } },
        });
        let expected = json!({
            "[secret]": [27_182_818, 2.5, "[secret]"],
            "[secret] 2": "x[secret]y",
            "a[secret]": { "b": { "[secret]": null, "c": true } },
        });
        assert_eq!(clean(value), expected);
    }

    #[test]
    fn a_document_of_json_stays_one() {
        drop(Secret::new("16180339"));
        drop(Secret::new("\",\"golden\":\""));

        for (document, expected) in [
            (r#"{"n":16180339}"#, r#"{"n":16180339}"#),
            (r#"{ "n": 16180339, "t": "16180339" }"#, r#"{"n":16180339,"t":"[secret]"}"#),
            (r#"{"a":"1","golden":"2"}"#, r#"{"a":"1","golden":"2"}"#),
            (
                "{\"n\":16180339}\n{\"t\":\"16180339\"}\n",
                "{\"n\":16180339}\n{\"t\":\"[secret]\"}\n",
            ),
            ("[\n16180339,\n\"16180339\"\n]", "[\n  16180339,\n  \"[secret]\"\n]"),
            ("n = 16180339", "n = [secret]"),
        ] {
            assert_eq!(scrub_document(document), expected);
        }
    }

    #[test]
    fn strings_of_json_are_looked_through_as_they_are_written() {
        let value = "ends with \\ and \"";
        drop(Secret::new(value));
        assert!(may_hold(&json!({ "a": format!("it {value}!") }).to_string()));
        assert!(may_hold(&json!({ "a": json!({ "b": value }).to_string() }).to_string()));
        assert!(!may_hold(&json!({ "a": "ends with \\ and '" }).to_string()));
    }

    #[test]
    fn a_secret_apart_is_taken_out_by_nobody_else() {
        let secret = Secret::apart("sk-apart-canary");
        let said = "you sent sk-apart-canary".to_owned();
        assert_eq!(secret.take_out(said.clone()), "you sent [secret]");
        assert_eq!(scrub(&said), said);
        assert_eq!(Secret::apart("short").take_out("short".to_owned()), "short");
    }
}
