//! What is said of a command line that is wrong: words of other programs, and a parameter of a script that is
//! given like an option of kaizen.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The commands that take parameters of a script.
const TAKING: &[&str] = &["compare", "plan", "run", "test", "watch"];

/// Options of other programs, each with the command that it is meant for, if it is one alone, and what to use.
const OPTIONS: &[(&str, &str, &str)] = &[
    ("", "--budget", "use '--max-cost DOLLARS'"),
    ("", "--concurrency", "use '--max-concurrent N'"),
    ("", "--debug", "'kaizen show' lists every call of a run, and '--json' prints JSON lines"),
    ("", "--dry-run", "use 'kaizen plan SCRIPT', which shows the calls and their cost"),
    ("", "--limit", "use '--max-calls N' or '--max-cost DOLLARS'"),
    ("", "--max-budget", "use '--max-cost DOLLARS'"),
    ("", "--parallel", "use '--max-concurrent N'"),
    ("", "--silent", "use '--quiet'"),
    ("", "--verbose", "'kaizen show' lists every call of a run, and '--json' prints JSON lines"),
    ("", "-v", "'kaizen show' lists every call of a run, and '--json' prints JSON lines"),
    ("", "--workers", "use '--max-concurrent N'"),
    ("run", "--watch", "use 'kaizen watch SCRIPT'"),
    ("test", "--filter", "write a part of the test's name: 'kaizen test NAME'"),
    ("test", "-k", "write a part of the test's name: 'kaizen test NAME'"),
];

/// Commands of other programs, and what to use.
const COMMANDS: &[(&str, &str)] = &[
    ("add", "use 'kaizen new' or 'kaizen init'"),
    ("build", "scripts need no build: use 'kaizen check SCRIPT' or 'kaizen run SCRIPT'"),
    ("create", "use 'kaizen new NAME'"),
    ("dev", "use 'kaizen watch SCRIPT'"),
    ("eval", "use 'kaizen compare SCRIPT ..' or 'kaizen repl'"),
    ("exec", "use 'kaizen run SCRIPT'"),
    ("history", "use 'kaizen runs'"),
    ("lint", "use 'kaizen check SCRIPT'"),
    ("list", "use 'kaizen runs' for runs, 'kaizen models' for models or 'kaizen tools' for tools"),
    ("log", "use 'kaizen runs' and 'kaizen show RUN'"),
    ("logs", "use 'kaizen runs' and 'kaizen show RUN'"),
    ("ls", "use 'kaizen runs' for runs, 'kaizen models' for models or 'kaizen tools' for tools"),
    ("serve", "use 'kaizen ui' for the page or 'kaizen mcp' for other agents"),
    ("start", "use 'kaizen run SCRIPT'"),
    ("status", "use 'kaizen runs' or 'kaizen doctor'"),
    ("view", "use 'kaizen ui' or 'kaizen show RUN'"),
];

/// Says what to use instead of an option or a command of another program, and how a parameter of a script is set,
/// where an unknown argument looks like one.
pub(in crate::cli) fn explained(mut error: Error) -> Error {
    let given: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let tip = match (error.kind(), unknown(&error)) {
        (ErrorKind::UnknownArgument, Some(unknown)) => {
            let known = option(&unknown, &given);
            if known.is_none()
                && let Some(tip) = parameter(&unknown, &given)
            {
                let tips = ContextValue::StyledStrs(vec![tip.into()]);
                error.insert(ContextKind::Suggested, tips);
            }
            known
        }
        (ErrorKind::InvalidSubcommand, Some(unknown)) => {
            let known = COMMANDS.iter().find(|(known, _)| *known == unknown);
            known.map(|(_, tip)| (*tip).to_owned())
        }
        _ => None,
    };

    if let Some(tip) = tip {
        // What only looks like it is not meant.
        for other in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand] {
            error.remove(other);
        }
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Returns the argument or the command that nobody knows.
fn unknown(error: &Error) -> Option<String> {
    let kinds = [ContextKind::InvalidArg, ContextKind::InvalidSubcommand];
    kinds.into_iter().find_map(|kind| match error.get(kind) {
        Some(ContextValue::String(unknown)) => Some(unknown.clone()),
        _ => None,
    })
}

/// Says what to use instead of an option of another program.
fn option(unknown: &str, given: &[String]) -> Option<String> {
    let name = unknown.split('=').next().unwrap_or(unknown);
    let has = |command: &str| command.is_empty() || given.iter().any(|word| word == command);
    let mut options = OPTIONS.iter();
    let known = options.find(|(command, option, _)| *option == name && has(command));
    known.map(|(.., tip)| (*tip).to_owned())
}

/// Says how a parameter of a script is set, if an unknown argument looks like one.
fn parameter(unknown: &str, given: &[String]) -> Option<String> {
    let is_taken = given.iter().skip(1).any(|word| TAKING.contains(&word.as_str()));
    let pair = pair(unknown, given).filter(|_| is_taken)?;
    Some(format!("to set a parameter of the script, use '-p {pair}'"))
}

/// Returns an unknown argument as the pair that `-p` takes: `--topic trams` is `topic=trams`.
fn pair(unknown: &str, given: &[String]) -> Option<String> {
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    };
    if let Some((name, _)) = unknown.split_once('=').filter(|_| !unknown.starts_with('-')) {
        return is_name(name).then(|| unknown.to_owned());
    }

    let name = unknown.strip_prefix("--")?;
    let (name, own) = name.split_once('=').map_or((name, None), |(name, own)| (name, Some(own)));
    let at = given.iter().position(|word| word.split('=').next() == unknown.split('=').next())?;
    let own = own.or_else(|| given[at].split_once('=').map(|(_, own)| own));
    let next = given.get(at + 1).map(String::as_str).filter(|next| !next.starts_with('-'));

    let value = own.or(next).unwrap_or("VALUE");
    is_name(name).then(|| format!("{name}={value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_argument_is_read_as_a_parameter() {
        let given = ["kaizen", "run", "s.rhai", "--topic", "trams", "--n=2", "--last"];
        let given = given.map(str::to_owned);
        let pairs = ["--topic", "--n", "--last", "-x", "a=b c", "=b", "s"];
        expect_test::expect![[r#"
            Some("topic=trams")
            Some("n=2")
            Some("last=VALUE")
            None
            Some("a=b c")
            None
            None
        "#]]
        .assert_eq(&pairs.map(|unknown| format!("{:?}\n", pair(unknown, &given))).concat());
    }
}
