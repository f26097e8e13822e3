//! A periodic thread with and without a reservation: the entry; everything is in the library, where it can be tested.
#![cfg_attr(target_os = "none", no_std, no_main)]

rt::main!(reserve::run);
