//! Write a buildpack in Rust.
