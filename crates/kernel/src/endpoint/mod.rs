//! Endpoints: where processes call each other. A client's call meets a server's receive, in whichever order they come;
//! the answer goes straight back. Messages are opaque and are copied once, from the sender's memory into the receiver's.
//! Rules P6 and P8; docs/abi.md, section 9.
//!
//! `call` is the client's side, `receive` and `answer` the server's, `delivery` what all three do to the other's memory
//! and capabilities. The last owner's end completes everybody with `disconnected`.

pub mod answer;
pub mod call;
mod delivery;
pub mod receive;

pub use delivery::give_back;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use caps::Parcel;
use machine::Lock;
use machine::attribution::Site;

use crate::capability::{Capability, InterfaceId};
use crate::ring::operation::{Operation, WaitPlace};
use crate::wire::ExceptionKind;

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

/// A call that no receive was posted for yet.
struct Queued {
    caller: Operation,
    heading: Heading,
    /// The parameters, copied out of the caller's memory.
    params: Vec<u8>,
    parcel: Parcel<Capability>,
}

/// A call that was received and not answered.
struct InFlight {
    id: u32,
    caller: Operation,
    /// The process that received it.
    receiver: u32,
}

struct State {
    closed: bool,
    receives: VecDeque<Operation>,
    queue: VecDeque<Queued>,
    in_flight: Vec<InFlight>,
    last_id: u32,
}

/// A meeting place of callers and servers.
pub struct Endpoint {
    state: Lock<State>,
    queue_limit: usize,
    in_flight_limit: usize,
}

/// The right to receive and answer. When the last one goes, the endpoint is closed.
pub struct Owner {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.endpoint.close();
    }
}

impl Endpoint {
    /// A new endpoint's owner facet.
    pub fn create(queue_limit: usize, in_flight_limit: usize) -> Arc<Owner> {
        let state = State {
            closed: false,
            receives: VecDeque::with_capacity(4),
            queue: VecDeque::new(),
            in_flight: Vec::with_capacity(in_flight_limit),
            last_id: 0,
        };
        let endpoint = Arc::new(Endpoint {
            state: Site::Endpoint.lock(state),
            queue_limit,
            in_flight_limit,
        });
        Arc::new(Owner { endpoint })
    }

    /// No owner is left: everybody who waits here is told.
    fn close(&self) {
        let (receives, queue, in_flight) = {
            let mut state = self.state.lock();
            state.closed = true;
            (
                core::mem::take(&mut state.receives),
                core::mem::take(&mut state.queue),
                core::mem::take(&mut state.in_flight),
            )
        };
        for receive in receives {
            receive.fail(abi::result::Failure::InvokeFailed);
        }
        for Queued { caller, parcel, .. } in queue {
            delivery::give_back(&caller.ring().process, parcel);
            disconnect(&caller);
        }
        for InFlight { caller, .. } in in_flight {
            disconnect(&caller);
        }
    }

    /// A process that may have received calls has ended: those it did not answer fail.
    pub fn receiver_ended(&self, pid: u32) {
        loop {
            let orphan = {
                let mut state = self.state.lock();
                let found = state.in_flight.iter().position(|call| call.receiver == pid);
                found.map(|index| state.in_flight.swap_remove(index))
            };
            match orphan {
                Some(call) => disconnect(&call.caller),
                None => return,
            };
        }
    }
}

impl WaitPlace for Endpoint {
    /// A caller or receiver has gone. Calls in flight stay listed, so that their answer is refused, not misdirected.
    fn forget(&self, operation: &Operation) {
        let mut state = self.state.lock();
        let receive = state.receives.iter().position(|receive| receive == operation);
        let receive = receive.and_then(|index| state.receives.remove(index));
        let queued = state.queue.iter().position(|queued| queued.caller == *operation);
        let queued = queued.and_then(|index| state.queue.remove(index));
        drop(state);
        if let Some(queued) = queued {
            delivery::give_back(&queued.caller.ring().process, queued.parcel);
        }
        drop(receive);
    }
}

fn disconnect(caller: &Operation) -> bool {
    caller.complete_exception(ExceptionKind::Disconnected, "the server is gone")
}
