//! ProcessSpawner and ProcessHandle: starting a program with capabilities, waiting for its end, ending it. What the child gets is
//! whole before the child exists (`grants`); the parent's moved capabilities leave it when the child has them.
//! docs/abi.md, section 15.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use abi::interfaces;
use abi::syscall::exit_code;
use schema_gen::system::process_spawner::spawn_params;

use super::grants::Plan;
use super::pipe;
use crate::call::{Answer, Call, Reply, Room, Trouble, invalid, overloaded, unimplemented};
use crate::capability::{Capability, Object};
use crate::endpoint::leaving;
use crate::process::exit::{self, Reason};
use crate::process::spawn::{self, Grant, SpawnError};
use crate::process::{Process, Quota, image, take_one, told};
use crate::wire;

/// Bytes of spawn's answer without capabilities.
const ANSWER_BYTES: usize = 24;
/// Bytes of a program's name, at most.
const NAME_BYTES: usize = 64;

pub(super) fn spawner(call: &Call<'_, '_>) -> Answer {
    match call.method {
        0 => spawn(call),
        1 => pipe::create(call),
        _ => Err(unimplemented()),
    }
}

fn spawn(call: &Call<'_, '_>) -> Answer {
    let words = call.params()?;
    let message = words.message()?;
    let params = message.get_root::<spawn_params::Reader<'_>>()?;
    // Copied when it is known that they are short.
    let (name, program) = (params.get_name()?, params.get_binary_name()?);
    let (name, program) = (
        name.to_str().map_err(capnp::Error::from)?,
        program.to_str().map_err(capnp::Error::from)?,
    );
    if name.len() > NAME_BYTES {
        return Err(invalid("the process name is longer than 64 bytes"));
    }
    let image = image::find(program).ok_or_else(|| invalid("the manifest has no program of that name"))?;
    let parent = call.process();
    let mut plan = Plan::empty();
    let name = if name.is_empty() { program } else { name }.to_string();
    let started = plan.fill(parent, params.get_grants()?).and_then(|()| {
        start(
            call,
            name,
            image,
            core::mem::take(&mut plan.grants),
            plan.facets.len(),
        )
    });
    match started {
        Ok((child, room)) => {
            leaving::hand_over(parent, plan.parcel);
            let mut results = vec![
                Capability::new(Object::ProcessHandle(child.clone()), interfaces::PROCESS_HANDLE),
                Capability::new(Object::CapabilityManager(child), interfaces::CAPABILITY_MANAGER),
            ];
            results.extend(plan.facets);
            // handleIndex 0, capabilityManagerIndex 1.
            Ok(Reply::Capabilities(wire::data_struct(&[1 << 16]), results, room))
        }
        Err(trouble) => {
            leaving::give_back(parent, plan.parcel);
            Err(trouble)
        }
    }
}

fn start(
    call: &Call<'_, '_>,
    name: String,
    image: &image::Image,
    grants: Vec<Grant>,
    facets: usize,
) -> Result<(Arc<Process>, Room), Trouble> {
    let parent = call.process();
    let room = call.keep_room(ANSWER_BYTES, 2 + facets)?;
    if !take_one(&parent.children, parent.quota.children) {
        return Err(overloaded("as many children as this process may have"));
    }
    let quota = Quota::default();
    let account = quota.account();
    let child = spawn::create(name, parent.pid, image, quota, account, grants).map_err(|error| {
        parent.children.fetch_sub(1, Relaxed);
        trouble(&error)
    })?;
    Ok((child, room))
}

fn trouble(error: &SpawnError) -> Trouble {
    match error {
        SpawnError::UnknownProgram(_) => invalid("the manifest has no program of that name"),
        SpawnError::BadName(_) => invalid("a capability name is empty, longer than 32 bytes or there twice"),
        SpawnError::NotAvailable(_) => invalid("the kernel cannot give this"),
        SpawnError::TooManyCapabilities => overloaded("more capabilities than the child may hold"),
        SpawnError::TooManyThreads => overloaded("too many threads"),
        SpawnError::NoMemory => overloaded("not enough memory"),
    }
}

pub(super) fn handle(call: &Call<'_, '_>, process: &Arc<Process>) -> Answer {
    match call.method {
        0 => {
            let operation = call.begin(Some(process.clone()))?;
            let over = process.ending.lock().on_end(&operation);
            told::when_over(&operation, over);
            Ok(Reply::Pending)
        }
        1 => {
            exit::end_process(process, exit_code::TERMINATED, Reason::Terminated);
            Ok(Reply::Void)
        }
        _ => Err(unimplemented()),
    }
}
