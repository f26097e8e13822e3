//! Buffers that are not there, not ours, or not what they should be. Parameters are refused with one code and
//! results with another, and a buffer that was refused is not touched.

use abi::layout::{CAPSET, IMAGE_LIMIT, OWN_RINGS_LIMIT, STACK_TOP, USER_LIMIT};
use abi::result::{Failure, MAX_MESSAGE_BYTES};
use abi::ring::{Opcode, Sqe, sqe_flags};
use rt::hostile::submit;
use rt::memory::{Protection, VirtualMemory};
use rt::message::Aligned;
use rt::park::ParkSpace;
use rt::time::Timer;
use rt::{Client, Env};

use crate::report::{ALL, Report};

const PATIENCE_NS: u64 = 1_000_000_000;

/// Parameters of a call without any.
static EMPTY: Aligned<16> = Aligned([0, 0, 0, 0, 1, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0]);

/// Addresses where nothing of ours is.
const NOWHERE: &[(&str, u64, u32)] = &[
    ("address 0", 0, 16),
    ("page 0", 0x10, 16),
    ("the gap above the image", IMAGE_LIMIT, 16),
    ("the gap above the rings", OWN_RINGS_LIMIT, 16),
    ("the last byte of the stack and one more page", STACK_TOP - 8, 64),
    ("the end of the user half", USER_LIMIT - 8, 16),
    ("the first non-canonical address", 0x8000_0000_0000, 16),
    ("the middle of the non-canonical hole", 0x1234_5678_9abc_def0, 16),
    ("the first kernel address", 0xffff_8000_0000_0000, 16),
    ("the kernel's text", 0xffff_ffff_8000_0000, 16),
    ("the last bytes there are", u64::MAX - 15, 16),
    ("a range that wraps around", u64::MAX - 7, 16),
    ("a range that wraps around by its length", 0x20_0000, u32::MAX),
];

/// All of them.
pub fn attack(env: &Env, report: &mut Report) {
    let timer = report.needs(ALL, env.first::<Timer>());
    let memory = report.needs(ALL, env.first::<VirtualMemory>());
    let (Some(timer), Some(memory)) = (timer, memory) else {
        return;
    };
    results(report, &timer, &memory);
    parameters(report, &timer, &memory);
    if let Some(space) = report.needs("words to park at", env.first::<ParkSpace>()) {
        park_words(report, &space);
    }
    report.works("and an honest call", timer.now_ns());
}

/// `Timer.now` with its result going to the wrong place.
fn results(report: &mut Report, timer: &Timer, memory: &VirtualMemory) {
    let now = |result_addr, result_len| Sqe {
        opcode: Opcode::Call as u8,
        cap_id: timer.cap().id(),
        addr: EMPTY.0.as_ptr() as u64,
        len: 16,
        result_addr,
        result_len,
        ..Sqe::default()
    };
    let invalid = Failure::InvalidResult.code();
    for &(what, addr, len) in NOWHERE {
        report.result(
            format_args!("result to {what}"),
            submit(now(addr, len), PATIENCE_NS),
            invalid,
        );
    }
    report.result(
        "result to the program's code",
        submit(now(0x20_0000, 64), PATIENCE_NS),
        invalid,
    );
    report.result(
        "result to the capset page",
        submit(now(CAPSET, 64), PATIENCE_NS),
        invalid,
    );
    let own = EMPTY.0.as_ptr() as u64;
    report.result(
        "result to constant data",
        submit(now(own, 16), PATIENCE_NS),
        invalid,
    );
    let longest = MAX_MESSAGE_BYTES;
    if let Ok(addr) = memory.map(0, u64::from(longest) + 4096, Protection::ReadWrite) {
        report.result(
            "result longer than a message",
            submit(now(addr, longest + 1), PATIENCE_NS),
            invalid,
        );
        report.result(
            "result as long as a message may be",
            submit(now(addr, longest), PATIENCE_NS),
            32,
        );
    }
    report.result(
        "result that does not fit",
        submit(now(stack_scratch(), 8), PATIENCE_NS),
        invalid,
    );
    report.result(
        "no room for a result at all",
        submit(now(0, 0), PATIENCE_NS),
        invalid,
    );
    if let Ok(addr) = memory.reserve(4096) {
        report.result(
            "result to reserved addresses",
            submit(now(addr, 64), PATIENCE_NS),
            invalid,
        );
    }
    for (what, protection) in [
        ("a read-only page", Protection::Read),
        ("a page without rights", Protection::None),
    ] {
        if let Ok(addr) = memory.map(0, 4096, protection) {
            report.result(
                format_args!("result to {what}"),
                submit(now(addr, 64), PATIENCE_NS),
                invalid,
            );
        }
    }
    if let Ok(addr) = memory.map(0, 8192, Protection::ReadWrite) {
        let _ = rt::hostile::unmap(memory, addr + 4096, 4096);
        let half = now(addr + 4096 - 8, 64);
        report.result(
            "result half on an unmapped page",
            submit(half, PATIENCE_NS),
            invalid,
        );
        let untouched = rt::hostile::read_u64(addr + 4096 - 8) == 0;
        report.line(
            untouched,
            "the mapped half of that result",
            if untouched { "untouched" } else { "written to" },
        );
    }
}

/// `Timer.now` with its parameters coming from the wrong place.
fn parameters(report: &mut Report, timer: &Timer, memory: &VirtualMemory) {
    let now = |addr, len| Sqe {
        opcode: Opcode::Call as u8,
        cap_id: timer.cap().id(),
        addr,
        len,
        result_addr: stack_scratch(),
        result_len: SCRATCH_BYTES,
        ..Sqe::default()
    };
    let invalid = Failure::InvalidParams.code();
    for &(what, addr, len) in NOWHERE {
        report.result(
            format_args!("parameters from {what}"),
            submit(now(addr, len), PATIENCE_NS),
            invalid,
        );
    }
    let longer = now(EMPTY.0.as_ptr() as u64, MAX_MESSAGE_BYTES + 1);
    report.result(
        "parameters longer than a message",
        submit(longer, PATIENCE_NS),
        invalid,
    );
    if let Ok(addr) = memory.map(0, 4096, Protection::None) {
        report.result(
            "parameters from a page without rights",
            submit(now(addr, 16), PATIENCE_NS),
            invalid,
        );
    }
    let constant = now(EMPTY.0.as_ptr() as u64, 16);
    report.result("parameters from constant data", submit(constant, PATIENCE_NS), 32);
}

/// PARK and UNPARK on words that are none.
fn park_words(report: &mut Report, space: &ParkSpace) {
    let park = |addr| Sqe {
        opcode: Opcode::Park as u8,
        flags: sqe_flags::THREAD_OWNED,
        cap_id: space.cap().id(),
        call_id: rt::current_tid(),
        addr,
        ..Sqe::default()
    };
    let unpark = |addr| Sqe {
        opcode: Opcode::Unpark as u8,
        cap_id: space.cap().id(),
        addr,
        len: 1,
        ..Sqe::default()
    };
    let invalid = Failure::InvalidParams.code();
    for (what, addr) in [
        ("address 0", 0),
        ("a kernel word", 0xffff_8000_0000_0000),
        ("a non-canonical word", 0x8000_0000_0000),
        ("a word that is not aligned", stack_scratch() + 2),
        ("a word across two pages", STACK_TOP - 2),
        ("the last word there is", u64::MAX - 3),
    ] {
        report.result(
            format_args!("Park on {what}"),
            submit(park(addr), PATIENCE_NS),
            invalid,
        );
        report.result(
            format_args!("Unpark of {what}"),
            submit(unpark(addr), PATIENCE_NS),
            invalid,
        );
    }
}

/// Bytes at [`stack_scratch`].
const SCRATCH_BYTES: u32 = 512;

/// Mapped, writable memory that nothing of Rust's uses: the far end of the first thread's stack.
pub fn stack_scratch() -> u64 {
    abi::layout::STACK_BASE
}
