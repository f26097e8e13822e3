//! The report of a kernel bug or of broken hardware: what happened, on which CPU, running which thread, registers and the calls that led
//! there, symbolised from the table that the build puts into the image. It takes no lock, allocates nothing, and ends
//! the machine; a second bug while reporting ends it at once.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use abi::exit::Kind;

use super::KernelFrame;
use crate::memory::{DYNAMIC, IMAGE_BASE, kernel_map};
use crate::traps::vector;
use crate::{boot, cpu, machine_check, power, registers, serial};

const KERNEL_BUG: &str = "kernel bug";
/// Calls shown at most.
const DEPTH: usize = 32;
/// Room for the symbol table (see `symbols` in xtask).
const SYMBOL_BYTES: usize = 192 << 10;

/// Filled after linking: a u32 count, pairs (offset from the image's start, offset of the name), then the names,
/// each ended by a zero byte.
#[cfg_attr(target_os = "none", unsafe(link_section = ".kernel_symbols"))]
#[used]
static SYMBOLS: [u8; SYMBOL_BYTES] = [0; SYMBOL_BYTES];

/// Who reports: a CPU's index plus one, [`EARLY`], or nobody.
static REPORTING: AtomicU32 = AtomicU32::new(NOBODY);
static IN_VAIN: AtomicBool = AtomicBool::new(false);
const NOBODY: u32 = 0;
const EARLY: u32 = u32::MAX;

struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive('\n') {
            match part.strip_suffix('\n') {
                Some(line) => {
                    serial::emergency_write(line.as_bytes());
                    serial::emergency_write(b"\r\n");
                }
                None => serial::emergency_write(part.as_bytes()),
            }
        }
        Ok(())
    }
}

/// Reports a trap that the kernel cannot have caused on purpose, and ends the machine.
pub(super) fn trap(frame: &KernelFrame) -> ! {
    let vector = frame.vector as u8;
    begin(title(vector));
    let _ = writeln!(
        Serial,
        "{} (vector {vector}, error {:#x}) in the kernel, address {:#x}",
        name(vector),
        frame.error,
        registers::read_cr2()
    );
    hardware(vector);
    place(frame.rip, frame.rbp, Some(frame));
    end()
}

/// Reports an exception that came while a thread ran but is not the thread's doing, and ends the machine.
pub(crate) fn trap_in_user_mode(vector: u8, error: u64, instruction: u64) -> ! {
    begin(title(vector));
    let _ = writeln!(
        Serial,
        "{} (vector {vector}, error {error:#x}) in user mode at {instruction:#x}",
        name(vector)
    );
    hardware(vector);
    place(0, 0, None);
    end()
}

fn title(vector: u8) -> &'static str {
    match vector {
        vector::MACHINE_CHECK => "hardware error",
        _ => KERNEL_BUG,
    }
}

fn name(vector: u8) -> &'static str {
    match vector {
        0 => "divide error",
        1 => "debug exception",
        3 => "breakpoint",
        6 => "invalid opcode",
        vector::DOUBLE_FAULT => "double fault (a kernel stack overflow, most likely)",
        13 => "general protection",
        vector::PAGE_FAULT => "page fault",
        vector::MACHINE_CHECK => "machine check",
        _ => "exception",
    }
}

/// What the hardware has to say of itself.
fn hardware(vector: u8) {
    if vector == vector::MACHINE_CHECK {
        let _ = machine_check::describe(&mut Serial);
    }
}

/// Reports a panic and ends the machine.
pub fn panic(info: &core::panic::PanicInfo) -> ! {
    begin(KERNEL_BUG);
    match info.location() {
        Some(at) => {
            let _ = writeln!(
                Serial,
                "{} ({}:{}:{})",
                info.message(),
                at.file(),
                at.line(),
                at.column()
            );
        }
        None => {
            let _ = writeln!(Serial, "{}", info.message());
        }
    }
    let frame_pointer: u64;
    // SAFETY: reading a register.
    unsafe { core::arch::asm!("mov {}, rbp", out(reg) frame_pointer, options(nomem, nostack)) };
    place(0, frame_pointer, None);
    end()
}

fn begin(title: &str) {
    let me = if cpu::is_ready() {
        cpu::index() as u32 + 1
    } else {
        EARLY
    };
    match REPORTING.compare_exchange(NOBODY, me, Ordering::SeqCst, Ordering::SeqCst) {
        Ok(_) => {}
        Err(who) if who == me && !IN_VAIN.swap(true, Ordering::SeqCst) => {
            serial::emergency_write(b"\r\na second trap during the report; giving up\r\n");
            power::end_vm(boot::record(Kind::KernelPanic, 0));
        }
        // Another CPU reports, and broken hardware is told to all of them at once; or giving up has failed, too.
        Err(_) => registers::halt_for_ever(),
    }
    if cpu::is_ready() {
        super::ask_all_to_stop();
    }
    let _ = writeln!(Serial, "\n==== Sundial {title} ====");
}

fn end() -> ! {
    let _ = writeln!(Serial, "==== the machine stops here ====");
    power::end_vm(boot::record(Kind::KernelPanic, 0))
}

fn place(rip: u64, rbp: u64, frame: Option<&KernelFrame>) {
    if cpu::is_ready() {
        let this = cpu::this();
        let note = this.note.get();
        let _ = match note {
            0 => writeln!(
                Serial,
                "cpu {} (apic {}), running no thread",
                this.index(),
                this.apic_id.get()
            ),
            _ => writeln!(
                Serial,
                "cpu {} (apic {}), running process {} thread {}",
                this.index(),
                this.apic_id.get(),
                note >> 32,
                note & 0xffff_ffff
            ),
        };
    } else {
        let _ = writeln!(Serial, "early in boot");
    }
    if let Some(f) = frame {
        let _ = writeln!(
            Serial,
            "rip {:016x} rsp {:016x} flags {:08x}",
            f.rip, f.rsp, f.flags
        );
        for row in [
            [("rax", f.rax), ("rbx", f.rbx), ("rcx", f.rcx), ("rdx", f.rdx)],
            [("rsi", f.rsi), ("rdi", f.rdi), ("rbp", f.rbp), ("r8 ", f.r8)],
            [("r9 ", f.r9), ("r10", f.r10), ("r11", f.r11), ("r12", f.r12)],
            [("r13", f.r13), ("r14", f.r14), ("r15", f.r15), ("cs ", f.cs)],
        ] {
            for (name, value) in row {
                let _ = write!(Serial, "{name} {value:016x} ");
            }
            let _ = writeln!(Serial);
        }
    }
    let _ = writeln!(Serial, "call trace, newest first:");
    if rip != 0 {
        print_call(rip);
    }
    let mut at = rbp;
    for _ in 0..DEPTH {
        // Kernel stacks live in the dynamic region (the boot stack in the direct map is not walked).
        if !(DYNAMIC..IMAGE_BASE).contains(&at) || !at.is_multiple_of(8) {
            break;
        }
        // SAFETY: a frame pointer inside the dynamic region points into a mapped kernel stack; were it garbage, the
        // page fault would be caught by `begin` as a second bug.
        let [next, back] = unsafe { *(at as *const [u64; 2]) };
        if back == 0 {
            break;
        }
        print_call(back - 1);
        if next <= at {
            break;
        }
        at = next;
    }
}

fn print_call(address: u64) {
    let _ = match symbol(address) {
        Some((name, offset)) => writeln!(Serial, "  {address:#018x} {name} + {offset:#x}"),
        None => writeln!(Serial, "  {address:#018x}"),
    };
}

/// The function that holds `address`.
fn symbol(address: u64) -> Option<(&'static str, u64)> {
    // The table is written after compilation: the compiler must not assume that it is all zero.
    let table: &'static [u8] = core::hint::black_box(&SYMBOLS);
    let number = |at: usize| Some(u32::from_le_bytes(table.get(at..at + 4)?.try_into().ok()?));
    let [start, text_end, ..] = kernel_map::image_bounds();
    if !(start..text_end).contains(&address) {
        return None;
    }
    let offset = (address - start) as u32;
    let count = number(0)? as usize;
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = (low + high) / 2;
        if number(4 + middle * 8)? <= offset {
            low = middle + 1
        } else {
            high = middle
        }
    }
    let entry = 4 + low.checked_sub(1)? * 8;
    let name = table.get(number(entry + 4)? as usize..)?;
    let end = name.iter().position(|byte| *byte == 0)?;
    Some((
        core::str::from_utf8(&name[..end]).ok()?,
        u64::from(offset - number(entry)?),
    ))
}
