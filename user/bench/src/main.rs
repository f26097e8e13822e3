//! What the kernel's operations cost: the entry; everything is in the library.
#![cfg_attr(target_os = "none", no_std, no_main)]

rt::main!(bench::run);
