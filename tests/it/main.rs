//! What users do, through the binary.
//!
//! Modules named `real_*` need the network: Debian's mirror for the base images, PyPI for the packages.

mod words;

mod real_programs;
mod real_reproducible;
mod real_samples;
mod shop;
