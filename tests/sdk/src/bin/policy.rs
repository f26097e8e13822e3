//! SchedulingPolicyCap: weights and classes that take, values that are refused and never clamped, and counters that
//! only ever grow, and only while the thread runs.

#![no_std]
#![no_main]

use capos::{LatencyClass, SchedulingPolicyClient, SchedulingPolicySnapshot, TimerClient, capos_capnp};
use sdk_check::prelude::*;
use sdk_check::wire;

fn main(runtime: Runtime) -> i64 {
    run(
        "policy",
        runtime,
        &[
            ("a thread starts with weight 64 and class normal", defaults),
            ("every weight from 1 to 1024 takes", weights),
            ("other weights are refused and change nothing", bad_weights),
            ("all four classes take, others are refused", classes),
            ("running time is charged while running", runtime_grows),
            ("a sleeping thread is not charged, and has blocked", sleep_is_free),
            ("virtual runtime advances by 64 / weight", virtual_runtime),
            ("void answers are messages, unknown methods are refused", shapes),
        ],
    )
}

fn policy(bench: &Bench<'_>) -> Outcome<SchedulingPolicyClient> {
    bench.client("policy")
}

fn snapshot(bench: &mut Bench<'_>) -> Outcome<SchedulingPolicySnapshot> {
    Ok(policy(bench)?.snapshot_wait(&mut bench.ring, FOREVER)?)
}

fn set_weight(bench: &mut Bench<'_>, weight: u16) -> Result<(), ClientError> {
    let Ok(mut policy) = policy(bench) else {
        return Err(ClientError::BrokenCapability);
    };
    policy.set_weight_wait(&mut bench.ring, weight, FOREVER)
}

fn now(bench: &mut Bench<'_>) -> Outcome<u64> {
    let mut timer: TimerClient = bench.client("timer")?;
    Ok(timer.now_wait(&mut bench.ring, FOREVER)?.monotonic_ns)
}

/// Uses the processor until `duration` nanoseconds have passed.
fn work(bench: &mut Bench<'_>, duration: u64) -> Outcome {
    let end = now(bench)? + duration;
    while now(bench)? < end {
        for _ in 0..2000 {
            core::hint::spin_loop();
        }
    }
    Ok(())
}

fn grew(before: &SchedulingPolicySnapshot, after: &SchedulingPolicySnapshot) -> Outcome {
    ensure!(
        after.runtime_ns >= before.runtime_ns
            && after.virtual_runtime_ns >= before.virtual_runtime_ns
            && after.voluntary_blocks >= before.voluntary_blocks
            && after.preemptions >= before.preemptions
            && after.runnable_accumulated_ns >= before.runnable_accumulated_ns,
        "a counter went back: {before:?}, then {after:?}"
    );
    Ok(())
}

fn defaults(bench: &mut Bench<'_>) -> Outcome {
    let seen = snapshot(bench)?;
    same!(seen.weight, 64, "weight");
    same!(seen.class, LatencyClass::Normal, "class");
    Ok(())
}

fn weights(bench: &mut Bench<'_>) -> Outcome {
    for weight in (1..=1024).step_by(31).chain([1, 2, 1023, 1024, 64]) {
        set_weight(bench, weight)?;
        same!(snapshot(bench)?.weight, weight, "weight");
    }
    Ok(())
}

fn bad_weights(bench: &mut Bench<'_>) -> Outcome {
    set_weight(bench, 100)?;
    for weight in [0, 1025, 2048, u16::MAX] {
        refused(
            set_weight(bench, weight),
            ExceptionType::InvalidArgument,
            "weight",
        )?;
        same!(snapshot(bench)?.weight, 100, "weight after {weight} was refused");
    }
    set_weight(bench, 64)?;
    Ok(())
}

fn classes(bench: &mut Bench<'_>) -> Outcome {
    let mut client = policy(bench)?;
    for class in [
        LatencyClass::Interactive,
        LatencyClass::Batch,
        LatencyClass::IpcServer,
        LatencyClass::Normal,
    ] {
        client.set_latency_class_wait(&mut bench.ring, class, FOREVER)?;
        same!(snapshot(bench)?.class, class, "class");
    }
    for ordinal in [4u8, 255] {
        // An ordinal that the published client cannot express: patched into the encoded enum.
        let mut params = Vec::from(wire::encode::<
            capos_capnp::scheduling_policy_cap::set_latency_class_params::Owned,
        >(|mut params| {
            params.set_class(capos_capnp::LatencyClass::Batch)
        }));
        params[16] = ordinal;
        bench.exception(bench.cap("policy")?, 1, &params, ExceptionType::InvalidArgument)?;
        same!(
            snapshot(bench)?.class,
            LatencyClass::Normal,
            "class after {ordinal} was refused"
        );
    }
    Ok(())
}

fn runtime_grows(bench: &mut Bench<'_>) -> Outcome {
    let before = snapshot(bench)?;
    work(bench, 20 * MILLISECOND)?;
    let after = snapshot(bench)?;
    grew(&before, &after)?;
    let ran = after.runtime_ns - before.runtime_ns;
    let waited = after.runnable_accumulated_ns - before.runnable_accumulated_ns;
    ensure!(
        ran + waited >= 19 * MILLISECOND,
        "ran {ran} ns and waited {waited} ns of 20 ms"
    );
    ensure!(ran > 0, "not charged at all");
    Ok(())
}

fn sleep_is_free(bench: &mut Bench<'_>) -> Outcome {
    let before = snapshot(bench)?;
    let mut timer: TimerClient = bench.client("timer")?;
    let (start, mut slept) = (now(bench)?, 0);
    for _ in 0..5 {
        timer.sleep_wait(&mut bench.ring, 20 * MILLISECOND, FOREVER)?;
        slept += 20 * MILLISECOND;
    }
    let (passed, after) = (now(bench)? - start, snapshot(bench)?);
    grew(&before, &after)?;
    let ran = after.runtime_ns - before.runtime_ns;
    ensure!(
        ran <= passed - slept + MILLISECOND,
        "charged {ran} ns although {slept} of {passed} ns were sleep"
    );
    let blocks = after.voluntary_blocks - before.voluntary_blocks;
    ensure!(
        (5..=40).contains(&blocks),
        "{blocks} voluntary blocks for five sleeps"
    );
    Ok(())
}

fn virtual_runtime(bench: &mut Bench<'_>) -> Outcome {
    for weight in [64u16, 128, 16, 1024, 1] {
        set_weight(bench, weight)?;
        let before = snapshot(bench)?;
        work(bench, 15 * MILLISECOND)?;
        let after = snapshot(bench)?;
        grew(&before, &after)?;
        let real = after.runtime_ns - before.runtime_ns;
        let advanced = after.virtual_runtime_ns - before.virtual_runtime_ns;
        let expected = real * 64 / u64::from(weight);
        ensure!(
            advanced.abs_diff(expected) <= expected / 20 + 1000,
            "weight {weight}: {real} ns advanced virtual runtime by {advanced}, not {expected}"
        );
    }
    set_weight(bench, 64)?;
    Ok(())
}

fn shapes(bench: &mut Bench<'_>) -> Outcome {
    let policy = bench.cap("policy")?;
    let params =
        wire::encode::<capos_capnp::scheduling_policy_cap::set_weight_params::Owned>(|mut params| {
            params.set_weight(64)
        });
    same!(
        bench.answer(policy, 0, &params, 512)?.cqe().result,
        16,
        "bytes of a void answer"
    );
    same!(
        bench.call(policy, 0, &params, 8)?.cqe().result,
        -3,
        "a void answer without room"
    );
    bench.exception(policy, 3, wire::NOTHING, ExceptionType::Unimplemented)?;
    bench.exception(policy, 0, &[], ExceptionType::InvalidArgument)
}

capos::entry_point!(main);
