//! What the shell knows of the machine: plain copies of what the monitor tells.

use alloc::string::String;
use alloc::vec::Vec;

use abi::scheduling::{Fairness, Policy};
use rt::Error;
use rt::monitor::Monitor;
use rt::policy::LatencyClass;
use schema_gen::monitor::{ProcessState, ThreadState};

use crate::stat::{Counted, Value};

pub mod contexts;

/// The machine as a whole.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// The monotonic clock when this was taken, in nanoseconds.
    pub now_ns: u64,
    /// Memory in pages: all and free.
    pub frames: (u64, u64),
    /// Live processes.
    pub processes: u32,
    /// Live threads.
    pub threads: u32,
    /// In which order waiting threads are served, and what shares CPU time by weight first.
    pub policy: (&'static str, &'static str),
}

/// One CPU. Counters grow from boot on.
#[derive(Clone, Debug, Default)]
pub struct Cpu {
    /// Its number.
    pub cpu: u32,
    /// Its APIC id.
    pub apic: u32,
    /// Where it sits: package, core, hardware thread.
    pub place: (u32, u32, u32),
    /// Whether it runs.
    pub online: bool,
    /// Nanoseconds idle and busy.
    pub idle_ns: u64,
    /// Nanoseconds busy.
    pub busy_ns: u64,
    /// Switches from one thread to another.
    pub switches: u64,
    /// Threads that were made to go.
    pub preemptions: u64,
    /// Threads that came from another CPU's queue.
    pub migrations: u64,
    /// Those of them that this CPU took by itself.
    pub steals: u64,
    /// Threads that left this CPU's queue for another CPU's: taken by it, or given to it.
    pub given: u64,
    /// System calls.
    pub calls: u64,
    /// Timer interrupts.
    pub ticks: u64,
    /// Requests from other CPUs to look at the queue, received.
    pub reschedules: u64,
    /// Such requests that needed no interrupt because one was on its way.
    pub saved: u64,
    /// Requests from other CPUs to forget translations, received.
    pub shootdowns: u64,
    /// Threads that wait for it.
    pub queue: u32,
    /// Who runs: process and thread; (0, 0) when idle.
    pub current: (u32, u32),
}

/// One process.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Who started it.
    pub parent: u32,
    /// Its name.
    pub name: String,
    /// None while it runs, else its exit code and the reason.
    pub ended: Option<(i64, String)>,
    /// Live threads.
    pub threads: u32,
    /// Capabilities held.
    pub caps: u32,
    /// Memory in pages.
    pub pages: u64,
    /// Time on CPUs, in nanoseconds.
    pub runtime_ns: u64,
    /// Times a thread of it left a CPU.
    pub switches: u64,
}

/// One thread.
#[derive(Clone, Debug, Default)]
pub struct Thread {
    /// Process and thread.
    pub id: (u32, u32),
    /// Its process's name.
    pub name: String,
    /// What it does: running, ready, waiting, ended.
    pub state: &'static str,
    /// Where it runs, or ran last.
    pub cpu: u32,
    /// Its weight.
    pub weight: u16,
    /// Its class.
    pub class: &'static str,
    /// Time on CPUs, in nanoseconds.
    pub runtime_ns: u64,
    /// Times it got a CPU.
    pub switches: u64,
    /// Times it was made to go.
    pub preemptions: u64,
    /// Times it went to another CPU.
    pub migrations: u64,
    /// Time it could have run but did not, in nanoseconds.
    pub waiting_ns: u64,
}

/// Takes a look at the machine.
pub fn machine(monitor: &Monitor) -> Result<Machine, Error> {
    monitor.system(|info| {
        Ok(Machine {
            now_ns: info.get_monotonic_ns(),
            frames: (info.get_frames_total(), info.get_frames_free()),
            processes: info.get_process_count(),
            threads: info.get_thread_count(),
            policy: (
                Policy::from_number(info.get_scheduler()? as u16)
                    .unwrap_or_default()
                    .name(),
                Fairness::from_number(info.get_fairness()? as u16)
                    .unwrap_or_default()
                    .name(),
            ),
        })
    })
}

/// Takes a look at the CPUs.
pub fn cpus(monitor: &Monitor) -> Result<Vec<Cpu>, Error> {
    let mut cpus = statuses(monitor)?;
    for cpu in &mut cpus {
        let counted = counters(monitor, cpu.cpu)?;
        cpu.given = counted.get("stolenFrom") + counted.get("givenAway");
        cpu.saved = counted.get("ipisSaved");
    }
    Ok(cpus)
}

/// Reads every counter of one CPU.
pub fn counters(monitor: &Monitor, cpu: u32) -> Result<Counted, Error> {
    let counted = monitor.counters(cpu, |at_ns, list| {
        let values: Result<Vec<Value>, _> = list
            .iter()
            .map(|counter| {
                Ok(Value {
                    name: counter.get_name()?.to_string()?,
                    value: counter.get_value(),
                    is_level: counter.get_is_level(),
                })
            })
            .collect();
        values.map(|values| Counted { cpu, at_ns, values })
    })?;
    Ok(counted.with_suppressed_ticks())
}

/// Reads every counter of every CPU, or of one.
pub fn all_counters(monitor: &Monitor, only: Option<u32>) -> Result<Vec<Counted>, Error> {
    let count = monitor.system(|info| Ok(info.get_cpu_count()))?;
    let cpus = only.map_or(0..count, |cpu| cpu..cpu + 1);
    cpus.map(|cpu| counters(monitor, cpu)).collect()
}

fn statuses(monitor: &Monitor) -> Result<Vec<Cpu>, Error> {
    monitor.cpus(|list| {
        Ok(list
            .iter()
            .map(|cpu| Cpu {
                cpu: cpu.get_cpu(),
                apic: cpu.get_apic_id(),
                place: (cpu.get_package(), cpu.get_core(), cpu.get_thread()),
                online: cpu.get_online(),
                idle_ns: cpu.get_idle_ns(),
                busy_ns: cpu.get_busy_ns(),
                switches: cpu.get_switches(),
                preemptions: cpu.get_preemptions(),
                migrations: cpu.get_migrations_in(),
                steals: cpu.get_steals(),
                calls: cpu.get_syscalls(),
                ticks: cpu.get_timer_interrupts(),
                reschedules: cpu.get_reschedule_ipis_received(),
                shootdowns: cpu.get_shootdowns_received(),
                queue: cpu.get_queue_depth(),
                current: (
                    (cpu.get_current_thread() >> 32) as u32,
                    cpu.get_current_thread() as u32,
                ),
                ..Cpu::default()
            })
            .collect())
    })
}

/// Takes a look at the processes.
pub fn processes(monitor: &Monitor) -> Result<Vec<Process>, Error> {
    monitor.processes(|list| {
        list.iter()
            .map(|process| {
                let ended = match process.get_state()? {
                    ProcessState::Exited => {
                        Some((process.get_exit_code(), process.get_exit_reason()?.to_string()?))
                    }
                    ProcessState::Running | ProcessState::Exiting => None,
                };
                Ok(Process {
                    pid: process.get_pid(),
                    parent: process.get_parent_pid(),
                    name: process.get_name()?.to_string()?,
                    ended,
                    threads: process.get_threads(),
                    caps: process.get_caps(),
                    pages: process.get_resident_pages(),
                    runtime_ns: process.get_runtime_ns(),
                    switches: process.get_switches(),
                })
            })
            .collect()
    })
}

/// Takes a look at the threads of one process, or of all (0).
pub fn threads(monitor: &Monitor, pid: u32) -> Result<Vec<Thread>, Error> {
    monitor.threads(pid, |list| {
        list.iter()
            .map(|thread| {
                Ok(Thread {
                    id: (thread.get_pid(), thread.get_tid()),
                    name: thread.get_name()?.to_string()?,
                    state: match thread.get_state()? {
                        ThreadState::Running => "running",
                        ThreadState::Ready => "ready",
                        ThreadState::Blocked => "waiting",
                        ThreadState::Exited => "ended",
                    },
                    cpu: thread.get_cpu(),
                    weight: thread.get_weight(),
                    class: LatencyClass::from_number(thread.get_class()? as u16)
                        .map_or("?", LatencyClass::name),
                    runtime_ns: thread.get_runtime_ns(),
                    switches: thread.get_switches(),
                    preemptions: thread.get_preemptions(),
                    migrations: thread.get_migrations(),
                    waiting_ns: thread.get_waiting_ns(),
                })
            })
            .collect()
    })
}
