//! Where a thread is while it waits: its parking place. Rules B2 and B4 (docs/rules/scheduler.md).
//!
//! A thread that has decided to wait may be woken before it has come to rest, because whoever wakes it sees
//! its entry in a queue of waiters first. So a parking place is in one of two states, and a wake is never
//! lost: it finds the thread and takes it out, or it leaves a note that the thread finds when it comes to
//! rest.
//!
//! There is no lock in here; the kernel puts one around each thread's place. That the whole protocol neither loses a
//! wake nor runs a thread twice is checked on every interleaving in models, with this very type.

/// The parking place of one thread; `T` is the thread as a value, so whoever has it is its only owner.
#[derive(Debug)]
pub enum Parking<T> {
    /// The thread is elsewhere: running, queued, or on its way here.
    Away {
        /// It was woken since it last came here, and must look again before it rests.
        woken: bool,
    },
    /// The thread rests here.
    Resting(T),
}

impl<T> Default for Parking<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Parking<T> {
    /// The place of a thread that is about to run.
    pub const fn new() -> Self {
        Parking::Away { woken: false }
    }

    /// The thread comes to rest. Call it after the thread is listed wherever it waits. What it returns is the resting
    /// thread, for what else its CPU has to do with it while the host's lock keeps wakers out.
    ///
    /// # Errors
    /// The thread back, if it was woken meanwhile: it runs on and looks again at what it waited for. A thread that is
    /// already here gets the newcomer back too; two values for one thread do not exist in a sound host.
    #[inline]
    pub fn rest(&mut self, thread: T) -> Result<&mut T, T> {
        match self {
            Parking::Away { woken: false } => {
                // Not an assignment: that would call for a thread to be let go of, and there is none.
                core::mem::forget(core::mem::replace(self, Parking::Resting(thread)));
                match self {
                    Parking::Resting(thread) => Ok(thread),
                    Parking::Away { .. } => unreachable!("it has just come to rest"),
                }
            }
            Parking::Away { woken } => {
                *woken = false;
                Err(thread)
            }
            Parking::Resting(_) => Err(thread),
        }
    }

    /// Wakes the thread: takes it out if it rests here, and leaves a note otherwise. Whoever gets it queues
    /// it.
    #[inline]
    #[must_use = "a thread that was taken out has to be queued"]
    pub fn wake(&mut self) -> Option<T> {
        match core::mem::replace(self, Parking::Away { woken: false }) {
            Parking::Resting(thread) => Some(thread),
            Parking::Away { .. } => {
                *self = Parking::Away { woken: true };
                None
            }
        }
    }

    /// Whether the thread rests here.
    pub fn is_resting(&self) -> bool {
        matches!(self, Parking::Resting(_))
    }

    /// The resting thread, to look at or to change what may only change while it rests.
    pub fn resting_mut(&mut self) -> Option<&mut T> {
        match self {
            Parking::Resting(thread) => Some(thread),
            Parking::Away { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b2_a_resting_thread_is_taken_out_once() {
        let mut place = Parking::new();
        assert_eq!(place.rest("thread"), Ok(&mut "thread"));
        assert!(place.is_resting());
        assert_eq!((place.wake(), place.is_resting()), (Some("thread"), false));
        assert_eq!(place.wake(), None);
    }

    #[test]
    fn b4_a_wake_before_the_rest_sends_the_thread_on() {
        let mut place = Parking::new();
        assert_eq!(place.wake(), None);
        assert_eq!(place.wake(), None);
        assert_eq!(
            place.rest("thread"),
            Err("thread"),
            "two early wakes are one note"
        );
        assert_eq!(place.rest("thread"), Ok(&mut "thread"));
    }

    #[test]
    fn b2_a_place_holds_one_thread() {
        let mut place = Parking::new();
        assert_eq!(place.rest(1), Ok(&mut 1));
        assert_eq!(place.rest(2), Err(2));
        assert_eq!((place.resting_mut().copied(), place.wake()), (Some(1), Some(1)));
        assert_eq!(place.resting_mut(), None);
    }
}
