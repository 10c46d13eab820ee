//! Layers that buildpacks want back in the next build of the same image, with their contents.
//!
//! One folder per image repository and builder below `reuse`; one build at a time has it, others do without. What counts is the packed
//! layers in it. Beside them lie the same layers as the last build left them, unpacked, which the next build sees copy-on-write
//! (`lent.rs`): nothing is copied. They are of no use after a restart: nobody made sure that the disk has all of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use files::{Dir, Kind, Lock};
use oci::{Digest, Reference};

use crate::error::{Doing, Result};
use crate::gone;
use crate::host::Host;

/// Beside the folders, one per repository.
const SUFFIX: &str = ".lock";
/// Holds one folder named by the boot, which holds one per layer, named by diff id, with `<buildpack>/<layer>` in it.
const UNPACKED: &str = "unpacked";
/// Another one after every start of the machine.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The folder of one image, ours as long as the value lives.
#[derive(Debug)]
pub(crate) struct Reuse {
    path: PathBuf,
    _alone: Lock,
}

/// A cached layer as the last build left it: exactly what its diff id says, owned by whom sandboxes run as.
#[derive(Debug, Clone)]
pub(crate) struct Unpacked {
    pub(crate) diff_id: Digest,
    /// Holds nothing else.
    pub(crate) tree: PathBuf,
    /// `<buildpack>/<layer>`, in `tree` as in the layers folder of a build.
    pub(crate) beneath: PathBuf,
}

impl Unpacked {
    /// The folder of the layer itself.
    pub(crate) fn path(&self) -> PathBuf {
        self.tree.join(&self.beneath)
    }
}

impl Reuse {
    /// Opens the folder for builds of an image with a builder; `None` when another build has it.
    pub(crate) fn open(host: &Host<'_>, name: &Reference, builder: &str) -> Result<Option<Reuse>> {
        let doing = "opening the folder of cached layers";
        let repository = of_repository(host, name);
        let Some(alone) = Lock::try_exclusive(&lock_of(&repository)).doing(doing)? else {
            return Ok(None);
        };
        let path = repository.join(short(builder));
        // What another builder left is of no use any more.
        if !path.is_dir() {
            files::remove_tree(&repository).doing(doing)?;
        }
        fs::create_dir_all(&path).doing(doing)?;
        Ok(Some(Reuse {
            path,
            _alone: alone,
        }))
    }

    /// Forgets what is in the folder.
    pub(crate) fn clear(&self) -> Result<()> {
        let doing = "clearing the folder of cached layers";
        files::remove_tree(&self.path).doing(doing)?;
        fs::create_dir(&self.path).doing(doing)
    }

    /// The unpacked layer with a diff id, whose name is `beneath`, if it is here.
    pub(crate) fn unpacked(&self, diff_id: Digest, beneath: &Path) -> Option<Unpacked> {
        let layer = Unpacked {
            diff_id,
            tree: self.trees()?.join(diff_id.hex()),
            beneath: beneath.to_owned(),
        };
        let stat = fs::symlink_metadata(layer.path()).ok()?;
        stat.is_dir().then_some(layer)
    }

    /// Moves layers that were just packed from the layers folder of a build to where the next one finds them. All others go.
    pub(crate) fn give(&self, layers: &Path, packed: &[(PathBuf, Digest)]) -> Result<()> {
        let doing = "keeping cached layers unpacked";
        let Some(into) = self.trees() else {
            return Ok(());
        };
        let wanted: BTreeSet<PathBuf> = packed.iter().map(|(_, id)| id.hex().into()).collect();
        fs::create_dir_all(&into).doing(doing)?;
        let others = |dir: &Path, keep: &dyn Fn(&Path) -> bool| -> Result<()> {
            let dir = Dir::open(dir).doing(doing)?;
            for entry in dir.entries().doing(doing)? {
                let name = entry.name.to_string_lossy();
                if !keep(Path::new(&*name)) {
                    gone::remove(&dir, &name).doing(doing)?;
                }
            }
            Ok(())
        };
        others(&self.path.join(UNPACKED), &|name| into.ends_with(name))?;
        others(&into, &|name| wanted.contains(name))?;
        let trees = Dir::open(&into).doing(doing)?;
        for (beneath, diff_id) in packed {
            let at = Path::new(&diff_id.hex()).join(beneath);
            let parent = at.parent().unwrap_or(&at);
            trees.create_dir_all(parent, 0o755).doing(doing)?;
            // What cannot be moved is unpacked by the next build.
            let _ = fs::rename(layers.join(beneath), into.join(at));
        }
        Ok(())
    }

    fn trees(&self) -> Option<PathBuf> {
        let boot = fs::read_to_string(BOOT).ok()?;
        Some(self.path.join(UNPACKED).join(boot.trim()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Removes the folders of repositories that no image is in any more.
pub(crate) fn collect(host: &Host<'_>, names: &[Reference]) -> Result<()> {
    let doing = "cleaning the folder of cached layers";
    let wanted: BTreeSet<PathBuf> = names.iter().map(|name| of_repository(host, name)).collect();
    let top = Dir::open(&host.state.reuse()).doing(doing)?;
    for entry in top.entries().doing(doing)? {
        let path = host.state.reuse().join(&entry.name);
        if entry.kind == Kind::Dir
            && !wanted.contains(&path)
            && let Some(name) = entry.name.to_str()
            && let whole = host.state.reuse().join(gone::whole(name))
            && let Some(_alone) = Lock::try_exclusive(&lock_of(&whole)).doing(doing)?
        {
            gone::remove(&top, name).doing(doing)?;
        }
    }
    Ok(())
}

fn of_repository(host: &Host<'_>, name: &Reference) -> PathBuf {
    host.state.reuse().join(folder_name(Host::user(), name))
}

/// The owner is in it though the folder is one user's own: a folder that was copied from another user, or put back by a CI system,
/// brings nothing to reuse.
fn folder_name(user: u32, name: &Reference) -> String {
    let repository = name.repository();
    short(&format!(
        "{user}\n{}/{}",
        repository.registry(),
        repository.path()
    ))
}

fn lock_of(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(SUFFIX);
    PathBuf::from(name)
}

fn short(text: &str) -> String {
    Digest::of(text.as_bytes()).hex().chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reuse(dir: &Path) -> Reuse {
        let path = dir.join("folder");
        fs::create_dir_all(&path).unwrap();
        Reuse {
            path,
            _alone: Lock::try_exclusive(&dir.join("lock")).unwrap().unwrap(),
        }
    }

    /// A layer of the buildpack `bp` in the layers folder of a build.
    fn layer(layers: &Path, name: &str) -> (PathBuf, Digest) {
        let beneath = Path::new("bp").join(name);
        let path = layers.join(&beneath);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("file"), name).unwrap();
        (beneath, Digest::of(name.as_bytes()))
    }

    #[test]
    fn each_user_and_each_repository_has_a_folder_of_its_own() {
        let folder = |user, name| folder_name(user, &Reference::parse(name).unwrap());
        let all = [
            folder(1000, "shop"),
            folder(1001, "shop"),
            folder(1000, "shop2"),
            folder(1000, "registry.example/library/shop"),
        ];
        for (number, one) in all.iter().enumerate() {
            assert!(!all[..number].contains(one), "{number}");
        }
        assert_eq!(folder(1000, "shop:1"), folder(1000, "shop:2"));
    }

    #[test]
    fn layers_are_found_where_they_were_given_to() {
        let dir = tempfile::tempdir().unwrap();
        let reuse = reuse(dir.path());
        let (beneath, diff_id) = layer(dir.path(), "a");
        assert!(reuse.unpacked(diff_id, &beneath).is_none());
        reuse
            .give(dir.path(), &[(beneath.clone(), diff_id)])
            .unwrap();
        assert!(!dir.path().join(&beneath).exists());
        let found = reuse.unpacked(diff_id, &beneath).unwrap();
        assert_eq!(fs::read(found.path().join("file")).unwrap(), b"a");
        assert!(reuse.unpacked(diff_id, Path::new("bp/other")).is_none());
    }

    #[test]
    fn what_the_last_build_did_not_keep_goes() {
        let dir = tempfile::tempdir().unwrap();
        let reuse = reuse(dir.path());
        let (a, b) = (layer(dir.path(), "a"), layer(dir.path(), "b"));
        reuse.give(dir.path(), &[a.clone(), b.clone()]).unwrap();
        reuse.give(dir.path(), std::slice::from_ref(&b)).unwrap();
        assert!(reuse.unpacked(a.1, &a.0).is_none());
        assert!(reuse.unpacked(b.1, &b.0).is_some(), "it was there already");
    }

    #[test]
    fn what_another_start_of_the_machine_left_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let reuse = reuse(dir.path());
        let (beneath, diff_id) = layer(dir.path(), "a");
        let earlier = reuse.path().join(UNPACKED).join("another-boot");
        let tree = earlier.join(diff_id.hex());
        fs::create_dir_all(tree.join("bp")).unwrap();
        fs::rename(dir.path().join(&beneath), tree.join(&beneath)).unwrap();
        assert!(reuse.unpacked(diff_id, &beneath).is_none());
        reuse.give(dir.path(), &[]).unwrap();
        assert!(!earlier.exists());
    }
}
