//! Transfers of capabilities that are malformed, name nothing, or go where no transfer goes.

use abi::result::Failure;
use abi::ring::{Opcode, Sqe};
use rt::console::Console;
use rt::hostile::submit;
use rt::time::Timer;
use rt::{Client, Env};

use crate::pointers::stack_scratch;
use crate::report::{ALL, Report};

const PATIENCE_NS: u64 = 1_000_000_000;

/// Where the message and its descriptors are put.
const MESSAGE_BYTES: u64 = 16;

/// All of them: calls of `Timer.now` that try to hand something over.
pub fn attack(env: &Env, report: &mut Report) {
    let Some(timer) = report.needs(ALL, env.first::<Timer>()) else {
        return;
    };
    let timer_id = timer.cap().id();
    let malformed = Failure::InvalidTransfer.code();
    let unsupported = Failure::TransferNotSupported.code();
    let descriptor = |cap: u32, mode: u16, reserved: u16| {
        u64::from(cap) | u64::from(mode) << 32 | u64::from(reserved) << 48
    };
    let (copy, moving) = (descriptor(timer_id, 1, 0), descriptor(timer_id, 2, 0));
    let mut console_cases: &[(&str, &[u64], i32)] = &[];
    let console_copy;
    let only_console;
    if let Some(console) = report.needs("what cannot be handed over", env.first::<Console>()) {
        console_copy = [descriptor(console.cap().id(), 1, 0)];
        only_console = [(
            "a capability that cannot be handed over",
            &console_copy[..],
            unsupported,
        )];
        console_cases = &only_console;
    }
    let cases: &[(&str, &[u64], i32)] = &[
        ("mode 0", &[descriptor(timer_id, 0, 0)], malformed),
        ("mode 3", &[descriptor(timer_id, 3, 0)], malformed),
        ("mode 65535", &[descriptor(timer_id, u16::MAX, 0)], malformed),
        ("a reserved field", &[descriptor(timer_id, 1, 1)], malformed),
        ("capability 0", &[descriptor(0, 1, 0)], malformed),
        (
            "a capability nobody has",
            &[descriptor(u32::MAX, 1, 0)],
            malformed,
        ),
        ("one capability moved twice", &[moving, moving], malformed),
        ("one capability moved and copied", &[moving, copy], malformed),
        ("a copy to an object that takes none", &[copy], unsupported),
        ("a move to an object that takes none", &[moving], unsupported),
        (
            "sixteen copies to an object that takes none",
            &[copy; 16],
            unsupported,
        ),
        ("seventeen copies", &[copy; 17], malformed),
    ];
    for (what, descriptors, expected) in cases.iter().chain(console_cases) {
        for (index, descriptor) in descriptors.iter().enumerate() {
            rt::hostile::write_u64(stack_scratch() + MESSAGE_BYTES + 8 * index as u64, *descriptor);
        }
        let sqe = call(timer_id, stack_scratch(), descriptors.len() as u16);
        report.result(what, submit(sqe, PATIENCE_NS), *expected);
    }
    report.result(
        "65535 of them",
        submit(call(timer_id, stack_scratch(), u16::MAX), PATIENCE_NS),
        malformed,
    );
    let odd = call(timer_id, stack_scratch() + 2, 1);
    report.result(
        "descriptors that are not aligned",
        submit(odd, PATIENCE_NS),
        malformed,
    );
    let beyond = call(timer_id, abi::layout::STACK_TOP - MESSAGE_BYTES, 1);
    report.result(
        "descriptors on an unmapped page",
        submit(beyond, PATIENCE_NS),
        Failure::InvalidParams.code(),
    );
    report.works("and the capability is still ours", timer.now_ns());
}

/// `Timer.now` with an empty message at `addr` and descriptors behind it.
fn call(timer: u32, addr: u64, transfers: u16) -> Sqe {
    rt::hostile::write_u64(addr, 1 << 32);
    rt::hostile::write_u64(addr + 8, 0xffff_fffc);
    Sqe {
        opcode: Opcode::Call as u8,
        cap_id: timer,
        addr,
        len: MESSAGE_BYTES as u32,
        result_addr: stack_scratch() + 2048,
        result_len: 512,
        xfer_cap_count: transfers,
        ..Sqe::default()
    }
}
