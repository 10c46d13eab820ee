//! A file from one of several addresses: resumed where it broke off, checked while it comes, put in place atomically.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::answer::failed;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::request::{Request, Stream};
use crate::retry::Attempts;
use crate::url::without_secrets;

/// Most bytes of a file whose size nobody promised.
const LIMIT: u64 = 8 << 30;
/// Failures are forgotten after this many further bytes.
const PROGRESS: u64 = 1 << 20;

/// What the bytes must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    pub sha256: [u8; 32],
    /// Bytes, where known; saves reading what cannot be right.
    pub size: Option<u64>,
}

impl Client {
    /// Fetches a file from the first of `urls` that gives it; the addresses must name the same bytes.
    ///
    /// `to` appears complete, checked, synced and with mode 0644, or stays as it was; its folder must exist. Each address
    /// is tried as often as the settings say and resumed with a range where the server can. The error is that of the
    /// address that came nearest: one that answered wins over one that could not be reached.
    pub fn download(&self, urls: &[String], expected: Option<Expected>, to: &Path) -> Result<()> {
        let mut part = Part::create(to)?;
        let mut worst: Option<Error> = None;
        for url in urls {
            match self.download_one(url, expected, &mut part) {
                Ok(()) => return part.publish(to),
                Err(error) if error.kind() == ErrorKind::File => return Err(error),
                Err(error) => worst = Some(nearer(worst, error)),
            }
        }
        Err(worst.unwrap_or_else(|| {
            Error::new(ErrorKind::Other, format!("no address for {}", to.display()))
        }))
    }

    fn download_one(&self, url: &str, expected: Option<Expected>, part: &mut Part) -> Result<()> {
        let mut attempts = Attempts::new(self.settings().tries);
        part.restart()?;
        loop {
            let before = part.length;
            match self.attempt(url, expected, part) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    if part.length >= before + PROGRESS {
                        attempts.progressed();
                    }
                    attempts.again(error)?;
                }
            }
        }
    }

    /// One request for what is missing.
    fn attempt(&self, url: &str, expected: Option<Expected>, part: &mut Part) -> Result<()> {
        let size = expected.and_then(|expected| expected.size);
        let mut request = Request::get(url);
        if part.length > 0 {
            request = request.header("Range", format!("bytes={}-", part.length));
            if let Some(tag) = &part.tag {
                request = request.header("If-Range", tag);
            }
        }
        let mut stream = match self.open(&request) {
            // The server does not have the rest: what is here already belongs to another file.
            Err(error) if error.status() == Some(416) => {
                part.restart()?;
                return Err(Error::new(ErrorKind::Broken, error.to_string()).because(error));
            }
            stream => stream?,
        };
        if !continues(&stream, part.length) {
            part.restart()?;
        }
        part.tag = strong_tag(&stream);
        if let (Some(size), Some(coming)) = (size, stream.length())
            && part.length + coming != size
        {
            let total = part.length + coming;
            part.restart()?;
            let doing = format!("{} is {total} bytes, not {size}", stream.url);
            return Err(Error::new(ErrorKind::Digest, doing));
        }
        part.fill(&mut stream, size.unwrap_or(LIMIT))?;
        part.check(url, expected)
    }
}

/// Whether the stream goes on at `length`; otherwise it begins at zero.
fn continues(stream: &Stream, length: u64) -> bool {
    let start = stream
        .header("content-range")
        .and_then(|range| range.strip_prefix("bytes "))
        .and_then(|range| range.split('-').next())
        .and_then(|start| start.trim().parse::<u64>().ok());
    length > 0 && stream.status == 206 && start == Some(length)
}

/// An entity tag that promises the same bytes; weak ones do not.
fn strong_tag(stream: &Stream) -> Option<String> {
    stream
        .header("etag")
        .filter(|tag| tag.starts_with('"'))
        .map(str::to_owned)
}

/// The error that tells more.
fn nearer(one: Option<Error>, other: Error) -> Error {
    let rank = |error: &Error| match error.kind() {
        ErrorKind::Digest | ErrorKind::TooLarge => 4,
        ErrorKind::Denied | ErrorKind::Tls => 3,
        ErrorKind::Busy | ErrorKind::Broken | ErrorKind::Timeout | ErrorKind::Refused => 2,
        ErrorKind::Offline => 1,
        _ => 0,
    };
    match one {
        Some(one) if rank(&one) > rank(&other) => one,
        _ => other,
    }
}

/// The file while it is incomplete, beside its final place; removed when dropped.
struct Part {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    length: u64,
    tag: Option<String>,
}

impl Part {
    fn create(to: &Path) -> Result<Part> {
        let mut name = OsString::from(".");
        name.push(to.file_name().unwrap_or_default());
        name.push(format!(".{:016x}.part", RandomState::new().hash_one(0)));
        let path = to.with_file_name(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| local(&path, error))?;
        Ok(Part {
            path,
            file,
            hasher: Sha256::new(),
            length: 0,
            tag: None,
        })
    }

    fn restart(&mut self) -> Result<()> {
        let truncated = self
            .file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)));
        truncated.map_err(|error| local(&self.path, error))?;
        self.hasher = Sha256::new();
        self.length = 0;
        self.tag = None;
        Ok(())
    }

    /// Appends the stream; more than `limit` bytes in all is an error before they are written.
    fn fill(&mut self, stream: &mut Stream, limit: u64) -> Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = match stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) => {
                    return Err(failed(&format!("reading {}", stream.url), error.into()));
                }
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            let length = self.length + u64::try_from(count).unwrap_or(0);
            if length > limit {
                let doing = format!("{} is larger than {limit} bytes", stream.url);
                self.restart()?;
                return Err(Error::new(ErrorKind::TooLarge, doing));
            }
            self.file
                .write_all(bytes)
                .map_err(|error| local(&self.path, error))?;
            self.hasher.update(bytes);
            self.length = length;
        }
    }

    fn check(&mut self, url: &str, expected: Option<Expected>) -> Result<()> {
        let Some(expected) = expected else {
            return Ok(());
        };
        let shown = without_secrets(url);
        if expected.size.is_some_and(|size| self.length < size) {
            let doing = format!("{shown} ended after {} bytes", self.length);
            return Err(Error::new(ErrorKind::Broken, doing));
        }
        let found: [u8; 32] = self.hasher.clone().finalize().into();
        if found == expected.sha256 {
            return Ok(());
        }
        self.restart()?;
        Err(Error::new(
            ErrorKind::Digest,
            format!(
                "{shown} has sha256 {}, not {}",
                hex(found),
                hex(expected.sha256)
            ),
        ))
    }

    /// Syncs and renames.
    fn publish(self, to: &Path) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let folder = match to.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let published = self
            .file
            .set_permissions(fs::Permissions::from_mode(0o644))
            .and_then(|()| self.file.sync_all())
            .and_then(|()| fs::rename(&self.path, to))
            .and_then(|()| File::open(folder)?.sync_all());
        published.map_err(|error| local(to, error))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After `publish` there is nothing under this name any more.
        let _ = fs::remove_file(&self.path);
    }
}

fn local(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::File, format!("writing {}", path.display())).because(error)
}

fn hex(digest: [u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(&digest)
}
