//! The program that does nothing: what starting and ending a process costs is measured with it. It has no start-up of
//! Rust's, as its like on Sundial has none.
#![no_main]

/// What the C library starts.
// SAFETY: the C library calls the function of this name, of this type, once; no other is linked in.
#[unsafe(no_mangle)]
extern "C" fn main(
    _count: core::ffi::c_int,
    _arguments: *const *const core::ffi::c_char,
) -> core::ffi::c_int {
    0
}
