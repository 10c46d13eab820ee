//! One flipped bit at a time in the files of a store: is it noticed, and does writing the same again heal it?

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crashrec::{images, judge};
use oci::{Digest, Images, Local, Reference, Store};
use tempfile::TempDir;

use crate::{Random, Result, world};

const IMAGES: u64 = 2;

/// Flaws of today's store that wait for their fix; a line goes with its fix.
/// One bit makes the number of the format another number: that store is somebody else's, and left alone.
const KNOWN_STUCK: [&str; 1] = ["format"];

/// What came of flipping bits.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    pub flips: usize,
    /// Noticed when something was read.
    pub read: usize,
    /// Noticed by the check only.
    pub checked: usize,
    /// Not noticed, and nothing that the store promises was different.
    pub unnoticed: usize,
    /// Something wrong was given out as right.
    pub wrong: usize,
    /// In order again after the images were written again, once the damage had been noticed.
    pub healed: usize,
    /// Damages on which the images were written again before anybody noticed, and how many of them were healed by that.
    pub blind: usize,
    pub blind_healed: usize,
    /// By file, what stayed.
    pub stuck: BTreeMap<String, usize>,
    pub unnoticed_in: BTreeMap<String, usize>,
}

impl Counts {
    pub fn all_noticed(&self) -> bool {
        self.flips > 0 && self.wrong == 0 && self.unnoticed == 0
    }

    pub fn all_healed(&self) -> bool {
        let known = |place: &String| KNOWN_STUCK.contains(&place.as_str());
        self.stuck.keys().all(known)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} flips: {} noticed on reading, {} by the check, {} unnoticed {:?}, {} wrong; {} healed, not healed {:?}; {} of {} healed by writing before anybody noticed",
            self.flips,
            self.read,
            self.checked,
            self.unnoticed,
            self.unnoticed_in,
            self.wrong,
            self.healed,
            self.stuck,
            self.blind_healed,
            self.blind
        )
    }
}

/// Flips so many bits in a store of two images, one after the other.
pub fn rot(flips: usize, random: &mut Random) -> Result<Counts> {
    let victim = Victim::new()?;
    let mut counts = Counts::default();
    for flip in 0..flips {
        counts.flips += 1;
        let place = victim.flip(random)?;
        let blind = flip % 2 == 1;
        let written = blind && victim.write_again().is_ok();
        counts.blind += usize::from(blind);
        // Looking mends what it can, so one looks once.
        match victim.notice() {
            Noticed::Nothing if written => {
                counts.blind_healed += 1;
                counts.read += 1;
                counts.healed += 1;
                continue;
            }
            Noticed::Reading => counts.read += 1,
            Noticed::Nothing if victim.is_mended(&place) => counts.read += 1,
            Noticed::Check => counts.checked += 1,
            Noticed::Wrong(what) => {
                eprintln!("a bit of {}: {what}", place.display());
                counts.wrong += 1;
            }
            Noticed::Nothing => {
                eprintln!("an unnoticed bit of {}", victim.tell(&place));
                counts.unnoticed += 1;
                *counts.unnoticed_in.entry(kind(&place)).or_default() += 1;
                victim.restore()?;
                continue;
            }
        }
        match victim.write_again() {
            Ok(()) if victim.notice() == Noticed::Nothing => counts.healed += 1,
            _ => {
                *counts.stuck.entry(kind(&place)).or_default() += 1;
                victim.restore()?;
            }
        }
    }
    Ok(counts)
}

/// The folder of a file in the store, or the file at its top.
fn kind(place: &Path) -> String {
    let first = place.components().next();
    first.map_or_else(String::new, |first| {
        first.as_os_str().to_string_lossy().into_owned()
    })
}

/// Files whose bytes mean nothing: one is locked, the other's length says that a pack came or went.
const SAY_NOTHING: [&str; 2] = ["lock", "changes"];

/// How a flipped bit showed.
#[derive(Debug, PartialEq, Eq)]
enum Noticed {
    Nothing,
    /// Something could not be read, or was not there.
    Reading,
    Check,
    /// Another image than the one that was published was given out.
    Wrong(String),
}

/// A store that is damaged, and what it was.
struct Victim {
    scratch: TempDir,
    images: Vec<(Reference, u64, Digest)>,
}

impl Victim {
    fn new() -> Result<Victim> {
        let scratch = world::scratch()?;
        let mut victim = Victim {
            scratch,
            images: Vec::new(),
        };
        let store = Local::open(&victim.pristine())?;
        let as_store: Arc<dyn Store> = store.clone();
        for seed in 0..IMAGES {
            let name = images::reference(0, usize::try_from(seed)?);
            let image = images::image(seed, &as_store)?;
            let digest = store.publish(&image, std::slice::from_ref(&name))?;
            victim.images.push((name, seed, digest));
        }
        drop((store, as_store));
        world::copy(&victim.pristine(), &victim.store(), &[])?;
        Ok(victim)
    }

    fn pristine(&self) -> PathBuf {
        self.scratch.path().join("pristine")
    }

    fn store(&self) -> PathBuf {
        self.scratch.path().join("store")
    }

    fn restore(&self) -> Result<()> {
        std::fs::remove_dir_all(self.store())?;
        world::copy(&self.pristine(), &self.store(), &[])?;
        Ok(())
    }

    /// Flips one bit and returns the file it lies in, relative to the store: any file is as likely as any byte.
    fn flip(&self, random: &mut Random) -> Result<PathBuf> {
        let files = files(&self.store())?;
        let bytes: u64 = files.iter().map(|(_, size)| size).sum();
        let (path, offset) = if random.percent(50) {
            let (path, size) = &files[random.index(files.len())];
            (path, random.below(*size))
        } else {
            let mut offset = random.below(bytes);
            let found = files.iter().find(|(_, size)| {
                let here = offset < *size;
                offset -= if here { 0 } else { *size };
                here
            });
            (&found.ok_or("a store without bytes")?.0, offset)
        };
        // Packs are read-only.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))?;
        let file = std::fs::File::options().read(true).write(true).open(path)?;
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset)?;
        byte[0] ^= 1 << random.below(8);
        file.write_all_at(&byte, offset)?;
        Ok(path.strip_prefix(self.store())?.to_owned())
    }

    /// A damaged file, and what it says when it is text.
    fn tell(&self, place: &Path) -> String {
        let text = std::fs::read_to_string(self.store().join(place)).unwrap_or_default();
        format!("{}: {text:.300}", place.display())
    }

    /// Whether a file is what it was before any damage, as after opening the store wrote it anew.
    fn is_mended(&self, place: &Path) -> bool {
        let bytes = |store: PathBuf| std::fs::read(store.join(place)).ok();
        let pristine = bytes(self.pristine());
        pristine.is_some() && pristine == bytes(self.store())
    }

    /// Reads everything, then asks for a check.
    fn notice(&self) -> Noticed {
        let Ok(store) = Local::open(&self.store()) else {
            return Noticed::Reading;
        };
        let mut noticed = !judge::broken_names(&store).is_empty();
        for (name, _, digest) in &self.images {
            match store.find(name) {
                Ok(Some(image)) if image.digest() == *digest => {
                    noticed |= images::verify(&image).is_err();
                }
                Ok(Some(image)) if images::verify(&image).is_ok() => {
                    return Noticed::Wrong(format!("{name} is {}", image.digest()));
                }
                _ => noticed = true,
            }
        }
        match store.check() {
            _ if noticed => Noticed::Reading,
            Ok(damage) if damage.is_none() => Noticed::Nothing,
            _ => Noticed::Check,
        }
    }

    fn write_again(&self) -> Result<()> {
        let store = Local::open(&self.store())?;
        let as_store: Arc<dyn Store> = store.clone();
        for (name, seed, _) in &self.images {
            let image = images::image(*seed, &as_store)?;
            store.publish(&image, std::slice::from_ref(name))?;
        }
        Ok(())
    }
}

/// All files of a store that hold something, with their sizes in bytes. What lies in `lock` is a courtesy and promises nothing.
fn files(store: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let (mut files, mut folders) = (Vec::new(), vec![store.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let size = entry.metadata()?.len();
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if size > 0 && !SAY_NOTHING.iter().any(|name| entry.file_name() == *name) {
                files.push((entry.path(), size));
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undamaged_store_is_in_order_and_a_damaged_layer_is_noticed_and_healed() {
        let victim = Victim::new().unwrap();
        assert_eq!(victim.notice(), Noticed::Nothing);
        let (largest, size) = files(&victim.store())
            .unwrap()
            .into_iter()
            .max_by_key(|(_, size)| *size)
            .unwrap();
        std::fs::set_permissions(&largest, std::fs::Permissions::from_mode(0o644)).unwrap();
        let file = std::fs::File::options().write(true).open(largest).unwrap();
        file.write_all_at(b"rot", size / 2).unwrap();
        assert_ne!(victim.notice(), Noticed::Nothing);
        victim.write_again().unwrap();
        assert_eq!(victim.notice(), Noticed::Nothing);
    }

    #[test]
    fn a_name_that_leads_to_another_image_is_wrong() {
        let victim = Victim::new().unwrap();
        let store = Local::open(&victim.store()).unwrap();
        let other = store.resolve(&victim.images[1].0).unwrap().unwrap();
        store.tag(&other, &[victim.images[0].0.clone()]).unwrap();
        assert!(matches!(victim.notice(), Noticed::Wrong(_)));
    }
}
