//! Interrupts: those that every CPU gets, and those of devices, whose handlers are installed at boot.

use core::sync::atomic::Ordering::Relaxed;

use abi::trace::Event;
use machine::{BootCell, cpu, trace, vector};

use super::cpus::CpuState;
use super::timer;
use super::wake::now;

/// What is done when an interrupt with this vector comes.
pub type Handler = (u8, fn());

static DEVICES: BootCell<&[Handler]> = BootCell::new("run::interrupts::DEVICES");

/// Installs the handlers of devices. Called once, before any CPU is in its loop.
pub fn init(devices: &'static [Handler]) {
    DEVICES.set(devices);
}

/// Handles the interrupts that were noted; whether there were any.
pub fn handle_pending(cpu: &CpuState) -> bool {
    let mut any = false;
    while let Some(vector) = cpu::take_pending() {
        handle(cpu, vector);
        any = true;
    }
    any
}

/// Handles an interrupt; what it changes for the running task is noted in `reschedule`.
#[inline]
pub fn handle(cpu: &CpuState, vector: u8) {
    match vector {
        vector::TIMER => timer::fired(cpu, now()),
        vector::RESCHEDULE => {
            trace::record(Event::IpiReceived {
                purpose: u64::from(vector),
            });
            cpu.sched.lock().acknowledge_reschedule();
            cpu.reschedule.store(true, Relaxed);
        }
        _ => of_device(vector),
    }
}

#[cold]
fn of_device(vector: u8) {
    let handler = DEVICES.get().iter().find(|(served, _)| *served == vector);
    if let Some((_, serve)) = handler {
        serve();
    }
}
