//! Hostile bytes for the decoders of layers and of the store: `docs/design/reliability-security.md` 5, numbers 1, 2 and 4.
//!
//! Real samples ([`corpus`]) are changed at random ([`mutate`]), mended so that they pass checksums, and given to a [`target`]. Inputs
//! with an outcome that was not seen before are samples from then on: that is all the guidance that a stable compiler allows. Each
//! target runs in a process with little memory ([`child`]) that another one watches ([`watch`]), so that panics, endless loops and
//! lengths that are believed end it, and the input that did so is kept. [`planted`] holds the bugs that must be found.

pub mod child;
mod corpus;
mod mutate;
pub mod planted;
pub mod target;
pub mod watch;

pub use crashrec::{Random, Result, text};
