//! N10: a thread with 1 ms in every 10, from when it went on and how long it worked, and from what it and the thread that works in
//! the meantime finished. A system that looks at budgets now and then stops it less often and each time for longer. It sees the clock once in each step, so what is less than a step cannot be told. A tick is a nanosecond.

use super::super::boot::Booted;
use super::super::measured::Figures;
use super::super::readings::Readings;
use super::{checked, number};
use anyhow::{Context, Result, ensure};

/// What stopping it and having it go on takes from both threads together: the work that they did not do, which one alone would have.
pub(in super::super) fn overhead(booted: &Booted, name: &str) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    let seen = Seen::of(row)?;
    let fact = |name| row.fact(name).map(number);
    let (held, other) = (fact("steps-held")?, fact("steps-other")?);
    let lost = seen.steps_alone - held - other;
    let figure = lost * seen.step / number(seen.stretches.len() as u64);
    let mut figures = seen.figures(row, figure)?;
    // Two cannot do more than one.
    figures.refuted |= lost <= 0.0;
    Ok(figures)
}

/// By how much the longest distance from going on to going on again is longer than the shortest. Both are seen up to a step too late.
pub(in super::super) fn jitter(booted: &Booted, name: &str) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    let seen = Seen::of(row)?;
    let distances = || seen.stretches.windows(2).map(|pair| pair[1].0 - pair[0].0);
    let (shortest, longest) = distances()
        .min()
        .zip(distances().max())
        .context("less than two")?;
    let jitter = (number(longest - shortest) - 2.0 * seen.step).max(0.0).round();
    Ok(seen
        .figures(row, jitter)?
        .with("shortest_distance", shortest)
        .with("longest_distance", longest))
}

/// The most that the thread worked in any stretch of time as long as its period, beyond its budget.
pub(in super::super) fn overrun(booted: &Booted, name: &str) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    let seen = Seen::of(row)?;
    let (budget, period) = (row.fact("budget")?, row.fact("period")?);
    let within = |from: u64| -> u64 {
        let to = from + period;
        let each = seen.stretches.iter();
        each.map(|(began, lasted)| (began + lasted).min(to).saturating_sub(*began.max(&from)))
            .sum()
    };
    // The most is in a stretch that begins with service.
    let most = seen.stretches.iter().map(|(began, _)| within(*began)).max();
    let most = most.context("none")?;
    Ok(seen
        .figures(row, number(most.saturating_sub(budget)))?
        .with("most_in_a_period", most))
}

/// What a row printed.
struct Seen {
    /// Begin and length of each time in which the thread was not stopped.
    stretches: Vec<(u64, u64)>,
    steps_alone: f64,
    /// Ticks of a step.
    step: f64,
}

impl Seen {
    fn of(row: &Readings) -> Result<Seen> {
        let steps_alone = number(row.fact("steps-alone")?);
        ensure!(steps_alone > 0.0, "no work was done");
        let stretches: Vec<(u64, u64)> = row
            .numbered("began")
            .into_iter()
            .zip(row.numbered("lasted"))
            .collect();
        ensure!(!stretches.is_empty(), "the thread was never stopped");
        Ok(Seen {
            stretches,
            steps_alone,
            step: number(row.fact("window")?) / steps_alone,
        })
    }

    /// A figure with the stretches that it is from. In the long run the thread has what its budget says, or its budget did not hold it.
    fn figures(&self, row: &Readings, figure: f64) -> Result<Figures> {
        let granted = number(row.fact("window")?) / number(row.fact("period")?) * number(row.fact("budget")?);
        let worked = number(self.stretches.iter().map(|(_, lasted)| lasted).sum());
        let stretches: Vec<Vec<u64>> = self
            .stretches
            .iter()
            .map(|(began, lasted)| vec![*began, *lasted])
            .collect();
        let mut figures = Figures::of(vec![figure])
            .with("step", self.step)
            .with("stretches", stretches);
        figures.refuted = !(0.8..=1.2).contains(&(worked / granted));
        Ok(checked(figures, row))
    }
}

#[cfg(test)]
mod tests {
    use super::super::booted;
    use super::*;

    /// Four periods of 1,000 with a budget of 100, in steps of 2; three of them begin at these times.
    fn said(began: [u32; 4], lasted: [u32; 4]) -> Booted {
        let lines = |name: &str, values: [u32; 4]| -> String {
            let each = values.iter().enumerate();
            each.map(|(place, value)| format!("@fact t {name}-{place} {value}\n"))
                .collect()
        };
        booted(&format!(
            "@fact t steps-alone 2000\n@fact t steps-held 180\n@fact t steps-other 1700\n@fact t window 4000\n\
             @fact t budget 100\n@fact t period 1000\n@fact t wrong 0\n{}{}",
            lines("began", began),
            lines("lasted", lasted)
        ))
    }

    #[test]
    fn n10_what_both_did_less_than_one_is_divided_by_the_periods() {
        let booted = said([10, 1_010, 2_010, 3_010], [90; 4]);
        let figures = overhead(&booted, "t").unwrap();
        assert_eq!((figures.samples, figures.refuted), (vec![60.0], false));
    }

    #[test]
    fn n10_periods_differ_by_more_than_can_be_seen_or_not_at_all() {
        let regular = jitter(&said([10, 1_011, 2_010, 3_010], [90; 4]), "t").unwrap();
        assert_eq!(regular.samples, [0.0]);
        let late = jitter(&said([10, 1_010, 2_040, 3_010], [90; 4]), "t").unwrap();
        assert_eq!(late.samples, [60.0 - 4.0]);
    }

    #[test]
    fn n10_an_overrun_is_what_any_period_has_beyond_the_budget() {
        let held = overrun(&said([10, 1_010, 2_010, 3_010], [95; 4]), "t").unwrap();
        assert_eq!(
            (held.samples, &held.details["most_in_a_period"]),
            (vec![0.0], &95.into())
        );
        // Two budgets' worth next to each other.
        let twice = overrun(&said([10, 1_800, 2_010, 3_010], [100; 4]), "t").unwrap();
        assert_eq!(twice.samples, [100.0]);
    }

    #[test]
    fn n10_a_thread_that_was_not_held_to_its_budget_refutes_the_row() {
        let began = [10, 1_010, 2_010, 3_010];
        assert!(!overrun(&said(began, [95; 4]), "t").unwrap().refuted);
        assert!(overrun(&said(began, [150; 4]), "t").unwrap().refuted);
        assert!(overrun(&said(began, [50; 4]), "t").unwrap().refuted);
        let never = "@fact t steps-alone 2000\n@fact t window 4000\n@fact t wrong 0";
        assert!(overrun(&booted(never), "t").is_err());
    }
}
