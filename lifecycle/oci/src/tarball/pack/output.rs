//! The bytes of a tar on their way: cut into segments, hashed, compressed on all cores, written in order.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::compress::{Deflater, GZIP_HEAD, Segment, gzip_tail};
use crate::parallel::{Ordered, cores, spawn, stopped};
use crate::{
    Blob, Descriptor, Digest, Error, Hasher, Layer, MediaType, Result, Sink, Source, Store,
};

/// Bytes of tar per segment. Part of what makes a blob the same everywhere: a change changes every blob digest.
const SEGMENT: usize = 512 << 10;
/// Threads that compress, and segments in flight, whatever the number of cores. A segment is there raw and compressed, a
/// worker has one more compressed one and about 1 MiB of tables: 24 × 512 KiB + 10 × 1.5 MiB stay below 32 MiB
/// (`docs/design/decisions.md` 20).
const WORKERS: usize = 10;
const AHEAD: usize = 20;

/// Takes the bytes of a tar and becomes a layer.
///
/// A tar of one segment is finished on the calling thread; the second segment starts the others.
pub(crate) struct Output {
    segment: Vec<u8>,
    stage: Stage,
    workers: usize,
}

enum Stage {
    Small(Box<dyn Sink>),
    Running(Threads),
    /// A thread has failed and its error was returned.
    Failed,
}

/// Where the blob goes, and what it turned out to be.
type Written = (Box<dyn Sink>, Descriptor);

struct Threads {
    hash: SyncSender<Arc<Vec<u8>>>,
    hasher: JoinHandle<Digest>,
    pool: Ordered<Arc<Vec<u8>>, Done, Written>,
}

/// A segment on its way out.
struct Done {
    segment: Segment,
    raw_bytes: u64,
}

impl Output {
    pub(crate) fn new(sink: Box<dyn Sink>) -> Output {
        Output::with_workers(sink, cores().min(WORKERS))
    }

    /// The layer does not depend on the number of workers.
    pub(crate) fn with_workers(sink: Box<dyn Sink>, workers: usize) -> Output {
        Output {
            segment: Vec::new(),
            stage: Stage::Small(sink),
            workers,
        }
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.segment.len() == SEGMENT {
                self.send()?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(SEGMENT - self.segment.len()));
            self.segment.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        let threads = match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Small(sink) => Threads::start(sink, self.workers)?,
            Stage::Running(threads) => threads,
            Stage::Failed => return Err(stopped()),
        };
        let segment = Arc::new(std::mem::replace(
            &mut self.segment,
            Vec::with_capacity(SEGMENT),
        ));
        if threads.hash.send(Arc::clone(&segment)).is_err() || !threads.pool.push(segment) {
            return Err(threads.stop().err().unwrap_or_else(stopped));
        }
        self.stage = Stage::Running(threads);
        Ok(())
    }

    /// Makes the blob durable in `into`, whose sink this was made with.
    pub(crate) fn finish(mut self, into: &Arc<dyn Store>) -> Result<Layer> {
        if matches!(self.stage, Stage::Running(_)) {
            self.send()?;
        }
        let (diff_id, (sink, descriptor)) = match self.stage {
            Stage::Running(threads) => threads.stop()?,
            Stage::Small(sink) => {
                let done = compress(&mut Deflater::new()?, &self.segment);
                (
                    Digest::of(&self.segment),
                    write(sink, &mut std::iter::once(done))?,
                )
            }
            Stage::Failed => return Err(stopped()),
        };
        sink.finish(&descriptor)?;
        let source: Arc<dyn Source> = Arc::clone(into) as _;
        Ok(Layer {
            diff_id,
            blob: Blob::new(descriptor, source),
        })
    }

    /// Ends the threads without keeping anything; the error of one of them, if there was one.
    pub(crate) fn abandon(self) -> Option<Error> {
        match self.stage {
            Stage::Running(threads) => threads.stop().err(),
            Stage::Small(_) | Stage::Failed => None,
        }
    }
}

impl Threads {
    fn start(sink: Box<dyn Sink>, workers: usize) -> Result<Threads> {
        let workers = (0..workers)
            .map(|_| {
                let mut deflater = Deflater::new()?;
                Ok(move |raw: Arc<Vec<u8>>| compress(&mut deflater, &raw))
            })
            .collect::<Result<Vec<_>>>()?;
        let ahead = (workers.len() * 4).min(AHEAD);
        let pool = Ordered::start(workers, ahead, |done| write(sink, done))?;
        let (hash, segments) = sync_channel::<Arc<Vec<u8>>>(4);
        let hasher = spawn("diff-id", move || {
            let mut hasher = Hasher::new();
            for segment in segments {
                hasher.update(&segment);
            }
            hasher.finish()
        })?;
        Ok(Threads { hash, hasher, pool })
    }

    fn stop(self) -> Result<(Digest, Written)> {
        drop(self.hash);
        let diff_id = self.hasher.join().map_err(|_| stopped());
        let written = self.pool.finish()?;
        Ok((diff_id?, written))
    }
}

fn compress(deflater: &mut Deflater, raw: &[u8]) -> Done {
    Done {
        segment: deflater.segment(raw),
        raw_bytes: raw.len() as u64,
    }
}

/// Writes the blob: gzip header, segments in order, checksum.
fn write(mut sink: Box<dyn Sink>, segments: &mut dyn Iterator<Item = Done>) -> Result<Written> {
    let mut hasher = Hasher::new();
    let mut put = |bytes: &[u8]| {
        hasher.update(bytes);
        sink.write_all(bytes)
            .map_err(|error| Error::io("writing the blob of a layer", error))
    };
    put(&GZIP_HEAD)?;
    let mut crc = crc32fast::Hasher::new();
    let mut raw_bytes = 0;
    for done in segments {
        put(&done.segment.bytes)?;
        crc.combine(&done.segment.crc);
        raw_bytes += done.raw_bytes;
    }
    put(&gzip_tail(&crc, raw_bytes))?;
    let descriptor = Descriptor {
        media_type: MediaType::OciLayerGzip,
        size: hasher.size(),
        digest: hasher.finish(),
    };
    Ok((sink, descriptor))
}
