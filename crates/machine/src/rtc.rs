//! The battery-backed clock: what the date was when the machine started. Read once, by the CPU that boots; time then
//! runs on the kernel's own clock. Motorola MC146818A data sheet: registers, update cycle, register B's formats.

use crate::port::Port;

const SECONDS: u8 = 0x00;
const MINUTES: u8 = 0x02;
const HOURS: u8 = 0x04;
const DAY: u8 = 0x07;
const MONTH: u8 = 0x08;
const YEAR: u8 = 0x09;
const STATUS_A: u8 = 0x0a;
const STATUS_B: u8 = 0x0b;

const UPDATE_IN_PROGRESS: u8 = 1 << 7;
const BINARY: u8 = 1 << 2;
const HOURS_24: u8 = 1 << 1;
const AFTERNOON: u8 = 1 << 7;
/// The top bit of the index port masks NMIs; it stays clear.
const INDEX_MASK: u8 = 0x7f;
/// An update takes 2 ms and a port access a microsecond, so this outlasts one.
const UPDATE_POLLS: u32 = 20_000;
/// Two equal readings in a row are wanted; an update can spoil one attempt, not five.
const ATTEMPTS: u32 = 5;

/// The registers as they are, before any format is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Registers {
    seconds: u8,
    minutes: u8,
    hours: u8,
    day: u8,
    month: u8,
    year: u8,
    century: Option<u8>,
    format: u8,
}

/// Seconds since 1970-01-01 UTC (the clock is taken to be set to UTC), or `None` when there is no clock or it
/// shows no date between 1970 and 2261. `century_register` comes from the firmware (acpi/fadt.rs). No two CPUs may read at
/// once: one would read what the other has chosen.
pub fn unix_seconds(century_register: Option<u8>) -> Option<u64> {
    // SAFETY: the real-time clock's two ports select and show a byte of its memory; only the index is written.
    let (index, data) = unsafe { (Port::<u8>::new(0x70), Port::<u8>::new(0x71)) };
    let register = |number: u8| {
        index.write(number & INDEX_MASK);
        data.read()
    };
    let snapshot = || {
        (0..UPDATE_POLLS).find(|_| register(STATUS_A) & UPDATE_IN_PROGRESS == 0)?;
        Some(Registers {
            seconds: register(SECONDS),
            minutes: register(MINUTES),
            hours: register(HOURS),
            day: register(DAY),
            month: register(MONTH),
            year: register(YEAR),
            century: century_register.map(&register),
            format: register(STATUS_B),
        })
    };
    twice_the_same(snapshot).and_then(decode)
}

/// What two readings in a row agree on. An update that does not end is no clock's, so then nothing more is tried.
fn twice_the_same(mut snapshot: impl FnMut() -> Option<Registers>) -> Option<Registers> {
    for _ in 0..ATTEMPTS {
        let first = snapshot()?;
        if snapshot()? == first {
            return Some(first);
        }
    }
    None
}

fn decode(raw: Registers) -> Option<u64> {
    let plain = |value: u8| {
        let in_bcd = raw.format & BINARY == 0;
        if !in_bcd {
            return Some(u64::from(value));
        }
        let (tens, ones) = (value >> 4, value & 0xf);
        if tens > 9 || ones > 9 {
            None
        } else {
            Some(u64::from(tens) * 10 + u64::from(ones))
        }
    };
    let hours = if raw.format & HOURS_24 != 0 {
        plain(raw.hours)?
    } else {
        plain(raw.hours & !AFTERNOON)? % 12 + if raw.hours & AFTERNOON != 0 { 12 } else { 0 }
    };
    let short_year = plain(raw.year)?;
    // Without a century, the years 70 to 99 are of the twentieth: a clock that was never set says 1970 or later.
    let assumed = if short_year >= 70 { 19 } else { 20 };
    let century = raw
        .century
        .and_then(plain)
        .filter(|century| (19..=22).contains(century))
        .unwrap_or(assumed);
    let (year, month, day) = (century * 100 + short_year, plain(raw.month)?, plain(raw.day)?);
    let (minutes, seconds) = (plain(raw.minutes)?, plain(raw.seconds)?);
    let valid = (1970..=2261).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hours < 24
        && minutes < 60
        && seconds < 61;
    valid.then(|| ((days_since_1970(year, month, day) * 24 + hours) * 60 + minutes) * 60 + seconds)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that the leap
/// day is the last of its year and months have lengths in a pattern of 153 days per five.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    /// The same sum for 1970-01-01.
    const EPOCH: u64 = 719_468;
    days - EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCD_24: u8 = HOURS_24;
    const DATE: Registers = Registers {
        seconds: 0x59,
        minutes: 0x34,
        hours: 0x23,
        day: 0x29,
        month: 0x02,
        year: 0x24,
        century: Some(0x20),
        format: BCD_24,
    };

    #[test]
    fn p9_a_leap_day_in_bcd_is_read() {
        assert_eq!(decode(DATE), Some(1_709_249_699));
    }

    #[test]
    fn p9_binary_and_twelve_hour_formats_mean_the_same() {
        let binary = Registers {
            seconds: 59,
            minutes: 34,
            hours: 23,
            day: 29,
            month: 2,
            year: 24,
            century: Some(20),
            format: HOURS_24 | BINARY,
        };
        assert_eq!(decode(binary), decode(DATE));
        assert_eq!(
            decode(Registers {
                hours: 0x11 | AFTERNOON,
                format: 0,
                ..DATE
            }),
            decode(DATE)
        );
        let midnight = Registers {
            hours: 0x12,
            minutes: 0,
            seconds: 0,
            format: 0,
            ..DATE
        };
        assert_eq!(decode(midnight), Some(1_709_164_800));
    }

    #[test]
    fn p9_the_epoch_and_a_missing_century() {
        let epoch = Registers {
            seconds: 0,
            minutes: 0,
            hours: 0,
            day: 1,
            month: 1,
            year: 0x70,
            century: None,
            format: BCD_24,
        };
        assert_eq!(decode(epoch), Some(0));
        assert_eq!(
            decode(Registers {
                century: None,
                ..DATE
            }),
            decode(DATE)
        );
    }

    #[test]
    fn p9_a_clock_that_is_not_there_is_asked_once_and_one_that_ticks_again() {
        let mut asked = 0;
        let absent = twice_the_same(|| {
            asked += 1;
            None
        });
        assert_eq!((absent, asked), (None, 1));
        let mut seconds = [0x57, 0x58, 0x59, 0x59].into_iter();
        let ticking = twice_the_same(|| {
            let seconds = seconds.next()?;
            Some(Registers { seconds, ..DATE })
        });
        assert_eq!(ticking, Some(DATE));
        let mut second = 0;
        let never_the_same = twice_the_same(|| {
            second += 1;
            Some(Registers {
                seconds: second,
                ..DATE
            })
        });
        assert_eq!((never_the_same, u32::from(second)), (None, 2 * ATTEMPTS));
    }

    #[test]
    fn p9_nonsense_is_no_date() {
        for bad in [
            Registers { month: 0x13, ..DATE },
            Registers { day: 0, ..DATE },
            Registers {
                seconds: 0xff,
                ..DATE
            },
            Registers { hours: 0x24, ..DATE },
        ] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }
}
