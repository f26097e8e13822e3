//! One thread's hands: its ring, driven entry by entry; the memory that its operations name; and the books, in which each
//! submission stands until its completion has come. A completion that stands in no book is a complaint.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::ring::{Cqe, Opcode, SQ_ENTRIES, Sqe};
use abi::transfer::{Descriptor, Mode, RECORD_BYTES, Record};
use rt::hostile::{Wild, read_u64, write_u64};

use super::super::ledger::{Complaint, Ledger, Stage};
use super::super::token::{CLAIMED, GIVEN_UP};
use super::super::wire;
use super::{Possession, What};

/// Operations with memory of their own that one thread has under way at most.
pub const SLOTS: usize = 12;
/// Bytes of parameters, and as many of result, of one slot: a page each, so that one can be taken away.
pub const HALF: u64 = 4096;
/// Bytes of the large buffer.
pub const LARGE: u64 = 64 << 10;
/// What all slots take, with the large buffer behind them.
pub const ARENA_BYTES: u64 = SLOTS as u64 * 2 * HALF + LARGE;

/// Turns in which something that ends at once is waited for; what takes longer waits for another process.
const TURNS: u32 = 40;
/// How long one turn takes at most, in nanoseconds.
const TURN_NS: u64 = 200_000;
/// Capabilities that a thread keeps; what comes beyond is dropped at once.
const MOST_POSSESSIONS: usize = 24;

/// Method of `Pipe`.
const WRITE: u16 = 1;
/// Method of `VirtualMemory`.
const PROTECT: u16 = 2;

/// The capabilities that a thread works with, by id, and its memory.
#[derive(Clone, Copy)]
pub struct Tools {
    /// The actor's number.
    pub number: u64,
    /// Timer.
    pub timer: u32,
    /// VirtualMemory.
    pub memory: u32,
    /// ThreadControl.
    pub control: u32,
    /// SchedulingPolicyCap.
    pub policy: u32,
    /// ParkSpace.
    pub park: u32,
    /// ProcessSpawner.
    pub spawner: u32,
    /// The SchedulingContext that makes others.
    pub time: u32,
    /// Where its memory begins.
    pub arena: u64,
}

/// What a submission was for.
#[derive(Clone, Debug)]
pub enum Errand {
    /// A call with this number, with these capabilities moved along.
    Call(Option<u64>, Vec<Possession>),
    /// A receive from this endpoint.
    Receive(Possession),
    /// The answer to this call, with these capabilities moved along.
    Answer(Option<u64>, Vec<Possession>),
    /// A new pipe.
    Pipe,
    /// New CPU time.
    Time,
    /// Anything whose answer nobody looks at.
    Other,
}

struct Flight {
    user_data: u64,
    slot: Option<usize>,
    errand: Errand,
}

/// What came back.
pub struct Landed {
    /// The completion.
    pub cqe: Cqe,
    /// Where its result is.
    pub result: u64,
    /// What it was for.
    pub errand: Errand,
    slot: Option<usize>,
}

/// A call that was received and not answered.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// The endpoint's owner facet.
    pub owner: Possession,
    /// Names the call in the answer.
    pub call_id: u32,
    /// Its number in the ledger.
    pub call: Option<u64>,
}

/// One thread.
pub struct Hands<'r> {
    ring: &'r mut Wild,
    /// What it works with.
    pub tools: Tools,
    /// What outlives it.
    pub ledger: Arc<Ledger>,
    /// What it has.
    pub possessions: Vec<Possession>,
    /// What it has to answer.
    pub taken: Vec<Taken>,
    /// It has complained.
    pub saw_wrong: bool,
    flights: Vec<Flight>,
    landed: Vec<Landed>,
    last_user_data: u64,
}

impl<'r> Hands<'r> {
    /// A thread that has done nothing.
    pub fn new(
        ring: &'r mut Wild,
        tools: Tools,
        ledger: Arc<Ledger>,
        possessions: Vec<Possession>,
    ) -> Hands<'r> {
        Hands {
            ring,
            tools,
            ledger,
            possessions,
            taken: Vec::new(),
            saw_wrong: false,
            flights: Vec::new(),
            landed: Vec::new(),
            // The runtime's own tickets are small numbers.
            last_user_data: 1 << 63,
        }
    }

    /// Says what must not be.
    pub fn complain(&mut self, complaint: Complaint, evidence: u64) {
        self.ledger.complain(complaint, self.tools.number, evidence);
        self.saw_wrong = true;
    }

    /// Counts how far a call has come.
    pub fn note(&self, call: Option<u64>, stage: Stage) {
        if let Some(call) = call {
            self.ledger.note(call, stage);
        }
    }

    /// Memory for one more operation, if there is any: what came back is not overwritten before it was looked at.
    pub fn free_slot(&self) -> Option<usize> {
        let taken = || {
            let under_way = self.flights.iter().map(|flight| flight.slot);
            under_way.chain(self.landed.iter().map(|landed| landed.slot))
        };
        (0..SLOTS).find(|slot| taken().all(|taken| taken != Some(*slot)))
    }

    /// Where a slot's parameters lie.
    pub fn params(&self, slot: usize) -> u64 {
        self.tools.arena + slot as u64 * 2 * HALF
    }

    /// Where its result comes.
    pub fn result(&self, slot: usize) -> u64 {
        self.params(slot) + HALF
    }

    /// The large buffer.
    pub fn large(&self) -> u64 {
        self.tools.arena + SLOTS as u64 * 2 * HALF
    }

    /// How many operations are under way.
    pub fn under_way(&self) -> u32 {
        self.flights.len() as u32
    }

    /// User data of a receive that is under way, and its endpoint.
    pub fn some_receive(&self) -> Option<(u64, Possession)> {
        self.flights.iter().find_map(|flight| match flight.errand {
            Errand::Receive(owner) => Some((flight.user_data, owner)),
            _ => None,
        })
    }

    /// Submits; what it is for stands in the books until its completion comes. Its user data.
    pub fn submit(&mut self, mut sqe: Sqe, slot: Option<usize>, errand: Errand) -> u64 {
        if self.ring.queued() >= SQ_ENTRIES {
            self.enter(0, 0);
        }
        self.last_user_data += 1;
        sqe.user_data = self.last_user_data;
        self.flights.push(Flight {
            user_data: sqe.user_data,
            slot,
            errand,
        });
        self.ring.submit(&sqe);
        sqe.user_data
    }

    /// Enters the kernel, and takes what came back.
    pub fn enter(&mut self, wanted: u32, timeout_ns: u64) {
        self.ring.enter(wanted, timeout_ns);
        while let Some(cqe) = self.ring.completion() {
            let known = self
                .flights
                .iter()
                .position(|flight| flight.user_data == cqe.user_data);
            let Some(at) = known else {
                self.complain(Complaint::UnknownCompletion, cqe.user_data);
                continue;
            };
            let Flight { slot, errand, .. } = self.flights.swap_remove(at);
            let result = slot.map_or(0, |slot| self.result(slot));
            self.landed.push(Landed {
                cqe,
                result,
                errand,
                slot,
            });
        }
    }

    /// One thing that came back. Its slot may be used again as soon as something is submitted.
    pub fn next_landed(&mut self) -> Option<Landed> {
        self.landed.pop()
    }

    /// Waits a while for this one: its result code.
    fn finish(&mut self, user_data: u64) -> Option<i32> {
        for _ in 0..TURNS {
            self.enter(1, TURN_NS);
            let found = self
                .landed
                .iter()
                .position(|landed| landed.cqe.user_data == user_data);
            if let Some(at) = found {
                return Some(self.landed.swap_remove(at).cqe.result);
            }
        }
        None
    }

    /// A CALL with what a slot holds.
    pub fn call_sqe(&self, cap: u32, method: u16, slot: usize, bytes: u32) -> Sqe {
        Sqe {
            opcode: Opcode::Call as u8,
            method_id: method,
            cap_id: cap,
            addr: self.params(slot),
            len: bytes,
            result_addr: self.result(slot),
            result_len: HALF as u32,
            ..Sqe::default()
        }
    }

    /// Writes a message into a slot: how long it is.
    pub fn write(&self, slot: usize, message: &[u8]) -> u32 {
        for (index, word) in (0..).zip(message.as_chunks::<8>().0) {
            write_u64(self.params(slot) + 8 * index, u64::from_le_bytes(*word));
        }
        message.len() as u32
    }

    /// Calls a method with a message, if there is memory for it: its user data.
    pub fn call(&mut self, cap: u32, method: u16, message: &[u8], errand: Errand) -> Option<u64> {
        let slot = self.free_slot()?;
        let bytes = self.write(slot, message);
        let sqe = self.call_sqe(cap, method, slot, bytes);
        Some(self.submit(sqe, Some(slot), errand))
    }

    /// Drops a capability.
    pub fn release(&mut self, id: u32) {
        let sqe = Sqe {
            opcode: Opcode::Release as u8,
            cap_id: id,
            ..Sqe::default()
        };
        self.submit(sqe, None, Errand::Other);
    }

    /// Calls a method at once and waits for its result code, with memory set aside for that: all slots may be under way for long, and
    /// the page of a free one may be missing.
    fn call_now(&mut self, cap: u32, method: u16, message: &[u8]) -> Option<i32> {
        let (params, result) = (self.large() + LARGE / 2, self.large() + LARGE / 2 + HALF);
        for (index, word) in (0..).zip(message.as_chunks::<8>().0) {
            write_u64(params + 8 * index, u64::from_le_bytes(*word));
        }
        let sqe = Sqe {
            addr: params,
            result_addr: result,
            ..self.call_sqe(cap, method, 0, message.len() as u32)
        };
        let user_data = self.submit(sqe, None, Errand::Other);
        self.finish(user_data)
    }

    /// Makes a page readable and writable again; whether that was answered so.
    pub fn bring_back(&mut self, page: u64) -> bool {
        let code = self.call_now(self.tools.memory, PROTECT, &wire::numbers(&[page, HALF, 3]));
        code.is_some_and(|code| code >= 0)
    }

    /// Writes a letter into a token: whether the token took it. `None` if that stays open.
    fn write_letter(&mut self, token: u32, letter: u8) -> Option<bool> {
        let code = self.call_now(token, WRITE, &wire::bytes(&[letter]))?;
        Some(code >= 0)
    }

    /// A token has come, or has stayed: says so in it. Whether it is here.
    pub fn claim(&mut self, token: Possession) -> Option<bool> {
        let claimed = self.write_letter(token.id, CLAIMED)?;
        if claimed {
            self.possessions.push(token);
        }
        Some(claimed)
    }

    /// A token is about to go: says so in it. If that cannot be said it is dropped, so that its pipe ends.
    #[must_use = "a token that was not given up must not go"]
    pub fn give_up(&mut self, token: Possession) -> bool {
        let given_up = self.write_letter(token.id, GIVEN_UP) == Some(true);
        if !given_up {
            self.release(token.id);
        }
        given_up
    }

    /// Writes a message: a call's number, who sends it, what the capabilities are; and behind its end their descriptors. It
    /// has so many bytes, or as many as that takes: how many.
    pub fn compose(&self, addr: u64, call: Option<u64>, luggage: &[(Possession, Mode)], bytes: u64) -> u32 {
        let head = 8 * (3 + luggage.len() as u64);
        write_u64(addr, call.unwrap_or(u64::MAX));
        write_u64(addr + 8, self.tools.number);
        write_u64(addr + 16, luggage.len() as u64);
        let bytes = bytes.max(head).next_multiple_of(8);
        for (index, (possession, mode)) in (0..).zip(luggage) {
            write_u64(addr + 24 + 8 * index, possession.what.tag());
            let descriptor = Descriptor {
                cap_id: possession.id,
                mode: *mode,
            };
            write_u64(addr + bytes + 8 * index, u64::from_le_bytes(descriptor.encode()));
        }
        bytes as u32
    }

    /// Takes what came with a message of so many bytes at `addr`, by what the sender says it is: tokens are claimed, everything
    /// else is simply had. The call's number.
    pub fn unpack(&mut self, addr: u64, bytes: u64, count: u16) -> Option<u64> {
        if bytes < 24 {
            return None;
        }
        let call = read_u64(addr);
        // All is read before anything is submitted, which may use the memory again.
        let arrived: Vec<(u32, u64)> = (0..u64::from(count))
            .map(|index| {
                let record = addr + bytes + index * RECORD_BYTES as u64;
                let mut raw = [0; RECORD_BYTES];
                raw[..8].copy_from_slice(&read_u64(record).to_le_bytes());
                raw[8..].copy_from_slice(&read_u64(record + 8).to_le_bytes());
                (Record::decode(raw).cap_id, read_u64(addr + 24 + 8 * index))
            })
            .collect();
        for (id, tag) in arrived {
            match What::from_tag(tag) {
                Some(what @ What::Token(number)) => {
                    if self.claim(Possession { id, what }) == Some(false) {
                        self.complain(Complaint::ArrivedDead, number);
                    }
                }
                Some(what) => self.have(Possession { id, what }),
                None => self.release(id),
            }
        }
        (call != u64::MAX).then_some(call)
    }

    /// Something has come that may be had in any number: it is kept, or dropped if there is much.
    pub fn have(&mut self, possession: Possession) {
        if self.possessions.len() < MOST_POSSESSIONS {
            self.possessions.push(possession);
        } else {
            self.release(possession.id);
        }
    }

    /// What becomes of capabilities that were to be moved: gone if `moved`, else still here. Where the answer does not say
    /// (`None`), using them does.
    pub fn settle(&mut self, capabilities: Vec<Possession>, moved: Option<bool>) {
        for possession in capabilities {
            let What::Token(number) = possession.what else {
                if moved == Some(false) {
                    self.possessions.push(possession);
                }
                continue;
            };
            match (self.claim(possession), moved) {
                (Some(true), Some(true)) => self.complain(Complaint::StillHeld, number),
                (Some(false), Some(false)) => self.complain(Complaint::LostOnRefusal, number),
                _ => {}
            }
        }
    }
}
