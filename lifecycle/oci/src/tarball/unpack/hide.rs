//! Whiteouts on the disk: markers for overlayfs, or removal.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use files::{Dir, Kind};

use super::target::{Target, failed};
use crate::Result;
use crate::tarball::Whiteouts;

impl Target<'_> {
    /// Hides what lower layers have as `hidden` in `dir`, whose path is `parent`. What this layer has there stays.
    pub(super) fn hide(&mut self, dir: &Dir, parent: &[u8], hidden: &[u8]) -> Result<()> {
        let name = Path::new(OsStr::from_bytes(hidden));
        if self.how.whiteouts == Whiteouts::Apply {
            return self.remove(dir, &joined(parent, hidden), name);
        }
        match dir.stat(name).map_err(failed)?.map(|stat| stat.kind) {
            None => {
                dir.whiteout(name).map_err(failed)?;
                self.give(dir, name)
            }
            Some(Kind::Dir) => dir.make_opaque(name).map_err(failed),
            // A file of this layer hides the lower one by itself.
            Some(_) => Ok(()),
        }
    }

    /// Hides all that lower layers have in `dir`.
    pub(super) fn hide_all(&mut self, dir: &Dir, path: &[u8]) -> Result<()> {
        if self.how.whiteouts == Whiteouts::Apply {
            return self.remove_all(dir, path);
        }
        dir.make_opaque(Path::new("")).map_err(failed)
    }

    fn remove_all(&self, dir: &Dir, path: &[u8]) -> Result<()> {
        for entry in dir.entries().map_err(failed)? {
            self.remove(
                dir,
                &joined(path, entry.name.as_bytes()),
                Path::new(&entry.name),
            )?;
        }
        Ok(())
    }

    /// Removes what is not of this tar; a directory that holds something of it stays for that.
    fn remove(&self, dir: &Dir, path: &[u8], name: &Path) -> Result<()> {
        if self.has_ours_below(path) || self.ours.contains(path) {
            let is_dir = dir
                .stat(name)
                .map_err(failed)?
                .is_some_and(|stat| stat.kind == Kind::Dir);
            return if is_dir {
                self.remove_all(&dir.dir(name).map_err(failed)?, path)
            } else {
                Ok(())
            };
        }
        dir.remove_tree(name).map_err(failed)
    }
}

fn joined(parent: &[u8], name: &[u8]) -> Vec<u8> {
    if parent.is_empty() {
        name.to_vec()
    } else {
        [parent, b"/", name].concat()
    }
}
