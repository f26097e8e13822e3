//! The sections `[machine]`, `[faults]` and `[explore]`.

use super::section::{Section, number};
use crate::input::{MOST_CPUS, words};
use crate::scenario::{Explore, Fault, Faults, Machine, Strategy};

/// The machine; without the section, one CPU without delays.
pub(super) fn machine(root: &Section<'_>) -> Option<Machine> {
    let Some(section) = root.section("machine") else {
        return (!root.has("machine")).then(|| Machine::flat(1));
    };
    let flat = section.number("cpus", 1..=MOST_CPUS);
    let places = [
        section.number("packages", 1..=MOST_CPUS),
        section.number("cores", 1..=MOST_CPUS),
        section.number("siblings", 1..=MOST_CPUS),
    ];
    if section.has("cpus") && places.iter().any(Option::is_some) {
        section.error_at(
            "cpus",
            "`cpus` is for machines without packages, cores and siblings; say one or the other",
        );
    }
    let count = places
        .iter()
        .map(|place| u64::from(place.unwrap_or(1)))
        .product::<u64>();
    if count > u64::from(MOST_CPUS) {
        section.error(format!(
            "a machine of {count} CPUs is too large: {MOST_CPUS} is the most"
        ));
        return None;
    }
    let mut machine = Machine::flat(flat.unwrap_or(1));
    if flat.is_none() {
        let [packages, cores, siblings] = places.map(|place| place.unwrap_or(1));
        (machine.packages, machine.cores, machine.siblings) = (packages, cores, siblings);
    }
    machine.policy = section.word("policy", &*words::POLICIES).unwrap_or_default();
    machine.timer_latency = section.delay("timer_latency").unwrap_or_default();
    machine.ipi_delay = section.delay("ipi_delay").unwrap_or_default();
    machine.step = section.delay("step").unwrap_or_default();
    machine.idle_exit = section.duration("idle_exit").unwrap_or_default();
    machine.entry = section.duration("entry").unwrap_or(Machine::USUAL_ENTRY);
    section.finish();
    Some(machine)
}

/// What goes wrong; without the section, nothing.
pub(super) fn faults(root: &Section<'_>) -> Faults {
    let Some(section) = root.section("faults") else {
        return Faults::default();
    };
    let chance = |key| section.number(key, 0..=1000).unwrap_or_default();
    let faults = Faults {
        late_timer: fault(&section, "late_timer"),
        late_ipi: fault(&section, "late_ipi"),
        spurious_wake: chance("spurious_wake"),
        death: chance("death"),
        offline: fault(&section, "offline"),
        change: chance("change"),
        skew: section.duration("skew").unwrap_or_default(),
        drift: section.number("drift", 0..=u32::MAX).unwrap_or_default(),
    };
    section.finish();
    faults
}

/// A fault that lasts: `{ chance = 5, span = "1ms" }`.
fn fault(faults: &Section<'_>, key: &'static str) -> Fault {
    let Some(section) = faults.section(key) else {
        return Fault::default();
    };
    let fault = Fault {
        chance: section
            .required("chance", |section, key| section.number(key, 0..=1000))
            .unwrap_or_default(),
        span: section.required("span", Section::delay).unwrap_or_default(),
    };
    section.finish();
    fault
}

#[derive(Clone, Copy)]
enum Word {
    InOrder,
    Random,
    Pct,
    Given,
}

/// How the open choices are made; without the section, everything in order.
pub(super) fn explore(root: &Section<'_>) -> Option<Explore> {
    let Some(section) = root.section("explore") else {
        return Some(Explore::default());
    };
    let words = [
        ("in_order", Word::InOrder),
        ("random", Word::Random),
        ("pct", Word::Pct),
        ("given", Word::Given),
    ];
    let word = match section.has("strategy") {
        true => section.word("strategy", &words),
        false => Some(Word::InOrder),
    };
    let strategy = match word {
        Some(Word::InOrder) => Some(Strategy::InOrder),
        Some(Word::Random) => Some(Strategy::Random),
        Some(Word::Pct) => pct(&section),
        Some(Word::Given) => {
            let decisions = section.list("decisions").iter();
            let decisions =
                decisions.filter_map(|value| number(section.file, "decisions", value, 0..=u16::MAX));
            Some(Strategy::Given(decisions.collect()))
        }
        None => None,
    };
    let seed = section.seed("seed").unwrap_or_default();
    let window = section.duration("window").unwrap_or_default();
    // Without a strategy nobody knows which keys are right.
    if strategy.is_some() {
        section.finish();
    }
    Some(Explore {
        strategy: strategy?,
        seed,
        window,
    })
}

fn pct(section: &Section<'_>) -> Option<Strategy> {
    let number = |key| section.required(key, |section, key| section.number(key, 0..=u32::MAX));
    let (steps, depth) = (number("steps"), number("depth"));
    Some(Strategy::Pct {
        steps: steps?,
        depth: depth?,
    })
}
