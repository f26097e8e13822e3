//! ThreadControl, ThreadSpawner and ThreadHandle: the calling thread itself, new threads in the caller's process, and
//! waiting for their ends.

use alloc::sync::Arc;
use alloc::vec;

use abi::interfaces;
use abi::layout::USER_LIMIT;
use machine::user::Start;
use schema_gen::system::thread_control::{exit_thread_params, set_fs_base_params};
use schema_gen::system::thread_spawner::create_params;

use crate::call::{Answer, Call, Reply, invalid, overloaded, unimplemented};
use crate::capability::{Capability, Object};
use crate::process::spawn::{self, SpawnError};
use crate::process::thread::Thread;
use crate::process::told;
use crate::wire;

/// Bytes of create's answer without capabilities.
const CREATE_ANSWER: usize = 24;
/// ThreadSpawner.create: the thread gets a ring of its own.
const OWN_RING: u64 = 1;

/// ThreadControl.yield.
pub(super) const YIELD: u16 = 3;

/// Every method but [`YIELD`], which is recognised before.
pub(super) fn control(call: &mut Call<'_, '_>) -> Answer {
    match call.method {
        0 => Ok(Reply::Message(wire::data_struct(&[call
            .caller
            .entity
            .payload
            .context
            .fs_base()]))),
        1 => {
            let words = call.params()?;
            let message = words.message()?;
            let base = message
                .get_root::<set_fs_base_params::Reader<'_>>()?
                .get_fs_base();
            if !call.caller.entity.payload.context.set_fs_base(base) {
                return Err(invalid("the thread pointer is not a user address"));
            }
            Ok(Reply::Void)
        }
        2 => {
            let words = call.params()?;
            let message = words.message()?;
            Ok(Reply::EndThread(
                message.get_root::<exit_thread_params::Reader<'_>>()?.get_code(),
            ))
        }
        _ => Err(unimplemented()),
    }
}

pub(super) fn spawner(call: &Call<'_, '_>) -> Answer {
    if call.method != 0 {
        return Err(unimplemented());
    }
    let words = call.params()?;
    let message = words.message()?;
    let params = message.get_root::<create_params::Reader<'_>>()?;
    let flags = params.get_flags();
    if flags & !OWN_RING != 0 {
        return Err(invalid("unknown flags"));
    }
    let (entry, stack) = (params.get_entry(), params.get_stack_top());
    if entry >= USER_LIMIT || stack > USER_LIMIT || params.get_fs_base() >= USER_LIMIT {
        return Err(invalid("entry, stack or thread pointer is not a user address"));
    }
    let room = call.keep_room(CREATE_ANSWER, 1)?;
    let process = call.process();
    let (ring, ring_address) = if flags & OWN_RING != 0 {
        spawn::add_own_ring(process).map_err(|_| overloaded("no room for another ring"))?
    } else {
        let shared = process.rings.lock().first().cloned();
        (shared.ok_or_else(|| overloaded("the process is ending"))?, 0)
    };
    let start = |tid| Start {
        entry,
        stack,
        arguments: [params.get_arg(), u64::from(tid), ring_address],
        fs_base: params.get_fs_base(),
    };
    let thread = spawn::add_thread(process, ring.clone(), start).map_err(|error| {
        if ring_address != 0 {
            ring.close();
            process.remove_own_ring(&ring);
        }
        match error {
            SpawnError::TooManyThreads => overloaded("as many threads as this process may have"),
            _ => overloaded("not enough memory"),
        }
    })?;
    let handle = Capability::new(Object::ThreadHandle(thread), interfaces::THREAD_HANDLE);
    Ok(Reply::Capabilities(wire::data_struct(&[0]), vec![handle], room))
}

pub(super) fn handle(call: &Call<'_, '_>, thread: &Arc<Thread>) -> Answer {
    match call.method {
        0 => {
            let operation = call.begin(Some(thread.clone()))?;
            told::when_over(&operation, thread.on_exit(&operation));
            Ok(Reply::Pending)
        }
        1 => {
            let code = thread.exit_code();
            let words = [u64::from(code.is_some()), code.unwrap_or(0) as u64];
            Ok(Reply::Message(wire::data_struct(&words)))
        }
        _ => Err(unimplemented()),
    }
}
