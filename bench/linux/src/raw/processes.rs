//! Processes in the two ways programs make them: with everything borrowed from the parent, which waits until the child
//! has ended or runs another program, as `vfork` and `posix_spawn` do; and by `fork`, `exec` and `wait`, as shells do.

use std::ffi::{CString, c_int, c_void};
use std::io::Error;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Stack of a child that only ends.
const STACK_BYTES: usize = 16 << 10;

/// Starts a child that does nothing, in this process's memory, and waits for it: its exit code.
pub(crate) fn vfork_and_wait() -> Result<i32, Error> {
    extern "C" fn nothing(_argument: *mut c_void) -> c_int {
        0
    }
    let mut stack = [0_u128; STACK_BYTES / size_of::<u128>()];
    let top = stack.as_mut_ptr_range().end;
    // SAFETY: `top` is the end of a stack that is large enough for a function that returns at once, aligned to 16, and
    // alive until the child is gone: CLONE_VFORK suspends this thread that long. The child writes nothing else.
    let child = unsafe {
        libc::clone(
            nothing,
            top.cast(),
            libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
            std::ptr::null_mut(),
        )
    };
    wait(child)
}

/// A program to run, as the kernel wants to be told: made before forking, since a forked child may not allocate.
#[derive(Debug)]
pub(crate) struct Program {
    path: CString,
}

impl Program {
    /// The program in this file.
    pub(crate) fn new(path: &Path) -> Result<Program, Error> {
        std::fs::metadata(path).map_err(|error| Error::other(format!("{}: {error}", path.display())))?;
        Ok(Program {
            path: CString::new(path.as_os_str().as_bytes())?,
        })
    }
}

/// Exit code of a child whose program could not be run.
const CANNOT_RUN: c_int = 127;

/// Forks, runs a program in the child without arguments or environment, and waits for it: its exit code.
pub(crate) fn fork_exec_and_wait(program: &Program) -> Result<i32, Error> {
    let arguments = [program.path.as_ptr(), std::ptr::null()];
    let environment = [std::ptr::null()];
    // SAFETY: between fork and exec the child makes two system calls and touches nothing that a lock guards.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: path and both lists are terminated and alive; `execve` returns only if it failed.
        unsafe {
            libc::execve(program.path.as_ptr(), arguments.as_ptr(), environment.as_ptr());
            libc::_exit(CANNOT_RUN)
        }
    }
    wait(child)
}

/// Waits for a child: its exit code, or minus the signal that ended it.
fn wait(child: libc::pid_t) -> Result<i32, Error> {
    if child < 0 {
        return Err(Error::last_os_error());
    }
    let mut status = 0;
    // SAFETY: `status` is a place for the answer.
    if unsafe { libc::waitpid(child, &raw mut status, 0) } < 0 {
        return Err(Error::last_os_error());
    }
    Ok(if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        -libc::WTERMSIG(status)
    })
}
