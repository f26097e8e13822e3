//! What threads that never sleep ought to have: the weighted max-min shares of several CPUs with affinity masks (D8).
//!
//! Nobody's share, divided by its weight, can be raised without lowering that of somebody who has as little; no thread has
//! more than one CPU, and none has time on a CPU that it may not run on. Which shares are possible at all is Hall's condition:
//! any set of threads together at most as many CPUs as any of them may use; then a preemptive schedule exists, in
//! which no thread is on two CPUs at once (Gonzalez and Sahni, "Open shop scheduling to minimize finish time", JACM 1976).
//!
//! The shares are found by progressive filling (Bertsekas and Gallager, *Data Networks*, 6.5.2): all rise in step, by
//! weight, until some set of threads has all its CPUs; those stay, the others go on. How far they can rise is a
//! parametric flow problem; from above, each minimum cut names a set that wants too much, and the rate at which
//! just that set would be content is the next to try (Dinkelbach, "On nonlinear fractional programming", Management
//! Science 1967). Threads with one mask are one node of the network, so many threads cost no more than few.

use sched::{CpuId, CpuMask, Weight};

mod flow;
#[cfg(test)]
mod tests;

use flow::Network;

/// A thread that never sleeps.
#[derive(Clone, Debug)]
pub struct Hog {
    /// Its weight.
    pub weight: Weight,
    /// Where it may run; `None` is everywhere.
    pub mask: Option<CpuMask>,
}

/// Shares closer together than this are the same.
const EPSILON: f64 = 1e-9;

/// Threads that may run on the same CPUs.
#[derive(Clone, Debug)]
struct Class {
    cpus: Vec<usize>,
    /// What those of its threads have that cannot have more.
    settled: f64,
    /// The other ones: index and weight.
    rising: Vec<(usize, f64)>,
}

/// The share of one CPU that each thread ought to have on these CPUs, from 0 to 1.
#[must_use]
pub fn shares(hogs: &[Hog], online: &[CpuId]) -> Vec<f64> {
    let mut shares = vec![0.0; hogs.len()];
    let mut classes = classes(hogs, online);
    while classes.iter().any(|class| !class.rising.is_empty()) {
        let (rate, full) = fill(&classes, online.len());
        for (class, full) in classes.iter_mut().zip(full) {
            if full {
                for (thread, weight) in class.rising.drain(..) {
                    shares[thread] = at(rate, weight);
                    class.settled += shares[thread];
                }
            }
        }
    }
    shares
}

/// The share of a thread of this weight at this rate.
fn at(rate: f64, weight: f64) -> f64 {
    (rate * weight).min(1.0)
}

/// The threads by where they may run; those that may run nowhere are left out.
fn classes(hogs: &[Hog], online: &[CpuId]) -> Vec<Class> {
    let mut classes: Vec<Class> = Vec::new();
    for (index, hog) in hogs.iter().enumerate() {
        let allows = |cpu: &CpuId| hog.mask.as_ref().is_none_or(|mask| mask.contains(*cpu));
        let cpus: Vec<usize> = (0..online.len()).filter(|cpu| allows(&online[*cpu])).collect();
        if cpus.is_empty() {
            continue;
        }
        let member = (index, f64::from(hog.weight.get()));
        match classes.iter_mut().find(|class| class.cpus == cpus) {
            Some(class) => class.rising.push(member),
            None => classes.push(Class {
                cpus,
                settled: 0.0,
                rising: vec![member],
            }),
        }
    }
    classes
}

/// How far those that are not settled can rise together, and which classes cannot go on then.
fn fill(classes: &[Class], cpus: usize) -> (f64, Vec<bool>) {
    let weights = classes.iter().flat_map(|class| &class.rising);
    let lightest = weights.map(|(_, weight)| *weight).fold(f64::INFINITY, f64::min);
    // Here everybody has a CPU for itself.
    let mut rate = 1.0 / lightest;
    let mut full = vec![true; classes.len()];
    loop {
        let wanted: Vec<f64> = classes.iter().map(|class| class.wants(rate)).collect();
        let network = Network::new(classes.iter().map(|class| class.cpus.as_slice()), &wanted, cpus);
        let Some(greedy) = network.who_wants_too_much(EPSILON) else {
            return (rate, full);
        };
        let content = content(classes, &greedy, cpus);
        full = greedy;
        if content >= rate - EPSILON * rate {
            return (content.min(rate), full);
        }
        rate = content;
    }
}

/// The rate at which these classes together want just the CPUs that they may use.
fn content(classes: &[Class], these: &[bool], cpus: usize) -> f64 {
    let mut usable = vec![false; cpus];
    let (mut settled, mut weights) = (0.0, Vec::new());
    for (class, _) in classes.iter().zip(these).filter(|(_, this)| **this) {
        class.cpus.iter().for_each(|cpu| usable[*cpu] = true);
        settled += class.settled;
        weights.extend(class.rising.iter().map(|(_, weight)| *weight));
    }
    let mut room = usable.iter().filter(|usable| **usable).count() as f64 - settled;
    // Heaviest first: whoever would have more than a CPU has one, and the others share what is left.
    weights.sort_by(|one, other| other.total_cmp(one));
    let mut weight: f64 = weights.iter().sum();
    for heaviest in weights {
        let rate = room / weight;
        if rate * heaviest <= 1.0 {
            return rate.max(0.0);
        }
        room -= 1.0;
        weight -= heaviest;
    }
    f64::INFINITY
}

impl Class {
    /// What its threads want together at this rate.
    fn wants(&self, rate: f64) -> f64 {
        self.settled
            + self
                .rising
                .iter()
                .map(|(_, weight)| at(rate, *weight))
                .sum::<f64>()
    }
}
