//! Why a provider gave no reply: in which words, of which kind, and how long to wait. Errors come with
//! a status, in the place of a reply under 200, and within streams, in as many forms as there are
//! servers. A body is never shown as it is: it may repeat the whole request.

use crate::base::secret;
use crate::model::call_error::{CallError, Retry};
use crate::model::provider::document::{self, Documents, Trouble};
use crate::model::provider::error_body::ErrorBody;
use crate::model::provider::error_class::{ErrorClass, by_number, by_status, class_of};
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Longest part of a provider's words that an error keeps, in characters.
const WORDS_MAX: usize = 500;
/// Most problems of a list that an error names.
const PROBLEMS_MAX: usize = 3;
/// Longest wait that is understood. Nobody waits as long.
const WAIT_MAX: Duration = Duration::from_secs(u32::MAX as u64);
/// The forms of dates that HTTP has, without the day of the week and the zone.
const DATES: &[&str] = &["%d %b %Y %H:%M:%S", "%d-%b-%y %H:%M:%S", "%b %d %H:%M:%S %Y"];
/// Deepest place at which words are looked for.
const DEPTH_MAX: usize = 6;

/// Where the words of an error stand, the most telling first.
const WORDS: &[&str] = &[
    "message",
    "Message",
    "msg",
    "error_msg",
    "error_message",
    "errorMessage",
    "errmsg",
    "error_description",
    "status_msg",
    "faultstring",
    "detail",
    "error",
    "Error",
    "errors",
    "fault",
    "reason",
    "title",
    "description",
    "innererror",
    "inner_error",
];
/// Where an error stands besides, within which names are looked for, and no words.
const WITHIN: &[&str] =
    &["details", "metadata", "raw", "base_resp", "cause", "response", "data", "body"];
/// Where the name or the number of an error stands.
const CODES: &[&str] = &[
    "code",
    "Code",
    "error_code",
    "errcode",
    "errorcode",
    "status_code",
    "type",
    "__type",
    "status",
];
/// Those of them that only an error has.
const NUMBERS: &[&str] = &["code", "error_code", "errcode", "status_code", "status"];
/// What a document has that is a reply, or a piece of one.
const REPLY: &[&str] = &[
    "choices",
    "candidates",
    "content",
    "delta",
    "done",
    "usage",
    "usageMetadata",
    "usage_metadata",
    "promptFeedback",
    "prompt_feedback",
    "content_block",
    "index",
];

/// Makes an error of a status that is not a success.
pub(super) fn refused(status: u16, headers: &HeaderMap, body: &ErrorBody) -> CallError {
    let asked = wish_of(headers);

    // Of several documents, one is the error.
    let said = body.documents.iter().find_map(|document| Some((inner(document)?, document)));
    let said = said.or_else(|| body.documents.first().map(|document| (document, document)));
    if let Some((inner, document)) = said {
        return ErrorContent::of(inner, document).error(status, asked);
    }

    let moved = headers.get("location").and_then(|place| place.to_str().ok());
    let words = body.words.clone();
    let words = words.or_else(|| moved.map(|place| format!("it redirects to `{place}`")));
    ErrorContent { words, ..ErrorContent::default() }.error(status, asked)
}

/// Returns the documents of an event that was sent as an error, each as a document that says so.
pub(super) fn of_event(data: &[u8]) -> Documents {
    let mut found = Documents::read(data);
    if let (true, Some(Trouble::Wrong(_))) = (found.values.is_empty(), &found.trouble) {
        let words = document::text(data).trim().to_owned();
        found = Documents { values: vec![words.into()], ..Documents::default() };
    }

    for document in &mut found.values {
        if document.get("error").is_none() {
            *document = json!({ "error": document.take() });
        }
    }

    found
}

/// Returns the document and the errors in it, one within the other: figures stand in any of them.
pub(super) fn layers(document: &Value) -> impl Iterator<Item = &Value> {
    std::iter::successors(Some(document), |layer| layer.get("error").filter(|e| e.is_object()))
        .take(DEPTH_MAX)
}

/// Makes an error of a document that is one although it came under 200, or in a stream.
pub(super) fn error_in(document: &Value, status: u16) -> Option<CallError> {
    let inner = inner(document)?;
    Some(ErrorContent::of(inner, document).error(status, None))
}

/// Makes an error of what stands in the place of one within a reply.
pub(super) fn of_part(error: &Value, status: u16) -> Option<CallError> {
    says_something(error).then(|| ErrorContent::of(error, error).error(status, None))
}

/// Finds what a document says of an error, if it is no reply.
fn inner(document: &Value) -> Option<&Value> {
    let map = document.as_object()?;
    if let Some(error) = map.get("error").filter(|error| says_something(error)) {
        return Some(error);
    }

    // One server puts it beside a piece that says "stop".
    let beside = map.get("x_groq").and_then(|said| said.get("error"));
    if let Some(error) = beside.filter(|error| says_something(error)) {
        return Some(error);
    }

    let text = |key: &str| map.get(key).and_then(Value::as_str);
    let is_named = ["type", "object", "status"].iter().any(|key| text(key) == Some("error"));
    let base = map.get("base_resp");
    if base.and_then(|base| base.get("status_code")).is_some_and(says_something) {
        return base;
    }

    let is_failure = map.get("success") == Some(&Value::Bool(false));
    (is_named || is_failure || is_bare(document, map)).then_some(document)
}

/// Tells whether a document gives words in the place of a reply: some servers name no error.
fn is_bare(document: &Value, map: &Map<String, Value>) -> bool {
    // Asked first, since nearly every document is a reply.
    if REPLY.iter().any(|key| map.get(*key).is_some_and(|value| !value.is_null())) {
        return false;
    }

    let has_code = || NUMBERS.iter().any(|key| map.get(*key).is_some_and(says_something));
    // `ok` is no word for an error.
    let has_words = words(document, 0).is_some_and(|words| says_something(&Value::String(words)));
    has_words && (!map.contains_key("type") || has_code())
}

/// Tells whether a value stands for an error at all: servers also send empty ones with good replies.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0) && number.as_u64() != Some(200),
        Value::String(text) => !matches!(text.trim(), "" | "0" | "200" | "success" | "ok" | "OK"),
        Value::Array(items) => items.iter().any(says_something),
        Value::Object(map) => map.values().any(says_something),
    }
}

/// What a provider says of an error.
#[derive(Debug, Default)]
struct ErrorContent {
    words: Option<String>,
    /// Names of the error: a code, a type.
    names: Vec<String>,
    /// A status within the body.
    number: Option<u16>,
    /// What a number means that is the provider's own.
    numbered: Option<ErrorClass>,
    /// Whether a limit for a whole day is used up.
    is_for_the_day: bool,
    retry_after: Option<Duration>,
}

impl ErrorContent {
    /// Reads an error that stands in a document, or is one.
    fn of(inner: &Value, document: &Value) -> ErrorContent {
        let mut said = ErrorContent {
            words: words(inner, 0).or_else(|| words(document, 0)),
            ..ErrorContent::default()
        };

        said.look(inner, 0);
        said.look(document, 0);

        if let Some(details) = inner.get("details").and_then(Value::as_array) {
            said.details(details);
        }

        if said.words.is_none() {
            said.words = said.names.first().cloned();
        }

        said
    }

    fn code(&mut self, field: &str, value: &Value) {
        let number: Option<u64> = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());

        match number {
            Some(number @ 400..=599) => self.number = self.number.or(u16::try_from(number).ok()),
            Some(number) => self.numbered = self.numbered.or_else(|| by_number(field, number)),
            None => self.names.extend(value.as_str().map(str::to_owned)),
        }
    }

    /// Looks for names and numbers, wherever words may stand.
    fn look(&mut self, value: &Value, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }

        match value {
            Value::String(text) => match quoted(text) {
                Some(document) => self.look(&document, depth + 1),
                // Where a text is expected, some servers give only a name.
                None if class_of(text).is_some() => self.names.push(text.clone()),
                None => {}
            },
            Value::Object(map) => {
                // A problem that has a place is one of the request.
                if map.contains_key("loc") && map.contains_key("msg") {
                    self.names.push("validation_error".to_owned());
                }
                for (field, value) in CODES.iter().filter_map(|key| Some((key, map.get(*key)?))) {
                    self.code(field, value);
                }
                for inner in WORDS.iter().chain(WITHIN).filter_map(|key| map.get(*key)) {
                    self.look(inner, depth + 1);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.look(item, depth + 1)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Reads what Google says besides the words.
    fn details(&mut self, details: &[Value]) {
        for detail in details {
            let delay = detail.get("retryDelay").and_then(Value::as_str);
            let seconds = delay.and_then(|delay| delay.trim_end_matches('s').parse::<f64>().ok());
            self.retry_after = self.retry_after.or_else(|| seconds.and_then(wait_of));

            let violations = detail.get("violations").and_then(Value::as_array);
            self.is_for_the_day |= violations.into_iter().flatten().any(|violation| {
                let quota = violation.get("quotaId").and_then(Value::as_str).unwrap_or("");
                quota.contains("PerDay")
            });
        }
    }

    /// Returns the class that a name stands for.
    fn named(&self, wanted: impl Fn(ErrorClass) -> bool) -> Option<ErrorClass> {
        let named = self.names.iter().filter_map(|name| class_of(name));
        named.chain(self.numbered).find(|class| wanted(*class))
    }

    fn class(&self, status: u16) -> ErrorClass {
        if self.is_for_the_day {
            return ErrorClass::Quota;
        }

        // These names are clearer than any status: a used-up account is told with 429 and 403, a
        // filter with 400.
        let is_clear = |class| matches!(class, ErrorClass::Quota | ErrorClass::Filtered);
        if let Some(class) = self.named(is_clear) {
            return class;
        }

        let Some(of_status) = by_status(status) else {
            let of_body = || self.number.and_then(by_status).unwrap_or(ErrorClass::Server);
            // Most requests are refused as wrong ones, for whatever reason.
            let is_exact = |class| !matches!(class, ErrorClass::BadRequest | ErrorClass::Server);
            let named = self.named(is_exact).or_else(|| self.named(|_| true));
            return named.unwrap_or_else(of_body);
        };

        // A fault of the request stays one, whichever fault of its own the server takes it for.
        let is_clearer = |named: ErrorClass| match of_status {
            ErrorClass::Server => {
                matches!(
                    named,
                    ErrorClass::BadRequest
                        | ErrorClass::Unauthorized
                        | ErrorClass::NotFound
                        | ErrorClass::Quota
                )
            }
            // Some servers refuse a wrong key as a wrong request.
            ErrorClass::BadRequest => {
                matches!(named, ErrorClass::RateLimited | ErrorClass::Unauthorized)
            }
            ErrorClass::RateLimited
            | ErrorClass::Quota
            | ErrorClass::Unauthorized
            | ErrorClass::NotFound
            | ErrorClass::Filtered => false,
        };

        let of_body = || self.number.and_then(by_status).filter(|class| is_clearer(*class));
        self.named(is_clearer).or_else(of_body).unwrap_or(of_status)
    }

    /// Makes the error. The status is the one of HTTP: only that tells whether a call was made.
    fn error(self, status: u16, asked: Option<Retry>) -> CallError {
        let class = self.class(status);
        let mut message = short(self.words.as_deref().unwrap_or("no reason given"));
        if let Some(number) = self.number.filter(|number| *number != status) {
            message = format!("{message} (code {number})");
        }

        let retry = asked.or(self.retry_after.map(Retry::After)).unwrap_or(Retry::Backoff);

        match class {
            ErrorClass::RateLimited => CallError::RateLimited { status, retry, message },
            ErrorClass::Server => CallError::Server { status, retry, message },
            ErrorClass::Quota => CallError::Quota { status, message },
            ErrorClass::Unauthorized => CallError::Unauthorized { status, message },
            ErrorClass::NotFound => CallError::NotFound { status, message },
            ErrorClass::BadRequest => CallError::BadRequest { status, message },
            ErrorClass::Filtered => {
                CallError::Refused { status: (status >= 300).then_some(status), message }
            }
        }
    }
}

/// Returns the document that a text repeats: gateways put the error of the server behind them there.
fn quoted(text: &str) -> Option<Value> {
    let start = text.find('{')?;
    Documents::read(&text.as_bytes()[start..]).values.into_iter().find(Value::is_object)
}

/// Finds the provider's own words in a document, wherever they stand.
fn words(value: &Value, depth: usize) -> Option<String> {
    if depth > DEPTH_MAX {
        return None;
    }

    match value {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => match quoted(text) {
            Some(document) => words(&document, depth + 1),
            None => Some(text.trim().to_owned()),
        },
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Object(map) => {
            let found = WORDS.iter().find_map(|key| words(map.get(*key)?, depth + 1))?;
            // A problem of a list says where it is.
            Some(match map.get("loc").and_then(Value::as_array) {
                Some(place) => format!("{}: {found}", place_of(place)),
                None => found,
            })
        }
        Value::Array(items) => {
            let all: Vec<String> =
                items.iter().filter_map(|item| words(item, depth + 1)).take(PROBLEMS_MAX).collect();

            (!all.is_empty()).then(|| all.join("; "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn place_of(place: &[Value]) -> String {
    let part = |part: &Value| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
    place.iter().map(part).collect::<Vec<_>>().join(".")
}

/// Shortens words. Secrets are taken out first: of a part of one, nobody would know it.
fn short(text: &str) -> String {
    let joined = document::join(text);
    let clean = secret::scrub(&joined);
    let mut short: String = clean.chars().take(WORDS_MAX).collect();

    if short.len() < clean.len() {
        short.push('…');
    }

    short
}

/// Reads what the provider says of asking again.
fn wish_of(headers: &HeaderMap) -> Option<Retry> {
    let said = headers.get("x-should-retry").and_then(|said| said.to_str().ok());
    if said.is_some_and(|said| said.trim().eq_ignore_ascii_case("false")) {
        return Some(Retry::Never);
    }
    retry_after(headers).map(Retry::After)
}

/// Reads how long the provider asks to wait: milliseconds, seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);

    if let Some(ms) = text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok()) {
        return wait_of(ms / 1000.0);
    }

    let value = text("retry-after")?;
    if let Ok(seconds) = value.parse::<f64>() {
        return wait_of(seconds);
    }

    let due = millis_of(value)?;
    let wait = due.saturating_sub(crate::base::clock::Stamp::now().0);
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)).min(WAIT_MAX))
}

/// Returns a wait of this many seconds. One that is too long to be counted is very long all the same.
fn wait_of(seconds: f64) -> Option<Duration> {
    if seconds.is_nan() || seconds < 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(WAIT_MAX).min(WAIT_MAX))
}

/// Reads a date of a header, in milliseconds since 1970. The day of the week says nothing that the date
/// does not say, and may be wrong.
fn millis_of(text: &str) -> Option<i64> {
    let parser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    if let Ok(date) = parser.parse_timestamp(text) {
        return Some(date.as_millisecond());
    }

    let date = text.split_once(',').map_or_else(
        || text.trim_start_matches(|c: char| c.is_ascii_alphabetic()),
        |(_weekday, date)| date,
    );
    let date = date.trim().trim_end_matches("GMT").trim();
    let found = DATES.iter().find_map(|form| DateTime::strptime(form, date).ok())?;
    // The last hours of the last year are later than any time that can be counted.
    let stamp = found.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp().as_millisecond());
    Some(stamp.unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::Kind;
    use reqwest::header::{HeaderName, HeaderValue};

    fn asked(name: &'static str, value: &str) -> Option<Duration> {
        let value = HeaderValue::from_str(value).expect("a header");
        retry_after(&HeaderMap::from_iter([(HeaderName::from_static(name), value)]))
    }

    #[test]
    fn every_form_of_retry_after_is_read() {
        assert_eq!(asked("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("retry-after-ms", "250"), Some(Duration::from_millis(250)));

        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(90);
        let date = jiff::fmt::rfc2822::to_string(&at.to_zoned(jiff::tz::TimeZone::UTC));
        let date = date.expect("a date").replace("+0000", "GMT");
        let wait = asked("retry-after", &date).expect("a date is understood").as_secs();
        assert!((85..=90).contains(&wait), "{wait} s from {date}");
        assert_eq!(asked("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("retry-after", "soon"), None);
    }

    #[test]
    fn a_wait_that_nobody_can_count_is_a_long_one() {
        let long = [
            "99999999999999999999999",
            "18446744073709551615",
            "1e30",
            "inf",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Mon, 31 Dec 9999 23:59:59 GMT",
        ];
        for value in long {
            assert_eq!(asked("retry-after", value), Some(WAIT_MAX), "{value}");
        }
        assert_eq!(asked("retry-after-ms", "1e300"), Some(WAIT_MAX));
        for value in ["nan", "-1", "", "31 of December"] {
            assert_eq!(asked("retry-after", value), None, "{value}");
        }

        // A day of the week that is none of that date, and the other forms that HTTP has.
        let past = [
            "Mon, 21 Oct 2015 07:28:00 GMT",
            "Wednesday, 21-Oct-15 07:28:00 GMT",
            "Wed Oct 21 07:28:00 2015",
        ];
        for value in past {
            assert_eq!(asked("retry-after", value), Some(Duration::ZERO), "{value}");
        }
    }

    #[test]
    fn a_server_that_wants_no_second_request_gets_none() {
        let headers = |said: &'static str| {
            let all = [("x-should-retry", said), ("retry-after", "1")];
            let all = all.map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            HeaderMap::from_iter(all)
        };
        let retry = |status, said| refused(status, &headers(said), &ErrorBody::read("")).retry();

        let second = Retry::After(Duration::from_secs(1));
        for status in [429, 500, 503] {
            assert_eq!((retry(status, "false"), retry(status, "true")), (Retry::Never, second));
        }
    }

    fn with_status(status: u16, body: &str) -> CallError {
        refused(status, &HeaderMap::new(), &ErrorBody::read(body))
    }

    /// Returns kind, words, and whether asking again may help.
    fn under_200(document: &Value) -> Option<(Kind, String, bool)> {
        error_in(document, 200)
            .map(|error| (error.kind(), error.to_string(), error.retry() != Retry::Never))
    }

    #[test]
    fn each_status_has_its_kind() {
        let kind = |status| with_status(status, "").kind();
        let statuses = [400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 501, 503, 529];

        assert_eq!(
            statuses.map(kind),
            [
                Kind::BadRequest,
                Kind::Unauthorized,
                Kind::Quota,
                Kind::Unauthorized,
                Kind::NotFound,
                Kind::Server,
                Kind::BadRequest,
                Kind::BadRequest,
                Kind::RateLimited,
                Kind::Server,
                Kind::Server,
                Kind::Server,
                Kind::RateLimited
            ]
        );

        assert_eq!(with_status(501, "").retry(), Retry::Never);
    }

    #[test]
    fn what_is_hopeless_is_told_from_what_passes() {
        let kind = |status, code: &str| {
            with_status(status, &json!({ "error": { "message": "m", "code": code } }).to_string())
                .kind()
        };

        assert_eq!(kind(429, "insufficient_quota"), Kind::Quota);
        assert_eq!(kind(403, "billing_not_active"), Kind::Quota);
        assert_eq!(kind(429, "rate_limit_exceeded"), Kind::RateLimited);
        assert_eq!(kind(400, "rate_limit_exceeded"), Kind::RateLimited);
        assert_eq!(kind(500, "context_length_exceeded"), Kind::BadRequest);
        assert_eq!(kind(503, "model_not_found"), Kind::NotFound);
        assert_eq!(kind(500, "invalid_api_key"), Kind::Unauthorized);
        assert_eq!(kind(400, "API_KEY_INVALID"), Kind::Unauthorized);
        assert_eq!(kind(400, "content_filter"), Kind::Refused);

        let moonshot =
            json!({ "error": { "message": "m", "type": "exceeded_current_quota_error" } });
        assert_eq!(with_status(429, &moonshot.to_string()).kind(), Kind::Quota);
    }

    #[test]
    fn a_name_is_found_as_deep_as_words_are() {
        let name = "insufficient_quota";
        let text = json!({ "error": { "code": name } }).to_string();

        for body in [
            json!({ "errors": [{ "code": name }] }),
            json!({ "error": name }),
            json!({ "error": "Insufficient quota" }),
            json!({ "detail": { "code": name } }),
            json!({ "detail": [{ "type": name, "msg": "x" }] }),
            json!({ "error": { "error": { "type": name } } }),
            json!({ "error": { "message": "x", "code": "429", "innererror": { "code": name } } }),
            json!({ "error": { "message": text } }),
            json!({ "error": { "message": format!("Error code: 429 - {text}") } }),
            json!({ "message": format!("[{text}]") }),
            json!({ "error": { "message": "x", "metadata": { "raw": text } } }),
            json!([{ "error": { "details": [{ "reason": name }] } }]),
            json!({ "error": { "code": "rate_limit_exceeded", "details": [{ "code": name }] } }),
            json!({ "__type": "com.example#InsufficientQuota", "Message": "x" }),
            json!({ "Error": { "Code": "InsufficientQuota" } }),
            json!(name),
        ] {
            for status in [429, 403, 500] {
                let found = with_status(status, &body.to_string());
                assert_eq!((found.kind(), found.retry()), (Kind::Quota, Retry::Never), "{body}");
            }
        }

        // A request that is repeated names no error.
        let repeated = json!({ "error": { "message": "x", "input": { "code": name } } });
        assert_eq!(with_status(429, &repeated.to_string()).kind(), Kind::RateLimited);
    }

    #[test]
    fn google_says_how_long_to_wait_and_whether_a_day_is_used_up() {
        let google = |quota: &str| {
            json!({ "error": { "code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED",
                "details": [{ "violations": [{ "quotaId": quota }] }, { "retryDelay": "34.5s" }] } })
        };

        let minute = with_status(429, &google("GenerateRequestsPerMinutePerProject").to_string());
        assert_eq!(minute.retry(), Retry::After(Duration::from_millis(34_500)));
        let day = with_status(429, &google("GenerateRequestsPerDayPerProject").to_string());
        assert_eq!((day.kind(), day.retry()), (Kind::Quota, Retry::Never));
    }

    #[test]
    fn the_words_are_found_in_every_form() {
        let words = |body: &str| match with_status(400, body) {
            CallError::BadRequest { message, .. } => message,
            other => other.to_string(),
        };

        for (body, expected) in [
            (r#"{"error":{"message":"no such model"}}"#, "no such model"),
            (r#"{"message":"slow down"}"#, "slow down"),
            (r#"{"detail":"no"}"#, "no"),
            (r#"[{"error":{"message":"in a list"}}]"#, "in a list"),
            (r#"{"errors":[{"message":"a"},{"message":"b"}]}"#, "a; b"),
            (r#"{"error":{"code":"unsupported_value"}}"#, "unsupported_value"),
            (r#"{"error":{"message":"{\"error\":{\"message\":\"within\"}}"}}"#, "within"),
            (r#"{"error":{"message":"[proxy] down"}}"#, "[proxy] down"),
            (r#"{"error":{"innererror":{"message":"inside"}}}"#, "inside"),
            ("\u{feff}data: {\"error\":{\"message\":\"half \\ud83d\",\"x\":NaN}}", "half \u{fffd}"),
            (r#"{"x":1} {"error":{"message":"the second"}} and text"#, "the second"),
            ("<html>oops", "<html>oops"),
            ("", "no reason given"),
            (r#"{"request":{"messages":["the whole request"]}}"#, "no reason given"),
            (
                r#"{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required",
                    "input":{"model":"m","messages":"the whole request"}}]}"#,
                "body.messages: Field required",
            ),
        ] {
            assert_eq!(words(body), expected, "{body}");
        }
    }

    #[test]
    fn an_error_under_200_keeps_its_words_and_its_kind() {
        for (document, kind, words, passes) in [
            (
                json!({ "object": "error", "message": "too long", "type": "BadRequestError",
                    "param": null, "code": 400 }),
                Kind::BadRequest,
                "the provider rejected the request (status 200): too long (code 400)",
                false,
            ),
            (
                json!({ "detail": "no such model" }),
                Kind::Server,
                "the provider failed with status 200: no such model",
                true,
            ),
            (
                json!({ "code": 429, "msg": "busy" }),
                Kind::RateLimited,
                "rate limit exceeded (status 200): busy (code 429)",
                true,
            ),
            (
                json!({ "error": "model requires more system memory" }),
                Kind::Server,
                "the provider failed with status 200: model requires more system memory",
                true,
            ),
            (
                json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } }),
                Kind::RateLimited,
                "rate limit exceeded (status 200): Overloaded",
                true,
            ),
            (
                json!({ "error": { "code": 401, "message": "bad key", "status": "UNAUTHENTICATED" } }),
                Kind::Unauthorized,
                "the provider rejected the key (status 200): bad key (code 401)",
                false,
            ),
            (
                json!({ "error": { "code": "insufficient_quota", "message": "pay" }, "choices": [] }),
                Kind::Quota,
                "the account has no quota left (status 200): pay",
                false,
            ),
            (
                json!({ "base_resp": { "status_code": 1004, "status_msg": "login fail" }, "choices": null }),
                Kind::Unauthorized,
                "the provider rejected the key (status 200): login fail",
                false,
            ),
            (
                json!({ "success": false, "errors": [{ "code": 7003, "message": "no route" }] }),
                Kind::Server,
                "the provider failed with status 200: no route",
                true,
            ),
        ] {
            assert_eq!(under_200(&document), Some((kind, words.to_owned(), passes)), "{document}");
        }
    }

    #[test]
    fn a_good_reply_is_no_error() {
        for document in [
            json!({ "choices": [], "error": null }),
            json!({ "choices": [{}], "error": "" }),
            json!({ "choices": [{}], "error": {} }),
            json!({ "choices": [{}], "code": 0, "msg": "success" }),
            json!({ "choices": [{}], "error": { "code": 0, "message": "" } }),
            json!({ "choices": [{}], "base_resp": { "status_code": 0, "status_msg": "" } }),
            json!({ "type": "ping" }),
            json!({ "message": { "content": "hi" }, "done": true }),
            json!({ "candidates": [], "usageMetadata": {} }),
            json!({ "id": "x" }),
            json!({}),
        ] {
            assert_eq!(under_200(&document), None, "{document}");
        }
    }

    #[test]
    fn a_key_is_taken_out_before_words_are_cut() {
        let key = "sk-canary-at-the-cut-4711";
        drop(secret::Secret::new(key));
        let error = with_status(400, &format!("{}{key} and more", "p".repeat(WORDS_MAX - 12)));
        assert!(!error.to_string().contains("sk-canary"), "{error}");
    }
}
