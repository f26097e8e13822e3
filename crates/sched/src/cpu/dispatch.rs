//! Running threads: choosing one, starting it, charging it, ending its turn. Rules B1, C1, C2, D1, D5 and X1.

use alloc::boxed::Box;

use super::budget::Stands;
use super::{Cpu, MIXED, PLAIN, Running, SHORTEST_TURN, State};
use crate::accounting::Charge;
use crate::entity::Entity;
use crate::fair::{Policy, Share};
use crate::horizon::Horizon;
use crate::rank::{Rank, Standing};
use crate::time::{Instant, VirtualTime};

/// Why a thread stops running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// It waits for something.
    Blocked,
    /// It wants to go on but somebody else's turn has come.
    Preempted,
    /// It gave way of its own accord and stays runnable.
    Yielded,
    /// It is gone.
    Exited,
}

/// What a CPU should do with the thread it runs.
#[must_use = "the caller still has to act on this"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on (or stay idle), with this horizon, or without one.
    Keep(Option<Horizon>),
    /// End the running thread, if any, as preempted, put it back (elsewhere, if it may not stay:
    /// [`Cpu::running_must_leave`]; in the queue in any case, if [`Cpu::running_must_wait`]), and pick.
    Switch,
    /// End the running thread for good: it has used more than its budget, and that is what it agreed to.
    Fault,
}

impl<P> Cpu<P> {
    /// Takes the thread that is to run next, the first of the queue.
    #[must_use = "a picked thread must begin, or go back into a queue"]
    pub fn pick(&mut self, now: Instant) -> Option<Box<Entity<P>>> {
        debug_assert!(self.running().is_none(), "the running thread has not ended");
        // Nothing runs, so the queue holds everybody the clock may not fall behind.
        if let Some(slowest) = self.queue().slowest() {
            self.clock.catch_up(slowest);
        }
        let mut entity = self.waiting.take_first(self.policy, self.clock.now())?;
        entity.account.waiting += now.since(entity.ready_since);
        Some(entity)
    }

    /// Starts a picked thread. Returns its horizon; `None` when nobody waits (X1).
    #[must_use = "the timer may have to be armed"]
    #[inline(always)]
    pub fn begin(&mut self, entity: &mut Entity<P>, now: Instant) -> Option<Horizon> {
        self.begin_as::<MIXED>(entity, now)
    }

    /// The same, out of the way of those that are plain.
    #[cold]
    #[inline(never)]
    pub(super) fn begin_mixed(&mut self, entity: &mut Entity<P>, now: Instant) -> Option<Horizon> {
        self.begin_as::<MIXED>(entity, now)
    }

    #[inline(always)]
    pub(super) fn begin_as<const PLAIN: bool>(
        &mut self,
        entity: &mut Entity<P>,
        now: Instant,
    ) -> Option<Horizon> {
        self.count_begin(entity);
        if !PLAIN && entity.membership.is_some() {
            entity.resize(self.clock.now());
        }
        let turn_ends = now + entity.share.turn_left();
        self.start_as::<PLAIN>(entity, turn_ends, now)
    }

    /// Makes `entity` the running thread.
    #[inline(always)]
    pub(super) fn start_as<const PLAIN: bool>(
        &mut self,
        entity: &mut Entity<P>,
        turn_ends: Instant,
        now: Instant,
    ) -> Option<Horizon> {
        // Another CPU's clock may be ahead of this one's and have charged up to there already.
        let mut charged_to = now;
        if let State::Idle { since } = self.state {
            self.counters.idle += now.since(since);
            charged_to = charged_to.max(since);
        }
        let turn_ends = turn_ends.max(now + SHORTEST_TURN);
        let standing = entity.standing_as::<PLAIN>();
        let is_bounded = self.somebody_waits() && standing.is_by_weight();
        self.state = State::Busy(Running {
            id: entity.id(),
            share: entity.share,
            standing,
            charged_to,
            uncollected: Charge::default(),
            turn_ends,
            is_bounded,
            outline: entity.outline(),
            sent: None,
        });
        if !PLAIN {
            self.lend_membership(entity);
        }
        self.counted_horizon::<PLAIN>(is_bounded, turn_ends, now)
    }

    /// Counts that `entity` is given this CPU.
    pub(super) fn count_begin(&mut self, entity: &mut Entity<P>) {
        self.counters.switches += 1;
        let account = &mut entity.account;
        account.switches += 1;
        if account.last_cpu != Some(self.id) {
            let moved = u64::from(account.last_cpu.is_some());
            account.migrations += moved;
            self.counters.migrations_in += moved;
            account.last_cpu = Some(self.id);
        }
    }

    /// Counts that `entity` gives this CPU up to wait.
    pub(super) fn count_block(&mut self, entity: &mut Entity<P>) {
        entity.account.voluntary_blocks += 1;
        self.counters.voluntary_blocks += 1;
    }

    /// Charges the running thread up to `now` and brings its entity up to date; it goes on running.
    pub fn charge(&mut self, entity: &mut Entity<P>, now: Instant) -> Charge {
        self.settle(now);
        self.collect(entity)
    }

    /// Brings the running thread's entity up to date with what has been charged.
    pub(super) fn collect(&mut self, entity: &mut Entity<P>) -> Charge {
        let State::Busy(running) = &mut self.state else {
            return Charge::default();
        };
        debug_assert_eq!(running.id, entity.id(), "this thread does not run here");
        let charge = core::mem::take(&mut running.uncollected);
        entity.share = running.share;
        entity.account.runtime += charge.ran;
        entity.account.virtual_runtime += charge.virtual_ran;
        charge
    }

    /// Takes the CPU from the running thread: charges it for the last time and lets go of it. The caller then parks the
    /// entity, enqueues it, or drops it, as `why` says.
    #[inline(always)]
    pub fn end(&mut self, entity: &mut Entity<P>, now: Instant, why: EndReason) -> Charge {
        self.end_as::<MIXED>(entity, now, why)
    }

    #[inline(always)]
    pub(super) fn end_as<const PLAIN: bool>(
        &mut self,
        entity: &mut Entity<P>,
        now: Instant,
        why: EndReason,
    ) -> Charge {
        self.settle_as::<PLAIN>(now);
        let charge = self.collect(entity);
        let stays = matches!(why, EndReason::Preempted | EndReason::Yielded);
        let leaves = if !PLAIN && self.budget.is_some() {
            self.return_budget(entity, stays, now)
        } else {
            !stays
        };
        if leaves {
            self.leaves(&entity.share);
        }
        if !PLAIN {
            self.return_membership(entity, !leaves);
        }
        match why {
            EndReason::Blocked => self.count_block(entity),
            EndReason::Preempted => {
                entity.account.preemptions += 1;
                self.counters.preemptions += 1;
            }
            EndReason::Yielded => self.counters.yields += 1,
            EndReason::Exited => self.counters.exits += 1,
        }
        entity.home = Some(self.home());
        let charged_to = self.running().map_or(now, |running| running.charged_to.max(now));
        self.state = State::Idle { since: charged_to };
        charge
    }

    /// Decides anew whether the running thread goes on: called after a reschedule interrupt, a weight change or
    /// when the horizon has come. Depends only on the queue and the time, so calling it too often is harmless.
    pub fn reconsider(&mut self, now: Instant) -> Verdict {
        let is_fair = |running: &Running| running.standing == Standing::Fair;
        if self.is_plain() && self.running().is_none_or(is_fair) {
            self.reconsider_as::<PLAIN>(now)
        } else {
            self.reconsider_mixed(now)
        }
    }

    #[cold]
    #[inline(never)]
    fn reconsider_mixed(&mut self, now: Instant) -> Verdict {
        self.reconsider_as::<MIXED>(now)
    }

    #[inline(always)]
    fn reconsider_as<const PLAIN: bool>(&mut self, now: Instant) -> Verdict {
        self.settle_as::<PLAIN>(now);
        if self.running_may_have_to_leave() {
            return Verdict::Switch;
        }
        if !PLAIN && self.budget.is_some() {
            match self.stand_running(now) {
                Stands::GoesOn => {}
                // It begins its next turn at once, if it is still its turn, and in between it is told.
                Stands::MustWait | Stands::HasNews => return Verdict::Switch,
                Stands::Faults => return Verdict::Fault,
            }
        }
        let next = self.head_as::<PLAIN>().map(Entity::rank_as::<PLAIN>);
        let somebody_waits = self.somebody_waits();
        let State::Busy(running) = &mut self.state else {
            return if somebody_waits {
                Verdict::Switch
            } else {
                Verdict::Keep(self.earliest_as::<PLAIN>(None, now))
            };
        };
        if !somebody_waits {
            running.is_bounded = false;
            return Verdict::Keep(self.earliest_as::<PLAIN>(None, now));
        }
        let standing = running.standing_as::<PLAIN>();
        let by_weight = standing.is_by_weight();
        let turn_is_over = by_weight && now >= running.turn_ends;
        let vfinish = if turn_is_over {
            running.share.next_vfinish()
        } else {
            running.share.vfinish()
        };
        let own = standing.rank(vfinish, running.id);
        let own_may = may_be_served(self.policy, own, &running.share, self.clock.now());
        let next_wins = match next {
            None => false,
            // In the middle of a turn only an earlier finish takes the CPU away.
            Some(next) if !turn_is_over => next.interrupts(own),
            // At its end the two are compared as they would be in the queue.
            Some(next) => next.precedes(own) || !own_may,
        };
        if next_wins {
            return Verdict::Switch;
        }
        if turn_is_over {
            running.share.renew();
            running.turn_ends = now + running.share.slice().max(SHORTEST_TURN);
        }
        running.is_bounded = by_weight;
        let turn_ends = running.turn_ends;
        Verdict::Keep(self.counted_horizon::<PLAIN>(by_weight, turn_ends, now))
    }

    /// The horizon of a thread that begins or goes on, counted.
    #[inline]
    pub(super) fn counted_horizon<const PLAIN: bool>(
        &mut self,
        is_bounded: bool,
        turn_ends: Instant,
        now: Instant,
    ) -> Option<Horizon> {
        let turn = if is_bounded {
            self.counters.slices_armed += 1;
            Some(Horizon::turn_end(turn_ends))
        } else {
            self.counters.slices_not_needed += 1;
            None
        };
        self.earliest_as::<PLAIN>(turn, now)
    }
}

/// Whether the rules of `policy` let a thread at `rank` with this share be served when the clock shows `clock`, whoever
/// else waits.
#[inline]
pub(super) fn may_be_served(policy: Policy, rank: Rank, share: &Share, clock: VirtualTime) -> bool {
    match (rank, policy) {
        (Rank::Throttled(..), _) => false,
        (Rank::Deadline(..), _) | (Rank::Fair(..), Policy::WeightedFair) => true,
        (Rank::Fair(..), Policy::Eevdf) => share.is_eligible(clock),
    }
}
