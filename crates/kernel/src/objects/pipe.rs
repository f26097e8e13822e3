//! Pipe, and ProcessSpawner.createPipe. Reads give no more than fits the answer, so no byte is lost to a small buffer.

use alloc::sync::Arc;
use alloc::vec;

use abi::interfaces;
use schema_gen::system::pipe::{read_params, write_params};
use schema_gen::system::process_spawner::create_pipe_params;

use crate::call::{Answer, Call, Reply, invalid, unimplemented};
use crate::capability::{Capability, Object};
use crate::pipe::{self, Now, PipeEnd, READ_OVERHEAD, read_answer};
use crate::wire;

/// Bytes of createPipe's answer without capabilities.
const CREATE_ANSWER: usize = 24;

pub(super) fn create(call: &Call<'_, '_>) -> Answer {
    let words = call.params()?;
    let message = words.message()?;
    let wish = message
        .get_root::<create_pipe_params::Reader<'_>>()?
        .get_buffer_bytes();
    let room = call.keep_room(CREATE_ANSWER, 2)?;
    let (reader, writer) = pipe::create(wish, &call.process().account)?;
    let ends = vec![
        Capability::new(Object::Pipe(reader), interfaces::PIPE),
        Capability::new(Object::Pipe(writer), interfaces::PIPE),
    ];
    // readIndex 0, writeIndex 1.
    Ok(Reply::Capabilities(wire::data_struct(&[1 << 16]), ends, room))
}

pub(super) fn call(call: &Call<'_, '_>, end: &Arc<PipeEnd>) -> Answer {
    match call.method {
        0 => {
            let words = call.params()?;
            let message = words.message()?;
            let wanted = message.get_root::<read_params::Reader<'_>>()?.get_max_len() as usize;
            let room = (call.result.len as usize).saturating_sub(READ_OVERHEAD) & !7;
            let most = wanted.min(room);
            // The bytes, the message around them, and the message once more as it is delivered.
            let _copies = call.room_for(3 * most.min(end.size()))?;
            match end.read(most, &call.process().account, || call.begin(Some(end.clone())))? {
                Now::Done((data, eof)) => Ok(Reply::Message(read_answer(&data, eof))),
                Now::Waits => Ok(Reply::Pending),
                Now::WrongEnd => Err(invalid("this end of the pipe is closed, or cannot be read")),
            }
        }
        1 => {
            let words = call.params()?;
            let message = words.message()?;
            let data = message.get_root::<write_params::Reader<'_>>()?.get_data()?;
            // Readers that wait get it at once, in copies as above.
            let _copies = call.room_for(3 * data.len().min(end.size()))?;
            match end.write(data, &call.process().account, || call.begin(Some(end.clone())))? {
                Now::Done(count) => Ok(Reply::Message(wire::data_struct(&[u64::from(count)]))),
                Now::Waits => Ok(Reply::Pending),
                Now::WrongEnd => Err(invalid("this end of the pipe is closed, or cannot be written")),
            }
        }
        2 => {
            end.close();
            Ok(Reply::Void)
        }
        3 => Ok(Reply::Message(wire::data_struct(&[u64::from(end.is_closed())]))),
        _ => Err(unimplemented()),
    }
}
