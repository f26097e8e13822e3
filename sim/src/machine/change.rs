//! Changing a thread wherever it is. The protocol finds it in every place; one that is in none, a real CPU would wait for. Here
//! nothing else happens within a step, so it is changed on its way: in what some CPU's kernel is about to do, or stranded.

use protocol::{Reached, Reweigh, Step};
use sched::{Affinity, CpuId, EnqueueReason, Entity};

use super::Machine;
use super::code::Action;
use super::threads::{Index, Task};

impl Machine {
    /// Changes a thread's weight and class.
    pub(super) fn reweigh(&mut self, cpu: CpuId, thread: Index, change: Reweigh) {
        if protocol::reweigh(&mut self.host(cpu), &thread, change) != Reached::OnItsWay {
            return;
        }
        let (weight, class) = self.threads[thread.at()].policy;
        let policy = (change.weight.unwrap_or(weight), change.class.unwrap_or(class));
        let stranded = self.stranded.iter_mut().map(|thread| &mut **thread);
        let moving = self.sides.iter_mut().flat_map(|side| &mut side.todo);
        let carried = moving.filter_map(|action| match action {
            Action::Protocol(step) => step.thread_mut(),
            _ => None,
        });
        let id = self.threads[thread.at()].id;
        if let Some(entity) = carried.chain(stranded).find(|entity| entity.id() == id) {
            entity.reweigh_parked(policy.0, policy.1);
            self.threads[thread.at()].policy = policy;
        }
    }

    /// Changes where a thread may run.
    pub(super) fn restrict(&mut self, cpu: CpuId, thread: Index, affinity: Affinity) {
        if self.has_a_seat(thread) {
            return;
        }
        let noted = affinity.clone();
        if protocol::restrict(&mut self.host(cpu), &thread, affinity.clone(), noted) != Reached::OnItsWay {
            return;
        }
        let id = self.threads[thread.at()].id;
        let is_it = |entity: &Entity<Task>| entity.id() == id;
        if let Some(stranded) = self.stranded.iter().position(|thread| is_it(thread)) {
            let mut entity = self.stranded.swap_remove(stranded);
            entity.set_affinity(affinity);
            let place = Action::Protocol(Step::Place(entity, EnqueueReason::Migrated));
            return self.sides[cpu.index()].todo.push_back(place);
        }
        let mut moving = self.sides.iter_mut().flat_map(|side| &mut side.todo);
        let carrying = moving.find_map(|action| match action {
            Action::Protocol(step) if step.thread().is_some_and(is_it) => Some(step),
            _ => None,
        });
        let Some(step) = carrying else { return };
        // The CPU that was chosen for it may be none of its any more.
        *step = match core::mem::replace(step, Step::Settle) {
            Step::Place(mut entity, why) | Step::Enqueue(mut entity, _, why) => {
                entity.set_affinity(affinity);
                Step::Place(entity, why)
            }
            Step::Adopt(mut entity) => {
                entity.set_affinity(affinity);
                Step::Place(entity, EnqueueReason::Migrated)
            }
            other => other,
        };
    }
}
