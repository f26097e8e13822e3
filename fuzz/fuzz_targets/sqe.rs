//! Submissions: any 64 bytes validate without panicking, and what passes obeys the rules as the wire
//! specification states them, checked here field by field and not by mask.
#![no_main]

use abi::ring::{Sqe, sqe_flags};
use abi::validate::{Op, owner_of, validate, validate_words};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: [u8; 64]| {
    let words =
        core::array::from_fn(|i| u64::from_le_bytes(core::array::from_fn(|byte| bytes[8 * i + byte])));
    let sqe = Sqe::from_words(words);
    assert_eq!(sqe.to_words(), words);
    let outcome = validate(&sqe);
    assert_eq!(outcome, validate_words(&words));
    let Ok(op) = outcome else { return };

    assert_eq!(sqe.pipeline_field, 0);
    let owned = sqe.flags & sqe_flags::THREAD_OWNED != 0;
    assert_eq!(owner_of(&words).is_some(), owned);
    match op {
        Op::Call {
            owner, disclosure, ..
        } => {
            assert!(sqe.opcode == 0 && sqe.pipeline_dep == 0 && sqe.flags & !sqe_flags::THREAD_OWNED == 0);
            assert_eq!(owner.unwrap_or(0), sqe.call_id);
            assert!(owner != Some(0) && u64::from(disclosure) == sqe.session_disclosure && disclosure < 8);
        }
        Op::Return {
            exception, transfers, ..
        } => {
            assert!(sqe.opcode == 1 && sqe.method_id == 0 && sqe.pipeline_dep == 0);
            assert!(sqe.result_addr == 0 && sqe.result_len == 0 && sqe.session_disclosure == 0);
            assert_eq!(exception, sqe.flags == sqe_flags::RETURN_APPLICATION_EXCEPTION);
            assert!(exception || sqe.flags == 0);
            assert!(!exception || transfers == 0);
        }
        Op::Recv { .. } => assert!(sqe.opcode == 2 && sqe.flags == 0 && sqe.addr == 0 && sqe.call_id == 0),
        Op::Release { cap } => only(
            &sqe,
            Sqe {
                opcode: 3,
                cap_id: cap,
                ..Sqe::default()
            },
        ),
        Op::Nop => only(
            &sqe,
            Sqe {
                opcode: 5,
                ..Sqe::default()
            },
        ),
        Op::Cancel { cap, target } => {
            assert_ne!(target, 0);
            only(
                &sqe,
                Sqe {
                    opcode: 6,
                    cap_id: cap,
                    pipeline_dep: target,
                    ..Sqe::default()
                },
            );
        }
        Op::Park {
            cap,
            addr,
            expected,
            timeout_ns,
            owner,
        } => {
            assert_ne!(owner, 0);
            only(
                &sqe,
                Sqe {
                    opcode: 8,
                    flags: sqe_flags::THREAD_OWNED,
                    cap_id: cap,
                    addr,
                    len: expected,
                    pipeline_dep: timeout_ns,
                    call_id: owner,
                    ..Sqe::default()
                },
            );
        }
        Op::Unpark {
            cap,
            addr,
            max_waiters,
        } => {
            assert_ne!(max_waiters, 0);
            only(
                &sqe,
                Sqe {
                    opcode: 9,
                    cap_id: cap,
                    addr,
                    len: max_waiters,
                    ..Sqe::default()
                },
            );
        }
    }
});

/// The submission has these fields and no others.
fn only(sqe: &Sqe, expected: Sqe) {
    assert_eq!(
        *sqe,
        Sqe {
            user_data: sqe.user_data,
            ..expected
        }
    );
}
