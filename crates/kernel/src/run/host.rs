//! This CPU as a host of the protocol between CPUs (crate `protocol`): its locks, its clock, its interrupts, and what is
//! recorded and counted here. The protocol decides what is done in which order; it is in no other place.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use abi::syscall::exit_code;
use abi::trace::Event;
use machine::lock::LockGuard;
use machine::memory::heap::NoAllocation;
use machine::{BootCell, cpu, trace, vector};
use protocol::{Counted, Ground, Step};
use sched::{
    Affinity, Budget, Charge, Cpu, CpuId, Entity, Horizon, Instant, LatencyClass, Parking, Rank, ThreadId,
    Weight, Whereabouts,
};

use super::body::Body;
use super::cpus::{self, CpuState, count};
use super::task::Task;
use super::wake::now;
use super::{Owned, timer, wait};

/// The CPU that acts: the one that runs this code.
pub struct Host(pub &'static CpuState);

impl Host {
    /// The CPU that runs this.
    #[inline]
    pub fn here() -> Host {
        Host(cpus::this())
    }
}

impl Host {
    /// Somebody waits for what was noted of this task's time.
    #[cold]
    fn note_news(&self, entity: &Entity<Body>) {
        if let Some(budget) = entity.budget() {
            self.0.news.note(budget.context().number);
        }
    }
}

/// What is done at the next boundary when something was noted that somebody waits for. Set before there is a context.
pub static WHEN_THERE_IS_NEWS: BootCell<fn(&CpuState)> = BootCell::new("host::WHEN_THERE_IS_NEWS");

impl protocol::Host for Host {
    type Body = Body;
    type Task = Task;
    type Word = AtomicU64;
    type Ground = &'static Ground<AtomicU64>;
    type Locked = LockGuard<'static, Cpu<Body>>;
    type Cell<'t> = LockGuard<'t, Parking<Owned>>;
    type HardPath = NoAllocation;

    #[inline]
    fn here(&self) -> CpuId {
        self.0.id()
    }

    #[inline]
    fn now(&mut self) -> Instant {
        now()
    }

    #[inline]
    fn ground(&self) -> &Ground<AtomicU64> {
        cpus::ground()
    }

    #[inline]
    fn hold_ground(&self) -> &'static Ground<AtomicU64> {
        cpus::ground()
    }

    #[inline]
    fn is_alone(&self) -> bool {
        cpus::all().len() == 1
    }

    #[inline]
    fn hard_path() -> NoAllocation {
        NoAllocation::begin()
    }

    #[inline]
    fn lock(&mut self, cpu: CpuId) -> LockGuard<'static, Cpu<Body>> {
        let state = if cpu.0 == self.0.index {
            self.0
        } else {
            &cpus::all()[cpu.index()]
        };
        state.sched.lock()
    }

    #[inline]
    fn unlock(&mut self, locked: LockGuard<'static, Cpu<Body>>) {
        drop(locked);
    }

    #[inline]
    fn lock_cell<'t>(&mut self, task: &'t Task) -> LockGuard<'t, Parking<Owned>> {
        task.cell.lock()
    }

    #[inline]
    fn unlock_cell<'t>(&mut self, _: &'t Task, cell: LockGuard<'t, Parking<Owned>>) {
        drop(cell);
    }

    #[inline]
    fn with_candidate<R>(&mut self, cpu: CpuId, act: impl FnOnce(&mut Option<Owned>) -> R) -> R {
        let state = if cpu.0 == self.0.index {
            self.0
        } else {
            &cpus::all()[cpu.index()]
        };
        act(&mut state.candidate.lock())
    }

    #[inline]
    fn is_in_call(&self) -> bool {
        self.0.in_call.load(Relaxed)
    }

    #[inline]
    fn look_again(&mut self) {
        self.0.reschedule.store(true, Relaxed);
    }

    #[inline]
    fn take_look_again(&mut self) -> bool {
        let wanted = self.0.reschedule.load(Relaxed);
        if wanted {
            self.0.reschedule.store(false, Relaxed);
            if self.0.news.is_any() {
                WHEN_THERE_IS_NEWS.get()(self.0);
            }
        }
        wanted
    }

    #[inline]
    fn set_horizon(&mut self, horizon: Option<Horizon>) {
        self.0.timer.set(horizon);
        if horizon.is_some() {
            timer::rearm(self.0);
        }
    }

    fn send(&mut self, target: CpuId) {
        count(&self.0.counters.ipis_sent);
        trace::record(Event::IpiSent {
            to: target.0,
            purpose: u64::from(vector::RESCHEDULE),
        });
        cpu::send_ipi(target.index(), vector::RESCHEDULE);
    }

    #[inline(always)]
    fn then(&mut self, step: Step<Body>) -> Option<Owned> {
        step.perform(self)
    }

    #[inline]
    fn wait_for_arrival(&mut self) -> bool {
        cpu::relax();
        true
    }

    #[inline]
    fn running_id(&self) -> ThreadId {
        ThreadId(self.0.current.load(Relaxed))
    }

    #[inline]
    fn id(&self, task: &Task) -> ThreadId {
        task.id()
    }

    #[inline]
    fn is_dying(&self, task: &Task) -> bool {
        task.is_dying()
    }

    #[inline]
    fn waits(&self, entity: &Entity<Body>) -> bool {
        entity.payload.wait.is_some()
    }

    #[inline]
    fn is_over(&mut self, entity: &mut Owned, _: &Task) -> bool {
        let Some(wait) = entity.payload.wait else {
            return true;
        };
        wait::is_over(entity, wait)
    }

    fn policy(&self, task: &Task) -> (Weight, LatencyClass) {
        task.policy()
    }

    fn note_policy(&mut self, task: &Task, (weight, class): (Weight, LatencyClass)) {
        task.note_policy(weight, class);
    }

    fn note_affinity(&mut self, task: &Task, affinity: &mut Affinity) {
        core::mem::swap(&mut *task.affinity.lock(), affinity);
    }

    #[inline]
    fn whereabouts<'t>(&'t self, task: &'t Task) -> &'t Whereabouts {
        &task.queued
    }

    #[inline]
    fn queued(&mut self, entity: &Entity<Body>, cpu: CpuId, rank: Rank) {
        entity.payload.task.queued.note(cpu, rank);
    }

    #[inline]
    fn began(&mut self, entity: &Entity<Body>, at: Instant) {
        if trace::is_on() {
            let from = self.0.current_trace_id();
            let to = entity.payload.task.trace_id();
            trace::record_at(at.0, Event::Switch { from, to });
        }
    }

    /// Charges the task that leaves to itself and to those it is counted with, and keeps its registers.
    #[inline]
    fn left(&mut self, entity: &mut Entity<Body>, charge: Charge) {
        if entity.budget().is_some_and(Budget::has_awaited_news) {
            self.note_news(entity);
        }
        let task = &entity.payload.task;
        task.usage().add(charge);
        task.publish(entity.account());
        entity.payload.context.leave_cpu();
    }

    #[cold]
    fn fault(&mut self, entity: &mut Owned) {
        entity.payload.exit_code = Some(exit_code::OVERRUN);
        entity.payload.task.order_to_die();
    }

    /// Does not happen: all CPUs that start are online before there is a thread, none goes away, and an affinity that names none
    /// of them is not taken. If it does it is counted, and the thread runs.
    #[cold]
    fn strand(&mut self, entity: Owned) -> Option<(Owned, CpuId)> {
        count(&self.0.counters.placement_failures);
        Some((entity, self.0.id()))
    }

    #[inline]
    fn record(&mut self, at: Instant, event: Event) {
        trace::record_at(at.0, event);
    }

    #[inline]
    fn record_now(&mut self, event: Event) {
        trace::record(event);
    }

    #[inline]
    fn count(&mut self, what: Counted) {
        let counters = &self.0.counters;
        match what {
            Counted::StealTry => count(&counters.steal_tries),
            Counted::Steal => count(&counters.steals),
            Counted::Chosen(reason) => count(&counters.placed[reason as usize]),
            Counted::Placed { why, is_here } => counters.placement(why, is_here),
        }
    }
}
