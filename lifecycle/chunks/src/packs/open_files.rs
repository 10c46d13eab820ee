//! Packs that are open for reading, not more than a few.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, PoisonError, RwLock};

use files::Dir;
use rustix::io::Errno;

use super::{Names, io_error_of, is_disk_fault_of};
use crate::idx::PackId;
use crate::{Error, Result};

/// Programs get 1,024 open files, and have other uses for them. Opening one anew costs about as much as reading a segment.
const OPEN_MAX: usize = 64;

#[derive(Debug, Default)]
pub(super) struct OpenFiles(RwLock<HashMap<PackId, Arc<File>>>);

impl OpenFiles {
    /// `None` when there is no such pack, or none that can be read.
    pub(super) fn get(&self, packs: &Dir, id: PackId) -> Result<Option<Arc<File>>> {
        let files = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(&id) {
            return Ok(Some(file.clone()));
        }
        drop(files);
        let Some(file) = self.open(packs, id)? else {
            return Ok(None);
        };
        let file = Arc::new(file);
        let mut files = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= OPEN_MAX {
            files.clear();
        }
        files.insert(id, file.clone());
        Ok(Some(file))
    }

    fn open(&self, packs: &Dir, id: PackId) -> Result<Option<File>> {
        let name = Names::of(id).pack;
        let opened = packs.file(&name).or_else(|error| {
            if !is_out_of_files(&error) {
                return Err(error);
            }
            self.clear();
            packs.file(&name)
        });
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(Error::files(format!("opening pack {id}"), error)),
        }
    }

    pub(super) fn forget(&self, id: PackId) {
        let mut files = self.0.write().unwrap_or_else(PoisonError::into_inner);
        files.remove(&id);
    }

    pub(super) fn clear(&self) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

fn is_gone(error: &files::Error) -> bool {
    use files::ErrorKind::{NotDirectory, NotFound, NotRegular};
    matches!(error.kind(), NotFound | NotDirectory | NotRegular) || is_disk_fault_of(error)
}

fn is_out_of_files(error: &files::Error) -> bool {
    let errno = io_error_of(error).and_then(Errno::from_io_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE))
}
