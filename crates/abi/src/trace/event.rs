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

/// What the number in a field means, for readers that know no Rust type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A count, an index, a time in nanoseconds or an address.
    Unsigned,
    /// A number that may be negative, as a 64-bit two's complement.
    Signed,
    /// A [`Thread`].
    Thread,
}

/// A kind of event as readers see it that translate all kinds alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// Its number in records.
    pub number: u16,
    /// Its name.
    pub name: &'static str,
    /// Names and forms of its fields, in the order of [`Event::values`].
    pub fields: &'static [(&'static str, Form)],
}

/// How a field of an event becomes one argument of a record and back.
trait Argument<Raw>: Field {
    fn pack(self) -> Raw;
    fn unpack(raw: Raw) -> Self;
}

/// A type that fields have.
trait Field: Copy {
    const FORM: Form;
    fn number(self) -> u64;
}

impl Field for u32 {
    const FORM: Form = Form::Unsigned;
    fn number(self) -> u64 {
        u64::from(self)
    }
}

impl Field for u64 {
    const FORM: Form = Form::Unsigned;
    fn number(self) -> u64 {
        self
    }
}

impl Field for i64 {
    const FORM: Form = Form::Signed;
    fn number(self) -> u64 {
        self as u64
    }
}

impl Field for Thread {
    const FORM: Form = Form::Thread;
    fn number(self) -> u64 {
        self.0
    }
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

            /// All kinds, by number from 1.
            pub const KINDS: &'static [Kind] = &[$(Kind {
                number: $number,
                name: stringify!($name),
                fields: &[$((stringify!($field), <$type as Field>::FORM)),*],
            }),+];

            /// The numbers in its fields, in the order of [`Kind::fields`]; unused places are zero.
            #[must_use]
            pub fn values(&self) -> [u64; 3] {
                let mut values = [0; 3];
                let mut _places = values.iter_mut();
                match *self {
                    $(Self::$name { $($field),* } => {
                        $(if let Some(place) = _places.next() {
                            *place = Field::number($field);
                        })*
                    })+
                }
                values
            }
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
    /// Other CPUs drop translations.
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
    /// What a process is called.
    26 ProcessName {
        /// Its number.
        a pid: u32,
        /// The first eight bytes of the name, in the order of memory; see [`Event::process_name`].
        b first: u64,
        /// The next eight bytes; zeros follow a name that is shorter.
        c second: u64,
    }
    /// A thread's weight or latency class is another from now on.
    27 PolicySet {
        /// Latency class, as numbered by the interface.
        a class: u32,
        /// The thread.
        b thread: Thread,
        /// Weight.
        c weight: u64,
    }
    /// The record ends here: who runs has run until now, and who waits has waited until now.
    28 RecordEnd {}
}

impl Event {
    /// The event that says what a process is called. Names longer than 16 bytes are cut.
    #[must_use]
    pub fn process_name(pid: u32, name: &str) -> Self {
        let end = (0..=name.len().min(16))
            .rev()
            .find(|end| name.is_char_boundary(*end));
        let mut text = [0; 16];
        for (place, byte) in text.iter_mut().zip(name[..end.unwrap_or(0)].bytes()) {
            *place = byte;
        }
        let word = |from| u64::from_le_bytes(core::array::from_fn(|at| text[from + at]));
        Self::ProcessName {
            pid,
            first: word(0),
            second: word(8),
        }
    }

    /// The bytes of the name that two words of [`Event::ProcessName`] carry, zeros behind it.
    #[must_use]
    pub fn name_bytes(first: u64, second: u64) -> [u8; 16] {
        let (first, second) = (first.to_le_bytes(), second.to_le_bytes());
        core::array::from_fn(|at| if at < 8 { first[at] } else { second[at - 8] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_unpacks_to_what_packs_to_it() {
        for (kind, described) in (1..).zip(Event::KINDS) {
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
            assert_eq!((described.number, described.name), (kind, event.name()));
            assert_eq!(Event::unpack(kind, arguments), Some(event));
        }
        assert_eq!(Event::unpack(0, Arguments::default()), None);
        let after = Event::KINDS.len() as u16 + 1;
        assert_eq!(Event::unpack(after, Arguments::default()), None);
    }

    #[test]
    fn fields_come_in_the_order_of_their_description() {
        let thread = Thread::new(7, 2);
        let exit = Event::ThreadExit { thread, code: -9 };
        assert_eq!(exit.values(), [thread.0, (-9_i64) as u64, 0]);
        let kind = Event::KINDS[16];
        assert_eq!((kind.number, kind.name), (17, "ThreadExit"));
        assert_eq!(kind.fields, [("thread", Form::Thread), ("code", Form::Signed)]);
    }

    #[test]
    fn every_type_of_field_keeps_its_value_in_a_record() {
        let thread = Thread::new(7, 2);
        let weight = 9 << 32;
        let policy = Event::PolicySet {
            class: 5,
            thread,
            weight,
        };
        let exit = Event::ThreadExit { thread, code: -9 };
        assert_eq!(policy.values(), [5, thread.0, weight]);
        for event in [policy, exit] {
            let (kind, arguments) = event.pack();
            assert_eq!(Event::unpack(kind, arguments), Some(event));
        }
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        let shown = |name: &str| {
            let Event::ProcessName {
                pid: 3,
                first,
                second,
            } = Event::process_name(3, name)
            else {
                panic!("another event")
            };
            Event::name_bytes(first, second)
        };
        assert_eq!(&shown("shell"), b"shell\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(&shown("fifteen letters\u{e9}"), b"fifteen letters\0");
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
