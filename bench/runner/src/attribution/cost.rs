//! Rows for people and for programs: what an operation takes in each kernel, and where the attributed one says it goes.

use super::Attributed;
use anyhow::{Result, ensure};
use object::{Object, ObjectSymbol, SymbolKind};
use serde_json::{Value, json};

/// Places of user programs that are shown.
const MOST_PLACES: usize = 12;

/// Operations and ticks of each round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Samples(Vec<(u64, u64)>);

impl Samples {
    /// Reads them from a console's lines.
    pub(super) fn read(row: &str, lines: &[String]) -> Result<Samples> {
        let mut samples = Vec::new();
        for line in lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["@sample", name, operations, ticks] = words[..]
                && name == row
            {
                samples.push((operations.parse()?, ticks.parse()?));
            }
        }
        ensure!(
            !samples.is_empty() && samples.iter().all(|(operations, _)| *operations > 0),
            "the program measured nothing of {row}"
        );
        Ok(Samples(samples))
    }

    /// Operations of all rounds.
    pub(super) fn operations(&self) -> u64 {
        self.0.iter().map(|(operations, _)| operations).sum()
    }

    /// Ticks of an operation: the median of the rounds, as in the table of all rows.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    pub(super) fn each(&self) -> f64 {
        let each = |(operations, ticks): &(u64, u64)| *ticks as f64 / *operations as f64;
        let mut rounds: Vec<f64> = self.0.iter().map(each).collect();
        rounds.sort_by(f64::total_cmp);
        f64::midpoint(rounds[(rounds.len() - 1) / 2], rounds[rounds.len() / 2])
    }
}

impl Attributed {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    fn per_operation(&self, count: u64) -> f64 {
        count as f64 / self.operations as f64
    }

    /// Part of an attributed operation, in percent.
    fn share(&self, ticks: u64) -> Option<f64> {
        let whole = self.attributed.as_ref()?.each();
        Some(self.per_operation(ticks) / whole * 100.0)
    }

    /// The kernels side by side: name, ticks of an operation, and how many times the normal one's.
    fn kernels(&self) -> Vec<(&'static str, f64, f64)> {
        let Some(normal) = &self.normal else {
            return Vec::new();
        };
        let kernels = [
            ("normal", &self.normal),
            ("traced", &self.traced),
            ("attribution", &self.attributed),
        ];
        kernels
            .into_iter()
            .filter_map(|(name, samples)| Some((name, samples.as_ref()?.each())))
            .map(|(name, each)| (name, each, each / normal.each()))
            .collect()
    }

    /// The row as one object.
    pub(super) fn to_json(&self, cpus: u32) -> Value {
        let locks: serde_json::Map<String, Value> = self
            .table
            .locks
            .iter()
            .map(|(site, row)| {
                let of = |count| self.per_operation(count);
                let row = json!({
                    "taken": of(row.taken), "contended": of(row.contended), "wait": of(row.wait), "hold": of(row.hold),
                    "share_percent": self.share(row.wait + row.hold),
                    "longest_wait": row.longest_wait, "longest_hold": row.longest_hold,
                });
                (site.clone(), row)
            })
            .collect();
        let counters: serde_json::Map<String, Value> = self
            .table
            .counters
            .iter()
            .map(|(name, value)| (name.clone(), self.per_operation(*value).into()))
            .collect();
        let kernels: serde_json::Map<String, Value> = self
            .kernels()
            .into_iter()
            .map(|(name, each, _)| (name.to_owned(), each.into()))
            .collect();
        let places: Vec<Value> = self
            .table
            .places
            .iter()
            .map(|((process, address), samples)| {
                json!({ "process": process, "address": address, "samples": samples })
            })
            .collect();
        json!({
            "row": self.id, "name": self.name, "cpus": cpus, "operations": self.operations, "ticks": kernels,
            "locks": locks, "counters": counters, "places": places,
        })
    }

    /// The row as tables.
    pub(super) fn print(&self) {
        println!("\n{} ({})", self.id, self.name);
        for (kernel, each, times) in self.kernels() {
            println!("  {kernel:<14}{each:>12.1} ticks an operation{times:>9.3} times");
        }
        let what = if self.normal.is_some() {
            "per operation"
        } else {
            "in all"
        };
        println!(
            "  {:<14}{:>9}{:>11}{:>10}{:>11}{:>8}{:>10}{:>10}   {what}",
            "lock", "taken", "contended", "wait", "hold", "share", "max wait", "max hold"
        );
        let mut rows: Vec<_> = self.table.locks.iter().collect();
        rows.sort_by_key(|(_, row)| std::cmp::Reverse((row.wait + row.hold, row.taken)));
        for (site, row) in rows {
            let of = |count| self.per_operation(count);
            // What happens once in a thousand operations is the boots' and not the row's.
            if of(row.taken) < 0.001 {
                continue;
            }
            let share = self
                .share(row.wait + row.hold)
                .map_or_else(String::new, |share| format!("{share:.1} %"));
            println!(
                "  {site:<14}{:>9.3}{:>11.3}{:>10.1}{:>11.1}{share:>8}{:>10}{:>10}",
                of(row.taken),
                of(row.contended),
                of(row.wait),
                of(row.hold),
                row.longest_wait,
                row.longest_hold
            );
        }
        for (name, value) in &self.table.counters {
            let each = self.per_operation(*value);
            if each >= 0.001 {
                println!("  {name:<22}{each:>14.3}");
            }
        }
    }

    /// Where user programs were when the timer interrupted them. `program` is the ELF file of the first process with its
    /// symbols.
    pub(super) fn print_places(&self, program: &[u8]) {
        let functions = functions(program);
        let mut places: Vec<_> = self.table.places.iter().collect();
        places.sort_by_key(|(_, samples)| std::cmp::Reverse(**samples));
        for ((process, address), samples) in places.into_iter().take(MOST_PLACES) {
            // The first process is the bench program, and those it starts are mostly the same.
            let function = functions.iter().rev().find(|(begin, _)| begin <= address);
            let function = function.map_or("", |(_, name)| name);
            println!("  {samples:>6} samples in process {process} at {address:#x} {function}");
        }
    }
}

/// Begin and name of each function of an ELF file, by address.
fn functions(program: &[u8]) -> Vec<(u64, String)> {
    let Ok(elf) = object::File::parse(program) else {
        return Vec::new();
    };
    let mut functions: Vec<(u64, String)> = elf
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text)
        .filter_map(|symbol| {
            let name = format!("{:#}", rustc_demangle::demangle(symbol.name().ok()?));
            Some((symbol.address(), name))
        })
        .collect();
    functions.sort();
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_an_operation_takes_what_the_round_in_the_middle_took() {
        let lines = [
            "@sample call 10 700",
            "@sample call 10 9000",
            "@sample park 1 5",
            "@sample call 10 720",
        ];
        let lines = lines.map(str::to_owned);
        let samples = Samples::read("call", &lines).unwrap();
        assert_eq!((samples.operations(), samples.each()), (30, 72.0));
        assert!(Samples::read("yield", &lines).is_err());
    }
}
