//! What a process can hold: an object, the interface id it goes by, its badge, and what of the caller's session it
//! may learn. One variant of [`Object`] per kind of object; the kind decides what is allowed, never an ambient id.

use alloc::sync::Arc;

use crate::context::Held;
use crate::endpoint::{Endpoint, Owner};
use crate::memory::object::MemoryObject;
use crate::pipe::PipeEnd;
use crate::process::Process;
use crate::process::thread::Thread;
use crate::terminal::Terminal;

/// The number of an interface (abi::interfaces).
pub type InterfaceId = u64;

/// An object behind a capability.
#[derive(Clone)]
pub enum Object {
    /// The console's serial line.
    Console,
    /// The terminal's serial line.
    Terminal(Arc<Terminal>),
    /// Writes the system log.
    LogSink,
    /// Reads the system log.
    LogReader,
    /// Monotonic time and sleeping.
    Timer,
    /// The time of day.
    WallClock,
    /// Random bytes.
    Entropy,
    /// The machine's name and greeting.
    SystemInfo,
    /// The boot manifest's bytes.
    BootPackage,
    /// The caller's address space.
    VirtualMemory,
    /// Frames of physical memory.
    FrameAllocator,
    /// Memory that can be mapped and shared.
    Memory(Arc<MemoryObject>),
    /// The calling thread.
    ThreadControl,
    /// Starts threads in the caller's process.
    ThreadSpawner,
    /// One thread's end.
    ThreadHandle(Arc<Thread>),
    /// Parking places in the caller's address space.
    ParkSpace,
    /// An endpoint, with the right to receive and answer.
    EndpointOwner(Arc<Owner>),
    /// An endpoint, with the right to call.
    EndpointClient(Arc<Endpoint>),
    /// One end of a pipe.
    Pipe(Arc<PipeEnd>),
    /// Starts processes.
    ProcessSpawner,
    /// One process's end.
    ProcessHandle(Arc<Process>),
    /// One process's capabilities.
    CapabilityManager(Arc<Process>),
    /// Weight, class and counters of a thread: the given one, or the caller.
    SchedulingPolicy(Option<Arc<Thread>>),
    /// On which CPUs a thread runs.
    ThreadPlacement(Arc<Thread>),
    /// Creates scheduling contexts; whether it may reserve what the manifest leaves to the first process.
    SchedulingContexts {
        /// It may.
        may_reserve: bool,
    },
    /// CPU time.
    SchedulingContext(Arc<Held>),
    /// Looking at the whole system.
    Monitor,
    /// Turning what is seen into authority over one thing.
    Supervisor,
    /// An interface that this kernel does not have yet: every method is unimplemented.
    Absent,
}

/// One entry of a capability table.
#[derive(Clone)]
pub struct Capability {
    /// The object.
    pub object: Object,
    /// The interface it goes by.
    pub interface: InterfaceId,
    /// Which client of an endpoint this is.
    pub badge: u64,
    /// Session fields that calls through this may disclose, bits 0-2.
    pub disclosure: u8,
}

impl Capability {
    /// A capability without badge or disclosure.
    pub fn new(object: Object, interface: InterfaceId) -> Capability {
        Capability {
            object,
            interface,
            badge: 0,
            disclosure: 0,
        }
    }

    /// The endpoint that calls through it reach, if it is one's facet.
    #[inline]
    pub fn endpoint(&self) -> Option<&Arc<Endpoint>> {
        match &self.object {
            Object::EndpointClient(endpoint) => Some(endpoint),
            Object::EndpointOwner(owner) => Some(&owner.endpoint),
            _ => None,
        }
    }

    /// Whether it is an owner facet of `endpoint`.
    pub fn owns(&self, endpoint: &Arc<Endpoint>) -> bool {
        matches!(&self.object, Object::EndpointOwner(owner) if Arc::ptr_eq(&owner.endpoint, endpoint))
    }

    /// Whether it may travel in a message (docs/abi.md, section 7). What is bound to one process, session or thread stays.
    pub fn is_transferable(&self) -> bool {
        match self.object {
            Object::EndpointOwner(_)
            | Object::EndpointClient(_)
            | Object::Memory(_)
            | Object::Pipe(_)
            | Object::SchedulingContexts { .. }
            | Object::SchedulingContext(_)
            | Object::LogSink
            | Object::LogReader
            | Object::WallClock
            | Object::Timer
            | Object::SystemInfo
            | Object::Entropy => true,
            Object::Console
            | Object::Terminal(_)
            | Object::BootPackage
            | Object::VirtualMemory
            | Object::FrameAllocator
            | Object::ThreadControl
            | Object::ThreadSpawner
            | Object::ThreadHandle(_)
            | Object::ParkSpace
            | Object::ProcessSpawner
            | Object::ProcessHandle(_)
            | Object::CapabilityManager(_)
            | Object::SchedulingPolicy(_)
            | Object::ThreadPlacement(_)
            | Object::Monitor
            | Object::Supervisor
            | Object::Absent => false,
        }
    }

    /// Whether a parent may give it to a child as it is. What belongs to one address space or thread may not.
    pub fn is_grantable(&self) -> bool {
        !matches!(
            self.object,
            Object::VirtualMemory | Object::ParkSpace | Object::ThreadControl | Object::ThreadSpawner
        )
    }
}
