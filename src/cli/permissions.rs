//! What scripts may touch, from the command line and the configuration; and asking people for it.

use crate::cli::config::{Config, ConfigError, Origin};
use crate::cli::render::progress::Progress;
use crate::script::files;
use crate::script::permission::{Answer, Ask, Permissions, Right, Rule};
use std::cell::RefCell;
use std::io::IsTerminal;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How often a question looks whether the run was stopped meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// Grants and denials of the command line.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Permissions")]
pub(super) struct Grants {
    /// Let the script read these files and folders besides the project's; without a list, any.
    #[arg(long, value_name = "PATH,..", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    allow_read: Vec<String>,
    /// Let it write these files and folders; without a list, any.
    #[arg(long, value_name = "PATH,..", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    allow_write: Vec<String>,
    /// Let it reach these hosts; without a list, any.
    #[arg(long, value_name = "HOST,..", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    allow_net: Vec<String>,
    /// Let it read these variables of the environment; without a list, any.
    #[arg(long, value_name = "NAME,..", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    allow_env: Vec<String>,
    /// Let it run these programs, which may then do anything; without a list, any.
    #[arg(long, value_name = "PROGRAM,..", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    allow_run: Vec<String>,
    /// Never let it read these, whatever is granted; without a list, none at all.
    #[arg(long, value_name = "PATH,..", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    deny_read: Vec<String>,
    /// Never let it write these.
    #[arg(long, value_name = "PATH,..", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    deny_write: Vec<String>,
    /// Never let it reach these.
    #[arg(long, value_name = "HOST,..", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    deny_net: Vec<String>,
    /// Never let it read these variables.
    #[arg(long, value_name = "NAME,..", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    deny_env: Vec<String>,
    /// Never let it run these.
    #[arg(long, value_name = "PROGRAM,..", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    deny_run: Vec<String>,
    /// Grant everything.
    #[arg(short = 'A', long)]
    allow_all: bool,
    /// Refuse what is not granted instead of asking on the terminal.
    #[arg(long)]
    no_prompt: bool,
}

impl Grants {
    fn of(&self, right: Right) -> [(&'static str, &Vec<String>); 2] {
        let (allow, deny) = match right {
            Right::Read => (&self.allow_read, &self.deny_read),
            Right::Write => (&self.allow_write, &self.deny_write),
            Right::Net => (&self.allow_net, &self.deny_net),
            Right::Env => (&self.allow_env, &self.deny_env),
            Right::Run => (&self.allow_run, &self.deny_run),
        };
        [("allow", allow), ("deny", deny)]
    }

    /// Tells whether people may be asked.
    pub(super) fn may_ask(&self) -> bool {
        !self.no_prompt && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }
}

/// Puts together what a script may touch: it reads what lies in `root` unless the configuration
/// says what else, and everything else is granted or not at all. `project` is the folder that the
/// paths of the configuration are relative to.
pub(super) fn permissions(
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
    for rules in config.permissions() {
        let (allow, word) = match rules.key.strip_prefix("deny_") {
            Some(word) => (false, word),
            None => (true, rules.key.as_str()),
        };
        let Some(right) = Right::ALL.into_iter().find(|right| right.word() == word) else {
            continue;
        };
        for text in &rules.list {
            let origin = &rules.origin;
            let origin = format!("{origin}: permissions.{}", rules.key);
            let rule = Rule::parse(right, text, &project).map_err(|r| wrong(origin, text, r))?;
            add(&mut permissions, allow, right, rule);
        }
    }
    let here = std::env::current_dir()?;
    for right in Right::ALL {
        for (word, lists) in grants.of(right) {
            for list in lists {
                for text in list.split(',') {
                    let rule = if text.is_empty() {
                        Ok(Rule::Any)
                    } else {
                        Rule::parse(right, text, &here)
                    };
                    let option = format!("--{word}-{}", right.word());
                    let rule = rule.map_err(|reason| wrong(option, text, reason))?;
                    add(&mut permissions, word == "allow", right, rule);
                }
            }
        }
    }
    Ok(permissions)
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

/// Returns a way to ask people on the terminal, beside what is drawn there.
pub(super) fn asker(progress: Rc<RefCell<Progress>>, interrupted: Arc<AtomicBool>) -> Ask {
    Rc::new(move |what| {
        progress.borrow().suspend(|| {
            eprint_question(&format!(
                "the script asks for {what}: allow? [y]es, [a]ll such, [N]o "
            ));
            answer(&interrupted)
        })
    })
}

/// Writes a question and leaves the cursor behind it.
pub(super) fn eprint_question(text: &str) {
    use std::io::Write as _;
    let mut stderr = std::io::stderr();
    // Without a terminal there is nobody to be asked; the answer is then no.
    let _ = write!(stderr, "{}", crate::base::secret::scrub(text)).and_then(|()| stderr.flush());
}

/// Waits for a line, unless the run is stopped meanwhile.
fn answer(interrupted: &AtomicBool) -> Answer {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        // A terminal that is gone says nothing, which is no.
        let _ = std::io::stdin().read_line(&mut line);
        let _ = send.send(line);
    });
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(line) => return read(&line),
            Err(RecvTimeoutError::Timeout) if interrupted.load(Ordering::SeqCst) => {
                return Answer::No;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Answer::No,
        }
    }
}

fn read(line: &str) -> Answer {
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" => Answer::This,
        "a" | "all" => Answer::All,
        _ => Answer::No,
    }
}

/// The rules of one key of `[permissions]`.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// The key, such as `read` or `deny_net`.
    pub(super) key: String,
    /// What it lists.
    pub(super) list: Vec<String>,
    /// The file it stands in.
    pub(super) origin: Origin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        assert_eq!(["y\n", "YES", "a", "n", "", "yep"].map(read), {
            use Answer::{All, No, This};
            [This, This, All, No, No, No]
        });
    }
}
