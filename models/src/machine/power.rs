//! Interrupts and rest. A CPU rests when it idles, or when its thread would run for ever; an interrupt ends that. When
//! all rest and no interrupt is on its way, nothing will ever happen again: the machine has settled.

use shuttle::sync::{Condvar, Mutex};

/// What ends a CPU's rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A reschedule interrupt.
    Interrupted,
    /// The machine has settled.
    Settled,
}

struct State {
    /// Interrupts that were sent and have not arrived, by CPU.
    sent: Vec<bool>,
    resting: usize,
    settled: bool,
}

/// The interrupts of all CPUs.
pub struct Power {
    state: Mutex<State>,
    changed: Condvar,
}

impl Power {
    /// Nothing on its way.
    pub fn new(cpus: u32) -> Power {
        Power {
            state: Mutex::new(State {
                sent: vec![false; cpus as usize],
                resting: 0,
                settled: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Sends a reschedule interrupt.
    pub fn send(&self, to: u32) {
        self.state.lock().unwrap().sent[to as usize] = true;
        self.changed.notify_all();
    }

    /// Whether an interrupt has arrived here; it is taken.
    pub fn take(&self, cpu: u32) -> bool {
        core::mem::take(&mut self.state.lock().unwrap().sent[cpu as usize])
    }

    /// Waits for an interrupt.
    pub fn rest(&self, cpu: u32) -> Ended {
        let mut state = self.state.lock().unwrap();
        state.resting += 1;
        let ended = loop {
            if core::mem::take(&mut state.sent[cpu as usize]) {
                break Ended::Interrupted;
            }
            if state.resting == state.sent.len() && !state.sent.contains(&true) {
                state.settled = true;
                self.changed.notify_all();
            }
            if state.settled {
                break Ended::Settled;
            }
            state = self.changed.wait(state).unwrap();
        };
        state.resting -= usize::from(ended == Ended::Interrupted);
        ended
    }
}
