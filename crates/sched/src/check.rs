//! What must always be true, as functions with plain names.
//!
//! The tests call these after every step, the kernel's checking builds call [`cpu_is_sound`] under the CPU's lock.
//! They are meant for the moments between operations, after the caller has acted on what an operation returned. Each
//! check has a test (check/tests.rs) that breaks the state on purpose and watches the check notice.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;

use crate::cpu::{Cpu, Running};
use crate::entity::{Affinity, Entity};
use crate::fair::Share;
use crate::ids::{CpuId, ThreadId};
use crate::principal::{Membership, Principal};
use crate::time::{Nanos, VirtualTime};

/// What is not true, with its evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The thread is in two places at once.
    InTwoPlaces(ThreadId),
    /// The thread exists but is nowhere.
    Nowhere(ThreadId),
    /// The thread's place in the queue does not match its rank.
    OutOfOrder(CpuId, ThreadId),
    /// The queue's idea of its length differs from the number of threads in it.
    Miscounted(CpuId),
    /// The queue's idea of its total weight differs from the sum over its threads.
    WeightIsWrong(CpuId),
    /// The queue's idea of its slowest thread differs from the smallest virtual runtime in it.
    SlowestIsWrong(CpuId),
    /// The second CPU does not find the first thread in the first CPU's queue that it may run.
    CannotBeFound(CpuId, CpuId),
    /// The thread waits here but is measured on another CPU's clock.
    OnAnotherClock(CpuId, ThreadId),
    /// Somebody waits, somebody runs, and neither a horizon nor an interrupt will end that.
    NoEndInSight(CpuId),
    /// Somebody waits on an idle CPU and no interrupt is on its way.
    AsleepWithWork(CpuId),
    /// A principal's idea of its runnable weight differs from the sum over its threads.
    PrincipalMiscounted {
        /// Its place among those that were given.
        index: usize,
        /// What it counts.
        counted: u32,
        /// What there is.
        runnable: u32,
    },
    /// Threads were given the CPU more or less often than they left it.
    SwitchesDoNotAddUp(CpuId),
    /// The virtual clock shows less than before.
    ClockRanBackwards(CpuId),
    /// The CPUs were busy for another length of time than the threads used.
    TimeWasLost {
        /// What the CPUs delivered.
        delivered: Nanos,
        /// What the threads were charged.
        charged: Nanos,
    },
}

/// The checks of a CPU's queue, which hold in the middle of a step as well, before its caller has acted on its answer.
///
/// # Errors
/// The first check that fails.
pub fn the_queue_is_sound<P>(cpu: &Cpu<P>) -> Result<(), Broken> {
    the_queue_is_sorted_and_complete(cpu)?;
    the_queue_knows_its_weight(cpu)?;
    the_queue_knows_its_slowest(cpu)?;
    the_queue_knows_who_may_leave(cpu)?;
    every_waiting_thread_is_measured_here(cpu)
}

/// All checks that need to see only one CPU.
///
/// # Errors
/// The first check that fails.
pub fn cpu_is_sound<P>(cpu: &Cpu<P>) -> Result<(), Broken> {
    the_queue_is_sound(cpu)?;
    every_switch_has_an_end(cpu)?;
    a_shared_cpu_will_be_interrupted(cpu)?;
    an_idle_cpu_with_work_is_being_woken(cpu)
}

/// D1, G2: every waiting thread is found where its rank says, in the order of ranks, and there are as many as counted.
///
/// # Errors
/// [`Broken::OutOfOrder`] or [`Broken::Miscounted`].
pub fn the_queue_is_sorted_and_complete<P>(cpu: &Cpu<P>) -> Result<(), Broken> {
    let mut previous = None;
    for entity in cpu.queued() {
        let found = cpu
            .waiting()
            .get(entity.rank())
            .is_some_and(|found| found.id() == entity.id());
        if !found || previous.is_some_and(|previous| previous >= entity.rank()) {
            return Err(Broken::OutOfOrder(cpu.id(), entity.id()));
        }
        previous = Some(entity.rank());
    }
    if cpu.queued().count() == cpu.waiting().len() {
        Ok(())
    } else {
        Err(Broken::Miscounted(cpu.id()))
    }
}

/// D1: the weight that divides the virtual clock is the weight of those who wait to be served by it.
///
/// # Errors
/// [`Broken::WeightIsWrong`].
pub fn the_queue_knows_its_weight<P>(cpu: &Cpu<P>) -> Result<(), Broken> {
    let sum: u64 = cpu
        .queue()
        .iter()
        .map(|entity| entity.share().effective().wide())
        .sum();
    if sum == cpu.queue().weight() {
        Ok(())
    } else {
        Err(Broken::WeightIsWrong(cpu.id()))
    }
}

/// D4, D5: the virtual runtime that holds the clock is the smallest one of those who wait.
///
/// # Errors
/// [`Broken::SlowestIsWrong`].
pub fn the_queue_knows_its_slowest<P>(cpu: &Cpu<P>) -> Result<(), Broken> {
    let slowest = cpu.queue().iter().map(|entity| entity.share().vruntime()).min();
    if slowest == cpu.queue().slowest() {
        Ok(())
    } else {
        Err(Broken::SlowestIsWrong(cpu.id()))
    }
}

/// B1: every other CPU that looks for work here finds the first thread that it may run.
///
/// # Errors
/// [`Broken::CannotBeFound`].
pub fn the_queue_knows_who_may_leave<P>(cpu: &Cpu<P>) -> Result<(), Broken> {
    let mut named: Vec<CpuId> = Vec::new();
    for entity in cpu.queue().iter() {
        match entity.affinity() {
            Affinity::Any => named.push(CpuId(cpu.id().0 + 1)),
            Affinity::One(only) => named.push(*only),
            Affinity::Mask(mask) => named.extend(mask.iter()),
        }
    }
    named.sort_unstable();
    named.dedup();
    for other in named {
        let first = cpu.queue().iter().find(|entity| entity.affinity().allows(other));
        let found = cpu.queued_for(other).next();
        if first.map(Entity::id) != found.map(Entity::id) {
            return Err(Broken::CannotBeFound(cpu.id(), other));
        }
    }
    Ok(())
}

/// D3: whoever waits here has been translated to this CPU's clock.
///
/// # Errors
/// [`Broken::OnAnotherClock`].
pub fn every_waiting_thread_is_measured_here<P>(cpu: &Cpu<P>) -> Result<(), Broken> {
    let strange = |entity: &&Entity<P>| entity.home.is_none_or(|home| home.cpu != cpu.id());
    match cpu.queued().find(strange) {
        Some(entity) => Err(Broken::OnAnotherClock(cpu.id(), entity.id())),
        None => Ok(()),
    }
}

/// X1, B4: a CPU that runs one thread while another waits has a horizon or an interrupt coming.
///
/// # Errors
/// [`Broken::NoEndInSight`].
pub fn a_shared_cpu_will_be_interrupted<P>(cpu: &Cpu<P>) -> Result<(), Broken> {
    // Who has reserved all the time there is goes on for ever, if whoever admitted that meant it.
    let has_everything = cpu
        .running_in()
        .is_some_and(|budget| budget.spec().is_everything());
    let ends = |running: &Running| {
        cpu.horizon(running.charged_to()).is_some() || has_everything && !running.is_by_weight()
    };
    let bounded = cpu.running().is_none_or(ends) || cpu.reschedule_pending();
    if bounded || cpu.load().waiting == 0 {
        Ok(())
    } else {
        Err(Broken::NoEndInSight(cpu.id()))
    }
}

/// B4: work does not wait on a sleeping CPU without an interrupt on its way.
///
/// # Errors
/// [`Broken::AsleepWithWork`].
pub fn an_idle_cpu_with_work_is_being_woken<P>(cpu: &Cpu<P>) -> Result<(), Broken> {
    let load = cpu.load();
    let fine = load.running || load.waiting == 0 || cpu.reschedule_pending();
    if fine {
        Ok(())
    } else {
        Err(Broken::AsleepWithWork(cpu.id()))
    }
}

/// A1: every time a thread was given the CPU has ended in one of the ways that are counted, but for the one that runs.
///
/// # Errors
/// [`Broken::SwitchesDoNotAddUp`].
pub fn every_switch_has_an_end<P>(cpu: &Cpu<P>) -> Result<(), Broken> {
    let counters = cpu.counters();
    let ended = counters.preemptions + counters.voluntary_blocks + counters.yields + counters.exits;
    if counters.switches == ended + u64::from(cpu.running().is_some()) {
        Ok(())
    } else {
        Err(Broken::SwitchesDoNotAddUp(cpu.id()))
    }
}

/// B2: no thread is in two places. `parked` are the threads that wait for something, in their parking places.
///
/// # Errors
/// [`Broken::InTwoPlaces`].
pub fn every_thread_is_in_one_place<P, C: Borrow<Cpu<P>>>(
    cpus: &[C],
    parked: &[ThreadId],
) -> Result<(), Broken> {
    let places = places(cpus, parked);
    match places.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Broken::InTwoPlaces(pair[0])),
        None => Ok(()),
    }
}

/// B2, P5: every living thread is somewhere. `living` are the threads that were created and have not exited.
///
/// # Errors
/// [`Broken::Nowhere`].
pub fn no_thread_is_lost<P, C: Borrow<Cpu<P>>>(
    cpus: &[C],
    parked: &[ThreadId],
    living: &[ThreadId],
) -> Result<(), Broken> {
    let places = places(cpus, parked);
    match living.iter().find(|id| places.binary_search(id).is_err()) {
        Some(id) => Err(Broken::Nowhere(*id)),
        None => Ok(()),
    }
}

/// D7: every principal counts the threads that run or wait for a CPU and are served by weight, and no others. To be asked when no thread is on its
/// way from one CPU to another.
///
/// # Errors
/// [`Broken::PrincipalMiscounted`].
pub fn principals_count_who_is_runnable<P>(
    cpus: &[Cpu<P>],
    principals: &[Arc<Principal>],
) -> Result<(), Broken> {
    for (index, principal) in principals.iter().enumerate() {
        let of_this = |member: Option<&Membership>, share: &Share| match member {
            Some(member) if Arc::ptr_eq(member.principal(), principal) => u32::from(share.weight().get()),
            _ => 0,
        };
        let on_cpu = |cpu: &Cpu<P>| {
            let waiting = cpu.queued().filter(|thread| thread.standing.is_by_weight());
            let waiting: u32 = waiting
                .map(|thread| of_this(thread.membership.as_ref(), thread.share()))
                .sum();
            let running = cpu.running().filter(|running| running.is_by_weight());
            waiting + running.map_or(0, |running| of_this(cpu.membership(), running.share()))
        };
        let runnable = cpus.iter().map(on_cpu).sum();
        let counted = principal.runnable_weight();
        if counted != runnable {
            return Err(Broken::PrincipalMiscounted {
                index,
                counted,
                runnable,
            });
        }
    }
    Ok(())
}

/// D1: no virtual clock runs backwards. `before` are the readings of the same CPUs at an earlier moment.
///
/// # Errors
/// [`Broken::ClockRanBackwards`].
pub fn clocks_only_move_forward<P>(cpus: &[Cpu<P>], before: &[VirtualTime]) -> Result<(), Broken> {
    match cpus
        .iter()
        .zip(before)
        .find(|(cpu, before)| cpu.clock() < **before)
    {
        Some((cpu, _)) => Err(Broken::ClockRanBackwards(cpu.id())),
        None => Ok(()),
    }
}

/// C1, C3: what the CPUs delivered is what threads were charged. `collected` is the sum of all charges that
/// [`Cpu::charge`] and [`Cpu::end`] have returned, for living and gone threads.
///
/// # Errors
/// [`Broken::TimeWasLost`].
pub fn time_is_conserved<P, C: Borrow<Cpu<P>>>(cpus: &[C], collected: Nanos) -> Result<(), Broken> {
    let mut charged = collected;
    let mut delivered = Nanos::ZERO;
    for cpu in cpus.iter().map(C::borrow) {
        delivered += cpu.counters().busy;
        charged += cpu
            .running()
            .map_or(Nanos::ZERO, |running| running.uncollected().ran);
    }
    if delivered == charged {
        Ok(())
    } else {
        Err(Broken::TimeWasLost { delivered, charged })
    }
}

/// Every place that holds a thread, by thread.
fn places<P, C: Borrow<Cpu<P>>>(cpus: &[C], parked: &[ThreadId]) -> Vec<ThreadId> {
    let mut places = Vec::from(parked);
    for cpu in cpus.iter().map(C::borrow) {
        places.extend(cpu.queued().map(Entity::id));
        places.extend(cpu.running().map(|running| running.id()));
    }
    places.sort_unstable();
    places
}

#[cfg(test)]
mod tests;
