//! What to measure and how often; and the form of what is printed, on every system.
//!
//! ```text
//! @begin                            the program runs
//! @sample ROW OPERATIONS TICKS      one round: so many operations took so many ticks
//! @fact ROW NAME VALUE              a counter or a check that belongs to the row
//! @error ROW TEXT                   the row could not be measured
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::system::System;

/// What to do, from a manifest or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Names of the rows.
    pub rows: Vec<String>,
    /// How often each measurement is repeated; at least once.
    pub rounds: u64,
    /// Length of a window of time, in ticks of a machine of one GHz: nanoseconds.
    pub window: u64,
    /// Seconds of sleep before the first row.
    pub settle: u64,
    /// The tick at which the program began.
    pub begun: u64,
}

impl Plan {
    /// A plan with nothing in it that begins at a tick.
    pub fn new(begun: u64) -> Plan {
        Plan {
            rows: Vec::new(),
            rounds: 11,
            window: 1_000_000_000,
            settle: 0,
            begun,
        }
    }

    /// Takes over what `text` says, in lines `rows=a,b`, `rounds=11`, `window=1000000000`, `settle=10`. Empty lines and
    /// those that begin with `#` say nothing.
    pub fn read(mut self, text: &str) -> Result<Plan, Mistake> {
        for line in text.lines().map(str::trim) {
            if !line.is_empty() && !line.starts_with('#') {
                let (key, value) = line.split_once('=').ok_or_else(|| Mistake(line.into()))?;
                self.set(key.trim(), value.trim())
                    .ok_or_else(|| Mistake(line.into()))?;
            }
        }
        Ok(self)
    }

    /// Sets one entry; `None` if there is none of this name or its value makes no sense.
    pub fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "rows" => self.rows = value.split(',').map(|row| row.trim().into()).collect(),
            "rounds" => self.rounds = value.parse().ok().filter(|rounds| *rounds > 0)?,
            "window" => self.window = value.parse().ok().filter(|window| *window > 0)?,
            "settle" => self.settle = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    }

    /// Measures `body`, which performs as many operations as it is told: a round to warm up, then the rounds that
    /// count. Nothing is printed before the last one is over.
    #[inline]
    pub fn measure<S: System>(
        &self,
        system: &S,
        row: &str,
        operations: u64,
        mut body: impl FnMut(u64) -> Result<(), S::Error>,
    ) -> Result<(), S::Error> {
        body(operations)?;
        let mut samples = Vec::with_capacity(self.rounds as usize);
        for _ in 0..self.rounds {
            let before = S::ticks();
            body(operations)?;
            samples.push(S::ticks() - before);
        }
        for taken in samples {
            system.line(format_args!("@sample {row} {operations} {taken}"));
        }
        Ok(())
    }

    /// How many operations [`Plan::measure`] has performed when it performs so many a round.
    pub fn all_rounds(&self, operations: u64) -> u64 {
        (self.rounds + 1) * operations
    }
}

/// Prints a counter or a check.
pub fn fact<S: System>(system: &S, row: &str, name: &str, value: u64) {
    system.line(format_args!("@fact {row} {name} {value}"));
}

/// A line of a plan that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake(pub String);

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "the plan says `{}`; it may say rows=a,b rounds=N window=TICKS settle=SECONDS",
            self.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_from_lines_and_keeps_what_they_do_not_say() {
        let plan = Plan::new(7)
            .read("rows = call-pipe, park\n\n# a word\nrounds=3\nsettle=10\n")
            .unwrap();
        let expected = Plan {
            rows: ["call-pipe", "park"].map(String::from).to_vec(),
            rounds: 3,
            settle: 10,
            ..Plan::new(7)
        };
        assert_eq!(plan, expected);
    }

    #[test]
    fn a_line_that_makes_no_sense_is_named() {
        for line in ["rounds=0", "rounds=many", "windows=3", "park"] {
            assert_eq!(Plan::new(0).read(line), Err(Mistake(line.into())));
        }
    }
}
