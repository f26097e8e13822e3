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
//!
//! Where threads are confined, a thread goes to the CPU that is furthest ahead among those where it may run, and there are two
//! more moves. A thread that would have to have a CPU for itself goes round when those beside it may not go away
//! ([`held_up`]): alone it is worth one CPU, not its weight. And a CPU's only thread, which lags because it is heavy, makes
//! room when it may go where this CPU's threads may not ([`make_room`]). What comes of it is compared with the weighted max-min
//! shares by the simulator (`sim::ideal`, rule D8).

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
use crate::time::{Instant, Nanos, VirtualTime};
use crate::topology::Topology;
use crate::weight::EffectiveWeight;
use crate::word::AtomicWord;

/// How many of its own turns a thread must be worse off than on the other CPU before it is moved there. Less would move
/// threads more often than a cache likes, more would let short programs end before they had their share.
pub const WORTH_MOVING: u64 = 2;

/// How many turns a thread that is moved may have to its credit, its own or those of the CPU where it comes: what it starves
/// others there for at most.
pub const MOST_CREDIT: u64 = 2 * WORTH_MOVING;

/// How many turns, of the threads here or of the CPU that is ahead, a CPU remembers that it lags when threads rotate.
const MEMORY: u64 = MOST_CREDIT;

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

/// After so long alone a thread is not owed what its CPU was.
const LONG_ALONE: Nanos = Nanos(25 * DEFAULT_REQUEST.0);

/// How many of the CPUs that are ahead are considered, those furthest ahead first.
const TARGETS: usize = 4;

/// Takes a waiting thread out of the queue of `cpu` that another CPU should run, if there is one.
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
    let Move { going, target, why } = even_out(cpu, &look)
        .or_else(|| held_up(cpu, &look))
        .or_else(|| make_room(cpu, &look, topology, board, now))?;
    let most = MEMORY * longest_turn(cpu).max(virtual_slice(target.weight));
    if target.lead > most && why == Why::Rotates {
        // What nobody could take along is forgiven, or the memory of it would keep this CPU giving for ever.
        board.forgive(cpu.id(), target.lead - most);
    }
    let entity = cpu.give(going, target.lead.min(most), now)?;
    Some(Given {
        entity,
        to: target.to,
    })
}

/// A thread that should change CPUs.
struct Move {
    going: Rank,
    target: Target,
    why: Why,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// The speeds come closer to each other for good.
    EvensOut,
    /// Threads have to rotate.
    Rotates,
}

/// What a CPU sees of the others.
struct Look {
    own: VirtualTime,
    /// The weight here.
    here: u64,
    /// Where the threads that wait here may go, all together.
    outline: Outline,
    /// Those ahead where some thread that waits here may go.
    ahead: Ahead,
    /// Those ahead where none may.
    beyond: Ahead,
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
            own: board.comparable(cpu.id(), cpu.level()),
            here: cpu.total_weight(),
            outline,
            ahead: Ahead::default(),
            beyond: Ahead::default(),
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
            // Nobody who is there was there before; or one thread has long had all that one can have, and comes on faster than
            // those here. Nobody there is owed more than he could bring along.
            let has_enough = pace.alone_for > LONG_ALONE && pace.weight < look.here;
            if pace.has_idled || has_enough {
                let least = look.own.before(MOST_CREDIT * virtual_slice(pace.weight));
                board.begin_anew(other, least.0.saturating_sub(pace.level.0));
                pace.level = pace.level.max(least);
            }
            if pace.level > look.own {
                // Who is ahead where nobody may go must not hide the others.
                let kind = if outline.may_include(other) {
                    &mut look.ahead
                } else {
                    &mut look.beyond
                };
                kind.add(other, pace);
            }
        }
        Some(look)
    }

    /// The CPUs where somebody may go, furthest ahead first.
    fn targets(&self) -> impl Iterator<Item = Target> {
        self.ahead.all().map(|(to, pace)| Target {
            to,
            weight: pace.weight,
            lead: pace.level.0 - self.own.0,
        })
    }
}

/// The longest turn of the threads here, in virtual time, of those that are looked at.
fn longest_turn<P>(cpu: &Cpu<P>) -> u64 {
    let runs = cpu.running().map_or(0, |running| running.share().virtual_slice());
    let wait = cpu.queue().iter().take(LOOK_AHEAD);
    wait.map(|waiting| waiting.share().virtual_slice())
        .fold(runs, u64::max)
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

    fn all(&self) -> impl Iterator<Item = (CpuId, Pace)> {
        self.0.iter().flatten().copied()
    }
}

/// The first waiting thread that should change to a CPU that is ahead, wherever the others may run.
fn even_out<P>(cpu: &Cpu<P>, look: &Look) -> Option<Move> {
    let here = look.here;
    look.targets().find_map(|target| {
        let there = target.weight;
        let reason = |waiting: &Entity<P>| {
            let share = waiting.share();
            let weight = share.effective().wide();
            if weight < here.saturating_sub(there) {
                // It is done as soon as this CPU as a whole lags.
                let lags = target.lead >= WORTH_MOVING * virtual_slice(here);
                return lags.then_some(Why::EvensOut);
            }
            // One that would have to have a CPU for itself stays and the others go away from it; and what stays here may not be
            // so light that it would run far ahead before the next turn ends.
            let takes_turns = 2 * weight <= here + there && 2 * (here - weight) >= weight;
            (takes_turns && target.lead >= target.worth_it(share)).then_some(Why::Rotates)
        };
        let mut waiting = cpu.queued_for(target.to).take(LOOK_AHEAD);
        let (going, why) = waiting.find_map(|waiting| Some((waiting.rank(), reason(waiting)?)))?;
        Some(Move { going, target, why })
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
        let should_go = |waiting: &&Entity<P>| target.lead >= target.worth_it(waiting.share());
        let going = cpu.queued_for(target.to).take(LOOK_AHEAD).find(should_go)?;
        Some(Move {
            going: going.rank(),
            target,
            why: Why::Rotates,
        })
    })
}

/// A waiting thread for which another CPU's only thread makes room, because that one may run where a CPU idles, or is
/// ahead and has room itself, and this one may not. It comes there a little behind, so that the other one waits and leaves.
fn make_room<P>(
    cpu: &Cpu<P>,
    look: &Look,
    topology: &Topology,
    board: &LoadBoard<impl AtomicWord>,
    now: Instant,
) -> Option<Move> {
    let somebody_idles = board.somebody_is_idle();
    if !somebody_idles && look.beyond.all().next().is_none() {
        return None;
    }
    let others = topology.others(cpu.id()).take(SCAN_LIMIT);
    others
        .filter(|other| look.outline.may_include(*other))
        .find_map(|to| {
            let only = board.pace(to, now).filter(|pace| pace.alone)?;
            let going = cpu.queued_for(to).next()?;
            let weight = going.share().effective().wide();
            let idles = somebody_idles && board.some_idle_of(only.outline);
            let has_room = |place: (CpuId, Pace)| {
                has_room(&only, place, look, [(to, weight), (cpu.id(), look.here - weight)])
            };
            if !idles && !look.beyond.all().any(has_room) {
                return None;
            }
            // The thread there has all that one thread can have, so it is owed nothing.
            board.forgive(to, look.own.0.saturating_sub(only.level.0));
            let target = Target {
                to,
                weight: only.weight,
                lead: WORTH_MOVING * going.share().virtual_slice(),
            };
            Some(Move {
                going: going.rank(),
                target,
                why: Why::EvensOut,
            })
        })
}

/// Whether a CPU that is ahead has room for another one's only thread: beside those there, or in the place of its own only
/// thread, which has room on a third CPU; and whoever is together in the end is better off than those who are now. `then`
/// is who weighs how much where, once the thread has gone.
fn has_room(only: &Pace, (ahead, there): (CpuId, Pace), look: &Look, then: [(CpuId, u64); 2]) -> bool {
    let turn = virtual_slice(only.weight).max(virtual_slice(there.weight));
    let lags = there.level.0 - look.own.0 >= WORTH_MOVING * turn;
    let goes_on = |(third, beside): (CpuId, u64)| {
        third != ahead && there.outline.may_include(third) && there.weight + beside < look.here
    };
    let others = look.beyond.all().chain(look.ahead.all());
    let mut places = others.map(|(cpu, pace)| (cpu, pace.weight)).chain(then);
    let fits = there.weight + only.weight < look.here || there.alone && places.any(goes_on);
    only.outline.may_include(ahead) && lags && fits
}

/// How far a CPU on which this weight is runnable comes in one normal turn. Where nobody is served by weight, because all that runs there is
/// reserved, there are no turns, and nobody comes anywhere.
pub(crate) fn virtual_slice(weight: u64) -> u64 {
    let turn = DEFAULT_REQUEST.0 * EffectiveWeight::REFERENCE;
    turn.checked_div(weight).unwrap_or(0)
}

#[cfg(test)]
mod tests;
