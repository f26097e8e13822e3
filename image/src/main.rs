//! The kernel as an ELF: names the kernel's entries to the machine, and nothing else. The linker script is kernel.ld.
//! This is the one crate besides `machine` and `rt` that does not forbid unsafe code: giving a symbol a fixed name is
//! unsafe to the language, because two could clash.

#![no_std]
#![no_main]

machine::entry!(kernel::boot, kernel::run_cpu);
