//! What simulated threads wait for: locks, conditions, barriers, pipes and endpoints. They know threads by their index and
//! answer with the threads whose wish is now granted; waking those is the machine's business.

use std::collections::VecDeque;

use super::threads::{Index, Wish};
use crate::scenario::{EndpointId, Scenario};

/// A lock. It is given to waiters in order of arrival, from owner to owner.
#[derive(Debug, Default)]
struct Lock {
    owner: Option<Index>,
    waiters: VecDeque<Index>,
}

#[derive(Debug)]
struct Barrier {
    size: usize,
    waiters: Vec<Index>,
}

/// A pipe; who waits at an end is served in order of arrival.
#[derive(Debug)]
struct Pipe {
    capacity: u32,
    filled: u32,
    readers: VecDeque<(Index, u32)>,
    writers: VecDeque<(Index, u32)>,
}

#[derive(Debug, Default)]
struct Endpoint {
    servers: VecDeque<Index>,
    callers: VecDeque<Index>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Objects {
    locks: Vec<Lock>,
    conditions: Vec<VecDeque<Index>>,
    barriers: Vec<Barrier>,
    pipes: Vec<Pipe>,
    endpoints: Vec<Endpoint>,
}

/// The threads whose wishes an operation has granted.
pub(super) type Granted = Vec<Index>;

impl Objects {
    pub(super) fn new(scenario: &Scenario) -> Objects {
        Objects {
            locks: scenario.locks.iter().map(|_| Lock::default()).collect(),
            conditions: scenario.conditions.iter().map(|_| VecDeque::new()).collect(),
            barriers: scenario
                .barriers
                .iter()
                .map(|barrier| Barrier {
                    size: barrier.size.max(1) as usize,
                    waiters: Vec::new(),
                })
                .collect(),
            pipes: scenario
                .pipes
                .iter()
                .map(|pipe| Pipe {
                    capacity: pipe.capacity,
                    filled: 0,
                    readers: VecDeque::new(),
                    writers: VecDeque::new(),
                })
                .collect(),
            endpoints: scenario.endpoints.iter().map(|_| Endpoint::default()).collect(),
        }
    }

    /// Takes the lock, or lists the thread; `true`: it has the lock. Whoever has it already waits for itself, as on every system whose locks
    /// do not count.
    pub(super) fn lock(&mut self, lock: u16, thread: Index) -> bool {
        let lock = &mut self.locks[usize::from(lock)];
        if lock.owner.is_some() {
            lock.waiters.push_back(thread);
            return false;
        }
        lock.owner = Some(thread);
        true
    }

    /// Gives the lock to whoever waits longest, if `thread` has it.
    pub(super) fn unlock(&mut self, lock: u16, thread: Index) -> Option<Index> {
        let lock = &mut self.locks[usize::from(lock)];
        if lock.owner != Some(thread) {
            return None;
        }
        lock.owner = lock.waiters.pop_front();
        lock.owner
    }

    pub(super) fn await_condition(&mut self, condition: u16, thread: Index) {
        self.conditions[usize::from(condition)].push_back(thread);
    }

    pub(super) fn signal(&mut self, condition: u16) -> Option<Index> {
        self.conditions[usize::from(condition)].pop_front()
    }

    pub(super) fn broadcast(&mut self, condition: u16) -> Granted {
        self.conditions[usize::from(condition)].drain(..).collect()
    }

    /// Arrives; the others, if this was the last. `None`: the thread is listed.
    pub(super) fn arrive(&mut self, barrier: u16, thread: Index) -> Option<Granted> {
        let barrier = &mut self.barriers[usize::from(barrier)];
        if barrier.waiters.len() + 1 < barrier.size {
            barrier.waiters.push(thread);
            return None;
        }
        Some(core::mem::take(&mut barrier.waiters))
    }

    /// Writes, or lists the thread; whether it wrote, and who could go on because of it.
    pub(super) fn write(&mut self, pipe: u16, bytes: u32, thread: Index) -> (bool, Granted) {
        let pipe = &mut self.pipes[usize::from(pipe)];
        pipe.writers.push_back((thread, bytes.min(pipe.capacity)));
        pipe.settle(thread)
    }

    /// Reads, or lists the thread; whether it read, and who could go on because of it.
    pub(super) fn read(&mut self, pipe: u16, bytes: u32, thread: Index) -> (bool, Granted) {
        let pipe = &mut self.pipes[usize::from(pipe)];
        pipe.readers.push_back((thread, bytes.min(pipe.capacity)));
        pipe.settle(thread)
    }

    /// A client calls: the server that waited longest, or `None` when the client is listed.
    pub(super) fn call(&mut self, endpoint: EndpointId, client: Index) -> Option<Index> {
        let endpoint = &mut self.endpoints[usize::from(endpoint.0)];
        let server = endpoint.servers.pop_front();
        if server.is_none() {
            endpoint.callers.push_back(client);
        }
        server
    }

    /// A server is ready: the client that waited longest, or `None` when the server is listed.
    pub(super) fn serve(&mut self, endpoint: EndpointId, server: Index) -> Option<Index> {
        let endpoint = &mut self.endpoints[usize::from(endpoint.0)];
        let client = endpoint.callers.pop_front();
        if client.is_none() {
            endpoint.servers.push_back(server);
        }
        client
    }

    /// A thread that is listed for this dies.
    pub(super) fn forget(&mut self, wish: Wish, thread: Index) -> Granted {
        let is_it = |listed: &Index| *listed == thread;
        match wish {
            Wish::Nothing | Wish::Time | Wish::Resumption => {}
            Wish::Lock(lock) => self.locks[usize::from(lock.0)].waiters.retain(|at| !is_it(at)),
            Wish::Condition(condition) => self.conditions[usize::from(condition.0)].retain(|at| !is_it(at)),
            Wish::Barrier(barrier) => self.barriers[usize::from(barrier.0)]
                .waiters
                .retain(|at| !is_it(at)),
            Wish::Pipe(pipe) => {
                let pipe = &mut self.pipes[usize::from(pipe.0)];
                pipe.readers.retain(|(at, _)| !is_it(at));
                pipe.writers.retain(|(at, _)| !is_it(at));
                return pipe.settle(thread).1;
            }
            Wish::Answer(endpoint) => self.endpoints[usize::from(endpoint.0)]
                .callers
                .retain(|at| !is_it(at)),
            Wish::Client(endpoint) => self.endpoints[usize::from(endpoint.0)]
                .servers
                .retain(|at| !is_it(at)),
        }
        Granted::new()
    }

    /// Who has a lock.
    pub(super) fn owner(&self, lock: u16) -> Option<Index> {
        self.locks[usize::from(lock)].owner
    }

    /// How many threads are at a barrier, and how many it waits for.
    pub(super) fn at_barrier(&self, barrier: u16) -> (usize, usize) {
        let barrier = &self.barriers[usize::from(barrier)];
        (barrier.waiters.len(), barrier.size)
    }

    /// How many bytes are in a pipe, and how many fit.
    pub(super) fn in_pipe(&self, pipe: u16) -> (u32, u32) {
        let pipe = &self.pipes[usize::from(pipe)];
        (pipe.filled, pipe.capacity)
    }

    /// Takes every lock from a thread that dies, as robust locks are; their new owners.
    pub(super) fn release_all(&mut self, thread: Index) -> Granted {
        (0..self.locks.len() as u16)
            .filter_map(|lock| self.unlock(lock, thread))
            .collect()
    }
}

impl Pipe {
    /// Moves what can be moved, in order of arrival at each end: whether `own` is done, and who else is.
    fn settle(&mut self, own: Index) -> (bool, Granted) {
        let mut done = Granted::new();
        loop {
            let filled = self.filled;
            if let Some((reader, _)) = self.readers.pop_front_if(|(_, bytes)| {
                let enough = *bytes <= self.filled;
                self.filled -= if enough { *bytes } else { 0 };
                enough
            }) {
                done.push(reader);
                continue;
            }
            if let Some((writer, _)) = self.writers.pop_front_if(|(_, bytes)| {
                let fits = self.filled + *bytes <= self.capacity;
                self.filled += if fits { *bytes } else { 0 };
                fits
            }) {
                done.push(writer);
                continue;
            }
            debug_assert_eq!(filled, self.filled);
            break;
        }
        let others: Granted = done.iter().copied().filter(|thread| *thread != own).collect();
        (others.len() < done.len(), others)
    }
}
