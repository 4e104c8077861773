//! What a script may touch besides models: files, hosts, variables of the environment, programs.
//! What is not granted is refused; what is denied is refused whatever is granted.

use crate::base::failure::{Failure, Kind};
use crate::base::secret::scrub;
use crate::script::files::{plain, real};
use crate::script::modules::shown;
use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A kind of thing that can be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Reading files.
    Read,
    /// Writing files.
    Write,
    /// Reaching hosts, other than those of the project's models.
    Net,
    /// Reading variables of the environment, as values and as keys.
    Env,
    /// Running programs.
    Run,
}

impl Right {
    /// Every right.
    pub const ALL: [Right; 5] = [Right::Read, Right::Write, Right::Net, Right::Env, Right::Run];

    /// Returns the word for it in options and in `kaizen.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Write => "write",
            Right::Net => "net",
            Right::Env => "env",
            Right::Run => "run",
        }
    }

    fn deed(self) -> &'static str {
        match self {
            Right::Read => "reading",
            Right::Write => "writing",
            Right::Net => "reaching",
            Right::Env => "reading the variable",
            Right::Run => "running",
        }
    }
}

/// What one grant or denial covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Everything.
    Any,
    /// A file, or a folder with what is in it; as it was written, and with its links resolved.
    Path(PathBuf, PathBuf),
    /// A host, or with `*.` before it all hosts below it; on one port, or on all.
    Host(String, Option<u16>),
    /// A name, or with `*` at its end all names that start so.
    Name(String),
}

impl Rule {
    /// Reads a rule as people write it; paths are relative to `base`. An error says what is wrong.
    pub fn parse(right: Right, text: &str, base: &Path) -> Result<Rule, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        match right {
            Right::Read | Right::Write => {
                let path = plain(&base.join(text));
                Ok(Rule::Path(path.clone(), real(&path)))
            }
            Right::Net => host_rule(text),
            Right::Env | Right::Run => Ok(Rule::Name(text.to_owned())),
        }
    }

    fn covers(&self, target: &Target<'_>) -> bool {
        match (self, target) {
            (Rule::Any, _) => true,
            (Rule::Path(given, real), Target::Path(path)) => {
                path.starts_with(given) || path.starts_with(real)
            }
            (Rule::Host(pattern, port), Target::Host(host, at)) => {
                let is_host = match pattern.strip_prefix("*.") {
                    Some(parent) => {
                        host.strip_suffix(parent).is_some_and(|below| below.ends_with('.'))
                    }
                    None => pattern == host,
                };
                is_host && port.is_none_or(|port| port == *at)
            }
            (Rule::Name(pattern), Target::Name(name)) => match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => pattern == name,
            },
            _ => false,
        }
    }

    /// Tells whether it grants a target. Hidden files, such as `.env`, are granted only by name.
    fn grants(&self, target: &Target<'_>) -> bool {
        let (Rule::Path(given, real), Target::Path(path)) = (self, target) else {
            return self.covers(target);
        };
        let is_hidden = |rest: &Path| {
            rest.components().any(|part| part.as_os_str().to_string_lossy().starts_with('.'))
        };
        let rests = [path.strip_prefix(given), path.strip_prefix(real)];
        rests.into_iter().flatten().any(|rest| !is_hidden(rest))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Any => f.write_str("everything"),
            Rule::Path(given, _) => write!(f, "{}", given.display()),
            Rule::Host(host, None) => f.write_str(host),
            Rule::Host(host, Some(port)) => write!(f, "{host}:{port}"),
            Rule::Name(name) => f.write_str(name),
        }
    }
}

fn host_rule(text: &str) -> Result<Rule, String> {
    if text.contains('/') {
        return Err("it must be a host such as `example.com` or `example.com:8080`".to_owned());
    }
    let text = text.to_ascii_lowercase();
    // The colons of an address in brackets are its own.
    let colon = text.rfind(':').filter(|at| !text[*at..].contains(']'));
    let Some(at) = colon else { return Ok(Rule::Host(text, None)) };
    let port = text[at + 1..].parse().map_err(|_| format!("`{}` is no port", &text[at + 1..]))?;
    Ok(Rule::Host(text[..at].to_owned(), Some(port)))
}

/// What a script wants to touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A file, by an absolute path.
    Path(&'a Path),
    /// A host, in lower case, and its port.
    Host(&'a str, u16),
    /// A variable or a program.
    Name(&'a str),
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Path(path) => f.write_str(&shown(path)),
            Target::Host(host, 80 | 443) => f.write_str(host),
            Target::Host(host, port) => write!(f, "{host}:{port}"),
            Target::Name(name) => f.write_str(name),
        }
    }
}

/// What people answer when they are asked for a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes, this one.
    This,
    /// Yes, and everything of the kind.
    All,
    /// No.
    No,
}

/// Asks people for a grant; the text says what is wanted.
pub type Ask = Rc<dyn Fn(&str) -> Answer>;

/// What a script may touch.
#[derive(Clone, Default)]
pub struct Permissions {
    allow: RefCell<Vec<(Right, Rule)>>,
    deny: Vec<(Right, Rule)>,
    ask: Option<Ask>,
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (allow, deny) = (&self.allow, &self.deny);
        f.debug_struct("Permissions")
            .field("allow", allow)
            .field("deny", deny)
            .finish_non_exhaustive()
    }
}

impl Permissions {
    /// Grants everything.
    pub fn all() -> Permissions {
        let every = Right::ALL.map(|right| (right, Rule::Any));
        Permissions { allow: RefCell::new(every.into()), ..Permissions::default() }
    }

    /// Grants reading in a folder, and nothing else.
    pub fn reading(folder: &Path) -> Permissions {
        let rule = Rule::Path(plain(folder), real(folder));
        Permissions { allow: RefCell::new(vec![(Right::Read, rule)]), ..Permissions::default() }
    }

    /// Grants something besides.
    pub fn allow(&mut self, right: Right, rule: Rule) {
        self.allow.get_mut().push((right, rule));
    }

    /// Denies something, whatever is granted.
    pub fn deny(&mut self, right: Right, rule: Rule) {
        self.deny.push((right, rule));
    }

    /// Lets people be asked for what is neither granted nor denied.
    #[must_use]
    pub fn asking(self, ask: Ask) -> Permissions {
        Permissions { ask: Some(ask), ..self }
    }

    /// Returns what is granted now.
    pub fn granted(&self) -> Vec<(Right, Rule)> {
        self.allow.borrow().clone()
    }

    /// Returns what is denied.
    pub fn denied(&self) -> &[(Right, Rule)] {
        &self.deny
    }

    /// Tells whether something is granted and not denied, without asking anybody.
    pub fn has(&self, right: Right, target: &Target<'_>) -> bool {
        let denies = |(of, rule): &(Right, Rule)| *of == right && rule.covers(target);
        let grants = |(of, rule): &(Right, Rule)| *of == right && rule.grants(target);
        !self.deny.iter().any(denies) && self.allow.borrow().iter().any(grants)
    }

    /// Tells whether a path is denied.
    pub(super) fn denies(&self, right: Right, path: &Path) -> bool {
        let target = Target::Path(path);
        self.deny.iter().any(|(of, rule)| *of == right && rule.covers(&target))
    }

    /// Accepts what is granted; asks people, where that is possible, for what is not. `shown` is
    /// the target as the script names it.
    pub fn demand(&self, right: Right, target: &Target<'_>, shown: &str) -> Result<(), Failure> {
        let (word, deed) = (right.word(), right.deed());
        let denial = self.deny.iter().find(|(of, rule)| *of == right && rule.covers(target));
        if let Some((_, rule)) = denial {
            let what = match rule {
                Rule::Any => format!("`--deny-{word}`"),
                rule => format!("`--deny-{word}={rule}`"),
            };
            let message = format!("{deed} `{shown}` is denied by {what}, or by kaizen.toml");
            return Err(Failure::new(Kind::Permission, message));
        }
        if self.has(right, target) {
            return Ok(());
        }
        if let Some(ask) = &self.ask {
            match ask(&scrub(&format!("{deed} `{target}`"))) {
                Answer::This => {
                    self.allow.borrow_mut().push((right, exactly(target)));
                    return Ok(());
                }
                Answer::All => {
                    self.allow.borrow_mut().push((right, Rule::Any));
                    return Ok(());
                }
                Answer::No => {}
            }
        }
        let message = format!(
            "{deed} `{shown}` is not granted; run with `--allow-{word}={target}`, or add \
             \"{target}\" to `{word}` under [permissions] in kaizen.toml"
        );
        Err(Failure::new(Kind::Permission, message))
    }
}

/// Returns the rule that covers just this target, hidden or not.
fn exactly(target: &Target<'_>) -> Rule {
    match target {
        Target::Path(path) => Rule::Path(path.to_path_buf(), real(path)),
        Target::Host(host, port) => Rule::Host((*host).to_owned(), Some(*port)),
        Target::Name(name) => Rule::Name((*name).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(allow: &[(Right, &str)], deny: &[(Right, &str)]) -> Permissions {
        let base = Path::new("/project");
        let mut permissions = Permissions::default();
        for (right, text) in allow {
            permissions.allow(*right, Rule::parse(*right, text, base).expect("a rule"));
        }
        for (right, text) in deny {
            permissions.deny(*right, Rule::parse(*right, text, base).expect("a rule"));
        }
        permissions
    }

    #[test]
    fn nothing_is_granted_by_itself() {
        let none = Permissions::default();
        let path = Target::Path(Path::new("/project/a"));
        assert!(Right::ALL.iter().all(|right| none.demand(*right, &path, "a").is_err()));
        let error = none.demand(Right::Write, &path, "a").expect_err("nothing is granted");
        assert!(error.message.contains("`--allow-write=/project/a`"), "{}", error.message);
    }

    #[test]
    fn a_folder_grants_what_is_in_it_but_not_what_is_hidden() {
        let some = with(&[(Right::Read, "data"), (Right::Read, ".env")], &[]);
        let has = |path| some.has(Right::Read, &Target::Path(Path::new(path)));
        assert!(has("/project/data/x") && has("/project/data") && has("/project/.env"));
        assert!(!has("/project/data/.git/config") && !has("/project/database") && !has("/project"));
    }

    #[test]
    fn a_denial_beats_every_grant() {
        let mut some = with(&[(Right::Read, ".")], &[(Right::Read, "data/private")]);
        some.allow(Right::Read, Rule::Any);
        let path = Target::Path(Path::new("/project/data/private/.x"));
        let error = some.demand(Right::Read, &path, "x").expect_err("denied").message;
        assert!(error.contains("denied by `--deny-read=/project/data/private`"), "{error}");
    }

    #[test]
    fn hosts_are_matched_as_hosts_are() {
        let some = with(&[(Right::Net, "*.example.com"), (Right::Net, "Local:81")], &[]);
        let has = |host, port| some.has(Right::Net, &Target::Host(host, port));
        assert!(has("a.b.example.com", 443) && has("local", 81));
        assert!(!has("example.com", 443) && !has("evilexample.com", 443) && !has("local", 80));
        assert!(with(&[(Right::Net, "[::1]")], &[]).has(Right::Net, &Target::Host("[::1]", 1)));
        assert!(Rule::parse(Right::Net, "https://a.com", Path::new("/")).is_err());
        assert!(Rule::parse(Right::Net, "a.com:http", Path::new("/")).is_err());
    }

    #[test]
    fn people_are_asked_once_for_each_thing() {
        let asked: Rc<RefCell<Vec<String>>> = Rc::default();
        let log = asked.clone();
        let some = with(&[], &[(Right::Env, "SECRET*")]).asking(Rc::new(move |what| {
            log.borrow_mut().push(what.to_owned());
            if what.contains('A') { Answer::This } else { Answer::No }
        }));
        let demand = |name| some.demand(Right::Env, &Target::Name(name), name).is_ok();
        assert!(demand("A") && demand("A") && !demand("B") && !demand("SECRET_A"));
        assert_eq!(*asked.borrow(), ["reading the variable `A`", "reading the variable `B`"]);
    }
}
