//! TerminalSession: writing to the terminal, reading lines and reading raw bytes. No read asks for more than its answer can
//! carry, so nothing that was typed is lost to a small buffer.

use alloc::sync::Arc;

use schema_gen::system::LineEcho;
use schema_gen::system::terminal_session::{read_line_params, read_params, write_line_params, write_params};

use crate::call::{Answer, Call, Reply, Trouble, disconnected, overloaded, unimplemented};
use crate::terminal::discipline::Request;
use crate::terminal::{Now, OVERHEAD, Refused, Terminal};

/// What ends a line of output: the terminal does not go to the first column by itself.
const LINE_END: &[u8] = b"\r\n";
/// Bytes come in words, so an answer has room for at least this many, or it is too small.
const WORD: usize = 8;

pub(super) fn call(call: &Call<'_, '_>, terminal: &Arc<Terminal>) -> Answer {
    match call.method {
        0 => {
            let words = call.params()?;
            let message = words.message()?;
            let data = message.get_root::<write_params::Reader<'_>>()?.get_data()?;
            terminal.write(&[data]).map_err(disconnected)?;
            Ok(Reply::Void)
        }
        1 => {
            let words = call.params()?;
            let message = words.message()?;
            let text = message.get_root::<write_line_params::Reader<'_>>()?.get_text()?;
            terminal
                .write(&[text.as_bytes(), LINE_END])
                .map_err(disconnected)?;
            Ok(Reply::Void)
        }
        2 => {
            let words = call.params()?;
            let message = words.message()?;
            let wish = message
                .get_root::<read_line_params::Reader<'_>>()?
                .get_request()?;
            let request = Request {
                max_bytes: (wish.get_max_bytes() as usize).min(room(call)?),
                visible: wish.get_echo()? == LineEcho::Visible,
                allow_empty: wish.get_allow_empty(),
            };
            let prompt = wish.get_prompt()?.as_bytes();
            terminal
                .read_line(prompt, request, || call.begin(Some(terminal.clone())))
                .map_err(trouble)?;
            Ok(Reply::Pending)
        }
        3 => {
            let words = call.params()?;
            let message = words.message()?;
            let wish = message.get_root::<read_params::Reader<'_>>()?.get_max_bytes() as usize;
            let max = wish.min(room(call)?);
            match terminal
                .read(max, &call.process().account, || {
                    call.begin(Some(terminal.clone()))
                })
                .map_err(trouble)?
            {
                Now::Done(answer) => Ok(Reply::Message(answer)),
                Now::Waits => Ok(Reply::Pending),
            }
        }
        _ => Err(unimplemented()),
    }
}

fn trouble(refused: Refused<Trouble>) -> Trouble {
    match refused {
        Refused::Busy => overloaded("another line is being read on this terminal"),
        Refused::Absent(why) => disconnected(why),
        Refused::Begin(trouble) => trouble,
    }
}

/// How many bytes an answer can carry.
fn room(call: &Call<'_, '_>) -> Result<usize, Trouble> {
    call.require_room(OVERHEAD + WORD)?;
    Ok((call.result.len as usize - OVERHEAD) & !(WORD - 1))
}
