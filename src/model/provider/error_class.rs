//! The kinds of refusal, and the names and statuses by which servers tell them.

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorClass {
    RateLimited,
    Quota,
    Unauthorized,
    NotFound,
    BadRequest,
    Filtered,
    Server,
}

/// The names that servers give to errors, in lower case without `_`, and their class.
const NAMES: &[(&str, ErrorClass)] = &[
    ("insufficientquota", ErrorClass::Quota),
    ("exceededcurrentquotaerror", ErrorClass::Quota),
    ("quotaexceeded", ErrorClass::Quota),
    ("billinghardlimitreached", ErrorClass::Quota),
    ("billingnotactive", ErrorClass::Quota),
    ("billingerror", ErrorClass::Quota),
    ("accountdeactivated", ErrorClass::Quota),
    ("insufficientbalance", ErrorClass::Quota),
    ("insufficientcredits", ErrorClass::Quota),
    ("insufficientfunds", ErrorClass::Quota),
    ("paymentrequired", ErrorClass::Quota),
    ("arrearage", ErrorClass::Quota),
    ("insufficientuserquota", ErrorClass::Quota),
    ("insufficientcredit", ErrorClass::Quota),
    ("creditbalancetoolow", ErrorClass::Quota),
    ("outofcredits", ErrorClass::Quota),
    ("budgetexceeded", ErrorClass::Quota),
    ("spendlimitexceeded", ErrorClass::Quota),
    ("creditsexhausted", ErrorClass::Quota),
    ("quotaexhausted", ErrorClass::Quota),
    ("billingnotenabled", ErrorClass::Quota),
    ("servicequotaexceededexception", ErrorClass::Quota),
    ("ratelimitexceeded", ErrorClass::RateLimited),
    ("ratelimiterror", ErrorClass::RateLimited),
    ("ratelimitreachederror", ErrorClass::RateLimited),
    ("ratelimited", ErrorClass::RateLimited),
    ("toomanyrequests", ErrorClass::RateLimited),
    ("resourceexhausted", ErrorClass::RateLimited),
    ("overloadederror", ErrorClass::RateLimited),
    ("engineoverloaded", ErrorClass::RateLimited),
    ("engineoverloadederror", ErrorClass::RateLimited),
    ("throttling", ErrorClass::RateLimited),
    ("throttlingexception", ErrorClass::RateLimited),
    ("invalidapikey", ErrorClass::Unauthorized),
    ("authenticationerror", ErrorClass::Unauthorized),
    ("invalidauthenticationerror", ErrorClass::Unauthorized),
    ("unauthenticated", ErrorClass::Unauthorized),
    ("unauthorized", ErrorClass::Unauthorized),
    ("apikeyinvalid", ErrorClass::Unauthorized),
    ("accessdeniedexception", ErrorClass::Unauthorized),
    ("permissionerror", ErrorClass::Unauthorized),
    ("permissiondenied", ErrorClass::Unauthorized),
    ("permissiondeniederror", ErrorClass::Unauthorized),
    ("forbidden", ErrorClass::Unauthorized),
    ("modelnotfound", ErrorClass::NotFound),
    ("notfounderror", ErrorClass::NotFound),
    ("notfound", ErrorClass::NotFound),
    ("invalidrequesterror", ErrorClass::BadRequest),
    ("invalidrequest", ErrorClass::BadRequest),
    ("badrequesterror", ErrorClass::BadRequest),
    ("badrequest", ErrorClass::BadRequest),
    ("invalidargument", ErrorClass::BadRequest),
    ("invalidparameter", ErrorClass::BadRequest),
    ("failedprecondition", ErrorClass::BadRequest),
    ("validationerror", ErrorClass::BadRequest),
    ("unprocessableentityerror", ErrorClass::BadRequest),
    ("contextlengthexceeded", ErrorClass::BadRequest),
    ("exceedcontextsizeerror", ErrorClass::BadRequest),
    ("validationexception", ErrorClass::BadRequest),
    ("contextwindowexceedederror", ErrorClass::BadRequest),
    ("stringabovemaxlength", ErrorClass::BadRequest),
    ("requesttoolarge", ErrorClass::BadRequest),
    ("unsupportedparameter", ErrorClass::BadRequest),
    ("unsupportedvalue", ErrorClass::BadRequest),
    ("contentfilter", ErrorClass::Filtered),
    ("contentpolicyviolation", ErrorClass::Filtered),
    ("datainspectionfailed", ErrorClass::Filtered),
    ("responsibleaipolicyviolation", ErrorClass::Filtered),
    ("servererror", ErrorClass::Server),
    ("apierror", ErrorClass::Server),
    ("internal", ErrorClass::Server),
    ("internalerror", ErrorClass::Server),
    ("internalservererror", ErrorClass::Server),
    ("unavailable", ErrorClass::Server),
    ("serviceunavailable", ErrorClass::Server),
    ("serviceunavailableerror", ErrorClass::Server),
    ("deadlineexceeded", ErrorClass::Server),
    ("timeouterror", ErrorClass::Server),
];

/// Ends of names for something that is not there, or not any more.
const MISSING: &[&str] = &["notfound", "notfounderror", "notfoundexception", "decommissioned"];

/// The numbers that providers give to errors: Zhipu's `code`, MiniMax's `status_code`, Baidu's `error_code`.
const NUMBERS: &[(&str, &[u64], ErrorClass)] = &[
    ("code", &[1000, 1001, 1002, 1003, 1004, 1110, 1111, 1112], ErrorClass::Unauthorized),
    ("code", &[1113, 1304, 1308, 1309], ErrorClass::Quota),
    ("code", &[1210, 1212, 1213, 1214, 1215, 1261], ErrorClass::BadRequest),
    ("code", &[1211, 1221, 1222], ErrorClass::NotFound),
    ("code", &[1301], ErrorClass::Filtered),
    ("status_code", &[1004, 2049], ErrorClass::Unauthorized),
    ("status_code", &[1008, 2056], ErrorClass::Quota),
    ("status_code", &[2013], ErrorClass::BadRequest),
    ("status_code", &[1026, 1027], ErrorClass::Filtered),
    ("error_code", &[6, 13, 14, 15, 110, 111], ErrorClass::Unauthorized),
    ("error_code", &[17, 19], ErrorClass::Quota),
    ("error_code", &[100, 336_003, 336_006], ErrorClass::BadRequest),
];

/// Returns the class that a name stands for, however it is spelt.
pub(super) fn class_of(name: &str) -> Option<ErrorClass> {
    // Of a qualified name, such as `com.example#ThrottlingException`, the last part counts.
    let last = name.rsplit(['#', '/', ':']).next().unwrap_or(name);
    let bare = last.trim().replace(['_', '-', '.', ' '], "").to_ascii_lowercase();
    let known = NAMES.iter().find(|(known, _)| *known == bare).map(|(_, class)| *class);

    // Any one thing may be missing. A sentence that ends so is no name.
    let is_missing = !last.trim().contains(' ') && MISSING.iter().any(|end| bare.ends_with(end));
    known.or(is_missing.then_some(ErrorClass::NotFound))
}

/// Returns the class of a number that a provider of its own has given to an error, by the field in which it
/// stands.
pub(super) fn by_number(field: &str, number: u64) -> Option<ErrorClass> {
    let known = NUMBERS.iter().find(|(of, numbers, _)| *of == field && numbers.contains(&number));
    known.map(|(_, _, class)| *class)
}

/// Returns the class that a status stands for; none if it is a success.
pub(super) fn by_status(status: u16) -> Option<ErrorClass> {
    match status {
        0..=299 => None,
        401 | 403 => Some(ErrorClass::Unauthorized),
        402 => Some(ErrorClass::Quota),
        404 => Some(ErrorClass::NotFound),
        429 | 529 => Some(ErrorClass::RateLimited),
        408 | 409 | 425 | 500..=599 => Some(ErrorClass::Server),
        _ => Some(ErrorClass::BadRequest),
    }
}
