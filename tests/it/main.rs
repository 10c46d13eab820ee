//! What users do, through the binary.
//!
//! Modules named `real_*` need the network: Debian's mirror for the base images, PyPI for the packages.

#![allow(unreachable_pub, reason = "the modules of a test program are its own")]

mod words;

mod real_cache;
mod real_cached;
mod real_faults;
mod real_images;
mod real_programs;
mod real_refusals;
mod real_reproducible;
mod real_samples;
mod real_slices;
mod real_unchanged;
mod real_wheels;
mod shop;
