//! ProcessSpawner and ProcessHandle: starting a program with capabilities, waiting for its end, ending it. A grant list is
//! read, checked and made whole before the child exists; the parent's moved capabilities leave it when the child has
//! them. docs/abi.md, section 15.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use abi::interfaces;
use abi::syscall::exit_code;
use caps::{CapId, Descriptor, Mode, Parcel, TransferError};
use manifest::source::Source;
use schema_gen::system::process_spawner::spawn_params;
use schema_gen::system::{CapGrantMode, cap_grant, cap_grant_source};

use super::pipe;
use crate::call::{Answer, Call, Reply, Room, Trouble, invalid, overloaded, unimplemented};
use crate::capability::{Capability, Object};
use crate::endpoint::leaving;
use crate::objects::sources;
use crate::process::exit::{self, Reason};
use crate::process::spawn::{self, Grant, SpawnError};
use crate::process::{Process, Quota, image, take_one, told};
use crate::wire;

/// Bytes of spawn's answer without capabilities.
const ANSWER_BYTES: usize = 24;
/// Bytes of a program's name, at most.
const NAME_BYTES: usize = 64;
/// A badge that means "keep the one it has".
const KEEP_BADGE: u64 = u64::MAX;

pub(super) fn spawner(call: &Call<'_, '_>) -> Answer {
    match call.method {
        0 => spawn(call),
        1 => pipe::create(call),
        _ => Err(unimplemented()),
    }
}

/// What a grant list amounts to.
struct Plan {
    grants: Vec<Grant>,
    /// What of it the parent holds, copied or on its way out of the parent's table.
    parcel: Parcel<Capability>,
    /// Facets of the child's fresh endpoints for the parent.
    facets: Vec<Capability>,
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
    let mut plan = Plan {
        grants: Vec::new(),
        parcel: Parcel::empty(),
        facets: Vec::new(),
    };
    let name = if name.is_empty() { program } else { name }.to_string();
    let started = fill(&mut plan, parent, params.get_grants()?).and_then(|()| {
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

/// Reads and checks the list. When it fails, the parcel is still to be given back.
fn fill(
    plan: &mut Plan,
    parent: &Arc<Process>,
    list: capnp::struct_list::Reader<'_, cap_grant::Owned>,
) -> Result<(), Trouble> {
    // Elements can be of no size at all, so a short message may claim millions of them.
    if list.len() as usize > abi::capset::MAX_ENTRIES {
        return Err(invalid("more grants than a capset can show"));
    }
    for grant in list {
        let name = grant
            .get_name()?
            .to_str()
            .map_err(|_| invalid("a name is not UTF-8"))?;
        if plan.grants.iter().any(|other| other.name == name) {
            return Err(invalid("two grants have one name"));
        }
        if abi::capset::check_name(name).is_err() {
            return Err(invalid("a capability name is empty or longer than 32 bytes"));
        }
        let mode = grant.get_mode()?;
        let kernel_source = match grant.get_source() {
            Ok(source) => match source.which()? {
                cap_grant_source::Which::Capability(()) => None,
                cap_grant_source::Which::Kernel(source) => Some(Source::from_schema(source?)),
            },
            Err(_) => return Err(invalid("a grant's source does not decode")),
        };
        let capability = match kernel_source {
            Some(source) => fresh(parent, source, grant, mode, plan)?,
            None => held(parent, grant, mode, plan)?,
        };
        plan.grants.push(Grant {
            name: name.to_string(),
            capability,
        });
    }
    Ok(())
}

/// A capability that the kernel makes for the child.
fn fresh(
    parent: &Process,
    source: Source,
    grant: cap_grant::Reader<'_>,
    mode: CapGrantMode,
    plan: &mut Plan,
) -> Result<Capability, Trouble> {
    if !source.for_children() || grant.get_cap_id() != 0 {
        return Err(invalid("this source must be passed on by a capability"));
    }
    if mode != CapGrantMode::Raw {
        return Err(invalid("what the kernel makes is granted raw"));
    }
    let mut capability = sources::mint(source, &parent.quota, &parent.account)?
        .ok_or_else(|| invalid("the kernel has no such thing"))?;
    if grant.get_interface_id() != capability.interface {
        return Err(invalid("the source has another interface"));
    }
    if let Object::EndpointOwner(owner) = &capability.object {
        plan.facets.push(Capability {
            badge: grant.get_badge(),
            ..Capability::new(
                Object::EndpointClient(owner.endpoint.clone()),
                capability.interface,
            )
        });
    }
    capability.badge = grant.get_badge();
    Ok(capability)
}

/// A capability that the parent holds and passes on.
fn held(
    parent: &Process,
    grant: cap_grant::Reader<'_>,
    mode: CapGrantMode,
    plan: &mut Plan,
) -> Result<Capability, Trouble> {
    let descriptor = Descriptor {
        id: CapId::from_raw(grant.get_cap_id()),
        mode: match mode {
            CapGrantMode::Move => Mode::Move,
            CapGrantMode::Raw | CapGrantMode::ClientEndpoint | CapGrantMode::ServiceObject => Mode::Copy,
        },
    };
    let staged = parent
        .capabilities
        .lock()
        .stage_into(&mut plan.parcel, descriptor);
    let mut capability = staged.map_err(refused)?;
    let is_endpoint = matches!(
        capability.object,
        Object::EndpointOwner(_) | Object::EndpointClient(_)
    );
    // A service endpoint may go by the id of the service it gives.
    if grant.get_interface_id() != capability.interface && !is_endpoint {
        return Err(invalid("a granted capability has another interface"));
    }
    capability.interface = grant.get_interface_id();
    if !capability.is_grantable() {
        return Err(invalid("this capability belongs to its own process"));
    }
    match mode {
        CapGrantMode::Raw | CapGrantMode::Move => {}
        CapGrantMode::ClientEndpoint | CapGrantMode::ServiceObject => {
            let endpoint = match &capability.object {
                Object::EndpointOwner(owner) => owner.endpoint.clone(),
                Object::EndpointClient(endpoint) => endpoint.clone(),
                _ => return Err(invalid("only an endpoint has client facets")),
            };
            capability.object = Object::EndpointClient(endpoint);
            if grant.get_badge() != KEEP_BADGE {
                capability.badge = grant.get_badge();
            }
        }
    }
    Ok(capability)
}

fn refused(error: TransferError) -> Trouble {
    match error {
        TransferError::Repeated { .. } => invalid("a capability is granted after it was moved"),
        TransferError::InTransit { .. } => invalid("a granted capability is on its way to somebody else"),
        _ => invalid("a granted capability is not there"),
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
