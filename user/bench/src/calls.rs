//! N3: a call to another process and its return, with an empty message. The client enters the kernel once per call,
//! and the server once: it answers one call and receives the next in the same entry.

use abi::endpoint::HEADER_BYTES;
use rt::cap::Client;
use rt::endpoint::Endpoint;
use rt::env::{ARGUMENTS, OUTPUT};
use rt::message::Aligned;
use rt::process::{Grant, KernelSource, ProcessSpawner};
use rt::raw::{Operation, with_ring};
use rt::{Env, Error};

use crate::SERVE;
use crate::plan::{Plan, fact};

/// The manifest's name for this program.
const BINARY: &str = "bench";
/// Name of the answering process's endpoint.
const SERVICE: &str = "service";

const CALLS: u64 = 2_000;

/// Answers empty calls with nothing, until one that is not empty.
pub fn serve(env: &Env) -> Result<(), Error> {
    let service: Endpoint = env.get(SERVICE)?;
    let mut buffer = Aligned::<{ HEADER_BYTES + 8 }>::zeroed();
    with_ring(|ring| {
        let receive = Operation::receive(&service, &mut buffer.0);
        let mut call = ring.perform(&receive);
        while call.result == HEADER_BYTES as i32 {
            ring.submit(&Operation::answer(&service, call.call_id, &[]));
            ring.submit(&receive);
            ring.enter(2);
            let answered = ring.completion();
            match (answered, ring.completion()) {
                (Some(_), Some(next)) => call = next,
                _ => return,
            }
        }
        ring.perform(&Operation::answer(&service, call.call_id, &[]));
    });
    Ok(())
}

/// Calls, and waits for each answer.
pub fn call_and_return(env: &Env, plan: &Plan) -> Result<(), Error> {
    let spawner: ProcessSpawner = env.first()?;
    let arguments = spawner.arguments([SERVE])?;
    let mut grants = alloc::vec![
        Grant::kernel(SERVICE, KernelSource::Endpoint),
        Grant::give(ARGUMENTS, &arguments)
    ];
    if let Some(output) = env.capabilities().find(|entry| entry.name == "console") {
        grants.push(Grant::copy_entry(OUTPUT, &output));
    }
    let child = spawner.spawn("server", BINARY, &grants)?;
    let service = child.endpoints.first().ok_or(Error::Malformed)?;
    let target = service.cap().method(0);

    let call = Operation::call(target, &[], &mut []);
    let mut wrong = 0;
    plan.measure("call", CALLS, |operations| {
        with_ring(|ring| {
            for _ in 0..operations {
                wrong += u64::from(ring.perform(&call).result != 0);
            }
        });
    });
    with_ring(|ring| ring.perform(&Operation::call(target, &[1], &mut [])));
    fact("call", "wrong", wrong);
    fact("call", "server-code", child.handle.wait()?.unsigned_abs());
    Ok(())
}
