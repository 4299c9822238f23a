//! The program `postroom`.
fn main() {}
