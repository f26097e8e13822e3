//! What the kernel itself can hand out: the names manifests use, the numbers grants use, and the interface of
//! each.

use crate::error::{ManifestError, Problem};
use crate::path::Path;
use alloc::vec::Vec;
use capnp::enum_list;
use schema_gen::system::KernelCapSource;

/// Declares the sources: enumerant, name in manifests, interface.
macro_rules! sources {
    ($($variant:ident $name:literal $interface:ident,)+) => {
        /// Something the kernel can hand out.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Source {
            $(#[doc = concat!("`", $name, "`")] $variant = KernelCapSource::$variant as isize,)+
        }

        impl Source {
            /// Every source, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in manifests.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The interface that the capability answers.
            #[must_use]
            pub const fn interface_id(self) -> u64 {
                match self {
                    $(Self::$variant => abi::interfaces::$interface,)+
                }
            }

            /// The source that the schema means.
            #[must_use]
            pub const fn from_schema(source: KernelCapSource) -> Self {
                match source {
                    $(KernelCapSource::$variant => Self::$variant,)+
                }
            }

            /// The schema's enumerant.
            #[must_use]
            pub const fn to_schema(self) -> KernelCapSource {
                match self {
                    $(Self::$variant => KernelCapSource::$variant,)+
                }
            }
        }
    };
}

sources! {
    Console "console" CONSOLE,
    Endpoint "endpoint" ENDPOINT,
    FrameAllocator "frame_allocator" FRAME_ALLOCATOR,
    VirtualMemory "virtual_memory" VIRTUAL_MEMORY,
    ProcessSpawner "process_spawner" PROCESS_SPAWNER,
    BootPackage "boot_package" BOOT_PACKAGE,
    TerminalSession "terminal_session" TERMINAL_SESSION,
    EntropySource "entropy_source" ENTROPY_SOURCE,
    CredentialStore "credential_store" CREDENTIAL_STORE,
    SessionManager "session_manager" SESSION_MANAGER,
    AuthorityBroker "authority_broker" AUTHORITY_BROKER,
    AuditLog "audit_log" AUDIT_LOG,
    SystemInfo "system_info" SYSTEM_INFO,
    Null "null" NULL,
    ParkBench "park_bench" PARK_BENCH,
    Timer "timer" TIMER,
    ThreadControl "thread_control" THREAD_CONTROL,
    ThreadSpawner "thread_spawner" THREAD_SPAWNER,
    ParkSpace "park_space" PARK_SPACE,
    NetworkManager "network_manager" NETWORK_MANAGER,
    SshDevelopmentHostKey "ssh_development_host_key" SSH_HOST_KEY,
    TcpListenAuthority "tcp_listen_authority" TCP_LISTEN_AUTHORITY,
    AuthorizedKeyStore "authorized_key_store" AUTHORIZED_KEY_STORE,
    RestrictedShellLauncher "restricted_shell_launcher" RESTRICTED_SHELL_LAUNCHER,
    ChatEndpoint "chat_endpoint" ENDPOINT,
    DeviceMmio "device_mmio" DEVICE_MMIO,
    Interrupt "interrupt" INTERRUPT,
    SchedulingPolicy "scheduling_policy" SCHEDULING_POLICY_CAP,
    DmaPool "dmapool" DMA_POOL,
    HardwareAuditLog "hardware_audit_log" HARDWARE_AUDIT_LOG,
    SchedulingContext "scheduling_context" SCHEDULING_CONTEXT,
    CpuIsolationLease "cpu_isolation_lease" CPU_ISOLATION_LEASE,
    File "file" FILE,
    Directory "directory" DIRECTORY,
    Store "store" STORE,
    Namespace "namespace" NAMESPACE,
    WallClock "wall_clock" WALL_CLOCK,
    Manual "manual" MANUAL,
    LogSink "log_sink" LOG_SINK,
    LogReader "log_reader" LOG_READER,
    BlockDevice "block_device" BLOCK_DEVICE,
    ReadOnlyFsRoot "read_only_fs_root" DIRECTORY,
    PersistentStore "persistent_store" STORE,
    WritableFsRoot "writable_fs_root" DIRECTORY,
    BlockDeviceTarget "block_device_target" BLOCK_DEVICE,
    InstallableImageSource "installable_image_source" DIRECTORY,
    CpuIsolationPoolGrant "cpu_isolation_pool_grant" CPU_ISOLATION_POOL_GRANT,
    CpuIsolationPoolGrantSecondary "cpu_isolation_pool_grant_secondary" CPU_ISOLATION_POOL_GRANT,
    CpuIsolationGrantMinter "cpu_isolation_grant_minter" CPU_ISOLATION_GRANT_MINTER,
    Nic "nic" NIC,
    Monitor "monitor" MONITOR,
    Supervisor "supervisor" SUPERVISOR,
}

impl Source {
    /// The source with this name in manifests.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|source| source.name() == name)
    }

    /// The source with this number in grants.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether a spawner may have the kernel mint this one for a child. Whatever else a child needs, its
    /// parent must hold and pass on.
    #[must_use]
    pub const fn for_children(self) -> bool {
        matches!(
            self,
            Self::Console
                | Self::Endpoint
                | Self::VirtualMemory
                | Self::Timer
                | Self::ThreadControl
                | Self::ThreadSpawner
                | Self::ParkSpace
                | Self::FrameAllocator
                | Self::EntropySource
                | Self::SystemInfo
                | Self::WallClock
                | Self::LogSink
                | Self::SchedulingPolicy
                | Self::Null
                | Self::ParkBench
        )
    }
}

/// A list of sources.
pub(crate) fn decode_list(
    path: &Path<'_>,
    list: enum_list::Reader<'_, KernelCapSource>,
) -> Result<Vec<Source>, ManifestError> {
    crate::read::at_most(path, list.len(), crate::read::LIST_LIMIT)?;
    let mut sources = Vec::with_capacity(list.len() as usize);
    for (index, source) in (0..).zip(list) {
        let source =
            source.map_err(|value| path.index(index).fail(Problem::UnknownValue { number: value.0 }))?;
        sources.push(Source::from_schema(source));
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p13_names_are_the_enumerants_in_snake_case() {
        for (number, source) in (0..).zip(Source::ALL) {
            assert_eq!(Source::from_name(source.name()), Some(*source));
            assert_eq!(Source::from_number(number), Some(*source));
            assert_eq!(Source::from_schema(source.to_schema()), *source);
            assert_eq!(source.to_schema() as u16, number);
        }
        assert_eq!(
            Source::from_name("cpu_isolation_pool_grant_secondary"),
            Source::from_number(47)
        );
        assert_eq!(Source::from_name("dmapool"), Some(Source::DmaPool));
        assert_eq!(
            (Source::from_name("dma_pool"), Source::from_name("Console")),
            (None, None)
        );
        assert_eq!(
            (Source::from_number(51), Source::from_number(52)),
            (Some(Source::Supervisor), None)
        );
    }

    #[test]
    fn p13_sources_give_their_namesake_with_the_known_exceptions() {
        assert_eq!(Source::Console.interface_id(), abi::interfaces::CONSOLE);
        assert_eq!(
            Source::SchedulingPolicy.interface_id(),
            abi::interfaces::SCHEDULING_POLICY_CAP
        );
        assert_eq!(Source::ChatEndpoint.interface_id(), abi::interfaces::ENDPOINT);
        assert_eq!(Source::PersistentStore.interface_id(), abi::interfaces::STORE);
        assert_eq!(Source::Null.interface_id(), 0x6e75_6c6c_6361_7030);
    }
}
