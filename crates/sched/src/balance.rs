//! Keeping busy CPUs level: who gives a waiting thread away, to whom, and when. Rules B1, D1 and D3 (docs/rules/scheduler.md).
//!
//! Weights are kept per CPU, so two CPUs whose threads weigh differently serve the same weight at different speeds, and
//! often no fixed distribution is fair: of three equal threads on two CPUs one would have a CPU for itself for ever. So
//! what is compared is not weight but service: how far the threads of each CPU have come, their *level*. Whenever a turn
//! ends, the CPU compares its own level with the others', as the load board shows them; if it lags, it gives a waiting
//! thread to the CPU that is furthest ahead. The thread arrives there as far behind as it is, is served first until
//! it has caught up, and the next one to lag may be given back: threads rotate exactly as much as fairness needs.
//!
//! The giver decides because it has turn ends; a CPU that runs one thread has no timer (rule X1) and is not disturbed
//! unless it is ahead. Migrating by progress, not by load, is the idea of distributed weighted round-robin (Li, Baumberger
//! and Hahn, PPoPP 2009), whose rounds are levels here. A thread that is worth more than a CPU lags whatever is done;
//! as in surplus fair scheduling (Chandra, Adler, Goyal and Shenoy, OSDI 2000) what it cannot use is not owed to it.

use alloc::boxed::Box;

use crate::board::{LoadBoard, Pace};
use crate::cpu::Cpu;
use crate::entity::Entity;
use crate::fair::DEFAULT_REQUEST;
use crate::ids::CpuId;
use crate::placement::SCAN_LIMIT;
use crate::rank::Rank;
use crate::time::Instant;
use crate::topology::Topology;
use crate::weight::EffectiveWeight;

/// How many of its own turns a thread must be worse off than on the other CPU before it is moved there. Less would move
/// threads more often than a cache likes, more would let short programs end before they had their share.
pub const WORTH_MOVING: u64 = 2;

/// How many turns a thread that is moved may have to its credit: what it starves others there for at most.
pub const MOST_CREDIT: u64 = 2 * WORTH_MOVING;

/// How many waiting threads are considered at the end of a turn.
pub const LOOK_AHEAD: usize = 8;

/// A thread that changes CPUs.
#[must_use = "the thread still has to be enqueued there, as `Balanced`"]
#[derive(Debug)]
pub struct Given<P> {
    /// It.
    pub entity: Box<Entity<P>>,
    /// Where it goes.
    pub to: CpuId,
}

/// Takes a waiting thread out of the queue of `cpu` that another CPU should run, if there is one.
///
/// To be asked when a turn has ended on `cpu` and the next one has begun, after its load was published; at most one
/// thread moves each time. At most [`SCAN_LIMIT`] CPUs and [`LOOK_AHEAD`] threads are looked at.
pub fn give<P>(cpu: &mut Cpu<P>, topology: &Topology, board: &LoadBoard, now: Instant) -> Option<Given<P>> {
    let runs = cpu.running()?.share().virtual_slice();
    if cpu.queue().is_empty() {
        return None;
    }
    let _ = cpu.uncollected(now);
    let own = board.comparable(cpu.id(), cpu.level());
    let mut first: Option<(CpuId, Pace)> = None;
    for other in topology.others(cpu.id()).take(SCAN_LIMIT) {
        let Some(mut pace) = board.pace(other, now) else {
            continue;
        };
        if pace.alone {
            // Its thread has all that one thread can have, so it is owed no more than it could bring along.
            let least = own.before(MOST_CREDIT * virtual_slice(pace.weight));
            if pace.level < least {
                board.forgive(other, least.0 - pace.level.0);
                pace.level = least;
            }
        }
        if first.is_none_or(|(_, first)| pace.level > first.level) {
            first = Some((other, pace));
        }
    }
    let (to, pace) = first?;
    let lead = pace.level.0.checked_sub(own.0)?;
    let wait = cpu
        .queue()
        .iter()
        .take(LOOK_AHEAD)
        .map(|waiting| waiting.share().virtual_slice());
    let most = MOST_CREDIT * wait.fold(runs, u64::max);
    if lead > most {
        // What nobody could take along is forgotten, or the memory of it would keep this CPU giving for ever.
        board.forgive(cpu.id(), lead - most);
    }
    let lead = lead.min(most);
    let going = worst_off(cpu, to, pace.weight, lead)?;
    let entity = cpu.give(going, lead, now)?;
    Some(Given { entity, to })
}

/// The first waiting thread that should change to a CPU of so much weight and lead.
fn worst_off<P>(cpu: &Cpu<P>, to: CpuId, there: u64, lead: u64) -> Option<Rank> {
    let here = cpu.total_weight();
    let should_go = |waiting: &&Entity<P>| {
        let share = waiting.share();
        let weight = share.effective().wide();
        let evens_out = weight < here.saturating_sub(there);
        if evens_out {
            // The speeds come closer to each other for good, so it is done as soon as this CPU as a whole lags.
            lead >= WORTH_MOVING * virtual_slice(here)
        } else {
            // Threads have to rotate. One that would have to have a CPU for itself stays and the others go away from it;
            // and what stays here may not be so light that it would run far ahead before the next turn ends.
            2 * weight <= here + there
                && 2 * (here - weight) >= weight
                && lead >= WORTH_MOVING * share.virtual_slice()
        }
    };
    let going = cpu.queued_for(to).take(LOOK_AHEAD).find(should_go)?;
    Some(going.rank())
}

/// How far a CPU on which this weight is runnable comes in one normal turn.
fn virtual_slice(weight: u64) -> u64 {
    DEFAULT_REQUEST.0 * EffectiveWeight::REFERENCE / weight
}
