//! Where slipway keeps things on this machine.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Doing, Error, ErrorKind, Result};

/// Mode bits by which others could change what we trust.
const WRITABLE_BY_OTHERS: u32 = 0o022;

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
/// | `trimmed` | when the folders above were last measured | is measured again |
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

    /// Makes the folders that are missing, for their owner alone, and sees to it that nobody else may write to those that are there.
    ///
    /// Fails with `Denied` when one of them belongs to somebody else.
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

    /// When the caches were last measured, and against which bound.
    pub(crate) fn trimmed(&self) -> PathBuf {
        self.cache.join("trimmed")
    }

    /// Held by whoever makes base images from downloads.
    pub(crate) fn wheels_lock(&self) -> PathBuf {
        self.wheels().join("lock")
    }

    pub(crate) fn base_lock(&self) -> PathBuf {
        self.downloads().join("base.lock")
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
    let doing = || format!("making the state folder {}", dir.display());
    let elsewhere = |error: Error| error.help("choose another place with SLIPWAY_HOME=FOLDER");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .doing(doing())
        .map_err(elsewhere)?;
    let found = fs::metadata(dir).doing(doing())?;
    ours(dir, found.uid(), rustix::process::geteuid().as_raw()).map_err(elsewhere)?;
    let mode = found.permissions().mode();
    if mode & WRITABLE_BY_OTHERS != 0 {
        // A cache that a CI system has put back, say. What others may have put in it is theirs, and found below.
        let tightened = fs::Permissions::from_mode(mode & !WRITABLE_BY_OTHERS & 0o7777);
        fs::set_permissions(dir, tightened).doing(doing())?;
    }
    Ok(())
}

/// What lies in a state folder is trusted (unpacked layers are run), so nobody else may have made it.
fn ours(dir: &Path, owner: u32, user: u32) -> Result<()> {
    if owner == user {
        return Ok(());
    }
    let text = format!(
        "the state folder {} belongs to user {owner}, not to you (user {user})",
        dir.display()
    );
    let error = Error::new(ErrorKind::Denied, text);
    Err(if user == 0 {
        error.help("run slipway as that user, without sudo")
    } else {
        error
    })
}

#[cfg(test)]
mod tests {
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
    fn folders_that_others_may_write_to_are_closed() {
        let top = tempfile::tempdir().unwrap();
        let state = State::home(top.path());
        state.create().unwrap();
        let mode = |dir: &Path| std::fs::metadata(dir).unwrap().permissions().mode() & 0o777;
        for dir in [top.path().to_owned(), state.reuse()] {
            std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777)).unwrap();
        }
        state.create().unwrap();
        assert_eq!((mode(top.path()), mode(&state.reuse())), (0o755, 0o755));
        assert_eq!(mode(&state.store()), 0o700, "it was closed already");
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused_with_a_way_out() {
        let check = |owner, user| ours(Path::new("/home/a/slipway"), owner, user);
        check(1000, 1000).unwrap();
        let error = check(1000, 1001).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(
            error.to_string(),
            "the state folder /home/a/slipway belongs to user 1000, not to you (user 1001)"
        );
        let root = check(1000, 0).unwrap_err();
        assert!(root.actions()[0].contains("without sudo"));
    }

    #[test]
    fn xdg_folders_are_apart() {
        let state = State::xdg(Path::new("/d"), Path::new("/c"), Path::new("/s"));
        assert_eq!(state.store(), Path::new("/d/slipway/store"));
        assert_eq!(state.layers(), Path::new("/c/slipway/layers"));
        assert_eq!(state.runs(), Path::new("/s/slipway/runs"));
    }
}
