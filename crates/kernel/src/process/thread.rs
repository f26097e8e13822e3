//! A thread's shared record: who it is, where it waits, what it has used, how it ended. The thread itself, as a
//! schedulable value with registers, is an entity owned by the CPU that runs it, by a run queue, or, while it is blocked,
//! by the parking cell in here (rule B2).

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use machine::Lock;
use machine::attribution::Site;
use machine::memory::address_space::AddressSpace;
use machine::user::Context;
use sched::{
    Account, Affinity, CpuId, Deadline, Entity, LatencyClass, Parking, ThreadId, Weight, Whereabouts,
};

use super::Process;
use crate::memory::account::{Charge, Cost, Short};
use crate::memory::waiting_list::WaitingList;
use crate::ring::Ring;
use crate::ring::operation::{Operation, WaitPlace};
use crate::run::Owned;
use crate::run::cpus::{self, CpuState};
use crate::run::thread_body::Body;
use crate::run::timer::Timer;

/// How a thread ended, and who wants to know.
#[derive(Default)]
struct End {
    code: Option<i64>,
    joiners: WaitingList<Operation>,
}

/// What a thread used, as of the last time it left a CPU. Written by the CPU it left, read to be shown.
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

/// A thread.
pub struct Thread {
    id: ThreadId,
    process: Arc<Process>,
    pages: Arc<AddressSpace>,
    /// The ring on which its `cap_enter` works.
    pub ring: Arc<Ring>,
    /// Its parking cell: where it is while it is blocked, and whether it was woken while it was not.
    pub cell: Lock<Parking<Owned>>,
    dying: AtomicBool,
    /// In which queue it was put last, and at which rank.
    pub queued: Whereabouts,
    /// Where it may run, as set last.
    pub affinity: Lock<Affinity>,
    /// Weight in the low half, class above: as set last.
    policy: AtomicU32,
    end: Lock<End>,
    published: Published,
    /// Memory for the time-out of its wait, while it is not in a queue.
    deadline: Lock<Option<Box<Deadline<Timer>>>>,
    /// For this record, the entity, its registers and the first places for joiners.
    _charge: Charge,
}

impl Thread {
    /// What a thread takes.
    pub fn cost() -> Cost {
        let bytes = size_of::<Thread>() + size_of::<Entity<Body>>() + size_of::<Deadline<Timer>>();
        // Sets of CPUs where it may run: what it has, what is noted, and what it had, which a running CPU may keep.
        let sets = 3 * cpus::all().len().div_ceil(8);
        Cost::heap(bytes + sets + Context::saved_bytes() + WaitingList::<Operation>::FIRST_BYTES)
    }

    /// A thread's record, for which [`Thread::cost`] was charged. `tid` counts from 1 in each process.
    pub fn new(process: Arc<Process>, tid: u32, ring: Arc<Ring>, charge: Charge) -> Arc<Thread> {
        let pages = process.space.pages().clone();
        let id = ThreadId(u64::from(process.pid) << 32 | u64::from(tid));
        Arc::new(Thread {
            id,
            process,
            pages,
            ring,
            cell: Site::ParkingCell.lock(Parking::new()),
            dying: AtomicBool::new(false),
            affinity: Lock::new(Affinity::Any),
            queued: Whereabouts::new(),
            policy: AtomicU32::new(pack(Weight::default(), LatencyClass::Normal)),
            end: Lock::new(End::default()),
            published: Published::default(),
            deadline: Lock::new(Some(Deadline::new(Timer::None))),
            _charge: charge,
        })
    }

    /// Its id, unique in the machine.
    #[inline]
    pub fn id(&self) -> ThreadId {
        self.id
    }

    /// Its number in its process.
    #[inline]
    pub fn tid(&self) -> u32 {
        self.id.0 as u32
    }

    /// Its process.
    #[inline]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// The page tables it runs on.
    #[inline]
    pub fn pages(&self) -> &Arc<AddressSpace> {
        &self.pages
    }

    /// Its id as traces show it.
    #[inline]
    pub fn trace_id(&self) -> abi::trace::Thread {
        abi::trace::Thread(self.id.0)
    }

    /// The trace id of the thread that a CPU runs.
    pub fn current_trace_id(cpu: &CpuState) -> abi::trace::Thread {
        abi::trace::Thread(cpu.current.load(Relaxed))
    }

    /// It is to end as soon as it is safe. Locks order this with the search for the thread (`protocol::reach`).
    #[inline]
    pub fn is_dying(&self) -> bool {
        self.dying.load(Acquire)
    }

    /// Orders it to end; true the first time.
    pub fn order_to_die(&self) -> bool {
        !self.dying.swap(true, AcqRel)
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

    /// Notes its weight and class; see `objects::scheduling` for making them effective.
    pub fn note_policy(&self, weight: Weight, class: LatencyClass) {
        self.policy.store(pack(weight, class), Relaxed);
    }

    /// Its exit code, once it has ended.
    pub fn exit_code(&self) -> Option<i64> {
        self.end.lock().code
    }

    /// Lists somebody who waits for its end; the code if it has ended.
    ///
    /// # Errors
    /// When the list cannot grow, or its process cannot pay for that.
    pub fn on_exit(&self, joiner: &Operation) -> Result<Option<i64>, Short> {
        let mut end = self.end.lock();
        if end.code.is_none() {
            end.joiners.room_for_one_more(&joiner.ring().process.account)?;
            end.joiners.push_back(joiner.clone());
        }
        Ok(end.code)
    }

    /// It has ended: keeps the code and gives everybody who waits for it.
    pub fn finish(&self, code: i64) -> WaitingList<Operation> {
        let mut end = self.end.lock();
        end.code = Some(code);
        core::mem::take(&mut end.joiners)
    }

    /// Whether it has ended, for those that hold a handle.
    pub fn has_ended(&self) -> bool {
        self.end.lock().code.is_some()
    }

    /// Whether nothing of it is left to run: asserted when it has ended.
    pub fn is_gone(&self) -> bool {
        self.dying.load(Acquire) && !self.cell.lock().is_resting()
    }
}

impl WaitPlace for Thread {
    fn forget(&self, operation: &Operation) {
        self.end.lock().joiners.retain(|joiner| joiner != operation);
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
