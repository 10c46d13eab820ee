//! What the architecture promises about the source itself, checked on the source itself.

mod absences;
mod documents;
mod graph;
mod source;
mod spec_links;
