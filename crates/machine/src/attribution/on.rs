//! Attribution in a kernel that was built to be measured: each CPU has one table of fixed size, which it alone writes, with
//! plain loads and stores. Nothing is allocated, and no two CPUs write one cache line, so measuring adds instructions to what is
//! measured but no contention. Times are ticks of the time-stamp counter.

use core::arch::x86_64::_rdtsc;
use core::fmt;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use super::Site;
use crate::cpu;
use crate::traps::vector;

/// Whether this kernel was built to be measured.
pub const IS_ON: bool = true;

/// Places of user programs that a CPU can tell apart.
const PLACES: usize = 256;
/// How far from its first choice a place is looked for.
const REACH: usize = 8;
/// Instructions this close together, as a power of two, are one place.
const PLACE_BITS: u32 = 4;
/// Where the process's number begins in a place's key: above the bits of a user address.
const PROCESS_SHIFT: u32 = 44;

/// A lock's part: its site, and when it was taken.
pub(crate) struct Probe {
    site: Site,
    taken_at: AtomicU64,
}

/// An attempt to take a lock: since when it has been in vain.
pub(crate) struct Wait(Option<u64>);

/// What happened to the locks of one site on one CPU.
struct Row {
    taken: AtomicU64,
    contended: AtomicU64,
    wait: AtomicU64,
    wait_max: AtomicU64,
    hold: AtomicU64,
    hold_max: AtomicU64,
}

impl Row {
    const fn new() -> Row {
        Row {
            taken: AtomicU64::new(0),
            contended: AtomicU64::new(0),
            wait: AtomicU64::new(0),
            wait_max: AtomicU64::new(0),
            hold: AtomicU64::new(0),
            hold_max: AtomicU64::new(0),
        }
    }
}

/// A place in a user program, and how often the timer found it running. A key of 0 is free.
struct Place {
    key: AtomicU64,
    samples: AtomicU64,
}

impl Place {
    const fn new() -> Place {
        Place {
            key: AtomicU64::new(0),
            samples: AtomicU64::new(0),
        }
    }
}

/// A CPU's part.
#[repr(align(64))]
pub(crate) struct Table {
    locks: [Row; Site::ALL.len()],
    serial_bytes: AtomicU64,
    places: [Place; PLACES],
    /// Samples for which no place was free.
    lost: AtomicU64,
}

fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and the kernel may use it.
    unsafe { _rdtsc() }
}

/// This CPU's table, if it has one yet.
fn table() -> Option<&'static Table> {
    cpu::is_ready().then(|| &cpu::this().attribution)
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed) + amount, Relaxed);
}

fn raise(most: &AtomicU64, value: u64) {
    if value > most.load(Relaxed) {
        most.store(value, Relaxed);
    }
}

impl Probe {
    pub(crate) const fn at(site: Site) -> Probe {
        Probe {
            site,
            taken_at: AtomicU64::new(0),
        }
    }

    /// This CPU has the lock now.
    pub(crate) fn taken(&self, wait: Wait) {
        let now = ticks();
        self.taken_at.store(now, Relaxed);
        let Some(table) = table() else { return };
        let row = &table.locks[self.site as usize];
        add(&row.taken, 1);
        if let Some(since) = wait.0 {
            let waited = now.saturating_sub(since);
            add(&row.contended, 1);
            add(&row.wait, waited);
            raise(&row.wait_max, waited);
        }
    }

    /// This CPU is about to release the lock.
    pub(crate) fn released(&self) {
        let held = ticks().saturating_sub(self.taken_at.load(Relaxed));
        let Some(table) = table() else { return };
        let row = &table.locks[self.site as usize];
        add(&row.hold, held);
        raise(&row.hold_max, held);
    }
}

impl Wait {
    pub(crate) const fn none() -> Wait {
        Wait(None)
    }

    /// The lock is somebody else's.
    pub(crate) fn goes_on(&mut self) {
        self.0.get_or_insert_with(ticks);
    }
}

impl Table {
    pub(crate) const fn new() -> Table {
        Table {
            locks: [const { Row::new() }; Site::ALL.len()],
            serial_bytes: AtomicU64::new(0),
            places: [const { Place::new() }; PLACES],
            lost: AtomicU64::new(0),
        }
    }

    /// Counts that the timer found this place of a user program running.
    fn sample(&self, process: u64, instruction: u64) {
        let key = process << PROCESS_SHIFT | instruction >> PLACE_BITS;
        // Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, 6.4).
        let first = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize;
        for step in 0..REACH {
            let place = &self.places[(first + step) % PLACES];
            let found = place.key.load(Relaxed);
            if found == 0 || found == key {
                place.key.store(key, Relaxed);
                return add(&place.samples, 1);
            }
        }
        add(&self.lost, 1);
    }
}

/// So many bytes went to a serial line.
pub(crate) fn serial(bytes: usize) {
    if let Some(table) = table() {
        add(&table.serial_bytes, bytes as u64);
    }
}

/// An interrupt came in user mode, at this instruction.
pub(crate) fn interrupted(vector: u8, instruction: u64) {
    if vector == vector::TIMER {
        let this = cpu::this();
        this.attribution.sample(this.note.get() >> 32, instruction);
    }
}

/// Writes the tables of all CPUs, a line for each row that is not zero.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl fmt::Write) -> fmt::Result {
    for index in 0..cpu::count() {
        let Some(cpu) = cpu::get(index) else { continue };
        let table = &cpu.attribution;
        for (site, row) in Site::ALL.iter().zip(&table.locks) {
            let counters = [
                &row.taken,
                &row.contended,
                &row.wait,
                &row.wait_max,
                &row.hold,
                &row.hold_max,
            ];
            let [taken, contended, wait, wait_max, hold, hold_max] =
                counters.map(|counter| counter.load(Relaxed));
            if taken > 0 {
                writeln!(
                    out,
                    "@attribution lock {index} {} {taken} {contended} {wait} {wait_max} {hold} {hold_max}",
                    site.name()
                )?;
            }
        }
        let bytes = table.serial_bytes.load(Relaxed);
        writeln!(out, "@attribution count {index} serialBytes {bytes}")?;
        for place in &table.places {
            let (key, samples) = (place.key.load(Relaxed), place.samples.load(Relaxed));
            if samples > 0 {
                let process = key >> PROCESS_SHIFT;
                let address = (key & ((1 << PROCESS_SHIFT) - 1)) << PLACE_BITS;
                writeln!(out, "@attribution place {index} {process} {address:#x} {samples}")?;
            }
        }
        let lost = table.lost.load(Relaxed);
        writeln!(out, "@attribution count {index} samplesLost {lost}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_samples_close_together_are_one_place_and_none_is_forgotten() {
        let table = Table::new();
        for instruction in 0..64 {
            table.sample(1, 0x40_0000 + instruction);
        }
        let kept = table
            .places
            .iter()
            .filter(|place| place.samples.load(Relaxed) == 16);
        assert_eq!(kept.count(), 4);
        for place in 0..10_000 {
            table.sample(2, place << PLACE_BITS);
        }
        let kept: u64 = table.places.iter().map(|place| place.samples.load(Relaxed)).sum();
        assert_eq!(kept + table.lost.load(Relaxed), 10_064);
    }
}
