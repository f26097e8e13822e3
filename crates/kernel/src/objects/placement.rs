//! ThreadPlacement: on which CPUs one thread runs. It grants that and nothing else: no weight, no time, no quiet. A change
//! takes effect at once, wherever the thread is: parked, queued, running, or on its way. Rule B5.

use protocol::Reached;
use sched::{Affinity, CpuId, CpuMask, MaskError};
use schema_gen::monitor::PlacementResult;
use schema_gen::monitor::thread_placement::{cpus_results, set_cpus_params};

use crate::call::{Answer, Call, Reply, overloaded, unimplemented};
use crate::process::thread::Thread;
use crate::run::cpus;
use crate::run::host::Host;
use crate::wire;

/// Bytes of an answer besides the set of CPUs.
const ANSWER_BYTES: usize = 32;

pub(super) fn call(call: &Call<'_, '_>, thread: &Thread) -> Answer {
    match call.method {
        0 => set(call, thread),
        1 => show(call, thread),
        _ => Err(unimplemented()),
    }
}

fn set(call: &Call<'_, '_>, thread: &Thread) -> Answer {
    let words = call.params()?;
    let message = words.message()?;
    let wish = message.get_root::<set_cpus_params::Reader<'_>>()?.get_cpus()?;
    call.require_room(ANSWER_BYTES)?;
    // One for the thread itself and one for its record.
    let (count, started) = (cpus::all().len() as u32, cpus::has_started);
    let both = read(wish, count, started).and_then(|affinity| Ok((affinity, read(wish, count, started)?)));
    let (affinity, noted) = match both {
        Ok(both) => both,
        Err(MaskError::NoMemory) => return Err(overloaded("not enough memory")),
        Err(MaskError::Empty) => return Ok(answer(PlacementResult::EmptySet, CpuId(0))),
        Err(MaskError::NotCanonical) => return Ok(answer(PlacementResult::NotCanonical, CpuId(0))),
        Err(MaskError::UnknownCpu(cpu)) => return Ok(answer(PlacementResult::UnknownCpu, cpu)),
        Err(MaskError::NotStarted(cpu)) => return Ok(answer(PlacementResult::NotStarted, cpu)),
    };
    let reached = protocol::restrict(&mut Host(call.caller.cpu), thread.task(), affinity, noted);
    Ok(match reached {
        Reached::Done => answer(PlacementResult::Ok, CpuId(0)),
        Reached::Dying | Reached::OnItsWay => answer(PlacementResult::ThreadEnded, CpuId(0)),
    })
}

/// Where a thread may run that may run on these of `count` CPUs. What names all of them is no restriction, and one CPU is a
/// simpler question for placement than a set. At least one has to have `started`: on the others nothing ever runs.
pub(super) fn read(wish: &[u8], count: u32, started: impl Fn(CpuId) -> bool) -> Result<Affinity, MaskError> {
    let mask = CpuMask::parse(wish, count)?;
    let first = mask.iter().next().ok_or(MaskError::Empty)?;
    if !mask.iter().any(started) {
        return Err(MaskError::NotStarted(first));
    }
    Ok(match mask.len() {
        all if all == count => Affinity::Any,
        1 => Affinity::One(first),
        _ => Affinity::Mask(mask),
    })
}

fn answer(result: PlacementResult, cpu: CpuId) -> Reply {
    Reply::Message(wire::data_struct(&[result as u64 | u64::from(cpu.0) << 32]))
}

fn show(call: &Call<'_, '_>, thread: &Thread) -> Answer {
    call.require_room(ANSWER_BYTES + cpus::all().len().div_ceil(8))?;
    let mut message = wire::builder();
    let root = message.init_root::<cpus_results::Builder<'_>>();
    {
        let affinity = thread.task().affinity.lock();
        let allowed = |cpu: &usize| affinity.allows(CpuId(*cpu as u32));
        let last = (0..cpus::all().len()).rfind(allowed).unwrap_or(0);
        let bytes = root.init_cpus(last as u32 / 8 + 1);
        for cpu in (0..=last).filter(allowed) {
            bytes[cpu / 8] |= 1 << (cpu % 8);
        }
    }
    Ok(Reply::Message(wire::finish(message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b5_a_thread_has_to_be_able_to_run_somewhere() {
        // Of four CPUs the third and the fourth have not started.
        let read = |wish: &[u8]| read(wish, 4, |cpu| cpu.0 < 2);
        assert_eq!(read(&[]), Err(MaskError::Empty));
        assert_eq!(read(&[1, 0]), Err(MaskError::NotCanonical));
        assert_eq!(read(&[0b1_0001]), Err(MaskError::UnknownCpu(CpuId(4))));
        assert_eq!(read(&[0b1000]), Err(MaskError::NotStarted(CpuId(3))));
        assert_eq!(read(&[0b1100]), Err(MaskError::NotStarted(CpuId(2))));
        assert_eq!(read(&[0b1111]), Ok(Affinity::Any));
        assert_eq!(read(&[0b0010]), Ok(Affinity::One(CpuId(1))));
        let mixed = CpuMask::from_iter([CpuId(1), CpuId(2)]);
        assert_eq!(read(&[0b0110]), Ok(Affinity::Mask(mixed)));
    }
}
