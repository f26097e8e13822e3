//! What a call between two processes costs. The program starts a second process of itself with a fresh endpoint,
//! calls it many times, and prints the time per call: one CALL here, one RETURN with the next RECV there, and
//! two switches in between.
//!
//! On a machine started with `--icount` one nanosecond is one instruction, so the figure counts instructions.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rt::child::with_output;
use rt::endpoint::Endpoint;
use rt::message::Aligned;
use rt::process::{Grant, KernelSource, ProcessSpawner};
use rt::text::{Table, duration, grouped, number_in};
use rt::time::Timer;
use rt::{Env, Error, println};

const USAGE: &str = "usage: pingpong [CALLS [BYTES]]
  Calls a second process and prints the time per call. Default: 10000 calls with a message of 16 bytes;
  a message has at most 4096.";

/// The manifest's name for this program's binary.
const BINARY: &str = "pingpong";
/// First argument of the process that answers.
const SERVE: &str = "--serve";
/// Name of the answering process's endpoint.
const SERVICE: &str = "service";

/// Method that answers with the message it got.
const ECHO: u16 = 0;
/// Method that answers and ends the service.
const STOP: u16 = 1;

/// Longest message.
const MOST_BYTES: usize = 4096;

/// The calls are measured in so many parts; the spread shows how steady the figure is.
const PARTS: u64 = 10;

struct Settings {
    calls: u64,
    bytes: usize,
}

fn parse(arguments: &[&str]) -> Result<Settings, String> {
    let calls = |text| number_in(text, "number of calls", PARTS..=10_000_000);
    let bytes = |text| number_in(text, "number of bytes", 0..=MOST_BYTES as u64).map(|bytes| bytes as usize);
    match arguments {
        [] => Ok(Settings {
            calls: 10_000,
            bytes: 16,
        }),
        [count] => Ok(Settings {
            calls: calls(count)?,
            bytes: 16,
        }),
        [count, size] => Ok(Settings {
            calls: calls(count)?,
            bytes: bytes(size)?,
        }),
        _ => Err("there are too many arguments".into()),
    }
}

/// The program, both halves of it.
pub fn run(env: &Env) -> i64 {
    let arguments = env.arguments();
    if arguments.first().is_some_and(|first| first == SERVE) {
        return serve(env).map_or_else(|_| 1, |answered| i64::from(answered == 0));
    }
    let settings = match rt::text::settings(&arguments, USAGE, parse) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    match measure(env, &settings) {
        Ok(parts) => {
            report(&settings, parts);
            0
        }
        Err(error) => {
            println!("pingpong: {error}");
            1
        }
    }
}

/// Answers calls until told to stop; says how many.
fn serve(env: &Env) -> Result<u64, Error> {
    let service: Endpoint = env.get(SERVICE)?;
    let mut buffer = Aligned::<{ MOST_BYTES + 64 }>::zeroed();
    let mut answer = Aligned::<MOST_BYTES>::zeroed();
    let mut answered = 0;
    let mut call = service.receive(&mut buffer.0)?;
    loop {
        answered += 1;
        let (id, method, length) = (
            call.call_id,
            call.header.method_id,
            call.params.len().min(MOST_BYTES),
        );
        answer.0[..length].copy_from_slice(&call.params[..length]);
        if method == STOP {
            service.reply(id, &answer.0[..length])?;
            return Ok(answered);
        }
        call = service.reply_and_receive(id, &answer.0[..length], &mut buffer.0)?;
    }
}

/// Nanoseconds per call in each part.
fn measure(env: &Env, settings: &Settings) -> Result<Vec<u64>, Error> {
    let timer: Timer = env.first()?;
    let spawner: ProcessSpawner = env.first()?;
    // The answering process panics into the same output, if it does.
    let grants = with_output(env, alloc::vec![Grant::kernel(SERVICE, KernelSource::Endpoint)]);
    let child = rt::child::start(&spawner, "pong", BINARY, [SERVE], grants)?;
    let service = child.endpoints.first().ok_or(Error::Malformed)?;

    let message: Vec<u8> = (0..settings.bytes).map(|index| index as u8).collect();
    let mut room = Aligned::<{ MOST_BYTES + 64 }>::zeroed();
    let mut call = |method| -> Result<(), Error> {
        let reply = service.call(method, &message, &mut room.0)?;
        if reply.payload() == message {
            Ok(())
        } else {
            Err(Error::Malformed)
        }
    };
    for _ in 0..100 {
        call(ECHO)?; // Warm: both processes have run and touched their pages.
    }
    let mut parts = Vec::new();
    for _ in 0..PARTS {
        let calls = settings.calls / PARTS;
        let before = timer.now_ns()?;
        for _ in 0..calls {
            call(ECHO)?;
        }
        parts.push((timer.now_ns()? - before) / calls);
    }
    call(STOP)?;
    match child.handle.wait()? {
        0 => Ok(parts),
        code => {
            println!("pingpong: the answering process ended with code {code}");
            Err(Error::Malformed)
        }
    }
}

fn report(settings: &Settings, mut parts: Vec<u64>) {
    parts.sort_unstable();
    let mut table = Table::new(&[">CALLS", ">BYTES", ">BEST", ">MEDIAN", ">WORST"]);
    table.row([
        grouped(settings.calls),
        settings.bytes.to_string(),
        duration(parts[0]),
        duration(parts[parts.len() / 2]),
        duration(parts[parts.len() - 1]),
    ]);
    for line in table.lines(100) {
        println!("{line}");
    }
    println!(
        "{} ns per call and answer ({} parts of {} calls)",
        parts[parts.len() / 2],
        PARTS,
        settings.calls / PARTS
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_have_defaults_and_bounds() {
        let settings = parse(&[]).unwrap();
        assert_eq!((settings.calls, settings.bytes), (10_000, 16));
        assert_eq!(parse(&["20", "4096"]).unwrap().bytes, 4096);
        assert!(
            parse(&["5"]).is_err() && parse(&["20", "4097"]).is_err() && parse(&["20", "1", "1"]).is_err()
        );
    }
}
