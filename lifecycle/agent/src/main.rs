//! The lifecycle binary: detect and build inside the sandbox, and the first-party buildpacks.

fn main() {}
