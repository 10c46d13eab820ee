//! What is given hostile bytes, and what must be true of the outcome.

use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chunks::{PackId, Packs, Piece, Recipe};
use files::Dir;
use oci::tarball::{self, Limits};
use oci::{Local, MediaType};
use tempfile::TempDir;

use crate::{Random, Result, corpus, planted, text};

/// More than any sample expands to.
const TAR_BYTES: u64 = 8 << 20;
/// Of an idx and the pack behind it, in one input: how many bytes the idx has.
const LENGTH: usize = 4;
const IDX_HASH: usize = 32;
const IDX_ENTRIES_AT: usize = 16 + 1024;
const IDX_ENTRY: usize = 48;
const RECORD_HEAD: usize = 46;

/// A decoder with samples. The outcome says in words what it made of an input; equal words are equal outcomes.
pub trait Target {
    fn name(&self) -> &'static str;

    /// Real samples, at least one.
    fn samples(&self) -> Result<Vec<Vec<u8>>>;

    /// Makes checksums fit that would hide what lies behind them.
    fn mend(&self, _input: &mut Vec<u8>, _random: &mut Random) {}

    /// Fails when something untrue came out; panics when it must not.
    fn run(&self, input: &[u8]) -> std::result::Result<String, String>;
}

pub fn all() -> Result<Vec<Box<dyn Target>>> {
    Ok(vec![
        Box::new(Tar),
        Box::new(Gzip),
        Box::new(Tail),
        Box::new(PackFiles::new()?),
        Box::new(Names::new()?),
    ])
}

/// By name, the planted bugs among them.
pub fn named(name: &str) -> Result<Box<dyn Target>> {
    let found = all()?
        .into_iter()
        .chain(planted::all())
        .find(|target| target.name() == name);
    found.ok_or_else(|| format!("{name}: no such target").into())
}

/// Number 1: the interpreter of tar, PAX and GNU headers.
pub(crate) struct Tar;

impl Target for Tar {
    fn name(&self) -> &'static str {
        "tar"
    }

    fn samples(&self) -> Result<Vec<Vec<u8>>> {
        corpus::tars()
    }

    fn mend(&self, input: &mut Vec<u8>, random: &mut Random) {
        if random.percent(90) {
            mend_headers(input);
        }
    }

    fn run(&self, input: &[u8]) -> std::result::Result<String, String> {
        let whole = interpret(&mut &input[..])?;
        let dribbling = interpret(&mut Dribble(input))?;
        if whole != dribbling {
            return Err(format!("at once {whole}, in pieces {dribbling}"));
        }
        Ok(whole)
    }
}

/// Sums of all blocks that look like headers.
pub(crate) fn mend_headers(input: &mut [u8]) {
    for block in input.chunks_exact_mut(512) {
        let ustar = block[257..262] == *b"ustar";
        let summed = block[155] == b' ' || block[154] == 0;
        if ustar
            || summed
                && block[148..154]
                    .iter()
                    .all(|byte| (b'0'..b'8').contains(byte))
        {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}

fn interpret(tar: &mut dyn Read) -> std::result::Result<String, String> {
    let limits = Limits {
        bytes: TAR_BYTES,
        ..Limits::default()
    };
    let (mut entries, mut bytes, mut kinds) = (0_u64, 0_u64, String::new());
    let result = tarball::read(tar, &limits, &mut |header, content| {
        entries += 1;
        if kinds.len() < 100 {
            kinds.extend([format!("{:?}", header.kind), " ".to_owned()]);
        }
        let path_bytes = header.path()?.len();
        // The slash before a path that has none is not counted.
        assert!(
            path_bytes <= limits.path + 1,
            "a path of {path_bytes} bytes"
        );
        let read = io::copy(content, &mut io::sink())
            .map_err(|error| oci::Error::io("reading a content", error))?;
        bytes += read;
        Ok(())
    });
    if bytes > TAR_BYTES {
        return Err(format!("{bytes} bytes of contents came out"));
    }
    Ok(format!("{entries} {kinds} {}", outcome(result.err())))
}

/// Error texts without the numbers in them, so that there are not endlessly many.
fn outcome<E: std::error::Error>(error: Option<E>) -> String {
    let words = error.map_or("fine".to_owned(), |error| text(&error));
    words
        .chars()
        .filter(|letter| !letter.is_ascii_hexdigit())
        .take(160)
        .collect()
}

/// A reader that gives a few bytes at a time.
struct Dribble<'a>(&'a [u8]);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(1 + self.0.len() % 701);
        Read::read(&mut self.0, &mut buffer[..count])
    }
}

/// Number 2: gzip, and the index behind a blob of ours.
struct Gzip;

impl Target for Gzip {
    fn name(&self) -> &'static str {
        "gzip"
    }

    fn samples(&self) -> Result<Vec<Vec<u8>>> {
        corpus::blobs()
    }

    fn run(&self, input: &[u8]) -> std::result::Result<String, String> {
        let gunzipped = gunzip(input)?;
        let recipe = Recipe::of_blob(&mut Cursor::new(input));
        let said = match recipe {
            Ok(Some(recipe)) => segments(input, &recipe)?,
            Ok(None) => "no index".to_owned(),
            Err(error) => outcome(Some(error)),
        };
        Ok(format!("{gunzipped}; {said}"))
    }
}

fn gunzip(input: &[u8]) -> std::result::Result<String, String> {
    let bytes: Box<dyn Read + Send> = Box::new(Cursor::new(input.to_vec()));
    let reader = oci::decompress(&MediaType::OciLayerGzip, bytes, TAR_BYTES);
    let mut reader = reader.map_err(|error| text(&error))?;
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0_u64;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok("fine".to_owned()),
            Ok(count) => total += count as u64,
            Err(error) => return Ok(outcome(Some(error))),
        }
        if total > TAR_BYTES {
            return Err(format!("{total} bytes came out"));
        }
    }
}

/// What an index promises must be so, or be refused.
fn segments(blob: &[u8], recipe: &Recipe) -> std::result::Result<String, String> {
    if recipe.blob_bytes() != blob.len() as u64 {
        return Err("the index is that of another length".to_owned());
    }
    let mut at = chunks::HEAD.len();
    let mut broken = 0;
    for piece in &recipe.pieces {
        let end = at + piece.segment_bytes as usize;
        let segment = blob.get(at..end).ok_or("a segment outside of the blob")?;
        match chunks::inflate(segment, piece.raw_bytes) {
            Ok(raw) if raw.len() != piece.raw_bytes as usize => {
                return Err(format!("{} bytes of {}", raw.len(), piece.raw_bytes));
            }
            Ok(_) => {}
            Err(_) => broken += 1,
        }
        at = end;
    }
    Ok(format!("{} segments, {broken} broken", recipe.pieces.len()))
}

/// Number 4: recipes.
pub(crate) struct Tail;

impl Target for Tail {
    fn name(&self) -> &'static str {
        "recipe"
    }

    fn samples(&self) -> Result<Vec<Vec<u8>>> {
        corpus::tails()
    }

    /// Writes the entries that stand in it anew, with everything that depends on them.
    fn mend(&self, input: &mut Vec<u8>, random: &mut Random) {
        if random.percent(50) {
            return;
        }
        let entries = input.get(26..).unwrap_or_default();
        let pieces = entries.as_chunks::<38>().0.iter().take(1_700).map(|entry| {
            let number =
                |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], 0]);
            let id = entry.first_chunk().copied().unwrap_or_default();
            Piece {
                id: chunks::ChunkId::from_bytes(id),
                raw_bytes: number(32),
                segment_bytes: number(35),
            }
        });
        let pieces = pieces.collect();
        *input = Recipe { pieces, crc32: 7 }.tail();
    }

    fn run(&self, input: &[u8]) -> std::result::Result<String, String> {
        match Recipe::from_tail(input) {
            Ok(recipe) if recipe.tail() != input => Err("it is written otherwise".to_owned()),
            Ok(recipe) => Ok(format!("{} pieces", recipe.pieces.len().min(20))),
            Err(error) => Ok(outcome(Some(error))),
        }
    }
}

/// Number 4: packs and their indexes, as files.
struct PackFiles {
    folder: TempDir,
}

impl PackFiles {
    fn new() -> Result<PackFiles> {
        Ok(PackFiles { folder: memory()? })
    }

    fn try_files(&self, id: PackId, idx: &[u8], pack: &[u8]) -> Result<String> {
        let top = self.folder.path().join("packs");
        let at = top.join(format!("{:02x}", id.as_bytes()[0]));
        std::fs::create_dir_all(&at)?;
        std::fs::write(at.join(format!("{id}.pack")), pack)?;
        if !idx.is_empty() {
            std::fs::write(at.join(format!("{id}.idx")), idx)?;
        }
        let dir = Arc::new(Dir::open(&top)?);
        let said = use_packs(&dir, id, self.folder.path());
        std::fs::remove_dir_all(&top)?;
        said
    }
}

impl Target for PackFiles {
    fn name(&self) -> &'static str {
        "pack"
    }

    fn samples(&self) -> Result<Vec<Vec<u8>>> {
        let packs = corpus::packs()?;
        let joined = |(idx, pack): &(Vec<u8>, Vec<u8>)| {
            let length = u32::try_from(idx.len()).unwrap_or_default().to_le_bytes();
            [&length, &idx[..], &pack[..]].concat()
        };
        Ok(packs.iter().map(joined).collect())
    }

    fn mend(&self, input: &mut Vec<u8>, random: &mut Random) {
        let Some((idx, pack)) = parts(input) else {
            return;
        };
        let idx_bytes = idx.len();
        let (mut idx, mut pack) = (idx.to_vec(), pack.to_vec());
        if random.percent(60) {
            mend_records(&idx, &mut pack);
        }
        if random.percent(80)
            && let Some(end) = idx.len().checked_sub(IDX_HASH)
        {
            let hash = blake3::hash(&idx[..end]);
            idx[end..].copy_from_slice(hash.as_bytes());
        }
        input.truncate(LENGTH);
        input.extend_from_slice(&idx);
        input.extend_from_slice(&pack);
        debug_assert!(parts(input).is_some_and(|(idx, _)| idx.len() == idx_bytes));
    }

    fn run(&self, input: &[u8]) -> std::result::Result<String, String> {
        let (idx, pack) = parts(input).unwrap_or((&[], input));
        // The name that the idx says it has; without one, any.
        let hash: [u8; 32] = *idx.last_chunk().unwrap_or(&[7; 32]);
        let hex = blake3::Hash::from_bytes(hash).to_hex();
        let id = PackId::from_hex(&hex).ok_or("an id")?;
        self.try_files(id, idx, pack)
            .or_else(|error| Ok(words(&error.to_string())))
    }
}

fn words(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_ascii_hexdigit())
        .take(160)
        .collect()
}

/// Idx and pack of an input.
fn parts(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = input.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    rest.split_at_checked(length)
}

/// Checksums of the heads before the segments that an idx lists.
fn mend_records(idx: &[u8], pack: &mut [u8]) {
    for entry in idx
        .get(IDX_ENTRIES_AT..)
        .unwrap_or_default()
        .chunks(IDX_ENTRY)
    {
        let Some(said) = entry.get(32..37) else {
            return;
        };
        let mut offset = [0; 8];
        offset[..5].copy_from_slice(said);
        let offset = u64::from_le_bytes(offset);
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let head = at
            .checked_sub(RECORD_HEAD)
            .and_then(|start| pack.get_mut(start..at));
        if let Some((said, sum)) = head.and_then(|head| head.split_last_chunk_mut::<4>()) {
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(&offset.to_le_bytes());
            hasher.update(said);
            *sum = hasher.finalize().to_le_bytes();
        }
    }
}

/// Everything that a store does with packs.
fn use_packs(dir: &Arc<Dir>, id: PackId, scratch: &Path) -> Result<String> {
    let packs = Packs::open(dir.clone());
    let listed = packs.all()?;
    let ids = packs.ids(id)?;
    let mut sound = 0;
    for found in ids.iter().take(200) {
        for copy in packs.find(found.id)? {
            if let Some(segment) = packs.read(&copy)? {
                sound += 1;
                assert!(segment.len() == copy.segment_bytes as usize, "its length");
            }
        }
    }
    let bad = packs.verify(id, true).map_err(|error| text(&error));
    let strays = packs.strays()?.len();
    let room = Arc::new(Dir::open(scratch)?);
    let rebuilt = packs.rebuild(id, &room, Path::new("new.part"));
    let rebuilt = match rebuilt {
        Ok(rebuilt) => {
            if let Some(new) = rebuilt.pack {
                let bad = packs.verify(new, true)?;
                assert!(bad.is_empty(), "what was rebuilt is not sound: {bad:?}");
            }
            format!("{} chunks, {} lost", rebuilt.chunks, rebuilt.lost.len())
        }
        Err(error) => words(&text(&error)),
    };
    let bad = bad.map_or_else(|error| words(&error), |bad| bad.len().to_string());
    Ok(format!(
        "{} {} {sound} sound, {bad} bad, {strays} strays, {rebuilt}",
        listed.len(),
        ids.len()
    ))
}

/// Number 4: what names point to.
struct Names {
    folder: TempDir,
    store: Arc<Local>,
    file: PathBuf,
}

impl Names {
    fn new() -> Result<Names> {
        let folder = memory()?;
        let store = Local::open(folder.path())?;
        let names = corpus::names()?;
        let (name, _) = names.first().ok_or("no names")?;
        let file = folder.path().join("names").join(name);
        Ok(Names {
            folder,
            store,
            file,
        })
    }
}

impl Target for Names {
    fn name(&self) -> &'static str {
        "name"
    }

    fn samples(&self) -> Result<Vec<Vec<u8>>> {
        let names = corpus::names()?;
        Ok(names.into_iter().map(|(_, record)| record).collect())
    }

    fn run(&self, input: &[u8]) -> std::result::Result<String, String> {
        std::fs::write(&self.file, input)
            .map_err(|error| format!("writing below {}: {error}", self.folder.path().display()))?;
        let listed = self.store.list().map_err(|error| text(&error));
        let resolved = crashrec::images::reference(0, 0);
        let found = self.store.resolve(&resolved).map_err(|error| text(&error));
        let listed = listed.map(|listed| listed.len());
        Ok(words(&format!("{listed:?} {:?}", found.is_ok())))
    }
}

/// A folder in memory where there is one.
pub(crate) fn memory() -> io::Result<TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}
