//! The first instructions: PVH hands over in 32-bit protected mode without paging (Xen's "PVH direct boot" ABI:
//! EBX holds the physical address of `hvm_start_info`). This file builds a throw-away page table that maps the
//! first 4 GiB three times (at 0, at the direct map and, its first GiB, at the kernel's link address), enters
//! long mode and calls [`super::enter`]. Everything here runs once, on the boot CPU.

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

    .section .boot.text, "ax"
    .code32
    .globl __pvh_entry
__pvh_entry:
    cld
    movl $boot_stack_top, %esp
    movl %ebx, %ebp               /* keep hvm_start_info */

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
    orl $0x900, %eax
    wrmsr
    movl %cr0, %eax
    andl $0x9fffffff, %eax        /* caches on: CD, NW clear */
    orl $0x80010001, %eax         /* PG, WP, PE */
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $8, $2f
    .code64
2:  movl $16, %eax
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
    options(att_syntax)
);
