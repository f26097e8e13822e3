//! Watching the whole machine, and getting hold of one thing in it.
//!
//! The answers are long and most callers want a few fields, so they are lent as the generated readers: the
//! closure takes what it needs. Fields are described in schema/monitor.capnp.

use alloc::vec::Vec;

use capnp::struct_list;
use schema_gen::monitor::{
    context_status, counter, cpu_capacity, cpu_status, monitor, process_status, system_status, thread_status,
};

use crate::cap::{Client, client};
use crate::error::Error;
use crate::message::{Aligned, EMPTY, Flat};
use crate::pending::{VOID_ROOM, bytes_of_mut, call};
use crate::placement::ThreadPlacement;
use crate::policy::SchedulingPolicyCap;
use crate::process::{ProcessHandle, TableEntry, table_entries};

client! {
    /// Sees processes, threads and CPUs, and changes nothing.
    Monitor, MONITOR
}

client! {
    /// Gives a handle to any process, and the policy of any thread.
    Supervisor, SUPERVISOR
}

/// Words of the largest answer a call may have.
const ROOM_WORDS: usize = abi::result::MAX_MESSAGE_BYTES as usize / 8;

/// Words of the counters of one CPU, several times over.
const COUNTERS_WORDS: usize = 2048;

/// A list in an answer.
pub type List<'a, T> = struct_list::Reader<'a, T>;

impl Monitor {
    /// The machine as a whole.
    pub fn system<R>(
        &self,
        read: impl FnOnce(system_status::Reader<'_>) -> capnp::Result<R>,
    ) -> Result<R, Error> {
        let mut room = Aligned::<4096>::zeroed();
        call(self.cap().method(0), &EMPTY, &mut room.0)?
            .read::<monitor::system_results::Owned, R>(|root| read(root.get_info()?))
    }

    /// Every CPU.
    pub fn cpus<R>(
        &self,
        read: impl FnOnce(List<'_, cpu_status::Owned>) -> capnp::Result<R>,
    ) -> Result<R, Error> {
        let mut words: Vec<u64> = alloc::vec![0; ROOM_WORDS];
        call(self.cap().method(1), &EMPTY, bytes_of_mut(&mut words))?
            .read::<monitor::cpus_results::Owned, R>(|root| read(root.get_cpus()?))
    }

    /// Every process, those that ended a while ago included.
    pub fn processes<R>(
        &self,
        read: impl FnOnce(List<'_, process_status::Owned>) -> capnp::Result<R>,
    ) -> Result<R, Error> {
        let mut words: Vec<u64> = alloc::vec![0; ROOM_WORDS];
        call(self.cap().method(2), &EMPTY, bytes_of_mut(&mut words))?
            .read::<monitor::processes_results::Owned, R>(|root| read(root.get_processes()?))
    }

    /// The threads of one process, or of all (`pid` 0).
    pub fn threads<R>(
        &self,
        pid: u32,
        read: impl FnOnce(List<'_, thread_status::Owned>) -> capnp::Result<R>,
    ) -> Result<R, Error> {
        let mut words: Vec<u64> = alloc::vec![0; ROOM_WORDS];
        call(
            self.cap().method(3),
            Flat::<24>::new().u32(0, pid).bytes(),
            bytes_of_mut(&mut words),
        )?
        .read::<monitor::threads_results::Owned, R>(|root| read(root.get_threads()?))
    }

    /// What a process holds.
    pub fn capabilities(&self, pid: u32) -> Result<Vec<TableEntry>, Error> {
        let mut words: Vec<u64> = alloc::vec![0; ROOM_WORDS];
        call(
            self.cap().method(4),
            Flat::<24>::new().u32(0, pid).bytes(),
            bytes_of_mut(&mut words),
        )?
        .read::<monitor::capabilities_results::Owned, _>(|root| table_entries(root.get_capabilities()?))
    }

    /// All that is counted on one CPU, with the time of the look in nanoseconds of the monotonic clock.
    pub fn counters<R>(
        &self,
        cpu: u32,
        read: impl FnOnce(u64, List<'_, counter::Owned>) -> capnp::Result<R>,
    ) -> Result<R, Error> {
        let mut words: Vec<u64> = alloc::vec![0; COUNTERS_WORDS];
        call(
            self.cap().method(5),
            Flat::<24>::new().u32(0, cpu).bytes(),
            bytes_of_mut(&mut words),
        )?
        .read::<monitor::counters_results::Owned, R>(|root| {
            read(root.get_monotonic_ns(), root.get_counters()?)
        })
    }
}

impl Monitor {
    /// Every scheduling context, and what may be reserved of each CPU.
    pub fn contexts<R>(
        &self,
        read: impl FnOnce(List<'_, context_status::Owned>, List<'_, cpu_capacity::Owned>) -> capnp::Result<R>,
    ) -> Result<R, Error> {
        let mut words: Vec<u64> = alloc::vec![0; ROOM_WORDS];
        call(self.cap().method(6), &EMPTY, bytes_of_mut(&mut words))?
            .read::<monitor::contexts_results::Owned, R>(|root| {
                read(root.get_contexts()?, root.get_capacities()?)
            })
    }
}

impl Supervisor {
    /// A handle to process `pid`.
    pub fn process(&self, pid: u32) -> Result<ProcessHandle, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        let reply = call(
            self.cap().method(0),
            Flat::<24>::new().u32(0, pid).bytes(),
            &mut room.0,
        )?;
        reply.cap(usize::from(reply.u16(0))).map(ProcessHandle::from_cap)
    }

    /// The scheduling policy of thread `tid` of process `pid`.
    pub fn thread_policy(&self, pid: u32, tid: u32) -> Result<SchedulingPolicyCap, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        let params = Flat::<24>::new().u32(0, pid).u32(4, tid);
        let reply = call(self.cap().method(1), params.bytes(), &mut room.0)?;
        reply
            .cap(usize::from(reply.u16(0)))
            .map(SchedulingPolicyCap::from_cap)
    }

    /// On which CPUs thread `tid` of process `pid` runs.
    pub fn thread_placement(&self, pid: u32, tid: u32) -> Result<ThreadPlacement, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        let params = Flat::<24>::new().u32(0, pid).u32(4, tid);
        let reply = call(self.cap().method(2), params.bytes(), &mut room.0)?;
        reply
            .cap(usize::from(reply.u16(0)))
            .map(ThreadPlacement::from_cap)
    }
}
