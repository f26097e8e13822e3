//! TLB shootdown: making other CPUs drop translations. Each CPU has two counters: tickets drawn by those who want
//! it to flush, and the newest ticket it has honoured. A request carries no arguments (the whole TLB goes), so there is
//! nothing that could be seen too late (docs/mutants.md, row 18). A CPU that waits here, or for a lock, answers others meanwhile
//! (row 17 there).

use core::sync::atomic::{AtomicU64, Ordering, fence};

use crate::cpu;
use crate::traps::vector;

/// The two counters of one CPU.
#[derive(Default)]
pub(crate) struct Mailbox {
    wanted: AtomicU64,
    done: AtomicU64,
}

impl Mailbox {
    pub(crate) const fn new() -> Mailbox {
        Mailbox {
            wanted: AtomicU64::new(0),
            done: AtomicU64::new(0),
        }
    }
}

/// Flushes this CPU's TLB if anybody asked for it.
#[inline]
pub(crate) fn answer_shootdown() {
    if !cpu::is_ready() {
        return;
    }
    let this = cpu::this();
    let mailbox = &this.mailbox;
    let wanted = mailbox.wanted.load(Ordering::SeqCst);
    if wanted != mailbox.done.load(Ordering::Relaxed) {
        crate::registers::flush_all();
        mailbox.done.store(wanted, Ordering::SeqCst);
        cpu::add_one(&this.shootdowns_received);
    }
}

/// Makes every other CPU in the bit set `active` flush, and returns when all have.
pub(crate) fn shoot_down(active: &[AtomicU64]) {
    fence(Ordering::SeqCst);
    let this = cpu::this();
    let me = this.index();
    for pass in [Pass::Ask, Pass::Await] {
        for (word_index, word) in active.iter().enumerate() {
            let mut word = word.load(Ordering::SeqCst);
            while word != 0 {
                let target = word_index * 64 + word.trailing_zeros() as usize;
                word &= word - 1;
                if target != me {
                    pass.visit(target, this);
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Pass {
    Ask,
    Await,
}

impl Pass {
    fn visit(self, target: usize, this: &cpu::PerCpu) {
        let Some(other) = cpu::get(target) else { return };
        match self {
            Pass::Ask => {
                other.mailbox.wanted.fetch_add(1, Ordering::SeqCst);
                cpu::add_one(&this.shootdowns_sent);
                cpu::send_ipi(target, vector::SHOOTDOWN);
            }
            // A CPU that became active between the passes has loaded its root after our entries were written, so
            // waiting for a ticket that we did not draw for it returns at once or a little late: never too early.
            Pass::Await => {
                let ticket = other.mailbox.wanted.load(Ordering::SeqCst);
                while other.mailbox.done.load(Ordering::SeqCst) < ticket {
                    answer_shootdown();
                    core::hint::spin_loop();
                }
            }
        }
    }
}
