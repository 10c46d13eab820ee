//! Inputs of the vectors, and what this crate makes of them.

use std::convert::Infallible;

use chunks::{ChunkId, Cutter, Deflater, HEAD, Piece, Recipe};
use serde_json::Value;

/// A blob and the list of its chunks.
pub(crate) struct Made {
    pub bytes: Vec<u8>,
    pub recipe: Recipe,
}

/// Cuts what an `input` says and compresses it.
pub(crate) fn make(foreign: bool, input: &Value) -> Made {
    let mut chunks = Vec::new();
    let mut cutter = if foreign {
        Cutter::foreign()
    } else {
        Cutter::new()
    };
    for step in input.as_array().expect("a list of steps") {
        step_of(&mut cutter, step, &mut chunks);
    }
    chunks.extend(cutter.finish());
    blob(&chunks)
}

fn step_of(cutter: &mut Cutter, step: &Value, chunks: &mut Vec<Vec<u8>>) {
    match text(&step[0]) {
        "entry" => chunks.extend(cutter.entry(text(&step[1]).as_bytes())),
        "content" => chunks.extend(cutter.payload(number(&step[1]))),
        "file" => {
            let content = bytes(text(&step[2]), number(&step[3]), number(&step[4]));
            chunks.extend(cutter.entry(text(&step[1]).as_bytes()));
            write(cutter, &bytes("byte", 0x68, 512), chunks);
            chunks.extend(cutter.payload(content.len() as u64));
            write(cutter, &content, chunks);
            let padding = content.len().next_multiple_of(512) - content.len();
            write(cutter, &vec![0; padding], chunks);
        }
        generator => write(
            cutter,
            &bytes(generator, number(&step[1]), number(&step[2])),
            chunks,
        ),
    }
}

pub(crate) fn write(cutter: &mut Cutter, bytes: &[u8], chunks: &mut Vec<Vec<u8>>) {
    let mut keep = |chunk| -> Result<(), Infallible> {
        chunks.push(chunk);
        Ok(())
    };
    let Ok(()) = cutter.write(bytes, &mut keep);
}

pub(crate) fn blob(chunks: &[Vec<u8>]) -> Made {
    let mut deflater = Deflater::new().unwrap();
    let mut crc = crc32fast::Hasher::new();
    let (mut bytes, mut pieces) = (HEAD.to_vec(), Vec::new());
    for raw in chunks {
        let segment = deflater.segment(raw);
        crc.combine(&segment.crc);
        bytes.extend_from_slice(&segment.bytes);
        pieces.push(Piece {
            id: ChunkId::of(raw),
            raw_bytes: u32::try_from(raw.len()).unwrap(),
            segment_bytes: u32::try_from(segment.bytes.len()).unwrap(),
        });
    }
    let crc32 = crc.finalize();
    let recipe = Recipe { pieces, crc32 };
    bytes.extend_from_slice(&recipe.tail());
    Made { bytes, recipe }
}

/// `argument` is the byte of `byte` and the seed of the others.
pub(crate) fn bytes(generator: &str, argument: u64, count: u64) -> Vec<u8> {
    let count = usize::try_from(count).unwrap();
    match generator {
        "byte" => vec![u8::try_from(argument).unwrap(); count],
        "noise" => noise(argument).take(count).collect(),
        "text" => noise(argument)
            .take(count)
            .map(|byte| b"etaoin shrdlu.,\n"[usize::from(byte % 16)])
            .collect(),
        other => panic!("no generator is called {other}"),
    }
}

/// xorshift64, each number as eight bytes, the lowest first.
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}
