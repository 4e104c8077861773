//! With how many arguments each word calls the function that it is given, as an argument, in a list or as an
//! option: one table, by which a function of another number of parameters is found before a script runs.

/// How many parameters a function may have, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::script) struct ClosureArity {
    /// The least number of parameters.
    pub(in crate::script) least: usize,
    /// The greatest number of parameters.
    pub(in crate::script) most: usize,
    /// The usual number of parameters, which its form has.
    usual: usize,
    /// How it is written.
    pub(in crate::script) form: &'static str,
}

/// Makes a row of the table: the least, the usual and the greatest number of parameters.
const fn taking((least, usual, most): (usize, usize, usize), form: &'static str) -> ClosureArity {
    ClosureArity { least, most, usual, form }
}

/// Returns how a word calls the function that is one of its arguments. `of` is the type of the first
/// argument, or of the value before the dot, if it is known.
#[allow(clippy::match_same_arms, reason = "a table, in the order of the words")]
pub(in crate::script) fn of_argument(word: &str, of: Option<&str>) -> Option<ClosureArity> {
    Some(match (word, of) {
        ("attempt" | "task" | "timeout" | "assert_throws", _) => taking((0, 0, 0), "|| .."),
        ("retry", _) => taking((0, 0, 1), "|| .."),

        ("map" | "filter" | "drain" | "retain", Some("map")) => {
            taking((1, 2, 3), "|key, value| ..")
        }
        ("map" | "filter" | "drain" | "retain", None) => taking((0, 1, 3), "|item| .."),
        ("map" | "filter" | "drain" | "retain", Some("array")) => taking((0, 1, 2), "|item| .."),
        ("find" | "find_map" | "some" | "all" | "index_of", _) => taking((0, 1, 2), "|item| .."),
        ("parallel", _) => taking((0, 1, 2), "|item| .."),
        ("max_by" | "min_by", _) => taking((0, 1, 2), "|item| item.score"),

        ("reduce" | "reduce_rev", _) => taking((1, 2, 3), "|sum, item| .."),
        ("sort" | "sort_by" | "sorted" | "order" | "order_by", _) => {
            taking((2, 2, 3), "|a, b| a.score - b.score")
        }
        ("dedup" | "zip", _) => taking((2, 2, 3), "|a, b| .."),

        ("add_operation" | "add_aggregation" | "operation", _) => {
            taking((0, 2, 2), "|inputs, branch| ..")
        }
        ("expand", _) => taking((0, 2, 2), "|item, index| #{ .. }"),
        ("on", _) => taking((0, 1, 1), "|event| .."),
        _ => return None,
    })
}

/// Returns how a word calls the functions of the list that is its first argument.
pub(in crate::script) fn of_items(word: &str) -> Option<ClosureArity> {
    Some(match word {
        "gather" | "race" => taking((0, 0, 0), "|| .."),
        _ => return None,
    })
}

/// Returns how a word calls the functions of its map of patterns.
pub(in crate::script) fn of_patterns(word: &str) -> Option<ClosureArity> {
    Some(match word {
        "run" | "compare" => taking((0, 2, 2), "|input, branch| .."),
        _ => return None,
    })
}

/// Returns how a word calls the function that is one of its options.
#[allow(clippy::match_same_arms, reason = "a table, in the order of the words")]
pub(in crate::script) fn of_option(word: &str, option: &str) -> Option<ClosureArity> {
    Some(match (word, option) {
        ("run" | "compare", "judge") => taking((0, 2, 2), "|answer, input| .."),
        ("best_of", "judge") => taking((1, 1, 1), "|answer| .."),
        ("cascade", "accept") => taking((1, 1, 1), "|answer| .."),
        ("evolve", "ask") => taking((2, 2, 2), "|text, item| .."),
        ("evolve", "judge") => taking((2, 2, 2), "|answer, item| .."),
        ("add_operation" | "add_aggregation", "when") => taking((0, 1, 1), "|inputs| .."),
        ("add_edge", "when") => taking((0, 1, 1), "|result| .."),
        ("add_operation" | "add_aggregation" | "operate" | "react", "check") => {
            taking((0, 1, 1), "|answer| ..")
        }
        ("tool", "approve") => taking((0, 1, 1), "|args| .."),
        _ => return None,
    })
}

impl ClosureArity {
    /// Says what is wrong with a function of this many parameters, if anything is.
    pub(in crate::script) fn fault(&self, word: &str, count: usize) -> Option<String> {
        if (self.least..=self.most).contains(&count) {
            return None;
        }

        if self.most == 0 {
            return Some(format!(
                "{word} calls its function without arguments, but this one takes {count}"
            ));
        }
        let (how, number) = match count > self.most {
            true if self.least == self.most => ("", self.most),
            true => ("at most ", self.most),
            // Some may leave out an argument in another way, which few know.
            false => ("", self.usual),
        };
        let arguments = if number == 1 { "argument" } else { "arguments" };
        Some(format!(
            "{word} calls its function with {how}{number} {arguments}, but this one takes {count}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_both_numbers() {
        let said = |word: &str, count| of_argument(word, None)?.fault(&format!("`{word}`"), count);
        assert_eq!(said("sorted", 2), None);
        assert_eq!(
            said("sorted", 1).as_deref(),
            Some("`sorted` calls its function with 2 arguments, but this one takes 1")
        );
        assert_eq!(
            said("attempt", 1).as_deref(),
            Some("`attempt` calls its function without arguments, but this one takes 1")
        );
        assert_eq!(
            said("retry", 2).as_deref(),
            Some("`retry` calls its function with at most 1 argument, but this one takes 2")
        );
    }
}
