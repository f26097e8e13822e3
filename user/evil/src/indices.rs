//! A ring whose header lies. Each attack runs in a child that gives up its lane: it works on the raw page and
//! says by its exit code at which step the kernel did something else than it should.

use abi::layout::RING;
use abi::ring::{CQ_ENTRIES, Opcode, SQ_ENTRIES, Sqe, cqe_at, offset, sqe_at};
use abi::syscall::{CAP_ENTER, FOREIGN_HEAD};
use rt::Env;
use rt::hostile::{read_u32, read_u64, syscall, write_u32, write_u64};

use crate::child;
use crate::report::Report;

/// An attack: its name, what it does, how. It answers with 0 or the number of the step that went wrong.
type Attack = (&'static str, &'static str, fn(&Raw) -> i64);

const ATTACKS: &[Attack] = &[
    ("tail-ahead", "a submission tail far ahead", |ring| {
        corrupt_tail(ring, 1000)
    }),
    ("tail-just-ahead", "a submission tail one too far ahead", |ring| {
        corrupt_tail(ring, SQ_ENTRIES + 1)
    }),
    ("tail-behind", "a submission tail behind the head", |ring| {
        corrupt_tail(ring, u32::MAX)
    }),
    ("tail-half-way", "a submission tail half-way round", |ring| {
        corrupt_tail(ring, 1 << 31)
    }),
    (
        "head",
        "a submission head that is not the kernel's",
        submission_head,
    ),
    ("shape", "other masks, counts and offsets", shape),
    (
        "completion-tail",
        "a completion tail that is not the kernel's",
        completion_tail,
    ),
    (
        "completion-head",
        "a completion head beyond the tail",
        completion_head,
    ),
    ("full", "a completion queue that nobody empties", full_queue),
    (
        "foreign",
        "a submission that no thread may dispatch",
        foreign_owner,
    ),
    ("user-data", "any user data comes back as it went", user_data),
];

/// Makes them all.
pub fn attack(env: &Env, report: &mut Report) {
    for (name, what, _) in ATTACKS {
        child::attack(env, report, name, what, &[0]);
    }
}

/// The child's part.
pub fn act(name: &str) -> Option<i64> {
    ATTACKS
        .iter()
        .find(|(known, ..)| *known == name)
        .map(|(_, _, attack)| attack(&Raw))
}

/// The ring page, word by word.
pub struct Raw;

impl Raw {
    fn get(&self, at: usize) -> u32 {
        read_u32(RING + at as u64)
    }

    fn set(&self, at: usize, value: u32) {
        write_u32(RING + at as u64, value);
    }

    /// Writes a submission into the slot of `index`.
    pub fn write(&self, index: u32, sqe: &Sqe) {
        for (word, value) in sqe.to_words().into_iter().enumerate() {
            write_u64(RING + sqe_at(index) as u64 + 8 * word as u64, value);
        }
    }

    /// Queues a submission.
    pub fn push(&self, sqe: &Sqe) {
        let tail = self.get(offset::SQ_TAIL);
        self.write(tail, sqe);
        self.set(offset::SQ_TAIL, tail.wrapping_add(1));
    }

    /// Queues a Nop that is known by `user_data`.
    fn push_nop(&self, user_data: u64) {
        self.push(&Sqe {
            opcode: Opcode::Nop as u8,
            user_data,
            ..Sqe::default()
        });
    }

    /// Enters without waiting.
    pub fn enter(&self) -> u64 {
        syscall(CAP_ENTER, 0, 0)
    }

    /// The next unread completion: its user data and result.
    pub fn pop(&self) -> Option<(u64, i32)> {
        let head = self.get(offset::CQ_HEAD);
        if head == self.get(offset::CQ_TAIL) {
            return None;
        }
        let at = RING + cqe_at(head) as u64;
        let completion = (read_u64(at), read_u32(at + 8).cast_signed());
        self.set(offset::CQ_HEAD, head.wrapping_add(1));
        Some(completion)
    }

    /// Whether a Nop goes through and nothing else comes out.
    fn nop_works(&self, user_data: u64) -> bool {
        self.push_nop(user_data);
        self.enter();
        self.pop() == Some((user_data, 0)) && self.pop().is_none()
    }
}

/// More submissions than fit: nothing runs, nothing completes, the kernel's head goes to the tail, and it goes on.
fn corrupt_tail(ring: &Raw, ahead: u32) -> i64 {
    let completions = ring.get(offset::CQ_TAIL);
    let tail = ring.get(offset::SQ_HEAD).wrapping_add(ahead);
    for slot in 0..SQ_ENTRIES {
        ring.write(
            slot,
            &Sqe {
                opcode: Opcode::Nop as u8,
                user_data: 666,
                ..Sqe::default()
            },
        );
    }
    ring.set(offset::SQ_TAIL, tail);
    if ring.enter() != 0 {
        return 1;
    }
    if ring.get(offset::SQ_HEAD) != tail || ring.get(offset::SQ_TAIL) != tail {
        return 2;
    }
    if ring.get(offset::CQ_TAIL) != completions {
        return 3;
    }
    if ring.nop_works(1) { 0 } else { 4 }
}

/// The kernel keeps its own head, and writes it where it belongs.
fn submission_head(ring: &Raw) -> i64 {
    let head = ring.get(offset::SQ_HEAD);
    for (step, wrong) in [0, 1 << 31, u32::MAX, head.wrapping_add(7)]
        .into_iter()
        .enumerate()
    {
        ring.set(offset::SQ_HEAD, wrong);
        if !ring.nop_works(step as u64 + 10) {
            return step as i64 + 1;
        }
    }
    if ring.get(offset::SQ_HEAD) == head.wrapping_add(4) {
        0
    } else {
        5
    }
}

/// Masks, counts and offsets are constants to the kernel, whatever the page says.
fn shape(ring: &Raw) -> i64 {
    let fields = [
        offset::SQ_MASK,
        offset::SQ_ENTRIES,
        offset::CQ_MASK,
        offset::CQ_ENTRIES,
        offset::SQE_OFFSET,
        offset::CQE_OFFSET,
        offset::CQ_FLAGS,
    ];
    for wrong in [0, 0xffff, u32::MAX] {
        for field in fields {
            ring.set(field, wrong);
        }
        for step in 0..40 {
            if !ring.nop_works(step) {
                return 1;
            }
        }
    }
    0
}

/// The kernel keeps its own tail.
fn completion_tail(ring: &Raw) -> i64 {
    let tail = ring.get(offset::CQ_TAIL);
    ring.set(offset::CQ_TAIL, tail.wrapping_add(1000));
    ring.push_nop(5);
    ring.enter();
    if ring.get(offset::CQ_TAIL) != tail.wrapping_add(1) {
        return 1;
    }
    if ring.pop() != Some((5, 0)) {
        return 2;
    }
    if ring.nop_works(6) { 0 } else { 3 }
}

/// Nonsense in the completion head means a full queue: submissions wait, and go on when it makes sense again.
fn completion_head(ring: &Raw) -> i64 {
    let head = ring.get(offset::CQ_HEAD);
    for (step, wrong) in [
        head.wrapping_add(1),
        head.wrapping_sub(CQ_ENTRIES + 1),
        head ^ 1 << 31,
    ]
    .into_iter()
    .enumerate()
    {
        let tail = ring.get(offset::CQ_TAIL);
        let now = ring.get(offset::CQ_HEAD);
        ring.set(offset::CQ_HEAD, now.wrapping_add(wrong.wrapping_sub(head)));
        ring.push_nop(7);
        ring.enter();
        if ring.get(offset::CQ_TAIL) != tail {
            return 10 + step as i64;
        }
        ring.set(offset::CQ_HEAD, now);
        ring.enter();
        if ring.pop() != Some((7, 0)) {
            return 20 + step as i64;
        }
    }
    if ring.nop_works(8) { 0 } else { 1 }
}

/// Unread completions are never overwritten: what does not fit stays queued, in order.
fn full_queue(ring: &Raw) -> i64 {
    let total = CQ_ENTRIES + SQ_ENTRIES;
    for index in 0..total {
        ring.push_nop(u64::from(index) + 100);
        ring.enter();
    }
    if ring.enter() != u64::from(CQ_ENTRIES) {
        return 1;
    }
    if ring.get(offset::SQ_TAIL).wrapping_sub(ring.get(offset::SQ_HEAD)) != SQ_ENTRIES {
        return 2;
    }
    for index in 0..total {
        let Some((user_data, 0)) = ring.pop() else {
            return 3;
        };
        if user_data != u64::from(index) + 100 {
            return 4;
        }
        ring.enter();
    }
    if ring.get(offset::CQ_OVERFLOW) != 0 {
        return 5;
    }
    if ring.nop_works(9) { 0 } else { 6 }
}

/// A submission owned by a thread that does not exist blocks the queue, is reported, and can be withdrawn.
fn foreign_owner(ring: &Raw) -> i64 {
    let tail = ring.get(offset::SQ_TAIL);
    ring.push(&Sqe {
        flags: abi::ring::sqe_flags::THREAD_OWNED,
        call_id: 999,
        user_data: 1,
        ..Sqe::default()
    });
    ring.push_nop(2);
    if syscall(CAP_ENTER, 1, 0) != FOREIGN_HEAD {
        return 1;
    }
    if syscall(CAP_ENTER, 1, u64::MAX) != FOREIGN_HEAD {
        return 2;
    }
    if ring.enter() != 0 || ring.pop().is_some() {
        return 3;
    }
    ring.set(offset::SQ_TAIL, tail);
    if ring.nop_works(3) { 0 } else { 4 }
}

/// User data belongs to the user.
fn user_data(ring: &Raw) -> i64 {
    let all = [
        0,
        1,
        u64::MAX,
        1 << 63,
        0xffff_ffff_ffff_ff01,
        0xffff_8000_0000_0000,
    ];
    for (step, value) in all.into_iter().enumerate() {
        if !ring.nop_works(value) {
            return step as i64 + 1;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_every_attack_on_the_ring_has_a_name_of_its_own() {
        for (index, (name, ..)) in ATTACKS.iter().enumerate() {
            assert!(ATTACKS[..index].iter().all(|(other, ..)| other != name), "{name}");
        }
    }
}
