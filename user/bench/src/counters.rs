//! What Sundial's kernel has counted since boot, on all CPUs, as its monitor tells.

use rt::Error;
use rt::monitor::{List, Monitor};
use schema_gen::monitor::cpu_status;
use workloads::system::{Counters, TimerInterrupts};

use crate::system::Sundial;

type Cpus<'a> = List<'a, cpu_status::Owned>;

/// The sum of a counter over all CPUs.
fn sum(cpus: &Cpus<'_>, counter: impl Fn(cpu_status::Reader<'_>) -> u64) -> u64 {
    cpus.iter().map(counter).sum()
}

impl Counters for Sundial {
    fn timer_interrupts(&self) -> Result<TimerInterrupts, Error> {
        self.0.first::<Monitor>()?.cpus(|cpus| {
            Ok(TimerInterrupts {
                all: sum(&cpus, |cpu| cpu.get_timer_interrupts()),
                slice: sum(&cpus, |cpu| cpu.get_timer_slice()),
            })
        })
    }

    fn switches(&self) -> Result<u64, Error> {
        let monitor: Monitor = self.0.first()?;
        monitor.cpus(|cpus| Ok(sum(&cpus, |cpu| cpu.get_switches())))
    }

    fn counters(&self, each: &mut dyn FnMut(&str, u64)) -> Result<(), Error> {
        self.0.first::<Monitor>()?.cpus(|cpus| {
            each("switches", sum(&cpus, |cpu| cpu.get_switches()));
            each("preemptions", sum(&cpus, |cpu| cpu.get_preemptions()));
            each("voluntary-blocks", sum(&cpus, |cpu| cpu.get_voluntary_blocks()));
            each("migrations", sum(&cpus, |cpu| cpu.get_migrations_in()));
            each("steals", sum(&cpus, |cpu| cpu.get_steals()));
            each("handoffs", sum(&cpus, |cpu| cpu.get_handoffs()));
            each("remote-wakes", sum(&cpus, |cpu| cpu.get_remote_wakes()));
            each("timer-interrupts", sum(&cpus, |cpu| cpu.get_timer_interrupts()));
            each(
                "reschedule-ipis",
                sum(&cpus, |cpu| cpu.get_reschedule_ipis_received()),
            );
            each("shootdowns", sum(&cpus, |cpu| cpu.get_shootdowns_received()));
            each("syscalls", sum(&cpus, |cpu| cpu.get_syscalls()));
            each("submissions", sum(&cpus, |cpu| cpu.get_sqes()));
            Ok(())
        })
    }
}
