//! From the names a manifest uses to the grants of a child: what `init` does for services and the shell for
//! programs.
//!
//! A name such as `timer` grants the child what its parent holds under that name. What belongs to one process
//! alone (`virtual_memory`, `thread_spawner`, `endpoint`, …) cannot be passed on: the child gets its own from the
//! kernel. `child_name=parent_name` renames on the way.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::env::Env;
use crate::process::{Grant, KernelSource};

/// Whether a child can only have its own of this kind.
fn belongs_to_one_process(source: KernelSource) -> bool {
    !matches!(
        source,
        KernelSource::Timer | KernelSource::EntropySource | KernelSource::FrameAllocator
    )
}

/// What one entry of a `caps` list asks for: the name in the child, and the name here.
pub fn split_name(entry: &str) -> (&str, &str) {
    entry.split_once('=').unwrap_or((entry, entry))
}

/// The grant that `entry` asks for, or a sentence on why it cannot be made.
pub fn grant(env: &Env, entry: &str) -> Result<Grant, String> {
    let (child_name, own_name) = split_name(entry);
    let source = KernelSource::from_name(own_name);
    if let Some(source) = source.filter(|source| belongs_to_one_process(*source)) {
        return Ok(Grant::kernel(child_name, source));
    }
    if let Some(own) = env.capabilities().find(|own| own.name == own_name) {
        return Ok(Grant::copy_entry(child_name, &own));
    }
    source
        .map(|source| Grant::kernel(child_name, source))
        .ok_or_else(|| format!("there is no capability `{own_name}` here to grant"))
}

/// The grants of a whole list.
pub fn grants<'a>(env: &Env, entries: impl IntoIterator<Item = &'a str>) -> Result<Vec<Grant>, String> {
    entries.into_iter().map(|entry| grant(env, entry)).collect()
}
