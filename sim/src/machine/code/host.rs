//! A virtual CPU as a host of the protocol between CPUs (crate `protocol`). What follows a step goes on this CPU's agenda, so
//! that other CPUs may do anything in between; a lock is a CPU's state taken out of its seat.

use core::mem::take;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use abi::trace::Event;
use protocol::{Counted, Ground, Host, Step};
use sched::{
    Charge, CpuId, Entity, Horizon, Instant, LatencyClass, Parking, Rank, ThreadId, Weight, Whereabouts,
};

use super::super::seat::Taken;
use super::super::threads::{Index, Owned, Task, Wish};
use super::super::{Machine, Side};
use super::Action;

/// A CPU that performs one step.
pub(in super::super) struct Here<'m> {
    pub(in super::super) machine: &'m mut Machine,
    cpu: CpuId,
    /// How much of what follows is on the agenda already, in front of what was there before.
    following: usize,
}

impl Machine {
    /// This CPU, to perform one step.
    pub(in super::super) fn host(&mut self, cpu: CpuId) -> Here<'_> {
        Here {
            machine: self,
            cpu,
            following: 0,
        }
    }
}

impl Here<'_> {
    fn side(&mut self) -> &mut Side {
        &mut self.machine.sides[self.cpu.index()]
    }
}

impl Host for Here<'_> {
    type Body = Task;
    type Task = Index;
    type Word = AtomicU64;
    type Ground = Arc<Ground<AtomicU64>>;
    type Locked = Taken<Task>;
    type Cell<'t> = InHand;
    type HardPath = ();

    fn here(&self) -> CpuId {
        self.cpu
    }

    fn now(&mut self) -> Instant {
        self.machine.read(self.cpu)
    }

    fn ground(&self) -> &Ground<AtomicU64> {
        &self.machine.ground
    }

    fn hold_ground(&self) -> Arc<Ground<AtomicU64>> {
        self.machine.ground.clone()
    }

    fn hard_path() {}

    fn lock(&mut self, cpu: CpuId) -> Taken<Task> {
        self.machine.cpus[cpu.index()].take()
    }

    fn unlock(&mut self, locked: Taken<Task>) {
        let seat = locked.id().index();
        self.machine.cpus[seat].give_back(locked);
    }

    fn lock_cell(&mut self, task: &Index) -> InHand {
        InHand(take(&mut self.machine.threads[task.at()].place))
    }

    fn unlock_cell(&mut self, task: &Index, cell: InHand) {
        self.machine.threads[task.at()].place = cell.0;
    }

    fn with_candidate<R>(&mut self, cpu: CpuId, act: impl FnOnce(&mut Option<Owned>) -> R) -> R {
        act(&mut self.machine.sides[cpu.index()].candidate)
    }

    fn is_in_call(&self) -> bool {
        self.machine.sides[self.cpu.index()].in_call
    }

    fn is_online(&self, cpu: CpuId) -> bool {
        self.machine.sides[cpu.index()].online
    }

    /// Nobody may think that a CPU that is offline came back.
    fn publish(&mut self, locked: &Taken<Task>) {
        if self.is_online(locked.id()) {
            self.machine.ground.board.publish(&**locked);
        }
    }

    fn look_again(&mut self) {
        let side = self.side();
        side.reschedule = true;
        side.looked = false;
    }

    fn take_look_again(&mut self) -> bool {
        take(&mut self.side().reschedule)
    }

    fn set_horizon(&mut self, horizon: Option<Horizon>) {
        self.side().timer.set(horizon);
        if horizon.is_some() {
            self.machine.rearm(self.cpu);
        }
    }

    fn send(&mut self, target: CpuId) {
        self.machine.send(self.cpu, target);
    }

    fn then(&mut self, step: Step<Task>) -> Option<Owned> {
        if matches!(step, Step::Settle) && self.side().candidate.is_none() {
            self.side().in_call = false;
            return None;
        }
        let following = self.following;
        self.side().todo.insert(following, Action::Protocol(step));
        self.following += 1;
        None
    }

    /// Nothing else happens within a step, so waiting would be for ever.
    fn wait_for_arrival(&mut self) -> bool {
        false
    }

    fn running_id(&self) -> ThreadId {
        let running = self.machine.sides[self.cpu.index()].running.as_ref();
        running.map_or(ThreadId(0), |thread| thread.id())
    }

    fn id(&self, task: &Index) -> ThreadId {
        self.machine.threads[task.at()].id
    }

    fn is_dying(&self, task: &Index) -> bool {
        self.machine.threads[task.at()].dying
    }

    fn waits(&self, entity: &Entity<Task>) -> bool {
        entity.payload.waiting
    }

    fn is_over(&mut self, entity: &mut Owned, task: &Index) -> bool {
        let record = &mut self.machine.threads[task.at()];
        if !take(&mut record.granted) {
            return false;
        }
        record.wish = Wish::Nothing;
        entity.payload.waiting = false;
        true
    }

    fn policy(&self, task: &Index) -> (Weight, LatencyClass) {
        self.machine.threads[task.at()].policy
    }

    fn note_policy(&mut self, task: &Index, policy: (Weight, LatencyClass)) {
        self.machine.threads[task.at()].policy = policy;
    }

    fn whereabouts<'t>(&'t self, task: &'t Index) -> &'t Whereabouts {
        &self.machine.threads[task.at()].queued
    }

    fn queued(&mut self, entity: &Entity<Task>, cpu: CpuId, rank: Rank) {
        let now = self.machine.now;
        let record = &mut self.machine.threads[Index::of(entity.id()).at()];
        // Time without budget is no time for which a CPU was wanted.
        let had_none = matches!(record.queued.rank(cpu, entity.id()), Some(Rank::Throttled(..)));
        record.queued.note(cpu, rank);
        if record.ready_at == Instant::NEVER || had_none {
            record.ready_at = now;
            record.woken = false;
        }
    }

    fn began(&mut self, entity: &Entity<Task>, _: Instant) {
        self.machine.dispatched(self.cpu, entity);
    }

    fn left(&mut self, _: &mut Entity<Task>, charge: Charge) {
        self.machine.collect(charge);
    }

    fn fault(&mut self, entity: &mut Owned) {
        self.machine.threads[Index::of(entity.id()).at()].dying = true;
    }

    /// It goes on when a CPU comes back that it may run on.
    fn strand(&mut self, entity: Owned) -> Option<(Owned, CpuId)> {
        self.machine.stranded.push(entity);
        None
    }

    fn record(&mut self, _: Instant, event: Event) {
        self.machine.note(self.cpu, event);
    }

    fn record_now(&mut self, event: Event) {
        self.machine.note(self.cpu, event);
    }

    fn count(&mut self, what: Counted) {
        match what {
            Counted::StealTry | Counted::Chosen(_) => {}
            Counted::Steal => self.machine.steals += 1,
            Counted::Placed { .. } => self.machine.placements += 1,
        }
    }
}

/// A thread's parking cell, taken out of the table of threads.
pub(in super::super) struct InHand(Parking<Owned>);

impl core::ops::Deref for InHand {
    type Target = Parking<Owned>;
    fn deref(&self) -> &Parking<Owned> {
        &self.0
    }
}

impl core::ops::DerefMut for InHand {
    fn deref_mut(&mut self) -> &mut Parking<Owned> {
        &mut self.0
    }
}
