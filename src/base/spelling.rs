//! What somebody may have meant who wrote a word that nobody knows.

use std::cmp::Reverse;

/// Finds the known word that is most like `word`, if one is like it at all: at most one letter in
/// three is missing, too many, wrong, or in its neighbour's place.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A single letter is as near to any other.
    let letters = word.chars().count();
    let known = known.filter(|known| letters > 1 || word.eq_ignore_ascii_case(known));

    // Of those that are as near, whoever types rarely misses the first letters.
    let shared = |known: &str| word.chars().zip(known.chars()).take_while(|(a, b)| a == b).count();
    let scored = known.map(|k| (strsim::damerau_levenshtein(word, k), Reverse(shared(k)), k));
    let (distance, _, best) = scored.min()?;
    (distance <= (letters / 3).max(1)).then_some(best)
}

/// Returns how many letters two words differ by.
pub fn distance(word: &str, other: &str) -> usize {
    strsim::damerau_levenshtein(word, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_like_the_word_is_suggested() {
        let known = ["communicate", "chat", "name", "fork"];
        let meant = |word| nearest(word, known.into_iter());
        assert_eq!(meant("comunicate"), Some("communicate"));
        assert_eq!(meant("nmae"), Some("name"));
        assert_eq!(meant("nope"), None);
        assert_eq!(nearest("vot", ["hot", "vote", "not"].into_iter()), Some("vote"));
        assert_eq!(nearest("f", ["E", "F"].into_iter()), Some("F"));
        assert_eq!(nearest("f", ["E", "g"].into_iter()), None);
    }
}
