//! The virtual environment, written by hand: links to the interpreter of the image, and one small file.
//!
//! Python's own module would run for 0.1 s, and note the interpreter's patch version, which changes with the base image
//! while the layer does not.
//!
//! Spec: <https://docs.python.org/3/library/venv.html>, <https://peps.python.org/pep-0405/>

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use toolkit::{Failure, Result, create_folder};

use crate::interpreter::Interpreter;

/// A virtual environment at its final place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Venv {
    pub(crate) path: PathBuf,
    minor: String,
}

impl Venv {
    /// Fills the empty folder `path`.
    pub(crate) fn create(path: &Path, interpreter: &Interpreter) -> Result<Venv> {
        let venv = Venv {
            path: path.to_owned(),
            minor: interpreter.minor.clone(),
        };
        create_folder(&path.join("bin"))?;
        create_folder(&venv.site_packages())?;
        let home = interpreter.path.parent().unwrap_or(Path::new("/usr/bin"));
        toolkit::write(
            &path.join("pyvenv.cfg"),
            format!(
                "home = {}\ninclude-system-site-packages = false\n",
                home.display()
            )
            .as_bytes(),
        )?;
        link(&interpreter.path, &venv.python())?;
        link(Path::new("python"), &path.join("bin/python3"))?;
        link(
            Path::new("python"),
            &path.join(format!("bin/python{}", venv.minor)),
        )?;
        link(Path::new("lib"), &path.join("lib64"))?;
        Ok(venv)
    }

    pub(crate) fn python(&self) -> PathBuf {
        self.path.join("bin/python")
    }

    pub(crate) fn site_packages(&self) -> PathBuf {
        self.path
            .join(format!("lib/python{}/site-packages", self.minor))
    }
}

fn link(to: &Path, at: &Path) -> Result<()> {
    symlink(to, at).map_err(|error| Failure::internal(format!("linking {}", at.display()), &error))
}
