//! Where slipway keeps things on this machine.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Result};

/// The folders of one user.
///
/// | folder | what | may be removed |
/// |---|---|---|
/// | `store` | images: layers as chunks, one file per name | loses images |
/// | `downloads` | package archives and indexes by digest | is downloaded again |
/// | `layers` | unpacked layers by diff id | is unpacked again |
/// | `reuse` | cached layers of buildpacks, by image and builder | is made again |
/// | `wheels` | what wheels become in a layer, shared by all applications | is made again |
/// | `last-builds` | what the last build of each image was made from | is built again |
/// | `tools` | the embedded programs as files | is written again |
/// | `builds`, `runs` | what a running build or container uses | when nothing runs |
///
/// Under `SLIPWAY_HOME` all of them lie side by side; otherwise `store` is in the XDG data folder,
/// `builds` and `runs` in the state folder and the rest in the cache folder.
#[derive(Debug, Clone)]
pub struct State {
    data: PathBuf,
    cache: PathBuf,
    running: PathBuf,
}

impl State {
    /// Everything in one folder (`SLIPWAY_HOME`).
    pub fn home(home: &Path) -> State {
        State {
            data: home.to_owned(),
            cache: home.to_owned(),
            running: home.to_owned(),
        }
    }

    /// The XDG base folders, to each of which `slipway` is added.
    pub fn xdg(data: &Path, cache: &Path, state: &Path) -> State {
        let own = |base: &Path| base.join("slipway");
        State {
            data: own(data),
            cache: own(cache),
            running: own(state),
        }
    }

    /// Makes the folders that are missing, for their owner alone.
    pub fn create(&self) -> Result<()> {
        for dir in [&self.data, &self.cache, &self.running] {
            create(dir)?;
        }
        for dir in [
            self.store(),
            self.downloads(),
            self.layers(),
            self.reuse(),
            self.wheels(),
            self.last_builds(),
            self.tools(),
            self.builds(),
            self.runs(),
        ] {
            create(&dir)?;
        }
        Ok(())
    }

    pub fn store(&self) -> PathBuf {
        self.data.join("store")
    }

    pub fn downloads(&self) -> PathBuf {
        self.cache.join("downloads")
    }

    pub fn layers(&self) -> PathBuf {
        self.cache.join("layers")
    }

    pub fn reuse(&self) -> PathBuf {
        self.cache.join("reuse")
    }

    pub fn wheels(&self) -> PathBuf {
        self.cache.join("wheels")
    }

    pub fn last_builds(&self) -> PathBuf {
        self.cache.join("last-builds")
    }

    pub fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    pub fn builds(&self) -> PathBuf {
        self.running.join("builds")
    }

    pub fn runs(&self) -> PathBuf {
        self.running.join("runs")
    }

    /// Where the sandbox remembers whom it runs as.
    pub fn identity(&self) -> &Path {
        &self.running
    }

    /// Every top folder; a source that contains one of them does not take it into the image.
    pub fn tops(&self) -> [&Path; 3] {
        [&self.data, &self.cache, &self.running]
    }
}

fn create(dir: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .doing(format!("making the state folder {}", dir.display()))
        .map_err(|error| error.help("choose another place with SLIPWAY_HOME=FOLDER"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_home_holds_everything_and_is_for_its_owner_alone() {
        let top = tempfile::tempdir().unwrap();
        let home = top.path().join("a/b");
        let state = State::home(&home);
        state.create().unwrap();
        state.create().unwrap();
        assert_eq!(state.store(), home.join("store"));
        assert_eq!(state.builds(), home.join("builds"));
        let mode = std::fs::metadata(&home).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn xdg_folders_are_apart() {
        let state = State::xdg(Path::new("/d"), Path::new("/c"), Path::new("/s"));
        assert_eq!(state.store(), Path::new("/d/slipway/store"));
        assert_eq!(state.layers(), Path::new("/c/slipway/layers"));
        assert_eq!(state.runs(), Path::new("/s/slipway/runs"));
    }
}
