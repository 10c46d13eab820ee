//! Source in, OCI image out: no Dockerfile, no daemon, no root.

mod embedded;

fn main() {
    println!("{}", embedded::PAYLOAD.launcher.len());
}
