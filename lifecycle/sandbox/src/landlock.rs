//! Landlock: a second fence, which holds if a mount were wider than meant.
//!
//! It restricts what may be written and cuts off signals and abstract sockets to the outside; reading is left
//! to the root filesystem. What the kernel lacks is left out (5.13 files, 6.12 signals and sockets).

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
};

use crate::{Error, ErrorKind, Result};

/// What a payload may write to.
#[derive(Clone, Debug)]
pub(crate) enum Writable {
    /// Wherever mounts and modes let it.
    Anywhere,
    /// Beneath these, those that exist.
    Only(Vec<PathBuf>),
}

/// Written by every payload: memory, devices, its own entries of `/proc`.
pub(crate) const ALWAYS_WRITABLE: [&str; 5] = ["/tmp", "/var/tmp", "/run", "/dev", "/proc"];

/// Restricts this process and what it starts, for good.
pub(crate) fn restrict(writable: &Writable) -> Result<()> {
    let doing = "restricting the program with Landlock";
    rules(writable).map_err(|cause| Error::new(ErrorKind::Other, doing).caused(cause))
}

fn rules(writable: &Writable) -> std::result::Result<(), RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .scope(Scope::from_all(ABI::V6))?;
    match writable {
        Writable::Anywhere => ruleset.create()?.restrict_self()?,
        Writable::Only(paths) => {
            let mut created = ruleset.handle_access(writes())?.create()?;
            for path in paths {
                created = allow(created, path)?;
            }
            created.restrict_self()?
        }
    };
    Ok(())
}

fn allow(
    ruleset: landlock::RulesetCreated,
    path: &Path,
) -> std::result::Result<landlock::RulesetCreated, RulesetError> {
    let Ok(place) = PathFd::new(path) else {
        return Ok(ruleset);
    };
    let rights = if path.is_dir() {
        writes()
    } else {
        writes() & AccessFs::from_file(ABI::V3)
    };
    ruleset.add_rule(PathBeneath::new(place, rights))
}

/// All that changes a filesystem. Moving between folders is refused unless it is granted (`Refer`).
fn writes() -> BitFlags<AccessFs> {
    AccessFs::from_write(ABI::V3)
}
