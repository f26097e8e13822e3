//! The rules that must hold at every moment of every run, and what is remembered to see whether they do.
//!
//! The rules about queues, ownership and clocks are `sched::check`; those here need the machine around it: time that passes,
//! CPUs that idle, interrupts on their way. `machine::inspect` looks.

use core::fmt;

use sched::balance::WORTH_MOVING;
use sched::cpu::SHORTEST_TURN;
use sched::{Instant, Nanos, ThreadId, VirtualTime, Weight, check};

use crate::machine::Stretch;
use crate::scenario::{Scenario, Step};

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub rule: Rule,
    /// The evidence.
    pub evidence: String,
    /// When, in true time.
    pub at: Instant,
    /// After so many events.
    pub event: u64,
}

/// The rules, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A thread is in one place (B2).
    OneOwner,
    /// A living thread is somewhere (B2).
    NobodyIsLost,
    /// A queue's order, length, weight and summaries are those of its threads (D1, D3).
    QueuesAreSound,
    /// A CPU that is shared, or idle with work, will be interrupted (B4, X1).
    SomethingWillHappen,
    /// Virtual clocks only move forward (D1).
    VirtualTimeMovesForward,
    /// The CPUs delivered what the threads were charged (C1, C3).
    TimeIsConserved,
    /// No CPU delivered more than there was (C1).
    NobodyIsOvercharged,
    /// Interrupts that were asked for came, or are on their way (A1, B4).
    CountersAddUp,
    /// A thread whose wish was granted does not rest (B4).
    NoWakeUpIsLost,
    /// The timer is set for the earliest thing that waits for it.
    TimersAreSet,
    /// No CPU idles for long beside a thread that it could run (B1).
    NoCpuIsWasted,
    /// A runnable thread runs within its bound (D1, D4).
    NobodyStarves,
    /// A thread is not further behind the clock than its bound (D1, D5).
    LagIsBounded,
    /// A thread that may run on a CPU that is online is not stranded.
    NobodyIsStranded,
    /// While the same threads compete, each has its weighted max-min share (D8).
    SharesAreFair,
    /// What contexts were charged is what CPUs served in them (E13).
    ContextsAddUp,
    /// Lent time is with whoever was lent it, for a call that is under way, and nobody waits for more of it (E4, E11, E15).
    LoansAreSound,
    /// No context is served more than its budget allows, but for what timers were late (E8).
    BudgetsAreKept,
    /// Who has a reservation is served by its deadline (E17).
    DeadlinesAreMet,
    /// Two runs of one scenario are the same (L1).
    RunsAreRepeatable,
    /// The machine did not panic.
    NoPanic,
}

impl Rule {
    /// The rule that a check of the scheduler core belongs to.
    #[must_use]
    pub const fn of(broken: check::Broken) -> Rule {
        use check::Broken as Core;
        match broken {
            Core::InTwoPlaces(_) => Rule::OneOwner,
            Core::Nowhere(_) => Rule::NobodyIsLost,
            Core::NoEndInSight(_) | Core::AsleepWithWork(_) => Rule::SomethingWillHappen,
            Core::ClockRanBackwards(_) => Rule::VirtualTimeMovesForward,
            Core::TimeWasLost { .. } => Rule::TimeIsConserved,
            Core::SwitchesDoNotAddUp(_) => Rule::CountersAddUp,
            _ => Rule::QueuesAreSound,
        }
    }

    /// Its name in files and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Rule::OneOwner => "one-owner",
            Rule::NobodyIsLost => "nobody-is-lost",
            Rule::QueuesAreSound => "queues-are-sound",
            Rule::SomethingWillHappen => "something-will-happen",
            Rule::VirtualTimeMovesForward => "virtual-time-moves-forward",
            Rule::TimeIsConserved => "time-is-conserved",
            Rule::NobodyIsOvercharged => "nobody-is-overcharged",
            Rule::CountersAddUp => "counters-add-up",
            Rule::NoWakeUpIsLost => "no-wake-up-is-lost",
            Rule::TimersAreSet => "timers-are-set",
            Rule::NoCpuIsWasted => "no-cpu-is-wasted",
            Rule::NobodyStarves => "nobody-starves",
            Rule::LagIsBounded => "lag-is-bounded",
            Rule::NobodyIsStranded => "nobody-is-stranded",
            Rule::SharesAreFair => "shares-are-fair",
            Rule::ContextsAddUp => "contexts-add-up",
            Rule::LoansAreSound => "loans-are-sound",
            Rule::BudgetsAreKept => "budgets-are-kept",
            Rule::DeadlinesAreMet => "deadlines-are-met",
            Rule::RunsAreRepeatable => "runs-are-repeatable",
            Rule::NoPanic => "no-panic",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is broken {} us after power-on, after {} events: {}",
            self.rule.name(),
            self.at.0 / 1_000,
            self.event,
            self.evidence
        )
    }
}

/// What is remembered between looks.
#[derive(Debug)]
pub(crate) struct Audit {
    /// Everything is looked at after so many events; zero for never.
    pub(crate) every: u64,
    pub(crate) next: u64,
    pub(crate) broken: Option<Broken>,
    /// The virtual clocks at the last look.
    pub(crate) clocks: Vec<VirtualTime>,
    /// Threads change their weights, or die at any moment.
    pub(crate) weights_change: bool,
    /// How far behind the clock a thread may be that was moved to a CPU of light threads and waits for others' reservations there.
    pub(crate) credit: u64,
    /// How long anything that the machine delays may take.
    pub(crate) patience: Nanos,
    /// How late what is to happen at an instant may be noticed.
    pub(crate) lateness: Nanos,
    /// The stretch in which the same threads compete.
    pub(crate) stretch: Stretch,
    /// Reused by every look.
    pub(crate) elsewhere: Vec<ThreadId>,
    pub(crate) living: Vec<ThreadId>,
    pub(crate) woken: Vec<u32>,
}

/// What a thread may bring along to a CPU whose threads are all as light as this. When those have gone it is still as far behind; then it
/// runs, unless others have reserved that CPU.
fn credit_beside(lightest: u16) -> u64 {
    let reference = u64::from(Weight::DEFAULT.get());
    WORTH_MOVING * sched::fair::DEFAULT_REQUEST.0 * reference / u64::from(lightest.max(1))
}

/// How many steps a CPU may be in the middle of when an interrupt comes.
const STEPS_BETWEEN: u64 = 16;

/// A full look each so many events, by default.
pub const AUDIT_EVERY: u64 = 256;

impl Audit {
    pub(crate) fn new(scenario: &Scenario) -> Audit {
        let machine = &scenario.machine;
        let faults = &scenario.faults;
        let delays = [
            machine.timer_latency.most,
            machine.ipi_delay.most,
            machine.idle_exit,
            faults.late_timer.span.most,
            faults.late_ipi.span.most,
            scenario.explore.window,
            faults.skew,
        ];
        let slowest = delays.into_iter().fold(Nanos::ZERO, |sum, delay| sum + delay);
        // A CPU may be in the middle of up to some hundred steps before it can be reached.
        let busy = Nanos((machine.step.most.0 + scenario.explore.window.0).saturating_mul(400));
        let phases = scenario.threads.iter().flat_map(|thread| &thread.program.phases);
        let mut steps = phases.flat_map(|phase| &phase.steps);
        let sets_policy = steps.any(|step| matches!(step, Step::SetPolicy { .. }));
        // Who is throttled leaves in the middle of a turn, as who dies does.
        let have_contexts =
            !scenario.contexts.is_empty() || scenario.threads.iter().any(|thread| thread.context.is_some());
        Audit {
            weights_change: have_contexts || sets_policy || faults.change | faults.death != 0,
            credit: if have_contexts {
                let lightest = scenario.threads.iter().map(|thread| thread.weight.get()).min();
                let lightest = lightest.filter(|_| !sets_policy && faults.change == 0);
                credit_beside(lightest.unwrap_or(1))
            } else {
                0
            },
            every: AUDIT_EVERY,
            next: AUDIT_EVERY,
            broken: None,
            clocks: vec![VirtualTime::ZERO; machine.cpus() as usize],
            patience: Nanos::from_micros(100) + slowest + busy,
            lateness: machine.timer_latency.most
                + faults.late_timer.span.most
                + faults.skew
                + scenario.explore.window
                + SHORTEST_TURN
                // Each of them may be the last of all that is due within the window.
                + Nanos((machine.step.most + scenario.explore.window).0.saturating_mul(STEPS_BETWEEN)),
            stretch: Stretch::new(scenario),
            elsewhere: Vec::new(),
            living: Vec::new(),
            woken: Vec::new(),
        }
    }

    pub(crate) fn fail(&mut self, rule: Rule, evidence: String, at: Instant, event: u64) {
        if self.broken.is_none() {
            self.broken = Some(Broken {
                rule,
                evidence,
                at,
                event,
            });
        }
    }
}
