//! The words of the files, and help for those that are nearly right.

use std::sync::LazyLock;

use sched::context::SpecError;
use sched::{CpuId, CpuMask, LatencyClass, Overrun, Policy};

use crate::scenario::Deed;

/// Latency classes.
pub(super) static CLASSES: LazyLock<[(&str, LatencyClass); 4]> =
    LazyLock::new(|| LatencyClass::ALL.map(|class| (class.name(), class)));
/// The orders in which waiting threads are served.
pub(super) static POLICIES: LazyLock<[(&str, Policy); 2]> =
    LazyLock::new(|| Policy::ALL.map(|policy| (policy.name(), policy)));

/// What happens when a budget is used up.
pub(super) const OVERRUNS: [(&str, Overrun); 3] = [
    ("throttle", Overrun::Throttle),
    ("fault", Overrun::Fault),
    ("demote", Overrun::Demote),
];

/// What is done with contexts.
pub(super) const DEEDS: [(&str, Deed); 5] = [
    ("carve", Deed::Carve),
    ("bind", Deed::Bind),
    ("unbind", Deed::Unbind),
    ("return", Deed::Return),
    ("revoke", Deed::Revoke),
];

/// What is wrong with a limit or a reservation.
pub(super) const fn spec_error(error: SpecError) -> &'static str {
    match error {
        SpecError::BudgetTooSmall => "a budget is 100us at least",
        SpecError::BudgetTooLarge => "a budget is at most its deadline, and that is at most the period",
        SpecError::PeriodTooLong => "a period is 10s at most",
        SpecError::DeadlineTooLate => "a deadline is at most the period",
        SpecError::LimitCannotDemote => "only a reservation can be overrun by weight: a limit would be none",
    }
}

/// What a word stands for.
pub(super) fn find<T: Copy>(word: &str, words: &[(&str, T)]) -> Result<T, String> {
    match words.iter().find(|(known, _)| *known == word) {
        Some((_, value)) => Ok(*value),
        None => Err(unknown(word, words.iter().map(|(known, _)| *known))),
    }
}

/// The word for a value.
pub(super) fn print<T: PartialEq>(value: &T, words: &[(&'static str, T)]) -> &'static str {
    words
        .iter()
        .find(|(_, known)| known == value)
        .map_or("", |(word, _)| *word)
}

/// A complaint about a word, with the known one that it most looks like.
pub(super) fn unknown<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("`{word}` means nothing here; did you mean `{near}`?"),
        None if known.is_empty() || known.len() > 24 => format!("`{word}` means nothing here"),
        None => format!("`{word}` means nothing here; there are {}", known.join(", ")),
    }
}

/// The known word that a misspelt one probably is.
pub(super) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()
        .filter(|(edits, _)| *edits <= 2.max(word.len() / 3) && *edits < word.len())
        .map(|(_, candidate)| candidate)
}

/// Adds the CPUs that a text like `0`, `4-7` or `0,2,4-7` names.
pub(super) fn cpus(text: &str, mask: &mut CpuMask) -> Result<(), String> {
    let number = |text: &str| {
        let number = text.trim().parse::<u32>();
        number
            .ok()
            .filter(|number| *number <= LAST_CPU)
            .ok_or_else(|| format!("`{text}` is no CPU; CPUs are numbers from 0, as in 0,2,4-7"))
    };
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        if first > last {
            return Err(format!("`{part}` runs backwards"));
        }
        for cpu in first..=last {
            mask.insert(CpuId(cpu));
        }
    }
    Ok(())
}

/// No machine has CPUs behind this one: it keeps masks from filling memory because of a typing error.
pub(super) const LAST_CPU: u32 = 65_535;

/// What [`cpus`] reads as `mask`.
pub(super) fn print_cpus(mask: &CpuMask) -> String {
    let mut stretches: Vec<(u32, u32)> = Vec::new();
    for cpu in mask.iter() {
        match stretches.last_mut() {
            Some((_, last)) if *last + 1 == cpu.0 => *last = cpu.0,
            _ => stretches.push((cpu.0, cpu.0)),
        }
    }
    let stretches = stretches.iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    stretches.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_a_misspelt_word_is_answered_with_the_right_one() {
        let known = ["lock", "unlock", "run"];
        assert!(unknown("lokc", known).contains("did you mean `lock`?"));
        assert!(unknown("frobnicate", known).contains("there are lock, unlock, run"));
        assert!(find("bacth", &*CLASSES).unwrap_err().contains("`batch`"));
    }

    #[test]
    fn l2_cpus_are_numbers_and_stretches() {
        let mut mask = CpuMask::empty();
        cpus("9, 0-2", &mut mask).unwrap();
        assert_eq!(print_cpus(&mask), "0-2,9");
        for wrong in ["", "a", "3-1", "1-", "-1", "70000", "1;2"] {
            assert!(cpus(wrong, &mut CpuMask::empty()).is_err(), "{wrong}");
        }
    }
}
