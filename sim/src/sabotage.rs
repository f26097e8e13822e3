//! Mistakes that the machine makes on purpose, so that every rule can be seen to notice: a rule that cannot be broken
//! proves nothing. One of them is every campaign's canary.

use crate::audit::Rule;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// A wake-up is forgotten.
    LoseAWake,
    /// A reschedule interrupt gets lost on its way.
    LoseAnInterrupt,
    /// Nobody asks for the interrupt that an arrival needs.
    AskForNothing,
    /// A timer is not set.
    ForgetATimer,
    /// A thread gets lost on its way to a CPU.
    LoseAThread,
    /// A thread's time is counted twice.
    CountTwice,
    /// A thread is charged for ten milliseconds that have not passed.
    ChargeAhead,
    /// A CPU that idles begins its virtual clock anew.
    TurnBackAClock,
    /// The running thread stays although its turn is over.
    IgnoreTheEnd,
    /// A CPU that comes back forgets who may run on it alone.
    KeepStranded,
    /// Busy CPUs do not give threads to each other.
    KeepUnlevel,
    /// What a context was charged is forgotten when its thread ends.
    ForgetWhatWasUsed,
    /// Every reservation is granted.
    GrantEverything,
    /// Who is woken has a whole budget again, whatever was used.
    FillUp,
    /// A call ends, and what was lent by it stays with the server.
    KeepALoan,
    /// A server with lent time that is used up waits for more of it.
    StopAtTheEnd,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Sabotage; 16] = [
        Sabotage::LoseAWake,
        Sabotage::LoseAnInterrupt,
        Sabotage::AskForNothing,
        Sabotage::ForgetATimer,
        Sabotage::LoseAThread,
        Sabotage::CountTwice,
        Sabotage::ChargeAhead,
        Sabotage::TurnBackAClock,
        Sabotage::IgnoreTheEnd,
        Sabotage::KeepStranded,
        Sabotage::KeepUnlevel,
        Sabotage::ForgetWhatWasUsed,
        Sabotage::GrantEverything,
        Sabotage::FillUp,
        Sabotage::KeepALoan,
        Sabotage::StopAtTheEnd,
    ];

    /// The rules that may notice it first.
    #[must_use]
    pub const fn breaks(self) -> &'static [Rule] {
        match self {
            Sabotage::LoseAWake => &[Rule::NoWakeUpIsLost],
            Sabotage::LoseAnInterrupt => &[Rule::NobodyStarves, Rule::NoCpuIsWasted],
            Sabotage::AskForNothing => &[Rule::SomethingWillHappen],
            Sabotage::ForgetATimer => &[Rule::TimersAreSet],
            Sabotage::LoseAThread => &[Rule::NobodyIsLost],
            Sabotage::CountTwice => &[Rule::TimeIsConserved],
            Sabotage::ChargeAhead => &[Rule::NobodyIsOvercharged],
            Sabotage::TurnBackAClock => &[Rule::VirtualTimeMovesForward],
            Sabotage::IgnoreTheEnd => &[Rule::LagIsBounded],
            Sabotage::KeepStranded => &[Rule::NobodyIsStranded],
            Sabotage::KeepUnlevel => &[Rule::SharesAreFair],
            Sabotage::ForgetWhatWasUsed => &[Rule::ContextsAddUp],
            Sabotage::GrantEverything => &[Rule::DeadlinesAreMet],
            Sabotage::FillUp => &[Rule::BudgetsAreKept],
            Sabotage::KeepALoan | Sabotage::StopAtTheEnd => &[Rule::LoansAreSound],
        }
    }
}
