//! What bytes of an image are.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// Media type of a blob or manifest. Unknown ones are kept as they are written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaType {
    OciIndex,
    OciManifest,
    OciConfig,
    OciLayer,
    OciLayerGzip,
    OciLayerZstd,
    DockerIndex,
    DockerManifest,
    DockerConfig,
    DockerLayer,
    DockerLayerGzip,
    DockerLayerZstd,
    Other(String),
}

/// How a layer's tar is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

const KNOWN: [(MediaType, &str); 12] = [
    (
        MediaType::OciIndex,
        "application/vnd.oci.image.index.v1+json",
    ),
    (
        MediaType::OciManifest,
        "application/vnd.oci.image.manifest.v1+json",
    ),
    (
        MediaType::OciConfig,
        "application/vnd.oci.image.config.v1+json",
    ),
    (
        MediaType::OciLayer,
        "application/vnd.oci.image.layer.v1.tar",
    ),
    (
        MediaType::OciLayerGzip,
        "application/vnd.oci.image.layer.v1.tar+gzip",
    ),
    (
        MediaType::OciLayerZstd,
        "application/vnd.oci.image.layer.v1.tar+zstd",
    ),
    (
        MediaType::DockerIndex,
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ),
    (
        MediaType::DockerManifest,
        "application/vnd.docker.distribution.manifest.v2+json",
    ),
    (
        MediaType::DockerConfig,
        "application/vnd.docker.container.image.v1+json",
    ),
    (
        MediaType::DockerLayer,
        "application/vnd.docker.image.rootfs.diff.tar",
    ),
    (
        MediaType::DockerLayerGzip,
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ),
    (
        MediaType::DockerLayerZstd,
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
    ),
];

impl MediaType {
    pub fn as_str(&self) -> &str {
        match self {
            MediaType::Other(text) => text,
            known => KNOWN
                .iter()
                .find(|(media_type, _)| media_type == known)
                .map_or("", |(_, text)| text),
        }
    }

    pub fn is_index(&self) -> bool {
        matches!(self, MediaType::OciIndex | MediaType::DockerIndex)
    }

    pub fn is_manifest(&self) -> bool {
        matches!(self, MediaType::OciManifest | MediaType::DockerManifest)
    }

    /// How a layer of this type is compressed; `None` when it is no layer type we read.
    pub fn compression(&self) -> Option<Compression> {
        match self {
            MediaType::OciLayer | MediaType::DockerLayer => Some(Compression::None),
            MediaType::OciLayerGzip | MediaType::DockerLayerGzip => Some(Compression::Gzip),
            MediaType::OciLayerZstd | MediaType::DockerLayerZstd => Some(Compression::Zstd),
            _ => None,
        }
    }

    /// The OCI name of the same thing; OCI and unknown types stay.
    pub fn to_oci(&self) -> MediaType {
        match self {
            MediaType::DockerIndex => MediaType::OciIndex,
            MediaType::DockerManifest => MediaType::OciManifest,
            MediaType::DockerConfig => MediaType::OciConfig,
            MediaType::DockerLayer => MediaType::OciLayer,
            MediaType::DockerLayerGzip => MediaType::OciLayerGzip,
            MediaType::DockerLayerZstd => MediaType::OciLayerZstd,
            other => other.clone(),
        }
    }

    /// Docker's name of the same thing; Docker and unknown types stay.
    pub fn to_docker(&self) -> MediaType {
        match self {
            MediaType::OciIndex => MediaType::DockerIndex,
            MediaType::OciManifest => MediaType::DockerManifest,
            MediaType::OciConfig => MediaType::DockerConfig,
            MediaType::OciLayer => MediaType::DockerLayer,
            MediaType::OciLayerGzip => MediaType::DockerLayerGzip,
            MediaType::OciLayerZstd => MediaType::DockerLayerZstd,
            other => other.clone(),
        }
    }
}

impl From<&str> for MediaType {
    fn from(text: &str) -> MediaType {
        match KNOWN.iter().find(|(_, known)| *known == text) {
            Some((media_type, _)) => media_type.clone(),
            None => MediaType::Other(text.to_owned()),
        }
    }
}

impl FromStr for MediaType {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<MediaType, Infallible> {
        Ok(MediaType::from(text))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
