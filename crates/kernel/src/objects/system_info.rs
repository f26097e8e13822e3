//! SystemInfo: what the manifest calls this machine.

use schema_gen::system::system_info::{hostname_results, motd_results};

use crate::booted;
use crate::call::{Answer, Call, Reply, unimplemented};
use crate::wire;

pub(super) fn call(call: &Call<'_, '_>) -> Answer {
    let mut answer = wire::builder();
    match call.method {
        0 => answer
            .init_root::<motd_results::Builder<'_>>()
            .set_text(booted::manifest().kernel.motd),
        1 => answer
            .init_root::<hostname_results::Builder<'_>>()
            .set_name(booted::manifest().kernel.hostname),
        _ => return Err(unimplemented()),
    }
    Ok(Reply::Message(wire::finish(answer)))
}
