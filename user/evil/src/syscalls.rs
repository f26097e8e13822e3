//! System calls that do not exist, and arguments that make no sense.

use abi::syscall::{CAP_ENTER, CHECKPOINT, MAX_WANTED, NO_TIMEOUT, REJECTED, RETIRED_WRITE};
use rt::Env;
use rt::hostile::syscall;

use crate::report::Report;

/// The attacks: what, number, arguments.
const REFUSED: &[(&str, u64, u64, u64)] = &[
    ("the retired write", RETIRED_WRITE, 1, 2),
    ("the first unknown number", CHECKPOINT + 1, 0, 0),
    ("the largest number", u64::MAX, 0, 0),
    ("exit with a high bit", 1 | 1 << 32, 0, 0),
    ("exit with the sign bit", 1 | 1 << 63, 0, 0),
    ("enter with a high bit", CAP_ENTER | 1 << 40, 0, 0),
    (
        "waiting for more completions than fit",
        CAP_ENTER,
        MAX_WANTED + 1,
        0,
    ),
    ("waiting for 2^32 completions", CAP_ENTER, 1 << 32, 0),
    ("waiting for 2^64-1 completions", CAP_ENTER, u64::MAX, NO_TIMEOUT),
    ("a checkpoint that does not exist", CHECKPOINT, 99, u64::MAX),
];

/// All of them.
pub fn attack(_: &Env, report: &mut Report) {
    for &(what, number, first, second) in REFUSED {
        let answer = syscall(number, first, second);
        report.line(answer == REJECTED, what, format_args!("{answer:#x}"));
    }
    let available = syscall(CAP_ENTER, 0, u64::MAX - 1);
    report.line(
        available == 0,
        "entering with nothing queued and the second largest time-out",
        available,
    );
    let available = syscall(CAP_ENTER, 1, 1);
    report.line(available == 0, "waiting one nanosecond for nothing", available);
}
