//! Deletions between layers: `.wh.` names in tars, and what they become on a disk.
//!
//! Spec: OCI image-spec, layer.md, "Whiteouts".

use crate::{Error, Result};

/// What to do with the deletions that a layer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whiteouts {
    /// Markers for overlayfs: character device 0:0, `user.overlay.opaque`.
    Overlay,
    /// Remove what earlier layers left in the same directory.
    Apply,
    /// Fail: the tar is no layer.
    Refuse,
}

/// What a name in a layer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark<'a> {
    /// Nothing: it is the name of a file.
    None,
    /// Lower layers have nothing of that name in this directory.
    Hides(&'a [u8]),
    /// Lower layers have nothing at all in this directory.
    Opaque,
    /// Bookkeeping of aufs, which means nothing to anybody else.
    Aufs,
}

/// Reads a name. Fails with `Malformed` on a whiteout of nothing, `.` or `..`.
pub(crate) fn mark(name: &[u8]) -> Result<Mark<'_>> {
    let Some(hidden) = name.strip_prefix(b".wh.") else {
        return Ok(Mark::None);
    };
    match hidden {
        b"" | b"." | b".." => Err(Error::malformed(
            "unpacking a layer: a whiteout that names no file",
        )),
        b".wh..opq" => Ok(Mark::Opaque),
        hidden if hidden.starts_with(b".wh.") => Ok(Mark::Aufs),
        hidden => Ok(Mark::Hides(hidden)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_hide() {
        assert_eq!(mark(b"file").unwrap(), Mark::None);
        assert_eq!(mark(b".wh.file").unwrap(), Mark::Hides(b"file"));
        assert_eq!(mark(b".wh..wh..opq").unwrap(), Mark::Opaque);
        assert_eq!(mark(b".wh..wh.plnk").unwrap(), Mark::Aufs);
        assert_eq!(mark(b".wh....").unwrap(), Mark::Hides(b"..."));
    }

    #[test]
    fn a_whiteout_of_the_parent_is_malformed() {
        for name in [&b".wh."[..], b".wh..", b".wh..."] {
            assert_eq!(mark(name).unwrap_err().kind(), crate::ErrorKind::Malformed);
        }
    }
}
