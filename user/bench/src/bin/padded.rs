//! The program that does nothing, with [`PAGES`] more pages of image. The difference to the smaller one is what the
//! kernel pays for a page of image.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

rt::main!(run);

/// Pages of constant data; `bench` knows the number too (src/own_rows.rs).
const PAGES: usize = 64;

static PADDING: [u8; PAGES * 4096] = [1; PAGES * 4096];

fn run(env: &rt::Env) -> i64 {
    // An index that the compiler cannot know keeps the padding in the image and touches one byte of it.
    i64::from(PADDING[env.pid() as usize % PADDING.len()]) - 1
}
