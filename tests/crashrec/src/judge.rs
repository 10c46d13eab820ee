//! What must be true of a store and its exports, whatever happened: nothing acknowledged is lost, nothing visible is broken.

use std::path::Path;

use oci::{Digest, Images, Layout, Local};

use crate::images::{self, reference};
use crate::plan::{self, Allowed, Place, Step};
use crate::{text, worker};

/// What is wrong; empty when nothing is.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Flaws {
    /// Acknowledged and not there, or not what was acknowledged.
    pub lost: Vec<String>,
    /// Can be seen and does not work.
    pub broken: Vec<String>,
}

impl Flaws {
    pub fn none(&self) -> bool {
        self.lost.is_empty() && self.broken.is_empty()
    }

    pub fn lines(&self) -> Vec<String> {
        let lost = self.lost.iter().map(|text| format!("lost: {text}"));
        lost.chain(self.broken.iter().map(|text| format!("broken: {text}")))
            .collect()
    }
}

/// Judges what the writers left in `dir`; `done` says how many steps of each were acknowledged.
pub fn judge(dir: &Path, writers: &[Vec<Step>], done: &[usize], digests: &[Digest]) -> Flaws {
    let mut flaws = Flaws::default();
    let begun = done.iter().any(|done| *done > 0);
    match Local::open(&worker::store_dir(dir)) {
        Ok(store) => {
            flaws.broken.extend(broken_names(&store));
            for (writer, (steps, done)) in writers.iter().zip(done).enumerate() {
                judge_writer(dir, &store, writer, steps, *done, digests, &mut flaws);
            }
        }
        Err(error) if begun => flaws.lost.push(text(&error)),
        Err(error) => flaws.broken.push(text(&error)),
    }
    flaws
}

fn judge_writer(
    dir: &Path,
    store: &Local,
    writer: usize,
    steps: &[Step],
    done: usize,
    digests: &[Digest],
    flaws: &mut Flaws,
) {
    for (place, allowed) in plan::allowed(steps, done) {
        let found = match place {
            Place::Store { name } => find(store, writer, name),
            Place::Layout { name } => {
                match Layout::open(&worker::layout_dir(dir, writer, name)) {
                    Ok(layout) => find(&layout, writer, name),
                    // A layout without its marker is no layout yet.
                    Err(_) => Ok(None),
                }
            }
        };
        let what = || format!("{place:?} of writer {writer} after {done} steps");
        match found {
            Ok(found) if fits(found, &allowed, digests) => {}
            Ok(found) => {
                let wanted = wanted(&allowed, digests);
                let text = format!("{}: {found:?} instead of {wanted:?}", what());
                flaws.lost.push(text);
            }
            Err(error) => flaws.broken.push(format!("{}: {error}", what())),
        }
    }
}

fn fits(found: Option<Digest>, allowed: &Allowed, digests: &[Digest]) -> bool {
    wanted(allowed, digests).contains(&found)
}

fn wanted(allowed: &Allowed, digests: &[Digest]) -> Vec<Option<Digest>> {
    let digest = |image: &u64| digests[usize::try_from(*image).expect("an index")];
    allowed
        .iter()
        .map(|image| image.as_ref().map(digest))
        .collect()
}

/// The digest of the image that has the name, after all of it was read.
fn find(images: &dyn Images, writer: usize, name: usize) -> Result<Option<Digest>, String> {
    let found = images
        .find(&reference(writer, name))
        .and_then(|found| match found {
            Some(image) => images::verify(&image).map(|()| Some(image.digest())),
            None => Ok(None),
        });
    found.map_err(|error| text(&error))
}

/// Names that are listed and do not lead to an image that can be read whole.
pub fn broken_names(store: &Local) -> Vec<String> {
    let names = match store.list() {
        Ok(names) => names,
        Err(error) => return vec![text(&error)],
    };
    names
        .iter()
        .filter_map(|named| {
            let broken = match store.find(&named.name) {
                Ok(Some(image)) => images::verify(&image).err().map(|error| text(&error)),
                Ok(None) => Some("it is listed and cannot be found".to_owned()),
                Err(error) => Some(text(&error)),
            };
            broken.map(|broken| format!("{}: {broken}", named.name))
        })
        .collect()
}

/// What half-done work left in a store that nobody has open and that was just collected: paths of files.
pub fn leftovers(store: &Path) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let session = folder.ends_with("sessions");
            let half = name.starts_with('.')
                || Path::new(&name)
                    .extension()
                    .is_some_and(|extension| extension == "part" || extension == "tmp");
            if session || half {
                found.push(entry.path().display().to_string());
            } else if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use oci::Store;

    use super::*;

    #[test]
    fn a_name_without_its_image_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let store = Local::open(&worker::store_dir(dir.path())).unwrap();
        let memory: Arc<dyn Store> = oci::Memory::new();
        let image = images::image(1, &memory).unwrap();
        store.tag(&image.descriptor(), &[reference(0, 0)]).unwrap();
        let flaws = judge(
            dir.path(),
            &[vec![Step::Publish { name: 0, image: 1 }]],
            &[1],
            &plan::digests().unwrap(),
        );
        assert_eq!((flaws.lost.len(), flaws.broken.len()), (1, 1), "{flaws:?}");
    }

    #[test]
    fn what_was_removed_and_acknowledged_must_not_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let steps = [
            Step::Publish { name: 0, image: 1 },
            Step::Remove { name: 0 },
        ];
        let store = Local::open(&worker::store_dir(dir.path())).unwrap();
        let as_store: Arc<dyn Store> = store.clone();
        let image = images::image(1, &as_store).unwrap();
        store.publish(&image, &[reference(0, 0)]).unwrap();
        let digests = plan::digests().unwrap();
        let judge = |done| judge(dir.path(), &[steps.to_vec()], &[done], &digests);
        assert!(judge(0).none());
        assert!(judge(1).none());
        assert_eq!(judge(2).lost.len(), 1);
    }

    #[test]
    fn half_written_files_and_dead_sessions_are_leftovers() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["sessions/7-0", "names", "blobs/sha256"] {
            std::fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        for path in ["names/.new-x", "blobs/sha256/1.part", "names/kept"] {
            std::fs::write(dir.path().join(path), "").unwrap();
        }
        assert_eq!(leftovers(dir.path()).unwrap().len(), 3);
    }
}
