//! The kinds of trace events, and how each fits into a record's three arguments.
//!
//! One table makes the enum, its packing and its unpacking, so that they cannot disagree. Numbers are never
//! reused; a new kind takes the next one.

/// A thread in a trace: process number in the high half, thread number in the low half; zero is none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Thread(pub u64);

impl Thread {
    /// No thread: idle, or an interrupt.
    pub const NONE: Self = Self(0);

    /// Thread `tid` of process `pid`.
    #[inline]
    #[must_use]
    pub const fn new(pid: u32, tid: u32) -> Self {
        Self((pid as u64) << 32 | tid as u64)
    }

    /// Process number.
    #[must_use]
    pub const fn pid(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Thread number.
    #[must_use]
    pub const fn tid(self) -> u32 {
        self.0 as u32
    }
}

/// The arguments of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Arguments {
    pub(super) a: u32,
    pub(super) b: u64,
    pub(super) c: u64,
}

/// How a field of an event becomes one argument of a record and back.
trait Argument<Raw> {
    fn pack(self) -> Raw;
    fn unpack(raw: Raw) -> Self;
}

impl Argument<u32> for u32 {
    fn pack(self) -> u32 {
        self
    }
    fn unpack(raw: u32) -> Self {
        raw
    }
}

impl Argument<u64> for u64 {
    fn pack(self) -> u64 {
        self
    }
    fn unpack(raw: u64) -> Self {
        raw
    }
}

impl Argument<u64> for i64 {
    fn pack(self) -> u64 {
        self as u64
    }
    fn unpack(raw: u64) -> Self {
        raw as i64
    }
}

impl Argument<u64> for Thread {
    fn pack(self) -> u64 {
        self.0
    }
    fn unpack(raw: u64) -> Self {
        Self(raw)
    }
}

/// Declares the events: number, name, and each field with the argument (a, b or c) that carries it.
macro_rules! events {
    ($($(#[doc = $doc:literal])+ $number:literal $name:ident {
        $($(#[doc = $field_doc:literal])+ $slot:ident $field:ident: $type:ty,)*
    })+) => {
        /// What happened.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Event {
            $($(#[doc = $doc])+ $name { $($(#[doc = $field_doc])+ $field: $type,)* },)+
        }

        impl Event {
            /// Kind and arguments of this event.
            #[inline]
            pub(super) fn pack(self) -> (u16, Arguments) {
                let mut arguments = Arguments::default();
                let kind = match self {
                    $(Self::$name { $($field),* } => {
                        $(arguments.$slot = Argument::pack($field);)*
                        $number
                    })+
                };
                (kind, arguments)
            }

            /// The event with this kind and these arguments; the inverse of [`Self::pack`].
            pub(super) fn unpack(kind: u16, arguments: Arguments) -> Option<Self> {
                Some(match kind {
                    $($number => Self::$name { $($field: Argument::unpack(arguments.$slot)),* },)+
                    _ => return None,
                })
            }

            /// Name of the event, for reports.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => stringify!($name),)+
                }
            }

            /// Number of the last kind.
            #[cfg(test)]
            const KINDS: u16 = [$($number),+].len() as u16;
        }
    };
}

events! {
    /// The CPU leaves one thread for another; a zero thread is idle.
    1 Switch {
        /// Thread that leaves.
        b from: Thread,
        /// Thread that runs next.
        c to: Thread,
    }
    /// A blocked thread becomes ready.
    2 Wake {
        /// CPU chosen for it.
        a target: u32,
        /// Thread woken.
        b thread: Thread,
        /// Thread that woke it; zero for an interrupt.
        c by: Thread,
    }
    /// The running thread starts to wait.
    3 Block {
        /// What it waits for, as numbered by the kernel.
        a reason: u32,
        /// Thread that waits.
        b thread: Thread,
    }
    /// The running thread is put back while it could still run.
    4 Preempt {
        /// Thread put back.
        b thread: Thread,
        /// Thread that takes over; zero when not yet chosen.
        c by: Thread,
    }
    /// A thread moves to another CPU's queue.
    5 Migrate {
        /// CPU it ran on last.
        a from: u32,
        /// Thread moved.
        b thread: Thread,
        /// CPU it moves to.
        c to: u64,
    }
    /// This CPU took a thread from another's queue.
    6 Steal {
        /// CPU it was queued on.
        a victim: u32,
        /// Thread taken.
        b thread: Thread,
    }
    /// The CPU goes straight from a caller to the thread it called, or back.
    7 Handoff {
        /// Thread that leaves.
        b from: Thread,
        /// Thread that runs next.
        c to: Thread,
    }
    /// The one-shot timer is set.
    8 TimerArm {
        /// What the deadline is for, as numbered by the kernel.
        a source: u32,
        /// Monotonic time it is set to.
        b deadline_ns: u64,
    }
    /// The one-shot timer expired.
    9 TimerFire {
        /// What the deadline was for.
        a source: u32,
        /// Monotonic time it was set to.
        b deadline_ns: u64,
    }
    /// An interrupt is sent to another CPU.
    10 IpiSent {
        /// Receiver.
        a to: u32,
        /// What it asks for, as numbered by the kernel.
        b purpose: u64,
    }
    /// An interrupt from another CPU arrived.
    11 IpiReceived {
        /// What it asks for.
        b purpose: u64,
    }
    /// A thread entered the kernel.
    12 SyscallEnter {
        /// System call number, low half.
        a number: u32,
        /// Caller.
        b thread: Thread,
        /// First argument.
        c argument: u64,
    }
    /// A thread leaves the kernel.
    13 SyscallExit {
        /// System call number, low half.
        a number: u32,
        /// Caller.
        b thread: Thread,
        /// Value returned.
        c result: u64,
    }
    /// A process starts.
    14 ProcessStart {
        /// Its number.
        a pid: u32,
        /// Number of the process that spawned it; zero for init.
        b parent: u64,
        /// Generation of its slot.
        c generation: u64,
    }
    /// A process is gone.
    15 ProcessExit {
        /// Its number.
        a pid: u32,
        /// Exit code.
        b code: i64,
        /// How it ended, as numbered by the kernel.
        c reason: u64,
    }
    /// A thread can run for the first time.
    16 ThreadStart {
        /// CPU it is placed on.
        a cpu: u32,
        /// The thread.
        b thread: Thread,
        /// Its weight.
        c weight: u64,
    }
    /// A thread is gone.
    17 ThreadExit {
        /// The thread.
        b thread: Thread,
        /// Exit code.
        c code: i64,
    }
    /// User code raised a CPU exception.
    18 Fault {
        /// Exception vector.
        a vector: u32,
        /// The thread.
        b thread: Thread,
        /// Faulting address, or the instruction's where there is none.
        c address: u64,
    }
    /// A capability changed hands.
    19 CapTransfer {
        /// 1 copied, 2 moved.
        a mode: u32,
        /// Sender's pid in the high half, receiver's in the low half.
        b route: u64,
        /// Interface id.
        c interface: u64,
    }
    /// Other CPUs forget mappings.
    20 Shootdown {
        /// CPUs asked.
        a targets: u32,
        /// First address.
        b address: u64,
        /// Pages.
        c pages: u64,
    }
    /// A log record was written.
    21 LogMark {
        /// Writer; zero for the kernel.
        a pid: u32,
        /// Number of the record.
        b sequence: u64,
        /// Its level.
        c level: u64,
    }
    /// The CPU has nothing to run.
    22 IdleEnter {}
    /// The CPU found something to run.
    23 IdleLeave {
        /// How long it idled.
        b idle_ns: u64,
    }
    /// Boot reached a named point.
    24 Milestone {
        /// The point, as numbered by the kernel.
        a which: u32,
        /// A number that belongs to it.
        b value: u64,
    }
    /// A program or the kernel marks a point of interest.
    25 Mark {
        /// Which.
        a tag: u32,
        /// A number that belongs to it.
        b value: u64,
        /// Another.
        c extra: u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_unpacks_to_what_packs_to_it() {
        for kind in 1..=Event::KINDS {
            let event = Event::unpack(
                kind,
                Arguments {
                    a: 1,
                    b: 2 << 32 | 3,
                    c: 4,
                },
            )
            .unwrap();
            let (number, arguments) = event.pack();
            assert_eq!(number, kind, "{}", event.name());
            assert_eq!(Event::unpack(kind, arguments), Some(event));
        }
        assert_eq!(Event::unpack(0, Arguments::default()), None);
        assert_eq!(Event::unpack(Event::KINDS + 1, Arguments::default()), None);
    }

    #[test]
    fn a_thread_keeps_process_and_number() {
        let thread = Thread::new(7, 2);
        assert_eq!((thread.pid(), thread.tid()), (7, 2));
        let switch = Event::Switch {
            from: Thread::NONE,
            to: thread,
        };
        assert_eq!(
            switch.pack(),
            (
                1,
                Arguments {
                    a: 0,
                    b: 0,
                    c: 7 << 32 | 2
                }
            )
        );
    }
}
