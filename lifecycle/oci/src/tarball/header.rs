//! Tar headers, byte for byte as Go's `archive/tar` writes them: USTAR where everything fits, else PAX, else GNU.
//!
//! The diff-id contract with the Go lifecycle lives here (TA-2, TA-4 to TA-6); golden vectors in `tests/vectors/tar.jsonl`.

use std::collections::BTreeMap;

use super::{Entry, Node, lexical};
use crate::{Error, ErrorKind, Result};

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
        let mut block = self.template(suffix, &self.link, put_octal, <[u8]>::to_vec);
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
        let mut block = self.template(&self.name, &self.link, put_octal, ascii);
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
        let mut block = self.template(&self.name, &self.link, put_number, <[u8]>::to_vec);
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
        text: fn(&[u8]) -> Vec<u8>,
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

/// Finds out what a header needs, field by field.
struct Need<'a> {
    formats: Format,
    prefer_pax: bool,
    records: Records,
    given: &'a Records,
}

impl Need<'_> {
    fn text(&mut self, text: &[u8], size: usize, key: &str) {
        let too_long = text.len() > size;
        let may_be_long = matches!(key, "path" | "linkpath");
        if text.contains(&0) || (too_long && !may_be_long) {
            self.formats = self.formats.without(Format::GNU);
        }
        if !is_ascii(text) || too_long {
            if key != "path" || split_path(text).is_none() {
                self.formats = self.formats.without(Format::USTAR);
            }
            self.records.insert(key.into(), text.to_vec());
        }
        self.keep_given(key, text);
    }

    /// An empty key means that PAX has no record for it.
    fn number(&mut self, number: i64, size: usize, key: &str) {
        if !fits_base256(size, number) {
            self.formats = self.formats.without(Format::GNU);
        }
        if !fits_octal(size, number) {
            self.formats = self.formats.without(Format::USTAR);
            if key.is_empty() {
                self.formats = self.formats.without(Format::PAX);
            } else {
                self.records
                    .insert(key.into(), number.to_string().into_bytes());
            }
        }
        self.keep_given(key, number.to_string().as_bytes());
    }

    fn time(&mut self, time: Option<Time>, key: &str) {
        let Some(time) = time else { return };
        let is_mtime = key == "mtime";
        let fits = fits_octal(12, time.seconds);
        if !is_mtime || !fits {
            self.formats = self.formats.without(Format::USTAR);
        }
        if !is_mtime || !fits || time.nanos != 0 {
            self.prefer_pax = true;
            self.records.insert(key.into(), time.to_pax());
        }
        self.keep_given(key, &time.to_pax());
    }

    /// A record that says what the field says stays a record.
    fn keep_given(&mut self, key: &str, value: &[u8]) {
        if self
            .given
            .get(key.as_bytes())
            .is_some_and(|given| given == value)
        {
            self.records.insert(key.into(), value.to_vec());
        }
    }

    fn add_given(&mut self) {
        const OURS: [&[u8]; 10] = [
            b"path",
            b"linkpath",
            b"size",
            b"uid",
            b"gid",
            b"uname",
            b"gname",
            b"mtime",
            b"atime",
            b"ctime",
        ];
        for (key, value) in self.given {
            if !OURS.contains(&&key[..]) && !key.starts_with(b"GNU.sparse.") {
                self.records
                    .entry(key.clone())
                    .or_insert_with(|| value.clone());
            }
        }
        self.formats = self.formats.only(Format::PAX);
    }
}

impl Time {
    fn rounded(self) -> Time {
        let up = i64::from(self.nanos >= 500_000_000);
        Time {
            seconds: self.seconds.saturating_add(up),
            nanos: 0,
        }
    }

    /// `%d.%d`, also for times before 1970.
    fn to_pax(self) -> Vec<u8> {
        if self.nanos == 0 {
            return self.seconds.to_string().into_bytes();
        }
        let (sign, seconds, nanos) = if self.seconds < 0 {
            ("-", -(self.seconds + 1), 1_000_000_000 - self.nanos)
        } else {
            ("", self.seconds, self.nanos)
        };
        format!("{sign}{seconds}.{nanos:09}")
            .trim_end_matches('0')
            .as_bytes()
            .to_vec()
    }
}

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

/// Magic, then the checksum over all.
fn seal(block: &mut [u8; BLOCK], format: Format) {
    let magic: &[u8; 8] = if format.has(Format::GNU) {
        b"ustar  \0"
    } else {
        b"ustar\x0000"
    };
    block[257..265].copy_from_slice(magic);
    let sum: i64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                i64::from(*byte)
            }
        })
        .sum();
    put_octal(&mut block[148..155], sum);
    block[155] = b' ';
}

/// Copies what fits and ends it with NUL where there is room.
fn put_text(field: &mut [u8], text: &[u8]) {
    let size = field.len();
    let count = size.min(text.len());
    field[..count].copy_from_slice(&text[..count]);
    if text.len() > size && field[size - 1] == b'/' {
        // Some readers take a file for a directory when the cut name ends in a slash.
        let end = text[..size - 1]
            .iter()
            .rposition(|byte| *byte != b'/')
            .map_or(0, |last| last + 1);
        field[end] = 0;
    }
}

/// Zero-padded octal with a NUL; zero when it does not fit.
fn put_octal(field: &mut [u8], number: i64) {
    let number = if fits_octal(field.len(), number) {
        number
    } else {
        0
    };
    let width = field.len() - 1;
    put_text(field, format!("{number:0width$o}").as_bytes());
}

fn put_number(field: &mut [u8], number: i64) {
    if fits_octal(field.len(), number) || !fits_base256(field.len(), number) {
        return put_octal(field, number);
    }
    let fill = if number < 0 { 0xff } else { 0 };
    let bytes = number.to_be_bytes();
    for (at, slot) in field.iter_mut().rev().enumerate() {
        *slot = bytes
            .len()
            .checked_sub(at + 1)
            .map_or(fill, |index| bytes[index]);
    }
    field[0] |= 0x80;
}

fn fits_octal(size: usize, number: i64) -> bool {
    number >= 0 && (size >= 22 || number < 1 << ((size - 1) * 3))
}

fn fits_base256(size: usize, number: i64) -> bool {
    size >= 9 || (-(1 << ((size - 1) * 8))..1 << ((size - 1) * 8)).contains(&number)
}

/// Cuts a long path at a slash into what USTAR's two fields can hold.
fn split_path(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= NAME || !is_ascii(name) {
        return None;
    }
    let length = match name.len() {
        long if long > PREFIX + 1 => PREFIX + 1,
        length if name.ends_with(b"/") => length - 1,
        length => length,
    };
    let cut = name[..length].iter().rposition(|byte| *byte == b'/')?;
    let (prefix, suffix) = (&name[..cut], &name[cut + 1..]);
    let fits =
        !prefix.is_empty() && prefix.len() <= PREFIX && !suffix.is_empty() && suffix.len() <= NAME;
    fits.then_some((prefix, suffix))
}

fn is_ascii(text: &[u8]) -> bool {
    text.iter().all(|byte| *byte < 0x80 && *byte != 0)
}

fn ascii(text: &[u8]) -> Vec<u8> {
    text.iter()
        .copied()
        .filter(|byte| *byte < 0x80 && *byte != 0)
        .collect()
}

/// `"%d %s=%s\n"`, where the number counts itself.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut size = rest + rest.to_string().len();
    if size.to_string().len() + rest != size {
        size = rest + size.to_string().len();
    }
    [size.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

/// Whether a PAX record can hold it; as lenient as Go.
pub(crate) fn is_valid_record(key: &[u8], value: &[u8]) -> bool {
    if key.is_empty() || key.contains(&b'=') {
        return false;
    }
    match key {
        b"path" | b"linkpath" | b"uname" | b"gname" => !value.contains(&0),
        _ => !key.contains(&0),
    }
}
