//! Every wire rule, broken alone: start from a submission that passes, spoil one field, expect one refusal.

use super::*;
use std::vec::Vec;

/// A passing submission of each opcode that has one, with every permitted field in use.
fn good(opcode: Opcode) -> Sqe {
    let base = Sqe {
        opcode: opcode as u8,
        cap_id: 0x101,
        user_data: 77,
        ..Sqe::default()
    };
    match opcode {
        Opcode::Call => Sqe {
            method_id: 3,
            addr: 0x20_1000,
            len: 64,
            result_addr: 0x20_2000,
            result_len: 512,
            xfer_cap_count: 2,
            session_disclosure: 7,
            ..base
        },
        Opcode::Return => Sqe {
            addr: 0x20_1000,
            len: 24,
            xfer_cap_count: 1,
            call_id: 9,
            ..base
        },
        Opcode::Recv => Sqe {
            result_addr: 0x20_2000,
            result_len: 4096,
            ..base
        },
        Opcode::Nop => Sqe { cap_id: 0, ..base },
        Opcode::Cancel => Sqe {
            pipeline_dep: 76,
            ..base
        },
        Opcode::Park => Sqe {
            flags: sqe_flags::THREAD_OWNED,
            addr: 0x20_3000,
            len: 5,
            pipeline_dep: 1000,
            call_id: 2,
            ..base
        },
        Opcode::Unpark => Sqe {
            addr: 0x20_3000,
            len: 1,
            ..base
        },
        Opcode::Release | Opcode::Finish | Opcode::ParkBench => base,
    }
}

/// Spoils one field by its smallest and its largest wrong value.
fn spoil(sqe: Sqe, field: &str) -> [Sqe; 2] {
    let with = |low: bool| {
        let mut s = sqe;
        match field {
            "method_id" => s.method_id = if low { 1 } else { 0x8000 },
            "cap_id" => s.cap_id = if low { 1 } else { 1 << 31 },
            "addr" => s.addr = if low { 1 } else { 1 << 63 },
            "len" => s.len = if low { 1 } else { 1 << 31 },
            "result_len" => s.result_len = if low { 1 } else { 1 << 31 },
            "result_addr" => s.result_addr = if low { 1 } else { 1 << 63 },
            "pipeline_dep" => s.pipeline_dep = if low { 1 } else { 1 << 63 },
            "pipeline_field" => s.pipeline_field = if low { 1 } else { 0x8000 },
            "xfer_cap_count" => s.xfer_cap_count = if low { 1 } else { 0x8000 },
            "call_id" => s.call_id = if low { 1 } else { 1 << 31 },
            "session_disclosure" => s.session_disclosure = if low { 8 } else { 1 << 63 },
            other => unreachable!("no field {other}"),
        }
        s
    };
    [with(true), with(false)]
}

fn assert_must_be_zero(opcode: Opcode, fields: &[&str]) {
    assert!(
        validate(&good(opcode)).is_ok(),
        "{opcode:?} passes before it is spoiled"
    );
    for field in fields {
        for sqe in spoil(good(opcode), field) {
            assert_eq!(
                validate(&sqe),
                Err(WireError::Invalid),
                "{opcode:?} with {field} set"
            );
        }
    }
}

fn assert_flags(opcode: Opcode, allowed: u8) {
    for bit in 0..8 {
        let mut sqe = good(opcode);
        let flag = 1u8 << bit;
        if flag & allowed == 0 {
            sqe.flags |= flag;
            assert_eq!(
                validate(&sqe),
                Err(WireError::Invalid),
                "{opcode:?} with flag bit {bit}"
            );
        }
    }
}

#[test]
fn p7_call_refuses_pipelining_and_unknown_disclosure() {
    assert_must_be_zero(
        Opcode::Call,
        &["pipeline_dep", "pipeline_field", "session_disclosure"],
    );
}

#[test]
fn p7_call_refuses_every_flag_but_thread_owned() {
    assert_flags(Opcode::Call, sqe_flags::THREAD_OWNED);
}

#[test]
fn p7_a_submission_that_names_a_thread_is_for_nobody_else() {
    let owned = Sqe {
        flags: sqe_flags::THREAD_OWNED,
        call_id: 4,
        ..good(Opcode::Call)
    };
    let of_another = |sqe: Sqe, thread| is_of_another(&sqe.to_words(), thread);
    assert_eq!(
        [4, 5, 0].map(|thread| of_another(owned, thread)),
        [false, true, true]
    );
    assert_eq!(
        [4, 5].map(|thread| of_another(good(Opcode::Call), thread)),
        [false; 2]
    );
}

#[test]
fn p7_call_names_a_thread_exactly_when_it_is_thread_owned() {
    let owned = Sqe {
        flags: sqe_flags::THREAD_OWNED,
        call_id: 4,
        ..good(Opcode::Call)
    };
    assert!(matches!(validate(&owned), Ok(Op::Call { owner: Some(4), .. })));
    assert_eq!(owner_of(&owned.to_words()), Some(4));
    assert_eq!(owner_of(&good(Opcode::Call).to_words()), None);
    assert_eq!(validate(&Sqe { call_id: 0, ..owned }), Err(WireError::Invalid));
    assert_eq!(validate(&Sqe { flags: 0, ..owned }), Err(WireError::Invalid));
}

#[test]
fn p7_call_keeps_every_field() {
    assert_eq!(
        validate(&good(Opcode::Call)),
        Ok(Op::Call {
            cap: 0x101,
            method: 3,
            params: Buffer {
                addr: 0x20_1000,
                len: 64
            },
            result: Buffer {
                addr: 0x20_2000,
                len: 512
            },
            transfers: 2,
            owner: None,
            disclosure: 7,
        })
    );
}

#[test]
fn p7_return_refuses_fields_it_has_no_use_for() {
    assert_must_be_zero(
        Opcode::Return,
        &[
            "method_id",
            "result_addr",
            "result_len",
            "pipeline_dep",
            "pipeline_field",
            "session_disclosure",
        ],
    );
}

#[test]
fn p7_return_refuses_every_flag_but_exception() {
    assert_flags(Opcode::Return, sqe_flags::RETURN_APPLICATION_EXCEPTION);
}

#[test]
fn p7_return_of_an_exception_carries_no_capabilities() {
    let exception = Sqe {
        flags: sqe_flags::RETURN_APPLICATION_EXCEPTION,
        xfer_cap_count: 0,
        ..good(Opcode::Return)
    };
    assert_eq!(
        validate(&exception),
        Ok(Op::Return {
            cap: 0x101,
            call: 9,
            payload: Buffer {
                addr: 0x20_1000,
                len: 24
            },
            transfers: 0,
            exception: true,
        })
    );
    assert_eq!(
        validate(&Sqe {
            xfer_cap_count: 1,
            ..exception
        }),
        Err(WireError::Invalid)
    );
}

#[test]
fn p7_return_may_be_empty() {
    assert!(
        validate(&Sqe {
            addr: 0,
            len: 0,
            xfer_cap_count: 0,
            ..good(Opcode::Return)
        })
        .is_ok()
    );
}

#[test]
fn p7_recv_refuses_fields_it_has_no_use_for() {
    assert_must_be_zero(
        Opcode::Recv,
        &[
            "method_id",
            "addr",
            "len",
            "pipeline_dep",
            "pipeline_field",
            "xfer_cap_count",
            "call_id",
            "session_disclosure",
        ],
    );
    assert_flags(Opcode::Recv, 0);
}

const EVERYTHING_ELSE: [&str; 9] = [
    "method_id",
    "addr",
    "len",
    "result_len",
    "result_addr",
    "pipeline_field",
    "xfer_cap_count",
    "call_id",
    "session_disclosure",
];

#[test]
fn p7_release_refuses_everything_but_the_capability() {
    assert_must_be_zero(Opcode::Release, &EVERYTHING_ELSE);
    assert_must_be_zero(Opcode::Release, &["pipeline_dep"]);
    assert_flags(Opcode::Release, 0);
}

#[test]
fn p7_nop_refuses_everything_even_a_capability() {
    assert_must_be_zero(Opcode::Nop, &EVERYTHING_ELSE);
    assert_must_be_zero(Opcode::Nop, &["pipeline_dep", "cap_id"]);
    assert_flags(Opcode::Nop, 0);
}

#[test]
fn p7_cancel_needs_a_target_and_nothing_else() {
    assert_must_be_zero(Opcode::Cancel, &EVERYTHING_ELSE);
    assert_flags(Opcode::Cancel, 0);
    assert_eq!(
        validate(&Sqe {
            pipeline_dep: 0,
            ..good(Opcode::Cancel)
        }),
        Err(WireError::Invalid)
    );
}

#[test]
fn p7_park_refuses_fields_it_has_no_use_for() {
    assert_must_be_zero(
        Opcode::Park,
        &[
            "method_id",
            "result_len",
            "result_addr",
            "pipeline_field",
            "xfer_cap_count",
            "session_disclosure",
        ],
    );
    assert_flags(Opcode::Park, sqe_flags::THREAD_OWNED);
}

#[test]
fn p7_park_is_always_thread_owned_by_a_named_thread() {
    assert_eq!(owner_of(&good(Opcode::Park).to_words()), Some(2));
    assert_eq!(
        validate(&Sqe {
            flags: 0,
            ..good(Opcode::Park)
        }),
        Err(WireError::Invalid)
    );
    assert_eq!(
        validate(&Sqe {
            call_id: 0,
            ..good(Opcode::Park)
        }),
        Err(WireError::Invalid)
    );
}

#[test]
fn p7_unpark_refuses_fields_it_has_no_use_for() {
    assert_must_be_zero(
        Opcode::Unpark,
        &[
            "method_id",
            "result_len",
            "result_addr",
            "pipeline_dep",
            "pipeline_field",
            "xfer_cap_count",
            "call_id",
            "session_disclosure",
        ],
    );
    assert_flags(Opcode::Unpark, 0);
}

#[test]
fn p7_unpark_of_no_waiters_is_refused() {
    assert_eq!(
        validate(&Sqe {
            len: 0,
            ..good(Opcode::Unpark)
        }),
        Err(WireError::Invalid)
    );
}

#[test]
fn p7_finish_is_unsupported_whatever_it_carries() {
    assert_eq!(validate(&good(Opcode::Finish)), Err(WireError::Unsupported));
    let full = Sqe {
        opcode: Opcode::Finish as u8,
        ..Sqe::from_words([u64::MAX; 8])
    };
    assert_eq!(validate(&full), Err(WireError::Unsupported));
}

#[test]
fn p7_the_measurement_opcode_and_unknown_opcodes_are_refused() {
    let bench = Sqe {
        addr: 0x20_0000,
        ..good(Opcode::ParkBench)
    };
    assert_eq!(validate(&bench), Err(WireError::Invalid));
    let unknown: Vec<_> = (10..=u8::MAX)
        .map(|opcode| {
            validate(&Sqe {
                opcode,
                ..Sqe::default()
            })
        })
        .collect();
    assert!(unknown.iter().all(|outcome| *outcome == Err(WireError::Invalid)));
}

#[test]
fn p7_user_data_is_always_free() {
    for opcode in [
        Opcode::Call,
        Opcode::Return,
        Opcode::Recv,
        Opcode::Release,
        Opcode::Nop,
        Opcode::Cancel,
        Opcode::Park,
        Opcode::Unpark,
    ] {
        for user_data in [0, u64::MAX] {
            assert!(
                validate(&Sqe {
                    user_data,
                    ..good(opcode)
                })
                .is_ok(),
                "{opcode:?}"
            );
        }
    }
}

#[test]
fn p7_a_nop_that_is_known_at_a_glance_is_one_that_is_in_order() {
    let nop = good(Opcode::Nop).to_words();
    assert!(is_nop(&nop));
    for word in (0..SQE_WORDS).filter(|word| *word != 1) {
        for other in (0..SQE_WORDS).filter(|word| *word != 1) {
            // One word, or two that are the same.
            let mut words = nop;
            words[word] |= 1 << 40;
            words[other] |= 1 << 40;
            assert!(
                !is_nop(&words) && validate_words(&words).is_err(),
                "{word} {other}"
            );
        }
    }
    let mut another = nop;
    another[1] = u64::MAX;
    assert!(is_nop(&another), "user data may be anything");
}

#[test]
fn p8_an_answer_is_an_exception_when_it_says_so() {
    let exception = |flags| {
        let answer = Sqe {
            flags,
            xfer_cap_count: 0,
            ..good(Opcode::Return)
        };
        match validate(&answer) {
            Ok(Op::Return { exception, .. }) => exception,
            other => panic!("{other:?}"),
        }
    };
    assert!(!exception(0) && exception(sqe_flags::RETURN_APPLICATION_EXCEPTION));
}
