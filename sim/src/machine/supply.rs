//! What became of the time of contexts while a scenario ran, for pictures and tables: how much was left when, when its thread had to wait for more,
//! and how much was served in each window. Looked at after every step of a kernel, where it is asked for.

use sched::context::Kind;
use sched::{Budget, CpuId, Entity, Instant, Nanos, Rank, Spec, Standing};

use super::contexts::Maker;
use super::threads::Task;
use super::{Machine, POWER_ON};

/// Contexts that are followed, the first that come.
const MOST: usize = 64;

/// What the time of a context is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody wants to use it.
    Unused,
    /// Its thread waits for a CPU.
    Waiting,
    /// Its thread is served.
    Served,
    /// A server works with it.
    Lent,
    /// It is used up, and its thread is served by weight.
    ByWeight,
    /// It is used up, and its thread waits for more.
    Throttled,
}

/// A change, at so long after power-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: Nanos,
    /// What might be used then.
    pub remaining: Nanos,
    /// What it is at from then on.
    pub state: State,
}

/// One context.
#[derive(Clone, Debug)]
pub struct Track {
    /// What it was made for.
    pub maker: Maker,
    /// What it was when it came.
    pub spec: Spec,
    /// What changed, in order.
    pub samples: Vec<Sample>,
    /// All that was charged to it.
    pub used: Nanos,
    /// How often it was used up.
    pub overruns: u64,
    /// How many deadlines were missed.
    pub misses: u64,
    /// Service that it was entitled to, from when to when.
    service: Vec<(Nanos, Nanos)>,
    /// What comes back after the last sample, and when.
    coming: Vec<(Nanos, Nanos)>,
}

/// All that are followed, by their numbers from 1.
#[derive(Clone, Debug, Default)]
pub struct Supply(Vec<Option<Track>>);

impl Track {
    fn new(maker: Maker, spec: Spec) -> Track {
        Track {
            maker,
            spec,
            samples: Vec::new(),
            used: Nanos::ZERO,
            overruns: 0,
            misses: 0,
            service: Vec::new(),
            coming: Vec::new(),
        }
    }

    /// What has come back meanwhile, if it was not in use: nobody looks at that moment.
    fn catch_up(&mut self, now: Nanos) {
        for (at, amount) in core::mem::take(&mut self.coming) {
            if let Some(last) = self.samples.last().copied()
                && last.at < at
                && at < now
                && !matches!(last.state, State::Served | State::Lent)
            {
                let remaining = last.remaining + amount;
                self.samples.push(Sample {
                    at,
                    remaining,
                    ..last
                });
            }
        }
    }

    fn saw(&mut self, sample: Sample) {
        self.catch_up(sample.at);
        let before = self.samples.last().map(|last| last.state);
        let is_served = |state| matches!(state, State::Served | State::Lent);
        match (before.is_some_and(is_served), is_served(sample.state)) {
            (false, true) => self.service.push((sample.at, sample.at)),
            (true, _) => {
                if let Some((_, end)) = self.service.last_mut() {
                    *end = sample.at;
                }
            }
            (false, false) => {}
        }
        let last = self.samples.last();
        if last.is_none_or(|last| (last.remaining, last.state) != (sample.remaining, sample.state)) {
            self.samples.push(sample);
        }
    }

    /// The spans that it spent in a state, up to `end`.
    pub fn spans(&self, state: State, end: Nanos) -> impl Iterator<Item = (Nanos, Nanos)> {
        let ends = self.samples.iter().skip(1).map(|next| next.at).chain([end]);
        let spans = self.samples.iter().zip(ends);
        spans
            .filter(move |(sample, _)| sample.state == state)
            .map(|(sample, end)| (sample.at, end))
    }

    /// Service in the window as long as its period that ends with each stretch of service, by when that is.
    #[must_use]
    pub fn windows(&self) -> Vec<(Nanos, Nanos)> {
        let within = |begin: Nanos, end: Nanos| {
            let first = self.service.partition_point(|(_, to)| *to <= begin);
            let stretches = self.service[first..].iter();
            stretches
                .take_while(|(from, _)| *from < end)
                .fold(Nanos::ZERO, |sum, (from, to)| {
                    sum + (*to).min(end).saturating_sub((*from).max(begin))
                })
        };
        let ends = self.service.iter().map(|(_, end)| *end);
        ends.map(|end| (end, within(end.saturating_sub(self.spec.period()), end)))
            .collect()
    }

    /// The most service in any of these windows.
    #[must_use]
    pub fn fullest(&self) -> Nanos {
        let most = self.windows().into_iter().map(|(_, served)| served).max();
        most.unwrap_or_default()
    }

    /// How much service any window as long as the period may have, where timers are on time: the budget of a limit; twice that of a reservation, because
    /// one job may be served at the end of its time, and the next at the beginning.
    #[must_use]
    pub fn bound(&self) -> Nanos {
        match self.spec.kind() {
            Kind::Limit => self.spec.budget(),
            Kind::Reservation => self.spec.budget() + self.spec.budget(),
        }
    }
}

impl Supply {
    /// Those that came, in order.
    pub fn tracks(&self) -> impl Iterator<Item = &Track> {
        self.0.iter().flatten()
    }

    fn saw(
        &mut self,
        budget: &Budget,
        maker: Option<Maker>,
        sample: Sample,
        coming: impl Iterator<Item = (Nanos, Nanos)>,
    ) {
        let (Some(maker), Ok(number)) = (maker, usize::try_from(budget.context().number)) else {
            return;
        };
        if number == 0 || number > MOST {
            return;
        }
        if self.0.len() < number {
            self.0.resize_with(number, || None);
        }
        let track = self.0[number - 1].get_or_insert_with(|| Track::new(maker, *budget.spec()));
        track.saw(sample);
        track.coming.extend(coming);
        track.used = budget.used();
        track.overruns = budget.overruns();
        track.misses = budget.misses();
    }
}

impl Machine {
    /// Looks at every context, wherever its time is, if that is wanted.
    pub(super) fn sample(&mut self) {
        let Some(mut supply) = self.supply.take() else {
            return;
        };
        for (cpu, seat) in (0..).map(CpuId).zip(&self.cpus) {
            let now = self.read(cpu);
            if let (Some(budget), Some(running)) = (seat.running_in(), seat.running()) {
                let since = now.since(running.charged_to());
                let state = served(budget, running.rank(), now);
                let remaining = match state {
                    State::ByWeight => budget.remaining(now),
                    _ => budget.remaining(now).saturating_sub(since),
                };
                self.saw(&mut supply, budget, (cpu, remaining), state);
            }
            for waiting in seat.queued() {
                let is_throttled = matches!(waiting.rank(), Rank::Throttled(..));
                let state = if is_throttled {
                    State::Throttled
                } else {
                    State::Waiting
                };
                self.saw_with(&mut supply, waiting, (cpu, now), state);
            }
        }
        let first = CpuId(0);
        let now = self.read(first);
        for record in &self.threads {
            if let sched::Parking::Resting(thread) = &record.place {
                self.saw_with(&mut supply, thread, (first, now), State::Unused);
            }
        }
        let holdings = self.contexts.holdings.iter().flatten();
        for budget in holdings.filter_map(|holding| holding.home.as_deref()) {
            self.saw(&mut supply, budget, (first, budget.remaining(now)), State::Unused);
        }
        self.supply = Some(supply);
    }

    fn saw_with(
        &self,
        supply: &mut Supply,
        thread: &Entity<Task>,
        (cpu, now): (CpuId, Instant),
        state: State,
    ) {
        if let Some(budget) = thread.budget() {
            self.saw(supply, budget, (cpu, budget.remaining(now)), state);
        }
    }

    /// `remaining` is by the clock of that CPU.
    fn saw(&self, supply: &mut Supply, budget: &Budget, (cpu, remaining): (CpuId, Nanos), state: State) {
        let side = &self.sides[cpu.index()];
        let now = side.clock.read(self.now);
        let later = budget.refills().entries().iter().filter(|refill| refill.at > now);
        let coming = later.map(|refill| (side.clock.when(refill.at).since(POWER_ON), refill.amount));
        let sample = Sample {
            at: self.now.since(POWER_ON),
            remaining,
            state,
        };
        supply.saw(budget, self.maker_of(budget.context()), sample, coming);
    }
}

/// What the time of a running thread is at.
fn served(budget: &Budget, rank: Rank, now: Instant) -> State {
    let is_entitled = match (budget.spec().kind(), budget.standing(now)) {
        (Kind::Reservation, _) => matches!(rank, Rank::Deadline(..)),
        (Kind::Limit, Standing::Fair) => !budget.is_empty(now),
        (Kind::Limit, _) => true,
    };
    match (is_entitled, budget.is_lent()) {
        (false, _) => State::ByWeight,
        (true, true) => State::Lent,
        (true, false) => State::Served,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::ThreadKind;
    use sched::Overrun;

    #[test]
    fn e8_the_fullest_window_and_the_spans_of_a_state_are_those_that_were_seen() {
        let ms = Nanos::from_millis;
        let spec = Spec::limit(ms(2), ms(10), Overrun::Throttle).unwrap();
        let mut track = Track::new(Maker::Thread(ThreadKind(0)), spec);
        for (at, remaining, state) in [
            (0, 2, State::Served),
            (2, 0, State::Throttled),
            (10, 2, State::Lent),
            (11, 1, State::Unused),
            (15, 1, State::Served),
            (16, 0, State::Throttled),
        ] {
            track.saw(Sample {
                at: ms(at),
                remaining: ms(remaining),
                state,
            });
        }
        assert_eq!(
            track.windows(),
            [(ms(2), ms(2)), (ms(11), ms(2)), (ms(16), ms(2))]
        );
        assert_eq!((track.fullest(), track.bound()), (ms(2), ms(2)));
        let throttled: Vec<_> = track.spans(State::Throttled, ms(20)).collect();
        assert_eq!(throttled, [(ms(2), ms(10)), (ms(16), ms(20))]);
    }
}
