//! The kernel's state of each CPU. One lock guards its dispatch state, one its deadlines; the rest is written by the CPU
//! itself and read by others only to be shown (relaxed atomics: they are plain moves). No array here has a size that
//! the machine did not give (rule X2).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicU64};

use machine::attribution::Site;
use machine::{BootCell, Lock};
use protocol::Ground;
use sched::{Cpu, CpuId, DeadlineQueue, Entity, Instant, LoadBoard, OneShot, Policy, Topology};

use super::body::Body;
pub use super::counters::{Counters, count};
use super::noted::Noted;
use super::timer::Timer;

/// One CPU. What it writes itself shares no cache line with another CPU's, nor with the one that prefetchers bring along.
#[repr(align(128))]
pub struct CpuState {
    /// Its index.
    pub index: u32,
    /// Who waits for it and who runs: the scheduler's word.
    pub sched: Lock<Cpu<Body>>,
    /// What waits for time here.
    pub deadlines: Lock<DeadlineQueue<Timer>>,
    /// A task woken by the running one, which gets the CPU if the running one blocks now (`wake`).
    pub candidate: Lock<Option<Box<Entity<Body>>>>,
    /// The running thread is in a system call, so that a candidate makes sense.
    pub in_call: AtomicBool,
    /// Look at the queue before going back to user mode.
    pub reschedule: AtomicBool,
    /// When it has to look again at what it runs, and what its hardware timer is set for.
    pub timer: OneShot,
    /// The running thread's id, 0 for none.
    pub current: AtomicU64,
    /// The contexts of which something was noted here that somebody waits for. Told before the next turn.
    pub news: Noted,
    /// It came up at boot. On one that did not, nothing ever runs.
    pub has_started: bool,
    /// Its timer was proven to fire when it is told to: only then is CPU time enforced here (rule E12).
    pub keeps_time: AtomicBool,
    /// It takes threads, as all that started do before the first thread is made.
    pub online: AtomicBool,
    /// Always-on counters (rule A1).
    pub counters: Counters,
}

impl CpuState {
    /// Its id for the scheduler.
    #[inline]
    pub fn id(&self) -> CpuId {
        CpuId(self.index)
    }

    /// The running task's id as traces show it.
    #[inline]
    pub fn current_trace_id(&self) -> abi::trace::Thread {
        abi::trace::Thread(self.current.load(Relaxed))
    }
}

static CPUS: BootCell<Vec<CpuState>> = BootCell::new("run::CPUS");
static GROUND: BootCell<Ground<AtomicU64>> = BootCell::new("run::GROUND");

/// Makes the state of all CPUs, of which those that `has_started` says take threads, and serve them in the order of `policy`.
/// Called once, on the boot CPU.
pub fn init(topology: Topology, has_started: impl Fn(CpuId) -> bool, policy: Policy, now: Instant) {
    let count = topology.cpu_count();
    let states = (0..count)
        .map(|index| CpuState {
            index,
            sched: Site::Scheduler.lock(Cpu::new(CpuId(index), policy, now)),
            deadlines: Site::Deadlines.lock(DeadlineQueue::new()),
            candidate: Site::Candidate.lock(None),
            in_call: AtomicBool::new(false),
            reschedule: AtomicBool::new(false),
            timer: OneShot::new(),
            current: AtomicU64::new(0),
            news: Noted::default(),
            has_started: has_started(CpuId(index)),
            keeps_time: AtomicBool::new(false),
            online: AtomicBool::new(false),
            counters: Counters::default(),
        })
        .collect();
    CPUS.set(states);
    GROUND.set(Ground {
        board: LoadBoard::new(count),
        topology,
    });
}

/// All CPUs.
#[inline]
pub fn all() -> &'static [CpuState] {
    CPUS.get()
}

/// The CPU that runs this.
#[inline]
pub fn this() -> &'static CpuState {
    &all()[machine::cpu::index()]
}

/// The CPU with this index.
#[inline]
pub fn get(index: u32) -> Option<&'static CpuState> {
    all().get(index as usize)
}

/// Whether a CPU came up at boot.
pub fn has_started(cpu: CpuId) -> bool {
    get(cpu.0).is_some_and(|cpu| cpu.has_started)
}

/// Whether a CPU came up at boot and its timer keeps time.
pub fn keeps_time(cpu: CpuId) -> bool {
    get(cpu.0).is_some_and(|cpu| cpu.keeps_time.load(Relaxed))
}

/// What all CPUs see without a lock.
#[inline]
pub fn ground() -> &'static Ground<AtomicU64> {
    GROUND.get()
}
