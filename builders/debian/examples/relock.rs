//! Writes the locks of all images of a release: `cargo run -p slipway-debian --example relock -- trixie [folder [cache]]`.

use std::error::Error;
use std::path::PathBuf;
use std::time::SystemTime;

use debian::{Access, Recipe, relock};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let recipe = Recipe::shipped(&args.next().unwrap_or("trixie".to_owned()))?;
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../base/locks");
    let folder = args.next().map_or(PathBuf::from(shipped), PathBuf::from);
    let cache = args
        .next()
        .map_or(std::env::temp_dir().join("slipway-relock"), PathBuf::from);
    let variable = |name: &str| std::env::var(name).ok();
    let http = http::Client::new(http::Settings {
        proxies: http::Proxies::from_variables(&variable),
        ..http::Settings::default()
    })?;
    let access = Access {
        cache: &cache,
        http: &http,
        now: SystemTime::now(),
        events: &|event| eprintln!("{event:?}"),
    };
    for (image, text) in relock(&recipe, &access)? {
        let file = folder.join(format!("{}-{image}.lock", recipe.release));
        std::fs::write(&file, &text)?;
        let packages = text
            .lines()
            .filter(|line| line.contains("sha256 ="))
            .count();
        println!("{}: {packages} packages", file.display());
    }
    Ok(())
}
