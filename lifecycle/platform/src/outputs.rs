//! Where a built image goes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use oci::archive::Format;
use oci::{Image, Images, Layout, Local, Reference};

use crate::error::{Doing, Error, ErrorKind, Result};

/// One place for the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The image store of this machine, where `run` and `inspect` find it.
    Store,
    /// A folder in the OCI image layout.
    Oci(PathBuf),
    /// A file.
    Archive(Archive, PathBuf),
}

/// Kind of an image file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive {
    /// As `docker save` writes it, for `docker load` and `podman load`.
    Docker,
    /// An OCI image layout in a tar.
    Oci,
}

impl FromStr for Output {
    type Err = Error;

    fn from_str(text: &str) -> Result<Output> {
        let (kind, path) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "store" if text == kind => Ok(Output::Store),
            "oci" if !path.is_empty() => Ok(Output::Oci(path.into())),
            _ if !path.is_empty() => {
                let archive = kind.parse().map_err(|_| unknown(text))?;
                Ok(Output::Archive(archive, path.into()))
            }
            _ => Err(unknown(text)),
        }
    }
}

fn unknown(text: &str) -> Error {
    Error::new(
        ErrorKind::Usage,
        format!("`{text}` is no place for an image"),
    )
    .help("use store, oci:FOLDER, oci-archive:FILE or docker-archive:FILE")
}

impl FromStr for Archive {
    type Err = Error;

    fn from_str(text: &str) -> Result<Archive> {
        match text {
            "docker-archive" => Ok(Archive::Docker),
            "oci-archive" => Ok(Archive::Oci),
            _ => Err(Error::new(
                ErrorKind::Usage,
                format!("`{text}` is no kind of image file"),
            )
            .help("use docker-archive or oci-archive")),
        }
    }
}

/// Puts the image everywhere it is wanted. A file is there whole or not at all.
pub(crate) fn write(
    image: &Image,
    names: &[Reference],
    outputs: &[Output],
    store: &Arc<Local>,
) -> Result<()> {
    for output in outputs {
        match output {
            Output::Store => {
                store
                    .publish(image, names)
                    .doing("naming the image in the store")?;
            }
            Output::Oci(dir) => {
                let layout = Layout::create(dir).doing(format!("writing {}", dir.display()))?;
                layout
                    .publish(image, names)
                    .doing(format!("writing {}", dir.display()))?;
            }
            Output::Archive(archive, file) => write_file(image, names, *archive, file)?,
        }
    }
    Ok(())
}

/// As [`write`] for an image that is whole in the store: names that point to it already are left alone. Whether a name was given anew.
pub(crate) fn write_again(
    image: &Image,
    names: &[Reference],
    outputs: &[Output],
    store: &Arc<Local>,
) -> Result<bool> {
    let (stored, elsewhere): (Vec<Output>, Vec<Output>) = outputs
        .iter()
        .cloned()
        .partition(|output| *output == Output::Store);
    let mut missing = Vec::new();
    if !stored.is_empty() {
        for name in names {
            let found = store.resolve(name).doing(format!("looking for {name}"))?;
            if found.is_none_or(|manifest| manifest.digest != image.digest()) {
                missing.push(name.clone());
            }
        }
    }
    if !missing.is_empty() {
        write(image, &missing, &[Output::Store], store)?;
    }
    write(image, names, &elsewhere, store)?;
    Ok(!missing.is_empty())
}

/// Writes an archive as a file, whole or not at all.
pub(crate) fn write_file(
    image: &Image,
    names: &[Reference],
    archive: Archive,
    file: &Path,
) -> Result<()> {
    oci::archive::write_file(image, names, archive.format(), file)
        .doing(format!("writing {}", file.display()))?;
    Ok(())
}

/// Streams an archive.
pub(crate) fn write_archive(
    image: &Image,
    names: &[Reference],
    archive: Archive,
    into: &mut dyn Write,
) -> Result<()> {
    oci::archive::write(image, names, archive.format(), into).doing("writing the image archive")?;
    Ok(())
}

impl Archive {
    fn format(self) -> Format {
        match self {
            Archive::Docker => Format::Docker,
            Archive::Oci => Format::Oci,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_typed_and_mistakes_are_answered() {
        let read = |text: &str| text.parse::<Output>().unwrap();
        assert_eq!(read("store"), Output::Store);
        assert_eq!(read("oci:out"), Output::Oci("out".into()));
        assert_eq!(
            read("oci-archive:a:b.tar"),
            Output::Archive(Archive::Oci, "a:b.tar".into())
        );
        assert_eq!(
            read("docker-archive:x.tar"),
            Output::Archive(Archive::Docker, "x.tar".into())
        );
        for wrong in ["oci", "oci:", "store:x", "tar:x", ""] {
            let error = wrong.parse::<Output>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{wrong}");
        }
    }
}
