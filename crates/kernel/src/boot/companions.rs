//! How the other CPUs come to the one that boots: each says where it is, and once the boot CPU knows the whole machine all of
//! them take threads, before there is one. Rules P1, B5.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU32};

use machine::apic::timer;
use machine::{Lock, clock, cpu, smp, topology, vector};
use sched::{CpuId, CpuPlace, Topology};

use super::has_word;
use crate::booted;
use crate::console::say;
use crate::cpu_loop::{come_online, cpu_loop};
use crate::run::cpus;

/// Where each CPU is, by index; filled in by each CPU as it arrives.
static PLACES: Lock<Vec<Option<topology::Topology>>> = Lock::new(Vec::new());
static ARRIVED: AtomicU32 = AtomicU32::new(0);
static GO: AtomicBool = AtomicBool::new(false);

/// How soon the shot is due by which a CPU proves its timer.
const SHOT_NS: u64 = 50_000;
/// How long after that it may come.
const PATIENCE_NS: u64 = 500_000_000;

/// Every other CPU's way into the kernel.
pub fn run_cpu() -> ! {
    PLACES.lock()[cpu::index()] = Some(topology::of_this_cpu());
    ARRIVED.fetch_add(1, Release);
    let keeps_time = wait_for_go();
    cpus::this().keeps_time.store(keeps_time, Relaxed);
    come_online();
    cpu_loop()
}

/// Sleeps until all CPUs are to take threads, and proves this one's timer meanwhile (rule E12): whether a shot came, and not too early.
///
/// Asleep, not spinning: on a host with fewer CPUs than we have, each one that spins holds up the one that boots. An interrupt that
/// comes between the look and the sleep ends the sleep.
fn wait_for_go() -> bool {
    let due = clock::now_ns() + SHOT_NS;
    timer::arm_at(due);
    let mut fired = false;
    while !GO.load(Acquire) {
        cpu::idle();
        fired |= take_shot(due);
    }
    while !fired && clock::now_ns() < due + PATIENCE_NS {
        cpu::let_interrupts_in();
        fired |= take_shot(due);
    }
    fired
}

/// Takes the interrupts that have come; whether the timer's is among them, which is due now.
fn take_shot(due: u64) -> bool {
    let mut fired = false;
    while let Some(vector) = cpu::take_pending() {
        fired |= vector == vector::TIMER && clock::now_ns() >= due;
    }
    fired
}

/// Starts the other CPUs, and waits until those that start have said where they are.
pub(super) fn start(command_line: &str) {
    let cpus = &booted::platform().cpus;
    *PLACES.lock() = vec![None; cpus.len()];
    PLACES.lock()[0] = Some(topology::of_this_cpu());
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
}

/// A CPU that started has said where it is.
pub(super) fn has_place(cpu: CpuId) -> bool {
    PLACES.lock().get(cpu.index()).is_some_and(Option::is_some)
}

/// The places of all CPUs. One that did not start never comes online, so any place will do for it.
pub(super) fn topology() -> Topology {
    let places = PLACES.lock();
    let count = places.len() as u32;
    let found = (0..).zip(places.iter()).map(|(index, place)| match place {
        Some(place) => CpuPlace {
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
pub(super) fn bring_all_online(command_line: &str) {
    // This CPU's timer was proven before anything else.
    cpus::this().keeps_time.store(true, Relaxed);
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
    let started = || cpus::all().iter().filter(|cpu| cpu.has_started);
    if has_word(command_line, "last-timer-is-unproven")
        && let Some(last) = started().last()
    {
        last.keeps_time.store(false, Relaxed);
    }
    for unproven in started().filter(|cpu| !cpu.keeps_time.load(Relaxed)) {
        say(format_args!(
            "cpu {}: its timer does not fire when it should; CPU time is not enforced there\n",
            unproven.index
        ));
    }
}
