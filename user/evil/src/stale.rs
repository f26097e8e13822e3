//! Capabilities that are gone, and ids that never were.

use abi::result::Failure;
use abi::ring::{Opcode, Sqe};
use rt::hostile::submit;
use rt::process::ProcessSpawner;
use rt::{Client, Env};

use crate::pointers::stack_scratch;
use crate::report::Report;

const PATIENCE_NS: u64 = 1_000_000_000;

/// All of them.
pub fn attack(env: &Env, report: &mut Report) {
    let gone = Failure::InvokeFailed.code();
    let unknown = Failure::InvalidRequest.code();
    for id in [0, 1, 255, 0xffff_ff01, u32::MAX] {
        report.result(
            format_args!("calling capability {id:#x}"),
            submit(call(id), PATIENCE_NS),
            gone,
        );
        report.result(
            format_args!("releasing capability {id:#x}"),
            submit(release(id), PATIENCE_NS),
            unknown,
        );
    }
    let Some(spawner) = report.needs("pipes that were let go of", env.first::<ProcessSpawner>()) else {
        return;
    };
    let Some((read, write)) = report.works("making a pipe", spawner.pipe(64)) else {
        return;
    };
    let (read, write) = (read.into_cap().into_id(), write.into_cap().into_id());
    report.result("releasing one end", submit(release(read), PATIENCE_NS), 0);
    report.result("releasing it again", submit(release(read), PATIENCE_NS), unknown);
    report.result("calling it", submit(call(read), PATIENCE_NS), gone);
    report.result("releasing the other end", submit(release(write), PATIENCE_NS), 0);
    // Whoever gets the slot next must not answer to the old id.
    let mut still_gone = true;
    for _ in 0..300 {
        let Ok((next, other)) = spawner.pipe(64) else {
            break;
        };
        still_gone &= next.cap().id() != read && other.cap().id() != read;
        still_gone &= submit(call(read), PATIENCE_NS).is_some_and(|cqe| cqe.result == gone);
    }
    report.line(
        still_gone,
        "the old id while its slot is used 300 times more",
        if still_gone { "gone" } else { "alive" },
    );
    for opcode in [Opcode::Recv, Opcode::Return, Opcode::Cancel] {
        let sqe = Sqe {
            opcode: opcode as u8,
            cap_id: read,
            pipeline_dep: u64::from(opcode == Opcode::Cancel),
            call_id: u32::from(opcode == Opcode::Return),
            ..Sqe::default()
        };
        let answer = submit(sqe, PATIENCE_NS);
        let refused =
            answer.is_some_and(|cqe| cqe.result == gone || cqe.result == unknown || cqe.result == -3);
        report.line(
            refused,
            format_args!("{opcode:?} on it"),
            answer.map_or(0, |cqe| cqe.result),
        );
    }
}

fn call(cap_id: u32) -> Sqe {
    let addr = stack_scratch();
    rt::hostile::write_u64(addr, 1 << 32);
    rt::hostile::write_u64(addr + 8, 0xffff_fffc);
    Sqe {
        opcode: Opcode::Call as u8,
        cap_id,
        addr,
        len: 16,
        result_addr: addr + 1024,
        result_len: 512,
        ..Sqe::default()
    }
}

fn release(cap_id: u32) -> Sqe {
    Sqe {
        opcode: Opcode::Release as u8,
        cap_id,
        ..Sqe::default()
    }
}
