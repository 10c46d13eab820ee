//! What the architecture promises about the source itself, checked on the source itself.

#![allow(
    clippy::unwrap_used,
    reason = "a test program, also outside its test functions"
)]
#![allow(unreachable_pub, reason = "the modules of a test program are its own")]

mod absences;
mod documents;
mod graph;
mod source;
mod spec_links;
