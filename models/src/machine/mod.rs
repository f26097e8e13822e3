//! A whole machine of a few CPUs, on which threads block, wake each other, hand the CPU over, are stolen, yield, exit and
//! are killed, at once. Rules B1, B2, B4, B6 and P5 (docs/rules/); docs/mutants.md, rows 1, 3, 5 and 20.
//!
//! The states are too many to try all of them, so shuttle runs random schedules and such with few, well-placed
//! switches (PCT: Burckhardt and others, ASPLOS 2010), from fixed seeds. What a CPU's queue does, where a thread goes,
//! who steals from whom and what a parking place does is the kernel's code ([`Cpu`], [`sched::placement`], [`LoadBoard`],
//! [`sched::Parking`]), and so is the order in which all that is called, with its locks: the crate `protocol`, of which a CPU
//! of this machine is a [`host`]. What is written here is what threads do ([`script`]) and the CPU's loop around them ([`cpu`]).
//!
//! A run ends when the machine has settled: every CPU idles or runs a thread that would never end by itself, and no
//! interrupt is on its way. Then everything is compared with the rules ([`check`]). There are no timers: what only
//! comes right when a turn ends is wrong here.

pub mod check;
pub mod cpu;
pub mod host;
pub mod power;
pub mod script;
pub mod thread;
pub mod word;

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use protocol::Ground;
use sched::{Cpu, CpuId, Entity, Instant, LoadBoard, Policy, ThreadId, Topology};
use shuttle::sync::atomic::AtomicU64 as ShuttleU64;
use shuttle::sync::{Arc, Mutex};

use crate::Mistake;
use power::Power;
use thread::{Body, Thread};
use word::Word;

/// A thread as a value.
pub type Owned = Box<Entity<Body>>;

/// One CPU, as `kernel::run::cpus` has it.
pub struct CpuState {
    /// Its number.
    pub index: u32,
    /// Who waits for it and who runs.
    pub sched: Mutex<Cpu<Body>>,
    /// A thread woken by the running one, which gets the CPU if that one blocks now.
    pub candidate: Mutex<Option<Owned>>,
    /// The running thread's id, 0 for none.
    pub current: ShuttleU64,
}

/// The machine and its threads.
pub struct Machine {
    /// The CPUs.
    pub cpus: Vec<CpuState>,
    /// Everybody's load, and who is whose neighbour.
    pub ground: Ground<Word>,
    /// Every thread there ever was; thread n at n - 1.
    pub threads: Vec<Arc<Thread>>,
    /// Interrupts and sleep.
    pub power: Power,
    /// What is done wrong.
    pub mistake: Mistake,
    clock: AtomicU64,
}

impl Machine {
    /// A machine whose CPUs have not begun yet, and whose threads are on nobody's list yet.
    pub fn new(cpus: u32, threads: u64, mistake: Mistake) -> Machine {
        let state = |index| CpuState {
            index,
            sched: Mutex::new(Cpu::new(CpuId(index), Policy::default(), Instant::BOOT)),
            candidate: Mutex::new(None),
            current: ShuttleU64::new(0),
        };
        let machine = Machine {
            cpus: (0..cpus).map(state).collect(),
            ground: Ground {
                board: LoadBoard::with_words(cpus),
                topology: Topology::flat(cpus),
            },
            threads: (1..=threads)
                .map(|id| Arc::new(Thread::new(ThreadId(id))))
                .collect(),
            power: Power::new(cpus),
            mistake,
            clock: AtomicU64::new(0),
        };
        // All have come up before anybody may be told to run on one of them only.
        for cpu in &machine.cpus {
            machine.ground.board.publish(&cpu.sched.lock().unwrap());
        }
        machine
    }

    /// The time now: each look at the clock takes a microsecond.
    pub fn now(&self) -> Instant {
        Instant(self.clock.fetch_add(1_000, Relaxed))
    }

    /// The thread with this id.
    pub fn thread(&self, id: ThreadId) -> &Arc<Thread> {
        &self.threads[id.0 as usize - 1]
    }
}
