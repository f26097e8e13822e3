//! How threads get CPU time and lose it: bound, unbound, revoked, ended. Rules E1 and E6; the letters are those of
//! docs/rules/contexts.md.

use alloc::boxed::Box;
use alloc::sync::Arc;

use protocol::{Reached, lending};
use sched::{Budget, Instant};

use super::lending::Threads;
use super::{Context, State, find, ledger};
use crate::process::thread::Thread;
use crate::run::host::Host;
use crate::run::wake::now;

/// What was asked of a context did not happen, because:
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is gone.
    Gone,
    /// It is bound, or the thread has time of its own or somebody else's.
    AlreadyBound,
    /// It is bound to nobody.
    NotBound,
    /// The thread has been ordered to end.
    Dying,
}

/// What a context leaves when it ends.
#[must_use = "who waits for news of it is to be told"]
pub(super) struct Remains {
    _thread: Option<Arc<Thread>>,
    _place: Option<Arc<Context>>,
    time: Option<Box<Budget>>,
}

impl Remains {
    /// From when on all of what the context was granted would be there, if it were there still.
    pub(super) fn whole_from(&self, context: &Context) -> Instant {
        match &self.time {
            Some(time) => time.whole_from(),
            // Whoever ends just now has used it, perhaps all of it.
            None => now() + context.spec.period(),
        }
    }
}

impl Context {
    /// Gives its time to a thread, from this moment on (A to D).
    ///
    /// # Errors
    /// Nothing has changed then.
    pub fn bind(self: &Arc<Context>, thread: &Arc<Thread>) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.is_gone {
            return Err(Refused::Gone);
        }
        {
            let mut place = thread.context.lock();
            if state.bound.is_some() || place.is_some() || thread.borrowed.lock().is_some() {
                return Err(Refused::AlreadyBound);
            }
            *place = Some(self.clone());
        }
        // Whoever takes the thread apart from here on waits for the state's lock, and finds it bound.
        state.bound = Some(thread.clone());
        let mut hand = state.home.take();
        let reached = protocol::change_budget(&mut Host::here(), thread.task(), |budget, _| {
            if budget.is_none() {
                core::mem::swap(budget, &mut hand);
            }
        });
        // Time that is on its way from a thread that has ended comes to this one.
        if hand.is_none() && reached == Reached::Done {
            thread.note_time();
            return Ok(());
        }
        // The thread ends, or works with somebody else's time.
        state.home = state.home.take().or(hand);
        state.bound = None;
        let place = thread.context.lock().take();
        thread.note_time();
        drop(state);
        drop(place);
        Err(match reached {
            Reached::Done => Refused::AlreadyBound,
            Reached::Dying | Reached::OnItsWay => Refused::Dying,
        })
    }

    /// Takes its time back from the thread that it is bound to, which goes on without (B to E, G to A).
    ///
    /// # Errors
    /// Nothing has changed then.
    pub fn unbind(&self) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.is_gone {
            return Err(Refused::Gone);
        }
        if state.bound.is_none() {
            return Err(Refused::NotBound);
        }
        self.end_loans(&mut state, 0);
        let thread = state.bound.take();
        let place = thread.as_ref().and_then(|thread| self.let_go(thread));
        if let Some(time) = thread.as_ref().and_then(|thread| self.take_from(thread)) {
            lending::deliver(&mut Threads, &mut state, time);
        }
        drop(state);
        drop((place, thread));
        self.let_go_of_others();
        Ok(())
    }

    /// Ends it for ever (to Z): its thread goes on without, what it reserved and all that was carved out of it goes back, and who waits for
    /// news is told.
    ///
    /// # Errors
    /// It is gone already.
    pub fn revoke(&self) -> Result<(), Refused> {
        let remains = self.end()?;
        let whole_from = remains.whole_from(self);
        self.is_over(remains);
        ledger::release(self, whole_from);
        Ok(())
    }

    /// The same for this context alone, and what it reserved is its own still. What it leaves is to be seen to ([`Context::is_over`]) without a lock.
    pub(super) fn end(&self) -> Result<Remains, Refused> {
        let mut state = self.state.lock();
        if state.is_gone {
            return Err(Refused::Gone);
        }
        state.is_gone = true;
        self.end_loans(&mut state, 0);
        let thread = state.bound.take();
        let place = thread.as_ref().and_then(|thread| self.let_go(thread));
        let time = match (&thread, state.home.take()) {
            (Some(thread), None) => self.take_from(thread),
            (_, home) => home,
        };
        Ok(Remains {
            _thread: thread,
            _place: place,
            time,
        })
    }

    /// It has ended: lets go of what it left, and tells who waits for news of it.
    pub(super) fn is_over(&self, remains: Remains) {
        drop(remains);
        self.let_go_of_others();
        self.tell_that_it_is_gone();
    }

    /// A thread is bound to it no more; the thread's own hold on it.
    fn let_go(&self, thread: &Thread) -> Option<Arc<Context>> {
        let place = thread.context.lock().take();
        thread.note_time();
        place
    }

    /// Takes its box from a thread; nothing if the thread is about to end and brings it itself.
    pub(super) fn take_from(&self, thread: &Arc<Thread>) -> Option<Box<Budget>> {
        lending::take_from(&mut Threads, self.id, thread)
    }

    /// Looks at its time, or changes it, wherever it is. `None`: it is gone, or on its way back from a thread that ends.
    pub(super) fn with_time<R>(
        &self,
        state: &mut State,
        look: impl FnOnce(&mut Budget, Instant) -> R,
    ) -> Option<R> {
        if let Some(budget) = &mut state.home {
            return Some(look(budget, now()));
        }
        let thread = state.holder()?;
        let (mut look, mut looked) = (Some(look), None);
        let reached = protocol::change_budget(&mut Host::here(), thread.task(), |budget, now| {
            if let Some(budget) = budget.as_mut().filter(|budget| budget.context() == self.id) {
                looked = look.take().map(|look| look(budget, now));
            }
        });
        match reached {
            Reached::Done | Reached::Dying | Reached::OnItsWay => looked,
        }
    }
}

/// A thread has been taken apart and had this time: it goes to who lent it, to its context, or nowhere if that is gone. What the thread was
/// bound to is bound no more.
pub fn thread_has_ended(thread: &Thread, mut time: Option<Box<Budget>>) {
    let called = thread.called.lock().take();
    let asking = thread.asking.lock().take();
    drop(asking);
    let borrowed = thread.borrowed.lock().clone();
    if let Some(context) = borrowed {
        let its = time.take_if(|budget| budget.context() == context.id());
        context.borrower_has_ended(thread, its);
    }
    let own = thread.context.lock().clone();
    if let Some(context) = own {
        let its = time.take_if(|budget| budget.context() == context.id());
        context.owner_has_ended(thread, its);
    }
    // Who ended a loan or a binding meanwhile did not find the time, which was on its way here already.
    if let Some(budget) = time {
        bring_home(budget);
    }
    drop(called);
}

/// Brings time to whoever is to have it, unless its context is gone.
fn bring_home(budget: Box<Budget>) {
    let Some(context) = find(budget.context().number) else {
        return;
    };
    let mut state = context.state.lock();
    let time = lending::deliver_unless_gone(&mut Threads, &mut state, Some(budget));
    drop(state);
    drop(time);
}

impl Context {
    /// The thread that it is bound to has been taken apart, and brings its time if it had it.
    fn owner_has_ended(&self, thread: &Thread, time: Option<Box<Budget>>) {
        let mut state = self.state.lock();
        let is_its = state
            .bound
            .as_ref()
            .is_some_and(|bound| core::ptr::eq(&raw const **bound, thread));
        let bound = if is_its { state.bound.take() } else { None };
        if is_its {
            // Whoever works with it works without from now on.
            self.end_loans(&mut state, 0);
        }
        let place = self.let_go(thread);
        let time = lending::deliver_unless_gone(&mut Threads, &mut state, time);
        drop(state);
        drop((bound, place, time));
        self.let_go_of_others();
    }

    /// Nobody works with it any more: frees what loans have let go of, and whoever waits to help.
    fn let_go_of_others(&self) {
        self.free_spare();
        let helper = self.helper.lock().take();
        drop(helper);
    }
}
