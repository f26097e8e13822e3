//! What the machine was booted with and what was found of it: set once while it boots, the same ever after. It lies below
//! everything, so that whoever needs to know asks here and not the boot, which stands on all of them.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use machine::BootCell;
use machine::platform::Platform;
use manifest::Manifest;

static MANIFEST: BootCell<Manifest<'static>> = BootCell::new("booted::MANIFEST");
static PACKAGE: BootCell<&'static [u8]> = BootCell::new("booted::PACKAGE");
static PLATFORM: BootCell<Platform> = BootCell::new("booted::PLATFORM");
static INIT_STARTED: AtomicU64 = AtomicU64::new(0);
/// What the time of day was when the monotonic clock began.
static UNIX_SECONDS_AT_ZERO: BootCell<u64> = BootCell::new("booted::UNIX_SECONDS_AT_ZERO");

/// The manifest.
pub fn manifest() -> &'static Manifest<'static> {
    MANIFEST.get()
}

/// The manifest's bytes, exactly as booted.
pub fn package() -> &'static [u8] {
    PACKAGE.get()
}

/// What was found of the machine.
pub fn platform() -> &'static Platform {
    PLATFORM.get()
}

/// When the first process was first put into a queue, in ns since boot.
pub fn init_started() -> u64 {
    INIT_STARTED.load(Relaxed)
}

/// The time of day when the monotonic clock began, in seconds since 1970: 0 if no real-time clock showed a date at boot.
pub fn unix_seconds_at_zero() -> u64 {
    *UNIX_SECONDS_AT_ZERO.get()
}

/// Keeps the manifest, which was read from `bytes`. Called once.
pub fn keep_manifest(bytes: &'static [u8], manifest: Manifest<'static>) {
    PACKAGE.set(bytes);
    MANIFEST.set(manifest);
}

/// Keeps what was found of the machine. Called once.
pub fn keep_platform(platform: Platform) {
    PLATFORM.set(platform);
}

/// Keeps the time of day when the monotonic clock began. Called once.
pub fn keep_time_of_day(unix_seconds_at_zero: u64) {
    UNIX_SECONDS_AT_ZERO.set(unix_seconds_at_zero);
}

/// Keeps the moment when the first process was started.
pub fn keep_start_of_init(ns: u64) {
    INIT_STARTED.store(ns, Relaxed);
}
