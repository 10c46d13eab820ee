//! One file served by FUSE whose writes and flushes are remembered in order.
//!
//! A loop device on it writes through: the kernel caches reads only, so a write is here before the file system hears that it is
//! done, and what the file system asks the disk to flush arrives as fsync.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Errno, FileAttr, FileHandle, FileType, Filesystem, Generation, INodeNo,
    LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyWrite,
    Request, WriteFlags,
};
use rustix::mount::UnmountFlags;

use crate::disk::{BLOCK_BYTES, pieces};
use crate::{Disk, Result};

const FILE: &str = "disk";
const FILE_INODE: INodeNo = INodeNo(2);
/// Nothing about the file changes but its content, which the kernel itself writes.
const FOR_LONG: Duration = Duration::from_hours(1);

/// What happened to a disk, in order.
#[derive(Debug, Clone)]
pub enum Event {
    /// Within one block.
    Write {
        offset: u64,
        bytes: Box<[u8]>,
    },
    Flush,
    /// A worker was told by the store that this step is done.
    Done {
        writer: usize,
        step: usize,
    },
}

#[derive(Debug)]
struct Content {
    disk: Disk,
    /// None while nobody records.
    events: Option<Vec<Event>>,
}

/// A disk as a file, until it is dropped.
pub struct Recorder {
    content: Arc<Mutex<Content>>,
    folder: PathBuf,
    session: Option<BackgroundSession>,
}

impl Recorder {
    /// Serves `disk` as a file in the empty folder `at`.
    pub fn serve(disk: Disk, at: &Path) -> Result<Recorder> {
        let content = Arc::new(Mutex::new(Content { disk, events: None }));
        let mut config = fuser::Config::default();
        config.mount_options = vec![MountOption::FSName("crashrec".into())];
        let session = fuser::spawn_mount(Served(content.clone()), at, &config)
            .map_err(|error| format!("serving a disk at {}: {error}", at.display()))?;
        Ok(Recorder {
            content,
            folder: at.to_owned(),
            session: Some(session),
        })
    }

    pub fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// From now on everything is remembered; what the disk holds at this moment counts as durable.
    pub fn record(&self) -> Disk {
        let mut content = lock(&self.content);
        content.events = Some(Vec::new());
        content.disk.clone()
    }

    /// Notes that a worker was told that a step is done.
    pub fn done(&self, writer: usize, step: usize) {
        if let Some(events) = &mut lock(&self.content).events {
            events.push(Event::Done { writer, step });
        }
    }

    /// What happened since [`record`](Recorder::record); nothing is remembered any more.
    pub fn stop(&self) -> Vec<Event> {
        lock(&self.content).events.take().unwrap_or_default()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        // The loop device lets go of the file a moment after its last user.
        let gone = (0..500).any(|_| {
            let busy = rustix::mount::unmount(&self.folder, UnmountFlags::empty())
                == Err(rustix::io::Errno::BUSY);
            if busy {
                std::thread::sleep(Duration::from_millis(10));
            }
            !busy
        });
        if !gone {
            eprintln!("the disk at {} stays in use", self.folder.display());
        } else if let Err(error) = session.join() {
            eprintln!("serving the disk at {}: {error}", self.folder.display());
        }
    }
}

fn lock(content: &Mutex<Content>) -> MutexGuard<'_, Content> {
    content.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file system with the one file.
struct Served(Arc<Mutex<Content>>);

impl Served {
    fn attributes(&self, inode: INodeNo) -> FileAttr {
        let root = inode == INodeNo::ROOT;
        let size = if root { 0 } else { lock(&self.0).disk.size() };
        FileAttr {
            ino: inode,
            size,
            blocks: size / 512,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if root {
                FileType::Directory
            } else {
                FileType::RegularFile
            },
            perm: if root { 0o755 } else { 0o644 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

impl Filesystem for Served {
    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if parent == INodeNo::ROOT && name == FILE {
            reply.entry(&FOR_LONG, &self.attributes(FILE_INODE), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(
        &self,
        _request: &Request,
        inode: INodeNo,
        _handle: Option<FileHandle>,
        reply: ReplyAttr,
    ) {
        reply.attr(&FOR_LONG, &self.attributes(inode));
    }

    fn read(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let content = lock(&self.0);
        let left = content.disk.size().saturating_sub(offset);
        let mut bytes = vec![0; usize::try_from(left.min(size.into())).expect("at most a u32")];
        content.disk.read(offset, &mut bytes);
        reply.data(&bytes);
    }

    fn write(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        offset: u64,
        bytes: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut content = lock(&self.0);
        if offset.saturating_add(bytes.len() as u64) > content.disk.size() {
            return reply.error(Errno::ENOSPC);
        }
        content.disk.write(offset, bytes);
        if let Some(events) = &mut content.events {
            events.extend(
                pieces(offset, bytes.len()).map(|(block, within, range)| Event::Write {
                    offset: block * BLOCK_BYTES + within as u64,
                    bytes: bytes[range].into(),
                }),
            );
        }
        reply.written(u32::try_from(bytes.len()).expect("a request is small"));
    }

    fn flush(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        // Somebody closed the file: not what a disk calls a flush.
        reply.ok();
    }

    fn fsync(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _data_only: bool,
        reply: ReplyEmpty,
    ) {
        if let Some(events) = &mut lock(&self.0).events {
            events.push(Event::Flush);
        }
        reply.ok();
    }
}
