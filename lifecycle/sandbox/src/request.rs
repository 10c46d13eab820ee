//! What the helper is asked to do.
