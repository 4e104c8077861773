//! What a script may touch besides models: files, hosts, variables of the environment, programs.
//! What is not granted is refused; what is denied is refused whatever is granted.

use crate::base::failure::{Failure, Kind};
use crate::base::secret::scrub;
use crate::base::visible::on_one_line;
use crate::base::wildcard::Wildcard;
use crate::model::denial::{Denial, Denials};
use crate::model::provider::host::HostPattern;
use crate::script::host::executable::Executable;
use crate::script::host::files::{plain, real};
use crate::script::host::modules::shown;
use crate::script::host::{fiber, procfs};
use futures::future::LocalBoxFuture;
use std::cell::RefCell;
use std::collections::BTreeMap;
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
    /// A host, or several.
    Host(HostPattern),
    /// A name; `*` in it stands for any characters.
    Name(Wildcard),
}

impl Rule {
    /// Reads a rule as people write it; paths are relative to `base`. An error says what is wrong.
    pub fn parse(right: Right, text: &str, base: &Path) -> Result<Rule, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }

        match right {
            Right::Read | Right::Write => path_rule(text, base),
            Right::Net => HostPattern::parse(text).map(Rule::Host),
            Right::Env | Right::Run => name_rule(right, text),
        }
    }

    /// Refuses a path in a folder that leads out of it, or to hidden files, by a link: a grant of it
    /// would say something else than it does.
    pub fn refuse_detour(&self, folder: &Path) -> Result<(), String> {
        let Rule::Path(given, leads_to) = self else { return Ok(()) };
        let Ok(name) = given.strip_prefix(folder) else { return Ok(()) };

        let inside = leads_to.strip_prefix(real(folder)).ok();
        let is_detour = match inside {
            None => true,
            Some(rest) => is_hidden(rest) && !is_hidden(name),
        };
        if !is_detour {
            return Ok(());
        }
        Err(format!("it is a link to `{}`; if you mean that path, name it", leads_to.display()))
    }

    /// Tells whether a denial of it is one of a target, however the target is written.
    fn denies(&self, target: &Target<'_>) -> bool {
        match (self, target) {
            (Rule::Any, _) => true,
            (Rule::Path(given, real), Target::Path(path)) => {
                path.starts_with(given) || path.starts_with(real)
            }
            (Rule::Host(pattern), Target::Host(host, port)) => pattern.denies(host, *port),
            (Rule::Name(denied), Target::Program(program)) => program.is_denied_by(denied),
            (Rule::Name(denied), Target::Name(name)) => denied.covers(name),
            _ => false,
        }
    }

    /// Tells whether it grants a target. Hidden files, such as `.env`, are granted only by name.
    fn grants(&self, target: &Target<'_>) -> bool {
        let (given, real, path) = match (self, target) {
            (Rule::Path(given, real), Target::Path(path)) => (given, real, path),
            (Rule::Any, _) => return true,
            (Rule::Host(pattern), Target::Host(host, port)) => return pattern.grants(host, *port),
            (Rule::Name(granted), Target::Name(name)) => return granted.covers(name),
            (Rule::Name(granted), Target::Program(program)) => {
                return granted.covers(program.named());
            }
            _ => return false,
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
            Rule::Host(host) => host.fmt(f),
            Rule::Name(name) => name.fmt(f),
        }
    }
}

/// Tells whether a part of a path begins with a dot.
pub(in crate::script) fn is_hidden(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().to_string_lossy().starts_with('.'))
}

/// Reads a path; one that can match nothing is refused.
fn path_rule(text: &str, base: &Path) -> Result<Rule, String> {
    let path = plain(&base.join(text));
    let real = real(&path);

    let odd = text.chars().find(|c| "*?[{$\0".contains(*c));
    let odd = odd.or_else(|| text.starts_with('~').then_some('~'));

    // A file may have any name, so one that is there is meant.
    if real.exists() {
        return Ok(Rule::Path(path, real));
    }
    if let Some(odd) = odd {
        return Err(format!(
            "`{}` is not expanded here; write the path of a file or a folder",
            odd.escape_default()
        ));
    }
    if text.contains("://") {
        return Err("it must be a path, not an address".to_owned());
    }
    Ok(Rule::Path(path, real))
}

/// Reads a name of a variable or a program; one that can match nothing is refused.
fn name_rule(right: Right, text: &str) -> Result<Rule, String> {
    let is_odd = |c: char| c.is_control() || "$%?[]{},=".contains(c);
    let is_space = |c: char| c.is_whitespace() && right == Right::Env;
    if let Some(odd) = text.chars().find(|c| is_odd(*c) || is_space(*c)) {
        let odd = odd.escape_default();
        return Err(format!(
            "invalid character `{odd}` in a name; write `NAME`, or `NAME*` for all names that \
             start with it"
        ));
    }

    Ok(Rule::Name(Wildcard::new(text)))
}

/// What a script wants to touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A file, by an absolute path.
    Path(&'a Path),
    /// A host, in lower case, and its port.
    Host(&'a str, u16),
    /// A variable.
    Name(&'a str),
    /// A program.
    Program(&'a Executable),
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Path(path) => f.write_str(&shown(path)),
            Target::Host(host, 80 | 443) => f.write_str(host),
            Target::Host(host, port) => write!(f, "{host}:{port}"),
            Target::Name(name) => f.write_str(name),
            Target::Program(program) => f.write_str(program.named()),
        }
    }
}

/// What people answer when they are asked for a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantAnswer {
    /// Yes, this one.
    This,
    /// Yes, and everything of the kind.
    All,
    /// No.
    No,
}

/// Where one waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// In a task, so that others go on meanwhile.
    Task,
    /// Outside of all tasks, where nothing goes on.
    Thread,
}

/// Asks people for a grant; the text says what is wanted.
pub type Ask = Rc<dyn Fn(String, Patience) -> LocalBoxFuture<'static, GrantAnswer>>;

/// What people have answered, in this run.
#[derive(Debug, Default)]
struct Answers {
    /// The first thing that was not granted.
    refused: RefCell<Option<String>>,
    granted: RefCell<Vec<(Right, Rule)>>,
    /// Tools that may be called from now on.
    approved: RefCell<Vec<Wildcard>>,
    /// What was granted or refused by the very words of the question.
    told: RefCell<BTreeMap<String, bool>>,
    /// Taken while a question is open: one is answered after the other.
    turn: tokio::sync::Mutex<()>,
}

/// What a script may touch.
#[derive(Clone, Default)]
pub struct Permissions {
    allow: Vec<(Right, Rule)>,
    deny: Vec<(Right, Rule)>,
    /// Tools that were approved beforehand.
    approved: Vec<Wildcard>,
    ask: Option<Ask>,
    answers: Rc<Answers>,
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allow = &self.allow;
        let deny = &self.deny;
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
        Permissions { allow: every.into(), ..Permissions::default() }
    }

    /// Grants reading in a folder, and nothing else.
    pub fn reading(folder: &Path) -> Permissions {
        let rule = Rule::Path(plain(folder), real(folder));
        Permissions { allow: vec![(Right::Read, rule)], ..Permissions::default() }
    }

    /// Grants something besides.
    pub fn allow(&mut self, right: Right, rule: Rule) {
        self.allow.push((right, rule));
    }

    /// Denies something, whatever is granted.
    pub fn deny(&mut self, right: Right, rule: Rule) {
        self.deny.push((right, rule));
    }

    /// Approves every call of the tools of these names.
    pub fn approve(&mut self, tools: Wildcard) {
        self.approved.push(tools);
    }

    /// Lets people be asked for what is neither granted nor denied.
    #[must_use]
    pub fn asking(self, ask: Ask) -> Permissions {
        Permissions { ask: Some(ask), ..self }
    }

    /// Returns what is granted now.
    pub fn granted(&self) -> Vec<(Right, Rule)> {
        let answered = self.answers.granted.borrow();
        self.allow.iter().chain(answered.iter()).cloned().collect()
    }

    /// Returns what is denied.
    pub fn denied(&self) -> &[(Right, Rule)] {
        &self.deny
    }

    /// Tells whether something is granted and not denied, without asking anybody.
    pub fn has(&self, right: Right, target: &Target<'_>) -> bool {
        let denies = |(of, rule): &(Right, Rule)| *of == right && rule.denies(target);
        let grants = |(of, rule): &(Right, Rule)| *of == right && rule.grants(target);

        let is_granted = self.allow.iter().any(grants);
        !self.deny.iter().any(denies)
            && (is_granted || self.answers.granted.borrow().iter().any(grants))
    }

    /// Tells whether a path is denied.
    pub(in crate::script) fn denies(&self, right: Right, path: &Path) -> bool {
        let target = Target::Path(path);
        self.deny.iter().any(|(of, rule)| *of == right && rule.denies(&target))
    }

    /// Returns the denial of a target, if there is one.
    pub(in crate::script) fn denial(&self, right: Right, target: &Target<'_>) -> Option<&Rule> {
        let denies = |(of, rule): &&(Right, Rule)| *of == right && rule.denies(target);
        self.deny.iter().find(denies).map(|(_, rule)| rule)
    }

    /// Tells whether a variable or a program is denied.
    pub(in crate::script) fn denies_name(&self, right: Right, name: &str) -> bool {
        let target = Target::Name(name);
        self.deny.iter().any(|(of, rule)| *of == right && rule.denies(&target))
    }

    /// Tells whether a variable or a program is granted by its name, and not because all are.
    pub(in crate::script) fn names(&self, right: Right, name: &str) -> bool {
        let target = Target::Name(name);
        let is_named = |(of, rule): &(Right, Rule)| {
            *of == right && matches!(rule, Rule::Name(granted) if granted.covers(name))
        };

        self.has(right, &target) && self.granted().iter().any(is_named)
    }

    /// Returns what is denied to calls of models and for pages.
    pub fn denials(&self) -> Denials {
        let mut denials = Denials::default();
        for (right, rule) in &self.deny {
            let source = said(*right, rule);
            match (right, rule) {
                (Right::Net, Rule::Any) => {
                    denials.hosts.push(Denial { of: HostPattern::any(), source });
                }
                (Right::Net, Rule::Host(host)) => {
                    denials.hosts.push(Denial { of: host.clone(), source });
                }
                (Right::Env, Rule::Any) => {
                    denials.variables.push(Denial { of: Wildcard::new("*"), source });
                }
                (Right::Env, Rule::Name(name)) => {
                    denials.variables.push(Denial { of: name.clone(), source });
                }
                (Right::Read, Rule::Any) => {
                    denials.files.push(Denial { of: PathBuf::from("/"), source });
                }
                (Right::Read, Rule::Path(given, real)) => {
                    denials.files.push(Denial { of: given.clone(), source: source.clone() });
                    denials.files.push(Denial { of: real.clone(), source });
                }
                _ => {}
            }
        }

        denials
    }

    /// Returns what was not granted first, and how to grant it.
    pub(in crate::script) fn refused(&self) -> Option<String> {
        self.answers.refused.borrow().clone()
    }

    /// Accepts what is granted; asks people, where that is possible, for what is not. `shown` is
    /// the target as the script names it.
    pub fn demand(&self, right: Right, target: &Target<'_>, shown: &str) -> Result<(), Failure> {
        let patience = if fiber::is_inside() { Patience::Task } else { Patience::Thread };
        let accepted = self.accept(right, target, shown, None, patience);

        match patience {
            Patience::Task => fiber::wait(accepted),
            Patience::Thread => futures::executor::block_on(accepted),
        }
    }

    /// Does the same for a program with these arguments.
    pub(in crate::script) async fn demand_program(
        &self,
        program: &Executable,
        arguments: &[String],
    ) -> Result<(), Failure> {
        let target = Target::Program(program);
        self.accept(Right::Run, &target, program.named(), Some(arguments), Patience::Task).await
    }

    /// Does the same for a host, in a task.
    pub(in crate::script) async fn demand_host(&self, target: &Target<'_>) -> Result<(), Failure> {
        self.accept(Right::Net, target, &target.to_string(), None, Patience::Task).await
    }

    /// Finds out whether a person approves a call of a tool; fails if there is nobody to ask.
    pub(in crate::script) async fn demand_approval(
        &self,
        tool: &str,
        args: &serde_json::Value,
    ) -> Result<bool, Failure> {
        let covers = |known: &Wildcard| known.covers(tool);
        let is_approved = |permissions: &Permissions| {
            permissions.approved.iter().any(covers)
                || permissions.answers.approved.borrow().iter().any(covers)
        };
        if is_approved(self) {
            return Ok(true);
        }

        let Some(ask) = &self.ask else {
            let refused = format!("tool `{tool}` needs approval; pass `--approve={tool}`");
            self.answers.refused.borrow_mut().get_or_insert(refused);

            let message = format!(
                "tool `{tool}` needs approval, and there is nobody to ask; continue with `kaizen run \
                 --resume --approve={tool}`"
            );
            return Err(Failure::new(Kind::Permission, message));
        };

        let _turn = self.answers.turn.lock().await;
        if is_approved(self) {
            return Ok(true);
        }

        let text = format!("calling the tool `{tool}` with {args}");
        let question = on_one_line(&scrub(&text)).into_owned();
        let answer = ask(question, Patience::Task).await;
        if answer == GrantAnswer::All {
            self.answers.approved.borrow_mut().push(Wildcard::new(tool));
        }
        Ok(answer != GrantAnswer::No)
    }

    async fn accept(
        &self,
        right: Right,
        target: &Target<'_>,
        shown: &str,
        arguments: Option<&[String]>,
        patience: Patience,
    ) -> Result<(), Failure> {
        let word = right.word();
        let deed = right.deed();
        let denial = self.deny.iter().find(|(of, rule)| *of == right && rule.denies(target));
        if let Some((_, rule)) = denial {
            let what = said(right, rule);
            let message = format!("{deed} `{shown}` is denied by {what} or kaizen.toml");
            return Err(Failure::new(Kind::Permission, message));
        }

        if let Target::Path(path) = target {
            procfs::accept(self, path, &format!("{deed} `{shown}`"))?;
        }
        if self.has(right, target) || self.asked(right, target, arguments, patience).await {
            return Ok(());
        }

        let refused = format!("{deed} `{shown}` is not granted; pass `--allow-{word}={target}`");
        self.answers.refused.borrow_mut().get_or_insert(refused);

        let message = format!(
            "{deed} `{shown}` is not granted; run with `--allow-{word}={target}`, or add \
             \"{target}\" to `{word}` under [permissions] in kaizen.toml"
        );
        Err(Failure::new(Kind::Permission, message))
    }

    /// Asks people, if that is possible, and remembers what they say for the rest of the run.
    async fn asked(
        &self,
        right: Right,
        target: &Target<'_>,
        arguments: Option<&[String]>,
        patience: Patience,
    ) -> bool {
        let Some(ask) = &self.ask else { return false };
        // People are asked one question after the other.
        let _turn = self.answers.turn.lock().await;
        // It may have been granted during the wait.
        if self.has(right, target) {
            return true;
        }

        // What is granted is what the question shows, whatever becomes of links meanwhile.
        let rule = exactly(target);
        let question = question(right, target, &rule, arguments);
        if let Some(answer) = self.answers.told.borrow().get(&question) {
            return *answer;
        }

        let answer = ask(question.clone(), patience).await;
        // A program is granted with its arguments, since others would do other things.
        if answer == GrantAnswer::All || answer == GrantAnswer::This && arguments.is_none() {
            let rule = if answer == GrantAnswer::All { Rule::Any } else { rule };
            self.answers.granted.borrow_mut().push((right, rule));
        } else {
            self.answers.told.borrow_mut().insert(question, answer == GrantAnswer::This);
        }
        answer != GrantAnswer::No
    }
}

/// Says what a script asks for, on one line and as it is.
fn question(
    right: Right,
    target: &Target<'_>,
    rule: &Rule,
    arguments: Option<&[String]>,
) -> String {
    let mut text = format!("{} `{target}`", right.deed());
    if let (Target::Path(path), Rule::Path(_, leads_to)) = (target, rule)
        && leads_to != path
    {
        text.push_str(&format!(", a link to `{}`", leads_to.display()));
    }
    if let Some(arguments) = arguments.filter(|arguments| !arguments.is_empty()) {
        // Quoted, so that nobody wonders where one ends.
        text.push_str(&format!(" with {}", serde_json::json!(arguments)));
    }

    on_one_line(&scrub(&text)).into_owned()
}

/// Says how a denial is written.
pub(in crate::script) fn said(right: Right, rule: &Rule) -> String {
    match rule {
        Rule::Any => format!("`--deny-{}`", right.word()),
        rule => format!("`--deny-{}={rule}`", right.word()),
    }
}

/// Returns the rule that covers just this target, hidden or not.
fn exactly(target: &Target<'_>) -> Rule {
    match target {
        Target::Path(path) => Rule::Path(path.to_path_buf(), real(path)),
        Target::Host(host, port) => Rule::Host(HostPattern::exactly(host, *port)),
        Target::Name(name) => Rule::Name(Wildcard::new(*name)),
        Target::Program(program) => Rule::Name(Wildcard::new(program.named())),
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
        let some = with(&[], &[(Right::Env, "SECRET*")]).asking(Rc::new(move |what, _| {
            let answer = if what.contains('A') { GrantAnswer::This } else { GrantAnswer::No };
            log.borrow_mut().push(what);
            Box::pin(std::future::ready(answer))
        }));

        let demand = |name| some.demand(Right::Env, &Target::Name(name), name).is_ok();
        assert!(demand("A") && demand("A") && !demand("B") && !demand("B") && !demand("SECRET_A"));
        assert_eq!(*asked.borrow(), ["reading the variable `A`", "reading the variable `B`"]);
    }
}
