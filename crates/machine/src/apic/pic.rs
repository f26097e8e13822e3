//! The two 8259 interrupt controllers of the first PCs. They are only made quiet: moved to vectors where
//! a stray interrupt is recognised, and masked. Intel 8259A data sheet: ICW1 to ICW4, OCW1.

use crate::port::Port;

/// Sixteen vectors from here on belong to the 8259s; only their spurious interrupts (`+ 7`, `+ 15`) can ever arrive.
pub const FIRST_VECTOR: u8 = 0x20;

/// Masks every line of both controllers.
pub(crate) fn mask_all() {
    // SAFETY: the interrupt controllers' ports only steer interrupts, which the kernel keeps off here; with
    // every line masked, no vector it programs is delivered.
    let (command_1, data_1, command_2, data_2) = unsafe {
        (
            Port::<u8>::new(0x20),
            Port::<u8>::new(0x21),
            Port::<u8>::new(0xa0),
            Port::<u8>::new(0xa1),
        )
    };
    // ICW1: edge-triggered, cascaded, ICW4 follows. ICW2: vectors. ICW3: the second hangs on line 2 of the
    // first. ICW4: 8086 mode.
    command_1.write(0x11);
    command_2.write(0x11);
    data_1.write(FIRST_VECTOR);
    data_2.write(FIRST_VECTOR + 8);
    data_1.write(1 << 2);
    data_2.write(2);
    data_1.write(1);
    data_2.write(1);
    // OCW1: everything masked.
    data_1.write(0xff);
    data_2.write(0xff);
}
