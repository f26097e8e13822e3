//! The words of scheduling, with their numbers on the wire and the names that people type: latency classes, the orders in which
//! waiting threads are served, and between whom time is divided. There is one table of each, and this is it: kernel,
//! runtime, simulator and tools read it. What a class or an order does is `sched`'s matter (rules D1, D5 and D7).

/// How soon a thread wants to run after it wakes, paid for with shorter turns. It does not change its share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LatencyClass {
    /// Half slices: runs earlier, more often, for less time each.
    Interactive,
    /// Whole slices.
    #[default]
    Normal,
    /// Four slices in one turn: runs later and is disturbed less.
    Batch,
    /// A server that is called by others. It is scheduled like `Normal`; the name lets tools tell it apart.
    IpcServer,
}

impl LatencyClass {
    /// Every class, in the order of the numbers.
    pub const ALL: [LatencyClass; 4] = [
        LatencyClass::Interactive,
        LatencyClass::Normal,
        LatencyClass::Batch,
        LatencyClass::IpcServer,
    ];

    /// The class with this number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<LatencyClass> {
        LatencyClass::ALL.get(usize::from(number)).copied()
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The class that people mean by `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<LatencyClass> {
        LatencyClass::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The name that people type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LatencyClass::Interactive => "interactive",
            LatencyClass::Normal => "normal",
            LatencyClass::Batch => "batch",
            LatencyClass::IpcServer => "ipc_server",
        }
    }

    /// How many halves of a slice one turn of this class is.
    #[must_use]
    #[inline]
    pub const fn halves(self) -> u64 {
        // In the order of the variants, in one word: looking it up costs the hot path less than a choice or a table.
        const HALVES: u64 = u64::from_le_bytes([1, 2, 8, 2, 0, 0, 0, 0]);
        (HALVES >> (8 * self as u32)) & 0xff
    }
}

/// How the waiting threads of a CPU are ordered. Chosen once per boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Earliest eligible virtual deadline first (Stoica and Abdel-Wahab 1995): among the threads that are not ahead
    /// of the clock, the one whose request is due first. A turn that was interrupted keeps its deadline. The default;
    /// docs/policies.md has the measurements that say why.
    #[default]
    Eevdf,
    /// Weighted fair queueing: earliest virtual finish first.
    WeightedFair,
}

impl Policy {
    /// Both, in the order of the numbers.
    pub const ALL: [Policy; 2] = [Policy::Eevdf, Policy::WeightedFair];

    /// The policy with this number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Policy> {
        Policy::ALL.get(usize::from(number)).copied()
    }

    /// The name that people type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Policy::Eevdf => "eevdf",
            Policy::WeightedFair => "wfq",
        }
    }
}

/// Between whom a CPU's time is divided first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fairness {
    /// Every thread for itself.
    #[default]
    Threads,
    /// Processes, and the threads of each share what it has.
    Processes,
}

impl Fairness {
    /// Both, in the order of the numbers.
    pub const ALL: [Fairness; 2] = [Fairness::Threads, Fairness::Processes];

    /// The one with this number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Fairness> {
        Fairness::ALL.get(usize::from(number)).copied()
    }

    /// The name that people type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Fairness::Threads => "threads",
            Fairness::Processes => "processes",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Whether no two of them are the same.
    fn differ(names: &[&str]) -> bool {
        let mut sorted = Vec::from(names);
        sorted.sort_unstable();
        sorted.dedup();
        sorted.len() == names.len()
    }

    #[test]
    fn d1_classes_survive_their_numbers_and_their_names() {
        for (number, class) in (0..).zip(LatencyClass::ALL) {
            assert_eq!(
                (class.number(), LatencyClass::from_number(number)),
                (number, Some(class))
            );
            assert_eq!(LatencyClass::from_name(class.name()), Some(class));
        }
        assert_eq!(LatencyClass::from_number(4), None);
        assert_eq!(LatencyClass::from_name("soon"), None);
        assert!(differ(&LatencyClass::ALL.map(LatencyClass::name)));
    }

    #[test]
    fn d1_a_turn_is_half_a_slice_a_slice_four_or_one() {
        assert_eq!(LatencyClass::ALL.map(LatencyClass::halves), [1, 2, 8, 2]);
    }

    #[test]
    fn d5_policies_and_d7_scopes_survive_their_numbers_and_differ_in_name() {
        for (number, policy) in (0..).zip(Policy::ALL) {
            assert_eq!(
                (policy as u16, Policy::from_number(number)),
                (number, Some(policy))
            );
        }
        for (number, fairness) in (0..).zip(Fairness::ALL) {
            assert_eq!(
                (fairness as u16, Fairness::from_number(number)),
                (number, Some(fairness))
            );
        }
        assert_eq!((Policy::from_number(2), Fairness::from_number(2)), (None, None));
        assert!(differ(&Policy::ALL.map(Policy::name)) && differ(&Fairness::ALL.map(Fairness::name)));
    }
}
