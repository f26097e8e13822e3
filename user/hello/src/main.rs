//! The smallest program: prints one line and exits 7. It is the first thing to run on a new kernel.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

rt::main!(run);

fn run(env: &rt::Env) -> i64 {
    rt::println!(
        "hello from process {} with {} capabilities",
        env.pid(),
        env.capabilities().count()
    );
    7
}
