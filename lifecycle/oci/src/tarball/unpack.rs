//! A tar becomes files below a directory: no escapes, no devices, no set-id bits.

use std::io::Read;

use super::{Limits, Whiteouts};
use crate::Result;

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
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// A device that was left out: `b'c'` or `b'b'`, major, minor.
    pub device: Option<(u8, u32, u32)>,
    /// `security.capability`, as in the tar.
    pub capabilities: Vec<u8>,
}

/// Writes the entries of an uncompressed tar below `into`; no path leaves it, no link is followed.
///
/// Modes and modification times are those of the tar, without set-id bits; parents that have no entry are 0755. Devices are
/// left out. Fails with `Escapes`, `Malformed`, `TooLarge` or `NoSpace`; what was written until then stays.
pub fn unpack(tar: &mut dyn Read, into: &files::Dir, how: &Unpack) -> Result<Summary> {
    let _ = (tar, into, how);
    todo!()
}
