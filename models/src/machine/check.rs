//! What must be true once the machine has settled, and the runs that lead there.

use sched::check;
use sched::{Cpu, Entity, LatencyClass, ThreadId, Weight};
use shuttle::sync::Arc;
use shuttle::sync::atomic::Ordering::SeqCst;
use shuttle::thread;

use super::host::Here;
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
    /// Threads change each other's weights and say where others may run.
    pub changes: bool,
}

/// Runs threads with random scripts until the machine has settled, and compares it with the rules.
pub fn settles(size: Size, mistake: Mistake) {
    let machine = Arc::new(Machine::new(size.cpus, size.threads, mistake));
    for thread in &machine.threads {
        let body = Body {
            thread: thread.clone(),
            script: script::draw(&size),
            waits: false,
            listing: None,
            told: false,
        };
        let entity = Entity::new(thread.id, Weight::DEFAULT, LatencyClass::Normal, body);
        protocol::start(&mut Here::new(&machine, 0), entity);
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
        if let Some(weight) = weight_of(id, &cpus, machine) {
            let noted = thread.policy.lock().unwrap().0;
            assert_eq!(weight, noted, "{id} does not have the weight that was set last");
        }
        let mailbox = thread.mailbox.lock().unwrap();
        let missed = rests(&id) && (mailbox.letters > 0 || mailbox.listed.is_none());
        assert!(!missed, "{id} rests although it was woken");
    }
    for cpu in &cpus {
        let running = cpu.running().map(|running| running.id());
        for id in cpu.queued().map(Entity::id).chain(running) {
            let affinity = machine.thread(id).affinity.lock().unwrap();
            assert!(affinity.allows(cpu.id()), "{id} is where it may not run");
        }
        for thread in cpu.queued() {
            let noted = machine.thread(thread.id()).affinity.lock().unwrap();
            assert_eq!(
                *thread.affinity(),
                *noted,
                "{} does not know where it may run",
                thread.id()
            );
            let idles = |cpu: &Cpu<Body>| cpu.load().idle() && thread.affinity().allows(cpu.id());
            assert!(!cpus.iter().any(idles), "a CPU idles while a thread waits");
        }
    }
}

/// The weight that a thread has, wherever it is.
fn weight_of(id: ThreadId, cpus: &[Cpu<Body>], machine: &Machine) -> Option<Weight> {
    let running = cpus.iter().filter_map(Cpu::running);
    let running = running.map(|running| (running.id(), running.share().weight()));
    let queued = cpus.iter().flat_map(Cpu::queued);
    let mut all = running.chain(queued.map(|waiting| (waiting.id(), waiting.weight())));
    let found = all.find(|(other, _)| *other == id).map(|(_, weight)| weight);
    let mut cell = machine.thread(id).cell.lock().unwrap();
    found.or_else(|| cell.resting_mut().map(|resting| resting.weight()))
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
