//! What a script may touch besides models: files, hosts, variables of the environment, programs.
//! What is not granted is refused; what is denied is refused whatever is granted.

use crate::base::failure::{Failure, Kind};
use crate::base::path_text::text_of;
use crate::base::secret::{scrub, shortened};
use crate::base::spelling::nearest;
use crate::base::visible::on_one_line;
use crate::base::wildcard::Wildcard;
use crate::model::denial::{Denial, Denials};
use crate::model::provider::host::HostPattern;
use crate::script::host::executable::Executable;
use crate::script::host::files::{plain, real};
use crate::script::host::right::{Right, Target};
use crate::script::host::rule::{Rule, said};
use crate::script::host::{fiber, procfs};
use futures::future::LocalBoxFuture;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Most characters of the input of a program that a question shows.
const STDIN_SHOWN_MAX: usize = 500;

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
    /// In a task, so that others continue meanwhile.
    Task,
    /// Outside of all tasks, where nothing else runs.
    Thread,
}

/// Asks people for a grant; the text says what is wanted.
pub type Ask = Rc<dyn Fn(String, Patience) -> LocalBoxFuture<'static, GrantAnswer>>;

/// What a program is given. It decides what the program does, as much as its name.
#[derive(Debug, Clone, Copy)]
pub(in crate::script) struct ProgramInput<'a> {
    pub(in crate::script) arguments: &'a [String],
    pub(in crate::script) stdin: &'a str,
}

/// What people have answered, in this run.
#[derive(Debug, Default)]
struct Answers {
    /// The first thing that was not granted.
    refused: RefCell<Option<String>>,
    granted: RefCell<Vec<(Right, Rule)>>,
    /// Tools that may be called from now on.
    approved: RefCell<Vec<Wildcard>>,
    /// Calls of tools that are not asked about again.
    declined: RefCell<HashSet<String>>,
    /// What was granted or refused for just what the question was about.
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

    /// Tells whether people can be asked.
    pub(in crate::script) fn can_ask(&self) -> bool {
        self.ask.is_some()
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
        let grants = |(of, rule): &(Right, Rule)| *of == right && rule.grants(target);

        let is_granted = self.allow.iter().any(grants);
        self.denial(right, target).is_none()
            && (is_granted || self.answers.granted.borrow().iter().any(grants))
    }

    /// Tells whether a path is denied.
    pub(in crate::script) fn denies(&self, right: Right, path: &Path) -> bool {
        self.denial(right, &Target::Path(path)).is_some()
    }

    /// Returns the denial of a target, if there is one.
    pub(in crate::script) fn denial(&self, right: Right, target: &Target<'_>) -> Option<&Rule> {
        let denies = |(of, rule): &&(Right, Rule)| *of == right && rule.denies(target);
        self.deny.iter().find(denies).map(|(_, rule)| rule)
    }

    /// Refuses what is denied; `shown` is what people are told of it.
    pub(in crate::script) fn refuse_denied(
        &self,
        right: Right,
        target: &Target<'_>,
        shown: &str,
    ) -> Result<(), Failure> {
        let Some(rule) = self.denial(right, target) else { return Ok(()) };
        let deed = right.deed();
        let what = said(right, rule);
        let message = format!("{deed} `{shown}` is denied by {what} or kaizen.toml");
        Err(Failure::new(Kind::Permission, message))
    }

    /// Tells whether a variable is denied.
    pub(in crate::script) fn denies_variable(&self, name: &str) -> bool {
        self.denial(Right::Env, &Target::Name(name)).is_some()
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

    /// Does the same for a program that is given this.
    pub(in crate::script) async fn demand_program(
        &self,
        program: &Executable,
        input: ProgramInput<'_>,
    ) -> Result<(), Failure> {
        let target = Target::Program(program);
        self.accept(Right::Run, &target, program.named(), Some(input), Patience::Task).await
    }

    /// Does the same for a host, in a task.
    pub(in crate::script) async fn demand_host(&self, target: &Target<'_>) -> Result<(), Failure> {
        self.accept(Right::Net, target, &target.to_string(), None, Patience::Task).await
    }

    /// Does the same for a variable of the environment, in a task.
    pub(in crate::script) async fn demand_variable(&self, name: &str) -> Result<(), Failure> {
        self.accept(Right::Env, &Target::Name(name), name, None, Patience::Task).await
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
            // Who has misspelt the name looks for what is wrong elsewhere.
            let given = self.approved.iter().map(Wildcard::text);
            let near = nearest(tool, given);
            let near = near
                .map_or(String::new(), |near| format!("; `--approve={near}` does not cover it"));
            let refused = format!("tool `{tool}` needs approval; pass `--approve={tool}`{near}");
            self.answers.refused.borrow_mut().get_or_insert(refused);

            let message = format!(
                "tool `{tool}` needs approval, and there is nobody to ask; continue with `kaizen run \
                 --resume --approve={tool}`{near}"
            );
            return Err(Failure::new(Kind::Permission, message));
        };

        let _turn = self.answers.turn.lock().await;
        if is_approved(self) {
            return Ok(true);
        }

        let call = format!("calling the tool `{tool}` with {args}");
        if self.answers.declined.borrow().contains(&call) {
            return Ok(false);
        }

        let question = on_one_line(&scrub(&call)).into_owned();
        let answer = ask(question, Patience::Task).await;
        match answer {
            GrantAnswer::All => self.answers.approved.borrow_mut().push(Wildcard::exactly(tool)),
            GrantAnswer::No => {
                self.answers.declined.borrow_mut().insert(call);
            }
            GrantAnswer::This => {}
        }
        Ok(answer != GrantAnswer::No)
    }

    async fn accept(
        &self,
        right: Right,
        target: &Target<'_>,
        shown: &str,
        input: Option<ProgramInput<'_>>,
        patience: Patience,
    ) -> Result<(), Failure> {
        let word = right.word();
        let deed = right.deed();
        self.refuse_denied(right, target, shown)?;
        refuse_pattern(target)?;

        if let Target::Path(path) = target {
            procfs::accept(&self.granted(), self.denied(), path, &format!("{deed} `{shown}`"))?;
        }
        if self.has(right, target) || self.asked(right, target, input, patience).await {
            return Ok(());
        }

        let granted = detour(target).unwrap_or_else(|| target.to_string());
        let refused = format!("{deed} `{shown}` is not granted; pass `--allow-{word}={granted}`");
        self.answers.refused.borrow_mut().get_or_insert(refused);

        Err(Permissions::not_granted(right, target, shown))
    }

    /// Says how to grant something; `shown` is what the script names.
    pub(in crate::script) fn not_granted(
        right: Right,
        target: &Target<'_>,
        shown: &str,
    ) -> Failure {
        let word = right.word();
        let deed = right.deed();

        let (link, granted) = match detour(target) {
            Some(real) => {
                let link = format!(
                    " and leads through a link to `{real}`; name that path in the script, and"
                );
                (link, real)
            }
            None => (";".to_owned(), target.to_string()),
        };

        let message = format!(
            "{deed} `{shown}` is not granted{link} run with `--allow-{word}={granted}`, or add \
             \"{granted}\" to `{word}` under [permissions] in kaizen.toml"
        );
        Failure::new(Kind::Permission, message)
    }

    /// Asks people, if that is possible, and remembers what they say for the rest of the run.
    async fn asked(
        &self,
        right: Right,
        target: &Target<'_>,
        input: Option<ProgramInput<'_>>,
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
        let question = question(right, target, &rule, input);
        let subject = subject(&question, target, input);
        if let Some(answer) = self.answers.told.borrow().get(&subject) {
            return *answer;
        }

        let answer = ask(question, patience).await;
        // A program is granted with what it is given, since with something else it would do other things.
        if answer == GrantAnswer::All || answer == GrantAnswer::This && input.is_none() {
            let rule = if answer == GrantAnswer::All { Rule::Any } else { rule };
            self.answers.granted.borrow_mut().push((right, rule));
        } else {
            self.answers.told.borrow_mut().insert(subject, answer == GrantAnswer::This);
        }
        answer != GrantAnswer::No
    }
}

/// Says what a script asks for, on one line and as it is.
fn question(
    right: Right,
    target: &Target<'_>,
    rule: &Rule,
    input: Option<ProgramInput<'_>>,
) -> String {
    let mut text = format!("{} `{target}`", right.deed());
    if let (Target::Path(path), Rule::ExactPath(_, leads_to)) = (target, rule)
        && leads_to != path
    {
        text.push_str(&format!(", a link to `{}`", text_of(leads_to)));
    }
    // Quoted, so that nobody wonders where one ends.
    if let Some(input) = input.filter(|input| !input.arguments.is_empty()) {
        text.push_str(&format!(" with {}", serde_json::json!(input.arguments)));
    }
    if let Some(stdin) = input.map(|input| input.stdin).filter(|stdin| !stdin.is_empty()) {
        let shown = shortened(stdin, STDIN_SHOWN_MAX);
        text.push_str(&format!(" and the input {}", serde_json::json!(shown)));
        if stdin.chars().count() > STDIN_SHOWN_MAX {
            text.push_str(&format!(" ({} bytes in total)", stdin.len()));
        }
    }

    on_one_line(&scrub(&text)).into_owned()
}

/// Returns what an answer is remembered by. The question alone is not enough: it shows no secrets and only
/// the beginning of a long input, and the program may be another one by now.
fn subject(question: &str, target: &Target<'_>, input: Option<ProgramInput<'_>>) -> String {
    match (target, input) {
        (Target::Program(program), Some(ProgramInput { arguments, stdin })) => {
            let exact = serde_json::json!([program.version(), arguments, stdin]).to_string();
            format!("{question}\n{}", blake3::hash(exact.as_bytes()))
        }
        // With a dot at its end, it is the same host.
        (Target::Host(host, port), _) => format!("{}:{port}", host.trim_end_matches('.')),
        _ => question.to_owned(),
    }
}

/// Refuses a pattern where one variable is read: people would take it for a question about several.
pub(in crate::script) fn refuse_pattern(target: &Target<'_>) -> Result<(), Failure> {
    match target {
        Target::Name(name) if name.contains('*') => {
            let message = format!(
                "`{name}` is a pattern and names no variable; write the name of one variable"
            );
            Err(Failure::new(Kind::Option, message))
        }
        _ => Ok(()),
    }
}

/// Returns the rule that covers just this target, hidden or not.
fn exactly(target: &Target<'_>) -> Rule {
    match target {
        Target::Path(path) => Rule::ExactPath(path.to_path_buf(), real(path)),
        Target::Host(host, port) => Rule::Host(HostPattern::exactly(host, *port)),
        Target::Name(name) => Rule::Name(Wildcard::exactly(*name)),
        Target::Program(program) => Rule::Program(Wildcard::exactly(program.named()), Vec::new()),
    }
}

/// Returns where a path really is if it leads out of this folder by a link: nobody can grant it by its own name.
fn detour(target: &Target<'_>) -> Option<String> {
    let Target::Path(path) = target else { return None };
    let here = Path::new(".").canonicalize().ok()?;
    let leads_to = real(path);
    let rule = Rule::Path(path.to_path_buf(), leads_to.clone());
    rule.refuse_detour(&here).is_err().then(|| text_of(&leads_to))
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

    /// Says yes to a question about the first target, and returns which of the others are granted by that.
    fn covered_by_a_yes<'a>(right: Right, first: Target<'a>, others: &[Target<'a>]) -> Vec<String> {
        let yes: Ask = Rc::new(|_, _| Box::pin(std::future::ready(GrantAnswer::This)));
        let some = Permissions::default().asking(yes);
        some.demand(right, &first, &first.to_string()).expect("granted");
        assert!(some.has(right, &first), "{first}");

        let covered = others.iter().filter(|other| some.has(right, other));
        covered.map(Target::to_string).collect()
    }

    #[test]
    fn a_yes_covers_only_what_the_question_shows() {
        let none: [String; 0] = [];
        let paths = ["/", "/etc", "/etc/passwd", "/etc/.x", "/e", "/a*", "/ab"];
        for first in paths {
            let others = paths.iter().filter(|path| **path != first);
            let others: Vec<Target<'_>> =
                others.map(|path| Target::Path(Path::new(path))).collect();
            for right in [Right::Read, Right::Write] {
                let first = Target::Path(Path::new(first));
                assert_eq!(covered_by_a_yes(right, first, &others), none);
            }
        }

        let hosts = ["*.a.com", "a.com", "b.a.com", "*", "127.0.0.1", "localhost", "[::1]"];
        for first in hosts {
            let others = hosts.iter().filter(|host| **host != first);
            let others: Vec<Target<'_>> = others.map(|host| Target::Host(host, 80)).collect();
            assert_eq!(covered_by_a_yes(Right::Net, Target::Host(first, 80), &others), none);
            let ports = [Target::Host(first, 443), Target::Host(first, 8080)];
            assert_eq!(covered_by_a_yes(Right::Net, Target::Host(first, 80), &ports), none);
        }

        let others = ["A", "AB", "a", "A_B"].map(Target::Name);
        assert_eq!(covered_by_a_yes(Right::Env, Target::Name("B"), &others), none);
    }

    #[test]
    fn a_pattern_is_the_name_of_no_variable() {
        let all = Permissions::all();
        let refusals = ["*", "AWS*", "*_KEY"].map(|name| {
            let refused = all.demand(Right::Env, &Target::Name(name), name);
            refused.expect_err("a pattern").message
        });
        expect_test::expect![[r#"
            `*` is a pattern and names no variable; write the name of one variable
            `AWS*` is a pattern and names no variable; write the name of one variable
            `*_KEY` is a pattern and names no variable; write the name of one variable"#]]
        .assert_eq(&refusals.join("\n"));
    }

    #[test]
    fn a_yes_to_a_name_with_a_star_is_none_to_the_variables_of_a_process() {
        let star = Permissions::default();
        let exact = exactly(&Target::Name("*"));
        star.answers.granted.borrow_mut().push((Right::Env, exact));

        let environ = Path::new("/proc/self/environ");
        let accepted = procfs::accept(&star.granted(), star.denied(), environ, "reading it");
        assert!(accepted.is_err());
    }

    #[test]
    fn a_call_of_a_tool_that_was_declined_is_not_asked_about_again() {
        let asked: Rc<RefCell<Vec<String>>> = Rc::default();
        let log = asked.clone();
        let some = Permissions::default().asking(Rc::new(move |what, _| {
            log.borrow_mut().push(what);
            Box::pin(std::future::ready(GrantAnswer::No))
        }));

        let demand = |tool, sum| {
            let args = serde_json::json!({ "sum": sum });
            futures::executor::block_on(some.demand_approval(tool, &args)).ok()
        };
        assert_eq!([demand("pay", 1), demand("pay", 1), demand("pay", 2)], [Some(false); 3]);
        assert_eq!(
            *asked.borrow(),
            [
                r#"calling the tool `pay` with {"sum":1}"#,
                r#"calling the tool `pay` with {"sum":2}"#
            ]
        );
    }
}
