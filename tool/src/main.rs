//! sundial
fn main() {}
