//! How much of everything there is: fixed limits, the default resource profile and the scheduler's constants.

/// Slots of a capability table, and so capabilities a process can hold.
pub const CAP_SLOTS: u32 = 256;
/// Pages a process may hold through FrameAllocator.
pub const FRAME_GRANT_PAGES: u64 = 4096;
/// Pages a process may reserve in its address space.
pub const RESERVATION_PAGES: u64 = 262_144;
/// Sleeps a process may have pending.
pub const SLEEP_WAITERS: u32 = 8;
/// Threads of a process.
pub const THREADS: u32 = 16;
/// Capability transfers of one submission.
pub const TRANSFERS: u16 = 16;
/// Largest boot manifest in bytes.
pub const MANIFEST_BYTES: usize = 5 * 1024 * 1024;
/// Named binaries of a manifest.
pub const MANIFEST_BINARIES: usize = 64;
/// Bytes of a binary's name.
pub const BINARY_NAME_BYTES: usize = 64;
/// Bytes of a password verifier.
pub const PASSWORD_VERIFIER_BYTES: usize = 512;
/// Bytes that one EntropySource call may ask for.
pub const ENTROPY_BYTES: u32 = 256;
/// Records that one LogReader call may return.
pub const LOG_RECORDS: u32 = 16;
/// Bytes of component and message that a log record keeps.
pub const LOG_TEXT_BYTES: usize = 200;

/// What a process may use when no resource profile is named.
pub mod default_profile {
    /// Processes.
    pub const PROCESSES: u32 = 8;
    /// Threads.
    pub const THREADS: u32 = 16;
    /// Capabilities.
    pub const CAPS: u32 = 64;
    /// Committed memory in bytes.
    pub const MEMORY_COMMIT_BYTES: u64 = 64 * 1024 * 1024;
    /// Pages granted by FrameAllocator.
    pub const FRAME_GRANT_PAGES: u64 = 256;
    /// Calls queued at one endpoint.
    pub const ENDPOINT_QUEUE: u32 = 32;
    /// Calls received and not yet answered.
    pub const IN_FLIGHT_CALLS: u32 = 16;
    /// Largest parameter message in bytes.
    pub const RING_SCRATCH_BYTES: u64 = 65_536;
    /// Largest result message in bytes.
    pub const REPLY_SCRATCH_BYTES: u64 = 65_536;
    /// Pending sleeps.
    pub const TIMER_WAITERS: u32 = 8;
}

/// Session lifetimes in milliseconds when the manifest names none.
pub mod session_lifetime_ms {
    /// Operator sessions.
    pub const OPERATOR: u64 = 15 * 60 * 1000;
    /// Guest sessions.
    pub const GUEST: u64 = 5 * 60 * 1000;
    /// Anonymous sessions.
    pub const ANONYMOUS: u64 = 5 * 60 * 1000;
}

/// Smallest scheduling weight.
pub const WEIGHT_MIN: u16 = 1;
/// Largest scheduling weight.
pub const WEIGHT_MAX: u16 = 1024;
/// Weight of a new thread, and the weight at which virtual time runs as fast as real time.
pub const WEIGHT_DEFAULT: u16 = 64;

/// Shortest budget of a scheduling context in nanoseconds.
pub const CONTEXT_BUDGET_MIN_NS: u64 = 100_000;
/// Longest period of a scheduling context in nanoseconds.
pub const CONTEXT_PERIOD_MAX_NS: u64 = 10_000_000_000;
/// Longest lifetime of a CPU isolation lease in nanoseconds.
pub const LEASE_LIFETIME_MAX_NS: u64 = 3_600_000_000_000;
