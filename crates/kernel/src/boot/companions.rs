//! How the other CPUs come to the one that boots: each says where it is and whether its timer keeps time, and once the boot CPU knows the whole machine all of
//! them take threads, before there is one. Rules P1, B5.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Release};
use core::sync::atomic::{AtomicBool, AtomicU32};

use machine::{Lock, clock, cpu, smp, topology, vector};
use sched::{CpuId, CpuPlace, Topology};

use super::has_word;
use crate::booted;
use crate::console::say;
use crate::cpu_loop::{come_online, cpu_loop};
use crate::run::cpus;

/// What a CPU says of itself as it arrives.
#[derive(Clone, Copy)]
struct Arrival {
    place: topology::Topology,
    /// Its timer was proven to fire when it is told to (rule E12).
    keeps_time: bool,
}

/// What each CPU has said, by index.
static ARRIVALS: Lock<Vec<Option<Arrival>>> = Lock::new(Vec::new());
static ARRIVED: AtomicU32 = AtomicU32::new(0);
static GO: AtomicBool = AtomicBool::new(false);

/// Every other CPU's way into the kernel.
pub fn run_cpu() -> ! {
    let arrival = Arrival {
        place: topology::of_this_cpu(),
        keeps_time: clock::prove_clock().is_ok(),
    };
    ARRIVALS.lock()[cpu::index()] = Some(arrival);
    ARRIVED.fetch_add(1, Release);
    // Asleep, not spinning: on a host with fewer CPUs than we have, each one that spins holds up the one that boots.
    // An interrupt that comes between the look and the sleep ends the sleep.
    while !GO.load(Acquire) {
        cpu::idle();
    }
    come_online();
    cpu_loop()
}

/// Starts the other CPUs, and waits until those that start have said what there is to say.
pub(super) fn start(command_line: &str) {
    let cpus = &booted::platform().cpus;
    *ARRIVALS.lock() = vec![None; cpus.len()];
    // The timer of this CPU was proven before anything else.
    ARRIVALS.lock()[0] = Some(Arrival {
        place: topology::of_this_cpu(),
        keeps_time: true,
    });
    let mut started = 0;
    let mut wanted = cpus.len();
    if has_word(command_line, "last-cpu-stays-off") {
        // What a CPU that does not start does to the rest is only known if one can be had: tests ask for it.
        wanted -= 1;
        say(format_args!(
            "cpu {wanted} did not start: asked for on the command line\n"
        ));
    }
    for (index, apic_id) in cpus.iter().enumerate().take(wanted).skip(1) {
        match smp::start(index, *apic_id) {
            Ok(_) => started += 1,
            Err(error) => say(format_args!(
                "cpu {index} (apic {}) did not start: {error:?}\n",
                apic_id.0
            )),
        }
    }
    while ARRIVED.load(Acquire) < started {
        cpu::relax();
    }
    if has_word(command_line, "last-timer-is-unproven")
        && let Some(Some(last)) = ARRIVALS.lock().iter_mut().rfind(|arrival| arrival.is_some())
    {
        last.keeps_time = false;
    }
    for (index, arrival) in ARRIVALS.lock().iter().enumerate() {
        if arrival.is_some_and(|arrival| !arrival.keeps_time) {
            say(format_args!(
                "cpu {index}: its timer does not fire when it should; CPU time is not enforced there\n"
            ));
        }
    }
}

/// What is known of a CPU: whether it started, and whether its timer keeps time.
pub(super) fn found(cpu: CpuId) -> cpus::Found {
    let arrival = ARRIVALS.lock().get(cpu.index()).copied().flatten();
    cpus::Found {
        has_started: arrival.is_some(),
        keeps_time: arrival.is_some_and(|arrival| arrival.keeps_time),
    }
}

/// The places of all CPUs. One that did not start never comes online, so any place will do for it.
pub(super) fn topology() -> Topology {
    let arrivals = ARRIVALS.lock();
    let count = arrivals.len() as u32;
    let found = (0..).zip(arrivals.iter()).map(|(index, arrival)| match arrival {
        Some(Arrival { place, .. }) => CpuPlace {
            cpu: CpuId(index),
            package: place.package,
            core: place.core,
            thread: place.thread,
        },
        None => CpuPlace {
            cpu: CpuId(index),
            package: u32::MAX,
            core: index,
            thread: 0,
        },
    });
    // Firmware that gives two CPUs one place is believed in nothing.
    Topology::new(found.collect()).unwrap_or_else(|_| Topology::flat(count))
}

/// All CPUs that started take threads from here on: before there is one, which may be told to run on any of them.
pub(super) fn bring_all_online() {
    come_online();
    GO.store(true, Release);
    for cpu in 1..cpu::count() {
        cpu::send_ipi(cpu, vector::RESCHEDULE);
    }
    let are_online = || {
        let mut started = cpus::all().iter().filter(|cpu| cpu.has_started);
        started.all(|cpu| cpu.online.load(Acquire))
    };
    while !are_online() {
        cpu::relax();
    }
}
