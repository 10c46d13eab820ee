//! Images in one tar file: OCI archives, and what `docker save` writes.
//!
//! A docker archive is an OCI archive with one more file, `manifest.json`, as docker itself has written it since version 25. Layers
//! stay compressed in it: docker, podman and skopeo all accept that. Bytes are the same for the same image: entries sorted by
//! path, no time, owned by root. Formats: image-spec `image-layout.md`; moby `image/tarexport`.

mod docker;
mod files;
mod read;
mod write;

pub use read::Archive;
pub use write::{write, write_file};

/// What else than an OCI layout is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For `skopeo copy oci-archive:`, `podman load`, containerd.
    Oci,
    /// For `docker load` too.
    Docker,
}

#[cfg(test)]
mod tests;
