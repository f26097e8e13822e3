//! Lengths of time as people write them: `4ms`, `1.5s`, `250us`; `1ms..2ms` for any length between, evenly; `mean 5ms`
//! for an exponentially distributed one; `forever`.
//!
//! Every text is exact: what cannot be said in whole nanoseconds is refused, and what is written is read back as the
//! same number.

use sched::Nanos;

use crate::scenario::{Delay, Span};

/// The units with their nanoseconds, longest first.
const UNITS: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

/// The span that no simulation sees the end of.
const FOREVER: &str = "forever";

/// Reads one length of time.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn duration(text: &str) -> Result<Nanos, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    if number.is_empty() {
        return Err(format!(
            "`{text}` is no length of time; write it like 4ms or 1.5s"
        ));
    }
    if unit.is_empty() {
        return Err(format!(
            "`{text}` has no unit; write {text}ns, {text}us, {text}ms or {text}s"
        ));
    }
    let unit = if unit == "µs" { "us" } else { unit };
    let Some((_, length)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("`{unit}` is no unit of time; there are ns, us, ms and s"));
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let fraction = fraction.trim_end_matches('0');
    if whole.is_empty() || whole.contains('.') || fraction.contains('.') || number.ends_with('.') {
        return Err(format!("`{number}` is no number"));
    }
    if fraction.len() > 9 {
        return Err(format!("`{text}` is finer than a nanosecond"));
    }
    // At most nine digits: neither the power nor the product overflows.
    let scale = 10_u64.pow(fraction.len() as u32);
    let part = fraction.parse::<u64>().unwrap_or(0) * length;
    if !part.is_multiple_of(scale) {
        return Err(format!("`{text}` is finer than a nanosecond"));
    }
    whole
        .parse::<u64>()
        .ok()
        .and_then(|whole| whole.checked_mul(*length)?.checked_add(part / scale))
        .map(Nanos)
        .ok_or_else(|| format!("`{text}` is longer than 584 years"))
}

/// Reads a delay: one length, or two with `..` between.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn delay(text: &str) -> Result<Delay, String> {
    match text.split_once("..") {
        None => duration(text).map(Delay::fixed),
        Some((least, most)) => range(duration(least.trim())?, duration(most.trim())?),
    }
}

/// Reads a span.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn span(text: &str) -> Result<Span, String> {
    if text == FOREVER {
        return Ok(Span::FOREVER);
    }
    if let Some(mean) = text.strip_prefix("mean ") {
        return duration(mean.trim()).map(Span::Exponential);
    }
    if text.contains("..") {
        return delay(text).map(Span::Uniform);
    }
    duration(text).map(Span::Fixed)
}

/// A delay from its two ends.
///
/// # Errors
/// They are in the wrong order.
pub fn range(least: Nanos, most: Nanos) -> Result<Delay, String> {
    if least > most {
        return Err(format!(
            "{} is longer than {}: the shorter one comes first",
            print(least),
            print(most)
        ));
    }
    Ok(Delay { least, most })
}

/// What [`duration`] reads as `length`: in the longest unit in which it is a whole number.
#[must_use]
pub fn print(length: Nanos) -> String {
    let unit = UNITS.iter().find(|(_, unit)| length.0.is_multiple_of(*unit));
    let (name, unit) = unit.unwrap_or(&("ns", 1));
    format!("{}{name}", length.0 / unit)
}

/// What [`delay`] reads as `delay`.
#[must_use]
pub fn print_delay(delay: Delay) -> String {
    if delay.least == delay.most {
        print(delay.least)
    } else {
        print_range(delay)
    }
}

/// What [`span`] reads as `span`.
#[must_use]
pub fn print_span(span: Span) -> String {
    match span {
        Span::FOREVER => FOREVER.to_owned(),
        Span::Fixed(length) => print(length),
        Span::Uniform(delay) => print_range(delay),
        Span::Exponential(mean) => format!("mean {}", print(mean)),
    }
}

fn print_range(delay: Delay) -> String {
    format!("{}..{}", print(delay.least), print(delay.most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_durations_are_read_exactly() {
        assert_eq!(duration("4ms"), Ok(Nanos::from_millis(4)));
        assert_eq!(duration("1.5s"), Ok(Nanos::from_millis(1500)));
        assert_eq!(duration("0.000000001s"), Ok(Nanos(1)));
        assert_eq!(duration("2.50µs"), Ok(Nanos(2500)));
        assert_eq!(duration("18446744073709551615ns"), Ok(Nanos::MAX));
    }

    #[test]
    fn l2_what_is_no_length_of_time_is_refused_with_what_would_be_right() {
        for (text, part) in [
            ("4", "has no unit; write 4ns"),
            ("", "is no length of time"),
            ("ms", "is no length of time"),
            ("-4ms", "is no length of time"),
            ("4 ms", "` ms` is no unit"),
            ("4min", "`min` is no unit"),
            ("1.2.3ms", "is no number"),
            (".5ms", "is no number"),
            ("5.ms", "is no number"),
            ("0.5ns", "finer than a nanosecond"),
            ("0.1234567891s", "finer than a nanosecond"),
            ("18446744073709551616ns", "longer than 584 years"),
            ("18446744074s", "longer than 584 years"),
        ] {
            let error = duration(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn l2_spans_say_how_they_are_distributed() {
        let range = Delay {
            least: Nanos::from_millis(1),
            most: Nanos::from_micros(2500),
        };
        assert_eq!(span("1ms..2.5ms"), Ok(Span::Uniform(range)));
        assert_eq!(span("mean 3s"), Ok(Span::Exponential(Nanos::from_secs(3))));
        assert_eq!(print_span(Span::Uniform(range)), "1ms..2500us");
        assert!(
            span("2ms..1ms")
                .unwrap_err()
                .contains("the shorter one comes first")
        );
        assert_eq!(print(Nanos::ZERO), "0s");
    }
}
