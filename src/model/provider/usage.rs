//! The figures of a call as servers say them. A figure that cannot be right is unknown, never
//! nothing.

use crate::model::reply::Usage;
use serde_json::{Map, Value};

/// Largest count of tokens that is believed: more than any model reads.
const COUNT_MAX: u64 = 1_000_000_000;

/// What a server says of the tokens that a call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsageReport {
    /// Nothing.
    Nothing,
    /// Something, such as a sum, from which the counts do not follow.
    Uncounted,
    /// Something that cannot be right, or only a part.
    Doubtful,
    /// This.
    Said(Usage),
}

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenCount {
    Absent,
    Doubtful,
    Said(u64),
}

impl TokenCount {
    fn of(value: Option<&Value>) -> TokenCount {
        match value {
            None | Some(Value::Null) => TokenCount::Absent,
            Some(value) => value
                .as_u64()
                .filter(|count| *count <= COUNT_MAX)
                .map_or(TokenCount::Doubtful, TokenCount::Said),
        }
    }

    /// Returns the first figure that is there.
    fn first(map: &Map<String, Value>, keys: &[&str]) -> TokenCount {
        let all = keys.iter().map(|key| TokenCount::of(map.get(*key)));
        all.into_iter().find(|count| *count != TokenCount::Absent).unwrap_or(TokenCount::Absent)
    }

    fn said(self) -> Option<u64> {
        match self {
            TokenCount::Said(count) => Some(count),
            TokenCount::Absent | TokenCount::Doubtful => None,
        }
    }

    /// Returns the figure; one that is left out is zero.
    fn or_zero(self) -> Option<u64> {
        match self {
            TokenCount::Said(count) => Some(count),
            TokenCount::Absent => Some(0),
            TokenCount::Doubtful => None,
        }
    }
}

impl UsageReport {
    /// Reads a map that lacks the counts.
    fn without_counts(map: &Map<String, Value>) -> UsageReport {
        if map.values().any(says_something) { UsageReport::Uncounted } else { UsageReport::Nothing }
    }

    /// Tells a missing answer from a wrong one.
    fn of(usage: Option<Usage>) -> UsageReport {
        usage.map_or(UsageReport::Doubtful, UsageReport::Said)
    }

    /// Reads the usage of OpenAI's protocol, which counts cached tokens among those read, and
    /// thinking among those written.
    pub(super) fn of_openai(usage: &Value) -> UsageReport {
        let Value::Object(map) = usage else {
            return if usage.is_null() { UsageReport::Nothing } else { UsageReport::Doubtful };
        };

        let input = TokenCount::first(map, &["prompt_tokens", "input_tokens"]);
        let output = TokenCount::first(map, &["completion_tokens", "output_tokens"]);
        if (input, output) == (TokenCount::Absent, TokenCount::Absent) {
            return UsageReport::without_counts(map);
        }
        let (Some(input), Some(output)) = (input.said(), output.said()) else {
            return UsageReport::Doubtful;
        };

        // Without a figure that can be right, all tokens count at the full price.
        let detail =
            |part: &str, key: &str| TokenCount::of(usage.get(part).and_then(|part| part.get(key)));
        let cached = detail("prompt_tokens_details", "cached_tokens")
            .said()
            .or_else(|| TokenCount::of(map.get("prompt_cache_hit_tokens")).said())
            .filter(|cached| *cached <= input)
            .unwrap_or(0);
        // Servers that keep a cache count what they write to it among what they read.
        let written = ["cache_write_tokens", "cache_creation_tokens"]
            .iter()
            .map(|key| detail("prompt_tokens_details", key))
            .chain([TokenCount::of(map.get("cache_creation_input_tokens"))])
            .find_map(TokenCount::said)
            .unwrap_or(0);
        let thought = detail("completion_tokens_details", "reasoning_tokens").said().unwrap_or(0);

        // Some servers count thinking beside what they call written. Their total shows it, and some say
        // nothing else of it.
        let total = TokenCount::of(map.get("total_tokens")).said();
        let beside = total.and_then(|total| total.checked_sub(input + output)).unwrap_or(0);
        let (visible, reasoning) = if beside > 0 && [0, beside].contains(&thought) {
            (output, beside)
        } else if let Some(visible) = output.checked_sub(thought) {
            (visible, thought)
        } else if total == Some(input + output) {
            (output, 0)
        } else {
            // More was thought than written, so one of the two is not what it seems.
            return UsageReport::Doubtful;
        };

        UsageReport::Said(Usage {
            // More than was read can only stand beside it.
            input_uncached: (input - cached).checked_sub(written).unwrap_or(input - cached),
            cache_read: cached,
            cache_write: written,
            output_visible: visible,
            reasoning,
        })
    }

    /// Reads the counts that Ollama's own protocol puts beside a reply.
    pub(super) fn of_ollama(reply: &Map<String, Value>) -> UsageReport {
        let input = TokenCount::of(reply.get("prompt_eval_count"));
        let output = TokenCount::of(reply.get("eval_count"));
        if (input, output) == (TokenCount::Absent, TokenCount::Absent) {
            return UsageReport::Nothing;
        }

        UsageReport::of(input.said().zip(output.said()).map(|(input_uncached, output_visible)| {
            Usage { input_uncached, output_visible, ..Usage::default() }
        }))
    }

    /// Reads the usage of Anthropic, whose counts of tokens read do not overlap.
    pub(super) fn of_anthropic(usage: &Map<String, Value>) -> UsageReport {
        let count = |key: &str| TokenCount::of(usage.get(key));
        let input = count("input_tokens");
        let output = count("output_tokens");
        if (input, output) == (TokenCount::Absent, TokenCount::Absent) {
            return UsageReport::without_counts(usage);
        }

        let details = usage.get("output_tokens_details");
        let thought = TokenCount::of(details.and_then(|details| details.get("thinking_tokens")));

        let read = || {
            let output = output.said()?;
            let reasoning = thought.said().filter(|thought| *thought <= output).unwrap_or(0);
            Some(Usage {
                input_uncached: input.said()?,
                cache_read: count("cache_read_input_tokens").or_zero()?,
                cache_write: cache_written(usage)?,
                output_visible: output - reasoning,
                reasoning,
            })
        };

        UsageReport::of(read())
    }

    /// Reads the usage of Gemini, which counts cached tokens among those read and thinking beside
    /// what is written, and leaves out what is zero.
    pub(super) fn of_gemini(usage: &Value) -> UsageReport {
        let Value::Object(map) = usage else {
            return if usage.is_null() { UsageReport::Nothing } else { UsageReport::Doubtful };
        };

        let count = |key: &str| TokenCount::of(map.get(key).or_else(|| map.get(&snake_case(key))));
        let prompt = count("promptTokenCount");
        let written = count("candidatesTokenCount");
        if (prompt, written) == (TokenCount::Absent, TokenCount::Absent) {
            return UsageReport::without_counts(map);
        }

        let read = || {
            let input = prompt.said()? + count("toolUsePromptTokenCount").or_zero()?;
            let reasoning = count("thoughtsTokenCount").or_zero()?;
            let visible = match written {
                TokenCount::Said(count) => count,
                TokenCount::Absent => {
                    count("totalTokenCount").said()?.checked_sub(input + reasoning)?
                }
                TokenCount::Doubtful => return None,
            };

            // What the total has beyond the parts was written somewhere, and thinking is what servers leave out.
            let total = count("totalTokenCount").said();
            let beside = total.and_then(|total| total.checked_sub(input + visible + reasoning));
            let reasoning = reasoning + beside.unwrap_or(0);

            let cached = count("cachedContentTokenCount").said().filter(|cached| *cached <= input);
            let cache_read = cached.unwrap_or(0);
            Some(Usage {
                input_uncached: input - cache_read,
                cache_read,
                cache_write: 0,
                output_visible: visible,
                reasoning,
            })
        };

        UsageReport::of(read())
    }
}

/// Returns a name as gateways and client libraries spell it: `prompt_token_count`.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Returns how many tokens Anthropic has written to its cache; `None` if that cannot be right.
fn cache_written(usage: &Map<String, Value>) -> Option<u64> {
    let sum = TokenCount::of(usage.get("cache_creation_input_tokens"));
    let Some(parts) = usage.get("cache_creation").and_then(Value::as_object) else {
        return sum.or_zero();
    };

    // One for each time that the cache keeps them.
    let parts = parts.values().map(|part| TokenCount::of(Some(part)).or_zero());
    let of_parts: u64 = parts.sum::<Option<u64>>()?;
    Some(sum.or_zero()?.max(of_parts))
}

/// Whether a figure tells of anything that was used.
fn says_something(figure: &Value) -> bool {
    match figure {
        Value::Null => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Object(map) => map.values().any(says_something),
        Value::Array(list) => list.iter().any(says_something),
        Value::String(_) | Value::Bool(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(input: u64, cached: u64, visible: u64, reasoning: u64) -> UsageReport {
        UsageReport::Said(Usage {
            input_uncached: input,
            cache_read: cached,
            cache_write: 0,
            output_visible: visible,
            reasoning,
        })
    }

    #[test]
    fn counts_of_openai_fall_into_buckets_that_do_not_overlap() {
        let both = |more: Value| {
            let mut usage = json!({ "prompt_tokens": 100, "completion_tokens": 50 });
            usage.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
            UsageReport::of_openai(&usage)
        };
        let cached =
            |cached: Value| both(json!({ "prompt_tokens_details": { "cached_tokens": cached } }));
        let thought = |thought: Value, total: u64| {
            both(json!({ "completion_tokens_details": { "reasoning_tokens": thought },
                "total_tokens": total }))
        };

        assert_eq!(both(json!({})), said(100, 0, 50, 0));
        assert_eq!(cached(json!(60)), said(40, 60, 50, 0));
        assert_eq!(both(json!({ "prompt_cache_hit_tokens": 60 })), said(40, 60, 50, 0));
        assert_eq!(thought(json!(30), 150), said(100, 0, 20, 30));

        // A server that counts thinking beside the rest.
        assert_eq!(thought(json!(30), 180), said(100, 0, 50, 30));
        assert_eq!(thought(json!(300), 450), said(100, 0, 50, 300));
        for nothing in [json!(0), json!(null), json!({})] {
            assert_eq!(thought(nothing, 180), said(100, 0, 50, 30));
        }
        // One that says more thinking than writing, without a total that tells which of the two it is.
        assert_eq!(thought(json!(51), 151), UsageReport::Doubtful);
        assert_eq!(
            both(json!({ "completion_tokens_details": { "reasoning_tokens": 51 } })),
            UsageReport::Doubtful
        );

        // A doubtful part leaves the whole as it is.
        for odd in [json!(-1), json!("60"), json!(101), json!(1e30), json!(6.5), json!(null)] {
            assert_eq!(cached(odd.clone()), said(100, 0, 50, 0), "{odd}");
        }
        assert_eq!(thought(json!(51), 150), said(100, 0, 50, 0));
    }

    #[test]
    fn what_cannot_be_right_is_unknown() {
        for nothing in [
            json!(null),
            json!({}),
            json!({ "prompt_tokens": null, "completion_tokens": null }),
            json!({ "total_tokens": 0, "details": { "cached_tokens": 0, "audio": null } }),
        ] {
            assert_eq!(UsageReport::of_openai(&nothing), UsageReport::Nothing, "{nothing}");
        }
        for uncounted in [
            json!({ "total_tokens": 99_999 }),
            json!({ "cost": 0.002 }),
            json!({ "details": { "cached_tokens": 7 } }),
        ] {
            let read = UsageReport::of_openai(&uncounted);
            assert_eq!(read, UsageReport::Uncounted, "{uncounted}");
        }

        for odd in [
            json!(-5),
            json!(10.0),
            json!("10"),
            json!(u64::MAX),
            json!(1e300),
            json!([]),
            json!(null),
        ] {
            let input = json!({ "prompt_tokens": odd, "completion_tokens": 5, "total_tokens": 15 });
            let output = json!({ "prompt_tokens": 10, "completion_tokens": odd });
            assert_eq!(UsageReport::of_openai(&input), UsageReport::Doubtful, "{input}");
            assert_eq!(UsageReport::of_openai(&output), UsageReport::Doubtful, "{output}");
        }

        assert_eq!(UsageReport::of_openai(&json!("10")), UsageReport::Doubtful);
    }

    #[test]
    fn counts_of_gemini_are_whole_where_zeros_are_left_out() {
        let read = |usage: Value| UsageReport::of_gemini(&usage);
        assert_eq!(
            read(json!({ "promptTokenCount": 100, "candidatesTokenCount": 50,
                "thoughtsTokenCount": 7, "cachedContentTokenCount": 60 })),
            said(40, 60, 50, 7)
        );

        assert_eq!(
            read(
                json!({ "promptTokenCount": 100, "thoughtsTokenCount": 7, "totalTokenCount": 107 })
            ),
            said(100, 0, 0, 7)
        );

        assert_eq!(read(json!({ "promptTokenCount": 100 })), UsageReport::Doubtful);
        assert_eq!(read(json!({ "totalTokenCount": 100 })), UsageReport::Uncounted);
        assert_eq!(
            read(json!({ "promptTokenCount": 100, "candidatesTokenCount": -1 })),
            UsageReport::Doubtful
        );
    }

    #[test]
    fn a_bucket_of_anthropic_that_cannot_be_right_makes_the_whole_unknown() {
        let read = |usage: Value| UsageReport::of_anthropic(usage.as_object().expect("a map"));
        let usage = json!({ "input_tokens": 40, "output_tokens": 50, "cache_read_input_tokens": 60,
            "cache_creation_input_tokens": null, "output_tokens_details": { "thinking_tokens": 30 } });
        assert_eq!(read(usage), said(40, 60, 20, 30));
        assert_eq!(read(json!({})), UsageReport::Nothing);
        assert_eq!(read(json!({ "input_tokens": 40 })), UsageReport::Doubtful);
        let odd = json!({ "input_tokens": 1, "output_tokens": 1, "cache_read_input_tokens": -1 });
        assert_eq!(read(odd), UsageReport::Doubtful);
    }

    #[test]
    fn tokens_that_are_written_to_a_cache_are_counted_as_such() {
        let written = |usage: UsageReport| match usage {
            UsageReport::Said(usage) => (usage.input_uncached, usage.cache_read, usage.cache_write),
            other => panic!("{other:?}"),
        };
        let of_openai = |more: Value| {
            let mut usage = json!({ "prompt_tokens": 100, "completion_tokens": 5 });
            usage.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
            written(UsageReport::of_openai(&usage))
        };
        let details = |details: Value| of_openai(json!({ "prompt_tokens_details": details }));
        assert_eq!(details(json!({ "cached_tokens": 0, "cache_write_tokens": 100 })), (0, 0, 100));
        assert_eq!(
            details(json!({ "cached_tokens": 30, "cache_creation_tokens": 60 })),
            (10, 30, 60)
        );
        assert_eq!(of_openai(json!({ "cache_creation_input_tokens": 40 })), (60, 0, 40));
        // More than was read can only stand beside it.
        assert_eq!(of_openai(json!({ "cache_creation_input_tokens": 400 })), (100, 0, 400));

        let of_anthropic = |more: Value| {
            let mut usage = json!({ "input_tokens": 10, "output_tokens": 5 });
            usage.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
            written(UsageReport::of_anthropic(usage.as_object().expect("a map")))
        };
        let parts = json!({ "ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 100 });
        assert_eq!(of_anthropic(json!({ "cache_creation": parts })), (10, 0, 120));
        let both = json!({ "cache_creation": parts, "cache_creation_input_tokens": 120 });
        assert_eq!(of_anthropic(both), (10, 0, 120));
    }

    #[test]
    fn what_the_total_of_gemini_has_beyond_its_parts_is_thinking() {
        let usage =
            json!({ "promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 522 });
        assert_eq!(UsageReport::of_gemini(&usage), said(10, 0, 5, 507));
        let usage = json!({ "promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7,
            "totalTokenCount": 22 });
        assert_eq!(UsageReport::of_gemini(&usage), said(10, 0, 5, 7));
        // A total that is less than its parts says nothing.
        let usage =
            json!({ "promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 3 });
        assert_eq!(UsageReport::of_gemini(&usage), said(10, 0, 5, 0));
    }
}
