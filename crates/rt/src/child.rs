//! Starting a program with arguments: how programs start others, and themselves once more in another part.
//!
//! [`crate::process::ProcessSpawner::spawn`] grants what it is told to grant, and nothing else. Most children also get
//! arguments ([`start`]); those that act like their parent get its output and what everyday life takes
//! ([`with_output`], [`everyday`]). How long to wait for one that may never end is the parent's patience ([`end_within`]).

use alloc::vec::Vec;

use crate::env::{ARGUMENTS, Env, OUTPUT};
use crate::error::Error;
use crate::pending::wait_any;
use crate::process::{Child, Grant, KernelSource, ProcessSpawner};

/// Starts `binary` as process `name`, with these arguments and grants.
pub fn start<'a>(
    spawner: &ProcessSpawner,
    name: &str,
    binary: &str,
    arguments: impl IntoIterator<Item = &'a str>,
    mut grants: Vec<Grant>,
) -> Result<Child, Error> {
    let arguments = spawner.arguments(arguments)?;
    grants.push(Grant::give(ARGUMENTS, &arguments));
    // Until it has moved to the child, it has to stay.
    spawner.spawn(name, binary, &grants)
}

/// What it takes to sleep, map memory and have threads that yield and park: of the kernel, for the child alone.
pub fn everyday() -> Vec<Grant> {
    [
        ("timer", KernelSource::Timer),
        ("memory", KernelSource::VirtualMemory),
        ("threads", KernelSource::ThreadSpawner),
        ("thread", KernelSource::ThreadControl),
        ("park", KernelSource::ParkSpace),
    ]
    .map(|(name, source)| Grant::kernel(name, source))
    .to_vec()
}

/// The same grants and, if we have an output, that one: what the child prints, and why it panics, is seen where our lines
/// are.
pub fn with_output(env: &Env, mut grants: Vec<Grant>) -> Vec<Grant> {
    let output = env.capabilities().find(|entry| entry.name == OUTPUT);
    grants.extend(output.map(|output| Grant::copy_entry(OUTPUT, &output)));
    grants
}

/// Waits for a child's exit code; `None` if it had to be ended from outside, because nothing happened for so long.
pub fn end_within(child: &Child, patience_ns: u64) -> Result<Option<i64>, Error> {
    let ended = child.handle.start_wait()?;
    while !ended.is_ready() {
        if !wait_any(patience_ns) {
            child.handle.terminate()?;
            ended.wait()?;
            return Ok(None);
        }
    }
    ended.wait().map(Some)
}
