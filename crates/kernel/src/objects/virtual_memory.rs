//! VirtualMemory: the caller's own address space. The rules are in memory/requests.rs.

use schema_gen::system::virtual_memory::{
    commit_params, decommit_params, map_params, protect_params, reserve_params, unmap_params,
};

use crate::call::{Answer, Call, Reply, Trouble, invalid, overloaded, unimplemented};
use crate::memory::protection::Protection;
use crate::memory::refusal::Refusal;
use crate::wire;

/// Bytes of an answer with an address.
const ADDRESS_ANSWER: usize = 24;

/// A refusal as the caller gets it.
pub(super) fn refused(refusal: Refusal) -> Trouble {
    match refusal {
        Refusal::Empty => invalid("the size is zero"),
        Refusal::Unaligned => invalid("an address or offset is not on a page boundary"),
        Refusal::Outside => invalid("the range leaves what this request may use"),
        Refusal::Protection => invalid("unknown protection bits, or write together with execute"),
        Refusal::Occupied => invalid("something is there already"),
        Refusal::NotYours => invalid("the range was not made through this capability"),
        Refusal::AlreadyCommitted => invalid("some page has memory already"),
        Refusal::NotCommitted => invalid("some page has no memory yet"),
        Refusal::PastObject => invalid("the range goes past the end of the object"),
        Refusal::CommitLimit { .. } => overloaded("more memory than this process may have"),
        Refusal::AddressSpaceLimit { .. } => overloaded("more address space than this process may have"),
        Refusal::NoGap => overloaded("no gap of that size"),
        Refusal::TooManyRegions => overloaded("the address space is in too many pieces"),
        Refusal::NoMemory => overloaded("not enough memory"),
    }
}

/// Protection bits of a request.
pub(super) fn protection(bits: u32) -> Result<Protection, Trouble> {
    Protection::from_bits(bits).map_err(refused)
}

pub(super) fn call(call: &Call<'_, '_>) -> Answer {
    if call.method > 5 {
        return Err(unimplemented());
    }
    let words = call.params()?;
    let message = words.message()?;
    let space = &call.process().space;
    match call.method {
        0 => {
            let params = message.get_root::<map_params::Reader<'_>>()?;
            let protection = protection(params.get_prot())?;
            call.require_room(ADDRESS_ANSWER)?;
            let address = space
                .map(params.get_hint(), params.get_size(), protection)
                .map_err(refused)?;
            return Ok(Reply::Message(wire::data_struct(&[address])));
        }
        1 => {
            let params = message.get_root::<unmap_params::Reader<'_>>()?;
            space.unmap(params.get_addr(), params.get_size())
        }
        2 => {
            let params = message.get_root::<protect_params::Reader<'_>>()?;
            space.protect(
                params.get_addr(),
                params.get_size(),
                protection(params.get_prot())?,
            )
        }
        3 => {
            let params = message.get_root::<reserve_params::Reader<'_>>()?;
            call.require_room(ADDRESS_ANSWER)?;
            let address = space
                .reserve(params.get_hint(), params.get_size())
                .map_err(refused)?;
            return Ok(Reply::Message(wire::data_struct(&[address])));
        }
        4 => {
            let params = message.get_root::<commit_params::Reader<'_>>()?;
            space.commit(
                params.get_addr(),
                params.get_size(),
                protection(params.get_prot())?,
            )
        }
        _ => {
            let params = message.get_root::<decommit_params::Reader<'_>>()?;
            space.decommit(params.get_addr(), params.get_size())
        }
    }
    .map_err(refused)?;
    Ok(Reply::Void)
}
