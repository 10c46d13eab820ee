//! Tar headers, byte for byte as Go's `archive/tar` writes them: USTAR where everything fits, else PAX, else GNU.
//!
//! The diff-id contract with the Go lifecycle lives here (TA-2, TA-4 to TA-6); golden vectors in `tests/vectors/tar.jsonl`.

mod field;
mod need;

use std::borrow::Cow;
use std::collections::BTreeMap;

use self::field::{ascii, put_number, put_octal, put_text, record, seal, split_path};
use self::need::Need;
use super::{Entry, Node, lexical};
use crate::{Error, ErrorKind, Result};

pub(crate) use self::field::is_valid_record;

const BLOCK: usize = 512;
const NAME: usize = 100;
const PREFIX: usize = 155;
pub(crate) use crate::limits::TAR_SPECIAL_BYTES as SPECIAL;

/// Everything a tar says about one file, numbers as wide as the formats allow.
///
/// What was read from a tar is untrusted: use [`Header::path`] rather than `name` for anything on a disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// As written in the tar.
    pub name: Vec<u8>,
    pub kind: Kind,
    /// Target of a symbolic or hard link.
    pub link: Vec<u8>,
    pub mode: i64,
    pub uid: i64,
    pub gid: i64,
    /// Bytes of content; only files have content, whatever this says.
    pub size: i64,
    pub mtime: Time,
    pub atime: Option<Time>,
    pub ctime: Option<Time>,
    pub user: Vec<u8>,
    pub group: Vec<u8>,
    pub device: (i64, i64),
    /// PAX records that came with it.
    pub records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Formats it may be written in; none means any.
    pub format: Format,
}

/// Seconds since 1970 and nanoseconds after that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Time {
    pub seconds: i64,
    pub nanos: u32,
}

/// The type flag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    File,
    Hardlink,
    Symlink,
    Char,
    Block,
    Dir,
    Fifo,
    /// PAX records for all that follows.
    Global,
    Other(u8),
}

/// A set of tar formats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Format(u8);

impl Format {
    pub const UNKNOWN: Format = Format(0);
    pub const USTAR: Format = Format(1);
    pub const PAX: Format = Format(2);
    pub const GNU: Format = Format(4);
    const ALL: Format = Format(7);

    pub fn has(self, other: Format) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn only(self, other: Format) -> Format {
        Format(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Format) -> Format {
        Format(self.0 | other.0)
    }

    fn without(self, other: Format) -> Format {
        Format(self.0 & !other.0)
    }
}

impl Kind {
    pub(crate) fn from_flag(flag: u8) -> Kind {
        match flag {
            b'0' => Kind::File,
            b'1' => Kind::Hardlink,
            b'2' => Kind::Symlink,
            b'3' => Kind::Char,
            b'4' => Kind::Block,
            b'5' => Kind::Dir,
            b'6' => Kind::Fifo,
            b'g' => Kind::Global,
            other => Kind::Other(other),
        }
    }

    fn flag(self) -> u8 {
        match self {
            Kind::File => b'0',
            Kind::Hardlink => b'1',
            Kind::Symlink => b'2',
            Kind::Char => b'3',
            Kind::Block => b'4',
            Kind::Dir => b'5',
            Kind::Fifo => b'6',
            Kind::Global => b'g',
            Kind::Other(flag) => flag,
        }
    }

    /// Whether no content follows, whatever the size field says.
    pub(crate) fn header_only(self) -> bool {
        matches!(
            self,
            Kind::Hardlink | Kind::Symlink | Kind::Char | Kind::Block | Kind::Dir | Kind::Fifo
        )
    }
}

/// The header of an entry, with its PAX records where it needs some: whole blocks, exactly Go's bytes.
pub fn header(entry: &Entry) -> Result<Vec<u8>> {
    Header::of(entry).to_bytes()
}

impl Header {
    pub(crate) fn of(entry: &Entry) -> Header {
        let (kind, link, device, size) = match &entry.node {
            Node::Dir => (Kind::Dir, &[][..], (0, 0), 0),
            Node::File(content) => (Kind::File, &[][..], (0, 0), content.size()),
            Node::Symlink(target) => (Kind::Symlink, &target[..], (0, 0), 0),
            Node::Hardlink(target) => (Kind::Hardlink, &target[..], (0, 0), 0),
            Node::Fifo => (Kind::Fifo, &[][..], (0, 0), 0),
            Node::Char(major, minor) => (Kind::Char, &[][..], (*major, *minor), 0),
            Node::Block(major, minor) => (Kind::Block, &[][..], (*major, *minor), 0),
        };
        Header {
            name: entry.path.clone(),
            kind,
            link: link.to_vec(),
            mode: i64::from(entry.mode),
            uid: i64::from(entry.uid),
            gid: i64::from(entry.gid),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            mtime: Time {
                seconds: entry.mtime,
                nanos: 0,
            },
            device: (i64::from(device.0), i64::from(device.1)),
            ..Header::default()
        }
    }

    /// The path relative to the root, without `.` and doubled slashes; empty is the root itself.
    ///
    /// A leading slash counts from the root. Fails with `Escapes` when a name is `..`.
    pub fn path(&self) -> Result<Vec<u8>> {
        relative(&self.name)
    }

    /// The path a hard link names, as [`Header::path`].
    pub fn link_path(&self) -> Result<Vec<u8>> {
        relative(&self.link)
    }

    /// The blocks of this header. Fails with [`ErrorKind::Unsupported`] when no (allowed) format can say it.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut header = self.clone();
        if header.format == Format::UNKNOWN {
            header.mtime = header.mtime.rounded();
            header.atime = None;
            header.ctime = None;
        }
        let (formats, records) = header.allowed()?;
        if formats.has(Format::USTAR) {
            Ok(header.ustar())
        } else if formats.has(Format::PAX) {
            header.pax(&records)
        } else {
            Ok(header.gnu())
        }
    }

    /// Which formats can hold it, and the PAX records it then needs.
    fn allowed(&self) -> Result<(Format, Records)> {
        let mut need = Need {
            formats: Format::ALL,
            prefer_pax: false,
            records: Records::new(),
            given: &self.records,
        };
        need.text(&self.name, NAME, "path");
        need.text(&self.link, NAME, "linkpath");
        need.text(&self.user, 32, "uname");
        need.text(&self.group, 32, "gname");
        need.number(self.mode, 8, "");
        need.number(self.uid, 8, "uid");
        need.number(self.gid, 8, "gid");
        need.number(self.size, 12, "size");
        need.number(self.device.0, 8, "");
        need.number(self.device.1, 8, "");
        need.time(Some(self.mtime), "mtime");
        need.time(self.atime, "atime");
        need.time(self.ctime, "ctime");

        let file_like = matches!(
            self.kind,
            Kind::File | Kind::Char | Kind::Block | Kind::Fifo
        );
        if file_like && self.name.ends_with(b"/") {
            return Err(self.refused("the name of a file ends in a slash"));
        }
        if matches!(
            self.kind,
            Kind::Global | Kind::Other(b'x' | b'L' | b'K' | b'S')
        ) {
            return Err(self.refused("this type of entry cannot be written"));
        }
        if !self.kind.header_only() && self.size < 0 {
            return Err(self.refused("its size is negative"));
        }
        if !self.records.is_empty() {
            need.add_given();
        }
        if need
            .records
            .iter()
            .any(|(key, value)| !is_valid_record(key, value))
        {
            return Err(self.refused("a PAX record would hold a NUL byte"));
        }
        let mut wanted = self.format;
        if wanted.has(Format::PAX) && !need.prefer_pax {
            wanted = wanted.or(Format::USTAR);
        }
        let formats = if wanted == Format::UNKNOWN {
            need.formats
        } else {
            need.formats.only(wanted)
        };
        if formats == Format::UNKNOWN {
            return Err(self.refused("no tar format can hold it"));
        }
        Ok((formats, need.records))
    }

    fn refused(&self, why: &str) -> Error {
        let doing = format!(
            "writing the tar header of {}: {why}",
            lexical::shown(&self.name)
        );
        Error::new(ErrorKind::Unsupported, doing)
    }

    fn ustar(&self) -> Vec<u8> {
        let (prefix, suffix) = split_path(&self.name).unwrap_or((b"", &self.name));
        let mut block = self.template(suffix, &self.link, put_octal, |text| text.into());
        put_text(&mut block[345..500], prefix);
        seal(&mut block, Format::USTAR);
        block.to_vec()
    }

    fn pax(&self, records: &Records) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if !records.is_empty() {
            let body: Vec<u8> = records
                .iter()
                .flat_map(|(key, value)| record(key, value))
                .collect();
            if body.len() > SPECIAL {
                return Err(self.refused("its PAX records are too long"));
            }
            let (dir, file) = lexical::split(&self.name);
            let name = lexical::join(&[dir, b"PaxHeaders.0", file]);
            put_special(&mut bytes, &name, &body, b'x', Format::PAX);
        }
        let mut block = self.template(&self.name, &self.link, put_octal, |text| ascii(text).into());
        seal(&mut block, Format::PAX);
        bytes.extend_from_slice(&block);
        Ok(bytes)
    }

    fn gnu(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (text, flag) in [(&self.name, b'L'), (&self.link, b'K')] {
            if text.len() > NAME {
                let body = [text, &b"\0"[..]].concat();
                put_special(&mut bytes, b"././@LongLink", &body, flag, Format::GNU);
            }
        }
        let mut block = self.template(&self.name, &self.link, put_number, |text| text.into());
        if let Some(time) = self.atime {
            put_number(&mut block[345..357], time.seconds);
        }
        if let Some(time) = self.ctime {
            put_number(&mut block[357..369], time.seconds);
        }
        seal(&mut block, Format::GNU);
        bytes.extend_from_slice(&block);
        bytes
    }

    /// The fields that all formats share.
    fn template(
        &self,
        name: &[u8],
        link: &[u8],
        put: fn(&mut [u8], i64),
        text: fn(&[u8]) -> Cow<'_, [u8]>,
    ) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[156] = self.kind.flag();
        put_text(&mut block[0..100], &text(name));
        put_text(&mut block[157..257], &text(link));
        put(&mut block[100..108], self.mode);
        put(&mut block[108..116], self.uid);
        put(&mut block[116..124], self.gid);
        put(&mut block[124..136], self.size);
        put(&mut block[136..148], self.mtime.seconds);
        put_text(&mut block[265..297], &text(&self.user));
        put_text(&mut block[297..329], &text(&self.group));
        put(&mut block[329..337], self.device.0);
        put(&mut block[337..345], self.device.1);
        block
    }
}

fn relative(path: &[u8]) -> Result<Vec<u8>> {
    let names: Vec<&[u8]> = path
        .split(|byte| *byte == b'/')
        .filter(|name| !matches!(*name, b"" | b"."))
        .collect();
    if names.contains(&&b".."[..]) {
        let doing = format!("reading a tar: {} leads out of it", lexical::shown(path));
        return Err(Error::new(ErrorKind::Escapes, doing));
    }
    Ok(names.join(&b'/'))
}

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// A header of its own whose content says more about the next one, and that content, padded.
fn put_special(bytes: &mut Vec<u8>, name: &[u8], body: &[u8], flag: u8, format: Format) {
    let name = ascii(name);
    let name = name.get(..NAME).unwrap_or(&name);
    let name = &name[..name
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(0, |last| last + 1)];
    let mut block = [0; BLOCK];
    block[156] = flag;
    put_text(&mut block[0..100], name);
    put_octal(&mut block[100..108], 0);
    put_octal(&mut block[108..116], 0);
    put_octal(&mut block[116..124], 0);
    put_octal(
        &mut block[124..136],
        i64::try_from(body.len()).unwrap_or(i64::MAX),
    );
    put_octal(&mut block[136..148], 0);
    seal(&mut block, format);
    bytes.extend_from_slice(&block);
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
}
