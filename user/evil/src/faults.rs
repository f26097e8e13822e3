//! Faults: each ends the process that makes it, with the code that says which fault it was, and nobody else.

use abi::layout::{CAPSET, RING, STACK_BASE};
use abi::syscall::exit_code::of_fault;
use rt::Env;
use rt::hostile::{Instruction, execute, exhaust_stack, jump, read_u32, write_u32};
use rt::memory::{Protection, VirtualMemory};

use crate::child;
use crate::report::Report;

/// A way to die: the attack's name, what it does, the codes it may end with, and the deed itself.
struct Fault {
    name: &'static str,
    what: &'static str,
    codes: &'static [i64],
    deed: fn(&Env),
}

const DIVIDE: &[i64] = &[of_fault(0)];
const UNDEFINED: &[i64] = &[of_fault(6)];
const STACK: &[i64] = &[of_fault(12), of_fault(13)];
const PROTECTION: &[i64] = &[of_fault(13)];
const PAGE: &[i64] = &[of_fault(14)];
/// QEMU's own interpreter does not raise this one; then the program goes on.
const VECTOR: &[i64] = &[of_fault(19), 0];
/// The program may go on, and then ends with 0.
const SURVIVES: &[i64] = &[0];

const fn fault(name: &'static str, what: &'static str, codes: &'static [i64], deed: fn(&Env)) -> Fault {
    Fault {
        name,
        what,
        codes,
        deed,
    }
}

const FAULTS: &[Fault] = &[
    fault("read-null", "reading address 0", PAGE, |_| look(0)),
    fault("write-null", "writing address 0", PAGE, |_| write_u32(0, 1)),
    fault("read-kernel", "reading the kernel", PAGE, |_| {
        look(0xffff_ffff_8000_0000)
    }),
    fault("write-kernel", "writing the kernel", PAGE, |_| {
        write_u32(0xffff_8000_0000_0000, 1)
    }),
    fault("read-hole", "reading a non-canonical address", PROTECTION, |_| {
        look(0x8000_0000_0000)
    }),
    fault("write-code", "writing its own code", PAGE, |_| {
        write_u32(0x20_0000, 0x0b0f)
    }),
    fault("write-capset", "writing its capset", PAGE, |_| {
        write_u32(CAPSET + 12, 85)
    }),
    fault("run-data", "running its data", PAGE, |_| jump(RING)),
    fault("run-stack", "running its stack", PAGE, |_| jump(STACK_BASE)),
    fault("run-kernel", "running the kernel", PAGE, |_| {
        jump(0xffff_ffff_8000_0000)
    }),
    fault("run-hole", "running a non-canonical address", PROTECTION, |_| {
        jump(0x8000_0000_0000)
    }),
    fault("run-null", "running address 0", PAGE, |_| jump(0)),
    fault("stack", "using more stack than there is", PAGE, |_| {
        exhaust_stack(0);
    }),
    fault(
        "unmapped",
        "reading what it has just unmapped",
        PAGE,
        read_unmapped,
    ),
    fault(
        "read-only",
        "writing what it has just made read-only",
        PAGE,
        write_read_only,
    ),
    fault(
        "no-execute",
        "running what it mapped to write",
        PAGE,
        run_writable,
    ),
    fault("divide", "dividing by zero", DIVIDE, |_| {
        execute(Instruction::DivideByZero)
    }),
    fault("overflow", "dividing with overflow", DIVIDE, |_| {
        execute(Instruction::DivideOverflow)
    }),
    fault("undefined", "an undefined instruction", UNDEFINED, |_| {
        execute(Instruction::Undefined)
    }),
    fault("halt", "halting the CPU", PROTECTION, |_| {
        execute(Instruction::Halt)
    }),
    fault("cli", "turning interrupts off", PROTECTION, |_| {
        execute(Instruction::ClearInterrupts)
    }),
    fault("port-in", "reading a device", PROTECTION, |_| {
        execute(Instruction::PortIn)
    }),
    fault("port-out", "switching the machine off", PROTECTION, |_| {
        execute(Instruction::PortOut)
    }),
    fault("cr3", "writing a control register", PROTECTION, |_| {
        execute(Instruction::WriteControlRegister)
    }),
    fault("msr", "writing a model-specific register", PROTECTION, |_| {
        execute(Instruction::WriteModelRegister)
    }),
    fault("gdt", "loading a descriptor table", PROTECTION, |_| {
        execute(Instruction::LoadDescriptorTable)
    }),
    fault("segment", "loading a kernel segment", PROTECTION, |_| {
        execute(Instruction::LoadKernelSegment)
    }),
    fault("int-14", "raising a page fault by hand", PROTECTION, |_| {
        execute(Instruction::RaisePageFault)
    }),
    fault("int-8", "raising a double fault by hand", PROTECTION, |_| {
        execute(Instruction::RaiseDoubleFault)
    }),
    fault("int-80", "another system's system call", PROTECTION, |_| {
        execute(Instruction::ForeignSystemCall)
    }),
    fault("iret", "returning into the kernel", PROTECTION, |_| {
        execute(Instruction::ReturnToKernel)
    }),
    fault("breakpoint", "a breakpoint", &[of_fault(3), of_fault(13)], |_| {
        execute(Instruction::Breakpoint)
    }),
    fault(
        "step",
        "single-stepping into a system call",
        &[of_fault(1)],
        |_| execute(Instruction::SingleStep),
    ),
    fault("no-stack", "a stack that cannot be addressed", STACK, |_| {
        execute(Instruction::StackNowhere)
    }),
    fault("vector", "dividing by zero in the vector unit", VECTOR, |_| {
        execute(Instruction::VectorDivide)
    }),
    fault("gs-base", "setting the GS base", &[of_fault(6), 0], |_| {
        execute(Instruction::WriteGsBase)
    }),
    fault(
        "flags",
        "a system call with strange flags and a kernel stack pointer",
        SURVIVES,
        |_| {
            execute(Instruction::StrangeFlags);
        },
    ),
];

/// Commits each in a child.
pub fn attack(env: &Env, report: &mut Report) {
    for fault in FAULTS {
        child::attack(env, report, fault.name, fault.what, fault.codes);
    }
}

/// The child's part: commits `name`. Coming back means that the fault did not end it.
pub fn act(env: &Env, name: &str) -> Option<i64> {
    let fault = FAULTS.iter().find(|fault| fault.name == name)?;
    (fault.deed)(env);
    // A system call more, to see that the kernel still knows its own state after whatever that was.
    rt::nap(1);
    Some(0)
}

/// Reads, and forgets what was there.
fn look(addr: u64) {
    read_u32(addr);
}

fn read_unmapped(env: &Env) {
    let Ok(memory) = env.first::<VirtualMemory>() else {
        return;
    };
    let Ok(addr) = memory.map(0, 4096, Protection::ReadWrite) else {
        return;
    };
    write_u32(addr, 7);
    if rt::hostile::unmap(&memory, addr, 4096).is_ok() {
        read_u32(addr);
    }
}

fn write_read_only(env: &Env) {
    let Ok(memory) = env.first::<VirtualMemory>() else {
        return;
    };
    let Ok(addr) = memory.map(0, 4096, Protection::ReadWrite) else {
        return;
    };
    write_u32(addr, 7);
    if rt::hostile::protect(&memory, addr, 4096, Protection::Read).is_ok() {
        write_u32(addr, 8);
    }
}

fn run_writable(env: &Env) {
    let Ok(memory) = env.first::<VirtualMemory>() else {
        return;
    };
    let Ok(addr) = memory.map(0, 4096, Protection::ReadWrite) else {
        return;
    };
    write_u32(addr, 0x0b0f);
    jump(addr);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p5_every_fault_has_a_name_of_its_own_and_a_code() {
        for (index, fault) in FAULTS.iter().enumerate() {
            assert!(
                FAULTS[..index].iter().all(|other| other.name != fault.name),
                "{}",
                fault.name
            );
            assert!(!fault.codes.is_empty());
        }
        assert_eq!(PAGE, [-30]);
    }
}
