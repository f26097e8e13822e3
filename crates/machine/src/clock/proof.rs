//! Boot-time proofs that this machine's clock and one-shot timer resolve far less than a scheduler tick
//! (rule X6): where they do not, budgets would be enforced a tick late and nobody would notice. The kernel
//! runs them once per boot, and claims enforcement only when they pass.

use super::now_ns;
use crate::apic::timer;

/// A clock that moves in larger steps than this rounds budgets.
const COARSEST_STEP_NS: u64 = 1_000;
/// Two steps of the same number of ticks can differ by this much: rounding, not resolution.
const CONVERSION_ERROR_NS: u64 = 2;
const READINGS: u32 = 1_000;
/// How long the test shot is.
const SHOT_NS: u64 = 50_000;
/// A shot that has not fired by then never will. Generous: the host may keep a virtual CPU waiting.
const SHOT_PATIENCE_NS: u64 = 500_000_000;

/// What was proven, with the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockProof {
    /// The finest that the clock was seen to resolve, in nanoseconds: below 1,000.
    pub finest_step_ns: u64,
    /// How long after its deadline a shot of 50 us was seen to have fired.
    pub shot_late_ns: u64,
}

/// Why the clock or timer cannot carry budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockFault {
    /// A reading was less than the one before it.
    WentBack {
        /// By how much.
        by_ns: u64,
    },
    /// The clock resolves no less than a microsecond, or does not move at all (`u64::MAX`).
    Coarse {
        /// The finest that it was seen to resolve.
        finest_step_ns: u64,
    },
    /// The shot fired before its deadline.
    ShotEarly {
        /// By how much.
        by_ns: u64,
    },
    /// The shot did not fire within half a second.
    ShotNeverFired,
}

/// Proves clock and one-shot timer of the executing CPU, in about 0.1 ms. Interrupts must be off. Leaves the
/// timer disarmed and its interrupt pending once: the first `sti` delivers a timer interrupt with no deadline
/// behind it.
///
/// # Errors
/// The first property that does not hold.
pub fn prove_clock() -> Result<ClockProof, ClockFault> {
    let finest_step_ns = prove_steps()?;
    let deadline = now_ns() + SHOT_NS;
    timer::arm_at(deadline);
    let seen = loop {
        let before = now_ns();
        if timer::is_interrupt_pending() {
            break now_ns();
        }
        if before > deadline + SHOT_PATIENCE_NS {
            timer::disarm();
            return Err(ClockFault::ShotNeverFired);
        }
    };
    timer::disarm();
    match seen.checked_sub(deadline) {
        Some(shot_late_ns) => Ok(ClockProof {
            finest_step_ns,
            shot_late_ns,
        }),
        None => Err(ClockFault::ShotEarly {
            by_ns: deadline - seen,
        }),
    }
}

/// The smallest step between two readings, or between the lengths of two steps. A clock that rounds to a tick shows
/// neither below that tick, while a fine one shows the second even where a hypervisor makes each reading slow.
fn prove_steps() -> Result<u64, ClockFault> {
    let mut finest_step_ns = u64::MAX;
    let (mut last, mut last_step) = (now_ns(), 0);
    for _ in 0..READINGS {
        let now = now_ns();
        let step = now.checked_sub(last).ok_or(ClockFault::WentBack {
            by_ns: last.saturating_sub(now),
        })?;
        let seen = [step, step.abs_diff(last_step)]
            .into_iter()
            .filter(|&ns| ns > CONVERSION_ERROR_NS);
        finest_step_ns = seen.fold(finest_step_ns, u64::min);
        (last, last_step) = (now, step);
    }
    if finest_step_ns < COARSEST_STEP_NS {
        Ok(finest_step_ns)
    } else {
        Err(ClockFault::Coarse { finest_step_ns })
    }
}
