//! The state machine of one CPU, rule by rule. The bench below plays the part of the kernel's CPU loop.

use alloc::boxed::Box;

use super::*;
use crate::entity::Affinity;
use crate::fair::DEFAULT_REQUEST;
use crate::horizon::Horizon;
use crate::ids::ThreadId;
use crate::rank::Rank;
use crate::weight::{LatencyClass, Weight};

mod accounting;
mod arrival;
mod bands;
mod budget;
mod eevdf;
mod fairness;
mod handoff;
mod migration;
mod policy;

const SLICE: u64 = DEFAULT_REQUEST.0;

fn thread(id: u64) -> Box<Entity<()>> {
    weighted(id, 64)
}

fn weighted(id: u64, weight: u16) -> Box<Entity<()>> {
    Entity::new(
        ThreadId(id),
        Weight::new(weight).unwrap(),
        LatencyClass::Normal,
        (),
    )
}

fn classed(id: u64, class: LatencyClass) -> Box<Entity<()>> {
    Entity::new(ThreadId(id), Weight::DEFAULT, class, ())
}

/// A CPU with its loop: owns the running entity, keeps the timer and the time.
struct Bench {
    cpu: Cpu<()>,
    running: Option<Box<Entity<()>>>,
    timer: Option<Instant>,
    now: Instant,
    /// Who was ended for what it used.
    faulted: Option<ThreadId>,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(Policy::WeightedFair)
    }

    fn with(policy: Policy) -> Bench {
        let cpu = Cpu::new(CpuId(0), policy, Instant::BOOT);
        Bench {
            cpu,
            running: None,
            timer: None,
            now: Instant::BOOT,
            faulted: None,
        }
    }

    /// A bench that runs thread 1, alone.
    fn running_one() -> Bench {
        let mut bench = Bench::new();
        let _ = bench.add(thread(1));
        bench.dispatch();
        bench
    }

    fn add(&mut self, entity: Box<Entity<()>>) -> Enqueued {
        self.arrive(entity, EnqueueReason::New)
    }

    fn wake(&mut self, entity: Box<Entity<()>>) -> Enqueued {
        self.arrive(entity, EnqueueReason::Wake)
    }

    fn arrive(&mut self, entity: Box<Entity<()>>, why: EnqueueReason) -> Enqueued {
        let enqueued = self.cpu.enqueue(entity, why, self.now);
        if let Effect::Arm(Horizon { at, .. }) = enqueued.effect {
            self.timer = Some(at);
        }
        enqueued
    }

    fn dispatch(&mut self) {
        assert!(self.running.is_none());
        self.replenish();
        let Some(mut entity) = self.cpu.pick(self.now) else {
            self.timer = self.cpu.horizon(self.now).map(|horizon| horizon.at);
            return;
        };
        self.timer = self.cpu.begin(&mut entity, self.now).map(|horizon| horizon.at);
        self.running = Some(entity);
    }

    fn end(&mut self, why: EndReason) -> Box<Entity<()>> {
        let mut entity = self.running.take().unwrap();
        let _ = self.cpu.end(&mut entity, self.now, why);
        self.timer = None;
        entity
    }

    /// The running thread blocks; the next one starts.
    fn block(&mut self) -> Box<Entity<()>> {
        let entity = self.end(EndReason::Blocked);
        self.dispatch();
        entity
    }

    fn preempt(&mut self) {
        let entity = self.end(EndReason::Preempted);
        let _ = self.cpu.enqueue(entity, EnqueueReason::Preempted, self.now);
        self.dispatch();
    }

    fn yield_now(&mut self) {
        let entity = self.end(EndReason::Yielded);
        let _ = self.cpu.enqueue(entity, EnqueueReason::Yielded, self.now);
        self.dispatch();
    }

    fn obey(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Keep(horizon) => self.timer = horizon.map(|horizon| horizon.at),
            Verdict::Switch => self.preempt(),
            Verdict::Fault => self.faulted = Some(self.end(EndReason::Exited).id()),
        }
    }

    /// Lets time pass, serving the slice timer whenever it is due.
    fn run_for(&mut self, span: u64) {
        let until = self.now + Nanos(span);
        while let Some(at) = self.timer.filter(|at| *at <= until) {
            assert!(at > self.now, "a timer in the past");
            self.now = at;
            self.timer = None;
            self.replenish();
            if self.running.is_none() {
                self.dispatch();
                continue;
            }
            let verdict = self.cpu.reconsider(at);
            self.obey(verdict);
        }
        self.now = until;
    }

    fn replenish(&mut self) {
        if self.cpu.has_to_replenish(self.now) {
            self.cpu.replenish(self.now, |_, _| {});
        }
    }

    fn running_id(&self) -> u64 {
        self.running.as_ref().unwrap().id().0
    }

    /// Stops everything and returns the runtimes by thread id.
    fn runtimes(mut self) -> alloc::collections::BTreeMap<u64, u64> {
        let mut entities = alloc::vec::Vec::new();
        entities.extend(self.running.is_some().then(|| self.end(EndReason::Blocked)));
        while let Some(entity) = self.cpu.pick(self.now) {
            entities.push(entity);
        }
        entities
            .iter()
            .map(|entity| (entity.id().0, entity.account().runtime.0))
            .collect()
    }
}
