//! Mistakes that the machine makes on purpose, so that every rule can be seen to notice: a rule that cannot be broken
//! proves nothing. One of them is every campaign's canary.

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// A wake-up is forgotten.
    LoseAWake,
    /// A reschedule interrupt is never sent although it was asked for.
    LoseAnInterrupt,
    /// A timer is not set.
    ForgetATimer,
    /// A thread is dropped on its way from one CPU to another.
    LoseAThread,
    /// A thread is charged twice.
    ChargeTwice,
    /// An idle CPU that is called does not look.
    IgnoreACall,
}
