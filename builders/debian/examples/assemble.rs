//! Assembles a base image and writes it as an OCI archive, without a sandbox:
//! `cargo run -p slipway-debian --example assemble -- python python.tar [cache]`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use debian::World;
use oci::archive;

#[path = "../src/tests/ldso.rs"]
mod ldso;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let image = args.next().ok_or("which image?")?;
    let to = args.next().ok_or("which file?")?;
    let cache = args
        .next()
        .map_or(std::env::temp_dir().join("slipway-relock"), PathBuf::from);
    let variable = |name: &str| std::env::var(name).ok();
    let http = http::Client::new(http::Settings {
        proxies: http::Proxies::from_variables(&variable),
        ..http::Settings::default()
    })?;
    let world = World {
        cache: &cache,
        store: oci::Memory::new(),
        http: &http,
        now: SystemTime::now(),
        interpreter: &ldso::LdSo,
        events: &|event| eprintln!("{event:?}"),
        locked: false,
        max_age: None,
    };
    let start = Instant::now();
    let base = debian::assemble("trixie", &image, &world)?;
    println!(
        "{} {} bytes, {:.1?}",
        base.name,
        base.image.size(),
        start.elapsed()
    );
    archive::write_file(&base.image, &[], archive::Format::Oci, Path::new(&to))?;
    Ok(())
}
