//! BootPackage: the manifest's bytes, exactly as booted.

use schema_gen::system::boot_package::{read_manifest_params, read_manifest_results};

use crate::booted;
use crate::call::{Answer, Call, Reply, unimplemented};
use crate::wire;

/// Bytes of an answer besides the data.
const OVERHEAD: usize = 32;

pub(super) fn call(call: &Call<'_, '_>) -> Answer {
    match call.method {
        0 => Ok(Reply::Message(wire::data_struct(&[
            booted::package().len() as u64
        ]))),
        1 => {
            let words = call.params()?;
            let message = words.message()?;
            let params = message.get_root::<read_manifest_params::Reader<'_>>()?;
            let room = (call.result.len as usize).saturating_sub(OVERHEAD) & !7;
            let wanted = (params.get_max_bytes() as usize).min(room);
            let package = booted::package();
            let start = usize::try_from(params.get_offset())
                .unwrap_or(usize::MAX)
                .min(package.len());
            let end = start.saturating_add(wanted).min(package.len());
            let _copies = call.room_for(2 * (OVERHEAD + wanted))?;
            let mut answer = wire::builder_for(OVERHEAD + wanted);
            answer
                .init_root::<read_manifest_results::Builder<'_>>()
                .set_data(&package[start..end]);
            Ok(Reply::Message(wire::finish(answer)))
        }
        _ => Err(unimplemented()),
    }
}
