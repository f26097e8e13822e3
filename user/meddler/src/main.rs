//! Changes the policy of threads that never stand still: the entry; everything is in the library.
#![cfg_attr(target_os = "none", no_std, no_main)]

rt::main!(meddler::run);
