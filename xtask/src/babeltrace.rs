//! babeltrace2, which reads CTF traces back in the tests of the crate `lab`: found, or installed like QEMU.

use crate::packages;
use anyhow::{Result, bail};
use std::process::{Command, Stdio};

/// The program, and Debian's package.
const PROGRAM: &str = "babeltrace2";

/// Sees to it that babeltrace2 is here, installing it when it is not. One that is named by the tests' own variable
/// `SUNDIAL_BABELTRACE2` is taken as it is.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn find_or_install() -> Result<()> {
    if std::env::var_os("SUNDIAL_BABELTRACE2").is_some() || starts() {
        return Ok(());
    }
    packages::install(&[PROGRAM], "babeltrace2 reads traces back in a test")?;
    if !starts() {
        bail!("{PROGRAM} was installed but does not start");
    }
    Ok(())
}

fn starts() -> bool {
    let mut version = Command::new(PROGRAM);
    version
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
