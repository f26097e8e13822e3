//! What the board shows, and to whom.

use super::*;
use crate::cpu::EnqueueReason;
use crate::entity::Entity;
use crate::fair::Policy;
use crate::ids::ThreadId;
use crate::time::Instant;
use crate::weight::{LatencyClass, Weight};

#[test]
fn a_cpu_is_on_the_board_from_its_first_publication_until_it_withdraws() {
    let board = LoadBoard::new(2);
    let cpu: Cpu<()> = Cpu::new(CpuId(1), Policy::default(), Instant::BOOT);
    assert_eq!(board.load(CpuId(1)), None);
    board.publish(&cpu);
    assert_eq!(board.load(CpuId(1)), Some(Load::default()));
    board.withdraw(CpuId(1));
    assert_eq!(board.load(CpuId(1)), None);
    assert_eq!(board.load(CpuId(2)), None, "not a CPU of this machine");
}

#[test]
fn s1_the_board_knows_whether_somebody_is_idle() {
    let board = LoadBoard::new(2);
    let mut cpus = [0, 1].map(|id| Cpu::<()>::new(CpuId(id), Policy::default(), Instant::BOOT));
    assert!(!board.somebody_is_idle(), "nobody is online");
    cpus.iter().for_each(|cpu| board.publish(cpu));
    for (id, cpu) in (0..).zip(&mut cpus) {
        assert!(board.somebody_is_idle());
        let thread = Entity::new(ThreadId(id), Weight::DEFAULT, LatencyClass::Normal, ());
        let _ = cpu.enqueue(thread, EnqueueReason::New, Instant::BOOT);
        board.publish(cpu);
    }
    assert!(!board.somebody_is_idle());
    let rank = cpus[1].queued().next().map(Entity::rank);
    assert!(cpus[1].remove(rank.unwrap(), Instant::BOOT).is_some());
    board.publish(&cpus[1]);
    board.publish(&cpus[1]);
    assert!(board.somebody_is_idle());
    board.withdraw(CpuId(1));
    board.withdraw(CpuId(1));
    assert!(!board.somebody_is_idle());
}

// Of a thousand CPUs each has a clock and an offset of its own, on both sides of every boundary between words.
#[test]
fn d3_every_cpu_is_read_in_its_own_column_and_forgiven_alone() {
    let board = LoadBoard::new(1_024);
    let all = || (0..1_024).map(CpuId);
    for id in all() {
        let mut cpu = Cpu::new(id, Policy::default(), Instant::BOOT);
        let mut thread = Entity::new(ThreadId(1), Weight::DEFAULT, LatencyClass::Normal, ());
        thread.share.start_at(VirtualTime::START.after(id.0.into()));
        let _ = cpu.begin(&mut thread, Instant::BOOT);
        // Alone, so the clock goes with it.
        let _ = cpu.uncollected(Instant(1));
        board.publish(&cpu);
    }
    for id in all() {
        assert_eq!(
            board.clock(id),
            VirtualTime::START.after(u64::from(id.0) + 1),
            "{id}"
        );
    }
    let level = |cpu| board.pace(cpu, Instant(1)).map(|pace| pace.level);
    for id in [0, 1, 63, 64, 65, 127, 128, 700, 1_023].map(CpuId) {
        let before: std::vec::Vec<_> = all().map(level).collect();
        board.begin_anew(id, 1_000 + u64::from(id.0), Instant(1));
        for (other, before) in all().zip(before) {
            let forgiven = if other == id { 1_000 + u64::from(id.0) } else { 0 };
            let before = before.map(|before| before.after(forgiven));
            assert_eq!(level(other), before, "{id} forgiven, {other} read");
        }
    }
}

#[test]
fn b1_an_idle_cpu_is_summoned_once_until_it_publishes_again() {
    let board = LoadBoard::new(2);
    let cpu = Cpu::<()>::new(CpuId(1), Policy::default(), Instant::BOOT);
    assert!(!board.summon(CpuId(1)), "not online");
    board.publish(&cpu);
    assert!(board.summon(CpuId(1)));
    assert!(!board.summon(CpuId(1)));
    assert!(!board.somebody_is_idle());
    assert_eq!(
        board.load(CpuId(1)).map(|load| load.idle()),
        Some(false),
        "placement leaves it alone, too"
    );
    board.publish(&cpu);
    assert!(board.somebody_is_idle() && board.summon(CpuId(1)));
}
