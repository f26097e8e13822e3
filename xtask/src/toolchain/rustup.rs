//! The second way: rustup adds the target to the toolchain in use. A few seconds with a network; without one it
//! must fail fast and quietly, because the third way still follows.
//!
//! Where `RUSTUP_AUTO_INSTALL=0` says that rustup shall fetch nothing unasked, it is not asked to either: the
//! owner of such a machine can still type `rustup target add x86_64-unknown-none`, which the doctor says.

use super::TARGET;
use crate::progress;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for a download of some 25 MB; a network slower than that is better served by the third way.
const PATIENCE: Duration = Duration::from_secs(90);

/// Whether rustup may be asked to download.
pub(super) fn may_download() -> bool {
    std::env::var_os("RUSTUP_AUTO_INSTALL").is_none_or(|value| value != "0")
}

/// Adds the target by rustup; false when there is no rustup, no permission, or no success.
pub(super) fn add_target() -> bool {
    if !may_download() {
        return false;
    }
    // Names the toolchain that is installed; a bare `rustup target add` could start to fetch a channel.
    let active = Command::new("rustup")
        .args(["show", "active-toolchain"])
        .env("RUSTUP_AUTO_INSTALL", "0")
        .output();
    let Ok(active) = active else { return false };
    let text = String::from_utf8_lossy(&active.stdout).into_owned();
    let Some(toolchain) = text.split_whitespace().next().filter(|_| active.status.success()) else {
        return false;
    };

    let mut command = Command::new("rustup");
    command.args(["target", "add", "--toolchain", toolchain, TARGET]);
    command
        .env("RUSTUP_AUTO_INSTALL", "0")
        .env("RUSTUP_MAX_RETRIES", "0");
    progress::say(format!(
        "adding the target {TARGET} to the toolchain {toolchain} by rustup"
    ));
    let silent = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = silent else { return false };
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(100)),
            Err(_) => return false,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}
