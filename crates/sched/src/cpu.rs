//! One CPU's dispatch state. Rules B1, B2, B4, B6, C1, D1 to D5 and X1 (docs/rules/scheduler.md).
//!
//! A thread's life on a CPU: `enqueue`, `pick`, `begin`, maybe `charge`, `end`; or `hand_over` and `rotate`, which end one
//! thread and begin another in one step. Every operation takes the time, none allocates, and each returns a small value that says what the caller must do now: send an
//! interrupt, arm a timer, switch.
//!
//! The *running* entity is not in here: whoever runs the CPU owns its box. What stays is [`Running`], a snapshot with
//! the thread's share, so that another CPU holding this one's lock can decide about preemption, change the weight
//! or read the usage of a thread whose box is out of reach. While a thread runs the snapshot is the truth; `charge`
//! and `end` copy it back.
//!
//! The operations are in the files below: [`arrive`] puts threads in, [`dispatch`] runs them, [`rotate`] lets the next one
//! run, [`handoff`] passes the CPU on directly, [`policy`] changes weights, [`leave`] takes waiting threads out; [`budget`] charges,
//! throttles and replenishes those whose time is limited or reserved, and [`exchange`] gives it and takes it back.

use alloc::boxed::Box;
use core::mem::swap;

use crate::accounting::{Charge, CpuCounters};
use crate::context::Budget;
use crate::entity::{Affinity, Entity, Home};
use crate::fair::{Policy, Share, VirtualClock};
use crate::ids::CpuId;
use crate::load::Load;
use crate::principal::Membership;
use crate::rank::Standing;
use crate::run_tree::RunTree;
use crate::time::{Instant, Nanos, VirtualTime};
use crate::waiting::Waiting;

pub mod arrive;
pub mod budget;
pub mod dispatch;
pub mod exchange;
pub mod handoff;
pub mod leave;
pub mod policy;
pub mod rotate;
mod running;
#[cfg(test)]
mod tests;

pub use arrive::{Effect, EnqueueReason, Enqueued};
pub use dispatch::{EndReason, Verdict};
pub use exchange::Exchanged;
pub use handoff::{HandedOver, HandoffRefusal, HandoffRefused};
pub use policy::Restricted;
pub use rotate::Rotated;
pub use running::Running;

/// The shortest time a timer is armed for: an armed deadline always lies in the future.
pub const SHORTEST_TURN: Nanos = Nanos::from_micros(1);

/// An operation on a CPU and an entity that are both plain ([`Cpu::is_plain`], [`Entity::is_plain`]): as nearly all are.
const PLAIN: bool = true;
/// The same operation where there may be budgets, deadlines, principals and news.
const MIXED: bool = false;

/// What the CPU does.
#[derive(Clone, Copy, Debug)]
enum State {
    Idle { since: Instant },
    Busy(Running),
}

/// One CPU's dispatch state: protected by that CPU's lock alone.
#[derive(Debug)]
pub struct Cpu<P> {
    id: CpuId,
    policy: Policy,
    waiting: Waiting<P>,
    clock: VirtualClock,
    state: State,
    /// Whom the running thread belongs to, if anybody. Its entity gets this back when it ends.
    membership: Option<Membership>,
    /// The time that the running thread may use, if that is limited or reserved. Its entity gets this back when it ends.
    budget: Option<Box<Budget>>,
    /// Where the running thread may run from now on, if that has changed: its entity gets this when it ends.
    affinity: Affinity,
    affinity_is_new: bool,
    /// It has another budget than it began with, or none, which its entity does not know yet.
    budget_is_other: bool,
    /// It runs here because a budget that it had might be used here only: whether it may by itself, its entity knows.
    was_confined: bool,
    reschedule_pending: bool,
    counters: CpuCounters,
}

impl<P> Cpu<P> {
    /// An idle CPU with an empty queue, coming up at `now`.
    #[must_use]
    pub const fn new(id: CpuId, policy: Policy, now: Instant) -> Cpu<P> {
        Cpu {
            id,
            policy,
            waiting: Waiting::new(),
            clock: VirtualClock::new(),
            state: State::Idle { since: now },
            membership: None,
            budget: None,
            affinity: Affinity::Any,
            affinity_is_new: false,
            budget_is_other: false,
            was_confined: false,
            reschedule_pending: false,
            counters: CpuCounters::new(),
        }
    }

    /// This CPU.
    #[must_use]
    pub const fn id(&self) -> CpuId {
        self.id
    }

    /// The order in which threads are served here.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// The running thread, as of the last charge.
    #[must_use]
    pub const fn running(&self) -> Option<&Running> {
        match &self.state {
            State::Busy(running) => Some(running),
            State::Idle { .. } => None,
        }
    }

    /// The time that the running thread may use, as of the last charge.
    #[must_use]
    pub fn running_in(&self) -> Option<&Budget> {
        self.budget.as_deref()
    }

    /// Whose weight the running thread shares, for the checks.
    pub(crate) const fn membership(&self) -> Option<&Membership> {
        self.membership.as_ref()
    }

    /// The waiting threads in the order of their ranks.
    pub fn queued(&self) -> impl Iterator<Item = &Entity<P>> {
        self.waiting.iter()
    }

    /// Those waiting threads that are served by weight and may run on `cpu`, in the same order: who could leave for there.
    pub fn queued_for(&self, cpu: CpuId) -> impl Iterator<Item = &Entity<P>> {
        self.queue().allowed_on(cpu)
    }

    /// Those that wait and are served by weight.
    pub(crate) const fn queue(&self) -> &RunTree<P> {
        self.waiting.fair()
    }

    /// Everybody who waits.
    pub(crate) const fn waiting(&self) -> &Waiting<P> {
        &self.waiting
    }

    /// Those that are served by weight, to be damaged by the tests of the checks.
    #[cfg(test)]
    pub(crate) const fn queue_mut(&mut self) -> &mut RunTree<P> {
        self.waiting.fair_mut()
    }

    /// The virtual clock as of the last charge.
    #[must_use]
    pub const fn clock(&self) -> VirtualTime {
        self.clock.now()
    }

    /// The counters since boot.
    #[must_use]
    pub const fn counters(&self) -> &CpuCounters {
        &self.counters
    }

    /// The counters, to be damaged by the tests of the checks.
    #[cfg(test)]
    pub(crate) const fn counters_mut(&mut self) -> &mut CpuCounters {
        &mut self.counters
    }

    /// Time without a thread up to `now`; the counter of the same name ends with the last idle stretch that is over.
    #[must_use]
    pub fn idle_time(&self, now: Instant) -> Nanos {
        match self.state {
            State::Idle { since } => self.counters.idle + now.since(since),
            State::Busy(_) => self.counters.idle,
        }
    }

    /// How busy this CPU is, for the board that placement reads.
    #[must_use]
    pub fn load(&self) -> Load {
        let waiting = self.waiting.ready() as u32;
        let running = self.running().is_some();
        Load {
            waiting,
            running,
            weight: u32::try_from(self.total_weight()).unwrap_or(u32::MAX),
        }
    }

    /// Asks for this CPU's attention. `true`: send the interrupt; `false`: one is already on its way (B4).
    #[must_use = "an interrupt may have to be sent"]
    pub fn request_reschedule(&mut self) -> bool {
        if self.reschedule_pending {
            self.counters.reschedules_already_pending += 1;
            return false;
        }
        self.reschedule_pending = true;
        self.counters.reschedules_sent += 1;
        true
    }

    /// Called by this CPU when the interrupt arrives, before it looks at its queue.
    pub fn acknowledge_reschedule(&mut self) {
        if self.reschedule_pending {
            self.reschedule_pending = false;
            self.counters.reschedules_received += 1;
        }
    }

    /// Whether a reschedule interrupt is on its way.
    #[must_use]
    pub const fn reschedule_pending(&self) -> bool {
        self.reschedule_pending
    }

    /// What the running thread has used up to `now` and its entity does not know yet.
    pub fn uncollected(&mut self, now: Instant) -> Charge {
        self.settle(now);
        self.running()
            .map_or(Charge::default(), |running| running.uncollected)
    }

    /// Charges the running thread up to `now` and moves the virtual clock by the service delivered.
    ///
    /// Every operation that changes who competes does this first, so each stretch of time is counted with the total
    /// weight that was runnable in it. A `now` before the last charge counts as no time (nothing runs backwards).
    #[inline(always)]
    fn settle(&mut self, now: Instant) {
        self.settle_as::<MIXED>(now);
    }

    #[inline(always)]
    fn settle_as<const PLAIN: bool>(&mut self, now: Instant) {
        let State::Busy(running) = &mut self.state else {
            return;
        };
        let from = running.charged_to;
        let ran = now.since(from);
        if ran == Nanos::ZERO {
            return;
        }
        running.charged_to = now;
        running.uncollected.ran += ran;
        self.counters.busy += ran;
        if !PLAIN
            && let Some(budget) = &mut self.budget
            && !budget::charge(budget, running, &mut self.counters, from, ran)
        {
            if !self.waiting.none_is_ready() {
                self.counters.shared += ran;
            }
            return;
        }
        let advanced = running.share.charge(ran);
        running.uncollected.virtual_ran += advanced;
        let mut slowest = running.share.vruntime();
        // Alone, a thread is neither ahead nor behind of anybody: the clock waits for it, so that it saves up no
        // credit against those who come later, and then goes with it.
        if self.somebody_waits() {
            self.counters.shared += ran;
            let total_weight = self.total_weight();
            self.clock.advance(ran, total_weight);
            if let Some(waiting) = self.queue().slowest() {
                slowest = slowest.min(waiting);
            }
        }
        self.clock.catch_up(slowest);
        if !PLAIN && self.membership.is_some() {
            self.settle_member(ran, advanced);
        }
    }

    /// What remains to be done for a running thread that belongs to somebody, after it was charged for `ran` and its share
    /// `advanced`: its counter goes by its own weight (C2), and its part of its principal's is brought up to date.
    #[inline(never)]
    fn settle_member(&mut self, ran: Nanos, advanced: u64) {
        let clock = self.clock.now();
        if let State::Busy(running) = &mut self.state
            && let Some(membership) = &mut self.membership
        {
            let weight = running.share.weight();
            let counted = &mut running.uncollected.virtual_ran;
            *counted = *counted - advanced + membership.virtual_time(ran, weight);
            if let Some(effective) = membership.changed(weight) {
                running.share.resize(effective, clock);
            }
        }
    }

    /// `entity` begins: the CPU keeps its membership, to bring its part up to date without it.
    #[inline(always)]
    fn lend_membership(&mut self, entity: &mut Entity<P>) {
        if entity.membership.is_some() {
            swap(&mut entity.membership, &mut self.membership);
        }
        if entity.budget.is_some() {
            swap(&mut entity.budget, &mut self.budget);
        }
    }

    /// `entity` ends; whether it stays runnable.
    #[inline(always)]
    fn return_membership(&mut self, entity: &mut Entity<P>, stays: bool) {
        if self.membership.is_some() {
            entity.take_back(&mut self.membership, stays);
        }
        if self.affinity_is_new | self.budget_is_other {
            self.hand_out_news(entity);
        }
    }

    /// `entity` ends, and is told where it may run from now on, and that its budget is another or gone.
    #[cold]
    fn hand_out_news(&mut self, entity: &mut Entity<P>) {
        if self.affinity_is_new {
            self.affinity_is_new = false;
            entity.swap_affinity(&mut self.affinity);
        }
        if self.budget_is_other {
            self.budget_is_other = false;
            self.was_confined = false;
            if entity.budget.is_none() {
                entity.standing = Standing::Fair;
            }
            entity.look_where();
        }
    }

    /// Where an entity stands that is measured on this CPU's clock at this moment.
    const fn home(&self) -> Home {
        Home {
            cpu: self.id,
            clock: self.clock.now(),
        }
    }

    /// How far the threads here have come, on this CPU's clock: alone, as far as the running one; else as far as all of
    /// them on average.
    pub(crate) fn level(&self) -> VirtualTime {
        match self.running() {
            Some(running) if running.standing.is_by_weight() && !self.somebody_waits() => {
                running.share.vruntime()
            }
            _ => self.clock.level(self.total_weight()),
        }
    }

    /// A thread with this share competes here no longer.
    #[inline]
    fn leaves(&mut self, share: &Share) {
        let ahead = share.vruntime().offset_from(self.clock.now());
        self.clock.leaves(share.effective(), ahead);
    }

    /// The effective weight of everybody who is runnable here and served by weight.
    pub(crate) fn total_weight(&self) -> u64 {
        let running = match self.running() {
            Some(running) if running.standing.is_by_weight() => running.share.effective().wide(),
            _ => 0,
        };
        self.queue().weight() + running
    }

    /// Whether anybody waits for the running thread's CPU.
    fn somebody_waits(&self) -> bool {
        !self.waiting.none_is_ready()
    }

    /// Whether weights alone decide here: nobody waits for a deadline or for budget, and whoever runs has no budget, belongs to
    /// nobody, and is up to date with what its entity does not know. An operation that finds this so asks for none of it again
    /// ([`PLAIN`]).
    #[inline(always)]
    const fn is_plain(&self) -> bool {
        self.budget.is_none()
            & self.membership.is_none()
            & self.waiting.is_plain()
            & !(self.affinity_is_new | self.budget_is_other)
    }

    /// The queued thread that would be served next.
    fn head(&self) -> Option<&Entity<P>> {
        self.head_as::<MIXED>()
    }

    /// The same, where it may be known that weights alone decide.
    #[inline]
    fn head_as<const PLAIN: bool>(&self) -> Option<&Entity<P>> {
        self.waiting.first_as::<PLAIN>(self.policy, self.clock.now())
    }
}
