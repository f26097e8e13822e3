//! Keeping busy CPUs level (rule D1): when a turn has ended here, a waiting thread may change to a CPU that is ahead,
//! or the running one is sent there. The
//! scheduler core decides; one CPU is locked at a time.

use abi::trace::{Event, Thread};
use sched::EnqueueReason;
use sched::balance::{Given, give};

use crate::host::Host;
use crate::step::Step;

/// A turn has ended on this CPU and the next has begun.
#[inline]
pub fn balance<H: Host>(host: &mut H) {
    if !host.is_alone() {
        even_out(host);
    }
}

#[inline(never)]
fn even_out<H: Host>(host: &mut H) {
    let _hard = H::hard_path();
    let here = host.here();
    let mut cpu = host.lock(here);
    let at = host.now();
    let ground = host.ground();
    let given = give(&mut *cpu, &ground.topology, &ground.board, at);
    if given.is_some() {
        host.publish(&cpu);
    }
    host.unlock(cpu);
    let (entity, to) = match given {
        None => return,
        Some(Given::Running) => return host.look_again(),
        Some(Given::Waiting(entity, to)) => (entity, to),
    };
    host.record_now(Event::Migrate {
        from: here.0,
        thread: Thread(entity.id().0),
        to: u64::from(to.0),
    });
    host.then(Step::Enqueue(entity, to, EnqueueReason::Balanced));
}
