//! The load of every CPU, published under its lock and read by everybody without one. Rules B1, B5 and S1.
//!
//! Placement reads it to choose a CPU before any queue is locked. A reading may be a moment old: then the choice is
//! a little worse, never wrong, since the queue itself is only touched under its lock.
//!
//! Beside each CPU's load there are two bits, in words of 64 CPUs, so that whoever looks for a CPU reads a line for 64
//! of them: *idle*, it would run a thread at once, and *crowded*, a thread waits there that could be stolen. One pair of
//! readings must not cross: a CPU goes idle and sees nobody crowded, while a thread begins to wait and its waker sees
//! nobody idle. So the bits are written and read with sequential consistency: each side sets its bit before it looks for
//! the other's, and at least one sees the other. models runs this file in every order there is.
//!
//! Everything is written under the CPU's lock, with one exception: anybody may clear an idle bit, and so has called that
//! CPU ([`LoadBoard::call`]). Setting and clearing are single steps, so a CPU that is called while it publishes itself is
//! idle again or called, and in the second case the interrupt is still to come, after which it publishes again.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::cpu::{Cpu, Running};
use crate::entity::Reach;
use crate::ids::CpuId;
use crate::time::{Instant, Nanos, VirtualTime};
use crate::weight::EffectiveWeight;
use crate::word::AtomicWord;

/// How busy one CPU is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Threads that wait for it.
    pub waiting: u32,
    /// Whether it runs a thread.
    pub running: bool,
    /// The effective weight of all of them.
    pub weight: u32,
}

impl Load {
    /// Threads that want this CPU, the running one included.
    #[must_use]
    pub const fn runnable(&self) -> u32 {
        self.waiting.saturating_add(self.running as u32)
    }

    /// Whether nobody runs and nobody waits.
    #[must_use]
    pub const fn idle(&self) -> bool {
        !self.running && self.waiting == 0
    }

    /// Whether a thread waits that another CPU may take. A CPU that was woken for its only thread is about to run it.
    #[must_use]
    pub const fn crowded(&self) -> bool {
        self.waiting > !self.running as u32
    }

    /// Weight in the low half, waiting threads above it, then the bits for online and running.
    const fn packed(self) -> u64 {
        let waiting = if self.waiting > WAITING_LIMIT {
            WAITING_LIMIT
        } else {
            self.waiting
        };
        (self.weight as u64) | ((waiting as u64) << 32) | ONLINE | ((self.running as u64) << 63)
    }

    const fn unpacked(bits: u64) -> Option<Load> {
        if bits & ONLINE == 0 {
            return None;
        }
        Some(Load {
            waiting: (bits >> 32) as u32 & WAITING_LIMIT,
            running: bits >> 63 != 0,
            weight: bits as u32,
        })
    }
}

const WAITING_LIMIT: u32 = u32::MAX >> 2;
const ONLINE: u64 = 1 << 62;
const OFFLINE: u64 = 0;

/// How many CPUs share a word of the sets below.
pub const GROUP: usize = u64::BITS as usize;

/// Where a CPU's bit is: which group, and which bit of its words.
#[inline]
const fn place_of(cpu: CpuId) -> (usize, u64) {
    (cpu.index() / GROUP, 1 << (cpu.index() % GROUP))
}

/// Read access to everybody's load: what placement decides by. A view that knows loads only has the sets derived from
/// them, which is slow, and fine for tests.
pub trait LoadView {
    /// The load of `cpu`, or `None` when it is not online.
    fn load(&self, cpu: CpuId) -> Option<Load>;

    /// The idle CPUs of a group of [`GROUP`], as bits; `group` counts from 0 and may be beyond the last one.
    fn idle_in(&self, group: usize) -> u64 {
        gather(group, |cpu| self.load(cpu).is_some_and(|load| load.idle()))
    }

    /// The CPUs of a group where a thread waits that another one may take.
    fn crowded_in(&self, group: usize) -> u64 {
        gather(group, |cpu| self.load(cpu).is_some_and(|load| load.crowded()))
    }

    /// Whether it is worth looking for an idle CPU.
    fn somebody_is_idle(&self) -> bool {
        true
    }

    /// Whether `cpu` is idle, and nobody has called it yet.
    fn is_idle(&self, cpu: CpuId) -> bool {
        let (group, bit) = place_of(cpu);
        self.idle_in(group) & bit != 0
    }
}

fn gather(group: usize, holds: impl Fn(CpuId) -> bool) -> u64 {
    let first = (group * GROUP) as u32;
    (0..GROUP as u32)
        .filter(|bit| holds(CpuId(first + bit)))
        .fold(0, |bits, bit| bits | 1 << bit)
}

/// One CPU's column, alone on its cache lines so that publishing disturbs no neighbour.
#[derive(Debug)]
#[repr(align(128))]
struct Column<W> {
    load: W,
    clock: W,
    /// How far the CPU's threads had come, on its clock, at the instant `as_of`.
    level: W,
    as_of: W,
    /// Where the thread that it runs may run.
    reach: W,
    /// Whether it has idled since somebody compared himself with it.
    has_idled: W,
    /// What is added to a time on its clock to compare it with times on other CPUs' clocks. It only grows.
    offset: W,
}

/// What is known at a glance about [`GROUP`] CPUs.
#[derive(Debug)]
#[repr(align(128))]
struct Group<W> {
    idle: W,
    crowded: W,
}

/// How far one CPU has come, and how fast it goes on. For [`crate::balance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// How far its threads have come on average, comparable between CPUs.
    pub(crate) level: VirtualTime,
    /// Their weight: the level rises by elapsed time × 64 / weight.
    pub(crate) weight: u64,
    /// Whether one thread has the CPU for itself.
    pub(crate) alone: bool,
    /// For how long, at least.
    pub(crate) alone_for: Nanos,
    /// Where the thread that it runs may run.
    pub(crate) reach: Reach,
    /// Whether it has idled since somebody compared himself with it.
    pub(crate) has_idled: bool,
}

/// The loads of all CPUs. The memory is sized once, when the number of CPUs is known. `W` are the words in it.
#[derive(Debug)]
pub struct LoadBoard<W = AtomicU64> {
    columns: Box<[Column<W>]>,
    groups: Box<[Group<W>]>,
}

impl LoadBoard {
    /// A board for CPUs 0 to `cpu_count - 1`, none of them online.
    #[must_use]
    pub fn new(cpu_count: u32) -> LoadBoard {
        LoadBoard::with_words(cpu_count)
    }
}

impl<W: AtomicWord> LoadBoard<W> {
    /// The same on words of any kind.
    #[must_use]
    pub fn with_words(cpu_count: u32) -> LoadBoard<W> {
        let zero = || W::new(0);
        let column = |_| Column {
            load: W::new(OFFLINE),
            clock: zero(),
            level: zero(),
            as_of: zero(),
            reach: zero(),
            has_idled: zero(),
            offset: zero(),
        };
        let group = |_| Group {
            idle: zero(),
            crowded: zero(),
        };
        LoadBoard {
            columns: (0..cpu_count).map(column).collect(),
            groups: (0..(cpu_count as usize).div_ceil(GROUP)).map(group).collect(),
        }
    }

    /// Publishes a CPU's load and clock, and with them that it is online. Called by whoever changed its queue, under
    /// its lock; a CPU that is about to idle publishes before it looks for threads to steal.
    pub fn publish<P>(&self, cpu: &Cpu<P>) {
        let Some(column) = self.columns.get(cpu.id().index()) else {
            return;
        };
        // Nobody asks how far the only CPU has come.
        if self.columns.len() > 1 {
            column.clock.store(cpu.clock().0, Ordering::Relaxed);
            column.level.store(cpu.level().0, Ordering::Relaxed);
            let as_of = cpu.running().map_or(Instant::BOOT, Running::charged_to);
            column.as_of.store(as_of.0, Ordering::Relaxed);
            let reach = cpu.running().map_or(Reach::NOWHERE, Running::reach);
            column.reach.store(reach.bits(), Ordering::Relaxed);
            if cpu.load().idle() {
                column.has_idled.store(1, Ordering::Relaxed);
            }
        }
        self.write(cpu.id(), column, Some(cpu.load()));
    }

    /// Marks a CPU as gone: no placement chooses it until it publishes again. Called under its lock.
    pub fn withdraw(&self, cpu: CpuId) {
        if let Some(column) = self.columns.get(cpu.index()) {
            self.write(cpu, column, None);
        }
    }

    /// Calls an idle CPU that [`crate::placement::helper`] named, so that nobody else calls it or sends it a thread
    /// meanwhile. `true`: interrupt it now. `false`: it is not idle any more, or called already. It counts as called until
    /// it publishes, which it does before it looks for threads to steal, whether it then finds one or not.
    #[must_use = "a CPU that was called has to be interrupted"]
    pub fn call(&self, cpu: CpuId) -> bool {
        let (group, bit) = place_of(cpu);
        let Some(group) = self.groups.get(group) else {
            return false;
        };
        group.idle.fetch_and(!bit, Ordering::SeqCst) & bit != 0
    }

    #[inline]
    fn write(&self, cpu: CpuId, column: &Column<W>, load: Option<Load>) {
        let bits = load.map_or(OFFLINE, Load::packed);
        let idle = load.is_some_and(|load| load.idle());
        if column.load.load(Ordering::Relaxed) == bits && !idle {
            // As most often: one thread has made way for another. Only a call changes a bit behind its CPU's back.
            return;
        }
        column.load.store(bits, Ordering::Release);
        let (group, bit) = place_of(cpu);
        if let Some(group) = self.groups.get(group) {
            put(&group.idle, bit, idle);
            put(&group.crowded, bit, load.is_some_and(|load| load.crowded()));
        }
    }

    /// How far a CPU that runs a thread has come by `now`, or `None` when it runs none.
    pub(crate) fn pace(&self, cpu: CpuId, now: Instant) -> Option<Pace> {
        let load = self.load(cpu).filter(|load| load.running)?;
        let column = self.columns.get(cpu.index())?;
        let ran = now.since(Instant(column.as_of.load(Ordering::Relaxed)));
        let weight = u64::from(load.weight.max(1));
        let since = ran.0.saturating_mul(EffectiveWeight::REFERENCE) / weight;
        let level = VirtualTime(column.level.load(Ordering::Relaxed)).after(since);
        Some(Pace {
            level: self.comparable(cpu, level),
            weight,
            alone: load.waiting == 0,
            alone_for: if load.waiting == 0 { ran } else { Nanos::ZERO },
            reach: Reach::from_bits(column.reach.load(Ordering::Relaxed)),
            has_idled: column.has_idled.load(Ordering::Relaxed) != 0,
        })
    }

    /// Whether a CPU idles that this may include.
    pub(crate) fn some_idle(&self, reach: Reach) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|group| group.idle.load(Ordering::SeqCst) & reach.bits() != 0)
    }

    /// A time on a CPU's clock as it compares with times on the clocks of others.
    pub(crate) fn comparable(&self, cpu: CpuId, on_its_clock: VirtualTime) -> VirtualTime {
        let column = self.columns.get(cpu.index());
        on_its_clock.after(column.map_or(0, |column| column.offset.load(Ordering::Relaxed)))
    }

    /// Forgets that a CPU lags: from now on all times on its clock count as `span` later.
    pub(crate) fn forgive(&self, cpu: CpuId, span: u64) {
        if let Some(column) = self.columns.get(cpu.index()) {
            column.offset.fetch_add(span, Ordering::Relaxed);
        }
    }

    /// The same for one that nobody is owed anything on: it counts from here.
    pub(crate) fn begin_anew(&self, cpu: CpuId, span: u64) {
        if let Some(column) = self.columns.get(cpu.index()) {
            column.has_idled.store(0, Ordering::Relaxed);
        }
        self.forgive(cpu, span);
    }

    /// A recent reading of a CPU's virtual clock, for [`crate::entity::Entity::observe_home_clock`].
    #[must_use]
    pub fn clock(&self, cpu: CpuId) -> VirtualTime {
        let column = self.columns.get(cpu.index());
        VirtualTime(column.map_or(0, |column| column.clock.load(Ordering::Relaxed)))
    }
}

/// Gives a CPU's bit the value that its load asks for. Bits that are right already, as they mostly are, are not written:
/// whoever set them held this CPU's lock before, or is about to interrupt it.
#[inline]
fn put<W: AtomicWord>(word: &W, bit: u64, wanted: bool) {
    let is = word.load(Ordering::Relaxed) & bit != 0;
    if is == wanted {
        return;
    }
    if wanted {
        word.fetch_or(bit, Ordering::SeqCst);
    } else {
        word.fetch_and(!bit, Ordering::SeqCst);
    }
}

impl<W: AtomicWord> LoadView for LoadBoard<W> {
    fn load(&self, cpu: CpuId) -> Option<Load> {
        let bits = self.columns.get(cpu.index())?.load.load(Ordering::Acquire);
        let mut load = Load::unpacked(bits)?;
        if load.idle() && !self.is_idle(cpu) {
            // It was called: a thread is as good as there.
            load.waiting = 1;
        }
        Some(load)
    }

    #[inline]
    fn idle_in(&self, group: usize) -> u64 {
        let group = self.groups.get(group);
        group.map_or(0, |group| group.idle.load(Ordering::SeqCst))
    }

    #[inline]
    fn crowded_in(&self, group: usize) -> u64 {
        let group = self.groups.get(group);
        group.map_or(0, |group| group.crowded.load(Ordering::SeqCst))
    }

    #[inline]
    fn somebody_is_idle(&self) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|group| group.idle.load(Ordering::SeqCst) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::EnqueueReason;
    use crate::entity::Entity;
    use crate::fair::Policy;
    use crate::ids::ThreadId;
    use crate::time::Instant;
    use crate::weight::{LatencyClass, Weight};

    #[test]
    fn a_load_survives_packing() {
        for load in [
            Load::default(),
            Load {
                waiting: 3,
                running: true,
                weight: 192,
            },
            Load {
                waiting: WAITING_LIMIT,
                running: false,
                weight: u32::MAX,
            },
        ] {
            assert_eq!(Load::unpacked(load.packed()), Some(load));
        }
    }

    #[test]
    fn a_cpu_is_on_the_board_from_its_first_publication_until_it_withdraws() {
        let board = LoadBoard::new(2);
        let cpu: Cpu<()> = Cpu::new(CpuId(1), Policy::default(), Instant::BOOT);
        assert_eq!(board.load(CpuId(1)), None);
        board.publish(&cpu);
        assert_eq!(board.load(CpuId(1)), Some(Load::default()));
        board.withdraw(CpuId(1));
        assert_eq!(board.load(CpuId(1)), None);
        assert_eq!(board.load(CpuId(2)), None, "not a CPU of this machine");
    }

    #[test]
    fn s1_the_board_knows_whether_somebody_is_idle() {
        let board = LoadBoard::new(2);
        let mut cpus = [0, 1].map(|id| Cpu::<()>::new(CpuId(id), Policy::default(), Instant::BOOT));
        assert!(!board.somebody_is_idle(), "nobody is online");
        cpus.iter().for_each(|cpu| board.publish(cpu));
        for (id, cpu) in (0..).zip(&mut cpus) {
            assert!(board.somebody_is_idle());
            let thread = Entity::new(ThreadId(id), Weight::DEFAULT, LatencyClass::Normal, ());
            let _ = cpu.enqueue(thread, EnqueueReason::New, Instant::BOOT);
            board.publish(cpu);
        }
        assert!(!board.somebody_is_idle());
        let rank = cpus[1].queued().next().map(Entity::rank);
        assert!(cpus[1].remove(rank.unwrap(), Instant::BOOT).is_some());
        board.publish(&cpus[1]);
        board.publish(&cpus[1]);
        assert!(board.somebody_is_idle());
        board.withdraw(CpuId(1));
        board.withdraw(CpuId(1));
        assert!(!board.somebody_is_idle());
    }

    // Of a thousand CPUs each has a clock and an offset of its own, on both sides of every boundary between words.
    #[test]
    fn d3_every_cpu_is_read_in_its_own_column_and_forgiven_alone() {
        let board = LoadBoard::new(1_024);
        let all = || (0..1_024).map(CpuId);
        for id in all() {
            let mut cpu = Cpu::new(id, Policy::default(), Instant::BOOT);
            let mut thread = Entity::new(ThreadId(1), Weight::DEFAULT, LatencyClass::Normal, ());
            thread.share.start_at(VirtualTime::START.after(id.0.into()));
            let _ = cpu.begin(&mut thread, Instant::BOOT);
            // Alone, so the clock goes with it.
            let _ = cpu.uncollected(Instant(1));
            board.publish(&cpu);
        }
        for id in all() {
            assert_eq!(
                board.clock(id),
                VirtualTime::START.after(u64::from(id.0) + 1),
                "{id}"
            );
        }
        let time = VirtualTime::START;
        for id in [0, 1, 63, 64, 65, 127, 128, 700, 1_023].map(CpuId) {
            let before: std::vec::Vec<_> = all().map(|other| board.comparable(other, time)).collect();
            board.forgive(id, 1_000 + u64::from(id.0));
            for (other, before) in all().zip(before) {
                let forgiven = if other == id { 1_000 + u64::from(id.0) } else { 0 };
                assert_eq!(
                    board.comparable(other, time),
                    before.after(forgiven),
                    "{id} forgiven, {other} read"
                );
            }
        }
    }

    #[test]
    fn b1_an_idle_cpu_is_called_once_until_it_publishes_again() {
        let board = LoadBoard::new(2);
        let cpu = Cpu::<()>::new(CpuId(1), Policy::default(), Instant::BOOT);
        assert!(!board.call(CpuId(1)), "not online");
        board.publish(&cpu);
        assert!(board.call(CpuId(1)));
        assert!(!board.call(CpuId(1)));
        assert!(!board.somebody_is_idle());
        assert_eq!(
            board.load(CpuId(1)).map(|load| load.idle()),
            Some(false),
            "placement leaves it alone, too"
        );
        board.publish(&cpu);
        assert!(board.somebody_is_idle() && board.call(CpuId(1)));
    }
}
