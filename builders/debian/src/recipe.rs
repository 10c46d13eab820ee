//! What a release offers and what its images are made of: `builders/base/<release>.toml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::release::Keyring;

/// A release of a distribution. One file each; the shipped ones are part of the program.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// Name of the release, `trixie`.
    pub release: String,
    /// As in `/etc/os-release`.
    pub distro: Distro,
    /// Address of an archive of archives, asked for packages that have left the mirrors.
    #[serde(default)]
    pub snapshot: Option<String>,
    pub(crate) archive: Vec<Archive>,
    pub(crate) drop: Drop,
    /// Package → what of it a run image has; everything when it is not named.
    #[serde(default)]
    pub(crate) slice: BTreeMap<String, Slice>,
    /// Layers from the lowest up, with packages or `src:` sources; the rest is `libs`, what we generate is `system`.
    pub(crate) layer: Vec<LayerRule>,
    image: BTreeMap<String, ImageRule>,
    /// Of the text it was read from.
    #[serde(skip)]
    pub(crate) text: String,
    /// Name → text of a key file.
    #[serde(skip)]
    pub(crate) keys: BTreeMap<String, String>,
}

/// What images say about their distribution.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distro {
    pub name: String,
    pub version: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Archive {
    pub(crate) name: String,
    /// Addresses with the same content, tried in order; `http:`, `https:`.
    pub(crate) mirrors: Vec<String>,
    pub(crate) suites: Vec<String>,
    keys: Vec<String>,
    /// Older indexes are refused, and so are those past their `Valid-Until`.
    pub(crate) max_age_days: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drop {
    pub(crate) paths: Vec<String>,
    /// Exceptions from `paths`.
    pub(crate) keep: Vec<String>,
    /// Read by our rules, but in no run image.
    pub(crate) run: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slice {
    pub(crate) only: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LayerRule {
    pub(crate) name: String,
    pub(crate) packages: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ImageRule {
    extends: Option<String>,
    kind: Option<Kind>,
    description: String,
    packages: Vec<String>,
    #[serde(default)]
    omit: Vec<String>,
    #[serde(default)]
    essential: bool,
    bytecode: Option<String>,
    #[serde(default)]
    links: BTreeMap<String, String>,
}

/// What an image is for; decides about users and the package database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Run,
    Build,
}

/// An image with everything that it extends.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Image {
    pub(crate) kind: Kind,
    pub(crate) packages: BTreeSet<String>,
    pub(crate) omit: BTreeSet<String>,
    pub(crate) essential: bool,
    #[serde(skip)]
    pub(crate) description: String,
    /// Name of the interpreter whose library is compiled, `python3.13`.
    #[serde(skip)]
    pub(crate) bytecode: Option<String>,
    /// Absolute path → target.
    #[serde(skip)]
    pub(crate) links: BTreeMap<String, String>,
}

const TRIXIE: &str = include_str!("../../base/trixie.toml");
/// Keys a recipe may name.
const KEYS: [(&str, &str); 6] = [
    ("debian-12", include_str!("../../keys/debian-12.toml")),
    (
        "debian-12-security",
        include_str!("../../keys/debian-12-security.toml"),
    ),
    (
        "debian-12-release",
        include_str!("../../keys/debian-12-release.toml"),
    ),
    ("debian-13", include_str!("../../keys/debian-13.toml")),
    (
        "debian-13-security",
        include_str!("../../keys/debian-13-security.toml"),
    ),
    (
        "debian-13-release",
        include_str!("../../keys/debian-13-release.toml"),
    ),
];

impl Recipe {
    /// A recipe that is part of the program.
    pub fn shipped(release: &str) -> Result<Recipe> {
        match release {
            "trixie" => Recipe::parse(TRIXIE),
            _ => Err(Error::new(
                ErrorKind::Unknown,
                format!("there is no recipe for the release {release}"),
            )
            .helped("known releases: trixie")),
        }
    }

    /// Reads a recipe; it may name the keys that are part of the program.
    pub fn parse(text: &str) -> Result<Recipe> {
        let mut recipe: Recipe = toml::from_str(text)
            .map_err(|error| Error::malformed("reading a recipe").because(error))?;
        text.clone_into(&mut recipe.text);
        recipe.keys = KEYS
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into();
        Ok(recipe)
    }

    /// Names of the images, sorted.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        self.image.keys().map(String::as_str)
    }

    pub(crate) fn image(&self, name: &str) -> Result<Image> {
        let mut image = Image {
            kind: Kind::Run,
            packages: BTreeSet::new(),
            omit: BTreeSet::new(),
            essential: false,
            description: String::new(),
            bytecode: None,
            links: BTreeMap::new(),
        };
        let mut chain = Vec::new();
        let mut next = Some(name);
        while let Some(name) = next {
            let rule = self
                .image
                .get(name)
                .filter(|_| chain.len() < 8)
                .ok_or_else(|| {
                    let known: Vec<&str> = self.images().collect();
                    Error::new(
                        ErrorKind::Unknown,
                        format!("{} has no base image {name}", self.release),
                    )
                    .helped(format!("known images: {}", known.join(", ")))
                })?;
            chain.push(rule);
            next = rule.extends.as_deref();
        }
        // From the bottom up, so that an image may say otherwise than what it extends.
        for rule in chain.into_iter().rev() {
            image.packages.extend(rule.packages.iter().cloned());
            image.omit.extend(rule.omit.iter().cloned());
            image.essential |= rule.essential;
            image.kind = rule.kind.unwrap_or(image.kind);
            image.description.clone_from(&rule.description);
            image.bytecode = rule.bytecode.clone().or(image.bytecode);
            image.links.extend(rule.links.clone());
        }
        // What is asked for by name is there, whatever something below leaves out.
        image.omit.retain(|name| !image.packages.contains(name));
        Ok(image)
    }

    /// SHA-256 of what a lock of this image depends on, so that a lock made for other packages is noticed.
    pub(crate) fn digest(&self, image: &Image) -> Result<String> {
        let suites: Vec<&Vec<String>> =
            self.archive.iter().map(|archive| &archive.suites).collect();
        let text = serde_json::to_vec(&(&self.release, suites, image))
            .map_err(|error| Error::malformed("writing a recipe").because(error))?;
        Ok(oci::Digest::of(&text).to_string())
    }

    pub(crate) fn keyring(&self, archive: &Archive) -> Result<Keyring> {
        let mut keyring = Keyring::default();
        for name in &archive.keys {
            let text = self
                .keys
                .get(name)
                .ok_or_else(|| Error::new(ErrorKind::Unknown, format!("there is no key {name}")))?;
            keyring.add(text)?;
        }
        Ok(keyring)
    }

    pub(crate) fn archive(&self, name: &str) -> Result<&Archive> {
        let found = self.archive.iter().find(|archive| archive.name == name);
        found.ok_or_else(|| Error::new(ErrorKind::Unknown, format!("there is no archive {name}")))
    }
}
