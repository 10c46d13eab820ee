//! What an image says about itself: config, labels, and the lock inside it.

use std::collections::BTreeMap;

use oci::{History, Platform};
use serde_json::json;

use crate::error::{Error, Result};
use crate::lock::Lock;
use crate::offers::ARCHITECTURE;
use crate::recipe::{Image, Kind, Recipe};
use crate::settle::{self, Settled, users};
use crate::tree::Tree;

/// Time stamp of everything: that of buildpack images.
const CREATED: &str = "1980-01-01T00:00:01Z";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Where an image says what it was made of, so that it can be made again from itself.
const BASE_FILE: &str = "var/lib/slipway/base.json";
/// Programs whose presence is said in the label.
const INTERPRETERS: [&str; 5] = ["bash", "dash", "perl", "python3", "sh"];

/// `slipway.invalid/base/trixie-python:<12 digits of the lock's digest>`; nothing answers at that address.
pub(crate) fn name(recipe: &Recipe, image: &str, lock: &Lock) -> String {
    let digest = lock.digest().hex();
    let short = digest.get(..12).unwrap_or_default();
    format!("slipway.invalid/base/{}-{image}:{short}", recipe.release)
}

/// Puts the lock and how it was used into the tree; keeps the top layer different for every lock.
pub(crate) fn record(
    tree: &mut Tree,
    recipe: &Recipe,
    name: &str,
    image: &Image,
    lock: &Lock,
) -> Result<()> {
    let record = json!({
        "release": recipe.release,
        "image": name,
        "kind": image.kind,
        "architecture": ARCHITECTURE,
        "bytecode": image.bytecode,
        "rules": settle::VERSION,
        "lock": lock.text(),
        "lock_digest": lock.digest().to_string(),
    });
    let mut text = serde_json::to_string_pretty(&record)
        .map_err(|error| Error::malformed("writing base.json").because(error))?;
    text.push('\n');
    tree.add_file(BASE_FILE, text.as_bytes(), 0o644)
}

/// An image without layers that says everything it shall say.
pub(crate) fn describe(
    tree: &Tree,
    recipe: &Recipe,
    name: &str,
    image: &Image,
    lock: &Lock,
    settled: &Settled,
) -> oci::Image {
    let mut described = oci::Image::empty(&Platform::new("linux", ARCHITECTURE));
    let config = described.config_mut();
    let uid = users::uid(image.kind);
    let group = users::GROUP;
    config.set_created(CREATED);
    config.set_env("PATH", PATH);
    config.set_user(&format!("{uid}:{group}"));
    if image.kind == Kind::Build {
        config.set_env("CNB_USER_ID", &uid.to_string());
        config.set_env("CNB_GROUP_ID", &group.to_string());
    }
    let description = format!(
        "{} {}: {}",
        recipe.distro.name, recipe.release, image.description
    );
    let base = base_label(tree, recipe, name, image, lock, settled);
    let labels = [
        ("dev.slipway.base", base.as_str()),
        ("io.buildpacks.base.description", &description),
        ("io.buildpacks.base.distro.name", &recipe.distro.name),
        ("io.buildpacks.base.distro.version", &recipe.distro.version),
        (
            "io.buildpacks.base.id",
            &format!("dev.slipway.{}.{name}", recipe.release),
        ),
        ("io.buildpacks.base.maintainer", "slipway"),
        ("io.buildpacks.base.released", lock.date()),
        ("io.buildpacks.rebasable", "true"),
    ];
    for (key, value) in labels {
        config.set_label(key, value);
    }
    described
}

pub(crate) fn history(recipe: &Recipe, image: &str, layer: &str) -> History {
    History::new(
        CREATED,
        &format!("slipway base {}-{image}: {layer}", recipe.release),
    )
}

/// What a rebase must know without reading a layer: packages, and what an application may rely on.
fn base_label(
    tree: &Tree,
    recipe: &Recipe,
    name: &str,
    image: &Image,
    lock: &Lock,
    settled: &Settled,
) -> String {
    let packages: BTreeMap<&str, &str> = lock
        .packages
        .iter()
        .map(|(name, pin)| (name.as_str(), pin.version.as_str()))
        .collect();
    let interpreters: Vec<String> = INTERPRETERS
        .iter()
        .map(|name| format!("/usr/bin/{name}"))
        .filter(|path| tree.has(path.trim_start_matches('/')))
        .collect();
    json!({
        "release": recipe.release,
        "image": name,
        "kind": image.kind,
        "lock": lock.digest().to_string(),
        "packages": packages,
        "provides": {
            "glibc": packages.get("libc6").map(|version| upstream(version)),
            "python": python(tree),
            "interpreters": interpreters,
            "sonames": settled.sonames,
        },
    })
    .to_string()
}

/// `2.41` of `2.41-12+deb13u4`.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.split(['-', '+']).next().unwrap_or(version)
}

/// Minor version of the interpreter called `python3`, if there is one.
fn python(tree: &Tree) -> Option<String> {
    let node = tree.nodes.get(&b"usr/bin/python3"[..])?;
    match &node.kind {
        crate::tree::Kind::Symlink(target) => {
            let target = String::from_utf8_lossy(target).into_owned();
            target.strip_prefix("python").map(str::to_owned)
        }
        _ => None,
    }
}
