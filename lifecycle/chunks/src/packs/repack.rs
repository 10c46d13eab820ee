//! Few large packs out of many small or half dead ones.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use files::Dir;

use super::listing::Listed;
use super::{Found, Packs};
use crate::idx::PackId;
use crate::pack::{PackWriter, RECORD_HEAD_BYTES, to_u64};
use crate::{ChunkId, Result};

/// New packs have at most 256 MiB with the chunk that fills them, and nearly the same size: at least half of that where there is
/// more than one.
const NEW_PACK_BYTES: u64 = 254 << 20;

/// What became of some packs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repacked {
    /// The packs that now hold what was live.
    pub packs: Vec<PackId>,
    /// Those of the old packs that nobody needs any more, for the caller to remove.
    pub obsolete: Vec<PackId>,
    /// Live chunks of which these packs hold no sound copy.
    pub lost: Vec<ChunkId>,
}

impl Packs {
    /// Writes the chunks of `packs` that are `live` and sound into new packs and keeps these, each of them first written at
    /// `part` beneath `dir` (as for [`Packs::begin`]). The old packs stay; packs that are not whole are passed over.
    ///
    /// On failure some of the new packs may have been kept, which only costs room.
    pub fn repack(
        &self,
        packs: &[PackId],
        live: &dyn Fn(ChunkId) -> bool,
        dir: &Arc<Dir>,
        part: &Path,
    ) -> Result<Repacked> {
        let listing = self.listing()?;
        let old: Vec<_> = packs
            .iter()
            .filter_map(|pack| listing.get(*pack))
            .filter(|pack| pack.idx.is_sound())
            .collect();
        let mut repacking = Repacking {
            packs: self,
            dir,
            part,
            target_bytes: target_bytes(live_bytes(&old, live)),
            writer: None,
            written: HashSet::new(),
            done: Vec::new(),
        };
        let mut missed = Vec::new();
        for pack in &old {
            for entry in pack.idx.by_offset() {
                let found = Found::new(pack.idx.id(), entry);
                if live(found.id) && !repacking.write(&found)? {
                    missed.push(found.id);
                }
            }
        }
        repacking.finish_pack()?;
        missed.retain(|id| !repacking.written.contains(id));
        missed.dedup();
        let new = repacking.done;
        // The same chunks in the same order make the same pack.
        let obsolete = old.iter().map(|pack| pack.idx.id());
        Ok(Repacked {
            obsolete: obsolete.filter(|id| !new.contains(id)).collect(),
            packs: new,
            lost: missed,
        })
    }
}

fn live_bytes(old: &[&Arc<Listed>], live: &dyn Fn(ChunkId) -> bool) -> u64 {
    let mut seen = HashSet::new();
    let entries = old.iter().flat_map(|pack| pack.idx.entries());
    entries
        .filter(|entry| live(entry.id) && seen.insert(entry.id))
        .map(|entry| to_u64(RECORD_HEAD_BYTES) + u64::from(entry.segment_bytes))
        .sum()
}

/// The size at which a pack is full, so that all of them get about the same.
fn target_bytes(total: u64) -> u64 {
    total.div_ceil(total.div_ceil(NEW_PACK_BYTES).max(1))
}

struct Repacking<'a> {
    packs: &'a Packs,
    dir: &'a Arc<Dir>,
    part: &'a Path,
    target_bytes: u64,
    writer: Option<PackWriter>,
    written: HashSet<ChunkId>,
    done: Vec<PackId>,
}

impl Repacking<'_> {
    /// Whether the chunk is in one of the new packs now.
    fn write(&mut self, found: &Found) -> Result<bool> {
        if self.written.contains(&found.id) {
            return Ok(true);
        }
        let Some(segment) = self.packs.read(found)? else {
            return Ok(false);
        };
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(self.packs.begin(self.dir, self.part)?),
        };
        writer.push(found.id, found.raw_bytes, &segment)?;
        self.written.insert(found.id);
        if writer.bytes() >= self.target_bytes {
            self.finish_pack()?;
        }
        Ok(true)
    }

    fn finish_pack(&mut self) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            let sealed = writer.seal()?;
            self.done.push(sealed.id());
            sealed.keep()?;
        }
        Ok(())
    }
}
