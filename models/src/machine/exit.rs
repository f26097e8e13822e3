//! Ending threads, as `kernel::process::exit` does it.

use shuttle::sync::Arc;
use shuttle::sync::atomic::Ordering::SeqCst;

use super::thread::Thread;
use super::{CpuState, Machine, Owned};
use crate::Mistake;

impl Machine {
    /// Orders a thread to end. If it does not run it ends here and now, else at its CPU's next boundary.
    pub fn kill(&self, cpu: &CpuState, thread: &Arc<Thread>) {
        if thread.order_to_die() {
            self.expedite(cpu, thread);
        }
    }

    fn expedite(&self, here: &CpuState, thread: &Arc<Thread>) {
        if let Some(parked) = self.take_parked(thread) {
            return self.bury(parked);
        }
        let cpu = thread.queued.cpu();
        let mut sched = self.cpus[cpu.index()].sched.lock().unwrap();
        let rank = thread.queued.rank(cpu, thread.id);
        let queued = rank.and_then(|rank| sched.remove(rank, self.now()));
        self.board.publish(&sched);
        drop(sched);
        if let Some(queued) = queued {
            return self.bury(queued);
        }
        if self.mistake == Mistake::KillWithoutInterrupting {
            return;
        }
        // A CPU that it has left may name it still, so each that does is interrupted.
        let named = match self.mistake {
            Mistake::InterruptTheFirstThatNamesIt => 1,
            _ => usize::MAX,
        };
        for cpu in self.running_on(thread).take(named) {
            let interrupt = cpu.index != here.index && cpu.sched.lock().unwrap().request_reschedule();
            if interrupt {
                self.power.send(cpu.index);
            }
        }
    }

    /// The running thread was ordered to die: takes it off its CPU and chooses the next.
    pub fn leave_cpu(&self, cpu: &CpuState, mut entity: Owned) -> Option<Owned> {
        let next = self.depart(cpu, &mut entity);
        cpu.current.store(0, SeqCst);
        self.bury(entity);
        next
    }

    /// Destroys a thread that no CPU runs and no queue holds.
    fn bury(&self, entity: Owned) {
        let thread = entity.payload.thread.clone();
        drop(entity);
        thread.mailbox.lock().unwrap().listed = None;
        assert!(
            !thread.cell.lock().unwrap().is_resting(),
            "a dead thread is still parked"
        );
        assert!(!thread.buried.swap(true, SeqCst), "a thread is buried twice");
    }
}
