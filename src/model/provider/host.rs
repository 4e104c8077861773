//! Hosts as people name them in grants and denials, and what such a name covers.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// A host, or several, on one port or on all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    hosts: Hosts,
    port: Option<u16>,
}

/// Which hosts are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    /// All.
    Any,
    /// All below this name.
    Below(String),
    /// The one with this name.
    Named(String),
    /// The one with this address.
    At(IpAddr),
}

/// A host of a request.
enum Destination {
    Named(String),
    At(IpAddr),
}

impl HostPattern {
    /// Returns the pattern for every host.
    pub fn any() -> HostPattern {
        HostPattern { hosts: Hosts::Any, port: None }
    }

    /// Returns the pattern for one host of a request on its port.
    pub fn exactly(host: &str, port: u16) -> HostPattern {
        let hosts = match read(host) {
            Some(Destination::At(address)) => Hosts::At(address),
            Some(Destination::Named(name)) => Hosts::Named(name),
            None => Hosts::Named(host.to_owned()),
        };

        HostPattern { hosts, port: Some(port) }
    }

    /// Reads a host as people write it. An error says what is wrong.
    pub fn parse(text: &str) -> Result<HostPattern, String> {
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            refuse_port_or_group(text)?;
            return Ok(HostPattern { hosts: Hosts::At(embedded(address.into())), port: None });
        }

        let not_host = |c: char| c.is_whitespace() || c.is_control() || "/\\?#@,%".contains(c);
        if text.contains(not_host) {
            return Err(no_host(text));
        }
        refuse_unclear(text)?;

        // The colons of an address in brackets are its own.
        let colon = text.rfind(':').filter(|at| !text[*at..].contains(']'));
        let (host, port) = match colon {
            None => (text, None),
            Some(at) => (&text[..at], Some(port(&text[at + 1..])?)),
        };

        if host == "*" {
            return Ok(HostPattern { hosts: Hosts::Any, port });
        }

        let (name, is_below) = match host.strip_prefix("*.") {
            Some(parent) => (parent, true),
            None => (host, false),
        };
        if name.contains('*') {
            let reason = "use `*` alone for every host, or at the start, as in `*.example.com`";
            return Err(reason.to_owned());
        }

        let hosts = match read(name) {
            Some(Destination::Named(name)) if !is_name(&name) => {
                return Err(format!("`{host}` is not a valid host name"));
            }
            Some(Destination::Named(name)) if is_below => Hosts::Below(name),
            Some(Destination::Named(name)) => Hosts::Named(name),
            Some(Destination::At(address)) if !is_below => Hosts::At(address),
            _ => return Err(format!("`{host}` is not a host")),
        };
        Ok(HostPattern { hosts, port })
    }

    /// Tells whether a grant of it is one of this host.
    pub fn grants(&self, host: &str, port: u16) -> bool {
        if self.port.is_some_and(|own| own != port) {
            return false;
        }

        match (&self.hosts, read(host)) {
            (Hosts::Any, _) => true,
            (Hosts::Named(own), Some(Destination::Named(name))) => *own == name,
            (Hosts::Below(parent), Some(Destination::Named(name))) => is_below(&name, parent),
            (Hosts::At(own), Some(Destination::At(address))) => *own == address,
            _ => false,
        }
    }

    /// Tells whether a denial of it is one of this host, however the host is written.
    pub fn denies(&self, host: &str, port: u16) -> bool {
        match read(host) {
            // What cannot be read cannot be told apart from what is denied.
            None => true,
            Some(Destination::At(address)) => self.denies_address(address, port),
            Some(Destination::Named(name)) => {
                self.port.is_none_or(|own| own == port)
                    && match &self.hosts {
                        Hosts::Any => true,
                        Hosts::Named(own) => *own == name,
                        Hosts::Below(parent) => is_below(&name, parent),
                        Hosts::At(own) => is_this_machine(*own) && is_local_name(&name),
                    }
            }
        }
    }

    /// Tells whether a denial of it is one of this address.
    pub fn denies_address(&self, address: IpAddr, port: u16) -> bool {
        if self.port.is_some_and(|own| own != port) {
            return false;
        }

        let address = embedded(address);

        match &self.hosts {
            Hosts::Any => true,
            Hosts::Named(own) => is_local_name(own) && is_this_machine(address),
            Hosts::Below(_) => false,
            Hosts::At(own) => *own == address || is_this_machine(*own) && is_this_machine(address),
        }
    }

    /// Tells whether it matters to which address a name leads.
    pub fn is_of_addresses(&self) -> bool {
        match &self.hosts {
            Hosts::At(_) => true,
            Hosts::Named(name) => is_local_name(name),
            Hosts::Any | Hosts::Below(_) => false,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            Hosts::Any => f.write_str("*")?,
            Hosts::Below(name) => write!(f, "*.{name}")?,
            Hosts::Named(name) => f.write_str(name)?,
            Hosts::At(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            Hosts::At(address) => write!(f, "{address}")?,
        }

        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Says that a text is not a host, and which host stands in it, if one does.
fn no_host(text: &str) -> String {
    let found = reqwest::Url::parse(text).ok().filter(|url| url.has_host() && text.contains("://"));
    let found = found.and_then(|url| {
        let host = url.host_str()?.to_owned();
        Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
    });
    match found.filter(|host| !host.contains('%')) {
        Some(host) => format!("it is an address, not a host; write `{host}`"),
        None => "it must be a host such as `example.com` or `example.com:8080`".to_owned(),
    }
}

/// Refuses what reads as a host that nobody means.
fn refuse_unclear(text: &str) -> Result<(), String> {
    let bare = text.strip_prefix(':').unwrap_or(text);
    if bare.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(format!("it is a port; write `*:{bare}` for this port of every host"));
    }

    let parent = text.strip_prefix('.').filter(|parent| is_name(parent));
    if let Some(parent) = parent {
        return Err(format!("write `*.{parent}` for every host below `{parent}`"));
    }

    let is_number = |part: &str| part.parse::<u8>().is_ok();
    let numbers: Vec<&str> = text.trim_end_matches('.').split('.').collect();
    let is_cut = text.ends_with('.') && numbers.len() < 4;
    if is_cut && numbers.into_iter().all(is_number) {
        return Err(
            "write the whole address; a part of one does not stand for a network".to_owned()
        );
    }
    Ok(())
}

/// Refuses an address whose last group may be meant as a port.
fn refuse_port_or_group(text: &str) -> Result<(), String> {
    let Some((address, last)) = text.rsplit_once(':') else { return Ok(()) };
    let may_be_port = last.len() > 1 && last.parse::<u16>().is_ok();
    if !may_be_port || address.parse::<Ipv6Addr>().is_err() {
        return Ok(());
    }
    Err(format!("write `[{address}]:{last}` if `{last}` is a port, or else `[{text}]`"))
}

/// Tells whether a name can be one of a host: of letters, digits, `-` and `_`, in parts of which none is
/// empty, and the last of which has a letter.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let is_written = part.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c));
        (1..=63).contains(&part.len()) && is_written && !part.starts_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();

    name.len() <= 253
        && name.split('.').all(is_part)
        && last.contains(|c: char| c.is_ascii_alphabetic())
}

fn port(text: &str) -> Result<u16, String> {
    let port = text.parse::<u16>().ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("`{text}` is not a port; ports are numbers from 1 up to 65535"))
}

/// Reads a host as browsers do: every spelling of an address is that address, and a name is in lower
/// case, in letters of ASCII, without a dot at its end.
fn read(host: &str) -> Option<Destination> {
    let url = reqwest::Url::parse(&format!("http://{host}/")).ok()?;
    let is_host_alone = url.port().is_none() && url.path() == "/" && url.username().is_empty();
    let found = url.host_str().filter(|_| is_host_alone)?;

    let bare = found.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(found).parse::<IpAddr>() {
        return Some(Destination::At(embedded(address)));
    }

    let name = found.strip_suffix('.').unwrap_or(found);
    (!name.is_empty()).then(|| Destination::Named(name.to_owned()))
}

/// Returns the address of version 4 that one of version 6 stands for, if it does.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else { return address };
    if let Some(four) = six.to_ipv4_mapped() {
        return four.into();
    }

    let [prefix @ .., high, low] = six.segments();
    let [one, two] = high.to_be_bytes();
    let [three, four] = low.to_be_bytes();
    let inner = Ipv4Addr::new(one, two, three, four);

    // `::a.b.c.d` as well, but `::` and `::1` are addresses of their own.
    let is_old_form = prefix == [0; 6] && high != 0;
    let is_translated = prefix == [0x64, 0xff9b, 0, 0, 0, 0];
    if is_old_form || is_translated { inner.into() } else { address }
}

/// Tells whether an address leads to this machine: what asks for no address reaches it too, and so does
/// every address of its own.
fn is_this_machine(address: IpAddr) -> bool {
    let is_fixed = match address {
        IpAddr::V4(four) => four.is_loopback() || four.octets()[0] == 0,
        IpAddr::V6(six) => six.is_loopback() || six.is_unspecified(),
    };
    // Only an address of its own lets a socket be bound to it, and those come and go with networks.
    is_fixed || !address.is_multicast() && UdpSocket::bind((address, 0)).is_ok()
}

fn is_local_name(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

fn is_below(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent).is_some_and(|below| below.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        HostPattern::parse(text).unwrap_or_else(|reason| panic!("`{text}`: {reason}"))
    }

    #[test]
    fn a_denial_of_this_machine_holds_for_every_spelling_of_it() {
        let spellings = [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "::1",
            "[::1]",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "0.0.0.0",
            "::",
            "localhost",
            "LocalHost.",
            "127.0.0.1.",
            "127.9.9.9",
        ];

        for denied in spellings {
            for asked in spellings {
                let bare = asked.trim_start_matches('[').trim_end_matches(']');
                let host = if bare.contains(':') { format!("[{bare}]") } else { bare.to_owned() };
                assert!(pattern(denied).denies(&host, 80), "{denied} denies {host}");
            }
            assert!(!pattern(denied).denies("10.0.0.1", 80) && !pattern(denied).denies("a.b", 80));
        }
    }

    #[test]
    fn an_address_of_a_network_of_this_machine_is_this_machine() {
        // Nothing is sent: only the route is looked up.
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        let routed = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
        let Ok(own) = routed.map(|at| at.ip()) else { return };
        let mapped = format!("[::ffff:{own}]");

        for denied in ["localhost", "127.0.0.1", "::1", "0.0.0.0", &own.to_string()] {
            for asked in [&own.to_string(), "localhost", "127.0.0.1", "[::1]", &mapped] {
                assert!(pattern(denied).denies(asked, 80), "{denied} denies {asked}");
            }
            assert!(!pattern(denied).denies("192.0.2.1", 80) && !pattern(denied).denies("a.b", 1));
        }
        assert!(!pattern("localhost").grants(&own.to_string(), 80));
    }

    #[test]
    fn a_name_is_one_name_however_it_is_written() {
        for spelling in ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example."] {
            let found = pattern(spelling);
            assert_eq!(found.to_string(), "xn--bcher-kva.example", "{spelling}");
            assert!(found.denies("xn--bcher-kva.example", 1) && found.denies("Bücher.Example.", 1));
            assert!(found.grants("xn--bcher-kva.example.", 1));
        }

        let below = pattern("*.Example.com:8443");
        assert_eq!(below.to_string(), "*.example.com:8443");
        assert!(below.denies("a.b.example.com.", 8443) && below.grants("a.example.com", 8443));
        assert!(!below.denies("example.com", 8443) && !below.denies("a.example.com", 443));
        assert!(!below.grants("evilexample.com", 8443));
        assert!(pattern("*").denies("10.0.0.1", 1) && pattern("*:81").denies("a", 81));
    }

    #[test]
    fn what_can_cover_nothing_is_refused() {
        let refusals: Vec<String> = [
            "https://a.com",
            "a.com/x",
            "10.0.0.0/8",
            "a@b.com",
            "a.com,b.com",
            "127.*",
            "*.*.com",
            "ex*mple.com",
            "*.127.0.0.1",
            "a.com:http",
            "a.com:0",
            "a.com:65536",
            "a.com:",
            ":80",
            "[::1",
            "[fe80::1%25eth0]",
            "1.2.3.4.5",
            "256.0.0.1",
            "..",
            ".",
            "*.",
            ".example.com",
            "a..b",
            "-a.com",
            "8080",
            ":8080",
            "192.168.",
            "10.0.0.1-9",
            "10.0.0.1-10.0.0.9",
            "http://x/",
            "https://a.com:8443/p",
            "ftp://[::1]/",
            "\"a.com\"",
            "'a.com'",
            "a;b",
            "!a.com",
            "$HOST",
            "{a",
            "(a)",
            "a&b",
            "::1:80",
            "fe80::1:8080",
            "a.com:*",
            "a.com:80-90",
            "a b",
        ]
        .iter()
        .map(|text| match HostPattern::parse(text) {
            Ok(found) => format!("{text} is {found}"),
            Err(reason) => format!("{text}: {reason}"),
        })
        .collect();

        expect_test::expect![[r#"
            https://a.com: it is an address, not a host; write `a.com`
            a.com/x: it must be a host such as `example.com` or `example.com:8080`
            10.0.0.0/8: it must be a host such as `example.com` or `example.com:8080`
            a@b.com: it must be a host such as `example.com` or `example.com:8080`
            a.com,b.com: it must be a host such as `example.com` or `example.com:8080`
            127.*: use `*` alone for every host, or at the start, as in `*.example.com`
            *.*.com: use `*` alone for every host, or at the start, as in `*.example.com`
            ex*mple.com: use `*` alone for every host, or at the start, as in `*.example.com`
            *.127.0.0.1: `*.127.0.0.1` is not a host
            a.com:http: `http` is not a port; ports are numbers from 1 up to 65535
            a.com:0: `0` is not a port; ports are numbers from 1 up to 65535
            a.com:65536: `65536` is not a port; ports are numbers from 1 up to 65535
            a.com:: `` is not a port; ports are numbers from 1 up to 65535
            :80: it is a port; write `*:80` for this port of every host
            [::1: `[:` is not a host
            [fe80::1%25eth0]: it must be a host such as `example.com` or `example.com:8080`
            1.2.3.4.5: `1.2.3.4.5` is not a host
            256.0.0.1: `256.0.0.1` is not a host
            ..: `..` is not a valid host name
            .: `.` is not a host
            *.: `*.` is not a host
            .example.com: write `*.example.com` for every host below `example.com`
            a..b: `a..b` is not a valid host name
            -a.com: `-a.com` is not a valid host name
            8080: it is a port; write `*:8080` for this port of every host
            :8080: it is a port; write `*:8080` for this port of every host
            192.168.: write the whole address; a part of one does not stand for a network
            10.0.0.1-9: `10.0.0.1-9` is not a valid host name
            10.0.0.1-10.0.0.9: `10.0.0.1-10.0.0.9` is not a host
            http://x/: it is an address, not a host; write `x`
            https://a.com:8443/p: it is an address, not a host; write `a.com:8443`
            ftp://[::1]/: it is an address, not a host; write `[::1]`
            "a.com": `"a.com"` is not a valid host name
            'a.com': `'a.com'` is not a valid host name
            a;b: `a;b` is not a valid host name
            !a.com: `!a.com` is not a valid host name
            $HOST: `$HOST` is not a valid host name
            {a: `{a` is not a valid host name
            (a): `(a)` is not a valid host name
            a&b: `a&b` is not a valid host name
            ::1:80: write `[::1]:80` if `80` is a port, or else `[::1:80]`
            fe80::1:8080: write `[fe80::1]:8080` if `8080` is a port, or else `[fe80::1:8080]`
            a.com:*: `*` is not a port; ports are numbers from 1 up to 65535
            a.com:80-90: `80-90` is not a port; ports are numbers from 1 up to 65535
            a b: it must be a host such as `example.com` or `example.com:8080`"#]]
        .assert_eq(&refusals.join("\n"));
    }

    #[test]
    fn a_grant_is_of_the_one_address_alone() {
        assert!(pattern("127.0.0.1").grants("2130706433", 1));
        assert!(pattern("::ffff:10.0.0.1").grants("10.0.0.1", 1));
        for other in ["localhost", "0.0.0.0", "127.0.0.2", "[::1]"] {
            assert!(!pattern("127.0.0.1").grants(other, 1), "{other}");
        }
    }
}
