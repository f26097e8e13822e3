//! What an operation on one endpoint leaves to be done at others. Moving a capability can take a process's last owner
//! facet of another endpoint away, and giving one back can drop the last of all: that endpoint has calls to end or to
//! deliver, which move and give back capabilities in their turn. A program can make such chains as long as it likes, so
//! none of it is done inside the other: endpoints that need attention are put on a list, and seen to one after another
//! when the operation that listed the first has let go of every lock. Rule P18.
//!
//! The list is threaded through the endpoints themselves, so listing one neither allocates nor fails. An endpoint is on
//! one list at most; whoever has it there does what others would have listed it for.

use alloc::sync::Arc;

use caps::Remains;

use super::{Endpoint, State};
use crate::capability::{Capability, Object};

/// Endpoints that this operation has still to see to.
#[must_use = "what is listed has to be done"]
pub(super) struct Chores {
    first: Option<Arc<Endpoint>>,
}

/// Does `work`, and then whatever that left to be done at endpoints. `work` has let go of its locks when it returns.
#[inline]
pub(super) fn after<R>(work: impl FnOnce(&mut Chores) -> R) -> R {
    let mut chores = Chores::none();
    let result = work(&mut chores);
    chores.finish();
    result
}

impl Chores {
    /// None yet. For operations whose work is part of their caller: others have [`after`], which cannot be forgotten.
    #[inline(always)]
    pub(super) const fn none() -> Chores {
        Chores { first: None }
    }

    /// Does all of them, and what comes of that. No lock is held.
    #[inline(always)]
    pub(super) fn finish(mut self) {
        while let Some(endpoint) = self.first.take() {
            self.attend(&endpoint);
        }
    }

    /// The last owner of `endpoint` is gone: everybody who waits there is told.
    pub(super) fn close(&mut self, endpoint: &Arc<Endpoint>) {
        let mut state = endpoint.lock();
        if !state.closed {
            state.closed = true;
            self.list(endpoint, &mut state);
        }
    }

    /// Makes sure that calls and receives which could meet now are brought together.
    #[inline]
    pub(super) fn see_to(&mut self, endpoint: &Arc<Endpoint>, state: &mut State) {
        if !state.queue.is_empty() {
            self.owe(endpoint, state);
        }
    }

    #[cold]
    fn owe(&mut self, endpoint: &Arc<Endpoint>, state: &mut State) {
        let waiting = endpoint.waiting(state);
        let more = waiting.pairs().saturating_sub(waiting.attended);
        if more > 0 {
            state.owed += more;
            self.list(endpoint, state);
        }
    }

    /// Drops what a transfer left, without ending the endpoints it owned one inside the other.
    pub(super) fn dispose(&mut self, remains: Remains<Capability>) {
        for capability in remains.into_capabilities() {
            if let Object::EndpointOwner(owner) = capability.object
                && let Some(last) = Arc::into_inner(owner)
            {
                // Its own end finds the endpoint closed already.
                self.close(&last.endpoint);
            }
        }
    }

    fn list(&mut self, endpoint: &Arc<Endpoint>, state: &mut State) {
        if !state.listed {
            state.listed = true;
            state.next = self.first.replace(endpoint.clone());
        }
    }

    fn attend(&mut self, endpoint: &Arc<Endpoint>) {
        let mut state = endpoint.lock();
        self.first = state.next.take();
        state.listed = false;
        let owed = core::mem::take(&mut state.owed);
        if state.closed {
            endpoint.end_all(state, self);
        } else {
            state.at_work += owed;
            endpoint.match_waiting(state, owed, self);
        }
    }
}
