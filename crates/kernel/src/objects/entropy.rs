//! EntropySource: random bytes from the processor, or an honest "unavailable".

use abi::limits::ENTROPY_BYTES;
use machine::entropy;
use schema_gen::system::EntropyStatus;
use schema_gen::system::entropy_source::{fill_params, fill_results};

use crate::call::{Answer, Call, Reply, invalid, unimplemented};
use crate::wire;

pub(super) fn call(call: &Call<'_, '_>) -> Answer {
    if call.method != 0 {
        return Err(unimplemented());
    }
    let words = call.params()?;
    let message = words.message()?;
    let wanted = message.get_root::<fill_params::Reader<'_>>()?.get_bytes();
    if wanted > ENTROPY_BYTES {
        return Err(invalid("at most 256 random bytes at a time"));
    }
    let mut bytes = [0; ENTROPY_BYTES as usize];
    let bytes = &mut bytes[..wanted as usize];
    let mut answer = wire::builder();
    let mut root = answer.init_root::<fill_results::Builder<'_>>();
    match entropy::fill(bytes) {
        Ok(()) => {
            root.set_status(EntropyStatus::Ok);
            root.set_data(bytes);
        }
        Err(entropy::Unavailable) => root.set_status(EntropyStatus::Unavailable),
    }
    Ok(Reply::Message(wire::finish(answer)))
}
