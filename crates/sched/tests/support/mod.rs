//! A toy machine around the scheduler core: CPUs that run the protocol of the kernel's, with timers, interrupts and parking places.
//!
//! Interrupts are not delivered by themselves: a test decides when, so it can put anything between sending and
//! arrival. After each step [`Machine::check`] compares the whole machine with the rules.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use abi::trace::Event;
use host::{NOBODY, Record};
use protocol::Ground;
use sched::check::{self, Broken};
use sched::{
    Cpu, CpuId, Entity, Instant, LoadBoard, Policy, Principal, Rank, ThreadId, Topology, Usage, VirtualTime,
};

mod host;
mod ledger;
mod loops;
mod threads;

pub type Thread = Box<Entity<()>>;

/// Whether it may not run before an instant.
fn is_throttled(thread: &Entity<()>) -> bool {
    matches!(thread.rank(), Rank::Throttled(..))
}

/// Whether a timer comes not after the first instant at which somebody who waits there has budget again.
fn is_in_time(cpu: &Cpu<()>, at: Instant) -> bool {
    // No timer is set for less than a microsecond.
    let before = Instant(at.0.saturating_sub(1_001));
    !cpu.has_to_replenish(before) || cpu.running().is_some()
}

/// A thread as the record names it.
fn named(id: ThreadId) -> abi::trace::Thread {
    if id == NOBODY {
        abi::trace::Thread::NONE
    } else {
        abi::trace::Thread(id.0)
    }
}

pub struct Machine {
    policy: Policy,
    ground: Arc<Ground<AtomicU64>>,
    pub cpus: Vec<Cpu<()>>,
    /// Whether each CPU's state is out of its seat.
    locked: Vec<bool>,
    /// The running threads, owned by their CPUs' loops.
    pub running: Vec<Option<Thread>>,
    /// Whose time passes on each CPU.
    on_cpu: Vec<ThreadId>,
    /// Threads woken by the running ones, while these are in a call.
    candidates: Vec<Option<Thread>>,
    /// The thread that acts is in a call.
    in_call: bool,
    /// What each CPU's one-shot is armed for.
    pub timers: Vec<Option<Instant>>,
    /// The living threads, as others see them.
    records: BTreeMap<ThreadId, Rc<Record>>,
    /// Those on whose behalf threads run; [`Machine::spawn`] makes threads that run on their own.
    pub principals: Vec<Arc<Principal>>,
    /// All charges, as a process that owns every thread would add them up.
    pub usage: Usage,
    /// What must have been charged, billed and counted.
    ledger: ledger::Ledger,
    /// Threads that one busy CPU gave to another.
    pub balanced: u64,
    /// A thread was given a budget once.
    pub has_budgets: bool,
    /// The number of the next context.
    pub next_context: u64,
    pub now: Instant,
    /// Everything that happened, in order.
    pub record: Vec<(Instant, CpuId, Event)>,
    clocks: Vec<VirtualTime>,
    next_id: u64,
}

impl Machine {
    pub fn new(cpus: u32, policy: Policy) -> Machine {
        let count = cpus as usize;
        let machine = Machine {
            policy,
            ground: Arc::new(Ground {
                topology: Topology::flat(cpus),
                board: LoadBoard::new(cpus),
            }),
            cpus: (0..cpus)
                .map(|cpu| Cpu::new(CpuId(cpu), policy, Instant::BOOT))
                .collect(),
            locked: vec![false; count],
            running: (0..cpus).map(|_| None).collect(),
            on_cpu: vec![NOBODY; count],
            candidates: (0..cpus).map(|_| None).collect(),
            in_call: false,
            timers: vec![None; count],
            records: BTreeMap::new(),
            principals: Vec::new(),
            usage: Usage::default(),
            ledger: ledger::Ledger::default(),
            balanced: 0,
            has_budgets: false,
            next_context: 1,
            now: Instant::BOOT,
            record: Vec::new(),
            clocks: vec![VirtualTime::ZERO; count],
            next_id: NOBODY.0 + 1,
        };
        let board = &machine.ground.board;
        machine.cpus.iter().for_each(|cpu| board.publish(cpu));
        machine
    }

    fn note(&mut self, cpu: CpuId, event: Event) {
        self.record.push((self.now, cpu, event));
    }

    /// All threads that have not ended.
    pub fn living(&self) -> impl Iterator<Item = ThreadId> + '_ {
        self.records.keys().copied()
    }

    /// Those that rest.
    pub fn parked(&self) -> impl Iterator<Item = ThreadId> + '_ {
        let all = self.records.iter();
        all.filter(|(_, record)| record.is_resting()).map(|(id, _)| *id)
    }

    /// A CPU that does nothing although a thread waits that may run there.
    pub fn wasted_cpu(&self) -> Option<(CpuId, ThreadId)> {
        let mut idle = self.cpus.iter().filter(|cpu| cpu.load().idle());
        idle.find_map(|idle| {
            let mut waiting = self.cpus.iter().flat_map(|cpu| cpu.queued());
            Some((
                idle.id(),
                waiting
                    .find(|thread| thread.affinity().allows(idle.id()) && !is_throttled(thread))?
                    .id(),
            ))
        })
    }

    /// Everything that must be true between two steps.
    pub fn check(&mut self) -> Result<(), Broken> {
        let parked: Vec<ThreadId> = self.parked().collect();
        let living: Vec<ThreadId> = self.living().collect();
        assert!(
            self.candidates.iter().all(Option::is_none),
            "a candidate was left behind"
        );
        check::every_thread_is_in_one_place(&self.cpus, &parked)?;
        check::no_thread_is_lost(&self.cpus, &parked, &living)?;
        check::clocks_only_move_forward(&self.cpus, &self.clocks)?;
        check::time_is_conserved(&self.cpus, self.usage.runtime())?;
        check::principals_count_who_is_runnable(&self.cpus, &self.principals)?;
        self.cpus.iter().try_for_each(check::cpu_is_sound)?;
        for (cpu, timer) in self.cpus.iter().zip(&self.timers) {
            let somebody_waits_for_budget = cpu.has_to_replenish(Instant::NEVER);
            assert!(
                !somebody_waits_for_budget
                    || cpu.reschedule_pending()
                    || timer.is_some_and(|at| is_in_time(cpu, at)),
                "at {:?} somebody waits for budget on {} and no timer is set, but {timer:?}: {:?} beside {:?}",
                self.now,
                cpu.id(),
                cpu.queued().map(Entity::rank).collect::<Vec<_>>(),
                cpu.running().map(|running| running.rank()),
            );
        }
        self.clocks = self.cpus.iter().map(Cpu::clock).collect();
        ledger::check(self);
        Ok(())
    }

    /// The runtimes of all living threads, running ones charged up to now.
    pub fn runtimes(&mut self) -> BTreeMap<ThreadId, u64> {
        let mut used = BTreeMap::new();
        for (cpu, running) in self.cpus.iter_mut().zip(&mut self.running) {
            if let Some(thread) = running {
                let charge = cpu.charge(thread, self.now);
                self.usage.add(charge);
                self.ledger.billed(thread.id(), charge);
                used.insert(thread.id(), thread.account().runtime.0);
            }
            used.extend(
                cpu.queued()
                    .map(|thread| (thread.id(), thread.account().runtime.0)),
            );
        }
        used.extend(self.records.iter().filter_map(|(id, record)| {
            let runtime = record.look(|thread| thread.account().runtime.0)?;
            Some((*id, runtime))
        }));
        used
    }
}
