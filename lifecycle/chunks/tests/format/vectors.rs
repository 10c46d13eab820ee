//! `tests/vectors/chunks`: recorded results, which never change within a format.

use std::fmt::Write as _;

use chunks::{ChunkId, Piece, Recipe};
use serde_json::{Value, json};

use crate::inputs::{Made, make, number, text};

/// Every case of a file with what this crate says about it.
fn check(file: &str, actual: impl Fn(&Value) -> Value) {
    let path = harness::repository()
        .join("tests/vectors/chunks")
        .join(file);
    let lines = std::fs::read_to_string(path).unwrap();
    let cases: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!cases.is_empty());
    let mut wrong = Vec::new();
    for case in &cases {
        let mut other = case.clone();
        other["expect"] = actual(case);
        if other != *case {
            wrong.push(other.to_string());
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases of {file} are now\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn blobs_are_those_that_were_recorded() {
    check("blobs.jsonl", |case| {
        let foreign = case["foreign"].as_bool().unwrap_or(false);
        let Made { bytes, recipe } = make(foreign, &case["input"]);
        let chunks = recipe
            .pieces
            .iter()
            .map(|piece| json!([piece.raw_bytes, piece.segment_bytes, piece.id.to_string()]));
        json!({
            "chunks": chunks.collect::<Vec<_>>(),
            "crc32": format!("{:08x}", recipe.crc32),
            "root": hex(&recipe.root()),
            "tail": hex(&recipe.tail()),
            "blob": ChunkId::of(&bytes).to_string(),
        })
    });
}

#[test]
fn tails_are_those_that_were_recorded() {
    check("tails.jsonl", |case| {
        let recipe = Recipe {
            pieces: (0..number(&case["pieces"])).map(piece).collect(),
            crc32: u32::from_str_radix(text(&case["crc32"]), 16).unwrap(),
        };
        let tail = recipe.tail();
        assert_eq!(Recipe::from_tail(&tail).unwrap(), recipe);
        json!({
            "blob_bytes": recipe.blob_bytes(),
            "root": hex(&recipe.root()),
            "tail_bytes": tail.len(),
            "tail": ChunkId::of(&tail).to_string(),
        })
    });
}

/// What piece `place` of the vectors is.
fn piece(place: u64) -> Piece {
    Piece {
        id: ChunkId::of(&place.to_le_bytes()),
        raw_bytes: u32::try_from(65_536 + place % 1000).unwrap(),
        segment_bytes: u32::try_from(30_000 + place % 700).unwrap(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
