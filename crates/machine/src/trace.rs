//! The trace rings: one per CPU, written by that CPU alone, read by the host out of guest memory. The host
//! finds them through the symbol `SUNDIAL_TRACE_DIRECTORY` (layout in abi::trace). Off, and free of memory, unless the
//! kernel command line asks for it.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use abi::trace::{Directory, Event, RECORD_BYTES, Record, Ring};

use crate::memory::frames::Frame;
use crate::memory::{PAGE, phys_of_direct};
use crate::{clock, cpu};

/// The three words that the host looks for; all zero while tracing is off.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
#[used]
pub static SUNDIAL_TRACE_DIRECTORY: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// One CPU's descriptor as the host reads it: address, capacity, written.
type Descriptor = [AtomicU64; 3];

static RINGS: AtomicPtr<Descriptor> = AtomicPtr::new(core::ptr::null_mut());

/// Turns tracing on with a ring of about `kib` KiB per CPU; false when RAM does not suffice. Called once, when the CPUs
/// are counted.
pub fn enable(kib: usize) -> bool {
    let pages = (kib * 1024 / PAGE as usize).clamp(1, 1024).next_power_of_two();
    let mut rings: Vec<Descriptor> = Vec::new();
    for _ in 0..cpu::count() {
        let Some(frames) = Frame::contiguous(pages) else {
            return false;
        };
        let capacity = pages as u64 * PAGE / RECORD_BYTES as u64;
        let ring = Ring {
            address: frames[0].address(),
            capacity,
            written: 0,
        };
        core::mem::forget(frames);
        rings.push(ring.to_words().map(AtomicU64::new));
    }
    // A frame of its own: the host needs one physical address for the whole array.
    let bytes = rings.len() * size_of::<Descriptor>();
    let Some(home) = Frame::contiguous(bytes.div_ceil(PAGE as usize)) else {
        return false;
    };
    let base = home[0].pointer().cast::<Descriptor>();
    core::mem::forget(home);
    for (index, ring) in rings.into_iter().enumerate() {
        // SAFETY: `home` was just taken for this array, is large enough, and is never given back.
        unsafe { base.add(index).write(ring) };
    }
    let directory = Directory {
        cpus: cpu::count() as u32,
        rings: phys_of_direct(base.cast()),
    };
    let words = directory.to_words();
    RINGS.store(base, Ordering::Release);
    SUNDIAL_TRACE_DIRECTORY[2].store(words[2], Ordering::Relaxed);
    SUNDIAL_TRACE_DIRECTORY[1].store(words[1], Ordering::Relaxed);
    SUNDIAL_TRACE_DIRECTORY[0].store(words[0], Ordering::Release);
    true
}

/// Whether events are kept.
#[inline]
pub fn is_on() -> bool {
    !RINGS.load(Ordering::Relaxed).is_null()
}

/// Keeps an event, stamped with this CPU and the time now.
#[inline]
pub fn record(event: Event) {
    let rings = RINGS.load(Ordering::Acquire);
    if !rings.is_null() {
        keep(rings, clock::now_ns(), event);
    }
}

/// As [`record`], with the time the caller has read already.
#[inline]
pub fn record_at(at_ns: u64, event: Event) {
    let rings = RINGS.load(Ordering::Acquire);
    if !rings.is_null() {
        keep(rings, at_ns, event);
    }
}

/// The event goes to [`write`] as words: it is put together only where one is kept, which it would be in any case if its address
/// were handed on.
#[inline(always)]
fn keep(rings: *const Descriptor, at_ns: u64, event: Event) {
    let [at_ns, head, second, third] = Record::of(at_ns, 0, event).to_words();
    write(rings, at_ns, head, second, third);
}

/// Writes the record of these words, and of this CPU.
#[cold]
#[inline(never)]
fn write(rings: *const Descriptor, at_ns: u64, head: u64, second: u64, third: u64) {
    let index = cpu::index();
    // SAFETY: the array has one descriptor per CPU and lives for ever (`enable`).
    let [address, capacity, written] = unsafe { &*rings.add(index) };
    let number = written.load(Ordering::Relaxed);
    let slot = number % capacity.load(Ordering::Relaxed);
    let place = crate::memory::direct_map(address.load(Ordering::Relaxed) + slot * RECORD_BYTES as u64);
    let mut record = Record::from_words([at_ns, head, second, third]);
    record.cpu = index as u16;
    let words = record.to_words();
    // SAFETY: the slot lies in this CPU's ring, which only this CPU writes; the host reads whenever it likes.
    unsafe { place.cast::<[u64; 4]>().write_volatile(words) };
    written.store(number + 1, Ordering::Release);
}
