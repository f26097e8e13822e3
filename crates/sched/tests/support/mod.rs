//! A toy machine around the scheduler core: the loops, timers, interrupts and parking places that the kernel provides.
//!
//! Interrupts are not delivered by themselves: a test decides when, so it can put anything between sending and
//! arrival. After each step [`Machine::check`] compares the whole machine with the rules.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::sync::Arc;

use abi::trace::Event;
use sched::check::{self, Broken};
use sched::{
    Cpu, CpuId, Entity, Instant, LoadBoard, Policy, Principal, Rank, ThreadId, Topology, Usage, VirtualTime,
};

mod ledger;
mod loops;
mod threads;

pub type Thread = Box<Entity<()>>;

/// A thread as the record names it.
fn named(id: ThreadId) -> abi::trace::Thread {
    abi::trace::Thread(id.0)
}

pub struct Machine {
    pub topology: Topology,
    pub board: LoadBoard,
    pub cpus: Vec<Cpu<()>>,
    /// The running threads, owned by their CPUs' loops.
    pub running: Vec<Option<Thread>>,
    /// What each CPU's one-shot is armed for.
    pub timers: Vec<Option<Instant>>,
    pub parked: BTreeMap<ThreadId, Thread>,
    /// Where waiting threads wait, as the last operation on each of them said.
    pub ranks: BTreeMap<ThreadId, (CpuId, Rank)>,
    pub living: Vec<ThreadId>,
    /// Those on whose behalf threads run; [`Machine::spawn`] makes threads that run on their own.
    pub principals: Vec<Arc<Principal>>,
    /// All charges, as a process that owns every thread would add them up.
    pub usage: Usage,
    /// What must have been charged, billed and counted.
    ledger: ledger::Ledger,
    /// Threads that one busy CPU gave to another.
    pub balanced: u64,
    /// Whether a turn ends and the next begins in the core's four steps instead of in one.
    pub step_by_step: bool,
    pub now: Instant,
    /// Everything that happened, in order.
    pub record: Vec<(Instant, CpuId, Event)>,
    clocks: Vec<VirtualTime>,
    next_id: u64,
}

impl Machine {
    pub fn new(cpus: u32, policy: Policy) -> Machine {
        let machine = Machine {
            topology: Topology::flat(cpus),
            board: LoadBoard::new(cpus),
            cpus: (0..cpus)
                .map(|cpu| Cpu::new(CpuId(cpu), policy, Instant::BOOT))
                .collect(),
            running: (0..cpus).map(|_| None).collect(),
            timers: vec![None; cpus as usize],
            parked: BTreeMap::new(),
            ranks: BTreeMap::new(),
            living: Vec::new(),
            principals: Vec::new(),
            usage: Usage::default(),
            ledger: ledger::Ledger::default(),
            balanced: 0,
            step_by_step: false,
            now: Instant::BOOT,
            record: Vec::new(),
            clocks: vec![VirtualTime::ZERO; cpus as usize],
            next_id: 1,
        };
        machine.cpus.iter().for_each(|cpu| machine.board.publish(cpu));
        machine
    }

    fn note(&mut self, cpu: CpuId, event: Event) {
        self.record.push((self.now, cpu, event));
    }

    /// A CPU that does nothing although a thread waits that may run there.
    pub fn wasted_cpu(&self) -> Option<(CpuId, ThreadId)> {
        let mut idle = self.cpus.iter().filter(|cpu| cpu.load().idle());
        idle.find_map(|idle| {
            let mut waiting = self.cpus.iter().flat_map(|cpu| cpu.queued());
            Some((
                idle.id(),
                waiting.find(|thread| thread.affinity().allows(idle.id()))?.id(),
            ))
        })
    }

    /// Everything that must be true between two steps.
    pub fn check(&mut self) -> Result<(), Broken> {
        let parked: Vec<ThreadId> = self.parked.keys().copied().collect();
        check::every_thread_is_in_one_place(&self.cpus, &parked)?;
        check::no_thread_is_lost(&self.cpus, &parked, &self.living)?;
        check::clocks_only_move_forward(&self.cpus, &self.clocks)?;
        check::time_is_conserved(&self.cpus, self.usage.runtime())?;
        check::principals_count_who_is_runnable(&self.cpus, &self.principals)?;
        self.cpus.iter().try_for_each(check::cpu_is_sound)?;
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
        used.extend(
            self.parked
                .iter()
                .map(|(id, thread)| (*id, thread.account().runtime.0)),
        );
        used
    }
}
