//! A toy machine around the scheduler core: the loops, timers, interrupts and parking places that the kernel provides.
//!
//! Interrupts are not delivered by themselves: a test decides when, so it can put anything between sending and
//! arrival. After each step [`Machine::check`] compares the whole machine with the rules.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::collections::BTreeMap;

use sched::check::{self, Broken};
use sched::placement::{helper, new_thread_target, steal_order, wake_target};
use sched::{
    Affinity, Cpu, CpuId, Effect, EndReason, EnqueueReason, Enqueued, Entity, Event, Instant, LatencyClass,
    LoadBoard, Nanos, Placement, Policy, QueueKey, Reason, Record, ThreadId, Topology, Usage, Verdict,
    VirtualTime, Weight,
};

pub type Thread = Box<Entity<()>>;

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
    pub keys: BTreeMap<ThreadId, (CpuId, QueueKey)>,
    pub living: Vec<ThreadId>,
    /// All charges, as a process that owns every thread would add them up.
    pub usage: Usage,
    pub now: Instant,
    /// Everything that happened, in order.
    pub record: Vec<Record>,
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
            keys: BTreeMap::new(),
            living: Vec::new(),
            usage: Usage::default(),
            now: Instant::BOOT,
            record: Vec::new(),
            clocks: vec![VirtualTime::ZERO; cpus as usize],
            next_id: 1,
        };
        machine.cpus.iter().for_each(|cpu| machine.board.publish(cpu));
        machine
    }

    fn note(&mut self, cpu: CpuId, event: Event) {
        self.record.push(Record {
            at: self.now,
            cpu,
            event,
        });
    }

    fn interrupt(&mut self, cpu: CpuId) {
        if self.cpus[cpu.index()].request_reschedule() {
            self.note(cpu, Event::RescheduleSent);
        }
    }

    fn set_timer(&mut self, cpu: CpuId, timer: Option<Instant>) {
        self.note(cpu, timer.map_or(Event::DisarmTimer, |at| Event::ArmTimer { at }));
        self.timers[cpu.index()] = timer;
    }

    /// Acts on an arrival as a remote CPU would: it can only interrupt.
    fn act(&mut self, cpu: CpuId, id: ThreadId, enqueued: Enqueued) {
        self.keys.insert(id, (cpu, enqueued.key));
        if enqueued.effect != Effect::Nothing {
            self.interrupt(cpu);
        }
        self.publish(cpu);
    }

    /// Publishes this CPU's load; if it keeps somebody waiting beside an idle CPU, that one is asked to come.
    fn publish(&mut self, cpu: CpuId) {
        let busy = &self.cpus[cpu.index()];
        self.board.publish(busy);
        if let Some(idle) = helper(busy, &self.topology, &self.board)
            && self.board.call(idle)
        {
            self.interrupt(idle);
        }
    }

    fn put(&mut self, cpu: CpuId, thread: Thread, why: EnqueueReason) {
        let id = thread.id();
        self.note(cpu, Event::Enqueue { thread: id, why });
        let enqueued = self.cpus[cpu.index()].enqueue(thread, why, self.now);
        self.act(cpu, id, enqueued);
    }

    fn put_where(&mut self, placed: Placement, thread: Thread, why: EnqueueReason) {
        let reason = Reason::Placed(placed.reason);
        self.note(
            placed.cpu,
            Event::Place {
                thread: thread.id(),
                reason,
            },
        );
        self.put(placed.cpu, thread, why);
    }

    pub fn spawn(&mut self, weight: u16, class: LatencyClass, affinity: Affinity, caller: CpuId) -> ThreadId {
        let id = ThreadId(self.next_id);
        self.next_id += 1;
        self.living.push(id);
        let mut thread = Entity::new(id, Weight::new(weight).unwrap(), class, ());
        thread.set_affinity(affinity);
        let placed = new_thread_target(thread.affinity(), caller, &self.topology, &self.board).unwrap();
        self.put_where(placed, thread, EnqueueReason::New);
        id
    }

    pub fn wake(&mut self, id: ThreadId, caller: CpuId) {
        let Some(mut thread) = self.parked.remove(&id) else {
            return;
        };
        let placed = wake_target(
            thread.last_cpu(),
            thread.affinity(),
            caller,
            &self.topology,
            &self.board,
        )
        .unwrap();
        if let Some(last) = thread.last_cpu().filter(|last| *last != placed.cpu) {
            thread.observe_home_clock(self.board.clock(last));
        }
        self.put_where(placed, thread, EnqueueReason::Wake);
    }

    fn end(&mut self, cpu: CpuId, why: EndReason) -> Option<Thread> {
        let mut thread = self.running[cpu.index()].take()?;

        let charge = self.cpus[cpu.index()].end(&mut thread, self.now, why);
        self.usage.add(charge);
        self.note(
            cpu,
            Event::Charge {
                thread: thread.id(),
                ran: charge.ran,
            },
        );
        self.note(
            cpu,
            Event::End {
                thread: thread.id(),
                why,
            },
        );
        self.timers[cpu.index()] = None;

        Some(thread)
    }

    pub fn block(&mut self, cpu: CpuId) -> Option<ThreadId> {
        let thread = self.end(cpu, EndReason::Blocked)?;
        let id = thread.id();
        self.parked.insert(id, thread);
        self.dispatch(cpu);
        Some(id)
    }

    pub fn exit(&mut self, cpu: CpuId) {
        if let Some(thread) = self.end(cpu, EndReason::Exited) {
            self.living.retain(|id| *id != thread.id());
            self.dispatch(cpu);
        }
    }

    pub fn yield_now(&mut self, cpu: CpuId) {
        if let Some(thread) = self.end(cpu, EndReason::Yielded) {
            self.put(cpu, thread, EnqueueReason::Yielded);
            self.dispatch(cpu);
        }
    }

    fn preempt(&mut self, cpu: CpuId) {
        if let Some(thread) = self.end(cpu, EndReason::Preempted) {
            self.put(cpu, thread, EnqueueReason::Preempted);
        }
        self.dispatch(cpu);
    }

    /// The running thread calls a parked one and waits for it; threads with even ids are handed over to in one step.
    pub fn hand_over(&mut self, cpu: CpuId, to: ThreadId) {
        let index = cpu.index();
        let Some(mut caller) = self.running[index].take() else {
            return;
        };
        let Some(thread) = self.parked.remove(&to) else {
            self.running[index] = Some(caller);
            return;
        };
        let refused = if to.0.is_multiple_of(2) {
            match self.cpus[index].hand_over(&mut caller, thread, self.now) {
                Ok(done) => {
                    self.usage.add(done.charge);
                    self.set_timer(cpu, done.slice_end);
                    self.parked.insert(caller.id(), caller);
                    self.running[index] = Some(done.entity);
                    self.note(
                        cpu,
                        Event::Handoff {
                            thread: to,
                            refused: None,
                        },
                    );
                    self.publish(cpu);
                    return;
                }
                Err(refused) => refused,
            }
        } else {
            match self.cpus[index].offer_handoff(thread, self.now) {
                Ok(()) => {
                    self.running[index] = Some(caller);
                    let caller = self.end(cpu, EndReason::HandedOff).unwrap();
                    self.parked.insert(caller.id(), caller);
                    self.note(
                        cpu,
                        Event::Handoff {
                            thread: to,
                            refused: None,
                        },
                    );
                    self.dispatch(cpu);
                    return;
                }
                Err(refused) => refused,
            }
        };
        self.note(
            cpu,
            Event::Handoff {
                thread: to,
                refused: Some(Reason::HandoffRefused(refused.reason)),
            },
        );
        self.running[index] = Some(caller);
        self.parked.insert(to, refused.entity);
        self.wake(to, cpu);
        self.block(cpu);
    }

    /// Offers a handoff and takes it back: the offering thread goes on.
    pub fn offer_and_demote(&mut self, cpu: CpuId, to: ThreadId) {
        let Some(thread) = self.parked.remove(&to) else {
            return;
        };
        match self.cpus[cpu.index()].offer_handoff(thread, self.now) {
            Ok(()) => {
                let demoted = self.cpus[cpu.index()].demote_handoff(self.now).unwrap();
                self.act(cpu, to, demoted);
            }
            Err(refused) => {
                self.parked.insert(to, refused.entity);
            }
        }
    }

    pub fn kill_waiting(&mut self, id: ThreadId) -> bool {
        let Some((cpu, key)) = self.keys.remove(&id) else {
            return false;
        };
        let thread = self.cpus[cpu.index()]
            .remove(key, self.now)
            .expect("the key names a waiting thread");
        assert_eq!(thread.id(), id);
        self.living.retain(|other| *other != id);
        self.publish(cpu);
        true
    }

    pub fn reweigh(&mut self, id: ThreadId, weight: u16, class: LatencyClass) {
        let weight = Weight::new(weight).unwrap();
        if let Some((cpu, key)) = self.keys.get(&id).copied() {
            let moved = self.cpus[cpu.index()]
                .reweigh_queued(key, weight, class, self.now)
                .unwrap();
            self.act(cpu, id, moved);
        } else if let Some(thread) = self.parked.get_mut(&id) {
            thread.reweigh_parked(weight, class);
        } else if let Some(index) = self
            .cpus
            .iter()
            .position(|cpu| cpu.running().is_some_and(|r| r.id() == id))
        {
            let verdict = self.cpus[index].reweigh_running(weight, class, self.now);
            self.obey(CpuId(index as u32), verdict);
        }
    }

    /// Fills an idle CPU: own queue first, then the neighbours'.
    pub fn dispatch(&mut self, cpu: CpuId) {
        let index = cpu.index();
        assert!(self.running[index].is_none());
        if self.cpus[index].load().waiting == 0 {
            self.steal(cpu);
        }
        if let Some(picked) = self.cpus[index].pick(self.now) {
            let mut thread = picked.entity;
            assert!(
                thread.affinity().allows(cpu),
                "{} runs where it may not",
                thread.id()
            );

            self.keys.remove(&thread.id());
            let timer = self.cpus[index].begin(&mut thread, self.now);
            self.set_timer(cpu, timer);
            self.note(
                cpu,
                Event::Switch {
                    to: thread.id(),
                    reason: Reason::Picked(picked.from),
                },
            );
            self.running[index] = Some(thread);
        } else {
            self.note(cpu, Event::Idle);
        }
        self.publish(cpu);
    }

    fn steal(&mut self, thief: CpuId) {
        let victims: Vec<CpuId> = steal_order(thief, &self.topology, &self.board).take(4).collect();
        for victim in victims {
            if let Some(thread) = self.cpus[victim.index()].steal_for(thief, self.now) {
                self.note(
                    victim,
                    Event::Steal {
                        thread: thread.id(),
                        thief,
                    },
                );
                self.publish(victim);
                self.put(thief, thread, EnqueueReason::Migrated);
                self.cpus[thief.index()].acknowledge_reschedule();
                return;
            }
        }
    }

    fn obey(&mut self, cpu: CpuId, verdict: Verdict) {
        match verdict {
            Verdict::Keep(timer) => self.set_timer(cpu, timer),
            Verdict::Switch => self.preempt(cpu),
        }
        self.publish(cpu);
    }

    /// The reschedule interrupt of this CPU arrives, if one is on its way.
    pub fn deliver(&mut self, cpu: CpuId) {
        if self.cpus[cpu.index()].reschedule_pending() {
            self.cpus[cpu.index()].acknowledge_reschedule();
            self.note(cpu, Event::RescheduleReceived);
            if self.running[cpu.index()].is_none() {
                self.dispatch(cpu);
                return;
            }
            let verdict = self.cpus[cpu.index()].reconsider(self.now);
            self.obey(cpu, verdict);
        }
    }

    pub fn deliver_all(&mut self) {
        while self.cpus.iter().any(Cpu::reschedule_pending) {
            for cpu in 0..self.cpus.len() as u32 {
                self.deliver(CpuId(cpu));
            }
        }
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

    /// Lets time pass; slice timers fire when they are due, earliest first, then by CPU.
    pub fn advance(&mut self, span: Nanos) {
        let until = self.now + span;
        loop {
            let due = self
                .timers
                .iter()
                .enumerate()
                .filter_map(|(index, at)| at.map(|at| (at, index)))
                .min();
            let Some((at, index)) = due.filter(|(at, _)| *at <= until) else {
                break;
            };
            self.now = self.now.max(at);
            self.timers[index] = None;
            let verdict = self.cpus[index].slice_expired(self.now);
            self.obey(CpuId(index as u32), verdict);
        }
        self.now = until;
    }

    /// Everything that must be true between two steps.
    pub fn check(&mut self) -> Result<(), Broken> {
        let parked: Vec<ThreadId> = self.parked.keys().copied().collect();
        check::every_thread_is_in_one_place(&self.cpus, &parked)?;
        check::no_thread_is_lost(&self.cpus, &parked, &self.living)?;
        check::clocks_only_move_forward(&self.cpus, &self.clocks)?;
        check::time_is_conserved(&self.cpus, self.usage.runtime)?;
        self.cpus.iter().try_for_each(check::cpu_is_sound)?;
        self.clocks = self.cpus.iter().map(Cpu::clock).collect();
        Ok(())
    }

    /// The runtimes of all living threads, running ones charged up to now.
    pub fn runtimes(&mut self) -> BTreeMap<ThreadId, u64> {
        let mut used = BTreeMap::new();
        for (cpu, running) in self.cpus.iter_mut().zip(&mut self.running) {
            if let Some(thread) = running {
                self.usage.add(cpu.charge(thread, self.now));
                used.insert(thread.id(), thread.account().runtime.0);
            }
            used.extend(
                cpu.queued()
                    .chain(cpu.handoff())
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
