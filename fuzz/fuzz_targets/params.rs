//! Parameters of calls: the kernel reads them straight from what a process wrote. The first byte picks the
//! method, the rest is the message.
#![no_main]

use capnp::message::ReaderOptions;
use capnp::serialize::read_message_from_flat_slice;
use libfuzzer_sys::fuzz_target;
use manifest::Aligned;
use schema_gen::system::{
    cap_grant_source, console, log_reader, log_sink, process_spawner, scheduling_context, terminal_session,
    thread_spawner,
};

fuzz_target!(|bytes: &[u8]| {
    if let Some((method, message)) = bytes.split_first() {
        let _ = read(*method, message);
    }
});

fn read(method: u8, bytes: &[u8]) -> capnp::Result<()> {
    let aligned = Aligned::copy(bytes);
    let mut options = ReaderOptions::new();
    options
        .traversal_limit_in_words(Some(64 * 1024 * 1024))
        .nesting_limit(32);
    let message = read_message_from_flat_slice(&mut aligned.bytes(), options)?;
    match method % 8 {
        0 => drop(
            message
                .get_root::<console::write_params::Reader<'_>>()?
                .get_data()?
                .len(),
        ),
        1 => drop(
            message
                .get_root::<console::write_line_params::Reader<'_>>()?
                .get_text()?
                .to_str(),
        ),
        2 => {
            let request = message
                .get_root::<terminal_session::read_line_params::Reader<'_>>()?
                .get_request()?;
            let _ = (
                request.get_prompt()?.to_str(),
                request.get_max_bytes(),
                request.get_echo(),
            );
        }
        3 => {
            let params = message.get_root::<process_spawner::spawn_params::Reader<'_>>()?;
            let _ = (params.get_name()?.to_str(), params.get_binary_name()?.to_str());
            // A process cannot hold more grants than its capset; the kernel looks no further.
            for grant in params.get_grants()?.iter().take(abi::capset::MAX_ENTRIES) {
                let _ = (grant.get_name()?.to_str(), grant.get_mode(), grant.get_badge());
                if let Ok(cap_grant_source::Kernel(source)) = grant.get_source()?.which() {
                    let _ = source.map(manifest::source::Source::from_schema);
                }
            }
        }
        4 => drop(
            message
                .get_root::<thread_spawner::create_params::Reader<'_>>()?
                .get_entry(),
        ),
        5 => {
            let record = message
                .get_root::<log_sink::write_params::Reader<'_>>()?
                .get_record()?;
            let _ = (
                record.get_level(),
                record.get_component()?.to_str(),
                record.get_message()?.to_str(),
            );
        }
        6 => {
            let params = message.get_root::<log_reader::read_params::Reader<'_>>()?;
            let _ = params.get_filter()?.get_component_prefix()?.to_str();
        }
        _ => {
            let spec = message
                .get_root::<scheduling_context::create_params::Reader<'_>>()?
                .get_spec()?;
            let _ = (spec.get_cpu_mask()?.len(), spec.get_overrun_policy());
        }
    }
    Ok(())
}
