//! How a process lets go of what it holds: by RELEASE, because it was revoked, because it was moved away, or by ending. A
//! process that has let go of its last owner facet of an endpoint can answer nothing there any more: the calls that it
//! received fail, and so do its receives. Rules P6, P8 and P18.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Release;

use abi::result::Failure;
use abi::trace::Event;
use caps::{CapId, Parcel, Remains};
use machine::trace;

use super::chores::{self, Chores};
use super::{Endpoint, InFlight, Party, disconnect};
use crate::capability::{Capability, Object};
use crate::process::Process;

/// Takes the capability that `id` names from a process; false if it names none.
#[must_use = "nothing was taken if it was not there"]
pub fn release(process: &Process, id: u32) -> bool {
    let removed = process.capabilities.lock().remove(CapId::from_raw(id));
    let Some(capability) = removed else { return false };
    process.labels.lock().retain(|(labelled, _)| *labelled != id);
    chores::after(|chores| lost(process, &capability, chores));
    true
}

/// Takes everything from a process that has ended; its table takes nothing more.
pub fn release_all(process: &Process) {
    process.capabilities.lock().close();
    loop {
        // Dropped without the table's lock: it may be an object's last capability.
        let taken = process.capabilities.lock().pop();
        let Some((_, capability)) = taken else { return };
        chores::after(|chores| lost(process, &capability, chores));
    }
}

/// A message with capabilities has arrived: what was moved leaves its sender's table. Nothing is dropped and no other
/// endpoint looked at, so an endpoint may be locked; what follows from it is for [`settle`].
#[inline(always)]
pub(super) fn take_from_sender(sender: &Process, parcel: Parcel<Capability>) -> Option<Remains<Capability>> {
    if parcel.is_empty() {
        parcel.let_go_empty();
        return None;
    }
    Some(sender.capabilities.lock().commit(parcel))
}

/// Sees to what follows from capabilities having left their sender's table for the receiver's.
#[inline(always)]
pub(super) fn settle(
    sender: &Process,
    receiver: &Process,
    remains: Option<Remains<Capability>>,
    chores: &mut Chores,
) {
    if let Some(remains) = remains {
        record(sender, receiver, &remains);
        follow_up(sender, remains, chores);
    }
}

fn record(sender: &Process, receiver: &Process, remains: &Remains<Capability>) {
    for capability in remains.iter() {
        let route = u64::from(sender.pid) << 32 | u64::from(receiver.pid);
        trace::record(Event::CapTransfer {
            mode: 0,
            route,
            interface: capability.interface,
        });
    }
}

fn follow_up(sender: &Process, remains: Remains<Capability>, chores: &mut Chores) {
    for capability in remains.moved() {
        lost(sender, capability, chores);
    }
    chores.dispose(remains);
}

/// A child was born with what is in the parcel: what was moved leaves the parent.
pub fn hand_over(parent: &Process, parcel: Parcel<Capability>) {
    if let Some(remains) = take_from_sender(parent, parcel) {
        chores::after(|chores| follow_up(parent, remains, chores));
    }
}

/// The parcel will not arrive: the sender keeps everything.
pub fn give_back(sender: &Process, parcel: Parcel<Capability>) {
    chores::after(|chores| return_to(sender, parcel, chores));
}

/// As [`give_back`], in the middle of something.
#[inline]
pub(super) fn return_to(sender: &Process, parcel: Parcel<Capability>, chores: &mut Chores) {
    if !parcel.is_empty() {
        let remains = sender.capabilities.lock().rollback(parcel);
        chores.dispose(remains);
    }
}

/// A capability has left a process's table. If it was its last owner facet of an endpoint, nobody else can answer what the
/// process received there.
fn lost(process: &Process, capability: &Capability, chores: &mut Chores) {
    let Object::EndpointOwner(owner) = &capability.object else {
        return;
    };
    // Before the endpoint is looked at: a receive that is just being posted sees this, or is seen there.
    process.facets_lost.fetch_add(1, Release);
    receiver_left(&owner.endpoint, process, chores);
}

/// Receives and calls that are taken out of an endpoint in one go.
const PIECE: usize = 32;

/// Ends a process's receives at an endpoint and the calls that it received there, unless it owns the endpoint: another facet,
/// or one that has come back meanwhile, by which its threads post and receive rightfully. Whoever takes that one away ends
/// what was posted since, so here it is as much as there is now.
///
/// What others have there is looked at once for each [`PIECE`] of its own.
fn receiver_left(endpoint: &Arc<Endpoint>, process: &Process, chores: &mut Chores) {
    let mut state = endpoint.lock();
    for _ in 0..=(state.receives.len() + state.in_flight.len()) / PIECE {
        if owns(process, endpoint) {
            return;
        }
        let is_its = |receive: &Party| receive.process().pid == process.pid;
        let posted: [Option<Party>; PIECE] = state.receives.take_some(is_its);
        let received: [Option<InFlight>; PIECE] = take_received(&mut state.in_flight, process.pid);
        for orphan in received.iter().flatten() {
            disconnect(&orphan.caller.operation);
        }
        if received[0].is_some() {
            // There is room for other calls in flight now.
            chores.see_to(endpoint, &mut state);
        }
        drop(state);
        for receive in posted.iter().flatten() {
            receive.operation.fail(Failure::InvokeFailed).either_way();
        }
        let may_have_more = posted[PIECE - 1].is_some() || received[PIECE - 1].is_some();
        drop((posted, received));
        if !may_have_more {
            return;
        }
        state = endpoint.lock();
    }
}

/// Takes out calls that a process received, as many as there is room for.
fn take_received<const N: usize>(calls: &mut Vec<InFlight>, receiver: u32) -> [Option<InFlight>; N] {
    let mut taken = [const { None }; N];
    let mut room = taken.iter_mut();
    // From the end, because the last one comes to the place of one that is taken out.
    for at in (0..calls.len()).rev() {
        if calls[at].receiver() == receiver {
            let Some(place) = room.next() else { break };
            *place = Some(calls.swap_remove(at));
        }
    }
    taken
}

fn owns(process: &Process, endpoint: &Arc<Endpoint>) -> bool {
    let table = process.capabilities.lock();
    table.iter().any(|(_, capability)| capability.owns(endpoint))
}
