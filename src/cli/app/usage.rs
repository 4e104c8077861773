//! What is said of a command line that is wrong: a parameter of a script that is given like an option of kaizen.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The commands that take parameters of a script.
const TAKING: &[&str] = &["compare", "plan", "run", "test", "watch"];

/// Says how a parameter of a script is set, where an unknown argument looks like one.
pub(in crate::cli) fn with_parameter(mut error: Error) -> Error {
    let given: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let is_taken = given.iter().skip(1).any(|word| TAKING.contains(&word.as_str()));
    if error.kind() != ErrorKind::UnknownArgument || !is_taken {
        return error;
    }

    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    if let Some(pair) = pair(unknown, &given) {
        let tip = format!("to set a parameter of the script, use '-p {pair}'");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
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
