//! What must be true once the machine has settled, and the runs that lead there.

use sched::check;
use sched::{Cpu, EnqueueReason, Entity, LatencyClass, ThreadId, Weight};
use shuttle::sync::Arc;
use shuttle::sync::atomic::Ordering::SeqCst;
use shuttle::thread;

use super::thread::Body;
use super::{Machine, Owned, script};
use crate::Mistake;

/// How large one machine is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// CPUs.
    pub cpus: u32,
    /// Threads, all started by CPU 0.
    pub threads: u64,
    /// The most steps of one thread.
    pub steps: usize,
}

/// Runs threads with random scripts until the machine has settled, and compares it with the rules.
pub fn settles(size: Size, mistake: Mistake) {
    let machine = Arc::new(Machine::new(size.cpus, size.threads, mistake));
    for thread in &machine.threads {
        let body = Body {
            thread: thread.clone(),
            script: script::draw(size.threads, size.steps),
            waits: false,
            listing: None,
            told: false,
        };
        let entity = Entity::new(thread.id, Weight::DEFAULT, LatencyClass::Normal, body);
        machine.place(&machine.cpus[0], entity, EnqueueReason::New);
    }
    let loops: Vec<_> = (0..size.cpus)
        .map(|cpu| {
            let machine = machine.clone();
            thread::spawn(move || machine.cpu_loop(cpu))
        })
        .collect();
    let running: Vec<Option<Owned>> = loops.into_iter().map(|cpu| cpu.join().unwrap()).collect();
    everything_is_as_it_should_be(&machine, &running);
}

fn everything_is_as_it_should_be(machine: &Machine, running: &[Option<Owned>]) {
    let cpus: Vec<Cpu<Body>> = machine.cpus.iter().map(taken_out).collect();
    for (cpu, running) in cpus.iter().zip(running) {
        let owned = running.as_ref().map(|entity| entity.id());
        assert_eq!(cpu.running().map(|running| running.id()), owned, "who runs here");
        assert_eq!(check::cpu_is_sound(cpu), Ok(()));
    }
    for cpu in &machine.cpus {
        assert!(
            cpu.candidate.lock().unwrap().is_none(),
            "a candidate was forgotten"
        );
    }
    let is_buried = |id: &ThreadId| machine.thread(*id).buried.load(SeqCst);
    let rests = |id: &ThreadId| machine.thread(*id).cell.lock().unwrap().is_resting();
    let all: Vec<ThreadId> = machine.threads.iter().map(|thread| thread.id).collect();
    let living: Vec<ThreadId> = all.iter().copied().filter(|id| !is_buried(id)).collect();
    let parked: Vec<ThreadId> = all.iter().copied().filter(rests).collect();
    assert_eq!(check::every_thread_is_in_one_place(&cpus, &parked), Ok(()));
    assert_eq!(check::no_thread_is_lost(&cpus, &parked, &living), Ok(()));
    let somewhere = |id: &ThreadId| check::no_thread_is_lost(&cpus, &parked, &[*id]).is_ok();
    for thread in &machine.threads {
        let id = thread.id;
        assert!(!(is_buried(&id) && somewhere(&id)), "something is left of {id}");
        // One that waits behind others dies when its turn comes, before it runs a single instruction.
        let waits = cpus
            .iter()
            .flat_map(Cpu::queued)
            .any(|waiting| waiting.id() == id);
        assert!(
            !thread.is_dying() || is_buried(&id) || waits,
            "{id} was to die and lives"
        );
        let mailbox = thread.mailbox.lock().unwrap();
        let missed = rests(&id) && (mailbox.letters > 0 || mailbox.listed.is_none());
        assert!(!missed, "{id} rests although it was woken");
    }
    let idle = cpus.iter().any(|cpu| cpu.load().idle());
    let waiting: u32 = cpus.iter().map(|cpu| cpu.load().waiting).sum();
    assert!(!idle || waiting == 0, "a CPU idles while a thread waits");
}

/// The CPU's state as it was left, for checks that want all of them.
fn taken_out(cpu: &super::CpuState) -> Cpu<Body> {
    let empty = Cpu::new(
        sched::CpuId(cpu.index),
        sched::Policy::default(),
        sched::Instant::BOOT,
    );
    core::mem::replace(&mut cpu.sched.lock().unwrap(), empty)
}
