//! Times as people write them: how long something takes, and when it is.

use std::time::Duration;

/// Reads a duration such as `500ms`, `90s`, `10m`, `2h` or `30d`.
pub fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;

    match &text[digits..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(number.checked_mul(3600)?)),
        "d" => Some(Duration::from_secs(number.checked_mul(86_400)?)),
        _ => None,
    }
}

/// Reads a moment of ISO 8601 such as `2026-12-01T09:00:00+01:00`, in milliseconds since 1970. One without
/// a time zone is none: it would be another one on another computer.
pub fn moment(text: &str) -> Option<i64> {
    let stamp: jiff::Timestamp = text.trim().parse().ok()?;
    Some(stamp.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        let read =
            ["500ms", "90s", "10m", "2h", "30d"].map(|text| duration(text).map(|d| d.as_millis()));
        assert_eq!(read, [500, 90_000, 600_000, 7_200_000, 2_592_000_000].map(Some));
        assert_eq!(["", "5", "s", "1.5h", "-1s", "99999999999999999999s"].map(duration), [None; 6]);
    }

    #[test]
    fn a_moment_has_a_time_zone() {
        let nine = 1_796_115_600_000;
        let same = [
            "2026-12-01T09:00:00Z",
            "2026-12-01T10:00:00+01:00",
            "2026-12-01 09:00Z",
            "2026-12-01T09:00:00.000Z",
        ];
        assert_eq!(same.map(moment), [Some(nine); 4]);

        let wrong = ["2026-12-01T09:00:00", "2026-12-01", "tomorrow", "", "2026-13-01T09:00:00Z"];
        assert_eq!(wrong.map(moment), [None; 5]);
    }
}
