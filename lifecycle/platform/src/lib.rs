//! What a user wants done: build, run, inspect, keep images.
