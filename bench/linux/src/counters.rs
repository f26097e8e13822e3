//! What Linux has counted since boot, on all CPUs: /proc/stat and /proc/interrupts (proc(5)).

use std::fs;
use std::io::{Error, ErrorKind};

use workloads::system::{Counters, TimerInterrupts};

use crate::system::Linux;

const STAT: &str = "/proc/stat";
const INTERRUPTS: &str = "/proc/interrupts";

/// The first number behind a word of /proc/stat.
fn stat(text: &str, word: &str) -> Option<u64> {
    text.lines()
        .map(str::split_whitespace)
        .find_map(|mut words| (words.next() == Some(word)).then(|| words.next())?)?
        .parse()
        .ok()
}

/// The sum over all CPUs of a line of /proc/interrupts, whose numbers end where its description begins.
fn interrupts(text: &str, kind: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(kind)?.strip_prefix(':'))?;
    Some(
        line.split_whitespace()
            .map_while(|number| number.parse::<u64>().ok())
            .sum(),
    )
}

fn missing(file: &str, what: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("{file} does not tell `{what}`"))
}

impl Counters for Linux {
    fn timer_interrupts(&self) -> Result<TimerInterrupts, Error> {
        let text = fs::read_to_string(INTERRUPTS)?;
        let all = interrupts(&text, "LOC").ok_or_else(|| missing(INTERRUPTS, "LOC"))?;
        // One timer does all; the kernel does not tell which of its interrupts were for the scheduler.
        Ok(TimerInterrupts { all, slice: all })
    }

    fn switches(&self) -> Result<u64, Error> {
        stat(&fs::read_to_string(STAT)?, "ctxt").ok_or_else(|| missing(STAT, "ctxt"))
    }

    /// Those that this kernel tells: a container may hide some.
    fn counters(&self, each: &mut dyn FnMut(&str, u64)) -> Result<(), Error> {
        let text = fs::read_to_string(STAT).unwrap_or_default();
        let stats = [
            ("switches", "ctxt"),
            ("interrupts", "intr"),
            ("forks", "processes"),
        ];
        for (name, word) in stats {
            if let Some(value) = stat(&text, word) {
                each(name, value);
            }
        }
        let text = fs::read_to_string(INTERRUPTS).unwrap_or_default();
        let kinds = [
            ("timer-interrupts", "LOC"),
            ("reschedule-ipis", "RES"),
            ("shootdowns", "TLB"),
        ];
        for (name, kind) in kinds {
            if let Some(value) = interrupts(&text, kind) {
                each(name, value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_a_word_of_the_statistics_is_found_and_no_other() {
        let text = "cpu  1 2 3\nintr 99 5 6\nctxt 1234\nprocesses 7\n";
        assert_eq!((stat(text, "ctxt"), stat(text, "intr")), (Some(1234), Some(99)));
        assert_eq!(stat(text, "ct"), None);
    }

    #[test]
    fn a1_interrupts_are_summed_over_all_cpus() {
        let text = "           CPU0       CPU1\n LOC:   100   23   Local timer interrupts\n TLB:  1  2  TLB shootdowns\n";
        assert_eq!(interrupts(text, "LOC"), Some(123));
        assert_eq!(
            (interrupts(text, "TLB"), interrupts(text, "RES")),
            (Some(3), None)
        );
    }
}
