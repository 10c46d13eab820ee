//! One header block: which format it is in, and its fields.

use super::{Format, Header, Kind, Time, malformed};
use crate::Result;

pub(super) const BLOCK: usize = 512;

pub(super) struct Block {
    bytes: Box<[u8; BLOCK]>,
}

impl Block {
    pub(super) fn new(bytes: Box<[u8; BLOCK]>) -> Block {
        Block { bytes }
    }

    pub(super) fn as_tar(&self) -> &tar::Header {
        tar::Header::from_byte_slice(&self.bytes[..])
    }

    /// The header, and its type flag as it stands there.
    pub(super) fn parse(&self) -> Result<(Header, u8)> {
        let fields = self.as_tar().as_old();
        self.check_sum()?;
        let [flag] = fields.linkflag;
        let mut header = Header {
            name: text(&fields.name).to_vec(),
            kind: Kind::from_flag(flag),
            link: text(&fields.linkname).to_vec(),
            mode: number(&fields.mode)?,
            uid: number(&fields.uid)?,
            gid: number(&fields.gid)?,
            size: number(&fields.size)?,
            mtime: seconds(number(&fields.mtime)?),
            ..Header::default()
        };
        let bytes = &self.bytes;
        let is_ustar = &bytes[257..263] == b"ustar\0";
        let is_star = is_ustar && &bytes[508..512] == b"tar\0";
        if !is_ustar && self.as_tar().as_gnu().is_none() {
            return Ok((header, flag));
        }
        header.user = text(&bytes[265..297]).to_vec();
        header.group = text(&bytes[297..329]).to_vec();
        header.device = (number(&bytes[329..337])?, number(&bytes[337..345])?);
        let prefix = if is_star {
            header.atime = Some(seconds(number(&bytes[476..488])?));
            header.ctime = Some(seconds(number(&bytes[488..500])?));
            text(&bytes[345..476])
        } else if is_ustar {
            header.format = self.ustar_format();
            text(&bytes[345..500])
        } else {
            self.gnu_times(&mut header)
        };
        if !prefix.is_empty() {
            header.name = [prefix, b"/", &header.name].concat();
        }
        Ok((header, flag))
    }

    /// A block that breaks the rules of USTAR while it has its magic may be written in any format.
    fn ustar_format(&self) -> Format {
        let numbers = [107, 115, 123, 135, 147, 336, 344];
        let ends_in_nul = numbers.iter().all(|last| self.bytes[*last] == 0);
        if ends_in_nul && self.bytes.is_ascii() {
            Format::USTAR.or(Format::PAX)
        } else {
            Format::UNKNOWN
        }
    }

    /// GNU puts times where USTAR has the prefix. Old versions of Go wrote a prefix all the same: what is no number there and
    /// ASCII is taken for one.
    fn gnu_times(&self, header: &mut Header) -> &[u8] {
        header.format = Format::GNU;
        let time = |field: &[u8]| match field.first() {
            Some(0) | None => Ok(None),
            Some(_) => number(field).map(|number| Some(seconds(number))),
        };
        if let (Ok(atime), Ok(ctime)) = (time(&self.bytes[345..357]), time(&self.bytes[357..369])) {
            (header.atime, header.ctime) = (atime, ctime);
            return b"";
        }
        header.format = Format::UNKNOWN;
        let prefix = text(&self.bytes[345..500]);
        if prefix.is_ascii() { prefix } else { b"" }
    }

    /// The sum of all bytes with the field itself as spaces; Sun's tar summed them as signed.
    fn check_sum(&self) -> Result<()> {
        let said = octal(&self.as_tar().as_old().cksum)?;
        let counted = |at: usize, byte: u8| if (148..156).contains(&at) { b' ' } else { byte };
        let bytes = || {
            self.bytes
                .iter()
                .enumerate()
                .map(|(at, byte)| counted(at, *byte))
        };
        let unsigned: i64 = bytes().map(i64::from).sum();
        let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
        if said == unsigned || said == signed {
            Ok(())
        } else {
            Err(malformed("a header with a wrong checksum"))
        }
    }
}

/// The text up to the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn seconds(seconds: i64) -> Time {
    Time { seconds, nanos: 0 }
}

/// Octal, or two's complement when the first bit is set.
pub(super) fn number(field: &[u8]) -> Result<i64> {
    let Some(first) = field.first().filter(|first| **first & 0x80 != 0) else {
        return octal(field);
    };
    let invert = if first & 0x40 == 0 { 0 } else { 0xff };
    let mut value: u64 = 0;
    for (at, byte) in field.iter().enumerate() {
        let byte = if at == 0 {
            (byte ^ invert) & 0x7f
        } else {
            byte ^ invert
        };
        if value >> 56 > 0 {
            return Err(malformed("a number that is too large"));
        }
        value = value << 8 | u64::from(byte);
    }
    let value = i64::try_from(value).map_err(|_| malformed("a number that is too large"))?;
    Ok(if invert == 0 { value } else { !value })
}

fn octal(field: &[u8]) -> Result<i64> {
    let is_filler = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field
        .iter()
        .position(|byte| !is_filler(byte))
        .unwrap_or(field.len());
    let end = field
        .iter()
        .rposition(|byte| !is_filler(byte))
        .map_or(start, |last| last + 1);
    let digits = text(&field[start..end]);
    let mut value: u64 = 0;
    for digit in digits {
        if !matches!(digit, b'0'..=b'7') || value >> 61 > 0 {
            return Err(malformed("a number that is none"));
        }
        value = value << 3 | u64::from(digit - b'0');
    }
    if digits.is_empty() && start < end {
        return Err(malformed("a number that is none"));
    }
    Ok(value.cast_signed())
}
