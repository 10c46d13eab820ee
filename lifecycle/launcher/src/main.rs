//! Starts processes in app images.

fn main() {}
