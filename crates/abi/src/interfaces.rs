//! Interface ids: which set of methods a capability answers.
//!
//! An id is what typed lookup compares, what result records carry, and what an endpoint facet passes on. They
//! are the ids of the schema (schema/), so generated code and this table agree by construction; a test in
//! `schema-gen` checks.

/// Declares one constant per interface and the table of all.
macro_rules! interfaces {
    ($($constant:ident $name:literal $id:literal,)+) => {
        $(
            #[doc = concat!("Interface id of ", $name, ".")]
            pub const $constant: u64 = $id;
        )+

        /// Every interface with a name, as (id, name).
        pub const ALL: &[(u64, &str)] = &[$(($id, $name)),+];
    };
}

interfaces! {
    CONSOLE "Console" 0x913a_e022_0246_3262,
    TERMINAL_SESSION "TerminalSession" 0x9348_4e80_4b83_f366,
    ENTROPY_SOURCE "EntropySource" 0x8f80_6845_9451_57e9,
    USER_SESSION "UserSession" 0x80b8_7169_c39a_af1c,
    SESSION_MANAGER "SessionManager" 0xeea8_ac86_8bbe_e502,
    SYSTEM_INFO "SystemInfo" 0xfbbd_c602_980c_b986,
    TIMER "Timer" 0x9ac1_5f2e_068e_4b7b,
    WALL_CLOCK "WallClock" 0xe284_12f0_22b7_2db8,
    VIRTUAL_MEMORY "VirtualMemory" 0x8624_6d60_3d6c_b6e5,
    FRAME_ALLOCATOR "FrameAllocator" 0x99c5_fd03_46dd_918b,
    MEMORY_OBJECT "MemoryObject" 0xa6d3_25ad_1360_95be,
    SCHEDULING_POLICY_CAP "SchedulingPolicyCap" 0xc6e2_ef87_1937_51db,
    SCHEDULING_CONTEXT "SchedulingContext" 0xb34f_8c02_f590_1eb9,
    CPU_ISOLATION_LEASE "CpuIsolationLease" 0x8be1_aaf5_f485_d398,
    CPU_ISOLATION_POOL_GRANT "CpuIsolationPoolGrant" 0xfea6_a4a5_450d_7a09,
    CPU_ISOLATION_GRANT_MINTER "CpuIsolationGrantMinter" 0xbda3_724b_f5a4_8173,
    THREAD_CONTROL "ThreadControl" 0x8b2f_6272_ccb7_8e32,
    THREAD_SPAWNER "ThreadSpawner" 0xdcdd_6651_f6fd_25b0,
    THREAD_HANDLE "ThreadHandle" 0xd394_558c_d1df_8c83,
    PARK_SPACE "ParkSpace" 0xb520_d669_3ae6_db6f,
    SHARED_PARK_SPACE "SharedParkSpace" 0xa729_63b5_8c4b_af63,
    ENDPOINT "Endpoint" 0xd5dc_40d9_73e7_5b84,
    PROCESS_SPAWNER "ProcessSpawner" 0xc38e_920d_571b_d988,
    PROCESS_HANDLE "ProcessHandle" 0xd5b6_eb41_fc32_049b,
    PIPE "Pipe" 0xd9e8_60ce_d94a_61ee,
    BOOT_PACKAGE "BootPackage" 0xf90b_23a1_ce34_df61,
    CAPABILITY_MANAGER "CapabilityManager" 0xa619_067a_feb1_3801,
    LOG_SINK "LogSink" 0xb2bd_a99d_b21b_8a8e,
    LOG_READER "LogReader" 0xcd91_e969_a5c7_b1dc,
    NIC "Nic" 0xa61b_a0a1_38c2_2125,
    NETWORK_MANAGER "NetworkManager" 0xc6ca_3801_65fa_62bf,
    TCP_LISTEN_AUTHORITY "TcpListenAuthority" 0x98f7_aafd_a43c_e3fe,
    TCP_LISTENER "TcpListener" 0x8098_a1c9_d754_65a7,
    TCP_SOCKET "TcpSocket" 0x8991_7405_be59_8f91,
    UDP_SOCKET "UdpSocket" 0x8ace_00e2_4fdc_c798,
    INTERRUPT "Interrupt" 0xd457_8c43_a12f_c5cb,
    PARK_BENCH "ParkBench" 0xee87_4571_6391_e35c,
    DEVICE_MMIO "DeviceMmio" 0xedd5_1dca_873e_df1e,
    DMA_POOL "DmaPool" 0xa1f4_0e98_8fe2_2d6d,
    NULL "Null" 0x6e75_6c6c_6361_7030,
    CREDENTIAL_STORE "CredentialStore" 0x934f_2fd9_b1d1_905c,
    AUTHORITY_BROKER "AuthorityBroker" 0xbf77_7872_762a_ba80,
    AUDIT_LOG "AuditLog" 0xfbdf_efab_64d0_aa77,
    AUTHORIZED_KEY_STORE "AuthorizedKeyStore" 0xa2a1_d8b1_485c_9dfe,
    RESTRICTED_SHELL_LAUNCHER "RestrictedShellLauncher" 0xde5b_1f53_9516_0bdd,
    HARDWARE_AUDIT_LOG "HardwareAuditLog" 0xe87c_9c53_4ff9_1ff4,
    FILE "File" 0xa675_30a4_4b2a_da88,
    DIRECTORY "Directory" 0xa456_e176_98a3_1f74,
    STORE "Store" 0x8eec_d752_a05a_79b2,
    NAMESPACE "Namespace" 0xdeeb_c1bc_b454_51b4,
    MANUAL "Manual" 0xa475_40e0_9e7d_1f31,
    BLOCK_DEVICE "BlockDevice" 0xe345_9fc6_24ac_cc3b,
    SSH_HOST_KEY "SshHostKey" 0xc5eb_53f8_8fdc_2b3a,
    MONITOR "Monitor" 0xd5a1_c0de_5e7a_0001,
    SUPERVISOR "Supervisor" 0xd5a1_c0de_5e7a_0002,
    THREAD_PLACEMENT "ThreadPlacement" 0xd5a1_c0de_5e7a_0003,
}

/// Name of the interface with this id.
#[must_use]
pub fn name_of(id: u64) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == id).map(|(_, name)| *name)
}

/// Id of the interface with this name.
#[must_use]
pub fn id_of(name: &str) -> Option<u64> {
    ALL.iter().find(|(_, known)| *known == name).map(|(id, _)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_unique() {
        for (index, (id, name)) in ALL.iter().enumerate() {
            assert!(
                ALL[..index]
                    .iter()
                    .all(|(other, known)| other != id && known != name),
                "{name}"
            );
        }
        assert_eq!(name_of(CONSOLE), Some("Console"));
        assert_eq!(id_of("Monitor"), Some(MONITOR));
        assert_eq!((name_of(0), id_of("")), (None, None));
    }
}
