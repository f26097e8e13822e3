//! How processes have ended, as the kernel tells anybody who may look: an actor that meddles with its own memory may touch a page
//! that it had taken away, and end of that. Any other missing page is one that the kernel has lost.

use rt::monitor::Monitor;

use super::actor::may_be_missing;
use super::deed::{Deed, Menu};
use crate::ensure;
use crate::tools::Wrong;

/// Exit code of a process that touched a page which is not there.
pub(super) const FAULTED: i64 = abi::syscall::exit_code::of_fault(14);

/// Whether each process that ended lately, and missed a page, may have taken it away itself.
pub(super) fn check(monitor: &Monitor, menu: Menu) -> Result<(), Wrong> {
    let lost = monitor.processes(|processes| {
        for process in processes.iter() {
            let reason = process.get_exit_reason()?.to_str()?;
            if process.get_exit_code() == FAULTED && !is_own_doing(reason, menu) {
                return Ok(Some(alloc::format!("process {}: {reason}", process.get_pid())));
            }
        }
        Ok(None)
    })?;
    ensure!(lost.is_none(), "a page was missing: {}", lost.unwrap_or_default());
    Ok(())
}

/// Whether this reason names a page that the process may have taken away.
fn is_own_doing(reason: &str, menu: Menu) -> bool {
    let address = reason.rsplit_once("address 0x").map(|(_, digits)| digits);
    let address = address.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    menu.has(Deed::Meddle) && address.is_some_and(may_be_missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p18_a_page_that_is_missing_where_nobody_meddles_was_lost() {
        let everything = Menu::without(&[]);
        let in_the_arena = "page fault at 0x401000, address 0x20003010";
        assert!(is_own_doing(in_the_arena, everything));
        assert!(!is_own_doing(in_the_arena, Menu::without(&[Deed::Meddle])));
        for elsewhere in [
            "page fault at 0x401000, address 0x1fffffff",
            "page fault at 0x401000, address 0x100ff00",
            "page fault at 0x20003010, address 0x0",
            "",
        ] {
            assert!(!is_own_doing(elsewhere, everything), "{elsewhere}");
        }
    }
}
