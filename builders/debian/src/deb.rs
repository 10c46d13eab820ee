//! One package file: an `ar` archive of a version, control files and the data. Source: deb(5).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use lzma_rust2::XzReader;
use oci::tarball::{self, Header, Limits};

use crate::error::{Error, ErrorKind, Result};
use crate::limits::{self, Limited};
use crate::offers::storage;

/// An open package whose digest was right when it was opened.
pub(crate) struct Deb {
    control: Member,
    data: Member,
}

/// A part of the file, still compressed.
struct Member {
    file: Arc<File>,
    start: u64,
    size: u64,
    compression: Compression,
}

#[derive(Clone, Copy)]
enum Compression {
    None,
    Gzip,
    Xz,
}

impl Deb {
    /// Opens a package and compares its digest, in hex.
    ///
    /// Fails with `Untrusted` when it has another one, and removes the file then, so that it is fetched again.
    pub(crate) fn open(path: &Path, sha256: &str) -> Result<Deb> {
        let opening = format!("opening {}", path.display());
        let mut file = File::open(path).map_err(|error| storage(&opening, error))?;
        let mut hasher = oci::Hasher::new();
        let mut limited = file.by_ref().take(limits::DEB_BYTES);
        io::copy(&mut limited, &mut hasher).map_err(|error| storage(&opening, error))?;
        if hasher.finish().hex() != sha256 {
            // Whatever it is, it is not worth keeping.
            let _ = std::fs::remove_file(path);
            return Err(
                Error::new(ErrorKind::Untrusted, format!("{opening}: it is damaged"))
                    .helped("it was removed from the cache; try again"),
            );
        }
        Deb::parse(Arc::new(file)).map_err(|error| storage(&opening, error))
    }

    fn parse(file: Arc<File>) -> io::Result<Deb> {
        let members = members(&file)?;
        let [(version, at), control, data] = <[_; 3]>::try_from(members)
            .map_err(|_| invalid("a package does not have its three parts"))?;
        let mut text = [0; 4];
        file.read_exact_at(&mut text, at.0)?;
        if version != "debian-binary" || text != *b"2.0\n" {
            return Err(invalid("not a package of version 2.0"));
        }
        let member = |name: &str, (found, (start, size)): (String, (u64, u64))| {
            let compression = match found.strip_prefix(name) {
                Some("") => Compression::None,
                Some(".gz") => Compression::Gzip,
                Some(".xz") => Compression::Xz,
                _ => {
                    return Err(invalid(
                        "a part of a package is compressed in an unknown way",
                    ));
                }
            };
            Ok(Member {
                file: Arc::clone(&file),
                start,
                size,
                compression,
            })
        };
        Ok(Deb {
            control: member("control.tar", control)?,
            data: member("data.tar", data)?,
        })
    }

    /// The control files by name: `control`, `md5sums`, scripts.
    pub(crate) fn control(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut files = BTreeMap::new();
        read(&self.control, &mut |header, content| {
            let name = std::str::from_utf8(&header.name).unwrap_or_default();
            let name = name.trim_start_matches("./");
            if header.kind == tarball::Kind::File && !name.contains('/') {
                let mut bytes = Vec::new();
                Limited::new(content, limits::CONTROL_BYTES)
                    .read_to_end(&mut bytes)
                    .map_err(|error| oci::Error::io(format!("reading {name}"), error))?;
                files.insert(name.to_owned(), bytes);
            }
            Ok(())
        })?;
        Ok(files)
    }

    /// The same package with its data decompressed into an empty file.
    pub(crate) fn with_data_in(self, file: Arc<File>) -> Result<Deb> {
        let mut data = Limited::new(self.data.open(), limits::UNPACKED_BYTES);
        let size = io::copy(&mut data, &mut &*file)
            .map_err(|error| storage("decompressing a package", error))?;
        let data = Member {
            file,
            start: 0,
            size,
            compression: Compression::None,
        };
        Ok(Deb { data, ..self })
    }

    /// Calls `each` for every entry of the data, with its content.
    pub(crate) fn data(
        &self,
        each: &mut dyn FnMut(&Header, &mut dyn Read) -> oci::Result<()>,
    ) -> Result<()> {
        read(&self.data, each)
    }
}

fn read(
    member: &Member,
    each: &mut dyn FnMut(&Header, &mut dyn Read) -> oci::Result<()>,
) -> Result<()> {
    let limits = Limits {
        bytes: limits::UNPACKED_BYTES,
        entries: limits::ENTRIES,
        ..Limits::default()
    };
    tarball::read(&mut *member.open(), &limits, each)
        .map_err(|error| Error::malformed("reading a package").because(error))
}

impl Member {
    fn open(&self) -> Box<dyn Read> {
        let bytes = BufReader::new(Part {
            file: Arc::clone(&self.file),
            at: self.start,
            left: self.size,
        });
        match self.compression {
            Compression::None => Box::new(bytes),
            Compression::Gzip => Box::new(GzDecoder::new(bytes)),
            Compression::Xz => Box::new(XzReader::new_mem_limit(bytes, false, limits::XZ_KIB)),
        }
    }
}

/// Reads a stretch of a file, without moving the file's own position.
struct Part {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self
            .file
            .read_at(buffer.get_mut(..room).unwrap_or_default(), self.at)?;
        let moved = u64::try_from(count).unwrap_or(0);
        self.at += moved;
        self.left -= moved;
        Ok(count)
    }
}

/// Names and places (start, size) of an `ar` archive's members. Those whose name begins with `_` are for others (deb(5)).
fn members(file: &File) -> io::Result<Vec<(String, (u64, u64))>> {
    const MAGIC: &[u8; 8] = b"!<arch>\n";
    let length = file.metadata()?.len();
    let mut magic = [0; 8];
    file.read_exact_at(&mut magic, 0)?;
    if magic != *MAGIC {
        return Err(invalid("not a package"));
    }
    let mut members = Vec::new();
    let mut at = 8;
    while at < length && members.len() < 8 {
        let mut header = [0; 60];
        file.read_exact_at(&mut header, at)?;
        let field = |from: usize, to: usize| {
            let text = header
                .get(from..to)
                .and_then(|text| std::str::from_utf8(text).ok());
            text.map(str::trim_end)
                .ok_or_else(|| invalid("a header is not text"))
        };
        let size: u64 = field(48, 58)?
            .parse()
            .map_err(|_| invalid("a size is not a number"))?;
        let start = at + 60;
        if !header.ends_with(b"`\n") || size > length.saturating_sub(start) {
            return Err(invalid("a part of a package is longer than the package"));
        }
        let name = field(0, 16)?.trim_end_matches('/');
        if !name.starts_with('_') {
            members.push((name.to_owned(), (start, size)));
        }
        at = start + size + size % 2;
    }
    Ok(members)
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}
