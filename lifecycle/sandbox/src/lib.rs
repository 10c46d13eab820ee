//! Runs a process in a root filesystem without root.
