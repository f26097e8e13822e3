//! What waits for time: one deadline queue and one one-shot timer per CPU; nothing ticks. The timer is armed for the
//! earlier of the queue's head and the CPU's horizon, and only when that changes (`sched::OneShot`). What a deadline does is
//! handed in with it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use machine::apic;
use machine::memory::heap::NoAllocation;
use rings::Name;
use sched::horizon::Setting;
use sched::{Deadline, DeadlineKey, Instant};

use super::counters::Mode;
use super::cpus::{self, CpuState};
use super::task::Task;
use super::wake;

/// What happens when a deadline comes.
pub enum Timer {
    /// Nothing: the memory is not in use.
    None,
    /// The task's wait for completions is over.
    Wait(Arc<Task>),
    /// Something that began ends.
    End {
        /// Whoever has it.
        of: Arc<dyn Due>,
        /// What it is called there.
        name: Name,
        /// With which code it ends.
        code: i32,
    },
}

/// Whoever has what ends when its time is up.
pub trait Due: Send + Sync {
    /// The time of what is called `name` is up: it ends with this code, if it has not ended before. `memory` is that of its
    /// deadline. How many tasks that woke.
    fn end(self: Arc<Self>, name: Name, code: i32, memory: Box<Deadline<Timer>>) -> u32;
}

/// A deadline in the queue of a CPU.
#[derive(Clone, Copy)]
pub struct Armed {
    cpu: u32,
    key: DeadlineKey,
}

/// Work per timer interrupt: deadlines handled, and tasks woken by what ends. What is left is due at
/// once, and the next interrupt takes it, so that no interrupt works without bound (docs/mutants.md, row 11).
const BATCH: u32 = 16;

/// Puts a deadline into this CPU's queue.
pub fn arm(at: Instant, memory: Box<Deadline<Timer>>) -> Armed {
    let _guard = NoAllocation::begin();
    let cpu = cpus::this();
    let key = cpu.deadlines.lock().insert(at, memory);
    rearm(cpu);
    Armed { cpu: cpu.index, key }
}

/// Takes a deadline out of its queue and gives its memory back; `None` if it has come.
pub fn disarm(armed: Armed) -> Option<Box<Deadline<Timer>>> {
    // The hardware timer stays armed: at worst it fires once for nothing.
    cpus::get(armed.cpu)?.deadlines.lock().cancel(armed.key)
}

/// Arms this CPU's timer for the earliest thing that matters, if that is not what it is armed for.
#[inline]
pub fn rearm(cpu: &CpuState) {
    let head = cpu.deadlines.lock().next();
    rearm_for(cpu, head);
}

/// The same with the first of the deadlines.
#[inline]
fn rearm_for(cpu: &CpuState, head: Option<Instant>) {
    if let Some(at) = cpu.timer.arm(head) {
        apic::timer::arm_at(at.0);
    }
}

/// Disarms the hardware if nothing waits: before idling, so that an idle CPU takes no timer interrupt (rule F3). Whether the
/// timer is armed now.
pub fn rearm_for_idling(cpu: &CpuState) -> bool {
    let head = cpu.deadlines.lock().next();
    match cpu.timer.idle(head) {
        Setting::Same => {}
        Setting::Arm(at) => apic::timer::arm_at(at.0),
        Setting::Disarm => apic::timer::disarm(),
    }
    cpu.timer.armed().is_some()
}

/// The timer interrupt: handles what is due and arms for what comes next.
pub fn fired(cpu: &CpuState, now: Instant) {
    let _guard = NoAllocation::begin();
    cpu.timer.fired();
    let mode = mode(cpu);
    let mut work = 0;
    let head = loop {
        let mut deadlines = cpu.deadlines.lock();
        let due = if work < BATCH {
            deadlines.pop_due(now)
        } else {
            None
        };
        let Some(mut due) = due else {
            break deadlines.next();
        };
        drop(deadlines);
        work += 1;
        match core::mem::replace(&mut due.waiter, Timer::None) {
            Timer::None => {}
            Timer::Wait(task) => {
                task.keep_deadline(due);
                wake::wake(&task);
            }
            Timer::End { of, name, code } => work += of.end(name, code, due),
        }
    };
    let reached = cpu.timer.reached(now);
    if reached.is_some() {
        cpu.reschedule.store(true, Relaxed);
    }
    cpu.counters.timer(work > 0, reached, mode);
    rearm_for(cpu, head);
}

/// What this CPU does.
fn mode(cpu: &CpuState) -> Mode {
    if cpu.current.load(Relaxed) == 0 {
        Mode::Idle
    } else if cpu.timer.has_horizon() {
        Mode::Shared
    } else {
        Mode::Alone
    }
}
