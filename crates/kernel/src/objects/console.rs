//! Console: bytes or lines to the console's serial line, each call in one piece.

use schema_gen::system::console::{write_line_params, write_params};

use crate::call::{Answer, Call, Reply, unimplemented};
use crate::console;

pub(super) fn call(call: &Call<'_, '_>) -> Answer {
    match call.method {
        0 => {
            let words = call.params()?;
            let message = words.message()?;
            console::write(&[message.get_root::<write_params::Reader<'_>>()?.get_data()?]);
            Ok(Reply::Void)
        }
        1 => {
            let words = call.params()?;
            let message = words.message()?;
            let text = message.get_root::<write_line_params::Reader<'_>>()?.get_text()?;
            console::write(&[text.as_bytes(), b"\n"]);
            Ok(Reply::Void)
        }
        _ => Err(unimplemented()),
    }
}
