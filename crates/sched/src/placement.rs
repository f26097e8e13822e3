//! Which CPU a thread goes to. Rules B1, B4, B5, S2, X4 and X5 (docs/rules/scheduler.md).
//!
//! Each decision is the first of a few named rules that applies, and says which one it was. Decisions read the load
//! board only; they lock nothing and change nothing.
//!
//! Whoever looks for an idle CPU, or for one to steal from, finds it wherever it is: among the nearest by distance, and
//! beyond those by number, in steps of 64 CPUs. "Wasted cores" (Lozi and others, EuroSys 2016) are what becomes of a
//! search that ends earlier.

use crate::cpu::Cpu;
use crate::entity::{Affinity, Entity};
use crate::ids::CpuId;
use crate::load::{GROUP, Load, LoadView};
use crate::topology::Topology;

/// How many other CPUs, near to far, one decision looks at one by one. The bound keeps a wake-up short on large machines;
/// what lies beyond it is looked at in groups, and not compared by load.
pub const SCAN_LIMIT: usize = 64;

/// How many waiting threads a search for a helper asks where they may run.
const LOOK_AHEAD: usize = 8;

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
    /// The thread may run on one CPU only, or there is no other.
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
    if let Some(cpu) = only_choice(affinity, caller, topology) {
        return only(cpu, loads);
    }
    let near = last.unwrap_or(caller);
    if affinity.allows(near) && loads.is_idle(near) {
        return Ok(Placement {
            cpu: near,
            reason: PlacementReason::LastCpuIdle,
        });
    }
    if loads.somebody_is_idle()
        && let Some(cpu) = nearest_idle(near, affinity, topology, loads)
    {
        let reason = if topology.siblings(near).any(|sibling| sibling == cpu) {
            PlacementReason::IdleSibling
        } else {
            PlacementReason::IdleCpu
        };
        return Ok(Placement { cpu, reason });
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
    if let Some(cpu) = only_choice(affinity, caller, topology) {
        return only(cpu, loads);
    }
    let here_is_as_good = affinity.allows(caller) && loads.is_idle(caller);
    if !here_is_as_good
        && loads.somebody_is_idle()
        && let Some(cpu) = nearest_idle(caller, affinity, topology, loads)
    {
        let reason = PlacementReason::IdleCpu;
        return Ok(Placement { cpu, reason });
    }
    least_loaded(caller, affinity, topology, loads)
}

/// An idle CPU that could take over a thread that has to wait on `busy`, the nearest first.
///
/// To be asked whenever `busy` runs one thread while others wait: after an arrival there, after it has begun a thread
/// and when a turn ends; each time after its load was published. The helper is reserved with
/// [`crate::board::LoadBoard::summon`] and interrupted; it finds its own queue empty and steals. Without this a thread
/// that was preempted, refused a handoff or passed over would wait beside an idle CPU until that has other
/// reasons to look (B1; the "wasted cores" of Lozi and others, EuroSys 2016).
pub fn helper<P>(busy: &Cpu<P>, topology: &Topology, loads: &impl LoadView) -> Option<CpuId> {
    if busy.running().is_none() || busy.queue().is_empty() || !loads.somebody_is_idle() {
        return None;
    }
    helper_for_the_waiting(busy, topology, loads)
}

/// Out of line: mostly nobody is idle beside a CPU where threads wait, and a switch is short.
#[inline(never)]
fn helper_for_the_waiting<P>(busy: &Cpu<P>, topology: &Topology, loads: &impl LoadView) -> Option<CpuId> {
    let may_leave = |waiting: &Entity<P>| nearest_idle(busy.id(), waiting.affinity(), topology, loads);
    let wanted = |cpu: &CpuId| busy.queued_for(*cpu).next().is_some();
    let first = busy.queue().iter().take(LOOK_AHEAD).find_map(may_leave);
    // Those who may not leave hide nobody: the others are looked up by CPU.
    first.or_else(|| {
        near_to_far(busy.id(), topology, |group| loads.idle_in(group))
            .take(SCAN_LIMIT)
            .find(wanted)
    })
}

/// The CPUs an idle CPU should try to steal from, near to far: those where somebody waits (B1).
pub fn steal_order<'a>(
    thief: CpuId,
    topology: &'a Topology,
    loads: &'a impl LoadView,
) -> impl Iterator<Item = CpuId> + 'a {
    near_to_far(thief, topology, |group| loads.crowded_in(group))
}

/// The nearest other CPU that is idle and allowed.
fn nearest_idle(
    near: CpuId,
    affinity: &Affinity,
    topology: &Topology,
    loads: &impl LoadView,
) -> Option<CpuId> {
    let allowed = |group| match affinity {
        Affinity::Any => u64::MAX,
        Affinity::One(cpu) if cpu.index() / GROUP == group => 1 << (cpu.index() % GROUP),
        Affinity::One(_) => 0,
        Affinity::Mask(mask) => mask.among(group),
    };
    near_to_far(near, topology, |group| loads.idle_in(group) & allowed(group)).next()
}

/// The other CPUs of a set that is given in groups: those within [`SCAN_LIMIT`] near to far, then the others by number,
/// from one's own group on, so that different CPUs find different ones first.
fn near_to_far<'a>(
    from: CpuId,
    topology: &'a Topology,
    set: impl Fn(usize) -> u64 + Copy + 'a,
) -> impl Iterator<Item = CpuId> + 'a {
    // Neighbours are in the same group as a rule, which is then read once for all of them.
    let mut last_read = (usize::MAX, 0);
    let near = topology.others(from).take(SCAN_LIMIT).filter(move |cpu| {
        let group = cpu.index() / GROUP;
        if last_read.0 != group {
            last_read = (group, set(group));
        }
        last_read.1 >> (cpu.index() % GROUP) & 1 != 0
    });
    let count = topology.cpu_count() as usize;
    let groups = if count <= SCAN_LIMIT + 1 {
        0
    } else {
        count.div_ceil(GROUP)
    };
    let far = (0..groups).flat_map(move |step| {
        let group = (from.index() / GROUP + step) % groups;
        let bits = set(group);
        (0..GROUP)
            .filter(move |bit| bits >> bit & 1 != 0)
            .map(move |bit| CpuId((group * GROUP + bit) as u32))
    });
    let is_far = move |cpu: &CpuId| {
        let nearer = topology.nearer_than(from, *cpu);
        nearer.is_some_and(|nearer| nearer >= SCAN_LIMIT)
    };
    near.chain(far.filter(is_far))
}

/// The CPU of a thread that has no choice: it may run on one only, or there is no other.
fn only_choice(affinity: &Affinity, caller: CpuId, topology: &Topology) -> Option<CpuId> {
    match affinity {
        Affinity::One(cpu) => Some(*cpu),
        _ => (topology.cpu_count() == 1 && affinity.allows(caller)).then_some(caller),
    }
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
