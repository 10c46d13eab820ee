//! The folder of a cache.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use cnb::labels::{CACHE_METADATA, CacheMetadata};
use files::{Dir, ErrorKind as FileError};
use oci::{Digest, Hasher};

use crate::inside::failed;
use crate::limits::METADATA_BYTES;
use crate::{Error, ErrorKind, Result};

const COMMITTED: &str = "committed";
const STAGING: &str = "staging";
const BACKUP: &str = "committed-backup";

/// An open cache.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: Dir,
}

/// A layer that was looked for.
#[derive(Debug)]
pub(crate) enum Cached {
    /// Its contents, with the right digest.
    Here(File),
    /// Why it can't be had.
    Missing(String),
}

impl Cache {
    /// Opens a folder that exists; clears what an earlier run left half done.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let dir = Dir::open(path).map_err(|cause| {
            Error::new(
                ErrorKind::CacheDir,
                format!("opening the cache {}", path.display()),
            )
            .because(cause)
        })?;
        let cache = Self { dir };
        cache.remove(STAGING)?;
        if cache.exists(Path::new(COMMITTED))? {
            cache.remove(BACKUP)?;
        } else if cache.exists(Path::new(BACKUP))? {
            // An earlier run ended between its two renames.
            cache.rename(BACKUP, COMMITTED)?;
        }
        for part in [STAGING, COMMITTED] {
            cache
                .dir
                .create_dir_all(Path::new(part), 0o755)
                .map_err(|cause| cache.failed("creating", part, cause))?;
        }
        Ok(cache)
    }

    /// What is kept; what does not decode counts as nothing.
    pub(crate) fn metadata(&self) -> Result<CacheMetadata> {
        let file = Path::new(COMMITTED).join(CACHE_METADATA);
        let bytes = self
            .dir
            .read(&file, METADATA_BYTES)
            .map_err(|cause| failed("reading", &file, cause))?;
        let text = bytes
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .unwrap_or_default();
        Ok(CacheMetadata::from_json(&text).unwrap_or_default())
    }

    /// Opens a layer after reading it once: its name proves nothing.
    pub(crate) fn verified(&self, sha: &str) -> Result<Cached> {
        let missing = || {
            Ok(Cached::Missing(format!(
                "failed to find cache layer with SHA '{sha}'"
            )))
        };
        let Some(beneath) = tar_of(COMMITTED, sha) else {
            return missing();
        };
        let mut file = match self.dir.file(&beneath) {
            Err(cause) if cause.kind() == FileError::NotFound => return missing(),
            Err(cause) if cause.kind() == FileError::Denied => {
                let why = format!(
                    "failed to read cache layer with SHA '{sha}' due to insufficient permissions"
                );
                return Ok(Cached::Missing(why));
            }
            file => file.map_err(|cause| failed("opening", &beneath, cause))?,
        };
        let reading =
            |cause| Error::new(ErrorKind::Io, format!("reading cached layer {sha}")).because(cause);
        let found = digest(&mut file).map_err(reading)?.to_string();
        if found != sha {
            return Ok(Cached::Missing(format!(
                "expected layer contents to have SHA '{sha}'; found '{found}'"
            )));
        }
        file.rewind().map_err(reading)?;
        Ok(Cached::Here(file))
    }

    /// Opens the SBOM layer, which has to be there and is read as it is (as in the Go lifecycle).
    pub(crate) fn open_layer(&self, sha: &str) -> Result<File> {
        let absent = || {
            Error::new(
                ErrorKind::CachedSbom,
                format!("opening the cached SBOM layer {sha}"),
            )
        };
        let beneath = tar_of(COMMITTED, sha).ok_or_else(absent)?;
        self.dir
            .file(&beneath)
            .map_err(|cause| absent().because(cause))
    }

    /// Takes a layer over from the last build. Says why when it is not there or damaged.
    pub(super) fn keep(&self, sha: &str) -> Result<Result<(), String>> {
        if let Cached::Missing(why) = self.verified(sha)? {
            return Ok(Err(why));
        }
        let absent = || format!("failed to find cache layer with SHA '{sha}'");
        Ok(self.keep_unread(sha)?.then_some(()).ok_or_else(absent))
    }

    /// Takes a layer over as it is: whoever unpacks it reads it first. False when it is not there.
    pub(super) fn keep_unread(&self, sha: &str) -> Result<bool> {
        let (Some(from), Some(to)) = (tar_of(COMMITTED, sha), tar_of(STAGING, sha)) else {
            return Ok(false);
        };
        match self.dir.hard_link(&from, &to) {
            Err(cause) if cause.kind() == FileError::NotFound => Ok(false),
            Err(cause) if cause.kind() != FileError::Exists => Err(failed("linking", &to, cause)),
            _ => Ok(true),
        }
    }

    /// Takes a layer's uncompressed tar, unless it is here already.
    pub(super) fn add(&self, diff_id: Digest, tar: &mut dyn Read) -> Result<()> {
        let to = Path::new(STAGING).join(format!("{diff_id}.tar"));
        if self.exists(&to)? {
            return Ok(());
        }
        let mut file = self
            .dir
            .create_file(&to, 0o644)
            .map_err(|cause| failed("creating", &to, cause))?;
        io::copy(tar, &mut file).map(drop).map_err(|cause| {
            Error::new(ErrorKind::Io, format!("writing {}", to.display())).because(cause)
        })
    }

    /// Replaces what was kept by what was taken since the cache was opened.
    pub(super) fn commit(self, metadata: &CacheMetadata) -> Result<()> {
        let json = metadata.to_json().map_err(|cause| {
            Error::new(ErrorKind::Format, "writing cache metadata").because(cause)
        })?;
        let file = Path::new(STAGING).join(CACHE_METADATA);
        let mut created = self
            .dir
            .create_file(&file, 0o644)
            .map_err(|cause| failed("creating", &file, cause))?;
        let written = writeln!(created, "{json}").and_then(|()| created.sync_all());
        written
            .map_err(|cause| Error::new(ErrorKind::Io, "writing cache metadata").because(cause))?;
        self.rename(COMMITTED, BACKUP)?;
        if let Err(error) = self.rename(STAGING, COMMITTED) {
            self.rename(BACKUP, COMMITTED)?;
            return Err(error);
        }
        self.remove(BACKUP)
    }

    fn exists(&self, beneath: &Path) -> Result<bool> {
        Ok(self
            .dir
            .stat(beneath)
            .map_err(|cause| failed("looking at", beneath, cause))?
            .is_some())
    }

    fn remove(&self, part: &str) -> Result<()> {
        self.dir
            .remove_tree(Path::new(part))
            .map_err(|cause| self.failed("removing", part, cause))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.dir
            .rename(Path::new(from), Path::new(to))
            .map_err(|cause| self.failed("renaming", from, cause))
    }

    fn failed(&self, doing: &str, part: &str, cause: files::Error) -> Error {
        failed(doing, &self.dir.path().join(part), cause)
    }
}

/// Where a layer lies. `None` when the text is no digest: it comes out of a file that anybody may have written.
fn tar_of(part: &str, sha: &str) -> Option<PathBuf> {
    let digest: Digest = sha.parse().ok()?;
    Some(Path::new(part).join(format!("{digest}.tar")))
}

fn digest(file: &mut File) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    io::copy(file, &mut hasher)?;
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_layer_with_other_contents_is_found_out_before_it_is_used_or_kept() {
        let folder = tempfile::tempdir().unwrap();
        let sha = Digest::of(b"right").to_string();
        let plant = |bytes: &[u8]| {
            let cache = Cache::open(folder.path()).unwrap();
            let path = folder.path().join(tar_of(COMMITTED, &sha).unwrap());
            std::fs::write(path, bytes).unwrap();
            cache
        };
        let cache = plant(b"wrong");
        let Cached::Missing(why) = cache.verified(&sha).unwrap() else {
            panic!("its name proves nothing");
        };
        assert!(why.contains("expected layer contents"), "{why}");
        assert_eq!(cache.keep(&sha).unwrap(), Err(why));

        let cache = plant(b"right");
        assert!(matches!(cache.verified(&sha).unwrap(), Cached::Here(_)));
        assert_eq!(cache.keep(&sha).unwrap(), Ok(()));
    }
}
