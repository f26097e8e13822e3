//! Submissions that break a wire rule: each opcode with each field that must be zero set, each flag that must be
//! clear, each value that must not be. All must be refused before anything is looked up.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use abi::result::Failure;
use abi::ring::{Opcode, Sqe, sqe_flags};
use rt::Env;
use rt::hostile::submit;

use crate::report::Report;

/// How long an answer may take; none of these should wait at all.
const PATIENCE_NS: u64 = 1_000_000_000;

/// One malformed submission.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is wrong with it.
    pub what: String,
    /// The submission.
    pub sqe: Sqe,
    /// The only right answer.
    pub expected: Failure,
}

/// A field of a submission: its name, and what sets it to something else than zero.
type Field = (&'static str, fn(&mut Sqe));

const METHOD: Field = ("a method", |sqe| sqe.method_id = 1);
const CAP: Field = ("a capability", |sqe| sqe.cap_id = 0x101);
const ADDR: Field = ("an address", |sqe| sqe.addr = 0x20_0000);
const LEN: Field = ("a length", |sqe| sqe.len = 8);
const RESULT_ADDR: Field = ("a result address", |sqe| sqe.result_addr = 0x20_0000);
const RESULT_LEN: Field = ("a result length", |sqe| sqe.result_len = 8);
const DEPENDENCY: Field = ("a pipeline dependency", |sqe| sqe.pipeline_dep = 1 << 63);
const PIPELINE_FIELD: Field = ("a pipeline field", |sqe| sqe.pipeline_field = 1);
const TRANSFERS: Field = ("a transfer count", |sqe| sqe.xfer_cap_count = 1);
const CALL_ID: Field = ("a call id", |sqe| sqe.call_id = 1);
const DISCLOSURE: Field = ("a disclosure", |sqe| sqe.session_disclosure = 1);

/// What an opcode allows: a submission without fault, the flags it may have, the fields that must be zero.
struct Rule {
    opcode: Opcode,
    good: Sqe,
    flags: u8,
    zero: &'static [Field],
}

fn rules() -> Vec<Rule> {
    let good = |opcode: Opcode| Sqe {
        opcode: opcode as u8,
        ..Sqe::default()
    };
    let rule = |opcode, good, flags, zero| Rule {
        opcode,
        good,
        flags,
        zero,
    };
    use Opcode::{Call, Cancel, Nop, Park, Recv, Release, Return, Unpark};
    alloc::vec![
        rule(
            Call,
            good(Call),
            sqe_flags::THREAD_OWNED,
            &[DEPENDENCY, PIPELINE_FIELD, CALL_ID]
        ),
        rule(
            Return,
            good(Return),
            sqe_flags::RETURN_APPLICATION_EXCEPTION,
            &[
                METHOD,
                RESULT_ADDR,
                RESULT_LEN,
                DEPENDENCY,
                PIPELINE_FIELD,
                DISCLOSURE
            ],
        ),
        rule(
            Recv,
            good(Recv),
            0,
            &[
                METHOD,
                ADDR,
                LEN,
                DEPENDENCY,
                PIPELINE_FIELD,
                TRANSFERS,
                CALL_ID,
                DISCLOSURE
            ],
        ),
        rule(
            Release,
            good(Release),
            0,
            &[
                METHOD,
                ADDR,
                LEN,
                RESULT_ADDR,
                RESULT_LEN,
                DEPENDENCY,
                PIPELINE_FIELD,
                TRANSFERS,
                CALL_ID,
                DISCLOSURE,
            ],
        ),
        rule(
            Nop,
            good(Nop),
            0,
            &[
                METHOD,
                CAP,
                ADDR,
                LEN,
                RESULT_ADDR,
                RESULT_LEN,
                DEPENDENCY,
                PIPELINE_FIELD,
                TRANSFERS,
                CALL_ID,
                DISCLOSURE,
            ],
        ),
        rule(
            Cancel,
            Sqe {
                pipeline_dep: 1,
                ..good(Cancel)
            },
            0,
            &[
                METHOD,
                ADDR,
                LEN,
                RESULT_ADDR,
                RESULT_LEN,
                PIPELINE_FIELD,
                TRANSFERS,
                CALL_ID,
                DISCLOSURE
            ],
        ),
        rule(
            Park,
            Sqe {
                flags: sqe_flags::THREAD_OWNED,
                call_id: 1,
                ..good(Park)
            },
            sqe_flags::THREAD_OWNED,
            &[
                METHOD,
                RESULT_ADDR,
                RESULT_LEN,
                PIPELINE_FIELD,
                TRANSFERS,
                DISCLOSURE
            ],
        ),
        rule(
            Unpark,
            Sqe {
                len: 1,
                ..good(Unpark)
            },
            0,
            &[
                METHOD,
                RESULT_ADDR,
                RESULT_LEN,
                DEPENDENCY,
                PIPELINE_FIELD,
                TRANSFERS,
                CALL_ID,
                DISCLOSURE
            ],
        ),
    ]
}

/// Every malformed submission.
pub fn malformed() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |what: String, sqe: Sqe| {
        cases.push(Case {
            what,
            sqe,
            expected: Failure::InvalidRequest,
        });
    };
    for Rule {
        opcode,
        good,
        flags,
        zero,
    } in rules()
    {
        for (name, set) in zero {
            let mut sqe = good;
            set(&mut sqe);
            case(format!("{opcode:?} with {name}"), sqe);
        }
        for bit in 0..8 {
            if flags & 1 << bit == 0 {
                case(
                    format!("{opcode:?} with flag {bit}"),
                    Sqe {
                        flags: good.flags | 1 << bit,
                        ..good
                    },
                );
            }
        }
    }
    let call = Sqe::default();
    case(
        "Call that is owned by thread 0".into(),
        Sqe {
            flags: sqe_flags::THREAD_OWNED,
            ..call
        },
    );
    for bit in [3, 31, 63] {
        case(
            format!("Call that discloses field {bit}"),
            Sqe {
                session_disclosure: 1 << bit,
                ..call
            },
        );
    }
    case(
        "Return of an exception with a transfer".into(),
        Sqe {
            opcode: Opcode::Return as u8,
            flags: sqe_flags::RETURN_APPLICATION_EXCEPTION,
            xfer_cap_count: 1,
            ..Sqe::default()
        },
    );
    case(
        "Cancel of nothing".into(),
        Sqe {
            opcode: Opcode::Cancel as u8,
            ..Sqe::default()
        },
    );
    let park = Sqe {
        opcode: Opcode::Park as u8,
        call_id: 1,
        ..Sqe::default()
    };
    case("Park that no thread owns".into(), park);
    case(
        "Park that is owned by thread 0".into(),
        Sqe {
            flags: sqe_flags::THREAD_OWNED,
            call_id: 0,
            ..park
        },
    );
    case(
        "ParkBench".into(),
        Sqe {
            opcode: Opcode::ParkBench as u8,
            addr: 0x20_0000,
            ..Sqe::default()
        },
    );
    for opcode in [10, 11, 127, 128, 255] {
        case(
            format!("opcode {opcode}"),
            Sqe {
                opcode,
                ..Sqe::default()
            },
        );
    }
    case("every bit set".into(), all_ones());
    cases.push(Case {
        what: "Finish".into(),
        sqe: Sqe {
            opcode: Opcode::Finish as u8,
            ..Sqe::default()
        },
        expected: Failure::UnsupportedOpcode,
    });
    cases
}

fn all_ones() -> Sqe {
    Sqe::from_words([u64::MAX; abi::ring::SQE_WORDS])
}

/// Submits them all.
pub fn attack(_: &Env, report: &mut Report) {
    for case in malformed() {
        report.result(&case.what, submit(case.sqe, PATIENCE_NS), case.expected.code());
    }
    // Not a wire rule: an UNPARK that may wake nobody is refused by what it means, with the same code.
    let nobody = Sqe {
        opcode: Opcode::Unpark as u8,
        ..Sqe::default()
    };
    report.result(
        "Unpark of nobody",
        submit(nobody, PATIENCE_NS),
        Failure::InvalidRequest.code(),
    );
    report.result("and a plain Nop", submit(nop(), PATIENCE_NS), 0);
}

/// The submission that always works.
pub fn nop() -> Sqe {
    Sqe {
        opcode: Opcode::Nop as u8,
        ..Sqe::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_every_case_breaks_a_wire_rule_and_every_rule_starts_from_a_good_one() {
        let cases = malformed();
        assert!(cases.len() > 120, "{} cases", cases.len());
        for case in cases {
            let answer = abi::validate::validate(&case.sqe).map_err(|error| error.failure());
            assert_eq!(answer.err(), Some(case.expected), "{}", case.what);
        }
        for rule in rules() {
            assert!(abi::validate::validate(&rule.good).is_ok(), "{:?}", rule.opcode);
        }
    }
}
