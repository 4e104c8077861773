//! What scripts may touch, from the command line and the configuration; and asking people for it.

use crate::base::clock;
use crate::base::path_text::{path_of, text_of};
use crate::base::secret::scrub;
use crate::base::visible::shown;
use crate::base::wildcard::Wildcard;
use crate::cli::app::config::{Config, ConfigError};
use crate::cli::app::exit::Exit;
use crate::cli::app::terminal;
use crate::cli::render::progress::Progress;
use crate::script::host::files;
use crate::script::host::permission::{Ask, GrantAnswer, Patience, Permissions};
use crate::script::host::right::Right;
use crate::script::host::rule::Rule;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, tcflush};
use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Stands for an option without a list. No argument can hold it.
pub(in crate::cli) const EVERYTHING: &str = "\0";
/// Longest wait for the signal that a terminal has gone away, which may come later than that is seen.
const HANG_UP_MAX: Duration = Duration::from_secs(1);
/// How often a question looks whether the run was stopped meanwhile.
pub(in crate::cli) const LOOK: Duration = Duration::from_millis(50);

/// Grants and denials of the command line.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Permissions")]
pub(in crate::cli) struct Grants {
    /// Allow reading these files and folders in addition to the project's. Without a list: all.
    #[arg(long, value_name = "PATH,..", num_args = 0..=1, require_equals = true, default_missing_value = EVERYTHING)]
    allow_read: Vec<OsString>,
    /// Allow writing these files and folders. Without a list: all.
    #[arg(long, value_name = "PATH,..", num_args = 0..=1, require_equals = true, default_missing_value = EVERYTHING)]
    allow_write: Vec<OsString>,
    /// Allow access to these hosts. Without a list: all.
    #[arg(long, value_name = "HOST,..", num_args = 0..=1, require_equals = true, default_missing_value = EVERYTHING)]
    allow_net: Vec<OsString>,
    /// Allow reading these environment variables, including as keys of models. Without a list: all.
    #[arg(long, value_name = "NAME,..", num_args = 0..=1, require_equals = true, default_missing_value = EVERYTHING)]
    allow_env: Vec<OsString>,
    /// Allow running these programs. The programs themselves are not restricted. Without a list: all.
    #[arg(long, value_name = "PROGRAM,..", num_args = 0..=1, require_equals = true, default_missing_value = EVERYTHING)]
    allow_run: Vec<OsString>,
    /// Deny reading these files and folders, overriding every grant. Without a list: all.
    #[arg(long, value_name = "PATH,..", num_args = 0..=1, require_equals = true, default_missing_value = EVERYTHING)]
    deny_read: Vec<OsString>,
    /// Deny writing these files and folders.
    #[arg(long, value_name = "PATH,..", num_args = 0..=1, require_equals = true, default_missing_value = EVERYTHING)]
    deny_write: Vec<OsString>,
    /// Deny access to these hosts.
    #[arg(long, value_name = "HOST,..", num_args = 0..=1, require_equals = true, default_missing_value = EVERYTHING)]
    deny_net: Vec<OsString>,
    /// Deny reading these environment variables.
    #[arg(long, value_name = "NAME,..", num_args = 0..=1, require_equals = true, default_missing_value = EVERYTHING)]
    deny_env: Vec<OsString>,
    /// Deny running these programs.
    #[arg(long, value_name = "PROGRAM,..", num_args = 0..=1, require_equals = true, default_missing_value = EVERYTHING)]
    deny_run: Vec<OsString>,
    /// Grant everything.
    #[arg(short = 'A', long)]
    allow_all: bool,
    /// Tools that may be called without asking; each command says where it takes them from.
    #[arg(skip)]
    pub(in crate::cli) approve: Vec<String>,
    /// Deny everything that is not granted, instead of asking on the terminal.
    #[arg(long)]
    no_prompt: bool,
}

impl Grants {
    fn of(&self, right: Right) -> [(&'static str, &Vec<OsString>); 2] {
        let (allow, deny) = match right {
            Right::Read => (&self.allow_read, &self.deny_read),
            Right::Write => (&self.allow_write, &self.deny_write),
            Right::Net => (&self.allow_net, &self.deny_net),
            Right::Env => (&self.allow_env, &self.deny_env),
            Right::Run => (&self.allow_run, &self.deny_run),
        };

        [("allow", allow), ("deny", deny)]
    }

    /// Returns options that grant and deny the same from another folder, and of which nobody is asked.
    pub(in crate::cli) fn as_options(&self) -> std::io::Result<Vec<OsString>> {
        let here = std::env::current_dir()?;
        let mut options: Vec<OsString> = vec!["--no-prompt".into()];
        if self.allow_all {
            options.push("--allow-all".into());
        }

        for right in Right::ALL {
            for (word, lists) in self.of(right) {
                let name = format!("--{word}-{}", right.word());
                for list in lists {
                    if list == EVERYTHING {
                        options.push(name.clone().into());
                        continue;
                    }
                    // Options add up, so each item may stand in one of its own.
                    for item in items(right, word, list, &here) {
                        let is_path = match right {
                            Right::Read | Right::Write => true,
                            Right::Run => item.as_bytes().contains(&b'/'),
                            Right::Net | Right::Env => false,
                        };
                        let mut option = OsString::from(format!("{name}="));
                        if is_path && !item.is_empty() {
                            option.push(here.join(path_of(&rule_text(item))));
                        } else {
                            option.push(item);
                        }
                        options.push(option);
                    }
                }
            }
        }
        Ok(options)
    }

    /// Returns the same options as they were typed. What is no text cannot be sent to others.
    #[cfg(feature = "engine")]
    pub(in crate::cli) fn as_typed(&self) -> Option<Vec<String>> {
        let mut options: Vec<String> = Vec::new();
        if self.allow_all {
            options.push("--allow-all".to_owned());
        }
        for right in Right::ALL {
            for (word, lists) in self.of(right) {
                for list in lists {
                    let list = list.to_str()?;
                    let option = format!("--{word}-{}", right.word());
                    let is_all = list == EVERYTHING;
                    options.push(if is_all { option } else { format!("{option}={list}") });
                }
            }
        }
        Some(options)
    }

    /// Returns what both grant. Whatever one of them denies is denied.
    #[cfg(feature = "engine")]
    pub(in crate::cli) fn within(&self, other: &Grants) -> Grants {
        let both = |own: &Vec<OsString>, others: &Vec<OsString>| {
            let is_all = |lists: &Vec<OsString>, all: bool| {
                all || lists.iter().any(|list| list == EVERYTHING)
            };
            match (is_all(own, self.allow_all), is_all(others, other.allow_all)) {
                (true, _) => others.clone(),
                (_, true) => own.clone(),
                (false, false) => {
                    let others: Vec<&OsStr> = others.iter().flat_map(|list| items(list)).collect();
                    let own = own.iter().flat_map(|list| items(list));
                    own.filter(|item| others.contains(item)).map(OsStr::to_owned).collect()
                }
            }
        };
        let either = |own: &Vec<OsString>, others: &Vec<OsString>| [&own[..], others].concat();

        Grants {
            allow_read: both(&self.allow_read, &other.allow_read),
            allow_write: both(&self.allow_write, &other.allow_write),
            allow_net: both(&self.allow_net, &other.allow_net),
            allow_env: both(&self.allow_env, &other.allow_env),
            allow_run: both(&self.allow_run, &other.allow_run),
            deny_read: either(&self.deny_read, &other.deny_read),
            deny_write: either(&self.deny_write, &other.deny_write),
            deny_net: either(&self.deny_net, &other.deny_net),
            deny_env: either(&self.deny_env, &other.deny_env),
            deny_run: either(&self.deny_run, &other.deny_run),
            allow_all: self.allow_all && other.allow_all,
            approve: self.approve.clone(),
            no_prompt: true,
        }
    }

    /// Tells whether people may be asked.
    pub(in crate::cli) fn may_ask(&self) -> bool {
        !self.no_prompt && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }
}

/// Puts together what a script may touch: it reads what lies in `root` unless the configuration
/// says what else, and everything else is granted or not at all. `project` is the folder that the
/// paths of the configuration are relative to.
pub(in crate::cli) fn permissions(
    grants: &Grants,
    config: &Config,
    root: &Path,
    project: &Path,
) -> anyhow::Result<Permissions> {
    let says_read = config.permissions().iter().any(|rules| rules.key == "read");
    let mut permissions = match (grants.allow_all, says_read) {
        (true, _) => Permissions::all(),
        (false, true) => Permissions::default(),
        (false, false) => Permissions::reading(root),
    };

    let project = files::real(&std::path::absolute(project)?);
    add_of_project(&mut permissions, config, &project)?;
    add_of_options(&mut permissions, grants, &project)?;

    for list in &grants.approve {
        for name in list.split(',') {
            let pattern = if name == EVERYTHING { "*" } else { name.trim() };
            if pattern.is_empty() {
                return Err(wrong("--approve".to_owned(), name, "it is empty".to_owned()).into());
            }
            permissions.approve(Wildcard::new(pattern));
        }
    }

    Ok(permissions)
}

/// Adds the rules of the configuration. Their paths begin at the project's folder.
fn add_of_project(
    permissions: &mut Permissions,
    config: &Config,
    project: &Path,
) -> Result<(), ConfigError> {
    for rules in config.permissions() {
        let (allow, word) = match rules.key.strip_prefix("deny_") {
            Some(word) => (false, word),
            None => (true, rules.key.as_str()),
        };

        let Some(right) = Right::ALL.into_iter().find(|right| right.word() == word) else {
            continue;
        };

        let origin = &rules.origin;
        let origin = format!("{origin}: permissions.{}", rules.key);
        // An empty list of grants takes away what is granted by itself; one of denials does nothing.
        if rules.list.is_empty() && !allow {
            let reason = "the list denies nothing; name what to deny, or delete the line";
            return Err(wrong(origin, "[]", reason.to_owned()));
        }

        for text in &rules.list {
            let rule = Rule::parse(right, text, project).and_then(|rule| {
                if allow {
                    rule.refuse_detour(project)?;
                }
                Ok(rule)
            });

            let rule = rule.map_err(|reason| wrong(origin.clone(), text, reason))?;
            add(permissions, allow, right, rule);
        }
    }
    Ok(())
}

/// Adds the rules of the command line. Their paths begin at the folder one is in.
fn add_of_options(
    permissions: &mut Permissions,
    grants: &Grants,
    project: &Path,
) -> anyhow::Result<()> {
    let here = std::env::current_dir()?;
    for right in Right::ALL {
        for (word, lists) in grants.of(right) {
            for item in lists.iter().flat_map(|list| items(right, word, list, &here)) {
                // Only an option without a list means everything of its kind. In a list, what is
                // empty may be a variable of a shell that is not set.
                let text = rule_text(item);
                let rule = if item == EVERYTHING {
                    Ok(Rule::Any)
                } else {
                    Rule::parse(right, &text, &here)
                };
                let rule = rule.and_then(|rule| {
                    if word == "allow" {
                        rule.refuse_detour(&here)?;
                        rule.refuse_detour(project)?;
                    }
                    Ok(rule)
                });

                let option = format!("--{word}-{}", right.word());
                let rule = rule.map_err(|reason| wrong(option, &text, reason))?;
                add(permissions, word == "allow", right, rule);
            }
        }
    }
    Ok(())
}

/// Returns the items of a list. A path may be no text. A file may have a comma in its name: one that is there is
/// meant if not each part is there too, and is denied in any case.
fn items<'a>(right: Right, word: &str, list: &'a OsStr, here: &Path) -> Vec<&'a OsStr> {
    let parts: Vec<&OsStr> =
        list.as_bytes().split(|byte| *byte == b',').map(OsStr::from_bytes).collect();
    let is_there = |item: &OsStr| {
        !item.is_empty() && here.join(path_of(&rule_text(item))).symlink_metadata().is_ok()
    };
    let may_be_file = match right {
        Right::Read | Right::Write | Right::Run => parts.len() > 1 && is_there(list),
        Right::Net | Right::Env => false,
    };

    if !may_be_file {
        return parts;
    }
    if word == "deny" {
        return parts.into_iter().chain([list]).collect();
    }
    if parts.iter().all(|part| is_there(part)) { parts } else { vec![list] }
}

/// Returns the text of a rule. Bytes that are no text are escaped, as they are where paths are shown.
fn rule_text(item: &OsStr) -> String {
    item.to_str().map_or_else(|| text_of(Path::new(item)), str::to_owned)
}

fn wrong(origin: String, rule: &str, reason: String) -> ConfigError {
    ConfigError::Rule { origin, rule: rule.to_owned(), reason }
}

fn add(permissions: &mut Permissions, allow: bool, right: Right, rule: Rule) {
    if allow {
        permissions.allow(right, rule);
    } else {
        permissions.deny(right, rule);
    }
}

/// Returns a way to ask people on the terminal, beside what is drawn there. Where nothing else happens
/// meanwhile, nobody is waited for longer than `limit`.
pub(in crate::cli) fn asker(
    progress: Rc<RefCell<Progress>>,
    interrupted: Arc<AtomicBool>,
    limit: Option<Duration>,
) -> Ask {
    Rc::new(move |what, patience| {
        let progress = progress.clone();
        let interrupted = interrupted.clone();
        let text = format!(
            "the script requests permission for {what}. Allow? [y]es, [a]ll of this kind, \
             anywhere, [N]o "
        );
        Box::pin(async move {
            // Outside of all tasks nobody else asks.
            let _turn = match patience {
                Patience::Task => Some(take_terminal().await),
                Patience::Thread => None,
            };
            let mut open = OpenQuestion::open(progress, &text);
            let since = clock::monotonic();
            let mut gone_at = None;
            let line = loop {
                if let Some(line) = open.line() {
                    break line;
                }

                let now = clock::monotonic();
                if terminal::is_gone(&std::io::stdin()) {
                    gone_at.get_or_insert(now);
                }

                let lasts = |from: Duration, most: Duration| now.saturating_sub(from) > most;
                // In a task, the run itself is over then.
                let limit = limit.filter(|_| patience == Patience::Thread);
                let is_over = limit.is_some_and(|most| lasts(since, most))
                    || gone_at.is_some_and(|from| lasts(from, HANG_UP_MAX));
                if is_over || interrupted.load(Ordering::SeqCst) {
                    break String::new();
                }

                match patience {
                    Patience::Task => tokio::time::sleep(LOOK).await,
                    Patience::Thread => std::thread::sleep(LOOK),
                }
            };

            read(&line)
        })
    })
}

thread_local! {
    /// Taken while a question is open on the terminal.
    static TERMINAL: Arc<tokio::sync::Mutex<()>> = Arc::default();
}

/// Waits until no other question is open on the terminal, and keeps others from opening one.
pub(in crate::cli) async fn take_terminal() -> tokio::sync::OwnedMutexGuard<()> {
    TERMINAL.with(Arc::clone).lock_owned().await
}

/// A question that is open on the terminal; it is closed when this is dropped.
pub(in crate::cli) struct OpenQuestion {
    progress: Rc<RefCell<Progress>>,
    text: String,
    typed: Vec<u8>,
    is_answered: bool,
}

impl OpenQuestion {
    pub(in crate::cli) fn open(progress: Rc<RefCell<Progress>>, text: &str) -> OpenQuestion {
        forget_typed();
        progress.borrow().open_question(text);
        OpenQuestion { progress, text: text.to_owned(), typed: Vec::new(), is_answered: false }
    }

    /// Returns the line that was typed, once it is whole. A terminal that is gone says nothing, and the
    /// signal that it is gone ends the wait.
    pub(in crate::cli) fn line(&mut self) -> Option<String> {
        let stdin = std::io::stdin();
        let mut ready = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        let is_ready = matches!(poll(&mut ready, PollTimeout::ZERO), Ok(1..));
        if !is_ready || terminal::is_gone(&stdin) {
            return None;
        }

        let mut bytes = [0; 256];
        let count = nix::unistd::read(&stdin, &mut bytes).unwrap_or(0);
        self.typed.extend_from_slice(&bytes[..count]);
        self.is_answered = self.typed.ends_with(b"\n");

        if !self.is_answered && count > 0 {
            return None;
        }

        match String::from_utf8(std::mem::take(&mut self.typed)) {
            Ok(line) => Some(line),
            Err(_) if count == 0 => Some(String::new()),
            Err(_) => {
                self.is_answered = false;
                let again = format!("the answer is not valid UTF-8 text; {}", self.text);
                self.progress.borrow().open_question(&again);
                None
            }
        }
    }
}

impl Drop for OpenQuestion {
    fn drop(&mut self) {
        self.progress.borrow().close_question(self.is_answered);
    }
}

/// Forgets what was typed before a question was seen: it is no answer to it.
fn forget_typed() {
    // What is no terminal has nothing typed ahead.
    let _ = tcflush(std::io::stdin(), FlushArg::TCIFLUSH);
}

/// Asks a question on the terminal, and waits for the line that answers it.
pub(in crate::cli) fn ask_and_wait(text: &str) -> std::io::Result<String> {
    forget_typed();
    let mut stderr = std::io::stderr();
    write!(stderr, "{}", terminal::fitted_err(&shown(&scrub(text))))?;
    stderr.flush()?;

    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    if terminal::is_gone(&std::io::stdin()) {
        // Nothing has begun that could be kept.
        std::process::exit(i32::from(Exit::HungUp.code()));
    }

    read?;
    Ok(line)
}

fn read(line: &str) -> GrantAnswer {
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" => GrantAnswer::This,
        "a" | "all" => GrantAnswer::All,
        _ => GrantAnswer::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        assert_eq!(["y\n", "YES", "a", "n", "", "yep"].map(read), {
            use GrantAnswer::{All, No, This};
            [This, This, All, No, No, No]
        });
    }

    #[cfg(feature = "engine")]
    #[test]
    fn a_run_elsewhere_gets_what_both_sides_grant() {
        use clap::Parser as _;

        #[derive(Debug, clap::Parser)]
        struct Typed {
            #[command(flatten)]
            grants: Grants,
        }
        let read = |options: &str| {
            let typed = ["kaizen"].into_iter().chain(options.split_whitespace());
            Typed::try_parse_from(typed).expect("options").grants
        };

        let both = |submitter: &str, worker: &str| {
            let within = read(submitter).within(&read(worker));
            within.as_typed().expect("texts").join(" ")
        };
        let shown = [
            both("", "--allow-all"),
            both("--allow-all", ""),
            both("--allow-all", "--allow-all"),
            both("--allow-net=a.example,b.example --allow-run", "--allow-net=b.example,c.example"),
            both("--allow-net=a.example", "--allow-net"),
            both("--allow-env", "--allow-env=KEY --deny-env=OTHER"),
            both("--allow-all --deny-net", "--allow-all --deny-run=rm"),
        ];
        expect_test::expect![[r#"


            --allow-all
            --allow-net=b.example
            --allow-net=a.example
            --allow-env=KEY --deny-env=OTHER
            --allow-all --deny-net --deny-run=rm"#]]
        .assert_eq(&shown.join("\n"));
    }
}
