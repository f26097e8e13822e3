//! The class of threads whose time is reserved (Linux, Documentation/scheduler/sched-deadline.rst).

use std::io::Error;

use libc::sched_attr;

/// A thread of the ordinary class, as all begin.
const ORDINARY: sched_attr = sched_attr {
    size: size_of::<sched_attr>() as u32,
    sched_policy: libc::SCHED_OTHER as u32,
    sched_flags: 0,
    sched_nice: 0,
    sched_priority: 0,
    sched_runtime: 0,
    sched_deadline: 0,
    sched_period: 0,
};

/// Puts the calling thread into the class SCHED_DEADLINE: so many nanoseconds in every period, due by its end.
pub(crate) fn reserve(runtime_ns: u64, period_ns: u64) -> Result<(), Error> {
    set(&sched_attr {
        sched_policy: libc::SCHED_DEADLINE as u32,
        sched_runtime: runtime_ns,
        sched_deadline: period_ns,
        sched_period: period_ns,
        ..ORDINARY
    })
}

/// Puts the calling thread back among the ordinary ones.
pub(crate) fn reserve_no_more() -> Result<(), Error> {
    set(&ORDINARY)
}

/// The C library of Debian 12 has no function for this system call.
fn set(attributes: &sched_attr) -> Result<(), Error> {
    // SAFETY: `attributes` is alive, of the type that is asked for, and says how long it is; the first zero names the calling thread.
    if unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const *attributes, 0) } != 0 {
        let error = Error::last_os_error();
        return Err(Error::other(format!(
            "cannot change the scheduling class: {error}"
        )));
    }
    Ok(())
}
