//! Whether threads have the shares that they ought to have (D8): while nobody comes, goes, sleeps or changes, each
//! has what [`crate::ideal`] says, whatever the order in which they came.
//!
//! A stretch begins when the competition changes last. After some time to settle, what threads use in a window is compared;
//! then the next window begins. Clocks must agree, or what threads are charged is not comparable.

use sched::{Affinity, CpuId, Entity, Instant, Nanos};

use super::Machine;
use super::threads::{Index, Task};
use crate::audit::Rule;
use crate::ideal::{self, Hog};
use crate::scenario::Scenario;

/// How long threads may take to find their places.
const SETTLE: Nanos = Nanos::from_secs(2);

/// How long shares are measured.
const WINDOW: Nanos = Nanos::from_secs(5);

/// How much less than it ought to have a thread may have, in hundredths of that.
const OFF: f64 = 0.03;

/// The same where a thread is confined: several threads may have to make room for each other in a row, and take longer to find
/// their places than [`SETTLE`] in one mix of a thousand.
const OFF_CONFINED: f64 = 0.15;

/// What a thread may have had earlier, or have later, than in the ideal.
const TURNS: Nanos = Nanos::from_millis(100);

/// A stretch in which the same threads compete.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// Whether the rule holds for this machine at all.
    applies: bool,
    since: Instant,
    /// When measuring began, and what each thread had used then.
    begun: Option<(Instant, Vec<(Index, Nanos)>)>,
}

impl Stretch {
    pub(crate) fn new(scenario: &Scenario) -> Stretch {
        let faults = &scenario.faults;
        Stretch {
            applies: faults.skew == Nanos::ZERO && faults.drift == 0,
            since: Instant::BOOT,
            begun: None,
        }
    }

    /// Somebody comes or goes, sleeps or wakes, gives way, or may run elsewhere or at another weight from `now` on.
    pub(super) fn ends(&mut self, now: Instant) {
        self.since = now;
        self.begun = None;
    }
}

impl Machine {
    /// Compares what threads had with what they ought to have had, if it is time to.
    pub(super) fn shares_are_fair(&mut self) {
        let stretch = &self.audit.stretch;
        let since = if self.has_faults() {
            stretch.since.max(self.faults_end)
        } else {
            stretch.since
        };
        if !stretch.applies || self.now < since + SETTLE {
            return;
        }
        let Some((begin, before)) = &stretch.begun else {
            self.audit.stretch.begun = Some((self.now, self.used()));
            return;
        };
        let window = self.now.since(*begin);
        if window < WINDOW {
            return;
        }
        let after = self.used();
        let unfair = self.unfair(before, &after, window);
        self.audit.stretch.begun = Some((self.now, after));
        if let Some(evidence) = unfair {
            self.fail(Rule::SharesAreFair, evidence);
        }
    }

    /// The thread that has too little, if one has.
    fn unfair(&self, before: &[(Index, Nanos)], after: &[(Index, Nanos)], window: Nanos) -> Option<String> {
        let hogs = self.competing().map(|(thread, _)| Hog {
            weight: thread.weight(),
            mask: match thread.affinity() {
                Affinity::Any => None,
                Affinity::One(cpu) => Some(core::iter::once(*cpu).collect()),
                Affinity::Mask(mask) => Some(mask.clone()),
            },
        });
        let hogs: Vec<Hog> = hogs.collect();
        let online = (0..self.sides.len()).filter(|cpu| self.sides[*cpu].online);
        let online: Vec<CpuId> = online.map(|cpu| CpuId(cpu as u32)).collect();
        let off = if hogs.iter().any(|hog| hog.mask.is_some()) {
            OFF_CONFINED
        } else {
            OFF
        };
        let shares = ideal::shares(&hogs, &online);
        let had = before.iter().zip(after).zip(shares);
        had.filter_map(|(((thread, before), (_, after)), share)| {
            let (ought, had) = (share * window.0 as f64, after.saturating_sub(*before).0 as f64);
            let least = ought * (1.0 - off) - TURNS.0 as f64;
            (had < least).then(|| {
                let percent = |part: f64| 100.0 * part / window.0 as f64;
                format!(
                    "{} had {:.1} % of a CPU for {window} and ought to have {:.1} %",
                    self.called(*thread),
                    percent(had),
                    percent(ought)
                )
            })
        })
        .next()
    }

    /// The threads that want a CPU, and what each has used that it does not know of, in one order as long as nothing changes.
    fn competing(&self) -> impl Iterator<Item = (&Entity<Task>, Nanos)> {
        let mut found: Vec<(&Entity<Task>, Nanos)> = Vec::new();
        for (cpu, side) in self.cpus.iter().zip(&self.sides) {
            found.extend(cpu.queued().map(|thread| (thread, Nanos::ZERO)));
            let now = side.clock.read(self.now);
            let running = cpu.running().map_or(Nanos::ZERO, |running| {
                running.uncollected().ran + now.since(running.charged_to())
            });
            found.extend(side.running.iter().map(|thread| (&**thread, running)));
            found.extend(side.carried().map(|thread| (thread, Nanos::ZERO)));
        }
        found.sort_by_key(|(thread, _)| thread.id());
        found.into_iter()
    }

    fn used(&self) -> Vec<(Index, Nanos)> {
        let used = self.competing();
        used.map(|(thread, more)| (Index::of(thread.id()), thread.account().runtime + more))
            .collect()
    }
}
