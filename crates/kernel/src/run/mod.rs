//! Running threads: each CPU's loop. The loop owns the entity of the thread it runs (rule B2: nobody else can have it),
//! runs it until it traps, handles the trap to its end, and asks the protocol between CPUs (crate `protocol`) what comes
//! next. Nothing here decides policy or the order of its steps; `host` is what this CPU brings to the protocol, `wake` how the
//! rest of the kernel makes threads runnable, `timer` is time, `cpus` the state, `counters` what is counted.

pub mod counters;
pub mod cpus;
pub mod host;
pub mod thread_body;
pub mod timer;
pub mod wake;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use abi::trace::Event;
use machine::user::{self, Trap};
use machine::{cpu, trace, vector};
use protocol::Boundary;
use sched::{EndReason, Entity};

use crate::process::exit;
use crate::process::thread::Thread;
use crate::ring::dispatch;
use crate::terminal;
use cpus::{CpuState, count};
use host::Host;
use thread_body::Body;
use wake::now;

/// The loop of one CPU, for ever.
pub fn cpu_loop() -> ! {
    let cpu = cpus::this();
    cpu.online.store(true, Relaxed);
    cpus::ground().board.publish(&cpu.sched.lock());
    let mut next = None;
    loop {
        let running = match next.take() {
            Some(running) => running,
            None => idle(cpu),
        };
        next = run(cpu, running);
    }
}

/// Runs a thread until it leaves the CPU; the thread that was chosen to follow it, if one was.
#[inline(always)]
fn run(cpu: &'static CpuState, mut entity: Owned) -> Option<Owned> {
    let host = &mut Host(cpu);
    let thread = entity.payload.thread.clone();
    cpu.current.store(thread.id().0, Relaxed);
    cpu::load_space(thread.pages());
    entity.payload.context.take_cpu();
    cpu::set_note(thread.id().0);
    // Whether its wait has been listed in the system call that began it, and need not be looked at before it blocks.
    let mut listed = false;
    loop {
        entity = match protocol::boundary(host, entity, &thread, listed) {
            Boundary::Run(entity) => entity,
            Boundary::Next(next) => return next,
            Boundary::Dying(entity) => return exit::leave_cpu(cpu, entity),
        };
        listed = false;
        let trap = match entity.payload.unfinished {
            None => user::run(&mut entity.payload.context),
            Some(_) => match resume(cpu, &mut entity, &thread) {
                true => Trap::Syscall,
                false => continue,
            },
        };
        match trap {
            Trap::Syscall => {
                count(&cpu.counters.syscalls);
                cpu.in_call.store(true, Relaxed);
                let next = dispatch::syscall(cpu, &mut entity, &thread);
                cpu.in_call.store(false, Relaxed);
                match next {
                    dispatch::After::Continue => {
                        if entity.payload.wait.is_none() {
                            protocol::settle_candidate(host);
                        }
                    }
                    dispatch::After::Block => listed = true,
                    dispatch::After::Yield => {
                        protocol::settle_candidate(host);
                        return protocol::requeue(host, entity, EndReason::Yielded);
                    }
                    dispatch::After::Exit => protocol::settle_candidate(host),
                }
            }
            Trap::Interrupt(vector) => interrupt(cpu, vector),
            Trap::Fault(fault) => {
                count(&cpu.counters.faults);
                exit::fault(&mut entity, fault);
            }
        }
    }
}

/// Goes on with a submission that the thread's system call has left unfinished, unless something came in between that
/// has to be looked at first; true if it is done now, and the call begins anew.
#[cold]
#[inline(never)]
fn resume(cpu: &'static CpuState, entity: &mut Owned, thread: &Arc<Thread>) -> bool {
    cpu::let_interrupts_in();
    if handle_pending(cpu) {
        return false;
    }
    let is_done = dispatch::go_on(entity, thread);
    if is_done {
        // It is the same call that begins anew, and it was counted.
        let counter = &cpu.counters.syscalls;
        counter.store(counter.load(Relaxed) - 1, Relaxed);
    }
    is_done
}

/// Handles the interrupts that were noted; whether there were any.
fn handle_pending(cpu: &CpuState) -> bool {
    let mut any = false;
    while let Some(vector) = cpu::take_pending() {
        interrupt(cpu, vector);
        any = true;
    }
    any
}

/// Handles an interrupt; what it changes for the running thread is noted in `reschedule`.
fn interrupt(cpu: &CpuState, vector: u8) {
    match vector {
        vector::TIMER => timer::fired(cpu, now()),
        vector::RESCHEDULE => {
            trace::record(Event::IpiReceived {
                purpose: u64::from(vector),
            });
            cpu.sched.lock().acknowledge_reschedule();
            cpu.reschedule.store(true, Relaxed);
        }
        vector::TERMINAL_INPUT => terminal::input(),
        _ => {}
    }
}

/// Waits until there is a thread to run: interrupts first, then the queue, then other CPUs' queues.
fn idle(cpu: &'static CpuState) -> Owned {
    cpu.current.store(0, Relaxed);
    cpu::set_note(0);
    let mut noted = false;
    loop {
        handle_pending(cpu);
        cpu.reschedule.store(false, Relaxed);
        if let Some(next) = protocol::pick(&mut Host(cpu)) {
            return next;
        }
        if !noted {
            trace::record(Event::IdleEnter {});
            noted = true;
        }
        cpu::unload_space();
        if !timer::quiesce(cpu) {
            count(&cpu.counters.idles_untimed);
        }
        cpu::idle();
    }
}

/// The entity of a thread.
pub type Owned = Box<Entity<Body>>;
