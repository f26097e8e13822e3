//! `stat`: every counter of the kernel, for the machine and for each CPU, since boot or over a while, as a table or as one
//! line of JSON. docs/counters.md says what each name means. Pure; `look` takes the looks.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rt::text::{Table, duration, grouped};

/// One counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its name.
    pub name: String,
    /// How often or how much; a name that ends in `Ns` is in nanoseconds.
    pub value: u64,
    /// Whether it is what is now and not what has been counted.
    pub is_level: bool,
}

/// The counters of one CPU, or of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The CPU.
    pub cpu: u32,
    /// The monotonic clock when they were read.
    pub at_ns: u64,
    /// The counters in the kernel's order.
    pub values: Vec<Value>,
}

/// The modes a CPU can be in, as they are in the names of counters.
const MODES: [&str; 3] = ["Idle", "Alone", "Shared"];

impl Counted {
    /// The counter with this name; 0 if there is none.
    pub fn get(&self, name: &str) -> u64 {
        let found = self.values.iter().find(|value| value.name == name);
        found.map_or(0, |value| value.value)
    }

    /// Adds what follows from two counters: ticks that a kernel with a tick would have taken and this one did not.
    #[must_use]
    pub fn with_suppressed_ticks(mut self) -> Counted {
        for mode in MODES {
            let expected = self.get(&format!("ticksExpected{mode}"));
            let taken = self.get(&format!("ticks{mode}"));
            self.values.push(Value {
                name: format!("ticksSuppressed{mode}"),
                value: expected.saturating_sub(taken),
                is_level: false,
            });
        }
        self
    }

    /// What was counted since `before`; levels stay as they are now.
    #[must_use]
    pub fn since(&self, before: &Counted) -> Counted {
        let mut changed = self.clone();
        for value in changed.values.iter_mut().filter(|value| !value.is_level) {
            value.value = value.value.saturating_sub(before.get(&value.name));
        }
        changed
    }
}

/// The sums over all CPUs.
pub fn machine(cpus: &[Counted]) -> Counted {
    let mut sums = cpus.first().cloned().unwrap_or_default();
    for cpu in cpus.iter().skip(1) {
        sums.at_ns = sums.at_ns.max(cpu.at_ns);
        for sum in &mut sums.values {
            sum.value += cpu.get(&sum.name);
        }
    }
    sums
}

/// CPUs that have a column in the table of all; the others are asked for by number.
const MOST_COLUMNS: usize = 4;

const HEADINGS: [&str; 2 + MOST_COLUMNS] = ["COUNTER", ">MACHINE", ">", ">", ">", ">"];

/// The counters as lines; those that are zero everywhere are only counted.
pub fn lines(cpus: &[Counted], width: usize) -> Vec<String> {
    let sums = machine(cpus);
    let shown = &cpus[..cpus.len().min(MOST_COLUMNS)];
    let mut table = Table::new(&HEADINGS[..2 + shown.len()]);
    let numbers = shown.iter().map(|cpu| format!("CPU {}", cpu.cpu));
    table.row([String::new(), String::new()].into_iter().chain(numbers));
    let mut zero = 0;
    for value in &sums.values {
        if value.value == 0 {
            zero += 1;
            continue;
        }
        let text = |number: u64| {
            if value.name.ends_with("Ns") {
                duration(number)
            } else {
                grouped(number)
            }
        };
        let cells = shown.iter().map(|cpu| text(cpu.get(&value.name)));
        let whole = [value.name.clone(), text(value.value)];
        table.row(whole.into_iter().chain(cells));
    }
    let mut lines = table.lines(width);
    if cpus.len() > shown.len() {
        lines.push(format!(
            "`stat CPU` shows CPUs {} to {} one by one",
            shown.len(),
            cpus.len() - 1
        ));
    }
    lines.push(format!("{zero} counters are zero"));
    lines
}

/// The counters as one line of JSON. `over_ns` is the time between two looks, 0 for one look at everything since boot.
pub fn json(cpus: &[Counted], over_ns: u64) -> String {
    let sums = machine(cpus);
    let each: Vec<String> = cpus
        .iter()
        .map(|cpu| format!("{{\"cpu\":{},\"counters\":{}}}", cpu.cpu, object(cpu)))
        .collect();
    format!(
        "{{\"atNs\":{},\"overNs\":{over_ns},\"machine\":{},\"cpus\":[{}]}}",
        sums.at_ns,
        object(&sums),
        each.join(",")
    )
}

fn object(counted: &Counted) -> String {
    let pairs: Vec<String> = counted
        .values
        .iter()
        .map(|value| format!("\"{}\":{}", value.name, value.value))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(cpu: u32, values: &[(&str, u64)]) -> Counted {
        Counted {
            cpu,
            at_ns: 5 + u64::from(cpu),
            values: values
                .iter()
                .map(|(name, value)| Value {
                    name: (*name).into(),
                    value: *value,
                    is_level: *name == "queueDepth",
                })
                .collect(),
        }
    }

    #[test]
    fn a1_the_machine_is_the_sum_of_its_cpus() {
        let cpus = [
            counted(0, &[("switches", 3), ("queueDepth", 1)]),
            counted(1, &[("switches", 4), ("queueDepth", 2)]),
        ];
        let sums = machine(&cpus);
        assert_eq!(
            (sums.get("switches"), sums.get("queueDepth"), sums.at_ns),
            (7, 3, 6)
        );
    }

    #[test]
    fn a1_differences_leave_levels_alone() {
        let before = counted(0, &[("switches", 3), ("queueDepth", 1)]);
        let now = counted(0, &[("switches", 10), ("queueDepth", 1)]);
        let changed = now.since(&before);
        assert_eq!((changed.get("switches"), changed.get("queueDepth")), (7, 1));
    }

    #[test]
    fn a1_suppressed_ticks_are_expected_ones_that_were_not_taken() {
        let counted = counted(
            0,
            &[("ticksExpectedIdle", 10), ("ticksIdle", 3), ("ticksAlone", 1)],
        )
        .with_suppressed_ticks();
        assert_eq!(
            MODES.map(|mode| counted.get(&format!("ticksSuppressed{mode}"))),
            [7, 0, 0]
        );
    }

    #[test]
    fn a1_the_table_has_times_as_times_and_leaves_zeros_out() {
        let cpus = [
            counted(0, &[("busyNs", 1_500_000), ("steals", 0)]),
            counted(1, &[("busyNs", 500_000), ("steals", 0)]),
        ];
        let lines = lines(&cpus, 80);
        assert!(lines[1].ends_with("CPU 0   CPU 1"), "{}", lines[1]);
        let words: Vec<&str> = lines[2].split_whitespace().collect();
        assert_eq!(words, ["busyNs", "2.00", "ms", "1.50", "ms", "500", "us"]);
        assert_eq!(lines[3], "1 counters are zero");
    }

    #[test]
    fn a1_json_has_machine_and_cpus() {
        let cpus = [counted(0, &[("switches", 3)]), counted(1, &[("switches", 4)])];
        assert_eq!(
            json(&cpus, 9),
            "{\"atNs\":6,\"overNs\":9,\"machine\":{\"switches\":7},\"cpus\":[{\"cpu\":0,\"counters\":{\"switches\":3}},\
             {\"cpu\":1,\"counters\":{\"switches\":4}}]}"
        );
    }
}
