//! What the kernel hangs on a schedulable task: its registers, its shared record, who it is above the CPUs, and the wait it
//! is in. The body travels with the entity, so whoever owns the entity owns the registers.

use alloc::sync::Arc;

use machine::user::Context;

use super::Owned;
use super::cpus::CpuState;
use super::task::Task;
use super::wait::{Completions, Wait};

/// Whoever a task belongs to above the CPUs. They hand it up: there it is known what it does with a CPU.
pub trait Owner: Send + Sync {
    /// Where what it waits for arrives.
    fn completions(&self) -> &dyn Completions;
    /// Does what is to be done before it waits for what it was listed for outside of the call that began the wait.
    fn is_about_to_wait(self: Arc<Self>);
    /// It is about to be woken, and has lent its CPU time.
    fn is_woken(self: Arc<Self>);
    /// Runs on this CPU until it leaves it; the task that was chosen to follow it, if one was.
    fn turn(self: Arc<Self>, cpu: &'static CpuState, entity: Owned) -> Option<Owned>;
}

/// The payload of an entity.
pub struct Body {
    /// Registers, while the thread does not run in user mode.
    pub context: Context,
    /// The record that others see.
    pub task: Arc<Task>,
    /// Who it is to the layers above.
    pub owner: Arc<dyn Owner>,
    /// The wait in `cap_enter` that has not ended.
    pub wait: Option<Wait>,
    /// The code with which it asked to end.
    pub exit_code: Option<i64>,
}
