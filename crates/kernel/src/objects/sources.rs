//! What the kernel can give by itself: one object per source of the manifest and of spawn grants. Sources whose
//! interfaces do not exist yet give nothing (docs/limits.md lists them). docs/abi.md, sections 14 and 15.

use alloc::sync::Arc;

use manifest::source::Source;

use crate::capability::{Capability, Object};
use crate::endpoint::Endpoint;
use crate::memory::account::{Account, Short};
use crate::process::Quota;
use crate::terminal;

/// A capability from `source`, or `None` if this kernel has no such thing. What is made is charged to `account`.
///
/// # Errors
/// When it cannot be.
pub fn mint(source: Source, quota: &Quota, account: &Arc<Account>) -> Result<Option<Capability>, Short> {
    let object = match source {
        Source::Console => Object::Console,
        Source::TerminalSession => match terminal::system() {
            Some(terminal) => Object::Terminal(terminal.clone()),
            None => return Ok(None),
        },
        Source::LogSink => Object::LogSink,
        Source::LogReader => Object::LogReader,
        Source::Timer => Object::Timer,
        Source::WallClock => Object::WallClock,
        Source::EntropySource => Object::Entropy,
        Source::SystemInfo => Object::SystemInfo,
        Source::BootPackage => Object::BootPackage,
        Source::VirtualMemory => Object::VirtualMemory,
        Source::FrameAllocator => Object::FrameAllocator,
        Source::ThreadControl => Object::ThreadControl,
        Source::ThreadSpawner => Object::ThreadSpawner,
        Source::ParkSpace => Object::ParkSpace,
        Source::Endpoint | Source::ChatEndpoint => {
            Object::EndpointOwner(Endpoint::create(quota.endpoint_queue, quota.in_flight, account)?)
        }
        Source::ProcessSpawner => Object::ProcessSpawner,
        Source::SchedulingContext => Object::SchedulingContexts { may_reserve: false },
        Source::SchedulingPolicy => Object::SchedulingPolicy(None),
        Source::Monitor => Object::Monitor,
        Source::Supervisor => Object::Supervisor,
        // A null capability is a name that answers nothing, on purpose.
        Source::Null => Object::Absent,
        _ => return Ok(None),
    };
    Ok(Some(Capability::new(object, source.interface_id())))
}
