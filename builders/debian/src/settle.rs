//! What maintainer scripts would do, as rules of ours. No script is ever run.
//!
//! Each rule reads what packages shipped and writes what their scripts would have written; a rule whose package is not in
//! the image does nothing. Dropped on purpose: PAM's common files, systemd's presets, debconf's database.

mod alternatives;
mod certificates;
mod dpkg;
mod files;
mod ldcache;
mod python;
pub(crate) mod users;

use std::collections::BTreeSet;

use crate::Interpreter;
use crate::error::Result;
use crate::recipe::{Image, Kind};
use crate::tree::Tree;

/// Part of what names an assembled image: with other rules it is another image.
pub(crate) const VERSION: u32 = 1;

/// What the rules found out about the image.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Names of shared libraries the loader finds.
    pub(crate) sonames: BTreeSet<String>,
}

/// Applies every rule, in the order in which they need each other.
pub(crate) fn settle(
    tree: &mut Tree,
    image: &Image,
    interpreter: &dyn Interpreter,
) -> Result<Settled> {
    files::merge_usr(tree)?;
    files::base(tree)?;
    files::defaults(tree)?;
    users::users(tree, image.kind)?;
    certificates::bundle(tree, image.kind)?;
    python::settle(tree)?;
    if image.kind == Kind::Build {
        alternatives::link(tree)?;
    }
    for (link, target) in &image.links {
        tree.add_link(link.trim_start_matches('/'), target)?;
    }
    let sonames = ldcache::write(tree)?;
    if let Some(name) = &image.bytecode {
        python::compile(tree, name, interpreter)?;
    }
    match image.kind {
        Kind::Run => dpkg::describe(tree)?,
        Kind::Build => dpkg::database(tree)?,
    }
    Ok(Settled { sonames })
}

#[cfg(test)]
mod tests;
