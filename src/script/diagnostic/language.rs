//! The words for lists, maps and values that are the language's and not kaizen's, although kaizen has its
//! own functions in their place (`host/language.rs`).

/// Their names.
const WORDS: &[&str] = &[
    "!=",
    "==",
    "all",
    "debug",
    "dedup",
    "drain",
    "filter",
    "find",
    "find_map",
    "for_each",
    "index_of",
    "map",
    "order",
    "order_by",
    "order_desc",
    "pad",
    "parse_json",
    "print",
    "reduce",
    "reduce_rev",
    "replace",
    "retain",
    "some",
    "sort",
    "sort_by",
    "sort_desc",
    "split",
    "split_rev",
    "to_debug",
    "to_string",
];

/// Tells whether a word is one of the language.
pub(in crate::script) fn is_word(name: &str) -> bool {
    WORDS.binary_search(&name).is_ok()
}
