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
//! and Hahn, PPoPP 2009), whose rounds are levels here. A thread that is worth more than a CPU lags whatever is done, and so does
//! one that masks keep on a slow CPU; as in surplus fair scheduling (Chandra, Adler, Goyal and Shenoy, OSDI 2000) what it cannot
//! use is not owed to it for ever: levels fade ([`crate::fading`]).
//!
//! Where threads are confined, a thread goes to the CPU that is furthest ahead among those where it may run, and there are two
//! more moves. A thread that would have to have a CPU for itself goes round when those beside it may not go away
//! ([`held_up`]): alone it is worth one CPU, not its weight. And where a thread waits that may not go where others are ahead,
//! whoever may go there makes room for it, the thread that runs beside it or one that has a CPU for itself ([`rooms`]).
//!
//! Whoever moves keeps how far it has come, to the nanosecond, compared with everybody: how fast CPUs are served is decided
//! by the sum of all moves, so whatever one of them lost would be lost in each. As Choosy shows for clusters (Ghodsi, Zaharia,
//! Shenker and Stoica, EuroSys 2013), giving each CPU to the neediest of those that may have it comes to the weighted max-min shares;
//! the simulator compares with these (`sim::ideal`, rule D8).

use alloc::boxed::Box;
use core::mem::swap;

use crate::board::{LoadBoard, Pace};
use crate::cpu::Cpu;
use crate::entity::Entity;
use crate::fair::{DEFAULT_REQUEST, Share};
use crate::ids::CpuId;
use crate::load::LoadView;
use crate::outline::Outline;
use crate::placement::SCAN_LIMIT;
use crate::rank::Rank;
use crate::time::{Instant, VirtualTime};
use crate::topology::Topology;
use crate::weight::EffectiveWeight;
use crate::word::AtomicWord;
use rooms::Room;

/// How many of its own turns a thread must be worse off than on the other CPU before it is moved there. Less would move
/// threads more often than a cache likes, more would let short programs end before they had their share.
pub const WORTH_MOVING: u64 = 2;

/// How many of its own turns a thread that is moved may have to its credit: what it starves others for at most. Well above what
/// makes it move, or it would lose something each time.
pub const MOST_CREDIT: u64 = 4 * WORTH_MOVING;

/// How many turns of the CPU where it comes it may have, if that is more: fewer, because those of a light CPU are long for a heavy
/// thread, which has them to its credit against those who come later, too.
pub const MOST_CREDIT_THERE: u64 = 3 * WORTH_MOVING;

/// How many waiting threads are considered at the end of a turn.
pub const LOOK_AHEAD: usize = 8;

/// A thread that changes CPUs.
#[must_use = "the thread still has to be enqueued there, as `Balanced`, or to make way"]
#[derive(Debug)]
pub enum Given<P> {
    /// One that waited, and where it goes.
    Waiting(Box<Entity<P>>, CpuId),
    /// The one that runs: it has been sent, and leaves as soon as its CPU looks at it ([`Cpu::sent_to`]).
    Running,
}

/// How many of the CPUs that are ahead are considered, those furthest ahead first.
const TARGETS: usize = 4;

/// Takes a waiting thread out of the queue of `cpu` that another CPU should run, or sends the running one there, if there is
/// such a thread.
///
/// To be asked when a turn has ended on `cpu` and the next one has begun, after its load was published; at most one
/// thread moves each time. At most [`SCAN_LIMIT`] CPUs and [`LOOK_AHEAD`] threads are looked at.
pub fn give<P>(
    cpu: &mut Cpu<P>,
    topology: &Topology,
    board: &LoadBoard<impl AtomicWord>,
    now: Instant,
) -> Option<Given<P>> {
    cpu.running()?;
    let outline = cpu.queue().outline()?;
    let _ = cpu.uncollected(now);
    let look = Look::around(cpu, outline, topology, board, now)?;
    let Move { going, to, lead } = match rooms::make_room(cpu, &look, topology, board, now) {
        Some(Room::BySending(to)) => {
            cpu.send_running(to);
            return Some(Given::Running);
        }
        Some(Room::ByGiving(first)) => first,
        None => even_out(cpu, &look).or_else(|| held_up(cpu, &look))?,
    };
    let entity = cpu.give(going, lead, now)?;
    Some(Given::Waiting(entity, to))
}

/// A waiting thread that should change CPUs.
struct Move {
    going: Rank,
    to: CpuId,
    /// How far that CPU is ahead of this one.
    lead: i64,
}

/// What a CPU sees of the others.
struct Look {
    /// How far this CPU has come, on its own clock and as it compares.
    local: VirtualTime,
    own: VirtualTime,
    /// The weight here.
    here: u64,
    /// Those ahead where some thread that waits here may go.
    ahead: Ahead,
}

impl Look {
    /// `None`: an idle CPU takes care of the threads here.
    fn around<P>(
        cpu: &Cpu<P>,
        outline: Outline,
        topology: &Topology,
        board: &LoadBoard<impl AtomicWord>,
        now: Instant,
    ) -> Option<Look> {
        let mut look = Look {
            local: cpu.level(),
            own: board.settle_level(cpu, now),
            here: cpu.total_weight(),
            ahead: Ahead::default(),
        };
        for other in topology.others(cpu.id()).take(SCAN_LIMIT) {
            let Some(mut pace) = board.pace(other, now) else {
                let idles = board.load(other).is_some() && outline.may_include(other);
                if idles && cpu.queued_for(other).next().is_some() {
                    // It has been called, or will be, and fetches a thread: whoever went elsewhere now would be missed.
                    return None;
                }
                continue;
            };
            if pace.has_idled {
                // Nobody who is there was there before. Nobody there is owed more than he could bring along.
                let least = look.own.before(MOST_CREDIT * virtual_slice(pace.weight));
                board.begin_anew(other, least.0.saturating_sub(pace.level.0), now);
                pace.level = pace.level.max(least);
            }
            // Who is ahead where nobody may go must not hide the others.
            if pace.level > look.own && outline.may_include(other) {
                look.ahead.add(other, pace);
            }
        }
        Some(look)
    }

    /// The CPUs where somebody may go, furthest ahead first.
    fn targets(&self) -> impl Iterator<Item = Target> {
        let ahead = self.ahead.0.iter().flatten();
        ahead.map(|(to, pace)| Target {
            to: *to,
            weight: pace.weight,
            lead: pace.level.0 - self.own.0,
        })
    }

    /// How far a thread here is behind this CPU.
    fn lag(&self, share: &Share) -> i64 {
        self.local.offset_from(share.vruntime())
    }

    /// How far a CPU of this pace is ahead of this one.
    fn lead(&self, pace: &Pace) -> i64 {
        pace.level.offset_from(self.own)
    }
}

/// A CPU that a thread could change to.
struct Target {
    to: CpuId,
    /// The weight there.
    weight: u64,
    /// How far it is ahead.
    lead: u64,
}

impl Target {
    /// The lead at which a thread that has to rotate goes there: a few turns, its own or those of the threads there. A CPU
    /// of little weight comes far in a moment, and that means nothing.
    fn worth_it(&self, share: &Share) -> u64 {
        WORTH_MOVING * share.virtual_slice().max(virtual_slice(self.weight))
    }

    /// The first waiting thread that may go there and should.
    fn first<P>(&self, cpu: &Cpu<P>, should_go: impl Fn(&Entity<P>) -> bool) -> Option<Move> {
        let mut waiting = cpu.queued_for(self.to).take(LOOK_AHEAD);
        let going = waiting.find(|waiting| should_go(waiting))?;
        Some(Move {
            going: going.rank(),
            to: self.to,
            lead: self.lead as i64,
        })
    }
}

/// The CPUs that are furthest ahead, furthest first.
#[derive(Default)]
struct Ahead([Option<(CpuId, Pace)>; TARGETS]);

impl Ahead {
    fn add(&mut self, cpu: CpuId, pace: Pace) {
        let mut next = (cpu, pace);
        for place in &mut self.0 {
            match place {
                Some(kept) if kept.1.level >= next.1.level => {}
                Some(kept) => swap(kept, &mut next),
                None => {
                    *place = Some(next);
                    return;
                }
            }
        }
    }
}

/// The first waiting thread that should change to a CPU that is ahead, wherever the others may run.
fn even_out<P>(cpu: &Cpu<P>, look: &Look) -> Option<Move> {
    let here = look.here;
    look.targets().find_map(|target| {
        let there = target.weight;
        target.first(cpu, |waiting| {
            let share = waiting.share();
            let weight = share.effective().wide();
            if weight < here.saturating_sub(there) {
                // The speeds come closer to each other for good. It is done as soon as this CPU as a whole lags.
                return target.lead >= WORTH_MOVING * virtual_slice(here);
            }
            // Threads have to rotate. One that would have to have a CPU for itself stays and the others go away from it; and
            // what stays here may not be so light that it would run far ahead before the next turn ends.
            let takes_turns = 2 * weight <= here + there && 2 * (here - weight) >= weight;
            takes_turns && target.lead >= target.worth_it(share)
        })
    })
}

/// The first waiting thread that should go round because others here may not go away from it. It has each CPU for itself
/// for as long as that is fair.
fn held_up<P>(cpu: &Cpu<P>, look: &Look) -> Option<Move> {
    look.targets().find_map(|target| {
        let runs_here = cpu
            .running()
            .is_some_and(|running| !running.outline().may_include(target.to));
        let stays = |waiting: &Entity<P>| !waiting.affinity().allows(target.to);
        if !runs_here && !cpu.queue().iter().take(LOOK_AHEAD).any(stays) {
            return None;
        }
        target.first(cpu, |waiting| target.lead >= target.worth_it(waiting.share()))
    })
}

/// How far a CPU on which this weight is runnable comes in one normal turn. Where nobody is served by weight, because all that runs there is
/// reserved, there are no turns, and nobody comes anywhere.
pub(crate) fn virtual_slice(weight: u64) -> u64 {
    let turn = DEFAULT_REQUEST.0 * EffectiveWeight::REFERENCE;
    turn.checked_div(weight).unwrap_or(0)
}

mod rooms;
#[cfg(test)]
mod tests;
