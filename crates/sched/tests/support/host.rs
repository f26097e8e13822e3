//! A CPU of the toy machine as a host of the protocol between CPUs, which is the one that the kernel runs (crate `protocol`). A
//! locked CPU is out of its seat, so whoever takes a lock twice is found; steps follow one another at once.

use std::cell::{Cell, RefCell, RefMut};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{Machine, Thread, named};
use abi::trace::Event;
use protocol::{Counted, Ground, Host, Step};
use sched::{
    Affinity, Budget, Charge, Cpu, CpuId, EnqueueReason, Entity, Horizon, Instant, LatencyClass, Parking,
    Rank, ThreadId, Weight, Whereabouts,
};

/// What others see of a thread.
pub struct Record {
    id: ThreadId,
    cell: RefCell<Parking<Thread>>,
    queued: Whereabouts,
    policy: Cell<(Weight, LatencyClass)>,
    affinity: RefCell<Affinity>,
    dying: Cell<bool>,
}

impl Record {
    pub fn new(thread: &Entity<()>) -> Rc<Record> {
        Rc::new(Record {
            id: thread.id(),
            cell: RefCell::default(),
            queued: Whereabouts::new(),
            policy: Cell::new((thread.weight(), thread.class())),
            affinity: RefCell::new(thread.affinity().clone()),
            dying: Cell::new(false),
        })
    }

    pub fn order_to_die(&self) {
        self.dying.set(true);
    }

    pub fn is_dying(&self) -> bool {
        self.dying.get()
    }

    pub fn is_resting(&self) -> bool {
        self.cell.borrow().is_resting()
    }

    /// What the thread that rests here has to show for itself.
    pub fn look<R>(&self, look: impl FnOnce(&Entity<()>) -> R) -> Option<R> {
        self.cell.borrow_mut().resting_mut().map(|thread| look(thread))
    }
}

/// A CPU of the machine that acts.
pub struct Here<'m> {
    pub machine: &'m mut Machine,
    pub cpu: CpuId,
}

/// A CPU's dispatch state, out of its seat.
pub struct Locked(Cpu<()>);

impl Deref for Locked {
    type Target = Cpu<()>;

    fn deref(&self) -> &Cpu<()> {
        &self.0
    }
}

impl DerefMut for Locked {
    fn deref_mut(&mut self) -> &mut Cpu<()> {
        &mut self.0
    }
}

impl Host for Here<'_> {
    type Body = ();
    type Task = Record;
    type Word = AtomicU64;
    type Ground = Arc<Ground<AtomicU64>>;
    type Locked = Locked;
    type Cell<'t> = RefMut<'t, Parking<Thread>>;
    type HardPath = ();

    fn here(&self) -> CpuId {
        self.cpu
    }

    fn now(&mut self) -> Instant {
        self.machine.now
    }

    fn ground(&self) -> &Ground<AtomicU64> {
        &self.machine.ground
    }

    fn hold_ground(&self) -> Arc<Ground<AtomicU64>> {
        self.machine.ground.clone()
    }

    fn hard_path() {}

    fn lock(&mut self, cpu: CpuId) -> Locked {
        let seat = &mut self.machine.locked[cpu.index()];
        assert!(!std::mem::replace(seat, true), "{cpu} is locked already");
        let nobody = Cpu::new(cpu, self.machine.policy, Instant::BOOT);
        Locked(std::mem::replace(&mut self.machine.cpus[cpu.index()], nobody))
    }

    fn unlock(&mut self, Locked(state): Locked) {
        let index = state.id().index();
        self.machine.locked[index] = false;
        self.machine.cpus[index] = state;
    }

    fn lock_cell<'t>(&mut self, task: &'t Record) -> RefMut<'t, Parking<Thread>> {
        task.cell.borrow_mut()
    }

    fn unlock_cell<'t>(&mut self, _: &'t Record, cell: RefMut<'t, Parking<Thread>>) {
        drop(cell);
    }

    fn with_candidate<R>(&mut self, cpu: CpuId, act: impl FnOnce(&mut Option<Thread>) -> R) -> R {
        act(&mut self.machine.candidates[cpu.index()])
    }

    fn is_in_call(&self) -> bool {
        self.machine.in_call
    }

    /// Comes when the test has it come, like an interrupt from elsewhere.
    fn look_again(&mut self) {
        let _ = self.machine.cpus[self.cpu.index()].request_reschedule();
    }

    fn take_look_again(&mut self) -> bool {
        false
    }

    fn set_horizon(&mut self, horizon: Option<Horizon>) {
        self.machine.timers[self.cpu.index()] = horizon.map(|horizon| horizon.at);
    }

    fn send(&mut self, target: CpuId) {
        let (to, purpose) = (target.0, 0);
        self.machine.note(self.cpu, Event::IpiSent { to, purpose });
    }

    fn then(&mut self, step: Step<()>) -> Option<Thread> {
        if let Step::Enqueue(_, _, EnqueueReason::Balanced) = step {
            self.machine.balanced += 1;
        }
        step.perform(self)
    }

    /// Between two steps of a test nobody is on its way.
    fn wait_for_arrival(&mut self) -> bool {
        false
    }

    fn running_id(&self) -> ThreadId {
        self.machine.on_cpu[self.cpu.index()]
    }

    fn id(&self, task: &Record) -> ThreadId {
        task.id
    }

    fn is_dying(&self, task: &Record) -> bool {
        task.is_dying()
    }

    fn waits(&self, _: &Entity<()>) -> bool {
        false
    }

    fn is_over(&mut self, _: &mut Thread, _: &Record) -> bool {
        true
    }

    fn policy(&self, task: &Record) -> (Weight, LatencyClass) {
        task.policy.get()
    }

    fn note_policy(&mut self, task: &Record, policy: (Weight, LatencyClass)) {
        task.policy.set(policy);
    }

    fn note_affinity(&mut self, task: &Record, affinity: &mut Affinity) {
        std::mem::swap(&mut *task.affinity.borrow_mut(), affinity);
    }

    fn whereabouts<'t>(&'t self, task: &'t Record) -> &'t Whereabouts {
        &task.queued
    }

    fn queued(&mut self, entity: &Entity<()>, cpu: CpuId, rank: Rank) {
        let now = self.machine.now;
        self.machine.ledger.queued(entity.id(), now);
        self.machine.records[&entity.id()].queued.note(cpu, rank);
    }

    fn began(&mut self, entity: &Entity<()>, at: Instant) {
        let (cpu, id) = (self.cpu, entity.id());
        assert_eq!(at, self.machine.now);
        // Its budget, which may say where, is its CPU's while it runs.
        let budget = self.machine.cpus[cpu.index()].running_in();
        let allowed = budget.and_then(Budget::cpus).unwrap_or(entity.own_affinity());
        assert!(allowed.allows(cpu), "{id} runs where it may not");
        let before = std::mem::replace(&mut self.machine.on_cpu[cpu.index()], id);
        let (from, to) = (named(before), named(id));
        self.machine.note(cpu, Event::Switch { from, to });
    }

    fn left(&mut self, entity: &mut Entity<()>, charge: Charge) {
        let (index, id, now) = (self.cpu.index(), entity.id(), self.machine.now);
        assert_eq!(self.machine.on_cpu[index], id, "another thread was charged");
        self.machine.on_cpu[index] = NOBODY;
        self.machine.timers[index] = None;
        self.machine.usage.add(charge);
        self.machine.ledger.left(id, charge, now);
    }

    fn fault(&mut self, _: &mut Thread) {
        unreachable!("no thread here has a budget");
    }

    fn strand(&mut self, entity: Thread) -> Option<(Thread, CpuId)> {
        panic!("no CPU for {}", entity.id());
    }

    fn record(&mut self, _: Instant, event: Event) {
        self.record_now(event);
    }

    fn record_now(&mut self, event: Event) {
        self.machine.note(self.cpu, event);
    }

    fn count(&mut self, _: Counted) {}
}

/// Who runs on an idle CPU.
pub const NOBODY: ThreadId = ThreadId(0);
