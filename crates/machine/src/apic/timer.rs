//! The local APIC's timer, one shot at a time. Where CPUID has TSC-deadline mode the shot is a value of the
//! time-stamp counter; else it is a count-down at a rate measured once (clock/). A shot never fires before
//! its deadline: waits are rounded up, and the measured rate is widened by its uncertainty (rule X6).
//!
//! Intel SDM volume 3, 11.5.4 and 11.5.4.1.

use core::arch::asm;
use core::sync::atomic::{AtomicU8, Ordering};

use super::local::{self, MASKED, Register};
use crate::boot_cell::BootCell;
use crate::clock::{self, Ratio};
use crate::cpuid::features;
use crate::msr::{self, Msr};

const MODE_ONE_SHOT: u32 = 0b00 << 17;
const MODE_TSC_DEADLINE: u32 = 0b10 << 17;
/// Divide by one: the finest steps.
const DIVIDE_BY_ONE: u32 = 0b1011;

/// How shots are timed on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By a value of the time-stamp counter.
    TscDeadline,
    /// By a count-down of 32 bits.
    CountDown,
}

enum Timer {
    TscDeadline,
    CountDown { counts_per_ns: Ratio },
}

static TIMER: BootCell<Timer> = BootCell::new("apic::timer::TIMER");
static VECTOR: AtomicU8 = AtomicU8::new(0);

/// Why there is no timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerError {
    /// The count-down does not move.
    Dead,
}

/// Picks the kind of shot for all CPUs, and measures the count-down's rate if it is needed (0.75 ms). On the
/// first CPU, once, after its local APIC and the clock.
///
/// # Errors
/// When the timer does not count.
pub(crate) fn init() -> Result<Kind, TimerError> {
    if features().tsc_deadline {
        TIMER.set(Timer::TscDeadline);
        return Ok(Kind::TscDeadline);
    }
    let counts_per_ns = match features().apic_timer_hz {
        Some(hz) => Ratio::rounded_up(hz, 1_000_000_000),
        None => measure(),
    };
    TIMER.set(Timer::CountDown {
        counts_per_ns: counts_per_ns.ok_or(TimerError::Dead)?,
    });
    Ok(Kind::CountDown)
}

fn measure() -> Option<Ratio> {
    local::write(Register::LVT_TIMER, MASKED | MODE_ONE_SHOT);
    local::write(Register::DIVIDE, DIVIDE_BY_ONE);
    local::write(Register::INITIAL_COUNT, u32::MAX);
    let counts_per_ns = clock::measure_countdown(|| local::read(Register::CURRENT_COUNT));
    local::write(Register::INITIAL_COUNT, 0);
    counts_per_ns
}

/// Connects the executing CPU's timer to a vector, the same on all CPUs; disarmed.
///
/// # Panics
/// Before the platform is up (platform.rs), or when the vector is below 16.
pub(super) fn init_this_cpu(vector: u8) {
    assert!(vector >= 16, "vector {vector} is reserved for exceptions");
    VECTOR.store(vector, Ordering::Relaxed);
    match TIMER.get() {
        Timer::TscDeadline => {
            local::write(Register::LVT_TIMER, MODE_TSC_DEADLINE | u32::from(vector));
            // In xAPIC mode the write above is a store and the first deadline an MSR write: keep their order.
            // SAFETY: a fence only orders memory accesses.
            unsafe { asm!("mfence", options(nostack, preserves_flags)) };
        }
        Timer::CountDown { .. } => {
            local::write(Register::DIVIDE, DIVIDE_BY_ONE);
            local::write(Register::LVT_TIMER, MODE_ONE_SHOT | u32::from(vector));
        }
    }
    disarm();
}

/// Arms the executing CPU's timer for an instant of [`clock::now_ns`], replacing what was armed. It fires
/// once, at or shortly after the deadline, at once for one that has passed. A wait beyond the count-down's 32
/// bits fires in between; the handler arms again, as it must do for every deadline that is still ahead.
#[inline]
pub fn arm_at(deadline_ns: u64) {
    let (now_ticks, wait_ns) = clock::wait_until(deadline_ns);
    match TIMER.get() {
        Timer::TscDeadline => {
            let wait_ticks = clock::ticks_for(wait_ns).max(1);
            // Zero would disarm, and cannot come out: the sum is at least one.
            write_tsc_deadline(now_ticks.saturating_add(wait_ticks));
        }
        Timer::CountDown { counts_per_ns } => {
            // Zero would disarm, so even a deadline that has passed gets one count.
            let counts = u32::try_from(counts_per_ns.ceil(wait_ns)).unwrap_or(u32::MAX);
            local::write(Register::INITIAL_COUNT, counts.max(1));
        }
    }
}

/// Disarms the executing CPU's timer. An interrupt that it has already raised stays pending.
#[inline]
pub fn disarm() {
    match TIMER.get() {
        Timer::TscDeadline => write_tsc_deadline(0),
        Timer::CountDown { .. } => local::write(Register::INITIAL_COUNT, 0),
    }
}

/// Whether the timer's interrupt waits to be taken by the executing CPU.
pub fn is_interrupt_pending() -> bool {
    local::is_pending(VECTOR.load(Ordering::Relaxed))
}

fn write_tsc_deadline(ticks: u64) {
    // SAFETY: called only for `Timer::TscDeadline`, which `init` sets when CPUID has the register. Any value
    // is valid; the effect is a timer interrupt.
    unsafe { msr::write(Msr::TSC_DEADLINE, ticks) };
}
