//! The format of chunks as others see it: the recorded vectors, and programs that read our blobs.
#![allow(clippy::unwrap_used, reason = "tests, with functions beside them")]

mod inputs;
mod readers;
mod tar;
mod vectors;
