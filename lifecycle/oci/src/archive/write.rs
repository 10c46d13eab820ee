//! Writing an image as one tar file, to a path or to any stream.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use files::Dir;

use super::{Format, docker};
use crate::layout::{self, BLOBS, INDEX, MARKER, MARKER_BYTES};
use crate::store::publishable;
use crate::tarball::{Header, Kind};
use crate::{Blob, Descriptor, Digest, Error, Image, Index, Reference, Result};

const BUFFER_BYTES: usize = 256 << 10;
const BLOCK: u64 = 512;

/// Writes an archive to a file: whole or not at all, and durable on return. What is there and is no regular file (a pipe,
/// `/dev/stdout`) is written to directly. Returns the digest of the manifest.
pub fn write_file(
    image: &Image,
    names: &[Reference],
    format: Format,
    path: &Path,
) -> Result<Digest> {
    let failed =
        |error: io::Error| Error::io(format!("writing the archive {}", path.display()), error);
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let mut file = OpenOptions::new().write(true).open(path).map_err(failed)?;
        return write(image, names, format, &mut file);
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let prefix = unfinished(path);
    // A folder that we may write to and not list keeps what it has.
    let _ = Dir::open(folder).and_then(|folder| files::remove_abandoned(&folder, &prefix));
    let mut temporary = files::temporary(folder, &prefix).map_err(failed)?;
    let mut digest = write(image, names, format, temporary.as_file_mut())?;
    if let Err(error) = temporary.as_file().sync_all() {
        if !files::is_disk_fault(&error) {
            return Err(failed(error));
        }
        // What a disk refused to sync is given up; a new file may find a better place.
        temporary = files::temporary(folder, &prefix).map_err(failed)?;
        digest = write(image, names, format, temporary.as_file_mut())?;
        temporary.as_file().sync_all().map_err(failed)?;
    }
    temporary
        .persist(path)
        .map_err(|error| failed(error.error))?;
    files::sync_dir(folder)
        .map_err(|error| Error::files(format!("writing the archive {}", path.display()), error))?;
    Ok(digest)
}

/// How the names of half-written files begin that are to become `path`: not like those of anybody else's files in that folder.
fn unfinished(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    let mut digest = Digest::of(name.as_encoded_bytes()).hex();
    digest.truncate(16);
    format!(".slipway-{digest}-")
}

/// Writes an archive to a stream, blob after blob. Returns the digest of the manifest. Of several names, only the first one is in
/// an OCI archive.
///
/// Layers are checked as they pass; when one is not what its digest says, the stream ends in the middle and this fails.
pub fn write(
    image: &Image,
    names: &[Reference],
    format: Format,
    out: &mut dyn Write,
) -> Result<Digest> {
    let (config, manifest) = (image.config_bytes(), image.manifest_bytes());
    let config_descriptor = image.config_descriptor();
    let descriptor = Descriptor::of(image.media_type(), &manifest);
    let names = names
        .iter()
        .map(|name| publishable(name, &descriptor))
        .collect::<Result<Vec<_>>>()?;
    let names: Vec<Reference> = names.into_iter().flatten().collect();

    let mut contents = BTreeMap::new();
    contents.insert(config_descriptor.digest, Content::Bytes(&config));
    contents.insert(descriptor.digest, Content::Bytes(&manifest));
    contents.extend(
        image
            .layers()
            .iter()
            .map(|layer| (layer.blob.descriptor.digest, Content::Blob(&layer.blob))),
    );

    let mut tar = Tar {
        out: BufWriter::with_capacity(BUFFER_BYTES, out),
    };
    tar.folder("blobs/")?;
    tar.folder("blobs/sha256/")?;
    for (digest, content) in &contents {
        tar.content(&format!("{BLOBS}/{}", digest.hex()), content)?;
    }
    tar.content(
        INDEX,
        &Content::Bytes(&index(image, &descriptor, &names, format).to_bytes()),
    )?;
    if format == Format::Docker {
        tar.content(
            docker::MANIFEST,
            &Content::Bytes(&docker::manifest(image, &config_descriptor, &names)),
        )?;
    }
    tar.content(MARKER, &Content::Bytes(MARKER_BYTES.as_bytes()))?;
    tar.finish()?;
    Ok(descriptor.digest)
}

/// One entry per name. Only the first name goes into an OCI archive: `podman load` and `skopeo copy` refuse one with two entries.
///
/// podman takes the whole name of an OCI archive from `ref.name`, and that of a docker archive from `manifest.json`.
fn index(image: &Image, manifest: &Descriptor, names: &[Reference], format: Format) -> Index {
    let mut index = Index::empty();
    match (format, names) {
        (_, []) => index.push(layout::entry(image, manifest, None, "")),
        (Format::Oci, [first, ..]) => {
            index.push(layout::entry(
                image,
                manifest,
                Some(first),
                &first.to_string(),
            ));
        }
        (Format::Docker, names) => {
            for name in names {
                let tag = name.tag().unwrap_or_default();
                index.push(layout::entry(image, manifest, Some(name), tag));
            }
        }
    }
    index
}

enum Content<'a> {
    Bytes(&'a [u8]),
    Blob(&'a Blob),
}

struct Tar<W: Write> {
    out: BufWriter<W>,
}

impl<W: Write> Tar<W> {
    fn folder(&mut self, name: &str) -> Result<()> {
        self.header(name, Kind::Dir, 0o755, 0)
    }

    fn content(&mut self, name: &str, content: &Content<'_>) -> Result<()> {
        match content {
            Content::Bytes(bytes) => self.file(name, bytes.len() as u64, &mut &**bytes),
            Content::Blob(blob) => self.file(name, blob.descriptor.size, &mut *blob.open()?),
        }
    }

    /// `bytes` must have exactly `size` bytes, as verified blobs do.
    fn file(&mut self, name: &str, size: u64, bytes: &mut dyn Read) -> Result<()> {
        self.header(name, Kind::File, 0o644, size)?;
        let failed = |error| Error::io(format!("writing {name} of the archive"), error);
        let written = io::copy(bytes, &mut self.out).map_err(failed)?;
        debug_assert_eq!(written, size, "{name}");
        let padding = usize::try_from(size.next_multiple_of(BLOCK) - size).unwrap_or(0);
        self.out.write_all(&[0; 512][..padding]).map_err(failed)
    }

    fn header(&mut self, name: &str, kind: Kind, mode: i64, size: u64) -> Result<()> {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let header = Header {
            name: name.as_bytes().to_vec(),
            kind,
            mode,
            size,
            ..Header::default()
        };
        let bytes = header.to_bytes()?;
        self.out
            .write_all(&bytes)
            .map_err(|error| Error::io(format!("writing {name} of the archive"), error))
    }

    fn finish(mut self) -> Result<()> {
        let end = self
            .out
            .write_all(&[0; 1024])
            .and_then(|()| self.out.flush());
        end.map_err(|error| Error::io("writing the end of the archive", error))
    }
}
