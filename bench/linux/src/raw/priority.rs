//! The class of threads that run before all ordinary ones.

use std::io::Error;

/// In the middle of what there is: threads of the kernel's own are above and below.
const PRIORITY: libc::c_int = 80;

/// Puts the calling thread into the class SCHED_FIFO.
pub(crate) fn become_real_time() -> Result<(), Error> {
    let parameters = libc::sched_param {
        sched_priority: PRIORITY,
    };
    // SAFETY: `parameters` is alive and of the type that is asked for; zero names the calling thread.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) } != 0 {
        let error = Error::last_os_error();
        return Err(Error::other(format!("cannot become a real-time thread: {error}")));
    }
    Ok(())
}
