//! The tables that a measured kernel prints at its end, added up over its CPUs: locks by site, counters by name, places in user
//! programs. The form of the lines is that of `machine::attribution::write`.

use anyhow::{Context, Result};
use std::collections::BTreeMap;

/// What happened to the locks of one site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) taken: u64,
    pub(super) contended: u64,
    /// Ticks, as are the following.
    pub(super) wait: u64,
    pub(super) longest_wait: u64,
    pub(super) hold: u64,
    pub(super) longest_hold: u64,
}

/// All tables of a boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) locks: BTreeMap<String, Row>,
    pub(super) counters: BTreeMap<String, u64>,
    /// Samples by process and address.
    pub(super) places: BTreeMap<(u64, u64), u64>,
}

impl Table {
    /// Reads them from a console's lines.
    pub(super) fn read(lines: &[String]) -> Result<Table> {
        let mut table = Table::default();
        for line in lines.iter().filter_map(|line| line.strip_prefix("@attribution ")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            table
                .add(&words)
                .with_context(|| format!("@attribution {line} makes no sense"))?;
        }
        anyhow::ensure!(!table.locks.is_empty(), "the kernel printed no tables");
        Ok(table)
    }

    fn add(&mut self, words: &[&str]) -> Result<()> {
        match words {
            ["lock", _, site, numbers @ ..] => {
                let numbers: Vec<u64> = numbers
                    .iter()
                    .map(|word| word.parse())
                    .collect::<Result<_, _>>()?;
                let [taken, contended, wait, longest_wait, hold, longest_hold] = numbers[..] else {
                    anyhow::bail!("six numbers are wanted");
                };
                let row = self.locks.entry((*site).to_owned()).or_default();
                row.taken += taken;
                row.contended += contended;
                row.wait += wait;
                row.longest_wait = row.longest_wait.max(longest_wait);
                row.hold += hold;
                row.longest_hold = row.longest_hold.max(longest_hold);
            }
            ["count", _, name, value] => {
                *self.counters.entry((*name).to_owned()).or_default() += value.parse::<u64>()?;
            }
            ["place", _, process, address, samples] => {
                let address = u64::from_str_radix(address.trim_start_matches("0x"), 16)?;
                *self.places.entry((process.parse()?, address)).or_default() += samples.parse::<u64>()?;
            }
            _ => anyhow::bail!("an unknown kind of line"),
        }
        Ok(())
    }

    /// What is in here and not in `before`. The longest times and the places are those of this boot.
    pub(super) fn since(&self, before: &Table) -> Table {
        let mut changed = self.clone();
        for (site, row) in &mut changed.locks {
            let old = before.locks.get(site).copied().unwrap_or_default();
            row.taken = row.taken.saturating_sub(old.taken);
            row.contended = row.contended.saturating_sub(old.contended);
            row.wait = row.wait.saturating_sub(old.wait);
            row.hold = row.hold.saturating_sub(old.hold);
        }
        for (name, value) in &mut changed.counters {
            *value = value.saturating_sub(before.counters.get(name).copied().unwrap_or(0));
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lines: &[&str]) -> Table {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        Table::read(&lines).unwrap()
    }

    #[test]
    fn a2_tables_of_cpus_are_added_up_and_two_boots_subtracted() {
        let long = table(&[
            "@begin",
            "@attribution lock 0 ring 10 1 100 60 500 90",
            "@attribution lock 1 ring 5 0 0 0 100 95",
            "@attribution count 0 switches 8",
            "@attribution count 1 switches 4",
            "@attribution place 0 1 0x401230 3",
        ]);
        let short = table(&[
            "@attribution lock 0 ring 3 1 40 40 50 50",
            "@attribution count 0 switches 2",
        ]);
        let changed = long.since(&short);
        let ring = Row {
            taken: 12,
            contended: 0,
            wait: 60,
            longest_wait: 60,
            hold: 550,
            longest_hold: 95,
        };
        assert_eq!(changed.locks["ring"], ring);
        assert_eq!(changed.counters["switches"], 10);
        assert_eq!(changed.places[&(1, 0x40_1230)], 3);
    }

    #[test]
    fn a2_a_kernel_that_tells_nothing_is_noticed() {
        assert!(Table::read(&["@begin".to_owned()]).is_err());
        assert!(Table::read(&["@attribution lock 0 ring 1".to_owned()]).is_err());
    }
}
