//! What the archives offer: the newest version of each package over several suites, and who provides what.

use std::collections::BTreeMap;
use std::io::BufRead;

use crate::control::{Paragraph, Paragraphs};
use crate::error::{Error, Result};
use crate::relation::{self, Alternatives, Relation};
use crate::version::Version;

/// One package of an index.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: Version,
    /// Name of the source package; what belongs together changes together.
    pub(crate) source: String,
    pub(crate) architecture: String,
    /// Name of the archive in the recipe.
    pub(crate) archive: String,
    /// Path below the archive's address.
    pub(crate) path: String,
    /// In bytes.
    pub(crate) size: u64,
    /// In hex.
    pub(crate) sha256: String,
    pub(crate) is_essential: bool,
    priority: Priority,
    depends: String,
    conflicts: String,
    provides: String,
}

/// Lower comes first among providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Priority {
    Required,
    Important,
    Standard,
    Optional,
    Extra,
}

/// Packages of one architecture.
#[derive(Debug, Default)]
pub(crate) struct Packages {
    by_name: BTreeMap<String, Package>,
    /// Name that is provided → packages that provide it, in order of preference, with the version where one is said.
    providers: BTreeMap<String, Vec<(String, Option<Version>)>>,
}

impl Packages {
    /// Adds an index; of each package the highest version stays, of equal ones the first.
    pub(crate) fn add(
        &mut self,
        index: impl BufRead,
        archive: &str,
        architecture: &str,
    ) -> Result<()> {
        let broken =
            |why: String| Error::malformed(format!("reading the index of {archive}")).because(why);
        let mut paragraphs = Paragraphs::new(index);
        while let Some(paragraph) = paragraphs
            .next()
            .map_err(|error| broken(error.to_string()))?
        {
            let package = package(&paragraph, archive).ok_or_else(|| {
                broken(format!(
                    "an incomplete entry {:?}",
                    paragraph.get("Package")
                ))
            })?;
            if ![architecture, "all"].contains(&package.architecture.as_str()) {
                continue;
            }
            match self.by_name.get(&package.name) {
                Some(known) if known.version >= package.version => {}
                _ => {
                    self.by_name.insert(package.name.clone(), package);
                }
            }
        }
        Ok(())
    }

    /// Call once after the last [`Packages::add`].
    pub(crate) fn index_provides(&mut self) -> Result<()> {
        self.providers.clear();
        for package in self.by_name.values() {
            for clause in relation::parse(&package.provides).map_err(unreadable)? {
                for provided in clause {
                    let version = provided.versions.map(|(_, version)| version);
                    let providers = self.providers.entry(provided.name).or_default();
                    providers.push((package.name.clone(), version));
                }
            }
        }
        for providers in self.providers.values_mut() {
            providers.sort_by_key(|(name, _)| {
                let priority = self.by_name.get(name).map(|package| package.priority);
                (priority, name.clone())
            });
        }
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Package> {
        self.by_name.get(name)
    }

    pub(crate) fn essential(&self) -> impl Iterator<Item = &Package> {
        self.by_name.values().filter(|package| package.is_essential)
    }

    /// Packages that satisfy a relation, preferred first: the package itself, then those that provide it.
    pub(crate) fn satisfying<'a>(
        &'a self,
        relation: &Relation,
    ) -> impl Iterator<Item = &'a Package> {
        let itself = self
            .by_name
            .get(&relation.name)
            .filter(|package| relation.accepts(&package.version));
        let providers = self.providers.get(&relation.name).into_iter().flatten();
        let providing = providers
            .filter(|(_, version)| match version {
                Some(version) => relation.accepts(version),
                // An unversioned Provides satisfies no versioned relation (policy 7.5).
                None => relation.versions.is_none(),
            })
            .filter_map(|(name, _)| self.by_name.get(name));
        itself.into_iter().chain(providing)
    }
}

impl Package {
    /// What must be there for this package to work: `Pre-Depends`, then `Depends`.
    pub(crate) fn needs(&self) -> Result<Vec<Alternatives>> {
        relation::parse(&self.depends).map_err(unreadable)
    }

    /// What must not be there: `Conflicts` and `Breaks`.
    pub(crate) fn excludes(&self) -> Result<Vec<Alternatives>> {
        relation::parse(&self.conflicts).map_err(unreadable)
    }
}

fn unreadable(relation: String) -> Error {
    Error::malformed(format!("reading the relation {relation:?}"))
}

fn package(paragraph: &Paragraph, archive: &str) -> Option<Package> {
    let text = |name: &str| paragraph.get(name).unwrap_or_default().to_owned();
    let joined = |one: &str, other: &str| format!("{}, {}", text(one), text(other));
    let name = text("Package");
    let sha256 = text("SHA256").to_ascii_lowercase();
    let is_hex = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    let path = text("Filename");
    let is_plain =
        !path.is_empty() && !path.starts_with('/') && !path.split('/').any(|part| part == "..");
    if name.is_empty() || !is_hex || !is_plain {
        return None;
    }
    // `Source: glibc (2.41-12)` names another version than the package has.
    let source = text("Source");
    let source = source.split_whitespace().next().unwrap_or(&name).to_owned();
    Some(Package {
        version: Version::new(paragraph.get("Version")?),
        architecture: text("Architecture"),
        archive: archive.to_owned(),
        path,
        size: paragraph.get("Size")?.parse().ok()?,
        sha256,
        is_essential: paragraph.get("Essential") == Some("yes"),
        priority: match paragraph.get("Priority") {
            Some("required") => Priority::Required,
            Some("important") => Priority::Important,
            Some("standard") => Priority::Standard,
            Some("optional") => Priority::Optional,
            _ => Priority::Extra,
        },
        depends: joined("Pre-Depends", "Depends"),
        conflicts: joined("Conflicts", "Breaks"),
        provides: text("Provides"),
        source,
        name,
    })
}
