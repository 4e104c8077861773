//! Times for people.

pub(in crate::cli) use crate::view::story::length;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Writes a moment (microseconds since 1970) in the local time zone.
pub(in crate::cli) fn moment(micros: i64) -> String {
    let Ok(stamp) = Timestamp::from_microsecond(micros) else { return "?".to_owned() };
    stamp.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Writes the first whole second at which a moment has come: nothing has happened before it.
pub(in crate::cli) fn moment_from(micros: i64) -> String {
    const SECOND: i64 = 1_000_000;
    moment(micros.saturating_add(SECOND - 1).div_euclid(SECOND).saturating_mul(SECOND))
}

/// Writes a moment in few columns: `11-26 10:42`.
pub(in crate::cli) fn short_moment(micros: i64) -> String {
    let Ok(stamp) = Timestamp::from_microsecond(micros) else { return "?".to_owned() };
    stamp.to_zoned(TimeZone::system()).strftime("%m-%d %H:%M").to_string()
}

/// Writes a time that may be far below a second.
#[allow(clippy::cast_possible_truncation, reason = "it saturates, and is only shown")]
pub(in crate::cli) fn short(seconds: f64) -> String {
    if seconds < 0.01 { format!("{:.2} ms", 1e3 * seconds) } else { length((seconds * 1e6) as i64) }
}

/// Writes the time of day in the local time zone.
pub(in crate::cli) fn clock() -> String {
    let stamp = Timestamp::from_microsecond(crate::base::clock::micros()).unwrap_or_default();
    stamp.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short() {
        let shown = [5_000, 2_150_000, 185_000_000].map(length);
        assert_eq!(shown, ["5 ms", "2.1 s", "3 min 5 s"]);
    }
}
