//! Endpoints: where processes call each other. A client's call meets a server's receive, in whichever order they come;
//! the answer goes straight back. Messages are opaque and are copied once, from the sender's memory into the receiver's.
//! Rules P6, P8 and P18 (docs/rules/endpoint.md); docs/abi.md, section 9.
//!
//! `call` is the client's side, `receive` and `answer` the server's, `delivery` what all three do to the other's memory
//! and capabilities. `leaving` is how owners let go, `chores` how one endpoint's end leads to the next one's, `check`
//! what is true between two operations.

pub mod answer;
pub mod call;
mod check;
mod chores;
mod delivery;
pub mod leaving;
pub mod receive;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use abi::result::Failure;
#[cfg(debug_assertions)]
use caps::CapId;
use caps::{Parcel, Remains};
use machine::Lock;
use machine::attribution::Site;
use machine::lock::LockGuard;
use sched::ThreadId;

use crate::capability::{Capability, InterfaceId};
use crate::memory::account::{Account, Charge, Cost, Short, refusable};
use crate::memory::waiting_list::{FIRST_PLACES, WaitingList};
use crate::process::Process;
use crate::process::thread::Thread;
use crate::ring::operation::{self, Operation, WaitPlace};
use crate::wire::ExceptionKind;
use check::Waiting;
use chores::Chores;

/// Threads of which the first is helped that can be.
const MOST_HELPED: usize = 4;

/// What a call says besides its parameters.
#[derive(Clone, Copy)]
pub struct Heading {
    interface: InterfaceId,
    method: u16,
    badge: u64,
}

impl Heading {
    /// Of a call of `method` through `capability`.
    #[inline]
    pub fn of(capability: &Capability, method: u16) -> Heading {
        Heading {
            interface: capability.interface,
            method,
            badge: capability.badge,
        }
    }
}

/// Somebody who waits here: its operation, and the thread that began it.
#[derive(Clone)]
struct Party {
    operation: Operation,
    thread: Arc<Thread>,
}

impl Party {
    /// Its process.
    #[inline]
    fn process(&self) -> &Arc<Process> {
        self.thread.process()
    }
}

/// A call that no receive was posted for yet.
struct Queued {
    caller: Party,
    heading: Heading,
    /// The parameters, copied out of the caller's memory.
    params: Vec<u8>,
    parcel: Parcel<Capability>,
    /// For the two above, to the caller's account.
    _charge: Charge,
}

// Who waits pays for its place in these lists with its operation.
const _: () = assert!(size_of::<Queued>() <= operation::LISTING_BYTES);

/// A call that was received and not answered. It gets here by [`State::is_received`].
struct InFlight {
    id: u32,
    caller: Party,
    /// The thread that received it.
    server: ThreadId,
    /// By which name the caller had the first of what it moved. Kept where it is asserted.
    #[cfg(debug_assertions)]
    moved: Option<CapId>,
}

struct State {
    /// The last owner is gone.
    closed: bool,
    receives: WaitingList<Party>,
    queue: WaitingList<Queued>,
    in_flight: Vec<InFlight>,
    last_id: u32,
    /// It is on a list of [`Chores`], before `next`.
    listed: bool,
    next: Option<Arc<Endpoint>>,
    /// Meetings of a call and a receive that whoever has it on a list will bring about.
    owed: usize,
    /// Meetings that are just being brought about.
    at_work: usize,
}

impl State {
    /// A call has been received: it can be answered as soon as the lock is let go. What it moved leaves the caller's table
    /// before, because whoever is told that its call was answered holds that no more. The rest of it is for
    /// [`leaving::settle`], without the lock.
    #[inline(always)]
    fn is_received(
        &mut self,
        id: u32,
        caller: Party,
        server: ThreadId,
        parcel: Parcel<Capability>,
    ) -> Option<Remains<Capability>> {
        #[cfg(debug_assertions)]
        let moved = parcel.moved().next();
        let remains = leaving::take_from_sender(caller.process(), parcel);
        self.in_flight.push(InFlight {
            id,
            caller,
            server,
            #[cfg(debug_assertions)]
            moved,
        });
        remains
    }

    /// Some threads that work for callers.
    fn servers(&self) -> [Option<ThreadId>; MOST_HELPED] {
        let mut servers = self.in_flight.iter().map(|call| call.server);
        core::array::from_fn(|_| servers.next())
    }
}

impl InFlight {
    /// The process that received it.
    #[inline]
    fn receiver(&self) -> u32 {
        (self.server.0 >> 32) as u32
    }
}

/// A meeting place of callers and servers.
pub struct Endpoint {
    state: Lock<State>,
    queue_limit: usize,
    in_flight_limit: usize,
    /// For itself, its calls in flight and the first places for who waits, to the account of whoever made it.
    _charge: Charge,
}

/// The right to receive and answer. When the last one goes, the endpoint is closed.
pub struct Owner {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        chores::after(|chores| chores.close(&self.endpoint));
    }
}

/// An endpoint's state, locked. In checked builds the rules are looked at whenever the lock is let go.
struct Locked<'a> {
    state: LockGuard<'a, State>,
    endpoint: &'a Endpoint,
}

impl Deref for Locked<'_> {
    type Target = State;

    #[inline]
    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            self.endpoint.assert_sound(&self.state);
        }
    }
}

impl Endpoint {
    /// A new endpoint's owner facet.
    ///
    /// # Errors
    /// When it cannot be charged to `account`.
    pub fn create(
        queue_limit: usize,
        in_flight_limit: usize,
        account: &Arc<Account>,
    ) -> Result<Arc<Owner>, Short> {
        let places = WaitingList::<Party>::FIRST_BYTES + WaitingList::<Queued>::FIRST_BYTES;
        let lists = in_flight_limit * size_of::<InFlight>() + places;
        let bytes = size_of::<Endpoint>() + size_of::<Owner>() + lists;
        let charge = account.charge(Cost::heap(bytes))?;
        let mut receives = WaitingList::default();
        refusable(|| receives.try_reserve_exact(FIRST_PLACES))?;
        let state = State {
            closed: false,
            receives,
            queue: WaitingList::default(),
            in_flight: Vec::with_capacity(in_flight_limit),
            last_id: 0,
            listed: false,
            next: None,
            owed: 0,
            at_work: 0,
        };
        let endpoint = Arc::new(Endpoint {
            state: Site::Endpoint.lock(state),
            queue_limit,
            in_flight_limit,
            _charge: charge,
        });
        Ok(Arc::new(Owner { endpoint }))
    }

    #[inline]
    fn lock(&self) -> Locked<'_> {
        Locked {
            state: self.state.lock(),
            endpoint: self,
        }
    }

    fn waiting(&self, state: &State) -> Waiting {
        Waiting {
            closed: state.closed,
            listed: state.listed,
            receives: state.receives.len(),
            queued: state.queue.len(),
            in_flight: state.in_flight.len(),
            in_flight_limit: self.in_flight_limit,
            attended: state.owed + state.at_work,
        }
    }

    fn assert_sound(&self, state: &State) {
        let waiting = self.waiting(state);
        assert!(waiting.nobody_waits_beside_what_it_waits_for(), "{waiting:?}");
        assert!(waiting.nobody_waits_at_a_closed_one(), "{waiting:?}");
        let ids = state.in_flight.iter().map(|call| call.id);
        assert!(check::calls_have_ids_of_their_own(ids), "two calls have one id");
        #[cfg(debug_assertions)]
        for call in &state.in_flight {
            let table = call.caller.process().capabilities.lock();
            let has_left = check::what_was_moved_has_left(&table, call.moved);
            assert!(
                has_left,
                "a call can be answered and its caller has what it moved"
            );
        }
    }

    /// No owner is left: everybody who waits here is told.
    fn end_all<'a>(&'a self, mut state: Locked<'a>, chores: &mut Chores) {
        // Nobody comes to wait here any more, and this goes on until nobody does.
        state.listed = true;
        loop {
            if let Some(receive) = state.receives.pop_front() {
                drop(state);
                receive.operation.fail(Failure::InvokeFailed).either_way();
            } else if let Some(Queued { caller, parcel, .. }) = state.queue.pop_front() {
                let remains = caller.process().capabilities.lock().rollback(parcel);
                disconnect(&caller.operation);
                drop(state);
                chores.dispose(remains);
            } else if let Some(InFlight { caller, .. }) = state.in_flight.pop() {
                disconnect(&caller.operation);
                drop(state);
            } else {
                state.listed = false;
                return;
            }
            state = self.lock();
        }
    }
}

impl WaitPlace for Endpoint {
    /// A caller or receiver has gone. Calls in flight stay listed, so that their answer is refused, not misdirected.
    fn forget(&self, operation: &Operation) {
        let mut state = self.lock();
        let receive = state
            .receives
            .iter()
            .position(|receive| receive.operation == *operation);
        let receive = receive.and_then(|index| state.receives.remove(index));
        let queued = state
            .queue
            .iter()
            .position(|queued| queued.caller.operation == *operation);
        let queued = queued.and_then(|index| state.queue.remove(index));
        drop(state);
        if let Some(queued) = queued {
            leaving::give_back(queued.caller.process(), queued.parcel);
        }
        drop(receive);
    }
}

fn disconnect(caller: &Operation) {
    caller
        .complete_exception(ExceptionKind::Disconnected, "the server is gone")
        .either_way();
}
