//! One thread's life: so many deeds, drawn by its seed, and what follows from what came back.

use alloc::vec::Vec;

use abi::endpoint::{HEADER_BYTES, Header};
use abi::result::Failure;
use abi::ring::{Opcode, Sqe, sqe_flags};
use abi::transfer::{Mode, RECORD_BYTES};
use rt::hostile::read_u64;

use super::super::deed::Deed;
use super::super::ledger::{Complaint, Stage};
use super::super::plan::Plan;
use super::super::wire;
use super::hands::{Errand, HALF, Hands, LARGE, Landed, SLOTS, Taken};
use super::{Possession, What};
use crate::tools::compute;
use rt::random::Random;

/// How a life ended.
pub(super) enum Ended {
    /// It has done its deeds; this is left, tokens given up.
    Left(Vec<Possession>),
    /// The whole process is to end now.
    Exits,
    /// It saw something that must not be.
    SawWrong,
}

/// Most capabilities that go with one message.
const MOST_LUGGAGE: u32 = 3;
/// Methods of SchedulingContext.
const LIMIT: u16 = 1;
const BIND: u16 = 2;
const REVOKE: u16 = 3;
const RESERVE: u16 = 5;
const UNBIND: u16 = 6;
/// Those that only look: what it is, what it was used for, what there is to be told, and waiting for that.
const ASK: [u16; 4] = [0, 8, 4, 7];
/// The smallest budget and period there is.
const SHORTEST_NS: u64 = 100_000;
/// Turns of the longest work.
const LONGEST_WORK: u32 = 200_000;

/// How often a page that was taken away is asked back for, before the thread goes on without.
const ASKED_BACK: u32 = 50;

struct Life<'r> {
    hands: Hands<'r>,
    random: Random,
}

/// Lives.
pub(super) fn play(hands: Hands<'_>, plan: Plan, random: Random) -> Ended {
    let mut life = Life { hands, random };
    for token in life.take_tokens() {
        // It is new to this thread, and whoever had it before has given it up.
        if life.hands.claim(token) == Some(false) {
            life.hands.complain(Complaint::ArrivedDead, token.what.tag());
        }
    }
    for _ in 0..plan.steps {
        let deed = plan.menu.draw(&mut life.random);
        if deed == Deed::Exit && life.chance(40) {
            return Ended::Exits;
        }
        life.perform(deed);
        if life.chance(3) {
            life.hands.enter(0, 0);
        }
        while let Some(landed) = life.hands.next_landed() {
            life.landed(landed);
        }
        if life.hands.saw_wrong {
            return Ended::SawWrong;
        }
    }
    life.leave()
}

fn is_token(possession: &Possession) -> bool {
    matches!(possession.what, What::Token(_))
}

impl Life<'_> {
    fn chance(&mut self, of: u32) -> bool {
        self.random.below(of) == 0
    }

    fn take_tokens(&mut self) -> Vec<Possession> {
        self.hands
            .possessions
            .extract_if(.., |possession| is_token(possession))
            .collect()
    }

    /// A possession that fits.
    fn some(&mut self, fits: impl Fn(What) -> bool) -> Option<Possession> {
        let possessions = &self.hands.possessions;
        let fitting: Vec<&Possession> = possessions
            .iter()
            .filter(|possession| fits(possession.what))
            .collect();
        let drawn = self.random.below(fitting.len().max(1) as u32) as usize;
        fitting.get(drawn).copied().copied()
    }

    fn call_with(&mut self, cap: u32, method: u16, numbers: &[u64], errand: Errand) {
        // Without memory for it, it is left out.
        let _user_data = self.hands.call(cap, method, &wire::numbers(numbers), errand);
    }

    fn perform(&mut self, deed: Deed) {
        let tools = self.hands.tools;
        match deed {
            Deed::Call => self.call(),
            Deed::Receive => self.receive(),
            Deed::Answer => self.answer(),
            Deed::Cancel => self.cancel(),
            Deed::Release => self.release(),
            Deed::Pipe => self.call_with(tools.spawner, 1, &[64], Errand::Pipe),
            Deed::Write => {
                if let Some(writer) = self.some(|what| what == What::Writer) {
                    let _user_data = self
                        .hands
                        .call(writer.id, 1, &wire::bytes(b"whatever"), Errand::Other);
                }
            }
            Deed::Read => {
                let wanted = u64::from(self.random.below(200));
                if let Some(reader) = self.some(|what| what == What::Reader) {
                    self.call_with(reader.id, 0, &[wanted], Errand::Other);
                }
            }
            Deed::Map => self.map(),
            Deed::Meddle => self.meddle(),
            Deed::Sleep => {
                let long = u64::from(self.random.below(400_000));
                self.call_with(tools.timer, 1, &[long], Errand::Other);
            }
            Deed::Limit => self.make_time(tools.time, LIMIT),
            Deed::Reserve => self.reserve(),
            Deed::Bind => self.use_time(BIND),
            Deed::Unbind => self.use_time(UNBIND),
            Deed::Revoke => self.use_time(REVOKE),
            Deed::Ask => {
                let method = ASK[self.random.below(ASK.len() as u32) as usize];
                self.use_time(method);
            }
            Deed::Compute => compute(self.random.below(LONGEST_WORK)),
            Deed::Park => self.park(),
            Deed::Unpark => self.unpark(),
            Deed::Yield => self.call_with(tools.control, 3, &[], Errand::Other),
            Deed::Reweigh => {
                let weight = u64::from(1 + self.random.below(1024));
                self.call_with(tools.policy, 0, &[weight], Errand::Other);
            }
            Deed::Nop => {
                for _ in 0..1 + self.random.below(20) {
                    self.nop();
                }
            }
            Deed::Wait => {
                let wanted = self.random.below(4).min(self.hands.under_way());
                let long = u64::from(self.random.below(300_000));
                self.hands.enter(wanted, long);
            }
            // These are for between two lives, and for the loop above.
            Deed::Spawn | Deed::Exit => {}
        }
    }

    fn nop(&mut self) {
        let sqe = Sqe {
            opcode: Opcode::Nop as u8,
            ..Sqe::default()
        };
        self.hands.submit(sqe, None, Errand::Other);
    }

    /// Up to three capabilities for a message: those that go for good, and all of them with how they go.
    fn luggage(&mut self) -> (Vec<Possession>, Vec<(Possession, Mode)>) {
        let (mut moved, mut all) = (Vec::new(), Vec::<(Possession, Mode)>::new());
        if self.chance(2) {
            return (moved, all);
        }
        for _ in 0..self.random.below(MOST_LUGGAGE + 1) {
            let Some(possession) = self.some(|_| true) else {
                break;
            };
            if all.iter().any(|(other, _)| other.id == possession.id) {
                continue;
            }
            let moves = is_token(&possession) || self.chance(4);
            if moves {
                self.hands.possessions.retain(|other| *other != possession);
                if is_token(&possession) && !self.hands.give_up(possession) {
                    continue;
                }
                moved.push(possession);
            }
            all.push((possession, if moves { Mode::Move } else { Mode::Copy }));
        }
        (moved, all)
    }

    /// How long a message is: mostly short.
    fn length(&mut self) -> u64 {
        match self.random.below(8) {
            0 => HALF - 256,
            1 => u64::from(self.random.below(3000)),
            _ => 0,
        }
    }

    fn call(&mut self) {
        let Some(facet) = self.some(|what| matches!(what, What::Facet(_))) else {
            return;
        };
        let (moved, all) = self.luggage();
        let Some(slot) = self.hands.free_slot() else {
            return self.hands.settle(moved, Some(false));
        };
        let call = self.hands.ledger.next_call();
        let large = all.is_empty() && self.chance(12);
        let (params, length) = if large {
            (self.hands.large(), LARGE - HALF)
        } else {
            (self.hands.params(slot), self.length())
        };
        let bytes = self.hands.compose(params, call, &all, length);
        let result_len = if self.chance(6) {
            self.random.below(128)
        } else {
            HALF as u32
        };
        let sqe = Sqe {
            addr: params,
            xfer_cap_count: all.len() as u16,
            result_len,
            ..self.hands.call_sqe(facet.id, 7, slot, bytes)
        };
        self.hands.submit(sqe, Some(slot), Errand::Call(call, moved));
    }

    fn receive(&mut self) {
        let owner = self.some(|what| matches!(what, What::Owner(_)));
        let (Some(owner), Some(slot)) = (owner, self.hands.free_slot()) else {
            return;
        };
        let result_len = if self.chance(5) {
            self.random.below(200)
        } else {
            HALF as u32
        };
        let sqe = Sqe {
            opcode: Opcode::Recv as u8,
            cap_id: owner.id,
            result_addr: self.hands.result(slot),
            result_len,
            ..Sqe::default()
        };
        self.hands.submit(sqe, Some(slot), Errand::Receive(owner));
    }

    fn answer(&mut self) {
        let count = self.hands.taken.len() as u32;
        if count == 0 {
            return self.hands.enter(self.hands.under_way().min(1), 20_000);
        }
        let at = self.random.below(count) as usize;
        let Taken { owner, call_id, call } = self.hands.taken.swap_remove(at);
        let exception = self.chance(8);
        let (moved, all) = if exception {
            (Vec::new(), Vec::new())
        } else {
            self.luggage()
        };
        let Some(slot) = self.hands.free_slot() else {
            return self.hands.settle(moved, Some(false));
        };
        let length = self.length();
        let bytes = self.hands.compose(self.hands.params(slot), call, &all, length);
        let sqe = Sqe {
            opcode: Opcode::Return as u8,
            flags: if exception {
                sqe_flags::RETURN_APPLICATION_EXCEPTION
            } else {
                0
            },
            cap_id: owner.id,
            call_id,
            addr: self.hands.params(slot),
            len: bytes,
            xfer_cap_count: all.len() as u16,
            ..Sqe::default()
        };
        let call = call.filter(|_| !exception);
        self.hands.note(call, Stage::Answering);
        self.hands.submit(sqe, Some(slot), Errand::Answer(call, moved));
    }

    fn cancel(&mut self) {
        if let Some((target, owner)) = self.hands.some_receive() {
            let sqe = Sqe {
                opcode: Opcode::Cancel as u8,
                cap_id: owner.id,
                pipeline_dep: target,
                ..Sqe::default()
            };
            self.hands.submit(sqe, None, Errand::Other);
        }
    }

    fn release(&mut self) {
        if let Some(possession) = self.some(|_| true) {
            self.hands.possessions.retain(|other| *other != possession);
            self.hands.release(possession.id);
        }
    }

    /// Maps pages at one of a few places, or unmaps some there.
    fn map(&mut self) {
        let memory = self.hands.tools.memory;
        let bytes = u64::from(1 + self.random.below(64)) * HALF;
        let at = self.hands.tools.arena + (1 << 28) + u64::from(self.random.below(8)) * (1 << 20);
        if self.chance(2) {
            self.call_with(memory, 0, &[at, bytes, 3], Errand::Other);
        } else {
            self.call_with(memory, 1, &[at, bytes], Errand::Other);
        }
    }

    /// A page to which an operation's result comes is taken away, and brought back before this thread looks.
    fn meddle(&mut self) {
        let page = self.hands.result(self.random.below(SLOTS as u32) as usize);
        let long = u64::from(self.random.below(60_000));
        self.call_with(self.hands.tools.memory, 2, &[page, HALF, 0], Errand::Other);
        self.hands.enter(0, 0);
        self.hands.enter(self.hands.under_way(), long);
        let mut asked = 0;
        while !self.hands.bring_back(page) && asked < ASKED_BACK {
            asked += 1;
        }
    }

    /// Asks for CPU time of any size, mostly a sound one.
    fn make_time(&mut self, of: u32, method: u16) {
        let period = SHORTEST_NS << self.random.below(7);
        let budget = match self.random.below(10) {
            0 => u64::from(self.random.below(u32::MAX)) << self.random.below(32),
            _ => SHORTEST_NS + u64::from(self.random.below((period - SHORTEST_NS) as u32 / 4 + 1)),
        };
        let deadline = match self.random.below(4) {
            0 => budget + u64::from(self.random.below((period - period.min(budget)) as u32 + 1)),
            1 if self.chance(8) => period + 1,
            _ => 0,
        };
        let cpus = match self.random.below(4) {
            0 => u64::from(self.random.below(256)) as u8,
            _ => 1,
        };
        let policies = if self.chance(6) { 5 } else { 1 };
        let overrun = u64::from(self.random.below(policies));
        let message = wire::spec([budget, period, deadline], overrun, cpus);
        // Without memory for it, it is left out.
        let _user_data = self.hands.call(of, method, &message, Errand::Time);
    }

    /// Carves CPU time out of some that it has, or out of all there is.
    fn reserve(&mut self) {
        let of = self.some(|what| what == What::Time).filter(|_| !self.chance(3));
        let of = of.map_or(self.hands.tools.time, |time| time.id);
        self.make_time(of, RESERVE);
    }

    /// Calls a method of some CPU time that it has; seldom of the one that makes others, or without room for the answer.
    fn use_time(&mut self, method: u16) {
        let time = self.some(|what| what == What::Time).map(|time| time.id);
        let time = if self.chance(20) {
            Some(self.hands.tools.time)
        } else {
            time
        };
        let (Some(time), Some(slot)) = (time, self.hands.free_slot()) else {
            return;
        };
        let bytes = self.hands.write(slot, &wire::numbers(&[]));
        let result_len = if self.chance(8) {
            self.random.below(400)
        } else {
            HALF as u32
        };
        let sqe = Sqe {
            result_len,
            ..self.hands.call_sqe(time, method, slot, bytes)
        };
        self.hands.submit(sqe, Some(slot), Errand::Other);
    }

    fn park(&mut self) {
        let word = self.hands.large();
        let sqe = Sqe {
            opcode: Opcode::Park as u8,
            flags: sqe_flags::THREAD_OWNED,
            cap_id: self.hands.tools.park,
            addr: word,
            len: if self.chance(3) { 1 } else { read_u64(word) as u32 },
            pipeline_dep: u64::from(self.random.below(300_000)),
            call_id: rt::current_tid(),
            ..Sqe::default()
        };
        self.hands.submit(sqe, None, Errand::Other);
    }

    fn unpark(&mut self) {
        let sqe = Sqe {
            opcode: Opcode::Unpark as u8,
            cap_id: self.hands.tools.park,
            addr: self.hands.large(),
            len: 1 + self.random.below(4),
            ..Sqe::default()
        };
        self.hands.submit(sqe, None, Errand::Other);
    }

    fn landed(&mut self, landed: Landed) {
        let Landed {
            cqe, result, errand, ..
        } = landed;
        let bytes = u64::try_from(cqe.result).ok();
        match (errand, bytes) {
            (Errand::Other | Errand::Receive(_) | Errand::Pipe | Errand::Time, None) | (Errand::Other, _) => {
            }
            (Errand::Pipe, Some(bytes)) => {
                let ids = [0, 1].map(|index| read_u64(result + bytes + index * RECORD_BYTES as u64) as u32);
                for (id, what) in ids.into_iter().zip([What::Reader, What::Writer]) {
                    self.hands.possessions.push(Possession { id, what });
                }
            }
            (Errand::Time, Some(bytes)) => {
                if cqe.cap_count == 1 {
                    let id = read_u64(result + bytes) as u32;
                    self.hands.have(Possession { id, what: What::Time });
                }
            }
            (Errand::Receive(owner), Some(_)) => self.received(owner, cqe.call_id, result, cqe.cap_count),
            (Errand::Call(call, moved), Some(bytes)) => {
                self.hands.note(call, Stage::Completed);
                let answered = self.hands.unpack(result, bytes, cqe.cap_count);
                if answered != call {
                    self.hands
                        .complain(Complaint::ForeignAnswer, call.unwrap_or(u64::MAX));
                }
                self.hands.settle(moved, Some(true));
            }
            (Errand::Call(_, moved), None) => {
                // An exception is the server's answer, or the kernel's word that there will be none; and an answer that did
                // not fit was one.
                let open = [
                    Failure::ApplicationException,
                    Failure::ApplicationExceptionNoDetail,
                    Failure::InvalidResult,
                ];
                let is_open = open.iter().any(|failure| failure.code() == cqe.result);
                self.hands.settle(moved, if is_open { None } else { Some(false) });
            }
            (Errand::Answer(call, moved), bytes) => {
                if bytes.is_some() {
                    self.hands.note(call, Stage::Answered);
                }
                self.hands.settle(moved, Some(bytes.is_some()));
            }
        }
    }

    fn received(&mut self, owner: Possession, call_id: u32, at: u64, count: u16) {
        let mut header = [0; HEADER_BYTES];
        for (index, word) in (0..).zip(header.as_chunks_mut::<8>().0) {
            *word = read_u64(at + 8 * index).to_le_bytes();
        }
        let bytes = u64::from(Header::decode(&header).params_len);
        let call = self.hands.unpack(at + HEADER_BYTES as u64, bytes, count);
        self.hands.note(call, Stage::Received);
        self.hands.taken.push(Taken { owner, call_id, call });
    }

    /// Ends with whatever is under way; tokens are given up for the next life.
    fn leave(mut self) -> Ended {
        for token in self.take_tokens() {
            if self.hands.give_up(token) {
                self.hands.possessions.push(token);
            }
        }
        if self.hands.saw_wrong {
            return Ended::SawWrong;
        }
        Ended::Left(self.hands.possessions)
    }
}
