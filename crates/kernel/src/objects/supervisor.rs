//! Supervisor: from the number of a process or thread to authority over it. Whoever holds this may end any process, change the policy
//! and the CPUs of any thread, and bind it to CPU time that it holds, one capability at a time.

use alloc::sync::Arc;
use alloc::vec;

use abi::interfaces;
use schema_gen::monitor::supervisor::{
    bind_context_params, process_params, thread_placement_params, thread_policy_params,
};

use super::context;
use crate::call::{Answer, Call, Reply, Trouble, invalid, unimplemented};
use crate::capability::{Capability, Object};
use crate::process::thread::Thread;
use crate::process::{Process, table};
use crate::wire;

/// Bytes of either answer without its capability.
const ANSWER_BYTES: usize = 24;

pub(super) fn call(call: &Call<'_, '_>) -> Answer {
    let capability = match call.method {
        0 => {
            let words = call.params()?;
            let message = words.message()?;
            let process = living(message.get_root::<process_params::Reader<'_>>()?.get_pid())?;
            Capability::new(Object::ProcessHandle(process), interfaces::PROCESS_HANDLE)
        }
        1 => {
            let words = call.params()?;
            let message = words.message()?;
            let params = message.get_root::<thread_policy_params::Reader<'_>>()?;
            let thread = living_thread(params.get_pid(), params.get_tid())?;
            Capability::new(
                Object::SchedulingPolicy(Some(thread)),
                interfaces::SCHEDULING_POLICY_CAP,
            )
        }
        2 => {
            let words = call.params()?;
            let message = words.message()?;
            let params = message.get_root::<thread_placement_params::Reader<'_>>()?;
            let thread = living_thread(params.get_pid(), params.get_tid())?;
            Capability::new(Object::ThreadPlacement(thread), interfaces::THREAD_PLACEMENT)
        }
        3 => return bind_context(call),
        _ => return Err(unimplemented()),
    };
    let room = call.keep_room(ANSWER_BYTES, 1)?;
    // The index is 0, whatever it is an index of.
    Ok(Reply::Capabilities(
        wire::data_struct(&[0]),
        vec![capability],
        room,
    ))
}

fn bind_context(call: &Call<'_, '_>) -> Answer {
    let words = call.params()?;
    let message = words.message()?;
    let params = message.get_root::<bind_context_params::Reader<'_>>()?;
    call.require_room(ANSWER_BYTES)?;
    let thread = living_thread(params.get_pid(), params.get_tid())?;
    let result = context::bind_held(call, &thread, params.get_cap_id())?;
    Ok(Reply::Message(wire::data_struct(&[result as u64])))
}

/// The living process with this number.
pub(super) fn living(pid: u32) -> Result<Arc<Process>, Trouble> {
    table::find(pid).ok_or_else(|| invalid("there is no living process of that number"))
}

/// The living thread with this number in that process.
fn living_thread(pid: u32, tid: u32) -> Result<Arc<Thread>, Trouble> {
    let mut threads = living(pid)?.living_threads().into_iter();
    threads
        .find(|thread| thread.tid() == tid)
        .ok_or_else(|| invalid("the process has no living thread of that number"))
}
