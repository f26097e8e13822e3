//! CPUs: what they run, and when. Which task comes next is decided in `sched`, in which order CPUs agree about it in `protocol`;
//! here is what a real CPU brings to both.
//!
//! `task` is what CPUs know of a thread, `body` what travels with it, `wait` what it waits for. `host` is this CPU in the
//! protocol, `wake` how the rest of the kernel makes tasks runnable, `timer` is time, `interrupts` what comes from outside, `idle`
//! what a CPU does without a task, `cpus` the state, `counters` what is counted. All of them lie below rings,
//! processes and system calls, and are given what they are to call there. The loop that runs threads lies above (`cpu_loop`).

pub mod body;
pub mod counters;
pub mod cpus;
pub mod host;
pub mod idle;
pub mod interrupts;
pub mod noted;
pub mod task;
pub mod timer;
pub mod wait;
pub mod wake;

use alloc::boxed::Box;

use sched::Entity;

use body::Body;

/// The entity of a task.
pub type Owned = Box<Entity<Body>>;
