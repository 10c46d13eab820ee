//! A tar becomes files below a directory: no escapes, no devices, no set-id bits.

mod hide;
mod target;
#[cfg(test)]
mod tests;

use std::io::Read;

use super::{Limits, Whiteouts, read};
use crate::Result;

use target::Target;

/// How to unpack.
#[derive(Debug, Clone, Copy)]
pub struct Unpack {
    pub whiteouts: Whiteouts,
    /// Give everything to this uid and gid; `None` leaves it to the caller.
    pub owner: Option<(u32, u32)>,
    pub limits: Limits,
}

/// What was unpacked, and what the disk does not say about it.
#[derive(Debug, Default)]
pub struct Summary {
    pub entries: u64,
    /// Of all contents.
    pub bytes: u64,
    /// In the order of the tar; entries of root without set-id bits, devices or capabilities are not listed.
    pub recorded: Vec<Recorded>,
}

/// What an entry is in the image but not on our disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Relative to the root of the image.
    pub path: Vec<u8>,
    /// Permissions with set-id and sticky bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub device: Option<Device>,
    /// `security.capability`, as in the tar.
    pub capabilities: Vec<u8>,
}

/// A device that was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    Char(u32, u32),
    Block(u32, u32),
}

/// Writes the entries of an uncompressed tar below `into`; no path leaves it, no link is followed.
///
/// Modes and modification times are those of the tar, without set-id bits; directories that have no entry are 0755. Devices
/// and extended attributes are left out. Among entries of the same name the last one wins; a directory gives way to something
/// else only when whiteouts are applied. Absolute names count from `into`, as in layers of buildpacks.
///
/// Fails with `Escapes` when a path leaves `into` or goes through a link, `Malformed`, `TooLarge`, or with `NoSpace` before
/// the last 5 % of the disk are used. What was written until then stays.
///
/// Spec: OCI image-spec, layer.md; rules of `docs/design/sandbox.md` 6.1.
pub fn unpack(tar: &mut dyn Read, into: &files::Dir, how: &Unpack) -> Result<Summary> {
    let mut target = Target::new(into, how)?;
    read(tar, &how.limits, &mut |header, content| {
        target.entry(header, content)
    })?;
    target.finish()
}
