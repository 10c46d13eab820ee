//! PAX records: keys and values about the next entry.

use std::collections::BTreeMap;

use super::{Header, Time, malformed};
use crate::Result;
use crate::tarball::header::is_valid_record;

pub(super) type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// Reads `"%d %s=%s\n"` over and over; the number counts the whole record.
pub(super) fn parse(mut bytes: &[u8]) -> Result<Records> {
    let broken = || malformed("PAX records that break their format");
    let mut records = Records::new();
    let mut sparse_map: Vec<&[u8]> = Vec::new();
    while !bytes.is_empty() {
        let space = bytes
            .iter()
            .position(|byte| *byte == b' ')
            .ok_or_else(broken)?;
        let length = decimal(&bytes[..space])
            .and_then(|length| usize::try_from(length).ok())
            .ok_or_else(broken)?;
        if length < 5 || length > bytes.len() || length <= space + 1 {
            return Err(broken());
        }
        let (record, rest) = bytes.split_at(length);
        let record = record[space + 1..].strip_suffix(b"\n").ok_or_else(broken)?;
        let equals = record
            .iter()
            .position(|byte| *byte == b'=')
            .ok_or_else(broken)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        if !is_valid_record(key, value) {
            return Err(broken());
        }
        match key {
            // Version 0.0 of GNU's sparse files repeats keys; it becomes version 0.1.
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                let is_offset = key == b"GNU.sparse.offset";
                if is_offset != sparse_map.len().is_multiple_of(2) || value.contains(&b',') {
                    return Err(broken());
                }
                sparse_map.push(value);
            }
            _ => {
                records.insert(key.to_vec(), value.to_vec());
            }
        }
        bytes = rest;
    }
    if !sparse_map.is_empty() {
        records.insert(b"GNU.sparse.map".to_vec(), sparse_map.join(&b','));
    }
    Ok(records)
}

/// Lets records overrule the fields of a header; an empty value leaves the field.
pub(super) fn merge(header: &mut Header, records: &Records) -> Result<()> {
    let broken = || malformed("a PAX record that is no number");
    let number = |value: &[u8]| decimal(value).ok_or_else(broken);
    for (key, value) in records.iter().filter(|(_, value)| !value.is_empty()) {
        match &key[..] {
            b"path" => header.name.clone_from(value),
            b"linkpath" => header.link.clone_from(value),
            b"uname" => header.user.clone_from(value),
            b"gname" => header.group.clone_from(value),
            b"uid" => header.uid = number(value)?,
            b"gid" => header.gid = number(value)?,
            b"size" => header.size = number(value)?,
            b"mtime" => header.mtime = time(value).ok_or_else(broken)?,
            b"atime" => header.atime = Some(time(value).ok_or_else(broken)?),
            b"ctime" => header.ctime = Some(time(value).ok_or_else(broken)?),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn decimal(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `%d.%d`, also for times before 1970; what is finer than nanoseconds is cut off.
fn time(text: &[u8]) -> Option<Time> {
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &b""[..]),
    };
    let seconds = decimal(whole)?;
    let mut nanos: u32 = 0;
    for at in 0..9 {
        nanos = nanos * 10
            + u32::from(
                fraction
                    .get(at)
                    .copied()
                    .unwrap_or(b'0')
                    .checked_sub(b'0')?,
            );
    }
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if whole.starts_with(b"-") && nanos > 0 {
        return Some(Time {
            seconds: seconds.checked_sub(1)?,
            nanos: 1_000_000_000 - nanos,
        });
    }
    Some(Time { seconds, nanos })
}
