//! Which CPU a thread goes to. Rules B1, B4, B5, S2, X4 and X5 (docs/rules/scheduler.md).
//!
//! Each decision is the first of a few named rules that applies, and says which one it was. Decisions read the load
//! board only; they lock nothing and change nothing.

use crate::board::{Load, LoadView};
use crate::cpu::Cpu;
use crate::entity::Affinity;
use crate::ids::CpuId;
use crate::topology::Topology;

/// How many other CPUs, near to far, one decision looks at. The bound keeps a wake-up short on large machines;
/// CPUs beyond it find work themselves when they become idle.
pub const SCAN_LIMIT: usize = 64;

/// Where a thread goes and why.
#[must_use = "the thread still has to be enqueued there"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The CPU.
    pub cpu: CpuId,
    /// The rule that chose it.
    pub reason: PlacementReason,
}

/// The rules, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlacementReason {
    /// The thread may run on one CPU only.
    OnlyAllowedCpu,
    /// The CPU it ran on last is idle; its cache may still be warm.
    LastCpuIdle,
    /// A sibling of the CPU it ran on last is idle and shares that cache.
    IdleSibling,
    /// Another CPU is idle.
    IdleCpu,
    /// No CPU is idle and this one has strictly less load than the caller's.
    LeastLoaded,
    /// No CPU has strictly less load than the caller's.
    CallerWinsTie,
}

/// No CPU that the thread may run on is online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCpuAllowed;

/// Chooses a CPU for a thread that wakes up.
///
/// `last` is the CPU it ran on last, `caller` the CPU on which the wake-up happens.
///
/// # Errors
/// [`NoCpuAllowed`] when the affinity names no CPU that is online.
pub fn wake_target(
    last: Option<CpuId>,
    affinity: &Affinity,
    caller: CpuId,
    topology: &Topology,
    loads: &impl LoadView,
) -> Result<Placement, NoCpuAllowed> {
    if let Affinity::One(cpu) = *affinity {
        return only(cpu, loads);
    }
    let near = last.unwrap_or(caller);
    let idle = |cpu: &CpuId| affinity.allows(*cpu) && loads.load(*cpu).is_some_and(|load| load.idle());
    if idle(&near) {
        return Ok(Placement {
            cpu: near,
            reason: PlacementReason::LastCpuIdle,
        });
    }
    if loads.somebody_is_idle() {
        if let Some(cpu) = topology.siblings(near).find(idle) {
            return Ok(Placement {
                cpu,
                reason: PlacementReason::IdleSibling,
            });
        }
        if let Some(cpu) = topology.others(near).take(SCAN_LIMIT).find(idle) {
            return Ok(Placement {
                cpu,
                reason: PlacementReason::IdleCpu,
            });
        }
    }
    least_loaded(caller, affinity, topology, loads)
}

/// Chooses a CPU for a new thread: its creator's, unless another one has strictly less load (B5, X5).
///
/// # Errors
/// [`NoCpuAllowed`] when the affinity names no CPU that is online.
pub fn new_thread_target(
    affinity: &Affinity,
    caller: CpuId,
    topology: &Topology,
    loads: &impl LoadView,
) -> Result<Placement, NoCpuAllowed> {
    if let Affinity::One(cpu) = *affinity {
        return only(cpu, loads);
    }
    least_loaded(caller, affinity, topology, loads)
}

/// An idle CPU that could take over a thread that has to wait on `busy`, the nearest first.
///
/// To be asked whenever `busy` runs one thread while others wait: after an arrival there, after it has begun a thread
/// and when a turn ends; each time after its load was published. The helper is reserved with
/// [`crate::board::LoadBoard::call`] and interrupted; it finds its own queue empty and steals. Without this a thread
/// that was preempted, demoted from a handoff or passed over would wait beside an idle CPU until that has other
/// reasons to look (B1; the "wasted cores" of Lozi and others, EuroSys 2016).
pub fn helper<P>(busy: &Cpu<P>, topology: &Topology, loads: &impl LoadView) -> Option<CpuId> {
    if busy.running().is_none() || !loads.somebody_is_idle() {
        return None;
    }
    let idle = |cpu: &CpuId| loads.load(*cpu).is_some_and(|load| load.idle());
    let wanted = |cpu: &CpuId| busy.queued_for(*cpu).next().is_some();
    topology
        .others(busy.id())
        .take(SCAN_LIMIT)
        .filter(idle)
        .find(wanted)
}

/// The CPUs an idle CPU should try to steal from, near to far: those where somebody waits (B1).
pub fn steal_order<'a>(
    thief: CpuId,
    topology: &'a Topology,
    loads: &'a impl LoadView,
) -> impl Iterator<Item = CpuId> + 'a {
    topology.others(thief).filter(|victim| {
        // A CPU that was woken for its only thread is about to run it.
        loads
            .load(*victim)
            .is_some_and(|load| load.waiting > u32::from(!load.running))
    })
}

fn only(cpu: CpuId, loads: &impl LoadView) -> Result<Placement, NoCpuAllowed> {
    match loads.load(cpu) {
        Some(_) => Ok(Placement {
            cpu,
            reason: PlacementReason::OnlyAllowedCpu,
        }),
        None => Err(NoCpuAllowed),
    }
}

/// The caller's CPU, or the nearest one with strictly less load. Load is the number of runnable threads, then
/// their weight.
fn least_loaded(
    caller: CpuId,
    affinity: &Affinity,
    topology: &Topology,
    loads: &impl LoadView,
) -> Result<Placement, NoCpuAllowed> {
    let allowed = |cpu: CpuId| {
        if affinity.allows(cpu) {
            loads.load(cpu)
        } else {
            None
        }
    };
    let key = |load: Load| (load.runnable(), load.weight);
    let mut best = allowed(caller).map(|load| {
        (
            key(load),
            Placement {
                cpu: caller,
                reason: PlacementReason::CallerWinsTie,
            },
        )
    });
    for (looked_at, cpu) in topology.others(caller).enumerate() {
        // Beyond the bound we only go on until there is any CPU at all.
        if looked_at >= SCAN_LIMIT && best.is_some() {
            break;
        }
        let Some(load) = allowed(cpu) else { continue };
        if best.is_none_or(|(least, _)| key(load) < least) {
            let reason = if load.idle() {
                PlacementReason::IdleCpu
            } else {
                PlacementReason::LeastLoaded
            };
            best = Some((key(load), Placement { cpu, reason }));
        }
    }
    best.map(|(_, placement)| placement).ok_or(NoCpuAllowed)
}

#[cfg(test)]
mod tests;
