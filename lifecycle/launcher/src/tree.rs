//! The layers in the image: every directory below the buildpack's, whatever it was for (LA-8).

use std::ffi::{CStr, OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use cnb::{EnvDir, LaunchBuildpack};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, open, statat};
use rustix::io::Errno;

use crate::error::go_text;

/// A result whose error is Go's text.
pub(crate) type Text<T> = std::result::Result<T, String>;

/// The layers of an image: those of each buildpack that has any, in the order of buildpacks and names.
#[derive(Clone, Debug)]
pub struct Layers {
    by_buildpack: Vec<Vec<PathBuf>>,
}

impl Layers {
    /// Lists the layers of these buildpacks below `dir`.
    pub fn list(dir: &Path, buildpacks: &[LaunchBuildpack]) -> Result<Layers, String> {
        let layers = |buildpack: &LaunchBuildpack| {
            entries(&dir.join(buildpack.id.folder()), Wanted::Directories)
        };
        let by_buildpack: Text<Vec<Vec<PathBuf>>> = buildpacks.iter().map(layers).collect();
        Ok(Layers {
            by_buildpack: by_buildpack?,
        })
    }

    pub(crate) fn by_buildpack(&self) -> &[Vec<PathBuf>] {
        &self.by_buildpack
    }

    /// Lists the files directly in `name` and in `name/<type>` of every layer, in the order they are used.
    pub(crate) fn files(&self, name: &str, process_type: &str) -> Text<Vec<PathBuf>> {
        let mut files = Vec::new();
        for layer in self.by_buildpack.iter().flatten() {
            let dir = layer.join(name);
            files.extend(entries(&dir, Wanted::Others)?);
            if !process_type.is_empty() {
                files.extend(entries(&dir.join(process_type), Wanted::Others)?);
            }
        }
        Ok(files)
    }
}

/// Follows links; a link to nowhere does not exist.
pub(crate) fn exists(path: &Path) -> Text<bool> {
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(format!("stat {}: {}", path.display(), go_text(&error))),
    }
}

/// Reads an `env` directory; an absent one is empty. A link to nowhere is an error.
pub(crate) fn env_dir(dir: &Path) -> Text<EnvDir> {
    let mut files = EnvDir::new();
    for path in entries(dir, Wanted::Others)? {
        if let Some(content) = read(&path)
            .map_err(|errno| format!("open {}: {}", path.display(), go_text(&errno.into())))?
        {
            files.insert(
                path.file_name().unwrap_or_default().to_owned(),
                OsString::from_vec(content),
            );
        }
    }
    Ok(files)
}

// From here on system calls instead of std: an image has dozens of these small directories and files, and std needs
// twice as many calls for each of them, most of them for memory.

/// Reads a file; a directory (behind a link) is `None`.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Errno> {
    let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut buffer = [0; 4096];
    let mut content = Vec::new();
    loop {
        match rustix::io::read(&file, &mut buffer) {
            Ok(0) => return Ok(Some(content)),
            Ok(count) => content.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(Errno::ISDIR) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Directories,
    /// Links, too, wherever they lead.
    Others,
}

/// Lists a directory by name; an absent one is empty.
fn entries(dir: &Path, wanted: Wanted) -> Text<Vec<PathBuf>> {
    let names = match names(dir, wanted) {
        Ok(names) => names,
        Err(Errno::NOENT) => return Ok(Vec::new()),
        Err(errno) => {
            let (dir, what) = (dir.display(), go_text(&errno.into()));
            return Err(format!(
                "failed to list files in dir '{dir}': open {dir}: {what}"
            ));
        }
    };
    Ok(names.iter().map(|name| dir.join(name)).collect())
}

fn names(dir: &Path, wanted: Wanted) -> Result<Vec<OsString>, Errno> {
    let dir = open(
        dir,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut list = RawDir::new(&dir, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = list.next() {
        let entry = entry?;
        let name = entry.file_name();
        let is_dir = kind(&dir, name, entry.file_type()).is_dir();
        if is_dir == (wanted == Wanted::Directories) && name != c"." && name != c".." {
            names.push(OsStr::from_bytes(name.to_bytes()).to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Some file systems do not tell kinds while listing.
fn kind(dir: &OwnedFd, name: &CStr, listed: FileType) -> FileType {
    if listed != FileType::Unknown {
        return listed;
    }
    let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.map_or(listed, |stat| FileType::from_raw_mode(stat.st_mode))
}
