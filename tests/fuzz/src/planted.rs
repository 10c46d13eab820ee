//! Bugs that must be found: of every kind that this rig is for.

use crate::target::{Tail, Tar, Target};
use crate::{Random, Result};

pub fn all() -> Vec<Box<dyn Target>> {
    vec![Box::new(Panics), Box::new(Believes), Box::new(Hangs)]
}

/// Stops where the size in a header is no number.
struct Panics;

impl Target for Panics {
    fn name(&self) -> &'static str {
        "planted-panic"
    }

    fn samples(&self) -> Result<Vec<Vec<u8>>> {
        Tar.samples()
    }

    fn mend(&self, input: &mut Vec<u8>, random: &mut Random) {
        Tar.mend(input, random);
    }

    fn run(&self, input: &[u8]) -> std::result::Result<String, String> {
        let header = input.first_chunk::<512>();
        let size = header.map_or("0", |header| {
            str::from_utf8(&header[124..135]).expect("a size in ASCII")
        });
        Ok(size.len().to_string())
    }
}

/// Makes room for as many entries as a recipe says it has.
struct Believes;

impl Target for Believes {
    fn name(&self) -> &'static str {
        "planted-allocation"
    }

    fn samples(&self) -> Result<Vec<Vec<u8>>> {
        Tail.samples()
    }

    fn run(&self, input: &[u8]) -> std::result::Result<String, String> {
        // The number of entries, 50 bytes before the end of the footer.
        let number = input.len().checked_sub(50).map(|at| &input[at..at + 4]);
        let number = number.and_then(|bytes| bytes.first_chunk());
        let entries = u32::from_le_bytes(*number.unwrap_or(&[0; 4]));
        let room = vec![1_u8; entries as usize * 38];
        Ok(room.last().map_or("empty", |_| "filled").to_owned())
    }
}

/// Never ends when a recipe is cut short in a certain way.
struct Hangs;

impl Target for Hangs {
    fn name(&self) -> &'static str {
        "planted-loop"
    }

    fn samples(&self) -> Result<Vec<Vec<u8>>> {
        Tail.samples()
    }

    fn run(&self, input: &[u8]) -> std::result::Result<String, String> {
        let mut left = input.len();
        while left > 0 {
            // What is not divided evenly never comes to zero.
            left = left.checked_sub(2).unwrap_or(1);
        }
        Ok("ended".to_owned())
    }
}
