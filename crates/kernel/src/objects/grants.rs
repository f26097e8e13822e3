//! What a parent grants its child: a list, read, checked and made whole before the child exists. docs/abi.md, section 15.

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use caps::{CapId, Descriptor, Mode, Parcel, TransferError};
use manifest::source::Source;
use schema_gen::system::{CapGrantMode, cap_grant, cap_grant_source};

use super::sources;
use crate::call::{Trouble, invalid};
use crate::capability::{Capability, Object};
use crate::process::Process;
use crate::process::spawn::Grant;

/// A badge that means "keep the one it has".
const KEEP_BADGE: u64 = u64::MAX;

/// What a grant list amounts to.
pub(super) struct Plan {
    /// Under which names the child gets what.
    pub(super) grants: Vec<Grant>,
    /// What of it the parent holds, copied or on its way out of the parent's table.
    pub(super) parcel: Parcel<Capability>,
    /// Facets of the child's fresh endpoints for the parent.
    pub(super) facets: Vec<Capability>,
}

impl Plan {
    /// A plan that grants nothing.
    pub(super) fn empty() -> Plan {
        Plan {
            grants: Vec::new(),
            parcel: Parcel::empty(),
            facets: Vec::new(),
        }
    }

    /// Reads and checks the list. When it fails, the parcel is still to be given back.
    pub(super) fn fill(
        &mut self,
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
            if self.grants.iter().any(|other| other.name == name) {
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
                Some(source) => fresh(parent, source, grant, mode, self)?,
                None => held(parent, grant, mode, self)?,
            };
            self.grants.push(Grant {
                name: name.to_string(),
                capability,
            });
        }
        Ok(())
    }
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
