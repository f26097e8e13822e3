//! Starting the other processors, one at a time: INIT, start-up IPI, and the first instructions of the
//! started CPU (smp/trampoline.s), which take it from real mode into the kernel's own page table. Before it
//! enters the kernel proper, the two CPUs compare their clocks (clock/warp.rs). Rule P2.
//!
//! Intel SDM volume 3, 8.4.4: the start-up protocol. Its fixed waits are upper bounds from the 1990s; here
//! the start-up IPI follows INIT after 10 us on anything that has x2APIC or is virtual, and waiting ends when
//! the CPU arrives, so that a machine with hundreds of CPUs starts quickly.

use core::arch::global_asm;
use core::mem::offset_of;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use crate::apic::{self, ApicId, local};
use crate::boot;
use crate::clock::{now_ns, spin_for, warp};
use crate::cpu::{self, PerCpu};
use crate::cpuid::features;
use crate::lock::Lock;
use crate::memory::{PAGE, direct_map, identity_map_low, kernel_map, unmap_low};
use crate::msr::{self, Msr};
use crate::registers;

/// The page that processors start in: below 1 MiB, as real mode demands. Memory there belongs to nobody: the
/// frame allocator leaves the first MiB alone.
const TRAMPOLINE_PAGE: u64 = 0x8000;
/// The page behind it holds what differs from start to start. Apart from the code, because an emulator looks
/// through the translations of all its processors whenever a page with code is written.
const PARAMETERS_PAGE: u64 = TRAMPOLINE_PAGE + PAGE;
const PARAMETERS: usize = (PARAMETERS_PAGE - TRAMPOLINE_PAGE) as usize;

const INIT_WAIT_OLD_NS: u64 = 10_000_000;
const INIT_WAIT_NS: u64 = 10_000;
/// How long to wait after each start-up IPI before it is repeated; a CPU that runs ignores the repetition.
/// The last wait is long because the host of a virtual machine may be busy with its other CPUs.
const ARRIVAL_WAITS_NS: [u64; 3] = [200_000, 20_000_000, 5_000_000_000];

const EFER_LONG_MODE_ACTIVE: u64 = 1 << 10;
const CODE_32: u64 = 0x00cf_9a00_0000_ffff;
const CODE_64: u64 = 0x00af_9a00_0000_ffff;
const DATA: u64 = 0x00cf_9200_0000_ffff;
const CODE_32_SELECTOR: u16 = 1 << 3;
const DATA_SELECTOR: u16 = 2 << 3;
const CODE_64_SELECTOR: u16 = 3 << 3;

// The state of the start that is under way. Exactly one side moves it from COMING.
const COMING: u32 = 0;
const ARRIVED: u32 = 1;
const GIVEN_UP: u32 = 2;
static STATE: AtomicU32 = AtomicU32::new(GIVEN_UP);
/// Held during a start; whether the code is in place.
static ONE_AT_A_TIME: Lock<bool> = Lock::new(false);
/// The area of the CPU that is being started.
static AREA: AtomicPtr<PerCpu> = AtomicPtr::new(core::ptr::null_mut());

/// Why a CPU was not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartError {
    /// Its APIC id cannot be addressed in the mode that is in use (xAPIC has 8-bit ids).
    Unreachable,
    /// The page table is above 4 GiB, where a CPU in 32-bit mode cannot load it.
    PageTableTooHigh,
    /// No RAM for its stacks.
    NoMemory,
    /// It did not answer within five seconds. It has been reset and stays off.
    NoAnswer,
}

/// How a start went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// From INIT to the CPU's first word, in nanoseconds.
    pub took_ns: u64,
    /// Clock ticks by which one of the two counters was behind; zero when they agree, `None` when the
    /// comparison broke off. If it is not zero the clock uses a shared maximum from now on.
    pub counter_behind: Option<u64>,
}

/// Far pointer of a 32-bit far jump.
#[repr(C)]
struct FarPointer {
    offset: u32,
    selector: u16,
    _padding: u16,
}

/// What the trampoline reads. Its offsets are handed to the assembly below.
#[repr(C, align(16))]
struct Parameters {
    gdt: [u64; 4],
    gdt_limit: u16,
    gdt_base_low: u16,
    gdt_base_high: u16,
    _padding: u16,
    far_protected: FarPointer,
    far_long: FarPointer,
    cr0: u64,
    cr3: u64,
    cr4: u64,
    efer: u64,
    stack_top: u64,
    entry: u64,
}

const _: () = assert!(size_of::<Parameters>() <= PAGE as usize);

global_asm!(
    include_str!("smp/trampoline.s"),
    parameters = const PARAMETERS,
    gdt_pointer = const offset_of!(Parameters, gdt_limit),
    far_protected = const offset_of!(Parameters, far_protected),
    far_long = const offset_of!(Parameters, far_long),
    data_selector = const DATA_SELECTOR,
    cr0 = const offset_of!(Parameters, cr0),
    cr3 = const offset_of!(Parameters, cr3),
    cr4 = const offset_of!(Parameters, cr4),
    efer = const offset_of!(Parameters, efer),
    stack_top = const offset_of!(Parameters, stack_top),
    entry = const offset_of!(Parameters, entry),
    options(att_syntax)
);

unsafe extern "C" {
    static sundial_ap_start: u8;
    static sundial_ap_protected: u8;
    static sundial_ap_long: u8;
    static sundial_ap_end: u8;
}

/// Starts a CPU under an index below `cpu::count()`. It enters the kernel (`boot::kernel_cpu_entry`) on a
/// stack of its own, with this CPU's control registers and the kernel's page table, its local APIC and timer
/// on. Returns as soon as it has arrived and the clocks are compared; what it does next, it reports itself.
///
/// # Errors
/// See [`StartError`]; the CPU is off then, and the index can be used for another.
///
/// # Panics
/// When the index is zero (the boot CPU) or out of range.
pub fn start(cpu_index: usize, apic_id: ApicId) -> Result<Started, StartError> {
    assert!(cpu_index != 0 && cpu_index < cpu::count());
    if !local::can_reach(apic_id) {
        return Err(StartError::Unreachable);
    }
    if kernel_map::root() >= 1 << 32 {
        return Err(StartError::PageTableTooHigh);
    }
    let mut is_code_in_place = ONE_AT_A_TIME.lock();
    let (area, stack_top) = cpu::new_area(cpu_index, apic_id.0).ok_or(StartError::NoMemory)?;
    AREA.store(area, Ordering::Relaxed);
    // SAFETY: the first MiB is kept from the frame allocator (boot/mod.rs), and no other start is under way (the
    // guard above), so no CPU runs in the two pages and nobody else uses them.
    unsafe {
        if !*is_code_in_place {
            write_code();
            *is_code_in_place = true;
        }
        write_parameters(stack_top);
    }
    warp::prepare();
    STATE.store(COMING, Ordering::Release);
    let pages = [TRAMPOLINE_PAGE, PARAMETERS_PAGE];
    pages.into_iter().for_each(identity_map_low);
    let started = wake(apic_id);
    pages.into_iter().for_each(unmap_low);
    started
}

fn wake(apic_id: ApicId) -> Result<Started, StartError> {
    let began = now_ns();
    local::send_init(apic_id);
    spin_for(if features().x2apic || features().hypervisor {
        INIT_WAIT_NS
    } else {
        INIT_WAIT_OLD_NS
    });
    for wait_ns in ARRIVAL_WAITS_NS {
        local::send_startup(apic_id, (TRAMPOLINE_PAGE / PAGE) as u8);
        let until = now_ns() + wait_ns;
        while now_ns() < until {
            if STATE.load(Ordering::Acquire) == ARRIVED {
                return Ok(Started {
                    took_ns: now_ns() - began,
                    counter_behind: warp::meet_started_cpu(),
                });
            }
            core::hint::spin_loop();
        }
    }
    match STATE.compare_exchange(COMING, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire) {
        // It came at the last moment.
        Err(_) => Ok(Started {
            took_ns: now_ns() - began,
            counter_behind: warp::meet_started_cpu(),
        }),
        Ok(_) => {
            // Back to waiting for a start-up that will not come: whatever it was doing in the trampoline or on
            // the stack (`arrived` sees GIVEN_UP and halts) ends here.
            local::send_init(apic_id);
            spin_for(INIT_WAIT_OLD_NS);
            Err(StartError::NoAnswer)
        }
    }
}

/// The first Rust code of a started CPU. Everything per-CPU is still missing until `enter_area`.
extern "C" fn arrived() -> ! {
    // Before ARRIVED is visible the starter is still waiting, so the area is the one that it stored for us.
    let area = AREA.load(Ordering::Relaxed);
    if STATE
        .compare_exchange(COMING, ARRIVED, Ordering::AcqRel, Ordering::Acquire)
        .is_err()
    {
        registers::halt_for_ever();
    }
    warp::meet_starting_cpu();
    // SAFETY: the area was made for this CPU alone and leaked (`cpu::new_area`), and a CPU comes here once.
    unsafe { cpu::enter_area(area) };
    apic::init_this_cpu();
    boot::kernel_cpu_entry()
}

/// # Safety
/// The trampoline page is RAM that nobody uses, and no CPU is running in it.
unsafe fn write_code() {
    let length = offset_in_code(&raw const sundial_ap_end);
    assert!(length <= PAGE as usize);
    // SAFETY: the page is mapped in the direct map and nobody else's (our caller), the code fits it (above),
    // and the labels bound bytes of this image's read-only data.
    unsafe {
        core::ptr::copy_nonoverlapping(&raw const sundial_ap_start, direct_map(TRAMPOLINE_PAGE), length)
    };
}

/// # Safety
/// The parameters page is RAM that nobody uses, and no CPU is being started.
unsafe fn write_parameters(stack_top: u64) {
    // SAFETY: every 64-bit CPU has EFER; reading it has no effect.
    let efer = unsafe { msr::read(Msr::EFER) };
    let gdt_base = PARAMETERS_PAGE as u32 + offset_of!(Parameters, gdt) as u32;
    let far = |label, selector| FarPointer {
        offset: TRAMPOLINE_PAGE as u32 + offset_in_code(label) as u32,
        selector,
        _padding: 0,
    };
    let parameters = Parameters {
        gdt: [0, CODE_32, DATA, CODE_64],
        gdt_limit: size_of::<[u64; 4]>() as u16 - 1,
        gdt_base_low: gdt_base as u16,
        gdt_base_high: (gdt_base >> 16) as u16,
        _padding: 0,
        far_protected: far(&raw const sundial_ap_protected, CODE_32_SELECTOR),
        far_long: far(&raw const sundial_ap_long, CODE_64_SELECTOR),
        cr0: registers::read_cr0(),
        cr3: kernel_map::root(),
        cr4: registers::read_cr4(),
        efer: efer & !EFER_LONG_MODE_ACTIVE,
        stack_top,
        entry: arrived as extern "C" fn() -> ! as usize as u64,
    };
    // SAFETY: the page is mapped in the direct map and nobody else's (our caller); the parameters fit it
    // (asserted at their definition) and a page's start is aligned for them.
    unsafe {
        direct_map(PARAMETERS_PAGE)
            .cast::<Parameters>()
            .write_volatile(parameters)
    };
}

fn offset_in_code(label: *const u8) -> usize {
    label as usize - &raw const sundial_ap_start as usize
}
