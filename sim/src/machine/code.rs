//! What the kernel does on a CPU, one step at a time. This is `kernel::run` over again as far as order goes, and nothing
//! more: every decision is the scheduler core's. Between two steps of one CPU the others may do anything, as real
//! ones can between two locks; within a step a CPU holds the locks that the kernel would hold.

use sched::balance::{Given, give};
use sched::placement::{helper, new_thread_target, steal_order, wake_target};
use sched::{CpuId, Effect, EndReason, EnqueueReason, Instant, ThreadId, Verdict};

use abi::trace::{Event, Thread};

use super::Machine;
use super::agenda::Happening;
use super::program::Next;
use super::threads::{Index, Owned, Wish};
use crate::sabotage::Sabotage;

/// Deadlines handled per timer interrupt, as in the kernel (nasty row 11).
const BATCH: u8 = 16;

/// One step of the kernel on one CPU.
#[derive(Debug)]
pub(super) enum Action {
    /// The running thread's system call.
    Call,
    /// The running thread is listed for something and comes to rest.
    Rest,
    /// The running thread's call is over and it goes on: whom it woke first is placed like anybody else.
    Settle,
    /// Wakes a thread.
    Wake(Index),
    /// Chooses a CPU for a thread.
    Place(Owned, EnqueueReason),
    /// Queues a thread on a CPU.
    Put(Owned, CpuId, EnqueueReason),
    /// Calls an idle CPU to help.
    Help(CpuId),
    /// Sends a reschedule interrupt.
    Interrupt(CpuId),
    /// Handles the next deadline that has come, of at most so many.
    Expire(u8),
    /// The timer interrupt ends.
    Expired,
    /// Whether the running thread goes on.
    Reconsider,
    /// The running thread goes back into the queue.
    Requeue(EndReason),
    /// A turn has ended: levels the CPUs.
    Balance,
    /// Picks the next thread, or finds none.
    Pick,
    /// Looks for a thread to steal.
    Steal,
    /// Runs a thread that was stolen.
    Adopt(Owned),
    /// The running thread ends.
    Die,
    /// Ends another thread.
    Kill(Index),
    /// Leaves the machine for a while.
    GoOffline,
}

/// The names of the steps, in the order of [`Action::number`].
pub const STEP_NAMES: [&str; 19] = [
    "call",
    "rest",
    "settle",
    "wake",
    "place",
    "put",
    "help",
    "interrupt",
    "expire",
    "expired",
    "reconsider",
    "requeue",
    "balance",
    "pick",
    "steal",
    "adopt",
    "die",
    "kill",
    "go offline",
];

impl Action {
    /// Its number, for counting.
    pub(super) const fn number(&self) -> usize {
        match self {
            Action::Call => 0,
            Action::Rest => 1,
            Action::Settle => 2,
            Action::Wake(_) => 3,
            Action::Place(..) => 4,
            Action::Put(..) => 5,
            Action::Help(_) => 6,
            Action::Interrupt(_) => 7,
            Action::Expire(_) => 8,
            Action::Expired => 9,
            Action::Reconsider => 10,
            Action::Requeue(_) => 11,
            Action::Balance => 12,
            Action::Pick => 13,
            Action::Steal => 14,
            Action::Adopt(_) => 15,
            Action::Die => 16,
            Action::Kill(_) => 17,
            Action::GoOffline => 18,
        }
    }
}

impl Machine {
    pub(super) fn perform(&mut self, cpu: CpuId, action: Action) {
        match action {
            Action::Call => self.call(cpu),
            Action::Rest => self.rest(cpu),
            Action::Settle => self.settle_candidate(cpu),
            Action::Wake(thread) => self.wake(cpu, thread),
            Action::Place(thread, why) => self.place(cpu, thread, why),
            Action::Put(thread, target, why) => self.put(cpu, thread, target, why),
            Action::Help(helper) => self.call_helper(cpu, helper),
            Action::Interrupt(target) => self.send(cpu, target),
            Action::Expire(left) => self.expire(cpu, left),
            Action::Expired => self.timer_ends(cpu),
            Action::Reconsider => self.reconsider(cpu),
            Action::Requeue(why) => self.requeue(cpu, why),
            Action::Balance => self.balance(cpu),
            Action::Pick => self.pick(cpu),
            Action::Steal => self.steal(cpu),
            Action::Adopt(thread) => self.adopt(cpu, thread),
            Action::Die => self.die(cpu),
            Action::Kill(thread) => self.kill(cpu, thread),
            Action::GoOffline => self.go_offline(cpu),
        }
    }

    /// What the kernel does next on a CPU that has nothing left to do; `None`: it goes back to user mode, or idles.
    pub(super) fn next_action(&mut self, cpu: CpuId) -> Option<Action> {
        let side = &mut self.sides[cpu.index()];
        if let Some(running) = &mut side.running {
            let record = &mut self.threads[Index::of(running.id()).at()];
            // Whom it woke in a call that is over must not wait for the next one.
            let settles = side.candidate.is_some() && (record.dying || record.granted);
            if settles {
                return Some(Action::Settle);
            }
            if record.dying {
                return Some(Action::Die);
            }
            if running.payload.waiting {
                if !record.granted {
                    return Some(Action::Rest);
                }
                record.granted = false;
                record.wish = Wish::Nothing;
                running.payload.waiting = false;
                return Some(Action::Call);
            }
            if core::mem::take(&mut side.reschedule) {
                return Some(Action::Reconsider);
            }
        }
        if let Some(action) = self.pending_interrupt(cpu) {
            return Some(action);
        }
        let side = &mut self.sides[cpu.index()];
        if side.leaving && side.online {
            return Some(Action::GoOffline);
        }
        if side.running.is_none() && side.online && !side.looked {
            side.looked = true;
            side.reschedule = false;
            return Some(Action::Pick);
        }
        None
    }

    /// Takes one of the interrupts that have come while interrupts were off.
    fn pending_interrupt(&mut self, cpu: CpuId) -> Option<Action> {
        let side = &mut self.sides[cpu.index()];
        if core::mem::take(&mut side.timer_pending) {
            side.looked = false;
            return Some(Action::Expire(BATCH));
        }
        if core::mem::take(&mut side.interrupt_pending) {
            side.looked = false;
            side.reschedule = true;
            self.cpus[cpu.index()].acknowledge_reschedule();
            self.note(cpu, Event::IpiReceived { purpose: 0 });
            self.rearm(cpu);
            return self.next_action(cpu);
        }
        None
    }

    fn call(&mut self, cpu: CpuId) {
        self.sides[cpu.index()].in_call = true;
        let todo = |machine: &mut Machine, action| machine.sides[cpu.index()].todo.push_back(action);
        match self.perform_step(cpu) {
            Next::Go => todo(self, Action::Settle),
            Next::Wait(wish) => {
                let thread = self.running_index(cpu);
                self.threads[thread.at()].wish = wish;
            }
            Next::Yield => {
                todo(self, Action::Settle);
                todo(self, Action::Requeue(EndReason::Yielded));
            }
            Next::Move => {
                todo(self, Action::Settle);
                self.sides[cpu.index()].moves_away = true;
                todo(self, Action::Requeue(EndReason::Preempted));
            }
            Next::Exit => {
                todo(self, Action::Settle);
                let thread = self.running_index(cpu);
                self.threads[thread.at()].dying = true;
            }
        }
    }

    /// Shows a CPU's load to everybody, unless it is offline: nobody may think that it came back.
    pub(super) fn publish(&self, cpu: CpuId) {
        if self.sides[cpu.index()].online {
            self.board.publish(&self.cpus[cpu.index()]);
        }
    }

    /// The thread that runs on a CPU; it is only asked for one that runs one.
    pub(super) fn running_index(&self, cpu: CpuId) -> Index {
        let running = self.sides[cpu.index()].running.as_ref();
        Index::of(running.map_or(ThreadId(1), |thread| thread.id()))
    }

    /// Parks the running thread, unless it was woken meanwhile, and runs whom it has just woken, if the scheduler
    /// core allows that, or the first of the queue.
    fn rest(&mut self, cpu: CpuId) {
        let at = self.read(cpu);
        let side = &mut self.sides[cpu.index()];
        let Some(thread) = side.running.take() else {
            return;
        };
        let id = thread.id();
        let place = &mut self.threads[Index::of(id).at()].place;
        if let Err(woken_already) = place.rest(thread) {
            side.running = Some(woken_already);
            side.todo.push_front(Action::Settle);
            return;
        }
        let Some(resting) = place.resting_mut() else {
            return;
        };
        side.in_call = false;
        let own = &mut self.cpus[cpu.index()];
        let handed = side.candidate.take().map(|next| own.hand_over(resting, next, at));
        let charge = match &handed {
            Some(Ok(done)) => done.charge,
            _ => own.end(resting, at, EndReason::Blocked),
        };
        self.usage.add(charge);
        let from = Thread(id.0);
        self.note(
            cpu,
            Event::Block {
                reason: 0,
                thread: from,
            },
        );
        match handed {
            Some(Ok(done)) => {
                self.board.publish(&self.cpus[cpu.index()]);
                let to = Thread(done.entity.id().0);
                self.note(cpu, Event::Handoff { from, to });
                self.begun(cpu, done.entity, done.slice_end);
            }
            refused => {
                self.pick(cpu);
                if let Some(Err(refused)) = refused {
                    let place = Action::Place(refused.entity, EnqueueReason::Wake);
                    self.sides[cpu.index()].todo.push_back(place);
                }
            }
        }
    }

    fn settle_candidate(&mut self, cpu: CpuId) {
        let side = &mut self.sides[cpu.index()];
        side.in_call = false;
        if let Some(thread) = side.candidate.take() {
            side.todo.push_front(Action::Place(thread, EnqueueReason::Wake));
        }
    }

    fn wake(&mut self, cpu: CpuId, thread: Index) {
        if self.sabotaged(Sabotage::LoseAWake) {
            return;
        }
        let record = &mut self.threads[thread.at()];
        let Some(entity) = record.place.wake() else {
            return;
        };
        record.ready_at = self.now;
        record.woken = true;
        let side = &mut self.sides[cpu.index()];
        if side.in_call && side.candidate.is_none() {
            side.candidate = Some(entity);
        } else {
            side.todo.push_front(Action::Place(entity, EnqueueReason::Wake));
        }
    }

    fn place(&mut self, cpu: CpuId, mut thread: Owned, why: EnqueueReason) {
        let chosen = match why {
            EnqueueReason::New => new_thread_target(thread.affinity(), cpu, &self.topology, &self.board),
            _ => wake_target(
                thread.last_cpu(),
                thread.affinity(),
                cpu,
                &self.topology,
                &self.board,
            ),
        };
        let Ok(placed) = chosen else {
            // No CPU that it may run on is online; it goes on when one is.
            self.stranded.push(thread);
            return;
        };
        let slept = why == EnqueueReason::Wake;
        if slept && thread.last_cpu().is_some_and(|last| last != placed.cpu) {
            thread.observe_home_clock(|home| self.board.clock(home));
        }
        self.placements += 1;
        let id = Thread(thread.id().0);
        match why {
            EnqueueReason::New => self.note(
                placed.cpu,
                Event::ThreadStart {
                    cpu: placed.cpu.0,
                    thread: id,
                    weight: u64::from(thread.weight().get()),
                },
            ),
            _ => self.note(
                cpu,
                Event::Wake {
                    target: placed.cpu.0,
                    thread: id,
                    by: self.running_trace_id(cpu),
                },
            ),
        }
        self.sides[cpu.index()]
            .todo
            .push_front(Action::Put(thread, placed.cpu, why));
    }

    fn running_trace_id(&self, cpu: CpuId) -> Thread {
        let running = self.sides[cpu.index()].running.as_ref();
        Thread(running.map_or(0, |thread| thread.id().0))
    }

    fn put(&mut self, cpu: CpuId, thread: Owned, target: CpuId, why: EnqueueReason) {
        if !self.sides[target.index()].online {
            // It left between the choice and the lock.
            self.sides[cpu.index()]
                .todo
                .push_front(Action::Place(thread, why));
            return;
        }
        if self.sabotaged(Sabotage::LoseAThread) {
            return;
        }
        let forgets = self.sabotaged(Sabotage::AskForNothing);
        let at = self.read(cpu);
        let own = Index::of(thread.id());
        let to = &mut self.cpus[target.index()];
        let queued = to.enqueue(thread, why, at);
        self.board.publish(to);
        let notices = queued.effect != Effect::Nothing && !forgets;
        let interrupt = notices && target != cpu && to.request_reschedule();
        let helper = helper(to, &self.topology, &self.board);
        self.queued(own, target, queued.key);
        let side = &mut self.sides[cpu.index()];
        if let Some(helper) = helper {
            side.todo.push_front(Action::Help(helper));
        }
        if notices && target == cpu {
            side.reschedule = true;
            side.looked = false;
        }
        if interrupt {
            side.todo.push_front(Action::Interrupt(target));
        }
    }

    fn queued(&mut self, thread: Index, cpu: CpuId, key: sched::QueueKey) {
        let record = &mut self.threads[thread.at()];
        record.queued_on = cpu.0;
        record.vfinish = key.vfinish;
        if record.ready_at == Instant::NEVER {
            record.ready_at = self.now;
            record.woken = false;
        }
    }

    fn call_helper(&mut self, cpu: CpuId, helper: CpuId) {
        if self.board.call(helper) && self.cpus[helper.index()].request_reschedule() {
            self.sides[cpu.index()].todo.push_front(Action::Interrupt(helper));
        }
    }

    pub(super) fn send(&mut self, cpu: CpuId, target: CpuId) {
        self.note(
            cpu,
            Event::IpiSent {
                to: target.0,
                purpose: 0,
            },
        );
        if self.sabotaged(Sabotage::LoseAnInterrupt) {
            return;
        }
        let mut delay = self.chooser.delay(self.scenario.machine.ipi_delay);
        if self.faulty() && self.chooser.faults().chance(self.scenario.faults.late_ipi.chance) {
            delay += self.chooser.faults().delay(self.scenario.faults.late_ipi.span);
        }
        self.agenda
            .add(self.now + delay, Happening::Interrupt { cpu: target.0 });
    }

    fn expire(&mut self, cpu: CpuId, left: u8) {
        let now = self.read(cpu);
        let side = &mut self.sides[cpu.index()];
        let due = (left > 0).then(|| side.deadlines.pop_due(now)).flatten();
        let Some(due) = due else {
            side.todo.push_front(Action::Expired);
            return;
        };
        let thread = due.waiter;
        side.todo.push_front(Action::Expire(left - 1));
        side.todo.push_front(Action::Wake(thread));
        let record = &mut self.threads[thread.at()];
        record.memory = Some(due);
        record.armed = None;
        record.granted |= record.wish == Wish::Time;
    }

    fn timer_ends(&mut self, cpu: CpuId) {
        let now = self.read(cpu);
        let side = &mut self.sides[cpu.index()];
        if side.slice_end.is_some_and(|end| end <= now) {
            side.slice_end = None;
            side.reschedule = true;
        }
        self.rearm(cpu);
    }

    fn reconsider(&mut self, cpu: CpuId) {
        let at = self.read(cpu);
        match self.cpus[cpu.index()].reconsider(at) {
            Verdict::Keep(slice_end) => {
                self.set_slice_end(cpu, slice_end);
                self.balance(cpu);
            }
            Verdict::Switch => self.requeue(cpu, EndReason::Preempted),
        }
    }

    fn requeue(&mut self, cpu: CpuId, why: EndReason) {
        let at = self.read(cpu);
        let Some(mut thread) = self.sides[cpu.index()].running.take() else {
            return;
        };
        let charge = self.cpus[cpu.index()].end(&mut thread, at, why);
        self.collect(charge);
        let own = Index::of(thread.id());
        let record = &mut self.threads[own.at()];
        record.ready_at = self.now;
        record.woken = false;
        self.note(
            cpu,
            Event::Preempt {
                thread: Thread(thread.id().0),
                by: Thread::NONE,
            },
        );
        if self.sabotage == Some(Sabotage::IgnoreTheEnd) {
            let slice_end = self.cpus[cpu.index()].begin(&mut thread, at);
            return self.begun(cpu, thread, slice_end);
        }
        if core::mem::take(&mut self.sides[cpu.index()].moves_away) {
            let place = Action::Place(thread, EnqueueReason::Migrated);
            self.sides[cpu.index()].todo.push_front(place);
            return self.pick(cpu);
        }
        let reason = if why == EndReason::Yielded {
            EnqueueReason::Yielded
        } else {
            EnqueueReason::Preempted
        };
        let queued = self.cpus[cpu.index()].enqueue(thread, reason, at);
        self.queued(own, cpu, queued.key);
        self.pick(cpu);
        self.sides[cpu.index()].todo.push_back(Action::Balance);
    }

    fn balance(&mut self, cpu: CpuId) {
        if self.cpus.len() < 2 {
            return;
        }
        let at = self.read(cpu);
        let from = &mut self.cpus[cpu.index()];
        let Some(Given { entity, to }) = give(from, &self.topology, &self.board, at) else {
            return;
        };
        self.board.publish(from);
        self.note(
            cpu,
            Event::Migrate {
                from: cpu.0,
                thread: Thread(entity.id().0),
                to: u64::from(to.0),
            },
        );
        let put = Action::Put(entity, to, EnqueueReason::Balanced);
        self.sides[cpu.index()].todo.push_front(put);
    }

    /// Picks and begins the next thread.
    fn pick(&mut self, cpu: CpuId) {
        let at = self.read(cpu);
        let own = &mut self.cpus[cpu.index()];
        let begun = own.pick(at).map(|picked| {
            let mut thread = picked.entity;
            let slice_end = own.begin(&mut thread, at);
            (thread, slice_end)
        });
        self.board.publish(own);
        let helper = helper(own, &self.topology, &self.board);
        let side = &mut self.sides[cpu.index()];
        if let Some(helper) = helper {
            side.todo.push_front(Action::Help(helper));
        }
        match begun {
            Some((thread, slice_end)) => self.begun(cpu, thread, slice_end),
            None => {
                side.looked = true;
                side.todo.push_back(Action::Steal);
            }
        }
    }

    /// A thread has begun to run.
    fn begun(&mut self, cpu: CpuId, thread: Owned, slice_end: Option<Instant>) {
        self.dispatched(cpu, &thread);
        self.set_slice_end(cpu, slice_end);
        let side = &mut self.sides[cpu.index()];
        side.running = Some(thread);
        side.looked = false;
        side.idle_since = None;
    }

    fn set_slice_end(&mut self, cpu: CpuId, slice_end: Option<Instant>) {
        self.sides[cpu.index()].slice_end = slice_end;
        if slice_end.is_some() {
            self.rearm(cpu);
        }
    }

    fn steal(&mut self, thief: CpuId) {
        if self.sides[thief.index()].running.is_some() {
            return;
        }
        let at = self.read(thief);
        let stolen = steal_order(thief, &self.topology, &self.board).find_map(|victim| {
            let cpu = &mut self.cpus[victim.index()];
            let stolen = cpu.steal_for(thief, at);
            self.board.publish(cpu);
            Some((victim, stolen?))
        });
        let Some((victim, thread)) = stolen else {
            if self.sabotaged(Sabotage::TurnBackAClock) && self.cpus[thief.index()].load().idle() {
                self.cpus[thief.index()] = sched::Cpu::new(thief, self.scenario.machine.policy, at);
            }
            return self.quiesce(thief);
        };
        self.steals += 1;
        let event = Event::Steal {
            victim: victim.0,
            thread: Thread(thread.id().0),
        };
        self.note(thief, event);
        self.sides[thief.index()].todo.push_front(Action::Adopt(thread));
    }

    fn adopt(&mut self, cpu: CpuId, thread: Owned) {
        let at = self.read(cpu);
        let own = Index::of(thread.id());
        let queued = self.cpus[cpu.index()].enqueue(thread, EnqueueReason::Migrated, at);
        self.queued(own, cpu, queued.key);
        self.pick(cpu);
    }

    fn die(&mut self, cpu: CpuId) {
        let at = self.read(cpu);
        self.sides[cpu.index()].in_call = false;
        let Some(mut thread) = self.sides[cpu.index()].running.take() else {
            return;
        };
        let charge = self.cpus[cpu.index()].end(&mut thread, at, EndReason::Exited);
        self.collect(charge);
        self.pick(cpu);
        self.bury(cpu, thread);
    }

    /// Ends a thread wherever it is, as `process::exit` does.
    fn kill(&mut self, cpu: CpuId, thread: Index) {
        let record = &mut self.threads[thread.at()];
        if !record.alive || core::mem::replace(&mut record.dying, true) {
            return;
        }
        if let Some(parked) = record.place.wake() {
            return self.bury(cpu, parked);
        }
        let (on, key) = (CpuId(record.queued_on), record.key());
        let at = self.read(cpu);
        let queued = self.cpus[on.index()].remove(key, at);
        self.publish(on);
        if let Some(queued) = queued {
            return self.bury(cpu, queued);
        }
        // It runs, or is on its way to: whoever has it looks at the order before it goes on.
        let id = self.threads[thread.at()].id;
        let runs_it = |side: &super::Side| side.running.as_ref().is_some_and(|running| running.id() == id);
        if let Some(on) = self.sides.iter().position(runs_it)
            && on != cpu.index()
        {
            self.send(cpu, CpuId(on as u32));
        }
    }
}
