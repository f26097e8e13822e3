//! LogSink and LogReader: writing records, and reading them by cursor. A read gives no more records than fit the answer,
//! so that the cursor it returns never passes one that was not shown. docs/rules/log.md.

use alloc::vec::Vec;

use abi::result::Failure;
use schema_gen::system::log_reader::{read_params, read_results};
use schema_gen::system::log_sink::write_params;
use schema_gen::system::{LogLevel, log_record};

use crate::call::{Answer, Call, Reply, unimplemented};
use crate::log::record::Record;
use crate::log::store::Filter;
use crate::log::{self, Level};
use crate::wire::{self, ListBytes};

/// Bytes of a write's answer.
const ACCEPTED_BYTES: usize = 24;
/// Bytes of a read's answer next to the list: cursor and overflow count.
const CURSOR_BYTES: usize = 16;

pub(super) fn sink(call: &Call<'_, '_>) -> Answer {
    if call.method != 0 {
        return Err(unimplemented());
    }
    let words = call.params()?;
    let message = words.message()?;
    let record = message.get_root::<write_params::Reader<'_>>()?.get_record()?;
    let level = record.get_level()?.into();
    let component = record.get_component()?.to_str().map_err(capnp::Error::from)?;
    let text = record.get_message()?.to_str().map_err(capnp::Error::from)?;
    call.require_room(ACCEPTED_BYTES)?;
    // The process number is what the writer says (it may speak for another), and readers know that.
    let accepted = log::write(level, component, record.get_pid(), text);
    Ok(Reply::Message(wire::data_struct(&[u64::from(accepted)])))
}

pub(super) fn reader(call: &Call<'_, '_>) -> Answer {
    if call.method != 0 {
        return Err(unimplemented());
    }
    let words = call.params()?;
    let message = words.message()?;
    let params = message.get_root::<read_params::Reader<'_>>()?;
    let wish = params.get_filter()?;
    let filter = Filter {
        min_level: wish.get_min_level()?.into(),
        component_prefix: wish
            .get_component_prefix()?
            .to_str()
            .map_err(capnp::Error::from)?,
    };
    let cursor = params.get_cursor();
    let mut records = Vec::new();
    let end = {
        let store = log::store().lock();
        let end = store.read(cursor, params.get_max_records(), filter, |record| {
            records.push(*record)
        });
        let fitting = fitting(&records, call.result.len as usize);
        if fitting == 0 && !records.is_empty() {
            return Err(Failure::InvalidResult.into());
        }
        if fitting < records.len() {
            records.truncate(fitting);
            store.read(cursor, fitting as u32, filter, |_| ())
        } else {
            end
        }
    };
    let mut answer = wire::builder_for(bytes(&records));
    let mut root = answer.init_root::<read_results::Builder<'_>>();
    root.set_next_cursor(end.next_cursor);
    root.set_dropped(end.dropped);
    let mut list = root.init_records(records.len() as u32);
    for (index, record) in (0..).zip(&records) {
        let mut line = list.reborrow().get(index);
        line.set_tick(record.tick);
        line.set_level(wire_level(record.level));
        line.set_component(record.component.as_str());
        line.set_pid(record.pid);
        line.set_message(record.message.as_str());
    }
    Ok(Reply::Message(wire::finish(answer)))
}

/// Bytes of an answer with these records.
fn bytes(records: &[Record]) -> usize {
    let texts = records
        .iter()
        .flat_map(|record| [record.component.as_str(), record.message.as_str()]);
    ListBytes::of::<log_record::Builder<'_>>(records.len())
        .with_texts(texts)
        .total()
        + CURSOR_BYTES
}

/// How many of the records, from the first on, an answer of `room` bytes can hold.
fn fitting(records: &[Record], room: usize) -> usize {
    (1..=records.len())
        .take_while(|count| bytes(&records[..*count]) <= room)
        .count()
}

fn wire_level(level: Level) -> LogLevel {
    match level {
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::record::Text;

    #[test]
    fn p9_as_many_records_are_shown_as_fit_the_answer() {
        let text = "m".repeat(100);
        let record = Record {
            tick: 1,
            level: Level::Info,
            component: Text::new("net"),
            pid: 1,
            message: Text::new(&text),
        };
        let records = [record; 16];
        let one = bytes(&records[..1]);
        let two = bytes(&records[..2]);
        assert_eq!(fitting(&records, one - 1), 0);
        assert_eq!(fitting(&records, one), 1);
        assert_eq!(fitting(&records, two - 1), 1);
        assert_eq!(fitting(&records, two), 2);
        assert_eq!(fitting(&records, 8192), 16);
        assert_eq!(fitting(&[], 0), 0);
    }
}
