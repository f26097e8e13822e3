//! EntropySource: random bytes from the processor, or an honest "unavailable", which is also the answer to a wish for
//! more than one answer holds.

use abi::limits::ENTROPY_BYTES;
use machine::entropy;
use schema_gen::system::EntropyStatus;
use schema_gen::system::entropy_source::{fill_params, fill_results};

use crate::call::{Answer, Call, Reply, unimplemented};
use crate::wire;

pub(super) fn call(call: &Call<'_, '_>) -> Answer {
    if call.method != 0 {
        return Err(unimplemented());
    }
    let words = call.params()?;
    let message = words.message()?;
    let wanted = message.get_root::<fill_params::Reader<'_>>()?.get_bytes();
    let mut bytes = [0; ENTROPY_BYTES as usize];
    let filled = bytes
        .get_mut(..wanted as usize)
        .and_then(|bytes| entropy::fill(bytes).ok().map(|()| bytes));
    let mut answer = wire::builder();
    let mut root = answer.init_root::<fill_results::Builder<'_>>();
    match filled {
        Some(bytes) => {
            root.set_status(EntropyStatus::Ok);
            root.set_data(bytes);
        }
        None => root.set_status(EntropyStatus::Unavailable),
    }
    Ok(Reply::Message(wire::finish(answer)))
}
