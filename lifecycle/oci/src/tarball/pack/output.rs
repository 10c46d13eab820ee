//! The bytes of a tar on their way: cut into chunks, hashed, compressed on all cores unless the store knows them, written in order.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use chunks::{ChunkId, Cutter, Deflater, HEAD, Piece, Recipe};

use crate::parallel::{Ordered, cores, spawn, stopped};
use crate::{Blob, Digest, Error, Hasher, Layer, MediaType, Result, Sink, Source, Store};

/// Threads that compress, and chunks in flight, whatever the number of cores. A chunk of at most 1 MiB (and a little) is there
/// raw and compressed: 12 × 2.2 MiB and what is being cut stay below 32 MiB (`docs/design/decisions.md` 20).
const WORKERS: usize = 8;
const AHEAD: usize = 12;
/// Chunks are handed over together up to this size, since waking a thread costs as much as looking a chunk up.
const BATCH_BYTES: usize = 256 << 10;

/// Takes the bytes of a tar and becomes a layer.
pub(crate) struct Output {
    cutter: Cutter,
    flow: Flow,
}

impl Output {
    pub(crate) fn new(store: &Arc<dyn Store>) -> Result<Output> {
        Output::with_workers(store, cores().min(WORKERS))
    }

    /// The layer does not depend on the number of workers.
    pub(crate) fn with_workers(store: &Arc<dyn Store>, workers: usize) -> Result<Output> {
        Ok(Output {
            cutter: Cutter::new(),
            flow: Flow {
                store: Arc::clone(store),
                workers,
                batch: Batch::default(),
                stage: Stage::First(store.begin()?),
            },
        })
    }

    /// An entry of this name begins: what is written next is its header.
    pub(crate) fn entry(&mut self, name: &[u8]) -> Result<()> {
        let chunk = self.cutter.entry(name);
        chunk.map_or(Ok(()), |chunk| self.flow.send(chunk))
    }

    /// What is written next is so many bytes of content.
    pub(crate) fn payload(&mut self, bytes: u64) -> Result<()> {
        let chunk = self.cutter.payload(bytes);
        chunk.map_or(Ok(()), |chunk| self.flow.send(chunk))
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let flow = &mut self.flow;
        self.cutter.write(bytes, &mut |chunk| flow.send(chunk))
    }

    /// Makes the blob durable in the store this was made with.
    pub(crate) fn finish(mut self) -> Result<Layer> {
        if let Some(chunk) = self.cutter.finish() {
            self.flow.send(chunk)?;
        }
        self.flow.finish()
    }

    /// Ends the threads without keeping anything; the error of one of them, if there was one.
    pub(crate) fn abandon(self) -> Option<Error> {
        self.flow.abandon()
    }
}

/// Chunks on their way into a blob. A single batch is worked on by the calling thread; the second one starts the others.
struct Flow {
    store: Arc<dyn Store>,
    workers: usize,
    batch: Batch,
    stage: Stage,
}

/// Chunks that are worked on together: several small ones, or one of any size.
#[derive(Default)]
struct Batch {
    chunks: Vec<Vec<u8>>,
    bytes: usize,
}

impl Batch {
    fn has_room_for(&self, chunk: &[u8]) -> bool {
        self.chunks.is_empty() || self.bytes + chunk.len() <= BATCH_BYTES
    }

    fn push(&mut self, chunk: Vec<u8>) {
        self.bytes += chunk.len();
        self.chunks.push(chunk);
    }
}

enum Stage {
    First(Box<dyn Sink>),
    Running(Threads),
    /// A thread has failed and its error was returned.
    Failed,
}

impl Flow {
    fn send(&mut self, chunk: Vec<u8>) -> Result<()> {
        if !self.batch.has_room_for(&chunk) {
            self.send_batch()?;
        }
        self.batch.push(chunk);
        Ok(())
    }

    fn send_batch(&mut self) -> Result<()> {
        let threads = match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::First(sink) => Threads::start(sink, &self.store, self.workers)?,
            Stage::Running(threads) => threads,
            Stage::Failed => return Err(stopped()),
        };
        let batch = std::mem::take(&mut self.batch);
        self.stage = Stage::Running(threads.take(batch)?);
        Ok(())
    }

    fn finish(mut self) -> Result<Layer> {
        if matches!(self.stage, Stage::Running(_)) {
            self.send_batch()?;
        }
        let (diff_id, sink) = match self.stage {
            Stage::Running(threads) => threads.stop()?,
            Stage::First(sink) => here(sink, &*self.store, &self.batch)?,
            Stage::Failed => return Err(stopped()),
        };
        let descriptor = sink.finish_as(MediaType::OciLayerGzip)?;
        let source: Arc<dyn Source> = Arc::clone(&self.store) as _;
        Ok(Layer {
            diff_id,
            blob: Blob::new(descriptor, source),
        })
    }

    fn abandon(self) -> Option<Error> {
        match self.stage {
            Stage::Running(threads) => threads.stop().err(),
            Stage::First(_) | Stage::Failed => None,
        }
    }
}

/// The whole work in the calling thread.
fn here(sink: Box<dyn Sink>, store: &dyn Store, batch: &Batch) -> Result<(Digest, Box<dyn Sink>)> {
    let mut deflater = deflater()?;
    let mut hasher = Hasher::new();
    batch.chunks.iter().for_each(|chunk| hasher.update(chunk));
    let chunks = batch.chunks.iter();
    let mut done = chunks.map(|chunk| work(&mut deflater, store, chunk));
    Ok((hasher.finish(), write(sink, &mut done)?))
}

struct Threads {
    hash: SyncSender<Arc<Batch>>,
    hasher: JoinHandle<Digest>,
    pool: Ordered<Arc<Batch>, Vec<Result<Done>>, Box<dyn Sink>>,
}

/// A chunk on its way out.
struct Done {
    piece: Piece,
    segment: Vec<u8>,
    /// Of the raw bytes.
    crc: crc32fast::Hasher,
}

impl Threads {
    fn start(sink: Box<dyn Sink>, store: &Arc<dyn Store>, workers: usize) -> Result<Threads> {
        let workers = (0..workers)
            .map(|_| {
                let mut deflater = deflater()?;
                let store = Arc::clone(store);
                Ok(move |batch: Arc<Batch>| {
                    let chunks = batch.chunks.iter();
                    chunks
                        .map(|raw| work(&mut deflater, &*store, raw))
                        .collect()
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let ahead = (workers.len() * 4).min(AHEAD);
        let pool = Ordered::start(workers, ahead, |done| write(sink, &mut done.flatten()))?;
        let (hash, batches) = sync_channel::<Arc<Batch>>(4);
        let hasher = spawn("diff-id", move || {
            let mut hasher = Hasher::new();
            for batch in batches {
                batch.chunks.iter().for_each(|chunk| hasher.update(chunk));
            }
            hasher.finish()
        })?;
        Ok(Threads { hash, hasher, pool })
    }

    fn take(self, batch: Batch) -> Result<Threads> {
        let batch = Arc::new(batch);
        if self.hash.send(Arc::clone(&batch)).is_err() || !self.pool.push(batch) {
            return Err(self.stop().err().unwrap_or_else(stopped));
        }
        Ok(self)
    }

    fn stop(self) -> Result<(Digest, Box<dyn Sink>)> {
        drop(self.hash);
        let diff_id = self.hasher.join().map_err(|_| stopped());
        let written = self.pool.finish()?;
        Ok((diff_id?, written))
    }
}

fn deflater() -> Result<Deflater> {
    Deflater::new().map_err(|error| Error::chunks("setting up compression", error))
}

/// Takes the segment from the store if it has the chunk, else compresses.
fn work(deflater: &mut Deflater, store: &dyn Store, raw: &[u8]) -> Result<Done> {
    let id = ChunkId::of(raw);
    let (segment, crc) = if let Some(segment) = store.chunk(id)? {
        let mut crc = crc32fast::Hasher::new();
        crc.update(raw);
        (segment, crc)
    } else {
        let segment = deflater.segment(raw);
        (segment.bytes, segment.crc)
    };
    let piece = Piece {
        id,
        raw_bytes: small(raw.len())?,
        segment_bytes: small(segment.len())?,
    };
    Ok(Done {
        piece,
        segment,
        crc,
    })
}

fn small(length: usize) -> Result<u32> {
    u32::try_from(length).map_err(|_| stopped())
}

/// Writes the blob: gzip header, segments in order, and what their recipe says comes after them.
fn write(
    mut sink: Box<dyn Sink>,
    segments: &mut dyn Iterator<Item = Result<Done>>,
) -> Result<Box<dyn Sink>> {
    let failed = |error| Error::io("writing the blob of a layer", error);
    sink.write_all(&HEAD).map_err(failed)?;
    let mut crc = crc32fast::Hasher::new();
    let mut pieces = Vec::new();
    for done in segments {
        let done = done?;
        sink.segment(&done.piece, &done.segment).map_err(failed)?;
        crc.combine(&done.crc);
        pieces.push(done.piece);
    }
    let recipe = Recipe {
        pieces,
        crc32: crc.finalize(),
    };
    sink.write_all(&recipe.tail()).map_err(failed)?;
    Ok(sink)
}
