//! Descriptor tables: segments and the task state of one CPU, and the interrupt table that all share. Intel SDM
//! volume 3, chapters 3, 6 and 8. Long mode leaves little of segmentation: code and data for each privilege, and the
//! task state that says which stack a trap uses.

use core::arch::asm;

use crate::boot_cell::BootCell;
use crate::memory::kernel_map;

pub(crate) const KERNEL_CODE: u16 = 0x08;
pub(crate) const KERNEL_DATA: u16 = 0x10;
/// `sysret` takes its selectors from here on: data, then code.
pub(crate) const USER_DATA: u16 = 0x18 | 3;
pub(crate) const USER_CODE: u16 = 0x20 | 3;
const TASK: u16 = 0x28;

/// Pages of each emergency stack.
const EMERGENCY_PAGES: u64 = 2;

/// Exceptions that may hit the kernel at any instruction get stacks of their own: index in the task state, vector.
const EMERGENCIES: [(u8, u8); 4] = [(1, 2), (2, 8), (3, 18), (4, 1)];

#[repr(C, packed(4))]
struct TaskState {
    reserved: u32,
    privilege_stacks: [u64; 3],
    reserved2: u64,
    interrupt_stacks: [u64; 7],
    reserved3: [u16; 5],
    io_map: u16,
}

/// One CPU's segments and task state.
#[repr(C, align(16))]
pub(crate) struct Tables {
    segments: [u64; 7],
    task: TaskState,
}

impl Tables {
    pub(crate) const fn new() -> Tables {
        Tables {
            segments: [
                0,
                0x00af_9b00_0000_ffff, // kernel code, 64-bit
                0x00cf_9300_0000_ffff, // kernel data
                0x00cf_f300_0000_ffff, // user data
                0x00af_fb00_0000_ffff, // user code, 64-bit
                0,                     // task state, two entries, filled by `load`
                0,
            ],
            task: TaskState {
                reserved: 0,
                privilege_stacks: [0; 3],
                reserved2: 0,
                interrupt_stacks: [0; 7],
                reserved3: [0; 5],
                // Beyond the limit: no port is user space's.
                io_map: size_of::<TaskState>() as u16,
            },
        }
    }

    /// Gives the emergencies their stacks; false when RAM is full.
    pub(crate) fn give_stacks(&mut self) -> bool {
        let mut stacks = [0; 7];
        for (slot, _) in EMERGENCIES {
            let Some(top) = kernel_map::new_stack(EMERGENCY_PAGES) else {
                return false;
            };
            stacks[slot as usize - 1] = top;
        }
        self.task.interrupt_stacks = stacks;
        true
    }

    /// Loads these tables on this CPU. `entry_stack` is where traps from user mode push.
    ///
    /// # Safety
    /// The tables stay where they are for ever and belong to this CPU alone.
    pub(crate) unsafe fn load(&mut self, entry_stack: u64) {
        self.task.privilege_stacks = [entry_stack, 0, 0];
        let base = &raw const self.task as u64;
        let limit = size_of::<TaskState>() as u64 - 1;
        self.segments[5] = limit | (base & 0xff_ffff) << 16 | 0x89 << 40 | (base >> 24 & 0xff) << 56;
        self.segments[6] = base >> 32;
        let pointer = Pointer {
            limit: size_of::<[u64; 7]>() as u16 - 1,
            base: &raw const self.segments as u64,
        };
        // SAFETY: the segments are well formed, stay for ever (our caller), and include the code and data in use.
        unsafe {
            asm!(
                "lgdt [{pointer}]",
                "mov ss, {data:x}",
                "mov ds, {data:x}",
                "mov es, {data:x}",
                "mov fs, {zero:x}",
                "mov gs, {zero:x}",
                "push {code}",
                "lea {scratch}, [rip + 2f]",
                "push {scratch}",
                "retfq",
                "2:",
                "ltr {task:x}",
                pointer = in(reg) &raw const pointer,
                data = in(reg) u64::from(KERNEL_DATA),
                code = in(reg) u64::from(KERNEL_CODE),
                task = in(reg) u64::from(TASK),
                zero = in(reg) 0_u64,
                scratch = out(reg) _,
            );
            let gates = INTERRUPTS
                .try_get()
                .unwrap_or_else(|| INTERRUPTS.set(interrupt_gates()));
            let pointer = Pointer {
                limit: size_of::<Gates>() as u16 - 1,
                base: core::ptr::from_ref(gates) as u64,
            };
            asm!("lidt [{}]", in(reg) &raw const pointer);
        }
    }
}

#[repr(C, packed(2))]
struct Pointer {
    limit: u16,
    base: u64,
}

type Gates = [[u64; 2]; 256];

/// The interrupt table. The boot CPU makes it before any other CPU runs.
static INTERRUPTS: BootCell<Gates> = BootCell::new("traps::INTERRUPTS");

fn interrupt_gates() -> Gates {
    let mut gates = [[0; 2]; 256];
    for (number, gate) in gates.iter_mut().enumerate() {
        let target = super::entry::stub(number as u8);
        let stack = EMERGENCIES
            .iter()
            .find(|(_, vector)| *vector as usize == number)
            .map_or(0, |(slot, _)| *slot);
        // int3 and into are user space's to raise; the others answer general protection if it tries.
        let privilege = if number == 3 || number == 4 { 3 } else { 0 };
        gate[0] = target & 0xffff
            | u64::from(KERNEL_CODE) << 16
            | u64::from(stack) << 32
            | (0x8e | privilege << 5) << 40
            | (target >> 16 & 0xffff) << 48;
        gate[1] = target >> 32;
    }
    gates
}
