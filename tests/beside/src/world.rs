//! The folders of a run: sources, our state, docker's data.

use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{repository, run};
use tempfile::TempDir;

const FRESH: &str = "fresh";

/// Everything of a run but the downloads ends with the value.
pub(crate) struct World {
    folder: TempDir,
    downloads: PathBuf,
}

impl World {
    pub(crate) fn new() -> World {
        let downloads = repository().join("target/beside");
        std::fs::create_dir_all(&downloads).expect("a folder for downloads");
        // On the same disk as the rest, and not in memory.
        let folder = tempfile::tempdir_in(&downloads).expect("a temporary folder");
        World { folder, downloads }
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// What is kept from run to run.
    pub(crate) fn downloads(&self) -> &Path {
        &self.downloads
    }

    /// Where our own images are kept.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The line that starts the release build of the program, with nothing else to install from than the fetched wheels.
    pub(crate) fn slipway(&self) -> String {
        let program = repository().join("target/release/slipway");
        assert!(
            program.is_file(),
            "{} is missing: cargo build --release",
            program.display()
        );
        format!(
            "env SLIPWAY_HOME={} PIP_NO_INDEX=1 PIP_FIND_LINKS={} {}",
            self.state().display(),
            self.downloads().join("wheels").display(),
            program.display()
        )
    }

    /// Assembles our base images. Debian's packages are fetched once for all runs.
    pub(crate) fn make_bases(&self) {
        let (kept, state) = (self.downloads().join("state"), self.state());
        let line = format!(
            "mkdir -p {kept}/downloads {state} && cp -r {kept}/downloads {state}/ && \
             {slipway} build {app} -t first && {slipway} image rm first && \
             cp -r {state}/downloads {kept}/ && cp -a {state} {fresh}",
            kept = kept.display(),
            state = state.display(),
            fresh = self.path(FRESH).display(),
            slipway = self.slipway(),
            app = self.sample("procfile-web-worker").display(),
        );
        run(Command::new("sh").args(["-c", &line])).success();
    }

    /// The line after which our state is as [`World::make_bases`] left it: bases, and nothing that was built.
    pub(crate) fn forget(&self) -> String {
        let (fresh, state) = (self.path(FRESH), self.state());
        let (fresh, state) = (fresh.display(), state.display());
        format!("sh -c 'rm -rf {state} && cp -a {fresh} {state}'")
    }

    /// A copy of a sample, made once.
    pub(crate) fn sample(&self, name: &str) -> PathBuf {
        let copy = self.path(&format!("apps/{name}"));
        if !copy.exists() {
            std::fs::create_dir_all(self.path("apps")).expect("a folder for sources");
            let from = repository().join("samples").join(name);
            run(Command::new("cp").arg("-r").arg(from).arg(&copy)).success();
        }
        copy
    }
}
