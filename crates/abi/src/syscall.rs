//! The `syscall` instruction: numbers in `rax`, arguments in `rdi` and `rsi`, one result in `rax`.
//!
//! Every register but `rax`, `rcx` and `r11` survives. All 64 bits of the number are compared, and a number
//! that names nothing answers [`REJECTED`].

/// Retired console write; answers [`REJECTED`], which the published runtime probes for.
pub const RETIRED_WRITE: u64 = 0;
/// Ends the whole process with the code in `rdi`, whichever thread calls. Does not return.
pub const EXIT: u64 = 1;
/// Dispatches the ring and waits: `rdi` completions wanted (at most [`MAX_WANTED`]), `rsi` relative time-out
/// in nanoseconds. Answers the number of unread completions or one of the three refusals below.
pub const CAP_ENTER: u64 = 2;
/// Measurement checkpoint: `rdi` a [`Checkpoint`], `rsi` CPUs in bits 0-7 and workers in bits 8-15.
pub const CHECKPOINT: u64 = 3;

/// The call was refused or does not exist.
pub const REJECTED: u64 = u64::MAX;
/// `cap_enter` would have to sleep behind a submission that another thread owns.
pub const FOREIGN_HEAD: u64 = u64::MAX - 2;
/// `cap_enter` found another live consumer of the submission queue.
pub const CONSUMER_BUSY: u64 = u64::MAX - 3;

/// Most completions one `cap_enter` may wait for: the completion queue holds no more.
pub const MAX_WANTED: u64 = crate::ring::CQ_ENTRIES as u64;
/// Time-out that never comes.
pub const NO_TIMEOUT: u64 = u64::MAX;

/// Exit codes the runtime itself uses.
pub mod exit_code {
    /// The program panicked.
    pub const PANIC: i64 = 101;
    /// The program was started with a ring or capset it cannot use.
    pub const BAD_BOOTSTRAP: i64 = 120;
    /// The ring broke its protocol under a call that borrowed memory.
    pub const RING_PROTOCOL: i64 = 121;
    /// Ended by `ProcessHandle.terminate`.
    pub const TERMINATED: i64 = -9;
    /// Ended because it used more than its budget.
    pub const OVERRUN: i64 = -10;

    /// Code of a process ended by the CPU exception `vector`.
    #[must_use]
    pub const fn of_fault(vector: u8) -> i64 {
        -(16 + vector as i64)
    }
}

/// Moments a thread-scaling program reports to a measuring kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Checkpoint {
    /// A case begins.
    CaseStart = 1,
    /// All workers are spawned and ready.
    Ready = 2,
    /// All work is done.
    WorkDone = 3,
    /// All workers are joined.
    ShutdownDone = 4,
}

impl Checkpoint {
    /// The checkpoint with this number.
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::CaseStart,
            2 => Self::Ready,
            3 => Self::WorkDone,
            4 => Self::ShutdownDone,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p5_the_code_of_a_fault_tells_its_vector() {
        // Division, general protection and page fault, as a parent reads them.
        let codes = [0, 13, 14].map(exit_code::of_fault);
        assert_eq!(codes, [-16, -29, -30]);
    }

    #[test]
    fn checkpoints_have_their_published_numbers() {
        use Checkpoint::{CaseStart, Ready, ShutdownDone, WorkDone};
        let published = [CaseStart, Ready, WorkDone, ShutdownDone];
        for (number, checkpoint) in (1..).zip(published) {
            assert_eq!(Checkpoint::from_number(number), Some(checkpoint));
        }
        assert_eq!(
            (Checkpoint::from_number(0), Checkpoint::from_number(5)),
            (None, None)
        );
    }
}
