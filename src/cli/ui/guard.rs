//! Who may ask the page's server for something: decided by the headers of a request alone. Every web page
//! in the same browser can reach the port, and any name can be made to point to this computer.

use std::fmt;

/// The header that bears the token.
pub(in crate::cli) const TOKEN_HEADER: &str = "x-kaizen";
/// What a browser may load and do on the page.
pub(in crate::cli) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
/// Names of this computer.
const OWN_HOSTS: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];
/// Random bytes of a token.
const TOKEN_BYTES: usize = 16;

/// What shows that a request comes from somebody who was given the link.
#[derive(Clone)]
pub(in crate::cli) struct Token {
    text: String,
    hash: blake3::Hash,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// Makes a token of random bytes.
    pub(in crate::cli) fn of(bytes: [u8; TOKEN_BYTES]) -> Token {
        let text = format!("{:032x}", u128::from_be_bytes(bytes));
        let hash = blake3::hash(text.as_bytes());
        Token { text, hash }
    }

    /// Returns it as it stands in the link.
    pub(in crate::cli) fn text(&self) -> &str {
        &self.text
    }

    /// Compares it with a text. Hashes are compared in constant time, so nothing can be guessed bit by bit.
    fn is(&self, text: &str) -> bool {
        blake3::hash(text.as_bytes()) == self.hash
    }
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum PageTarget {
    /// The document, which holds no data.
    Document,
    /// A file of the page.
    File,
    /// Data, or something to do.
    Data,
}

/// What the headers of a request say.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Headers<'a> {
    /// Whether it wants something done.
    pub(in crate::cli) is_post: bool,
    /// The part of the address after `?`.
    pub(in crate::cli) query: Option<&'a str>,
    /// The host of an address that was given whole.
    pub(in crate::cli) authority: Option<&'a str>,
    /// `Host`, each time it stands there.
    pub(in crate::cli) hosts: Vec<&'a str>,
    /// `Origin`.
    pub(in crate::cli) origins: Vec<&'a str>,
    /// `Sec-Fetch-Site`.
    pub(in crate::cli) sites: Vec<&'a str>,
    /// `X-Kaizen`.
    pub(in crate::cli) tokens: Vec<&'a str>,
    /// `Content-Type`.
    pub(in crate::cli) kinds: Vec<&'a str>,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum GuardDenial {
    /// It is meant for another host.
    Host,
    /// It comes from another page.
    Origin,
    /// It bears the token where others can read it.
    TokenInAddress,
    /// It bears no token, or another one.
    Token,
    /// It wants something done, and is no JSON.
    Kind,
}

impl GuardDenial {
    /// Returns the status of the answer.
    pub(in crate::cli) fn status(self) -> u16 {
        match self {
            GuardDenial::Host => 421,
            GuardDenial::Origin => 403,
            GuardDenial::TokenInAddress => 400,
            GuardDenial::Token => 401,
            GuardDenial::Kind => 415,
        }
    }

    /// Says what is wrong, and what to do.
    pub(in crate::cli) fn advice(self) -> (&'static str, &'static str) {
        match self {
            GuardDenial::Host => (
                "this server answers requests to 127.0.0.1 and localhost only",
                "open the link that `kaizen ui` printed",
            ),
            GuardDenial::Origin => (
                "the request comes from another web page",
                "open the link that `kaizen ui` printed in a tab of its own",
            ),
            GuardDenial::TokenInAddress => (
                "the token must not be in the address of a request",
                "send it in the header `X-Kaizen`",
            ),
            GuardDenial::Token => (
                "the token is missing, or belongs to an earlier `kaizen ui`",
                "open the newest link that `kaizen ui` printed",
            ),
            GuardDenial::Kind => {
                ("the body must be JSON", "send it with `Content-Type: application/json`")
            }
        }
    }
}

/// Decides whether a request is answered.
pub(in crate::cli) fn check(
    target: PageTarget,
    headers: &Headers<'_>,
    token: &Token,
) -> Result<(), GuardDenial> {
    // One `Host`, and one only: of two, somebody else may take the other one.
    let [host] = headers.hosts[..] else { return Err(GuardDenial::Host) };
    if !is_own(host) || headers.authority.is_some_and(|authority| authority != host) {
        return Err(GuardDenial::Host);
    }

    let own_origin = format!("http://{host}");
    if headers.origins.iter().any(|origin| *origin != own_origin) {
        return Err(GuardDenial::Origin);
    }
    let may_be = |site: &str| match site {
        "same-origin" => true,
        // Somebody typed the address, or opened the link from a terminal.
        "none" => target == PageTarget::Document,
        _ => false,
    };
    if !headers.sites.iter().all(|site| may_be(site)) {
        return Err(GuardDenial::Origin);
    }

    if headers.query.is_some_and(|query| query.contains(token.text())) {
        return Err(GuardDenial::TokenInAddress);
    }
    if target == PageTarget::Data && !matches!(headers.tokens[..], [given] if token.is(given)) {
        return Err(GuardDenial::Token);
    }
    if headers.is_post && !matches!(headers.kinds[..], [kind] if is_json(kind)) {
        return Err(GuardDenial::Kind);
    }
    Ok(())
}

/// Tells whether a host, perhaps with a port, is this computer.
fn is_own(host: &str) -> bool {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());

    OWN_HOSTS.iter().any(|own| match host.strip_prefix(own) {
        Some("") => true,
        Some(rest) => rest.strip_prefix(':').is_some_and(is_port),
        None => false,
    })
}

fn is_json(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token::of([7; TOKEN_BYTES])
    }

    /// A request for data as the page makes it, changed.
    fn asked(change: impl Fn(&mut Headers<'static>)) -> Result<(), GuardDenial> {
        let mut headers = Headers {
            hosts: vec!["127.0.0.1:7433"],
            sites: vec!["same-origin"],
            tokens: vec!["07070707070707070707070707070707"],
            ..Headers::default()
        };
        change(&mut headers);
        check(PageTarget::Data, &headers, &token())
    }

    #[test]
    fn a_request_of_the_page_is_answered() {
        assert_eq!(asked(|_| {}), Ok(()));
        assert_eq!(asked(|h| h.origins = vec!["http://127.0.0.1:7433"]), Ok(()));
        assert_eq!(asked(|h| h.sites = vec![]), Ok(()));
        for host in ["localhost", "localhost:1", "[::1]:7433", "127.0.0.1"] {
            assert_eq!(asked(|h| h.hosts = vec![host]), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_name_that_was_made_to_point_here_is_refused() {
        let hosts = [
            "evil.example",
            "evil.example:7433",
            "127.0.0.1.evil.example",
            "localhost.evil.example:7433",
            "127.0.0.1:7433@evil.example",
            "0.0.0.0:7433",
            "127.0.0.1:",
            "127.1",
            "2130706433",
            "[::ffff:127.0.0.1]:7433",
            "",
            "LOCALHOST.",
        ];
        for host in hosts {
            assert_eq!(asked(|h| h.hosts = vec![host]), Err(GuardDenial::Host), "{host}");
        }
        assert_eq!(asked(|h| h.hosts = vec![]), Err(GuardDenial::Host));
        assert_eq!(asked(|h| h.hosts = vec!["localhost", "localhost"]), Err(GuardDenial::Host));
        assert_eq!(asked(|h| h.authority = Some("evil.example")), Err(GuardDenial::Host));
    }

    #[test]
    fn another_page_is_refused_whatever_it_knows() {
        for origin in
            ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost:7433", ""]
        {
            assert_eq!(asked(|h| h.origins = vec![origin]), Err(GuardDenial::Origin), "{origin}");
        }
        for site in ["cross-site", "same-site", "none", "", "anything"] {
            assert_eq!(asked(|h| h.sites = vec![site]), Err(GuardDenial::Origin), "{site}");
        }

        let typed =
            Headers { hosts: vec!["localhost:7433"], sites: vec!["none"], ..Headers::default() };
        assert_eq!(check(PageTarget::Document, &typed, &token()), Ok(()));
        assert_eq!(check(PageTarget::File, &typed, &token()), Err(GuardDenial::Origin));
    }

    #[test]
    fn the_token_is_asked_for_in_its_header_alone() {
        let wrong =
            ["", "07", "07070707070707070707070707070708", "0707070707070707070707070707070707"];
        for token in wrong {
            assert_eq!(asked(|h| h.tokens = vec![token]), Err(GuardDenial::Token), "{token}");
        }
        assert_eq!(asked(|h| h.tokens = vec![]), Err(GuardDenial::Token));
        assert_eq!(asked(|h| h.tokens.push("07")), Err(GuardDenial::Token));

        let query = Some("q=1&t=07070707070707070707070707070707");
        assert_eq!(asked(|h| h.query = query), Err(GuardDenial::TokenInAddress));
    }

    #[test]
    fn only_json_does_anything() {
        let post = |kinds: Vec<&'static str>| {
            asked(move |h| {
                h.is_post = true;
                h.kinds.clone_from(&kinds);
            })
        };
        assert_eq!(post(vec!["application/json"]), Ok(()));
        assert_eq!(post(vec!["application/json; charset=utf-8"]), Ok(()));
        for kind in
            ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json", ""]
        {
            assert_eq!(post(vec![kind]), Err(GuardDenial::Kind), "{kind}");
        }
        assert_eq!(post(vec![]), Err(GuardDenial::Kind));
    }
}
