//! Decides what a scenario leaves open: in which order things happen that could happen in any, how long a delay is,
//! whether a fault strikes.

use sched::Nanos;

use crate::random::Random;
use crate::scenario::{Delay, Explore, Span, Strategy};

/// The decisions of one run. Asked the same questions, it gives the same answers.
#[derive(Debug)]
pub struct Chooser {
    strategy: Strategy,
    orders: Random,
    delays: Random,
    faults: Random,
    programs: Random,
    /// PCT: a CPU's priority, the largest goes first. Grows by lowered priorities.
    priorities: Vec<u64>,
    /// PCT: the steps at which whoever goes first is lowered, in ascending order from the end.
    lowered_at: Vec<u32>,
    lowest: u64,
    steps: u32,
    /// Choices made so far: which, out of how many. Kept for [`Strategy::Given`] alone.
    made: Vec<Choice>,
}

/// One decision about order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The one that was chosen.
    pub chosen: u16,
    /// How many there were.
    pub out_of: u16,
}

impl Chooser {
    /// Decisions for a machine of so many CPUs.
    #[must_use]
    pub fn new(explore: &Explore, cpus: u32) -> Chooser {
        let mut orders = Random::new(explore.seed, 1);
        let (mut priorities, mut lowered_at) = (Vec::new(), Vec::new());
        if let Strategy::Pct { steps, depth } = explore.strategy {
            priorities = (0..=cpus).map(|_| (1 << 63) | orders.bits()).collect();
            lowered_at = (1..depth)
                .map(|_| orders.below(u64::from(steps.max(1))) as u32)
                .collect();
            lowered_at.sort_unstable_by(|a, b| b.cmp(a));
        }
        Chooser {
            strategy: explore.strategy.clone(),
            orders,
            delays: Random::new(explore.seed, 2),
            faults: Random::new(explore.seed, 3),
            programs: Random::new(explore.seed, 4),
            priorities,
            lowered_at,
            lowest: 1 << 62,
            steps: 0,
            made: Vec::new(),
        }
    }

    /// Whether orders are explored at all: otherwise [`Chooser::pick`] need not be asked.
    #[must_use]
    pub const fn explores(&self) -> bool {
        !matches!(self.strategy, Strategy::InOrder)
    }

    /// Which of several things happens next; each is told by the number of its CPU. Not to be asked about none.
    pub fn pick(&mut self, actors: &[u32]) -> usize {
        self.steps += 1;
        if actors.len() < 2 {
            return 0;
        }
        match &self.strategy {
            Strategy::InOrder => 0,
            Strategy::Random => self.orders.below(actors.len() as u64) as usize,
            Strategy::Pct { .. } => {
                let first = self.highest(actors);
                if self.lowered_at.last().is_some_and(|at| *at <= self.steps) {
                    self.lowered_at.pop();
                    self.lowest -= 1;
                    let lowered = self.slot(actors[first]);
                    self.priorities[lowered] = self.lowest;
                    return self.highest(actors);
                }
                first
            }
            Strategy::Given(decisions) => {
                let given = decisions.get(self.made.len()).copied().unwrap_or(0);
                let chosen = usize::from(given).min(actors.len() - 1);
                self.made.push(Choice {
                    chosen: chosen as u16,
                    out_of: actors.len() as u16,
                });
                chosen
            }
        }
    }

    /// The first of those with the highest priority.
    fn highest(&self, actors: &[u32]) -> usize {
        let priority = |at: &usize| (self.priorities[self.slot(actors[*at])], usize::MAX - at);
        (0..actors.len()).max_by_key(priority).unwrap_or(0)
    }

    /// What belongs to no CPU has the last priority.
    fn slot(&self, actor: u32) -> usize {
        (actor as usize).min(self.priorities.len() - 1)
    }

    /// How long a delay of the machine is.
    pub fn delay(&mut self, delay: Delay) -> Nanos {
        self.delays.delay(delay)
    }

    /// How long a program's step is.
    pub fn span(&mut self, span: Span) -> Nanos {
        self.programs.span(span)
    }

    /// Everything about faults.
    pub const fn faults(&mut self) -> &mut Random {
        &mut self.faults
    }

    /// The choices made under [`Strategy::Given`].
    #[must_use]
    pub fn made(&self) -> &[Choice] {
        &self.made
    }
}

/// The decisions of the run after one that made these: the last choice that had another one left takes it. `None` when all
/// runs whose first `depth` choices differ have been made. This is the depth-first search of stateless model
/// checking (Godefroid, POPL 1997).
#[must_use]
pub fn next_decisions(made: &[Choice], depth: usize) -> Option<Vec<u16>> {
    let bounded = &made[..made.len().min(depth)];
    let turn = bounded
        .iter()
        .rposition(|choice| choice.chosen + 1 < choice.out_of)?;
    let mut next: Vec<u16> = bounded[..turn].iter().map(|choice| choice.chosen).collect();
    next.push(bounded[turn].chosen + 1);
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chooser(strategy: Strategy, seed: u64) -> Chooser {
        let explore = Explore {
            strategy,
            seed,
            window: Nanos(1),
        };
        Chooser::new(&explore, 4)
    }

    #[test]
    fn l1_the_same_seed_makes_the_same_choices() {
        let orders = |seed| {
            let mut chooser = chooser(Strategy::Random, seed);
            (0..64).map(|_| chooser.pick(&[0, 1, 2])).collect::<Vec<_>>()
        };
        assert_eq!(orders(3), orders(3));
        assert_ne!(orders(3), orders(4));
    }

    #[test]
    fn l1_pct_prefers_one_cpu_until_a_change_point_lowers_it() {
        let mut chooser = chooser(Strategy::Pct { steps: 40, depth: 2 }, 1);
        let picks: Vec<usize> = (0..40).map(|_| chooser.pick(&[0, 1, 2, 3])).collect();
        let changes = picks.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(changes, 1, "{picks:?}");
    }

    #[test]
    fn l1_given_decisions_enumerate_every_order_once() {
        let (mut decisions, mut seen) = (vec![], vec![]);
        loop {
            let mut chooser = chooser(Strategy::Given(decisions), 0);
            let run = [
                chooser.pick(&[0, 1]),
                chooser.pick(&[0]),
                chooser.pick(&[0, 1, 2]),
            ];
            seen.push((run[0], run[2]));
            match next_decisions(chooser.made(), 10) {
                Some(next) => decisions = next,
                None => break,
            }
        }
        assert_eq!(seen, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
    }
}
