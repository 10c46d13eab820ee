//! Faults of everyday life on the image store: killed at any system call, refused by any, crowded, bit-rotten.
//!
//! [`sweep`] disturbs the commands of a table of [`scenario`]s with strace, one system call at a time, and judges the [`world`]
//! they leave; [`moments`] kills whole builds by the clock. [`crowd`] lets many programs at one store, [`rot`] flips bits in its files.
//! Power loss is `slipway-crashrec`'s.

pub mod crowd;
mod home;
pub mod moments;
mod patience;
pub mod rot;
pub mod scenario;
mod strace;
pub mod sweep;
pub mod work;
mod world;

pub use crashrec::{Random, Result, text};
