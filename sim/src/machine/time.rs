//! Timers and user time.

use sched::horizon::Setting;
use sched::{CpuId, Deadline, Instant, Nanos};

use super::agenda::Happening;
use super::program::Next;
use super::threads::{Index, Owned, Wish};
use super::{Action, Machine};
use crate::sabotage::Sabotage;
use crate::scenario::TimerId;

impl Machine {
    /// The kernel has nothing left to do on a CPU: its thread goes on in user mode, or it idles.
    pub(super) fn leave_kernel(&mut self, cpu: CpuId) {
        let side = &mut self.sides[cpu.index()];
        match &side.running {
            Some(running) => {
                side.user_since = Some(self.now);
                side.stint += 1;
                let done = Happening::Done {
                    cpu: cpu.0,
                    stint: side.stint,
                };
                let at = self.now + running.payload.remaining;
                self.agenda.add(at, done);
            }
            None if side.online && side.idle_since.is_none() => {
                side.idle_since = Some(self.now);
                self.recorder.switch(self.now, cpu, abi::trace::Thread::NONE);
            }
            None => {}
        }
        self.look_at_rest(cpu);
    }

    /// The kernel takes over: the running thread has used the user time since it left.
    pub(super) fn leave_user(&mut self, cpu: CpuId) {
        let side = &mut self.sides[cpu.index()];
        if let Some(since) = side.user_since.take()
            && let Some(running) = &mut side.running
        {
            let ran = self.now.since(since);
            running.payload.remaining = running.payload.remaining.saturating_sub(ran);
            side.stint += 1;
        }
        side.idle_since = None;
        // The step is done at the very moment of the interrupt: it is performed first.
        let done = side
            .running
            .as_ref()
            .is_some_and(|running| running.payload.remaining == Nanos::ZERO && !running.payload.waiting);
        if done && side.todo.is_empty() && (side.timer_pending || side.interrupt_pending) {
            side.todo.push_back(Action::Enter);
        }
    }

    /// Sets the one-shot timer for the earliest thing that matters, if that is earlier than what it is set to.
    pub(super) fn rearm(&mut self, cpu: CpuId) {
        let side = &self.sides[cpu.index()];
        if let Some(at) = side.timer.arm(side.deadlines.next()) {
            self.set_timer(cpu, Some(at));
        }
    }

    /// An idle CPU has no timer but for sleepers (F3).
    pub(super) fn rearm_for_idling(&mut self, cpu: CpuId) {
        let side = &self.sides[cpu.index()];
        match side.timer.idle(side.deadlines.next()) {
            Setting::Same => {}
            Setting::Arm(at) => self.set_timer(cpu, Some(at)),
            Setting::Disarm => self.set_timer(cpu, None),
        }
    }

    fn set_timer(&mut self, cpu: CpuId, reading: Option<Instant>) {
        if self.sabotaged(Sabotage::ForgetATimer) {
            return self.sides[cpu.index()].timer.fired();
        }
        let read = self.read(cpu);
        let side = &mut self.sides[cpu.index()];
        side.setting += 1;
        let Some(reading) = reading else { return };
        // Hardware that is set to the past fires at once.
        let due = side.clock.when(reading.max(read)).max(self.now);
        let setting = side.setting;
        let mut late = self.chooser.delay(self.scenario.machine.timer_latency);
        if self.faulty()
            && self
                .chooser
                .faults()
                .chance(self.scenario.faults.late_timer.chance)
        {
            late += self.chooser.faults().delay(self.scenario.faults.late_timer.span);
        }
        let timer = Happening::Timer { cpu: cpu.0, setting };
        self.agenda.add(due + late, timer);
    }

    /// The running thread wants to sleep until this CPU's clock shows `until`.
    pub(super) fn sleep_until(&mut self, cpu: CpuId, thread: Index, until: Instant) -> Next {
        self.arm(cpu, thread, until);
        Next::Wait(Wish::Time)
    }

    /// A thread is to be woken when this CPU's clock shows `until`.
    pub(super) fn arm(&mut self, cpu: CpuId, thread: Index, until: Instant) {
        let record = &mut self.threads[thread.at()];
        let memory = record.memory.take().unwrap_or_else(|| Deadline::new(thread));
        let key = self.sides[cpu.index()].deadlines.insert(until, memory);
        record.armed = Some((cpu.0, key));
        self.rearm(cpu);
    }

    /// The instant until which a thread's periodic timer has it sleep; its first use starts the beat.
    pub(super) fn next_beat(
        &mut self,
        cpu: CpuId,
        thread: &mut Owned,
        timer: TimerId,
        period: Nanos,
        absolute: bool,
    ) -> Instant {
        let now = self.read(cpu);
        let shared = self.scenario.timers[usize::from(timer.0)].shared;
        let beats = &thread.payload.beats;
        let own = beats.iter().position(|(known, _)| *known == timer);
        let before = if shared {
            self.shared_beats[usize::from(timer.0)]
        } else {
            own.map(|at| beats[at].1)
        };
        if let Some(began) = before {
            self.job_done(thread.payload.kind, began, now, period);
        }
        let beats = &mut thread.payload.beats;
        let mut next = before.unwrap_or(now) + period;
        if next < now && !absolute {
            next = now;
        }
        match own {
            _ if shared => self.shared_beats[usize::from(timer.0)] = Some(next),
            Some(at) => beats[at].1 = next,
            None => beats.push((timer, next)),
        }
        next
    }
}
