//! This CPU: the area that GS points to whenever the kernel runs (rule P3), which address space is loaded, idling, and
//! the list of all CPUs. The first fields are read by assembly (traps/entry.rs, user.rs); the offsets are checked below.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::arch::asm;
use core::cell::{Cell, RefCell};
use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use crate::memory::address_space::AddressSpace;
use crate::memory::tlb::Mailbox;
use crate::memory::{kernel_map, tlb};
use crate::traps::tables::Tables;
use crate::{apic, attribution, control, machine_check, registers};

/// Pages of a CPU's kernel stack. The kernel never blocks in the middle of anything, so there is one per CPU.
const STACK_PAGES: u64 = 8;

/// One CPU's area. Only its own CPU touches the cells; others see the atomics.
#[repr(C)]
pub(crate) struct PerCpu {
    /// Its own address: `mov rax, gs:[0]` finds it.
    this: *const PerCpu,
    /// The user context to save into on the way in (user.rs).
    pub(crate) context: Cell<u64>,
    /// The kernel stack pointer to continue on (user.rs).
    pub(crate) kernel_stack: Cell<u64>,
    /// The user's stack pointer for the two instructions before it is saved.
    scratch: Cell<u64>,
    /// Position in the list of CPUs: the CPU id, one load away.
    index: Cell<u32>,
    /// 1 if SMAP is on: the kernel must open a window to touch user pages.
    pub(crate) smap: Cell<u32>,
    pub(crate) apic_id: Cell<u32>,
    allocation_forbidden: Cell<i32>,
    /// Allocations that may be refused are under way (memory/heap.rs).
    runs_refused: Cell<i32>,
    pub(crate) mailbox: Mailbox,
    pub(crate) shootdowns_sent: AtomicU64,
    pub(crate) shootdowns_received: AtomicU64,
    /// Interrupts that came while the kernel idled or let them in, one bit per vector.
    pending: [Cell<u64>; 4],
    space: RefCell<Option<Arc<AddressSpace>>>,
    /// What this CPU runs, for the report of a kernel bug.
    pub(crate) note: Cell<u64>,
    pub(crate) tables: Tables,
    pub(crate) attribution: attribution::Table,
    /// Where the processor pushes what it interrupted in user mode. 16-byte aligned by `Tables`' alignment.
    entry_stack: [u64; 32],
}

pub(crate) const CONTEXT: usize = offset_of!(PerCpu, context);
pub(crate) const KERNEL_STACK: usize = offset_of!(PerCpu, kernel_stack);
pub(crate) const SCRATCH: usize = offset_of!(PerCpu, scratch);
pub(crate) const SMAP: usize = offset_of!(PerCpu, smap);
const INDEX: usize = offset_of!(PerCpu, index);

// SAFETY: everything but the atomics and the mailbox is touched by the owning CPU alone: `this()` is the only way to it
// that reads cells, and `get` hands out `Remote`.
unsafe impl Sync for PerCpu {}

impl PerCpu {
    const fn new() -> PerCpu {
        PerCpu {
            this: core::ptr::null(),
            context: Cell::new(0),
            kernel_stack: Cell::new(0),
            scratch: Cell::new(0),
            index: Cell::new(0),
            smap: Cell::new(0),
            apic_id: Cell::new(0),
            allocation_forbidden: Cell::new(0),
            runs_refused: Cell::new(0),
            mailbox: Mailbox::new(),
            shootdowns_sent: AtomicU64::new(0),
            shootdowns_received: AtomicU64::new(0),
            pending: [const { Cell::new(0) }; 4],
            space: RefCell::new(None),
            note: Cell::new(0),
            tables: Tables::new(),
            attribution: attribution::Table::new(),
            entry_stack: [0; 32],
        }
    }

    #[inline]
    pub(crate) fn index(&self) -> usize {
        self.index.get() as usize
    }

    /// Notes an interrupt that came while the kernel idled or let it in.
    pub(crate) fn note_pending(&self, vector: u8) {
        let word = &self.pending[vector as usize / 64];
        word.set(word.get() | 1 << (vector % 64));
    }
}

/// The boot CPU's area: needed before the heap exists.
static mut BOOT_AREA: PerCpu = PerCpu::new();
static READY: AtomicBool = AtomicBool::new(false);
/// All CPUs' areas by index; a leaked slice, set once the CPUs are counted.
static ALL: AtomicPtr<AtomicPtr<PerCpu>> = AtomicPtr::new(core::ptr::null_mut());
static COUNT: AtomicUsize = AtomicUsize::new(1);

/// This CPU's area.
#[inline]
pub(crate) fn this() -> &'static PerCpu {
    let area: *const PerCpu;
    // SAFETY: GS base is this CPU's area from `enter_area` on, in every path into the kernel (traps/entry.rs swaps it in);
    // the area lives for ever. Nothing calls this earlier: see `is_ready`.
    unsafe {
        asm!("mov {}, gs:[0]", out(reg) area, options(nostack, pure, readonly, preserves_flags));
        &*area
    }
}

/// Whether [`this`] works yet (it does once the boot CPU has its area).
#[inline]
pub(crate) fn is_ready() -> bool {
    READY.load(Ordering::Relaxed)
}

/// This CPU's index: 0 for the boot CPU, then as the machine's table lists them.
#[inline]
pub fn index() -> usize {
    let index: u32;
    // SAFETY: as in `this`; one load, as rule P3 wants.
    unsafe {
        asm!("mov {0:e}, gs:[{1}]", out(reg) index, const INDEX,
             options(nostack, pure, readonly, preserves_flags));
    }
    index as usize
}

/// How many CPUs there are (online or not).
pub fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// Another CPU's area, for its atomics and its APIC id.
pub(crate) fn get(index: usize) -> Option<&'static PerCpu> {
    let all = ALL.load(Ordering::Acquire);
    if all.is_null() || index >= count() {
        return (index == 0).then(this);
    }
    // SAFETY: ALL points to COUNT pointers for ever; each is null or an area that lives for ever.
    unsafe { (*all.add(index)).load(Ordering::Acquire).as_ref() }
}

/// Makes room for `count` CPUs. The boot CPU is one of them, at index 0.
pub(crate) fn set_count(count: usize) {
    let all: Vec<AtomicPtr<PerCpu>> = (0..count).map(|_| AtomicPtr::default()).collect();
    all[0].store(core::ptr::from_ref(this()).cast_mut(), Ordering::Relaxed);
    COUNT.store(count, Ordering::Relaxed);
    ALL.store(Box::leak(all.into_boxed_slice()).as_mut_ptr(), Ordering::Release);
}

/// The boot CPU's area, for [`enter_area`].
pub(crate) fn boot_area() -> *mut PerCpu {
    &raw mut BOOT_AREA
}

/// A new CPU's area and the top of its kernel stack; `None` when RAM is full.
pub(crate) fn new_area(index: usize, apic_id: u32) -> Option<(*mut PerCpu, u64)> {
    let stack = kernel_map::new_stack(STACK_PAGES)?;
    let area = Box::leak(Box::new(PerCpu::new()));
    area.index.set(index as u32);
    area.apic_id.set(apic_id);
    area.kernel_stack.set(stack);
    if !area.tables.give_stacks() {
        return None;
    }
    let all = ALL.load(Ordering::Acquire);
    assert!(!all.is_null() && index < count());
    // SAFETY: in bounds (asserted) of the leaked slice.
    unsafe { (*all.add(index)).store(area, Ordering::Release) };
    Some((area, stack))
}

/// A kernel stack for the boot CPU, with guard page, and its emergency stacks.
pub(crate) fn boot_stack() -> u64 {
    // SAFETY: only the boot CPU runs, and it is the area's owner.
    let area = unsafe { &mut *boot_area() };
    assert!(area.tables.give_stacks(), "no RAM for the boot CPU's stacks");
    kernel_map::new_stack(STACK_PAGES).expect("RAM for the boot CPU's stack")
}

/// Makes `area` this CPU's own: GS, descriptor tables, system call entry, control registers.
///
/// # Safety
/// `area` lives for ever and is no other CPU's; called once per CPU, before anything that needs [`this`].
pub(crate) unsafe fn enter_area(area: *mut PerCpu) {
    // SAFETY: the area is ours alone until we return, says our caller.
    unsafe {
        (*area).this = area;
        let stack_top = (&raw const (*area).entry_stack).add(1) as u64;
        (*area).tables.load(stack_top & !15);
        crate::user::enable_entry(area as u64);
    }
    READY.store(true, Ordering::Relaxed);
    control::enable(this());
    machine_check::enable();
}

/// Sends an interrupt to the CPU with this index.
pub fn send_ipi(target: usize, vector: u8) {
    if let Some(other) = get(target) {
        apic::send_ipi(apic::ApicId(other.apic_id.get()), vector);
    }
}

/// Loads `space` on this CPU (if it is not loaded) and keeps it alive while it is.
#[inline]
pub fn load_space(space: &Arc<AddressSpace>) {
    let this = this();
    let mut loaded = this.space.borrow_mut();
    if loaded.as_ref().is_some_and(|loaded| Arc::ptr_eq(loaded, space)) {
        return;
    }
    space.set_active(this.index(), true);
    // SAFETY: the space's upper half is the kernel's, and `loaded` keeps it alive until another root is loaded.
    unsafe { registers::write_cr3(space.root()) };
    if let Some(before) = loaded.replace(space.clone()) {
        before.set_active(this.index(), false);
    }
}

/// Loads the kernel's own page table, so that no process's space stays alive because of this CPU.
pub fn unload_space() {
    let this = this();
    let before = this.space.borrow_mut().take();
    if let Some(before) = before {
        // SAFETY: the kernel's root lives for ever.
        unsafe { registers::write_cr3(kernel_map::root()) };
        before.set_active(this.index(), false);
    }
}

/// Waits for an interrupt with interrupts on; returns with interrupts off and the interrupts that came noted for
/// [`take_pending`]. Returns at once if some are noted already.
pub fn idle() {
    let this = this();
    tlb::answer_shootdown();
    if this.pending.iter().any(|word| word.get() != 0) {
        return;
    }
    // SAFETY: `sti` takes effect after the next instruction, so no interrupt slips in before `hlt`; handlers that
    // run here only note their vector (traps).
    unsafe { asm!("sti; hlt; cli", options(nostack)) };
}

/// Lets interrupts in for a moment, in the middle of something long: those that come are noted for [`take_pending`], as
/// while idling.
pub fn let_interrupts_in() {
    // SAFETY: `sti` takes effect after the next instruction, so one is there for them to come after; handlers that run here
    // only note their vector (traps).
    unsafe { asm!("sti; nop; cli", options(nostack)) };
}

/// One step of waiting for another CPU: answers what others wait for meanwhile.
#[inline]
pub fn relax() {
    tlb::answer_shootdown();
    core::hint::spin_loop();
}

/// The next interrupt that came while the kernel idled or let it in.
pub fn take_pending() -> Option<u8> {
    let this = this();
    for (index, word) in this.pending.iter().enumerate() {
        let bits = word.get();
        if bits != 0 {
            word.set(bits & (bits - 1));
            return Some((index * 64) as u8 + bits.trailing_zeros() as u8);
        }
    }
    None
}

/// Notes what this CPU runs (a thread id), for the report of a kernel bug.
#[inline]
pub fn set_note(note: u64) {
    this().note.set(note);
}

/// Adds one to a counter that only this CPU writes.
#[inline]
pub(crate) fn add_one(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// TLB shootdown requests this CPU has sent and honoured since boot, by CPU index.
pub fn shootdowns(index: usize) -> (u64, u64) {
    get(index).map_or((0, 0), |cpu| {
        (
            cpu.shootdowns_sent.load(Ordering::Relaxed),
            cpu.shootdowns_received.load(Ordering::Relaxed),
        )
    })
}

/// The APIC id of a CPU.
pub fn apic_id(index: usize) -> u32 {
    get(index).map_or(0, |cpu| cpu.apic_id.get())
}

pub(crate) fn forbid_allocation(change: i32) {
    let cell = &this().allocation_forbidden;
    cell.set(cell.get() + change);
}

/// On the host there is no CPU of ours, and nothing to refuse.
pub(crate) fn refuse_runs(change: i32) {
    if is_ready() {
        let cell = &this().runs_refused;
        cell.set(cell.get() + change);
    }
}

pub(crate) fn may_refuse_run() -> bool {
    is_ready() && this().runs_refused.get() > 0
}

pub(crate) fn assert_allocation_allowed(layout: Layout) {
    if is_ready() && this().allocation_forbidden.get() > 0 {
        this().allocation_forbidden.set(0);
        panic!(
            "allocation of {} bytes on a path that must not allocate",
            layout.size()
        );
    }
}
