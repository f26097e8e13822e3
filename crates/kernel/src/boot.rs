//! Bringing the system up, in order: console, platform, manifest (checked whole before anything is made of it), CPUs,
//! scheduler, the first process. And its end: when init ends, so does the machine. Rules P1, P2, P13.

mod companions;
mod unused;

use alloc::vec;

use abi::exit::{Kind, Report};
use abi::scheduling::Fairness;
use abi::trace::Event;
use machine::boot::Handover;
use machine::memory::commitment;
use machine::memory::heap::NoAllocation;
use machine::platform;
use machine::{clock, cpu, cpuid, power, rtc, trace, vector};
use manifest::Manifest;
use sched::{CpuMask, Policy};
use schema_gen::system::SchedulerPolicy;

use crate::booted;
use crate::console::{self, say};
use crate::context::{ledger, lending, news};
use crate::cpu_loop::cpu_loop;
use crate::log::{self, Level};
use crate::process::burial::WHEN_INIT_ENDS;
use crate::process::exit::Reason;
use crate::process::{image, spawn};
use crate::ring::operation::WHEN_A_LOAN_ENDS;
use crate::run::host::WHEN_THERE_IS_NEWS;
use crate::run::interrupts::{self, Handler};
use crate::run::{cpus, wake};
use crate::terminal;
pub use companions::run_cpu;

/// Who serves the interrupts of devices.
static DEVICES: [Handler; 1] = [(vector::TERMINAL_INPUT, terminal::input)];

/// The boot CPU's way into the kernel.
pub fn boot(handover: Handover) -> ! {
    let start = clock::ticks();
    console::init();
    let platform = match platform::init(&handover, start) {
        Ok(platform) => platform,
        Err(error) => refuse(format_args!("this machine cannot run it: {error}")),
    };
    if let Err(fault) = clock::prove_clock() {
        refuse(format_args!(
            "the timer of this machine does not keep time: {fault:?}"
        ));
    }
    if let Some(kib) = trace_size(handover.command_line)
        && !trace::enable(kib)
    {
        say(format_args!(
            "no memory for trace rings of {kib} KiB: tracing is off\n"
        ));
    }
    booted::keep_platform(platform);
    for line in unused::lines(handover.unused) {
        say(format_args!("{line}\n"));
    }
    name_unknown_words(handover.command_line);
    read_manifest(handover.module);
    booted::keep_time_of_day(time_of_day());
    companions::start(handover.command_line);
    terminal::init(&booted::manifest().kernel.terminal_uart);
    interrupts::init(&DEVICES);
    commitment::init(cpu::count() as u64);
    cpus::init(
        companions::topology(),
        companions::has_place,
        scheduler(),
        wake::now(),
    );
    ledger::init(
        cpus::all().len() as u32,
        booted::manifest().kernel.reservable_permille,
    );
    check_pools_started(booted::manifest());
    introduce();
    // A report of a kernel bug is only worth something if it is known to arrive: tests ask for one.
    assert!(
        !has_word(handover.command_line, "panic"),
        "asked for on the command line"
    );
    if has_word(handover.command_line, "allocate-on-hard-path") {
        // Likewise for the guard of the hard paths (rule B3): where checks are on, this stops the machine.
        let _guard = NoAllocation::begin();
        drop(core::hint::black_box(vec![0_u8; 64]));
    }
    WHEN_INIT_ENDS.set(init_ended);
    WHEN_A_LOAN_ENDS.set(lending::ended);
    WHEN_THERE_IS_NEWS.set(news::tell);
    companions::bring_all_online(handover.command_line);
    if let Err(refusal) = spawn::start_init(booted::manifest()) {
        refuse(format_args!("init cannot be started: {refusal}"));
    }
    booted::keep_start_of_init(clock::now_ns());
    trace::record(Event::Milestone {
        which: 1,
        value: clock::now_ns(),
    });
    cpu_loop()
}

/// The time of day when the monotonic clock began. The real-time clock is read here and never again: its registers are
/// chosen in one step and read in the next, so only one CPU may, and where there is none that takes its time to be known.
fn time_of_day() -> u64 {
    let Some(seconds) = rtc::unix_seconds(booted::platform().century_register) else {
        log::kernel(
            Level::Warn,
            format_args!("no real-time clock shows a date: the time of day begins in 1970"),
        );
        return 0;
    };
    seconds.saturating_sub(clock::now_ns() / 1_000_000_000)
}

/// What the command line asks for and nobody knows is named: a wish that is misspelt would look like one that is granted.
fn name_unknown_words(command_line: &str) {
    let is_known = |word: &str| match word.split_once('=') {
        Some(("trace", size)) => size.parse::<usize>().is_ok(),
        Some(_) => false,
        None => [
            "trace",
            "panic",
            "allocate-on-hard-path",
            "last-cpu-stays-off",
            "last-timer-is-unproven",
        ]
        .contains(&word),
    };
    for word in command_line
        .split_ascii_whitespace()
        .filter(|word| !is_known(word))
    {
        say(format_args!(
            "the kernel's command line says `{word}`, which means nothing: known are trace and trace=KIB\n"
        ));
    }
}

fn has_word(command_line: &str, wanted: &str) -> bool {
    command_line.split_ascii_whitespace().any(|word| word == wanted)
}

/// The size in KiB of a CPU's trace ring, if the command line asks for tracing: `trace` or `trace=KIB`.
fn trace_size(command_line: &str) -> Option<usize> {
    const DEFAULT: usize = 256;
    command_line
        .split_ascii_whitespace()
        .find_map(|word| match word.strip_prefix("trace") {
            Some("") => Some(DEFAULT),
            Some(size) => size.strip_prefix('=')?.parse().ok(),
            None => None,
        })
}

fn read_manifest(bytes: &'static [u8]) {
    if bytes.is_empty() {
        refuse(format_args!(
            "no manifest: give one as the first boot module (qemu -initrd FILE)"
        ));
    }
    if bytes.len() > abi::limits::MANIFEST_BYTES {
        refuse(format_args!(
            "the manifest has {} bytes, more than {}",
            bytes.len(),
            abi::limits::MANIFEST_BYTES
        ));
    }
    let manifest = match Manifest::decode(bytes) {
        Ok(manifest) => manifest,
        Err(error) => refuse(format_args!("the manifest is refused: {error}")),
    };
    log::init(manifest.kernel.log_level.into());
    if let Err((name, error)) = image::init(&manifest) {
        refuse(format_args!("the manifest is refused: program {name}: {error}"));
    }
    check_pools(&manifest);
    booted::keep_manifest(bytes, manifest);
}

/// A pool of CPUs that this machine does not have is a mistake, and no pool at all is safer than half a pool.
fn check_pools(manifest: &Manifest<'_>) {
    let cpu_count = booted::platform().cpus.len() as u32;
    for (index, pool) in manifest.kernel.pools.iter().enumerate() {
        if let Err(error) = CpuMask::parse(pool.cpu_mask, cpu_count) {
            refuse(format_args!(
                "the manifest is refused: kernelParams.cpuIsolationPools[{index}].poolCpuMask: {error:?} \
                 (this machine has {cpu_count} CPUs)"
            ));
        }
    }
}

/// A CPU that is there and did not start is as bad for a pool as one that is not there.
fn check_pools_started(manifest: &Manifest<'_>) {
    for (index, pool) in manifest.kernel.pools.iter().enumerate() {
        let named = CpuMask::parse(pool.cpu_mask, cpus::all().len() as u32).unwrap_or_default();
        if let Some(cpu) = named.iter().find(|cpu| !cpus::has_started(*cpu)) {
            refuse(format_args!(
                "the manifest is refused: kernelParams.cpuIsolationPools[{index}].poolCpuMask names CPU {}, which did not start",
                cpu.0
            ));
        }
    }
}

/// The order in which threads are served, as the manifest chooses it (rule D5).
fn scheduler() -> Policy {
    match booted::manifest().kernel.scheduler {
        SchedulerPolicy::WeightedFair => Policy::WeightedFair,
        SchedulerPolicy::Eevdf => Policy::Eevdf,
    }
}

fn introduce() {
    let platform = booted::platform();
    let mib = machine::memory::frames::total_frames() / 256;
    say(format_args!(
        "Sundial {}: {} CPUs, {mib} MiB, {:?}, clock from {} at {} MHz, {} between {}\n",
        env!("CARGO_PKG_VERSION"),
        platform.cpus.len(),
        platform.apic_mode,
        platform.clock.source.name(),
        platform.clock.tsc_hz / 1_000_000,
        scheduler().name(),
        Fairness::from_number(booted::manifest().kernel.fairness as u16)
            .unwrap_or_default()
            .name(),
    ));
    for what in cpuid::features().absent() {
        log::kernel(Level::Info, format_args!("this processor has no {what}"));
    }
    if platform.unreachable_cpus > 0 {
        say(format_args!(
            "{} CPUs stay off: their ids need an x2APIC, which this machine does not offer\n",
            platform.unreachable_cpus
        ));
    }
    for place in cpus::ground().topology.places() {
        log::kernel(
            Level::Info,
            format_args!(
                "cpu {} apic {} package {} core {} thread {}",
                place.cpu.0,
                cpu::apic_id(place.cpu.index()),
                place.package,
                place.core,
                place.thread
            ),
        );
    }
}

/// Ends the boot with a reason: nothing has been started yet.
fn refuse(reason: core::fmt::Arguments<'_>) -> ! {
    say(format_args!("Sundial does not start: {reason}\n"));
    power::end_vm(
        Report {
            kind: Kind::BootRefused,
            code: 0,
        }
        .encode(),
    )
}

/// Init has ended, and so does the machine.
fn init_ended(code: i64, reason: Reason) -> ! {
    match reason {
        Reason::Faulted {
            vector,
            instruction,
            address,
        } => say(format_args!(
            "init ended by exception {vector} at {instruction:#x}, address {address:#x}: code {code}\n"
        )),
        _ => say(format_args!("init exited with code {code}\n")),
    }
    crate::attribution::tell();
    power::end_vm(
        Report {
            kind: Kind::InitExited,
            code,
        }
        .encode(),
    )
}
