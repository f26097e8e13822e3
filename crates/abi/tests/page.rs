//! docs/abi.md gives numbers beside the names of constants. Each is what the constant is, and no constant of the tables that it
//! should have is left out.

use abi::limits::{self, default_profile};
use abi::result::Failure;
use abi::ring::{Opcode, offset};
use abi::{layout, syscall};

/// Names as the page writes them, and values.
macro_rules! constants {
    ($($constant:expr),+ $(,)?) => {
        &[$((stringify!($constant), $constant as i128)),+]
    };
}

/// Failures are numbered below zero, which a cast from their type keeps.
const CONSTANTS: &[(&str, i128)] = constants![
    layout::IMAGE_BASE,
    layout::IMAGE_LIMIT,
    layout::STACK_BASE,
    layout::STACK_TOP,
    layout::TLS_BASE,
    layout::TLS_LIMIT,
    layout::RING,
    layout::CAPSET,
    layout::DYNAMIC_BASE,
    layout::OWN_RINGS_BASE,
    layout::OWN_RINGS_LIMIT,
    syscall::RETIRED_WRITE,
    syscall::EXIT,
    syscall::CAP_ENTER,
    syscall::CHECKPOINT,
    syscall::REJECTED,
    syscall::FOREIGN_HEAD,
    syscall::CONSUMER_BUSY,
    offset::SQ_HEAD,
    offset::SQ_TAIL,
    offset::SQ_MASK,
    offset::SQ_ENTRIES,
    offset::SQ_FLAGS,
    offset::CQ_HEAD,
    offset::CQ_TAIL,
    offset::CQ_MASK,
    offset::CQ_ENTRIES,
    offset::CQ_FLAGS,
    offset::CQ_OVERFLOW,
    offset::SQE_OFFSET,
    offset::CQE_OFFSET,
    offset::SQES,
    offset::CQES,
    Opcode::Call,
    Opcode::Return,
    Opcode::Recv,
    Opcode::Release,
    Opcode::Finish,
    Opcode::Nop,
    Opcode::Cancel,
    Opcode::ParkBench,
    Opcode::Park,
    Opcode::Unpark,
    Failure::InvalidRequest,
    Failure::InvalidParams,
    Failure::InvalidResult,
    Failure::InvokeFailed,
    Failure::UnsupportedOpcode,
    Failure::TransferNotSupported,
    Failure::InvalidTransfer,
    Failure::TransferAborted,
    Failure::ApplicationException,
    Failure::ApplicationExceptionNoDetail,
    limits::CAP_SLOTS,
    limits::THREADS,
    limits::TRANSFERS,
    limits::SLEEP_WAITERS,
    limits::FRAME_GRANT_PAGES,
    limits::RESERVATION_PAGES,
    limits::MANIFEST_BYTES,
    limits::MANIFEST_BINARIES,
    limits::PASSWORD_VERIFIER_BYTES,
    limits::WEIGHT_MIN,
    limits::WEIGHT_MAX,
    limits::WEIGHT_DEFAULT,
    default_profile::PROCESSES,
    default_profile::THREADS,
    default_profile::CAPS,
    default_profile::MEMORY_COMMIT_BYTES,
    default_profile::FRAME_GRANT_PAGES,
    default_profile::ENDPOINT_QUEUE,
    default_profile::IN_FLIGHT_CALLS,
    default_profile::RING_SCRATCH_BYTES,
    default_profile::REPLY_SCRATCH_BYTES,
    default_profile::TIMER_WAITERS,
];

/// Rows `| number | words | name |` of the page, in order.
fn rows(page: &str) -> Vec<(i128, String)> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [number, _, name] = cells[..] else { return None };
        let number = match number.strip_prefix("0x") {
            Some(digits) => i128::from_str_radix(digits, 16),
            None => number.parse(),
        };
        Some((number.ok()?, name.trim_matches('`').to_owned()))
    };
    page.lines()
        .filter(|line| line.starts_with('|') && line.ends_with("` |"))
        .filter_map(row)
        .collect()
}

#[test]
fn p7_the_page_on_the_wire_says_what_the_code_does() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/abi.md")).unwrap();
    let rows = rows(&page);
    let known = |name: &str| {
        let short = |known: &str| {
            name == known
                || name
                    .rsplit_once(known)
                    .is_some_and(|(before, rest)| rest.is_empty() && before.ends_with("::"))
        };
        CONSTANTS.iter().find(|(known, _)| short(known))
    };
    for (number, name) in &rows {
        let constant = known(name).unwrap_or_else(|| panic!("{name} is no constant that this test knows"));
        assert_eq!(constant.1, *number, "{name}");
    }
    for (name, _) in CONSTANTS {
        let times = rows
            .iter()
            .filter(|row| known(&row.1).is_some_and(|known| known.0 == *name))
            .count();
        assert_eq!(times, 1, "{name} is on the page so many times");
    }
}

#[test]
fn p7_only_rows_with_a_name_are_compared() {
    let page =
        "| at | what |\n| --- | --- |\n| 0x10 | words | `a::B` |\n| -3 | words | `C::D` |\n| 4 | field |\n";
    assert_eq!(rows(page), [(16, "a::B".to_owned()), (-3, "C::D".to_owned())]);
}
