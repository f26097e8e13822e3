//! Times as people type them and read them back: `2ms`, and `2ms/10ms` for so much in every so much.

use alloc::format;
use alloc::string::String;

/// The units, the longest first, in nanoseconds.
const UNITS: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

/// A time that a user typed, in nanoseconds; else a sentence that says how `what` is written.
pub fn time(text: &str, what: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit);
    let time = unit.and_then(|(_, nanoseconds)| number.parse::<u64>().ok()?.checked_mul(*nanoseconds));
    time.ok_or_else(|| format!("`{text}` is no {what}; write a number and s, ms, us or ns, such as 2ms"))
}

/// So much in every so much: budget and period in nanoseconds.
pub fn share(text: &str) -> Result<(u64, u64), String> {
    let Some((budget, period)) = text.split_once('/') else {
        return Err(format!(
            "`{text}` is no budget in a period; write both, such as 2ms/10ms"
        ));
    };
    Ok((time(budget, "budget")?, time(period, "period")?))
}

/// A time as it would be typed: in the longest unit in which it is a whole number.
pub fn typed(ns: u64) -> String {
    let whole = UNITS.iter().find(|(_, unit)| ns.is_multiple_of(*unit) && ns > 0);
    match whole {
        Some((name, unit)) => format!("{}{name}", ns / unit),
        None => "0ns".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_a_number_and_a_unit() {
        for (text, ns) in [
            ("2ms", 2_000_000),
            ("500us", 500_000),
            ("1s", 1_000_000_000),
            ("7ns", 7),
            ("0ns", 0),
        ] {
            assert_eq!(time(text, "budget"), Ok(ns));
            assert_eq!(typed(ns), text);
        }
        assert_eq!(typed(1_500_000), "1500us");
        for wrong in [
            "",
            "2",
            "ms",
            "-2ms",
            "2 ms",
            "2min",
            "1.5ms",
            "99999999999999999999s",
            "18446744074s",
        ] {
            assert_eq!(
                time(wrong, "budget").unwrap_err(),
                format!("`{wrong}` is no budget; write a number and s, ms, us or ns, such as 2ms")
            );
        }
    }

    #[test]
    fn a_share_is_a_budget_and_a_period() {
        assert_eq!(share("2ms/10ms"), Ok((2_000_000, 10_000_000)));
        assert_eq!(
            share("2ms").unwrap_err(),
            "`2ms` is no budget in a period; write both, such as 2ms/10ms"
        );
        assert!(share("x/10ms").unwrap_err().starts_with("`x` is no budget;"));
        assert!(share("2ms/").unwrap_err().starts_with("`` is no period;"));
        assert!(
            share("2ms/10ms/3")
                .unwrap_err()
                .starts_with("`10ms/3` is no period;")
        );
    }
}
