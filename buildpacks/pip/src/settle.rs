//! The finished layer: nothing in it that differs from build to build, and no secret.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toolkit::{Class, Failure, Result};

/// Files that uv leaves at the top of an environment for its own use.
pub(crate) const LEFT_BY_UV: [&str; 3] = [".lock", ".gitignore", "CACHEDIR.TAG"];

/// Removes what uv left, gives every folder and program mode 0755 and every other file 0644.
pub(crate) fn settle(venv: &Path) -> Result<()> {
    for name in LEFT_BY_UV {
        toolkit::remove(&venv.join(name))?;
    }
    each_file(venv, &mut |path, meta| {
        let mode = meta.permissions().mode();
        let wanted = if meta.is_dir() || mode & 0o111 != 0 {
            0o755
        } else {
            0o644
        };
        if mode & 0o7777 == wanted {
            return Ok(());
        }
        fs::set_permissions(path, Permissions::from_mode(wanted))
            .map_err(|error| failed("changing the mode of", path, &error))
    })
}

/// Makes sure that no credential of the caller is anywhere in the layer.
pub(crate) fn hold_no_secret(venv: &Path, secrets: &[String]) -> Result<()> {
    if secrets.is_empty() {
        return Ok(());
    }
    let pattern: Vec<String> = secrets.iter().map(|secret| regex::escape(secret)).collect();
    let pattern = regex::bytes::Regex::new(&pattern.join("|"))
        .map_err(|error| Failure::internal("preparing to look for secrets", &error))?;
    each_file(venv, &mut |path, meta| {
        if !meta.is_file() {
            return Ok(());
        }
        let bytes = fs::read(path).map_err(|error| failed("reading", path, &error))?;
        if pattern.is_match(&bytes) {
            return Err(leaked(path.strip_prefix(venv).unwrap_or(path)));
        }
        Ok(())
    })
}

fn leaked(path: &Path) -> Failure {
    Failure::new(
        "SLP-PYT-122",
        format!(
            "a credential of the package index is in the installed file {}",
            path.display()
        ),
    )
    .class(Class::Integrity)
    .state("no image was made")
    .help("some package stores its environment while it is built: install it from a wheel")
}

/// Visits the folder itself and everything below it but links, each folder before what is in it.
fn each_file(top: &Path, visit: &mut dyn FnMut(&Path, &fs::Metadata) -> Result<()>) -> Result<()> {
    let mut waiting: Vec<PathBuf> = vec![top.to_owned()];
    while let Some(path) = waiting.pop() {
        let meta = path
            .symlink_metadata()
            .map_err(|error| failed("looking at", &path, &error))?;
        if meta.is_symlink() {
            continue;
        }
        visit(&path, &meta)?;
        if meta.is_dir() {
            let entries = fs::read_dir(&path).map_err(|error| failed("listing", &path, &error))?;
            for entry in entries {
                let entry = entry.map_err(|error| failed("listing", &path, &error))?;
                waiting.push(entry.path());
            }
        }
    }
    Ok(())
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::internal(format!("{doing} {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_follow_from_the_x_bit_alone() {
        let venv = tempfile::tempdir().unwrap();
        let path = |name: &str| venv.path().join(name);
        fs::write(path("data"), "").unwrap();
        fs::write(path("program"), "").unwrap();
        fs::write(path(".lock"), "").unwrap();
        fs::create_dir(path("folder")).unwrap();
        for (name, mode) in [("data", 0o600), ("program", 0o711), ("folder", 0o700)] {
            fs::set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
        }
        settle(venv.path()).unwrap();
        let mode = |name: &str| path(name).metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(
            (mode("data"), mode("program"), mode("folder")),
            (0o644, 0o755, 0o755)
        );
        assert!(!path(".lock").exists());
    }

    #[test]
    fn a_secret_in_a_file_is_found_and_the_file_named() {
        let venv = tempfile::tempdir().unwrap();
        fs::create_dir(venv.path().join("a")).unwrap();
        fs::write(
            venv.path().join("a/b.json"),
            "{\"url\": \"https://x:hunter2!@h\"}",
        )
        .unwrap();
        let failure = hold_no_secret(venv.path(), &["hunter2!".to_owned()]).unwrap_err();
        assert!(failure.to_string().contains("a/b.json"), "{failure}");
        assert!(!failure.to_string().contains("hunter2"));
        hold_no_secret(venv.path(), &["other".to_owned()]).unwrap();
    }
}
