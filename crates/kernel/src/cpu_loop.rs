//! Each CPU's loop. It owns the entity of the task that it runs (rule B2: nobody else can have it), runs its thread until that
//! traps, handles the trap to its end, and asks the protocol between CPUs (crate `protocol`) what comes next. Nothing here
//! decides policy or the order of its steps. What a CPU knows of a thread is in `run`, what a system call does in
//! `ring::dispatch`.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::{Relaxed, Release};

use machine::cpu;
use machine::user::{self, Trap};
use protocol::Boundary;
use sched::EndReason;

use crate::context::{lending, news};
use crate::process::exit;
use crate::process::thread::Thread;
use crate::ring::dispatch;
use crate::run::body::Owner;
use crate::run::cpus::{self, CpuState, count};
use crate::run::host::Host;
use crate::run::task::Task;
use crate::run::wait::Completions;
use crate::run::{Owned, idle, interrupts};

/// From now on this CPU takes threads.
pub(crate) fn come_online() {
    let cpu = cpus::this();
    cpus::ground().board.publish(&cpu.sched.lock());
    cpu.online.store(true, Release);
}

/// The loop of one CPU that is online, for ever.
pub(crate) fn cpu_loop() -> ! {
    let cpu = cpus::this();
    let mut running = idle::wait(cpu);
    loop {
        let owner = running.payload.owner.clone();
        let next = owner.turn(cpu, running);
        if cpu.news.is_any() {
            news::tell(cpu);
        }
        running = match next {
            Some(next) => next,
            None => idle::wait(cpu),
        };
    }
}

impl Owner for Thread {
    fn completions(&self) -> &dyn Completions {
        &*self.ring
    }

    fn is_about_to_wait(self: Arc<Thread>) {
        if self.attention.has_called() {
            lending::begins_to_wait(&self);
        }
    }

    fn is_woken(self: Arc<Thread>) {
        lending::takes_back(&self);
    }

    fn turn(self: Arc<Thread>, cpu: &'static CpuState, entity: Owned) -> Option<Owned> {
        run(cpu, &self, entity)
    }
}

/// Runs a thread until it leaves the CPU; the task that was chosen to follow it, if one was.
#[inline(always)]
fn run(cpu: &'static CpuState, thread: &Arc<Thread>, mut entity: Owned) -> Option<Owned> {
    let host = &mut Host(cpu);
    let task: &Task = thread.task();
    cpu.current.store(task.id().0, Relaxed);
    cpu::load_space(task.pages());
    entity.payload.context.take_cpu();
    cpu::set_note(task.id().0);
    // Whether its wait has been listed in the system call that began it, and need not be looked at before it blocks.
    let mut listed = false;
    loop {
        entity = match protocol::boundary(host, entity, task, listed) {
            Boundary::Run(entity) => entity,
            Boundary::Next(next) => return next,
            Boundary::Dying(entity) => return exit::leave_cpu(cpu, thread, entity),
        };
        listed = false;
        let seen_to = if thread.attention.is_none() {
            SeenTo::All
        } else {
            attend(cpu, &mut entity, thread)
        };
        let trap = match seen_to {
            SeenTo::All => {
                let trap = user::run(&mut entity.payload.context);
                if matches!(trap, Trap::Syscall) {
                    count(&cpu.counters.syscalls);
                }
                trap
            }
            // It was counted where it began, which may have been on another CPU.
            SeenTo::CallAnew => Trap::Syscall,
            SeenTo::Some => continue,
        };
        match trap {
            Trap::Syscall => {
                cpu.in_call.store(true, Relaxed);
                let next = dispatch::syscall(cpu, &mut entity, thread);
                cpu.in_call.store(false, Relaxed);
                match next {
                    dispatch::After::Continue => {
                        if entity.payload.wait.is_none() {
                            protocol::settle_candidate(host);
                        }
                    }
                    dispatch::After::Block => {
                        listed = true;
                        if thread.attention.has_called() {
                            lending::begins_to_wait(thread);
                        }
                    }
                    dispatch::After::Yield => {
                        protocol::settle_candidate(host);
                        return protocol::requeue(host, entity, EndReason::Yielded);
                    }
                    dispatch::After::Exit => protocol::settle_candidate(host),
                }
            }
            Trap::Interrupt(vector) => interrupts::handle(cpu, vector),
            Trap::Fault(fault) => {
                count(&cpu.counters.faults);
                exit::fault(thread, fault);
            }
        }
    }
}

/// What a thread has seen to before it goes to user mode.
enum SeenTo {
    /// Everything.
    All,
    /// Something; its CPU looks again at what else there is.
    Some,
    /// A submission that its system call had left unfinished: the call begins anew.
    CallAnew,
}

/// Sees to what a thread has to see to before it goes to user mode.
#[cold]
#[inline(never)]
fn attend(cpu: &'static CpuState, entity: &mut Owned, thread: &Arc<Thread>) -> SeenTo {
    if thread.attention.is_lender() {
        lending::takes_back(thread);
        return SeenTo::Some;
    }
    if thread.attention.frees_what_it_lent() {
        lending::is_back(thread);
    }
    if !thread.attention.is_unfinished() {
        // It has called somebody and does something else before it waits.
        return SeenTo::All;
    }
    cpu::let_interrupts_in();
    if !interrupts::handle_pending(cpu) && dispatch::go_on(cpu, entity, thread) {
        SeenTo::CallAnew
    } else {
        SeenTo::Some
    }
}
