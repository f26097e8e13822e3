//! A bench runs a program's checks in order. Each prints one line; the first that fails prints what it saw and ends
//! the program with exit code 10 + its place in the list, so that a boot that cannot show its console still tells
//! which check it was. A program whose checks all pass exits with 0.

use alloc::format;
use alloc::string::String;
use capos::{
    CapSet, CapSetError, Client, ClientError, CompletedCall, ConsoleClient, ExceptionType, ResultCapError,
    RingClientError, Runtime, RuntimeRingClient, decode_completed_call,
};
use core::fmt::Debug;

/// Exit code of a program whose first check failed; the second gives one more, and so on.
pub const FIRST_CHECK: i64 = 10;

/// Exit code of a program that did not even get its console.
pub const NO_CONSOLE: i64 = 2;

/// Why a check failed: one line for the reader.
pub struct Failure(pub String);

/// What a check gives back.
pub type Outcome<T = ()> = Result<T, Failure>;

/// A named check.
pub type Check = (&'static str, fn(&mut Bench<'_>) -> Outcome);

/// The ring, the capability set and the console of the running program.
pub struct Bench<'a> {
    /// The published crates' ring client.
    pub ring: RuntimeRingClient<'a>,
    /// The capabilities the program was started with.
    pub capset: CapSet,
    /// The program's process id.
    pub pid: u64,
    console: ConsoleClient,
}

impl Bench<'_> {
    /// Prints one line.
    pub fn say(&mut self, line: &str) {
        let _ = self.console.write_line_wait(&mut self.ring, line, u64::MAX);
    }

    /// The typed client for the capability called `name`.
    pub fn client<C: Client>(&self, name: &str) -> Outcome<C> {
        self.capset
            .get_client(name.as_bytes())
            .map_err(|error| Failure(format!("capability {name}: {error:?}")))
    }

    /// The id of the capability called `name`, whatever its interface.
    pub fn cap(&self, name: &str) -> Outcome<u32> {
        match self.capset.get(name.as_bytes()) {
            Ok(capability) => Ok(capability.cap_id()),
            Err(error) => Err(Failure(format!("capability {name}: {error:?}"))),
        }
    }

    /// Whether the program was given a capability called `name`.
    pub fn has(&self, name: &str) -> bool {
        self.capset.get(name.as_bytes()).is_ok()
    }

    /// One CALL with the given params and room for `result_len` bytes of answer.
    pub fn call(
        &mut self,
        cap: u32,
        method: u16,
        params: &[u8],
        result_len: usize,
    ) -> Outcome<CompletedCall> {
        let call = self
            .ring
            .submit_call(cap, method, params.into(), alloc::vec![0; result_len].into())?;
        Ok(self.ring.wait(call, u64::MAX)?)
    }

    /// One CALL that must succeed; gives the completion.
    pub fn answer(
        &mut self,
        cap: u32,
        method: u16,
        params: &[u8],
        result_len: usize,
    ) -> Outcome<CompletedCall> {
        let completion = self.call(cap, method, params, result_len)?;
        decode_completed_call(&completion)?;
        Ok(completion)
    }

    /// One CALL that must end in an application exception of the given type.
    pub fn exception(&mut self, cap: u32, method: u16, params: &[u8], expected: ExceptionType) -> Outcome {
        let completion = self.call(cap, method, params, 512)?;
        refused(decode_completed_call(&completion), expected, "raw call")
    }
}

/// Runs `checks` in order; the value is the program's exit code.
pub fn run(program: &str, mut runtime: Runtime, checks: &[Check]) -> i64 {
    let (capset, pid) = (runtime.capset(), runtime.pid());
    let Ok(console) = capset.get_client(b"console") else {
        return NO_CONSOLE;
    };
    let Ok(ring) = runtime.ring_client() else {
        return NO_CONSOLE;
    };
    let mut bench = Bench {
        ring,
        capset,
        pid,
        console,
    };
    for (place, (name, check)) in checks.iter().enumerate() {
        match check(&mut bench) {
            Ok(()) => bench.say(&format!("{program}: ok: {name}")),
            Err(Failure(detail)) => {
                bench.say(&format!("{program}: FAILED: {name}: {detail}"));
                return FIRST_CHECK + place as i64;
            }
        }
    }
    bench.say(&format!("{program}: all {} checks passed", checks.len()));
    0
}

/// Checks that a call ended in an application exception of the expected type.
pub fn refused<T>(result: Result<T, ClientError>, expected: ExceptionType, what: &str) -> Outcome {
    match result {
        Err(ClientError::Application(exception)) if exception.exception_type() == expected => Ok(()),
        Err(ClientError::Application(exception)) => Err(Failure(format!(
            "{what}: expected exception {expected:?}, got {:?} ({})",
            exception.exception_type(),
            exception.message()
        ))),
        Err(error) => Err(Failure(format!(
            "{what}: expected exception {expected:?}, got {error:?}"
        ))),
        Ok(_) => Err(Failure(format!(
            "{what}: expected exception {expected:?}, but it succeeded"
        ))),
    }
}

/// Ends the check unless the condition holds; the rest is a `format!`.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err($crate::bench::Failure($crate::format!($($what)+)));
        }
    };
}

/// Ends the check unless both values are equal, and prints both.
#[macro_export]
macro_rules! same {
    ($seen:expr, $expected:expr, $($what:tt)+) => {
        $crate::bench::equal(&$seen, &$expected, || $crate::format!($($what)+))?
    };
}

/// Ends the check.
#[macro_export]
macro_rules! fail {
    ($($what:tt)+) => { return Err($crate::bench::Failure($crate::format!($($what)+))) };
}

/// The function behind [`same!`](crate::same).
pub fn equal<T: PartialEq + Debug + ?Sized>(
    seen: &T,
    expected: &T,
    what: impl FnOnce() -> String,
) -> Outcome {
    if seen == expected {
        return Ok(());
    }
    Err(Failure(format!(
        "{}: expected {expected:?}, got {seen:?}",
        what()
    )))
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Failure(format!("{error:?}"))
    }
}

impl From<RingClientError> for Failure {
    fn from(error: RingClientError) -> Self {
        Failure(format!("{error:?}"))
    }
}

impl From<CapSetError> for Failure {
    fn from(error: CapSetError) -> Self {
        Failure(format!("{error:?}"))
    }
}

impl From<ResultCapError> for Failure {
    fn from(error: ResultCapError) -> Self {
        Failure(format!("{error:?}"))
    }
}
