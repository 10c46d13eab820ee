//! The lifecycle: analyze, detect, restore, build, export.
