//! Processes: start one with exactly the capabilities it should have, wait for it, end it.

use alloc::string::String;
use alloc::vec::Vec;

use abi::capset::Entry;
use abi::interfaces;
use schema_gen::system::{CapGrantMode, KernelCapSource, capability_manager, process_spawner};

use crate::cap::{Cap, Client, client};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::message::{Aligned, EMPTY, Flat, encode};
use crate::pending::{Pending, VOID_ROOM, bytes_of_mut, call, call_void};
use crate::pipe::Pipe;

client! {
    /// Starts processes from the manifest's binaries, and makes pipes.
    ProcessSpawner, PROCESS_SPAWNER
}

client! {
    /// A process, to wait for and to end.
    ProcessHandle, PROCESS_HANDLE
}

client! {
    /// The capability table of another process.
    CapabilityManager, CAPABILITY_MANAGER
}

/// A capability that a program of one's own may ask the kernel for on behalf of a child: each belongs to the
/// child alone (its address space, its threads), so there is nothing of the parent's to pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelSource {
    /// A fresh endpoint; the parent gets a client of it.
    Endpoint,
    /// The child's address space.
    VirtualMemory,
    /// Memory objects.
    FrameAllocator,
    /// What the child's threads may do to themselves.
    ThreadControl,
    /// New threads in the child.
    ThreadSpawner,
    /// Park words in the child.
    ParkSpace,
    /// Weight and class of the child's threads.
    SchedulingPolicy,
    /// The monotonic clock.
    Timer,
    /// Random bytes.
    EntropySource,
}

impl KernelSource {
    /// Each with the name manifests use and its interface.
    pub const ALL: [(KernelSource, &'static str, u64); 9] = [
        (KernelSource::Endpoint, "endpoint", interfaces::ENDPOINT),
        (
            KernelSource::VirtualMemory,
            "virtual_memory",
            interfaces::VIRTUAL_MEMORY,
        ),
        (
            KernelSource::FrameAllocator,
            "frame_allocator",
            interfaces::FRAME_ALLOCATOR,
        ),
        (
            KernelSource::ThreadControl,
            "thread_control",
            interfaces::THREAD_CONTROL,
        ),
        (
            KernelSource::ThreadSpawner,
            "thread_spawner",
            interfaces::THREAD_SPAWNER,
        ),
        (KernelSource::ParkSpace, "park_space", interfaces::PARK_SPACE),
        (
            KernelSource::SchedulingPolicy,
            "scheduling_policy",
            interfaces::SCHEDULING_POLICY_CAP,
        ),
        (KernelSource::Timer, "timer", interfaces::TIMER),
        (
            KernelSource::EntropySource,
            "entropy_source",
            interfaces::ENTROPY_SOURCE,
        ),
    ];

    /// The source manifests call `name`.
    pub fn from_name(name: &str) -> Option<KernelSource> {
        KernelSource::ALL
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(source, ..)| *source)
    }

    fn interface(self) -> u64 {
        KernelSource::ALL[self as usize].2
    }

    fn on_the_wire(self) -> KernelCapSource {
        match self {
            KernelSource::Endpoint => KernelCapSource::Endpoint,
            KernelSource::VirtualMemory => KernelCapSource::VirtualMemory,
            KernelSource::FrameAllocator => KernelCapSource::FrameAllocator,
            KernelSource::ThreadControl => KernelCapSource::ThreadControl,
            KernelSource::ThreadSpawner => KernelCapSource::ThreadSpawner,
            KernelSource::ParkSpace => KernelCapSource::ParkSpace,
            KernelSource::SchedulingPolicy => KernelCapSource::SchedulingPolicy,
            KernelSource::Timer => KernelCapSource::Timer,
            KernelSource::EntropySource => KernelCapSource::EntropySource,
        }
    }
}

/// How a capability gets into a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Copy,
    Move,
    ClientEndpoint { badge: u64 },
    Kernel(KernelSource),
}

/// One capability for a child, under the name the child finds it by.
#[derive(Clone, Debug)]
pub struct Grant {
    name: String,
    cap: u32,
    interface: u64,
    way: Way,
}

impl Grant {
    /// The child gets what the parent has; the parent keeps it.
    pub fn copy<C: Client>(name: &str, client: &C) -> Grant {
        Grant {
            name: name.into(),
            cap: client.cap().id(),
            interface: C::INTERFACE,
            way: Way::Copy,
        }
    }

    /// [`Grant::copy`] for a capability of the parent's own capset, whatever its type.
    pub fn copy_entry(name: &str, entry: &Entry<'_>) -> Grant {
        Grant {
            name: name.into(),
            cap: entry.cap_id,
            interface: entry.interface_id,
            way: Way::Copy,
        }
    }

    /// The child gets it and the parent no longer has it.
    pub fn give<C: Client>(name: &str, client: &C) -> Grant {
        Grant {
            way: Way::Move,
            ..Grant::copy(name, client)
        }
    }

    /// The child may call `endpoint`; its calls carry `badge`.
    pub fn client_of(name: &str, endpoint: &Endpoint, badge: u64) -> Grant {
        Grant {
            way: Way::ClientEndpoint { badge },
            ..Grant::copy(name, endpoint)
        }
    }

    /// The child gets a capability of its own from the kernel.
    pub fn kernel(name: &str, source: KernelSource) -> Grant {
        Grant {
            name: name.into(),
            cap: 0,
            interface: source.interface(),
            way: Way::Kernel(source),
        }
    }

    /// The name the child finds it by.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A started process.
pub struct Child {
    /// To wait for it and to end it.
    pub handle: ProcessHandle,
    /// Its capability table.
    pub table: CapabilityManager,
    /// A client of each fresh endpoint it was granted, in grant order.
    pub endpoints: Vec<Endpoint>,
}

impl ProcessSpawner {
    /// Starts `binary` as process `name`. All grants are applied or the process is not started.
    pub fn spawn(&self, name: &str, binary: &str, grants: &[Grant]) -> Result<Child, Error> {
        let params = encode::<process_spawner::spawn_params::Owned>(|mut root| {
            root.set_name(name);
            root.set_binary_name(binary);
            let mut list = root.init_grants(grants.len() as u32);
            for (index, grant) in grants.iter().enumerate() {
                let mut entry = list.reborrow().get(index as u32);
                entry.set_name(grant.name.as_str());
                entry.set_cap_id(grant.cap);
                entry.set_interface_id(grant.interface);
                entry.set_mode(match grant.way {
                    Way::Copy | Way::Kernel(_) => CapGrantMode::Raw,
                    Way::Move => CapGrantMode::Move,
                    Way::ClientEndpoint { .. } => CapGrantMode::ClientEndpoint,
                });
                if let Way::ClientEndpoint { badge } = grant.way {
                    entry.set_badge(badge);
                }
                match grant.way {
                    Way::Kernel(source) => entry.init_source().set_kernel(source.on_the_wire()),
                    _ => entry.init_source().set_capability(()),
                }
            }
        });
        let mut room = Aligned::<1024>::zeroed();
        let reply = call(self.cap().method(0), &params, &mut room.0)?;
        let (handle, table) = (usize::from(reply.u16(0)), usize::from(reply.u16(2)));
        Ok(Child {
            handle: ProcessHandle::from_cap(reply.cap(handle)?),
            table: CapabilityManager::from_cap(reply.cap(table)?),
            endpoints: (0..reply.cap_count())
                .filter(|index| *index != handle && *index != table)
                .map(|index| reply.cap(index).map(Endpoint::from_cap))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Makes a pipe that holds `bytes`: first the end to read from, then the end to write to.
    pub fn pipe(&self, bytes: u32) -> Result<(Pipe, Pipe), Error> {
        let mut room = Aligned::<1024>::zeroed();
        let reply = call(
            self.cap().method(1),
            Flat::<24>::new().u32(0, bytes).bytes(),
            &mut room.0,
        )?;
        Ok((
            Pipe::from_cap(reply.cap(usize::from(reply.u16(0)))?),
            Pipe::from_cap(reply.cap(usize::from(reply.u16(2)))?),
        ))
    }

    /// A pipe that already holds a child's arguments: grant it as [`crate::env::ARGUMENTS`].
    pub fn arguments<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<Pipe, Error> {
        let bytes = crate::env::join_arguments(arguments);
        let (read, write) = self.pipe(bytes.len().max(64) as u32)?;
        write.write_all(&bytes)?;
        write.close()?;
        Ok(read)
    }
}

impl ProcessHandle {
    /// Waits for the exit code.
    pub fn wait(&self) -> Result<i64, Error> {
        self.start_wait()?.wait()
    }

    /// Starts waiting for the exit code.
    pub fn start_wait(&self) -> Result<Pending<i64>, Error> {
        Pending::start(self.cap().method(0), EMPTY.to_vec(), VOID_ROOM, |reply| {
            Ok(reply.i64(0))
        })
    }

    /// Ends the process from outside.
    pub fn terminate(&self) -> Result<(), Error> {
        call_void(self.cap().method(1), &EMPTY)
    }
}

/// One capability in some table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableEntry {
    /// Id in that table.
    pub id: u32,
    /// Interface it answers.
    pub interface: u64,
    /// Name in the process's capset, if it was born with it.
    pub label: String,
}

impl CapabilityManager {
    /// What the table holds.
    pub fn list(&self) -> Result<Vec<TableEntry>, Error> {
        let mut words: Vec<u64> = alloc::vec![0; 2048];
        let reply = call(self.cap().method(0), &EMPTY, bytes_of_mut(&mut words))?;
        reply.read::<capability_manager::list_results::Owned, _>(|root| {
            table_entries(root.get_capabilities()?)
        })
    }

    /// Takes a capability away from the process.
    pub fn revoke(&self, id: u32) -> Result<(), Error> {
        call_void(self.cap().method(1), Flat::<24>::new().u32(0, id).bytes())
    }
}

/// Copies a list of capabilities out of a message.
pub(crate) fn table_entries(
    list: capnp::struct_list::Reader<'_, schema_gen::system::capability_info::Owned>,
) -> capnp::Result<Vec<TableEntry>> {
    list.iter()
        .map(|entry| {
            Ok(TableEntry {
                id: entry.get_id(),
                interface: entry.get_interface_id(),
                label: entry.get_label()?.to_string().unwrap_or_default(),
            })
        })
        .collect()
}

/// A capability that was born elsewhere, by its id: for programs that were handed one in a message.
pub fn adopt<C: Client>(id: u32) -> C {
    C::from_cap(Cap::owned(id))
}
