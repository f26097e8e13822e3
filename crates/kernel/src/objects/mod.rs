//! The kernel's objects, one file per interface: decode, check, commit. A method's number is matched before its
//! parameters are looked at, so an unknown method is unimplemented whatever came with it. Endpoints are not here: their
//! messages are opaque (crate::endpoint). Rule P9; docs/abi.md, sections 16 and 17.

mod boot_package;
mod capability_manager;
mod console;
mod context;
mod entropy;
mod frames;
mod grants;
mod logs;
mod memory_object;
pub(crate) mod monitor;
mod observe;
mod pipe;
mod placement;
mod process;
pub mod scheduling;
pub mod sources;
mod supervisor;
mod system_info;
mod terminal;
mod thread;
mod timer;
mod virtual_memory;
mod wall_clock;

use crate::call::{Answer, Call, unimplemented};
use crate::capability::{Capability, Object};

/// Whether a call of `method` is ThreadControl's yield, which is answered where it is recognised: it is a switch, and
/// threads that yield do so often.
#[inline]
pub fn is_yield(capability: &Capability, method: u16) -> bool {
    matches!(capability.object, Object::ThreadControl) && method == thread::YIELD
}

/// Calls a method of a kernel object.
pub fn call(call: &mut Call<'_, '_>, capability: &Capability) -> Answer {
    match &capability.object {
        Object::Console => console::call(call),
        Object::Terminal(terminal) => terminal::call(call, terminal),
        Object::LogSink => logs::sink(call),
        Object::LogReader => logs::reader(call),
        Object::Timer => timer::call(call),
        Object::WallClock => wall_clock::call(call),
        Object::Entropy => entropy::call(call),
        Object::SystemInfo => system_info::call(call),
        Object::BootPackage => boot_package::call(call),
        Object::VirtualMemory => virtual_memory::call(call),
        Object::FrameAllocator => frames::call(call),
        Object::Memory(object) => memory_object::call(call, object),
        Object::ThreadControl => thread::control(call),
        Object::ThreadSpawner => thread::spawner(call),
        Object::ThreadHandle(thread) => thread::handle(call, thread),
        Object::Pipe(end) => pipe::call(call, end),
        Object::ProcessSpawner => process::spawner(call),
        Object::ProcessHandle(process) => process::handle(call, process),
        Object::CapabilityManager(process) => capability_manager::call(call, process),
        Object::SchedulingPolicy(target) => scheduling::call(call, target.as_deref()),
        Object::ThreadPlacement(thread) => placement::call(call, thread),
        Object::SchedulingContexts { may_reserve } => context::factory(call, *may_reserve),
        Object::SchedulingContext(held) => context::call(call, &held.0),
        Object::Monitor => monitor::call(call),
        Object::Supervisor => supervisor::call(call),
        // Park spaces have operations but no methods; endpoints never come here.
        Object::ParkSpace | Object::EndpointOwner(_) | Object::EndpointClient(_) | Object::Absent => {
            Err(unimplemented())
        }
    }
}
