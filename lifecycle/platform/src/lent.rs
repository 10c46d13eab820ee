//! Cached layers that a build sees copy-on-write: they stay where they lie unpacked, what the build changes lies above them.
//!
//! All of them are below one overlay, which is mounted where the layers are. One mount for each of them would be in the way of
//! buildpacks: they remove the folder of a layer to make it anew, and a mount point cannot be removed.

use std::fs;
use std::path::{Path, PathBuf};

use files::{Dir, Kind};
use phases::Untouched;
use sandbox::From;

use crate::error::{Doing, Result};
use crate::fold::{fold, restore, usable};
use crate::reuse::Unpacked;

/// Layers of the last build for this one.
#[derive(Debug, Default)]
pub(crate) struct Lent {
    layers: Vec<Unpacked>,
}

/// What a build did to a layer.
enum Fate {
    Untouched,
    /// Something is there that has nothing to do with the layer, or nothing.
    Replaced,
    Changed,
}

impl Lent {
    pub(crate) fn new(layers: Vec<Unpacked>) -> Lent {
        Lent { layers }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// What the sandbox mounts where the layers are; `upper` is the layers folder of this machine.
    pub(crate) fn below(&self, upper: PathBuf, work: PathBuf) -> From {
        let lower = self.layers.iter().map(|layer| layer.tree.clone()).collect();
        From::Overlay { lower, upper, work }
    }

    /// Moves the layers into the layers folder of this machine, for a build that cannot see them there otherwise.
    pub(crate) fn move_into(self, layers: &Path) -> Result<()> {
        self.layers.iter().try_for_each(|layer| {
            let doing = format!("moving the cached layer {}", layer.beneath.display());
            fs::rename(layer.path(), layers.join(&layer.beneath)).doing(doing)
        })
    }

    /// Makes the layers folder of this machine what a build saw, which has ended well; nothing in its sandbox lives any more.
    ///
    /// Returns the layers that nobody changed, by their names beneath the layers folder. `scratch` is a folder that does not
    /// exist yet, on the same file system.
    pub(crate) fn settle(&self, layers: &Path, scratch: &Path) -> Result<Untouched> {
        let doing =
            |layer: &Unpacked| format!("looking at what became of {}", layer.beneath.display());
        let upper = Dir::open(layers).doing("opening the layers")?;
        let mut untouched = Untouched::new();
        for (number, layer) in self.layers.iter().enumerate() {
            match fate(&upper, layer).doing(doing(layer))? {
                Fate::Untouched => {
                    fs::rename(layer.path(), layers.join(&layer.beneath)).doing(doing(layer))?;
                    untouched.insert(layer.beneath.clone(), layer.diff_id);
                }
                Fate::Replaced => {}
                Fate::Changed => {
                    let apart = scratch.join(number.to_string());
                    changed(layer, layers, &apart)?;
                }
            }
        }
        Ok(untouched)
    }

    /// Takes untouched layers back to where the next build looks for them, those that are not there already.
    pub(crate) fn take_back(&self, layers: &Path, untouched: &Untouched) {
        for layer in self
            .layers
            .iter()
            .filter(|layer| untouched.contains_key(&layer.beneath))
        {
            // What cannot be moved is unpacked by the next build.
            let _ = fs::rename(layers.join(&layer.beneath), layer.path());
        }
    }
}

fn fate(upper: &Dir, layer: &Unpacked) -> files::Result<Fate> {
    let name = &layer.beneath;
    let Some(found) = upper.stat(name)? else {
        let parent = name.parent().unwrap_or(name);
        let parent_stat = upper.stat(parent)?;
        let is_folder = parent_stat.is_some_and(|stat| stat.kind == Kind::Dir);
        let is_folder = is_folder && !upper.is_opaque(parent)?;
        return Ok(if is_folder {
            Fate::Untouched
        } else {
            Fate::Replaced
        });
    };
    if found.is_whiteout() {
        upper.remove_file(name)?;
        return Ok(Fate::Replaced);
    }
    if found.kind != Kind::Dir {
        return Ok(Fate::Replaced);
    }
    let was = usable(upper, name)?;
    let (opaque, empty) = (
        upper.is_opaque(name)?,
        upper.dir(name)?.entries()?.is_empty(),
    );
    let mode = Dir::open(&layer.tree)?.stat(name)?.map(|stat| stat.mode);
    if !opaque && empty && mode == Some(found.mode) {
        upper.remove_tree(name)?;
        return Ok(Fate::Untouched);
    }
    restore(upper, name, was)?;
    Ok(if opaque {
        Fate::Replaced
    } else {
        Fate::Changed
    })
}

/// Puts the layer with its changes where the changes are. It leaves its place first: half changed it must not be found there.
fn changed(layer: &Unpacked, layers: &Path, apart: &Path) -> Result<()> {
    let doing = || {
        format!(
            "putting together {} as it was built",
            layer.beneath.display()
        )
    };
    let parent = layers.join(layer.beneath.parent().unwrap_or(Path::new("")));
    let name = Path::new(layer.beneath.file_name().unwrap_or_default());
    fs::create_dir_all(apart).doing(doing())?;
    fs::rename(layer.path(), apart.join(name)).doing(doing())?;
    let folded = || {
        let (upper, lower) = (Dir::open(&parent)?, Dir::open(apart)?);
        fold(&upper, &lower, name)?;
        upper.remove_tree(name)?;
        let was = usable(&lower, name)?;
        lower.rename_into(name, &upper, name)?;
        restore(&upper, name, was)
    };
    folded().doing(doing())
}

#[cfg(test)]
mod tests {
    use oci::Digest;

    use super::*;

    /// A layers folder and one layer of the last build with the file `file`.
    struct Site {
        dir: tempfile::TempDir,
        lent: Lent,
    }

    impl Site {
        fn new() -> Site {
            let dir = tempfile::tempdir().unwrap();
            let layer = Unpacked {
                diff_id: Digest::of(b"layer"),
                tree: dir.path().join("tree"),
                beneath: "bp/layer".into(),
            };
            fs::create_dir_all(layer.path()).unwrap();
            fs::write(layer.path().join("file"), "old").unwrap();
            fs::create_dir_all(dir.path().join("layers/bp")).unwrap();
            Site {
                lent: Lent::new(vec![layer]),
                dir,
            }
        }

        fn layers(&self) -> PathBuf {
            self.dir.path().join("layers")
        }

        fn settle(&self) -> usize {
            let scratch = self.dir.path().join("scratch");
            self.lent.settle(&self.layers(), &scratch).unwrap().len()
        }

        fn file(&self) -> Option<String> {
            fs::read_to_string(self.layers().join("bp/layer/file")).ok()
        }
    }

    #[test]
    fn a_layer_that_nobody_touched_is_known_and_goes_back() {
        let site = Site::new();
        let scratch = site.dir.path().join("scratch");
        let untouched = site.lent.settle(&site.layers(), &scratch).unwrap();
        assert_eq!(untouched[Path::new("bp/layer")], Digest::of(b"layer"));
        assert_eq!(site.file().as_deref(), Some("old"));
        site.lent.take_back(&site.layers(), &untouched);
        assert_eq!(site.file(), None);
        assert!(site.dir.path().join("tree/bp/layer/file").exists());
    }

    #[test]
    fn an_empty_folder_of_the_same_mode_is_no_change_but_any_other_is() {
        let site = Site::new();
        let folder = site.layers().join("bp/layer");
        fs::create_dir(&folder).unwrap();
        assert_eq!((site.settle(), site.file().as_deref()), (1, Some("old")));

        let site = Site::new();
        let folder = site.layers().join("bp/layer");
        fs::create_dir(&folder).unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!((site.settle(), site.file().as_deref()), (0, Some("old")));
        let mode = fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
    }

    #[test]
    fn a_changed_layer_is_whole_and_one_that_was_made_anew_has_nothing_of_before() {
        let site = Site::new();
        fs::create_dir(site.layers().join("bp/layer")).unwrap();
        fs::write(site.layers().join("bp/layer/other"), "new").unwrap();
        assert_eq!((site.settle(), site.file().as_deref()), (0, Some("old")));
        assert!(site.layers().join("bp/layer/other").exists());

        let site = Site::new();
        fs::create_dir(site.layers().join("bp/layer")).unwrap();
        let layers = Dir::open(&site.layers()).unwrap();
        layers.make_opaque(Path::new("bp/layer")).unwrap();
        assert_eq!((site.settle(), site.file()), (0, None));
    }

    #[test]
    fn a_deleted_layer_is_gone_as_is_one_whose_buildpack_has_no_folder() {
        let site = Site::new();
        let layers = Dir::open(&site.layers()).unwrap();
        layers.whiteout(Path::new("bp/layer")).unwrap();
        assert_eq!(site.settle(), 0);
        assert!(fs::symlink_metadata(site.layers().join("bp/layer")).is_err());

        let site = Site::new();
        fs::remove_dir(site.layers().join("bp")).unwrap();
        assert_eq!(site.settle(), 0);
    }
}
