//! Time since boot. [`now_ns`] reads the time-stamp counter and converts; `ratio` converts, `calibrate` and
//! `reference` find the rate, `warp` compares the counters of two CPUs, `proof` shows at boot that clock and
//! timer resolve far less than a scheduler tick (rule X6).
//!
//! platform.rs starts it.

mod calibrate;
mod proof;
mod ratio;
mod reference;
pub(crate) mod warp;

pub use proof::{ClockFault, ClockProof, prove_clock};
pub use ratio::Ratio;
pub use reference::Source;

use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::acpi::{Fadt, HpetTable};
use crate::boot_cell::BootCell;
use crate::cpuid::features;
use calibrate::Sample;
use reference::Reference;

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;
const TSC_WINDOW_NS: u64 = 2_000_000;
const COUNTDOWN_WINDOW_NS: u64 = 750_000;
/// The bound for one sample says little where each reading is slow; the fitted line is well inside this.
const MOST_WIDENING_PPM: u32 = 500;
/// Counter ticks after which a reference that stands still is given up: a second, more or less.
const PATIENCE_TICKS: u64 = 1 << 31;

/// How this machine tells the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockInfo {
    /// Rate of the time-stamp counter.
    pub tsc_hz: u64,
    /// What the rate was taken from.
    pub source: Source,
    /// Bound of the error of one sample over the measuring window, in parts per million; zero when CPUID
    /// states the rate. The fitted line is usually much better.
    pub uncertainty_ppm: u32,
}

/// Why there is no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockError {
    /// Every reference counter that was tried stands still or moves absurdly.
    NoReference,
}

struct Clock {
    start_ticks: u64,
    to_ns: Ratio,
    to_ticks: Ratio,
    info: ClockInfo,
}

static CLOCK: BootCell<Clock> = BootCell::new("clock::CLOCK");
/// Set when the counters of two CPUs disagree: then every reading is lifted to the largest one so far.
static WARPED: AtomicBool = AtomicBool::new(false);
static LATEST_NS: AtomicU64 = AtomicU64::new(0);

/// The time-stamp counter of this CPU, read after everything before it has completed (LFENCE; Intel SDM
/// volume 2, RDTSC), so that a reading can be compared with what another CPU published.
#[inline]
pub fn ticks() -> u64 {
    let (high, low): (u32, u32);
    // SAFETY: both instructions exist on every 64-bit CPU, change EDX and EAX only, and are allowed in the
    // kernel whatever CR4.TSD says. No `nomem`: memory accesses must not move across the reading.
    unsafe { asm!("lfence", "rdtsc", out("edx") high, out("eax") low, options(nostack, preserves_flags)) };
    (u64::from(high) << 32) | u64::from(low)
}

/// Starts the clock: `start_ticks` (taken by [`ticks`] at the kernel's first line) becomes time zero. Takes
/// about 2 ms unless CPUID states the rate.
///
/// # Errors
/// When no reference counter works.
///
/// # Panics
/// When called twice, or before `cpuid::init`.
pub(crate) fn init(
    start_ticks: u64,
    hpet: Option<HpetTable>,
    fadt: Option<&Fadt>,
) -> Result<ClockInfo, ClockError> {
    let info = match features().tsc_hz {
        Some(tsc_hz) => ClockInfo {
            tsc_hz,
            source: Source::Cpuid,
            uncertainty_ppm: 0,
        },
        None => measure_tsc(Reference::best(hpet, fadt))
            .or_else(|| measure_tsc(Reference::pit()))
            .ok_or(ClockError::NoReference)?,
    };
    let to_ns = Ratio::rounded_down(NANOSECONDS_PER_SECOND, info.tsc_hz).ok_or(ClockError::NoReference)?;
    let to_ticks = to_ns.inverse_rounded_up().ok_or(ClockError::NoReference)?;
    CLOCK.set(Clock {
        start_ticks,
        to_ns,
        to_ticks,
        info,
    });
    Ok(info)
}

/// How this machine tells the time.
///
/// # Panics
/// Before the platform is up (platform.rs).
pub fn info() -> ClockInfo {
    CLOCK.get().info
}

/// Nanoseconds since boot: the same on every CPU, and never less than a reading that happened before.
///
/// # Panics
/// Before the platform is up (platform.rs).
#[inline]
pub fn now_ns() -> u64 {
    let clock = CLOCK.get();
    let ns = clock.to_ns.floor(ticks().saturating_sub(clock.start_ticks));
    if WARPED.load(Ordering::Relaxed) {
        lifted(ns)
    } else {
        ns
    }
}

/// Whether the CPUs' counters were found to disagree, so that readings share one maximum.
pub fn is_warped() -> bool {
    WARPED.load(Ordering::Relaxed)
}

/// Whether this is QEMU counting instructions (`-icount`): there, and only there, its counter runs at 1 GHz
/// sharp. Where it is mistaken (an emulator on a host with a 1 GHz counter) nothing is lost but x2APIC.
pub(crate) fn counts_instructions() -> bool {
    const TOLERANCE_HZ: u64 = NANOSECONDS_PER_SECOND / 10_000;
    features().hypervisor_name() == "TCGTCGTCGTCG"
        && info().tsc_hz.abs_diff(NANOSECONDS_PER_SECOND) < TOLERANCE_HZ
}

/// Spins for at least this long.
pub fn spin_for(ns: u64) {
    let until = now_ns().saturating_add(ns);
    while now_ns() < until {
        core::hint::spin_loop();
    }
}

/// This CPU's counter now, and how long it is from there to a deadline: nanoseconds, zero when it has
/// passed. Both come from one reading, so adding the ticks of the wait to the counter never lands early.
#[inline]
pub(crate) fn wait_until(deadline_ns: u64) -> (u64, u64) {
    let clock = CLOCK.get();
    let ticks = ticks();
    let now_ns = clock.to_ns.floor(ticks.saturating_sub(clock.start_ticks));
    (ticks, deadline_ns.saturating_sub(now_ns))
}

/// Counter ticks that surely last this long.
#[inline]
pub(crate) fn ticks_for(ns: u64) -> u64 {
    CLOCK.get().to_ticks.ceil(ns)
}

/// Counts per nanosecond of a counter that counts down from `u32::MAX` (the APIC timer), rounded up and
/// widened by the measurement's uncertainty. Takes about 0.75 ms.
pub(crate) fn measure_countdown(current: impl Fn() -> u32) -> Option<Ratio> {
    let hz = CLOCK.get().info.tsc_hz;
    let window = hz / (NANOSECONDS_PER_SECOND / COUNTDOWN_WINDOW_NS);
    let sample = || {
        let base_before = ticks();
        let measured = u64::from(u32::MAX - current());
        Sample {
            base_before,
            measured,
            base_after: ticks(),
        }
    };
    let slope = calibrate::slope(sample, |base, _| base >= window)?;
    let counts_hz =
        u64::try_from(u128::from(slope.measured) * u128::from(hz) / u128::from(slope.base)).ok()?;
    Ratio::rounded_up(counts_hz.checked_add(1)?, NANOSECONDS_PER_SECOND)?
        .widened_by_ppm(slope.uncertainty_ppm.min(MOST_WIDENING_PPM))
}

fn measure_tsc(mut reference: Reference) -> Option<ClockInfo> {
    let (hz, source) = (reference.hz(), reference.source());
    let window = hz / (NANOSECONDS_PER_SECOND / TSC_WINDOW_NS);
    let sample = || {
        let base_before = ticks();
        let measured = reference.read();
        Sample {
            base_before,
            measured,
            base_after: ticks(),
        }
    };
    let slope = calibrate::slope(sample, |base, measured| {
        measured >= window || base >= PATIENCE_TICKS
    })?;
    let tsc_hz = u64::try_from(u128::from(hz) * u128::from(slope.base) / u128::from(slope.measured)).ok()?;
    // Slower than 1 MHz or faster than 100 GHz is a broken reference, not a CPU.
    let plausible = (1_000_000..100_000_000_000).contains(&tsc_hz);
    plausible.then_some(ClockInfo {
        tsc_hz,
        source,
        uncertainty_ppm: slope.uncertainty_ppm,
    })
}

#[cold]
fn lifted(ns: u64) -> u64 {
    LATEST_NS.fetch_max(ns, Ordering::Relaxed).max(ns)
}

/// Makes every later reading share one maximum. Called while the CPU whose counter is off runs nothing yet.
fn declare_warped() {
    LATEST_NS.fetch_max(now_ns(), Ordering::Relaxed);
    WARPED.store(true, Ordering::Release);
}
