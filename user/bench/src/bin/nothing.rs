//! The program that does nothing: what starting and ending a process costs is measured with it.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

rt::main!(run);

fn run(_env: &rt::Env) -> i64 {
    0
}
