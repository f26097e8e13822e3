//! The ring page without a client in between: any SQE can be submitted, every index can be read and spoiled. Safe to
//! call, because a wrong SQE harms nobody but this program; the caller keeps the published client's calls and its own
//! apart by letting one finish before the other starts.

use crate::bench::{Failure, Outcome};
use alloc::format;
use capos::syscall;
use capos_config::ring::{self, CapCqe, CapRingHeader, CapSqe, RING_VADDR};

const HEADER: *mut CapRingHeader = RING_VADDR as *mut CapRingHeader;
const PAGE: *mut u8 = RING_VADDR as *mut u8;

/// The four indices of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indices {
    /// The kernel's place in the submission queue.
    pub sq_head: u32,
    /// The program's place in the submission queue.
    pub sq_tail: u32,
    /// The program's place in the completion queue.
    pub cq_head: u32,
    /// The kernel's place in the completion queue.
    pub cq_tail: u32,
}

/// An SQE with every field zero but its opcode and user data.
pub const fn sqe(opcode: u8, user_data: u64) -> CapSqe {
    CapSqe {
        opcode,
        flags: 0,
        method_id: 0,
        cap_id: 0,
        user_data,
        addr: 0,
        len: 0,
        result_len: 0,
        result_addr: 0,
        pipeline_dep: 0,
        pipeline_field: 0,
        xfer_cap_count: 0,
        call_id: 0,
        session_disclosure: 0,
    }
}

/// A CALL of `method` on `cap`, params and result given as slices.
pub fn call(cap: u32, method: u16, user_data: u64, params: &[u8], result: &mut [u8]) -> CapSqe {
    CapSqe {
        cap_id: cap,
        method_id: method,
        addr: if params.is_empty() {
            0
        } else {
            params.as_ptr() as u64
        },
        len: params.len() as u32,
        result_addr: if result.is_empty() {
            0
        } else {
            result.as_mut_ptr() as u64
        },
        result_len: result.len() as u32,
        ..sqe(ring::CAP_OP_CALL, user_data)
    }
}

/// Appends `sqe` to the submission queue without entering the kernel. The caller leaves room: at most 16 wait.
pub fn submit(sqe: CapSqe) {
    // SAFETY: the kernel maps the ring page read-write at RING_VADDR for the life of the process (`_start` checked the
    // address), the slot is in bounds because it is masked, and programs here submit from one thread at a time.
    unsafe {
        let tail = ring::sq_tail(HEADER);
        let slot = ring::sqe_at(PAGE, tail & (ring::SQ_ENTRIES - 1)).cast_mut();
        slot.write_volatile(sqe);
        ring::publish_sq_tail(HEADER, tail.wrapping_add(1));
    }
}

/// Takes the oldest unread completion, if there is one.
pub fn next() -> Option<CapCqe> {
    // SAFETY: as in `submit`; the kernel wrote the entry before it moved the tail.
    unsafe {
        let head = ring::cq_head(HEADER);
        if head == ring::cq_tail(HEADER) {
            return None;
        }
        let entry = ring::cqe_at(PAGE, head & (ring::CQ_ENTRIES - 1)).read_volatile();
        ring::set_cq_head(HEADER, head.wrapping_add(1));
        Some(entry)
    }
}

/// Submits `sqe`, waits for one completion and checks that it is the right one and the only one.
pub fn one(sqe: CapSqe) -> Outcome<CapCqe> {
    let user_data = sqe.user_data;
    submit(sqe);
    let entry = wait()?;
    if entry.user_data != user_data {
        return Err(Failure(format!(
            "completion of {user_data:#x} expected, got {:#x}",
            entry.user_data
        )));
    }
    match next() {
        None => Ok(entry),
        Some(stray) => Err(Failure(format!(
            "stray completion {:#x} after {user_data:#x}",
            stray.user_data
        ))),
    }
}

/// Waits for the next completion.
pub fn wait() -> Outcome<CapCqe> {
    loop {
        if let Some(entry) = next() {
            return Ok(entry);
        }
        enter(1, u64::MAX)?;
    }
}

/// `cap_enter`, where every refusal is a failed check.
pub fn enter(min_complete: u32, timeout_ns: u64) -> Outcome<u32> {
    syscall::cap_enter(min_complete, timeout_ns).map_err(|error| Failure(format!("cap_enter: {error:?}")))
}

/// The indices as they stand in the page.
pub fn indices() -> Indices {
    // SAFETY: as in `submit`.
    unsafe {
        Indices {
            sq_head: ring::sq_head(HEADER),
            sq_tail: ring::sq_tail(HEADER),
            cq_head: ring::cq_head(HEADER),
            cq_tail: ring::cq_tail(HEADER),
        }
    }
}

/// Overwrites the program's place in the submission queue.
pub fn set_sq_tail(value: u32) {
    // SAFETY: as in `submit`; any value is allowed, the kernel must cope.
    unsafe { ring::set_sq_tail(HEADER, value) }
}

/// Overwrites the kernel's place in the submission queue, which only the kernel may move.
pub fn set_sq_head(value: u32) {
    // SAFETY: as in `set_sq_tail`.
    unsafe { ring::set_sq_head(HEADER, value) }
}

/// Overwrites the program's place in the completion queue.
pub fn set_cq_head(value: u32) {
    // SAFETY: as in `set_sq_tail`.
    unsafe { ring::set_cq_head(HEADER, value) }
}

/// Overwrites the kernel's place in the completion queue, which only the kernel may move.
pub fn set_cq_tail(value: u32) {
    // SAFETY: as in `set_sq_tail`.
    unsafe { ring::set_cq_tail(HEADER, value) }
}

/// Overwrites one of the eight words of a submission slot, whoever may be reading it.
pub fn scribble(slot: u32, word: usize, value: u64) {
    // SAFETY: as in `submit`; both numbers are masked into the slot array. The race is the point: the kernel must copy
    // an entry once and trust only its copy.
    unsafe {
        let slot = ring::sqe_at(PAGE, slot & (ring::SQ_ENTRIES - 1))
            .cast_mut()
            .cast::<u64>();
        slot.add(word & 7).write_volatile(value);
    }
}

/// The header word at byte `offset` of the ring page.
pub fn header_word(offset: usize) -> u32 {
    // SAFETY: as in `submit`; offsets used are below the 52 bytes of the header and multiples of four.
    unsafe { PAGE.add(offset).cast::<u32>().read_volatile() }
}

/// Overwrites the header word at byte `offset` of the ring page.
pub fn set_header_word(offset: usize, value: u32) {
    // SAFETY: as in `header_word`.
    unsafe { PAGE.add(offset).cast::<u32>().write_volatile(value) }
}

/// A system call with any number and arguments; the value is what came back in rax. Not for `exit`.
pub fn system_call(number: u64, first: u64, second: u64) -> u64 {
    let answer: u64;
    // SAFETY: the kernel may change rax, rcx and r11 only; numbers used here touch no memory of this program but the
    // ring.
    unsafe {
        core::arch::asm!("syscall", inlateout("rax") number => answer, in("rdi") first, in("rsi") second,
            out("rcx") _, out("r11") _, options(nostack));
    }
    answer
}

/// Makes a system call with known values in every register that must survive it, and tells which did not: bit n for
/// the n-th of rdi, rsi, rdx, r8, r9, r10, r12, r13, r14, r15.
pub fn registers_changed_by(number: u64, first: u64, second: u64) -> u32 {
    let (mut rdi, mut rsi, mut rdx, mut r8, mut r9, mut r10) = (first, second, 3u64, 8u64, 9u64, 10u64);
    let (mut r12, mut r13, mut r14, mut r15) = (12u64, 13u64, 14u64, 15u64);
    // SAFETY: as in `system_call`; every register that is looked at is declared as changed.
    unsafe {
        core::arch::asm!("syscall", inlateout("rax") number => _, inlateout("rdi") rdi, inlateout("rsi") rsi,
            inlateout("rdx") rdx, inlateout("r8") r8, inlateout("r9") r9, inlateout("r10") r10,
            inlateout("r12") r12, inlateout("r13") r13, inlateout("r14") r14, inlateout("r15") r15,
            out("rcx") _, out("r11") _, options(nostack));
    }
    let seen = [rdi, rsi, rdx, r8, r9, r10, r12, r13, r14, r15];
    let expected = [first, second, 3, 8, 9, 10, 12, 13, 14, 15];
    let mut changed = 0;
    for (place, (seen, expected)) in seen.iter().zip(expected).enumerate() {
        changed |= u32::from(*seen != expected) << place;
    }
    changed
}
