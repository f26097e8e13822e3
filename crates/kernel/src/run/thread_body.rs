//! What the kernel hangs on a schedulable thread: its registers, its shared record, and the wait or work it is in. The
//! body travels with the entity, so whoever owns the entity owns the registers.

use alloc::sync::Arc;

use machine::user::Context;
use sched::Instant;

use super::timer::Armed;
use crate::call::Unparking;
use crate::process::thread::Thread;
use crate::ring::Listing;

/// The payload of an entity.
pub struct Body {
    /// Registers, while the thread does not run in user mode.
    pub context: Context,
    /// The record that others see.
    pub thread: Arc<Thread>,
    /// The wait in `cap_enter` that has not ended.
    pub wait: Option<Wait>,
    /// The submission that its system call has done a part of. The call begins anew, with the rest of that, before the
    /// thread runs on.
    pub unfinished: Option<Unparking>,
    /// The code with which it asked to end.
    pub exit_code: Option<i64>,
}

/// A thread's wait for completions.
#[derive(Clone, Copy)]
pub struct Wait {
    /// It ends when this many completions are unread.
    pub minimum: u32,
    /// Or at this time.
    pub until: Option<Instant>,
    /// The deadline for `until`.
    pub armed: Option<Armed>,
    /// As what it is listed with its ring, once it is.
    pub listing: Option<Listing>,
}
