//! What a decision does to the books of both CPUs.

use super::*;
use crate::cpu::EnqueueReason;
use crate::fair::Policy;
use crate::ids::ThreadId;
use crate::weight::{LatencyClass, Weight};

/// A CPU that runs one of `count` threads, all of which have come `ahead` of where clocks start.
fn busy(id: u32, count: u64, ahead: u64) -> Cpu<()> {
    let mut cpu = Cpu::new(CpuId(id), Policy::Eevdf, Instant::BOOT);
    for thread in 1..=count {
        let thread = ThreadId(u64::from(id) << 32 | thread);
        let mut thread = Entity::new(thread, Weight::DEFAULT, LatencyClass::Normal, ());
        thread.share.start_at(VirtualTime::START.after(ahead));
        thread.home = Some(crate::entity::Home {
            cpu: CpuId(id),
            clock: VirtualTime::START.after(ahead),
        });
        let _ = cpu.enqueue(thread, EnqueueReason::Preempted, Instant::BOOT);
    }
    let mut running = cpu.pick(Instant::BOOT).unwrap();
    let _ = cpu.begin(&mut running, Instant::BOOT);
    cpu
}

// Three threads here and two there: they rotate, and what is forgiven of a lag of a second is forgiven to the CPU that lags.
#[test]
fn d1_a_lag_that_nobody_can_take_along_is_forgiven_to_the_cpu_that_lags() {
    let second = 1_000_000_000;
    let (mut lags, leads) = (busy(0, 3, 0), busy(1, 2, second));
    let (topology, board) = (Topology::flat(2), LoadBoard::new(2));
    board.publish(&lags);
    board.publish(&leads);
    let given = give(&mut lags, &topology, &board, Instant(1_000)).unwrap();
    assert_eq!(given.to, CpuId(1));
    let time = VirtualTime::START;
    assert!(
        board.comparable(CpuId(0), time) > time.after(second / 2),
        "it lags by a few turns now"
    );
    assert_eq!(board.comparable(CpuId(1), time), time, "the other one had no lag");
}
