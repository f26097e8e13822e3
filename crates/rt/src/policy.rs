//! Scheduling policy: how much a thread counts, and how soon it wants to run.

pub use abi::scheduling::LatencyClass;

use crate::cap::{Client, client};
use crate::error::Error;
use crate::message::{Aligned, EMPTY, Flat};
use crate::pending::{VOID_ROOM, call, call_void};

client! {
    /// Weight and latency class of one thread: the calling one, or whichever a supervisor chose.
    SchedulingPolicyCap, SCHEDULING_POLICY_CAP
}

/// What a thread has used so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its weight, 1 to 1024; 64 is ordinary.
    pub weight: u16,
    /// Time on a CPU, in nanoseconds.
    pub runtime_ns: u64,
    /// Times it gave up the CPU to wait for something.
    pub voluntary_blocks: u64,
    /// Times it was made to give up the CPU.
    pub preemptions: u64,
    /// Time it could have run but did not, in nanoseconds.
    pub waiting_ns: u64,
}

impl SchedulingPolicyCap {
    /// Sets the weight; anything outside 1 to 1024 is refused as an invalid argument.
    pub fn set_weight(&self, weight: u16) -> Result<(), Error> {
        call_void(self.cap().method(0), Flat::<24>::new().u16(0, weight).bytes())
    }

    /// Sets the latency class.
    pub fn set_latency_class(&self, class: LatencyClass) -> Result<(), Error> {
        self.set_latency_class_number(class.number())
    }

    /// Sets the latency class by number, right or wrong.
    pub fn set_latency_class_number(&self, number: u16) -> Result<(), Error> {
        call_void(self.cap().method(1), Flat::<24>::new().u16(0, number).bytes())
    }

    /// Counters of the thread, its present run included.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        call(self.cap().method(2), &EMPTY, &mut room.0).map(|reply| Snapshot {
            weight: reply.u16(0),
            runtime_ns: reply.u64(8),
            voluntary_blocks: reply.u64(24),
            preemptions: reply.u64(32),
            waiting_ns: reply.u64(40),
        })
    }
}
