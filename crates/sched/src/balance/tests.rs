//! What a decision does to the books of both CPUs.

use super::*;
use crate::context::{Budget, ContextId, Overrun, Spec};
use crate::cpu::{EndReason, EnqueueReason};
use crate::fair::Policy;
use crate::ids::ThreadId;
use crate::time::Nanos;
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

/// A CPU that runs a thread with a reservation from `ahead` on, and whose clock has come as far because it had another one alone.
fn reserved(id: u32, ahead: Instant) -> Cpu<()> {
    let mut cpu = busy(id, 1, 0);
    let alone = ThreadId(u64::from(id) << 32 | 1);
    let mut alone = Entity::new(alone, Weight::DEFAULT, LatencyClass::Normal, ());
    let _ = cpu.end(&mut alone, ahead, EndReason::Exited);
    let spec = Spec::reservation(
        Nanos(9_000_000),
        Nanos(10_000_000),
        Nanos::ZERO,
        Overrun::Throttle,
    );
    let context = ContextId {
        number: 1,
        generation: 1,
    };
    let mut thread = Entity::new(ThreadId(0), Weight::DEFAULT, LatencyClass::Normal, ());
    thread.change_parked_budget(|own| *own = Some(Budget::new(context, spec.unwrap(), ahead)));
    let _ = cpu.enqueue(thread, EnqueueReason::New, ahead);
    let mut running = cpu.pick(ahead).unwrap();
    let _ = cpu.begin(&mut running, ahead);
    cpu
}

// Nobody is served by weight there, so there are no turns but its own by which its credit could be measured: with the turns of a CPU of
// no weight it came half a second behind, and whoever was woken there later waited as long.
#[test]
fn d3_who_comes_where_only_reservations_are_served_brings_credit_for_its_own_turns() {
    let now = Instant(1_000_000_000);
    let (mut lags, mut leads) = (busy(0, 3, 0), reserved(1, now));
    let (topology, board) = (Topology::flat(2), LoadBoard::new(2));
    board.publish(&lags);
    board.publish(&leads);
    let Some(Given::Waiting(thread, CpuId(1))) = give(&mut lags, &topology, &board, now) else {
        panic!("nobody is given to the other CPU");
    };
    let turn = thread.share().virtual_slice();
    let _ = leads.enqueue(thread, EnqueueReason::Balanced, now);
    let come = leads.queued().next().unwrap().share().vruntime();
    let behind = leads.clock().offset_from(come);
    assert!(behind > 0 && behind as u64 <= MOST_CREDIT * turn, "{behind}");
}

#[test]
fn b1_nobody_is_given_away_whom_an_idle_cpu_has_been_summoned_to_fetch() {
    let (mut lags, leads) = (busy(0, 3, 0), busy(1, 2, 1_000_000_000));
    let idle = Cpu::new(CpuId(2), Policy::Eevdf, Instant::BOOT);
    let (topology, board) = (Topology::flat(3), LoadBoard::new(3));
    board.publish(&lags);
    board.publish(&leads);
    board.publish::<()>(&idle);
    let given = give(&mut lags, &topology, &board, Instant(1_000));
    assert!(given.is_none(), "{given:?}");
    // As soon as the third one works, too, the second is the one to go to.
    board.publish(&busy(2, 3, 0));
    let given = give(&mut lags, &topology, &board, Instant(2_000));
    assert!(matches!(given, Some(Given::Waiting(_, CpuId(1)))), "{given:?}");
}
