//! The first instructions: PVH hands over in 32-bit protected mode without paging (Xen's "PVH direct boot" ABI:
//! EBX holds the physical address of `hvm_start_info`). This file builds a throw-away page table that maps the
//! first 4 GiB three times (at 0, at the direct map and, its first GiB, at the kernel's link address), enters
//! long mode and calls [`super::enter`]. Everything here runs once, on the boot CPU. A processor without long mode cannot even
//! say so in Rust: that is done here, too.

use core::arch::global_asm;

global_asm!(
    r#"
    .section .note.pvh, "a", @note
    .balign 4
    .long 4                       /* name size */
    .long 4                       /* descriptor size */
    .long 18                      /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long __pvh_entry

    .section .boot.bss, "aw", @nobits
    .balign 4096
boot_pml4:  .skip 4096
boot_pdpt:  .skip 4096
boot_pdpt_high: .skip 4096
boot_pds:   .skip 4096 * 4
boot_stack: .skip 16384
boot_stack_top:

    .section .boot.data, "a"
    .balign 16
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff      /* 64-bit code */
    .quad 0x00cf93000000ffff      /* data */
boot_gdt_pointer:
    .word boot_gdt_pointer - boot_gdt - 1
    .long boot_gdt
no_long_mode_text:
    .asciz "Sundial does not start: this processor has no 64-bit mode (lm). On QEMU use another -cpu\r\n"
    .balign 4
refused_record:
    .long {magic}, {refused}, 0, 0

    .section .boot.text, "ax"
    .code32
    .globl __pvh_entry
__pvh_entry:
    cld
    movl $boot_stack_top, %esp
    movl %ebx, %ebp               /* keep hvm_start_info */

    /* CPUID 0x80000001: long mode, and whether EFER knows no-execute (cpuid.rs refuses without) */
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    testl $1 << 29, %edx
    jz no_long_mode
    andl $1 << 20, %edx
    shrl $20 - 11, %edx
    movl %edx, %esi               /* NXE or nothing */

    /* 2 MiB pages for the first 4 GiB */
    movl $boot_pds, %edi
    movl $0x83, %eax              /* present, writable, large */
    xorl %edx, %edx
    movl $2048, %ecx
1:  movl %eax, (%edi)
    movl %edx, 4(%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b

    movl $boot_pds + 3, %eax
    movl %eax, boot_pdpt
    movl %eax, boot_pdpt_high + 510 * 8
    addl $4096, %eax
    movl %eax, boot_pdpt + 8
    addl $4096, %eax
    movl %eax, boot_pdpt + 16
    addl $4096, %eax
    movl %eax, boot_pdpt + 24
    movl $boot_pdpt + 3, %eax
    movl %eax, boot_pml4
    movl %eax, boot_pml4 + 256 * 8
    movl $boot_pdpt_high + 3, %eax
    movl %eax, boot_pml4 + 511 * 8

    movl $boot_pml4, %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x20, %eax               /* PAE */
    movl %eax, %cr4
    movl $0xc0000080, %ecx        /* EFER: LME, NXE */
    rdmsr
    orl $0x100, %eax
    orl %esi, %eax
    wrmsr
    movl %cr0, %eax
    andl $0x9fffffff, %eax        /* caches on: CD, NW clear */
    orl $0x80010001, %eax         /* PG, WP, PE */
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $8, $long_mode

    /* The text to the first serial line, the record to the host, and the end; or a halt. */
no_long_mode:
    movl $no_long_mode_text, %esi
1:  movl $1000000, %ecx
    movw $0x3fd, %dx
2:  inb %dx, %al
    testb $0x20, %al              /* the transmitter is empty */
    loopz 2b
    lodsb
    testb %al, %al
    jz 3f
    movw $0x3f8, %dx
    outb %al, %dx
    jmp 1b
3:  movl $refused_record, %esi
    movl ${record_bytes}, %ecx
    movw ${record_port}, %dx
    rep outsb
    xorl %eax, %eax
    movw ${end_port}, %dx
    outl %eax, %dx
4:  cli
    hlt
    jmp 4b

    .code64
long_mode:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movabsq $boot_high, %rax
    jmpq *%rax

    .section .text.boot_high, "ax"
boot_high:
    movabsq $0xffff800000000000, %rsp
    leaq boot_stack_top(%rsp), %rsp
    movl %ebp, %edi
    xorl %ebp, %ebp
    call {enter}
    ud2
    "#,
    enter = sym super::enter,
    magic = const abi::exit::MAGIC,
    refused = const abi::exit::Kind::BootRefused as u32,
    record_bytes = const abi::exit::RECORD_BYTES,
    record_port = const abi::exit::REPORT_PORT,
    end_port = const abi::exit::END_PORT,
    options(att_syntax)
);
