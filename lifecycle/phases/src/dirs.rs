//! The folders of a build, by the names the build environment gives them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Names of the folders as buildpacks see them, and where they lie on this machine.
///
/// All names are absolute. `root` is `/` where the names are real (in the agent and the drop-in);
/// in the host it is the folder below which the build's folders lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dirs {
    /// The application, `/workspace`.
    pub app: PathBuf,
    /// What buildpacks make, `/layers`.
    pub layers: PathBuf,
    /// What the user sets, `/platform`.
    pub platform: PathBuf,
    /// The buildpacks, `<buildpacks>/<folder of the id>/<version>`.
    pub buildpacks: PathBuf,
    /// The image extensions, likewise.
    pub extensions: PathBuf,
    /// What the operator sets, `/cnb/build-config`.
    pub build_config: PathBuf,
    /// Where `/` of the names above lies on this machine.
    pub root: PathBuf,
}

impl Dirs {
    /// The names of the spec, below `root`.
    pub fn below(root: &Path) -> Self {
        Self {
            app: "/workspace".into(),
            layers: "/layers".into(),
            platform: "/platform".into(),
            buildpacks: "/cnb/buildpacks".into(),
            extensions: "/cnb/extensions".into(),
            build_config: "/cnb/build-config".into(),
            root: root.to_owned(),
        }
    }

    /// Where a name of the build environment lies on this machine.
    pub fn on_disk(&self, name: &Path) -> PathBuf {
        match name.strip_prefix("/") {
            Ok(beneath) => self.root.join(beneath),
            Err(_) => self.root.join(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_absolute_and_lie_below_the_root() {
        let dirs = Dirs::below(Path::new("/tmp/x"));
        assert_eq!(dirs.on_disk(&dirs.layers), Path::new("/tmp/x/layers"));
        let real = Dirs::below(Path::new("/"));
        assert_eq!(real.on_disk(&real.layers), Path::new("/layers"));
    }
}
