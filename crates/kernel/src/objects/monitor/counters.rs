//! The monitor's table of counters: everything that is counted on one CPU, by name (rule A1, docs/counters.md). The
//! scheduler's part is copied under the CPU's lock, so it is of one instant and adds up exactly.

use alloc::vec::Vec;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use machine::cpu::shootdowns;
use sched::{CpuCounters, HorizonReason, Instant, Nanos, PlacementReason};
use schema_gen::monitor::counter;
use schema_gen::monitor::monitor::counters_results;

use super::super::capability_manager::require_fit;
use crate::call::{Call, Trouble, invalid};
use crate::run::counters::Counters;
use crate::run::cpus::{self, CpuState};
use crate::run::wake::now;
use crate::wire::{self, ListBytes};

/// The period of the tick that a kernel with a tick would take: 250 times a second, as Linux distributions set it.
const TICK: Nanos = Nanos::from_millis(4);

/// One row: name, value, and whether it is a level.
pub(crate) type Row = (&'static str, u64, bool);

pub(super) fn of_cpu(call: &Call<'_, '_>, cpu: u32) -> Result<Vec<u8>, Trouble> {
    let cpu = cpus::get(cpu).ok_or_else(|| invalid("there is no such CPU"))?;
    let at = now();
    let rows = rows(cpu, at);
    // The time of the look comes on top of the list.
    let bytes = ListBytes::of::<counter::Builder<'_>>(rows.len())
        .with_texts(rows.iter().map(|row| row.0))
        .total()
        + size_of::<u64>();
    let _room = require_fit(call, bytes)?;
    let mut answer = wire::builder_for(bytes);
    let mut root = answer.init_root::<counters_results::Builder<'_>>();
    root.set_monotonic_ns(at.0);
    let mut list = root.init_counters(rows.len() as u32);
    for (index, (name, value, is_level)) in (0..).zip(rows) {
        let mut shown = list.reborrow().get(index);
        shown.set_name(name);
        shown.set_value(value);
        shown.set_is_level(is_level);
    }
    Ok(wire::finish(answer))
}

/// Everything that is counted on a CPU, at a time that must be now.
pub(crate) fn rows(cpu: &CpuState, at: Instant) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let (core, idle, queue_depth, is_running, is_pending) = {
        let mut sched = cpu.sched.lock();
        #[expect(
            clippy::let_underscore_must_use,
            reason = "asked only to count the run or the idle stretch that the CPU is in"
        )]
        let _ = sched.uncollected(at);
        let load = sched.load();
        (
            *sched.counters(),
            sched.idle_time(at),
            load.waiting,
            load.running,
            sched.reschedule_pending(),
        )
    };
    rows.extend([
        ("running", u64::from(is_running), true),
        ("queueDepth", u64::from(queue_depth), true),
        ("ipisPending", u64::from(is_pending), true),
    ]);
    let counted = |(name, value): (&'static str, u64)| (name, value, false);
    rows.extend(of_scheduler(&core, idle).map(counted));
    let here = &cpu.counters;
    let by_kernel = of_placement(here).into_iter().chain(of_kernel(here));
    rows.extend(by_kernel.map(|(name, counter)| counted((name, counter.load(Relaxed)))));
    let (sent, answered) = shootdowns(cpu.index as usize);
    rows.extend([("shootdownsSent", sent), ("shootdownsAnswered", answered)].map(counted));
    rows
}

/// What the scheduler core counts.
fn of_scheduler(core: &CpuCounters, idle: Nanos) -> [(&'static str, u64); 26] {
    let alone = core.busy.saturating_sub(core.shared);
    [
        ("busyNs", core.busy.0),
        ("idleNs", idle.0),
        ("sharedNs", core.shared.0),
        ("switches", core.switches),
        ("preemptions", core.preemptions),
        ("voluntaryBlocks", core.voluntary_blocks),
        ("yields", core.yields),
        ("exits", core.exits),
        ("migrationsIn", core.migrations_in),
        ("stolenFrom", core.stolen_from),
        ("givenAway", core.given_away),
        ("enqueues", core.enqueues),
        ("wakes", core.wakes),
        ("wakesThatPreempt", core.wakes_that_preempt),
        ("wakesOfIdle", core.wakes_of_idle),
        ("handoffs", core.handoffs),
        ("handoffsRefused", core.handoff_fallbacks),
        ("ipisAskedFor", core.reschedules_sent),
        ("ipisReceived", core.reschedules_received),
        ("ipisSaved", core.reschedules_already_pending),
        ("slicesArmed", core.slices_armed),
        ("slicesArmedByArrival", core.slices_begun_by_arrival),
        ("runsUntimed", core.slices_not_needed),
        ("ticksExpectedIdle", idle.0 / TICK.0),
        ("ticksExpectedAlone", alone.0 / TICK.0),
        ("ticksExpectedShared", core.shared.0 / TICK.0),
    ]
}

/// Where woken and new threads went, and those that had to leave where they were.
fn of_placement(counters: &Counters) -> [(&'static str, &AtomicU64); 12] {
    let placed = |reason: PlacementReason| &counters.placed[reason as usize];
    [
        ("wakesLocal", &counters.wakes_local),
        ("wakesRemote", &counters.wakes_remote),
        ("startsLocal", &counters.starts_local),
        ("startsRemote", &counters.starts_remote),
        ("forcedMoves", &counters.forced_moves),
        ("placedOnlyCpu", placed(PlacementReason::OnlyAllowedCpu)),
        ("placedLastCpu", placed(PlacementReason::LastCpuIdle)),
        ("placedIdleSibling", placed(PlacementReason::IdleSibling)),
        ("placedIdleCpu", placed(PlacementReason::IdleCpu)),
        ("placedLeastLoaded", placed(PlacementReason::LeastLoaded)),
        ("placedHere", placed(PlacementReason::CallerWinsTie)),
        ("placementFailures", &counters.placement_failures),
    ]
}

/// What else the kernel counts.
fn of_kernel(counters: &Counters) -> [(&'static str, &AtomicU64); 17] {
    [
        ("stealTries", &counters.steal_tries),
        ("steals", &counters.steals),
        ("ipisSent", &counters.ipis_sent),
        ("timerInterrupts", &counters.timer_interrupts),
        ("timerSlice", counters.horizons(HorizonReason::TurnEnd)),
        ("timerSleep", &counters.timer_sleep),
        ("timerBoth", &counters.timer_both),
        ("timerSpurious", &counters.timer_spurious),
        ("ticksIdle", &counters.ticks_idle),
        ("ticksAlone", &counters.ticks_alone),
        ("ticksShared", &counters.ticks_shared),
        ("idlesUntimed", &counters.idles_untimed),
        ("syscalls", &counters.syscalls),
        ("submissions", &counters.submissions),
        ("faults", &counters.faults),
        ("policyAdmissions", &counters.policy_admissions),
        ("policyDenials", &counters.policy_denials),
    ]
}
