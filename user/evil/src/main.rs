//! Attacks the kernel and reports what it answered: the entry; everything is in the library, where it can be tested.
#![cfg_attr(target_os = "none", no_std, no_main)]

rt::main!(evil::run);
