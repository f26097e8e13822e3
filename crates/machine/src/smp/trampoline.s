# What a started processor runs first. It begins in real mode at the start of one page below 1 MiB, where
# smp.rs has copied this code, and finds its orders at the fixed offset {parameters} from there (the next page).
# Position-independent: everything is addressed from the page's start, which CS gives.
# Intel SDM volume 3: 9.8.5 (entering long mode), 9.9.1 (entering protected mode), 8.4 (start-up protocol).

    .pushsection .rodata.sundial_ap_trampoline, "a", @progbits
    .balign 16
    .globl sundial_ap_start
    .globl sundial_ap_protected
    .globl sundial_ap_long
    .globl sundial_ap_end

    .code16
sundial_ap_start:
    cli
    cld
    movw    %cs, %ax
    movw    %ax, %ds
    movzwl  %ax, %ebx
    shll    $4, %ebx                        # EBX is the page's address from here on.
    lgdtl   ({parameters} + {gdt_pointer})
    movl    $0x11, %eax                     # PE and ET. Clears CD and NW, which INIT has set: caches on.
    movl    %eax, %cr0
    ljmpl   *({parameters} + {far_protected})

    .code32
sundial_ap_protected:
    movw    ${data_selector}, %ax
    movw    %ax, %ds
    movw    %ax, %es
    movw    %ax, %ss
    movl    $0x20, %eax                     # PAE now; the rest of CR4 is only allowed in long mode.
    movl    %eax, %cr4
    movl    ({parameters} + {cr3})(%ebx), %eax
    movl    %eax, %cr3
    movl    $0xc0000080, %ecx               # EFER: long mode and no-execute, before the page table is used.
    movl    ({parameters} + {efer})(%ebx), %eax
    xorl    %edx, %edx
    wrmsr
    movl    ({parameters} + {cr0})(%ebx), %eax
    movl    %eax, %cr0                      # Paging on: long mode, still with 32-bit code.
    ljmpl   *({parameters} + {far_long})(%ebx)

    .code64
sundial_ap_long:
    movl    %ebx, %ebx                      # The upper half is undefined after the switch.
    xorl    %eax, %eax
    movw    %ax, %ds
    movw    %ax, %es
    movw    %ax, %ss
    movw    %ax, %fs
    movw    %ax, %gs
    movq    ({parameters} + {cr4})(%rbx), %rax
    movq    %rax, %cr4
    movq    ({parameters} + {stack_top})(%rbx), %rsp
    movq    ({parameters} + {entry})(%rbx), %rax
    xorl    %ebp, %ebp                      # Ends back traces,
    pushq   $0                              # as does a null return address, which also aligns the stack.
    pushq   $0x2                            # All flags clear; bit 1 is always set.
    popfq
    jmpq    *%rax
sundial_ap_end:
    .popsection
