//! Threads that make room for one that may not go where others are ahead. Rule D8.
//!
//! The neediest thread that waits here lags behind a CPU that is closed to it. If the thread that runs here may go there, it is
//! sent, and the other one has this CPU. Else it may be that the needy one may go to a CPU whose only thread may go there, directly
//! or over others of that kind: the level of a CPU with one thread says nothing, since that thread has all that one can have,
//! but whoever comes there has it leave. A CPU with several threads needs no such search: if it may give to one that is
//! ahead it does, and is ahead itself then.
//!
//! Everybody's only thread says where it may run on the load board, so a row is found without asking anybody; only its first
//! thread moves, and each CPU in turn finds the rest. Masks are words here ([`Outline`]), so beyond 64 CPUs
//! a row may end at nothing; then a thread has moved in vain.

use super::{LOOK_AHEAD, Look, Move, WORTH_MOVING, virtual_slice};
use crate::board::{LoadBoard, Pace};
use crate::cpu::Cpu;
use crate::entity::Affinity;
use crate::fair::Share;
use crate::ids::CpuId;
use crate::load::{GROUP, LoadView};
use crate::outline::Outline;
use crate::placement::SCAN_LIMIT;
use crate::time::Instant;
use crate::topology::Topology;
use crate::word::AtomicWord;

/// How many turns a thread must lag before others make room for it: a row takes several moves.
const WORTH_A_ROW: u64 = 3 * WORTH_MOVING;

/// How room is made.
pub(super) enum Room {
    /// The running thread goes there.
    BySending(CpuId),
    /// A waiting thread goes where another one makes room.
    ByGiving(Move),
}

/// How room is made for the neediest thread that waits here, if it is.
pub(super) fn make_room<P>(
    cpu: &Cpu<P>,
    look: &Look,
    topology: &Topology,
    board: &LoadBoard<impl AtomicWord>,
    now: Instant,
) -> Option<Room> {
    let waiting = cpu.queue().iter().take(LOOK_AHEAD);
    let needy = waiting.min_by_key(|waiting| waiting.share().vruntime())?;
    if matches!(needy.affinity(), Affinity::Any) {
        // Nothing is closed to it.
        return None;
    }
    let near = || topology.others(cpu.id()).take(SCAN_LIMIT);
    let pace = |other: CpuId| board.pace(other, now);
    let open = near().filter(|other| needy.affinity().allows(*other));
    let best_open = open.filter_map(pace).map(|pace| look.lead(&pace)).max();
    let mut rooms = Rooms::none();
    for other in near() {
        match pace(other) {
            Some(pace) => {
                let is_best = best_open.is_none_or(|open| look.lead(&pace) > open);
                let closed = !needy.affinity().allows(other);
                let has_room = closed && is_best && is_worth_it(look, needy.share(), &pace);
                rooms.add(other, &pace, has_room);
            }
            None if board.is_idle(other) => rooms.ends = rooms.ends.or(Outline::only(other)),
            None => {}
        }
    }
    let runs = cpu.sendable();
    let (may_go, lag) = runs.map_or((Outline::NOWHERE, 0), |running| {
        (running.outline(), look.lag(running.share()))
    });
    // Who is ahead of all who are there would wait there.
    let has_use = |other: &CpuId| pace(*other).is_none_or(|pace| look.lead(&pace) + lag > 0);
    let direct = rooms.ends.both(may_go);
    if let Some(to) = near().find(|other| direct.may_include(*other) && has_use(other)) {
        return Some(Room::BySending(to));
    }
    let first = rooms.first_for(needy.outline()).unwrap_or(Outline::NOWHERE);
    let mut first = near().filter(|other| first.may_include(*other) && needy.affinity().allows(*other));
    let given = first.find_map(|to| pace(to).filter(|pace| pace.alone).map(|pace| (to, pace)));
    if let Some((to, only)) = given {
        let (going, lead) = (needy.rank(), look.lead(&only));
        return Some(Room::ByGiving(Move { going, to, lead }));
    }
    // The one that runs begins a row only where it would have room made for itself, or it would come back at once.
    let share = runs?.share();
    let worth_it = |other: &CpuId| pace(*other).is_none_or(|pace| is_worth_it(look, share, &pace));
    let kept = near().filter(|other| rooms.ends.may_include(*other) && worth_it(other));
    rooms.ends = kept.fold(Outline::NOWHERE, |ends, other| ends.or(Outline::only(other)));
    let first = rooms.first_for(may_go)?;
    let to = near().find(|other| first.may_include(*other))?;
    Some(Room::BySending(to))
}

/// Whether a CPU is as far ahead of this thread, and of the others here on average, that somebody should make room for it.
fn is_worth_it(look: &Look, share: &Share, pace: &Pace) -> bool {
    let (lead, lag) = (look.lead(pace), look.lag(share));
    let turn = virtual_slice(pace.weight);
    let weight = share.effective().wide();
    let others = i128::from(look.here.saturating_sub(weight).max(1));
    let ahead_of_others = i128::from(lead) - i128::from(lag) * i128::from(weight) / others;
    lead.saturating_add(lag) >= (WORTH_A_ROW * share.virtual_slice().max(turn)) as i64
        && ahead_of_others > i128::from(WORTH_MOVING * turn)
}

/// The CPUs that run one thread only, and where there is room.
struct Rooms {
    /// Where there is room.
    ends: Outline,
    /// Those with one thread.
    alone: Outline,
    /// Where each of those threads may run, by the CPU's place in a word.
    onward: [Outline; GROUP],
}

impl Rooms {
    const fn none() -> Rooms {
        Rooms {
            ends: Outline::NOWHERE,
            alone: Outline::NOWHERE,
            onward: [Outline::NOWHERE; GROUP],
        }
    }

    fn add(&mut self, cpu: CpuId, pace: &Pace, has_room: bool) {
        if has_room {
            self.ends = self.ends.or(Outline::only(cpu));
        } else if pace.alone {
            self.alone = self.alone.or(Outline::only(cpu));
            self.onward[cpu.index() % GROUP] = pace.outline;
        }
    }

    /// Where rows begin that a thread with this outline may join: the shortest ones that end where there is room. Each round
    /// but the last finds a CPU, so there are at most [`GROUP`] of them.
    fn first_for(&self, outline: Outline) -> Option<Outline> {
        let mut known = self.ends;
        loop {
            let others = self.alone.without(known);
            let found = others.places().fold(Outline::NOWHERE, |found, place| {
                if self.onward[place].meets(known) {
                    found.or(Outline::at(place))
                } else {
                    found
                }
            });
            if found == Outline::NOWHERE {
                return None;
            }
            if found.meets(outline) {
                return Some(found.both(outline));
            }
            known = known.or(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn of(cpus: &[u32]) -> Outline {
        cpus.iter()
            .fold(Outline::NOWHERE, |all, cpu| all.or(Outline::only(CpuId(*cpu))))
    }

    /// CPUs that run one thread each, which may run there and on the next CPU.
    fn row(cpus: core::ops::Range<u32>, end: u32) -> Rooms {
        let mut rooms = Rooms::none();
        rooms.ends = of(&[end]);
        for cpu in cpus {
            rooms.alone = rooms.alone.or(of(&[cpu]));
            rooms.onward[cpu as usize] = of(&[cpu, cpu + 1]);
        }
        rooms
    }

    #[test]
    fn d8_a_row_is_found_however_long_it_is() {
        for length in 1..63 {
            let rooms = row(0..length, length);
            assert_eq!(rooms.first_for(of(&[0])), Some(of(&[0])), "{length}");
        }
    }

    #[test]
    fn d8_the_shortest_row_is_taken() {
        let rooms = row(0..9, 9);
        assert_eq!(rooms.first_for(of(&[2, 5])), Some(of(&[5])));
        let all: Vec<u32> = (0..64).collect();
        assert_eq!(rooms.first_for(of(&all)), Some(of(&[8])));
    }

    #[test]
    fn d8_a_row_that_ends_nowhere_is_not_begun() {
        assert_eq!(row(0..5, 7).first_for(of(&[0])), None);
        assert_eq!(row(1..5, 5).first_for(of(&[0])), None, "nobody is alone there");
    }
}
