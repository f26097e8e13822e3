//! The three system calls: everything else a program does goes through its ring.
//!
//! Numbers and results are in `abi::syscall`. The kernel may change rax, rcx and r11 and preserves every other
//! register, so that is exactly what the assembly here declares.

use core::arch::asm;

/// What [`enter`] came back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// This many completions wait unread in the ring.
    Available(u32),
    /// The submission at the head of the ring belongs to another thread; nothing behind it can run yet.
    HeadOwnedElsewhere,
    /// Another thread is consuming the submission queue at this moment.
    ConsumerBusy,
    /// The kernel refused the call itself.
    Rejected,
}

/// One raw system call: number in rax, two arguments, result in rax.
pub(crate) fn syscall(number: u64, first: u64, second: u64) -> u64 {
    let result;
    // SAFETY: a `syscall` changes rax, rcx and r11 only. It touches memory only where a submission in this
    // program's ring says so, and submissions are written by `Lane`, which keeps the named buffers alive and
    // unshared until their completion has been read (lane.rs).
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") first,
            in("rsi") second,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// Runs what is queued in this thread's ring, then waits until `min_complete` completions are unread or
/// `timeout_ns` have passed (`u64::MAX`: for ever; 0: do not wait).
pub(crate) fn enter(min_complete: u32, timeout_ns: u64) -> Entered {
    match syscall(abi::syscall::CAP_ENTER, u64::from(min_complete), timeout_ns) {
        abi::syscall::FOREIGN_HEAD => Entered::HeadOwnedElsewhere,
        abi::syscall::CONSUMER_BUSY => Entered::ConsumerBusy,
        count => u32::try_from(count).map_or(Entered::Rejected, Entered::Available),
    }
}

/// Ends this process, all its threads with it.
pub fn exit(code: i64) -> ! {
    loop {
        syscall(abi::syscall::EXIT, code.cast_unsigned(), 0);
    }
}
