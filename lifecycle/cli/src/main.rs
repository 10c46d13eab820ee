//! Source in, OCI image out: no Dockerfile, no daemon, no root.

fn main() {}
