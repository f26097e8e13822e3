//! What holders of a context are told: that its time was used up, that a deadline passed, that it is gone. Rule E5.
//!
//! What happens is noted in the box, under the lock of whoever has it (`sched::context::news`). Who waits for it is listed here. A CPU on
//! which something was noted that somebody waits for remembers the context's number and tells as soon as it holds no lock.

use alloc::vec::Vec;

use sched::context::news::Cell;
use sched::{ContextId, News};
use schema_gen::system::scheduling_context::drain_notifications_results;
use schema_gen::system::{
    SchedulingContextBindState, SchedulingContextNotificationKind as Kind,
    SchedulingContextNotificationLifecycleEvent, SchedulingContextNotificationObserverResult,
    scheduling_context_binding, scheduling_context_identity, scheduling_context_notification_slot,
};

use super::{Context, find};
use crate::ring::operation::{Operation, WaitPlace};
use crate::run::cpus::CpuState;
use crate::wire;

/// What a process's or thread's number is paired with: numbers are never used again.
pub const GENERATION: u64 = 1;

/// How long a snapshot is at most.
pub const SNAPSHOT_BYTES: usize = 400;

/// Who may wait for news of one context at most: all of them are told in one go.
const MOST_WAITERS: usize = 8;

/// Why somebody cannot wait for news.
pub enum CannotWait {
    /// [`MOST_WAITERS`] wait already.
    TooMany,
    /// There is no memory for one more.
    NoMemory,
}

impl Context {
    /// The news there is, as a message, which counts as read now.
    pub fn drain(&self) -> Vec<u8> {
        let mut state = self.state.lock();
        let is_gone = state.is_gone;
        let bound = state.bound.as_ref().map(|thread| thread.id());
        let news = self.with_time(&mut state, |budget, _| budget.read_news());
        drop(state);
        snapshot(
            self.identity(is_gone),
            self.id(),
            news.filter(|_| !is_gone),
            |cell| bound.is_some_and(|bound| bound != cell.thread),
        )
    }

    /// Lists somebody who waits until there is news. If there is, or the context is gone, everybody who waits is told at once.
    ///
    /// # Errors
    /// When as many wait as may, the list cannot grow, or its process cannot pay for that.
    pub fn wait_for_news(&self, operation: &Operation) -> Result<(), CannotWait> {
        {
            let mut waiters = self.waiters.lock();
            if waiters.len() == MOST_WAITERS {
                return Err(CannotWait::TooMany);
            }
            waiters
                .room_for_one_more(operation.account())
                .map_err(|_| CannotWait::NoMemory)?;
            waiters.push_back(operation.clone());
        }
        let mut state = self.state.lock();
        let is_gone = state.is_gone;
        // What comes from here on is told by the CPU on which it comes.
        let is_any = self.with_time(&mut state, |budget, _| {
            budget.await_news(true);
            budget.news().is_any()
        });
        state.due.is_awaited |= is_any.is_none();
        drop(state);
        if is_gone || is_any == Some(true) {
            self.tell();
        }
        Ok(())
    }

    /// Tells everybody who waits what there is; if there is nothing after all, they go on waiting.
    pub(super) fn tell(&self) {
        let mut state = self.state.lock();
        if self.waiters.lock().is_empty() {
            // What there is, somebody may read who has not asked to be told.
            self.with_time(&mut state, |budget, _| budget.await_news(false));
            return;
        }
        let (is_gone, bound) = (state.is_gone, state.bound.as_ref().map(|thread| thread.id()));
        let news = self.with_time(&mut state, |budget, _| {
            let is_any = budget.news().is_any();
            budget.await_news(!is_any);
            is_any.then(|| budget.read_news())
        });
        // Who comes to wait from here on asks for its news itself.
        let mut told = match (is_gone, news.flatten()) {
            (false, None) => return,
            _ => core::mem::take(&mut *self.waiters.lock()),
        };
        drop(state);
        let news = news.flatten().filter(|_| !is_gone);
        let message = snapshot(self.identity(is_gone), self.id(), news, |cell| {
            bound.is_some_and(|bound| bound != cell.thread)
        });
        while let Some(operation) = told.pop_front() {
            operation.complete_bytes(&message).either_way();
        }
    }

    /// It is gone: nobody who waits waits any longer.
    pub(super) fn tell_that_it_is_gone(&self) {
        let is_any = !self.waiters.lock().is_empty();
        if is_any {
            self.tell();
        }
    }
}

impl WaitPlace for Context {
    fn forget(&self, operation: &Operation) {
        self.waiters.lock().retain(|waiter| waiter != operation);
    }
}

/// Something was noted on this CPU that somebody waits for. It holds no lock now.
#[cold]
pub fn tell(cpu: &CpuState) {
    for number in cpu.news.take() {
        let context = find(number);
        if let Some(context) = context {
            context.tell();
            context.let_helper_in();
        }
    }
}

/// What a context has to tell; nothing if it is gone.
fn snapshot(
    identity: ContextId,
    was: ContextId,
    news: Option<News>,
    is_donated: impl Fn(&Cell) -> bool,
) -> Vec<u8> {
    let is_gone = identity != was;
    let mut message = wire::builder_for(SNAPSHOT_BYTES);
    let root = message.init_root::<drain_notifications_results::Builder<'_>>();
    let mut shown = root.init_notifications();
    show_identity(shown.reborrow().init_identity(), identity);
    if is_gone {
        shown.set_observer_result(SchedulingContextNotificationObserverResult::StaleGeneration);
        shown.set_lifecycle_event(SchedulingContextNotificationLifecycleEvent::ExplicitRevoke);
    }
    let News { used_up, missed, .. } = news.unwrap_or_default();
    let slots = [(Kind::BudgetDepleted, used_up), (Kind::DeadlineOrTimeout, missed)];
    for (kind, cell) in slots {
        let slot = match kind {
            Kind::DeadlineOrTimeout => shown.reborrow().init_deadline_or_timeout(),
            _ => shown.reborrow().init_budget_depleted(),
        };
        if !is_gone {
            show_cell(slot, kind, &cell, was, is_donated(&cell));
        }
    }
    wire::finish(message)
}

fn show_cell(
    mut slot: scheduling_context_notification_slot::Builder<'_>,
    kind: Kind,
    cell: &Cell,
    context: ContextId,
    is_donated: bool,
) {
    slot.set_sequence(cell.sequence);
    if !cell.is_present {
        return;
    }
    slot.set_kind(kind);
    slot.set_present(true);
    slot.set_coalesced_count(cell.coalesced);
    slot.set_context_id(context.number);
    slot.set_generation(context.generation);
    slot.set_remaining_budget_ns(cell.remaining.0);
    slot.set_next_timestamp_ns(cell.next.0);
    slot.set_donated_holder(is_donated);
    show_binding(
        slot.init_holder(),
        SchedulingContextBindState::Bound,
        Some(cell.thread),
    );
}

/// Which context.
pub fn show_identity(mut shown: scheduling_context_identity::Builder<'_>, id: ContextId) {
    shown.set_context_id(id.number);
    shown.set_generation(id.generation);
}

/// Who has it.
pub fn show_binding(
    mut shown: scheduling_context_binding::Builder<'_>,
    state: SchedulingContextBindState,
    thread: Option<sched::ThreadId>,
) {
    shown.set_state(state);
    if let Some(thread) = thread {
        shown.set_pid((thread.0 >> 32) as u32);
        shown.set_tid(thread.0 as u32);
        shown.set_process_generation(GENERATION);
        shown.set_thread_generation(GENERATION);
    }
}
