//! A task: the half of a thread that CPUs know. Where it rests, waits and runs, which page tables it runs on, what it may
//! use and has used, and that it is to end. What it is to the rest of the kernel they ask nobody: they give it a turn
//! (`work`). The task as a value with registers is an entity (`body`), owned by the CPU that runs it, by a run queue, or,
//! while it rests, by the parking cell in here (rule B2).

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use machine::Lock;
use machine::attribution::Site;
use machine::memory::address_space::AddressSpace;
use machine::user::Context;
use sched::{
    Account, Affinity, CpuId, Deadline, Entity, LatencyClass, Parking, ThreadId, Usage, Weight, Whereabouts,
};

use super::Owned;
use super::body::Body;
use super::cpus;
use super::timer::Timer;
use crate::memory::account::Cost;

/// What a task used, as of the last time it left a CPU. Written by the CPU it left, read to be shown.
#[derive(Default)]
struct Published {
    runtime: AtomicU64,
    virtual_runtime: AtomicU64,
    switches: AtomicU64,
    preemptions: AtomicU64,
    voluntary_blocks: AtomicU64,
    migrations: AtomicU64,
    waiting: AtomicU64,
    last_cpu: AtomicU32,
}

/// A task's record, which others see.
pub struct Task {
    id: ThreadId,
    pages: Arc<AddressSpace>,
    /// Its parking cell: where it is while it is blocked, and whether it was woken while it was not.
    pub cell: Lock<Parking<Owned>>,
    dying: AtomicBool,
    /// It has lent its CPU time, and is to have it again before it is woken.
    lends: AtomicBool,
    /// In which queue it was put last, and at which rank.
    pub queued: Whereabouts,
    /// Where it may run, as set last.
    pub affinity: Lock<Affinity>,
    /// Weight in the low half, class above: as set last.
    policy: AtomicU32,
    /// What its time is counted in, besides its own account.
    usage: Arc<Usage>,
    published: Published,
    /// Memory for the time-out of its wait, while it is not in a queue.
    deadline: Lock<Option<Box<Deadline<Timer>>>>,
}

impl Task {
    /// What a task takes: its record, its entity, and the registers.
    pub fn cost() -> Cost {
        let bytes = size_of::<Task>() + size_of::<Entity<Body>>() + size_of::<Deadline<Timer>>();
        // Sets of CPUs where it may run: what it has, what is noted, and what it had, which a running CPU may keep.
        let sets = 3 * cpus::all().len().div_ceil(8);
        Cost::heap(bytes + sets + Context::saved_bytes())
    }

    /// A task that runs on these page tables, for which [`Task::cost`] was charged. Its id is no other's in the machine.
    pub fn new(id: ThreadId, pages: Arc<AddressSpace>, usage: Arc<Usage>) -> Arc<Task> {
        Arc::new(Task {
            id,
            pages,
            cell: Site::ParkingCell.lock(Parking::new()),
            dying: AtomicBool::new(false),
            lends: AtomicBool::new(false),
            queued: Whereabouts::new(),
            affinity: Lock::new(Affinity::Any),
            policy: AtomicU32::new(pack(Weight::default(), LatencyClass::Normal)),
            usage,
            published: Published::default(),
            deadline: Lock::new(Some(Deadline::new(Timer::None))),
        })
    }

    /// Its id, unique in the machine.
    #[inline]
    pub fn id(&self) -> ThreadId {
        self.id
    }

    /// Its id as traces show it.
    #[inline]
    pub fn trace_id(&self) -> abi::trace::Thread {
        abi::trace::Thread(self.id.0)
    }

    /// The page tables it runs on.
    #[inline]
    pub fn pages(&self) -> &Arc<AddressSpace> {
        &self.pages
    }

    /// What its time is counted in, besides its own account.
    #[inline]
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Whether it has lent its CPU time, as of lately.
    #[inline]
    pub fn lends(&self) -> bool {
        self.lends.load(Relaxed)
    }

    /// Notes that.
    pub fn note_lending(&self, lends: bool) {
        self.lends.store(lends, Relaxed);
    }

    /// It is to end as soon as it is safe. Locks order this with the search for the task (`protocol::reach`).
    #[inline]
    pub fn is_dying(&self) -> bool {
        self.dying.load(Acquire)
    }

    /// Orders it to end; true the first time.
    pub fn order_to_die(&self) -> bool {
        !self.dying.swap(true, AcqRel)
    }

    /// Whether nothing of it is left to run: asserted when it has ended.
    pub fn is_gone(&self) -> bool {
        self.is_dying() && !self.cell.lock().is_resting()
    }

    /// Memory for a time-out, if it is not in a queue.
    pub fn take_deadline(&self) -> Option<Box<Deadline<Timer>>> {
        self.deadline.lock().take()
    }

    /// Gives the memory for its time-out back.
    pub fn keep_deadline(&self, memory: Box<Deadline<Timer>>) {
        let before = self.deadline.lock().replace(memory);
        drop(before);
    }

    /// Shows what it has used.
    #[inline]
    pub fn publish(&self, account: &Account) {
        let shown = &self.published;
        shown.runtime.store(account.runtime.0, Relaxed);
        shown.virtual_runtime.store(account.virtual_runtime, Relaxed);
        shown.switches.store(account.switches, Relaxed);
        shown.preemptions.store(account.preemptions, Relaxed);
        shown.voluntary_blocks.store(account.voluntary_blocks, Relaxed);
        shown.migrations.store(account.migrations, Relaxed);
        shown.waiting.store(account.waiting.0, Relaxed);
        shown
            .last_cpu
            .store(account.last_cpu.map_or(0, |cpu| cpu.0), Relaxed);
    }

    /// What it had used when it left a CPU last.
    pub fn shown(&self) -> Account {
        let shown = &self.published;
        Account {
            runtime: sched::Nanos(shown.runtime.load(Relaxed)),
            virtual_runtime: shown.virtual_runtime.load(Relaxed),
            switches: shown.switches.load(Relaxed),
            preemptions: shown.preemptions.load(Relaxed),
            voluntary_blocks: shown.voluntary_blocks.load(Relaxed),
            migrations: shown.migrations.load(Relaxed),
            waiting: sched::Nanos(shown.waiting.load(Relaxed)),
            last_cpu: Some(CpuId(shown.last_cpu.load(Relaxed))),
        }
    }

    /// Its weight and class.
    pub fn policy(&self) -> (Weight, LatencyClass) {
        unpack(self.policy.load(Relaxed))
    }

    /// Notes its weight and class; `protocol::reweigh` makes them effective.
    pub fn note_policy(&self, weight: Weight, class: LatencyClass) {
        self.policy.store(pack(weight, class), Relaxed);
    }
}

fn pack(weight: Weight, class: LatencyClass) -> u32 {
    u32::from(weight.get()) | u32::from(class.number()) << 16
}

fn unpack(packed: u32) -> (Weight, LatencyClass) {
    let class = LatencyClass::from_number((packed >> 16) as u16);
    (
        Weight::new(packed as u16).unwrap_or_default(),
        class.unwrap_or_default(),
    )
}
