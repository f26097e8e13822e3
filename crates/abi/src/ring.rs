//! The ring page: one header, 16 submissions (SQE) of 64 bytes, 32 completions (CQE) of 32 bytes.
//!
//! Entries cross the boundary as arrays of 64-bit words, so that the owner of the memory reads each word
//! exactly once and everything after works on a private copy. Indices run freely and wrap at 2^32; a slot is
//! `index & mask`. User code writes `sq_tail` and `cq_head`, the kernel writes `sq_head` and `cq_tail`. The
//! whole page is writable by the process: the kernel uses the constants here, never the numbers in the page. In
//! which order the header's words are read and written is [`header`]'s.

pub mod header;

/// Submission slots.
pub const SQ_ENTRIES: u32 = 16;
/// Completion slots.
pub const CQ_ENTRIES: u32 = 32;
/// Index mask of the submission queue.
pub const SQ_MASK: u32 = SQ_ENTRIES - 1;
/// Index mask of the completion queue.
pub const CQ_MASK: u32 = CQ_ENTRIES - 1;

/// Byte offsets of the header fields, each a `u32`.
pub mod offset {
    /// Next submission the kernel takes.
    pub const SQ_HEAD: usize = 0x00;
    /// One past the last submission the user published.
    pub const SQ_TAIL: usize = 0x04;
    /// [`super::SQ_MASK`], for the user to check.
    pub const SQ_MASK: usize = 0x08;
    /// [`super::SQ_ENTRIES`], for the user to check.
    pub const SQ_ENTRIES: usize = 0x0c;
    /// Bits of [`super::sq_flags`].
    pub const SQ_FLAGS: usize = 0x10;
    /// Next completion the user reads.
    pub const CQ_HEAD: usize = 0x14;
    /// One past the last completion the kernel posted.
    pub const CQ_TAIL: usize = 0x18;
    /// [`super::CQ_MASK`], for the user to check.
    pub const CQ_MASK: usize = 0x1c;
    /// [`super::CQ_ENTRIES`], for the user to check.
    pub const CQ_ENTRIES: usize = 0x20;
    /// Reserved, zero.
    pub const CQ_FLAGS: usize = 0x24;
    /// Completions the kernel had to drop.
    pub const CQ_OVERFLOW: usize = 0x28;
    /// [`SQES`], for the user to check.
    pub const SQE_OFFSET: usize = 0x2c;
    /// [`CQES`], for the user to check.
    pub const CQE_OFFSET: usize = 0x30;
    /// First submission entry.
    pub const SQES: usize = 0x80;
    /// First completion entry.
    pub const CQES: usize = 0x480;
}

/// The header of a fresh ring page as (byte offset, value) pairs; every other byte of the page is zero.
pub const FRESH_HEADER: [(usize, u32); 6] = [
    (offset::SQ_MASK, SQ_MASK),
    (offset::SQ_ENTRIES, SQ_ENTRIES),
    (offset::CQ_MASK, CQ_MASK),
    (offset::CQ_ENTRIES, CQ_ENTRIES),
    (offset::SQE_OFFSET, offset::SQES as u32),
    (offset::CQE_OFFSET, offset::CQES as u32),
];

/// Bits of the header's `sq_flags`.
pub mod sq_flags {
    /// A poller went to sleep; the producer must enter the kernel after publishing.
    pub const NEED_WAKEUP: u32 = 1;
}

/// Submission opcodes. 7 is reserved for measurement builds of other kernels and always refused here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Opcode {
    /// Call a method.
    Call = 0,
    /// Answer a received call.
    Return = 1,
    /// Receive one call from an endpoint.
    Recv = 2,
    /// Drop a capability.
    Release = 3,
    /// Reserved; always unsupported.
    Finish = 4,
    /// Complete at once.
    Nop = 5,
    /// Withdraw a receive.
    Cancel = 6,
    /// Measurement only; always refused.
    ParkBench = 7,
    /// Wait on a word.
    Park = 8,
    /// Wake waiters of a word.
    Unpark = 9,
}

impl Opcode {
    /// The opcode with this number, if there is one.
    #[inline]
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Call,
            1 => Self::Return,
            2 => Self::Recv,
            3 => Self::Release,
            4 => Self::Finish,
            5 => Self::Nop,
            6 => Self::Cancel,
            7 => Self::ParkBench,
            8 => Self::Park,
            9 => Self::Unpark,
            _ => return None,
        })
    }
}

/// Bits of a submission's `flags`.
pub mod sqe_flags {
    /// Reserved, refused.
    pub const PIPELINE: u8 = 1 << 0;
    /// Reserved, refused.
    pub const LINK: u8 = 1 << 1;
    /// Reserved, refused.
    pub const MULTISHOT: u8 = 1 << 2;
    /// Reserved, refused.
    pub const DRAIN: u8 = 1 << 3;
    /// The payload of this RETURN is an encoded `CapException`.
    pub const RETURN_APPLICATION_EXCEPTION: u8 = 1 << 4;
    /// Only the thread named by `call_id` may dispatch this submission.
    pub const THREAD_OWNED: u8 = 1 << 5;
}

/// Bits of a completion's `flags`.
pub mod cqe_flags {
    /// Reserved: more completions follow for this submission.
    pub const MORE: u16 = 1 << 0;
    /// Result capability records follow the payload.
    pub const TRANSFER_RESULT_CAPS: u16 = 1 << 1;
}

/// 64-bit words in a submission.
pub const SQE_WORDS: usize = 8;
/// The first word of a NOP: its opcode, and no flags, method or capability.
pub const NOP_WORD: u64 = Opcode::Nop as u64;
/// 64-bit words in a completion.
pub const CQE_WORDS: usize = 4;

/// A submission, field by field as it lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct Sqe {
    /// An [`Opcode`].
    pub opcode: u8,
    /// Bits of [`sqe_flags`].
    pub flags: u8,
    /// Method ordinal of a CALL.
    pub method_id: u16,
    /// Capability in the caller's table.
    pub cap_id: u32,
    /// Echoed in the completion.
    pub user_data: u64,
    /// Parameters, return payload or park word.
    pub addr: u64,
    /// Bytes at `addr`; expected value of PARK; most waiters of UNPARK.
    pub len: u32,
    /// Bytes at `result_addr`.
    pub result_len: u32,
    /// Where results go.
    pub result_addr: u64,
    /// Time-out of PARK in nanoseconds; target `user_data` of CANCEL.
    pub pipeline_dep: u64,
    /// Reserved.
    pub pipeline_field: u16,
    /// Transfer descriptors after the payload.
    pub xfer_cap_count: u16,
    /// Owner thread of CALL and PARK; endpoint call of RETURN.
    pub call_id: u32,
    /// Session fields the caller is willing to disclose.
    pub session_disclosure: u64,
}

impl Sqe {
    /// Splits eight words, as read from the ring, into fields.
    #[inline]
    #[must_use]
    pub const fn from_words(words: [u64; SQE_WORDS]) -> Self {
        Self {
            opcode: words[0] as u8,
            flags: (words[0] >> 8) as u8,
            method_id: (words[0] >> 16) as u16,
            cap_id: (words[0] >> 32) as u32,
            user_data: words[1],
            addr: words[2],
            len: words[3] as u32,
            result_len: (words[3] >> 32) as u32,
            result_addr: words[4],
            pipeline_dep: words[5],
            pipeline_field: words[6] as u16,
            xfer_cap_count: (words[6] >> 16) as u16,
            call_id: (words[6] >> 32) as u32,
            session_disclosure: words[7],
        }
    }

    /// The eight words to write into the ring.
    #[inline]
    #[must_use]
    pub const fn to_words(&self) -> [u64; SQE_WORDS] {
        [
            self.opcode as u64
                | (self.flags as u64) << 8
                | (self.method_id as u64) << 16
                | (self.cap_id as u64) << 32,
            self.user_data,
            self.addr,
            self.len as u64 | (self.result_len as u64) << 32,
            self.result_addr,
            self.pipeline_dep,
            self.pipeline_field as u64 | (self.xfer_cap_count as u64) << 16 | (self.call_id as u64) << 32,
            self.session_disclosure,
        ]
    }
}

/// A completion, field by field as it lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct Cqe {
    /// Copied from the submission.
    pub user_data: u64,
    /// Zero or more: success; less: a [`crate::result::Failure`].
    pub result: i32,
    /// Bits of [`cqe_flags`].
    pub flags: u16,
    /// Result capability records after the payload.
    pub cap_count: u16,
    /// Badge of the caller's facet, on RECV only.
    pub badge: u64,
    /// Endpoint call to answer, on RECV only.
    pub call_id: u32,
    /// Zero.
    pub reserved: u32,
}

impl Cqe {
    /// A completion that carries only a result.
    #[inline]
    #[must_use]
    pub const fn plain(user_data: u64, result: i32) -> Self {
        Self {
            user_data,
            result,
            flags: 0,
            cap_count: 0,
            badge: 0,
            call_id: 0,
            reserved: 0,
        }
    }

    /// The same with `count` records of capabilities behind the payload, and the flag that says so.
    #[inline]
    #[must_use]
    pub const fn with_records(self, count: u16) -> Self {
        let flags = if count > 0 {
            self.flags | cqe_flags::TRANSFER_RESULT_CAPS
        } else {
            self.flags
        };
        Self {
            cap_count: count,
            flags,
            ..self
        }
    }

    /// Splits four words, as read from the ring, into fields.
    #[inline]
    #[must_use]
    pub const fn from_words(words: [u64; CQE_WORDS]) -> Self {
        Self {
            user_data: words[0],
            result: words[1] as u32 as i32,
            flags: (words[1] >> 32) as u16,
            cap_count: (words[1] >> 48) as u16,
            badge: words[2],
            call_id: words[3] as u32,
            reserved: (words[3] >> 32) as u32,
        }
    }

    /// The four words to write into the ring.
    #[inline]
    #[must_use]
    pub const fn to_words(&self) -> [u64; CQE_WORDS] {
        [
            self.user_data,
            self.result as u32 as u64 | (self.flags as u64) << 32 | (self.cap_count as u64) << 48,
            self.badge,
            self.call_id as u64 | (self.reserved as u64) << 32,
        ]
    }
}

/// Byte offset of the submission slot that `index` falls into.
#[inline]
#[must_use]
pub const fn sqe_at(index: u32) -> usize {
    offset::SQES + (index & SQ_MASK) as usize * size_of::<Sqe>()
}

/// Byte offset of the completion slot that `index` falls into.
#[inline]
#[must_use]
pub const fn cqe_at(index: u32) -> usize {
    offset::CQES + (index & CQ_MASK) as usize * size_of::<Cqe>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::offset_of;

    #[test]
    fn p7_entries_have_the_published_sizes_and_offsets() {
        assert_eq!((size_of::<Sqe>(), size_of::<Cqe>()), (64, 32));
        assert_eq!(offset_of!(Sqe, method_id), 2);
        assert_eq!(offset_of!(Sqe, cap_id), 4);
        assert_eq!(offset_of!(Sqe, user_data), 8);
        assert_eq!(offset_of!(Sqe, addr), 16);
        assert_eq!(offset_of!(Sqe, len), 24);
        assert_eq!(offset_of!(Sqe, result_len), 28);
        assert_eq!(offset_of!(Sqe, result_addr), 32);
        assert_eq!(offset_of!(Sqe, pipeline_dep), 40);
        assert_eq!(offset_of!(Sqe, pipeline_field), 48);
        assert_eq!(offset_of!(Sqe, xfer_cap_count), 50);
        assert_eq!(offset_of!(Sqe, call_id), 52);
        assert_eq!(offset_of!(Sqe, session_disclosure), 56);
        assert_eq!(offset_of!(Cqe, result), 8);
        assert_eq!(offset_of!(Cqe, flags), 12);
        assert_eq!(offset_of!(Cqe, cap_count), 14);
        assert_eq!(offset_of!(Cqe, badge), 16);
        assert_eq!(offset_of!(Cqe, call_id), 24);
    }

    #[test]
    fn p7_words_and_fields_agree_in_both_directions() {
        let words = [
            0x4433_2211_0605_0201,
            2,
            3,
            0x8877_6655_4433_2211,
            5,
            6,
            0xcafe_f00d_1234_5678,
            8,
        ];
        let sqe = Sqe::from_words(words);
        assert_eq!(
            (sqe.opcode, sqe.flags, sqe.method_id, sqe.cap_id),
            (1, 2, 0x0605, 0x4433_2211)
        );
        assert_eq!(
            (sqe.pipeline_field, sqe.xfer_cap_count, sqe.call_id),
            (0x5678, 0x1234, 0xcafe_f00d)
        );
        assert_eq!(sqe.to_words(), words);

        let cqe = Cqe {
            result: -9,
            flags: 2,
            cap_count: 3,
            badge: 4,
            call_id: 5,
            ..Cqe::plain(1, 0)
        };
        assert_eq!(Cqe::from_words(cqe.to_words()), cqe);
    }

    #[test]
    fn p7_a_completion_lies_in_its_words_as_published() {
        let cqe = Cqe {
            user_data: 1,
            result: -9,
            flags: 2,
            cap_count: 3,
            badge: 4,
            call_id: 5,
            reserved: 6,
        };
        let words = [1, 0x0003_0002_ffff_fff7, 4, 0x0000_0006_0000_0005];
        assert_eq!((cqe.to_words(), Cqe::from_words(words)), (words, cqe));
    }

    #[test]
    fn p7_opcodes_have_their_published_numbers() {
        for number in 0..=9 {
            let opcode = Opcode::from_number(number).unwrap();
            assert_eq!(opcode as u8, number);
        }
        assert_eq!(Opcode::from_number(10), None);
    }

    #[test]
    fn p7_a_completion_with_capabilities_says_so() {
        assert_eq!(Cqe::plain(1, 8).with_records(0), Cqe::plain(1, 8));
        let two = Cqe::plain(1, 8).with_records(2);
        assert_eq!((two.cap_count, two.flags), (2, cqe_flags::TRANSFER_RESULT_CAPS));
        assert_eq!(two.with_records(3).flags, two.flags);
    }

    #[test]
    fn p7_both_queues_fill_the_page_without_overlap_and_indices_wrap() {
        assert_eq!(sqe_at(SQ_MASK) + 64, offset::CQES);
        assert!(cqe_at(CQ_MASK) + 32 <= crate::layout::PAGE_SIZE as usize);
        assert_eq!((sqe_at(1), cqe_at(1)), (offset::SQES + 64, offset::CQES + 32));
        assert_eq!(sqe_at(u32::MAX), sqe_at(SQ_MASK));
        assert_eq!(cqe_at(u32::MAX.wrapping_add(1)), offset::CQES);
    }
}
