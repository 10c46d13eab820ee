//! Entries that are not on any disk: fixed directories, one file, a folder of links. All owned by root.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Content, Entry, Node, lexical};
use crate::{Error, ErrorKind, Result};

/// The directories above `at`, outermost first, without `/` and without `at` itself; 0755, owned by root.
pub fn parents(at: &Path, mtime: i64) -> Vec<Entry> {
    let mut above: Vec<_> = at
        .ancestors()
        .skip(1)
        .filter(|dir| dir.parent().is_some())
        .collect();
    above.reverse();
    above
        .into_iter()
        .map(|dir| root_owned(dir.as_os_str().as_bytes().to_vec(), Node::Dir, mtime))
        .collect()
}

/// One file at the absolute path `at`, 0755, with the directories above it (the launcher).
pub fn single(at: &Path, content: Content, mtime: i64) -> Vec<Entry> {
    let mut entries = parents(at, mtime);
    entries.push(root_owned(
        at.as_os_str().as_bytes().to_vec(),
        Node::File(content),
        mtime,
    ));
    entries
}

/// A folder of symbolic links at the absolute path `at`, with the directories above it: `(name, target)` in this order.
///
/// Links have mode 0755, as Go's process-types layer has them. Fails with [`ErrorKind::Malformed`] when a name is
/// not one that a file in a folder can have.
pub fn links(at: &Path, links: &[(&[u8], &[u8])], mtime: i64) -> Result<Vec<Entry>> {
    let folder = at.as_os_str().as_bytes();
    let mut entries = parents(at, mtime);
    entries.push(root_owned(folder.to_vec(), Node::Dir, mtime));
    for (name, target) in links {
        if matches!(*name, b"" | b"." | b"..") || name.contains(&b'/') || name.contains(&0) {
            let doing = format!("naming a link {} in {}", lexical::shown(name), at.display());
            return Err(Error::new(ErrorKind::Malformed, doing));
        }
        let path = [folder, b"/", name].concat();
        entries.push(root_owned(path, Node::Symlink(target.to_vec()), mtime));
    }
    Ok(entries)
}

fn root_owned(path: Vec<u8>, node: Node, mtime: i64) -> Entry {
    Entry {
        path,
        node,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime,
    }
}
