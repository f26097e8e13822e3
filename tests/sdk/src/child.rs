//! Children of a program are the same program in another role: the parent grants a capability whose name is `as-` and
//! the role, and the child looks for it before anything else. One binary in the manifest is enough that way.

use crate::bench::{Bench, Outcome};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use capos::{
    CapSet, KernelCapSource, ProcessHandleClient, ProcessSpawnerClient, SpawnGrant, SpawnGrantMode,
    SpawnGrantSource, SpawnResult,
};

/// The role this process was started in; `None` is the parent.
pub fn role(capset: CapSet) -> Option<String> {
    capset.iter().find_map(|entry| {
        let name = core::str::from_utf8(entry.name_bytes()).ok()?;
        name.strip_prefix("as-").map(String::from)
    })
}

/// A grant of a capability the parent holds, as it is.
pub fn raw<'a>(bench: &Bench<'_>, name: &'a str, held: &str) -> Outcome<SpawnGrant<'a>> {
    let capability = bench.capset.get(held.as_bytes())?;
    Ok(SpawnGrant {
        name,
        source: SpawnGrantSource::Capability(capability),
        mode: SpawnGrantMode::Raw,
        badge: 0,
    })
}

/// A grant of a capability that the kernel makes for the child.
pub fn kernel(name: &str, source: KernelCapSource) -> SpawnGrant<'_> {
    SpawnGrant {
        name,
        source: SpawnGrantSource::Kernel(source),
        mode: SpawnGrantMode::Raw,
        badge: 0,
    }
}

/// Starts `binary` in `role`, with the parent's console and the given grants after it.
pub fn start(
    bench: &mut Bench<'_>,
    binary: &str,
    role: &str,
    grants: &[SpawnGrant<'_>],
) -> Outcome<SpawnResult> {
    let role_name = format!("as-{role}");
    let mut all = Vec::from([
        raw(bench, "console", "console")?,
        kernel(&role_name, KernelCapSource::Timer),
    ]);
    all.extend_from_slice(grants);
    let mut spawner: ProcessSpawnerClient = bench.client("spawner")?;
    Ok(spawner.spawn_wait_with_parent_endpoints(&mut bench.ring, role, binary, &all, u64::MAX)?)
}

/// Waits for a child's end; the value is its exit code.
pub fn reap(bench: &mut Bench<'_>, child: &SpawnResult) -> Outcome<i64> {
    Ok(ProcessHandleClient::new(child.handle.capability()).wait_wait(&mut bench.ring, u64::MAX)?)
}

/// Starts `binary` in `role` and waits for its end.
pub fn run(bench: &mut Bench<'_>, binary: &str, role: &str, grants: &[SpawnGrant<'_>]) -> Outcome<i64> {
    let child = start(bench, binary, role, grants)?;
    let code = reap(bench, &child);
    drop(child);
    bench.ring.flush_releases()?;
    code
}
