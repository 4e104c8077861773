//! Numbers of the command line. The words of Rust for what is no number would help nobody.

use std::num::IntErrorKind;

/// Reads a whole number from 0 up.
pub(in crate::cli) fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|error: std::num::ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow => format!("the largest number is {}", u64::MAX),
        _ => "expected a whole number".to_owned(),
    })
}

/// Reads a whole number from 1 up.
pub(in crate::cli) fn count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("expected a whole number of at least 1".to_owned()),
    }
}

/// Reads how many of something there may be at once.
pub(in crate::cli) fn few(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("expected a whole number from 1 to {}", u16::MAX)),
    }
}

/// Reads how many lines are shown.
pub(in crate::cli) fn lines(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "expected a whole number".to_owned())
}

/// Reads the number of a port.
pub(in crate::cli) fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("expected a port number from 0 to {}", u16::MAX))
}

/// Reads an amount in dollars; what amounts there may be is checked with those of kaizen.toml.
pub(in crate::cli) fn dollars(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| "expected an amount in dollars, such as 0.5".to_owned())
}

/// Reads a number with a fraction.
pub(in crate::cli) fn fraction(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| "expected a number, such as 0.95".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Arguments;
    use clap::CommandFactory;

    #[test]
    fn a_number_is_what_it_says() {
        assert_eq!((whole("0"), count("2"), few("3")), (Ok(0), Ok(2), Ok(3)));
        let expected = "expected a whole number of at least 1";
        for text in ["0", "-1", "1.5", "x", ""] {
            assert_eq!(count(text), Err(expected.to_owned()), "{text}");
        }
        assert_eq!(whole("-1"), Err("expected a whole number".to_owned()));
        assert!(whole("99999999999999999999").is_err_and(|said| said.contains("largest")));
    }

    #[test]
    fn no_option_answers_in_the_words_of_rust() {
        let all = Arguments::command();
        let mut said = Vec::new();
        for value in ["x7x", "-1", "70000", "1e400", "99999999999999999999"] {
            let before = said.len();
            for command in all.get_subcommands() {
                for option in command.get_opts().filter_map(|option| option.get_long()) {
                    let given = ["kaizen", command.get_name(), &format!("--{option}={value}")];
                    let refused = Arguments::command().try_get_matches_from(given);
                    said.extend(refused.err().map(|error| error.to_string()));
                }
            }
            assert!(said.len() > before, "no option refuses {value}");
        }

        for words in ["invalid digit", "invalid float", "target type", " is not in "] {
            let found = said.iter().filter(|said| said.contains(words)).collect::<Vec<_>>();
            assert!(found.is_empty(), "{found:#?}");
        }
    }
}
