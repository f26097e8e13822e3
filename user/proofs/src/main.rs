//! Watches the kernel keep its rules: the entry; everything is in the library.
#![cfg_attr(target_os = "none", no_std, no_main)]

rt::main!(proofs::run);
