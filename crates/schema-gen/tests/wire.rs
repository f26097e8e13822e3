//! A few whole messages, byte for byte, and interface ids. What the layout table cannot show: framing, text
//! padding, list encoding, and that the ids in code, schema and `abi` are one.

use capnp::message::{Builder, HeapAllocator};
use capnp::serialize;
use schema_gen::{monitor, system};

fn message() -> Builder<HeapAllocator> {
    Builder::new_default()
}

#[test]
fn p9_a_struct_without_fields_is_sixteen_bytes() {
    let mut empty = message();
    empty.init_root::<system::console::write_results::Builder<'_>>();
    let bytes = serialize::write_message_to_words(&empty);
    assert_eq!(
        bytes,
        [0, 0, 0, 0, 1, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0]
    );
}

#[test]
fn p9_timer_now_is_two_words_of_data() {
    let mut now = message();
    let mut results = now.init_root::<system::timer::now_results::Builder<'_>>();
    results.set_monotonic_ns(0x0102_0304_0506_0708);
    results.set_tick(9);
    let bytes = serialize::write_message_to_words(&now);
    assert_eq!(bytes[..8], [0, 0, 0, 0, 3, 0, 0, 0]);
    assert_eq!(bytes[8..16], [0, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(bytes[16..24], [8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(bytes[24..], [9, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn p9_an_exception_carries_its_type_in_the_first_two_bytes() {
    let mut exception = message();
    let mut root = exception.init_root::<system::cap_exception::Builder<'_>>();
    root.set_type(system::ExceptionType::InvalidArgument);
    root.set_message("no");
    let bytes = serialize::write_message_to_words(&exception);
    assert_eq!(bytes[8..16], [0, 0, 0, 0, 1, 0, 1, 0]);
    assert_eq!(bytes[16..24], [4, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(
        bytes[24..32],
        [1, 0, 0, 0, 26, 0, 0, 0],
        "list of 3 bytes, one word ahead"
    );
    assert_eq!(bytes[32..], *b"no\0\0\0\0\0\0");
}

#[test]
fn p9_a_grant_from_the_kernel_sets_the_tag_and_the_source() {
    let mut grant = message();
    let mut root = grant.init_root::<system::cap_grant::Builder<'_>>();
    root.set_badge(7);
    root.set_mode(system::CapGrantMode::ClientEndpoint);
    root.init_source().set_kernel(system::KernelCapSource::Supervisor);
    let bytes = serialize::write_message_to_words(&grant);
    assert_eq!(bytes[8..16], [0, 0, 0, 0, 3, 0, 2, 0]);
    assert_eq!(bytes[16..24], [0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(bytes[32], 7);
    assert_eq!(bytes[bytes.len() - 8..], [1, 0, 51, 0, 0, 0, 0, 0]);
}

#[test]
fn p9_parameters_spread_over_several_segments_decode() {
    let mut spread = Builder::new(
        HeapAllocator::new()
            .first_segment_words(2)
            .allocation_strategy(capnp::message::AllocationStrategy::FixedSize),
    );
    let text = "x".repeat(3000);
    spread
        .init_root::<system::console::write_line_params::Builder<'_>>()
        .set_text(text.as_str());
    let bytes = serialize::write_message_to_words(&spread);
    assert!(
        u32::from_le_bytes(bytes[..4].try_into().unwrap()) > 0,
        "more than one segment"
    );
    let mut rest = bytes.as_slice();
    let reader =
        serialize::read_message_from_flat_slice(&mut rest, capnp::message::ReaderOptions::new()).unwrap();
    let params: system::console::write_line_params::Reader<'_> = reader.get_root().unwrap();
    assert_eq!(params.get_text().unwrap().to_str().unwrap(), text);
}

#[test]
fn p9_interface_ids_are_those_of_the_abi() {
    macro_rules! ids {
        ($($module:path => $name:literal),+ $(,)?) => {{
            use abi::interfaces;
            $({ use $module as m; assert_eq!(interfaces::id_of($name), Some(m::TYPE_ID), $name); })+
        }};
    }
    use {monitor as m, system as s};
    ids!(
        s::console => "Console",
        s::terminal_session => "TerminalSession",
        s::entropy_source => "EntropySource",
        s::user_session => "UserSession",
        s::session_manager => "SessionManager",
        s::system_info => "SystemInfo",
        s::timer => "Timer",
        s::wall_clock => "WallClock",
        s::virtual_memory => "VirtualMemory",
        s::frame_allocator => "FrameAllocator",
        s::memory_object => "MemoryObject",
        s::scheduling_policy_cap => "SchedulingPolicyCap",
        s::scheduling_context => "SchedulingContext",
        s::cpu_isolation_lease => "CpuIsolationLease",
        s::cpu_isolation_pool_grant => "CpuIsolationPoolGrant",
        s::cpu_isolation_grant_minter => "CpuIsolationGrantMinter",
        s::thread_control => "ThreadControl",
        s::thread_spawner => "ThreadSpawner",
        s::thread_handle => "ThreadHandle",
        s::park_space => "ParkSpace",
        s::shared_park_space => "SharedParkSpace",
        s::endpoint => "Endpoint",
        s::process_spawner => "ProcessSpawner",
        s::process_handle => "ProcessHandle",
        s::pipe => "Pipe",
        s::boot_package => "BootPackage",
        s::capability_manager => "CapabilityManager",
        s::log_sink => "LogSink",
        s::log_reader => "LogReader",
        s::nic => "Nic",
        s::network_manager => "NetworkManager",
        s::tcp_listen_authority => "TcpListenAuthority",
        s::tcp_listener => "TcpListener",
        s::tcp_socket => "TcpSocket",
        s::udp_socket => "UdpSocket",
        s::interrupt => "Interrupt",
        s::park_bench => "ParkBench",
        s::device_mmio => "DeviceMmio",
        s::dma_pool => "DmaPool",
        s::credential_store => "CredentialStore",
        s::authority_broker => "AuthorityBroker",
        s::audit_log => "AuditLog",
        s::authorized_key_store => "AuthorizedKeyStore",
        s::restricted_shell_launcher => "RestrictedShellLauncher",
        s::hardware_audit_log => "HardwareAuditLog",
        s::file => "File",
        s::directory => "Directory",
        s::store => "Store",
        s::namespace => "Namespace",
        s::manual => "Manual",
        s::block_device => "BlockDevice",
        s::ssh_host_key => "SshHostKey",
        m::monitor => "Monitor",
        m::supervisor => "Supervisor",
        m::thread_placement => "ThreadPlacement",
    );
}
