//! A CPU goes to sleep while a thread begins to wait on another. Rules B1 and B4 (docs/rules/scheduler.md); docs/mutants.md, row 1.
//!
//! The idle CPU publishes that it is idle, looks for a crowded CPU, and sleeps if it sees none. The waker, under the busy
//! CPU's lock, queues the thread, publishes that the CPU is crowded, looks for an idle CPU, and then without the
//! lock calls it and interrupts it. Whoever comes second must see the first.
//!
//! The board, its words' steps, the searches and the queues are the kernel's: [`LoadBoard`], [`helper`],
//! [`steal_order`], [`Cpu`]. What is written down here once more, smaller, so that loom can try everything, is the order in which
//! the crate `protocol` calls them (`choose`, `steal`, `put` and `summon_helper`); [`crate::machine`] runs that crate itself.

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use sched::placement::{helper, steal_order};
use sched::word::AtomicWord;
use sched::{
    Cpu, CpuId, EnqueueReason, Entity, Instant, LatencyClass, LoadBoard, Policy, ThreadId, Topology, Weight,
};

use crate::Mistake;

/// The CPU that goes idle; all others are busy.
const IDLE: CpuId = CpuId(0);

struct System<W> {
    cpus: Vec<Mutex<Cpu<()>>>,
    board: LoadBoard<W>,
    topology: Topology,
    /// Interrupts that were sent to the idle CPU.
    sent: AtomicU32,
    mistake: Mistake,
}

fn thread(id: u64) -> Box<Entity<()>> {
    Entity::new(ThreadId(id), Weight::DEFAULT, LatencyClass::Normal, ())
}

impl<W: AtomicWord> System<W> {
    /// CPU 0 has just lost its thread and has told nobody; on each of the others one runs.
    fn new(busy: u32, mistake: Mistake) -> Arc<Self> {
        let board = LoadBoard::with_words(1 + busy);
        let new = |id| {
            let mut cpu = Cpu::new(CpuId(id), Policy::WeightedFair, Instant::BOOT);
            let _ = cpu.begin(&mut thread(u64::from(id)), Instant::BOOT);
            board.publish(&cpu);
            if CpuId(id) == IDLE {
                cpu = Cpu::new(IDLE, Policy::WeightedFair, Instant::BOOT);
            }
            Mutex::new(cpu)
        };
        Arc::new(System {
            cpus: (0..=busy).map(new).collect(),
            board,
            topology: Topology::flat(1 + busy),
            sent: AtomicU32::new(0),
            mistake,
        })
    }

    /// What the idle CPU does before it sleeps, and when it was interrupted: whether it found a thread.
    fn look_for_work(&self) -> bool {
        let publish = || self.board.publish(&self.cpus[IDLE.index()].lock().unwrap());
        if self.mistake != Mistake::LookBeforePublishing {
            publish();
        }
        let found = steal_order(IDLE, &self.topology, &self.board).any(|victim| self.steal(victim));
        if self.mistake == Mistake::LookBeforePublishing && !found {
            publish();
        }
        found
    }

    fn steal(&self, victim: CpuId) -> bool {
        let mut victim = match self.cpus[victim.index()].try_lock() {
            Err(_) if self.mistake == Mistake::StealOnlyWithoutWaiting => return false,
            Ok(held) => held,
            Err(_) => self.cpus[victim.index()].lock().unwrap(),
        };
        let stolen = victim.steal_for(IDLE, Instant::BOOT);
        self.board.publish(&victim);
        drop(victim);
        let Some(stolen) = stolen else { return false };
        let mut own = self.cpus[IDLE.index()].lock().unwrap();
        let _ = own.enqueue(stolen, EnqueueReason::Migrated, Instant::BOOT);
        let mut next = own.pick(Instant::BOOT).unwrap();
        let _ = own.begin(&mut next, Instant::BOOT);
        self.board.publish(&own);
        true
    }

    /// A thread wakes up on a busy CPU and has to wait there.
    fn arrive(&self, busy: u32) {
        let mut cpu = self.cpus[busy as usize].lock().unwrap();
        let _ = cpu.enqueue(thread(100 + u64::from(busy)), EnqueueReason::Wake, Instant::BOOT);
        if self.mistake == Mistake::AskBeforePublishing {
            let early = helper(&cpu, &self.topology, &self.board);
            self.board.publish(&cpu);
            return self.summon(early);
        }
        self.board.publish(&cpu);
        let helper = helper(&cpu, &self.topology, &self.board);
        drop(cpu);
        self.summon(helper);
    }

    fn summon(&self, helper: Option<CpuId>) {
        let Some(helper) = helper else { return };
        if self.mistake != Mistake::SummonWithoutClaiming && !self.board.summon(helper) {
            return;
        }
        if self.cpus[helper.index()].lock().unwrap().request_reschedule()
            || self.mistake == Mistake::SummonWithoutClaiming
        {
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The idle CPU handles its interrupt, if one was sent.
    fn interrupted(&self) -> bool {
        let mut own = self.cpus[IDLE.index()].lock().unwrap();
        let pending = own.reschedule_pending();
        own.acknowledge_reschedule();
        pending
    }

    fn waiting(&self) -> u32 {
        let waiting = |cpu: &Mutex<Cpu<()>>| cpu.lock().unwrap().load().waiting;
        self.cpus.iter().map(waiting).sum()
    }
}

/// One CPU goes to sleep while a thread begins to wait on each of `busy` others.
fn against<W: AtomicWord + Send + Sync + 'static>(busy: u32, mistake: Mistake) {
    let system = System::<W>::new(busy, mistake);
    let wakers: Vec<_> = (1..=busy)
        .map(|cpu| {
            let system = system.clone();
            thread::spawn(move || system.arrive(cpu))
        })
        .collect();
    let mut found = system.look_for_work();
    wakers.into_iter().for_each(|waker| waker.join().unwrap());
    let sent = system.sent.load(Ordering::Relaxed);
    assert!(sent <= 1, "an interrupt was on its way and another was sent");
    if !found && system.interrupted() {
        found = system.look_for_work();
    }
    assert!(found, "a CPU sleeps while a thread waits beside it");
    assert_eq!(system.waiting(), busy - 1, "it took one of them");
}

/// One CPU goes to sleep while a thread begins to wait on another.
pub fn sleeps_only_when_it_will_be_summoned(mistake: Mistake) {
    match mistake {
        Mistake::WeakWords => against::<crate::word::Weak>(1, mistake),
        _ => against::<crate::word::Word>(1, mistake),
    }
}

/// The same with two others at the same time: one of them calls it.
pub fn is_summoned_by_one(mistake: Mistake) {
    against::<crate::word::Word>(2, mistake);
}
