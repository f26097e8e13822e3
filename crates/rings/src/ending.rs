//! How operations end: by a completion, by their time-out, by being withdrawn, or because their ring is closed. Any of
//! them may come at any moment on any CPU. The order in which each touches the table, the time-out and the place where the
//! operation waits is written here once, for every host.
//!
//! The table's lock is held for one step at a time, and never while a place is told: places have locks of their own, under
//! which they end operations.
//!
//! Whoever has more to bring than a completion, bytes for the submitter's memory or capabilities for its table, claims the
//! operation first: from its end on, that memory is the submitter's alone. So nobody can end it while it is claimed; a closing
//! ring waits for whoever has it, which is not for long and depends on nothing that the closer holds.

use crate::table::{Ended, Name, Table};

/// Whoever keeps a ring: brings its lock, time-outs and places.
pub trait Host {
    /// What submissions say.
    type Details: Copy + Default;
    /// Where an operation waits.
    type Place;
    /// An armed time-out.
    type Timer;
    /// Memory of one that is not armed.
    type Memory;
    /// What an operation ends with.
    type Completion;
    /// The ring, locked.
    type Locked<'a>
    where
        Self: 'a;

    /// Locks the ring.
    fn lock(&self) -> Self::Locked<'_>;
    /// The operations of a locked ring.
    fn table<'l>(
        locked: &'l mut Self::Locked<'_>,
    ) -> &'l mut Table<Self::Details, Self::Place, Self::Timer, Self::Memory>;
    /// Whether it was closed.
    fn is_closed(locked: &Self::Locked<'_>) -> bool;
    /// Posts the completion of an operation, and wakes who waited for it; how many.
    fn post(&self, locked: Self::Locked<'_>, details: Self::Details, completion: Self::Completion) -> u32;
    /// Takes a time-out back; its memory, unless it has come.
    fn disarm(&self, timer: Self::Timer) -> Option<Self::Memory>;
    /// Takes an operation that has ended out of where it waits.
    fn forget(&self, place: Self::Place, name: Name);
    /// Somebody is about to end an operation that it has claimed, without the ring's lock: lets it.
    fn wait(&self);
}

/// Ends an operation with a completion, if it is still under way and nobody has claimed it; `arrive` runs before anybody can see that. How many
/// threads were woken, if this call ended it.
#[inline]
#[must_use = "the operation may have ended before"]
pub fn complete<H: Host>(
    host: &H,
    name: Name,
    completion: H::Completion,
    arrive: impl FnOnce(),
) -> Option<u32> {
    let mut locked = host.lock();
    // Nobody reads the completions of a ring that is being closed, and whoever closes it ends what is under way.
    if H::is_closed(&locked) {
        return None;
    }
    let ended = H::table(&mut locked).end(name)?;
    arrive();
    Some(tell(host, locked, name, ended, completion))
}

/// Claims an operation, if it is still under way and nobody else is about to end it: what its submission said. Then
/// [`finish`] or [`give_back`] follows.
#[inline(always)]
#[must_use = "it has to be finished, or given back"]
pub fn claim<H: Host>(host: &H, name: Name) -> Option<H::Details> {
    let mut locked = host.lock();
    if H::is_closed(&locked) {
        return None;
    }
    H::table(&mut locked).claim(name)
}

/// Ends an operation that was claimed with a completion; `arrive` runs before anybody can see that. How many threads were
/// woken, unless its ring was closed meanwhile, where nobody is told of anything.
#[inline(always)]
#[must_use = "the ring may be closed"]
pub fn finish<H: Host>(
    host: &H,
    name: Name,
    completion: H::Completion,
    arrive: impl FnOnce(),
) -> Option<u32> {
    let mut locked = host.lock();
    if H::is_closed(&locked) {
        forgo(host, locked, name);
        return None;
    }
    let ended = H::table(&mut locked).end_claimed(name)?;
    arrive();
    Some(tell(host, locked, name, ended, completion))
}

/// Posts the completion of an operation that has just ended, and lets go of what it had. How many threads were woken.
#[inline(always)]
fn tell<H: Host>(
    host: &H,
    locked: H::Locked<'_>,
    name: Name,
    ended: Ended<H::Details, H::Place>,
    completion: H::Completion,
) -> u32 {
    let Ended {
        details,
        place,
        is_timed,
    } = ended;
    let woken = if is_timed {
        tell_timed(host, locked, name, details, completion)
    } else {
        host.post(locked, details, completion)
    };
    // Whoever completes it has taken it out of where it waited, or is about to.
    drop(place);
    woken
}

/// The same with a time-out. Out of line: few have one.
#[cold]
#[inline(never)]
fn tell_timed<H: Host>(
    host: &H,
    mut locked: H::Locked<'_>,
    name: Name,
    details: H::Details,
    completion: H::Completion,
) -> u32 {
    let timer = H::table(&mut locked).take_timer(name);
    let woken = host.post(locked, details, completion);
    if let Some(timer) = timer {
        disarm(host, name, timer);
    }
    woken
}

/// The ring was closed while the operation was claimed: it ends, and nobody is told.
#[cold]
#[inline(never)]
fn forgo<H: Host>(host: &H, mut locked: H::Locked<'_>, name: Name) {
    let table = H::table(&mut locked);
    let is_timed = table.end_claimed(name).is_some_and(|ended| ended.is_timed);
    let timer = if is_timed { table.take_timer(name) } else { None };
    drop(locked);
    if let Some(timer) = timer {
        disarm(host, name, timer);
    }
}

/// Gives back an operation that was claimed and is not to end now.
pub fn give_back<H: Host>(host: &H, name: Name) {
    H::table(&mut host.lock()).give_back(name);
}

/// Ends an operation whose time-out has come, after taking it out of where it waits. How many threads were woken.
pub fn expire<H: Host>(host: &H, name: Name, completion: H::Completion) -> u32 {
    let place = H::table(&mut host.lock()).timer_came(name);
    if let Some(place) = place {
        host.forget(place, name);
    }
    complete(host, name, completion, || ()).unwrap_or(0)
}

/// Arms a time-out for an operation that has just begun, with the memory that its slot keeps, if it keeps any.
pub fn arm<H: Host>(host: &H, name: Name, arm: impl FnOnce(Option<H::Memory>) -> H::Timer) {
    let memory = H::table(&mut host.lock()).take_memory(name);
    let Some(memory) = memory else { return };
    let timer = arm(memory);
    let late = H::table(&mut host.lock()).set_timer(name, timer);
    if let Err(timer) = late {
        // It ended between the two locks.
        disarm(host, name, timer);
    }
}

/// Keeps the memory of a time-out that has come, or was taken back, for the next operation in the slot.
pub fn keep_memory<H: Host>(host: &H, name: Name, memory: H::Memory) {
    let before = H::table(&mut host.lock()).keep_memory(name, memory);
    drop(before);
}

#[inline(never)]
fn disarm<H: Host>(host: &H, name: Name, timer: H::Timer) {
    if let Some(memory) = host.disarm(timer) {
        keep_memory(host, name, memory);
    }
}

/// Ends every operation of a closed ring without a completion, and takes each out of where it waits. When this returns,
/// nobody writes on behalf of any of them.
pub fn abandon_all<H: Host>(host: &H) {
    loop {
        let mut locked = host.lock();
        let table = H::table(&mut locked);
        let Some(name) = table.first() else {
            if table.is_empty() {
                return;
            }
            // What is left is claimed, and ends without a completion where that is done.
            drop(locked);
            host.wait();
            continue;
        };
        let Some(Ended { place, is_timed, .. }) = table.end(name) else {
            continue;
        };
        let timer = if is_timed { table.take_timer(name) } else { None };
        drop(locked);
        if let Some(timer) = timer {
            disarm(host, name, timer);
        }
        if let Some(place) = place {
            host.forget(place, name);
        }
    }
}

#[cfg(test)]
mod tests;
