//! What the architecture promises about the source itself, checked on the source itself.

#![allow(unreachable_pub, reason = "the modules of a test program are its own")]

mod absences;
mod documents;
mod graph;
mod source;
mod spec_links;
