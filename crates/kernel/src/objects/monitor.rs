//! Monitor: the machine, its CPUs, processes and threads, and what a process holds, as they are now. Nothing can be changed
//! through it. Counters are read where they are kept, each CPU's under that CPU's lock, one after the other: a look at
//! the whole machine is no instant, but nothing in it ever runs backwards. Rules A1, C2, C3 and S2.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use machine::apic::local::Mode;
use machine::cpu::{apic_id, shootdowns};
use machine::memory::{PAGE, frames};
use machine::vector;
use schema_gen::monitor::monitor::{
    capabilities_params, capabilities_results, cpus_results, processes_results, system_results,
    threads_params, threads_results,
};
use schema_gen::monitor::{ProcessState, cpu_status, process_status, thread_status};
use schema_gen::system::LatencyClass;

use super::capability_manager::{self, require_fit};
use super::observe;
use super::supervisor::living;
use crate::boot;
use crate::call::{Answer, Call, Reply, Trouble, unimplemented};
use crate::process::Process;
use crate::process::exit::Reason;
use crate::process::table::{self, Ended};
use crate::process::thread::Thread;
use crate::run::cpus::{self, CpuState};
use crate::run::wake::now;
use crate::wire::{self, ListBytes};

/// What a process's number is paired with where references must be told apart. Numbers are never used again, so there is
/// one generation of each.
const GENERATION: u64 = 1;

pub(super) fn call(call: &Call<'_, '_>) -> Answer {
    let answer = match call.method {
        0 => system(),
        1 => cpus(call)?,
        2 => processes(call)?,
        3 => {
            let words = call.params()?;
            let message = words.message()?;
            threads(call, message.get_root::<threads_params::Reader<'_>>()?.get_pid())?
        }
        4 => {
            let words = call.params()?;
            let message = words.message()?;
            capabilities(
                call,
                message.get_root::<capabilities_params::Reader<'_>>()?.get_pid(),
            )?
        }
        _ => return Err(unimplemented()),
    };
    Ok(Reply::Message(answer))
}

fn system() -> Vec<u8> {
    let platform = boot::platform();
    let processes = table::living();
    let mut answer = wire::builder();
    let mut info = answer.init_root::<system_results::Builder<'_>>().init_info();
    info.set_monotonic_ns(now().0);
    info.set_boot_ns(boot::INIT_STARTED.load(Relaxed));
    info.set_cpu_count(cpus::all().len() as u32);
    info.set_frames_total(frames::total_frames());
    info.set_frames_free(frames::free_frames());
    info.set_heap_bytes(frames::heap_frames() * PAGE);
    info.set_process_count(processes.len() as u32);
    info.set_thread_count(
        processes
            .iter()
            .map(|process| process.threads.lock().living.len() as u32)
            .sum(),
    );
    info.set_kernel_version(env!("CARGO_PKG_VERSION"));
    info.set_clocksource(platform.clock.source.name());
    info.set_interrupt_controller(match platform.apic_mode {
        Mode::X2Apic => "x2apic",
        Mode::XApic => "xapic",
    });
    info.set_tsc_hz(platform.clock.tsc_hz);
    wire::finish(answer)
}

fn cpus(call: &Call<'_, '_>) -> Result<Vec<u8>, Trouble> {
    let all = cpus::all();
    let bytes = ListBytes::of::<cpu_status::Builder<'_>>(all.len()).total();
    require_fit(call, bytes)?;
    let mut answer = wire::builder_for(bytes);
    let mut list = answer
        .init_root::<cpus_results::Builder<'_>>()
        .init_cpus(all.len() as u32);
    for (index, cpu) in (0..).zip(all) {
        show_cpu(list.reborrow().get(index), cpu);
    }
    Ok(wire::finish(answer))
}

fn show_cpu(mut shown: cpu_status::Builder<'_>, cpu: &CpuState) {
    let index = cpu.index as usize;
    shown.set_cpu(cpu.index);
    shown.set_apic_id(apic_id(index));
    if let Some(place) = cpus::topology().place(cpu.id()) {
        shown.set_package(place.package);
        shown.set_core(place.core);
        shown.set_thread(place.thread);
    }
    shown.set_online(cpu.online.load(Relaxed));

    let (scheduled, idle, waiting) = {
        let mut sched = cpu.sched.lock();
        let at = now();
        // Counts the run or the idle stretch that the CPU is in.
        let _ = sched.uncollected(at);
        (*sched.counters(), sched.idle_time(at), sched.load().waiting)
    };
    shown.set_idle_ns(idle.0);
    shown.set_busy_ns(scheduled.busy.0);
    shown.set_switches(scheduled.switches);
    shown.set_preemptions(scheduled.preemptions);
    shown.set_voluntary_blocks(scheduled.voluntary_blocks);
    shown.set_migrations_in(scheduled.migrations_in);
    shown.set_reschedule_ipis_received(scheduled.reschedules_received);
    shown.set_handoffs(scheduled.handoffs);
    shown.set_queue_depth(waiting);
    shown.set_current_thread(cpu.current.load(Relaxed));

    let counted = &cpu.counters;
    shown.set_steals(counted.steals.load(Relaxed));
    shown.set_reschedule_ipis_sent(counted.ipis_sent.load(Relaxed));
    shown.set_timer_interrupts(counted.timer_interrupts.load(Relaxed));
    shown.set_timer_slice(counted.timer_slice.load(Relaxed));
    shown.set_timer_sleep(counted.timer_sleep.load(Relaxed));
    shown.set_timer_spurious(counted.timer_spurious.load(Relaxed));
    shown.set_tick_suppressed(counted.tick_suppressed.load(Relaxed));
    shown.set_local_enqueues(counted.local_wakes.load(Relaxed));
    shown.set_remote_wakes(counted.remote_wakes.load(Relaxed));
    shown.set_syscalls(counted.syscalls.load(Relaxed));
    shown.set_sqes(counted.submissions.load(Relaxed));
    // No thread can be told to run only where no CPU is, so a placement never fails.
    shown.set_placement_failures(0);

    let (sent, received) = shootdowns(index);
    shown.set_shootdowns_sent(sent);
    shown.set_shootdowns_received(received);
}

fn processes(call: &Call<'_, '_>) -> Result<Vec<u8>, Trouble> {
    let living = table::living();
    // One that ends just now is shown once.
    let is_gone = |ended: &Ended| living.iter().all(|process| process.pid != ended.pid);
    let with_reason = |ended: Ended| (reason_text(ended.reason), ended);
    let ended: Vec<(String, Ended)> = table::ended()
        .into_iter()
        .filter(is_gone)
        .map(with_reason)
        .collect();
    let count = living.len() + ended.len();
    let names = living.iter().map(|process| process.name.as_str());
    let texts = ended
        .iter()
        .flat_map(|(reason, ended)| [ended.name.as_str(), reason.as_str()]);
    let bytes = ListBytes::of::<process_status::Builder<'_>>(count)
        .with_texts(names.chain(texts))
        .total();
    require_fit(call, bytes)?;
    let mut answer = wire::builder_for(bytes);
    let mut list = answer
        .init_root::<processes_results::Builder<'_>>()
        .init_processes(count as u32);
    let mut index = 0;
    for process in &living {
        show_process(list.reborrow().get(index), process);
        index += 1;
    }
    for (reason, process) in &ended {
        show_ended(list.reborrow().get(index), process, reason);
        index += 1;
    }
    Ok(wire::finish(answer))
}

fn show_process(mut shown: process_status::Builder<'_>, process: &Process) {
    let threads = process.living_threads();
    shown.set_pid(process.pid);
    shown.set_generation(GENERATION);
    shown.set_parent_pid(process.parent);
    shown.set_name(process.name.as_str());
    if let Some((code, _)) = process.ending.lock().decided {
        shown.set_state(ProcessState::Exiting);
        shown.set_exit_code(code);
    }
    shown.set_threads(threads.len() as u32);
    shown.set_caps(process.capabilities.lock().len() as u32);
    shown.set_resident_pages(process.space.pages().frames());
    shown.set_runtime_ns(observe::runtime(process, &threads));
    shown.set_switches(process.usage.switches());
}

fn show_ended(mut shown: process_status::Builder<'_>, ended: &Ended, reason: &str) {
    shown.set_pid(ended.pid);
    shown.set_generation(GENERATION);
    shown.set_parent_pid(ended.parent);
    shown.set_name(ended.name.as_str());
    shown.set_state(ProcessState::Exited);
    shown.set_exit_code(ended.code);
    shown.set_exit_reason(reason);
    shown.set_runtime_ns(ended.runtime);
}

/// Why a process ended, for a person; empty when it did so by itself, since its code says it all.
fn reason_text(reason: Reason) -> String {
    match reason {
        Reason::Exited => String::new(),
        Reason::Terminated => "terminated".into(),
        Reason::Faulted {
            vector: vector::PAGE_FAULT,
            instruction,
            address,
        } => {
            format!("page fault at {instruction:#x}, address {address:#x}")
        }
        Reason::Faulted {
            vector, instruction, ..
        } => format!("exception {vector} at {instruction:#x}"),
    }
}

fn threads(call: &Call<'_, '_>, pid: u32) -> Result<Vec<u8>, Trouble> {
    let threads: Vec<Arc<Thread>> = match pid {
        0 => table::living()
            .iter()
            .flat_map(|process| process.living_threads())
            .collect(),
        // One that is still listed although it has ended has no threads any more.
        _ if table::ended().iter().any(|ended| ended.pid == pid) => Vec::new(),
        _ => living(pid)?.living_threads(),
    };
    let names = threads.iter().map(|thread| thread.process().name.as_str());
    let bytes = ListBytes::of::<thread_status::Builder<'_>>(threads.len())
        .with_texts(names)
        .total();
    require_fit(call, bytes)?;
    let mut answer = wire::builder_for(bytes);
    let mut list = answer
        .init_root::<threads_results::Builder<'_>>()
        .init_threads(threads.len() as u32);
    for (index, thread) in (0..).zip(&threads) {
        show_thread(list.reborrow().get(index), thread);
    }
    Ok(wire::finish(answer))
}

fn show_thread(mut shown: thread_status::Builder<'_>, thread: &Thread) {
    let observe::Seen { state, account } = observe::thread(thread);
    let (weight, class) = thread.policy();
    shown.set_pid(thread.process().pid);
    shown.set_tid(thread.tid());
    shown.set_name(thread.process().name.as_str());
    shown.set_state(state);
    shown.set_cpu(account.last_cpu.map_or(0, |cpu| cpu.0));
    shown.set_weight(weight.get());
    shown.set_class(match class {
        sched::LatencyClass::Interactive => LatencyClass::Interactive,
        sched::LatencyClass::Normal => LatencyClass::Normal,
        sched::LatencyClass::Batch => LatencyClass::Batch,
        sched::LatencyClass::IpcServer => LatencyClass::IpcServer,
    });
    shown.set_runtime_ns(account.runtime.0);
    shown.set_virtual_runtime_ns(account.virtual_runtime);
    shown.set_switches(account.switches);
    shown.set_preemptions(account.preemptions);
    shown.set_voluntary_blocks(account.voluntary_blocks);
    shown.set_migrations(account.migrations);
    shown.set_waiting_ns(account.waiting.0);
}

fn capabilities(call: &Call<'_, '_>, pid: u32) -> Result<Vec<u8>, Trouble> {
    let held = capability_manager::held(&*living(pid)?);
    let bytes = capability_manager::bytes(&held);
    require_fit(call, bytes)?;
    let mut answer = wire::builder_for(bytes);
    let root = answer.init_root::<capabilities_results::Builder<'_>>();
    capability_manager::fill(root.init_capabilities(held.len() as u32), &held);
    Ok(wire::finish(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p5_an_end_says_why_unless_the_process_chose_it() {
        let fault = |vector| Reason::Faulted {
            vector,
            instruction: 0x40_1000,
            address: 0x10,
        };
        let texts = [Reason::Exited, Reason::Terminated, fault(14), fault(6)].map(reason_text);
        assert_eq!(
            texts,
            [
                "",
                "terminated",
                "page fault at 0x401000, address 0x10",
                "exception 6 at 0x401000"
            ]
        );
    }
}
