//! Monitor: the machine, its CPUs, processes and threads, and what a process holds, as they are now. Nothing can be changed
//! through it. Processes and threads are in [`processes`], all that a CPU counts in [`counters`]. Counters are read where they are kept, each CPU's under that CPU's lock, one after the other: a look at
//! the whole machine is no instant, but nothing in it ever runs backwards. Rules A1, C2, C3 and S2.

mod contexts;
pub(crate) mod counters;
mod processes;

use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use machine::apic::local::Mode;
use machine::cpu::{apic_id, shootdowns};
use machine::memory::{PAGE, frames};
use machine::trace;
use sched::HorizonReason;
use schema_gen::monitor::cpu_status;
use schema_gen::monitor::monitor::{
    capabilities_params, capabilities_results, counters_params, cpus_results, system_results, threads_params,
};

use super::capability_manager::{self, require_fit};
use super::supervisor::living;
use crate::booted;
use crate::call::{Answer, Call, Reply, Trouble, unimplemented};
use crate::process::{self, table};
use crate::run::cpus::{self, CpuState};
use crate::run::wake::now;
use crate::wire::{self, ListBytes};

pub(super) fn call(call: &Call<'_, '_>) -> Answer {
    let answer = match call.method {
        0 => system(),
        1 => cpus(call)?,
        2 => processes::all(call)?,
        3 => {
            let words = call.params()?;
            let message = words.message()?;
            processes::threads(call, message.get_root::<threads_params::Reader<'_>>()?.get_pid())?
        }
        4 => {
            let words = call.params()?;
            let message = words.message()?;
            capabilities(
                call,
                message.get_root::<capabilities_params::Reader<'_>>()?.get_pid(),
            )?
        }
        5 => {
            let words = call.params()?;
            let message = words.message()?;
            counters::of_cpu(call, message.get_root::<counters_params::Reader<'_>>()?.get_cpu())?
        }
        6 => contexts::all(call)?,
        _ => return Err(unimplemented()),
    };
    Ok(Reply::Message(answer))
}

fn system() -> Vec<u8> {
    let platform = booted::platform();
    let mut answer = wire::builder();
    let mut info = answer.init_root::<system_results::Builder<'_>>().init_info();
    info.set_monotonic_ns(now().0);
    info.set_boot_ns(booted::init_started());
    info.set_cpu_count(cpus::all().len() as u32);
    info.set_frames_total(frames::total_frames());
    info.set_frames_free(frames::free_frames());
    info.set_heap_bytes(frames::heap_frames() * PAGE);
    info.set_process_count(table::count() as u32);
    info.set_thread_count(process::thread_count() as u32);
    info.set_kernel_version(env!("CARGO_PKG_VERSION"));
    info.set_clocksource(platform.clock.source.name());
    info.set_interrupt_controller(match platform.apic_mode {
        Mode::X2Apic => "x2apic",
        Mode::XApic => "xapic",
    });
    info.set_tsc_hz(platform.clock.tsc_hz);
    info.set_scheduler(booted::manifest().kernel.scheduler);
    info.set_fairness(booted::manifest().kernel.fairness);
    info.set_is_traced(trace::is_on());
    wire::finish(answer)
}

fn cpus(call: &Call<'_, '_>) -> Result<Vec<u8>, Trouble> {
    let all = cpus::all();
    let bytes = ListBytes::of::<cpu_status::Builder<'_>>(all.len()).total();
    let _room = require_fit(call, bytes)?;
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
    if let Some(place) = cpus::ground().topology.place(cpu.id()) {
        shown.set_package(place.package);
        shown.set_core(place.core);
        shown.set_thread(place.thread);
    }
    shown.set_online(cpu.online.load(Relaxed));

    let (scheduled, idle, waiting) = {
        let mut sched = cpu.sched.lock();
        let at = now();
        #[expect(
            clippy::let_underscore_must_use,
            reason = "asked only to count the run or the idle stretch that the CPU is in"
        )]
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
    shown.set_timer_slice(counted.horizons(HorizonReason::TurnEnd).load(Relaxed));
    shown.set_timer_sleep(counted.timer_sleep.load(Relaxed));
    shown.set_timer_spurious(counted.timer_spurious.load(Relaxed));
    shown.set_tick_suppressed(counted.idles_untimed.load(Relaxed));
    shown.set_local_enqueues(counted.wakes_local.load(Relaxed) + counted.starts_local.load(Relaxed));
    shown.set_remote_wakes(counted.wakes_remote.load(Relaxed) + counted.starts_remote.load(Relaxed));
    shown.set_syscalls(counted.syscalls.load(Relaxed));
    shown.set_sqes(counted.submissions.load(Relaxed));
    shown.set_placement_failures(counted.placement_failures.load(Relaxed));

    let (sent, received) = shootdowns(index);
    shown.set_shootdowns_sent(sent);
    shown.set_shootdowns_received(received);
}

fn capabilities(call: &Call<'_, '_>, pid: u32) -> Result<Vec<u8>, Trouble> {
    let held = capability_manager::held(call, &*living(pid)?)?;
    let bytes = held.bytes();
    let _room = require_fit(call, bytes)?;
    let mut answer = wire::builder_for(bytes);
    let root = answer.init_root::<capabilities_results::Builder<'_>>();
    held.fill(root.init_capabilities(held.count()));
    Ok(wire::finish(answer))
}
